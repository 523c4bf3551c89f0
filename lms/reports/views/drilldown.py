"""Drill-down pages: the people, lectures, attendances, countries and registrations behind a figure."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import render_template, request, url_for
from flask.typing import ResponseReturnValue

from lms.core import clock
from lms.core.errors import Invalid, NotFound
from lms.core.i18n import _
from lms.core.lists import ListRequest
from lms.core.roles import Actor, Role
from lms.reports import shapes
from lms.reports.documents.tables import KINDS, TABLES, parts_of
from lms.reports.documents.wording import written
from lms.reports.forms import ReportForm
from lms.reports.queries.definitions import figure_names
from lms.reports.queries.drilldown import NOT_STATED, list_rows
from lms.reports.queries.drilldown_lists import OF_KIND, OF_PARTNER, DrilldownRow, DrilldownRows
from lms.reports.views.blueprint import address, asked_form, bp
from lms.web.guards import allow
from lms.web.identity import current_actor
from lms.web.lists import AskedList, Choice, ListPage, Select, Sifted, read_list
from lms.web.locale import reader_locale
from lms.web.table_files import table_file

LISTED = frozenset({"q", "sort", "page", "size"})
"""What an address asks of a list."""
OWN = frozenset(
    {"row", "column", "organisation", *LISTED, *(name for table in TABLES.values() for name in table.filters)}
)
"""The parameters that the report itself does not have."""


def _form_and_keys(by: Actor, locale: str) -> tuple[ReportForm, dict[str, str | None]]:
    """The settings in the query string, and the keys of the group named by `row` and `column`."""
    form = asked_form(by, locale)
    if not form.validate():
        raise Invalid(None, _("There is no report for these settings."))
    keys: dict[str, str | None] = {}
    for dimension, given in ((form.rows.data, "row"), (form.columns.data, "column")):
        if dimension and given in request.args:
            keys[dimension] = None if request.args[given] == NOT_STATED else request.args[given]
    return form, keys


def _back(figure: str) -> str:
    parameters = {name: value for name, value in request.args.items() if name not in OWN}
    return address("reports.totals", parameters | {"figure": figure})


@bp.get("/admin/reports/people")
@allow(Role.ADMINISTRATOR, Role.REPORTER, Role.FOCAL_POINT)
def people() -> ResponseReturnValue:
    """Lists the people behind a figure, in the slice and in the group named by `row` and `column`."""
    return _page("participants")


@bp.get("/admin/reports/people.<kind>")
@allow(Role.ADMINISTRATOR, Role.REPORTER, Role.FOCAL_POINT)
def people_file(kind: str) -> ResponseReturnValue:
    """The people behind a figure that match the filter, as CSV or XLSX."""
    return _file("participants", kind)


@bp.get("/admin/reports/opened/<figure>")
@allow(Role.ADMINISTRATOR, Role.REPORTER, Role.FOCAL_POINT)
def rows(figure: str) -> ResponseReturnValue:
    """Lists the rows behind any other figure."""
    return _page(_of_rows(figure))


@bp.get("/admin/reports/opened/<figure>.<kind>")
@allow(Role.ADMINISTRATOR, Role.REPORTER, Role.FOCAL_POINT)
def rows_file(figure: str, kind: str) -> ResponseReturnValue:
    """The rows behind any other figure that match the filter, as CSV or XLSX."""
    return _file(_of_rows(figure), kind)


def _of_rows(figure: str) -> str:
    """A figure that has a page of rows. Participants have another address."""
    if figure not in TABLES or figure == "participants":
        raise NotFound
    return figure


def _page(figure: str) -> ResponseReturnValue:
    by, at, is_people = current_actor(), clock.now(), figure == "participants"
    form, listing, opened = _rows(figure, by=by, at=at)
    listed = {*LISTED, *listing.definition.filters, *([] if is_people else ["figure"])}
    return render_template(
        "reports/rows.html",
        opened=opened,
        is_people=is_people,
        value=getattr(opened.figures, figure),
        name=figure_names()[figure],
        parts=parts_of(opened),
        url=lambda row: _url(row, by),
        about=[*opened.labels, *form.about],
        period=shapes.period(form.slice),
        at=at,
        back=_back(figure),
        list=ListPage(
            listing,
            opened.total,
            endpoint="reports.people" if is_people else "reports.rows",
            values={} if is_people else {"figure": figure},
            carried={name: value for name, value in request.args.items() if name not in listed},
            anchor="people" if is_people else "rows",
        ),
        text_label=TABLES[figure].text_label,
        sifted=_sifted(opened),
        selects=_selects(opened, listing.wanted),
        written=written,
    )


def _file(figure: str, kind: str) -> ResponseReturnValue:
    if kind not in ("csv", "xlsx"):
        raise NotFound
    form, listing, opened = _rows(figure, by=current_actor(), at=clock.now())
    filters = [form.country.data, *(listing.wanted.filters[name] for name in sorted(listing.wanted.filters))]
    words, title = [figure.replace("_", "-"), *(_plain(value) for value in filters if value)], _("Rows")
    if figure == "participants":
        words[0], title = "people", _("People")
    elif listing.wanted.q:
        words.append("search")
    columns = TABLES[figure].files
    cells = ([column.read(row) for column in columns] for row in opened.all_rows())
    return table_file(kind, "-".join(words), title, [column.name for column in columns], cells)


def _plain(text: str) -> str:
    """A value of a filter within the name of a file."""
    return "not-stated" if text == NOT_STATED else text.lower()


def _rows(figure: str, *, by: Actor, at: datetime) -> tuple[ReportForm, AskedList, DrilldownRows]:
    """What the address asks of a report and of a list of rows, and these rows."""
    locale = reader_locale()
    form, keys = _form_and_keys(by, locale)
    listing, organisation = read_list(TABLES[figure].definition), None
    if figure == "participants":
        organisation = request.args.get("organisation")
        organisation = "" if organisation == NOT_STATED else organisation
    opened = list_rows(
        figure, form.slice, keys, organisation=organisation, request=listing.wanted, by=by, at=at, locale=locale
    )
    return form, listing.without(*opened.unknown), opened


def _sifted(opened: DrilldownRows) -> list[Sifted]:
    """The figures above the list: all rows, and those of each value of its first filter."""
    words = {
        **{("of_source", one.key): one.label for one in opened.choices.get("of_source", [])},
        **{(OF_KIND, kind): word for kind, word in KINDS.items()},
        (OF_PARTNER, "true"): _("Partner countries"),
        (OF_PARTNER, "false"): _("Other countries"),
    }
    name = next(iter(TABLES[opened.figure].filters), "")
    options = [
        Sifted(one.key, one.number, str(words[name, one.key]))
        for one in opened.choices.get(name, [])
        if (name, one.key) in words
    ]
    options.sort(key=lambda choice: -(choice.number or 0))
    return [Sifted("", opened.every, _("All")), *options] if options else []


def _selects(opened: DrilldownRows, request: ListRequest) -> list[Select]:
    """The filters of the form, where there is something to choose."""
    words = {"of_country": _("Country or area"), "of_series": _("Series")}
    return [
        Select(name, words[name], [Choice(one.key, one.label, one.number) for one in opened.choices[name]])
        for name in words
        if len(opened.choices.get(name, [])) > 1 or name in request.filters
        if name in opened.choices
    ]


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


def drilldown_of(figure: str, /, **parameters: Any) -> str:
    """The URL of the rows behind a figure of the current report."""
    if figure == "participants":
        return url_for("reports.people", **(parameters | {"figure": figure}))
    return url_for("reports.rows", **(parameters | {"figure": figure}))
