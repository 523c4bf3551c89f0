"""Facts of lectures as they are stored, and attendances as the rows of credits say."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, String, func, select, type_coerce

from lms.attendance.facts import ATTENDANCES, Attended, Columns, unpack
from lms.attendance.models.credits import Credit, LectureFacts, Outcome
from lms.catalogue.models import Lecture, LectureState
from lms.core.database.bulk import among
from lms.core.database.session import db, read, shared_alias
from lms.core.time import clock
from lms.people.models import Person
from lms.people.queries.histories import Histories

_Row = shared_alias(Person)
FEW = 200
"""Up to this many lectures, versions are read by id; above, all are read."""


def read_versions(lecture_ids: Collection[int]) -> dict[int, tuple[int, date]]:
    """Of these lectures that have stored facts: their version, and the day on which countries were read."""
    query = select(LectureFacts.lecture_id, LectureFacts.version, LectureFacts.day)
    if len(lecture_ids) <= FEW:
        query = query.where(LectureFacts.lecture_id.in_(lecture_ids))
    return {id_: (version, day) for id_, version, day in read(query) if id_ in lecture_ids}


def read_facts(lecture_ids: Collection[int]) -> Iterator[tuple[int, int, date, Columns]]:
    """The stored facts of these lectures: (id, version, day, columns)."""
    query = select(LectureFacts.lecture_id, LectureFacts.version, LectureFacts.day, LectureFacts.content)
    rows = db.session.connection().execute(query.where(LectureFacts.lecture_id.in_(lecture_ids)))
    for id_, version, day, content in rows:
        yield id_, version, day, unpack(ATTENDANCES, content)


def count_facts(lecture_ids: Collection[int]) -> dict[int, int]:
    """How many attended each of these held lectures; those without stored facts are counted from the rows."""
    if not lecture_ids:
        return {}
    stored = select(LectureFacts.lecture_id, LectureFacts.attendances)
    counts: dict[int, int] = dict(read(stored.where(LectureFacts.lecture_id.in_(lecture_ids))))
    missing = [id_ for id_ in lecture_ids if id_ not in counts]
    if not missing:
        return counts
    rows = (
        select(Credit.lecture_id, func.count(Person.canonical_id.distinct()))
        .join(Person, Person.id == Credit.person_id)
        .where(among(Credit.lecture_id, missing), Credit.outcome == Outcome.ATTENDED)
        .group_by(Credit.lecture_id)
    )
    return dict.fromkeys(missing, 0) | counts | dict(db.session.connection().execute(rows).all())


def attended_rows(lecture_id: int, day: date, only: Collection[int] | None = None) -> list[Attended]:
    """The attendances of a lecture from the rows: merged people once, countries as on this day.

    `only` asks for these people (canonical ids).
    """
    return attended_in({lecture_id: day}, only)[lecture_id]


def _is_of(condition: ColumnElement[bool]) -> ColumnElement[bool]:
    """Whether a credit is of some people. They are looked up first, so that of a lecture only their credits are
    read."""
    return Credit.person_id.in_(select(_Row.id).where(condition))


def attended_in(days: Mapping[int, date], only: Collection[int] | None = None) -> dict[int, list[Attended]]:
    """`attended_rows` of several lectures, by id."""
    by_lecture: dict[int, list[Any]] = {lecture_id: [] for lecture_id in days}
    for lecture_id, *row in _attended(days, only):
        by_lecture[lecture_id].append(row)
    histories = Histories({row[0] for rows in by_lecture.values() for row in rows})
    return {
        lecture_id: [
            Attended(person, histories.country(person, days[lecture_id]), sector, gender, source, ms)
            for person, _member, sector, gender, source, ms in _once(rows)
        ]
        for lecture_id, rows in by_lecture.items()
    }


def _attended(lecture_ids: Collection[int], only: Collection[int] | None) -> Sequence[Any]:
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
        .where(Credit.outcome == Outcome.ATTENDED)
    )
    if only is None:
        return read(query.where(among(Credit.lecture_id, lecture_ids)))
    if len(lecture_ids) == 1 and len(only) <= FEW:
        # "+ 0" keeps the index of lectures out: the people lead to the rows
        is_of_lecture = Credit.lecture_id + 0 == next(iter(lecture_ids))
        return read(query.where(is_of_lecture, _is_of(_Row.canonical_id.in_(only))))
    return read(query.where(among(Credit.lecture_id, lecture_ids), _is_of(among(_Row.canonical_id, only))))


def _once(rows: Sequence[Any]) -> Iterable[Any]:
    """Credits of merged people as one: the row of whom they became, with the longer presence."""
    merged = {row[0] for row in rows if row[0] != row[1]}
    if not merged:
        return rows
    by_person: dict[int, Any] = {}
    once = [row for row in rows if row[0] not in merged]
    for row in sorted((row for row in rows if row[0] in merged), key=lambda row: (row[0] != row[1], row[1])):
        first = by_person.get(row[0], row)
        by_person[row[0]] = (*first[:5], max(first[5], row[5]))
    return [*once, *by_person.values()]


def days_of_held(lecture_ids: Collection[int] | None = None) -> dict[int, date]:
    """The lectures that were held, with the day of their actual start in the reporting zone."""
    zone = clock.reporting_zone()
    query = select(Lecture.id, Lecture.actual_start)
    query = query.where(Lecture.state == LectureState.HELD, Lecture.actual_start.is_not(None))
    if lecture_ids is not None:
        query = query.where(Lecture.id.in_(lecture_ids))
    return {lecture_id: clock.day_of(start, zone) for lecture_id, start in read(query)}


def day_held(lecture: Lecture) -> date | None:
    """The day of `days_of_held` of one lecture; null where it was not held."""
    if lecture.state is not LectureState.HELD or lecture.actual_start is None:
        return None
    return clock.day_of(lecture.actual_start, clock.reporting_zone())


def has_facts(lecture_id: int) -> bool:
    """Whether a lecture has stored facts."""
    query = select(LectureFacts.lecture_id).where(LectureFacts.lecture_id == lecture_id)
    return db.session.scalar(query) is not None
