"""Reads uploaded files in a separate process, with limits to its memory and time.

A file may attack its parser. Nothing of one is parsed in a web process: a small process per web process
(`foreign_process`) has the readers loaded and forks a child for each file. The child returns JSON within the
limits below; if it dies, the sender gets an error and the server continues.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import structlog
from flask_babel import get_locale

from lms.core.base.errors import Busy, DomainError, Fault, Invalid, TooLarge, WrongKind
from lms.core.storage.foreign_process import LENGTH, MAX_FRAME
from lms.core.text.i18n import _

log = structlog.get_logger(__name__)
_MB = 1024 * 1024
_GRACE_SECONDS = 5
_ERRORS: dict[str, type[DomainError]] = {one.__name__: one for one in (Invalid, TooLarge, WrongKind)}
_MAX_TEXT = 2000
_PASSED_ON = ("PATH", "LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH", "SSL_CERT_FILE", "COVERAGE_PROCESS_START")


class _Turns:
    """Lets `limit` threads work at once; the others wait in the order in which they came."""

    def __init__(self, limit: int) -> None:
        self._free = limit
        self._lock = threading.Lock()
        self._waiting: deque[threading.Event] = deque()

    @contextmanager
    def take(self, seconds: float) -> Iterator[None]:
        """One turn. Raises Busy when none is free within `seconds`."""
        with self._lock:
            mine = threading.Event()
            if self._free:
                self._free -= 1
                mine.set()
            else:
                self._waiting.append(mine)
        if not mine.wait(seconds):
            with self._lock:
                if mine in self._waiting:
                    self._waiting.remove(mine)
                    raise Busy(_("Too many files are being read at the moment. Wait a minute and try again."))
        try:
            yield
        finally:
            with self._lock:
                if self._waiting:
                    self._waiting.popleft().set()
                else:
                    self._free += 1


@dataclass(frozen=True)
class Lane:
    """The limits of one kind of file: address space and answer in MB, time of a processor and of the clock in seconds.

    `at_once` files are read at the same time in each web process; others wait at most `wait_seconds`.
    """

    memory_mb: int
    cpu_seconds: int
    clock_seconds: int
    answer_mb: int
    at_once: int
    wait_seconds: int
    turns: _Turns = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "turns", _Turns(self.at_once))


TABLES = Lane(memory_mb=1024, cpu_seconds=60, clock_seconds=90, answer_mb=256, at_once=1, wait_seconds=30)
"""Lists and reports of attendance: CSV, XLSX, JSON."""
PICTURES = Lane(memory_mb=1024, cpu_seconds=10, clock_seconds=20, answer_mb=4, at_once=1, wait_seconds=15)
"""Pictures for the design of certificates."""
PROOFS = Lane(memory_mb=512, cpu_seconds=5, clock_seconds=10, answer_mb=1, at_once=2, wait_seconds=5)
"""Certificates and badges that anybody may send to be checked."""

MATERIALS = Lane(memory_mb=1024, cpu_seconds=60, clock_seconds=120, answer_mb=1, at_once=1, wait_seconds=60)
"""Files of lectures, of up to `LMS_MAX_MATERIAL_MB`."""

SLIDES = Lane(memory_mb=1024, cpu_seconds=60, clock_seconds=120, answer_mb=64, at_once=1, wait_seconds=600)
"""Some pages of a PDF file, as pictures."""


def read_foreign(lane: Lane, reader: str, content: bytes | BinaryIO, **options: Any) -> list[Any]:
    """Reads a file in a child process and returns the values that the reader yields, as JSON values. An open file is
    sent from its beginning, piece by piece.

    `reader` is `module:function` of this package; the function gets the content and the options, which are JSON too.
    Where the module has a function `prepare`, that is called once, before the first file.
    Raises what it raises of Invalid, WrongKind and TooLarge; Invalid (`file`) where it used up its memory or its
    time; Busy where too many files wait.
    """
    with lane.turns.take(lane.wait_seconds):
        return _Job(lane).run(reader, content, options)


class _NeverBegan(Exception):
    """The process that starts readers did not start one."""


class _Job:
    def __init__(self, lane: Lane) -> None:
        self._lane = lane
        self._until = time.monotonic() + lane.clock_seconds + _GRACE_SECONDS
        self._room = lane.answer_mb * _MB
        self._pid: int | None = None

    def run(self, reader: str, content: bytes | BinaryIO, options: dict[str, Any]) -> list[Any]:
        parent, other = socket.socketpair()
        with parent:
            with other:
                _process.start(reader, other)
            try:
                return list(self._answers(parent, content, options))
            except (OSError, EOFError) as error:
                if self._pid is None:
                    raise _NeverBegan(reader) from error
                with suppress(ProcessLookupError):
                    os.kill(self._pid, signal.SIGKILL)
                log.warning("foreign file was too much", reader=reader, size=_size(content), error=type(error).__name__)
                raise Invalid(
                    "file", _("This file cannot be read: it needs too much memory or time. Save it again, or split it.")
                ) from error

    def _answers(self, parent: socket.socket, content: bytes | BinaryIO, options: dict[str, Any]) -> Iterator[Any]:
        self._pid = int(self._frame(parent)["pid"])
        head = {
            "memory": self._lane.memory_mb * _MB, "cpu": self._lane.cpu_seconds, "clock": self._lane.clock_seconds,
            "answer": self._room, "language": _language(), "options": options, "size": _size(content),
        }  # fmt: skip
        parent.settimeout(max(0.1, self._until - time.monotonic()))
        parent.sendall(json.dumps(head).encode() + b"\n")
        for piece in _pieces(content):  # of an empty file the child may have said all, and be gone, by now
            parent.sendall(piece)
        while True:
            frame = self._frame(parent)
            if "value" in frame:
                yield frame["value"]
            elif "error" in frame:
                raise _error_of(frame)
            elif "crash" in frame:
                raise RuntimeError(f"a reader failed:\n{str(frame['crash'])[:10_000]}")
            else:
                return

    def _frame(self, parent: socket.socket) -> dict[str, Any]:
        length = LENGTH.unpack(self._exactly(parent, LENGTH.size))[0]
        self._room -= length
        if length > MAX_FRAME or self._room < 0:
            raise EOFError("a longer answer than any reader gives")
        frame = json.loads(self._exactly(parent, length))
        return frame if isinstance(frame, dict) else {}

    def _exactly(self, parent: socket.socket, length: int) -> bytes:
        read = bytearray()
        while len(read) < length:
            parent.settimeout(max(0.1, self._until - time.monotonic()))
            piece = parent.recv(min(length - len(read), _MB))
            if not piece:
                raise EOFError("the reader ended")
            read += piece
        return bytes(read)


def _size(content: bytes | BinaryIO) -> int:
    return len(content) if isinstance(content, bytes) else content.seek(0, os.SEEK_END)


def _pieces(content: bytes | BinaryIO) -> Iterator[bytes]:
    if isinstance(content, bytes):
        if content:
            yield content
        return
    content.seek(0)
    while piece := content.read(_MB):
        yield piece


def _error_of(frame: dict[str, Any]) -> DomainError:
    """The error that a reader raised, by its name; its texts are cut to what a text may be."""
    faults = [
        Fault(str(reason)[:_MAX_TEXT], field=field, row=row)
        for reason, field, row in frame.get("faults") or [("", None, None)]
    ]
    if frame["error"] == Invalid.__name__:
        return Invalid(faults=faults)
    return _ERRORS.get(str(frame["error"]), Invalid)(faults[0].reason)


def _language() -> str:
    """The language of who reads what a reader says."""
    try:
        return str(get_locale() or "en")
    except RuntimeError:  # outside of any app
        return "en"


class _Process:
    """The process that holds the readers ready: started at the first file, and again where it is gone."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._control: socket.socket | None = None
        self._running: subprocess.Popen[bytes] | None = None
        self._owner = 0

    def start(self, reader: str, end: socket.socket) -> None:
        """Has a child started that reads what comes through `end`."""
        with self._lock:
            for is_last in (False, True):
                if self._control is None or self._owner != os.getpid():
                    self._control, self._owner = self._begin(), os.getpid()
                try:
                    socket.send_fds(self._control, [reader.encode()], [end.fileno()])
                    return
                except OSError:
                    self._control.close()
                    self._control = None
                    if is_last:
                        raise

    def _begin(self) -> socket.socket:
        control, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        environment |= {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "MALLOC_ARENA_MAX": "1"}
        with other:
            self._running = subprocess.Popen(  # noqa: S603  our own command
                [sys.executable, "-m", "lms.core.storage.foreign_process", str(other.fileno())],
                pass_fds=[other.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                env=environment,
                start_new_session=True,
            )
        return control


_process = _Process()
