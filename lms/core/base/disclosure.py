"""Disclosure of figures of people: which can be shown, and when one that was shown may be replaced.

A figure has members: pairs of a record of a person and a version of what they said. Who reads it twice knows the
difference of the two; so a newer figure takes the place of those before only where it differs from each of them by
nobody, or by five people or more (`FigureHistory`). No database, no clock.
"""

from collections import Counter
from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from typing import Any, Final, TypeVar

FEWEST: Final = 5
"""Smaller groups of people are not shown."""

K = TypeVar("K", bound=Hashable)

Member = tuple[int, str | int]
"""A record of a person, and a version of what they said."""


def shown_groups(sizes: Mapping[K, int], never: Collection[K] = ()) -> set[K]:
    """The groups that can be shown beside their total: none is below five, nor is what remains of the total.

    Where what is left out has fewer than five people together, the smallest of the other groups is left out too.
    `never` are groups that are left out for another reason.
    """
    shown = {key for key, size in sizes.items() if size >= FEWEST and key not in never}
    hidden = [size for key, size in sizes.items() if key not in shown and size]
    rest = sorted(shown, key=lambda key: (sizes[key], str(key)))
    while hidden and (sum(hidden) < FEWEST or len(hidden) < 2) and rest:
        smallest = rest.pop(0)
        hidden.append(sizes[smallest])
        shown.discard(smallest)
    return shown


class MemberIndex:
    """Members by place, so that a set of them is one number: bit n stands for the member at place n."""

    def __init__(self, members: Iterable[Sequence[Any]] = ()) -> None:
        self.members: list[Member] = [(record, version) for record, version in members]
        self._places = {member: place for place, member in enumerate(self.members)}

    def mask(self, members: Iterable[Member]) -> int:
        """A set of members, which get a place where they have none."""
        mask = 0
        for member in members:
            place = self._places.setdefault(member, len(self.members))
            if place == len(self.members):
                self.members.append(member)
            mask |= 1 << place
        return mask

    def of(self, mask: int) -> list[Member]:
        """The members of a set."""
        return [self.members[place] for place in places_in(mask)]

    def people(self, person_of: Mapping[int, int]) -> "MemberPeople":
        """The people of the members; `person_of` says which person each record belongs to now."""
        return MemberPeople([person_of.get(record, record) for record, _version in self.members])


class MemberPeople:
    """The people behind sets of members."""

    def __init__(self, who: Sequence[int]) -> None:
        self._who = who
        self._most = max(Counter(who).values(), default=1)

    def are_enough(self, mask: int) -> bool:
        """Whether a set has five different people or more."""
        if mask.bit_count() > self._most * (FEWEST - 1):
            return True
        return mask.bit_count() >= FEWEST and len({self._who[place] for place in places_in(mask)}) >= FEWEST

    def are_none_or_enough(self, mask: int) -> bool:
        """Whether a set has nobody, or five different people or more."""
        return not mask or self.are_enough(mask)

    def number(self, mask: int) -> int:
        """How many different people a set has."""
        return len({self._who[place] for place in places_in(mask)})


def places_in(mask: int) -> list[int]:
    """The places of the members of a set."""
    places = []
    while mask:
        lowest = mask & -mask
        places.append(lowest.bit_length() - 1)
        mask ^= lowest
    return places


class FigureHistory:
    """The history of one figure: its members, and each set of them that was shown before.

    `steps` are the differences from nobody to the first set, and from each set to the one after it. A figure that is
    not shown any more keeps what it showed, so that it is compared with that when it would be shown again.
    """

    def __init__(self, stored: Mapping[str, Any] | None = None) -> None:
        given = stored or {}
        self._index = MemberIndex(given.get("members", ()))
        self._steps: list[list[int]] = [list(step) for step in given.get("steps", ())]
        self.is_shown = bool(given.get("is_shown"))

    def as_json(self) -> dict[str, Any]:
        """The history as it is stored."""
        return {
            "members": [list(member) for member in self._index.members],
            "steps": [list(step) for step in self._steps],
            "is_shown": self.is_shown,
        }

    @property
    def shown(self) -> list[Member]:
        """The members that are shown; none where nothing is."""
        return self._index.of(self._sets()[-1]) if self.is_shown else []

    def history(self) -> list[list[Member]]:
        """Every set of members that was ever shown, the last one at the end."""
        return [self._index.of(mask) for mask in self._sets()]

    def _sets(self) -> list[int]:
        sets, mask = [], 0
        for step in self._steps:
            for place in step:
                mask ^= 1 << place
            sets.append(mask)
        return sets

    def take_out(self, members: Collection[Member]) -> None:
        """Shows the figure without some of its members at once."""
        before = self._sets()[-1] if self._steps else 0
        taken = self._index.mask(members) & before
        if taken:
            self._steps.append(places_in(taken))
            self.is_shown = self.is_shown and taken != before

    def renew(self, fresh: Collection[Member], person_of: Mapping[int, int]) -> bool:
        """Shows these members in place of those before, where the difference is of five people or more; returns whether
        something else is shown now. Below five members' people, the figure is shown no more, by the same rule."""
        index = MemberIndex(self._index.members)
        mask, sets = index.mask(fresh), self._sets()
        people = index.people(person_of)
        last = sets[-1] if sets else 0
        if not people.are_enough(mask):
            if self.is_shown and people.are_enough(last ^ mask):
                self.is_shown = False
                return True
            return False
        if any(not people.are_none_or_enough(before ^ mask) for before in sets):
            return False
        if mask == last and self.is_shown:
            return False
        if mask != last:
            self._index = index
            self._steps.append(places_in(last ^ mask))
        self.is_shown = True
        return True
