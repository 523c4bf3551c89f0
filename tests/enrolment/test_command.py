"""`lms import enrolments SERIES FILE`."""

from __future__ import annotations

from pathlib import Path

import pytest
from apiflask import APIFlask
from click.testing import CliRunner, Result

from lms.catalogue.queries.series import get_series
from lms.cli.main import lms
from lms.core.base.roles import SYSTEM
from lms.enrolment.queries.series import list_seats
from tests.factories import Make

HEAD = "email,full_name,country\n"


@pytest.fixture
def run(app: APIFlask, make: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> object:
    make.series("customs", capacity=1)
    for name, value in app.extensions["lms.config"].environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("lms.app.create_app", lambda _config: app)

    def import_file(text: str, *options: str, series: str = "customs") -> Result:
        file = tmp_path / "people.csv"
        file.write_text(text, encoding="utf-8")
        return CliRunner().invoke(lms, ["import", "enrolments", series, str(file), *options])

    return import_file


def test_a_file_is_enrolled_and_told(app: APIFlask, run) -> None:  # type: ignore[no-untyped-def]
    text = HEAD + "amina@file.test,Amina,KE\njuma@file.test,Juma,TZ\n"
    first, again = run(text), run(text)
    assert first.exit_code == 0
    assert first.output == (
        "1 person is on the waiting list.\nrows 2, created 2, updated 0, unchanged 0, rejected 0, unmatched 0\n"
    )
    assert again.output == "rows 2, created 0, updated 0, unchanged 2, rejected 0, unmatched 0\n"
    with app.app_context():
        seats = list_seats(get_series("customs", by=SYSTEM), by=SYSTEM, limit=9)
        assert [seat.enrolment.status for seat in seats] == ["enrolled", "waitlisted"]


def test_bad_rows_stop_all_unless_skipped(run) -> None:  # type: ignore[no-untyped-def]
    text = HEAD + "amina@file.test,Amina,KE\nnonsense,Nobody,KE\n"
    refused = run(text)
    assert refused.exit_code != 0
    assert "line 3: email:" in refused.output
    taken = run(text, "--skip-bad-rows")
    assert taken.exit_code == 0
    assert "created 1, updated 0, unchanged 0, rejected 1" in taken.output


def test_an_unknown_series_is_named(run) -> None:  # type: ignore[no-untyped-def]
    answer = run(HEAD, series="nowhere")
    assert answer.exit_code != 0
    assert "there is no series nowhere" in answer.output
