"""The attendances of a slice one by one, person after person, however many they are.

What counts is decided as in `ledger`: attended credits of held lectures, merged people once, the country of the
lecture's day. Read as a stream on a connection of its own, so that a million rows take no more memory than a thousand
and the session may commit meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, Select, String, exists, func, select, type_coerce
from sqlalchemy.orm import aliased

from lms.attendance.models.credits import Credit, Outcome
from lms.catalogue.models import Lecture
from lms.core import clock
from lms.core.db import db
from lms.people.models import Person, PersonCountry
from lms.people.queries.histories import Histories
from lms.reports.queries.ledger import held_within
from lms.reports.queries.scope import Partners, Scope

PEOPLE_AT_ONCE = 1_000
ROWS_AT_ONCE = 5_000
_MEMBER, _OTHER = aliased(Person), aliased(Credit)


@dataclass(frozen=True, slots=True)
class Attendance:
    """One person in one lecture. Ids are inner ones, the person's canonical; `country` is of the lecture's day."""

    person: int
    lecture: int
    country: int | None
    sector: str | None
    gender: str | None
    source: str
    ms: int


@dataclass(frozen=True, slots=True)
class Held:
    """A lecture that was held: its day in the reporting zone."""

    id: int
    series_id: int
    title: str
    language: str
    start: datetime
    day: date


def held_lectures(scope: Scope, connection: Connection) -> dict[int, Held]:
    """The sessions of a scope, whoever attended them."""
    columns = (Lecture.id, Lecture.series_id, Lecture.title, Lecture.language, Lecture.actual_start)
    return {
        id_: Held(id_, series, title, language, start, clock.day_of(start, scope.zone))
        for id_, series, title, language, start in connection.execute(held_within(select(*columns), scope))
        if start is not None
    }


def was_anybody_erased(since: datetime) -> bool:
    """Whether somebody was erased at a moment or later, as it is now: on a connection that has read nothing before."""
    with db.engine.connect() as connection:
        return bool(connection.execute(select(exists().where(Person.erased_at >= since))).scalar_one())


def estimate(scope: Scope, connection: Connection) -> int:
    """How many credits are looked through, for a measure of progress: at least as many as there are attendances."""
    counted: int = connection.execute(_credits(scope, func.count(), with_order=False)).scalar_one()
    return counted


def stream(scope: Scope, held: dict[int, Held], connection: Connection) -> Iterator[tuple[int, list[Attendance]]]:
    """The attendances of a scope by person, in batches of whole people: (credits looked through so far, attendances).

    `held` are the scope's lectures.
    """
    partners = Partners()
    found = connection.execution_options(stream_results=True, yield_per=ROWS_AT_ONCE).execute(
        _credits(
            scope,
            Person.canonical_id,
            Credit.person_id,
            Credit.lecture_id,
            type_coerce(Credit.sector, String),
            type_coerce(Credit.gender, String),
            type_coerce(Credit.source, String),
            Credit.present_ms,
        )
    )
    seen = 0
    batch: list[list[Any]] = []
    for _person, group in groupby(found, key=lambda row: row[0]):
        rows = list(group)
        seen += len(rows)
        batch.append(rows)
        if len(batch) >= PEOPLE_AT_ONCE:
            yield seen, list(_attendances(batch, scope, held, partners, connection))
            batch = []
    yield seen, list(_attendances(batch, scope, held, partners, connection))


def _credits(scope: Scope, *columns: Any, with_order: bool = True) -> Select[Any]:
    query = (
        select(*columns)
        .select_from(Person)
        .join(Credit, Credit.person_id == Person.id)
        .where(Credit.outcome == Outcome.ATTENDED)
    )
    if scope.series_id is not None or scope.start is not None or scope.end is not None:
        some = select(_MEMBER.canonical_id).join(_OTHER, _OTHER.person_id == _MEMBER.id)
        some = some.join(Lecture, Lecture.id == _OTHER.lecture_id).where(_OTHER.outcome == Outcome.ATTENDED)
        if scope.series_id is not None:
            some = some.where(Lecture.series_id == scope.series_id)
        if scope.start is not None:
            some = some.where(Lecture.actual_start >= scope.start)
        if scope.end is not None:
            some = some.where(Lecture.actual_start < scope.end)
        query = query.where(Person.canonical_id.in_(some))
    if scope.wanted.countries is not None:
        ever = select(_MEMBER.canonical_id).join(PersonCountry, PersonCountry.person_id == _MEMBER.id)
        query = query.where(Person.canonical_id.in_(ever.where(PersonCountry.country_id.in_(scope.wanted.countries))))
    return query.order_by(Person.canonical_id) if with_order else query


def _attendances(
    people: list[list[Any]], scope: Scope, held: dict[int, Held], partners: Partners, connection: Connection
) -> Iterator[Attendance]:
    histories = Histories([rows[0][0] for rows in people], connection)
    wanted = scope.wanted
    for rows in people:
        for person, lecture, sector, gender, source, ms in _once(rows, held):
            country = histories.country(person, held[lecture].day)
            if wanted.countries is not None and country not in wanted.countries:
                continue
            if wanted.partner is not None and wanted.partner is not (country in partners.on(held[lecture].day)):
                continue
            own = {"sector": sector, "gender": gender, "source": source}
            if any(own[axis] not in values for axis, values in wanted.values.items()):
                continue
            yield Attendance(person, lecture, country, sector, gender, source, ms)


def _once(rows: list[Any], held: dict[int, Held]) -> Iterable[tuple[Any, ...]]:
    """One person's credits by lecture; two in one lecture, of people who were merged, as the kept one's, the longer."""
    found: dict[int, tuple[Any, ...]] = {}
    for person, _member, lecture, sector, gender, source, ms in sorted(
        rows, key=lambda row: (row[1] != row[0], row[1])
    ):
        if lecture in held:
            first = found.get(lecture, (person, lecture, sector, gender, source, ms))
            found[lecture] = (*first[:5], max(first[5], ms))
    return sorted(found.values(), key=lambda row: (held[row[1]].start, row[1]))
