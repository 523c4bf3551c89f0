"""Schemas with the fields of a dataclass, so that what a call takes is declared once: in the input that it makes."""

from collections.abc import Callable, Collection
from dataclasses import MISSING, Field, fields
from datetime import date, datetime
from enum import Enum
from types import NoneType
from typing import Any, TypeVar, cast, get_args, get_origin, get_type_hints

from apiflask import Schema
from apiflask import fields as api
from apiflask.validators import Length, OneOf

from lms.web.pages.time import LocalTime

S = TypeVar("S", bound=type[Schema])
_PLAIN: dict[Any, type[api.Field[Any]]] = {str: api.String, date: api.Date, datetime: LocalTime}


def with_fields_of(
    kind: type, *, omit: Collection[str] = (), defaults: bool = False, described: bool = True
) -> Callable[[S], S]:
    """Adds the fields of a dataclass to a schema. A field without a default is required.

    Descriptions and limits are stated in the dataclass (`stated` of `lms/core/text/typed_text.py`). The schema declares
    what is not in the dataclass, and what its types do not say:

        @with_fields_of(SeriesInput)
        class SeriesIn(Schema):
            policy = Nested(PolicyIn)

    Args:
        kind: The dataclass.
        omit: Fields that a call cannot set.
        defaults: Whether a missing key gets the default of the dataclass. Without, it stays missing.
        described: Whether the document has the descriptions.
    """

    def add(schema: S) -> S:
        declared, types = schema().declared_fields, get_type_hints(kind)
        made = {
            part.name: declared.get(part.name) or _field(types[part.name], **_options(part, defaults, described))
            for part in fields(kind)
            if part.name not in omit
        }
        bases = (schema, cast(S, schema.__base__).from_dict(made))
        return cast(S, type(schema.__name__, bases, {"__doc__": schema.__doc__, "__module__": schema.__module__}))

    return add


def _options(part: Field[Any], defaults: bool, described: bool) -> dict[str, Any]:
    options: dict[str, Any] = {"required": part.default is MISSING and part.default_factory is MISSING}
    if defaults and not options["required"]:
        options["load_default"] = part.default_factory if part.default is MISSING else part.default
    length, among = part.metadata.get("length"), part.metadata.get("among")
    if length is not None:
        options["validate"] = Length(*length) if isinstance(length, tuple) else Length(max=length)
    elif among is not None:
        options["validate"] = OneOf(among)
    if described and part.metadata.get("description"):
        options["metadata"] = {"description": part.metadata["description"]}
    return options


class StrictBoolean(api.Boolean):
    """True or false, without the numbers and words that marshmallow reads as one of them."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> bool:
        if not isinstance(value, bool):
            raise self.make_error("invalid", input=value)
        return value


def _field(hint: Any, **options: Any) -> api.Field[Any]:
    """The field of a type. Raises LookupError for a type that has none."""
    kinds = [kind for kind in get_args(hint) if kind is not NoneType]
    if NoneType in get_args(hint):
        return _field(kinds[0], allow_none=True, **options)
    if get_origin(hint) is tuple:
        return api.List(_field(kinds[0]), **options)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return api.Enum(hint, by_value=True, **options)
    if hint is bool:
        return StrictBoolean(**options)
    if hint is int:
        return api.Integer(strict=True, **options)
    return _PLAIN[hint](**options)
