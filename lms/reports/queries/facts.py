"""Reads the rows that are counted. What they mean is decided here once:

* a session is a lecture whose state is held, on the day of its actual start in the reporting zone;
* an attendance is a credit whose outcome is attended (a correction by hand is in the credit's outcome already);
* merged people are one: two credits in one lecture, two registrations or two awards of one series are one;
* the country of a credit is the person's on the lecture's day, by the dated history;
* a registration has the country it was made with; an award the person's on the day it was issued.
"""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from typing import Any, TypeVarTuple
from zoneinfo import ZoneInfo

from sqlalchemy import Select, String, select, type_coerce
from sqlalchemy.orm import InstrumentedAttribute, aliased

from lms.attendance.models import Credit, Outcome
from lms.catalogue.models import Lecture, LectureState, Series
from lms.certificates.models import Award, Certificate, CertificateState
from lms.core import clock
from lms.core.db import db
from lms.enrolment.models import Enrolment
from lms.people.models import BEGINNING, Country, Person, PersonCountry
from lms.reports.queries.scope import Partners, Scope
from lms.reports.rules import Credits, Deeds, Facts, HeldLecture, month_of

CHUNK = 10_000
FEW = 30_000
"""Up to so many people their histories are asked for by id; above, all are read."""
COUNTED = (CertificateState.VALID, CertificateState.WITHDRAWN)

_MEMBER = aliased(Person)
_ONESELF = aliased(Person)

Ts = TypeVarTuple("Ts")


@contextmanager
def many_rows() -> Iterator[None]:
    """Lets Python's search for cycles rest while hundreds of thousands of rows are held: it takes 40 % of the time."""
    resting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if resting:
            gc.enable()


def load(scope: Scope, partners: Partners) -> Facts:
    """The rows of a scope."""
    held = _held(scope)
    credit_rows = _credit_rows(scope)
    award_rows = _award_rows(scope)
    histories = Histories({row[1] for row in credit_rows} | {row[1] for row in award_rows})
    return Facts(
        held=held,
        credits=_credits(scope, partners, held, credit_rows, histories),
        registrations=_registrations(scope, partners),
        certificates=_certificates(scope, partners, award_rows, histories),
        region_of=dict(db.session.execute(select(Country.id, Country.region_code)).all()),
        language_of_series=dict(db.session.execute(select(Series.id, Series.language)).all()),
        partners_on={lecture.day: partners.on(lecture.day) for lecture in held.values()},
        about_people=scope.about_people,
    )


class Histories:
    """The dated countries of people, by canonical id. Who was merged and has none of the own has the other row's."""

    def __init__(self, people: Collection[int]) -> None:
        self._settled: dict[int, int | None] = {}
        self._moved: dict[int, list[tuple[bool, date, int | None]]] = {}
        for rows in self._read(people):
            for person, since, country, own in rows:
                if person in self._moved:
                    self._moved[person].append((own, since, country))
                elif person in self._settled:
                    first = (True, BEGINNING, self._settled.pop(person))
                    self._moved[person] = [first, (own, since, country)]
                elif own and since == BEGINNING:
                    self._settled[person] = country
                else:
                    self._moved[person] = [(own, since, country)]

    @staticmethod
    def _read(people: Collection[int]) -> Iterable[Sequence[Any]]:
        query = select(
            Person.canonical_id, PersonCountry.since, PersonCountry.country_id, Person.id == Person.canonical_id
        ).join(Person, Person.id == PersonCountry.person_id)
        if len(people) > FEW:
            yield _rows(query)
            return
        order = sorted(people)
        for start in range(0, len(order), CHUNK):
            chunk = order[start : start + CHUNK]
            yield _rows(query.where(Person.canonical_id.in_(chunk)))

    def country(self, person: int, day: date) -> int | None:
        """The country of a person on a day; None is not stated."""
        if person in self._settled:
            return self._settled[person]
        before = [row for row in self._moved.get(person, ()) if row[1] <= day]
        for own in (True, False):
            newest = max((row for row in before if row[0] is own), key=lambda row: row[1], default=None)
            if newest is not None and newest[2] is not None:
                return newest[2]
        return None


