"""Pages for exact reports, and for exports of their rows."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from functools import partial
from typing import Any

from flask import redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from lms.core.base.errors import Invalid, NotFound
from lms.core.base.roles import Actor, Role
from lms.core.storage import tables
from lms.core.time import clock
from lms.reports import shapes
from lms.reports.actions.exports import fetch_export, request_export
from lms.reports.documents import report_files as files
from lms.reports.documents.files import file_answer, file_of, rows_answer
from lms.reports.documents.paper import drawable_language
from lms.reports.documents.totals import heading, totals_document
from lms.reports.forms import PERIOD_NAMES, ReportForm, SavedNameForm
from lms.reports.periods import Period, days_of
from lms.reports.queries.figures import SharedReads, count, count_several, with_margins
from lms.reports.queries.saved import failing_saved, list_saved
from lms.reports.rules import FILTERS, Slice
from lms.reports.views.blueprint import address, asked_form, bp, figures_shown, valid_form
from lms.reports.views.drilldown import drilldown_address
from lms.web.pages.locale import reader_locale
from lms.web.request.guards import allow
from lms.web.request.identity import current_actor


@bp.get("/admin/reports")
@allow(Role.ADMINISTRATOR, Role.REPORTER, Role.FOCAL_POINT)
def totals() -> ResponseReturnValue:
    """Shows exact figures: everything for reporters, their own country for focal points."""
    return totals_page()


def totals_page(save_form: SavedNameForm | None = None, status: int = 200) -> ResponseReturnValue:
    """Renders the page with the form to save the report."""
    by, at, locale = current_actor(), clock.now(), reader_locale()
    shared = SharedReads(locale)
    form = asked_form(by, locale, shared.names)
    context: dict[str, Any] = {"form": form, "report": None, "cross": None}
    context |= {"periods": [], "has_filters": any(request.args.get(name) for name in ("period", *FILTERS))}
    context["save_form"] = save_form or SavedNameForm(formdata=None)
    context["saved"] = [(row, address("reports.totals", row.question), schedule) for row, schedule in list_saved(by=by)]
    context["failing"] = failing_saved(by=by)
    if form.validate():
        try:
            context |= _answer(form, shared, by=by, locale=locale)
        except Invalid as error:
            form.take(error)
    if form.errors:
        status = 422
    context["took"] = round((clock.now() - at).total_seconds(), 1)
    return render_template("reports/totals.html", **context), status


def _answer(form: ReportForm, shared: SharedReads, *, by: Actor, locale: str) -> dict[str, Any]:
    dims, figure, at = form.dimensions, form.figure.data, clock.now()
    report, *margins = count_several(form.slice, with_margins(dims), by=by, at=at, locale=locale, shared=shared)
    always = replace(form.slice, from_day=None, to_day=None)
    years = count(always, ("year",), by=by, at=at, locale=locale, shared=shared).groups
    return {
        **figures_shown(report, margins, figure, form.about),
        "periods": _periods(form, [str(group.keys[0]) for group in years if group.figures.sessions]),
        "open": partial(drilldown_address, form),
        "heading": heading(report, figure),
        "definition": files.definitions()[figure],
        "dossier": lambda code: url_for("reports.dossier", code=code),
        "overlap": shapes.overlap(report.totals, report.groups) > 0 if len(dims) == 1 else True,
        "publish": address("reports.publish", request.args.to_dict()) if by.is_administrator else None,
        "save_url": url_for("reports.save") + "?" + request.query_string.decode(),
        "export_url": url_for("reports.ask_export") + "?" + request.query_string.decode(),
        "downloads": [
            (kind.upper(), url_for("reports.download", kind=kind) + "?" + request.query_string.decode())
            for kind in ("pdf", "xlsx", "csv", "json")
        ],
    }


def _periods(form: ReportForm, years: Iterable[str]) -> list[tuple[str, str, bool]]:
    """The periods to press: (name, address with the dates, whether it is the current one). `years` had sessions."""
    spans: list[tuple[str, date | None, date | None]] = [
        (year, date(int(year), 1, 1), date(int(year), 12, 31)) for year in years if int(year) != form.today.year
    ]
    spans += [(str(name), *days_of(Period(value), form.today)) for value, name in PERIOD_NAMES]
    given = request.args.items()  # without rows, rows are countries: an empty choice is kept
    parameters = {
        name: value for name, value in given if name not in {"period", "from", "to"} and (value or name == "rows")
    }
    current = form.slice.from_day, form.slice.to_day
    return [
        (name, address("reports.totals", parameters | Slice(first, last).parameters), (first, last) == current)
        for name, first, last in spans
    ]


@bp.get("/admin/reports.<kind>")
@allow(Role.ADMINISTRATOR, Role.REPORTER, Role.FOCAL_POINT)
def download(kind: str) -> ResponseReturnValue:
    """Downloads the report with every figure as PDF, CSV, XLSX or JSON."""
    if kind not in {"pdf", "csv", "xlsx", "json"}:
        raise NotFound
    with drawable_language(kind):
        return _download(kind)


def _download(kind: str) -> ResponseReturnValue:
    by, locale = current_actor(), reader_locale()
    form = valid_form(by, locale)
    dims, figure = form.dimensions, form.figure.data
    questions = with_margins(dims) if kind in {"pdf", "xlsx"} else [dims]
    report, *margins = count_several(form.slice, questions, by=by, at=clock.now(), locale=locale)
    cross = shapes.cross(report, margins, figure)
    name = f"{files.file_name(report, form.figure.data)}.{kind}"
    if kind == "pdf":
        title = str(shapes.sentence(report, form.figure.data, form.about).striptags())
        content, media_type, _name = file_of(totals_document(report, figure, title=title, cross=cross), kind)
        return file_answer(content, media_type, name)
    if kind == "csv":
        return file_answer(files.as_csv(report), "text/csv; charset=utf-8", name)
    if kind == "json":
        return file_answer(files.as_json(report), "application/json", name)
    return file_answer(files.as_xlsx(report, cross=cross), tables.MIME, name)


@bp.post("/admin/reports/rows")
@allow(Role.ADMINISTRATOR, Role.REPORTER, Role.FOCAL_POINT)
def ask_export() -> ResponseReturnValue:
    """Starts an export of the people or attendances in the slice, and redirects to the task."""
    by, locale = current_actor(), reader_locale()
    form = valid_form(by, locale)
    kind, file_format = request.form.get("kind", ""), request.form.get("format", "")
    task = request_export(kind, file_format, form.slice, locale=locale, by=by, at=clock.now())
    return redirect(url_for("dashboards.job", public_id=task), 303)


@bp.post("/admin/reports/rows/<job_id>")
@allow(Role.ADMINISTRATOR, Role.REPORTER, Role.FOCAL_POINT)
def fetch(job_id: str) -> ResponseReturnValue:
    """Downloads the file of an export. Permissions are checked again, and the audit trail records it."""
    return rows_answer(*fetch_export(job_id, by=current_actor(), at=clock.now()))
