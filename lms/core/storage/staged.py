"""Files that wait until their preview is confirmed.

A file is read once, in the child process for foreign files. What was read waits here as JSON, under a key that only its
sender has, for its preview and for whatever takes it. It is deleted then, or after a day.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import date, datetime, timedelta
from enum import Enum
from types import NoneType
from typing import Any, Final, Generic, TypeVar, get_args, get_origin, get_type_hints

from lms.core.base.errors import NotFound
from lms.core.base.roles import Actor
from lms.core.storage import files

FOLDER: Final = "staged/files"
KEPT: Final = timedelta(days=1)

T = TypeVar("T")
Restore = Callable[[Any], Any]


@dataclass(frozen=True)
class StagedFiles(Generic[T]):
    """The waiting files of one kind: `read` is the dataclass of what was read, `name` that of their folder."""

    name: str
    read: type[T]

    def keep(self, file_id: str, value: T, *, by: Actor, at: datetime) -> None:
        """Keeps what was read, in place of what the actor kept under this id. Raises NotFound for a wrong id."""
        files.store(self._key(file_id, by), to_json({"at": at, "value": value}))

    def find(self, file_id: str, *, by: Actor, at: datetime) -> T | None:
        """Returns what the actor kept under an id within the last day, or None. Raises NotFound for a wrong id."""
        content = files.find(self._key(file_id, by))
        if content is None:
            return None
        envelope = json.loads(content)
        if datetime.fromisoformat(envelope["at"]) + KEPT < at:
            return None
        return restored_as(self.read, envelope["value"])

    def drop(self, file_id: str, *, by: Actor) -> None:
        """Deletes what the actor kept under an id, if anything."""
        files.delete(self._key(file_id, by))

    def _key(self, file_id: str, by: Actor) -> str:
        if not by.is_signed_in or not file_id.replace("-", "").replace("_", "").isalnum():
            raise NotFound
        return f"{FOLDER}/{self.name}/{by.person_id}-{file_id}"


def drop_old_files(*, at: datetime) -> None:
    """Deletes what was kept more than a day ago."""
    files.delete_older(FOLDER, before=at - KEPT)


def to_json(value: Any) -> bytes:
    """Returns dataclasses, dates and what JSON has as JSON, for `restored_as`."""
    return json.dumps(value, default=_as_json, ensure_ascii=False, separators=(",", ":")).encode()


def restored_as(kind: type[T], value: Any) -> T:
    """Returns the dataclass that was written with `to_json`, from its parsed JSON."""
    restored: T = _restorer(kind)(value)
    return restored


def _as_json(value: Any) -> Any:
    if isinstance(value, date):
        return value.isoformat()
    return {item.name: getattr(value, item.name) for item in fields(value)}


def _restorer(kind: Any) -> Restore:
    """Returns the function that makes a value of a type from its JSON."""
    arguments = get_args(kind)
    if NoneType in arguments:
        inner = _restorer(next(item for item in arguments if item is not NoneType))
        return lambda value: None if value is None else inner(value)
    origin = get_origin(kind) or kind
    if origin is list:
        return _list_restorer(_restorer(arguments[0]))
    if origin is tuple:
        parts = [_restorer(part) for part in arguments]
        return lambda value: tuple(restore(item) for restore, item in zip(parts, value, strict=True))
    if origin in (dict, Mapping):
        key, item = map(_restorer, arguments)
        return lambda value: {key(name): item(inner) for name, inner in value.items()}
    if is_dataclass(kind):
        return _object_restorer(kind)
    if issubclass(origin, date):
        parse: Restore = origin.fromisoformat
        return parse
    if issubclass(origin, Enum) or origin is int:  # keys of JSON objects are text
        make: Restore = origin
        return make
    return _same


def _same(value: Any) -> Any:
    return value


def _list_restorer(restore: Restore) -> Restore:
    return _same if restore is _same else lambda value: [restore(item) for item in value]


def _object_restorer(kind: Any) -> Restore:
    restorers = {name: _restorer(hint) for name, hint in get_type_hints(kind).items()}
    changed = {name: restore for name, restore in restorers.items() if restore is not _same}

    def restored(value: dict[str, Any]) -> Any:
        return kind(**value | {name: restore(value[name]) for name, restore in changed.items()})

    return restored
