"""Invented names: pools by script, put together in the order of each place."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import accumulate

from lms.demo.programme import read

FEMALE, MALE = 0, 1

Part = tuple[str, str, str]
"""A part of a name: Latin, native (empty where Latin is native), and how it stands in an address."""

# Letters that do not fall apart into a base and a mark
_FOLDED = str.maketrans(
    {"ə": "e", "ı": "i", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "ø": "o", "ł": "l", "ß": "ss", "œ": "oe"}
)


def fold(text: str) -> str:
    """How a text stands in the local part of an address: a–z and digits."""
    plain = unicodedata.normalize("NFKD", text.casefold().translate(_FOLDED))
    return re.sub("[^a-z0-9]", "", plain)


@dataclass(frozen=True)
class Name:
    """A whole name, as in the travel document and in native script (empty: the same), and as in an address."""

    full: str
    native: str
    address: str


@dataclass
class Pool:
    """The parts that the names of one place are made of. Lists by gender hold females at 0, males at 1."""

    script: str
    given: tuple[list[Part], list[Part]] = field(default_factory=lambda: ([], []))
    family: tuple[list[Part], list[Part]] = field(default_factory=lambda: ([], []))
    baptismal: list[Part] = field(default_factory=list)
    middle: list[Part] = field(default_factory=list)
    patterns: list[tuple[str, ...]] = field(default_factory=list)
    weights: list[int] = field(default_factory=list)
    bounds: list[float] = field(default_factory=list)

    def make(self, rand: Callable[[], float], gender: int) -> Name:
        """One name; `rand` gives numbers in [0, 1)."""
        pattern = self.patterns[bisect_right(self.bounds, rand())]
        given, family = self.given[gender], self.family[gender]
        count = len(given)
        first = int(rand() * count)
        parts: list[Part] = []
        for sign in pattern:
            if sign == "g":
                parts.append(given[first])
            elif sign == "h":  # a second name of one's own
                parts.append(given[(first + 1 + int(rand() * (count - 1))) % count])
            elif sign in "mn":  # the father's, the grandfather's
                men = self.given[MALE]
                parts.append(men[int(rand() * len(men))])
            elif sign == "e":
                parts.append(self.baptismal[int(rand() * len(self.baptismal))])
            elif sign == "x":
                parts.append(self.middle[int(rand() * len(self.middle))])
            else:
                parts.append(family[int(rand() * len(family))])
        together = "" if self.script == "Hans" else " "
        return Name(
            " ".join([part[0] for part in parts]),
            together.join([part[1] for part in parts]),
            ".".join([part[2] for part in parts[:3]]),
        )


def load_pools() -> dict[str, Pool]:
    """All pools, by name."""
    pools: dict[str, Pool] = {}
    for row in read("name_patterns.csv"):
        pool = pools.setdefault(row["group"], Pool(row["script"]))
        pool.patterns.append(tuple(re.findall(r"\{(\w)\}", row["pattern"])))
        pool.weights.append(int(row["weight"]))
    for pool in pools.values():
        total = sum(pool.weights)
        pool.bounds = [bound / total for bound in accumulate(pool.weights)][:-1]
    for row in read("names.csv"):
        pool = pools[row["group"]]
        part = (row["latin"], row["native"], fold(row["latin"]))
        kind = row["kind"]
        if kind in ("given_f", "given_m"):
            pool.given[kind == "given_m"].append(part)
        elif kind == "family":
            pool.family[FEMALE].append(part)
            pool.family[MALE].append(part)
        elif kind in ("family_f", "family_m"):
            pool.family[kind == "family_m"].append(part)
        else:
            (pool.baptismal if kind == "baptismal" else pool.middle).append(part)
    return pools
