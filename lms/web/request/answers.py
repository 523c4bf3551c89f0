"""Headers and compression of answers.

Every answer has a strict content policy, no framing and no sniffing; what is personal is not stored, and only pages
that are declared `indexed` have a place in search engines. Built assets are sent as they were packed at build time,
others are compressed by Flask-Compress. The length of a packed answer reveals a secret that is near what an attacker
sent (BREACH), so a page gets a comment of random length, and other answers to a reader with a session are not
packed.
"""

import secrets
from pathlib import Path

from flask import Flask, Response, current_app, request
from flask_compress import Compress

from lms.web.api.discovery import is_found
from lms.web.request.identity import Unauthenticated, current_actor


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


_MIN_SIZE = 600
_SETTINGS = {
    "COMPRESS_ALGORITHM": ["zstd", "gzip"],  # brotli takes three times as long for the same size
    "COMPRESS_EVALUATE_CONDITIONAL_REQUEST": False,
    "COMPRESS_MIMETYPES": [
        "application/json",
        "application/problem+json",
        "image/svg+xml",
        "text/calendar",
        "text/csv",
        "text/html",
        "text/plain",
    ],
    "COMPRESS_MIN_SIZE": _MIN_SIZE,
    "COMPRESS_REGISTER": False,
    "COMPRESS_STREAMS": False,
    "COMPRESS_ZSTD_LEVEL": 6,  # as small as gzip makes them, in half the time
}
_NOISE = 100
_KEY = "lms.compression"


def blurred(page: bytes) -> bytes:
    """A page with a comment behind it, whose length is random also when it is packed."""
    return b"%b<!--%b-->" % (page, secrets.token_hex(secrets.randbelow(_NOISE)).encode("ascii"))


def _packed_twin() -> Path | None:
    """The compressed copy that static/build.py wrote for a built asset."""
    name = (request.view_args or {}).get("filename", "")
    if request.endpoint != "static" or not current_app.static_folder or ".." in name:
        return None
    twin = Path(current_app.static_folder) / f"{name}.gz"
    return twin if twin.is_file() else None


def init_app(app: Flask) -> None:
    """Gives Flask-Compress its settings; `compress` calls it."""
    app.config |= _SETTINGS
    app.extensions[_KEY] = Compress(app)


def compress(answer: Response) -> Response:
    """Packs an answer for browsers that take that. What is streamed or already encoded goes as it is."""
    if answer.status_code in {204, 206, 304} or "Content-Encoding" in answer.headers:
        return answer
    etag, _is_weak = answer.get_etag()
    twin = _packed_twin()
    if twin is not None:
        _send_twin(answer, twin)
    elif not answer.is_streamed and not answer.direct_passthrough:
        _pack(answer)
    if etag and "Content-Encoding" in answer.headers:
        answer.set_etag(etag, weak=True)
    return answer


def _send_twin(answer: Response, twin: Path) -> None:
    answer.vary.add("Accept-Encoding")
    if request.accept_encodings.quality("gzip"):
        answer.close()
        answer.direct_passthrough = False
        answer.set_data(twin.read_bytes())
        answer.headers["Content-Encoding"] = "gzip"


def _pack(answer: Response) -> None:
    if answer.mimetype == "text/html":
        content = answer.get_data()
        if "Accept-Encoding" in request.headers and len(content) >= _MIN_SIZE:
            answer.set_data(blurred(content))
    elif current_app.config["SESSION_COOKIE_NAME"] in request.cookies:
        return
    status = answer.status
    answer.status_code = 200  # the library passes others over, and a form with faults is as large as the form
    library: Compress = current_app.extensions[_KEY]
    library.after_request(answer)
    answer.status = status
