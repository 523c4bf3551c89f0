"""Waiting for what happens elsewhere: in another thread, process or program."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

LONGEST = 180
"""Seconds: only what is broken takes so long, however busy the machine is."""


def until(
    holds: Callable[[], T], what: str | Callable[[], str] = "it did not happen", *, seconds: float = LONGEST
) -> T:
    """Waits until something holds, and returns what it answered. `what`: what is said if it never does."""
    end = time.monotonic() + seconds
    while not (answer := holds()):
        assert time.monotonic() < end, what if isinstance(what, str) else what()
        time.sleep(0.02)
    return answer
