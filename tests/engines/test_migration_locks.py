"""Nobody waits for longer than two seconds while a large PostgreSQL is migrated to the newest schema."""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from apiflask import APIFlask
from flask_migrate import upgrade
from sqlalchemy import text

from lms.app import create_app
from lms.config import Config
from lms.core.database import schema
from lms.core.database.cache_versions import UNWATCHED
from lms.core.database.session import db
from lms.operations import migrating
from tests.faults.conftest import own_database
from tests.faults.test_migrations import fill, reflected
from tests.later_migration import ONLINE, add_later_migration

pytestmark = pytest.mark.long(seconds=100)
PEOPLE = int(os.environ.get("TEST_PEOPLE", "250000"))
"""A million takes 7 minutes."""
LECTURES = 12
LONGEST_WAIT = 2.0
WRITES = (
    "SELECT full_name FROM person WHERE id = :person",
    "UPDATE person SET full_name = full_name WHERE id = :person",
    "SELECT count(*) FROM credit WHERE lecture_id = 7 AND person_id < :person",
    "UPDATE credit SET percent_tenths = percent_tenths WHERE lecture_id = 3 AND person_id = :person",
    "INSERT INTO stamp (kind, of_id, value) VALUES ('probe', :person, 1) ON CONFLICT DO NOTHING",
    "SELECT count(*) FROM lecture",
)
"""What the people do who use the site meanwhile."""


@pytest.fixture
def site(postgresql_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[APIFlask]:
    with own_database(postgresql_url) as url:
        config = Config.load({}, data=str(tmp_path), database_url=url, secret_key="tests-only", log_level="ERROR")
        made = create_app(config)
        add_later_migration(made, tmp_path, monkeypatch, ONLINE)
        with made.app_context():
            yield made
            db.session.remove()
            db.engine.dispose()


@contextmanager
def without_references() -> Iterator[None]:
    """Rows are added without a look at what they refer to, which takes longer than the rows."""
    name = db.engine.url.database
    for change in ("SET session_replication_role = replica", "RESET session_replication_role"):
        with db.engine.begin() as connection:
            connection.execute(text(f'ALTER DATABASE "{name}" {change}'))
        db.engine.dispose()
        if change.startswith("SET"):
            yield


def attend(lectures: int) -> None:
    """Has everyone attend this number of lectures."""
    named = "SELECT column_name FROM information_schema.columns WHERE table_name = 'credit'"
    with db.engine.execution_options(**{UNWATCHED: True}).begin() as connection:
        columns = [name for name in connection.scalars(text(named)) if name not in {"lecture_id", "person_id"}]
        connection.execute(text("DELETE FROM credit WHERE lecture_id <> person_id OR lecture_id > 1"))
        added = (
            f"INSERT INTO credit (lecture_id, person_id, {', '.join(columns)}) "
            f"SELECT 1 + n, person.id, {', '.join(f'first.{name}' for name in columns)} "
            "FROM person, generate_series(1, :lectures) AS n, (SELECT * FROM credit) AS first"
        )
        connection.execute(text(added), {"lectures": lectures})


class Probe:
    """Somebody who uses the site all the time, and how long each statement took at most."""

    def __init__(self, site: APIFlask) -> None:
        self.longest: dict[str, float] = {}
        self.count = 0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(site,))

    def __enter__(self) -> Probe:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._stopping.set()
        self._thread.join()

    def _run(self, site: APIFlask) -> None:
        with site.app_context():
            while not self._stopping.wait(0.01):
                for statement in WRITES:
                    began = time.monotonic()
                    with db.engine.connect().execution_options(**{UNWATCHED: True}) as connection:
                        given = {"person": random.randint(1, 1000)}
                        connection.execute(
                            text(statement), {name: given[name] for name in given if f":{name}" in statement}
                        )
                        connection.commit()
                    self.longest[statement] = max(self.longest.get(statement, 0), time.monotonic() - began)
                    self.count += 1


def test_nobody_waits_for_a_migration_of_many_attendances(site: APIFlask) -> None:
    upgrade(revision=schema.revisions()[0])
    tables = {table.name: table for table in reflected()}
    person = tables.pop("person")
    with without_references():
        fill(list(tables.values()), LECTURES)
        fill([person], PEOPLE)
        attend(LECTURES - 2)
    with db.engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM credit")) >= 10 * PEOPLE
    with Probe(site) as probe:
        migrating.migrate(tell=print)
    assert schema.find_mismatch() is None
    assert probe.count > 10
    print({statement[:40]: round(seconds, 2) for statement, seconds in probe.longest.items()})
    assert max(probe.longest.values()) < LONGEST_WAIT, probe.longest
