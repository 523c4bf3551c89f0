"""Registers the page of a list, its files and its page of the API."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, TypeVar

from apiflask import APIBlueprint
from apiflask.fields import Field, Integer, List, Nested, String
from flask import Blueprint, Response

from lms.core.base.roles import Role
from lms.web.api.api import AnswerSchema, Instant, PageQuery
from lms.web.lists.view import ListView
from lms.web.request.guards import Guard, allow, scope

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


def list_api(blueprint: APIBlueprint, path: str, name: str, *who: Guard | Role, summary: str) -> Callable[[View], View]:
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
        @blueprint.doc(summary=summary, responses=[401, 403])
        def call(query: dict[str, Any], **values: Any) -> dict[str, Any]:
            return view(**values).answer(query)

        call.__doc__ = view.__doc__
        endpoint = view.endpoint.rpartition(".")[2]
        blueprint.get(path, endpoint=endpoint)(allow(*who)(scope(name)(call)))
        return view

    return register
