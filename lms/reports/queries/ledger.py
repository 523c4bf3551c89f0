"""Gathers what a slice is counted from. What the rows mean is decided here once:

* a session is a held lecture as `attendance.queries.sessions` says, on the day of its actual start in the reporting
  zone;
* an attendance is a credit whose outcome is attended, as `attendance` has tallied it;
* merged people are one: two registrations or two awards of one series are one;
* a registration has the country it was made with; an award the person's on the day it was issued.

Registrations and awards are read a series at a time, and kept under the stamp of the series.
"""

from __future__ import annotations

import gc
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import String, select, type_coerce
from sqlalchemy.orm import aliased

from lms.attendance.queries.sessions import is_session, whole_seconds
from lms.attendance.queries.tallies import read_tallies
from lms.attendance.tallies import code_of
from lms.catalogue.models import Lecture, Series
from lms.certificates.models import AWARDS, Award, Certificate, CertificateState
from lms.core import clock
from lms.core.cache_versions import stamps_of
from lms.core.db import db
from lms.core.process_cache import memory
from lms.enrolment.models import REGISTRATIONS, Enrolment
from lms.people.models import Country, Person
from lms.reports.counting import HeldLecture, Ledger
from lms.reports.deeds import Deeds
from lms.reports.models import KeptDeeds
from lms.reports.queries.scope import Partners, Scope

COUNTED = (CertificateState.VALID, CertificateState.WITHDRAWN)
"""States of certificates that count."""
MOST_DAYS: Final = 130 * 366
"""So many days are told apart, from 1970."""
FEW = 50
"""Up to so many series are asked for by id; above, all are read at once."""

_MEMBER = aliased(Person)
_ONESELF = aliased(Person)


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


def load(scope: Scope, partners: Partners) -> Ledger:
    """All that a scope is counted from."""
    languages = dict(db.session.execute(select(Series.id, Series.language)).all())
    held = held_lectures(scope)
    wanted = [
        id_
        for id_, language in languages.items()
        if scope.series_id in (None, id_) and scope.language in (None, language)
    ]
    return Ledger(
        held=held,
        tallies=read_tallies({lecture.id: lecture.day for lecture in held}),
        registrations=deeds_of(REGISTRATIONS, wanted, scope.zone),
        certificates=deeds_of(AWARDS, wanted, scope.zone),
        region_of=dict(db.session.execute(select(Country.id, Country.region_code)).all()),
        language_of_series=languages,
        partners_on=partners.on,
        from_day=scope.from_day,
        to_day=scope.to_day,
        wanted=scope.wanted,
    )


def held_within(query: Any, scope: Scope) -> Any:
    """A query of lectures, narrowed to the sessions of a scope, whoever came."""
    query = query.where(is_session())
    if scope.series_id is not None:
        query = query.where(Lecture.series_id == scope.series_id)
    if scope.language is not None:
        query = query.where(Lecture.language == scope.language)
    if scope.start is not None:
        query = query.where(Lecture.actual_start >= scope.start)
    if scope.end is not None:
        query = query.where(Lecture.actual_start < scope.end)
    return query


def held_lectures(scope: Scope) -> list[HeldLecture]:
    """The sessions of a scope, whoever came."""
    query = held_within(select(Lecture.id, Lecture.series_id, Lecture.language, Lecture.actual_start), scope)
    day_of = days(scope.zone)
    rows: Iterable[Any] = db.session.execute(query)
    return [HeldLecture(id_, series, language, day_of(start)) for id_, series, language, start in rows]


def deeds_of(kind: str, series_ids: Collection[int], zone: str) -> dict[int, Deeds]:
    """Registrations or awards by series: from memory, or as they are stored, where the stamp is still the same."""
    kept = memory(kind)
    stamps = stamps_of(kind)  # before the rows: what changes meanwhile has another stamp next time
    found: dict[int, Deeds] = {}
    for id_ in series_ids:
        entry = kept.get(id_)
        if entry is not None and id_ in stamps and entry[0] == (stamps[id_], zone):
            found[id_] = entry[1]
    for id_, deeds in _kept_deeds(
        kind, {id_: stamps[id_] for id_ in series_ids if id_ not in found and id_ in stamps}, zone
    ):
        found[id_] = deeds
        kept[id_] = (stamps[id_], zone), deeds
    wanted = [id_ for id_ in series_ids if id_ not in found]
    if wanted:
        with many_rows():
            read = _registrations if kind == REGISTRATIONS else _certificates
            rows = read(wanted, zone)
        for id_ in wanted:
            counted, people = rows.get(id_, ({}, ()))
            found[id_] = Deeds(counted, people)
            if id_ in stamps:
                kept[id_] = (stamps[id_], zone), found[id_]
    return found


