"""The figures everybody may see: all questions are answered at once, once a day, and read from there.

A question is a span of years with data ("2020-2026") and what is asked of it:
`2020-2026/totals`, `2020-2026/by/<dimension>` (groups, small ones folded), `2020-2026/where/<filter>` (the slices that
hold five people or more, by key). Figures stand as lists in the order of `rules.FIGURES`; keys are inner ones.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import intersect, select
from sqlalchemy.sql.functions import count

from lms.attendance.models import Credit, Outcome
from lms.catalogue.models import Lecture, LectureState
from lms.core import clock
from lms.core.db import db
from lms.core.errors import Forbidden
from lms.core.words import _
from lms.enrolment.models import Enrolment
from lms.people.models import Country, Person, Region
from lms.reports.models import PublicAnswer, PublicFigures
from lms.reports.queries.facts import load, many_rows
from lms.reports.queries.labels import Names, other_label, read_names
from lms.reports.queries.scope import Partners, Scope, ancestors
from lms.reports.rules import (
    DIMENSIONS,
    FEWEST,
    FIGURES,
    OTHER,
    Facts,
    Figures,
    Group,
    Key,
    Part,
    Slice,
    check_public,
    folded,
    in_order,
    tally,
)

Answers = dict[str, Any]


@dataclass(frozen=True)
class Counted:
    """One refresh: when, what all questions share, and how an answer is found."""

    as_at: datetime
    shared: Mapping[str, Any]
    find: Callable[[str], Any]


@dataclass(frozen=True)
class Place:
    """A country on the map: its participants in public, and whether it is a partner."""

    code: str
    name: str
    latitude: float | None
    longitude: float | None
    value: int
    partner: bool


@dataclass(frozen=True)
class Headline:
    """The totals of all time as the public knows them, the countries, and the way from registered to certified."""

    as_at: datetime
    figures: Figures
    places: list[Place]
    funnel: dict[str, int]
    first_year: str | None


def count_all(at: datetime) -> tuple[dict[str, Any], Answers]:
    """Counts every question the public may ask: (what they share, answers by question)."""
    with many_rows():
        return _count_all(at)


def _count_all(at: datetime) -> tuple[dict[str, Any], Answers]:
    zone = clock.reporting_zone()
    partners = Partners()
    facts = load(Scope(zone=zone), partners)
    today = partners.on(clock.day_of(at, zone))
    parents = dict(db.session.execute(select(Region.code, Region.parent_code)).all())
    drafts: frozenset[Key] = frozenset((series,) for series in read_names("en").drafts)
    years = sorted({str(key[0]) for key in tally(facts, ("year",))})
    answers: Answers = {}
    for name in (None, *DIMENSIONS, "partner", "within"):
        for span, parts in _spans(_by_year(facts, name, parents), years):
            if name is None:
                answers[f"{span}/totals"] = _bare(parts[()].figures(today))
                continue
            if name in DIMENSIONS:
                # By source, the null group is no group of people: it has the registrations and certificates of all
                apart = {(None,)} & parts.keys() if name == "source" else set()
                people = {key: part for key, part in parts.items() if key not in apart}
                shown, other = folded(people, drafts if name == "series" else ())
                shown |= {key: parts[key] for key in apart}
                rows = [[key[0], _bare(part.figures(today)), False] for key, part in shown.items()]
                rows += [] if other is None else [[OTHER, _bare(other.figures(today)), True]]
                answers[f"{span}/by/{name}"] = rows
            if name in {"country", "series", "partner", "within"}:
                answers[f"{span}/where/{'region' if name == 'within' else name}"] = {
                    str(key[0]): _bare(part.figures(today))
                    for key, part in parts.items()
                    if key[0] is not None and len(part.people) >= FEWEST
                }
    return {"years": years, "partners": sorted(today), "funnel": _funnel()}, answers


def _by_year(facts: Facts, name: str | None, parents: dict[str, str | None]) -> dict[str, dict[Key, Part]]:
    """Parts by year, then by the dimension; "within" is regions of every level."""
    found: dict[str, dict[Key, Part]] = defaultdict(dict)
    if name is None:
        for (year,), part in tally(facts, ("year",)).items():
            found[str(year)][()] = part
        return found
    for (key, year), part in tally(facts, ("region" if name == "within" else name, "year")).items():
        if name != "within":
            found[str(year)][key,] = part
        elif isinstance(key, str):
            for code in ancestors(key, parents):
                found[str(year)].setdefault((code,), Part()).unite(part)
    return found


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


def _funnel() -> dict[str, int]:
    """Registrations, and how many of them were followed by an attendance in that series."""
    registered = select(Enrolment.series_id, Person.canonical_id).join(Person, Person.id == Enrolment.person_id)
    attended = (
        select(Lecture.series_id, Person.canonical_id)
        .select_from(Credit)
        .join(Lecture, Lecture.id == Credit.lecture_id)
        .join(Person, Person.id == Credit.person_id)
        .where(Credit.outcome == Outcome.ATTENDED, Lecture.state == LectureState.HELD)
    )
    both = intersect(registered, attended).subquery()
    return {"attended": db.session.scalar(select(count()).select_from(both)) or 0}


def last_refresh() -> datetime | None:
    """When the public figures were last counted."""
    return db.session.scalar(select(PublicFigures.as_at).order_by(PublicFigures.as_at.desc()).limit(1))


def _newest(at: datetime) -> Counted:
    """The last refresh; where there has been none yet, what it would have counted now."""
    row = db.session.scalar(
        select(PublicFigures).order_by(PublicFigures.as_at.desc(), PublicFigures.id.desc()).limit(1)
    )
    if row is None:
        shared, answers = count_all(at)
        return Counted(at, shared, answers.get)
    figures_id = row.id

    def find(question: str) -> Any:
        return db.session.scalar(
            select(PublicAnswer.answer).where(PublicAnswer.figures_id == figures_id, PublicAnswer.question == question)
        )

    return Counted(row.as_at, row.answers, find)


def public_report(
    asked: Slice, scope: Scope, dimensions: tuple[str, ...], *, at: datetime, locale: str
) -> tuple[datetime, Figures, list[Group]]:
    """(as at, totals, groups) as the public may see them. Raises Forbidden for anything finer."""
    check_public(asked, dimensions)
    counted = _newest(at)
    names = read_names(locale)
    span = _span(asked, counted.shared["years"])
    if span is None:
        if asked.filters or asked.from_day or asked.to_day:
            raise Forbidden(_too_few())
        return counted.as_at, Figures(), []
    for name in asked.filters:
        found = (counted.find(f"{span}/where/{name}") or {}).get(_inner(asked, scope, name))
        if found is None:
            raise Forbidden(_too_few())
        return counted.as_at, Figures(*found), []
    totals = Figures(*counted.find(f"{span}/totals"))
    if (asked.from_day or asked.to_day) and totals.participants < FEWEST:
        raise Forbidden(_too_few())
    groups: list[Group] = []
    for name in dimensions:
        groups = in_order((_group(names, name, *row) for row in counted.find(f"{span}/by/{name}") or []), dimensions)
    return counted.as_at, totals, groups


def _too_few() -> str:
    return _("Fewer than %(n)s people: that is not published.", n=FEWEST)


def _inner(asked: Slice, scope: Scope, name: str) -> str:
    if name == "country":
        return str(scope.country_id)
    return str(scope.series_id if name == "series" else getattr(asked, name))


def _group(names: Names, name: str, inner: Hashable, figures: list[Any], is_folded: bool) -> Group:
    key = OTHER if is_folded else names.key(name, inner)
    label = other_label() if is_folded else names.label(name, inner)
    return Group((key,), (label,), Figures(*figures), folded=is_folded)


def _span(asked: Slice, years: list[str]) -> str | None:
    """The span of years with data within whole years, or none."""
    first = f"{asked.from_day.year:04}" if asked.from_day else ""
    last = f"{asked.to_day.year:04}" if asked.to_day else "9999"
    within = [year for year in years if first <= year <= last]
    return f"{within[0]}-{within[-1]}" if within else None


def public_headline(*, at: datetime, locale: str) -> Headline:
    """The totals of all time as everybody may see them, with the countries for the map."""
    counted = _newest(at)
    span = _span(Slice(), counted.shared["years"])
    figures = Figures(*counted.find(f"{span}/totals")) if span else Figures()
    rows = counted.find(f"{span}/by/country") if span else []
    values = {key: bare[FIGURES.index("participants")] for key, bare, is_folded in rows or [] if not is_folded}
    names = read_names(locale)
    partners = set(counted.shared["partners"])
    places = [
        Place(code, names.countries[id_][1], latitude, longitude, values[id_], id_ in partners)
        for id_, code, latitude, longitude in db.session.execute(
            select(Country.id, Country.code, Country.latitude, Country.longitude)
        )
        if values.get(id_)
    ]
    funnel = {
        "registrations": figures.registrations,
        "attended": counted.shared["funnel"]["attended"],
        "certificates": figures.certificates,
    }
    years = counted.shared["years"]
    return Headline(
        counted.as_at,
        figures,
        sorted(places, key=lambda place: (-place.value, place.name)),
        funnel,
        min(years, default=None),
    )
