"""The API calls for the reference page, read from the OpenAPI document and the guards."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from apiflask import APIFlask
from flask import current_app

from lms.core.i18n import _
from lms.core.roles import Role
from lms.web.guards import Guard

_METHODS = ("get", "post", "put", "patch", "delete")
_KEY = "lms.dashboards.api_reference"


@dataclass(frozen=True)
class Field:
    """A parameter of a call: where it is (path, query, body), and its type."""

    name: str
    where: str
    kind: str
    required: bool


@dataclass(frozen=True)
class Call:
    """A call: its guard and scope, its parameters, and its answers by status."""

    method: str
    path: str
    text: str
    guard: Guard | None
    scopes: tuple[str, ...]
    fields: tuple[Field, ...]
    bodies: tuple[str, ...]
    answers: tuple[tuple[str, str], ...]

    @property
    def anchor(self) -> str:
        """Its place on the page."""
        return re.sub(r"[^a-z0-9]+", "-", f"{self.method} {self.path}".lower()).strip("-")


@dataclass(frozen=True)
class CallGroup:
    """The calls of one subject."""

    name: str
    calls: tuple[Call, ...]


def list_calls() -> list[CallGroup]:
    """Returns all calls by subject, in the order of the document. Read once per app."""
    cached: list[CallGroup] | None = current_app.extensions.get(_KEY)
    if cached is None:
        cached = current_app.extensions[_KEY] = _read(current_app)  # type: ignore[arg-type]
    return cached


def who(guard: Guard | None) -> str:
    """Returns a guard as text."""
    if guard is None or guard.anyone:
        return _("anyone")
    if guard.signed_in:
        return _("anyone with a token, within their rights")
    words = {
        Role.ADMINISTRATOR: _("administrator"),
        Role.INSTRUCTOR: _("instructor"),
        Role.FOCAL_POINT: _("focal point"),
        Role.REPORTER: _("reporter"),
    }
    return ", ".join(words[role] for role in Role if role in guard.roles)


def _read(app: APIFlask) -> list[CallGroup]:
    document: Any = app._get_spec("json")  # the document as it is served, generated once
    guards = _guards(app)
    groups: dict[str, list[Call]] = {}
    for path, calls in document["paths"].items():
        for method in _METHODS:
            if method in calls:
                call = calls[method]
                entry = _call(method, path, call, guards.get((method.upper(), path)), document)
                groups.setdefault((call.get("tags") or ["API"])[0], []).append(entry)
    return [CallGroup(name, tuple(calls)) for name, calls in groups.items()]


def _guards(app: APIFlask) -> dict[tuple[str, str], Guard | None]:
    return {
        (method, re.sub(r"<(?:\w+(?:\([^)]*\))?:)?(\w+)>", r"{\1}", rule.rule)): getattr(
            app.view_functions[rule.endpoint], "guard", None
        )
        for rule in app.url_map.iter_rules()
        for method in rule.methods or ()
    }


def _call(method: str, path: str, call: Mapping[str, Any], guard: Guard | None, document: Mapping[str, Any]) -> Call:
    text = " ".join(dict.fromkeys(part.strip() for part in (call.get("description") or call.get("summary") or "",)))
    fields = [
        Field(one["name"], one["in"], _kind(one.get("schema", {}), document), bool(one.get("required")))
        for one in call.get("parameters", [])
    ]
    content = call.get("requestBody", {}).get("content", {})
    for body in content.values():
        schema = _resolve(body.get("schema", {}), document)
        required = set(schema.get("required", []))
        for name, what in schema.get("properties", {}).items():
            fields.append(Field(name, "body", _kind(what, document), name in required))
    answered = sorted(answer for answer in call.get("responses", {}).items() if not answer[0].startswith("5"))
    answers = tuple((status, str(answer.get("description") or _phrase(status))) for status, answer in answered)
    scopes = tuple(name for way in call.get("security", []) for name in way.get("bearer", []))
    return Call(method.upper(), path, text, guard, scopes, tuple(dict.fromkeys(fields)), tuple(content), answers)


def _phrase(status: str) -> str:
    return HTTPStatus(int(status)).phrase if status.isdecimal() else ""


def _resolve(schema: Mapping[str, Any], document: Mapping[str, Any]) -> Mapping[str, Any]:
    while "$ref" in schema:
        schema_found: Any = document
        for part in str(schema["$ref"]).removeprefix("#/").split("/"):
            schema_found = schema_found[part]
        schema = schema_found
    return schema


def _kind(schema: Mapping[str, Any], document: Mapping[str, Any]) -> str:
    """A schema in a few characters: `string`, `integer`, `[string]`, `open|application|nomination`."""
    schema = _resolve(schema, document)
    if "enum" in schema:
        return "|".join("null" if value is None else str(value) for value in schema["enum"])
    for several in ("anyOf", "oneOf", "allOf"):
        if several in schema:
            return " or ".join(dict.fromkeys(_kind(one, document) for one in schema[several]))
    kind = schema.get("type", "any")
    if isinstance(kind, list):
        kind = " or ".join(kind)
    if "array" in kind:
        return f"[{_kind(schema.get('items', {}), document)}]"
    return f"{kind} ({schema['format']})" if schema.get("format") else str(kind)
