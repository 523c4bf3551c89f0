"""Limits on what is sent: how much a route reads, and which text it takes.

A route reads 1 MB, unless it declares otherwise; nginx has the same limits (`deploy/nginx/serai.conf`). Text with
NUL, which no database stores, or with lone surrogates is refused before a view runs.
"""

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import Any, TypeVar

from flask import Flask, current_app, request
from werkzeug.exceptions import ClientDisconnected, LengthRequired
from werkzeug.sansio.utils import get_content_length
from werkzeug.wsgi import LimitedStream

from lms.core.base.errors import Fault, Invalid, NotFound
from lms.core.base.settings import settings
from lms.core.text.i18n import _
from lms.web.api.api import sent_json

_LIMIT = "lms.body_limit"
F = TypeVar("F", bound=Callable[..., object])
FORM_BYTES = 64 * 1024
"""The size of a form with a file apart from the file: names, boundaries and short fields."""


PLAIN_BYTES = 1024 * 1024
"""What a view reads that declares nothing."""


def body_limit(size: int) -> Callable[[F], F]:
    """Declares the most bytes that a view reads of a body. A larger one is answered 413, unread."""

    def mark(view: F) -> F:
        view.body_limit = size  # type: ignore[attr-defined]
        return view

    return mark


def upload_limit(view: F) -> F:
    """Declares a view that takes a file or a list of up to `LMS_MAX_UPLOAD_MB`."""
    view.takes_upload = True  # type: ignore[attr-defined]
    return view


def material_limit(view: F) -> F:
    """Declares a view that takes a file of a lecture: up to `LMS_MAX_MATERIAL_MB`, also where that is more than what
    other views read."""
    view.takes_material = True  # type: ignore[attr-defined]
    return view


def limit_of(endpoint: str | None) -> int:
    """How much the view of an endpoint reads of a body."""
    site: int = current_app.config["MAX_CONTENT_LENGTH"] or sys.maxsize
    view = current_app.view_functions.get(endpoint or "")
    if getattr(view, "takes_material", False):
        return settings().max_material_mb * 1024 * 1024 + FORM_BYTES
    return min(site, site if getattr(view, "takes_upload", False) else getattr(view, "body_limit", PLAIN_BYTES))


class _WholeBodies:
    """Reads what a view leaves of a body: the connection would be reset, and its client never see the answer.

    Bodies without a length are refused with 411, so that limits hold before anything is read; nginx, which buffers
    requests, adds the length.
    """

    def __init__(self, app: Callable[..., Iterable[bytes]]) -> None:
        self._app = app

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ.get("HTTP_TRANSFER_ENCODING"):
            return LengthRequired()(environ, start_response)
        length = get_content_length(environ.get("CONTENT_LENGTH")) or 0
        body = environ["wsgi.input"] = LimitedStream(environ["wsgi.input"], length)
        answer = self._app(environ, start_response)
        if length <= environ.get(_LIMIT, 0):
            with suppress(ClientDisconnected):
                while body.read(64 * 1024):
                    pass
        return answer


def init_app(app: Flask) -> None:
    """Reads bodies to their end."""
    app.wsgi_app = _WholeBodies(app.wsgi_app)  # type: ignore[method-assign]


def set_limit() -> None:
    """Sets how much the view of the request reads of its body."""
    request.max_content_length = request.environ[_LIMIT] = limit_of(request.endpoint)


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
