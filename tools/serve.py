"""Serves the site from a checkout and takes in each change of a file: `make serve`.

    python tools/serve.py --people 2000    a demonstration in var/serve, built at the first start and kept
    python tools/serve.py --empty          a database without people in var/empty

A parent process watches the files and holds the port, so that a request during a restart waits and does not fail. Web
process and worker are its children. Templates, styles and scripts need no restart; styles and scripts are built first,
and catalogues compiled.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
WATCHED = ("lms", "migrations", "seeds", "static")
LEFT_OUT = {"__pycache__", "build", "node_modules"}
KINDS = {".py", ".html", ".txt", ".toml", ".json", ".typ", ".po", ".scss", ".js", ".mjs", ".svg", ".csv", ".xml"}
LOOKS_EVERY = 0.3
"""Seconds between two looks at the files."""
ADMINISTRATOR = "admin@serve.example"


def changes_of_files() -> dict[Path, int]:
    """When each watched file was changed, in nanoseconds."""
    times: dict[Path, int] = {}
    for name in WATCHED:
        for folder, folders, files in os.walk(ROOT / name):
            folders[:] = [each for each in folders if each not in LEFT_OUT and not each.startswith(".")]
            for file in files:
                path = Path(folder, file)
                if path.suffix in KINDS:
                    times[path] = path.stat().st_mtime_ns if path.exists() else 0
    return times


def preparations(changed: Iterable[Path]) -> list[list[str]]:
    """Arguments of Python that make of changed files what the site reads, in order."""
    paths = [path.relative_to(ROOT) for path in changed]
    commands = []
    if any(path.parts[0] == "static" for path in paths):
        commands.append(["static/build.py"])
    if any(path.suffix == ".po" for path in paths):
        commands.append(["-m", "tools.catalogues", "--compile"])
    if any(path.parts[0] == "migrations" for path in paths):
        commands.append(["-m", "lms", "init"])
    return commands


def needs_restart(changed: Iterable[Path]) -> bool:
    """Whether the processes have read one of the changed files for good."""
    return any(path.suffix != ".html" and path.relative_to(ROOT).parts[0] != "static" for path in changed)


def _build_demonstration(people: int) -> None:
    """In a process of its own: building starts threads, and the modules are read again at the first change."""
    from lms.app import create_app, load_slices
    from lms.config import Config
    from lms.core.time import clock
    from lms.demo.build import ensure

    load_slices()
    ensure(create_app, Config.load(), people=people, keep=True, now=clock.now(), say=print)


def _make_empty() -> None:
    subprocess.run([sys.executable, "-m", "lms", "init"], cwd=ROOT, check=True)
    add = ["user", "create", ADMINISTRATOR, "--name", "Administrator", "--role", "administrator"]
    subprocess.run([sys.executable, "-m", "lms", *add], cwd=ROOT, check=True)  # noqa: S603  our own command


def _serve(listener: socket.socket, port: int) -> None:
    """The web process. A fault of the application, such as a syntax error, ends it with its traceback."""
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))  # what it answers is asked again
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)  # until the application is there
    from werkzeug.serving import make_server

    from lms.app import create_app
    from lms.config import Config

    app = create_app(Config.load())

    def read_again(*_given: object) -> None:
        app.jinja_env.cache.clear()
        app.extensions["lms.whole_pages"].clear()

    signal.signal(signal.SIGUSR1, read_again)
    make_server("127.0.0.1", port, app, threaded=True, fd=listener.fileno()).serve_forever()


class Children:
    """The web process and the worker."""

    def __init__(self, listener: socket.socket, port: int) -> None:
        self._listener, self._port = listener, port
        self._web: multiprocessing.process.BaseProcess | None = None
        self._worker: subprocess.Popen[bytes] | None = None

    def begin(self) -> None:
        self._web = multiprocessing.get_context("fork").Process(target=_serve, args=(self._listener, self._port))
        self._web.start()
        command = [sys.executable, "-m", "lms", "worker", "--with-server"]
        self._worker = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)  # noqa: S603  our own

    def end(self) -> None:
        if self._web is not None:
            self._web.terminate()
            self._web.join()
        if self._worker is not None:
            self._worker.kill()  # its jobs are taken up by the next one
            self._worker.wait()

    def take_in(self, changed: set[Path]) -> None:
        """Prepares what changed, and restarts both if they need it; where that fails, the site stays as it is."""
        began = time.monotonic()
        names = sorted(str(path.relative_to(ROOT)) for path in changed)
        print(f"serve: {names[0]}{f' and {len(names) - 1} more' if names[1:] else ''} changed", flush=True)
        for command in preparations(changed):
            if subprocess.run([sys.executable, *command], cwd=ROOT, check=False).returncode:  # noqa: S603  our own command
                return
        if needs_restart(changed) or self._web is None or not self._web.is_alive():
            self.end()
            self.begin()
        else:
            os.kill(self._web.pid or 0, signal.SIGUSR1)
        print(f"serve: ready in {time.monotonic() - began:.1f} s", flush=True)


def main() -> None:
    """Serves until interrupted."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--people", type=int, default=2000, help="people of the demonstration")
    parser.add_argument("--empty", action="store_true", help="no demonstration")
    given = parser.parse_args()
    os.environ.setdefault("LMS_DATA", str(ROOT / "var" / ("empty" if given.empty else "serve")))
    os.environ["LMS_BASE_URL"] = f"http://127.0.0.1:{given.port}"
    os.environ["LMS_DATABASE_URL"] = ""
    os.environ.setdefault("LMS_LOG_LEVEL", "ERROR")
    listener = socket.create_server(("127.0.0.1", given.port), backlog=128)
    listener.set_inheritable(True)
    if given.empty:
        _make_empty()
    else:
        building = multiprocessing.get_context("fork").Process(target=_build_demonstration, args=(given.people,))
        building.start()
        building.join()
        if building.exitcode:
            sys.exit(building.exitcode)
    before = changes_of_files()
    children = Children(listener, given.port)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    try:
        children.begin()
        accounts = f"open the link above as {ADMINISTRATOR}" if given.empty else "sign in as admin@demo.test, demo-only"
        print(f"serve: http://127.0.0.1:{given.port} – {accounts}. Ctrl+C stops.", flush=True)
        while True:
            time.sleep(LOOKS_EVERY)
            after = changes_of_files()
            changed = {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}
            before = after
            if changed:
                children.take_in(changed)
    except KeyboardInterrupt:
        print()
    finally:
        children.end()


if __name__ == "__main__":
    main()
