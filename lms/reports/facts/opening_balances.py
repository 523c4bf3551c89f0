"""Opening balances, counted: sessions from before the system, as aggregates (lecture, day, country, attendances).

They add to sessions, attendances and countries, wherever they have the key: period, series, country, region, partner,
year, month. They have no sector, gender, source or language, and are in no slice and no group by these. Of people they
have a declared number a set, which is added to nothing: it is shown apart, where the whole set is in the slice. No
database, no clock.
"""

from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from lms.reports.facts.counting import Part
from lms.reports.rules import FEWEST, Declared, Key, Opening, Slice

WITHOUT = frozenset({"sector", "gender", "source", "language"})
"""What opening balances do not have: dimensions and filters they are never in."""


@dataclass(frozen=True)
class Row:
    """The attendances of one country in one session. `session` is below 0, so that it is no lecture's id."""

    id: int
    session: int
    set_id: int
    day: date
    series_id: int | None
    country_id: int | None
    region: str | None
    is_partner: bool
    attendances: int


@dataclass
class Balances:
    """The opening balances of a slice. `whole` has the total number of rows of each set."""

    rows: list[Row] = field(default_factory=list)
    sets: Mapping[int, Declared] = field(default_factory=dict)
    whole: Mapping[int, int] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.rows)

    def within(self, slice_: Slice, *, series_id: int | None, countries: Collection[int | None] | None) -> "Balances":
        """Those of a slice whose series and countries are resolved."""
        if WITHOUT.intersection(slice_.filters):
            return Balances(sets=self.sets, whole=self.whole)
        first, last = slice_.from_day or date.min, slice_.to_day or date.max
        rows = [
            row
            for row in self.rows
            if first <= row.day <= last
            and series_id in (None, row.series_id)
            and (countries is None or row.country_id in countries)
            and slice_.partner in (None, row.is_partner)
        ]
        return Balances(rows, self.sets, self.whole)

    def opening(self, known: Collection[int | None] = ()) -> Opening:
        """The label of these rows; `known` are the countries that the system itself has in the slice."""
        countries = {row.country_id for row in self.rows if row.attendances} - {None}
        counts: dict[int, int] = {}
        for row in self.rows:
            counts[row.set_id] = counts.get(row.set_id, 0) + 1
        return Opening(
            sessions=len({row.session for row in self.rows}),
            attendances=sum(row.attendances for row in self.rows),
            countries=len(countries),
            countries_added=len(countries.difference(known)),
            declared=tuple(self.sets[id_] for id_, rows in sorted(counts.items()) if rows == self.whole[id_]),
        )

    def groups(self, dimensions: Sequence[str]) -> "dict[Key, Balances]":
        """Groups by these dimensions; none by a dimension that they lack."""
        groups: dict[Key, Balances] = {}
        if WITHOUT.intersection(dimensions):
            return groups
        for row in self.rows:
            key = tuple(_value(row, name) for name in dimensions)
            groups.setdefault(key, Balances([], self.sets, self.whole)).rows.append(row)
        return groups

    def add_to(self, part: Part) -> None:
        """Adds these rows to what was counted from the system itself."""
        part.lectures |= {row.session for row in self.rows}
        part.countries |= {row.country_id for row in self.rows if row.attendances}
        part.attendances += sum(row.attendances for row in self.rows)

    def is_large(self) -> bool:
        """Whether these are surely of five people or more: nobody attends one lecture twice."""
        by_session: dict[int, int] = {}
        for row in self.rows:
            by_session[row.session] = by_session.get(row.session, 0) + row.attendances
        return max(by_session.values(), default=0) >= FEWEST


def add(parts: dict[Key, Part], balances: Balances, dimensions: Sequence[str]) -> dict[Key, Opening]:
    """Adds opening balances to what was counted by these dimensions; returns the note of each group."""
    notes: dict[Key, Opening] = {}
    for key, group in balances.groups(dimensions).items():
        part = parts.setdefault(key, Part())
        notes[key] = group.opening(part.countries)
        group.add_to(part)
    return notes


def _value(row: Row, name: str) -> Hashable:
    if name == "country":
        return row.country_id
    if name == "series":
        return row.series_id
    if name == "region":
        return row.region
    if name == "partner":
        return row.is_partner
    return row.day.isoformat()[:7] if name == "month" else row.day.isoformat()[:4]


def sessions_of(keys: Iterable[tuple[int, date, str]]) -> dict[tuple[date, str], int]:
    """A number below 0 for each session, from (row id, day, title without case) of all rows."""
    first: dict[tuple[date, str], int] = {}
    for id_, day, title in keys:
        first[day, title] = min(id_, first.get((day, title), id_))
    return {session: -id_ for session, id_ in first.items()}
