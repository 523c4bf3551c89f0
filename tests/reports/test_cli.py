"""`lms report`: the figures on the command line, and the second count."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from apiflask import APIFlask
from click.testing import CliRunner
from sqlalchemy import update

from lms.attendance.models.credits import Credit, Outcome
from lms.cli import reports
from lms.cli.main import lms
from lms.reports.documents.report_files import SATISFACTION
from tests.reports.world import World
from tests.rows import each_row

NOON = datetime(2024, 5, 6, 4, 0, tzinfo=UTC)


@pytest.fixture
def run(app: APIFlask, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    """A runner whose commands work on the test's database."""

    @contextmanager
    def application() -> Iterator[object]:
        with app.app_context():
            yield app.extensions["lms.config"]

    monkeypatch.setattr(reports, "application", application)
    return CliRunner()


@pytest.fixture
def programme(world: World) -> int:
    lecture = world.lecture(world.series("one"), NOON)
    world.attend(lecture, world.person("KE"), world.person("UG"))
    return lecture


def test_a_table(run: CliRunner, programme: int) -> None:
    lines = run.invoke(lms, ["report", "totals", "--by", "country"]).output.splitlines()
    assert [line.split()[:4] for line in lines[1:]] == [
        ["Kenya", "1", "1", "1"],
        ["Uganda", "1", "1", "1"],
        ["All", "1", "2", "2"],
    ]


def test_json_and_csv(run: CliRunner, programme: int) -> None:
    body = json.loads(run.invoke(lms, ["report", "totals", "--series", "one", "--format", "json"]).output)
    assert body["totals"]["participants"] == 2
    lines = run.invoke(lms, ["report", "totals", "--country", "KE", "--by", "year,series", "--format", "csv"])
    assert next(csv.DictReader(lines.output.lstrip("\ufeff").splitlines())) == {
        "year": "2024", "year_name": "2024", "series": "one", "series_name": "Series one",
        "sessions": "1", "participants": "1", "attendances": "1", "countries": "1", "partner_countries": "0",
        "registrations": "0", "contact_hours": "1.0", "certificates": "0", **dict.fromkeys(SATISFACTION, ""),
    }  # fmt: skip


def test_xlsx(run: CliRunner, programme: int, tmp_path: Path) -> None:
    file = tmp_path / "totals.xlsx"
    assert run.invoke(lms, ["report", "totals", "--format", "xlsx", "--output", str(file)]).exit_code == 0
    assert file.read_bytes()[:2] == b"PK"


@each_row("arguments", [["--country", "QQ"], ["--series", "nowhere"], ["--by", "planet"], ["--from", "x"]])
def test_what_cannot_be_counted(run: CliRunner, programme: int, arguments: list[str]) -> None:
    assert run.invoke(lms, ["report", "totals", *arguments]).exit_code != 0


def test_verify_agrees(run: CliRunner, programme: int) -> None:
    answer = run.invoke(lms, ["report", "verify"])
    assert answer.exit_code == 0
    assert "by everything: agrees" in answer.output


def test_verify_finds_a_credit_that_its_correction_contradicts(run: CliRunner, programme: int, world: World) -> None:
    person = world.person("KE")
    world.attend(programme, person)
    world.correct(programme, person, Outcome.ABSENT)
    assert run.invoke(lms, ["report", "verify"]).exit_code == 0
    world.execute(update(Credit).where(Credit.person_id == person).values(outcome=Outcome.ATTENDED))
    answer = run.invoke(lms, ["report", "verify"])
    assert answer.exit_code == 1
    assert "participants of everything: reported 3, recounted 2" in answer.output
