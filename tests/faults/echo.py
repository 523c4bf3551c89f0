"""The server of `lms serve` with a small application, which says what arrived: `python -m tests.faults.echo PORT`."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flask import Flask, Response, request, send_file
from gunicorn.app.base import BaseApplication

from lms.config import Config
from lms.web.request import bodies
from lms.web_process import server_options
from tests.ports import free_port

ROOT = Path(__file__).resolve().parents[2]
MB = 1024 * 1024
LARGE = b"".join(b"%015d\n" % n for n in range(MB))
"""An answer that no buffer of the system takes as a whole."""
MOST_BYTES, SMALL_BYTES, CONNECTIONS = 8 * MB, 100, 40


def make_app(folder: Path) -> Flask:
    """`/large` answers from memory, `/file` from a file, `/held` once somebody writes into the pipe `held`."""
    app = Flask("echo", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = MOST_BYTES
    bodies.init_app(app)
    app.before_request(bodies.set_limit)
    (folder / "large").write_bytes(LARGE)

    @app.route("/", methods=["GET", "POST"])
    @bodies.upload_limit
    def echo() -> dict[str, Any]:
        got = request.get_data()
        return {"length": len(got), "told": request.content_length, "sha256": hashlib.sha256(got).hexdigest()}

    @app.post("/small")
    @bodies.body_limit(SMALL_BYTES)
    def small() -> dict[str, Any]:
        return echo()

    @app.post("/unread")
    @bodies.upload_limit
    def unread() -> str:
        return "unread"

    @app.get("/large")
    def large() -> Response:
        return Response(LARGE)

    @app.get("/file")
    def file() -> Response:
        return send_file(folder / "large")

    @app.get("/pieces")
    def pieces() -> Response:
        pieces = (LARGE[at : at + MB] for at in range(0, len(LARGE), MB))
        return Response(pieces, headers={"Content-Length": str(len(LARGE))})

    @app.get("/held")
    def held() -> str:
        return (folder / "held").read_text(encoding="utf-8")

    return app


class _Server(BaseApplication):
    def load_config(self) -> None:
        port, workers = int(sys.argv[1]), int(sys.argv[2])
        options = server_options(Config.load(), host="127.0.0.1", port=port, workers=workers)
        for name, value in {**options, "worker_connections": CONNECTIONS}.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        return make_app(Path(os.environ["LMS_DATA"]))


@dataclass(frozen=True)
class Echo:
    """A running server."""

    port: int
    folder: Path
    process: subprocess.Popen[bytes]


@contextmanager
def serving(folder: Path, *, workers: int) -> Iterator[Echo]:
    """Runs it with two threads a process until the block is left. Connect at once: it listens before it answers."""
    port = free_port()
    config = Config.load({}, data=str(folder), threads="2")
    command = [sys.executable, "-m", "tests.faults.echo", str(port), str(workers)]
    process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, **config.environment()})
    try:
        yield Echo(port, folder, process)
    finally:
        process.send_signal(signal.SIGQUIT)  # at once, whoever is connected
        process.wait(30)


if __name__ == "__main__":
    _Server().run()
