"""What a question counts: a period, and for some dimensions the values that are wanted. No database, no clock."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Final

PEOPLE: Final = frozenset({"country", "region", "partner", "sector", "gender", "source"})
"""The dimensions in which the people of one lecture differ."""

Values = frozenset[Hashable]


@dataclass(frozen=True)
class Filters:
    """Days, both included, and by dimension the inner values that are counted; None among them is *not stated*."""

    from_day: date | None = None
    to_day: date | None = None
    among: Mapping[str, Values] = field(default_factory=dict)

    @property
    def by_people(self) -> bool:
        """Whether people are filtered, so that only sessions with one of them count."""
        return not PEOPLE.isdisjoint(self.among)

    def narrowed(self, keys: Mapping[str, Hashable]) -> Filters:
        """The same of one group; `keys` has the inner key of each dimension that the group is of."""
        among = dict(self.among)
        for name, value in keys.items():
            values = frozenset({value})
            among[name] = values & among.get(name, values)
        return replace(self, among=among)
