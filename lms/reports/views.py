"""Pages: what came of it (public), how we count, and the reports of those who may count exactly."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

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
PEOPLE_A_PAGE = 50
OPENED = {"participants", "attendances", "contact_hours"}
"""The figures of people, which can be opened down to them."""
NOT_STATED = "-"
"""Stands in an address for the key of what is not stated."""


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
        "open": lambda **group: _open(form, **group) if figure in OPENED else None,
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


@bp.get("/admin/reports/people")
@allow(Role.ADMINISTRATOR, Role.REPORTER, Role.FOCAL_POINT)
def people() -> ResponseReturnValue:
    """The people behind a figure: of the slice and of the group that `row` and `column` name."""
    by, at, locale = current_actor(), clock.now(), _locale()
    form = _form(by, locale)
    if not form.validate():
        raise Invalid(None, _("These settings cannot be counted."))
    keys: dict[str, str | None] = {}
    for dimension, given in ((form.rows.data, "row"), (form.columns.data, "column")):
        if dimension and given in request.args:
            keys[dimension] = None if request.args[given] == NOT_STATED else request.args[given]
    page = request.args.get("page", 1, type=int)
    first = (max(page, 1) - 1) * PEOPLE_A_PAGE
    opened = queries.list_people(form.asked, keys, by=by, locale=locale, limit=PEOPLE_A_PAGE, offset=first)
    asked = request.args.to_dict()
    back = {name: value for name, value in asked.items() if name not in {"row", "column", "page"}}
    return render_template(
        "reports/people.html",
        opened=opened,
        about=[*opened.labels, *form.about],
        period=shapes.period(form.asked),
        first=first + 1,
        at=at,
        back=_with("reports.totals", back),
        previous=_with("reports.people", asked | {"page": str(page - 1)}) if page > 1 else None,
        following=_with("reports.people", asked | {"page": str(page + 1)})
        if first + PEOPLE_A_PAGE < opened.total
        else None,
    )


def _with(endpoint: str, parameters: dict[str, str]) -> str:
    query = urlencode(parameters)
    return url_for(endpoint) + (f"?{query}" if query else "")


def _open(form: ReportForm, **group: str | None) -> str:
    """The address of the people behind one cell; `row` and `column` are the keys of its group, if it has one."""
    given = {name: value for name, value in request.args.items() if value}
    given |= {"rows": form.rows.data, "columns": form.columns.data, "country": form.country.data}
    given |= {name: NOT_STATED if key is None else key for name, key in group.items()}
    return _with("reports.people", {name: value for name, value in given.items() if value})


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
