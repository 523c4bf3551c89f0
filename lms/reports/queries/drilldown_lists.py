"""The lists of rows behind figures: which rows each has, found by which text, in which order."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from itertools import accumulate
from typing import Any, Final, TypeVar

import numpy as np
from sqlalchemy import select

from lms.attendance.facts import TRAITS, Column, Columns, source_of
from lms.catalogue.models import LECTURE_TITLE, CertificateKind, Lecture
from lms.certificates.models import Award
from lms.core.base.lists import ListRequest
from lms.core.database.bulk import among
from lms.core.database.search import match_of_text, search_words
from lms.core.database.session import read, read_column
from lms.core.text.sorting import collation_key, sort_key
from lms.core.text.translations import reader_text
from lms.people.models import Person
from lms.people.queries.finding import is_found
from lms.reports.facts.counting import Part, count
from lms.reports.facts.opening_balances import Balances
from lms.reports.facts.opening_balances import Row as Balance
from lms.reports.facts.segments import SegmentPart
from lms.reports.facts.selection import FactSelection, HeldLecture, Numbers
from lms.reports.models import OpeningRow
from lms.reports.queries.labels import Names
from lms.reports.rules import Figures, Ratings

CHUNK: Final = 2000
"""Names are looked up for this many rows of a file at a time."""


@dataclass(frozen=True)
class DrilldownRow:
    """One row behind a figure. A None field does not apply to its kind.

    Names are current, in words. `lecture_id` is None for rows from before this system.
    """

    day: date | None = None
    lecture_id: int | None = None
    lecture: str | None = None
    series: str | None = None
    person: str | None = None
    """The full name, or None for a deleted person."""
    person_id: str | None = None
    country: str | None = None
    country_code: str | None = None
    source: str | None = None
    kind: str | None = None
    participants: int | None = None
    attendances: int | None = None
    ms: int | None = None
    ratings: Ratings | None = None
    is_older: bool = False


@dataclass(frozen=True)
class Listed:
    """All rows that are asked for, in order: how many there are, and those from one place to another."""

    total: int
    between: Callable[[int, int], list[DrilldownRow]]

    def then(self, other: "Listed") -> "Listed":
        """These rows, and after them others."""

        def between(start: int, end: int) -> list[DrilldownRow]:
            rows = self.between(min(start, self.total), min(end, self.total))
            if end > self.total:
                rows += other.between(max(start - self.total, 0), end - self.total)
            return rows

        return Listed(self.total + other.total, between)


@dataclass(frozen=True)
class FilterValue:
    """One value of a filter of a list: its key in an address, its name, and how many rows have it."""

    key: str
    label: str
    number: int


@dataclass(frozen=True)
class DrilldownRows:
    """A page of the rows behind a figure. `figures` are those of the slice and group, `older` is how many of them are
    attendances from before the system.

    `total` is how many rows the filters of the list leave, and `every` how many there are without them; `choices` are
    the values of each filter. `unknown` are filters whose values there are not: they were left out.
    """

    figure: str
    figures: Figures
    older: int
    labels: list[str]
    rows: list[DrilldownRow]
    total: int
    every: int
    choices: Mapping[str, Sequence[FilterValue]]
    unknown: tuple[str, ...]
    listed: Listed

    def all_rows(self) -> Iterator[DrilldownRow]:
        """Every row that the filters leave, in order, named some at a time."""
        for start in range(0, self.total, CHUNK):
            yield from self.listed.between(start, min(start + CHUNK, self.total))


T = TypeVar("T")


@dataclass(frozen=True)
class DrilldownContext:
    selection: FactSelection
    balances: Balances
    names: Names
    today: frozenset[int]
    """The partner countries of the report's date."""
    request: ListRequest
    organisation: str | None = None
    """Only the people who name this organisation today; an empty one for those who name none."""

    @cached_property
    def sums(self) -> Mapping[int, tuple[int, int]]:
        """(attendances, milliseconds) by lecture."""
        return self.selection.sums()

    @cached_property
    def people(self) -> Column | None:
        """The people who match the text of the list; None without a text."""
        if not self.request.q:
            return None
        query = select(Person.id).where(is_found(self.request.q, with_organisation=True))
        return np.array(read_column(query), np.uint32)

    def lectures(self) -> list[HeldLecture]:
        """The sessions that the figure counts, newest first."""
        is_counted = self.sums if self.selection.filters.by_people else self.selection.facts.lectures
        held = [one for one in self.selection.lectures() if one.id in is_counted]
        return sorted(held, key=lambda lecture: (lecture.day, lecture.id), reverse=True)

    def finds(self, *texts: str) -> bool:
        """Whether the text of the list is in one of these."""
        if not self.request.q:
            return True
        words = tuple(search_words(self.request.q))
        return any(match_of_text(words, text) is not None for text in texts)

    def order_of(self, name: str) -> Any:
        """Returns what a name is sorted by for the reader."""
        return collation_key(name, self.names.locale)

    def in_order(self, rows: Sequence[T], keys: Mapping[str, Callable[[T], Any]]) -> list[T]:
        """Rows by the column that is asked for; those that are alike stay as they are."""
        key = keys.get(self.request.sort)
        return list(rows) if key is None else sorted(rows, key=key, reverse=self.request.descending)

    def of_matching_people(self, columns: Columns) -> Columns:
        """Those rows whose people the text of the list finds."""
        if self.people is None:
            return columns
        rows = np.flatnonzero(np.isin(columns["person"], self.people))
        return {name: column[rows] for name, column in columns.items()}

    def arranged(self, columns: Columns, key: Numbers | None, *ties: Numbers) -> Columns:
        """Rows by a number of each; those that are alike by `ties`, the first of which counts most."""
        keys = list(reversed(ties))
        if key is not None:
            keys.append(-key if self.request.descending else key)
        order = np.lexsort(keys)
        return {name: column[order] for name, column in columns.items()}

    def places(self, dimension: str, inner: Iterable[int]) -> Numbers:
        """The place by name of each of these countries or series, by its id; 0 is *not stated*."""
        ids = sorted({*inner, 0}, key=lambda key: self.order_of(self.names.label(dimension, key or None)))
        return by_id({id_: place for place, id_ in enumerate(ids)})


