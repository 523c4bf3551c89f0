"""The people who take part in the demonstration, with invented names, and in which series: a plan made before any
file."""

import re
import unicodedata
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from random import Random
from typing import NamedTuple

from babel import Locale

from lms.demo.programme import CountryPlan, SeriesPlan, read

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


class Pool:
    """The parts that the names of one place are made of, by kind as in `names.csv`; `_f` and `_m` are for women and
    men."""

    def __init__(self, script: str) -> None:
        self.script = script
        self.parts: dict[str, list[Part]] = defaultdict(list)
        self.patterns: list[list[str]] = []
        self.weights: list[int] = []

    @cached_property
    def bounds(self) -> list[float]:
        """Below which numbers each pattern is drawn."""
        return [bound / sum(self.weights) for bound in accumulate(self.weights)][:-1]

    def make(self, rand: Callable[[], float], gender: str) -> tuple[str, str, str]:
        """One name: as in the travel document, in native script (empty: the same), and as in an address.

        `rand` gives numbers in [0, 1).
        """
        pattern = self.patterns[bisect_right(self.bounds, rand())]
        given = self.parts[f"given_{gender[0]}"]
        first = int(rand() * len(given))
        parts = []
        for sign in pattern:
            if sign == "g":
                parts.append(given[first])
            elif sign == "h":  # a second name of one's own
                parts.append(given[(first + 1 + int(rand() * (len(given) - 1))) % len(given)])
            else:
                choices = self.parts[_KINDS.get(sign) or f"family_{gender[0]}"]
                parts.append(choices[int(rand() * len(choices))])
        latin, native, address = zip(*parts, strict=True)
        return " ".join(latin), ("" if self.script == "Hans" else " ").join(native), ".".join(address[:3])


_KINDS = {"m": "given_m", "n": "given_m", "e": "baptismal", "x": "middle"}
"""What further letters in a pattern stand for: the father's and the grandfather's name, and others."""


def load_pools() -> dict[str, Pool]:
    """All pools, by name."""
    pools: dict[str, Pool] = {}
    for row in read("name_patterns.csv"):
        pool = pools.setdefault(row["group"], Pool(row["script"]))
        pool.patterns.append(re.findall(r"\{(\w)\}", row["pattern"]))
        pool.weights.append(int(row["weight"]))
    for row in read("names.csv"):
        part = (row["latin"], row["native"], fold(row["latin"]))
        for kind in ("family_f", "family_m") if row["kind"] == "family" else (row["kind"],):
            pools[row["group"]].parts[kind].append(part)
    return pools


FULL_SCALE = 126_000
"""People who register at full scale; some five in six of them come at least once."""
FEWEST = 400
"""Fewer cannot fill 80 countries and every series."""

LARGE_FONTS_ONLY = frozenset({"Hans"})
"""Scripts that the default fonts of certificates lack: no native name in a certified series is written in them."""

_RETURNING = 0.17  # share of a series' people who have been in an earlier one
_SECTORS = ("government", "business", "academia", "civil_society", "other")
_SECTOR_BOUNDS = (0.42, 0.76, 0.88, 0.96)


class Member(NamedTuple):
    """Somebody who registers, in the order of an import file's columns; `script` is the native name's."""

    email: str
    full_name: str
    native_name: str
    country: str
    sector: str
    organisation: str
    job_title: str
    gender: str
    script: str


@dataclass(frozen=True)
class Population:
    """Everybody, and by series' slug the indices of who enrols, in the order of the file. The first of each
    country (`eager`) comes to every lecture, so that no country stays empty at any scale."""

    members: list[Member]
    enrolments: dict[str, list[int]]
    eager: frozenset[int]


def gather(series: Sequence[SeriesPlan], countries: Sequence[CountryPlan], people: int, seed: int) -> Population:
    """Makes `people` members and places each in one series or more. The same arguments give the same crowd.

    Raises ValueError under FEWEST people.
    """
    if people < FEWEST:
        raise ValueError(f"The demonstration needs {FEWEST} people or more.")
    random = Random(f"{seed}:crowd:{people}")  # noqa: S311  invented people, not a secret
    quota = _shares([country.weight for country in countries], people)
    waiting = {country.code: count for country, count in zip(countries, quota, strict=True)}
    newcomers = _newcomers(series, waiting, people, random)
    maker = Maker(countries, random.random)
    members: list[Member] = []
    eager: set[int] = set()
    seen: set[str] = set()
    enrolments: dict[str, list[int]] = {}
    by_country: dict[str, list[int]] = defaultdict(list)
    for plan in series:
        certified = plan.certificate is not None
        indexes: list[int] = []
        for code in newcomers.get(plan.slug, ()):
            index = len(members)
            members.append(maker.make(code, certified))
            if code not in seen and _is_over(plan):
                seen.add(code)
                eager.add(index)
            indexes.append(index)
        returning = _returning(plan, len(indexes), members, by_country, random)
        for index in indexes:
            by_country[members[index].country].append(index)
        indexes += returning
        random.shuffle(indexes)
        enrolments[plan.slug] = indexes
    return Population(members, enrolments, frozenset(eager))


def _is_over(plan: SeriesPlan) -> bool:
    return any(lecture.state == "held" for lecture in plan.lectures)


