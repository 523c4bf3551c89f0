"""Opens a figure to its rows: their number, or sum, is the figure.

The filters are narrowed to the group first; whatever is counted or listed then is of that group and nothing else. Of
these rows a list shows what is asked of it: those that its text and its filters leave, in an order, a page at a time.
What is from before the system comes last in every order.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import cached_property
from itertools import accumulate
from typing import Any, Final, TypeVar

import numpy as np
from sqlalchemy import select

from lms.attendance.facts import TRAITS, Column, Columns, source_of
from lms.catalogue.models import CertificateKind, Lecture
from lms.certificates.models import Award
from lms.core import clock
from lms.core.bulk import among
from lms.core.db import read, read_column
from lms.core.errors import Forbidden
from lms.core.i18n import _
from lms.core.lists import ListRequest
from lms.core.matching import match_of_text
from lms.core.roles import Actor
from lms.core.search_index import search_words
from lms.core.sorting import sort_key
from lms.people.models import Person
from lms.people.queries.finding import is_found
from lms.reports.facts.counting import Part, count
from lms.reports.facts.segments import Part as FactsPart
from lms.reports.facts.selection import HeldLecture, Numbers, Selection
from lms.reports.models import OpeningRow
from lms.reports.opening_balances.counting import Balances
from lms.reports.opening_balances.counting import Row as Balance
from lms.reports.queries.facts import load
from lms.reports.queries.labels import NOWHERE, Names, read_names
from lms.reports.queries.opening_balances import read_balances
from lms.reports.queries.scope import Partners, Scope
from lms.reports.rules import VALUES, Figures, Slice

DIMENSIONS: Final = {"of_country": "country", "of_series": "series", "of_source": "source"}
"""The filters of a list of rows that are dimensions of figures. A report has filters of its own, which say what the
figure counts."""
OF_KIND, OF_PARTNER = "of_kind", "of_partner"
NOT_STATED: Final = "-"
"""Stands in an address for the key of what is not stated."""
CHUNK: Final = 2000
"""So many rows of a file are named at a time."""
_BY_LECTURE: Final = frozenset({"day", "lecture", "series"})
"""The orders in which the attendances of one lecture stay together."""
T = TypeVar("T")


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
    is_older: bool = False


@dataclass(frozen=True)
class _Listed:
    """All rows that are asked for, in order: how many there are, and those from one place to another."""

    total: int
    between: Callable[[int, int], list[DrilldownRow]]

    def then(self, other: _Listed) -> _Listed:
        """These rows, and after them others."""

        def between(start: int, end: int) -> list[DrilldownRow]:
            found = self.between(min(start, self.total), min(end, self.total))
            if end > self.total:
                found += other.between(max(start - self.total, 0), end - self.total)
            return found

        return _Listed(self.total + other.total, between)


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
    listed: _Listed

    def all_rows(self) -> Iterator[DrilldownRow]:
        """Every row that the filters leave, in order, named some at a time."""
        for start in range(0, self.total, CHUNK):
            yield from self.listed.between(start, min(start + CHUNK, self.total))


@dataclass(frozen=True)
class _Asked:
    selection: Selection
    balances: Balances
    names: Names
    today: frozenset[int]
    """The partner countries of the report's date."""
    wanted: ListRequest

    @cached_property
    def sums(self) -> Mapping[int, tuple[int, int]]:
        """(attendances, milliseconds) by lecture."""
        return self.selection.sums()

    @cached_property
    def people(self) -> Column | None:
        """The people whom the text of the list finds; None without one."""
        if not self.wanted.q:
            return None
        query = select(Person.id).where(is_found(self.wanted.q, with_organisation=True))
        return np.array(read_column(query), np.uint32)

    def lectures(self) -> list[HeldLecture]:
        """The sessions that the figure counts, newest first."""
        is_counted = self.sums if self.selection.filters.by_people else self.selection.facts.lectures
        held = [one for one in self.selection.lectures() if one.id in is_counted]
        return sorted(held, key=lambda one: (one.day, one.id), reverse=True)

    def finds(self, *texts: str) -> bool:
        """Whether the text of the list is in one of these."""
        if not self.wanted.q:
            return True
        words = tuple(search_words(self.wanted.q))
        return any(match_of_text(words, text) is not None for text in texts)

    def in_order(self, rows: Sequence[T], keys: Mapping[str, Callable[[T], Any]]) -> list[T]:
        """Rows by the column that is asked for; those that are alike stay as they are."""
        key = keys.get(self.wanted.sort)
        return list(rows) if key is None else sorted(rows, key=key, reverse=self.wanted.descending)

    def found(self, columns: Columns) -> Columns:
        """Those rows whose people the text of the list finds."""
        if self.people is None:
            return columns
        rows = np.flatnonzero(np.isin(columns["person"], self.people))
        return {name: column[rows] for name, column in columns.items()}

    def arranged(self, columns: Columns, key: Numbers | None, *ties: Numbers) -> Columns:
        """Rows by a number of each; those that are alike by `ties`, the first of which counts most."""
        keys = list(reversed(ties))
        if key is not None:
            keys.append(-key if self.wanted.descending else key)
        order = np.lexsort(keys)
        return {name: column[order] for name, column in columns.items()}

    def places(self, dimension: str, inner: Iterable[int]) -> Numbers:
        """The place by name of each of these countries or series, by its id; 0 is *not stated*."""
        ids = sorted({*inner, 0}, key=lambda one: sort_key(self.names.label(dimension, one or None)))
        return _by_id({id_: place for place, id_ in enumerate(ids)})


