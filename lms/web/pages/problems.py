"""Errors as people and programs read them: a page, or an RFC 9457 problem under /api."""

import contextlib
import errno
from http import HTTPStatus
from typing import Any

import structlog
from flask import Flask, Response, g, json, render_template, request
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnection
from werkzeug.exceptions import HTTPException

from lms.core.background import instruments
from lms.core.base.errors import Busy, DomainError, Fault, Forbidden, Invalid, NotFound
from lms.core.base.roles import ANONYMOUS
from lms.core.database.session import db
from lms.core.storage.files import StorageAway, note_failure
from lms.core.text.i18n import _
from lms.core.text.typesetting import TypesettingTimeout
from lms.web.request.identity import Unauthenticated, current_actor
from lms.web.request.request_log import reference

_NO_CONNECTION_LEFT = {"53300"}
"""SQLSTATE `too_many_connections` of PostgreSQL."""
_FULL = {errno.ENOSPC, errno.EDQUOT}
_MB = 1024 * 1024
log = structlog.get_logger(__name__)


def problem(
    status: int,
    detail: str = "",
    *,
    kind: str = "about:blank",
    faults: tuple[Fault, ...] = (),
    headers: dict[str, str] | None = None,
    **more: Any,
) -> Response:
    """A problem details answer (RFC 9457): `type, title, status, detail` and `errors: [{field|row, reason}]`.

    `request_id` is an extension of ours (RFC 9457, 3.2), where there is something to report: `instance` would have to
    be a URI, and the id that a proxy gives is none.
    """
    body: dict[str, Any] = {
        "type": kind,
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
    }
    if faults:
        body["errors"] = [_fault(fault) for fault in faults]
    body.update(more)
    if (shown := reference(status)) is not None:
        body["request_id"] = shown
    answer = Response(json.dumps(body), status=status, mimetype="application/problem+json")
    answer.headers.extend(headers or {})
    return answer


def _fault(fault: Fault) -> dict[str, Any]:
    shown: dict[str, Any] = {"reason": fault.reason}
    if fault.row is not None:
        shown["row"] = fault.row
    if fault.field is not None:
        shown["field"] = fault.field
    return shown


def wants_problem() -> bool:
    """Whether this request is a program's, or that of a page that sends a lecture."""
    return request.path.startswith(("/api/", "/streams/"))


def _who() -> int | None:
    """Returns whose request it is, as a number that says nothing outside of this database."""
    try:
        return current_actor().person_id
    except Unauthenticated:
        return None


def _page(status: int, detail: str) -> ResponseReturnValue:
    return render_template("error.html", status=status, detail=detail), status