def _rows(query: Select[*Ts]) -> Sequence[Any]:
    """Plain rows, read past the ORM: there may be hundreds of thousands."""
    return db.session.connection().execute(query).all()


def _within(query: Select[*Ts], moment: InstrumentedAttribute[Any], scope: Scope) -> Select[*Ts]:
    if scope.start is not None:
        query = query.where(moment >= scope.start)
    if scope.end is not None:
        query = query.where(moment < scope.end)
    return query


def _held_where(query: Select[*Ts], scope: Scope) -> Select[*Ts]:
    query = query.where(Lecture.state == LectureState.HELD, Lecture.actual_start.is_not(None))
    if scope.series_id is not None:
        query = query.where(Lecture.series_id == scope.series_id)
    return _within(query, Lecture.actual_start, scope)


def _ever_of(query: Select[*Ts], scope: Scope) -> Select[*Ts]:
    """Leaves out most of those who were never of the scope's countries; the day decides afterwards."""
    if scope.countries is None:
        return query
    ever = (
        select(_MEMBER.canonical_id)
        .join(PersonCountry, PersonCountry.person_id == _MEMBER.id)
        .where(PersonCountry.country_id.in_(scope.countries))
    )
    return query.where(Person.canonical_id.in_(ever))


def _allowed(scope: Scope, country: int | None, partner: bool) -> bool:
    if scope.countries is not None and country not in scope.countries:
        return False
    return scope.partner is None or partner is scope.partner


def _held(scope: Scope) -> dict[int, HeldLecture]:
    query = _held_where(select(Lecture.id, Lecture.series_id, Lecture.language, Lecture.actual_start), scope)
    return {
        id_: HeldLecture(id_, series, language, clock.day_of(start, scope.zone))
        for id_, series, language, start in db.session.execute(query)
        if start is not None
    }


def _credit_rows(scope: Scope) -> Sequence[Any]:
    """(lecture, canonical person, person, sector, gender, source, ms)"""
    query = (
        select(
            Credit.lecture_id,
            Person.canonical_id,
            Credit.person_id,
            type_coerce(Credit.sector, String),
            type_coerce(Credit.gender, String),
            type_coerce(Credit.source, String),
            Credit.present_ms,
        )
        .join(Person, Person.id == Credit.person_id)
        .join(Lecture, Lecture.id == Credit.lecture_id)
        .where(Credit.outcome == Outcome.ATTENDED)
    )
    return _rows(_ever_of(_held_where(query, scope), scope))


def _credits(
    scope: Scope, partners: Partners, held: dict[int, HeldLecture], rows: Iterable[Any], histories: Histories
) -> Credits:
    days = {lecture.id: lecture.day for lecture in held.values()}
    on = {lecture.id: partners.on(lecture.day) for lecture in held.values()}
    kept = []
    for lecture, person, _member, sector, gender, source, ms in _once(rows):
        country = histories.country(person, days[lecture])
        if _allowed(scope, country, country in on[lecture]):
            kept.append((lecture, person, country, sector, gender, source, ms))
    return Credits(*(zip(*kept, strict=True) if kept else ()))


def _once(rows: Iterable[Any]) -> Iterable[Any]:
    """Credits of merged people in one lecture as one: the row of whom they became, with the longer presence."""
    rows = list(rows)
    merged = {row[1] for row in rows if row[1] != row[2]}
    if not merged:
        return rows
    found: dict[tuple[int, int], Any] = {}
    once = [row for row in rows if row[1] not in merged]
    for row in sorted((row for row in rows if row[1] in merged), key=lambda row: (row[1] != row[2], row[2])):
        key = (row[0], row[1])
        first = found.get(key, row)
        found[key] = (*first[:6], max(first[6], row[6]))
    return [*once, *found.values()]


