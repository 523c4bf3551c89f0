"""Valkey (or Redis), where `LMS_VALKEY_URL` names one: small facts that all web processes and machines share.

What is stored there can be lost at any time, and each use has a way to go on without it (`engines`). Keys begin
with a hash of the installation's secret, so that several installations can share a server.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from flask import Flask, current_app

from lms.config import BadSetting
from lms.core.base import engines

if TYPE_CHECKING:
    from valkey import ConnectionPool, Valkey

T = TypeVar("T")
KEY = "lms.valkey"
NAME = "valkey"
TIMEOUT_SECONDS = 0.25
"""How long a request waits for Valkey to connect or to answer. After that it goes on without, as do those after it."""
WHOLE_SECONDS = 0.5
"""How long all that a request asks of Valkey takes at most, however its answers come in."""
_ends_at: ContextVar[float] = ContextVar("valkey_ends_at")


@contextmanager
def _within(seconds: float) -> Iterator[None]:
    token = _ends_at.set(time.monotonic() + seconds)
    try:
        yield
    finally:
        _ends_at.reset(token)


class _BoundedSocket:
    """A socket that receives until the time of the use is over. The timeout of a socket starts over with each byte."""

    def __init__(self, inner: Any) -> None:
        self._inner, self._timeout = inner, inner.gettimeout()

    def settimeout(self, seconds: float | None) -> None:
        self._timeout = seconds

    def recv(self, size: int) -> bytes:
        left = _ends_at.get() - time.monotonic()
        if left <= 0:
            raise TimeoutError("the answer takes too long")
        self._inner.settimeout(left if self._timeout is None else min(self._timeout, left))
        received: bytes = self._inner.recv(size)
        return received

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


class _BoundedConnection:
    """A mixin for the library's connections: TCP, TLS or Unix."""

    def _connect(self) -> _BoundedSocket:
        return _BoundedSocket(super()._connect())  # type: ignore[misc]  # of the connection behind it


class SharedMemory:
    """The Valkey of an installation. Connections are opened when they are needed, in each process for itself."""

    def __init__(self, url: str, *, secret: str) -> None:
        try:
            import valkey
        except ImportError as error:
            raise BadSetting("LMS_VALKEY_URL cannot be used: install requirements-extras.txt") from error
        self.prefix = f"serai:{blake2b(secret.encode(), digest_size=6, person=b'valkey keys').hexdigest()}:"
        scheme = urlsplit(url).scheme
        self.pool: ConnectionPool = valkey.ConnectionPool.from_url(  # type: ignore[no-untyped-call]
            url.replace(scheme, "unix", 1) if scheme.endswith("+unix") else url,
            socket_connect_timeout=TIMEOUT_SECONDS,
            socket_timeout=TIMEOUT_SECONDS,
            client_name="serai",
        )
        library = self.pool.connection_class
        self.pool.connection_class = type("BoundedConnection", (_BoundedConnection, library), {})
        self._client: Valkey = valkey.Valkey(connection_pool=self.pool)
        self.engine = engines.Engine(
            NAME,
            self._probe,
            title="Valkey",
            without=(
                "The site works without it. Each server counts rate limits and viewers for itself, and the use of "
                "sessions is written to the database at once."
            ),
            remedy="Check LMS_VALKEY_URL, the Valkey server and its memory.",
        )

    def _probe(self) -> None:
        # A write, which a server that is full or a read-only copy refuses
        with _within(WHOLE_SECONDS):
            self._client.set(f"{self.prefix}probe", int(time.time()), ex=60)

    def use(self, work: "Callable[[Valkey], T]", *, seconds: float = WHOLE_SECONDS) -> T | None:
        """Returns what `work` answers with the client; None while Valkey is away. Keys begin with `prefix`.

        `work` also reads what was answered, and raises anything where that makes no sense: whatever listens there then
        counts as away. It takes at most `seconds`.
        """
        if not self.engine.is_up():
            return None
        try:
            with _within(seconds):
                return work(self._client)
        except Exception as error:
            self.engine.report_failure(error)
            return None


def init_app(app: Flask, url: str, *, secret: str) -> SharedMemory | None:
    """Registers the Valkey of an application, if its settings name one. Nothing is asked of it yet."""
    if not url:
        return None
    shared = SharedMemory(url, secret=secret)
    app.extensions[KEY] = shared
    engines.register(app, shared.engine)
    return shared


def use_shared(work: Callable[[Any, str], T], *, seconds: float = WHOLE_SECONDS) -> T | None:
    """Returns what `work(client, prefix)` answers; None where no Valkey is set up, and while it is away. See `use`."""
    shared: SharedMemory | None = current_app.extensions.get(KEY)
    return None if shared is None else shared.use(lambda client: work(client, shared.prefix), seconds=seconds)
