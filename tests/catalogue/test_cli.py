"""`lms timezones check`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import update

from lms.app import create_app
from lms.catalogue.models import Lecture
from lms.cli.main import lms
from lms.core.database.session import action, db
from lms.core.time import clock, zones
from tests.factories import Make


def run(*arguments: str) -> Result:
    return CliRunner().invoke(lms, ["timezones", "check", *arguments])


def test_lectures_that_move_are_shown_before_they_are_moved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LMS_DATA", str(tmp_path / "data"))
    assert CliRunner().invoke(lms, ["init"]).exit_code == 0
    app = create_app()
    make = Make(app)
    series = make.series("customs")
    make.enrolment(series, make.person("Ada Obi", "ada@example.org"))
    local = (clock.now() + timedelta(days=30)).replace(hour=9, minute=0, second=0, microsecond=0, tzinfo=None)
    lecture = make.lecture(series, "Rules of origin", local_start=local, time_zone="Africa/Nairobi")
    answer = run()
    assert (answer.exit_code, "No lecture begins at another moment." in answer.stdout) == (0, True)
    planned = local.replace(tzinfo=UTC) - timedelta(hours=3)

    @action
    def compute_with_other_rules() -> None:
        db.session.execute(
            update(Lecture).where(Lecture.id == lecture.id).values(starts_at=planned - timedelta(hours=1))
        )

    with app.app_context():
        compute_with_other_rules()
    shown = run()
    assert f"UTC {planned - timedelta(hours=1):%Y-%m-%d %H:%M} → {planned:%Y-%m-%d %H:%M}, 1 enrolled" in shown.stdout
    assert "to move 1, to decide 0. Nothing was changed" in shown.stdout
    assert [run("--apply").stdout.splitlines()[-1] for _twice in range(2)] == [
        "moved 1, to decide 0",
        "moved 0, to decide 0",
    ]
    assert f"time zones: {zones.version()}, checked before with: {zones.version()}" in run().stdout
    with app.app_context():
        assert db.session.get_one(Lecture, lecture.id).starts_at == planned


def test_a_time_that_is_not_there_any_more_is_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LMS_DATA", str(tmp_path / "data"))
    assert CliRunner().invoke(lms, ["init"]).exit_code == 0
    make = Make(create_app())
    gap = datetime(2037, 3, 29, 2, 30)  # noqa: DTZ001 - local time
    make.lecture(make.series("customs"), local_start=gap, time_zone="Europe/Berlin")
    answer = run("--apply")
    assert (answer.exit_code, answer.stdout.splitlines()[-1]) == (1, "moved 0, to decide 1")
    assert "does not exist in Europe/Berlin" in answer.stdout
