"""Many people vote at the same moment, in two processes: each is counted once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient

from lms.app import create_app
from lms.core.base.errors import Refused
from lms.core.base.roles import SYSTEM, Actor
from lms.core.database.group_commit import close_groups
from lms.core.database.session import db
from lms.core.time import clock
from lms.discussion import actions, polls
from lms.discussion.queries import count_questions
from tests.discussion.test_questions import Hall
from tests.factories import Make

PEOPLE, AT_ONCE = 24, 16
Press = Callable[[int], bool]


class Crowd(Hall):
    """A lecture with a question, an open poll and many people, and two applications as two web processes have them."""

    def __init__(self, client: FlaskClient, make: Make, other: APIFlask) -> None:
        super().__init__(client, make)
        self.apps = [make.app, other]
        people = [self.person(f"Person {number}") for number in range(PEOPLE)]
        self.actors: list[Actor] = [make.actor(person) for person in people]
        self.question = self.ask(self.ada)
        with make.app.app_context():
            now = clock.now()
            self.poll = polls.make_poll(self.id, "How?", ("A", "B"), is_several=False, by=self.staff, at=now)
            polls.change_poll(self.id, self.poll, "open", by=self.staff, at=now)

    def all_press(self, press: Callable[[Actor, int], None]) -> list[bool]:
        """Everybody presses twice, in either application; returns which were accepted, in turns of all people."""

        def work(number: int) -> bool:
            turn, place = divmod(number, PEOPLE)
            with self.apps[(turn + place) % 2].app_context():
                try:
                    press(self.actors[place], turn)
                except Refused:
                    return False
                finally:
                    db.session.remove()
                return True

        with ThreadPoolExecutor(AT_ONCE) as pool:
            return list(pool.map(work, range(2 * PEOPLE)))


@pytest.fixture
def crowd(client: FlaskClient, make: Make) -> Iterator[Crowd]:
    other = create_app(make.app.extensions["lms.config"])
    yield Crowd(client, make, other)
    for app in (make.app, other):
        close_groups(app)
    with other.app_context():
        db.engine.dispose()


@pytest.mark.databases(differs=True)
def test_votes_of_many_at_once_are_counted_once_each(crowd: Crowd) -> None:
    def vote(by: Actor, _turn: int) -> None:
        assert by.person_id is not None
        actions.vote_for(crowd.id, crowd.question, person_id=by.person_id, by=by, at=clock.now())

    assert all(crowd.all_press(vote))
    with crowd.make.app.app_context():
        assert count_questions(crowd.id).votes == PEOPLE


@pytest.mark.databases(differs=True)
def test_of_two_answers_at_once_one_is_kept_and_both_are_accepted(crowd: Crowd) -> None:
    def answer(by: Actor, turn: int) -> None:
        assert by.person_id is not None
        polls.answer_poll(crowd.id, crowd.poll, [turn], person_id=by.person_id, by=by, at=clock.now())

    assert all(crowd.all_press(answer))
    with crowd.make.app.app_context():
        view = polls.get_poll(crowd.id, crowd.poll, by=SYSTEM, at=clock.now())
    assert view.votes is not None
    assert (view.answers, sum(view.votes)) == (PEOPLE, PEOPLE)