def _by_id(places: Mapping[int, int]) -> Numbers:
    found = np.zeros(max(places, default=0) + 1, np.int64)
    for id_, place in places.items():
        found[id_] = place
    return found


def check_may_open(scope: Scope, *, by: Actor) -> None:
    """Raises Forbidden unless the actor reads every report, or the slice is of the actor's own country."""
    if not by.is_reporter and (scope.country_id is None or scope.country_id not in by.country_ids):
        raise Forbidden(_("You can only see people from your own country."))


def open_rows(
    figure: str,
    asked: Slice,
    scope: Scope,
    keys: Mapping[str, str | None],
    *,
    wanted: ListRequest,
    by: Actor,
    at: datetime,
    locale: str,
) -> DrilldownRows:
    """The rows behind a figure (see `KINDS`), in a scope and in the group given by `keys`, and of these what a list
    asks for.

    Raises Forbidden (see `check_may_open`).
    """
    check_may_open(scope, by=by)
    names = read_names(locale)
    inner = {name: names.inner(name, key) for name, key in keys.items()}
    listed_by, unknown = _listed_by(wanted, names)
    wanted = replace(wanted, filters={name: key for name, key in wanted.filters.items() if name not in unknown})
    partners = Partners()
    balances = read_balances(partners).within(asked, series_id=scope.series_id, countries=scope.countries)
    grouped = _of(balances, inner)
    today = partners.on(clock.day_of(at, scope.zone))
    selection = Selection(load(scope, partners), scope.filters.narrowed(inner))
    every = _Asked(selection, grouped, names, today, wanted)
    part = count(selection.facts, selection.filters)[()]
    part.lectures |= {row.session for row in grouped.rows}
    part.countries |= {row.country_id for row in grouped.rows if row.attendances}
    older = sum(row.attendances for row in grouped.rows)
    part.attendances += older
    amounts, number = _amounts(figure, every)
    narrowed = Selection(selection.facts, selection.filters.narrowed(listed_by)) if listed_by else selection
    listed = KINDS[figure](_Asked(narrowed, _of(grouped, listed_by), names, today, wanted))
    wanted = wanted.within(listed.total)
    return DrilldownRows(
        figure,
        part.figures(today),
        older,
        [names.label(name, value) for name, value in inner.items()] if number else [],
        listed.between(wanted.offset, min(wanted.offset + wanted.size, listed.total)),
        listed.total,
        number,
        _choices(names, amounts),
        unknown,
        listed,
    )


