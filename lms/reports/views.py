"""Pages: what came of it (public), how we count, and the reports of those who may count exactly."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import get_locale
from werkzeug.datastructures import MultiDict

from lms.core import clock
from lms.core.errors import Forbidden, Invalid, NotFound
from lms.core.roles import ANONYMOUS, Actor, Role
from lms.core.words import _
from lms.reports import exports, queries, shapes
from lms.reports.forms import DIMENSION_NAMES, ReportForm
from lms.reports.rules import DIMENSIONS, Slice
from lms.web import maps
from lms.web.guards import ANYONE, allow
from lms.web.identity import current_actor

bp = Blueprint("reports", __name__, template_folder="templates")
FIRST_COUNTRIES = 12
FIRST_SERIES = 10


def _locale() -> str:
    return str(get_locale() or "en")


@bp.get("/impact")
@allow(ANYONE)
def impact() -> ResponseReturnValue:
    """What came of it: the public figures, with map, years, regions and countries."""
    at, locale = clock.now(), _locale()
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
    report = queries.count(Slice(), (name,), by=ANONYMOUS, at=clock.now(), locale=_locale())
    return _file(exports.as_csv(report), "text/csv; charset=utf-8", f"impact-by-{name}-{report.as_at:%Y-%m-%d}.csv")


def _file(content: Any, kind: str, name: str) -> Response:
    answer = Response(content, content_type=kind)
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


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


@bp.get("/admin/reports")
@allow(Role.ADMINISTRATOR, Role.REPORTER, Role.FOCAL_POINT)
def totals() -> ResponseReturnValue:
    """Counts exactly what is asked for: of everything for reporters, of the own country for a focal point."""
    by, at, locale = current_actor(), clock.now(), _locale()
    form = _form(by, locale)
    context: dict[str, Any] = {"form": form, "report": None, "cross": None}
    if form.validate():
        try:
            context |= _answer(form, by=by, locale=locale)
        except Invalid as error:
            form.take(error)
    status = 422 if form.errors else 200
    context["took"] = round((clock.now() - at).total_seconds(), 1)
    return render_template("reports/totals.html", **context), status


def _form(by: Actor, locale: str) -> ReportForm:
    own = not by.is_reporter
    offered = queries.choices(by=by, locale=locale)
    given = MultiDict(request.args)
    if own and not given.get("country"):
        given["country"] = offered.countries[0][0] if offered.countries else ""
    if own and given["country"] not in {code for code, _name in offered.countries}:
        raise Forbidden(_("You may see the figures of your own country."))
    first = {"figure": "participants", "rows": "" if own else "country"}
    for name in ("figure", "rows", "columns", "series", "country", "region", "partner"):
        given.setdefault(name, first.get(name, ""))
    form = ReportForm(given)
    form.offer(series=offered.series, countries=offered.countries, regions=offered.regions, own_country_only=own)
    return form


def _answer(form: ReportForm, *, by: Actor, locale: str) -> dict[str, Any]:
    dims, figure = form.dimensions, form.figure.data
    questions = [dims, (), ()] if len(dims) < 2 else [dims, dims[:1], dims[1:]]
    report, rows, columns = queries.count_several(form.asked, questions, by=by, at=clock.now(), locale=locale)
    return {
        "report": report,
        "figure": figure,
        "names": queries.figure_names(),
        "definition": exports.definitions()[figure],
        "sentence": shapes.sentence(report, figure, form.about),
        "cross": shapes.cross(report, rows, columns, figure) if len(dims) == 2 else None,
        "dimension_names": {name: str(label) for name, label in DIMENSION_NAMES},
        "overlap": shapes.overlap(report) > 0 if len(dims) == 1 else True,
        "downloads": [
            (kind.upper(), url_for("reports.download", kind=kind) + "?" + request.query_string.decode())
            for kind in ("xlsx", "csv", "json")
        ],
    }


@bp.get("/admin/reports.<kind>")
@allow(Role.ADMINISTRATOR, Role.REPORTER, Role.FOCAL_POINT)
def download(kind: str) -> ResponseReturnValue:
    """The same as a file: CSV, XLSX or JSON, with every figure."""
    if kind not in {"csv", "xlsx", "json"}:
        raise NotFound
    by, locale = current_actor(), _locale()
    form = _form(by, locale)
    if not form.validate():
        raise Invalid(None, _("These settings cannot be counted."))
    report = queries.count(form.asked, form.dimensions, by=by, at=clock.now(), locale=locale)
    name = f"totals-{report.as_at:%Y-%m-%d}.{kind}"
    if kind == "csv":
        return _file(exports.as_csv(report), "text/csv; charset=utf-8", name)
    if kind == "json":
        return _file(exports.as_json(report), "application/json", name)
    return _file(exports.as_xlsx(report), exports.XLSX, name)
