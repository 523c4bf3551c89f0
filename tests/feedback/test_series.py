"""Feedback on a series as a whole: who is asked when it is over, once and until when, and what is shown of it."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient
from sqlalchemy import select

from lms.catalogue.actions.scheduling import copy_series
from lms.catalogue.actions.states import cancel_lecture
from lms.catalogue.inputs import SeriesCopy
from lms.catalogue.models import Lecture, LectureState, Series
from lms.catalogue.queries.series import get_series
from lms.core.base.errors import Forbidden, NotFound, Refused
from lms.core.base.roles import SYSTEM
from lms.core.database.session import db
from lms.core.time import clock
from lms.feedback import actions
from lms.feedback.models import FeedbackAnswer
from lms.feedback.queries import (
    counted_answers,
    export_of_person,
    form_of,
    form_of_series,
    outdated_series_mails,
    satisfaction_of,
)
from lms.feedback.releases import release_due
from lms.feedback.results import results_of
from lms.feedback.rules import PROPOSED
from lms.mail import rendering
from lms.mail.outbox import OutboxMail
from lms.people.actions.merging import merge_people
from lms.people.actions.privacy import erase_person
from lms.people.models import Person
from lms.questions.rules import dump
from tests.factories import Make
from tests.feedback.test_feedback import Held
from tests.forms import token_in

pytestmark = pytest.mark.databases
DAY = timedelta(days=1)


class Ended(Held):
    """A series whose only lecture ended an hour and a half ago, and that asks about itself."""

    @property
    def whole(self) -> Series:
        """The series as it is in the running session."""
        return get_series(self.series.slug, by=SYSTEM)

    def ask(self, questions: Any = None, at: datetime | None = None) -> None:
        with self.app.app_context():
            sent = dump(PROPOSED) if questions is None else questions
            by = self.make.actor(self.instructor)
            actions.save_form_about_series(self.series.slug, sent, by=by, at=at or self.at - DAY)

    def say(self, person: Person, rating: int = 5, at: datetime | None = None, **more: Any) -> None:
        with self.app.app_context():
            actions.answer(self.whole, person.id, {"series": rating, **more}, by=SYSTEM, at=at or self.at)

    def shown(self, person: Person | None = None) -> Any:
        with self.app.app_context():
            release_due(at=self.at)
            return results_of(self.whole, by=self.make.actor(person or self.instructor), at=self.at)

    def set_state(self, lecture: Lecture, state: LectureState) -> None:
        self.make.change(lecture, state=state)


@pytest.fixture
def ended(app: APIFlask, make: Make, at: datetime, monkeypatch: pytest.MonkeyPatch) -> Ended:
    monkeypatch.setattr(clock, "now", lambda: at)
    return Ended(app, make, at)


def test_who_attended_answers_once_when_the_series_is_over(app: APIFlask, ended: Ended) -> None:
    """Not before it asks, nor while a lecture is to come; the second time replaces the first, for 14 days."""
    person, stranger = ended.attend(), ended.make.person()
    ended.make.enrolment(ended.series, stranger)
    with pytest.raises(Refused):
        ended.say(person)
    ended.ask()
    planned = ended.make.lecture(ended.series)
    with pytest.raises(Refused, match="last lecture"):
        ended.say(person)
    ended.set_state(planned, LectureState.CANCELLED)
    with pytest.raises(NotFound):
        ended.say(stranger)
    ended.say(person, 2, best="All")
    ended.say(person, 4)
    with app.app_context():
        (row,) = db.session.scalars(select(FeedbackAnswer)).all()
        assert (row.series_id, row.lecture_id, row.rating) == (ended.series.id, None, 4)
        release_due(at=ended.at)
        assert satisfaction_of() == {}, "satisfaction is of lectures"
        assert export_of_person(person.id)[0]["series"] == ended.series.id
    with pytest.raises(Refused, match="ended"):
        ended.say(person, at=ended.at + 14 * DAY)
    ended.ask([], at=ended.at)
    with pytest.raises(Refused):
        ended.say(person)
    ended.ask(at=ended.at + 20 * DAY)
    ended.say(person, 1, at=ended.at + 33 * DAY)


def test_who_cancels_the_last_lectures_late_has_people_asked_all_the_same(app: APIFlask, ended: Ended) -> None:
    """The 14 days begin when the series is found to be over."""
    person = ended.attend()
    ended.ask()
    planned = ended.make.lecture(ended.series, starts_at=ended.at + 40 * DAY)
    with app.app_context():
        late = ended.at + 30 * DAY
        cancel_lecture(planned.id, reason="Its lecturer is ill.", by=SYSTEM, at=late)
        actions.ask_for_feedback(at=late + timedelta(hours=1))
        assert [mail.person_id for mail in mails()] == [person.id]
    ended.say(person, 4, at=late + 13 * DAY)
    with pytest.raises(Refused, match="ended"):
        ended.say(person, 5, at=late + 15 * DAY)


def test_only_its_staff_write_and_read(app: APIFlask, ended: Ended) -> None:
    other = ended.make.person(roles=["instructor"])
    with app.app_context(), pytest.raises(Forbidden):
        actions.save_form_about_series(ended.series.slug, [], by=ended.make.actor(other), at=ended.at)
    with pytest.raises(Forbidden):
        ended.shown(other)


def test_results_have_no_group_below_five_and_years_of_lectures(app: APIFlask, ended: Ended) -> None:
    """Only of those who attended; merged people count once, erased people lose their words, hidden comments go."""
    ended.ask()
    people = [ended.attend() for _n in range(4)]
    for person in people:
        ended.say(person, 3)
        ended.answer(person, 5)
    assert (ended.shown().answers, ended.shown().years) == (None, {})
    other = ended.attend("UG", email="other@example.org")
    ended.say(other, 5, best="Names somebody")
    ended.answer(other, 1)
    for person in people:
        ended.say(person, 3, best="Fine")
    shown = ended.shown()
    assert (shown.answers, shown.attended, dict(shown.countries)) == (5, 5, {})
    assert (shown.questions[0].mean, shown.questions[0].counts) == (3.4, {3: 4, 5: 1})
    (year,) = shown.years.values()
    assert (year.answers, year.mean, year.satisfied_percent) == (5, 4.2, 80.0)
    comment = next(each for each in shown.questions[1].comments if each.text == "Names somebody")
    by = ended.make.administrator()
    with app.app_context():
        with pytest.raises(NotFound):
            actions.hide_comment(ended.subject, comment.token, "Of another", by=by, at=ended.at)
        actions.hide_comment(ended.whole, comment.token, "Names somebody", by=by, at=ended.at)
        assert (
            len(results_of(ended.whole, by=ended.make.actor(ended.instructor), at=ended.at).questions[1].comments) == 4
        )
        actions.show_comment(ended.whole, comment.token, by=by, at=ended.at)
        merge_people(people[0].public_id, people[1].public_id, reason="The same", by=by, at=ended.at)
        assert len(counted_answers([ended.series.id], FeedbackAnswer.series_id)) == 4
        erase_person(other.public_id, confirmation="other@example.org", withdraw_certificates=False, by=by, at=ended.at)
        rows = counted_answers([ended.series.id], FeedbackAnswer.series_id)
        assert next(row.answers for row in rows if row.person_id == other.id) == {"series": 5}


def mails() -> list[OutboxMail]:
    query = select(OutboxMail).where(OutboxMail.template == "series_feedback_asked")
    return list(db.session.scalars(query.order_by(OutboxMail.id)))


def test_who_attended_is_asked_by_one_e_mail_with_a_link_of_their_own(
    app: APIFlask, ended: Ended, client: FlaskClient
) -> None:
    """Once, whatever is held afterwards; who answered is not asked, and what waits is stopped when nothing is asked."""
    asked, answered = ended.attend(full_name="Achieng Odhiambo"), ended.attend()
    with app.app_context():
        actions.ask_for_feedback(at=ended.at)
        assert mails() == []
    ended.ask()
    ended.say(answered)
    with app.app_context():
        actions.ask_for_feedback(at=ended.at)
        actions.ask_for_feedback(at=ended.at + timedelta(minutes=5))
        (mail,) = mails()
        assert mail.person_id == asked.id
        assert outdated_series_mails([mail]) == set()
        message = rendering.render(mail, app.extensions["lms.config"])
        text = message.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    link = re.search(r"/feedback/\S+", text)
    assert link is not None
    page = client.get(link[0]).text
    assert "How useful was this series" in page
    assert "Odhiambo" not in page
    sent = {"csrf_token": token_in(page), "answers-series": "2", "answers-best": "It"}
    assert client.post(link[0], data=sent).status_code == 303
    with app.app_context():
        assert outdated_series_mails([mails()[0]]) == {mails()[0].id}
    later = ended.attend()
    ended.ask([], at=ended.at)
    ended.ask(at=ended.at + timedelta(minutes=1))
    with app.app_context():
        actions.ask_for_feedback(at=ended.at + timedelta(hours=1))
        assert [one.person_id for one in mails()] == [asked.id, later.id]
    ended.ask([], at=ended.at + timedelta(hours=2))
    with app.app_context():
        assert outdated_series_mails(mails()) == {one.id for one in mails()}
    assert client.get(link[0]).status_code == 404


def test_pages_ask_write_the_form_and_show_results(ended: Ended, client: FlaskClient) -> None:
    """The page of the series and /me ask until it is answered; turning it on after the end says whom it asks."""
    person, base = ended.attend(), f"/series/{ended.series.slug}"
    ended.make.sign_in(client, ended.instructor, ended.at)
    assert "Nobody is asked about this series" in client.get(f"{base}/feedback-results").text
    form = client.get(f"{base}/end-feedback-form").text
    assert "Save and ask 1 person" in form
    sent = {"csrf_token": token_in(form), "questions-0-text": "Clear?", "questions-0-kind": "rating", "language": "sw"}
    assert client.post(f"{base}/end-feedback-form", data={**sent, "questions-0-key": "series"}).status_code == 303
    assert "Stop asking" in client.get(f"{base}/end-feedback-form").text
    ended.make.sign_in(client, person, ended.at)
    assert "give-feedback" in client.get(base).text
    assert f"{base}/feedback" in client.get("/me").text
    page = client.get(f"{base}/feedback").text
    answer = {"csrf_token": token_in(page), "answers-series": "5"}
    assert client.post(f"{base}/feedback", data=answer).status_code == 303
    assert f"{base}/feedback" not in client.get("/me").text
    assert "Change your feedback" in client.get(base).text
    assert client.get(f"{base}/feedback-results").status_code == 403
    for _n in range(4):
        ended.say(ended.attend(), 4)
    ended.shown()
    ended.make.sign_in(client, ended.instructor, ended.at)
    assert "4.2 of 5" in client.get(f"{base}/feedback-results").text
    assert "all,,,5," in client.get(f"{base}/feedback-results.csv").text
    assert client.get(f"{base}/feedback-results.xlsx").data[:2] == b"PK"
    assert client.get(f"{base}/feedback-results.pdf").data[:4] == b"%PDF"


def test_the_api_writes_the_form_takes_answers_and_gives_results(ended: Ended, client: FlaskClient) -> None:
    base, staff = f"/api/v1/series/{ended.series.slug}", ended.make.headers(ended.instructor)
    people = [ended.attend() for _n in range(5)]
    own = ended.make.headers(people[0])
    assert client.get(f"{base}/end-feedback-form", headers=own).get_json()["questions"] == []
    assert client.post(f"{base}/feedback", json={"answers": {}}, headers=own).status_code == 404
    form = {"questions": [{"key": "clear", "kind": "rating", "text": "Clear?", "required": True}]}
    assert client.put(f"{base}/end-feedback-form", json=form, headers=own).status_code == 403
    assert client.put(f"{base}/end-feedback-form", json=form, headers=staff).get_json()["origin"] == "series"
    for person in people:
        body, headers = {"answers": {"clear": 4}}, ended.make.headers(person)
        assert client.post(f"{base}/feedback", json=body, headers=headers).status_code == 200
        about = f"/api/v1/lectures/{ended.lecture.id}/feedback"
        assert client.post(about, json={"answers": {"useful": 5}}, headers=headers).status_code == 200
    ended.shown()
    results = client.get(f"{base}/feedback-results", headers=staff).get_json()
    assert (results["answers"], results["questions"][0]["counts"]) == (5, {"4": 5})
    (year,) = results["years"]
    assert (year["feedback_answers"], year["satisfaction"], year["satisfied_percent"]) == (5, 5.0, 100.0)


def test_a_copied_series_asks_the_same(app: APIFlask, ended: Ended) -> None:
    """About itself, and after its lectures; not where that is left out."""
    ended.ask([{"kind": "rating", "text": "Worth it?"}])
    by = ended.make.administrator()
    with app.app_context():
        actions.save_form_of_series(ended.series.slug, [{"kind": "text", "text": "Why?"}], by=by, at=ended.at)
        actions.save_form(ended.lecture.id, [{"kind": "text", "text": "How?"}], by=by, at=ended.at)
        for slug, wanted in (("again", True), ("bare", False)):
            copy = SeriesCopy(slug=slug, title=slug, first=date(2027, 2, 3), feedback=wanted)
            copied = copy_series(ended.series.slug, copy, by=by, at=ended.at)
            (lecture,) = db.session.scalars(select(Lecture).where(Lecture.series_id == copied.id))
            texts = [form_of(copied), form_of_series(copied), form_of(lecture)]
            found = [[question.text for question in form.questions] for form in texts]
            assert (found == [["Worth it?"], ["Why?"], ["How?"]]) is wanted
