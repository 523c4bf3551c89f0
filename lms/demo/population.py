"""Who takes part in the demonstration, with invented names, and in which series: a plan made before any file."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from random import Random
from typing import NamedTuple

from babel import Locale

from lms.demo.programme import CountryPlan, SeriesPlan, read

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
    maker = _Maker(countries, random.random)
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


class _Maker:
    """Makes members, each with an address of its own."""

    def __init__(self, countries: Sequence[CountryPlan], rand: Callable[[], float]) -> None:
        self.rand = rand
        pools = load_pools()
        self.countries: dict[str, tuple[list[tuple[Pool, str]], list[float], str, str]] = {}
        locales = {language: Locale.parse(language) for language in ("en", "fr", "es", "pt", "ru")}
        for country in countries:
            shares = [share for _, share in country.names]
            bounds = [bound / sum(shares) for bound in accumulate(shares)][:-1]
            choices = [(pools[name], pools[name].script) for name, _ in country.names]
            label = locales[country.language].territories[country.code]
            self.countries[country.code] = (choices, bounds, country.language, label)
        self.offices = _by_sector_and_language("institutions.csv")
        self.titles = _by_sector_and_language("job_titles.csv")
        self.offices_of = {
            (country.code, sector): [
                (row["name"].format(country=self.countries[country.code][3]), f"{row['mail']}.{country.code.lower()}")
                for row in self.offices[sector, country.language]
            ]
            for country in countries
            for sector in _SECTORS
        }
        self.taken: dict[str, int] = {}

    def make(self, code: str, certified: bool) -> Member:
        rand = self.rand
        choices, bounds, language, _label = self.countries[code]
        pool, script = choices[bisect_right(bounds, rand()) if bounds else 0]
        gender = FEMALE if rand() < 0.47 else MALE
        name = pool.make(rand, gender)
        sector = _SECTORS[bisect_right(_SECTOR_BOUNDS, rand())]
        offices = self.offices_of[code, sector]
        organisation, host = offices[int(rand() * len(offices))]
        titles = self.titles[sector, language]
        native = name.native
        if native and (rand() < 0.25 or (certified and script in LARGE_FONTS_ONLY)):
            native = ""
        address = f"{name.address}@{host}.example"
        number = self.taken.get(address, 0) + 1
        self.taken[address] = number
        if number > 1:
            address = f"{name.address}{number}@{host}.example"
        stated = rand()
        return Member(
            address,
            name.full,
            native,
            code,
            sector,
            organisation if stated < 0.93 else "",
            titles[int(rand() * len(titles))]["title"] if stated < 0.85 else "",
            "" if stated < 0.06 else ("female" if gender == FEMALE else "male"),
            script,
        )


class Newcomers:
    """Further people of some countries, of whom no file tells."""

    def __init__(self, countries: Sequence[CountryPlan], seed: int) -> None:
        self._maker = _Maker(countries, Random(f"{seed}:newcomers").random)  # noqa: S311  invented, not a secret

    def of(self, code: str, count: int) -> list[Member]:
        """A number of people of a country, whose names certificates can print."""
        return [self._maker.make(code, certified=True) for _number in range(count)]


def _by_sector_and_language(name: str) -> dict[tuple[str, str], list[dict[str, str]]]:
    rows: dict[tuple[str, str], list[dict[str, str]]] = defaultdict(list)
    for row in read(name):
        rows[row["sector"], row["language"]].append(row)
    return rows
