"""Ports for servers of the tests."""

from __future__ import annotations

import contextlib
import random
import socket

_DRAW = random.SystemRandom()
"""Tests of properties seed the usual one alike in every worker."""


def free_port() -> int:
    """A port on which nobody listens, and which no outgoing connection is given while its server restarts.

    Those that the kernel gives to connections begin at 32768.
    """
    while True:
        port = _DRAW.randrange(12_000, 32_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
