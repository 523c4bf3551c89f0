"""The blueprint for the report pages, and their shared helpers."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, request, url_for
from werkzeug.datastructures import MultiDict

from lms.core.base.errors import Forbidden, Invalid
from lms.core.base.roles import Actor
from lms.core.text.i18n import _
from lms.core.time import clock
from lms.people.forms import grouped_choices
from lms.reports import shapes
from lms.reports.documents.totals import pictured
from lms.reports.forms import ReportForm
from lms.reports.queries.definitions import figure_names
from lms.reports.queries.figures import FigureReport
from lms.reports.queries.labels import Names, choices
from lms.reports.rules import FILTERS

bp = Blueprint("reports", __name__, template_folder="../templates")


def asked_form(by: Actor, locale: str, names: Names | None = None) -> ReportForm:
    """The settings in the query string, limited to what the actor can see. Focal points get their own country.

    `names`: those that the page reads anyway.
    """
    is_restricted = not by.is_reporter
    offered = choices(names or Names(locale), by=by)
    given = MultiDict(request.args)
    if is_restricted and not given.get("country"):
        given["country"] = offered.countries[0][0] if offered.countries else ""
    if is_restricted and given["country"] not in {code for code, _name in offered.countries}:
        raise Forbidden(_("You can only see figures for your own country."))
    first = {"figure": "participants", "rows": "" if is_restricted else "country"}
    for name in ("figure", "rows", "columns", "period", *FILTERS):
        given.setdefault(name, first.get(name, ""))
    form = ReportForm(given)
    form.offer(
        series=offered.series,
        countries=grouped_choices(dict(offered.countries), locale),
        regions=offered.regions,
        languages=offered.languages,
        own_country_only=is_restricted,
        today=clock.day_of(clock.now(), clock.reporting_zone()),
    )
    return form


def valid_form(by: Actor, locale: str) -> ReportForm:
    """The same, of settings that have a report. Raises Invalid."""
    form = asked_form(by, locale)
    if not form.validate():
        raise Invalid(None, _("There is no report for these settings."))
    return form


def figures_shown(
    report: FigureReport,
    margins: Sequence[FigureReport],
    figure: str,
    about: Sequence[str],
    *,
    shown: str | None = None,
) -> dict[str, Any]:
    """Returns what a page shows of a report: `figure` is the one in its sentence, `shown` the one in its table and
    picture, if another. `margins` are the reports by each of two dimensions."""
    shown = shown or figure
    return {
        "report": report,
        "figure": shown,
        "picture": pictured(margins[0] if margins else report, shown) if report.dimensions else None,
        "open": lambda _figure, **_group: None,
        "names": figure_names(),
        "sentence": shapes.sentence(report, figure, about),
        "cross": shapes.cross(report, margins, shown),
        "dimension_names": {name: str(label) for name, label in shapes.DIMENSION_NAMES},
        "column_names": shapes.COLUMN_NAMES,
        "overlap": bool(report.dimensions),
    }


def address(endpoint: str, parameters: dict[str, str]) -> str:
    """The URL of a page with its settings."""
    query = urlencode(parameters)
    return url_for(endpoint) + (f"?{query}" if query else "")
