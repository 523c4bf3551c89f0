"""The rows behind the figures as a file: people or their attendances, as many as there are, at flat memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, BinaryIO, Final

from sqlalchemy import Connection, select

from lms.catalogue.models import Series
from lms.core.bulk import among, chunks
from lms.core.db import db
from lms.core.i18n import _
from lms.core.measures import whole_minutes
from lms.core.tables import write_csv
from lms.core.workbooks import Workbook
from lms.people.models import Country, Person
from lms.people.queries.persons import address_rows
from lms.reports.queries.definitions import definitions
from lms.reports.queries.rows import Attendance, Attendances, Held
from lms.reports.queries.scope import Scope
from lms.reports.rules import Slice
from lms.web.time import organiser_zone, zone_city

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


@dataclass(frozen=True)
class Known:
    """A person's data in a row; empty for a deleted person."""

    public_id: str
    full_name: str
    native_name: str | None
    email: str | None
    organisation: str | None
    job_title: str | None
    sector: str | None
    gender: str | None


@dataclass(frozen=True)
class Rows:
    """The rows of a scope, of one kind, read on one connection."""

    kind: str
    scope: Scope
    connection: Connection

    @property
    def headings(self) -> tuple[str, ...]:
        """The columns."""
        return PEOPLE if self.kind == "people" else ATTENDANCES

    def each(self, progress: Callable[[int, int], None]) -> Iterator[tuple[object, ...]]:
        """Yields rows person by person, and reports progress in credits."""
        attendances = Attendances(self.scope, self.connection)
        codes = dict(self.connection.execute(select(Country.id, Country.code)).all())
        slugs = dict(self.connection.execute(select(Series.id, Series.slug)).all())
        seen = 0
        for batch in attendances:
            known = _known({one.person for one in batch}, self.connection)
            if self.kind == "people":
                yield from _people(batch, known, attendances.held, codes)
            else:
                yield from _attendances(batch, known, attendances.held, codes, slugs)
            seen += len(batch)
            progress(seen, attendances.total)
        progress(attendances.total, attendances.total)


def write(
    rows: Rows, file: BinaryIO, kind: str, about: Sequence[tuple[str, str]], progress: Callable[[int, int], None]
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
    """What was asked, as at when, and what the figures count."""
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


def _known(people: set[int], connection: Connection) -> dict[int, Known]:
    query = (
        select(
            Person.id, Person.public_id, Person.full_name, Person.native_name,
            Person.organisation, Person.job_title, Person.sector, Person.gender,
        )
        .where(among(Person.id, people))
    )  # fmt: skip
    addresses: dict[int | None, str] = {}
    for chunk in chunks(sorted(people)):
        addresses.update((person, address) for person, address in connection.execute(address_rows(chunk)))
    rows = connection.execute(query)
    return {row[0]: Known(*row[1:4], addresses.get(row[0]), *row[4:]) for row in rows}


def _people(
    batch: list[Attendance], known: dict[int, Known], held: dict[int, Held], codes: dict[int, str]
) -> Iterator[tuple[object, ...]]:
    by_person: dict[int, list[Attendance]] = {}
    for attendance in batch:
        by_person.setdefault(attendance.person, []).append(attendance)
    for person, attended in by_person.items():
        who = known[person]
        days: list[date] = [held[one.lecture].day for one in attended]
        countries = sorted({codes[one.country] for one in attended if one.country is not None})
        yield (
            who.public_id, who.full_name, who.native_name, who.email, " ".join(countries), who.organisation,
            who.job_title, who.sector, who.gender, len(attended), whole_minutes(sum(one.ms for one in attended)),
            min(days), max(days),
        )  # fmt: skip


def _attendances(
    batch: list[Attendance],
    known: dict[int, Known],
    held: dict[int, Held],
    codes: dict[int, str],
    slugs: dict[int, str],
) -> Iterator[tuple[object, ...]]:
    for attendance in batch:
        who, lecture = known[attendance.person], held[attendance.lecture]
        country: Any = codes[attendance.country] if attendance.country is not None else None
        yield (
            who.public_id, who.full_name, who.native_name, who.email, who.organisation, country, attendance.sector,
            attendance.gender, slugs[lecture.series_id], lecture.id, lecture.title, lecture.language, lecture.day,
            lecture.start.astimezone(UTC), attendance.source, attendance.ms // 6_000 / 10,
        )  # fmt: skip


def opened() -> Connection:
    """A connection of one's own to read on."""
    return db.engine.connect()