def by_id(places: Mapping[int, int]) -> Numbers:
    positions = np.zeros(max(places, default=0) + 1, np.int64)
    for id_, place in places.items():
        positions[id_] = place
    return positions


def known_people(people: Iterable[int]) -> dict[int, tuple[str, str | None]]:
    """Public id and name of each person; no name for deleted people."""
    query = select(Person.id, Person.public_id, Person.full_name, Person.erased_at)
    rows = read(query.where(among(Person.id, set(people))))
    return {id_: (public_id, None if erased_at else name) for id_, public_id, name, erased_at in rows}


def key_of_people(context: DrilldownContext, columns: Columns) -> Numbers:
    """The place of each row's country, or of its person, by name."""
    if context.request.sort == "country":
        return context.places("country", context.names.countries)[columns["country"]]
    query = select(Person.id).where(among(Person.id, np.unique(columns["person"]).tolist()))
    ids = read_column(query.order_by(Person.sort_name, Person.id))
    return by_id({id_: place for place, id_ in enumerate(ids)})[columns["person"]]


def titles_of(lecture_ids: Iterable[int]) -> dict[int, str]:
    """The title of each lecture as the reader sees it."""
    rows = read(select(Lecture.id, *LECTURE_TITLE).where(among(Lecture.id, lecture_ids)))
    return {row.id: reader_text(row) for row in rows}


def sessions_before(context: DrilldownContext) -> dict[int, list[Balance]]:
    """The rows of each session from before the system, by the id of its first row."""
    rows: dict[int, list[Balance]] = {}
    for row in context.balances.rows:
        rows.setdefault(-row.session, []).append(row)
    return rows


def rows_before(context: DrilldownContext, by_set: Mapping[int, Sequence[Balance]]) -> Listed:
    """Aggregates from before the system, by the id of their (first) row."""
    titles = dict(read(select(OpeningRow.id, OpeningRow.title).where(among(OpeningRow.id, by_set)))) if by_set else {}
    numbers = [number for number in sorted(by_set) if context.finds(titles[number])]

    def between(start: int, end: int) -> list[DrilldownRow]:
        return [_row_before(context, titles[number], by_set[number]) for number in numbers[start:end]]

    return Listed(len(numbers), between)


