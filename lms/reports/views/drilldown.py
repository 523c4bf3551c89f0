"""Drill-down pages: the people, lectures, attendances, countries and registrations behind a figure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from itertools import chain, islice
from typing import Any

from flask import render_template, request, url_for
from flask.typing import ResponseReturnValue

from lms.core import clock
from lms.core.errors import Invalid, NotFound
from lms.core.i18n import _, _l
from lms.core.lists import ListRequest
from lms.core.roles import Actor, Role
from lms.reports import shapes
from lms.reports.documents import drilldown as reading
from lms.reports.documents.wording import written
from lms.reports.forms import ReportForm
from lms.reports.queries.definitions import figure_names
from lms.reports.queries.drilldown import NOT_STATED
from lms.reports.queries.drilldown_lists import OF_KIND, OF_PARTNER, DrilldownRow, DrilldownRows
from lms.reports.queries.figures import list_people, list_rows
from lms.reports.rules import VALUES
from lms.reports.views.blueprint import address, asked_form, bp
from lms.web.guards import allow
from lms.web.identity import current_actor
from lms.web.lists import AskedList, Choice, Column, ListDefinition, ListPage, Select, Sifted, read_list
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

_DAY = Column("day", _l("Day"), first=_l("newest first"), last=_l("oldest first"), descending=True)
_PERSON = Column("person", _l("Person"), first=_l("by name"), last=_l("by name, the last first"))
_LECTURE = Column("lecture", _l("Lecture"), first=_l("by lecture"), last=_l("by lecture, the last first"))
_SERIES = Column("series", _l("Series"), first=_l("by series"), last=_l("by series, the last first"))
COUNTRY_COLUMN = Column(
    "country", _l("Country or area"), first=_l("by country"), last=_l("by country, the last first")
)  # fmt: skip
ATTENDANCES_COLUMN = Column(
    "attendances", _l("Attendances"), first=_l("most attendances first"), last=_l("fewest attendances first"),
    descending=True, numeric=True,
)  # fmt: skip
PARTICIPANTS_COLUMN = Column(
    "participants",
    _l("Participants"),
    first=_l("most participants first"),
    last=_l("fewest participants first"),
    descending=True,
    numeric=True,
)
CERTIFICATES_COLUMN = Column(
    "certificates", _l("Certificates"), first=_l("most certificates first"), last=_l("fewest certificates first"),
    descending=True, numeric=True,
)  # fmt: skip
_HOURS = Column(
    "contact_hours", _l("Contact hours"), first=_l("most contact hours first"), last=_l("fewest contact hours first"),
    descending=True, numeric=True,
)  # fmt: skip
_CREDITS = ListDefinition(
    filters={"of_source": frozenset(VALUES["source"]), "of_country": None, "of_series": None},
    columns=(
        _DAY,
        _PERSON,
        _LECTURE,
        _SERIES,
        COUNTRY_COLUMN,
        Column("source", _l("Way of attending"), first=_l("by way of attending"), last=_l("by way, the last first")),
        Column(
            "minutes", _l("Minutes"), first=_l("most minutes first"), last=_l("fewest minutes first"), descending=True,
            numeric=True,
        ),
    ),
)  # fmt: skip
_COUNTRIES = ListDefinition(
    filters={OF_PARTNER: frozenset({"true", "false"})},
    columns=(
        PARTICIPANTS_COLUMN,
        COUNTRY_COLUMN,
        ATTENDANCES_COLUMN,
        _HOURS,
    ),
)  # fmt: skip
_REGISTRATIONS = ListDefinition(
    filters={"of_country": None, "of_series": None}, columns=(_DAY, _PERSON, _SERIES, COUNTRY_COLUMN)
)
ROWS = {
    "sessions": ListDefinition(
        filters={"of_series": None}, columns=(_DAY, _LECTURE, _SERIES, ATTENDANCES_COLUMN, _HOURS)
    ),
    "attendances": _CREDITS,
    "contact_hours": _CREDITS,
    "countries": _COUNTRIES,
    "partner_countries": _COUNTRIES.without([OF_PARTNER]),
    "registrations": _REGISTRATIONS,
    "certificates": ListDefinition(
        filters={OF_KIND: frozenset(reading.KINDS), **_REGISTRATIONS.filters},
        columns=(
            *_REGISTRATIONS.columns,
            Column("kind", _l("Kind"), first=_l("by kind"), last=_l("by kind, the last first")),
        ),
    ),
}  # fmt: skip
"""What the rows behind each figure can be filtered and sorted by."""
OWN = frozenset({"row", "column", "organisation", *LISTED, *(name for one in ROWS.values() for name in one.filters)})
"""Parameters of a page of rows that a report does not have."""


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


def _organisation() -> str | None:
    given = request.args.get("organisation")
    return "" if given == NOT_STATED else given


def _back(figure: str) -> str:
    parameters = {name: value for name, value in request.args.items() if name not in OWN}
    return address("reports.totals", parameters | {"figure": figure})


@bp.get("/admin/reports/people")
@allow(Role.ADMINISTRATOR, Role.REPORTER, Role.FOCAL_POINT)
def people() -> ResponseReturnValue:
    """Lists the people behind a figure, in the slice and in the group named by `row` and `column`."""
    by, at, locale = current_actor(), clock.now(), reader_locale()
    form, keys = _form_and_keys(by, locale)
    listing = read_list(PEOPLE)
    opened = list_people(form.slice, keys, organisation=_organisation(), request=listing.wanted, by=by, locale=locale)
    carried = {name: value for name, value in request.args.items() if name not in LISTED}
    return render_template(
        "reports/people.html",
        opened=opened,
        about=[*opened.labels, *form.about],
        period=shapes.period(form.slice),
        at=at,
        back=_back("participants"),
        list=ListPage(listing, opened.total, endpoint="reports.people", carried=carried, anchor="people"),
    )


@bp.get("/admin/reports/people.<kind>")
@allow(Role.ADMINISTRATOR, Role.REPORTER, Role.FOCAL_POINT)
def people_file(kind: str) -> ResponseReturnValue:
    """The people behind a figure, or what the filter holds of them, as CSV or XLSX."""
    if kind not in ("csv", "xlsx"):
        raise NotFound
    by, locale, request = current_actor(), reader_locale(), read_list(PEOPLE).wanted
    form, keys = _form_and_keys(by, locale)

    def cells() -> Iterator[tuple[object, ...]]:
        chunk = replace(request, page=1, size=CHUNK)
        while True:
            opened = list_people(form.slice, keys, organisation=_organisation(), request=chunk, by=by, locale=locale)
            for person in opened.people:
                name = "" if person.is_erased else person.full_name
                yield name, ", ".join(person.countries), person.attendances, person.minutes, person.first
            if chunk.offset + len(opened.people) >= opened.total:
                return
            chunk = replace(chunk, page=chunk.page + 1)

    rows = cells()
    first = list(islice(rows, 1))  # what is refused is refused before the file begins
    name = "-".join(["people", *([form.country.data.lower()] if form.country.data else [])])
    return table_file(kind, name, _("People"), HEADINGS, chain(first, rows))


@bp.get("/admin/reports/opened/<figure>")
@allow(Role.ADMINISTRATOR, Role.REPORTER, Role.FOCAL_POINT)
def rows(figure: str) -> ResponseReturnValue:
    """Lists the rows behind any other figure."""
    by, at = current_actor(), clock.now()
    form, listing, opened = _rows(figure, by=by, at=at)
    listed = {*LISTED, *listing.definition.filters, "figure"}
    return render_template(
        "reports/rows.html",
        opened=opened,
        value=getattr(opened.figures, figure),
        name=figure_names()[figure],
        tables=reading.tables(opened, lambda row: _url(row, by)),
        about=[*opened.labels, *form.about],
        period=shapes.period(form.slice),
        at=at,
        back=_back(figure),
        list=ListPage(
            listing,
            opened.total,
            endpoint="reports.rows",
            values={"figure": figure},
            carried={name: value for name, value in request.args.items() if name not in listed},
            anchor="rows",
        ),
        text_label=_text_label(figure),
        sifted=_sifted(opened),
        selects=_selects(opened, listing.wanted),
        written=written,
    )


@bp.get("/admin/reports/opened/<figure>.<kind>")
@allow(Role.ADMINISTRATOR, Role.REPORTER, Role.FOCAL_POINT)
def rows_file(figure: str, kind: str) -> ResponseReturnValue:
    """The rows behind any other figure, or what the filter holds of them, as CSV or XLSX."""
    if kind not in ("csv", "xlsx"):
        raise NotFound
    form, listing, opened = _rows(figure, by=current_actor(), at=clock.now())
    filters = [form.country.data, *(listing.wanted.filters[name] for name in sorted(listing.wanted.filters))]
    words = [
        figure.replace("_", "-"),
        *(_plain(one) for one in filters if one),
        *(["search"] if listing.wanted.q else []),
    ]
    cells = (reading.cells(figure, row) for row in opened.all_rows())
    return table_file(kind, "-".join(words), _("Rows"), list(reading.FILES[figure]), cells)


def _plain(text: str) -> str:
    """A value of a filter within the name of a file."""
    return "not-stated" if text == NOT_STATED else text.lower()


def _rows(figure: str, *, by: Actor, at: datetime) -> tuple[ReportForm, AskedList, DrilldownRows]:
    """What the address asks of a report and of a list of rows, and these rows."""
    if figure not in ROWS:
        raise NotFound
    locale = reader_locale()
    form, keys = _form_and_keys(by, locale)
    listing = read_list(ROWS[figure])
    opened = list_rows(figure, form.slice, keys, request=listing.wanted, by=by, at=at, locale=locale)
    return form, listing.without(*opened.unknown), opened


def _text_label(figure: str) -> str:
    if figure == "sessions":
        return _("Lecture or series")
    return _("Country or area") if ROWS[figure].column("person") is None else _("Name, e-mail or organisation")


def _sifted(opened: DrilldownRows) -> list[Sifted]:
    """The figures above the list: all rows, and those of each value of its first filter."""
    words = {
        **{("of_source", one.key): one.label for one in opened.choices.get("of_source", [])},
        **{(OF_KIND, kind): word for kind, word in reading.KINDS.items()},
        (OF_PARTNER, "true"): _("Partner countries"),
        (OF_PARTNER, "false"): _("Other countries"),
    }
    name = next(iter(ROWS[opened.figure].filters), "")
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
