"""Locks of one machine: what one thread of all processes on a data folder may do at a time.

A lock ends with its process, so nothing is left of one that was killed.
"""

from __future__ import annotations

import fcntl
from typing import IO

from lms.core.settings import settings


def take_lock(name: str) -> IO[str] | None:
    """Takes a lock until what is returned is closed; null if it is taken."""
    file = (settings().folder / f"{name}.lock").open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    return file