def _row_before(context: DrilldownContext, title: str, rows: Sequence[Balance]) -> DrilldownRow:
    countries = {row.country_id for row in rows}
    return DrilldownRow(
        rows[0].day,
        lecture=title,
        series=None if rows[0].series_id is None else context.names.label("series", rows[0].series_id),
        country=context.names.label("country", rows[0].country_id) if len(countries) == 1 else None,
        attendances=sum(row.attendances for row in rows),
        is_older=True,
    )


_BY_LECTURE: Final = frozenset({"day", "lecture", "series"})
"""The orders in which the attendances of one lecture stay together."""


def open_attendances(context: DrilldownContext) -> Listed:
    return open_credits(context).then(rows_before(context, {row.id: [row] for row in attendances_before(context)}))


def attendances_before(context: DrilldownContext) -> list[Balance]:
    return [row for row in context.balances.rows if row.attendances]


def open_credits(context: DrilldownContext) -> Listed:
    """Person by person of each lecture. Where those of one lecture stay together, only the lectures of a page are
    opened."""
    lectures = [lecture for lecture in context.lectures() if lecture.id in context.sums]
    by_lecture = context.request.sort in _BY_LECTURE
    if by_lecture:
        lectures = _in_order_of_lectures(context, lectures)
    if by_lecture and context.people is None:
        return _lecture_by_lecture(context, lectures)
    columns = context.of_matching_people(
        context.selection.columns(context.selection.facts.attendances, "person", "country", "traits", "ms")
    )
    place = by_id({one.id: number for number, one in enumerate(lectures)})[columns["owner"]]
    key = None if by_lecture else _key_of_credits(context, columns)
    columns = context.arranged(columns, key, place, columns["person"])

    def between(start: int, end: int) -> list[DrilldownRow]:
        return _rows_of_credits(context, {name: column[start:end] for name, column in columns.items()})

    return Listed(len(columns["owner"]), between)


def _in_order_of_lectures(context: DrilldownContext, lectures: Sequence[HeldLecture]) -> list[HeldLecture]:
    titles = titles_of(one.id for one in lectures) if context.request.sort == "lecture" else {}
    return context.in_order(
        lectures,
        {
            "day": lambda lecture: (lecture.day, lecture.id),
            "lecture": lambda lecture: context.order_of(titles[lecture.id]),
            "series": lambda lecture: context.order_of(context.names.label("series", lecture.series_id)),
        },
    )


def _lecture_by_lecture(context: DrilldownContext, lectures: Sequence[HeldLecture]) -> Listed:
    ends = list(accumulate(context.sums[lecture.id][0] for lecture in lectures))

    def between(start: int, end: int) -> list[DrilldownRow]:
        rows: list[DrilldownRow] = []
        for held, last in zip(lectures, ends, strict=True):
            first = last - context.sums[held.id][0]
            if last <= start or first >= end:
                continue
            columns = context.selection.of_lecture(held.id)
            part = {name: column[max(start - first, 0) : end - first] for name, column in columns.items()}
            part["owner"] = np.full(len(part["person"]), held.id)
            rows += _rows_of_credits(context, part)
        return rows

    return Listed(ends[-1] if ends else 0, between)


def _key_of_credits(context: DrilldownContext, columns: Columns) -> Numbers:
    """The number that attendances are sorted by."""
    sort = context.request.sort
    if sort == "minutes":
        return columns["ms"].astype(np.int64)
    if sort == "source":
        words = [sort_key(context.names.label("source", source_of(traits))) for traits in range(TRAITS)]
        order = {word: place for place, word in enumerate(sorted(set(words)))}
        return np.array([order[word] for word in words], np.int64)[columns["traits"]]
    return key_of_people(context, columns)


def _rows_of_credits(context: DrilldownContext, columns: Columns) -> list[DrilldownRow]:
    listed = {name: column.tolist() for name, column in columns.items()}
    known, titles = known_people(listed["person"]), titles_of(set(listed["owner"]))
    lectures, names = context.selection.facts.lectures, context.names
    rows = zip(*(listed[name] for name in ("owner", "person", "country", "traits", "ms")), strict=True)
    return [
        DrilldownRow(
            lectures[owner].day, owner, titles[owner], names.label("series", lectures[owner].series_id),
            known[person][1], known[person][0], names.label("country", country or None),
            source=names.label("source", source_of(traits)), ms=ms,
        )
        for owner, person, country, traits, ms in rows
    ]  # fmt: skip


