"""One small demonstration, built once for all modules that read it: each names `DEMONSTRATION` as its group."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from apiflask import APIFlask

from lms.app import create_app
from lms.config import Config
from lms.core.time import clock
from lms.demo.build import add_rest, ensure
from lms.demo.folder import FolderMark, set_mark
from tests.demo.sizes import PEOPLE


@pytest.fixture(scope="session")
def said() -> list[str]:
    """What the building printed."""
    return []


@pytest.fixture(scope="session")
def now() -> datetime:
    """The moment the demonstration is built at."""
    return clock.now()


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
