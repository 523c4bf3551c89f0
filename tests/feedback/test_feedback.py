"""Feedback after lectures: who answers, once and until when; results without names and small groups; the e-mail."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient
from itsdangerous import Signer
from sqlalchemy import select

from lms.attendance.models.credits import Credit, Outcome
from lms.attendance.models.evidence import Presence, Source
from lms.catalogue.models import Lecture, Policy
from lms.catalogue.queries.lectures import get_lecture
from lms.core.base.disclosure import shown_groups
from lms.core.base.errors import Forbidden, Invalid, NotFound, Refused
from lms.core.base.roles import SYSTEM
from lms.core.database.session import action, db
from lms.core.time import clock
from lms.feedback import actions
from lms.feedback.models import FeedbackAnswer
from lms.feedback.queries import counted_answers, form_of, form_of_series, outdated_mails
from lms.feedback.releases import release_due
from lms.feedback.results import results_of
from lms.feedback.rules import make_link, read_link
from lms.mail import rendering
from lms.mail.kinds import MailKind
from lms.mail.outbox import OutboxMail
from lms.people.actions.mails import stop_mails
from lms.people.actions.merging import merge_people, undo_merge
from lms.people.actions.privacy import erase_person
from lms.people.models import Person
from lms.questions.rules import dump
from tests.factories import Make
from tests.forms import token_in

pytestmark = pytest.mark.databases
START, LENGTH = timedelta(hours=3), timedelta(minutes=90)


class Held:
    """A lecture that ended an hour and a half ago, and people who attended it."""

    def __init__(self, app: APIFlask, make: Make, at: datetime) -> None:
        self.app, self.make, self.at = app, make, at
        self.instructor = make.person(roles=["instructor"])
        self.series = make.series(instructors=[self.instructor])
        with app.app_context():
            policy_id = db.session.scalars(select(Policy.id)).one()
        start = at - START
        self.lecture = make.lecture(
            self.series, state="held", starts_at=start, actual_start=start, policy_id=policy_id,
            actual_end=start + LENGTH,
        )  # fmt: skip
        self.policy_id = policy_id

    def attend(self, country: str = "KE", source: Source = Source.LIVE, **given: Any) -> Person:
        person = self.make.person(country=country, **given)
        self.make.enrolment(self.series, person)
        lecture_id, policy_id, at = self.lecture.id, self.policy_id, self.at

        @action
        def credit() -> None:
            db.session.add(
                Presence(lecture_id=lecture_id, person_id=person.id, source=source, evidence=f"p{person.id}",
                         joined_ms=clock.to_ms(at - START), left_ms=clock.to_ms(at - START + LENGTH))
            )  # fmt: skip
            db.session.add(
                Credit(lecture_id=lecture_id, person_id=person.id, outcome=Outcome.ATTENDED, present_ms=5_400_000,
                       percent_tenths=1000, source=source, policy_id=policy_id, computed_at=at)
            )  # fmt: skip

        with self.app.app_context():
            credit()
        return person

    def answer(self, person: Person, useful: int | None = 5, at: datetime | None = None, **more: Any) -> None:
        with self.app.app_context():
            actions.answer(self.lecture, person.id, {"useful": useful, **more}, by=SYSTEM, at=at or self.at)

    @property
    def subject(self) -> Lecture:
        """The lecture as it is in the running session."""
        return get_lecture(self.lecture.id, by=SYSTEM)

    def results(self, person: Person | None = None) -> Any:
        with self.app.app_context():
            release_due(at=self.at)
            by = self.make.actor(person or self.instructor)
            return results_of(get_lecture(self.lecture.id, by=by), by=by, at=self.at)


@pytest.fixture
def held(app: APIFlask, make: Make, at: datetime) -> Held:
    return Held(app, make, at)


@pytest.mark.databases(differs=True)
def test_a_person_answers_once_and_changes_it_for_14_days(app: APIFlask, held: Held) -> None:
    """The second time replaces the first; afterwards, and before the lecture was held, it is refused."""
    person = held.attend()
    held.answer(person, 2, best="All of it")
    held.answer(person, 4)
    with app.app_context():
        (row,) = db.session.scalars(select(FeedbackAnswer)).all()
        assert (row.rating, row.answers) == (4, {"useful": 4})
        with pytest.raises(Refused, match="14 days"):
            held.answer(person, 3, at=held.at + timedelta(days=14))
        planned = held.make.lecture(held.series)
        with pytest.raises(Refused, match="has been held"):
            actions.answer(planned, person.id, {"useful": 1}, by=SYSTEM, at=held.at)


def test_only_who_was_expected_answers_and_for_oneself(app: APIFlask, held: Held) -> None:
    """Nobody else learns more than that there is nothing; a question that has gone is told."""
    person, stranger = held.attend(), held.make.person()
    with pytest.raises(NotFound):
        held.answer(stranger)
    by = held.make.actor(stranger)
    with app.app_context(), pytest.raises(Forbidden):
        actions.answer(held.lecture, person.id, {"useful": 1}, by=by, at=held.at)
    with pytest.raises(Invalid, match="not any more"):
        held.answer(person, 5, at=held.at, gone="x")
    with pytest.raises(Invalid, match="Answer this question"):
        held.answer(person, None)


def test_an_answer_keeps_its_question(app: APIFlask, held: Held) -> None:
    """A changed form is a new version: results have both questions, and one key is not two questions."""
    people = [held.attend() for _n in range(10)]
    for person in people[:5]:
        held.answer(person, 5)
    by = held.make.actor(held.instructor)
    questions = [
        {"kind": "choice", "text": "Pace?", "options": ["Fast", "Right"]},
        {"kind": "rating", "text": "Clear?"},
    ]
    with app.app_context():
        actions.save_form(held.lecture.id, questions, by=by, at=held.at)
        keys = [question.key for question in form_of(db.session.get_one(Lecture, held.lecture.id)).questions]
        for person in people[5:]:
            actions.answer(held.lecture, person.id, {keys[0]: "Fast", keys[1]: 3}, by=SYSTEM, at=held.at)
    shown = held.results()
    found = {result.question.text: (result.answers, result.mean, dict(result.counts)) for result in shown.questions}
    assert found["Pace?"] == (5, None, {"Fast": 5})
    assert found["Clear?"] == (5, 3.0, {3: 5})
    assert found["How useful is this lecture for your work?"] == (5, 5.0, {5: 5})
    with app.app_context():
        actions.save_form(held.lecture.id, [], by=by, at=held.at)
        assert form_of(db.session.get_one(Lecture, held.lecture.id)).id is None


def test_a_form_of_200_questions_is_refused_and_others_cannot_write_one(app: APIFlask, held: Held) -> None:
    """By the instructor of another lecture."""
    with app.app_context(), pytest.raises(Invalid, match="at most 12"):
        actions.save_form(held.lecture.id, [{"kind": "text", "text": "?"}] * 200, by=SYSTEM, at=held.at)
    other = held.make.actor(roles=["instructor"])
    with app.app_context(), pytest.raises(Forbidden):
        actions.save_form(held.lecture.id, [], by=other, at=held.at)


def test_no_group_below_five_is_shown_nor_worked_out(held: Held) -> None:
    """Four answers show nothing, five do."""
    for _n in range(4):
        held.answer(held.attend(), 1)
    assert held.results().answers is None
    held.answer(held.attend("UG"), 5, best="Comment")
    shown = held.results()
    assert (shown.answers, dict(shown.countries)) == (5, {})
    assert [result.answers for result in shown.questions] == [5, None, None]
    for _n in range(6):
        held.answer(held.attend("TZ"), 4)
    shown = held.results()
    assert (shown.answers, dict(shown.countries)) == (11, {}), "a single lecture has no groups of people"
    assert shown_groups({"a": 9, "b": 5, "c": 4}) == {"a"}
    assert shown_groups({"a": 9, "b": 8, "c": 3, "d": 3}) == {"a", "b"}
    assert shown_groups({"a": 9, "b": 5}) == {"a", "b"}
    assert shown_groups({"a": 9, "b": 4}) == set()


def test_a_hidden_comment_is_read_by_administrators_only(app: APIFlask, held: Held) -> None:
    """With the reason; it can be shown again."""
    for number in range(5):
        held.answer(held.attend(), 5, best=f"Comment {number}")
    administrator = held.make.person(roles=["administrator"])
    comment = next(each for each in held.results().questions[1].comments if each.text == "Comment 3")
    by = held.make.actor(held.instructor)
    with app.app_context():
        with pytest.raises(Invalid):
            actions.hide_comment(get_lecture(held.lecture.id, by=SYSTEM), comment.token, " ", by=by, at=held.at)
        actions.hide_comment(
            get_lecture(held.lecture.id, by=SYSTEM), comment.token, "Names somebody", by=by, at=held.at
        )
    assert len(held.results().questions[1].comments) == 4
    assert {each.reason for each in held.results(administrator).questions[1].comments} == {None, "Names somebody"}
    with app.app_context(), pytest.raises(Forbidden):
        actions.show_comment(held.subject, comment.token, by=by, at=held.at)
    with app.app_context():
        actions.show_comment(held.subject, comment.token, by=SYSTEM, at=held.at)
    assert len(held.results().questions[1].comments) == 5


def test_a_hidden_comment_stays_hidden_when_its_merged_person_answers_again(app: APIFlask, held: Held) -> None:
    """Under the kept record; an administrator shows it again under either."""
    kept, merged, *_others = people = [held.attend() for _n in range(6)]
    for person in people[1:]:
        held.answer(person, 5, best="Names somebody" if person is merged else "Fine")
    by, administrator = held.make.actor(held.instructor), held.make.person(roles=["administrator"])
    comment = next(each for each in held.results().questions[1].comments if each.text == "Names somebody")
    with app.app_context():
        actions.hide_comment(
            get_lecture(held.lecture.id, by=SYSTEM), comment.token, "Names somebody", by=by, at=held.at
        )
        merge_people(kept.public_id, merged.public_id, reason="The same", by=held.make.administrator(), at=held.at)
    held.answer(kept, 5, best="Names somebody", at=held.at + timedelta(minutes=1))
    assert {each.text for each in held.results().questions[1].comments} == {"Fine"}
    for _n in range(4):
        held.answer(held.attend(), 5, best="Fine")
    assert {each.text for each in held.results().questions[1].comments} == {"Fine"}
    (again,) = (each for each in held.results(administrator).questions[1].comments if each.reason)
    assert again.token != comment.token
    with app.app_context():
        actions.show_comment(held.subject, again.token, by=SYSTEM, at=held.at)
    assert "Names somebody" in {each.text for each in held.results().questions[1].comments}


def test_merged_people_count_once_and_erased_people_lose_their_words(app: APIFlask, held: Held) -> None:
    """The answer that was changed last counts; ratings stay."""
    first, second = held.attend(), held.attend()
    held.answer(first, 1, at=held.at)
    held.answer(second, 5, best="Words", at=held.at + timedelta(minutes=1))
    by = held.make.administrator()
    with app.app_context():
        merge_people(first.public_id, second.public_id, reason="The same", by=by, at=held.at)
        (counted,) = counted_answers([held.lecture.id])
        assert (counted.person_id, counted.rating) == (first.id, 5)
    held.answer(first, 3, at=held.at + timedelta(minutes=2))
    with app.app_context():
        assert [row.rating for row in counted_answers([held.lecture.id])] == [3]
        undo_merge(second.public_id, by=by, at=held.at)
        assert {row.person_id: row.rating for row in counted_answers([held.lecture.id])} == {first.id: 3, second.id: 5}
    other = held.attend(email="other@example.org")
    held.answer(other, 4, best="My words")
    with app.app_context():
        erase_person(other.public_id, confirmation="other@example.org", withdraw_certificates=False, by=by, at=held.at)
        row = next(row for row in counted_answers([held.lecture.id]) if row.person_id == other.id)
        assert (row.rating, dict(row.answers)) == (4, {"useful": 4})


def mails() -> list[OutboxMail]:
    return list(db.session.scalars(select(OutboxMail).where(OutboxMail.template == "feedback_asked")))


def test_who_answered_before_a_merge_is_not_asked_after_it(app: APIFlask, held: Held) -> None:
    kept, merged = held.attend(), held.attend()
    held.answer(merged)
    with app.app_context():
        merge_people(kept.public_id, merged.public_id, reason="The same", by=held.make.administrator(), at=held.at)
        assert actions.ask_for_feedback(at=held.at) == 1
        assert mails() == []
        asked = OutboxMail(id=1, person_id=kept.id, payload={"lecture_id": held.lecture.id})
        assert outdated_mails([asked]) == {1}


def test_who_attended_is_asked_once_by_a_link_of_their_own(
    app: APIFlask, held: Held, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not who answered, nor who wants no messages. The link needs no sign-in, and shows nothing of the person."""
    asked, answered, quiet = held.attend(full_name="Achieng Odhiambo"), held.attend(), held.attend()
    held.answer(answered)
    with app.app_context():
        stop_mails(quiet.id, [MailKind.MESSAGE], at=held.at)
        assert actions.ask_for_feedback(at=held.at) == 1
        assert actions.ask_for_feedback(at=held.at + timedelta(minutes=5)) == 0
        (mail,) = mails()
        assert mail.person_id == asked.id
        message = rendering.render(mail, app.extensions["lms.config"])
        shown = rendering.shown(mail, app.extensions["lms.config"])
        assert f"/feedback/{rendering.STRUCK_OUT}" in shown.get_body(("plain",)).get_content()  # type: ignore[union-attr]
        text = message.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    link = re.search(r"/feedback/\S+", text)
    assert link is not None
    monkeypatch.setattr(clock, "now", lambda: held.at)
    page = client.get(link[0])
    assert page.status_code == 200
    assert "Odhiambo" not in page.text
    assert "p…@" in page.text
    answer = client.post(link[0], data={"csrf_token": token_in(page.text), "answers-useful": "2", "answers-best": "It"})
    assert answer.status_code == 303
    with app.app_context():
        row = db.session.scalars(select(FeedbackAnswer).where(FeedbackAnswer.person_id == asked.id)).one()
        assert row.answers == {"useful": 2, "best": "It"}
    again = client.get(link[0])
    assert ">It<" not in again.text
    assert "You answered on 25 November 2026. Do you want to change your answer?" in again.text
    assert "answers-useful" not in again.text
    forwarded = {"csrf_token": token_in(page.text), "answers-useful": "1", "answers-best": "Not me"}
    refused = client.post(link[0], data=forwarded)
    assert (refused.status_code, "Not me" in refused.text) == (409, True)
    with app.app_context():
        assert db.session.scalars(select(FeedbackAnswer.rating).where(FeedbackAnswer.person_id == asked.id)).one() == 2
    changing = client.get(f"{link[0]}?change=1")
    sent = {"csrf_token": token_in(changing.text), "change": "1", "answers-useful": "3"}
    assert client.post(link[0], data=sent).status_code == 303
    assert client.get(link[0][:-1]).status_code == 404
    monkeypatch.setattr(clock, "now", lambda: held.at + timedelta(days=15))
    assert "Feedback is closed" in client.get(link[0]).text


