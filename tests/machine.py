"""What tests would take from the machine that they run on, and what they get in its place.

The zone, the locale and the mask of new files are pinned to unusual ones on purpose: what silently relies on the
machine's own fails everywhere, not only on somebody else's machine.
"""

from __future__ import annotations

import os
import time
from collections.abc import MutableMapping
from typing import NoReturn

import pytest

PINNED = {"TZ": "Asia/Kathmandu", "LC_ALL": "C.UTF-8", "COLUMNS": "80", "TERM": "dumb"}
UMASK = 0o077
_LEFT_OUT = ("LMS_", "FLASK_", "PG", "LC_", "PYTHON", "NO_COLOR", "FORCE_COLOR", "LANG", "LINES", "WERKZEUG_")
_KEPT = {"LMS_TEST_POSTGRESQL", "PYTHONPATH"}


def pin() -> None:
    """Pins what this process, and those that tests start, see of the machine."""
    pin_environment(os.environ)
    time.tzset()
    os.umask(UMASK)


def pin_environment(environment: MutableMapping[str, str]) -> None:
    """Leaves out settings of Serai, proxies, databases and languages, and sets the pinned ones."""
    for name in list(environment):
        is_left_out = name.startswith(_LEFT_OUT) or name.lower().endswith("_proxy")
        if is_left_out and name not in _KEPT:
            del environment[name]
    environment.update(PINNED)


def lacks(what: str, part: str) -> NoReturn:
    """Skips a test that needs a program which this machine lacks; in CI, where nothing is skipped, fails it."""
    message = f"{what} is missing: `sh tools/needs.sh tests {part}` says how to get it"
    if os.environ.get("CI"):
        pytest.fail(message)
    pytest.skip(message)
