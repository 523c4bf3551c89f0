"""Refuses invalid text before a view runs: NUL, which no database stores, and lone surrogates."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from flask import request

from lms.core.errors import Fault, Invalid, NotFound
from lms.core.i18n import _
from lms.web.api import sent_json

_FORMS = frozenset({"application/x-www-form-urlencoded", "multipart/form-data"})


def is_plain(text: str) -> bool:
    """Whether a text can be stored and sent as UTF-8."""
    return "\0" not in text and (text.isascii() or not any("\ud800" <= sign <= "\udfff" for sign in text))


def texts_in(payload: Any) -> Iterator[tuple[str, str]]:
    """Every text of a JSON value with the path to it, as `policy.walk_ins` or `instructors.0`; keys too."""
    waiting: list[tuple[str, Any]] = [("", payload)]
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, str):
            yield path, value
            continue
        if isinstance(value, dict):
            inside = [(str(name), name, part) for name, part in value.items()]
        elif isinstance(value, list):
            inside = [(str(index), None, part) for index, part in enumerate(value)]
        else:
            continue
        for step, name, part in inside:
            inner_path = f"{path}.{step}" if path else step
            if name is not None:
                yield inner_path, name
            waiting.append((inner_path, part))


def check_text() -> None:
    """Raises NotFound for such a text in the address, Invalid for one in the parameters or in the body."""
    if not all(is_plain(value) for value in (request.view_args or {}).values() if isinstance(value, str)):
        raise NotFound
    wrong = [name for name, value in request.args.items(multi=True) if not is_plain(value)]
    if request.method in {"POST", "PUT", "PATCH"}:
        if request.is_json:
            wrong += [path for path, text in texts_in(sent_json()) if not is_plain(text)]
        elif request.mimetype in _FORMS:
            wrong += [name for name, value in request.form.items(multi=True) if not is_plain(value)]
    if wrong:
        reason = _("This contains a character that is not text.")
        raise Invalid(faults=[Fault(field=name, reason=reason) for name in dict.fromkeys(wrong)])
