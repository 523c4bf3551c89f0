"""Opens a figure to its rows, a page at a time: their number, or sum, is the figure.

The filters are narrowed to the group first; whatever is counted or listed then is of that group and nothing else. Each
row says where it stands (`cursor`): the next page begins behind it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from itertools import islice
from typing import Any, Final

import numpy as np
from sqlalchemy import String, select, type_coerce

from lms.attendance.facts import source_of
from lms.catalogue.models import Lecture
from lms.certificates.models import Award
from lms.core import clock
from lms.core.db import db
from lms.core.errors import Forbidden, Invalid
from lms.core.i18n import _
from lms.core.roles import Actor
from lms.people.models import Person
from lms.reports.facts.counting import Part, count
from lms.reports.facts.segments import Part as FactsPart
from lms.reports.facts.selection import HeldLecture, Selection
from lms.reports.models import OpeningRow
from lms.reports.opening_balances.counting import Balances
from lms.reports.opening_balances.counting import Row as Balance
from lms.reports.queries.facts import load
from lms.reports.queries.labels import Names, read_names
from lms.reports.queries.opening_balances import read_balances
from lms.reports.queries.scope import Partners, Scope
from lms.reports.rules import Figures, Slice

OLDER: Final = "b"
"""Prefix of the cursor of a row of opening balances, which come last."""


_SERIES_ROW = ("id", "owner", "person", "country", "day")


@dataclass(frozen=True)
class DrilldownRow:
    """One row behind a figure. A None field does not apply to its kind.

    Names are current, in words. `lecture_id` is None for rows from before this system.
    """

    cursor: str
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


_SERIES_ROW = ("id", "owner", "person", "country", "day")


@dataclass(frozen=True)
class DrilldownRows:
    """A page of the rows behind a figure. `figures` are those of the slice and group, `older` is how many of them are
    attendances from before the system, `following` the cursor of the next page."""

    figure: str
    figures: Figures
    older: int
    labels: list[str]
    rows: list[DrilldownRow]
    following: str | None


@dataclass(frozen=True)
class _Asked:
    selection: Selection
    balances: Balances
    names: Names
    today: frozenset[int]
    """The partner countries of the report's date."""
    sums: Mapping[int, tuple[int, int]]
    """(attendances, milliseconds) by lecture."""

    def lectures(self) -> list[HeldLecture]:
        """The sessions that the figure counts, newest first."""
        is_counted = self.sums if self.selection.filters.by_people else self.selection.facts.lectures
        held = [one for one in self.selection.lectures() if one.id in is_counted]
        return sorted(held, key=_where, reverse=True)


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
    by: Actor,
    at: datetime,
    locale: str,
    limit: int,
    cursor: str | None,
) -> DrilldownRows:
    """The rows behind a figure (see `KINDS`), in a scope and in the group given by `keys`.

    Raises Forbidden (see `check_may_open`), and Invalid for an invalid cursor.
    """
    check_may_open(scope, by=by)
    names = read_names(locale)
    inner = {name: names.inner(name, key) for name, key in keys.items()}
    partners = Partners()
    balances = read_balances(partners).within(asked, series_id=scope.series_id, countries=scope.countries)
    grouped = balances.groups(tuple(inner)).get(tuple(inner.values()), Balances())
    today = partners.on(clock.day_of(at, scope.zone))
    selection = Selection(load(scope, partners), scope.filters.narrowed(inner))
    one = _Asked(selection, grouped, names, today, selection.sums())
    part = count(selection.facts, selection.filters)[()]
    part.lectures |= {row.session for row in grouped.rows}
    part.countries |= {row.country_id for row in grouped.rows if row.attendances}
    older = sum(row.attendances for row in grouped.rows)
    part.attendances += older
    try:
        found = list(islice(KINDS[figure](one, cursor), limit + 1))
    except ValueError as error:
        raise Invalid("after", _("This position is not in the list.")) from error
    figures = part.figures(today)
    has_any = bool(found) or cursor is not None
    labels = [names.label(name, value) for name, value in inner.items()] if has_any else []
    following = found[limit - 1].cursor if len(found) > limit else None
    return DrilldownRows(figure, figures, older, labels, found[:limit], following)


