"""The moment at which tests run: the product's clock begins there, and goes on as the machine's does.

It is the same each day, so that no test passes today and fails tomorrow; `pytest --moment 2027-03-28T00:45` has a whole
run at another one. Processes that `tests/faults/forks.py` forks follow it. What does not is the machine's own clock:
of files, of database servers, of other programs and of browsers. Tests in which it meets the product's are marked
`present`.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from lms.core.time import clock

USUAL = "2026-12-02T08:00"
"""A Wednesday, in UTC."""
_PRESENT = timedelta(0)


class _Moment:
    """By how much the product's clock is ahead of the machine's: in the tests of this run, and now."""

    of_tests = _PRESENT
    now = _PRESENT


def add_option(parser: pytest.Parser) -> None:
    """Adds `--moment`."""
    parser.addoption("--moment", default=USUAL, help="when the tests run, in UTC, or `now` (%(default)s)")


def begin(asked: str) -> None:
    """Has the tests of this run begin at a moment, in UTC, or at the present (`now`)."""
    present = datetime.now(UTC)
    moment = present if asked == "now" else datetime.fromisoformat(asked)
    _Moment.of_tests = moment.replace(tzinfo=moment.tzinfo or UTC) - present
    set_ahead(_Moment.of_tests)


def set_for(item: pytest.Item) -> None:
    """Sets the clock for a test."""
    set_ahead(_PRESENT if item.get_closest_marker("present") else _Moment.of_tests)


def ahead() -> timedelta:
    """By how much the product's clock is ahead of the machine's now."""
    return _Moment.now


def set_ahead(ahead: timedelta) -> None:
    """Sets the product's clock of this process."""
    _Moment.now = ahead
    clock.now = lambda: datetime.now(UTC) + ahead
