"""What a server does between the signal to stop and its end: it hands requests over to the other servers."""

from __future__ import annotations

import mmap
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_RETRYING = "HTTP_X_NEXT_UPSTREAM"
"""The header by which a proxy says that it asks another server where this one answers 502."""


class StopMark:
    """Whether the server is about to stop, as seen by all processes that are forked after this was made."""

    def __init__(self) -> None:
        self._byte = mmap.mmap(-1, 1)

    def set(self) -> None:
        """The server is about to stop."""
        self._byte[0] = 1

    def is_set(self) -> bool:
        """Whether the server is about to stop."""
        return self._byte[0] == 1


class HandOver:
    """WSGI layer: while the server is about to stop, `/readyz` answers 503, and a proxy asks another server.

    What can be asked again is answered 502 if the proxy says that it then asks another server (`X-Next-Upstream`).
    nginx sends this one nothing more after that, so no other request meets a closed socket either.
    """

    def __init__(self, app: WSGIApplication, mark: StopMark) -> None:
        self._app = app
        self._mark = mark

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if self._mark.is_set():
            if environ.get("PATH_INFO") == "/readyz":
                return _refuse("503 Service Unavailable", start_response)
            if environ.get(_RETRYING) and environ["REQUEST_METHOD"] in {"GET", "HEAD"}:
                return _refuse("502 Bad Gateway", start_response)
        return self._app(environ, start_response)


def _refuse(status: str, start_response: Callable[..., Any]) -> Iterable[bytes]:
    text = b"stopping\n"
    headers = [("Content-Type", "text/plain"), ("Content-Length", str(len(text))), ("Cache-Control", "no-store")]
    start_response(status, headers)
    return [text]