def _older_than(cursor: str | None) -> int | None:
    """Behind which row of opening balances to begin; None where rows of the system come first."""
    return int(cursor[1:]) if cursor is not None and cursor.startswith(OLDER) else None


def _place(cursor: str | None, parts: int) -> tuple[int, ...] | None:
    """The numbers in a cursor. Raises ValueError for an invalid one."""
    if cursor is None:
        return None
    found = tuple(int(part) for part in cursor.split("."))
    if len(found) != parts:
        raise ValueError(cursor)
    return found


def _sessions(asked: _Asked, cursor: str | None) -> Iterator[DrilldownRow]:
    if _older_than(cursor) is None:
        after = _place(cursor, 2)
        for some in _by(50, [one for one in asked.lectures() if after is None or _where(one) < after]):
            titles = _titles(some)
            for held in some:
                attendances, ms = asked.sums.get(held.id, (0, 0))
                yield DrilldownRow(
                    ".".join(map(str, _where(held))), held.day, held.id, titles[held.id],
                    asked.names.label("series", held.series_id), attendances=attendances, ms=ms,
                )  # fmt: skip
    sessions: dict[int, list[Balance]] = {}
    for row in asked.balances.rows:
        sessions.setdefault(-row.session, []).append(row)
    yield from _older(asked, sessions, cursor)


def _where(held: HeldLecture) -> tuple[int, int]:
    return held.day.toordinal(), held.id


def _by(size: int, found: Sequence[HeldLecture]) -> Iterator[Sequence[HeldLecture]]:
    for start in range(0, len(found), size):
        yield found[start : start + size]


def _titles(held: Sequence[HeldLecture]) -> dict[int, str]:
    query = select(Lecture.id, Lecture.title).where(Lecture.id.in_([one.id for one in held]))
    return dict(db.session.execute(query).all())


def _older(asked: _Asked, found: Mapping[int, Sequence[Balance]], cursor: str | None) -> Iterator[DrilldownRow]:
    """Aggregates from before the system, by the id of their (first) row."""
    after = _older_than(cursor) or 0
    numbers = sorted(number for number in found if number > after)
    titles = {}
    if numbers:
        title = select(OpeningRow.id, OpeningRow.title).where(OpeningRow.id.in_(numbers[:1000]))
        titles = dict(db.session.execute(title).all())
    for number in numbers[:1000]:
        rows = found[number]
        countries = {row.country_id for row in rows}
        yield DrilldownRow(
            f"{OLDER}{number}",
            rows[0].day,
            lecture=titles[number],
            series=None if rows[0].series_id is None else asked.names.label("series", rows[0].series_id),
            country=asked.names.label("country", rows[0].country_id) if len(countries) == 1 else None,
            attendances=sum(row.attendances for row in rows),
            is_older=True,
        )


def _attendances(asked: _Asked, cursor: str | None) -> Iterator[DrilldownRow]:
    yield from _credits(asked, cursor)
    yield from _older(asked, {row.id: [row] for row in asked.balances.rows if row.attendances}, cursor)


def _credits(asked: _Asked, cursor: str | None) -> Iterator[DrilldownRow]:
    """Person by person of each lecture, from the rows."""
    if _older_than(cursor) is not None:
        return
    after = _place(cursor, 3)
    for held in asked.lectures():
        if held.id not in asked.sums or (after is not None and _where(held) > after[:2]):
            continue
        columns = {name: column.tolist() for name, column in asked.selection.of_lecture(held.id).items()}
        rows = list(zip(columns["person"], columns["country"], columns["traits"], columns["ms"], strict=True))
        if after is not None and _where(held) == after[:2]:
            rows = rows[bisect_right(columns["person"], after[2]) :]
        for start in range(0, len(rows), 50):
            some = rows[start : start + 50]
            known, titles = _known([row[0] for row in some]), _titles([held])
            for person, country, traits, ms in some:
                public_id, name = known[person]
                yield DrilldownRow(
                    ".".join(map(str, (*_where(held), person))), held.day, held.id, titles[held.id],
                    asked.names.label("series", held.series_id), name, public_id,
                    asked.names.label("country", country or None),
                    source=asked.names.label("source", source_of(traits)), ms=ms,
                )  # fmt: skip


