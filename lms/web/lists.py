"""Long lists on pages: one way to filter, sort and page them, to select rows, and to hand the list on by its address.

A view describes its list once, reads what is asked of it, and gives its template a `ListPage`:

    LIST = ListDefinition(
        filters={"status": frozenset(EnrolmentStatus), "country": None},      # None: checked by the view's own query
        columns=(Column("name", _l("Person"), first=_l("by name"), last=_l("by name, last first")), …),
    )

    asked = read_list(LIST)                           # from request.args; what it does not know is left out and named
    rows, total = my_query(asked.wanted, …)           # `wanted` is a plain `core.lists.ListRequest`
    page = ListPage(asked, total, endpoint="enrolment.series_enrolments", values={"slug": slug}, anchor="who")

The template imports `macros/lists.html`, whose macros all take that page: `sift` (the figures that are the filter),
`filters` (the form), `sentence`, `heading` (one column), `tick` and `bulk` (select rows and act on them), `pager` and
`nothing`. Every link they make keeps the rest of what is asked, so that an address can be sent to a colleague. A filter
with its values in the address is also what an export of the list takes (`page.address(endpoint)`).

The rows of a selection come back as `read_selection()`: the people that are ticked, or everybody the filter holds.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from flask import request, url_for
from werkzeug.datastructures import MultiDict

from lms.core.i18n import _, _n
from lms.core.lists import SIZE, SIZES, TEXT_LENGTH, ListRequest
from lms.core.sorting import sort_key
from lms.core.typed_text import clean_line
from lms.web.numbers import whole
from lms.web.time import number


@dataclass(frozen=True)
class Column:
    """A column of a list that it can be sorted by.

    `first` says in the sentence above the list what comes first when it is pressed once, `last` when it is pressed
    again. `descending`: the largest comes first when it is pressed once.
    """

    name: str
    label: Any
    first: Any
    last: Any
    descending: bool = False
    numeric: bool = False


@dataclass(frozen=True)
class ListDefinition:
    """What a list can be filtered and sorted by. The first column is the order of a list of which none is asked.

    `filters` has the values that each filter knows; None where any text may stand, which the query checks. `size` is
    how many rows a page has where none are asked for: fewer where rows are high, so that a phone shows a page of them.
    """

    filters: Mapping[str, Collection[str] | None] = field(default_factory=dict)
    columns: tuple[Column, ...] = ()
    size: int = SIZE

    @property
    def sizes(self) -> tuple[int, ...]:
        """How many rows a page can have."""
        return tuple(sorted({self.size, *SIZES}))

    def without(self, filters: Iterable[str] = (), columns: Iterable[str] = ()) -> ListDefinition:
        """The same list with some filters and columns left out, where they mean nothing."""
        no_filters, no_columns = set(filters), set(columns)
        return ListDefinition(
            {name: known for name, known in self.filters.items() if name not in no_filters},
            tuple(column for column in self.columns if column.name not in no_columns),
            self.size,
        )

    def column(self, name: str) -> Column | None:
        """A column by its name."""
        return next((column for column in self.columns if column.name == name), None)


@dataclass(frozen=True)
class AskedList:
    """What an address asks of a list; `ignored` are the parameters whose values it does not know."""

    definition: ListDefinition
    wanted: ListRequest
    ignored: tuple[str, ...] = ()

    @property
    def parameters(self) -> dict[str, str | int]:
        """The parameters of an address that asks for this, without the page."""
        return _parameters(self.definition, replace(self.wanted, page=1))

    def without(self, *names: str) -> AskedList:
        """The same with some filters found to be unknown."""
        kept = {name: value for name, value in self.wanted.filters.items() if name not in names}
        return replace(self, wanted=replace(self.wanted, filters=kept), ignored=(*self.ignored, *names))


def read_list(definition: ListDefinition, args: MultiDict[str, str] | None = None) -> AskedList:
    """What the address of the current request, or `args`, asks of a list. Nothing in it is an error: what the list does
    not know is left out."""
    args = request.args if args is None else args
    ignored: list[str] = []
    filters: dict[str, str] = {}
    for name, known in definition.filters.items():
        value = clean_line(args.get(name))[:TEXT_LENGTH]
        if not value:
            continue
        if known is not None and value not in known:
            ignored.append(name)
        else:
            filters[name] = value
    first = definition.columns[0] if definition.columns else None
    asked = args.get("sort", "")
    column = definition.column(asked.removeprefix("-"))
    if asked and column is None:
        ignored.append("sort")
    if column is not None:
        sort, descending = column.name, asked.startswith("-")
    else:
        sort, descending = (first.name, first.descending) if first is not None else ("", False)
    size = _whole(args, "size", definition.size, ignored)
    if size not in definition.sizes:
        ignored.append("size")
        size = definition.size
    page = _whole(args, "page", 1, ignored)
    wanted = ListRequest(
        q=clean_line(args.get("q"))[:TEXT_LENGTH],
        filters=filters,
        sort=sort,
        descending=descending,
        page=max(page, 1),
        size=size,
    )
    return AskedList(definition, wanted, tuple(dict.fromkeys(ignored)))


def _whole(args: MultiDict[str, str], name: str, default: int, ignored: list[str]) -> int:
    text = args.get(name, "").strip()
    if not text:
        return default
    try:
        return whole(text)
    except ValueError:
        ignored.append(name)
        return default


def _parameters(definition: ListDefinition, wanted: ListRequest) -> dict[str, str | int]:
    """What an address says of this: only what is not there by itself."""
    found: dict[str, str | int] = {}
    if wanted.q:
        found["q"] = wanted.q
    found |= wanted.filters
    first = definition.columns[0] if definition.columns else None
    if first is not None and (wanted.sort, wanted.descending) != (first.name, first.descending):
        found["sort"] = ("-" if wanted.descending else "") + wanted.sort
    if wanted.size != definition.size:
        found["size"] = wanted.size
    if wanted.page > 1:
        found["page"] = wanted.page
    return found


@dataclass(frozen=True)
class Sifted:
    """One of the figures above a list: the number, the word, and the value of the filter that it is."""

    value: str
    number: int | None
    label: str
    url: str | None = None
    """Where it leads instead, for a figure that is not a part of the list."""
    name: str = ""
    """What it is called in the page's `data-testid`, where that is not its value, or `all`."""


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
    """A filter in the form: its choices, and the word for all of them."""

    name: str
    label: str
    every: str
    choices: Sequence[Choice]


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


