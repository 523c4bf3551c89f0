"""The public figures: all questions are answered at once, once a day, and read from there.

A question is a span of years with data ("2020-2026") and a part: `2020-2026/totals`, `2020-2026/by/<dimension>`
(groups, small ones combined), `2020-2026/where/<filter>` (the slices with five people or more, by key). Figures are
stored as lists in the order of `rules.FIGURES`, with *satisfaction* after them (`read_figures`); keys are inner ones.
"""

import json
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import Text, cast, select

from lms.catalogue.queries.policies import slugs_without_certificate
from lms.core.base.errors import Forbidden
from lms.core.database.session import db
from lms.core.text.i18n import _, catalogue
from lms.people.queries.countries import Rows, country_rows, named_countries, region_rows
from lms.reports.models import PublicAnswer, PublicFigures
from lms.reports.queries.labels import Names, other_label, series_rows
from lms.reports.queries.public_counting import count_all
from lms.reports.queries.scope import Scope
from lms.reports.rules import (
    FEWEST,
    FIGURES,
    OTHER,
    Figures,
    Group,
    Opening,
    Ratings,
    Slice,
    check_public,
    in_order,
)


@dataclass(frozen=True)
class Counted:
    """One refresh: when, what all questions share, and how answers are found: by question, as the JSON they are."""

    as_at: datetime
    shared: Mapping[str, Any]
    texts: Callable[[Sequence[str]], dict[str, str]]

    def find(self, *questions: str) -> list[Any]:
        """The answers to these questions in their order, null for none."""
        texts = self.texts(questions)
        return [json.loads(texts[question]) if question in texts else None for question in questions]


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
class Funnel:
    """From registered to certified, in the series that issue certificates; `is_all`: in all series."""

    registrations: int
    attended: int
    certificates: int
    is_all: bool = True


@dataclass(frozen=True, eq=False)
class Headline:
    """The totals of all time as the public knows them, the countries, and the way from registered to certified.

    The same rows give the same object, as long as it is kept: what is made of it can be kept by it.
    """

    as_at: datetime
    figures: Figures
    places: Sequence[Place]
    funnel: Funnel
    first_year: str | None
    opening: Opening | None = None


@dataclass(frozen=True, eq=False)
class Overview:
    """The headline, and the groups of all time by dimension. One object for the same rows, as `Headline` is.

    `uncertified` are the slugs of the series that give no certificate.
    """

    headline: Headline
    groups: Mapping[str, Sequence[Group]]
    uncertified: frozenset[str] = frozenset()


def last_refresh() -> datetime | None:
    """When the public figures were last counted."""
    return db.session.scalar(select(PublicFigures.as_at).order_by(PublicFigures.as_at.desc()).limit(1))


def _newest(at: datetime) -> Counted:
    """The last refresh; where there has been none yet, what it would have counted now."""
    query = select(PublicFigures.id, PublicFigures.as_at, cast(PublicFigures.answers, Text))
    row = db.session.execute(query.order_by(PublicFigures.as_at.desc(), PublicFigures.id.desc()).limit(1)).first()
    if row is None:
        shared, answers = count_all(at)
        return Counted(at, shared, lambda keys: {one: json.dumps(answers[one]) for one in keys if one in answers})
    figures_id, as_at, shared_text = row

    def texts(questions: Sequence[str]) -> dict[str, str]:
        query = select(PublicAnswer.question, cast(PublicAnswer.answer, Text))
        query = query.where(PublicAnswer.figures_id == figures_id, PublicAnswer.question.in_(questions))
        return dict(db.session.execute(query).all())

    return Counted(as_at, json.loads(shared_text), texts)


def public_report(
    slice_: Slice, scope: Scope, dimensions: tuple[str, ...], *, at: datetime, locale: str
) -> tuple[datetime, Figures, list[Group], Opening | None]:
    """(as at, totals, groups, opening balances) as the public may see them. Raises Forbidden for anything finer."""
    check_public(slice_, dimensions)
    counted = _newest(at)
    span = _span(slice_, counted.shared["years"])
    if span is None:
        if slice_.filters or slice_.from_day or slice_.to_day:
            raise Forbidden(_too_few())
        return counted.as_at, Figures(), [], None
    for name in slice_.filters:
        answer = (counted.find(f"{span}/where/{name}")[0] or {}).get(_inner(slice_, scope, name))
        if answer is None:
            raise Forbidden(_too_few())
        figures, opening = answer
        return counted.as_at, read_figures(figures), [], Opening.of_json(opening)
    whole, older, *answers = counted.find(
        f"{span}/totals", f"{span}/opening", *(f"{span}/by/{name}" for name in dimensions)
    )
    if whole is None:
        raise Forbidden(_too_few())
    totals = read_figures(whole)
    opening, is_large = older or (None, False)
    if (slice_.from_day or slice_.to_day) and totals.participants < FEWEST and not is_large:
        raise Forbidden(_too_few())
    groups: list[Group] = []
    for name, rows in zip(dimensions, answers, strict=True):
        groups = _groups(Names(locale), name, rows)
    return counted.as_at, totals, groups, Opening.of_json(opening)


