"""Who has seen the right answers of a check begins it no more, whatever its rules become."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from random import Random
from typing import Any

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient
from sqlalchemy import select

from lms.catalogue.queries.policies import current_policy
from lms.certificates.queries.conditions import can_pass_checks, conditions_of, remaining_of
from lms.checks import rules
from lms.checks.actions.attempts import begin_attempt, save_answers, submit_attempt, submit_overdue
from lms.checks.actions.bank import save_question
from lms.checks.actions.checks import publish_check, save_check
from lms.checks.models import QuestionKind
from lms.checks.queries.checks import attempts_of, get_check, own_checks
from lms.checks.queries.results import count_who_saw_answers
from lms.checks.rules import CheckInput
from lms.core.base.errors import Refused
from lms.core.base.roles import Actor
from lms.core.database.session import db, read_column
from lms.people.actions.merging import merge_people, undo_merge
from lms.people.models import Person
from tests.attendance.scene import Scene
from tests.checks.conftest import NOW, Sittings
from tests.checks.test_certificates import POLICY
from tests.factories import Make
from tests.properties import seeds

HOUR = timedelta(hours=1)


def change(sittings: Sittings, check_id: int, **values: Any) -> None:
    at = values.pop("at", NOW)
    typed = CheckInput("Data protection", items=sittings.bank, **values)
    save_check(sittings.slug, check_id, typed, by=sittings.by, at=at)


def test_who_has_passed_does_not_improve_the_result_by_the_answers(sittings: Sittings) -> None:
    check_id = sittings.check(attempts=None)
    assert sittings.take(check_id, sittings.ada, right=6).passed
    with pytest.raises(Refused, match="been shown the right answers"):
        sittings.begin(check_id, sittings.ada)
    hidden = sittings.check(attempts=None, shows_answers=False)
    assert sittings.take(hidden, sittings.ada, right=6).percent == 85.7
    assert sittings.take(hidden, sittings.ada).percent == 100.0, "nothing was shown"


def test_nothing_is_shown_while_the_last_attempt_is_open(sittings: Sittings) -> None:
    check_id = sittings.check(attempts=2)
    sittings.take(check_id, sittings.ada, right=0)
    last = sittings.begin(check_id, sittings.ada)
    check, person_id = get_check(sittings.series, check_id, by=sittings.by), sittings.ada.person_id or 0

    def shown() -> bool:
        return rules.shows_answers(check, attempts_of([check_id], person_id)[check_id], NOW)

    assert not shown(), "the first attempt would tell what to answer in the last"
    submit_attempt(last, by=sittings.ada, at=NOW)
    assert shown()


@pytest.mark.parametrize("first", [{"attempts": 1}, {"attempts": 5, "closes_at": NOW + HOUR}])
def test_more_attempts_and_a_later_end_are_not_for_who_saw_the_answers(
    sittings: Sittings, first: dict[str, Any]
) -> None:
    check_id, later = sittings.check(**first), NOW + 2 * HOUR
    sittings.take(check_id, sittings.ada, right=0)
    series = sittings.series
    change(sittings, check_id, attempts=9, at=later)
    with pytest.raises(Refused, match="been shown the right answers"):
        sittings.begin(check_id, sittings.ada, at=later)
    assert sittings.take(check_id, sittings.ben, right=0, at=later).number == 1, "he had no attempt that showed any"
    check = get_check(series, check_id, by=sittings.by)
    assert count_who_saw_answers(series, check, by=sittings.by, at=later) == 1
    change(sittings, check_id, attempts=9, shows_answers=False, at=later)
    with pytest.raises(Refused, match="been shown the right answers"):
        sittings.begin(check_id, sittings.ada, at=later)


def test_an_attempt_that_was_over_is_not_opened_again_by_a_later_end(sittings: Sittings) -> None:
    check_id = sittings.check(attempts=3, closes_at=NOW + HOUR)
    public_id = sittings.begin(check_id, sittings.ada)
    change(sittings, check_id, attempts=3, at=NOW + 2 * HOUR)
    assert not save_answers(public_id, {}, by=sittings.ada, at=NOW + 2 * HOUR)
    with pytest.raises(Refused, match="been shown the right answers"):
        sittings.begin(check_id, sittings.ada, at=NOW + 2 * HOUR)


def test_two_who_were_taken_for_one_saw_the_answers_together(sittings: Sittings) -> None:
    check_id, admin = sittings.check(attempts=2), sittings.make.administrator()
    for person in (sittings.ada, sittings.ben):
        sittings.take(check_id, person, right=0)
    merge_people(sittings.ada.public_id, sittings.ben.public_id, reason="the same", by=admin, at=NOW)
    undo_merge(sittings.ben.public_id, by=admin, at=NOW)
    for person in (sittings.ada, sittings.ben):
        with pytest.raises(Refused, match="been shown the right answers"):
            sittings.begin(check_id, person)


def test_pages_say_it_before_and_after(app: APIFlask, make: Make, client: FlaskClient) -> None:
    staff = app.test_client()
    with app.app_context():
        sittings = Sittings(make)
        ada = db.session.get_one(Person, sittings.ada.person_id)
        check_id = sittings.check(attempts=1)
        make.sign_in(client, ada)
        make.sign_in(staff, sittings.teacher)
        headers = make.headers(ada)
    page = f"/series/{sittings.slug}/checks/{check_id}"
    before = "the right answers are shown and you cannot take this check again."
    assert before in client.get(page).text
    assert "seen the right answers" not in staff.get(f"{page}/edit").text
    with app.app_context():
        sittings.take(check_id, sittings.ada, right=0)
        change(sittings, check_id, attempts=3)
    text = client.get(page).text
    assert "You have been shown the right answers" in text
    assert 'data-testid="begin"' not in text
    assert before not in text
    assert "1 person has seen the right answers and cannot begin again" in staff.get(f"{page}/edit").text
    assert client.get(f"/api/v1{page}", headers=headers).json["attempts_left"] == 0


class Taker:
    """What the model knows of a person: their attempts, each *open*, *passed* or *failed*, and whether they ever could
    see the answers."""

    def __init__(self, actor: Actor) -> None:
        self.actor, self.attempts, self.has_seen = actor, list[str](), False
        self.public_ids: list[str] = []


class History:
    """A check of one question that a certificate asks for, beside a model of it."""

    def __init__(self, make: Make, seed: int) -> None:
        self.random, self.now = Random(seed), NOW
        self.scene = Scene(make, policy=POLICY)
        self.slug = self.scene.series.slug
        self.takers = [Taker(make.actor(person)) for person in self.scene.people.values()]
        self.item = save_question(
            self.slug, None, QuestionKind.TRUE_FALSE, {"text": "So?", "is_true": True}, by=self.scene.by, at=NOW
        )
        self.rules: dict[str, Any] = {"attempts": 2, "shows_answers": True, "closes_at": None}
        self.check_id = self._save(None)
        publish_check(self.slug, self.check_id, by=self.scene.by, at=NOW)

    def _save(self, check_id: int | None) -> int:
        typed = CheckInput("Origin", items=[self.item], **self.rules)
        return save_check(self.slug, check_id, typed, by=self.scene.by, at=self.now)

    @property
    def is_closed(self) -> bool:
        return self.rules["closes_at"] is not None and self.rules["closes_at"] <= self.now

    def is_used(self, taker: Taker) -> bool:
        return self.rules["attempts"] is not None and len(taker.attempts) >= self.rules["attempts"]

    def sees(self, taker: Taker) -> bool:
        if not self.rules["shows_answers"] or not taker.attempts or "open" in taker.attempts:
            return False
        return "passed" in taker.attempts or self.is_used(taker) or self.is_closed or taker.has_seen

    def look(self) -> None:
        """Everybody looks at what is shown to them."""
        for taker in self.takers:
            if self.is_closed:
                taker.attempts = ["failed" if state == "open" else state for state in taker.attempts]
            taker.has_seen = taker.has_seen or self.sees(taker)

    def step(self) -> str:
        name = self.random.choice(["begin"] * 4 + ["hand_in"] * 4 + ["wait", "change", "change", "change_late"])
        self.look()
        getattr(self, name)(self.random.choice(self.takers))
        self.look()
        submit_overdue(at=self.now)
        return name

    def may_begin(self, taker: Taker) -> bool:
        return not (self.is_closed or self.is_used(taker) or taker.has_seen)

    def begin(self, taker: Taker) -> None:
        is_on = "open" in taker.attempts and not self.is_closed
        try:
            public_id, is_new = begin_attempt(self.slug, self.check_id, by=taker.actor, at=self.now)
        except Refused:
            assert not is_on
            assert not self.may_begin(taker)
            return
        assert is_new != is_on
        assert is_on or self.may_begin(taker)
        if is_new:
            taker.attempts.append("open")
            taker.public_ids.append(public_id)

    def hand_in(self, taker: Taker) -> None:
        if "open" in taker.attempts:
            is_right = self.random.random() < 0.4
            public_id = taker.public_ids[-1]
            assert save_answers(public_id, {str(self.item): is_right}, by=taker.actor, at=self.now)
            submit_attempt(public_id, by=taker.actor, at=self.now)
            taker.attempts[-1] = "passed" if is_right else "failed"

    def wait(self, _taker: Taker) -> None:
        self.now += HOUR

    def change(self, _taker: Taker) -> None:
        name, value = self.random.choice(
            [("attempts", self.random.choice([1, 2, 3, 5, None])), ("shows_answers", self.random.random() < 0.7),
             ("closes_at", self.random.choice([None, None, self.now + HOUR / 2]))]
        )  # fmt: skip
        self.rules[name] = value
        self._save(self.check_id)

    def change_late(self, taker: Taker) -> None:
        """The rules change when the end has passed, before the worker has handed in what was open."""
        self.now += HOUR
        self.look()
        self.change(taker)

    def compare(self, steps: Sequence[str]) -> None:
        check = get_check(self.scene.series, self.check_id, by=self.scene.by)
        required = conditions_of([current_policy(self.scene.series.id)])[self.scene.series.id]
        people = [taker.actor.person_id or 0 for taker in self.takers]
        remaining = remaining_of(required, people, at=self.now)
        can = can_pass_checks(required, Person.id, at=self.now)
        passable = set(read_column(select(Person.id).where(Person.id.in_(people), can)))
        seen = count_who_saw_answers(self.scene.series, check, by=self.scene.by, at=self.now)
        assert seen == sum(taker.has_seen for taker in self.takers), steps
        for taker, person_id in zip(self.takers, people, strict=True):
            (own,) = own_checks([check], person_id, at=self.now)
            is_open, may = "open" in taker.attempts, self.may_begin(taker)
            unused = None if check.attempts is None else max(0, check.attempts - len(taker.attempts))
            assert own.left == (0 if taker.has_seen else unused), steps
            assert own.can_begin == (is_open or may), steps
            assert rules.shows_answers(check, own.attempts, self.now) == (
                self.sees(taker) or (not taker.attempts and check.shows_answers and self.is_closed)
            ), steps
            checks = remaining[person_id].checks
            if "passed" in taker.attempts:
                assert checks == (), steps
            else:
                assert [row.is_possible for row in checks] == [is_open or may], steps
            assert (person_id in passable) == ("passed" in taker.attempts or is_open or may), steps


@pytest.mark.parametrize("seed", seeds(8))
@pytest.mark.databases
def test_no_history_lets_anybody_begin_who_saw_the_answers(make: Make, context: None, seed: int) -> None:
    history, steps = History(make, seed), list[str]()
    for _number in range(60):
        steps.append(history.step())
        history.compare(steps)
    assert {"begin", "change", "change_late"} <= set(steps)