def _kept_deeds(kind: str, stamps: Mapping[int, int], zone: str) -> Iterator[tuple[int, Deeds]]:
    """Those of these series that were stored under the stamp which they have still."""
    if not stamps:
        return
    query = select(KeptDeeds.series_id, KeptDeeds.stamp, KeptDeeds.cells, KeptDeeds.people)
    query = query.where(KeptDeeds.kind == kind, KeptDeeds.time_zone == zone)
    if len(stamps) <= FEW:
        query = query.where(KeptDeeds.series_id.in_(stamps))
    for id_, stamp, cells, people in db.session.connection().execute(query):
        if stamps.get(id_) == stamp:
            yield id_, Deeds.unpack(cells, people)


_Rows = Mapping[int, tuple[Mapping[tuple[int, int], int], Iterable[int]]]


def _rows(query: Any) -> Sequence[Any]:
    """Plain rows, read past the ORM: there may be hundreds of thousands."""
    return db.session.connection().execute(query).all()


def _registrations(series_ids: Collection[int], zone: str) -> _Rows:
    query: Any = (
        select(
            Enrolment.id,
            Enrolment.series_id,
            Person.canonical_id,
            Enrolment.registered_country_id,
            type_coerce(_ONESELF.sector, String),
            type_coerce(_ONESELF.gender, String),
            whole_seconds(Enrolment.registered_at),
        )
        .join(Person, Person.id == Enrolment.person_id)
        .join(_ONESELF, _ONESELF.id == Person.canonical_id)
    )
    if len(series_ids) <= FEW:
        query = query.where(Enrolment.series_id.in_(series_ids))
    later = later_of_merged()
    ordinal_of = _ordinals(zone)
    codes: dict[tuple[int | None, str | None, str | None], int] = {}
    counted: dict[int, dict[tuple[int, int], int]] = defaultdict(lambda: defaultdict(int))
    people: dict[int, list[int]] = defaultdict(list)
    for id_, series, person, country, sector, gender, seconds in _rows(query):
        if id_ in later:
            continue
        traits = country, sector, gender
        code = codes.get(traits)
        if code is None:
            code = codes[traits] = code_of(country, sector, gender, None)
        counted[series][ordinal_of(seconds), code] += 1
        people[series].append(person)
    return {series: (cells, people[series]) for series, cells in counted.items()}


@lru_cache(maxsize=4)
def _ordinals(zone: str) -> Callable[[int], int]:
    """Tells the ordinal of the day, in a zone, of seconds since 1970."""
    first = date(1970, 1, 1) - timedelta(days=1)
    starts = [int(clock.start_of_day(first + timedelta(days=n), zone).timestamp()) for n in range(MOST_DAYS)]
    before = first.toordinal() - 1
    return lambda seconds: before + bisect_right(starts, seconds)


def later_of_merged() -> set[int]:
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


class CountedAward(NamedTuple):
    """An award that counts, with the country of its holder at that moment, and sector and gender today."""

    awarded_at: datetime
    country: int | None
    sector: str | None
    gender: str | None
    id: int


def counted_awards(
    series_ids: Collection[int], people: Collection[int] | None = None
) -> dict[tuple[int, int, str], CountedAward]:
    """The awards that count by (series, canonical person, kind); those of merged people are one.

    `people` (canonical ids) asks for theirs only.
    """
    query: Any = (
        select(
            Award.series_id,
            Person.canonical_id,
            type_coerce(Award.kind, String),
            type_coerce(Certificate.state, String),
            Award.awarded_at,
            Award.awarded_country_id,
            type_coerce(_ONESELF.sector, String),
            type_coerce(_ONESELF.gender, String),
            Award.id,
        )
        .join(Certificate, Certificate.award_id == Award.id)
        .join(Person, Person.id == Award.person_id)
        .join(_ONESELF, _ONESELF.id == Person.canonical_id)
        .where(Certificate.state.in_(COUNTED))
    )
    if len(series_ids) <= FEW:
        query = query.where(Award.series_id.in_(series_ids))
    if people is not None:
        query = query.where(Person.canonical_id.in_(people))
    first: dict[tuple[int, int, str], tuple[Any, ...]] = {}
    for series, person, kind, state, awarded_at, country, sector, gender, award_id in _rows(query):
        key = (series, person, kind)
        found = (state != CertificateState.VALID, awarded_at, country, sector, gender, award_id)
        before = first.get(key)
        if before is None or found[:2] < before[:2]:
            first[key] = found
    return {key: CountedAward(*row[1:]) for key, row in first.items()}


def _certificates(series_ids: Collection[int], zone: str) -> _Rows:
    awards = counted_awards(series_ids)
    day_of = days(zone)
    counted: dict[int, Counter[tuple[int, int]]] = defaultdict(Counter)
    people: dict[int, list[int]] = defaultdict(list)
    for (series, person, _kind), (awarded_at, country, sector, gender, _id) in awards.items():
        counted[series][day_of(awarded_at).toordinal(), code_of(country, sector, gender, None)] += 1
        people[series].append(person)
    return {series: (cells, people[series]) for series, cells in counted.items()}


def days(zone: str) -> Callable[[datetime], date]:
    """Tells the day of an instant in a zone."""
    there = ZoneInfo(zone)
    return lambda moment: moment.astimezone(there).date()