def _too_large(limit: int) -> str:
    if limit < _MB:
        return _("The request is larger than %(n)s bytes.", n=limit)
    return _("The request is larger than %(n)s MB.", n=limit // _MB)


def init_app(app: Flask) -> None:
    """Registers the one handler of each kind of error."""
    _on_refusals(app)
    _on_http(app)
    _on_faults(app)


def _on_refusals(app: Flask) -> None:
    """Answers refusals of actions and queries, and missing permissions."""

    @app.errorhandler(DomainError)
    def domain(error: DomainError) -> ResponseReturnValue:
        db.session.rollback()
        detail = error.message
        if isinstance(error, NotFound):
            detail = detail or _("This does not exist, or you do not have access to it.")
        elif isinstance(error, Forbidden):
            detail = detail or _("You do not have permission to do this.")
            log.warning("denied", endpoint=request.endpoint, method=request.method, person=_who())
        faults: tuple[Fault, ...] = ()
        if isinstance(error, Invalid):
            faults = tuple(fault for fault in error.faults if fault.reason)
        if wants_problem():
            answer = problem(error.status, detail, faults=faults)
        else:
            answer = app.make_response(_page(error.status, detail))
        if isinstance(error, TypesettingTimeout):
            instruments.TYPESETTING_TIMEOUTS.add()
        if isinstance(error, Busy):
            answer.headers["Retry-After"] = str(error.RETRY_AFTER)
        return answer

    @app.errorhandler(Unauthenticated)
    def unauthenticated(_error: Unauthenticated) -> ResponseReturnValue:
        log.info("denied", endpoint=request.endpoint, method=request.method, person=None)
        return problem(401, _("A valid token is needed."), headers={"WWW-Authenticate": 'Bearer realm="Serai"'})


def _on_http(app: Flask) -> None:
    """Forms that are refused, and what Flask itself refuses."""

    @app.errorhandler(CSRFError)
    def forged(error: CSRFError) -> ResponseReturnValue:
        reason = error.description or ""
        log.warning("form refused", reason=reason, endpoint=request.endpoint)
        detail = {
            "The referrer header is missing.": _(
                "Your browser did not say which site the form came from. Allow it to send the referrer to this "
                "site, reload the page and send the form again."
            ),
            "The referrer does not match the host.": _(
                "The form was sent from another site. Open the page on this site and send the form again."
            ),
        }.get(reason, _("This form has expired. Go back, reload the page and send it again."))
        if request.accept_mimetypes.best == "application/json":  # a script of a page: it says it where one writes
            return {"detail": _("This page has expired. Open it again; what you wrote is kept."), "expired": True}, 400
        return _page(400, detail)

    @app.errorhandler(HTTPException)
    def http(error: HTTPException) -> ResponseReturnValue:
        status = error.code or 500
        if status < 400:
            return error
        detail = {
            404: _("This does not exist, or you do not have access to it."),
            413: _too_large(request.max_content_length or 0),
            429: _("Wait a moment and try again."),
        }.get(status, error.description or "")
        answer = problem(status, detail) if wants_problem() else app.make_response(_page(status, detail))
        original = error.get_response()
        for name in ("Retry-After", "Allow"):
            if name in original.headers:
                answer.headers[name] = original.headers[name]
        if status == 429 and not answer.headers.get("Retry-After", "").isdigit():
            answer.headers["Retry-After"] = "60"
        return answer


def _is_away(error: OSError) -> bool:
    """Whether the disk or the storage is away or full."""
    return isinstance(error, StorageAway) or error.errno in _FULL


def _on_faults(app: Flask) -> None:
    """The database or the disk is away, or something unexpected happened."""

    @app.teardown_appcontext
    def let_go(_error: BaseException | None) -> None:
        """A connection that was lost after the last question spoils no answer that is ready."""
        with contextlib.suppress(DBAPIError):
            db.session.remove()

    def unavailable(error: BaseException, detail: str = "") -> ResponseReturnValue:
        with contextlib.suppress(DBAPIError):
            db.session.rollback()
        g.setdefault("actor", ANONYMOUS)  # a failed lookup of the reader is not repeated for the error page
        log.error("unavailable", error=type(error).__name__, endpoint=request.endpoint)
        detail = detail or _(
            "The service cannot save anything at the moment. Nothing was changed. Try again in a minute."
        )
        answer = problem(503, detail) if wants_problem() else app.make_response(_page(503, detail))
        answer.headers["Retry-After"] = "60"
        return answer

    @app.errorhandler(DBAPIError)
    def database(error: DBAPIError) -> ResponseReturnValue:
        if getattr(error.orig, "sqlstate", None) in _NO_CONNECTION_LEFT:
            return busy(error)
        if isinstance(error, OperationalError) or error.connection_invalidated:
            return unavailable(error.orig or error)
        return unexpected(error)

    @app.errorhandler(NoConnection)
    def busy(error: BaseException) -> ResponseReturnValue:
        return unavailable(
            error, _("Too many people are using the service at the moment. Nothing was changed. Try again in a minute.")
        )

    @app.errorhandler(OSError)
    def disk(error: OSError) -> ResponseReturnValue:
        note_failure(error)
        return unavailable(error) if _is_away(error) else unexpected(error)

    @app.errorhandler(Exception)
    def unexpected(error: Exception) -> ResponseReturnValue:
        if app.testing or app.debug:
            raise error
        db.session.rollback()
        log.exception("unexpected", endpoint=request.endpoint)
        detail = _("Something went wrong on our side. Nothing was saved.")
        return problem(500, detail) if wants_problem() else _page(500, detail)
