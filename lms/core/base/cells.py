"""The groups of people that are shown beside a figure, such as its countries: each by the rule of `disclosure`.

A *cell* is the part of a figure's members with one value of an attribute. Cells of all attributes, sums of them and
the figure itself are read beside each other and again later; so each is nobody, or five people or more, away from
each other one that was ever shown, and what the cells of an attribute leave of the figure is nobody or five people
too. No database, no clock.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

from lms.core.base.disclosure import Member, MemberIndex, MemberPeople

SHARE: Final = 4
"""While answers come, cells are made again only when this part of the figure, one in four, is new: so few pictures are
kept."""

Values = Mapping[str, Mapping[Member, str]]
"""By attribute the value of each member; an empty one where it is not stated."""
Groups = Mapping[str, Collection[str]]
"""To which sums each value belongs."""
Sums = Mapping[str, tuple[str, Groups]]
"""Sums of cells by name: the attribute that they are sums of, and their groups."""
Masks = dict[str, dict[str, int]]


class Cells:
    """The cells of one figure: those that are shown, and every set that ever was."""

    def __init__(self, stored: Mapping[str, Any] | None = None) -> None:
        given = stored or {}
        self._index = MemberIndex(given.get("members", ()))
        self._total = int(given.get("total", "0"), 16)
        self._counted = int(given.get("counted", "0"), 16)
        self._known = {int(mask, 16) for mask in given.get("known", ())}
        self._rests = {name: {int(mask, 16) for mask in masks} for name, masks in given.get("rests", {}).items()}
        self._cells = _from_json(given.get("cells", {}))
        self._sums = _from_json(given.get("sums", {}))

    def as_json(self) -> dict[str, Any]:
        """The cells as they are stored."""
        return {
            "members": [list(member) for member in self._index.members],
            "total": f"{self._total:x}",
            "counted": f"{self._counted:x}",
            "known": sorted(f"{mask:x}" for mask in self._known),
            "rests": {name: sorted(f"{mask:x}" for mask in masks) for name, masks in self._rests.items()},
            "cells": _to_json(self._cells),
            "sums": _to_json(self._sums),
        }

    @property
    def records(self) -> set[int]:
        """The records of all members that there ever were."""
        return {record for record, _version in self._index.members}

    def shown(self) -> dict[str, dict[str, list[Member]]]:
        """By attribute, and by name of sums, the members of each value that is shown."""
        return {
            name: {value: self._index.of(mask) for value, mask in masks.items()}
            for name, masks in (*self._cells.items(), *self._sums.items())
        }

    def conflicts(self, total: Iterable[Member], person_of: Mapping[int, int]) -> bool:
        """Whether the figure with these members would give away fewer than five people beside what was shown."""
        index = MemberIndex(self._index.members)
        mask = index.mask(total)
        people = index.people(person_of)
        return any(not people.are_none_or_enough(mask ^ known) for known in self._known)

    def renew(
        self,
        total: Collection[Member],
        values: Values,
        sums: Sums,
        person_of: Mapping[int, int],
        *,
        history: Iterable[Iterable[Member]] = (),
        is_over: bool,
    ) -> bool:
        """Makes the cells of a figure with these members, where they are due; returns whether others are shown now.

        `history`: what the figure has shown before, and other sets that readers know. `is_over`: no more answers are
        expected.
        """
        before = self.shown()
        mask = self._index.mask(total)
        self._known.update(map(self._index.mask, history))
        self._known.add(mask)
        people = self._index.people(person_of)
        rests = {name: self._total ^ _union(cells) for name, cells in self._cells.items() if cells}
        for name, rest in rests.items():
            self._rests.setdefault(name, set()).add(rest)
        fresh = {name: self._grouped(mask, of_members) for name, of_members in values.items()}
        self._total = mask
        if self._is_due(fresh, people, is_over=is_over) or not self._is_sound(people):
            self._make(fresh, sums, people)
            self._counted = mask
        return self.shown() != before

    def _grouped(self, total: int, of_members: Mapping[Member, str]) -> dict[str, int]:
        grouped: dict[str, int] = {}
        for place, member in enumerate(self._index.members):
            if total >> place & 1:
                value = of_members.get(member, "")
                grouped[value] = grouped.get(value, 0) | 1 << place
        return grouped

    def _is_due(self, fresh: Masks, people: MemberPeople, *, is_over: bool) -> bool:
        grown = self._total ^ self._counted
        if people.are_enough(grown) and (is_over or people.number(grown) * SHARE >= people.number(self._total)):
            return True
        moved = 0
        for name, cells in self._cells.items():
            for value, mask in cells.items():
                moved |= (mask ^ fresh.get(name, {}).get(value, 0)) & self._counted & self._total
        return people.are_enough(moved)

    def _is_sound(self, people: MemberPeople) -> bool:
        """Whether the cells can stay beside the figure as it is now."""
        for cells in self._cells.values():
            rest = self._total ^ _union(cells)
            if cells and not people.are_none_or_enough(rest):
                return False
            if not all(people.are_enough(mask & self._total) for mask in cells.values()):
                return False
        return True

    def _make(self, fresh: Masks, sums: Sums, people: MemberPeople) -> None:
        """Chooses the cells, the largest first: as they are now, else as they were shown before, else not at all."""
        taken: Masks = {name: {} for name in fresh}
        known = set(self._known)
        order = sorted(
            ((name, value) for name, cells in fresh.items() for value in {*cells, *self._cells.get(name, {})}),
            key=lambda cell: (-fresh[cell[0]].get(cell[1], 0).bit_count(), cell),
        )
        for name, value in order:
            for mask in (fresh[name].get(value, 0), self._cells.get(name, {}).get(value, 0)):
                is_free = not mask & _union(taken[name])
                if is_free and people.are_enough(mask & self._total) and _is_apart(mask, known, people):
                    taken[name][value] = mask
                    known.add(mask)
                    break
        for name in taken:
            self._leave_enough(name, taken, people)
        self._cells = taken
        self._known.update(mask for cells in taken.values() for mask in cells.values())
        self._sums = {name: self._summed(taken[of], groups, people) for name, (of, groups) in sums.items()}

    def _leave_enough(self, name: str, taken: Masks, people: MemberPeople) -> None:
        """Takes out the smallest cells of an attribute until the others leave nobody, or five people."""
        cells, before = taken[name], self._rests.setdefault(name, set())
        while cells:
            rest = self._total ^ _union(cells)
            shown = {mask for of_name in taken.values() for mask in of_name.values()}
            others = {*before, *self._known, *shown} if rest else before
            if people.are_none_or_enough(rest) and _is_apart(rest, others, people):
                before.add(rest)
                return
            del cells[min(cells, key=lambda value: (cells[value].bit_count(), value))]

    def _summed(
        self, cells: Mapping[str, int], groups: Mapping[str, Collection[str]], people: MemberPeople
    ) -> dict[str, int]:
        sums: dict[str, int] = {}
        for value, mask in cells.items():
            for group in groups.get(value, ()):
                sums[group] = sums.get(group, 0) | mask
        shown = {}
        for group, mask in sorted(sums.items(), key=lambda item: (-item[1].bit_count(), item[0])):
            if _is_apart(mask, self._known, people):
                shown[group] = mask
                self._known.add(mask)
        return shown


def _is_apart(mask: int, known: Iterable[int], people: MemberPeople) -> bool:
    return all(people.are_none_or_enough(mask ^ other) for other in known)


def _union(cells: Mapping[str, int]) -> int:
    union = 0
    for mask in cells.values():
        union |= mask
    return union


def _to_json(masks: Masks) -> dict[str, dict[str, str]]:
    return {name: {value: f"{mask:x}" for value, mask in of_name.items()} for name, of_name in masks.items()}


def _from_json(stored: Mapping[str, Mapping[str, str]]) -> Masks:
    return {name: {value: int(mask, 16) for value, mask in of_name.items()} for name, of_name in stored.items()}
