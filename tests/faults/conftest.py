"""A real server in processes of its own, with a database that outlives it, to be killed at any moment."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import psycopg
import pytest
from apiflask import APIFlask
from sqlalchemy import make_url

from lms.app import create_app
from lms.config import Config
from lms.core.base.roles import SYSTEM
from lms.core.database.session import db
from lms.core.time import clock
from lms.people.actions.countries import load_countries
from tests.factories import Make
from tests.faults.forks import Forked, Process, alive_in_group
from tests.ports import free_port
from tests.tables import create_tables
from tests.waiting import until

R = TypeVar("R")
Body = bytes | dict[str, Any] | None


class Site:
    """A data folder, its database, and the processes that serve it. `app` looks at the same data from outside."""

    def __init__(self, folder: Path, url: str, **settings: str) -> None:
        self.port = free_port()
        self.config = Config.load(
            {},
            data=str(folder),
            database_url=url,
            secret_key="tests-only",
            base_url=f"http://127.0.0.1:{self.port}",
            log_level="ERROR",
            **settings,
        )
        self.app: APIFlask = create_app(self.config)
        self.config.demonstration_mark.write_text("{}")  # no second factor, no rates: neither is tried here
        with self.app.app_context():
            create_tables()
            load_countries(by=SYSTEM, at=clock.now())
        self.make = Make(self.app)
        self.begin: Callable[..., Process] = Forked
        self._running: list[Process] = []

    def within(self, work: Callable[[], R]) -> R:
        """Does something in an app context of its own."""
        with self.app.app_context():
            return work()

    # Processes

    def start(self, *, worker: bool = True, workers: int = 2) -> None:
        """Starts the server and waits until it answers and all its processes run. `worker`: on PostgreSQL its worker
        too; `workers`: its web processes."""
        self._run("serve", "--port", str(self.port), "--workers", str(workers))
        if worker:
            self.start_worker()

        def is_there() -> bool:
            with contextlib.suppress(OSError, http.client.HTTPException):
                return self.get("/healthz")[0] == 200 and self._is_complete(workers, worker)
            return False

        def log() -> str:
            written = (self.config.folder / "log").read_text(encoding="utf-8", errors="replace")
            return f"the server does not answer; its log ends with: {written[-3000:]}"

        until(is_there, log)

    def _is_complete(self, workers: int, worker: bool) -> bool:
        """Whether all processes run, each by its name: gunicorn forks its web processes one after the other, the first
        answers, and a process that was just forked looks like its server."""
        names = {name for _pid, names in self._children("serve") for name in names}
        beside = {"worker", "packager"} if self.config.sqlite_file else set()
        servers = sum("serve" in process.args for process in self._running)  # each with as many web processes
        return (
            len(self.web_processes()) == workers * servers and beside <= names and (not worker or bool(self.workers()))
        )

    def _run(self, *command: str) -> None:
        environment = {**os.environ, **self.config.environment()}
        with (self.config.folder / "log").open("ab") as log:
            self._running.append(self.begin(*command, environment=environment, output=log))

    def kill_worker(self) -> None:
        """kill -9 of the worker alone."""
        pids = self.workers()
        assert pids, "no worker runs"
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for process in [process for process in self._running if "worker" in process.args]:
            process.wait()
            self._running.remove(process)

    def start_worker(self) -> None:
        """As a service manager does with one that ended; on SQLite the server does it by itself."""
        if not self.config.database.startswith("sqlite"):
            self._run("worker")

    def kill(self) -> None:
        """kill -9 of everything at once, as a power cut would."""
        for process in self._running:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            # Its own processes may hold the port for a moment
            until(lambda pid=process.pid: not alive_in_group(pid))
        self._running.clear()

        def is_free() -> bool:
            with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", self.port)):
                return True
            return False

        # A process that was being started in a session of its own holds the port until it runs its command
        until(is_free)

    def web_processes(self) -> list[int]:
        """The processes that answer, without their master."""
        return [pid for pid, names in self._children("serve") if not names & {"worker", "packager"}]

    def workers(self) -> list[int]:
        """The processes that run jobs."""
        workers = [process.pid for process in self._running if "worker" in process.args]
        return workers + [pid for pid, names in self._children("serve") if "worker" in names]

    def _children(self, command: str) -> Iterator[tuple[int, set[str]]]:
        """The processes that those of a command have begun, and the words of their command lines."""
        parents = {process.pid for process in self._running if command in process.args}
        for entry in Path("/proc").iterdir():
            if entry.name.isdecimal():
                with contextlib.suppress(OSError):
                    parent = int((entry / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()[1])
                    if parent in parents:
                        yield int(entry.name), self._names(entry)

    @staticmethod
    def _names(entry: Path) -> set[str]:
        return {(entry / "comm").read_text().strip(), *(entry / "cmdline").read_text().split("\0")}

    # Requests

    def get(self, path: str, headers: dict[str, str] | None = None) -> tuple[int, bytes]:
        """(status, body) of a GET; OSError or HTTPException where nobody answers."""
        return self._ask("GET", path, None, headers or {})

    def post(self, path: str, body: Body, headers: dict[str, str] | None = None) -> tuple[int, bytes]:
        """(status, body) of a POST of JSON, or of bytes whose kind the headers name."""
        sent = {"Content-Type": "application/json"} | (headers or {})
        return self._ask("POST", path, json.dumps(body).encode() if not isinstance(body, bytes) else body, sent)

    def post_file(self, path: str, content: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
        """(status, body) of a file sent as a form does."""
        mark = uuid.uuid4().hex
        head = f'--{mark}\r\nContent-Disposition: form-data; name="file"; filename="f.csv"\r\n\r\n'
        body = head.encode() + content + f"\r\n--{mark}--\r\n".encode()
        return self.post(path, body, headers | {"Content-Type": f"multipart/form-data; boundary={mark}"})

    def _ask(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, body=body, headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def close(self) -> None:
        """Ends everything."""
        self.kill()
        with self.app.app_context():
            db.session.remove()
            db.engine.dispose()


@contextlib.contextmanager
def own_database(postgresql_url: str) -> Iterator[str]:
    """A database of its own on the tests' PostgreSQL."""
    name = f"faults_{uuid.uuid4().hex[:12]}"
    plain = postgresql_url.replace("postgresql+psycopg://", "postgresql://", 1)
    with psycopg.connect(plain, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')  # type: ignore[call-overload]
    yield make_url(postgresql_url).set(database=name).render_as_string(hide_password=False)
    with psycopg.connect(plain, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')  # type: ignore[call-overload]


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """A database of its own of each kind; on SQLite, that of the data folder."""
    if request.param == "sqlite":
        yield ""
        return
    with own_database(request.getfixturevalue("postgresql_url")) as url:
        yield url


@pytest.fixture
def site(database_url: str, tmp_path: Path) -> Iterator[Site]:
    """A site on each database; not started yet."""
    with contextlib.ExitStack() as stack:
        made = Site(tmp_path, database_url)
        stack.callback(made.close)
        yield made
