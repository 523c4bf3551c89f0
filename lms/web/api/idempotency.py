"""`Idempotency-Key`: a repeated call returns the same answer and creates nothing more."""

import hashlib
import json
import re
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

from flask import Response, current_app, request

from lms.core.background.idempotency import Answer, answer_once
from lms.core.base.errors import Invalid
from lms.core.text.i18n import _
from lms.core.time import clock
from lms.web.request.identity import current_actor

F = TypeVar("F", bound=Callable[..., Any])
HEADER = "Idempotency-Key"
_KEY = re.compile(r"[\x21-\x7e]{1,255}")


class _NotDone(Exception):
    """Carries an error answer out of the transaction, which is rolled back."""

    def __init__(self, answer: Response) -> None:
        self.answer = answer


def idempotent(view: F) -> F:
    """Lets a call of a signed-in person be repeated under a key of the caller's choice, for a day.

    For calls that create something without a key. Placed between `@scope` and the decorators that read the body. Only
    successful answers are stored; the same key with another body is refused (409), an invalid key with 422.
    """

    @wraps(view)
    def run(*args: Any, **kwargs: Any) -> Any:
        key, person_id = request.headers.get(HEADER), current_actor().person_id
        if key is None or person_id is None:
            return view(*args, **kwargs)
        if not _KEY.fullmatch(key):
            raise Invalid(HEADER, _("Idempotency-Key must be 1–255 printable ASCII characters."))

        def work() -> Answer:
            made = current_app.make_response(view(*args, **kwargs))
            if made.status_code >= 400:
                raise _NotDone(made)
            return Answer(made.status_code, made.get_data(as_text=True))

        try:
            answer = answer_once(person_id, key, _digest(), work, at=clock.now())
        except _NotDone as error:
            return error.answer
        response = Response(answer.body, answer.status, mimetype="application/json")
        if answer.is_repeated:
            response.headers["Idempotency-Replayed"] = "true"
        return response

    run.is_idempotent = True  # type: ignore[attr-defined]
    return cast(F, run)


def _digest() -> str:
    body = json.dumps(request.get_json(silent=True), sort_keys=True)
    return hashlib.sha256(f"{request.method} {request.full_path}\n{body}".encode()).hexdigest()
