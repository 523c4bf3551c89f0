"""The demonstration at full size, and its building killed halfway."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from lms.app import create_app
from lms.config import Config
from lms.core import clock
from lms.core.db import db
from lms.core.roles import SYSTEM
from lms.demo.build import ensure
from lms.demo.folder import find_mark
from lms.demo.population import FEWEST
from lms.reports.queries.figures import totals
from lms.reports.recount import QUESTIONS, Rows, differences
from lms.reports.rules import Slice

pytestmark = pytest.mark.long


@pytest.mark.long(seconds=250)
def test_full_size_reaches_the_headline_figures(tmp_path: Path) -> None:
    config = Config.load({}, data=str(tmp_path / "demonstration"), database_url="")
    now = clock.now()

    ensure(create_app, config, people=None, keep=False, now=now, say=print)

    with create_app(config).app_context():
        figures = totals(Slice(), by=SYSTEM, at=now)
        assert figures.sessions == 108
        assert figures.participants > 100_000
        assert figures.attendances >= 160_000
        assert figures.countries == 80
        assert figures.partner_countries == 36
        assert figures.certificates > 1000
        rows = Rows(clock.reporting_zone())
        assert [line for asked in QUESTIONS for line in differences(rows, Slice(), asked, now)] == []
        db.session.remove()


def test_a_building_that_is_killed_leaves_nothing_half(tmp_path: Path) -> None:
    folder = tmp_path / "demonstration"
    config = Config.load({}, data=str(folder), database_url="")
    environment = {**os.environ, "LMS_DATA": str(folder)}
    command = [sys.executable, "-m", "lms", "demo", "--people", str(FEWEST), "--port", "0"]
    building = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    assert building.stdout is not None
    for line in building.stdout:
        if "Series and lectures" in line:
            break
    building.send_signal(signal.SIGKILL)
    building.wait()

    assert not folder.exists()
    assert find_mark(config) is None
    ensure(create_app, config, people=FEWEST, keep=False, now=clock.now(), say=print)
    assert [path.name for path in tmp_path.iterdir()] == ["demonstration"]