def _listed_by(wanted: ListRequest, names: Names) -> tuple[dict[str, Hashable], tuple[str, ...]]:
    """The inner keys of the dimensions that a list is filtered by, and the filters whose values there are not."""
    found: dict[str, Hashable] = {}
    unknown = []
    for name, dimension in DIMENSIONS.items():
        if name not in wanted.filters:
            continue
        key = None if wanted.filters[name] == NOT_STATED else wanted.filters[name]
        inner = names.inner(dimension, key)
        if inner == NOWHERE or (dimension in VALUES and inner not in VALUES[dimension]):
            unknown.append(name)
        else:
            found[dimension] = inner
    return found, tuple(unknown)


def _of(balances: Balances, inner: Mapping[str, Hashable]) -> Balances:
    """The opening balances of a group."""
    return balances.groups(tuple(inner)).get(tuple(inner.values()), Balances())


# How many rows each value of a filter has

Amounts = dict[str, Counter[Any]]
"""By filter how many rows have each inner key."""


def _amounts(figure: str, asked: _Asked) -> tuple[Amounts, int]:
    """By filter the rows of each inner key, and all rows."""
    facts = asked.selection.facts
    if figure == "sessions":
        series: Counter[int | None] = Counter([one.series_id for one in asked.lectures()])
        series.update(rows[0].series_id for rows in _sessions_before(asked).values())
        return {"of_series": series}, series.total()
    if figure == "countries":
        codes = _partner_codes(asked)
        partners = Counter("true" if row.country_code in codes else "false" for row in _country_rows(asked))
        return {OF_PARTNER: partners}, partners.total()
    if figure == "partner_countries":
        return {}, _partner_countries(asked).total
    if figure in ("registrations", "certificates"):
        parts = facts.registrations if figure == "registrations" else facts.certificates
        found = {name: _rows_by(asked.selection, parts, DIMENSIONS[name]) for name in ("of_country", "of_series")}
        number = found["of_country"].total()
        if figure == "certificates":
            completions = int(np.isin(asked.selection.columns(parts, "id")["id"], _completions()).sum())
            kinds = {CertificateKind.PARTICIPATION: number - completions, CertificateKind.COMPLETION: completions}
            found[OF_KIND] = Counter({kind.value: n for kind, n in kinds.items() if n})
        return found, number
    found = {name: _rows_by(asked.selection, facts.attendances, dimension) for name, dimension in DIMENSIONS.items()}
    older = _attendances_before(asked) if figure == "attendances" else []
    found["of_country"].update(row.country_id for row in older)
    found["of_series"].update(row.series_id for row in older)
    return found, found["of_country"].total()


def _choices(names: Names, amounts: Amounts) -> dict[str, list[FilterValue]]:
    """The values of each filter by name; *not stated* last."""
    return {
        name: sorted(
            (FilterValue(_public_key(names, name, inner), _word(names, name, inner), n) for inner, n in of.items()),
            key=lambda one: (one.key == NOT_STATED, sort_key(one.label)),
        )
        for name, of in amounts.items()
    }


def _public_key(names: Names, name: str, inner: Hashable) -> str:
    key = names.key(DIMENSIONS[name], inner) if name in DIMENSIONS else str(inner)
    return NOT_STATED if key is None else key


def _word(names: Names, name: str, inner: Hashable) -> str:
    return names.label(DIMENSIONS[name], inner) if name in DIMENSIONS else str(inner)


def _rows_by(selection: Selection, parts: Iterable[FactsPart], dimension: str) -> Counter[Any]:
    """How many rows that are left each value of a dimension has."""
    amounts = np.zeros(selection.size((dimension,)), np.int64)
    for part, rows in selection.left(parts):
        amounts += np.bincount(selection.groups(part, (dimension,), rows), minlength=len(amounts))
    numbers = np.flatnonzero(amounts).tolist()
    return Counter({selection.values((dimension,), number)[0]: int(amounts[number]) for number in numbers})


