"""The moment at which tests run: the product's clock begins there, and goes on as the machine's does.

It is the same each day, so that no test passes today and fails tomorrow; `pytest --moment 2027-03-28T00:45` has a whole
run at another one. Processes that `tests/faults/forks.py` forks follow it. What does not is the machine's own clock:
of files, of other programs, and of browsers, whose pages get the time from the server where it matters.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

import pytest

from lms.core.time import clock

USUAL = "2026-12-02T08:00"
"""A Wednesday, in UTC."""
_AHEAD = "SERAI_TESTS_AHEAD"
"""By how many seconds the product's clock is ahead of the machine's, to processes that tests begin."""


def add_option(parser: pytest.Parser) -> None:
    """Adds `--moment`."""
    parser.addoption("--moment", default=USUAL, help="when the tests run, in UTC, or `now` (%(default)s)")


def begin(moment: str) -> None:
    """Sets the clock of this process, and of those that it forks later."""
    present = datetime.now(UTC)
    asked = present if moment == "now" else datetime.fromisoformat(moment)
    ahead = asked.replace(tzinfo=asked.tzinfo or UTC) - present
    os.environ[_AHEAD] = str(ahead.total_seconds())
    follow()


def follow() -> None:
    """Sets the clock of a process that tests began, as theirs is."""
    ahead = timedelta(seconds=float(os.environ.get(_AHEAD, 0)))
    clock.now = lambda: datetime.now(UTC) + ahead
