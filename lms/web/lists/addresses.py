"""The filter, order and page of a list in its address, and the addresses that the list makes."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any

from flask import request as flask_request
from flask import url_for
from werkzeug.datastructures import MultiDict

from lms.core.base.lists import SIZE, SIZES, TEXT_LENGTH, ListRequest
from lms.core.text.typed_text import clean_line
from lms.web.forms.forms import whole
from lms.web.lists.parts import Column

MOST_COLUMNS = 4
"""How many columns a reader can add to a list: more do not fit beside those that it has."""


class ListAddress:
    """The address of a list: reads it from the request, and writes it with another filter, order or page."""

    endpoint: str
    columns: tuple[Column, ...] = ()
    choosable: tuple[Column, ...] = ()
    """Columns that are shown where the address names them in `columns`."""
    order: str = ""
    """The column that the list is sorted by unless the address names one; by default the first that sorts."""
    filters: Mapping[str, Collection[str] | Callable[[], Collection[str]] | None] = {}
    """The values of each filter, or a function that returns them; None: any text."""
    size: int = SIZE
    anchor: str = ""
    bulk_endpoint: str = ""
    """Where the form of the selected rows is sent to."""

    def __init__(self, **values: Any) -> None:
        """`values` are in the path of the address."""
        self.values = values
        self.carried: dict[str, str] = {}
        self.ignored: tuple[str, ...] = ()

    @cached_property
    def request(self) -> ListRequest:
        """Filter, order and page from the address of the request. What the list does not know is ignored."""
        return self.read(flask_request.args)

    def known(self, name: str) -> Collection[str] | None:
        """The values of a filter; None: any text."""
        values = self.filters[name]
        return values() if callable(values) else values

    def read(self, args: MultiDict[str, str]) -> ListRequest:
        """Returns what the parameters of an address say of the list."""
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
        named = {name for text in args.getlist("columns") for name in text.split(",")} if self.choosable else set()
        columns = tuple(column.name for column in self.choosable if column.name in named)[:MOST_COLUMNS]
        self.ignored = tuple(dict.fromkeys(ignored))
        return ListRequest(clean_line(args.get("q"))[:TEXT_LENGTH], filters, sort, descending, page, size, columns)

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

    def column(self, name: str) -> Column | None:
        """A column that the list can be sorted by."""
        return next((column for column in self.sortable if column.name == name), None)

    @property
    def sortable(self) -> list[Column]:
        """The columns that the list can be sorted by."""
        return [column for column in self.columns if column.first]

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
        if request.columns:
            parameters["columns"] = ",".join(request.columns)
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
        return self.in_order(column, descending=descending)

    def in_order(self, column: Column, *, descending: bool) -> str:
        """The first page of the list by a column."""
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
        """The parameters that the forms of the list send along: all but page and size."""
        parameters = {name: value for name, value in self.parameters.items() if name not in ("page", "size")}
        return {**self.carried, **parameters}

    @property
    def action(self) -> str:
        """The address that forms of the list are sent to."""
        return self._address({})


def _whole(args: MultiDict[str, str], name: str, default: int, ignored: list[str]) -> int:
    text = args.get(name, "").strip()
    if not text:
        return default
    try:
        return whole(text)
    except ValueError:
        ignored.append(name)
        return default
