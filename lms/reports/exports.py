"""The rows behind the figures as a file: people or their attendances, as many as there are, at flat memory."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, BinaryIO, Final

import numpy as np
from sqlalchemy import Connection, exists, select

from lms.attendance.facts import Column, Columns, gender_of, sector_of, source_of
from lms.catalogue.models import Lecture, Series
from lms.core.database.bulk import among, chunks
from lms.core.database.session import db
from lms.core.storage.tables import Workbook, write_csv
from lms.core.text.i18n import _
from lms.core.time import clock
from lms.core.time.durations import whole_minutes
from lms.people.models import Country, Person
from lms.people.queries.persons import address_rows
from lms.reports.facts.selection import FactSelection, taken
from lms.reports.queries.definitions import definitions
from lms.reports.queries.facts import held_within, load
from lms.reports.queries.scope import Partners, Scope
from lms.reports.rules import Slice
from lms.web.pages.time import organiser_zone, zone_city

PEOPLE_AT_ONCE = 1_000
BATCHES = 50
"""The number of batches of people that are sorted together."""
_FACTS = ("person", "country", "traits", "ms")


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
        self.selection = FactSelection(load(scope, Partners()), scope.filters)
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
                columns = (lines[name][low:high].tolist() for name in ("lecture", *_FACTS))
                batch = (self._attendance(*row) for row in zip(*columns, strict=True))
                yield [one for one in batch if one.lecture in self.held]
            del lines  # before the next are read

    def _lines(self, first: int, last: int) -> Columns:
        """The rows of people from one id to another, person after person."""
        collected: dict[str, list[Column]] = {name: [] for name in ("lecture", *_FACTS)}
        for part, rows in self.selection.left(self.selection.facts.attendances):
            person = taken(part.segment.columns["person"], rows)
            positions = np.flatnonzero((person >= first) & (person <= last))
            places = positions if rows is None else rows[positions]
            collected["lecture"].append(np.array(part.segment.owners, np.int64)[part.segment.owner[places]])
            for name in _FACTS:
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
    def _attendance(lecture: int, person: int, country: int, traits: int, ms: int) -> Attendance:
        source = source_of(traits)
        assert source is not None
        return Attendance(person, lecture, country or None, sector_of(traits), gender_of(traits), source, ms)


PEOPLE: Final = (
    "person", "full_name", "native_name", "email", "countries", "organisation", "job_title", "sector", "gender",
    "attendances", "minutes", "first_day", "last_day",
)  # fmt: skip
ATTENDANCES: Final = (
    "person", "full_name", "native_name", "email", "organisation", "country", "sector", "gender", "series", "lecture",
    "title", "language", "day", "started_at", "source", "minutes",
)  # fmt: skip
"""Column headings, named as in the API.

