"""Valkey (or Redis), where `LMS_VALKEY_URL` names one: small facts that all web processes and machines share.

What is stored there can be lost at any time, and each use has a way to go on without it (`core.engines`). Keys begin
with a hash of the installation's secret, so that several installations can share a server.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from flask import Flask, current_app

from lms.config import BadSetting
from lms.core import engines

if TYPE_CHECKING:
    from valkey import ConnectionPool, Valkey

T = TypeVar("T")
KEY = "lms.valkey"
NAME = "valkey"
TIMEOUT_SECONDS = 0.25
"""How long a request waits for Valkey to connect or to answer. After that it goes on without, as do those after it."""


class SharedMemory:
    """The Valkey of an installation. Connections are opened when they are needed, in each process for itself."""

    def __init__(self, url: str, *, secret: str) -> None:
        try:
            import valkey
        except ImportError as error:
            raise BadSetting("LMS_VALKEY_URL cannot be used: install the extra `serai[valkey]`") from error
        self._errors: tuple[type[Exception], ...] = (valkey.ValkeyError, OSError)
        self.prefix = f"serai:{blake2b(secret.encode(), digest_size=6, person=b'valkey keys').hexdigest()}:"
        scheme = urlsplit(url).scheme
        self.pool: ConnectionPool = valkey.ConnectionPool.from_url(  # type: ignore[no-untyped-call]
            url.replace(scheme, "unix", 1) if scheme.endswith("+unix") else url,
            socket_connect_timeout=TIMEOUT_SECONDS,
            socket_timeout=TIMEOUT_SECONDS,
            client_name="serai",
        )
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
        self._client.set(f"{self.prefix}probe", int(time.time()), ex=60)

    def use(self, work: Callable[[Valkey], T]) -> T | None:
        """What `work` answers with the client; None while Valkey is away. Keys begin with `prefix`."""
        if not self.engine.is_up():
            return None
        try:
            return work(self._client)
        except self._errors as error:
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


def use_shared(work: Callable[[Any, str], T]) -> T | None:
    """What `work(client, prefix)` answers; None where no Valkey is set up, and while it is away."""
    shared: SharedMemory | None = current_app.extensions.get(KEY)
    return None if shared is None else shared.use(lambda client: work(client, shared.prefix))
