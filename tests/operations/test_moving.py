"""Moving all rows from SQLite to PostgreSQL and back."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import create_engine, select, text, update

from lms.app import create_app
from lms.certificates.queries.certificates import get_pdf
from lms.certificates.verification.file_verification import VerdictState, verdict_of_file
from lms.config import Config
from lms.core.background.processes import record_heartbeat, remove_heartbeat
from lms.core.base.errors import Refused
from lms.core.base.roles import SYSTEM
from lms.core.database.session import db
from lms.core.time import clock
from lms.operations import moving
from lms.operations.databases import Tell
from lms.operations.manifest import headline
from lms.operations.moving import move_database
from lms.people.models import Person
from lms.people.queries.finding import is_found
from lms.reports import recount
from lms.reports.recounted_rows import RecountRows
from tests.factories import Make
from tests.operations.conftest import NAMES, NOW, Installation, copied, empty_postgresql, settings

pytestmark = pytest.mark.long
LATER = NOW + timedelta(hours=1)


@pytest.fixture
def empty(postgresql_url: str) -> Iterator[str]:
    with empty_postgresql(postgresql_url, "moved") as url:
        yield url


@pytest.fixture
def sqlite_installation(sqlite_model: Installation, tmp_path: Path) -> Iterator[Installation]:
    made = copied(sqlite_model, tmp_path / "data")
    yield made
    made.close()


def move(installation: Installation, target: Config) -> int:
    return installation.within(
        lambda: move_database(installation.config, target, create_app, tell=lambda _line: None, at=LATER)
    )


def opened(config: Config) -> Installation:
    return Installation(config, create_app(config))


def looked_at(installation: Installation) -> tuple[object, ...]:
    """Figures, how they differ from a recount, the verdict on each certificate's file, and what a search finds."""

    def look() -> tuple[object, ...]:
        rows = RecountRows(clock.reporting_zone())
        verdicts = [verdict_of_file(get_pdf(number, by=SYSTEM), by=SYSTEM).state for number in installation.numbers]
        matching = list(db.session.scalars(select(Person.full_name).where(is_found("odhiambo"))))
        return headline(by=SYSTEM, at=LATER), recount.facts_differences(rows), verdicts, matching

    return installation.within(look)


def test_rows_move_to_postgresql_and_back(sqlite_installation: Installation, empty: str) -> None:
    before = looked_at(sqlite_installation)
    assert before[1:] == ([], [VerdictState.VALID] * len(NAMES), ["Achieng Odhiambo"])
    folder = sqlite_installation.config.folder
    rows = move(sqlite_installation, settings(folder, empty))
    assert rows > 100
    there = opened(settings(folder, empty))
    there.numbers = sqlite_installation.numbers
    assert looked_at(there) == before
    Make(there.app).person("Tadesse Bekele", email="tadesse@example.org")  # gets a number that is free
    (folder / "serai.db").rename(folder / "former.db")
    sqlite_installation.close()
    assert move(there, settings(folder)) > rows
    there.close()
    back = opened(settings(folder))
    names = back.within(lambda: set(db.session.scalars(select(Person.full_name))))
    assert names >= {*NAMES, "Tadesse Bekele"}
    back.close()
    assert not list(folder.glob(".serai.db*"))


def test_an_interrupted_move_is_run_again(
    sqlite_installation: Installation, empty: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = settings(sqlite_installation.config.folder, empty)

    def ends(*_args: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(moving, "_contents", ends)
        with pytest.raises(KeyboardInterrupt):
            move(sqlite_installation, target)
    assert move(sqlite_installation, target) > 100


def test_rows_that_change_on_the_way_are_noticed(
    sqlite_installation: Installation, empty: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = settings(sqlite_installation.config.folder, empty)
    read = moving._contents

    def changed(config: Config, tell: Tell) -> dict[str, moving.Content]:
        engine = create_engine(config.database)
        with engine.begin() as connection:
            connection.execute(update(Person).where(Person.full_name == NAMES[0]).values(full_name="Achieng"))
        engine.dispose()
        return read(config, tell)

    monkeypatch.setattr(moving, "_contents", changed)
    with pytest.raises(Refused, match=r"Tables: person, stamp$"):
        move(sqlite_installation, target)


def test_a_database_in_use_or_with_rows_is_left_alone(sqlite_installation: Installation, empty: str) -> None:
    config = sqlite_installation.config
    target = settings(config.folder, empty)
    with pytest.raises(Refused, match="already there"):
        move(sqlite_installation, config)
    sqlite_installation.within(lambda: record_heartbeat("w", started_at=NOW, at=LATER))
    with pytest.raises(Refused, match="Stop it, wait a minute"):
        move(sqlite_installation, target)
    sqlite_installation.within(lambda: remove_heartbeat("w"))
    with create_engine(target.database).begin() as connection:
        connection.execute(text("CREATE TABLE somebody (id INTEGER)"))
    with pytest.raises(Refused, match="already has tables"):
        move(sqlite_installation, target)
