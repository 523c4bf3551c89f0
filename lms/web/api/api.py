"""Shared parts of all API calls: the envelope of lists, cursors, and which kinds of body are taken."""

import warnings
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar, cast

from apiflask import Schema
from apiflask.exceptions import HTTPError
from apiflask.fields import Boolean, Dict, Field, Integer, List, Nested, String
from apiflask.validators import Range
from flask import Response, current_app, request, url_for
from flask.typing import ResponseReturnValue
from marshmallow import ValidationError
from marshmallow.utils import get_value
from werkzeug.exceptions import BadRequest

from lms.core.base.errors import Fault, Invalid
from lms.core.text.i18n import _
from lms.core.time import clock
from lms.web.pages.problems import problem

F = TypeVar("F", bound=Callable[..., object])
MAX_LIMIT = 200


def consumes(*kinds: str) -> Callable[[F], F]:
    """Declares the media types that a view accepts besides JSON, e.g. `multipart/form-data`."""

    def mark(view: F) -> F:
        view.consumes = kinds  # type: ignore[attr-defined]
        return view

    return mark


class AnswerSchema(Schema):
    """The answer of a call. Every field is always present, unless its metadata says `optional`."""

    def on_bind_field(self, field_name: str, field_obj: Field[Any]) -> None:
        """Marks the field as required in the OpenAPI document."""
        field_obj.required = not field_obj.metadata.get("optional", False)


class Instant(String):
    """A moment, or its milliseconds, as RFC 3339 in UTC."""

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> str | None:
        return rfc3339(clock.from_ms(value) if isinstance(value, int) else value)


class Link(String):
    """The address of a page or call about the object: of an endpoint that takes `value`, an attribute of the object, as
    `name`. Null where that is null."""

    def __init__(self, endpoint: str, value: str, name: str = "public_id", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.endpoint, self.value, self.value_name = endpoint, value, name

    def serialize(self, attr: str, obj: Any, accessor: Any = None, **kwargs: Any) -> str | None:
        """Other fields may say the same attribute of the object."""
        value = get_value(obj, self.value)
        return url_for(self.endpoint, **{self.value_name: value}) if value is not None else None


class NestedFields(Nested):
    """Some fields of the same object, as a nested object."""

    def serialize(self, attr: str, obj: Any, accessor: Any = None, **kwargs: Any) -> Any:
        """The object that these fields are read from is the one around them."""
        return self._serialize(obj, attr, obj, **kwargs)  # type: ignore[no-untyped-call]


class PageQuery(Schema):
    """`limit` (1 to 200) and `cursor` of a list."""

    limit = Integer(load_default=50, validate=Range(1, MAX_LIMIT))
    cursor = String(load_default=None)


class Nothing(Schema):
    """No keys at all."""


def page_of(item: type[Schema], name: str) -> type[Schema]:
    """The schema of a page of a list: `{items, next}`."""
    fields: dict[str, Field[Any]] = {"items": List(Nested(item)), "next": String(allow_none=True)}
    return cast(type[Schema], AnswerSchema.from_dict(fields, name=name))


class RejectedOut(AnswerSchema):
    """A rejected row, by its line in the file."""

    row = Integer()
    reason = String()


class ImportAnswerOut(AnswerSchema):
    """The result of an import."""

    rows = Integer()
    matched = Integer()
    created = Integer()
    updated = Integer()
    unchanged = Integer()
    rejected = List(Nested(RejectedOut))
    unmatched = List(Dict())
    notes = List(String())
    not_read = List(String(), metadata={"description": "Headings of the file that were not recognised."})


def envelope(items: Sequence[Any], limit: int, cursor_of: Callable[[Any], object]) -> dict[str, Any]:
    """`{items, next}` of a list that was read with `limit + 1` rows; `next` is the cursor or null."""
    shown = list(items[:limit])
    following = str(cursor_of(shown[-1])) if len(items) > limit and shown else None
    return {"items": shown, "next": following}


def is_set_in_form(name: str) -> bool:
    """A switch that is sent beside a file, off if it is missing. Raises Invalid for what is neither on nor off."""
    try:
        return bool(Boolean().deserialize(request.form.get(name, "false").strip()))
    except ValidationError as error:
        raise Invalid(name, str(error.messages[0])) from error


def integer_cursor(cursor: str | None) -> int | None:
    """A cursor that is an id; Invalid for anything else."""
    if cursor is None:
        return None
    if not cursor.isdecimal() or len(cursor) > 12:
        raise Invalid("cursor", _("This is not a cursor of this list."))
    return int(cursor)


def rfc3339(moment: datetime | None) -> str | None:
    """An instant as RFC 3339 in UTC, to the second (fractions only where there are any)."""
    if moment is None:
        return None
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def init_app() -> None:
    """Silences what apispec says about schemas of one name."""
    # Schemas that are nested and also used directly, and schemas of one name in two slices, are reported; their
    # references resolve.
    for message in (".*has already been added to the spec", "Multiple schemas resolved to the name"):
        warnings.filterwarnings("ignore", message=message, category=UserWarning)


def check_body() -> ResponseReturnValue | None:
    """Answers a body that a call of the API cannot read: 415 for another kind, 400 for what is no JSON object."""
    if not request.path.startswith("/api/") or request.method not in {"POST", "PUT", "PATCH"}:
        return None
    view = current_app.view_functions.get(request.endpoint or "")
    if view is None or (not request.content_length and not request.mimetype):
        return None
    if request.mimetype in getattr(view, "consumes", ()):
        return None
    if not request.is_json:
        if not request.content_length:
            return None
        return problem(415, _("Send JSON (application/json)."))
    if request.content_length and not isinstance(sent_json(), dict):
        return problem(400, _("The body is not a JSON object."))
    return None


def sent_json() -> Any:
    """The body as JSON; None if it is not JSON, or nested too deeply."""
    try:
        return request.get_json(silent=True)
    except (RecursionError, BadRequest):
        return None


def on_schema_error(error: HTTPError) -> Response:
    """APIFlask's own errors (422 of a schema) as problems."""
    faults: list[Fault] = []
    for location in (error.detail or {}).values():
        if isinstance(location, dict):
            faults.extend(_faults("", location))
    return problem(error.status_code, faults[0].reason if faults else error.message or "", faults=tuple(faults))


def _faults(prefix: str, faults_by_field: dict[Any, Any]) -> list[Fault]:
    faults: list[Fault] = []
    for name, what in faults_by_field.items():
        path = f"{prefix}.{name}" if prefix else str(name)
        if isinstance(what, dict):
            faults.extend(_faults(path, what))
        else:
            reasons = what if isinstance(what, list) else [what]
            faults.extend(Fault(field=path, reason=str(reason)) for reason in reasons)
    return faults