# Lectures


def _sessions(asked: _Asked) -> _Listed:
    titles = _titles(one.id for one in asked.lectures())
    names, sums = asked.names, asked.sums
    held = asked.in_order(
        [one for one in asked.lectures() if asked.finds(titles[one.id], names.label("series", one.series_id))],
        {
            "day": lambda one: (one.day, one.id),
            "lecture": lambda one: sort_key(titles[one.id]),
            "series": lambda one: sort_key(names.label("series", one.series_id)),
            "attendances": lambda one: sums.get(one.id, (0, 0))[0],
            "contact_hours": lambda one: sums.get(one.id, (0, 0))[1],
        },
    )

    def between(start: int, end: int) -> list[DrilldownRow]:
        return [
            DrilldownRow(
                one.day, one.id, titles[one.id], names.label("series", one.series_id),
                attendances=sums.get(one.id, (0, 0))[0], ms=sums.get(one.id, (0, 0))[1],
            )
            for one in held[start:end]
        ]  # fmt: skip

    return _Listed(len(held), between).then(_before(asked, _sessions_before(asked)))


def _titles(lecture_ids: Iterable[int]) -> dict[int, str]:
    return dict(read(select(Lecture.id, Lecture.title).where(among(Lecture.id, lecture_ids))))


def _sessions_before(asked: _Asked) -> dict[int, list[Balance]]:
    """The rows of each session from before the system, by the id of its first row."""
    found: dict[int, list[Balance]] = {}
    for row in asked.balances.rows:
        found.setdefault(-row.session, []).append(row)
    return found


def _before(asked: _Asked, found: Mapping[int, Sequence[Balance]]) -> _Listed:
    """Aggregates from before the system, by the id of their (first) row."""
    titles = dict(read(select(OpeningRow.id, OpeningRow.title).where(among(OpeningRow.id, found)))) if found else {}
    numbers = [number for number in sorted(found) if asked.finds(titles[number])]

    def between(start: int, end: int) -> list[DrilldownRow]:
        return [_row_before(asked, titles[number], found[number]) for number in numbers[start:end]]

    return _Listed(len(numbers), between)


def _row_before(asked: _Asked, title: str, rows: Sequence[Balance]) -> DrilldownRow:
    countries = {row.country_id for row in rows}
    return DrilldownRow(
        rows[0].day,
        lecture=title,
        series=None if rows[0].series_id is None else asked.names.label("series", rows[0].series_id),
        country=asked.names.label("country", rows[0].country_id) if len(countries) == 1 else None,
        attendances=sum(row.attendances for row in rows),
        is_older=True,
    )


# Attendances


def _attendances(asked: _Asked) -> _Listed:
    return _credits(asked).then(_before(asked, {row.id: [row] for row in _attendances_before(asked)}))


def _attendances_before(asked: _Asked) -> list[Balance]:
    return [row for row in asked.balances.rows if row.attendances]


def _credits(asked: _Asked) -> _Listed:
    """Person by person of each lecture. Where those of one lecture stay together, only the lectures of a page are
    opened."""
    lectures = [one for one in asked.lectures() if one.id in asked.sums]
    by_lecture = asked.wanted.sort in _BY_LECTURE
    if by_lecture:
        lectures = _in_order_of_lectures(asked, lectures)
    if by_lecture and asked.people is None:
        return _lecture_by_lecture(asked, lectures)
    columns = asked.found(
        asked.selection.columns(asked.selection.facts.attendances, "person", "country", "traits", "ms")
    )
    place = _by_id({one.id: number for number, one in enumerate(lectures)})[columns["owner"]]
    key = None if by_lecture else _key_of_credits(asked, columns)
    columns = asked.arranged(columns, key, place, columns["person"])

    def between(start: int, end: int) -> list[DrilldownRow]:
        return _rows_of_credits(asked, {name: column[start:end] for name, column in columns.items()})

    return _Listed(len(columns["owner"]), between)


