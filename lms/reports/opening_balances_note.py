"""The note next to figures that include opening balances (see `reports.opening_balances`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Declared:
    """A set of opening balances: its name, and how many different people it is declared to be of."""

    name: str
    participants: int | None


@dataclass(frozen=True)
class Opening:
    """The contribution of opening balances to a slice, for the note next to its figures.

    `countries_added` are countries with no other attendance; `declared` are the sets that are entirely in the slice.
    """

    sessions: int = 0
    attendances: int = 0
    countries: int = 0
    countries_added: int = 0
    declared: tuple[Declared, ...] = ()

    @property
    def declared_participants(self) -> int | None:
        """The declared people of all sets entirely in the slice, or None if nothing is declared.

        A person in two sets counts twice: these figures are declared, not counted.
        """
        known = [one.participants for one in self.declared if one.participants is not None]
        return sum(known) if known else None

    def as_json(self) -> dict[str, Any]:
        """Serializes opening balances for the API."""
        return {
            "sessions": self.sessions,
            "attendances": self.attendances,
            "countries": self.countries,
            "countries_added": self.countries_added,
            "declared_participants": self.declared_participants,
        }

    @classmethod
    def of_json(cls, payload: Mapping[str, Any] | None) -> Opening | None:
        """Deserializes the result of `as_json`, without the names of sets. None for None."""
        if payload is None:
            return None
        people = payload["declared_participants"]
        declared = () if people is None else (Declared("", people),)
        return cls(
            payload["sessions"], payload["attendances"], payload["countries"], payload["countries_added"], declared
        )
