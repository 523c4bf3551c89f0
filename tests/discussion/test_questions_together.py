"""Questions beside other rules: rates, ended sessions, erased and moved people, and who reads at the same moment."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from lms.config import Config
from lms.core.database.cache_versions import memory
from lms.core.database.session import action, db
from lms.core.time import clock
from lms.discussion import actions
from lms.discussion.models import LectureQuestion
from lms.discussion.queries import count_questions, get_queue, get_shared
from lms.people.actions.persons import set_country
from lms.people.actions.privacy import erase_person
from lms.people.models import Country
from lms.web.request.limits import limiter
from tests.discussion.test_questions import Hall
from tests.factories import Make
from tests.forms import token_in


@pytest.fixture
def hall(client: FlaskClient, make: Make) -> Hall:
    return Hall(client, make)


def test_in_a_demonstration_a_person_asks_six_a_minute_and_an_administrator_for_all(
    hall: Hall, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Config, "is_demonstration", property(lambda _config: True))
    path, ada = f"/api/v1/lectures/{hall.id}/questions", hall.make.headers(hall.ada)
    admin = hall.make.headers(hall.make.person("Root", roles=["administrator"]))
    limiter.enabled = True
    limiter.reset()
    try:
        codes = [hall.client.post(path, json={"text": "Why?"}, headers=ada).status_code for _number in range(7)]
        sent = {"text": "Why?", "email": "grace@x.example"}
        for_others = [hall.client.post(path, json=sent, headers=admin).status_code for _number in range(14)]
    finally:
        limiter.enabled = False
    assert codes == [201] * 6 + [429]
    assert for_others == [201] * 14


def test_a_room_whose_token_has_ended_says_so_to_its_script(hall: Hall) -> None:
    hall.make.sign_in(hall.client, hall.ada)
    path = f"/lectures/{hall.id}/questions"
    sent = {"data": {"text": "Why?"}, "headers": {"Accept": "application/json", "X-CSRFToken": "of-another-session"}}
    answer = hall.client.post(path, **sent)
    assert (answer.status_code, answer.json["expired"]) == (400, True)
    assert answer.json["detail"] == "This page has expired. Open it again; what you wrote is kept."
    assert hall.listed(hall.grace) == []


@pytest.mark.databases
def test_what_others_asked_outlives_the_question_that_it_was_merged_into(hall: Hall) -> None:
    first, second, third = hall.ask(hall.grace, "Why so?"), hall.ask(hall.ada, "Why?"), hall.ask(hall.ada, "How?")
    with hall.make.app.app_context():
        for merged in (second, third):
            actions.merge_questions(hall.id, merged, first, by=hall.staff, at=clock.now())
        hall.vote(hall.ada, first)
        actions.take_question(hall.id, first, by=hall.staff, at=clock.now())
        taken = db.session.get_one(LectureQuestion, first).taken_at
        counts, admin = count_questions(hall.id), hall.make.administrator()
        erase_person(
            hall.grace.public_id, confirmation="grace@x.example", withdraw_certificates=False, by=admin, at=clock.now()
        )
    (view,) = hall.listed(hall.ada)
    assert (view.question.id, view.question.text, view.votes, view.question.taken_at) == (second, "Why?", 1, taken)
    with hall.make.app.app_context():
        assert count_questions(hall.id) == counts
        left = db.session.get_one(LectureQuestion, first)
        assert (left.text, left.merged_into_id) == ("", second)


def test_who_reads_before_the_commit_does_not_keep_for_all_what_was(hall: Hall) -> None:
    with hall.make.app.app_context():
        get_shared(hall.id, at=clock.now())

        @action
        def ask_slowly() -> None:
            actions.ask_question(hall.id, "Why?", is_anonymous=False, person_id=hall.ada.id, by=ada, at=clock.now())
            memory("discussion")[hall.id] = clock.to_ms(clock.now()), before  # another thread has read meanwhile

        before, ada = get_shared(hall.id, at=clock.now()), hall.make.actor(hall.ada)
        ask_slowly()
        assert [view.question.text for view in get_shared(hall.id, at=clock.now()).shown] == ["Why?"]


def test_countries_in_the_queue_are_those_of_the_organisers_day(hall: Hall) -> None:
    """In the evening of Greenwich it is the next day in the zone of reports."""
    at = clock.now().replace(hour=20, minute=0)
    hall.ask(hall.ada)
    with hall.make.app.app_context():
        tomorrow = clock.day_of(at, clock.reporting_zone())
        assert tomorrow > at.date()
        brazil = db.session.scalars(select(Country.id).where(Country.code == "BR")).one()
        set_country(hall.ada.id, brazil, since=tomorrow, by=hall.staff, at=at)
        assert get_queue(hall.id, by=hall.staff, at=at).countries[hall.ada.id] == "BR"


@pytest.mark.parametrize("is_json", [True, False])
def test_a_page_and_the_room_take_six_a_minute_too(hall: Hall, is_json: bool) -> None:
    hall.make.sign_in(hall.client, hall.ada)
    path = f"/lectures/{hall.id}/questions"
    token = token_in(hall.client.get(path).text)
    headers = {"Accept": "application/json"} if is_json else {}
    limiter.enabled = True
    limiter.reset()
    try:
        codes = [
            hall.client.post(path, data={"csrf_token": token, "text": "Why?"}, headers=headers).status_code
            for _number in range(7)
        ]
    finally:
        limiter.enabled = False
    assert codes == [200 if is_json else 303] * 6 + [429]
