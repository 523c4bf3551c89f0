"""Facts that are kept between questions are never older than what they are read from."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from apiflask import APIFlask
from sqlalchemy import update

from lms.core.base.roles import SYSTEM
from lms.core.database.session import action, db
from lms.enrolment.models import Enrolment
from lms.people.models import Country, Person
from lms.reports.queries import facts
from lms.reports.queries.figures import count
from lms.reports.rules import Slice
from tests.reports.world import World

NOON = datetime(2024, 5, 6, 4, 0, tzinfo=UTC)
pytestmark = pytest.mark.databases


def registrations() -> int:
    return count(Slice(), (), by=SYSTEM, at=NOON).totals.registrations


def elsewhere(app: APIFlask, work: Callable[[], None]) -> None:
    """Does something in another session, and waits for its commit."""

    def run() -> None:
        with app.app_context():
            work()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()


@pytest.mark.databases(differs=True)
def test_what_another_session_commits_meanwhile_is_counted_by_the_next_question(app: APIFlask, world: World) -> None:
    series = world.series("one")
    people = [world.person("KE") for _n in range(2)]
    world.enrol(series, people[0], at=NOON)
    with app.app_context():
        db.session.get(Person, people[0])  # a reading transaction has begun
        elsewhere(app, lambda: world.enrol(series, people[1], at=NOON))
        assert registrations() in {1, 2}
        db.session.rollback()
        assert registrations() == 2


def test_the_same_question_again_asks_for_no_lectures(
    app: APIFlask, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.enrol(world.series("one"), world.person("KE"), at=NOON)
    statements: list[str] = []
    real = facts.held_lectures
    monkeypatch.setattr(facts, "held_lectures", lambda scope: (statements.append("lectures"), real(scope))[1])
    with app.app_context():
        assert [registrations(), registrations()] == [1, 1]
        assert len(statements) == 1
        db.session.rollback()
        elsewhere(app, _rename)
        assert registrations() == 1
        assert len(statements) == 2


@action
def _rename() -> None:
    db.session.execute(update(Country).where(Country.code == "KE").values(numeric="404"))


def test_what_this_transaction_wrote_is_counted_in_it_and_forgotten_with_it(app: APIFlask, world: World) -> None:
    series = world.series("one")
    world.enrol(series, world.person("KE"), at=NOON)

    @action
    def within() -> int:
        db.session.execute(update(Enrolment).values(registered_at=datetime(2030, 1, 1, tzinfo=UTC)))
        return count(Slice(to_day=NOON.date()), (), by=SYSTEM, at=NOON).totals.registrations

    with app.app_context():
        assert count(Slice(to_day=NOON.date()), (), by=SYSTEM, at=NOON).totals.registrations == 1
        try:
            with pytest.raises(RuntimeError):
                _undone(within)
        finally:
            db.session.rollback()
        assert count(Slice(to_day=NOON.date()), (), by=SYSTEM, at=NOON).totals.registrations == 1


@action
def _undone(work: Callable[[], int]) -> None:
    work()
    raise RuntimeError
