"""Counts the figures that everybody may see, once a day: the answer to each question of `queries/public.py`.

All answers are counted together, because what is folded in one decides what may be shown in another: countries before
regions and partners, regions before regions of every level.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import astuple
from datetime import date, datetime
from typing import Any

import numpy as np
from sqlalchemy import select

from lms.catalogue.queries.policies import current_policies
from lms.core.database.session import db
from lms.core.time import clock
from lms.people.models import Region
from lms.reports.disclosure_control import Blocks, folded, is_apart, united
from lms.reports.facts.counting import Part, count
from lms.reports.facts.opening_balances import Balances, add
from lms.reports.facts.selection import PEOPLE, Facts, Filters
from lms.reports.queries.facts import load
from lms.reports.queries.labels import Names
from lms.reports.queries.opening_balances import read_balances
from lms.reports.queries.scope import Partners, Scope, ancestors
from lms.reports.rules import DIMENSIONS, FEWEST, FIGURES, FILTERS, OTHER, Figures, Key, Slice

Answers = dict[str, Any]
Parts = Mapping[Key, Part]
NULL: Key = (None,)


def count_all(at: datetime) -> tuple[dict[str, Any], Answers]:
    """Counts every question the public may ask: (what they share, answers by question)."""
    counting = _Counting(at)
    counting.count_totals()
    for name in (*DIMENSIONS, "partner", "within"):
        counting.count_groups(name)
    return counting.shared(), counting.answers


class _Counting:
    """The counting of one refresh: what it reads, and what was answered and folded so far."""

    def __init__(self, at: datetime) -> None:
        zone = clock.reporting_zone()
        partners = Partners()
        self.facts = load(Scope(zone=zone), partners)
        self.partners = partners.on(clock.day_of(at, zone))
        self.balances = read_balances(partners)
        self.parents: dict[str, str | None] = dict(db.session.execute(select(Region.code, Region.parent_code)).all())
        self.drafts: frozenset[Key] = frozenset((series,) for series in Names("en").drafts)
        self.by_year = self._by_year(None)
        self.years = sorted(self.by_year)
        self.blocks = Blocks(self.by_year, (), self._large_by_year(None))
        self.answers: Answers = {}
        self.small_countries: dict[str, Parts] = {}
        self.small_regions: dict[str, Parts] = {}

    def shared(self) -> dict[str, Any]:
        """Returns what all answers share."""
        return {"years": self.years, "partners": sorted(self.partners), "funnel": _funnel(self.facts)}

    def count_totals(self) -> None:
        """Answers the totals of every span of years that gives no hidden year away."""
        by_itself = _spans(_by_year(self.facts, None, self.parents, Balances()), self.years)
        countries_of = {span: parts[()].countries for span, parts in by_itself if parts}
        for span, parts in _spans(self.by_year, self.years):
            within = self._within(span)
            if () in self.blocks.hidden(within) and len(within) < len(self.years):
                continue
            older = self._older(None, span)
            self.answers[f"{span}/totals"] = self._bare(parts[()], None)
            for group in older.values():
                large = _large(older, parts)
                self.answers[f"{span}/opening"] = [group.opening(countries_of.get(span, ())).as_json(), bool(large)]

    def count_groups(self, name: str) -> None:
        """Answers the groups of a dimension, or regions of every level ("within"), for each span that has totals."""
        by_year = self._by_year(name)
        bounded = _without_null(by_year) if name == "source" else by_year
        blocks = Blocks(bounded, self._never(name), self._large_by_year(name))
        for span, parts in _spans(by_year, self.years):
            if f"{span}/totals" not in self.answers:
                continue
            older = self._older(name, span)
            hidden = blocks.hidden(self._within(span)) | self._given_away(name, span, parts)
            if name == "within":
                large = _large(older, parts)
                enough = {key for key, part in parts.items() if len(part.people) >= FEWEST or key in large}
                shown: Parts = {key: parts[key] for key in enough - hidden}
            else:
                # By source, the null group is no group of people: it has the registrations and certificates of all
                apart = {NULL} & parts.keys() if name == "source" else set()
                people = {key: part for key, part in parts.items() if key not in apart}
                shown, small = folded(people, hidden, _large(older, parts))
                if name == "country":
                    self.small_countries[span] = small
                if name == "region":
                    self.small_regions[span] = small
                if name in DIMENSIONS:
                    self._answer_groups(name, span, {key: parts[key] for key in (*shown, *apart)}, small, older)
            if name in FILTERS or name == "within":
                self._answer_filters(name, span, shown, older)

    def _never(self, name: str) -> Collection[Key]:
        """The groups of a dimension that are never shown: draft series, and years that only count with others."""
        if name == "series":
            return self.drafts
        if name != "year":
            return ()
        return {(year,) for block in self.blocks.blocks.get((), []) if len(block) > 1 for year in block}

    def _given_away(self, name: str, span: str, parts: Parts) -> set[Key]:
        """The groups that would give away a folded country or region."""
        if name not in {"region", "partner", "within"}:
            return set()
        countries = self.small_countries[span]
        inside = _groups_of(name, countries, self.facts, self.parents, self.partners)
        keys = {key for key in parts if not is_apart(inside[key], countries)}
        if name == "within":
            regions = self.small_regions[span]
            keys |= {key for key in parts if not _none_or_all(key, regions, self.parents)}
        return keys

    def _answer_groups(self, name: str, span: str, shown: Parts, small: Parts, older: Mapping[Key, Balances]) -> None:
        rows = [[key[0], self._bare(part, name), False, _label(older, [key])] for key, part in shown.items()]
        if small:
            rows.append([OTHER, self._bare(united(small), name), True, _label(older, small)])
        self.answers[f"{span}/by/{name}"] = rows

    def _answer_filters(self, name: str, span: str, shown: Parts, older: Mapping[Key, Balances]) -> None:
        self.answers[f"{span}/where/{'region' if name == 'within' else name}"] = {
            str(key[0]): [self._bare(part, name), _label(older, [key])] for key, part in shown.items() if key != NULL
        }

    def _within(self, span: str) -> list[str]:
        first, last = span.split("-")
        return [year for year in self.years if first <= year <= last]

    def _bare(self, part: Part, name: str | None) -> list[int | float]:
        """The figures of a group by a dimension, or of all. *Satisfaction* follows where groups are of whole lectures.

        Such a sum tells nothing that the results of its lectures do not show. By country and other groups of people
        it is for reporters only: what is folded here differs from what is left out there (ADR 126).
        """
        figures: Figures = part.figures(self.partners)
        ratings = [] if name in {*PEOPLE, "within"} else astuple(figures.ratings)
        return [*(getattr(figures, each) for each in FIGURES), *ratings]

    def _by_year(self, name: str | None) -> dict[str, dict[Key, Part]]:
        return _by_year(self.facts, name, self.parents, self.balances)

    def _older(self, name: str | None, span: str) -> dict[Key, Balances]:
        return _older(self.balances, name, span, self.parents)

    def _large_by_year(self, name: str | None) -> dict[str, set[Key]]:
        return {
            year: {key for key, group in self._older(name, f"{year}-{year}").items() if group.is_large()}
            for year in self.years
        }


def _large(older: Mapping[Key, Balances], parts: Parts) -> set[Key]:
    """The groups of nobody in the system whose opening balances are of five people or more."""
    return {key for key, group in older.items() if group.is_large() and not len(parts[key].people)}


def _groups_of(
    name: str,
    countries: Mapping[Key, Part],
    facts: Facts,
    parents: Mapping[str, str | None],
    partners: Collection[int],
) -> dict[Key, set[Key]]:
    """The countries in each region of some level, and the partners."""
    groups: dict[Key, set[Key]] = defaultdict(set)
    for key in countries:
        (country,) = key
        region = facts.regions.get(country) if isinstance(country, int) else None
        if name == "partner":
            groups[country in partners,].add(key)
        elif name == "region":
            groups[region,].add(key)
        else:
            for code in ancestors(region, dict(parents)):
                groups[code,].add(key)
    return groups


def _without_null(by_year: Mapping[str, Mapping[Key, Part]]) -> dict[str, dict[Key, Part]]:
    return {year: {key: part for key, part in parts.items() if key != (None,)} for year, parts in by_year.items()}


def _none_or_all(region: Key, small: Mapping[Key, Part], parents: Mapping[str, str | None]) -> bool:
    """Whether a region holds none of the folded ones, or all."""
    inside = [key for key in small if isinstance(key[0], str) and region[0] in set(ancestors(key[0], dict(parents)))]
    return len(inside) in (0, len(small))


def _by_year(
    facts: Facts, name: str | None, parents: dict[str, str | None], balances: Balances
) -> dict[str, dict[Key, Part]]:
    """Parts by year, then by the dimension; "within" is regions of every level."""
    by_year: dict[str, dict[Key, Part]] = defaultdict(dict)
    dimensions = ("year",) if name is None else ("region" if name == "within" else name, "year")
    parts = count(facts, Filters(), dimensions)
    add(parts, balances, dimensions)
    if name is None:
        for (year,), part in parts.items():
            by_year[str(year)][()] = part
        return by_year
    for (key, year), part in parts.items():
        if name != "within":
            by_year[str(year)][key,] = part
        elif isinstance(key, str):
            for code in ancestors(key, parents):
                by_year[str(year)].setdefault((code,), Part()).unite(part)
    return by_year


def _older(balances: Balances, name: str | None, span: str, parents: dict[str, str | None]) -> dict[Key, Balances]:
    """The opening balances of a span of years by a dimension, "within" being regions of every level."""
    first, last = span.split("-")
    slice_ = Slice(date(int(first), 1, 1), date(int(last), 12, 31))
    within = balances.within(slice_, series_id=None, countries=None)
    if name != "within":
        return within.groups(() if name is None else (name,))
    balances_of: dict[Key, Balances] = {}
    for (region,), group in within.groups(("region",)).items():
        for code in ancestors(region, parents) if isinstance(region, str) else ():
            balances_of.setdefault((code,), Balances([], balances.sets, balances.whole)).rows.extend(group.rows)
    return balances_of


def _label(older: Mapping[Key, Balances], keys: Iterable[Key]) -> dict[str, Any] | None:
    """The label for the opening balances in these groups together, without the number of countries that they add."""
    groups = [older[key] for key in keys if key in older]
    if not groups:
        return None
    rows = [row for group in groups for row in group.rows]
    together = Balances(rows, groups[0].sets, groups[0].whole)
    return together.opening({row.country_id for row in rows}).as_json()


def _spans(by_year: Mapping[str, Mapping[Key, Part]], years: list[str]) -> Iterator[tuple[str, dict[Key, Part]]]:
    """The united parts of every span of years."""
    for index, first in enumerate(years):
        running: dict[Key, Part] = {}
        for last in years[index:]:
            for key, part in by_year.get(last, {}).items():
                running.setdefault(key, Part()).unite(part)
            yield f"{first}-{last}", running


def _funnel(facts: Facts) -> dict[str, Any]:
    """Registrations in series that issue certificates, how many of them were followed by an attendance in that series,
    and the certificates.

    All series are counted, and `is_all` says so, where the people in the other series, or in these, are too few to be
    told apart in public.
    """
    parts = {key[0]: part for key, part in count(facts, Filters(), ("series",)).items()}
    registered = {id_: part.segment.of(id_)["person"] for part in facts.registrations for id_ in part.owners}
    issuing = {id_ for id_, policy in current_policies(facts.languages).items() if policy.certificate is not None}
    issuing |= {id_ for id_, part in parts.items() if part.certificates and isinstance(id_, int)}
    sides = (issuing & registered.keys(), registered.keys() - issuing)
    people = (np.concatenate([registered[id_] for id_ in side]) for side in sides if side)
    is_all = any(0 < len(np.unique(found)) < FEWEST for found in people)
    counted = registered.keys() if is_all else sides[0]
    attended = (np.intersect1d(registered[id_], parts[id_].people) for id_ in counted if id_ in parts)
    return {
        "is_all": is_all,
        "registrations": sum(len(registered[id_]) for id_ in counted),
        "attended": sum(len(people) for people in attended),
        "certificates": sum(part.certificates for part in parts.values()),
    }
