"""Ports for servers of the tests."""

from __future__ import annotations

import contextlib
import os
import random
import socket

_DRAW = random.SystemRandom()
"""Tests of properties seed the usual one alike in every worker."""
_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 4
_RANGE = range(12_000 + 5_000 * _WORKER, 12_000 + 5_000 * (_WORKER + 1))
"""Ports of this worker alone, so that no other takes one between its choice and its use."""
_given: set[int] = set()


def free_port() -> int:
    """A port on which nobody listens, and which no outgoing connection is given while its server restarts.

    Those that the kernel gives to connections begin at 32768.
    """
    while True:
        port = _DRAW.choice(_RANGE)
        if port in _given:
            continue
        _given.add(port)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
