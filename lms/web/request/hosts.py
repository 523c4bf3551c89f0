"""The one address of the site, and requests that are handed over while a server stops.

The address is `LMS_BASE_URL`: other hosts are refused, and no answer repeats what a request calls it. A
demonstration answers for every host, so that it can be shown under any name and port; it calls itself by its base
address. Between the signal to stop and its end, a server hands requests over to the other servers.
"""

import mmap
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from werkzeug.sansio.utils import host_is_trusted
from werkzeug.wrappers import Response

from lms.config import Config

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment
if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
ANY_HOST = frozenset({"/healthz", "/readyz", "/metrics"})
"""What monitors ask, by whatever address they have. These answers contain no address."""


class OneAddress:
    """Refuses other hosts with 400, and gives the application the scheme and host of the base address."""

    def __init__(self, app: "WSGIApplication", config: Config) -> None:
        self.app = app
        base = urlsplit(config.base_url)
        host = (base.hostname or "").encode("idna").decode()
        self.scheme, self.netloc = base.scheme, base.netloc.encode("idna").decode()
        self.hosts = LOOPBACK if host in LOOPBACK else {host}
        self.answers_all = config.is_demonstration

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """As WSGI has it."""
        if not (self.answers_all or environ["PATH_INFO"] in ANY_HOST or self._is_ours(environ.get("HTTP_HOST"))):
            refusal = Response(f"This site is at {self.scheme}://{self.netloc}\n", 400, mimetype="text/plain")
            return refusal(environ, start_response)
        environ["HTTP_HOST"], environ["wsgi.url_scheme"] = self.netloc, self.scheme
        return self.app(environ, start_response)

    def _is_ours(self, host: str | None) -> bool:
        return host_is_trusted(host) and urlsplit(f"//{host}").hostname in self.hosts


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

    def __init__(self, app: "WSGIApplication", mark: StopMark) -> None:
        self._app = app
        self._mark = mark

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
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
