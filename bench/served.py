"""A server in processes of its own, the processor time that they take, and requests to it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path

from bench.load import Job, Report, as_json
from bench.table import CannotMeasure

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Answer:
    """What came back, its body as it travelled, and how much all of it weighs."""

    status: int
    headers: dict[str, str]
    body: bytes
    weight: int


@dataclass(frozen=True)
class Cost:
    """Of one request: milliseconds of the web processes, and requests a second that were answered meanwhile."""

    cpu_ms: float
    rate: float
    report: Report


class Served:
    """A running server. Its processor time is that of its web processes, neither its master's nor its worker's."""

    def __init__(self, process: subprocess.Popen[bytes], port: int) -> None:
        self.process = process
        self.port = port
        self.also_counts: list[int] = []
        """The processes whose children serve the database."""

    def web_processes(self) -> list[int]:
        """The processes that answer."""
        return sorted(
            number
            for number, parent, command in _processes()
            if parent == self.process.pid and b"worker" not in command
        )

    def child(self, command: bytes) -> int:
        """The process that it began whose command has this argument."""
        return next(
            number for number, parent, arguments in _processes() if parent == self.process.pid and command in arguments
        )

    def ask(
        self, path: str, *, method: str = "GET", body: bytes = b"", headers: dict[str, str] | None = None
    ) -> Answer:
        """One request by itself, answered whatever the status."""
        line = HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            line.request(method, path, body or None, headers or {})
            answer = line.getresponse()
            got = answer.read()
        finally:
            line.close()
        head = sum(len(name) + len(value) + 4 for name, value in answer.getheaders())
        status_line = len(f"HTTP/1.1 {answer.status} {answer.reason}\r\n\r\n")
        given = {name.lower(): value for name, value in answer.getheaders()}
        return Answer(answer.status, given, got, status_line + head + len(got))

    def all_processes(self) -> list[int]:
        """The server's, those that it began, and those that serve its database, where there are any."""
        processes, parents = [self.process.pid], {self.process.pid, *self.also_counts}
        for number, parent, _command in _processes():
            if parent in parents:
                processes.append(number)
        return sorted({*processes, *self.also_counts})

    def wait_until_idle(self, *, seconds: int = 3600) -> None:
        """Waits until all processes together take less than a twentieth of a processor for eight seconds.

        The worker has work for minutes after a demonstration was built, some of it in rounds with pauses of five
        seconds. CannotMeasure if it has for longer.
        """
        quiet_turns = 0
        for _turn in range(seconds // 2):
            before = _cpu_seconds(self.all_processes())
            time.sleep(2)
            after = _cpu_seconds(self.all_processes())
            is_quiet = sum(used - before.get(number, 0) for number, used in after.items()) < 0.1
            quiet_turns = quiet_turns + 1 if is_quiet else 0
            if quiet_turns == 4:
                return
        raise CannotMeasure(f"the server was still busy after {seconds} s")

    def cost(
        self,
        requests: Sequence[bytes],
        *,
        connections: int = 4,
        rate: float | None = None,
        keep: bool = True,
        accepts: tuple[int, ...] = (200, 204),
        all_processes: bool = False,
    ) -> Cost:
        """Sends the requests (see `bench.load.Job`). CannotMeasure unless each is answered as it should be.

        The processor time is that of the web processes, or of all that work for them.
        """
        web = self.web_processes()
        before = _cpu_seconds(self.all_processes() if all_processes else web)
        report = send(Job(self.port, list(requests), connections, rate, keep, accepts))
        if not set(web) <= set(self.web_processes()):  # a second one may have begun only now
            raise CannotMeasure("a web process ended meanwhile")
        after = _cpu_seconds(self.all_processes() if all_processes else web)
        used = sum(seconds - before.get(number, 0) for number, seconds in after.items())
        if report.wrong:
            raise CannotMeasure(f"the server answered {report.wrong}")
        return Cost(used * 1000 / len(requests), len(requests) / report.seconds, report)


def _processes() -> Iterator[tuple[int, int, list[bytes]]]:
    """(number, that of the parent, command) of every process."""
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal():
            continue
        try:
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            yield int(entry.name), parent, (entry / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue


def parent_of(process: int) -> int:
    """The process that began another one."""
    return next(parent for number, parent, _command in _processes() if number == process)


def memory_kb(process: int) -> int:
    """Kilobytes that a process holds, what several share counted once between them (PSS); 0 once it has ended."""
    with suppress(OSError):
        for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
    return 0


def _cpu_seconds(processes: Sequence[int]) -> dict[int, float]:
    """Processor time of processes with all their threads, to the nanosecond: each has a clock (clock_getcpuclockid)."""
    return {number: time.clock_gettime((~number << 3) | 2) for number in processes}


def send(job: Job) -> Report:
    """Runs a job in the load generator's process."""
    command = [sys.executable, "-m", "bench.load"]
    done = subprocess.run(command, input=as_json(job), capture_output=True, cwd=ROOT, check=False)  # noqa: S603
    if done.returncode:
        raise CannotMeasure(f"the load generator failed: {done.stderr.decode(errors='replace').strip()[-500:]}")
    read = json.loads(done.stdout)
    return Report(**read | {"statuses": {int(status): count for status, count in read["statuses"].items()}})


def get(path: str, headers: dict[str, str] | None = None) -> bytes:
    """A GET as a browser would send it."""
    sent = {"Host": "127.0.0.1", "Accept-Encoding": "gzip"} | (headers or {})
    lines = [f"GET {path} HTTP/1.1", *(f"{name}: {value}" for name, value in sent.items())]
    return "\r\n".join([*lines, "", ""]).encode()


def post(path: str, body: bytes, kind: str, headers: dict[str, str] | None = None) -> bytes:
    """A POST with a body."""
    sent = {"Host": "127.0.0.1", "Content-Type": kind, "Content-Length": str(len(body))} | (headers or {})
    lines = [f"POST {path} HTTP/1.1", *(f"{name}: {value}" for name, value in sent.items())]
    return "\r\n".join([*lines, "", ""]).encode() + body


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serving(command: Sequence[str], port: int, environment: dict[str, str], *, seconds: int = 60) -> Iterator[Served]:
    """Runs a server (arguments of Python) until the block is left; CannotMeasure where it is not up after `seconds`."""
    with running([sys.executable, *command], port, environment, seconds=seconds) as served:
        yield served


@contextmanager
def running(command: Sequence[str], port: int, environment: dict[str, str], *, seconds: int = 60) -> Iterator[Served]:
    """As `serving`, any program."""
    process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, **environment})  # noqa: S603
    served = Served(process, port)
    try:
        for _turn in range(10 * seconds):
            if process.poll() is not None:
                raise CannotMeasure("the server ended at once")
            try:
                served.ask("/")
                break
            except OSError:
                time.sleep(0.1)
        else:
            raise CannotMeasure("the server does not answer")
        yield served
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.wait(40)