Country, sector and gender of an attendance are those at the time of the lecture; those of a person are current. The
countries of a person are those on the days of the lectures.
"""


class ExportRows:
    """The rows of a scope, of one kind, read on one connection."""

    def __init__(self, kind: str, scope: Scope, connection: Connection) -> None:
        self.kind, self._connection = kind, connection
        self._attendances = Attendances(scope, connection)
        self._codes = dict(connection.execute(select(Country.id, Country.code)).all())
        self._slugs = dict(connection.execute(select(Series.id, Series.slug)).all())

    @property
    def headings(self) -> tuple[str, ...]:
        """The columns."""
        return PEOPLE if self.kind == "people" else ATTENDANCES

    def each(self, progress: Callable[[int, int], None]) -> Iterator[tuple[object, ...]]:
        """Yields rows person by person, and reports progress in credits."""
        seen, total = 0, self._attendances.total
        for batch in self._attendances:
            yield from self._of_people(batch) if self.kind == "people" else self._of_attendances(batch)
            seen += len(batch)
            progress(seen, total)
        progress(total, total)

    def _known(self, batch: Iterable[Attendance]) -> dict[int, tuple[Person, str | None]]:
        """The people of a batch, as rows without the session, with their addresses; deleted people have neither."""
        people = {attendance.person for attendance in batch}
        columns = (
            Person.id, Person.public_id, Person.full_name, Person.native_name, Person.organisation, Person.job_title,
            Person.sector, Person.gender,
        )  # fmt: skip
        addresses: dict[int | None, str] = {}
        for chunk in chunks(sorted(people)):
            addresses.update(self._connection.execute(address_rows(chunk)).all())
        rows: Iterable[Any] = self._connection.execute(select(*columns).where(among(Person.id, people)))
        return {row.id: (row, addresses.get(row.id)) for row in rows}

    def _of_people(self, batch: list[Attendance]) -> Iterator[tuple[object, ...]]:
        known, held = self._known(batch), self._attendances.held
        by_person: dict[int, list[Attendance]] = {}
        for attendance in batch:
            by_person.setdefault(attendance.person, []).append(attendance)
        for id_, attended in by_person.items():
            person, address = known[id_]
            days = [held[attendance.lecture].day for attendance in attended]
            countries = sorted({self._codes[one.country] for one in attended if one.country is not None})
            minutes = whole_minutes(sum(attendance.ms for attendance in attended))
            yield (
                person.public_id, person.full_name, person.native_name, address, " ".join(countries),
                person.organisation, person.job_title, person.sector, person.gender, len(attended), minutes,
                min(days), max(days),
            )  # fmt: skip

    def _of_attendances(self, batch: list[Attendance]) -> Iterator[tuple[object, ...]]:
        known, held = self._known(batch), self._attendances.held
        for attendance in batch:
            (person, address), lecture = known[attendance.person], held[attendance.lecture]
            yield (
                person.public_id, person.full_name, person.native_name, address, person.organisation,
                None if attendance.country is None else self._codes[attendance.country], attendance.sector,
                attendance.gender, self._slugs[lecture.series_id], lecture.id, lecture.title, lecture.language,
                lecture.day, lecture.start.astimezone(UTC), attendance.source, attendance.ms // 6_000 / 10,
            )  # fmt: skip


def write(
    rows: ExportRows, file: BinaryIO, kind: str, about: Sequence[tuple[str, str]], progress: Callable[[int, int], None]
) -> int:
    """Writes the rows into a file as they come; returns how many. In a workbook, `about` is a separate sheet."""
    if kind == "csv":
        counted = _Counted(rows.each(progress))
        for piece in write_csv(rows.headings, counted):
            file.write(piece.encode())
        return counted.rows
    with Workbook(file, zone=organiser_zone()) as book:
        written = book.add_sheet(_("Rows"), rows.headings, rows.each(progress))
        book.add_sheet(_("Definitions and filters"), (_("What"), _("Meaning")), about, widths=(24, 60))
    return written


def about(kind: str, slice_: Slice, at: datetime) -> list[tuple[str, str]]:
    """Returns what was asked, as at when, and what the figures count."""
    city = zone_city(organiser_zone())
    given: list[tuple[str, object]] = [("from", slice_.from_day), ("to", slice_.to_day), *slice_.filters.items()]
    lines: list[tuple[str, str]] = [(_("Rows"), kind), (_("As at"), f"{at:%Y-%m-%d %H:%M} UTC")]
    lines.append((_("Time zone"), f"{city} ({organiser_zone()})"))
    lines += [(name, str(value)) for name, value in given if value is not None]
    texts = definitions(city)
    return lines + [(name, texts[name]) for name in ("participants", "attendances", "contact_hours")]


class _Counted:
    def __init__(self, rows: Iterable[tuple[object, ...]]) -> None:
        self._found, self.rows = rows, 0

    def __iter__(self) -> Iterator[tuple[object, ...]]:
        for row in self._found:
            self.rows += 1
            yield row


def opened() -> Connection:
    """A connection of one's own to read on."""
    return db.engine.connect()
