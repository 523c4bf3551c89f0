"""The site has one address, `LMS_BASE_URL`: other hosts are refused, and no answer repeats what a request calls it.

A demonstration answers for every host, so that it can be shown under any name and port; what it calls itself is still
its base address.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from werkzeug.sansio.utils import host_is_trusted
from werkzeug.wrappers import Response

from lms.config import Config

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
ANY_HOST = frozenset({"/healthz", "/readyz", "/metrics"})
"""What monitors ask, by whatever address they have. These answers contain no address."""


class OneAddress:
    """Refuses other hosts with 400, and gives the application the scheme and host of the base address."""

    def __init__(self, app: WSGIApplication, config: Config) -> None:
        self.app = app
        base = urlsplit(config.base_url)
        host = (base.hostname or "").encode("idna").decode()
        self.scheme, self.netloc = base.scheme, base.netloc.encode("idna").decode()
        self.hosts = LOOPBACK if host in LOOPBACK else {host}
        self.answers_all = config.is_demonstration

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """As WSGI has it."""
        if not (self.answers_all or environ["PATH_INFO"] in ANY_HOST or self._is_ours(environ.get("HTTP_HOST"))):
            refusal = Response(f"This site is at {self.scheme}://{self.netloc}\n", 400, mimetype="text/plain")
            return refusal(environ, start_response)
        environ["HTTP_HOST"], environ["wsgi.url_scheme"] = self.netloc, self.scheme
        return self.app(environ, start_response)

    def _is_ours(self, host: str | None) -> bool:
        return host_is_trusted(host) and urlsplit(f"//{host}").hostname in self.hosts
