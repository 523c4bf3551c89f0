"""Databases as earlier versions left them are migrated, for ever: `states` has one of each kind for each tag.

`UPDATE_STATES=v1.0.0 .venv/bin/pytest tests/contracts/test_states.py` keeps the state of today under a name.
"""

from __future__ import annotations

import gzip
import os
import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from lms.app import create_app
from lms.config import Config
from lms.core.base.roles import SYSTEM
from lms.core.database import schema
from lms.core.database.session import Base, db
from lms.operations import databases
from lms.operations.initialise import copy_before, initialise
from lms.people.actions.persons import create_person
from lms.people.queries.finding import find_people
from tests.contracts.test_migrations import in_models

ROOT = Path(__file__).resolve().parents[2]
STATES = Path(__file__).with_name("states")
NAMES = sorted({path.name.removesuffix(".gz").rpartition(".")[0] for path in STATES.glob("*.gz")})
AT = datetime(2026, 12, 1, tzinfo=UTC)


def state_of(name: str, config: Config) -> Path:
    return STATES / f"{name}.{databases.kind_of(config.database)}.gz"


def git(*arguments: str) -> str:
    done = subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip("the sources are not in a repository here")
    return done.stdout


@pytest.mark.skipif("UPDATE_STATES" not in os.environ, reason="keeps a new state")
def test_keep_the_state_of_today(fresh: Config) -> None:
    with create_app(fresh).app_context():
        initialise(fresh, tell=print, at=AT)
        create_person(full_name="Kept Before", email="kept@example.org", by=SYSTEM, at=AT)
        copy = copy_before(fresh, "state", at=AT)
        state_of(os.environ["UPDATE_STATES"], fresh).write_bytes(gzip.compress(copy.read_bytes(), mtime=0))
        db.session.remove()
        db.engine.dispose()


@pytest.mark.parametrize("name", NAMES)
def test_a_database_of_each_state_is_migrated_to_the_schema_of_today(name: str, fresh: Config, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    copy.write_bytes(gzip.decompress(state_of(name, fresh).read_bytes()))
    with copy.open("rb") as lock:
        databases.put_back(copy, fresh, lock=lock.fileno())
    with create_app(fresh).app_context():
        with db.engine.begin() as connection:
            databases.finish(connection)
        initialise(fresh, copies=False, tell=print, at=AT)
        assert schema.find_mismatch() is None
        with db.engine.connect() as connection:
            context = MigrationContext.configure(connection, opts={"compare_type": True, "include_name": in_models})
            assert compare_metadata(context, Base.metadata) == []
        assert [one.full_name for one in find_people(("kept",), day=AT.date(), by=SYSTEM)] == ["Kept Before"]
        db.session.remove()
        db.engine.dispose()


def test_each_release_has_its_state() -> None:
    assert "2026-12-01" in NAMES  # the first that is kept
    assert set(git("tag", "--list", "v*").split()) <= set(NAMES)


def test_no_revision_that_ever_was_is_called_newer() -> None:
    """A database of any commit is either migrated or told that it is too old."""
    changed = git("log", "--format=", "--patch", "--unified=0", "--", "migrations/versions")
    revisions = set(re.findall(r'^[+-]revision(?:: str)? = "(\w+)"', changed, re.MULTILINE))
    assert [revision for revision in sorted(revisions) if schema.is_newer(revision)] == []
