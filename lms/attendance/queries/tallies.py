"""Tallies as they stand: the stored ones through a cache in memory, others made from the rows."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, String, func, select, type_coerce
from sqlalchemy.orm import aliased

from lms.attendance import tallies
from lms.attendance.models.credits import Credit, Outcome, Tally
from lms.attendance.tallies import Attended
from lms.catalogue.models import Lecture, LectureState
from lms.core import clock
from lms.core.bulk import among
from lms.core.db import db
from lms.core.process_cache import memory
from lms.people.models import Person
from lms.people.queries.histories import Histories

_Row = aliased(Person)
CHUNK = 50
"""So many stored tallies are read at once: each may be 100 kB and more."""
FEW = 200
"""Up to so many lectures their versions are asked for by id; above, all are read."""


def read_tallies(days: Mapping[int, date]) -> dict[int, tallies.Tally]:
    """The tallies of lectures, by id; `days` says the day of each, in the reporting zone. They are shared: read only.

    Where none is stored for that day, the tally is made from the rows: right as well, and slow.
    """
    kept = memory("tallies")
    found: dict[int, tallies.Tally] = {}
    wanted: list[int] = []
    for lecture_id, version, day in _versions(days):
        if days.get(lecture_id) != day:
            continue
        entry = kept.get(lecture_id)
        if entry is not None and entry[0] == version:
            found[lecture_id] = entry[1]
        else:
            wanted.append(lecture_id)
    for start in range(0, len(wanted), CHUNK):
        for row in _stored(wanted[start : start + CHUNK]):
            if days[row.lecture_id] == row.day:
                tally = tallies.unpack(row.day, row.people, row.cells)
                kept[row.lecture_id] = row.version, tally
                found[row.lecture_id] = tally
    missing = {lecture_id: day for lecture_id, day in days.items() if lecture_id not in found}
    if missing:
        found |= {id_: tallies.build(missing[id_], rows) for id_, rows in attended_in(missing).items()}
    return found


def _versions(days: Mapping[int, date]) -> Sequence[Any]:
    query = select(Tally.lecture_id, Tally.version, Tally.day)
    if len(days) <= FEW:
        query = query.where(Tally.lecture_id.in_(days))
    return db.session.connection().execute(query).all()


def _stored(lecture_ids: Collection[int]) -> Sequence[Any]:
    query = select(Tally.lecture_id, Tally.version, Tally.day, Tally.people, Tally.cells)
    return db.session.connection().execute(query.where(Tally.lecture_id.in_(lecture_ids))).all()


def attended_rows(lecture_id: int, day: date, only: Collection[int] | None = None) -> list[Attended]:
    """The attendances of a lecture from the rows: merged people once, countries as on this day.

    `only` asks for these people (canonical ids).
    """
    return attended_in({lecture_id: day}, only)[lecture_id]


def attended_sums(lecture_id: int, people: Iterable[int]) -> tuple[int, int]:
    """How many of these people (canonical ids) attended a lecture and their milliseconds, as `attended_rows`."""
    each = (
        select(func.max(Credit.present_ms).label("ms"))
        .join(Person, Person.id == Credit.person_id)
        .where(Credit.lecture_id == lecture_id, Credit.outcome == Outcome.ATTENDED)
        .where(_is_of(people))
        .group_by(Person.canonical_id)
        .subquery()
    )
    amount, ms = db.session.execute(select(func.count(), func.sum(each.c.ms)).select_from(each)).one()
    return amount, int(ms or 0)


def _is_of(people: Iterable[int]) -> ColumnElement[bool]:
    """Whether a credit is of some people (canonical ids). They are looked up first, so that of a lecture only their
    credits are read."""
    return Credit.person_id.in_(select(_Row.id).where(among(_Row.canonical_id, people)))


def attended_in(days: Mapping[int, date], only: Collection[int] | None = None) -> dict[int, list[Attended]]:
    """`attended_rows` of several lectures, by id."""
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
        .where(among(Credit.lecture_id, days), Credit.outcome == Outcome.ATTENDED)
    )
    if only is not None:
        query = query.where(_is_of(only))
    by_lecture: dict[int, list[Any]] = {lecture_id: [] for lecture_id in days}
    for lecture_id, *row in db.session.connection().execute(query):
        by_lecture[lecture_id].append(row)
    histories = Histories({row[0] for rows in by_lecture.values() for row in rows})
    return {
        lecture_id: [
            Attended(person, histories.country(person, days[lecture_id]), sector, gender, source, ms)
            for person, _member, sector, gender, source, ms in _once(rows)
        ]
        for lecture_id, rows in by_lecture.items()
    }


def _once(rows: Sequence[Any]) -> Iterable[Any]:
    """Credits of merged people as one: the row of whom they became, with the longer presence."""
    merged = {row[0] for row in rows if row[0] != row[1]}
    if not merged:
        return rows
    found: dict[int, Any] = {}
    once = [row for row in rows if row[0] not in merged]
    for row in sorted((row for row in rows if row[0] in merged), key=lambda row: (row[0] != row[1], row[1])):
        first = found.get(row[0], row)
        found[row[0]] = (*first[:5], max(first[5], row[5]))
    return [*once, *found.values()]


def days_of_held(lecture_ids: Collection[int] | None = None) -> dict[int, date]:
    """The lectures that were held, with the day of their actual start in the reporting zone."""
    zone = clock.reporting_zone()
    query = select(Lecture.id, Lecture.actual_start)
    query = query.where(Lecture.state == LectureState.HELD, Lecture.actual_start.is_not(None))
    if lecture_ids is not None:
        query = query.where(Lecture.id.in_(lecture_ids))
    return {id_: clock.day_of(start, zone) for id_, start in db.session.execute(query) if start is not None}


def has_tally(lecture_id: int) -> bool:
    """Whether a lecture has a stored tally."""
    return db.session.scalar(select(Tally.lecture_id).where(Tally.lecture_id == lecture_id)) is not None
