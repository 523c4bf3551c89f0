"""Headers of every answer: a strict content policy, no framing, no sniffing, no store where personal, and
no place in search engines but for pages that are declared `indexed`."""

from __future__ import annotations

from flask import Response, current_app, request

from lms.web.discovery import is_found
from lms.web.identity import Unauthenticated, current_actor


def add_headers(answer: Response) -> Response:
    """Adds the headers to an answer."""
    answer.headers.setdefault(
        "Content-Security-Policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; "
        "connect-src 'self'; media-src 'self' blob:; manifest-src 'self'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'",
    )
    answer.headers.setdefault("X-Content-Type-Options", "nosniff")
    if "secret" in (request.view_args or {}):
        # The secret stays here, and the origin goes along: without it Flask-WTF refuses a form over https
        answer.headers["Referrer-Policy"] = "strict-origin"
        answer.headers["Cache-Control"] = "no-store"
    answer.headers.setdefault("Referrer-Policy", "same-origin")
    answer.headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
    if current_app.config["SESSION_COOKIE_SECURE"]:
        answer.headers.setdefault("Strict-Transport-Security", "max-age=31536000; includeSubDomains")
    if request.endpoint != "static" and not is_found():
        answer.headers["X-Robots-Tag"] = "noindex"
    if answer.mimetype == "text/html" and not answer.cache_control.public:
        answer.vary.update(("Cookie", "Accept-Language"))  # time zone and language of the reader
    if request.endpoint == "static" and answer.status_code != 404:
        answer.cache_control.immutable = True  # named by their content
    elif request.endpoint == "static":
        answer.headers["Cache-Control"] = "no-store"  # during an update, another server may have the file
    if "Cache-Control" not in answer.headers:
        answer.headers["Cache-Control"] = "no-store" if _is_personal(answer) else "private, no-cache"
    return answer


def _is_personal(answer: Response) -> bool:
    try:
        has_session = current_app.config["SESSION_COOKIE_NAME"] in request.cookies  # it may have brought a message
        return has_session or current_actor().is_signed_in or "Set-Cookie" in answer.headers
    except Unauthenticated:
        return True