def read_figures(stored: Sequence[int | float]) -> Figures:
    """Figures as they are stored: in the order of `FIGURES`, and after them those of *satisfaction* where they are
    public."""
    ratings = Ratings(*map(int, stored[len(FIGURES) :]))
    values: dict[str, Any] = dict(zip(FIGURES, stored, strict=False))
    return Figures(**values, ratings=ratings)


def _groups(names: Names, name: str, rows: Iterable[Any] | None) -> list[Group]:
    return in_order((_group(names, name, *row) for row in rows or []), (name,))


def _too_few() -> str:
    return _("Figures for fewer than %(n)s people are not published.", n=FEWEST)


def _inner(slice_: Slice, scope: Scope, name: str) -> str:
    if name == "country":
        return str(scope.country_id)
    return str(scope.series_id if name == "series" else getattr(slice_, name))


def _group(
    names: Names, name: str, inner: Hashable, figures: list[Any], is_folded: bool, opening: dict[str, Any] | None
) -> Group:
    key = OTHER if is_folded else names.key(name, inner)
    label = other_label() if is_folded else names.label(name, inner)
    return Group((key,), (label,), read_figures(figures), folded=is_folded, opening=Opening.of_json(opening))


def _span(slice_: Slice, years: list[str]) -> str | None:
    """The span of years with data within whole years, or none."""
    first = f"{slice_.from_day.year:04}" if slice_.from_day else ""
    last = f"{slice_.to_day.year:04}" if slice_.to_day else "9999"
    within = [year for year in years if first <= year <= last]
    return f"{within[0]}-{within[-1]}" if within else None


def public_headline(*, at: datetime, locale: str) -> Headline:
    """The totals of all time as everybody may see them, with the countries for the map."""
    stored = _of_all_time(_newest(at), ("country",))
    return _headline(stored, country_rows(), locale)


def public_overview(dimensions: tuple[str, ...], *, at: datetime, locale: str) -> Overview:
    """The headline and the groups of all time by each of these dimensions, the country among them."""
    stored = _of_all_time(_newest(at), dimensions)
    uncertified = slugs_without_certificate() if "series" in dimensions else frozenset()
    return _overview(
        stored, dimensions, country_rows(), series_rows(locale), region_rows(), uncertified, locale, catalogue()
    )


@dataclass(frozen=True)
class _Stored:
    """The answers of a refresh, as they are stored: (question, JSON)."""

    as_at: datetime
    first_year: str | None
    funnel: tuple[tuple[str, int], ...]
    partners: tuple[int, ...]
    answers: tuple[tuple[str, str], ...]

    def find(self, question: str) -> Any:
        return next((json.loads(text) for name, text in self.answers if name == question), None)


def _of_all_time(counted: Counted, dimensions: Iterable[str]) -> _Stored:
    shared = counted.shared
    span = _span(Slice(), shared["years"])
    texts = {}
    if span:
        names = [f"{span}/totals", f"{span}/opening", *(f"{span}/by/{name}" for name in dimensions)]
        texts = counted.texts(names)
    return _Stored(
        counted.as_at,
        min(shared["years"], default=None),
        tuple(sorted(shared["funnel"].items())),
        tuple(shared["partners"]),
        tuple(sorted((question.partition("/")[2], text) for question, text in texts.items())),
    )


# What follows is worked out of rows alone: as long as these are the same, it is the same.


def _headline(stored: _Stored, countries: Rows, locale: str) -> Headline:
    figures = read_figures(stored.find("totals") or ())
    rows = stored.find("by/country") or []
    people = FIGURES.index("participants")
    values = {key: bare[people] for key, bare, is_folded, _opening in rows if not is_folded}
    named = named_countries(countries, locale)
    places = [
        Place(code, named[code], latitude, longitude, values[id_], id_ in stored.partners)
        for id_, code, _names, latitude, longitude in countries
        if values.get(id_)
    ]
    steps = dict(stored.funnel)  # earlier refreshes counted only the attended
    funnel = Funnel(
        registrations=steps.get("registrations", figures.registrations),
        attended=steps["attended"],
        certificates=steps.get("certificates", figures.certificates),
        is_all=bool(steps.get("is_all", True)),
    )
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
    uncertified: frozenset[str],
    locale: str,
    _language_of_labels: Hashable,
) -> Overview:
    names = Names(locale, countries, series, regions)
    groups = {name: _groups(names, name, stored.find(f"by/{name}")) for name in dimensions}
    return Overview(_headline(stored, countries, locale), groups, uncertified)
