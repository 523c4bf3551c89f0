"""The attendances of a slice one at a time, person after person: the facts it is counted from.

They are sorted in batches of people, so that a million rows take no more memory than a thousand. Lectures are read on a
separate connection: the session may commit in between.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime

import numpy as np
from sqlalchemy import Connection, exists, select

from lms.attendance.facts import ATTENDANCES, Column, Columns, gender_of, sector_of, source_of
from lms.catalogue.models import Lecture
from lms.core import clock
from lms.core.db import db
from lms.people.models import Person
from lms.reports.facts.selection import Selection, taken
from lms.reports.queries.facts import held_within, load
from lms.reports.queries.scope import Partners, Scope

PEOPLE_AT_ONCE = 1_000
BATCHES = 50
"""The number of batches of people that are sorted together."""
_COLUMNS = ("person", "lecture", "country", "traits", "ms")


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
    """The sessions of a scope, regardless of who attended them."""
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


class Attendances:
    """The attendances of a scope by person. Facts are read once, in the session; lectures on the connection."""

    def __init__(self, scope: Scope, connection: Connection) -> None:
        self.selection = Selection(load(scope, Partners()), scope.filters)
        self.held = held_lectures(scope, connection)
        self._times = self.selection.times()
        self.total = int(self._times.sum())

    def __iter__(self) -> Iterator[list[Attendance]]:
        """Batches of whole people, each person's attendances by the start of the lecture."""
        people = np.flatnonzero(self._times)
        for start in range(0, len(people), BATCHES * PEOPLE_AT_ONCE):
            some = people[start : start + BATCHES * PEOPLE_AT_ONCE]
            lines = self._lines(int(some[0]), int(some[-1]))
            for first in range(0, len(some), PEOPLE_AT_ONCE):
                ends = some[first : first + PEOPLE_AT_ONCE]
                low, high = np.searchsorted(lines["person"], [ends[0], ends[-1] + 1]).tolist()
                batch = (
                    self._attendance(*row)
                    for row in zip(*(lines[name][low:high].tolist() for name in _COLUMNS), strict=True)
                )
                yield [one for one in batch if one.lecture in self.held]

    def _lines(self, first: int, last: int) -> Columns:
        """The rows of people from one id to another, person after person."""
        collected: dict[str, list[Column]] = {name: [] for name in _COLUMNS}
        for part, rows in self.selection.left(self.selection.facts.attendances):
            person = taken(part.segment.columns["person"], rows)
            positions = np.flatnonzero((person >= first) & (person <= last))
            places = positions if rows is None else rows[positions]
            collected["lecture"].append(np.array(part.segment.owners, np.int64)[part.segment.owner[places]])
            for name in ATTENDANCES:
                collected[name].append(part.segment.columns[name][places])
        lines = {name: np.concatenate(columns) for name, columns in collected.items()}
        ranks = {
            one.id: rank
            for rank, one in enumerate(sorted(self.held.values(), key=lambda lecture: (lecture.start, lecture.id)))
        }
        rank = np.array([ranks.get(lecture, 0) for lecture in lines["lecture"].tolist()], np.int64)
        order = np.lexsort((rank, lines["person"]))
        return {name: column[order] for name, column in lines.items()}

    @staticmethod
    def _attendance(person: int, lecture: int, country: int, traits: int, ms: int) -> Attendance:
        source = source_of(traits)
        assert source is not None
        return Attendance(person, lecture, country or None, sector_of(traits), gender_of(traits), source, ms)