def _known(people: Any) -> dict[int, tuple[str, str | None]]:
    """Public id and name of each person; no name for deleted people."""
    query = select(Person.id, Person.public_id, Person.full_name, Person.erased_at).where(Person.id.in_(list(people)))
    return {
        id_: (public_id, None if erased_at else name) for id_, public_id, name, erased_at in db.session.execute(query)
    }


def _countries(asked: _Asked, cursor: str | None) -> Iterator[DrilldownRow]:
    """Each country with somebody of it, those with most participants first; the cursor is the place in the list."""
    after = _place(cursor, 1) or (0,)
    parts = count(asked.selection.facts, asked.selection.filters, ("country",))
    older: dict[int | None, int] = {}
    for row in asked.balances.rows:
        older[row.country_id] = older.get(row.country_id, 0) + row.attendances
    rows = []
    for country in {key[0] for key, part in parts.items() if part.attendances} | {id_ for id_ in older if older[id_]}:
        if not isinstance(country, int):
            continue
        part = parts.get((country,), Part())
        rows.append(
            DrilldownRow(
                "",
                country=asked.names.label("country", country),
                country_code=asked.names.key("country", country),
                participants=len(part.people),
                attendances=part.attendances + older.get(country, 0),
                ms=part.ms,
                is_older=not part.attendances,
            )
        )
    rows.sort(key=lambda row: (-(row.participants or 0), row.country or ""))
    for place, one in enumerate(rows[after[0] :], after[0] + 1):
        yield replace(one, cursor=str(place))


def _partner_countries(asked: _Asked, cursor: str | None) -> Iterator[DrilldownRow]:
    codes = {asked.names.key("country", country) for country in asked.today}
    return (row for row in _countries(asked, cursor) if row.country_code in codes)


def _registrations(asked: _Asked, cursor: str | None) -> Iterator[DrilldownRow]:
    yield from _series_rows(asked, asked.selection.facts.registrations, cursor)


def _certificates(asked: _Asked, cursor: str | None) -> Iterator[DrilldownRow]:
    yield from _series_rows(asked, asked.selection.facts.certificates, cursor, with_kinds=True)


def _series_rows(
    asked: _Asked, parts: Sequence[FactsPart], cursor: str | None, *, with_kinds: bool = False
) -> Iterator[DrilldownRow]:
    """Registrations or awards, those with the highest id first."""
    after = _place(cursor, 1)
    columns = asked.selection.columns(parts, "id", "person", "country", "day")
    order = np.argsort(columns["id"])[::-1]
    if after is not None:
        order = order[columns["id"][order] < after[0]]
    for start in range(0, len(order), 50):
        some = {name: column[order[start : start + 50]].tolist() for name, column in columns.items()}
        known = _known(some["person"])
        kinds = _kinds(some["id"]) if with_kinds else {}
        for id_, series, person, country, day in zip(*(some[name] for name in _SERIES_ROW), strict=True):
            public_id, name = known[person]
            yield DrilldownRow(
                str(id_), date.fromordinal(day), series=asked.names.label("series", series), person=name,
                person_id=public_id, country=asked.names.label("country", country or None), kind=kinds.get(id_),
            )  # fmt: skip


def _kinds(award_ids: Sequence[int]) -> dict[int, str]:
    query = select(Award.id, type_coerce(Award.kind, String)).where(Award.id.in_(award_ids))
    return dict(db.session.execute(query).all())


KINDS: Final[Mapping[str, Callable[[_Asked, str | None], Iterator[DrilldownRow]]]] = {
    "sessions": _sessions,
    "attendances": _attendances,
    "contact_hours": _credits,
    "countries": _countries,
    "partner_countries": _partner_countries,
    "registrations": _registrations,
    "certificates": _certificates,
}
"""What the figures open to; participants open to people (see `opening`)."""