class ListPage:
    """One page of a list for its template: what is asked, how many rows there are, and the addresses of the rest."""

    def __init__(
        self,
        asked: AskedList,
        total: int,
        *,
        endpoint: str,
        values: Mapping[str, Any] | None = None,
        carried: Mapping[str, str] | None = None,
        anchor: str = "",
    ) -> None:
        """`values` stand in the path of the address; `carried` in its query, whatever is asked of the list."""
        self.definition, self.ignored = asked.definition, asked.ignored
        self.wanted = asked.wanted.within(total)
        self.total = total
        self.anchor = anchor
        self._carried = dict(carried or {})
        self._endpoint, self._values = endpoint, {**self._carried, **(values or {})}

    # Where the list goes on

    def _url(self, wanted: ListRequest, **more: Any) -> str:
        return self._address({**_parameters(self.definition, wanted), **more})

    def _address(self, parameters: Mapping[str, Any]) -> str:
        anchor: dict[str, Any] = {"_anchor": self.anchor} if self.anchor else {}
        return url_for(self._endpoint, **{**self._values, **parameters, **anchor})

    def here(self, **more: Any) -> str:
        """The address of this page of the list, with further parameters."""
        return self._url(self.wanted, **more)

    def address(self, endpoint: str, **more: Any) -> str:
        """The address of another view of the whole list that takes the same filter, such as an export."""
        found = _parameters(self.definition, replace(self.wanted, page=1))
        return url_for(endpoint, **{**self._values, **found, **more})

    def filtered_by(self, name: str, value: str) -> str:
        """The list with one filter set to another value, or to none; from its first page."""
        filters = {one: text for one, text in self.wanted.filters.items() if one != name}
        if value:
            filters[name] = value
        return self._url(replace(self.wanted, filters=filters, page=1))

    @property
    def everything(self) -> str:
        """The list without any filter."""
        return self._url(replace(self.wanted, q="", filters={}, page=1))

    def sorted_by(self, column: Column) -> str:
        """The list by a column; pressed again, the other way round."""
        descending = not self.wanted.descending if column.name == self.wanted.sort else column.descending
        return self._url(replace(self.wanted, sort=column.name, descending=descending, page=1))

    def on(self, page: int) -> str:
        """Another page of the list."""
        return self._url(replace(self.wanted, page=page))

    @property
    def parameters(self) -> dict[str, str | int]:
        """The parameters of the address of this page, for forms that come back to it."""
        return _parameters(self.definition, self.wanted)

    @property
    def kept(self) -> dict[str, str | int]:
        """What the form of the pager carries along: all but page and size."""
        found = {name: value for name, value in self.parameters.items() if name not in ("page", "size")}
        return {**self._carried, **found}

    @property
    def action(self) -> str:
        """The address that forms of the list are sent to."""
        return self._address({})

    # What is shown

    def column(self, name: str) -> Column | None:
        """A column that the list can be sorted by."""
        return self.definition.column(name)

    def aria_sort(self, column: Column) -> str | None:
        """How the list is sorted by a column; None where it is not."""
        if column.name != self.wanted.sort:
            return None
        return "descending" if self.wanted.descending else "ascending"

    @property
    def order_in_words(self) -> str:
        """The order of the list, for the sentence above it."""
        column = self.definition.column(self.wanted.sort)
        if column is None:
            return ""
        return str(column.first if self.wanted.descending is column.descending else column.last)

    def order_if_pressed(self, column: Column) -> str:
        """The order of the list after its column heading is pressed."""
        is_pressed_again = column.name == self.wanted.sort and self.wanted.descending is column.descending
        return str(column.last if is_pressed_again else column.first)

    @property
    def orders(self) -> list[tuple[str, str, bool]]:
        """(value, label, whether it is chosen) of each order, for the form: phones have no headings to press."""
        found = []
        for column in self.definition.columns:
            for descending in (column.descending, not column.descending):
                is_chosen = (column.name, descending) == (self.wanted.sort, self.wanted.descending)
                if descending is column.descending or is_chosen:
                    words = column.label if descending is column.descending else column.last
                    found.append((("-" if descending else "") + column.name, str(words), is_chosen))
        return found

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
        return self.wanted.pages(self.total)

    @property
    def first(self) -> int:
        """The number of the first row of the page, counted from 1."""
        return min(self.wanted.offset + 1, self.total)

    @property
    def last(self) -> int:
        """The number of the last row of the page."""
        return min(self.wanted.offset + self.wanted.size, self.total)

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
        """How many rows stand on other pages."""
        return self.total - (self.last - self.first + 1 if self.total else 0)

    @property
    def sizes(self) -> tuple[int, ...]:
        """How many rows a page can have."""
        return self.definition.sizes


@dataclass(frozen=True)
class Selection:
    """The rows that a form of a list is about: those ticked, or everybody that its filter holds."""

    everybody: bool
    ids: list[str]


def read_selection() -> Selection:
    """What was ticked in a list: rows (`people`), all rows of the page (`page`, which are sent along as `shown`), or
    everybody that the filter holds (`all`)."""
    form = request.form
    if form.get("all"):
        return Selection(True, [])
    ids = form.getlist("shown") if form.get("page") else form.getlist("people")
    return Selection(False, list(dict.fromkeys(ids)))
