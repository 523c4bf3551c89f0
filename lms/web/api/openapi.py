"""The OpenAPI document: the resources under which calls are listed, and the parts that all calls share.

A slice documents its input and output, and errors with a special meaning. Everything else is added here, from the
guard, the scope and the address.
"""

import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from apiflask import APIFlask

from lms.web.api.idempotency import HEADER
from lms.web.request.guards import SCOPES


@dataclass(frozen=True)
class Resource:
    """A resource, and the parts of an address that lead to it."""

    name: str
    text: str
    segments: tuple[str, ...]

    @property
    def slug(self) -> str:
        """Its name in the address of its page."""
        return self.name.lower().replace(" ", "-")


RESOURCES = (
    Resource("Tokens", "Get a token for all other calls.", ("tokens",)),
    Resource("Series", "Series with their policies and fair hours.", ("series",)),
    Resource("Lectures", "Plan, publish, change and read lectures.", ("lectures",)),
    Resource(
        "Lecture states",
        "Start, pause, end, postpone, cancel and reopen lectures, and confirm their times.",
        (
            "lectures/start",
            "lectures/pause",
            "lectures/resume",
            "lectures/end",
            "lectures/undo-start",
            "lectures/reopen",
            "lectures/hold",
            "lectures/confirm",
            "lectures/cancel",
            "lectures/postpone",
            "lectures/times",
        ),
    ),
    Resource("Enrolments", "Who is in a series, applies or waits.", ("enrolments",)),
    Resource("Enrolment changes", "Accept, reject or withdraw many people at once.", ("enrolment-changes",)),
    Resource("Seats", "Seats of a series, quotas of countries, and who got which seat.", ("seats", "quotas")),
    Resource("Nominations", "People whom countries propose for a series, and their letters.", ("nominations",)),
    Resource("Decisions on nominations", "Approve or reject nominations, and undo it.", ("decisions",)),
    Resource("Taking part", "Join a live lecture and stay in it.", ("join", "presence")),
    Resource("Attendance", "The roster of a lecture, and when it was closed.", ("attendance", "attendance-closings")),
    Resource("Corrections", "Correct the attendance of many people at once.", ("attendance-corrections",)),
    Resource("Appeals", "Questions of participants about their attendance.", ("appeals",)),
    Resource(
        "Attendance imports",
        "Reports of meeting systems, and the attendees in them who are not matched to a person.",
        ("attendance-imports", "attendance-unknown"),
    ),
    Resource(
        "Viewing groups",
        "Groups that watch together, their lists and signatures.",
        ("groups", "groups/people", "check-ins"),
    ),
    Resource(
        "Knowledge checks",
        "Question banks, knowledge checks, attempts and results.",
        ("question-bank", "checks", "attempts"),
    ),
    Resource("Questions", "Questions of lectures, votes, and raised hands.", ("questions", "hand", "hands")),
    Resource("Polls", "Polls of lectures, their answers and results.", ("polls",)),
    Resource("Certificates", "Read, verify, download, revoke and withdraw certificates.", ("certificates",)),
    Resource(
        "Issue of certificates",
        "Preview who has earned a certificate, ask for names, stop issuing, and download all in one file.",
        ("certificates/preview", "certificates/reminders", "certificates/bundles", "certificates/stop"),
    ),
    Resource("Learning records", "Signed statements of what a person attended and passed.", ("learning-records",)),
    Resource(
        "Questions at enrolment",
        "What the organiser asks people who register or enrol, and their answers.",
        ("enrolment-questions", "enrolment-answers", "answers", "registration-questions", "registration-answers"),
    ),
    Resource("Messages", "E-mails from the staff of a series to the people enrolled.", ("messages",)),
    Resource("Figures", "Sessions, participants, attendances and countries.", ("totals", "report")),
    Resource("Published reports", "Reports with frozen figures.", ("reports",)),
    Resource("Saved reports", "Reports saved under a name, and their schedule.", ("saved-reports",)),
    Resource("Exports", "People or attendances as a file.", ("exports",)),
    Resource("People", "Profiles, duplicates and choices of e-mail.", ("people",)),
    Resource("Countries", "The organiser's list of countries and areas.", ("countries",)),
    Resource("Tasks", "Progress and results of what runs in the background.", ("jobs",)),
)
"""Every resource, in the order of the reference."""
_BY_SEGMENT = {segment: resource for resource in RESOURCES for segment in resource.segments}


def resource_of(path: str) -> Resource:
    """Returns the resource of an address: of its last part that belongs to one. Raises LookupError if none does."""
    parts = [part for part in path.split("/") if "{" not in part]
    for place in range(len(parts) - 1, -1, -1):
        for segment in ("/".join(parts[place - 1 : place + 1]), parts[place]):
            if segment in _BY_SEGMENT:
                return _BY_SEGMENT[segment]
    raise LookupError(f"{path} belongs to no resource: add it to lms/web/api/openapi.py")


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
