"""Lists of rows: one definition gives the page with its filters, order and pages, the files, and the API page.

A subclass of `ListView` defines the list, the decorators of `lms/web/lists/routes.py` register it, and its template
extends `list.html`. docs/contributing/list.md has the steps.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import chain, islice
from typing import Any, Generic, Self, TypeVar

from flask import Response, render_template
from werkzeug.datastructures import MultiDict

from lms.core.base.errors import Invalid, NotFound
from lms.core.base.lists import EVERY_ROW, ListRequest
from lms.core.text.i18n import _, _l, _n
from lms.core.text.punctuation import listed, quoted
from lms.core.time import clock
from lms.web.api.api import integer_cursor
from lms.web.lists.addresses import MOST_COLUMNS, ListAddress
from lms.web.lists.parts import FILES, Chip, Column, FileColumn, Select, Text, table_file
from lms.web.pages.time import number
from lms.web.request.identity import current_actor

Row = TypeVar("Row")


class ListView(ListAddress, Generic[Row]):
    """A list for one request: its definition, and what the address of the request says of filter, order and page.

    A subclass defines the list and reads its rows; `list_page`, `list_files` and `list_api` register it:

        class AllSeries(ListView[SeriesRow]):
            endpoint, template, title = "dashboards.admin_series", "dashboards/admin_series.html", _l("Series")
            filters = {"state": frozenset(SeriesState)}
            columns = (Column("title", _l("Series"), _l("A to Z"), _l("Z to A")), …)
            file_columns = (FileColumn("slug"), FileColumn("title", width=40), …)

            def query(self, request): return list_all_series(request, by=self.by)        # rows, total

    The template extends `list.html` and draws the rows. The page names what it ignored in the address.
    """

    template: str
    most_columns = MOST_COLUMNS
    title: Text
    """What its rows are: the caption of the table, and the name of the sheet."""
    testid: str = ""
    text_label: Text = _l("Name or e-mail")
    chips_filter: str = ""
    """The filter that the figures above the list set."""
    file_columns: tuple[FileColumn, ...] = ()

    def __init__(self, **values: Any) -> None:
        """`values` are in the path of the address."""
        super().__init__(**values)
        self.by, self.at = current_actor(), clock.now()
        self.hidden: set[str] = set()
        self.selectable: list[Any] = []
        self.selects_all = True
        self.file_name = self.endpoint.rpartition(".")[2]
        self.rows: Sequence[Row] = ()
        self.total = 0

    # What a list defines

    def query(self, request: ListRequest) -> tuple[Sequence[Row], int]:
        """The rows of a page, and how many there are on all pages."""
        raise NotImplementedError

    def file_query(self, request: ListRequest) -> Iterable[Row]:
        """The rows of a file: all that the filter has."""
        return self.query(request)[0]

    def chips(self) -> list[Chip]:
        """The figures above the list, each of which filters it."""
        return []

    @property
    def chosen_chip(self) -> str:
        """The value of the figure that the list is filtered by."""
        return self.request.filters.get(self.chips_filter, "")

    def selects(self) -> list[Select]:
        """The filters of the form."""
        return []

    def context(self) -> dict[str, Any]:
        """Further values for the template."""
        return {}

    @property
    def has_filters(self) -> bool:
        """Whether the page shows the form of the filters."""
        return bool(self.rows) or self.is_filtered or bool(self.ignored)

    @property
    def is_filtered(self) -> bool:
        """Whether a filter leaves out rows of the list."""
        return self.request.is_filtered

    @property
    def may_download(self) -> bool:
        """Whether the page offers the files."""
        return bool(self.file_columns)

    def file_words(self) -> list[str]:
        """Returns what the files are filtered by, for their name: values, but only the name of a filter that takes any
        text."""
        chosen = self.request.filters
        words = [name if known is None else chosen[name] for name, known in self.filters.items() if name in chosen]
        return [*words, *(["search"] if self.request.q else [])]

    # What it answers

    def load(self) -> Self:
        """Reads the rows of the page."""
        self.rows, self.total = self.query(self.request)
        self.request = self.request.within(self.total)
        return self

    def page(self, **context: Any) -> str:
        """The page of the list."""
        return self.load().render(**context)

    def render(self, **context: Any) -> str:
        """The page of the list, whose rows are loaded."""
        return render_template(self.template, list=self, rows=self.rows, **{**self.context(), **context})

    def file(self, kind: str) -> Response:
        """All rows that the filter has, as CSV or XLSX."""
        if kind not in FILES:
            raise NotFound
        rows = iter(self.file_query(replace(self.request, page=1, size=EVERY_ROW)))
        first = list(islice(rows, 1))  # a query that refuses does so before the file begins
        cells = ([column.read(row) for column in self.file_columns] for row in chain(first, rows))
        name = "-".join([self.file_name, *(word.lower().replace("_", "-") for word in self.file_words())])
        headings = [column.name for column in self.file_columns]
        widths = [column.width for column in self.file_columns]
        return table_file(kind, name, str(self.title), headings, cells, widths=widths)

    def answer(self, query: Mapping[str, Any]) -> dict[str, Any]:
        """A page of the API: the fields of the files. The cursor is the number of the page."""
        names = ("q", "sort", *self.filters)
        request = self.read(MultiDict({name: query[name] for name in names if query[name]}))
        if self.ignored:
            raise Invalid(self.ignored[0], _("Unknown value."))
        self.request = replace(request, page=integer_cursor(query["cursor"]) or 1, size=query["limit"])
        self.load()
        items = [{column.name: column.read(row) for column in self.file_columns} for row in self.rows]
        following = str(self.request.page + 1) if self.request.page < self.pages else None
        return {"items": items, "next": following}

    @property
    def pages(self) -> int:
        """How many pages there are."""
        return self.request.pages(self.total)

    # What is shown

    @property
    def headings(self) -> list[Column]:
        """The columns that are shown."""
        return [*(column for column in self.columns if column.name not in self.hidden), *self.chosen_columns]

    @property
    def chosen_columns(self) -> list[Column]:
        """The columns that the reader added."""
        return [column for column in self.choosable if column.name in self.request.columns]

    @property
    def width(self) -> int:
        """How many cells a row has."""
        return len(self.headings) + bool(self.selectable)

    def label(self, name: str) -> str:
        """The heading of a column."""
        return next(str(column.label) for column in self.columns if column.name == name)

    def aria_sort(self, column: Column) -> str | None:
        """How the list is sorted by a column; None where it is not."""
        if column.name != self.request.sort:
            return None
        return "descending" if self.request.descending else "ascending"

    @property
    def order_in_words(self) -> str:
        """The order of the list, for the sentence above it."""
        if not self.order_of_column:
            return ""
        return _("sorted by “%(column)s”, %(order)s", column=self.order_label, order=self.order_of_column)

    @property
    def order_of_column(self) -> str:
        """The order of the column that the list is sorted by, such as A to Z."""
        column = self.column(self.request.sort)
        if column is None:
            return ""
        return str(column.first if self.request.descending is column.descending else column.last)

    def order_if_pressed(self, column: Column) -> str:
        """The order of the list after its column heading is pressed."""
        is_pressed_again = column.name == self.request.sort and self.request.descending is column.descending
        return str(column.last if is_pressed_again else column.first)

    @property
    def orders(self) -> list[tuple[str, str, bool]]:
        """(address, label, whether it is chosen) of each order, for the menu: phones have no headings to press."""
        orders = []
        default = self._default_order[0]
        for column in sorted(self.sortable, key=lambda column: column.name != default):
            for descending in (column.descending, not column.descending):
                is_chosen = (column.name, descending) == (self.request.sort, self.request.descending)
                if descending is column.descending or is_chosen:
                    words = str(column.label)
                    if descending is not column.descending:
                        words = _("%(column)s: %(order)s", column=words, order=column.last)
                    orders.append((self.in_order(column, descending=descending), words, is_chosen))
        return orders

    @property
    def order_label(self) -> str:
        """The heading of the column that the list is sorted by."""
        column = self.column(self.request.sort)
        return str(column.label) if column is not None else ""

    @property
    def ignored_in_words(self) -> str:
        """Which filters of the address were ignored, as a sentence; empty where none was."""
        if not self.ignored:
            return ""
        return _n(
            "Unknown filter %(names)s was ignored.",
            "Unknown filters %(names)s were ignored.",
            len(self.ignored),
            names=listed(quoted(name) for name in self.ignored),
        )

    @property
    def first(self) -> int:
        """The number of the first row of the page, counted from 1."""
        return min(self.request.offset + 1, self.total)

    @property
    def last(self) -> int:
        """The number of the last row of the page."""
        return min(self.request.offset + self.request.size, self.total)

    @property
    def shown_in_words(self) -> str:
        """The rows of the page among all."""
        return _(
            "%(first)s–%(last)s of %(total)s",
            first=number(self.first),
            last=number(self.last),
            total=number(self.total),
        )

    @property
    def elsewhere(self) -> int:
        """How many rows are on other pages."""
        return self.total - (self.last - self.first + 1 if self.total else 0)
