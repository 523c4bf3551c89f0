"""Answers travel compressed: built assets as they were packed at build time, others by Flask-Compress.

The length of a packed answer tells about a secret that is near what an attacker sent (BREACH). So a page gets a comment
of random length, and other answers to a reader with a session are not packed.
"""

from __future__ import annotations

import secrets
from pathlib import Path

from flask import Flask, Response, current_app, request
from flask_compress import Compress

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
