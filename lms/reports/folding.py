"""What may be published of groups: small ones are put together, so that nobody can be found by subtraction."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from lms.reports.counting import Part
from lms.reports.rules import FEWEST, Key


def folded(
    parts: Mapping[Key, Part], hidden: Collection[Key] = (), large: Collection[Key] = ()
) -> tuple[dict[Key, Part], Part | None]:
    """The groups that may be published, and the one that stands for all others (none where nothing is folded).

    Groups of fewer than 5 people are folded, and `hidden` ones; where that is a single group, the next smallest goes
    with it, so that nothing can be found by subtraction. `large` are groups of nobody in the system whose opening
    balances are of five people or more.
    """
    order = sorted(parts, key=lambda key: (len(parts[key].people), str(key)))
    small = [key for key in order if key in hidden or (len(parts[key].people) < FEWEST and key not in large)]
    if len(small) == 1:
        small += [key for key in order if key != small[0]][:1]
    if not small:
        return dict(parts), None
    other = Part()
    for key in small:
        other.unite(parts[key])
    return {key: part for key, part in parts.items() if key not in set(small)}, other
