"""The OpenAPI document, completed: parts shared by all calls are added from the guard, the scope and the address.

A slice documents its input and output, and errors with a special meaning; the rest is here.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Any, TypeVar

from apiflask import APIFlask

from lms.web.api_resources import RESOURCES, resource_of
from lms.web.idempotency import HEADER
from lms.web.scopes import SCOPES

_LICENSE = {"name": "Apache License 2.0", "identifier": "Apache-2.0"}
F = TypeVar("F", bound=Callable[..., object])
_PROBLEM = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
_RETRY_AFTER = {"Retry-After": {"description": "Whole seconds.", "schema": {"type": "integer", "minimum": 1}}}
_INTRODUCTION = (
    "For scripts and other systems. Times are RFC 3339 in UTC. Lists return `{items, next}` and accept `limit` and "
    "`cursor`. Errors are problem details (RFC 9457). Objects that you cannot see are answered with 404, like objects "
    "that do not exist."
)
_WORDS = {
    400: "Not a JSON object",
    401: "The token is missing or not valid",
    403: "You do not have permission, or the token does not have the scope",
    404: "Does not exist, or you do not have access to it",
    409: "Not possible at the moment, with the reason",
    413: "Too large",
    414: "The address with its query is longer than 8,000 bytes",
    415: "Unsupported media type",
    422: "Validation error: which field or row, and why",
    429: "Too many requests: wait as long as Retry-After says",
    503: "Cannot be saved at the moment. Nothing was changed",
}
_SCHEMA = {
    "type": "object",
    "description": "What went wrong (RFC 9457).",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "description": "`about:blank`, or the type of this problem."},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "request_id": {
            "type": "string",
            "description": "Quote it when you report the error. Only with 403 and 5xx; X-Request-ID always has it.",
        },
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["reason"],
                "properties": {
                    "field": {"type": "string"},
                    "row": {"type": "integer", "description": "The line in the file, counted from 1."},
                    "reason": {"type": "string"},
                },
            },
        },
    },
}


def takes(**content: dict[str, Any]) -> Callable[[F], F]:
    """Documents bodies that a view reads for itself: `json=`, `multipart=`, `text=`, each a JSON schema."""
    kinds = {"json": "application/json", "multipart": "multipart/form-data", "text": "text/plain"}

    def mark(view: F) -> F:
        view.body_content = {kinds[kind]: {"schema": schema} for kind, schema in content.items()}  # type: ignore[attr-defined]
        return view

    return mark


def init_app(app: APIFlask) -> None:
    """Completes the document when it is made."""

    @app.spec_processor
    def complete(document: Any) -> Any:
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        for unused in ("HTTPError", "ValidationError"):
            schemas.pop(unused, None)
        schemas["Problem"] = _SCHEMA
        listed = "\n".join(f"- `{name}`: {text}" for name, text in SCOPES.items())
        document["components"]["securitySchemes"] = {
            "bearer": {
                "type": "http",
                "scheme": "bearer",
                "description": "A token from `POST /api/v1/tokens`. If it is limited to scopes, a call that needs "
                f"another scope returns 403 and names it:\n\n{listed}",
            }
        }
        document["info"] |= {"description": _INTRODUCTION, "license": _LICENSE}
        document["tags"] = [{"name": resource.name, "description": resource.text} for resource in RESOURCES]
        document["servers"] = [{"url": app.extensions["lms.config"].base_url}]
        views = _views(app)
        for path, calls in document["paths"].items():
            for method, call in calls.items():
                if (view := views.get((method.upper(), path))) is not None:
                    _complete(call, method, path, *view)
        return document


def _views(app: APIFlask) -> dict[tuple[str, str], tuple[str, Any]]:
    return {
        (method, re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)): (rule.endpoint, app.view_functions[rule.endpoint])
        for rule in app.url_map.iter_rules()
        for method in rule.methods or ()
    }


def _complete(call: dict[str, Any], method: str, path: str, endpoint: str, view: Any) -> None:
    scope, guard = getattr(view, "scope", None), getattr(view, "guard", None)
    call["operationId"] = endpoint.replace("_api.", ".")
    call["tags"] = [resource_of(path).name]
    _describe(call, inspect.getdoc(view) or "")
    call["security"] = ([{}] if guard is None or guard.anyone else []) + ([{"bearer": [scope]}] if scope else [])
    if content := getattr(view, "body_content", None):
        body = call.setdefault("requestBody", {"content": {}})
        body["content"] = {**body["content"], **content}
    for parameter in call.get("parameters", []):
        _state_as_sent(parameter["schema"])
    if getattr(view, "is_idempotent", False):
        described = (
            "Repeating a call with the same key within a day returns the same answer. A different call returns 409."
        )
        schema = {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"}
        key = {"name": HEADER, "in": "header", "required": False, "description": described, "schema": schema}
        call.setdefault("parameters", []).append(key)
    responses = call["responses"]
    for status in _errors(call, method, path, scope) | {int(told) for told in responses if int(told) >= 400}:
        description = responses.get(str(status), {}).get("description")
        generic = not description or description in {"Validation error", "Not found"}
        responses[str(status)] = {"description": _WORDS[status] if generic else description, "content": _PROBLEM}
        if status in {429, 503}:
            responses[str(status)]["headers"] = _RETRY_AFTER
    if "201" in responses and not responses.get("200", {}).get("content", {}).get("application/json", {}).get(
        "schema", 1
    ):
        responses["200"]["content"] = responses["201"]["content"]  # the same object, which was there already
    call["responses"] = dict(sorted(responses.items()))


def _describe(call: dict[str, Any], docstring: str) -> None:
    """Makes the first sentence of the docstring the summary, unless the call has its own, and the rest the description.

    APIFlask divides them where the first line ends.
    """
    text = re.sub(r"(?<!\n)\n(?!\n)", " ", docstring)
    if call.get("summary") != docstring.partition("\n")[0]:
        call["description"] = text
        return
    call.pop("description", None)
    call["summary"], *rest = re.split(r"(?<=\.)\s+", text, maxsplit=1)
    if rest:
        call["description"] = rest[0]


def _state_as_sent(schema: dict[str, Any]) -> None:
    """Removes null from a parameter: a missing one has no value, and an address cannot carry null."""
    if schema.pop("nullable", False) and schema.get("default", 1) is None:
        del schema["default"]
    if "enum" in schema:
        schema["enum"] = [value for value in schema["enum"] if value is not None]
        schema.setdefault("type", "string")


def _errors(call: dict[str, Any], method: str, path: str, scope: str | None) -> set[int]:
    """The errors that follow from how a call is made."""
    statuses = {503}
    if scope:
        statuses |= {401, 403, 429}
    if "{" in path:
        statuses.add(404)
    if call.get("parameters"):
        statuses |= {422} if any(one["in"] != "path" for one in call["parameters"]) else set()
        statuses |= {414} if any(one["in"] == "query" for one in call["parameters"]) else set()
    if method != "get":
        statuses |= {400, 413, 415, 422}
        statuses |= {409} if scope else set()
    return statuses
