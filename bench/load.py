"""The load generator, a process of its own so that what it takes is not counted: `python -m bench.load`.

Reads one `Job` as JSON on standard input and writes one `Report` as JSON. It imports nothing of the product.
"""

from __future__ import annotations

import errno
import json
import selectors
import socket
import sys
import time
from collections import deque
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Job:
    """Requests as they travel, all of them once, in order, over so many connections at a time.

    `rate`: begins so many a second, whatever came back (a latency counts from when it was due); None: as fast as
    answers come. `keep`: a connection is used again; otherwise each request opens one. `accepts`: statuses that are
    right.
    """

    port: int
    requests: list[bytes]
    connections: int
    rate: float | None = None
    keep: bool = True
    accepts: tuple[int, ...] = (200, 204)


@dataclass
class Report:
    """What came back: how often each status, which requests were acknowledged, and how long it took."""

    seconds: float = 0.0
    cpu_seconds: float = 0.0
    statuses: dict[int, int] = field(default_factory=dict)
    acknowledged: list[int] = field(default_factory=list)
    latencies_ms: list[float] = field(default_factory=list)
    bytes_in: int = 0
    reopened: int = 0
    wrong: str = ""


class _Line:
    """One connection and the request that is under way on it."""

    __slots__ = ("due", "number", "received", "socket", "used")

    def __init__(self) -> None:
        self.socket: socket.socket | None = None
        self.received = bytearray()
        self.number = -1
        self.due = 0.0
        self.used = False


class _Generator:
    def __init__(self, job: Job) -> None:
        self.job = job
        self.report = Report()
        self.selector = selectors.DefaultSelector()
        self.free = deque(_Line() for _number in range(job.connections))
        self.next = 0
        self.under_way = 0
        self.began = 0.0

    def run(self) -> Report:
        cpu, self.began = time.process_time(), time.monotonic()
        total = len(self.job.requests)
        while self.next < total or self.under_way:
            wait = self._begin_due()
            for key, _events in self.selector.select(wait):
                self._read(key.data)
        self.report.seconds = time.monotonic() - self.began
        self.report.cpu_seconds = time.process_time() - cpu
        return self.report

    def _begin_due(self) -> float | None:
        """Begins what is due on free connections; answers how long until the next is due."""
        rate = self.job.rate
        while self.free and self.next < len(self.job.requests):
            now = time.monotonic()
            due = now if rate is None else self.began + self.next / rate
            if due > now:
                return due - now
            line = self.free.popleft()
            line.number, line.due = self.next, due
            self.next += 1
            self.under_way += 1
            self._send(line)
        return 60.0

    def _send(self, line: _Line) -> None:
        if line.socket is None:
            line.socket = self._open()
            line.used = False
            self.selector.register(line.socket, selectors.EVENT_READ, line)
        try:
            line.socket.sendall(self.job.requests[line.number])
        except OSError:
            self._again(line)

    def _open(self) -> socket.socket:
        for _turn in range(200):
            try:
                made = socket.create_connection(("127.0.0.1", self.job.port), timeout=60)
            except OSError as error:
                if error.errno not in (errno.EAGAIN, errno.ECONNREFUSED, errno.ECONNRESET, errno.ETIMEDOUT):
                    raise
                time.sleep(0.01)  # the queue of the listening socket is full
                continue
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return made
        raise ConnectionError("the server takes no connection")

    def _close(self, line: _Line) -> None:
        if line.socket is not None:
            self.selector.unregister(line.socket)
            line.socket.close()
            line.socket = None

    def _again(self, line: _Line) -> None:
        """A kept connection was closed before it answered: once more on a new one, as a browser does."""
        if not line.used:
            raise ConnectionError("the server closed a new connection without an answer")
        self.report.reopened += 1
        self._close(line)
        line.received.clear()
        self._send(line)

    def _read(self, line: _Line) -> None:
        assert line.socket is not None
        try:
            received = line.socket.recv(1 << 18)
        except OSError:
            received = b""
        if line.number < 0:  # an idle connection was closed
            self._close(line)
            return
        if not received:
            if line.received:
                raise ConnectionError("the server broke off in an answer")
            self._again(line)
            return
        line.received += received
        head, separator, rest = bytes(line.received).partition(b"\r\n\r\n")
        if not separator:
            return
        fields = dict(one.lower().split(b": ", 1) for one in head.split(b"\r\n")[1:])
        if len(rest) < int(fields.get(b"content-length", 0)):
            return
        self._done(line, int(head.split(b" ", 2)[1]), rest)
        if not self.job.keep or fields.get(b"connection") == b"close":
            self._close(line)

    def _done(self, line: _Line, status: int, body: bytes) -> None:
        report = self.report
        report.latencies_ms.append((time.monotonic() - line.due) * 1000)
        report.statuses[status] = report.statuses.get(status, 0) + 1
        report.bytes_in += len(line.received)
        if status in self.job.accepts:
            report.acknowledged.append(line.number)
        elif not report.wrong:
            report.wrong = f"{status}: {body[:300].decode(errors='replace')}"
        line.received.clear()
        line.number, line.used = -1, True
        self.under_way -= 1
        self.free.append(line)


def as_json(job: Job) -> bytes:
    """The job for the other process."""
    return json.dumps(asdict(job) | {"requests": [one.decode("latin-1") for one in job.requests]}).encode()


def from_json(given: bytes) -> Job:
    """The job as the other process sees it."""
    read: dict[str, Any] = json.loads(given)
    return Job(
        **read | {"requests": [one.encode("latin-1") for one in read["requests"]], "accepts": tuple(read["accepts"])}
    )


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asdict(_Generator(from_json(sys.stdin.buffer.read())).run())))