def _in_order_of_lectures(asked: _Asked, lectures: Sequence[HeldLecture]) -> list[HeldLecture]:
    titles = _titles(one.id for one in lectures) if asked.wanted.sort == "lecture" else {}
    return asked.in_order(
        lectures,
        {
            "day": lambda one: (one.day, one.id),
            "lecture": lambda one: sort_key(titles[one.id]),
            "series": lambda one: sort_key(asked.names.label("series", one.series_id)),
        },
    )


def _lecture_by_lecture(asked: _Asked, lectures: Sequence[HeldLecture]) -> _Listed:
    ends = list(accumulate(asked.sums[one.id][0] for one in lectures))

    def between(start: int, end: int) -> list[DrilldownRow]:
        found: list[DrilldownRow] = []
        for held, last in zip(lectures, ends, strict=True):
            first = last - asked.sums[held.id][0]
            if last <= start or first >= end:
                continue
            columns = asked.selection.of_lecture(held.id)
            here = {name: column[max(start - first, 0) : end - first] for name, column in columns.items()}
            here["owner"] = np.full(len(here["person"]), held.id)
            found += _rows_of_credits(asked, here)
        return found

    return _Listed(ends[-1] if ends else 0, between)


def _key_of_credits(asked: _Asked, columns: Columns) -> Numbers:
    """The number that attendances are sorted by."""
    sort = asked.wanted.sort
    if sort == "minutes":
        return columns["ms"].astype(np.int64)
    if sort == "source":
        words = [sort_key(asked.names.label("source", source_of(traits))) for traits in range(TRAITS)]
        order = {word: place for place, word in enumerate(sorted(set(words)))}
        return np.array([order[word] for word in words], np.int64)[columns["traits"]]
    return _key_of_people(asked, columns)


def _key_of_people(asked: _Asked, columns: Columns) -> Numbers:
    """The place of each row's country, or of its person, by name."""
    if asked.wanted.sort == "country":
        return asked.places("country", asked.names.countries)[columns["country"]]
    query = select(Person.id).where(among(Person.id, np.unique(columns["person"]).tolist()))
    ids = read_column(query.order_by(Person.sort_name, Person.id))
    return _by_id({id_: place for place, id_ in enumerate(ids)})[columns["person"]]


def _rows_of_credits(asked: _Asked, columns: Columns) -> list[DrilldownRow]:
    listed = {name: column.tolist() for name, column in columns.items()}
    known, titles = _known(listed["person"]), _titles(set(listed["owner"]))
    lectures, names = asked.selection.facts.lectures, asked.names
    rows = zip(*(listed[name] for name in ("owner", "person", "country", "traits", "ms")), strict=True)
    return [
        DrilldownRow(
            lectures[owner].day, owner, titles[owner], names.label("series", lectures[owner].series_id),
            known[person][1], known[person][0], names.label("country", country or None),
            source=names.label("source", source_of(traits)), ms=ms,
        )
        for owner, person, country, traits, ms in rows
    ]  # fmt: skip


def _known(people: Iterable[int]) -> dict[int, tuple[str, str | None]]:
    """Public id and name of each person; no name for deleted people."""
    query = select(Person.id, Person.public_id, Person.full_name, Person.erased_at)
    rows = read(query.where(among(Person.id, set(people))))
    return {id_: (public_id, None if erased_at else name) for id_, public_id, name, erased_at in rows}


# Countries


def _countries(asked: _Asked) -> _Listed:
    """Each country with somebody of it."""
    rows = [row for row in _country_rows(asked) if asked.finds(row.country or "")]
    partner = asked.wanted.filters.get(OF_PARTNER)
    if partner is not None:
        codes = _partner_codes(asked)
        rows = [row for row in rows if (row.country_code in codes) is (partner == "true")]
    rows = asked.in_order(
        rows,
        {
            "country": lambda row: sort_key(row.country or ""),
            "participants": lambda row: row.participants or 0,
            "attendances": lambda row: row.attendances or 0,
            "contact_hours": lambda row: row.ms or 0,
        },
    )
    return _Listed(len(rows), lambda start, end: rows[start:end])