def test_a_link_tells_no_number_and_links_of_earlier_are_honoured(
    app: APIFlask, held: Held, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until they end. The same person has another link for a series of the same number."""
    person, secret = held.attend(), app.config["SECRET_KEY"]
    monkeypatch.setattr(clock, "now", lambda: held.at)
    link = make_link([secret], held.lecture.id, person.id)
    assert len({len(make_link([secret], 1, id_, is_series=True)) for id_ in (1, 2**31 - 1)}) == 1
    other = make_link([secret], held.lecture.id, 123456)
    assert b"123456" not in base64.urlsafe_b64decode(other + "==")
    assert "123456" not in other
    signer = Signer([secret.encode()], salt=b"serai feedback", digest_method=hashlib.sha256)
    earlier = signer.sign(f"{held.lecture.id}~{person.id}").decode()
    assert read_link(["newer", secret], link) == read_link([secret], earlier) == (held.lecture.id, False, person.id)
    for text in (link, earlier):
        assert client.get(f"/feedback/{text}").status_code == 200


def test_a_link_of_somebody_who_was_erased_leads_nowhere(app: APIFlask, held: Held, client: FlaskClient) -> None:
    """As one of somebody who was never expected."""
    person, by = held.attend(email="gone@example.org"), held.make.administrator()
    with app.app_context():
        link = make_link([app.config["SECRET_KEY"]], held.lecture.id, person.id)
        erase_person(
            person.public_id,
            confirmation="gone@example.org",
            withdraw_certificates=False,
            by=by,
            at=held.at,
        )
    assert client.get(f"/feedback/{link}").status_code == 404


@pytest.fixture
def now(held: Held, monkeypatch: pytest.MonkeyPatch) -> Callable[[], datetime]:
    moment = lambda: held.at  # noqa: E731
    monkeypatch.setattr(clock, "now", moment)
    return moment


@pytest.mark.usefixtures("now")
def test_the_api_writes_the_form_takes_answers_and_gives_results(held: Held, client: FlaskClient) -> None:
    """With the statuses of the contract."""
    base = f"/api/v1/lectures/{held.lecture.id}"
    staff, people = held.make.headers(held.instructor), [held.attend() for _n in range(6)]
    form = {"questions": [{"key": "clear", "kind": "rating", "text": "Clear?", "required": True}]}
    assert client.put(f"{base}/feedback-form", json=form, headers=staff).status_code == 200
    own = held.make.headers(people[0])
    asked = client.get(f"{base}/feedback-form", headers=own).get_json()
    assert (asked["origin"], asked["questions"][0]["key"]) == ("lecture", "clear")
    wrong = client.post(f"{base}/feedback", json={"answers": {"clear": 7}}, headers=own)
    assert (wrong.status_code, wrong.get_json()["errors"][0]["field"]) == (422, "answers.clear")
    assert client.get(f"{base}/feedback-results", headers=own).status_code == 403
    assert client.put(f"{base}/feedback-form", json=form, headers=own).status_code == 403
    for number, person in enumerate(people):
        body = {"answers": {"clear": 5 if number else 2}}
        assert client.post(f"{base}/feedback", json=body, headers=held.make.headers(person)).status_code == 200
    results = client.get(f"{base}/feedback-results", headers=staff).get_json()
    assert (results["answers"], results["released_at"], results["questions"]) == (None, None, [])
    held.results()
    results = client.get(f"{base}/feedback-results", headers=staff).get_json()
    assert (results["answers"], results["questions"][0]["counts"]) == (6, {"2": 1, "5": 5})
    assert (results["released_at"], results["groups"]) == ("2026-11-25T01:00:00Z", {})
    long = {"questions": [{"kind": "text", "text": "?"}] * 200}
    assert client.put(f"{base}/feedback-form", json=long, headers=staff).status_code == 422


@pytest.mark.usefixtures("now")
def test_a_form_starts_from_that_of_another_series(app: APIFlask, held: Held, client: FlaskClient) -> None:
    """Of one that its writer may change. The questions are new ones, save the usual ones; nothing is saved yet."""
    by = held.make.actor(held.instructor)
    with app.app_context():
        usual = dump(form_of_series(held.series).questions)[0]
        actions.save_form_of_series(
            held.series.slug, [usual, {"key": "pace", "kind": "choice", "text": "Pace?", "options": ["Fast", "Right"]}],
            by=by, at=held.at,
        )  # fmt: skip
    other = held.make.series(instructors=[held.instructor])
    stranger = held.make.person(roles=["instructor"])
    third = held.make.series(instructors=[stranger])
    held.make.sign_in(client, held.instructor, held.at)
    here = f"/series/{other.slug}/feedback-form"
    start = re.search(r'<option value="(\d+)"', client.get(here).text)
    assert start is not None
    page = client.get(f"{here}?from={start[1]}").text
    assert "Pace?" in page
    assert 'value="useful"' in page
    assert 'value="pace"' not in page
    with app.app_context():
        assert form_of_series(other).id is None
    held.make.sign_in(client, stranger, held.at)
    assert "Pace?" not in client.get(f"/series/{third.slug}/feedback-form?from={start[1]}").text


@pytest.mark.usefixtures("now")
def test_pages_ask_write_the_form_and_show_results(held: Held, client: FlaskClient) -> None:
    """The lecture's page and /me ask until it is answered; staff write the questions and read the results."""
    person = held.attend()
    here = f"/lectures/{held.lecture.id}"
    held.make.sign_in(client, person, held.at)
    assert "give-feedback" in client.get(here).text
    assert f"{here}/feedback" in client.get("/me").text
    page = client.get(f"{here}/feedback").text
    sent = {"csrf_token": token_in(page), "answers-useful": "", "answers-best": "Something"}
    refused = client.post(f"{here}/feedback", data=sent)
    assert refused.status_code == 422
    assert "Answer this question." in refused.text
    assert "Something" in refused.text
    assert client.post(f"{here}/feedback", data={**sent, "answers-useful": "5"}).status_code == 303
    assert f"{here}/feedback" not in client.get("/me").text
    assert "Change your feedback" in client.get(here).text
    assert client.get(f"{here}/feedback-results").status_code == 403
    for _n in range(4):
        held.answer(held.attend(), 4, best="More examples")
    held.make.sign_in(client, held.instructor, held.at)
    assert "Results appear once 5 people who attended have answered." in client.get(f"{here}/feedback-results").text
    held.results()
    shown = client.get(f"{here}/feedback-results").text
    assert "4.2 of 5" in shown
    assert "As of 25 November 2026, 5 answers." in shown
    assert "The next figures come when five more people have answered or changed their answer." in shown
    assert re.findall(r"<b>(\d+%)</b>", shown.replace("\u202f", " ").replace("\xa0", " ")) == [
        "20%",
        "80%",
        "0%",
        "0%",
        "0%",
    ]
    assert re.findall(r'<rect width="([\d.]+)"', shown) == ["20.0", "80.0", "0.0", "0.0", "0.0"], (
        "bars are of all answers"
    )
    assert "Kenya" not in shown
    assert "More examples" in shown
    rows = client.get(f"{here}/feedback-results.csv").text
    assert "all,,,5," in rows
    assert "More examples" in rows
    assert client.get(f"{here}/feedback-results.xlsx").data[:2] == b"PK"
    form = client.get(f"{here}/feedback-form").text
    fields = dict(re.findall(r'name="(questions-\d+-(?:key|text))"[^>]*value="([^"]*)"', form))
    sent = {"csrf_token": token_in(form), "questions-0-text": "Clear?", "questions-0-kind": "rating", "language": "sw"}
    assert len(fields) >= 3
    assert client.post(f"{here}/feedback-form", data=sent).status_code == 303
    assert "Clear?" in client.get(f"{here}/feedback-form").text
