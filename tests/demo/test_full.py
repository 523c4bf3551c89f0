"""The demonstration at full size, after a building that was killed halfway."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from lms.app import create_app
from lms.config import Config
from lms.core.base.roles import SYSTEM
from lms.core.database.session import db
from lms.core.time import clock
from lms.demo.build import ensure
from lms.demo.folder import find_mark
from lms.demo.population import FEWEST
from lms.reports.queries.figures import totals
from lms.reports.recount import QUESTIONS, differences
from lms.reports.recounted_rows import RecountRows
from lms.reports.rules import Slice


def kill_halfway(folder: Path) -> None:
    """A small one: it dies after the same phase as a large one would."""
    command = [sys.executable, "-m", "lms", "demo", "--people", str(FEWEST), "--port", "65535"]  # never served
    environment = {**os.environ, "LMS_DATA": str(folder)}
    building = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    assert building.stdout is not None
    phases = iter(building.stdout.readline, "")
    assert any("Series and lectures" in line for line in phases)
    building.send_signal(signal.SIGKILL)
    assert building.wait() == -signal.SIGKILL
    building.stdout.close()


@pytest.mark.long(seconds=250)
def test_a_building_that_is_killed_leaves_nothing_half_and_full_size_reaches_the_headline_figures(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "demonstration"
    config = Config.load({}, data=str(folder), database_url="")
    now = clock.now()
    kill_halfway(folder)
    assert not folder.exists()
    assert list(tmp_path.iterdir()) != []  # what it had begun
    assert find_mark(config) is None

    ensure(create_app, config, people=None, keep=False, now=now, say=print)

    assert [path.name for path in tmp_path.iterdir()] == ["demonstration"]
    with create_app(config).app_context():
        figures = totals(Slice(), by=SYSTEM, at=now)
        assert figures.sessions == 108
        assert figures.participants > 100_000
        assert figures.attendances >= 160_000
        assert figures.countries == 80
        assert figures.partner_countries == 36
        assert figures.certificates > 1000
        rows = RecountRows(clock.reporting_zone())
        assert [line for asked in QUESTIONS for line in differences(rows, Slice(), asked, now)] == []
        db.session.remove()