def _country_rows(asked: _Asked) -> list[DrilldownRow]:
    """The countries that the figure counts, by name."""
    parts = count(asked.selection.facts, asked.selection.filters, ("country",))
    older: Counter[int | None] = Counter()
    for row in asked.balances.rows:
        older[row.country_id] += row.attendances
    rows = []
    for country in {key[0] for key, part in parts.items() if part.attendances} | {id_ for id_ in older if older[id_]}:
        if not isinstance(country, int):
            continue
        part = parts.get((country,), Part())
        rows.append(
            DrilldownRow(
                country=asked.names.label("country", country),
                country_code=asked.names.key("country", country),
                participants=len(part.people),
                attendances=part.attendances + older.get(country, 0),
                ms=part.ms,
                is_older=not part.attendances,
            )
        )
    return sorted(rows, key=lambda row: sort_key(row.country or ""))


def _partner_codes(asked: _Asked) -> set[str | None]:
    return {asked.names.key("country", country) for country in asked.today}


def _partner_countries(asked: _Asked) -> _Listed:
    return _countries(replace(asked, wanted=replace(asked.wanted, filters={OF_PARTNER: "true"})))


# Registrations and certificates


def _registrations(asked: _Asked) -> _Listed:
    return _series_rows(asked, asked.selection.facts.registrations)


def _certificates(asked: _Asked) -> _Listed:
    return _series_rows(asked, asked.selection.facts.certificates, _completions())


def _completions() -> Numbers:
    """The ids of all awards of a completion."""
    return np.array(read_column(select(Award.id).where(Award.kind == CertificateKind.COMPLETION)), np.int64)


def _series_rows(asked: _Asked, parts: Sequence[FactsPart], completions: Numbers | None = None) -> _Listed:
    """Registrations or awards; those that are alike with the highest id first."""
    columns = asked.found(asked.selection.columns(parts, "id", "person", "country", "day"))
    if completions is not None:
        columns["completion"] = np.isin(columns["id"], completions)
        kind = asked.wanted.filters.get(OF_KIND)
        if kind is not None:
            rows = np.flatnonzero(columns["completion"] == (kind == CertificateKind.COMPLETION))
            columns = {name: column[rows] for name, column in columns.items()}
    columns = asked.arranged(columns, _key_of_series_rows(asked, columns), -columns["id"].astype(np.int64))

    def between(start: int, end: int) -> list[DrilldownRow]:
        some = {name: column[start:end].tolist() for name, column in columns.items()}
        known = _known(some["person"])
        kinds = [_kind(one) for one in some["completion"]] if completions is not None else [None] * len(some["id"])
        rows = zip(some["owner"], some["person"], some["country"], some["day"], kinds, strict=True)
        return [
            DrilldownRow(
                date.fromordinal(day), series=asked.names.label("series", series), person=known[person][1],
                person_id=known[person][0], country=asked.names.label("country", country or None), kind=kind,
            )
            for series, person, country, day, kind in rows
        ]  # fmt: skip

    return _Listed(len(columns["id"]), between)


def _kind(is_completion: bool) -> str:
    return CertificateKind.COMPLETION if is_completion else CertificateKind.PARTICIPATION


def _key_of_series_rows(asked: _Asked, columns: Columns) -> Numbers:
    sort = asked.wanted.sort
    if sort == "series":
        return asked.places("series", asked.names.series)[columns["owner"]]
    if sort == "kind":
        return -columns["completion"].astype(np.int64)
    return columns["day"].astype(np.int64) if sort == "day" else _key_of_people(asked, columns)


KINDS: Final[Mapping[str, Callable[[_Asked], _Listed]]] = {
    "sessions": _sessions,
    "attendances": _attendances,
    "contact_hours": _credits,
    "countries": _countries,
    "partner_countries": _partner_countries,
    "registrations": _registrations,
    "certificates": _certificates,
}
"""What the figures open to; participants open to people (see `opening`)."""
