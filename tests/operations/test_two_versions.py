"""Two versions share one PostgreSQL during an update: the newer migrates it, alone, and the earlier goes on."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from apiflask import APIFlask
from sqlalchemy import text

from lms.app import create_app
from lms.config import Config
from lms.core.base.errors import Refused
from lms.core.database import schema
from lms.core.database.session import db
from lms.operations import migrating
from lms.operations.checks.database import check_schema
from lms.operations.checks.model import CheckContext, Level
from lms.operations.initialise import initialise
from tests.later_migration import CONTENT, ONLINE, add_later_migration

pytestmark = pytest.mark.long
AT = datetime(2026, 11, 30, 6, 30, tzinfo=UTC)
OLD = schema.revisions()
CONTRACT = CONTENT.replace("depends_on = None\n", f'depends_on = None\ncontract_since = "{OLD[-1]}"\n')


@pytest.fixture
def installed(fresh: Config) -> Iterator[APIFlask]:
    app = create_app(fresh)
    with app.app_context():
        initialise(fresh, tell=print, at=AT)
        yield app
        db.session.remove()
        db.engine.dispose()


def update(app: APIFlask, config: Config, folder: Path, monkeypatch: pytest.MonkeyPatch, content: str) -> list[str]:
    """Migrates as a newer version does, and goes back to the earlier code; returns what the newer one said."""
    messages: list[str] = []
    with monkeypatch.context() as newer:
        add_later_migration(app, folder, newer, content)
        initialise(config, copies=False, tell=messages.append, at=AT)
        assert schema.find_mismatch() is None
    return messages


@pytest.mark.parametrize("content", [CONTENT, ONLINE, CONTRACT], ids=["expands", "online", "removes what is not used"])
def test_the_earlier_version_goes_on_after_the_newer_one_migrated(
    installed: APIFlask, fresh: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str
) -> None:
    update(installed, fresh, tmp_path, monkeypatch, content)
    if fresh.sqlite_file:
        assert "by a newer version of Serai" in (schema.find_mismatch() or "")
        with pytest.raises(Refused):
            schema.check(fresh)
        return
    schema.check(fresh)
    assert installed.test_client().get("/readyz").status_code == 200
    (finding,) = check_schema(CheckContext(fresh, at=AT))
    assert (finding.level, finding.remedy) == (Level.WARNING, "Update this machine too.")
    with pytest.raises(Refused, match="by a newer version"):  # it never migrates or moves what it does not know
        initialise(fresh, tell=print, at=AT)


@pytest.mark.parametrize("fresh", ["postgresql"], indirect=True)
def test_an_earlier_version_that_uses_what_was_removed_is_refused(
    installed: APIFlask, fresh: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.later_migration.REVISION", OLD[-1] + "x")
    content = CONTENT.replace("depends_on = None\n", f'depends_on = None\ncontract_since = "{OLD[-1]}x"\n')
    update(installed, fresh, tmp_path, monkeypatch, content)
    with pytest.raises(Refused, match="by a newer version of Serai"):
        schema.check(fresh)


@pytest.mark.parametrize("fresh", ["postgresql"], indirect=True)
def test_only_one_step_is_permitted(
    installed: APIFlask, fresh: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    update(installed, fresh, tmp_path, monkeypatch, ONLINE)
    monkeypatch.setattr(schema, "revisions", lambda: OLD[:-1])  # the version before that
    with pytest.raises(Refused, match="by a newer version of Serai"):
        schema.check(fresh)


def scripts(*since: str | None) -> Any:
    return [
        SimpleNamespace(revision=f"r{number}", module=SimpleNamespace(**({"contract_since": name} if name else {})))
        for number, name in enumerate(since)
    ]


def test_a_migration_says_from_which_code_on_nothing_uses_what_it_removes() -> None:
    chain = scripts(None, None, "r1", None)
    assert [schema.permits_earlier(chain, f"r{number}") for number in range(4)] == [False, True, True, True]
    assert not schema.permits_earlier(chain, "unknown")


@pytest.mark.parametrize("fresh", ["postgresql"], indirect=True)
def test_one_process_migrates_and_others_wait_with_a_sentence(
    installed: APIFlask, fresh: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrating, "WAIT_SECONDS", 0.05)
    messages: list[str] = []
    done = threading.Event()

    def wait() -> None:
        with installed.app_context():
            initialise(fresh, tell=messages.append, at=AT)
        done.set()

    with migrating.one_at_a_time(fresh, tell=print):
        thread = threading.Thread(target=wait)
        thread.start()
        assert not done.wait(0.4)
    thread.join(20)
    assert done.is_set()
    assert messages == ["Another process is preparing the database. Waiting until it has finished."]


@pytest.mark.parametrize("fresh", ["postgresql"], indirect=True)
def test_a_migration_that_gets_no_lock_holds_nobody_up_and_is_tried_again(
    installed: APIFlask, fresh: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    stopping = threading.Event()

    def read() -> None:
        with installed.app_context():
            while not stopping.wait(0.02):
                began = time.monotonic()
                with db.engine.connect() as connection:
                    connection.execute(text("SELECT 1 FROM person LIMIT 1"))
                waits.append(time.monotonic() - began)

    def hold() -> None:
        with installed.app_context(), db.engine.connect() as connection:
            connection.execute(text("SELECT 1 FROM person LIMIT 1"))  # locks the table against changes of itself
            stopping.wait(2.5)

    threads = [threading.Thread(target=work) for work in (read, hold)]
    for thread in threads:
        thread.start()
    time.sleep(0.2)
    messages = update(installed, fresh, tmp_path, monkeypatch, CONTENT)
    stopping.set()
    for thread in threads:
        thread.join()
    assert messages == ["A migration waits for a table that is in use. It is tried again until it gets it."]
    assert 0.5 < max(waits) < 2  # it was waited for, but not for long


@pytest.mark.parametrize("fresh", ["postgresql"], indirect=True)
def test_a_migration_that_never_gets_its_lock_says_so_and_changes_nothing(
    installed: APIFlask, fresh: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrating, "ATTEMPTS", 1)
    with db.engine.connect() as connection:
        connection.execute(text("SELECT 1 FROM person LIMIT 1"))
        with pytest.raises(Refused, match="Run `lms init` again at a quieter time"):
            update(installed, fresh, tmp_path, monkeypatch, CONTENT)
    assert schema.find_mismatch() is None


def test_online_operations_are_complete_after_an_interruption(
    installed: APIFlask, fresh: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_later_migration(installed, tmp_path, monkeypatch, ONLINE)
    if not fresh.sqlite_file:  # as if it had been killed after some of its operations
        with db.engine.begin() as connection:
            connection.execute(text("CREATE INDEX ix_person_example ON person (native_name, id)"))
            connection.execute(text("ALTER TABLE person ADD CONSTRAINT ck_person_example CHECK (id > 0) NOT VALID"))
    initialise(fresh, copies=False, tell=print, at=AT)
    assert schema.find_mismatch() is None
    if not fresh.sqlite_file:
        with db.engine.connect() as connection:
            unchecked = "SELECT count(*) FROM pg_constraint WHERE NOT convalidated"
            assert connection.scalar(text(unchecked)) == 0
