"""`lms certificates issue`."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from lms.app import create_app
from lms.cli.main import lms
from tests.factories import Make


def run(*arguments: str) -> Result:
    return CliRunner().invoke(lms, list(arguments))


def test_issue_prints_the_counts_or_what_is_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LMS_DATA", str(tmp_path / "data"))
    assert run("init").exit_code == 0
    make = Make(create_app())
    series = make.series(slug="customs", policy={"certificate": "participation"})
    held = datetime(2026, 5, 20, 6, tzinfo=UTC)
    make.lecture(series, state="held", actual_start=held, actual_end=held.replace(hour=7))
    make.enrolment(series, make.person("Ada Obi"))
    make.series(slug="plain")
    answer = run("certificates", "issue", "customs")
    assert (answer.exit_code, answer.stdout) == (0, "issued 0, already issued 0, not earned 1, refused 0\n")
    unknown = run("certificates", "issue", "nowhere")
    assert (unknown.exit_code, unknown.stderr) == (1, "Error: there is no series nowhere\n")
    other = run("certificates", "issue", "customs", "--kind", "completion")
    assert str(other.exception) == "This series issues certificates of participation only."
    none = run("certificates", "issue", "plain")
    assert "does not issue certificates" in str(none.exception)