OF_PARTNER: Final = "of_partner"


def open_countries(context: DrilldownContext) -> Listed:
    """Each country with somebody of it."""
    rows = [row for row in country_rows(context) if context.finds(row.country or "")]
    partner = context.request.filters.get(OF_PARTNER)
    if partner is not None:
        codes = partner_codes(context)
        rows = [row for row in rows if (row.country_code in codes) is (partner == "true")]
    rows = context.in_order(
        rows,
        {
            "country": lambda row: context.order_of(row.country or ""),
            "participants": lambda row: row.participants or 0,
            "attendances": lambda row: row.attendances or 0,
            "contact_hours": lambda row: row.ms or 0,
        },
    )
    return Listed(len(rows), lambda start, end: rows[start:end])


def country_rows(context: DrilldownContext) -> list[DrilldownRow]:
    """The countries that the figure counts, by name."""
    parts = count(context.selection.facts, context.selection.filters, ("country",))
    older: Counter[int | None] = Counter()
    for row in context.balances.rows:
        older[row.country_id] += row.attendances
    rows = []
    for country in {key[0] for key, part in parts.items() if part.attendances} | {id_ for id_ in older if older[id_]}:
        if not isinstance(country, int):
            continue
        part = parts.get((country,), Part())
        rows.append(
            DrilldownRow(
                country=context.names.label("country", country),
                country_code=context.names.key("country", country),
                participants=len(part.people),
                attendances=part.attendances + older.get(country, 0),
                ms=part.ms,
                is_older=not part.attendances,
            )
        )
    return sorted(rows, key=lambda row: context.order_of(row.country or ""))


def partner_codes(context: DrilldownContext) -> set[str | None]:
    return {context.names.key("country", country) for country in context.today}


def open_partner_countries(context: DrilldownContext) -> Listed:
    return open_countries(replace(context, request=replace(context.request, filters={OF_PARTNER: "true"})))


OF_KIND: Final = "of_kind"


def open_registrations(context: DrilldownContext) -> Listed:
    return _series_rows(context, context.selection.facts.registrations)


def open_certificates(context: DrilldownContext) -> Listed:
    return _series_rows(context, context.selection.facts.certificates, completion_ids())


def completion_ids() -> Numbers:
    """The ids of all awards of a completion."""
    return np.array(read_column(select(Award.id).where(Award.kind == CertificateKind.COMPLETION)), np.int64)


def _series_rows(context: DrilldownContext, parts: Sequence[SegmentPart], completions: Numbers | None = None) -> Listed:
    """Registrations or awards; those that are alike with the highest id first."""
    columns = context.of_matching_people(context.selection.columns(parts, "id", "person", "country", "day"))
    if completions is not None:
        columns["completion"] = np.isin(columns["id"], completions)
        kind = context.request.filters.get(OF_KIND)
        if kind is not None:
            rows = np.flatnonzero(columns["completion"] == (kind == CertificateKind.COMPLETION))
            columns = {name: column[rows] for name, column in columns.items()}
    columns = context.arranged(columns, _key_of_series_rows(context, columns), -columns["id"].astype(np.int64))

    def between(start: int, end: int) -> list[DrilldownRow]:
        some = {name: column[start:end].tolist() for name, column in columns.items()}
        known = known_people(some["person"])
        kinds = [_kind(one) for one in some["completion"]] if completions is not None else [None] * len(some["id"])
        rows = zip(some["owner"], some["person"], some["country"], some["day"], kinds, strict=True)
        return [
            DrilldownRow(
                date.fromordinal(day), series=context.names.label("series", series), person=known[person][1],
                person_id=known[person][0], country=context.names.label("country", country or None), kind=kind,
            )
            for series, person, country, day, kind in rows
        ]  # fmt: skip

    return Listed(len(columns["id"]), between)


def _kind(is_completion: bool) -> str:
    return CertificateKind.COMPLETION if is_completion else CertificateKind.PARTICIPATION


def _key_of_series_rows(context: DrilldownContext, columns: Columns) -> Numbers:
    sort = context.request.sort
    if sort == "series":
        return context.places("series", context.names.series)[columns["owner"]]
    if sort == "kind":
        return -columns["completion"].astype(np.int64)
    return columns["day"].astype(np.int64) if sort == "day" else key_of_people(context, columns)
