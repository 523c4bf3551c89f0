"""Production server: gunicorn's web processes; on SQLite also the worker and the packager, as processes beside them."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from ipaddress import ip_address
from math import inf
from pathlib import Path
from typing import Any

import structlog
from flask import Flask
from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter

from lms.app import create_app, settle
from lms.config import Config
from lms.core.background import tracing
from lms.core.background.instruments import FOLDER_VARIABLE
from lms.core.background.processes import ProcessKind
from lms.core.base import logs
from lms.core.base.errors import Refused
from lms.core.database import schema
from lms.web.request import rates
from lms.web.request.hosts import HandOver, StopMark
from lms.web_process import server_options
from lms.worker import HEART_STOPS_WITHIN, begin_heartbeats

log = structlog.get_logger(__name__)
END_SECONDS = 15
"""How long the server waits at its end for each process beside it."""


class _Background:
    """A process beside the web processes, such as the worker: restarted whenever it exits."""

    def __init__(self, command: str, config: Config) -> None:
        self._command = command
        self._environment = {**os.environ, **config.environment()}
        self._process: subprocess.Popen[bytes] | None = None
        self._began = -inf

    def poll(self) -> None:
        """Logs that the process ended, if it did."""
        if self._process is not None and (code := self._process.poll()) is not None:
            log.warning("a process ended and is begun again", command=self._command, code=code)
            self._process = None

    def run(self) -> None:
        """Begins the process unless it runs, at most once a second."""
        self.poll()
        if self._process is None and time.monotonic() - self._began >= 1:
            self._began = time.monotonic()
            command = [sys.executable, "-m", "lms", self._command, "--with-server"]
            self._process = subprocess.Popen(command, env=self._environment, stdin=subprocess.PIPE)  # noqa: S603  our own command

    def end(self) -> None:
        """Stops the process and waits for it."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(END_SECONDS)


class _Arbiter(Arbiter):
    """Looks after all processes in one thread: a process that forks must have no other."""

    def __init__(
        self, app: BaseApplication, background: Sequence[_Background], mark: StopMark, *, stop_seconds: int
    ) -> None:
        self._background = background
        self._mark = mark
        self._stop_seconds = stop_seconds
        self._stops_at = inf
        super().__init__(app)

    def handle_term(self) -> None:
        """Stops after `stop_seconds`, in which balancers learn of it; at the second signal at once."""
        if not self._stop_seconds or self._mark.is_set():
            super().handle_term()
        self._mark.set()
        self._stops_at = time.monotonic() + self._stop_seconds

    def handle_chld(self) -> None:
        for process in self._background:
            process.poll()  # or gunicorn would take its exit code
        super().handle_chld()

    handle_cld = handle_chld

    def manage_workers(self) -> None:
        super().manage_workers()
        for process in self._background:
            process.run()
        if time.monotonic() >= self._stops_at:
            raise StopIteration


class _Server(BaseApplication):
    def __init__(
        self, config: Config, options: dict[str, Any], *, rates_uri: str, background: Sequence[_Background]
    ) -> None:
        self.options = options
        self.lms_config = config
        self.rates_uri = rates_uri
        self.background = background
        self.mark = StopMark()
        super().__init__()

    def load_config(self) -> None:
        for name, value in self.options.items():
            self.cfg.set(name, value)
        self.cfg.set("post_worker_init", _begin_web_heartbeats)
        self.cfg.set("worker_exit", _end_web_heartbeats)

    def load(self) -> Flask:
        app = create_app(self.lms_config, rates_uri=self.rates_uri)
        app.wsgi_app = HandOver(app.wsgi_app, self.mark)  # type: ignore[method-assign]
        settle()
        return app

    def run(self) -> None:
        _Arbiter(self, self.background, self.mark, stop_seconds=self.lms_config.stop_seconds).run()


def _begin_web_heartbeats(worker: Any) -> None:
    tracing.begin(ProcessKind.WEB)
    worker.heart_stopping = threading.Event()
    worker.heart = begin_heartbeats(worker.app.wsgi(), worker.heart_stopping, ProcessKind.WEB)


def _end_web_heartbeats(_arbiter: Any, worker: Any) -> None:
    if hasattr(worker, "heart"):  # not one that could not be begun
        worker.heart_stopping.set()
        worker.heart.join(HEART_STOPS_WITHIN)
    tracing.end()


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def run(config: Config, *, host: str, port: int, workers: int | None = None) -> None:
    """Serves until told to stop; on SQLite the worker and the packager run as children of this process.

    Refused for a database that `lms init` has still to prepare or migrate, and for a port in use.
    """
    try:
        socket.create_server((host, port)).close()
    except OSError as error:
        raise Refused(f"{host}:{port} cannot be served: {error.strerror or error}") from error
    schema.check(config)
    if not config.proxies and not _is_loopback(host):
        log.warning("slow clients occupy threads: put a proxy such as nginx in front (docs/INSTALL.md#slow-clients)")
    background: list[_Background] = []
    parent_pid = os.getpid()
    logs.take_over_libraries()
    shared = Path(tempfile.mkdtemp(prefix="serai-"))
    try:
        (shared / "metrics").mkdir()
        os.environ[FOLDER_VARIABLE] = str(shared / "metrics")
        # Begun with this variable: they count into the same folder
        background = [_Background(name, config) for name in ("worker", "packager")] if config.sqlite_file else []
        options = server_options(config, host=host, port=port, workers=workers)
        rates_uri = rates.prepare(shared / "rates.db")
        _Server(config, options, rates_uri=rates_uri, background=background).run()
    finally:
        if os.getpid() == parent_pid:  # web processes leave through here too
            shutil.rmtree(shared, ignore_errors=True)
            for process in background:
                process.end()
