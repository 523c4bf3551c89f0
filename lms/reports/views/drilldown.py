"""Drill-down pages: the people, lectures, attendances, countries and registrations behind a figure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import chain, islice
from typing import Any

from flask import render_template, request, url_for
from flask.typing import ResponseReturnValue

from lms.core import clock
from lms.core.errors import Invalid, NotFound
from lms.core.i18n import _, _l
from lms.core.roles import Actor, Role
from lms.reports import shapes
from lms.reports.documents import drilldown as reading
from lms.reports.documents.writing import written
from lms.reports.forms import ReportForm
from lms.reports.queries.definitions import figure_names
from lms.reports.queries.drilldown_rows import DrilldownRow
from lms.reports.queries.figures import list_people, list_rows
from lms.reports.views.blueprint import address, asked_form, bp
from lms.web.guards import allow
from lms.web.identity import current_actor
from lms.web.lists import Column, ListDefinition, ListPage, read_list
from lms.web.locale import reader_locale
from lms.web.table_files import table_file

PEOPLE = ListDefinition(
    columns=(
        Column(
            "attendances", _l("Attendances"), first=_l("most attendances first"), last=_l("fewest attendances first"),
            descending=True, numeric=True,
        ),
        Column("name", _l("Person"), first=_l("by name"), last=_l("by name, the last first")),
        Column(
            "minutes", _l("Minutes"), first=_l("most minutes first"), last=_l("fewest minutes first"), descending=True,
            numeric=True,
        ),
    ),
)  # fmt: skip
LISTED = frozenset({"q", "sort", "page", "size"})
"""What an address of people asks of their list."""
HEADINGS = ["full_name", "countries", "attendances", "minutes", "first"]
CHUNK = 2000
A_PAGE = 50
NOT_STATED = "-"
"""Stands in an address for the key of what is not stated."""
OWN = frozenset({"row", "column", "page", "after", "organisation", "q", "sort", "size"})
"""What an address of rows has beside what the report is asked."""


def _asked(by: Actor, locale: str) -> tuple[ReportForm, dict[str, str | None]]:
    """The settings in the query string, and the keys of the group named by `row` and `column`."""
    form = asked_form(by, locale)
    if not form.validate():
        raise Invalid(None, _("There is no report for these settings."))
    keys: dict[str, str | None] = {}
    for dimension, given in ((form.rows.data, "row"), (form.columns.data, "column")):
        if dimension and given in request.args:
            keys[dimension] = None if request.args[given] == NOT_STATED else request.args[given]
    return form, keys


def _organisation() -> str | None:
    given = request.args.get("organisation")
    return "" if given == NOT_STATED else given


def _back(figure: str) -> str:
    asked = {name: value for name, value in request.args.items() if name not in OWN}
    return address("reports.totals", asked | {"figure": figure})


@bp.get("/admin/reports/people")
@allow(Role.ADMINISTRATOR, Role.REPORTER, Role.FOCAL_POINT)
def people() -> ResponseReturnValue:
    """Lists the people behind a figure, in the slice and in the group named by `row` and `column`."""
    by, at, locale = current_actor(), clock.now(), reader_locale()
    form, keys = _asked(by, locale)
    asked = read_list(PEOPLE)
    opened = list_people(form.asked, keys, organisation=_organisation(), wanted=asked.wanted, by=by, locale=locale)
    carried = {name: value for name, value in request.args.items() if name not in LISTED}
    return render_template(
        "reports/people.html",
        opened=opened,
        about=[*opened.labels, *form.about],
        period=shapes.period(form.asked),
        at=at,
        back=_back("participants"),
        list=ListPage(asked, opened.total, endpoint="reports.people", carried=carried, anchor="people"),
    )


@bp.get("/admin/reports/people.<kind>")
@allow(Role.ADMINISTRATOR, Role.REPORTER, Role.FOCAL_POINT)
def people_file(kind: str) -> ResponseReturnValue:
    """The people behind a figure, or what the filter holds of them, as CSV or XLSX."""
    if kind not in ("csv", "xlsx"):
        raise NotFound
    by, locale, wanted = current_actor(), reader_locale(), read_list(PEOPLE).wanted
    form, keys = _asked(by, locale)

    def cells() -> Iterator[tuple[object, ...]]:
        asked = replace(wanted, page=1, size=CHUNK)
        while True:
            opened = list_people(form.asked, keys, organisation=_organisation(), wanted=asked, by=by, locale=locale)
            for one in opened.people:
                name = "" if one.is_erased else one.full_name
                yield name, ", ".join(one.countries), one.attendances, one.minutes, one.first
            if asked.offset + len(opened.people) >= opened.total:
                return
            asked = replace(asked, page=asked.page + 1)

    rows = cells()
    first = list(islice(rows, 1))  # what is refused is refused before the file begins
    name = "-".join(["people", *([form.country.data.lower()] if form.country.data else [])])
    return table_file(kind, name, _("People"), HEADINGS, chain(first, rows))


@bp.get("/admin/reports/opened/<figure>")
@allow(Role.ADMINISTRATOR, Role.REPORTER, Role.FOCAL_POINT)
def rows(figure: str) -> ResponseReturnValue:
    """Lists the rows behind any other figure."""
    by, at, locale = current_actor(), clock.now(), reader_locale()
    form, keys = _asked(by, locale)
    after = request.args.get("after") or None
    opened = list_rows(figure, form.asked, keys, by=by, at=at, locale=locale, limit=A_PAGE, cursor=after)
    asked: dict[str, Any] = {name: value for name, value in request.args.items() if name not in {"figure", "after"}}
    return render_template(
        "reports/rows.html",
        opened=opened,
        value=getattr(opened.figures, figure),
        name=figure_names()[figure],
        tables=reading.tables(opened, lambda row: _url(row, by)),
        about=[*opened.labels, *form.about],
        period=shapes.period(form.asked),
        at=at,
        back=_back(figure),
        start=url_for("reports.rows", figure=figure, **asked) if after else None,
        following=url_for("reports.rows", figure=figure, after=opened.following, **asked) if opened.following else None,
        written=written,
    )


def _url(row: DrilldownRow, by: Actor) -> str | None:
    """The link of a row, if the reader can open it."""
    if row.person_id is not None:
        may = by.is_administrator and row.person is not None
        return url_for("dashboards.person", public_id=row.person_id) if may else None
    if row.country_code is not None:
        return url_for("reports.dossier", code=row.country_code)
    return None if row.lecture_id is None else url_for("reports.lecture", lecture_id=row.lecture_id)


def drilldown_address(form: ReportForm, figure: str, /, **group: str | None) -> str:
    """The URL of the rows behind a figure. `row` and `column` are the keys of its group, if any."""
    given = {name: value for name, value in request.args.items() if value and name not in OWN}
    given |= {"rows": form.rows.data, "columns": form.columns.data, "country": form.country.data}
    given |= {name: NOT_STATED if key is None else key for name, key in group.items()}
    return drilldown_of(figure, **{name: value for name, value in given.items() if value})


def drilldown_of(figure: str, /, **asked: Any) -> str:
    """The URL of the rows behind a figure of the current report."""
    if figure == "participants":
        return url_for("reports.people", **(asked | {"figure": figure}))
    return url_for("reports.rows", **(asked | {"figure": figure}))
