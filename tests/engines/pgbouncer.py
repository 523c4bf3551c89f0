"""A real PgBouncer in transaction mode, in front of the tests' PostgreSQL."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import make_url

from tests.machine import lacks
from tests.ports import free_port
from tests.waiting import until

CONNECTIONS = 6
"""Connections to the server: fewer than the site's processes want, so that they share them."""


@contextlib.contextmanager
def pgbouncer(database_url: str) -> Iterator[str]:
    """Starts a PgBouncer in transaction mode; returns the address of the same database through it."""
    program = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if program is None:
        lacks("PgBouncer", "pgbouncer")
    url = make_url(database_url)
    host, port = url.query.get("host") or url.host or "127.0.0.1", url.port or 5432
    own_port = free_port()
    with tempfile.TemporaryDirectory(prefix="serai-pgbouncer-") as folder:
        Path(folder).chmod(0o755)
        settings = Path(folder) / "pgbouncer.ini"
        upstream = f"host={host} port={port} user={url.username or 'postgres'}"
        if url.password:
            upstream += f" password={url.password}"
        settings.write_text(
            f"[databases]\n* = {upstream}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {own_port}\n"
            "unix_socket_dir =\nauth_type = any\npool_mode = transaction\nmax_client_conn = 200\n"
            f"default_pool_size = {CONNECTIONS}\nignore_startup_parameters = extra_float_digits\n",
            encoding="utf-8",
        )
        settings.chmod(0o644)
        with (Path(folder) / "log").open("wb") as log:
            # It refuses to run as root
            user = "pgserver" if os.geteuid() == 0 else None  # the user whose folder holds the socket
            process = subprocess.Popen([program, str(settings)], stdout=log, stderr=log, user=user)
        try:
            _wait(own_port, process, Path(folder) / "log")
            through = url.set(host="127.0.0.1", port=own_port, username="postgres", password=None, query={})
            yield through.render_as_string(hide_password=False)
        finally:
            process.terminate()
            process.wait(10)


def _wait(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    def answers() -> bool:
        assert process.poll() is None, log.read_text(encoding="utf-8")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 60):
            return True
        return False

    until(answers, lambda: f"PgBouncer does not answer: {log.read_text(encoding='utf-8')}")
