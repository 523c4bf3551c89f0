"""Which groups of people can be shown beside their total, so that no small one can be found."""

from collections.abc import Collection, Hashable, Mapping
from typing import Final, TypeVar

FEWEST: Final = 5
"""Smaller groups of people are not shown."""

K = TypeVar("K", bound=Hashable)


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
