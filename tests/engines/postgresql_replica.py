"""A real streaming replica of the tests' PostgreSQL."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import make_url

from tests.machine import lacks
from tests.tables import postgresql_tools


class ReplicaServer:
    """The server; it can be stopped, started, and made to fall behind."""

    def __init__(self, primary_url: str, folder: Path) -> None:
        self.folder = folder
        self.url = make_url(primary_url).set(host=None, query={"host": str(folder)})
        self._tools = Path(postgresql_tools())
        self._user = "pgserver" if os.geteuid() == 0 else None
        self._process: subprocess.Popen[bytes] | None = None
        socket = str(make_url(primary_url).query.get("host"))
        for path in Path(socket).glob(".handle_pids*"):  # the library's, as another user
            path.chmod(0o644)
        self._run("pg_basebackup", "-D", str(folder / "data"), "-h", socket, "-U", "postgres", "-R", "-c", "fast")
        self.start()

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._tools / program), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False, user=self._user)
        assert done.returncode == 0, done.stderr

    def start(self) -> None:
        """Starts it and waits until it answers."""
        command = [str(self._tools / "postgres"), "-D", str(self.folder / "data"), "-k", str(self.folder), "-h", ""]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, user=self._user)
        for _turn in range(300):
            with suppress(psycopg.Error):
                self.ask("SELECT 1")
                return
            time.sleep(0.05)
        raise AssertionError((self.folder / "log").read_text(encoding="utf-8")[-2000:])

    def kill(self) -> None:
        """kill -9 of the server."""
        if self._process is not None:
            self._run("pg_ctl", "-D", str(self.folder / "data"), "stop", "-m", "immediate")
            self._process.wait(30)
            self._process = None

    def ask(self, query: str) -> Any:
        """The first value of an answer."""
        url = self.url.set(drivername="postgresql").render_as_string(hide_password=False)
        with psycopg.connect(url, autocommit=True) as connection:
            row = connection.execute(query.encode()).fetchone()
            return row and row[0]

    def pause(self) -> None:
        """It receives what is committed, and shows none of it."""
        self.ask("SELECT pg_wal_replay_pause()")

    def resume(self) -> None:
        """It catches up."""
        self.ask("SELECT pg_wal_replay_resume()")


@contextmanager
def replica_server(primary_url: str) -> Iterator[ReplicaServer]:
    """A replica of all databases of a server that the tests have started."""
    if not postgresql_tools():
        lacks("The server that the tests start", "postgresql")
    with tempfile.TemporaryDirectory(prefix="serai-replica-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o777)  # as root, the server runs as another user
        server = ReplicaServer(primary_url, Path(folder))
        try:
            yield server
        finally:
            server.kill()
