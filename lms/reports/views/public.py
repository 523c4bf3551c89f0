"""Pages for everybody: what came of it, and how we count."""

from __future__ import annotations

from flask import render_template, request
from flask.typing import ResponseReturnValue

from lms.core import clock
from lms.core.errors import NotFound
from lms.core.roles import ANONYMOUS
from lms.reports import exports, queries, shapes
from lms.reports.rules import DIMENSIONS, Slice
from lms.reports.views.blueprint import bp, file_answer
from lms.web import maps
from lms.web.guards import ANYONE, allow
from lms.web.locale import reader_locale

FIRST_COUNTRIES = 12
FIRST_SERIES = 10


@bp.get("/impact")
@allow(ANYONE)
def impact() -> ResponseReturnValue:
    """What came of it: the public figures, with map, years, regions and countries."""
    at, locale = clock.now(), reader_locale()
    headline = queries.public_headline(at=at, locale=locale)
    by = {
        name: queries.count(Slice(), (name,), by=ANONYMOUS, at=at, locale=locale)
        for name in ("year", "region", "country", "series")
    }
    countries = by["country"].groups
    shown = len(countries) if request.args.get("countries") == "all" else FIRST_COUNTRIES
    today = clock.day_of(headline.as_at, clock.reporting_zone())
    return render_template(
        "reports/impact.html",
        headline=headline,
        bubbles=shapes.bubbles(headline.places),
        scale=maps.scale(shapes.mapped(headline.places)),
        years=by["year"].groups,
        partial_year=str(today.year),
        regions=by["region"].groups,
        countries=countries[:shown],
        all_countries=len([group for group in countries if group.keys[0] and not group.folded]),
        more_countries=len(countries) > shown,
        overlap=shapes.overlap(by["country"]),
        has_folded=any(group.folded for group in countries),
        partners={place.code for place in headline.places if place.partner},
        series=by["series"].groups[:FIRST_SERIES],
        all_series=len(by["series"].groups),
    )


@bp.get("/impact.csv")
@allow(ANYONE)
def impact_csv() -> ResponseReturnValue:
    """The public figures by one dimension (`by`, the country unless given), as CSV."""
    name = request.args.get("by", "country")
    if name not in DIMENSIONS:
        raise NotFound
    report = queries.count(Slice(), (name,), by=ANONYMOUS, at=clock.now(), locale=reader_locale())
    return file_answer(
        exports.as_csv(report), "text/csv; charset=utf-8", f"impact-by-{name}-{report.as_at:%Y-%m-%d}.csv"
    )


@bp.get("/definitions")
@allow(ANYONE)
def definitions() -> ResponseReturnValue:
    """What each figure counts, in plain words."""
    return render_template(
        "reports/definitions.html",
        names=queries.figure_names(),
        definitions=exports.definitions(),
        terms=queries.further_terms(),
    )
