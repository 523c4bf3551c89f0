"""The figures everybody may see: all questions are answered at once, once a day, and read from there.

A question is a span of years with data ("2020-2026") and what is asked of it:
`2020-2026/totals`, `2020-2026/by/<dimension>` (groups, small ones folded), `2020-2026/where/<filter>` (the slices that
hold five people or more, by key). Figures stand as lists in the order of `rules.FIGURES`; keys are inner ones.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import Any

import numpy as np
from sqlalchemy import Text, bindparam, cast, select

from lms.core import clock
from lms.core.db import db
from lms.core.errors import Forbidden
from lms.core.i18n import _, catalogue
from lms.people.models import Region
from lms.people.queries.countries import Rows, country_rows, named_countries
from lms.reports.disclosure_control import Blocks, folded, is_apart, united
from lms.reports.facts.counting import NOBODY, Part, count
from lms.reports.facts.filters import Filters
from lms.reports.facts.selection import Facts
from lms.reports.models import PublicAnswer, PublicFigures
from lms.reports.opening_balances.counting import Balances, add
from lms.reports.opening_label import Opening
from lms.reports.queries.facts import load, many_rows
from lms.reports.queries.labels import Names, names_of, other_label, read_names, region_rows, series_rows
from lms.reports.queries.opening_balances import read_balances
from lms.reports.queries.scope import Partners, Scope, ancestors
from lms.reports.rules import (
    DIMENSIONS,
    FEWEST,
    FIGURES,
    FILTERS,
    OTHER,
    Figures,
    Group,
    Key,
    Slice,
    check_public,
    in_order,
)

Answers = dict[str, Any]


@dataclass(frozen=True)
class Counted:
    """One refresh: when, what all questions share, and how answers are found: by question, as the JSON they are."""

    as_at: datetime
    shared: Mapping[str, Any]
    texts: Callable[[Sequence[str]], dict[str, str]]

    def find(self, *questions: str) -> list[Any]:
        """The answers to these questions in their order, null for none. They are shared: nobody may change them."""
        texts = self.texts(questions)
        return [_read(texts[question]) if question in texts else None for question in questions]


@lru_cache(maxsize=128)
def _read(text: str) -> Any:
    return json.loads(text)


@dataclass(frozen=True)
class Place:
    """A country on the map: its participants in public, and whether it is a partner."""

    code: str
    name: str
    latitude: float | None
    longitude: float | None
    value: int
    partner: bool


@dataclass(frozen=True, eq=False)
class Headline:
    """The totals of all time as the public knows them, the countries, and the way from registered to certified.

    The same rows give the same object, as long as it is kept: what is made of it can be kept by it.
    """

    as_at: datetime
    figures: Figures
    places: Sequence[Place]
    funnel: Mapping[str, int]
    first_year: str | None
    opening: Opening | None = None


@dataclass(frozen=True, eq=False)
class Overview:
    """The headline, and the groups of all time by dimension. One object for the same rows, as `Headline` is."""

    headline: Headline
    groups: Mapping[str, Sequence[Group]]


def count_all(at: datetime) -> tuple[dict[str, Any], Answers]:
    """Counts every question the public may ask: (what they share, answers by question)."""
    with many_rows():
        return _count_all(at)


def _count_all(at: datetime) -> tuple[dict[str, Any], Answers]:  # noqa: C901, PLR0912, PLR0915 - one pass keeps the rules of disclosure together
    zone = clock.reporting_zone()
    partners = Partners()
    facts = load(Scope(zone=zone), partners)
    today = partners.on(clock.day_of(at, zone))
    balances = read_balances(partners)
    parents = dict(db.session.execute(select(Region.code, Region.parent_code)).all())
    drafts: frozenset[Key] = frozenset((series,) for series in read_names("en").drafts)
    years = sorted(_by_year(facts, None, parents, balances))
    by_itself = _spans(_by_year(facts, None, parents, Balances()), years)
    own = {span: parts[()].countries for span, parts in by_itself if parts}
    answers: Answers = {}
    whole = Blocks(_by_year(facts, None, parents, balances), (), _large_by_year(balances, None, years, parents))
    hidden_years: set[Key] = {(year,) for block in whole.blocks.get((), []) if len(block) > 1 for year in block}
    small_countries: dict[str, dict[Key, Part]] = {}
    small_regions: dict[str, dict[Key, Part]] = {}
    for name in (None, *DIMENSIONS, "partner", "within"):
        by_year = _by_year(facts, name, parents, balances)
        never = drafts if name == "series" else hidden_years if name == "year" else ()
        bounded = _without_null(by_year) if name == "source" else by_year
        blocks = Blocks(bounded, never, _large_by_year(balances, name, years, parents))
        for span, parts in _spans(by_year, years):
            older = _older(balances, name, span, parents)
            large = {key for key, group in older.items() if group.is_large() and not len(parts[key].people)}
            within = [year for year in years if span[:4] <= year <= span[5:]]
            if name is None:
                if () not in blocks.hidden(within) or len(within) == len(years):
                    answers[f"{span}/totals"] = _bare(parts[()].figures(today))
                    for group in older.values():
                        answers[f"{span}/opening"] = [group.opening(own.get(span, ())).as_json(), bool(large)]
                continue
            if f"{span}/totals" not in answers:
                continue
            hidden = blocks.hidden(within)
            if name in {"region", "partner", "within"}:
                countries = small_countries[span]
                inside = _groups_of(name, countries, facts, parents, today)
                hidden |= {key for key in parts if not is_apart(inside[key], countries)}
            small: dict[Key, Part] = {}
            apart: set[Key] = set()
            nobody: Key = (None,)
            if name == "within":
                regions = small_regions[span]
                hidden |= {key for key in parts if not _none_or_all(key, regions, parents)}
                enough = {key for key, part in parts.items() if len(part.people) >= FEWEST or key in large}
                shown = {key: parts[key] for key in enough - hidden}
            else:
                # By source, the null group is no group of people: it has the registrations and certificates of all
                apart = {nobody} & parts.keys() if name == "source" else set()
                people = {key: part for key, part in parts.items() if key not in apart}
                shown, small = folded(people, hidden, large)
                if name == "country":
                    small_countries[span] = small
                if name == "region":
                    small_regions[span] = small
            if name in DIMENSIONS:
                rows = [
                    [key[0], _bare(parts[key].figures(today)), False, _label(older, [key])] for key in (*shown, *apart)
                ]
                if small:
                    rows.append([OTHER, _bare(united(small).figures(today)), True, _label(older, small)])
                answers[f"{span}/by/{name}"] = rows
            if name in FILTERS or name == "within":
                answers[f"{span}/where/{'region' if name == 'within' else name}"] = {
                    str(key[0]): [_bare(part.figures(today)), _label(older, [key])]
                    for key, part in shown.items()
                    if key[0] is not None
                }
    return {"years": years, "partners": sorted(today), "funnel": _funnel(facts)}, answers


def _large_by_year(
    balances: Balances, name: str | None, years: Sequence[str], parents: dict[str, str | None]
) -> dict[str, set[Key]]:
    found = {}
    for year in years:
        older = _older(balances, name, f"{year}-{year}", parents)
        found[year] = {key for key, group in older.items() if group.is_large()}
    return found


def _groups_of(
    name: str,
    countries: Mapping[Key, Part],
    facts: Facts,
    parents: Mapping[str, str | None],
    partners: Collection[int],
) -> dict[Key, set[Key]]:
    """Which of these countries lie in each region of some level, or are partners."""
    found: dict[Key, set[Key]] = defaultdict(set)
    for key in countries:
        (country,) = key
        region = facts.regions.get(country) if isinstance(country, int) else None
        if name == "partner":
            found[country in partners,].add(key)
        elif name == "region":
            found[region,].add(key)
        else:
            for code in ancestors(region, dict(parents)):
                found[code,].add(key)
    return found


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
    found: dict[str, dict[Key, Part]] = defaultdict(dict)
    dimensions = ("year",) if name is None else ("region" if name == "within" else name, "year")
    parts = count(facts, Filters(), dimensions)
    add(parts, balances, dimensions, Part)
    if name is None:
        for (year,), part in parts.items():
            found[str(year)][()] = part
        return found
    for (key, year), part in parts.items():
        if name != "within":
            found[str(year)][key,] = part
        elif isinstance(key, str):
            for code in ancestors(key, parents):
                found[str(year)].setdefault((code,), Part()).unite(part)
    return found


def _older(balances: Balances, name: str | None, span: str, parents: dict[str, str | None]) -> dict[Key, Balances]:
    """The opening balances of a span of years by a dimension, "within" being regions of every level."""
    first, last = span.split("-")
    asked = Slice(date(int(first), 1, 1), date(int(last), 12, 31))
    here = balances.within(asked, series_id=None, countries=None)
    if name != "within":
        return here.groups(() if name is None else (name,))
    found: dict[Key, Balances] = {}
    for (region,), group in here.groups(("region",)).items():
        for code in ancestors(region, parents) if isinstance(region, str) else ():
            found.setdefault((code,), Balances([], balances.sets, balances.whole)).rows.extend(group.rows)
    return found


def _label(older: Mapping[Key, Balances], keys: Iterable[Key]) -> dict[str, Any] | None:
    """What is said of the opening balances in these groups together; how many countries they add is not."""
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


def _bare(figures: Figures) -> list[int | float]:
    return [getattr(figures, name) for name in FIGURES]


def _funnel(facts: Facts) -> dict[str, int]:
    """Registrations, and how many of them were followed by an attendance in that series."""
    attended = {key[0]: part.people for key, part in count(facts, Filters(), ("series",)).items()}
    registered = ((id_, part.segment.of(id_)["person"]) for part in facts.registrations for id_ in part.owners)
    return {"attended": sum(len(np.intersect1d(people, attended.get(id_, NOBODY))) for id_, people in registered)}


def last_refresh() -> datetime | None:
    """When the public figures were last counted."""
    return db.session.scalar(select(PublicFigures.as_at).order_by(PublicFigures.as_at.desc()).limit(1))


_NEWEST = (
    select(PublicFigures.id, PublicFigures.as_at, cast(PublicFigures.answers, Text))
    .order_by(PublicFigures.as_at.desc(), PublicFigures.id.desc())
    .limit(1)
)
_ANSWERS = select(PublicAnswer.question, cast(PublicAnswer.answer, Text).label("answer")).where(
    PublicAnswer.figures_id == bindparam("figures_id"),
    PublicAnswer.question.in_(bindparam("questions", expanding=True)),
)


def _newest(at: datetime) -> Counted:
    """The last refresh; where there has been none yet, what it would have counted now."""
    row = db.session.execute(_NEWEST).first()
    if row is None:
        shared, answers = count_all(at)
        return Counted(at, shared, lambda asked: {one: json.dumps(answers[one]) for one in asked if one in answers})
    figures_id, as_at, shared_text = row

    def texts(questions: Sequence[str]) -> dict[str, str]:
        rows = db.session.execute(_ANSWERS, {"figures_id": figures_id, "questions": list(questions)})
        return {row.question: row.answer for row in rows}

    return Counted(as_at, _read(shared_text), texts)


def public_report(
    asked: Slice, scope: Scope, dimensions: tuple[str, ...], *, at: datetime, locale: str
) -> tuple[datetime, Figures, list[Group], Opening | None]:
    """(as at, totals, groups, opening balances) as the public may see them. Raises Forbidden for anything finer."""
    check_public(asked, dimensions)
    counted = _newest(at)
    span = _span(asked, counted.shared["years"])
    if span is None:
        if asked.filters or asked.from_day or asked.to_day:
            raise Forbidden(_too_few())
        return counted.as_at, Figures(), [], None
    for name in asked.filters:
        found = (counted.find(f"{span}/where/{name}")[0] or {}).get(_inner(asked, scope, name))
        if found is None:
            raise Forbidden(_too_few())
        figures, opening = found
        return counted.as_at, Figures(*figures), [], Opening.of_json(opening)
    whole, older, *answers = counted.find(
        f"{span}/totals", f"{span}/opening", *(f"{span}/by/{name}" for name in dimensions)
    )
    if whole is None:
        raise Forbidden(_too_few())
    totals = Figures(*whole)
    opening, is_large = older or (None, False)
    if (asked.from_day or asked.to_day) and totals.participants < FEWEST and not is_large:
        raise Forbidden(_too_few())
    groups: list[Group] = []
    for name, rows in zip(dimensions, answers, strict=True):
        groups = _groups(read_names(locale), name, rows)
    return counted.as_at, totals, groups, Opening.of_json(opening)


def _groups(names: Names, name: str, rows: Iterable[Any] | None) -> list[Group]:
    return in_order((_group(names, name, *row) for row in rows or []), (name,))


def _too_few() -> str:
    return _("Figures for fewer than %(n)s people are not published.", n=FEWEST)


def _inner(asked: Slice, scope: Scope, name: str) -> str:
    if name == "country":
        return str(scope.country_id)
    return str(scope.series_id if name == "series" else getattr(asked, name))


def _group(
    names: Names, name: str, inner: Hashable, figures: list[Any], is_folded: bool, opening: dict[str, Any] | None
) -> Group:
    key = OTHER if is_folded else names.key(name, inner)
    label = other_label() if is_folded else names.label(name, inner)
    return Group((key,), (label,), Figures(*figures), folded=is_folded, opening=Opening.of_json(opening))


def _span(asked: Slice, years: list[str]) -> str | None:
    """The span of years with data within whole years, or none."""
    first = f"{asked.from_day.year:04}" if asked.from_day else ""
    last = f"{asked.to_day.year:04}" if asked.to_day else "9999"
    within = [year for year in years if first <= year <= last]
    return f"{within[0]}-{within[-1]}" if within else None


def public_headline(*, at: datetime, locale: str) -> Headline:
    """The totals of all time as everybody may see them, with the countries for the map."""
    stored = _of_all_time(_newest(at), ("country",))
    return _headline(stored, country_rows(), locale)


def public_overview(dimensions: tuple[str, ...], *, at: datetime, locale: str) -> Overview:
    """The headline and the groups of all time by each of these dimensions, the country among them."""
    stored = _of_all_time(_newest(at), dimensions)
    return _overview(stored, dimensions, country_rows(), series_rows(), region_rows(), locale, catalogue())


@dataclass(frozen=True)
class _Stored:
    """What was read of a refresh, as it is stored: (question, JSON)."""

    as_at: datetime
    first_year: str | None
    attended: int
    partners: tuple[int, ...]
    answers: tuple[tuple[str, str], ...]

    def find(self, question: str) -> Any:
        return next((_read(text) for name, text in self.answers if name == question), None)


def _of_all_time(counted: Counted, dimensions: Iterable[str]) -> _Stored:
    shared = counted.shared
    span = _span(Slice(), shared["years"])
    texts = {}
    if span:
        asked = [f"{span}/totals", f"{span}/opening", *(f"{span}/by/{name}" for name in dimensions)]
        texts = counted.texts(asked)
    return _Stored(
        counted.as_at,
        min(shared["years"], default=None),
        shared["funnel"]["attended"],
        tuple(shared["partners"]),
        tuple(sorted((question.partition("/")[2], text) for question, text in texts.items())),
    )


# What follows is worked out of rows alone: as long as these are the same, it is the same.


@lru_cache(maxsize=16)
def _headline(stored: _Stored, countries: Rows, locale: str) -> Headline:
    figures = Figures(*(stored.find("totals") or ()))
    rows = stored.find("by/country") or []
    people = FIGURES.index("participants")
    values = {key: bare[people] for key, bare, is_folded, _opening in rows if not is_folded}
    named = named_countries(countries, locale)
    places = [
        Place(code, named[code], latitude, longitude, values[id_], id_ in stored.partners)
        for id_, code, _names, latitude, longitude in countries
        if values.get(id_)
    ]
    funnel = {
        "registrations": figures.registrations,
        "attended": stored.attended,
        "certificates": figures.certificates,
    }
    return Headline(
        stored.as_at,
        figures,
        sorted(places, key=lambda place: (-place.value, place.name)),
        funnel,
        stored.first_year,
        Opening.of_json((stored.find("opening") or [None])[0]),
    )


@lru_cache(maxsize=16)
def _overview(
    stored: _Stored,
    dimensions: tuple[str, ...],
    countries: Rows,
    series: Rows,
    regions: Rows,
    locale: str,
    _language_of_labels: Hashable,
) -> Overview:
    names = names_of(countries, series, regions, locale)
    groups = {name: _groups(names, name, stored.find(f"by/{name}")) for name in dimensions}
    return Overview(_headline(stored, countries, locale), groups)
