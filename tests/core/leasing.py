"""Adds 1 to the number in a file, `times` times, each time while it holds the lease `counter`: `file times`."""

from __future__ import annotations

import sys
from pathlib import Path

from lms.app import create_app
from lms.core.background import leases


def main() -> None:
    """Without the lease, processes that run at once would lose some of each other's additions."""
    path, times = Path(sys.argv[1]), int(sys.argv[2])
    with create_app().app_context():
        for _ in range(times):
            with leases.holding("counter", wait_seconds=60):
                path.write_text(str(int(path.read_text()) + 1))
