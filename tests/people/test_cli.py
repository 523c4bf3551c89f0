"""The commands for people."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from pyotp import TOTP

from lms.cli.main import lms
from lms.core.time import clock


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder of its own, initialised."""
    monkeypatch.setenv("LMS_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("LMS_BASE_URL", "https://lectures.example")
    assert run("init").exit_code == 0
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(lms, list(arguments))


def test_import_people_counts_and_repeats_without_change(data: Path) -> None:
    file = data / "people.csv"
    file.write_text("email,full_name,country\nachieng@example.org,Achieng Odhiambo,KE\nbad,Bad,KE\n", encoding="utf-8")
    refused = run("import", "people", str(file))
    assert refused.exit_code == 1
    assert refused.stdout == "line 3: email: Enter an e-mail address in the correct format, like name@example.org.\n"
    assert refused.stderr == (
        "Error: people.csv: bad rows: 1; nothing was written (--skip-bad-rows imports the others)\n"
    )
    taken = run("import", "people", "--skip-bad-rows", str(file))
    assert taken.exit_code == 0
    assert taken.stdout.splitlines()[-1] == "rows 2, created 1, updated 0, unchanged 0, rejected 1, unmatched 0"
    again = run("import", "people", "--skip-bad-rows", str(file))
    assert again.stdout.splitlines()[-1] == "rows 2, created 0, updated 0, unchanged 1, rejected 1, unmatched 0"


def test_user_create_prints_a_link(data: Path) -> None:
    answer = run("user", "create", "ada@example.org", "--name", "Ada Min", "--role", "administrator")
    assert answer.exit_code == 0
    assert answer.stdout.startswith("https://lectures.example/sign-in/")
    week = f"{clock.now() + timedelta(days=7):%Y-%m-%d}"
    assert re.fullmatch(rf"The link works once, until {week} \d\d:\d\d UTC\.\n", answer.stderr)
    missing = run("user", "create", "fo@example.org", "--name", "Fo", "--role", "focal_point")
    assert str(missing.exception) == "Choose the country of the focal point."


def test_a_second_factor_is_reset_at_the_server(data: Path) -> None:
    from lms.app import create_app
    from lms.core.database.session import db
    from lms.core.time import clock
    from lms.people.actions.factors import begin_second_factor, confirm_second_factor
    from lms.people.queries.access import load_actor
    from lms.people.queries.factors import has_second_factor, second_factor_of
    from lms.people.queries.persons import find_person_by_email

    assert run("user", "create", "a@x.example", "--name", "Ada", "--role", "administrator").exit_code == 0
    with create_app().app_context():
        person = find_person_by_email("a@x.example")
        assert person is not None
        by = load_actor(person.id, clock.now())
        assert by is not None
        at = clock.now()
        begin_second_factor(by=by, at=at)
        secret = second_factor_of(person.id, at=at, by=by).pending_secret
        assert secret is not None
        confirm_second_factor(TOTP(secret).at(at), by=by, at=at)
        person_id = person.id
        db.session.remove()
    unknown = run("user", "reset-second-factor", "b@x.example")
    assert (unknown.exit_code, unknown.stderr) == (1, "Error: there is no one with this e-mail address\n")
    assert run("user", "reset-second-factor", "A@x.example").exit_code == 0
    with create_app().app_context():
        assert not has_second_factor(person_id)
