"""Waiting for what a test expects, never for a number of seconds."""

from __future__ import annotations

import time
from collections.abc import Callable

BOUND = 60.0
"""Seconds after which what a test waits for does not happen: far more than a busy machine takes."""


def until(holds: Callable[[], object]) -> None:
    """Waits until something holds."""
    end = time.monotonic() + BOUND
    while not holds():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.005)
