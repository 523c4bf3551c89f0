"""Drill-down pages: the people, lectures, attendances, countries and registrations behind a figure."""

from collections.abc import Iterable, Sequence
from typing import Any

from flask import request, url_for

from lms.core.base.errors import NotFound
from lms.core.base.lists import ListRequest
from lms.core.base.roles import Actor, Role
from lms.core.text.i18n import _, _l
from lms.reports import shapes
from lms.reports.documents.tables import KINDS, TABLES, parts_of
from lms.reports.documents.wording import written
from lms.reports.forms import ReportForm
from lms.reports.queries.definitions import figure_names
from lms.reports.queries.drilldown import NOT_STATED, list_rows
from lms.reports.queries.drilldown_lists import OF_KIND, OF_PARTNER, DrilldownRow
from lms.reports.rules import FIGURES, Figures
from lms.reports.views.blueprint import address, bp, valid_form
from lms.web.lists.parts import Chip, Choice, Select
from lms.web.lists.routes import list_files, list_page
from lms.web.lists.view import ListView
from lms.web.pages.locale import reader_locale
from lms.web.pages.time import one_decimal

LISTED = frozenset({"q", "sort", "page", "size"})
"""The parameters that every list has."""
READERS = (Role.ADMINISTRATOR, Role.REPORTER, Role.FOCAL_POINT)
OWN = frozenset(
    {"row", "column", "organisation", *LISTED, *(name for table in TABLES.values() for name in table.filters)}
)
"""The parameters that the report itself does not have."""


def _form_and_keys(by: Actor, locale: str) -> tuple[ReportForm, dict[str, str | None]]:
    """The settings in the query string, and the keys of the group named by `row` and `column`."""
    form = valid_form(by, locale)
    keys: dict[str, str | None] = {}
    for dimension, given in ((form.rows.data, "row"), (form.columns.data, "column")):
        if dimension and given in request.args:
            keys[dimension] = None if request.args[given] == NOT_STATED else request.args[given]
    return form, keys


def _back(figure: str) -> str:
    parameters = {name: value for name, value in request.args.items() if name not in OWN}
    return address("reports.totals", parameters | ({"figure": figure} if figure in FIGURES else {}))


class FigureRows(ListView[DrilldownRow]):
    """The rows behind a figure, in the slice and in the group named by `row` and `column`."""

    template = "reports/rows.html"

    def __init__(self, figure: str, /, **values: str) -> None:
        super().__init__(**values)
        self.figure, self.table = figure, TABLES[figure]
        self.columns, self.filters, self.file_columns = self.table.order, self.table.filters, self.table.files
        self.text_label = self.table.text_label
        self.chips_filter = next(iter(self.filters), "")
        self.form, self.keys = _form_and_keys(self.by, reader_locale())
        listed = {*LISTED, *self.filters, *values}
        self.carried = {name: value for name, value in request.args.items() if name not in listed}

    @property
    def organisation(self) -> str | None:
        """The organisation whose people are listed; empty: of none."""
        return None

    def query(self, request: ListRequest) -> tuple[Sequence[DrilldownRow], int]:
        self.opened = list_rows(
            self.figure, self.form.slice, self.keys, organisation=self.organisation, request=request, by=self.by,
            at=self.at, locale=reader_locale(),
        )  # fmt: skip
        self.ignore(*self.opened.unknown)
        return self.opened.rows, self.opened.total

    def file_query(self, request: ListRequest) -> Iterable[DrilldownRow]:
        self.query(self.request)
        return self.opened.all_rows()

    def file_words(self) -> list[str]:
        filters = self.request.filters
        values = [self.form.country.data, *(filters[name] for name in sorted(filters))]
        words = ["not-stated" if value == NOT_STATED else value for value in values if value]
        return [*words, *(["search"] if self.request.q else [])]

    @property
    def has_filters(self) -> bool:
        return bool(self.opened.every)

    @property
    def is_filtered(self) -> bool:
        return bool(self.opened.every)

    def chips(self) -> list[Chip]:
        """All rows, and those of each value of the first filter, most rows first."""
        name, choices = self.chips_filter, self.opened.choices
        words = {
            **{("of_source", choice.key): choice.label for choice in choices.get("of_source", [])},
            **{(OF_KIND, kind): word for kind, word in KINDS.items()},
            (OF_PARTNER, "true"): _("Partner countries"),
            (OF_PARTNER, "false"): _("Other countries"),
        }
        chips = [
            Chip(choice.key, choice.number, str(words[name, choice.key]))
            for choice in choices.get(name, [])
            if (name, choice.key) in words
        ]
        chips.sort(key=lambda chip: -(chip.number or 0))
        return [Chip("", self.opened.every, _("All")), *chips] if chips else []

    def selects(self) -> list[Select]:
        """The filters of the form, where there is something to choose."""
        choices = self.opened.choices
        return [
            Select(name, word, [Choice(choice.key, choice.label, choice.number) for choice in choices[name]])
            for name, word in (("of_country", _("Country or area")), ("of_series", _("Series")))
            if name in choices and (len(choices[name]) > 1 or name in self.request.filters)
        ]

    def context(self) -> dict[str, Any]:
        return {
            "opened": self.opened,
            "is_people": self.figure == "participants",
            "counted": _counted(self.figure, self.opened.figures),
            "name": _("Satisfaction") if self.figure == "satisfaction" else figure_names()[self.figure],
            "parts": parts_of(self.opened),
            "url": lambda row: _url(row, self.by),
            "about": [*self.opened.labels, *self.form.about],
            "period": shapes.period(self.form.slice),
            "at": self.at,
            "back": _back(self.figure),
            "written": written,
        }


def _counted(figure: str, figures: Figures) -> str:
    """The figure with its noun."""
    if figure != "satisfaction":
        return shapes.counted(figure, getattr(figures, figure))
    if figures.ratings.mean is None:
        return _("Satisfaction")
    return _("Satisfaction: %(mean)s of 5", mean=one_decimal(figures.ratings.mean_tenths / 10))


@list_files(bp, "/admin/reports/people", *READERS)
@list_page(bp, "/admin/reports/people", *READERS)
class ParticipantRows(FigureRows):
    """Lists the people behind a figure, in the slice and in the group named by `row` and `column`."""

    endpoint, title, anchor = "reports.people", _l("People"), "people"

    def __init__(self) -> None:
        super().__init__("participants")
        self.file_name = "people"

    @property
    def organisation(self) -> str | None:
        organisation = request.args.get("organisation")
        return "" if organisation == NOT_STATED else organisation

    def file_words(self) -> list[str]:
        return [self.form.country.data] if self.form.country.data else []


@list_files(bp, "/admin/reports/opened/<figure>", *READERS)
@list_page(bp, "/admin/reports/opened/<figure>", *READERS)
class OtherFigureRows(FigureRows):
    """Lists the rows behind any other figure."""

    endpoint, title, anchor = "reports.rows", _l("Rows"), "rows"

    def __init__(self, figure: str) -> None:
        if figure not in TABLES or figure == "participants":  # participants have another address
            raise NotFound
        super().__init__(figure, figure=figure)
        self.file_name = figure.replace("_", "-")


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
