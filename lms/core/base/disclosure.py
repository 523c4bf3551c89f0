"""Which groups of people can be shown beside their total, so that no small one can be found."""

from collections.abc import Hashable, Mapping
from typing import Final

FEWEST: Final = 5
"""Smaller groups of people are not shown."""


def shown_groups(sizes: Mapping[Hashable, int]) -> set[Hashable]:
    """The groups that can be shown beside their total: none is below five, nor is what remains of the total.

    Where what is left out has fewer than five people together, the smallest of the other groups is left out too.
    """
    shown = {key for key, size in sizes.items() if size >= FEWEST}
    hidden = [size for key, size in sizes.items() if key not in shown and size]
    rest = sorted(shown, key=lambda key: (sizes[key], str(key)))
    while hidden and (sum(hidden) < FEWEST or len(hidden) < 2) and rest:
        smallest = rest.pop(0)
        hidden.append(sizes[smallest])
        shown.discard(smallest)
    return shown
