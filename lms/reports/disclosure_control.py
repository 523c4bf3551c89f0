"""Disclosure control of groups: small ones are put together, so that nobody can be found by subtraction.

All spans of whole years are public, so a group is also told apart by what two spans differ in. Its years are therefore
taken in blocks of five people or more, and it is shown for spans that cut none of its blocks: whatever is subtracted,
whole blocks are left. What a year has beyond its shown groups is known too; so no year may have a single hidden group
that the blocks and the other years give away.
"""

from collections import defaultdict
from collections.abc import Collection, Hashable, Mapping, Sequence
from types import MappingProxyType

from lms.reports.facts.counting import NOBODY, Part
from lms.reports.facts.counting import united as united_people
from lms.reports.rules import FEWEST, Key

Edge = tuple[str, Hashable, Key]
"""A hidden figure: its year, its block (or the set of groups that are never shown), its group."""
FREE = ("never shown",)


def folded(
    parts: Mapping[Key, Part], hidden: Collection[Key] = (), large: Collection[Key] = ()
) -> tuple[dict[Key, Part], dict[Key, Part]]:
    """The groups that may be published, and those that are only published together.

    Groups of fewer than 5 people are folded, and `hidden` ones; where that is a single group, the next smallest goes
    with it. `large` are groups of nobody in the system whose opening balances are of five people or more.
    """
    order = sorted(parts, key=lambda key: (len(parts[key].people), str(key)))
    small = [key for key in order if key in hidden or (len(parts[key].people) < FEWEST and key not in large)]
    if len(small) == 1:
        small += [key for key in order if key != small[0]][:1]
    together = set(small)
    return {key: part for key, part in parts.items() if key not in together}, {key: parts[key] for key in small}


def united(parts: Mapping[Key, Part]) -> Part:
    """Several groups as one."""
    whole = Part()
    for part in parts.values():
        whole.unite(part)
    return whole


def is_apart(some: Collection[Key], small: Mapping[Key, Part]) -> bool:
    """Whether these folded groups could be told from the other folded ones without finding anybody: none or all of
    them, or two or more, of five people or more, on either side."""
    inside = {key: part for key, part in small.items() if key in some}
    outside = {key: part for key, part in small.items() if key not in some}
    if not inside or not outside:
        return True
    return all(len(side) >= 2 and len(united(side).people) >= FEWEST for side in (inside, outside))


class Blocks:
    """The years of each group in blocks. `never` are groups that are not shown at all; `large` are by year those of
    nobody in the system whose opening balances are of five people or more."""

    def __init__(
        self,
        by_year: Mapping[str, Mapping[Key, Part]],
        never: Collection[Key] = (),
        large: Mapping[str, Collection[Key]] = MappingProxyType({}),
    ) -> None:
        self._sizes = {year: {key: len(part.people) for key, part in by_year[year].items()} for year in sorted(by_year)}
        self.never = set(never)
        self.blocks: dict[Key, list[list[str]]] = {}
        years: dict[Key, list[str]] = defaultdict(list)
        for year in sorted(by_year):
            for key in by_year[year]:
                years[key].append(year)
        for key, block in years.items():
            self.blocks[key] = self._in_blocks(
                [(year, by_year[year][key], key in large.get(year, ())) for year in block]
            )
            everybody = united_people(by_year[year][key].people for year in block)
            if not self.blocks[key] or 0 < len(everybody) < FEWEST:
                self.blocks[key] = [block]
                self.never.add(key)
        while self._hide_more():
            pass

    @staticmethod
    def _in_blocks(years: Sequence[tuple[str, Part, bool]]) -> list[list[str]]:
        blocks: list[list[str]] = []
        open_years: list[str] = []
        people = NOBODY
        for year, block, is_large in years:
            open_years.append(year)
            people = united_people([people, block.people])
            # Where nobody attended yet, it is those who registered
            is_many = is_large or block.registrations >= FEWEST
            if len(people) >= FEWEST or (not len(people) and is_many):
                blocks.append(open_years)
                open_years, people = [], NOBODY
        if blocks:
            blocks[-1] += open_years
        return blocks

    def hidden(self, years: Collection[str]) -> set[Key]:
        """The groups that may not be shown for these years."""
        hidden = set(self.never)
        for key, blocks in self.blocks.items():
            if any(0 < len(set(block).intersection(years)) < len(block) for block in blocks):
                hidden.add(key)
        return hidden

    def _hide_more(self) -> bool:
        """Hides one more figure where a hidden one could be worked out; False where there is nothing to do."""
        edges = self._edges()
        hidden = {(year, key) for year, _node, key in edges}
        for year, _node, _key in bridges(edges):
            shown = [key for key in self._sizes[year] if (year, key) not in hidden]
            if shown:
                self._hide(min(shown, key=lambda key: (self._sizes[year][key], str(key))), year)
                return True
        return False

    def _edges(self) -> list[Edge]:
        edges: list[Edge] = []
        for key, blocks in self.blocks.items():
            for number, block in enumerate(blocks):
                if key in self.never:
                    edges += [(year, FREE, key) for year in block]
                elif len(block) > 1:
                    edges += [(year, (key, number), key) for year in block]
        return edges

    def _hide(self, key: Key, year: str) -> None:
        blocks = self.blocks[key]
        if len(blocks) == 1:
            self.never.add(key)
            return
        at = blocks.index([year])
        other = at + 1 if at + 1 < len(blocks) else at - 1
        first, second = sorted((at, other))
        blocks[first : second + 1] = [blocks[first] + blocks[second]]


def bridges(edges: Sequence[Edge]) -> list[Edge]:
    """The hidden figures that follow from the sums: those without which their year would hang on nothing else.

    The sums of years and of blocks are known; a figure is worked out exactly where it is on no circle.
    """
    near: dict[Hashable, list[tuple[int, Hashable]]] = defaultdict(list)
    for number, (year, node, _key) in enumerate(edges):
        near["year", year].append((number, node))
        near[node].append((number, ("year", year)))
    bridging = []
    for number, (year, node, _key) in enumerate(edges):
        reached: set[Hashable] = {("year", year)}
        todo: list[Hashable] = [("year", year)]
        while todo:
            for other, there in near[todo.pop()]:
                if other != number and there not in reached:
                    reached.add(there)
                    todo.append(there)
        if node not in reached:
            bridging.append(edges[number])
    return bridging
