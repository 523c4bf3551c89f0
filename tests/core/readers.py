"""Readers for the tests of `foreign_files`: they run in its process, and each goes wrong in a way of its own."""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lms.core.base.errors import Fault, Invalid, TooLarge
from lms.core.text.i18n import catalogue

_prepared: list[int] = []


def prepare() -> None:
    """Notes where it was called."""
    _prepared.append(os.getpid())


def prepared(content: bytes) -> Iterator[Any]:
    """Where `prepare` was called, and who started this process."""
    yield [_prepared, os.getppid()]


def echo(content: bytes, **options: Any) -> Iterator[Any]:
    yield content.decode()
    yield options


def environment(content: bytes) -> Iterator[Any]:
    yield dict(os.environ)
    ends = [str(one.readlink()) for one in Path("/proc/self/fd").iterdir() if one.exists()]
    yield [end for end in ends if not end.startswith("socket:")]


def limits(content: bytes) -> Iterator[Any]:
    names = ("RLIMIT_AS", "RLIMIT_CPU", "RLIMIT_FSIZE", "RLIMIT_CORE")
    yield {name: resource.getrlimit(getattr(resource, name)) for name in names}


def pid(content: bytes) -> Iterator[Any]:
    yield [os.getpid(), os.getppid()]


def language(content: bytes) -> Iterator[Any]:
    yield catalogue().info().get("language", "en")


def refuse(content: bytes) -> Iterator[Any]:
    yield 1
    raise Invalid(faults=[Fault("One.", row=1), Fault("Two.", field="email", row=2)])


def refuse_size(content: bytes) -> Iterator[Any]:
    raise TooLarge("x" * 5000)
    yield


def fail(content: bytes) -> Iterator[Any]:
    raise KeyError("a mistake of ours")
    yield


def spin(content: bytes) -> Iterator[Any]:
    while True:
        pass
    yield


def sleep(content: bytes) -> Iterator[Any]:
    time.sleep(60)
    yield


def swell(content: bytes) -> Iterator[Any]:
    yield len(bytearray(1 << 30))


def die(content: bytes) -> Iterator[Any]:
    os.abort()
    yield


def talk(content: bytes) -> Iterator[Any]:
    while True:
        yield "x" * 100_000


def wait_for(content: bytes, path: str) -> Iterator[Any]:
    while not Path(path).exists():
        time.sleep(0.01)
    yield time.monotonic()