def _registrations(scope: Scope, partners: Partners) -> Deeds:
    query = (
        select(
            Enrolment.id,
            Enrolment.series_id,
            Enrolment.registered_country_id,
            type_coerce(_ONESELF.sector, String),
            type_coerce(_ONESELF.gender, String),
            Enrolment.registered_at,
        )
        .join(Person, Person.id == Enrolment.person_id)
        .join(_ONESELF, _ONESELF.id == Person.canonical_id)
    )
    if scope.series_id is not None:
        query = query.where(Enrolment.series_id == scope.series_id)
    if scope.countries is not None:
        query = query.where(Enrolment.registered_country_id.in_(scope.countries))
    later = _later_of_merged()
    day_of = _days(scope.zone)
    counted: Counter[tuple[Any, ...]] = Counter()
    for id_, series, country, sector, gender, moment in _rows(_within(query, Enrolment.registered_at, scope)):
        if id_ in later:
            continue
        day = day_of(moment)
        partner = country in partners.on(day)
        if _allowed(scope, country, partner):
            counted[series, country, sector, gender, month_of(day), partner] += 1
    return _deeds(counted)


def _later_of_merged() -> set[int]:
    """Registrations that merged people made in one series after their first one."""
    merged = select(_MEMBER.canonical_id).where(_MEMBER.canonical_id != _MEMBER.id)
    query = (
        select(Enrolment.id, Enrolment.series_id, Person.canonical_id)
        .join(Person, Person.id == Enrolment.person_id)
        .where(Person.canonical_id.in_(merged))
        .order_by(Enrolment.registered_at, Enrolment.id)
    )
    seen: set[tuple[int, int | None]] = set()
    later = set()
    for id_, series, person in db.session.execute(query):
        if (series, person) in seen:
            later.add(id_)
        seen.add((series, person))
    return later


def _award_rows(scope: Scope) -> Sequence[Any]:
    """(series, canonical person, kind, state, awarded at, sector, gender) of all time; merged ones are united later."""
    query = (
        select(
            Award.series_id,
            Person.canonical_id,
            type_coerce(Award.kind, String),
            type_coerce(Certificate.state, String),
            Award.awarded_at,
            type_coerce(_ONESELF.sector, String),
            type_coerce(_ONESELF.gender, String),
        )
        .join(Certificate, Certificate.award_id == Award.id)
        .join(Person, Person.id == Award.person_id)
        .join(_ONESELF, _ONESELF.id == Person.canonical_id)
        .where(Certificate.state.in_(COUNTED))
    )
    if scope.series_id is not None:
        query = query.where(Award.series_id == scope.series_id)
    return _rows(_ever_of(query, scope))


def _certificates(scope: Scope, partners: Partners, rows: Iterable[Any], histories: Histories) -> Deeds:
    first: dict[tuple[Any, ...], tuple[Any, ...]] = {}
    for series, person, kind, state, awarded_at, sector, gender in rows:
        key = (series, person, kind)
        found = (state != CertificateState.VALID, awarded_at, sector, gender)
        first[key] = min(first.get(key, found), found, key=lambda row: row[:2])
    day_of = _days(scope.zone)
    counted: Counter[tuple[Any, ...]] = Counter()
    for (series, person, _kind), (_state, awarded_at, sector, gender) in first.items():
        if (scope.start and awarded_at < scope.start) or (scope.end and awarded_at >= scope.end):
            continue
        day = day_of(awarded_at)
        country = histories.country(person, day)
        partner = country in partners.on(day)
        if _allowed(scope, country, partner):
            counted[series, country, sector, gender, month_of(day), partner] += 1
    return _deeds(counted)


def _deeds(counted: Counter[tuple[Any, ...]]) -> Deeds:
    columns = zip(*((*key, amount) for key, amount in counted.items()), strict=True) if counted else ()
    return Deeds(*columns)


def _days(zone: str) -> Callable[[datetime], date]:
    """Tells the day of an instant in a zone."""
    there = ZoneInfo(zone)
    return lambda moment: moment.astimezone(there).date()
