"""Transactions that only read, or end badly: what was prepared is kept, what was written is rolled back."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from apiflask import APIFlask
from sqlalchemy import select, text, update
from sqlalchemy.exc import DBAPIError

from lms.catalogue.models import Series
from lms.core.database.session import action, db
from tests.factories import Make

pytestmark = [pytest.mark.databases(differs=True), pytest.mark.usefixtures("context")]
TITLE = text("SELECT title FROM series WHERE slug = 'kept'")
RENAME = text("UPDATE series SET title = 'Lost' WHERE slug = 'kept'")


@pytest.fixture
def series(make: Make) -> Series:
    return make.series("kept", title="Kept")


@pytest.mark.databases("postgresql")  # whose driver prepares
@pytest.mark.usefixtures("series")
def test_what_was_prepared_is_kept_between_reading_transactions() -> None:
    with db.engine.connect() as connection:
        for _turn in range(8):
            assert connection.scalar(TITLE) == "Kept"
            connection.rollback()
        prepared = text("SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE 'SELECT title FROM series%'")
        assert connection.scalar(prepared) == 1


@pytest.mark.usefixtures("series")
def test_what_was_written_is_rolled_back() -> None:
    with db.engine.connect() as connection:
        connection.execute(RENAME)
        connection.rollback()
        assert connection.scalar(TITLE) == "Kept"
        connection.rollback()
        connection.scalar(TITLE)
        connection.execute(RENAME)
        connection.scalar(TITLE)
        with pytest.raises(DBAPIError):
            connection.execute(text("SELECT nothing FROM nowhere"))
        connection.rollback()
        assert connection.scalar(TITLE) == "Kept"


@pytest.mark.usefixtures("series")
def test_a_transaction_that_is_left_is_rolled_back() -> None:
    with db.engine.connect() as connection:
        connection.execute(RENAME)
    db.session.execute(RENAME)
    db.session.remove()
    assert db.session.scalar(TITLE) == "Kept"


@pytest.mark.usefixtures("series")
def test_a_lost_connection_is_rolled_back_and_made_anew() -> None:
    with db.engine.connect() as connection:
        connection.execute(RENAME)
        connection.invalidate()
        connection.rollback()
        assert connection.scalar(TITLE) == "Kept"


@pytest.mark.databases("postgresql")
def test_an_action_that_a_deadlock_ended_runs_again(app: APIFlask, make: Make) -> None:
    make.series("first")
    make.series("second")
    both_hold_one, attempts = threading.Barrier(2), Counter[str]()

    @action
    def rename(slugs: tuple[str, str]) -> None:
        attempts["-".join(slugs)] += 1
        for slug in slugs:
            db.session.execute(update(Series).where(Series.slug == slug).values(title=f"Renamed {'-'.join(slugs)}"))
            if slug == slugs[0] and attempts["-".join(slugs)] == 1:
                both_hold_one.wait(30)

    def run(slugs: tuple[str, str]) -> None:
        with app.app_context():
            rename(slugs)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(run, [("first", "second"), ("second", "first")]))
    assert sum(attempts.values()) >= 3, "There was no deadlock"
    assert len(set(db.session.scalars(select(Series.title)))) == 1
