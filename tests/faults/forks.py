"""Processes of `lms` that begin within milliseconds: forked from one that has imported everything.

Each is a process of its own, in a session of its own, with its own environment, files and threads: it lives and dies as
one that `python -m lms` begins. Only the interpreter's start and the imports are left out, which cost seconds of the
processor each time; tests/faults/test_metrics.py begins its server as in production.
"""

from __future__ import annotations

import atexit
import contextlib
import importlib
import json
import os
import pkgutil
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from datetime import timedelta
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import IO, Any, Protocol

from tests import moment

_LONGEST = 1 << 20
_ROOT = Path(__file__).resolve().parents[2]
_ROOMS = {"models", "views", "api", "jobs", "handlers", "actions", "queries"}


class Process(Protocol):
    """What a site does with its processes."""

    args: list[str]
    pid: int

    def wait(self) -> int:
        """The exit code, once it has ended."""


def interpreted(*arguments: str, environment: Mapping[str, str], output: IO[bytes]) -> subprocess.Popen[bytes]:
    """A process that begins as in production."""
    command = [sys.executable, "-m", "lms", *arguments]
    return subprocess.Popen(command, env=environment, start_new_session=True, stderr=output, stdout=output)


class Forked:
    """A process that runs an `lms` command; what it has of `subprocess.Popen` works as there.

    `runs`: the module whose `main` it runs instead, with the arguments.
    """

    def __init__(
        self,
        *arguments: object,
        environment: Mapping[str, str],
        output: IO[bytes] | None = None,
        runs: str = "lms.cli.main",
    ) -> None:
        self.args = [str(argument) for argument in arguments]
        self._output = output or tempfile.TemporaryFile()  # noqa: SIM115  closed with the process
        self.pid = _parent().fork([runs, *self.args], dict(environment), self._output.fileno())
        self._descriptor = os.pidfd_open(self.pid)
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """The exit code, or None as long as it runs."""
        return self._ended_within(0)

    def wait(self, timeout: float | None = None) -> int:
        """The exit code, once it has ended."""
        code = self._ended_within(timeout)
        if code is None:
            raise subprocess.TimeoutExpired(self.args, timeout or 0)
        return code

    def _ended_within(self, seconds: float | None) -> int | None:
        if self.returncode is None and select.select([self._descriptor], [], [], seconds)[0]:
            self.returncode = _parent().bury(self.pid)
            os.close(self._descriptor)
        return self.returncode

    def send_signal(self, number: int) -> None:
        """To it alone, if it still runs."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Asks it to end."""
        self.send_signal(signal.SIGTERM)

    def said(self, timeout: float = 300) -> str:
        """All that it wrote, once it has ended."""
        self.wait(timeout)
        self._output.seek(0)
        return self._output.read().decode()


def alive_in_group(group: int) -> list[int]:
    """Which processes of a process group still run; those that wait to be buried do not (proc(5), /proc/pid/stat)."""
    alive = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, _parent, own_group = stat.read_text(encoding="utf-8").rpartition(")")[2].split()[:3]
            if int(own_group) == group and state not in "ZX":
                alive.append(int(stat.parent.name))
    return alive


class _Parent:
    """The process that is forked, as tests see it."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._socket, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        command = [sys.executable, "-m", "tests.faults.forks", str(far.fileno())]
        environment = {**os.environ, "PYTHONPATH": str(_ROOT)}
        self._process = subprocess.Popen(
            command, pass_fds=[far.fileno()], env=environment, stdin=subprocess.DEVNULL, start_new_session=True
        )
        far.close()
        atexit.register(self.close)

    def fork(self, arguments: list[str], environment: dict[str, str], output: int) -> int:
        seconds = moment.ahead().total_seconds()
        asked = {"arguments": arguments, "environment": environment, "folder": str(Path.cwd()), "ahead": seconds}
        request = json.dumps(asked).encode()
        with self._turn:
            socket.send_fds(self._socket, [request], [output])
            return int(self._socket.recv(_LONGEST))

    def bury(self, pid: int) -> int:
        with self._turn:
            self._socket.send(json.dumps({"bury": pid}).encode())
            return int(self._socket.recv(_LONGEST))

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        self._socket.close()


@cache
def _parent() -> _Parent:
    return _Parent()


# Within the process that is forked


def _import_everything() -> None:
    """What `lms` imports by itself, and what an application imports when it is made."""
    import lms

    for name in ("lms.app", "lms.cli.main", "lms.serve"):
        importlib.import_module(name)
    for module in pkgutil.walk_packages(lms.__path__, "lms."):
        room = module.name.split(".")[2:3]
        if _ROOMS.intersection(room):
            importlib.import_module(module.name)


def _fork_on_demand(control: socket.socket) -> list[str]:
    """Returns in each child, with what it runs and its arguments; the parent ends with the tests."""
    while True:
        message, descriptors, _flags, _address = socket.recv_fds(control, _LONGEST, 1)
        if not message:
            os._exit(0)
        request = json.loads(message)
        if "bury" in request:
            _pid, status = os.waitpid(request["bury"], 0)
            control.send(str(os.waitstatus_to_exitcode(status)).encode())
            continue
        if os.fork() == 0:
            return _become(control, request, descriptors[0])
        os.close(descriptors[0])


def _become(control: socket.socket, request: dict[str, Any], output: int) -> list[str]:
    os.setsid()
    for descriptor in (1, 2):
        os.dup2(output, descriptor)
    os.close(output)
    os.environ.clear()
    os.environ.update(request["environment"])
    time.tzset()
    os.chdir(request["folder"])
    moment.set_ahead(timedelta(seconds=request["ahead"]))
    control.send(str(os.getpid()).encode())
    control.close()
    arguments: list[str] = request["arguments"]
    return arguments


class _Beside:
    """The worker that a server on SQLite begins; what the server uses of `subprocess.Popen` works as there."""

    def __init__(self, command: list[str], *, env: dict[str, str], stdin: int) -> None:
        assert command[1:3] == ["-m", "lms"], command
        assert stdin == subprocess.PIPE, stdin
        end, self.stdin = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            os.dup2(end, 0)
            _let_go_of_files()
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD, signal.SIGHUP):
                signal.signal(number, signal.SIG_DFL)
            Path("/proc/self/comm").write_text(command[3])
            os.environ.update(env)
            sys.argv = ["lms", *command[3:]]
            try:
                importlib.import_module("lms.cli.main").main()
            finally:
                os._exit(1)
        os.close(end)

    def poll(self) -> int | None:
        try:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
        except ChildProcessError:
            return 0
        return os.waitstatus_to_exitcode(status) if pid else None

    def wait(self, _seconds: float | None = None) -> int:
        with contextlib.suppress(ChildProcessError):  # the other thread has waited
            return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return 0

    def terminate(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGTERM)


def _let_go_of_files() -> None:
    """Of the server's sockets and of the other end of the pipe; what the server's objects close stays theirs."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208  numbers, no paths
        if int(name) > 2:
            with contextlib.suppress(OSError):
                os.dup2(nothing, int(name))


if __name__ == "__main__":
    with contextlib.closing(socket.socket(fileno=int(sys.argv[1]))) as listened:
        _import_everything()
        runs, *given = _fork_on_demand(listened)
    sys.argv = ["lms", *given]
    importlib.import_module("lms.serve").subprocess = SimpleNamespace(Popen=_Beside, PIPE=subprocess.PIPE)  # type: ignore[attr-defined]
    importlib.import_module(runs).main()
