"""One small demonstration, built once for all modules that read it: each names `DEMONSTRATION` as its group.

In `make test-long` it is built at each of `MOMENTS`, and everything that is said of it holds at all of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from apiflask import APIFlask

from lms.app import create_app
from lms.config import Config
from lms.core.time import clock
from lms.demo.build import add_rest, ensure
from lms.demo.folder import FolderMark, set_mark
from tests import moment as moments
from tests.demo.sizes import PEOPLE


@pytest.fixture(scope="session")
def said(now: datetime) -> list[str]:
    """What each building printed."""
    return []


MOMENTS = {
    "midnight in UTC": "2027-01-15T00:00",
    "midnight of the organiser": "2027-02-10T16:00",
    "last day of a month": "2027-04-30T12:00",
    "last day of a year": "2026-12-31T23:30",
    "29 February": "2028-02-29T10:00",
    "clocks go ahead": "2027-03-28T00:45",
    "clocks go back": "2027-10-31T00:45",
    "Friday": "2027-05-14T09:00",
    "Saturday": "2027-05-15T18:10",
    "Sunday": "2026-12-13T18:10",
    "Monday": "2026-12-07T07:30",
    "public holiday": "2027-10-01T03:00",
}
"""Moments, in UTC, at which something else may be due, or another day of the week, month or year may have begun."""


@pytest.fixture(
    scope="session",
    params=[None, *(pytest.param(moment, marks=pytest.mark.long) for moment in MOMENTS.values())],
    ids=["usual", *MOMENTS],
)
def now(request: pytest.FixtureRequest) -> Iterator[datetime]:
    """The moment the demonstration is built at."""
    if request.param is not None:
        moments.begin(request.param)
    yield clock.now()
    moments.begin(request.config.getoption("--moment"))


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory, said: list[str], now: datetime) -> APIFlask:
    """An application on a demonstration that was built for it, in place of an old one."""
    config = Config.load({}, data=str(tmp_path_factory.mktemp("data") / "demonstration"), database_url="")
    config.folder.mkdir()
    set_mark(config, FolderMark(datetime(2026, 1, 1, tzinfo=UTC), 500))
    ensure(create_app, config, people=PEOPLE, keep=False, now=now, say=said.append, leave_rest=True)
    assert config.is_demonstration_incomplete
    add_rest(create_app, config, say=said.append)
    return create_app(config)
