"""The hooks that every request passes before its view and every answer after it, in this order."""

from flask import Flask, request
from flask_wtf import CSRFProtect

from lms.web.api import api
from lms.web.request import answers, bodies, guards, identity, limits, request_log
from lms.web.request import guards as scopes

_csrf = CSRFProtect()
_WITHOUT_TOKEN = {
    # These keep a preference, or read a file and change nothing else
    "web.set_language",
    "web.set_zone",
    "web.close_live_bar",
    "certificates.verify_file",
    # They have a token of their own, which outlives the session of its reader
    "streaming.progress",
    "streaming.put_chunk",
    "streaming.stop",
    "live.played",
    # Mail programs unsubscribe their reader (RFC 8058)
    "people.unsubscribe",
    "reports.unsubscribe",
}


def check_token() -> None:
    """Refuses a form whose token is missing or of another session. Where there is no route, 404 or 405 follows."""
    is_page = request.endpoint is not None and not request.path.startswith("/api/")
    if is_page and request.endpoint not in _WITHOUT_TOKEN:
        _csrf.protect()


def init_app(app: Flask) -> None:
    """Registers all hooks. Flask runs hooks before a request in this order, and hooks after it in reverse."""
    after, before = app.after_request, app.before_request
    after(request_log.end)  # the metric and the line of the log
    after(answers.compress)
    after(answers.add_headers)  # content policy, caching
    after(identity.note_use)  # the use of a session, written when the answer has gone
    app.teardown_request(request_log.forget)

    before(request_log.begin)  # the id of the request, in the answer and in each line of the log
    before(bodies.set_limit)  # 413: how much is read of a body; before all that may read it
    limits.init_app(app)  # 429: how often an address may call a route
    before(limits.count_token)  # 429: how often a token may call the API
    before(guards.check_guard)  # 401, 403: who may use the route
    before(scopes.check_scope)  # 403: what the token may do
    before(api.check_body)  # 415, 400: what the API can read
    before(bodies.check_text)  # 422: what can be stored as text
    _csrf.init_app(app)
    before(check_token)  # 400: whether the form is from a page of this session