def _shares(weights: Sequence[int], total: int) -> list[int]:
    """Whole numbers in proportion to the weights, at least one each, that sum to `total`."""
    whole = sum(weights)
    counts = [max(1, weight * total // whole) for weight in weights]
    order = sorted(range(len(weights)), key=lambda index: -(weights[index] * total % whole))
    missing = total - sum(counts)
    for index in order[:missing] if missing > 0 else ():
        counts[index] += 1
    while (surplus := sum(counts) - total) > 0:
        largest = counts.index(max(counts))
        counts[largest] -= min(surplus, max(1, counts[largest] // 10))
    return counts


def _newcomers(
    series: Sequence[SeriesPlan], waiting: dict[str, int], people: int, random: Random
) -> dict[str, list[str]]:
    """For each series the countries of those who come for the first time; all of `waiting` find a series.

    One of each country is placed first, in a series that is over. Then series that speak to some countries only
    choose; the others share who is left.
    """
    counted = [plan for plan in series if plan.size]
    general = [plan for plan in counted if not plan.audience]
    over = [plan for plan in general if _is_over(plan)]
    first: dict[str, list[str]] = {plan.slug: [] for plan in over}
    for index, code in enumerate(waiting):
        first[over[index % len(over)].slug].append(code)
        waiting[code] -= 1
    sizes = dict(zip([plan.slug for plan in counted], _shares([plan.size for plan in counted], people), strict=True))
    chosen: dict[str, list[str]] = {}
    for plan in counted:
        if not plan.audience:
            continue
        pool = [code for code in plan.audience for _ in range(waiting.get(code, 0))]
        random.shuffle(pool)
        chosen[plan.slug] = pool[: min(sizes[plan.slug], len(pool) * 3 // 5)]
        for code in chosen[plan.slug]:
            waiting[code] -= 1
    rest = [code for code, count in waiting.items() for _ in range(count)]
    random.shuffle(rest)
    start = 0
    for plan, count in zip(general, _shares([plan.size for plan in general], len(rest)), strict=True):
        chosen[plan.slug] = first.get(plan.slug, []) + rest[start : start + count]
        start += count
    return chosen


def _returning(
    plan: SeriesPlan, newcomers: int, members: list[Member], by_country: dict[str, list[int]], random: Random
) -> list[int]:
    """People who return from an earlier series."""
    number = int(newcomers * _RETURNING / (1 - _RETURNING))
    pools = [by_country[code] for code in plan.audience or by_country if by_country[code]]
    pool = [index for pool in pools for index in pool]
    if plan.certificate is not None:
        pool = [
            index for index in pool if not members[index].native_name or members[index].script not in LARGE_FONTS_ONLY
        ]
    return random.sample(pool, min(number, len(pool)))


class Maker:
    """Makes members, each with an address of its own."""

    def __init__(self, countries: Sequence[CountryPlan], rand: Callable[[], float]) -> None:
        self.rand = rand
        pools, offices = load_pools(), _by_sector_and_language("institutions.csv")
        self.titles = _by_sector_and_language("job_titles.csv")
        self.countries: dict[str, tuple[list[Pool], list[float], str]] = {}
        self.offices: dict[tuple[str, str], list[tuple[str, str]]] = {}
        for country in countries:
            code, shares = country.code, [share for _name, share in country.names]
            bounds = [bound / sum(shares) for bound in accumulate(shares)][:-1]
            self.countries[code] = ([pools[name] for name, _share in country.names], bounds, country.language)
            label = Locale.parse(country.language).territories[code]
            for sector in _SECTORS:
                self.offices[code, sector] = [
                    (row["name"].format(country=label), f"{row['mail']}.{code.lower()}")
                    for row in offices[sector, country.language]
                ]
        self.taken: dict[str, int] = {}

    def make(self, code: str, certified: bool) -> Member:
        rand = self.rand
        pools, bounds, language = self.countries[code]
        pool = pools[bisect_right(bounds, rand()) if bounds else 0]
        gender = "female" if rand() < 0.47 else "male"
        full_name, native, local = pool.make(rand, gender)
        sector = _SECTORS[bisect_right(_SECTOR_BOUNDS, rand())]
        offices = self.offices[code, sector]
        organisation, host = offices[int(rand() * len(offices))]
        titles = self.titles[sector, language]
        if native and (rand() < 0.25 or (certified and pool.script in LARGE_FONTS_ONLY)):
            native = ""
        address = f"{local}@{host}.example"
        number = self.taken.get(address, 0) + 1
        self.taken[address] = number
        if number > 1:
            address = f"{local}{number}@{host}.example"
        stated = rand()
        return Member(
            address,
            full_name,
            native,
            code,
            sector,
            organisation if stated < 0.93 else "",
            titles[int(rand() * len(titles))]["title"] if stated < 0.85 else "",
            "" if stated < 0.06 else gender,
            pool.script,
        )


def _by_sector_and_language(name: str) -> dict[tuple[str, str], list[dict[str, str]]]:
    rows: dict[tuple[str, str], list[dict[str, str]]] = defaultdict(list)
    for row in read(name):
        rows[row["sector"], row["language"]].append(row)
    return rows
