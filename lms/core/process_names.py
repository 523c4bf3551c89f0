"""The name by which a process is known: no other, here or elsewhere, now or before, has the same.

Host and number are not enough: each container on one host's network is number 1, and numbers are given again.
"""

from __future__ import annotations

import os
import secrets
import socket
from functools import cache

WORKERS = "workers"
"""The folder in the data folder that has a locked one for each worker, by its name."""


def process_name() -> str:
    """The name of this process: `host:pid-random`."""
    return _name_of(os.getpid())


@cache
def _name_of(pid: int) -> str:  # by number: a process that was forked is another one
    return f"{socket.gethostname()[:100]}:{pid}-{secrets.token_hex(4)}"
