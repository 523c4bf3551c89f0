"""Lists of rows: one definition gives the page with its filters, order and pages, the files, and the API page.

A subclass of `ListView` defines the list, the decorators `list_page`, `list_files` and `list_api` register it, and its
template extends `list.html`. docs/contributing/list.md has the steps.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from itertools import chain, islice
from operator import attrgetter
from typing import Any, Generic, Self, TypeAlias, TypeVar

from apiflask import APIBlueprint
from apiflask.fields import Field, Integer, List, Nested, String
from flask import Blueprint, Response, render_template, url_for
from flask import request as flask_request
from flask_babel.speaklater import LazyString
from werkzeug.datastructures import MultiDict

from lms.core import clock
from lms.core.errors import Invalid, NotFound
from lms.core.i18n import _, _l, _n
from lms.core.lists import EVERY_ROW, SIZE, SIZES, TEXT_LENGTH, ListRequest
from lms.core.roles import Role
from lms.core.sorting import sort_key
from lms.core.typed_text import clean_line
from lms.web.api import AnswerSchema, Instant, PageQuery, integer_cursor
from lms.web.guards import Guard, allow
from lms.web.identity import current_actor
from lms.web.numbers import whole
from lms.web.scopes import scope
from lms.web.table_files import FILES, table_file
from lms.web.time import number

Row = TypeVar("Row")
Text: TypeAlias = str | LazyString


@dataclass(frozen=True)
class Column:
    """A column of a list: its heading, the class of its cells, and how the list is sorted by it.

    `first` and `last` are the order in words, sorted once and the other way round; a column without them does not sort.
    `descending`: the largest value comes first when it is pressed once.
    """

    name: str
    label: Text
    first: Text = ""
    last: Text = ""
    descending: bool = False
    numeric: bool = False
    place: str = ""


NAME = Column("name", _l("Name"), _l("by name"), _l("by name, the last first"))
COUNTRY = Column("country", _l("Country"), _l("by country"), _l("by country, the last first"), place="wide")
ORGANISATION = Column(
    "organisation", _l("Organisation"), _l("by organisation"), _l("by organisation, the last first"), place="wide"
)
SERIES = Column("series", _l("Series"), _l("by series"), _l("by series, the last first"), place="wide")
MINUTES = Column(
    "minutes", _l("Minutes"), _l("most minutes first"), _l("fewest minutes first"), descending=True, place="wide"
)


@dataclass(frozen=True)
class FileColumn:
    """A column of the files of a list, and a field of its API page. `value` is the path of an attribute of the row, by
    default the name, or a function of the row. `width` counts characters."""

    name: str
    value: str | Callable[[Any], object] = ""
    width: int = 12
    type: type[str | int | datetime] = str

    def read(self, row: object) -> object:
        """The value of a row."""
        return self.value(row) if callable(self.value) else attrgetter(self.value or self.name)(row)


@dataclass(frozen=True)
class Chip:
    """A figure above a list that filters it: the number, a word, and the value of the filter."""

    value: str
    number: int | None
    label: str
    url: str | None = None
    """Where it leads instead, for a figure that is not a part of the list."""
    name: str = ""
    """Its `data-testid`, where that is not its value, or `all`."""


def counted_chips(counts: Mapping[Any, int], words: Mapping[Any, str]) -> list[Chip]:
    """A figure for all rows, and one for each value."""
    every = Chip("", sum(counts.values()), _("all"))
    return [every, *(Chip(str(value), counts.get(value, 0), word) for value, word in words.items())]


@dataclass(frozen=True)
class Choice:
    """One value of a filter in the form; `number` is how many rows it holds, where that is known.

    Choices that follow each other with the same `optgroup` are shown under it.
    """

    value: str
    label: str
    number: int | None = None
    optgroup: str | None = None


@dataclass(frozen=True)
class Select:
    """A filter in the form. `every` is the word for all choices, by default “All”."""

    name: str
    label: str
    choices: Sequence[Choice]
    every: str = ""


def counted_choices(
    counts: Mapping[str, int], chosen: str | None, names: Mapping[str, str] | None = None, *, shows_numbers: bool = True
) -> list[Choice]:
    """The values that rows of a list have, by name, each with its number, and the chosen one where no row has it.
    Without `shows_numbers` where the list holds other rows than were counted."""
    labels = names or {}
    values = sorted({*counts, *([chosen] if chosen else [])}, key=lambda value: sort_key(labels.get(value, value)))
    return [
        Choice(value, labels.get(value, value), counts.get(value, 0) if shows_numbers else None) for value in values
    ]


class ListView(Generic[Row]):
    """A list for one request: its definition, and what the address of the request says of filter, order and page.

    A subclass defines the list and reads its rows; `add_routes` registers its page, files and API page:

        class AllSeries(ListView[SeriesRow]):
            endpoint, template, title = "dashboards.admin_series", "dashboards/admin_series.html", _l("Series")
            filters = {"state": frozenset(SeriesState)}
            columns = (Column("title", _l("Series"), _l("by title"), _l("by title, the last first")), …)
            file_columns = (FileColumn("slug"), FileColumn("title", width=40), …)

            def query(self, request): return list_all_series(request, by=self.by)        # rows, total

    The template extends `list.html` and draws the rows. The page names what it ignored in the address.
    """

    endpoint: str
    template: str
    title: Text
    """What its rows are: the caption of the table, and the name of the sheet."""
    columns: tuple[Column, ...] = ()
    order: str = ""
    """The column that the list is sorted by unless the address names one; by default the first that sorts."""
    filters: Mapping[str, Collection[str] | Callable[[], Collection[str]] | None] = {}
    """The values of each filter, or a function that returns them; None: any text."""
    size: int = SIZE
    anchor: str = ""
    testid: str = ""
    text_label: Text = _l("Name or e-mail")
    none_found: Text = _l("No one found")
    chips_filter: str = ""
    """The filter that the figures above the list set."""
    chips_label: Text = ""
    bulk_endpoint: str = ""
    """Where the form of the selected rows is sent to."""
    file_columns: tuple[FileColumn, ...] = ()

    def __init__(self, **values: Any) -> None:
        """`values` are in the path of the address."""
        self.by, self.at, self.values = current_actor(), clock.now(), values
        self.carried: dict[str, str] = {}
        self.hidden: set[str] = set()
        self.selectable: list[Any] = []
        self.selects_all = True
        self.ignored: tuple[str, ...] = ()
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
        """What the files are filtered by, for their name: values, but only the name of a filter that takes any text."""
        chosen = self.request.filters
        words = [name if known is None else chosen[name] for name, known in self.filters.items() if name in chosen]
        return [*words, *(["search"] if self.request.q else [])]

    # What the request says

    @cached_property
    def request(self) -> ListRequest:
        """Filter, order and page from the address of the request. What the list does not know is ignored."""
        return self.read(flask_request.args)

    def known(self, name: str) -> Collection[str] | None:
        """The values of a filter; None: any text."""
        values = self.filters[name]
        return values() if callable(values) else values

    def read(self, args: MultiDict[str, str]) -> ListRequest:
        """What the parameters of an address say of the list."""
        ignored: list[str] = []
        filters: dict[str, str] = {}
        for name in self.filters:
            value = clean_line(args.get(name))[:TEXT_LENGTH]
            if not value:
                continue
            known = self.known(name)
            if known is not None and value not in known:
                ignored.append(name)
            else:
                filters[name] = value
        sort, descending = self._default_order
        if args.get("sort"):
            column = self.column(args["sort"].removeprefix("-"))
            if column is None:
                ignored.append("sort")
            else:
                sort, descending = column.name, args["sort"].startswith("-")
        size = _whole(args, "size", self.size, ignored)
        if size not in self.sizes:
            ignored.append("size")
            size = self.size
        page = max(_whole(args, "page", 1, ignored), 1)
        self.ignored = tuple(dict.fromkeys(ignored))
        return ListRequest(clean_line(args.get("q"))[:TEXT_LENGTH], filters, sort, descending, page, size)

    def ignore(self, *names: str) -> None:
        """Leaves out filters whose values turned out to be unknown."""
        chosen = {name: value for name, value in self.request.filters.items() if name not in names}
        self.request = replace(self.request, filters=chosen)
        self.ignored = (*self.ignored, *names)

    @property
    def sizes(self) -> tuple[int, ...]:
        """How many rows a page can have."""
        return tuple(sorted({self.size, *SIZES}))

    @property
    def _default_order(self) -> tuple[str, bool]:
        column = self.column(self.order) if self.order else next(iter(self.sortable), None)
        return (column.name, column.descending) if column is not None else ("", False)

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

    # Its addresses

    def _url(self, request: ListRequest, **more: Any) -> str:
        return self._address({**self._parameters(request), **more})

    def _address(self, parameters: Mapping[str, Any]) -> str:
        anchor: dict[str, Any] = {"_anchor": self.anchor} if self.anchor else {}
        return url_for(self.endpoint, **{**self.carried, **self.values, **anchor, **parameters})

    def _parameters(self, request: ListRequest) -> dict[str, str | int]:
        """The parameters of an address, without those that are the default."""
        parameters: dict[str, str | int] = {"q": request.q} if request.q else {}
        parameters |= request.filters
        if (request.sort, request.descending) != self._default_order:
            parameters["sort"] = ("-" if request.descending else "") + request.sort
        if request.size != self.size:
            parameters["size"] = request.size
        if request.page > 1:
            parameters["page"] = request.page
        return parameters

    def here(self, **more: Any) -> str:
        """The address of this page of the list, with further parameters."""
        return self._url(self.request, **more)

    def address(self, endpoint: str, **more: Any) -> str:
        """The address of another view of the whole list that takes the same filter."""
        parameters = self._parameters(replace(self.request, page=1))
        return url_for(endpoint, **{**self.carried, **self.values, **parameters, **more})

    def file_address(self, kind: str) -> str:
        """The address of a file of the list."""
        return self.address(f"{self.endpoint}_file", kind=kind)

    @property
    def bulk_address(self) -> str:
        """Where the form of the selected rows is sent to; it returns to this page of the list."""
        return self.action_address(self.bulk_endpoint)

    def action_address(self, endpoint: str) -> str:
        """The address of an action on rows of this page of the list."""
        return url_for(endpoint, **{**self.carried, **self.values, **self.parameters})

    def filtered_by(self, name: str, value: str) -> str:
        """The list with one filter set to another value, or to none; from its first page."""
        filters = {other: text for other, text in self.request.filters.items() if other != name}
        if value:
            filters[name] = value
        return self._url(replace(self.request, filters=filters, page=1))

    @property
    def everything(self) -> str:
        """The list without any filter."""
        return self._url(replace(self.request, q="", filters={}, page=1))

    def sorted_by(self, column: Column) -> str:
        """The list by a column; pressed again, the other way round."""
        descending = not self.request.descending if column.name == self.request.sort else column.descending
        return self._url(replace(self.request, sort=column.name, descending=descending, page=1))

    def on(self, page: int) -> str:
        """Another page of the list."""
        return self._url(replace(self.request, page=page))

    @property
    def parameters(self) -> dict[str, str | int]:
        """The parameters of the address of this page, for forms that come back to it."""
        return self._parameters(self.request)

    @property
    def form_parameters(self) -> dict[str, str | int]:
        """What the forms of the list send along: all but page and size."""
        parameters = {name: value for name, value in self.parameters.items() if name not in ("page", "size")}
        return {**self.carried, **parameters}

    @property
    def action(self) -> str:
        """The address that forms of the list are sent to."""
        return self._address({})

    # What is shown

    @property
    def sortable(self) -> list[Column]:
        """The columns that the list can be sorted by."""
        return [column for column in self.columns if column.first]

    @property
    def headings(self) -> list[Column]:
        """The columns that are shown."""
        return [column for column in self.columns if column.name not in self.hidden]

    @property
    def width(self) -> int:
        """How many cells a row has."""
        return len(self.headings) + bool(self.selectable)

    def column(self, name: str) -> Column | None:
        """A column that the list can be sorted by."""
        return next((column for column in self.sortable if column.name == name), None)

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
        """(value, label, whether it is chosen) of each order, for the form: phones have no headings to press."""
        orders = []
        default = self._default_order[0]
        for column in sorted(self.sortable, key=lambda column: column.name != default):
            for descending in (column.descending, not column.descending):
                is_chosen = (column.name, descending) == (self.request.sort, self.request.descending)
                if descending is column.descending or is_chosen:
                    words = column.label if descending is column.descending else column.last
                    orders.append((("-" if descending else "") + column.name, str(words), is_chosen))
        return orders

    @property
    def ignored_in_words(self) -> str:
        """Which filters of the address were ignored, as a sentence; empty where none was."""
        if not self.ignored:
            return ""
        return _n(
            "Unknown filter %(names)s was ignored.",
            "Unknown filters %(names)s were ignored.",
            len(self.ignored),
            names=", ".join(f"“{name}”" for name in self.ignored),
        )

    @property
    def pages(self) -> int:
        """How many pages there are."""
        return self.request.pages(self.total)

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


def _whole(args: MultiDict[str, str], name: str, default: int, ignored: list[str]) -> int:
    text = args.get(name, "").strip()
    if not text:
        return default
    try:
        return whole(text)
    except ValueError:
        ignored.append(name)
        return default


View = TypeVar("View", bound=type[ListView[Any]])


def list_page(blueprint: Blueprint, path: str, *who: Guard | Role) -> Callable[[View], View]:
    """Registers the page of a list. The docstring of the list describes the page."""

    def register(view: View) -> View:
        def page(**values: Any) -> str:
            return view(**values).page()

        page.__doc__ = view.__doc__
        blueprint.add_url_rule(path, view.endpoint.rpartition(".")[2], allow(*who)(page))
        return view

    return register


def list_files(blueprint: Blueprint, path: str, *who: Guard | Role) -> Callable[[View], View]:
    """Registers the CSV and XLSX files of a list."""

    def register(view: View) -> View:
        def file(kind: str, **values: Any) -> Response:
            return view(**values).file(kind)

        file.__doc__ = f"Downloads what the filter of `{path}` has, as CSV or XLSX.".replace("<int:", "<")
        blueprint.add_url_rule(f"{path}.<kind>", f"{view.endpoint.rpartition('.')[2]}_file", allow(*who)(file))
        return view

    return register


_FIELDS: Mapping[type, type[Field[Any]]] = {str: String, int: Integer, datetime: Instant}


def list_api(
    blueprint: APIBlueprint, path: str, name: str, *who: Guard | Role, summary: str, tag: str
) -> Callable[[View], View]:
    """Registers the API page of a list, for tokens with the scope `name`. It takes `q`, `sort` and the filters of the
    page, and its items have the fields of the files."""

    def register(view: View) -> View:
        fields = {column.name: _FIELDS[column.type](allow_none=True) for column in view.file_columns}
        item = type(f"{view.__name__}Item", (AnswerSchema,), fields)
        page_fields = {"items": List(Nested(item)), "next": String(allow_none=True)}
        page = type(f"{view.__name__}Out", (AnswerSchema,), page_fields)
        texts = {key: String(load_default="") for key in ("q", "sort", *view.filters)}
        query = type(f"{view.__name__}Query", (PageQuery,), texts)

        @blueprint.input(query, location="query", arg_name="query")
        @blueprint.output(page)
        @blueprint.doc(summary=summary, tags=[tag], responses=[401, 403])
        def call(query: dict[str, Any], **values: Any) -> dict[str, Any]:
            return view(**values).answer(query)

        call.__doc__ = view.__doc__
        endpoint = view.endpoint.rpartition(".")[2]
        blueprint.get(path, endpoint=endpoint)(allow(*who)(scope(name)(call)))
        return view

    return register


@dataclass(frozen=True)
class Selection:
    """The rows that a form of a list is about: those ticked, or everybody that its filter holds."""

    everybody: bool
    ids: list[str]


def read_selection() -> Selection:
    """What was ticked in a list: rows (`people`), all rows of the page (`page`, which are sent along as `shown`), or
    everybody that the filter holds (`all`)."""
    form = flask_request.form
    if form.get("all"):
        return Selection(True, [])
    ids = form.getlist("shown") if form.get("page") else form.getlist("people")
    return Selection(False, list(dict.fromkeys(ids)))
