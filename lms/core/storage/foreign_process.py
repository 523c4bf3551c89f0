"""The process that reads foreign files: it starts once, imports the readers, and forks a child for each file.

It has one thread, none of the server's secrets in its environment and no connection to the database. A child reads one
file, within limits that the system enforces, and ends: no file meets what another one left behind.
Run by `foreign_files` as `python -m lms.core.storage.foreign_process CONTROL`, CONTROL is an open socket's number.
"""

import gc
import importlib
import json
import os
import resource
import signal
import socket
import struct
import sys
import traceback
from collections.abc import Callable, Iterator
from functools import cache
from types import ModuleType
from typing import Any, BinaryIO, NoReturn, cast

LENGTH = struct.Struct("<I")
MAX_FRAME = 16 * 1024 * 1024
"""The longest single answer in bytes; readers yield long tables in pieces."""
_MAX_NAME = 256
_FILES = 64
Reader = Callable[..., Iterator[Any]]


def main(control: socket.socket) -> None:
    """Starts a child for each socket that comes, until the server is gone."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # children are reaped by the system
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        name, ends, _flags, _address = socket.recv_fds(control, _MAX_NAME, 1)
        if not name or not ends:
            return
        try:
            reader = _find(name.decode())
            gc.freeze()
            if os.fork() == 0:
                control.close()
                _read_one(socket.socket(fileno=ends[0]), reader)
        except (ImportError, AttributeError, OSError):
            traceback.print_exc()
        os.close(ends[0])


def _find(name: str) -> Reader:
    module, _colon, function = name.partition(":")
    return cast(Reader, getattr(_ready(module), function))


@cache
def _ready(name: str) -> ModuleType:
    """A module of readers. Its function `prepare`, if any, does once what each child would have to repeat."""
    module = importlib.import_module(name)
    if prepare := getattr(module, "prepare", None):
        prepare()
    return module


def _read_one(end: socket.socket, reader: Reader) -> NoReturn:
    """All of a child's life: reads one file and says what is in it."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.dup2(0, 2)  # what a library says while it dies is for nobody: the server logs that it died
    gc.disable()
    stream = cast(BinaryIO, end.makefile("rwb"))
    try:
        _send(stream, {"pid": os.getpid()})
        head = json.loads(stream.readline())
        _limit(head["memory"], head["cpu"], head["clock"])
        _answer(stream, reader, head)
    except BaseException:
        os._exit(1)
    os._exit(0)


def _limit(memory: int, cpu: int, clock: int) -> None:
    """Bytes of address space, seconds of a processor, seconds of the clock; no file is written, none dumped."""
    signal.alarm(clock)
    for what, most in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_CPU, cpu),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, _FILES),
    ):
        resource.setrlimit(what, (most, most))


def _answer(stream: BinaryIO, reader: Reader, head: dict[str, Any]) -> None:
    from lms.core.base.errors import DomainError, Fault, Invalid
    from lms.core.text import i18n

    i18n.use_language(head["language"])
    content = stream.read(head["size"])
    try:
        for value in reader(content, **head["options"]):
            _send(stream, {"value": value})
    except DomainError as error:
        faults = error.faults if isinstance(error, Invalid) else (Fault(error.message),)
        kind = Invalid.__name__ if isinstance(error, Invalid) else type(error).__name__
        _send(stream, {"error": kind, "faults": [(fault.reason, fault.field, fault.row) for fault in faults]})
    except (MemoryError, RecursionError):
        raise
    except Exception:
        _send(stream, {"crash": traceback.format_exc()})
    else:
        _send(stream, {})


def _send(stream: BinaryIO, frame: dict[str, Any]) -> None:
    content = json.dumps(frame, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
    stream.write(LENGTH.pack(len(content)))
    stream.write(content)
    stream.flush()


if __name__ == "__main__":
    main(socket.socket(fileno=int(sys.argv[1])))
