"""Answers travel compressed: built assets as they were packed at build time, pages packed when they are made."""

from __future__ import annotations

import gzip
import io
import secrets
from pathlib import Path

from flask import Flask, Response, request

_WORTH_IT = 600
_KINDS = {
    "application/json",
    "application/problem+json",
    "image/svg+xml",
    "text/calendar",
    "text/csv",
    "text/html",
    "text/plain",
}
_NOISE = 100


def pack(content: bytes) -> bytes:
    """Content in gzip, with a name of random length in its head.

    The length of a page then says nothing exact about a secret that stands near what an attacker sent (BREACH).
    """
    packed = io.BytesIO()
    name = "a" * secrets.randbelow(_NOISE)
    with gzip.GzipFile(filename=name, mode="wb", compresslevel=6, fileobj=packed, mtime=0) as file:
        file.write(content)
    return packed.getvalue()


def _packed_twin(app: Flask) -> Path | None:
    """The twin that static/build.py wrote beside a built asset."""
    name = (request.view_args or {}).get("filename", "")
    if request.endpoint != "static" or not app.static_folder or ".." in name:
        return None
    twin = Path(app.static_folder) / f"{name}.gz"
    return twin if twin.is_file() else None


def init_app(app: Flask) -> None:
    """Packs answers for browsers that take gzip. What is streamed or already encoded goes as it is."""

    @app.after_request
    def compress(answer: Response) -> Response:
        if answer.status_code in {204, 206, 304} or "Content-Encoding" in answer.headers:
            return answer
        twin = _packed_twin(app)
        fit = answer.mimetype in _KINDS and not answer.is_streamed and not answer.direct_passthrough
        if twin is None and not fit:
            return answer
        answer.vary.add("Accept-Encoding")
        if not request.accept_encodings.quality("gzip"):
            return answer
        if twin is not None:
            answer.close()
            answer.direct_passthrough = False
            answer.set_data(twin.read_bytes())
        elif len(content := answer.get_data()) >= _WORTH_IT:
            answer.set_data(pack(content))
        else:
            return answer
        etag, _weak = answer.get_etag()
        if etag:
            answer.set_etag(etag, weak=True)
        answer.headers["Content-Encoding"] = "gzip"
        return answer
