"""`lms import attendance`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from lms.app import create_app
from lms.cli.main import lms
from tests.factories import Make

START = datetime(2026, 11, 4, 6, 0, tzinfo=UTC)


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A report, beside a data folder with a held lecture of the number 1."""
    monkeypatch.setenv("LMS_DATA", str(tmp_path / "data"))
    assert run("init").exit_code == 0
    make = Make(create_app())
    series = make.series()
    make.enrolment(series, make.person("Ada", email="ada@x.example"))
    make.lecture(series, state="held", starts_at=START, actual_start=START, actual_end=START + timedelta(minutes=90))
    path = tmp_path / "report.csv"
    stays = "ada@x.example,2026-11-04 14:00,2026-11-04 15:00\nno@x.example,2026-11-04 14:00,2026-11-04 15:00\n"
    path.write_text("email,joined_at,left_at\n" + stays, encoding="utf-8")
    return path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(lms, list(arguments))


def test_import_attendance_counts_and_repeats_without_change(file: Path) -> None:
    asked = run("import", "attendance", "1", str(file))
    assert "time zone" in str(asked.exception)
    taken = run("import", "attendance", "1", str(file), "--time-zone", "Asia/Shanghai")
    assert taken.exit_code == 0
    assert taken.stdout.splitlines() == [
        "line 3: no@x.example: No person has this e-mail address.",
        "rows 2, created 1, updated 0, unchanged 0, rejected 0, unmatched 1",
    ]
    again = run("import", "attendance", "1", str(file), "--time-zone", "Asia/Shanghai")
    assert again.stdout.splitlines()[-1] == "rows 2, created 0, updated 0, unchanged 1, rejected 0, unmatched 1"
    missing = run("import", "attendance", "7", str(file))
    assert (missing.exit_code, missing.stderr) == (1, "Error: there is no lecture 7\n")


def test_recompute_counts_anew_and_says_how_much_changed(file: Path) -> None:
    taken = run("import", "attendance", "1", str(file), "--time-zone", "Asia/Shanghai")
    assert taken.exit_code == 0, taken.output
    done = run("attendance", "recompute")
    assert (done.exit_code, done.stdout) == (0, "lectures 1, changed 0, left out 0\n")
    assert run("attendance", "recompute", "--lecture", "1").stdout == "lectures 1, changed 0, left out 0\n"
    for wrong, said in (("--series", "there is no series 7"), ("--lecture", "there is no lecture 7")):
        refused = run("attendance", "recompute", wrong, "7")
        assert refused.exit_code != 0
        assert said in refused.output
