"""The API reference: resources and their calls, read from the OpenAPI document and the guards."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from http import HTTPStatus
from typing import Any

from apiflask import APIFlask
from flask import current_app

from lms.core.base.roles import Role
from lms.web.api.openapi import RESOURCES, Resource
from lms.web.request.guards import Guard

_METHODS = ("get", "post", "put", "patch", "delete")
_KEY = "lms.dashboards.api_reference"
DEEPEST = 3
"""How many levels of an answer are listed."""


@dataclass(frozen=True)
class Field:
    """A field of a call or of its answer: where it is (path, query, header, body), and its type."""

    name: str
    kind: str
    text: str = ""
    where: str = "body"
    is_required: bool = False


@dataclass(frozen=True)
class Call:
    """A call: its guard and scope, its fields, and its answers by status."""

    operation: str
    method: str
    path: str
    summary: str
    text: str
    guard: Guard | None
    scope: str
    fields: tuple[Field, ...]
    bodies: tuple[str, ...]
    body_schema: Mapping[str, Any]
    answer: tuple[Field, ...]
    is_download: bool
    statuses: tuple[tuple[str, str], ...]

    @property
    def anchor(self) -> str:
        """Its place on the page of its resource, and on the index."""
        return re.sub(r"[^a-z0-9]+", "-", f"{self.method} {self.path}".lower()).strip("-")

    @property
    def is_open(self) -> bool:
        """Whether it can be called without a token."""
        return self.guard is None or self.guard.anyone

    @property
    def required(self) -> list[str]:
        """The fields that must be sent, without those of the address."""
        return [field.name for field in self.fields if field.is_required and field.where != "path"]

    @cached_property
    def searched(self) -> str:
        """Everything that a search looks at, in lower case."""
        names = (field.name for field in (*self.fields, *self.answer))
        parts = (self.method, self.path, self.operation, self.summary, self.text, self.scope, *names)
        return " ".join(parts).lower()


@dataclass(frozen=True)
class ResourceCalls:
    """A resource with its calls."""

    resource: Resource
    calls: tuple[Call, ...]


def list_sections() -> list[ResourceCalls]:
    """Returns all resources with their calls. The document is read once per app."""
    cached: list[ResourceCalls] | None = current_app.extensions.get(_KEY)
    if cached is None:
        cached = current_app.extensions[_KEY] = _read(current_app)  # type: ignore[arg-type]
    return cached


def search_calls(typed: str) -> list[ResourceCalls]:
    """Returns the calls that contain each word, in their name, address, text, fields, scope or resource."""
    words = typed.lower().split()
    sections = []
    for section in list_sections():
        name = section.resource.name.lower()
        calls = [call for call in section.calls if all(word in call.searched or word in name for word in words)]
        if calls:
            sections.append(ResourceCalls(section.resource, tuple(calls)))
    return sections


def who(guard: Guard | None) -> str:
    """Returns a guard as text."""
    if guard is None or guard.anyone:
        return "anyone"
    if guard.signed_in:
        return "anyone with a token, within their rights"
    words = {
        Role.ADMINISTRATOR: "administrator",
        Role.INSTRUCTOR: "instructor",
        Role.FOCAL_POINT: "focal point",
        Role.REPORTER: "reporter",
    }
    return ", ".join(words[role] for role in Role if role in guard.roles)


def _read(app: APIFlask) -> list[ResourceCalls]:
    document: Any = app._get_spec("json")  # the document as it is served, generated once
    guards = _guards(app)
    calls: dict[str, list[Call]] = {resource.name: [] for resource in RESOURCES}
    for path, by_method in document["paths"].items():
        for method in _METHODS:
            if method in by_method:
                call = _call(method, path, by_method[method], guards.get((method.upper(), path)), document)
                calls[by_method[method]["tags"][0]].append(call)
    return [ResourceCalls(resource, tuple(calls[resource.name])) for resource in RESOURCES]


def _guards(app: APIFlask) -> dict[tuple[str, str], Guard | None]:
    return {
        (method, re.sub(r"<(?:\w+(?:\([^)]*\))?:)?(\w+)>", r"{\1}", rule.rule)): getattr(
            app.view_functions[rule.endpoint], "guard", None
        )
        for rule in app.url_map.iter_rules()
        for method in rule.methods or ()
    }


def _call(method: str, path: str, call: Mapping[str, Any], guard: Guard | None, document: Mapping[str, Any]) -> Call:
    fields = [
        Field(
            parameter["name"],
            _kind(parameter.get("schema", {}), document),
            parameter.get("description") or parameter.get("schema", {}).get("description", ""),
            parameter["in"],
            bool(parameter.get("required")),
        )
        for parameter in call.get("parameters", [])
    ]
    content = call.get("requestBody", {}).get("content", {})
    for body in content.values():
        fields += _properties(body.get("schema", {}), document)
    responses = call.get("responses", {})
    good: Mapping[str, Any] = next((answer for status, answer in responses.items() if status < "300"), {})
    answers = good.get("content", {})
    schema = answers.get("application/json", {}).get("schema", {})
    return Call(
        operation=call["operationId"],
        method=method.upper(),
        path=path,
        summary=call["summary"],
        text=call.get("description", ""),
        guard=guard,
        scope=next((name for way in call.get("security", []) for name in way.get("bearer", [])), ""),
        fields=tuple(dict.fromkeys(fields)),
        bodies=tuple(content),
        body_schema=_resolve(content.get("application/json", {}).get("schema", {}), document),
        answer=tuple(_nested(schema, document)),
        is_download=bool(answers) and "application/json" not in answers,
        statuses=tuple(
            (status, str(answer.get("description") or _phrase(status)))
            for status, answer in sorted(responses.items())
            if not status.startswith("5")
        ),
    )


def _phrase(status: str) -> str:
    return HTTPStatus(int(status)).phrase if status.isdecimal() else ""


def _resolve(schema: Mapping[str, Any], document: Mapping[str, Any]) -> Mapping[str, Any]:
    while "$ref" in schema:
        target: Any = document
        for part in str(schema["$ref"]).removeprefix("#/").split("/"):
            target = target[part]
        schema = target
    return schema


def _properties(schema: Mapping[str, Any], document: Mapping[str, Any]) -> list[Field]:
    schema = _resolve(schema, document)
    required = set(schema.get("required", []))
    return [
        Field(name, _kind(what, document), _resolve(what, document).get("description", ""), "body", name in required)
        for name, what in schema.get("properties", {}).items()
    ]


def _nested(
    schema: Mapping[str, Any], document: Mapping[str, Any], prefix: str = "", depth: int = 1
) -> Iterator[Field]:
    """The fields of an answer with those of the objects within it, as `items[].title`."""
    schema = _resolve(schema, document)
    for name, what in schema.get("properties", {}).items():
        inner, path = _resolve(what, document), f"{prefix}{name}"
        if inner.get("type") == "array":
            inner, path = _resolve(inner.get("items", {}), document), f"{path}[]"
        if "properties" in inner and depth < DEEPEST:
            yield from _nested(inner, document, f"{path}.", depth + 1)
        else:
            yield Field(path, _kind(inner, document), inner.get("description", ""))


def _kind(schema: Mapping[str, Any], document: Mapping[str, Any]) -> str:
    """A schema in a few characters: `string`, `integer`, `[string]`, `open|application|nomination`."""
    schema = _resolve(schema, document)
    if "enum" in schema:
        return "|".join("null" if value is None else str(value) for value in schema["enum"])
    for several in ("anyOf", "oneOf", "allOf"):
        if several in schema:
            return " or ".join(dict.fromkeys(_kind(part, document) for part in schema[several]))
    kind = schema.get("type", "any")
    if isinstance(kind, list):
        kind = " or ".join(kind)
    if "array" in kind:
        return f"[{_kind(schema.get('items', {}), document)}]"
    return f"{kind} ({schema['format']})" if schema.get("format") else str(kind)
