"""Questions, votes and raised hands: who may do what, what others see, and the limits."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select, update

from lms.catalogue.models import Lecture, LectureState
from lms.core.base.errors import Forbidden, Invalid, NotFound, Refused
from lms.core.database import audit
from lms.core.database.session import action, db
from lms.core.time import clock
from lms.discussion import actions, rules
from lms.discussion.models import LectureQuestion, QuestionState, QuestionVote, RaisedHand
from lms.discussion.queries import QuestionView, get_question, list_questions
from lms.discussion.rules import position_seconds
from lms.people.actions.merging import merge_people
from lms.people.actions.privacy import erase_person
from lms.people.models import Person
from lms.streaming.addresses import media_address
from lms.streaming.queries import ReplayPart
from lms.web.request.limits import limiter
from tests.factories import Make
from tests.forms import token_in

HIDE = "An advertisement"


class Hall:
    """A live lecture with two participants and an instructor."""

    def __init__(self, client: FlaskClient, make: Make) -> None:
        self.client, self.make = client, make
        self.teacher = make.person("Lin Yuhan", roles=["instructor"])
        self.series = make.series(instructors=[self.teacher])
        self.ada, self.grace = self.person("Ada"), self.person("Grace", email="grace@x.example")
        began = clock.now() - timedelta(minutes=30)
        self.lecture = make.lecture(self.series, state="live", starts_at=began, actual_start=began)
        self.staff = make.actor(self.teacher)
        self.id = self.lecture.id

    def person(self, name: str, **more: Any) -> Person:
        person = self.make.person(name, **more)
        self.make.enrolment(self.series, person)
        return person

    def ask(self, person: Person, text: str = "Why?", *, is_anonymous: bool = False) -> int:
        by = self.make.actor(person)
        with self.make.app.app_context():
            return actions.ask_question(
                self.id, text, is_anonymous=is_anonymous, person_id=person.id, by=by, at=clock.now()
            )

    def vote(self, person: Person, question_id: int) -> None:
        with self.make.app.app_context():
            by = self.make.actor(person)
            actions.vote_for(self.id, question_id, person_id=person.id, by=by, at=clock.now())

    def change(self, question_id: int, **values: Any) -> None:
        with self.make.app.app_context():
            actions.change_question(self.id, question_id, **values, by=self.staff, at=clock.now())

    def listed(self, person: Person) -> list[QuestionView]:
        with self.make.app.app_context():
            return list_questions(self.id, by=self.make.actor(person), at=clock.now()).items

    def snapshot(self) -> dict[str, Any]:
        with self.make.app.app_context():
            address = media_address(self.id, at=clock.now())
        return dict(self.client.get(f"{address}snapshot.json").json["discussion"])

    def set_state(self, state: LectureState) -> None:
        @action
        def write() -> None:
            values = {"state": state, "actual_end": clock.now() if state is LectureState.HELD else None}
            db.session.execute(update(Lecture).where(Lecture.id == self.id).values(**values))

        with self.make.app.app_context():
            write()


@pytest.fixture
def hall(client: FlaskClient, make: Make, monkeypatch: pytest.MonkeyPatch) -> Hall:
    monkeypatch.setattr("lms.discussion.queries.STANDS_MS", 0)
    return Hall(client, make)


def test_questions_travel_in_the_snapshot_the_most_votes_first(hall: Hall) -> None:
    first, second = hall.ask(hall.ada, "What is a wallet?"), hall.ask(hall.grace, "هل تُحتسب الرسوم؟", is_anonymous=True)
    hall.vote(hall.ada, second)
    hall.vote(hall.ada, second)  # a person votes once
    hall.vote(hall.person("Linus"), second)
    shared = hall.snapshot()
    assert [(one["id"], one["by"], one["votes"]) for one in shared["questions"]] == [
        (second, None, 2),
        (first, "Ada", 0),
    ]
    assert (shared["open"], shared["asking"], shared["anonymous"]) == (2, True, True)
    assert "Grace" not in str(shared)
    assert [view.name for view in hall.listed(hall.ada)] == [None, "Ada"]
    assert [view.name for view in hall.listed(hall.teacher)] == ["Grace", "Ada"]


def test_a_hidden_question_travels_nowhere_and_its_hiding_is_in_the_audit(hall: Hall) -> None:
    question = hall.ask(hall.ada, "Cheap SIM cards, call me")
    with pytest.raises(Invalid, match="Say why"):
        hall.change(question, state=QuestionState.HIDDEN)
    hall.change(question, state=QuestionState.HIDDEN, reason=HIDE)
    assert hall.snapshot()["questions"] == []
    assert hall.listed(hall.ada) == []
    with pytest.raises(NotFound):
        hall.vote(hall.grace, question)
    with hall.make.app.app_context():
        with pytest.raises(NotFound):
            get_question(hall.id, question, by=hall.make.actor(hall.ada), at=clock.now())
        entry = audit.list_entries("lecture", hall.id)[0]
        assert (entry.verb, entry.detail) == ("hide_question", {"question": question, "reason": HIDE})
    hall.make.sign_in(hall.client, hall.ada)
    for path in ("room", "questions"):
        page = hall.client.get(f"/lectures/{hall.id}/{path}").text
        assert "Cheap SIM" not in page
        assert HIDE not in page


def test_answering_ends_the_answer_before_and_answered_questions_take_no_votes(hall: Hall) -> None:
    first, second = hall.ask(hall.ada), hall.ask(hall.ada, "And then?")
    with hall.make.app.app_context():
        actions.take_question(hall.id, first, by=hall.staff, at=clock.now())
    assert hall.snapshot()["questions"][0]["answering"]
    with hall.make.app.app_context():
        actions.take_question(hall.id, second, by=hall.staff, at=clock.now())
    states = {one["id"]: (one["state"], one["answering"]) for one in hall.snapshot()["questions"]}
    assert states == {first: ("answered", False), second: ("open", True)}
    with pytest.raises(Refused, match="answered"):
        hall.vote(hall.grace, first)
    hall.change(second, answer="By bank transfer.")
    assert {one["answer"] for one in hall.snapshot()["questions"]} == {"", "By bank transfer."}


def test_merged_questions_have_the_votes_of_both_people_once(hall: Hall) -> None:
    first, second = hall.ask(hall.ada, "Which rail?"), hall.ask(hall.grace, "What rail?")
    linus = hall.person("Linus")
    hall.vote(linus, first)
    hall.vote(linus, second)
    hall.vote(hall.ada, second)
    with hall.make.app.app_context():
        with pytest.raises(Invalid):
            actions.merge_questions(hall.id, first, first, by=hall.staff, at=clock.now())
        actions.merge_questions(hall.id, second, first, by=hall.staff, at=clock.now())
    assert [(one["id"], one["votes"]) for one in hall.snapshot()["questions"]] == [(first, 2)]
    with pytest.raises(NotFound):
        hall.vote(hall.person("Edsger"), second)


def test_nobody_votes_for_their_own_question(hall: Hall) -> None:
    twin = hall.person("Ada L.")
    own, of_twin, other = hall.ask(hall.ada), hall.ask(twin), hall.ask(hall.grace)
    with hall.make.app.app_context():
        by = hall.make.administrator()
        merge_people(hall.ada.public_id, twin.public_id, reason="twice", is_confirmed=True, by=by, at=clock.now())
    for question in (own, of_twin):
        with pytest.raises(Refused, match="your own question"):
            hall.vote(hall.ada, question)
    hall.vote(hall.ada, other)
    hall.make.sign_in(hall.client, hall.ada)
    for page in ("room", "questions"):
        text = hall.client.get(f"/lectures/{hall.id}/{page}").text
        buttons = re.findall(r'aria-describedby="talk-asked-(\d+)"', text)
        assert buttons == [str(other)], page
    path = f"/api/v1/lectures/{hall.id}/questions/{own}/vote"
    refused = hall.client.post(path, json={}, headers=hall.make.headers(hall.ada))
    assert (refused.status_code, refused.json["detail"]) == (409, "You cannot vote for your own question.")


def test_only_the_enrolled_take_part_and_only_while_the_room_is_open(hall: Hall, make: Make) -> None:
    stranger = make.person("Stranger")
    with pytest.raises(Forbidden):
        hall.ask(stranger)
    with pytest.raises(Forbidden):
        hall.listed(stranger)
    question = hall.ask(hall.ada)
    with hall.make.app.app_context(), pytest.raises(Forbidden):
        actions.change_question(
            hall.id, question, state=QuestionState.ANSWERED, by=make.actor(hall.grace), at=clock.now()
        )
    hall.set_state(LectureState.HELD)
    with pytest.raises(Refused, match="over"):
        hall.ask(hall.ada)
    with pytest.raises(Refused, match="over"):
        hall.vote(hall.grace, question)
    assert len(hall.listed(hall.grace)) == 1


def test_limits_of_questions(hall: Hall, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Invalid, match="at most 500"):
        hall.ask(hall.ada, "x" * 10_000)
    with pytest.raises(Invalid, match="Enter your question"):
        hall.ask(hall.ada, " \u200b ")
    for _number in range(rules.MOST_OPEN_OF_PERSON):
        hall.ask(hall.ada)
    with pytest.raises(Refused, match="You have 20 open questions"):
        hall.ask(hall.ada)
    monkeypatch.setattr(actions, "MOST_OPEN", 20)
    with pytest.raises(Refused, match="There are 20 open questions"):
        hall.ask(hall.grace)


def test_markup_is_shown_as_it_was_typed(hall: Hall) -> None:
    hall.ask(hall.ada, "<script>alert(1)</script>")
    hall.make.sign_in(hall.client, hall.grace)
    page = hall.client.get(f"/lectures/{hall.id}/questions").text
    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


def test_settings_of_the_instructor(hall: Hall) -> None:
    def decide(**values: bool) -> None:
        given = {"takes_questions": True, "allows_anonymous": True, "is_reviewed": False} | values
        with hall.make.app.app_context():
            actions.change_settings(hall.id, **given, by=hall.staff, at=clock.now())

    decide(allows_anonymous=False)
    with pytest.raises(Invalid, match="with your name"):
        hall.ask(hall.ada, is_anonymous=True)
    decide(is_reviewed=True)
    question = hall.ask(hall.ada)
    assert hall.snapshot()["questions"] == []
    assert [view.question.id for view in hall.listed(hall.ada)] == [question]
    assert hall.listed(hall.grace) == []
    hall.change(question, state=QuestionState.OPEN)
    assert [view.question.id for view in hall.listed(hall.grace)] == [question]
    decide(takes_questions=False)
    with pytest.raises(Refused, match="No questions are taken"):
        hall.ask(hall.ada)


def test_hands_are_seen_by_name_in_the_queue_alone_and_lowered_by_either_side(hall: Hall) -> None:
    ada = hall.make.actor(hall.ada)
    with hall.make.app.app_context():
        hand = actions.raise_hand(hall.id, person_id=hall.ada.id, by=ada, at=clock.now())
        assert actions.raise_hand(hall.id, person_id=hall.ada.id, by=ada, at=clock.now()) == hand
    shared = hall.snapshot()
    assert shared["hands"] == [hand]
    assert "Ada" not in str(shared)
    teacher = hall.make.app.test_client()
    hall.make.sign_in(teacher, hall.teacher)
    assert "<bdi>Ada</bdi>" in teacher.get(f"/lectures/{hall.id}/questions/queue").text
    with hall.make.app.app_context():
        actions.lower_hand_of(hall.id, hand, by=hall.staff, at=clock.now())
    assert hall.snapshot()["hands"] == []
    with hall.make.app.app_context():
        actions.raise_hand(hall.id, person_id=hall.ada.id, by=ada, at=clock.now())
        actions.lower_hand(hall.id, person_id=hall.ada.id, by=ada, at=clock.now())
    assert hall.snapshot()["hands"] == []


def test_merged_and_erased_people(hall: Hall) -> None:
    twin = hall.person("Ada L.")
    question = hall.ask(hall.grace, "I am Grace of Nairobi: why?")
    hall.vote(hall.ada, question)
    hall.vote(twin, question)
    administrator = hall.make.administrator()
    with hall.make.app.app_context():
        merge_people(
            hall.ada.public_id, twin.public_id, reason="twice", is_confirmed=True, by=administrator, at=clock.now()
        )
    assert hall.snapshot()["questions"][0]["votes"] == 1
    with hall.make.app.app_context():
        erase_person(
            hall.grace.public_id,
            confirmation="grace@x.example",
            withdraw_certificates=False,
            by=administrator,
            at=clock.now(),
        )
        assert "Nairobi" not in str(db.session.scalars(select(LectureQuestion.text)).all())
    assert hall.snapshot()["questions"] == []


def test_of_two_hands_of_merged_people_one_stays_up(hall: Hall) -> None:
    twin, administrator = hall.person("Ada L."), hall.make.administrator()
    ada = hall.make.actor(hall.ada)
    with hall.make.app.app_context():
        hand = actions.raise_hand(hall.id, person_id=hall.ada.id, by=ada, at=clock.now())
        actions.raise_hand(hall.id, person_id=twin.id, by=hall.make.actor(twin), at=clock.now())
        merge_people(
            hall.ada.public_id, twin.public_id, reason="twice", is_confirmed=True, by=administrator, at=clock.now()
        )
        assert list(db.session.scalars(select(RaisedHand.public_id))) == [hand]
    with hall.make.app.app_context():
        actions.lower_hand(hall.id, person_id=hall.ada.id, by=ada, at=clock.now())
        assert list(db.session.scalars(select(RaisedHand.public_id))) == []


def test_a_merged_person_whose_hand_is_up_does_not_raise_another(hall: Hall) -> None:
    twin, administrator = hall.person("Ada L."), hall.make.administrator()
    with hall.make.app.app_context():
        hand = actions.raise_hand(hall.id, person_id=twin.id, by=hall.make.actor(twin), at=clock.now())
        merge_people(
            hall.ada.public_id, twin.public_id, reason="twice", is_confirmed=True, by=administrator, at=clock.now()
        )
        by = hall.make.actor(hall.ada)
        assert actions.raise_hand(hall.id, person_id=hall.ada.id, by=by, at=clock.now()) == hand


def test_the_moment_of_an_answer_in_the_replay() -> None:
    began = clock.from_ms(1_000_000)
    parts = [ReplayPart(0, 1_000_000, 60_000), ReplayPart(60_000, 1_200_000, 30_000)]
    seconds = [position_seconds(parts, began + timedelta(seconds=second)) for second in (-1, 0, 42.7, 90, 205, 400)]
    assert seconds == [None, 0, 42, 60, 65, None]


def test_without_javascript_one_asks_and_votes_on_a_page(hall: Hall) -> None:
    hall.make.sign_in(hall.client, hall.ada)
    path = f"/lectures/{hall.id}/questions"
    token = token_in(hall.client.get(path).text)
    long = hall.client.post(path, data={"csrf_token": token, "text": "x" * 501})
    assert long.status_code == 422
    assert "x" * 501 in long.text
    assert hall.client.post(path, data={"csrf_token": token, "text": "Why?", "next": path}).headers["Location"] == path
    question = hall.ask(hall.grace)
    assert hall.client.post(f"{path}/{question}/vote", data={"csrf_token": token}).status_code == 303
    assert [view.votes for view in hall.listed(hall.ada)] == [1, 0]


def test_the_file_names_nobody_who_asked_without_the_name(hall: Hall) -> None:
    hall.ask(hall.ada, "=1+1")
    hall.ask(hall.grace, "Why?", is_anonymous=True)
    hall.make.sign_in(hall.client, hall.teacher)
    answer = hall.client.get(f"/lectures/{hall.id}/questions.csv")
    assert answer.status_code == 200
    assert "'=1+1,Ada," in answer.text
    assert "Grace" not in answer.text


def test_the_api(hall: Hall) -> None:
    path = f"/api/v1/lectures/{hall.id}/questions"
    ada, grace, teacher = (hall.make.headers(person) for person in (hall.ada, hall.grace, hall.teacher))
    asked = hall.client.post(path, json={"text": "Why?", "anonymous": True}, headers=grace)
    assert (asked.status_code, asked.json["state"], asked.json["mine"], asked.json["by"]) == (201, "open", True, None)
    voted = hall.client.post(f"{path}/{asked.json['id']}/vote", json={}, headers=ada)
    assert (voted.status_code, voted.json["votes"], voted.json["voted"]) == (200, 1, True)
    assert hall.client.get(path, headers=teacher).json["items"][0]["by"] == "Grace"
    one = f"{path}/{asked.json['id']}"
    assert hall.client.patch(one, json={"state": "hidden"}, headers=teacher).status_code == 422
    answered = hall.client.patch(one, json={"state": "answered"}, headers=teacher)
    assert (answered.json["state"], answered.json["at_seconds"]) == ("answered", None)
    assert hall.client.patch(one, json={"state": "open"}, headers=ada).status_code == 403
    assert hall.client.post(path, json={"text": "x", "email": "a@x.example"}, headers=ada).status_code == 403


def test_more_than_six_questions_a_minute_wait(hall: Hall) -> None:
    path, ada = f"/api/v1/lectures/{hall.id}/questions", hall.make.headers(hall.ada)
    limiter.enabled = True
    limiter.reset()
    try:
        codes = [hall.client.post(path, json={"text": "Why?"}, headers=ada).status_code for _number in range(7)]
    finally:
        limiter.enabled = False
    assert codes == [201] * 6 + [429]


@pytest.mark.databases
def test_votes_of_a_group_are_counted_once_each(hall: Hall) -> None:
    question = hall.ask(hall.ada)
    with hall.make.app.app_context():

        @action
        def write() -> list[QuestionState | None]:
            votes = [
                actions.Vote(hall.id, of, who.id) for who in (hall.ada, hall.grace, hall.ada) for of in (question, 99)
            ]
            return actions.write_votes(db.session.connection(), votes)

        assert write() == [QuestionState.OPEN, None] * 3
        assert db.session.scalar(select(func.count()).select_from(QuestionVote)) == 2


def test_every_form_answers_in_the_language_of_its_page(hall: Hall) -> None:
    hall.ask(hall.ada)
    for person in (hall.grace, hall.teacher):
        hall.make.sign_in(hall.client, person)
        for page in ("questions", "room"):
            text = hall.client.get(f"/lectures/{hall.id}/{page}?lang=ar").text
            addresses = re.findall(rf'action="(/lectures/{hall.id}/(?:question|poll|hand)[^"]*)"', text)
            assert addresses, page
            assert [one for one in addresses if not one.endswith("?lang=ar")] == []
