"""Locks of one machine: what one thread of all processes on a data folder may do at a time.

A lock ends with its process, so nothing is left of one that was killed.
"""

from __future__ import annotations

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from lms.core.errors import Busy
from lms.core.i18n import _
from lms.core.settings import settings

_POLL_SECONDS = 0.1


def take_lock(name: str) -> IO[str] | None:
    """Takes a lock until what is returned is closed; null if it is taken."""
    file = (settings().folder / f"{name}.lock").open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    return file


@contextmanager
def holding(name: str, *, seconds: float) -> Iterator[None]:
    """Holds a lock, for which it waits so long. Raises Busy."""
    until = time.monotonic() + seconds
    while (lock := take_lock(name)) is None:
        if time.monotonic() > until:
            raise Busy(_("Wait a moment and try again."))
        time.sleep(_POLL_SECONDS)
    with lock:
        yield
