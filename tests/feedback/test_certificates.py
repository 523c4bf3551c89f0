"""A certificate whose policy asks for feedback: who earns it, who still can, and what is said of it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import delete, update

from lms.catalogue.actions.series import edit_series
from lms.catalogue.models import CertificateKind, Lecture, LectureState, Series
from lms.catalogue.queries.policies import current_policy
from lms.certificates.actions.awards import issue_batch
from lms.certificates.keys import ensure_key
from lms.certificates.queries.behind import ids_behind
from lms.certificates.queries.earner_groups import EVERYONE, EarnerGroup, SeriesEarners
from lms.certificates.queries.eligibility import requirements_of
from lms.certificates.queries.progress import Totals, standings_of, totals_of_series
from lms.core.base.lists import ListRequest
from lms.core.base.roles import SYSTEM
from lms.core.database.session import db, read_column
from lms.core.time import clock
from lms.enrolment.models import Enrolment
from lms.feedback import actions
from lms.feedback.models import FeedbackAnswer
from lms.people.actions.merging import merge_people
from lms.people.models import PersonEmail
from tests.attendance.scene import END, Scene
from tests.factories import Make
from tests.forms import token_in

NOW = END + timedelta(days=1)
POLICY = {"certificate": CertificateKind.COMPLETION, "min_lectures_percent": 100, "min_feedback": 1}
pytestmark = pytest.mark.databases


@pytest.fixture
def scene(make: Make, context: None) -> Scene:
    """Ada and Ben attended the only lecture, Cyr did not."""
    scene = Scene(make, policy=POLICY)
    scene.publish(("ada@x.example", 0, 80), ("ben@x.example", 0, 80))
    return scene


def answer(scene: Scene, name: str, at: datetime = NOW) -> None:
    actions.answer(scene.lecture, scene.people[name].id, {"useful": 4}, by=SYSTEM, at=at)


def earners(scene: Scene, at: datetime = NOW) -> int:
    admin = scene.make.administrator()
    view = SeriesEarners(scene.series.slug, by=admin, at=at)
    count = sum(view.count(group, EVERYONE) for group in (EarnerGroup.EARNED, EarnerGroup.BLOCKED))
    totals = totals_of_series([scene.series.id], by=admin)[scene.series.id]
    assert totals == Totals(count, count), "both counts agree"
    return count


def standing(scene: Scene, name: str, at: datetime = NOW) -> Any:
    person_id = scene.people[name].id
    return standings_of(scene.series.id, [person_id], at=at)[person_id]


def test_completion_means_attended_and_answered(scene: Scene) -> None:
    """Also by an answer under a record that was merged since; not by attendance, nor by an answer, alone."""
    ensure_key(by=SYSTEM, at=NOW)
    assert earners(scene) == 0
    answer(scene, "Ada")
    answer(scene, "Cyr")
    assert earners(scene) == 1
    assert [standing(scene, name).is_reached for name in ("Ada", "Ben", "Cyr")] == [True, False, False]
    ben = standing(scene, "Ben")
    assert (ben.has_attended_enough, ben.can_be_earned, ben.just_misses) == (True, True, False)
    assert ben.in_numbers["feedback"] == {"lectures": 1, "is_possible": True}
    assert [one.lecture_id for one in ben.feedback.waiting] == [scene.lecture.id]
    batch = issue_batch(
        scene.series.id, CertificateKind.COMPLETION, [person.id for person in scene.people.values()],
        by=scene.make.administrator(), at=NOW,
    )  # fmt: skip
    assert (batch.issued + len(batch.refused), batch.not_earned) == (1, 2)
    merge_people(
        scene.people["Ben"].public_id, scene.people["Cyr"].public_id, reason="The same", by=scene.make.administrator(),
        at=NOW,
    )  # fmt: skip
    assert standing(scene, "Ben").is_reached


def test_after_14_days_it_can_no_longer_be_earned(scene: Scene) -> None:
    """Unless another lecture is to come."""
    late = END + timedelta(days=15)
    assert not standing(scene, "Ben", late).can_be_earned
    scene.make.lecture(scene.series, "Next", starts_at=late + timedelta(days=7))
    assert standing(scene, "Cyr", late).feedback.is_possible
    assert set(read_column(ids_behind(scene.series, None, by=scene.by, at=late))) == set()


def test_pages_say_what_is_missing(scene: Scene, client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page of the series and /me; staff on the page of the person."""
    monkeypatch.setattr(clock, "now", lambda: NOW)
    scene.make.sign_in(client, scene.people["Ben"], NOW)
    series = f"/series/{scene.series.slug}"
    lecture = f"/lectures/{scene.lecture.id}"
    for page in (lecture, f"{lecture}/room"):
        assert "You still need to give feedback on one more lecture" in client.get(page).text, page
    for page in (series, "/me"):
        text = client.get(page).text
        assert "You have attended enough lectures." in text, page
        assert "You still need to give feedback on one more lecture, within 14 days after it." in text, page
        assert f'href="/lectures/{scene.lecture.id}/feedback"' in text, page
    assert "give feedback on one lecture" in client.get(series).text
    monkeypatch.setattr(clock, "now", lambda: END + timedelta(days=15))
    scene.make.sign_in(client, scene.people["Ben"], END + timedelta(days=15))
    for page in (series, "/me", lecture, f"{lecture}/room"):
        assert (
            "This certificate can no longer be earned: feedback on one more lecture is needed" in client.get(page).text
        )


def test_a_policy_that_began_late_asks_for_no_more_than_could_be_given(make: Make, context: None) -> None:
    """Lectures whose 14 days were over then do not count; of who enrolled after an open one, it is not expected."""
    scene = Scene(make, policy={**POLICY, "min_feedback": None})
    scene.publish(("ada@x.example", 0, 80))
    late = END + timedelta(days=15)
    changes = {"policy": {"min_feedback": 2}}
    edit_series(scene.series.slug, changes, by=make.administrator(), at=late)
    assert standing(scene, "Ada", late).is_reached, "nothing can be given"
    make.lecture(scene.series, "Next", starts_at=late + timedelta(days=7))
    shown = standing(scene, "Ada", late)
    assert (shown.feedback.lectures, shown.feedback.is_possible) == (1, True)
    assert requirements_of([scene.series.id], at=late)[scene.series.id].feedback == 1


def test_staff_read_only_that_feedback_is_all_that_is_missing(scene: Scene, client: FlaskClient) -> None:
    """Not of Cyr, who has to attend too, whether feedback was given."""
    scene.make.sign_in(client, scene.make.person("Root", roles=["administrator"]))
    csv = client.get(f"/series/{scene.series.slug}/certificates.csv?show=rest").text.splitlines()
    assert csv[0].endswith("feedback_missing")
    assert [line.rpartition(",")[2] for line in csv[1:4]] == ["Yes", "Yes", ""]
    for name, is_said in (("Ben", True), ("Cyr", False)):
        page = client.get(f"/admin/people/{scene.people[name].public_id}").text
        assert ("All that is missing is feedback." in page) is is_said, name


def test_the_api_says_of_feedback_only_that_it_is_all_that_is_missing(scene: Scene, client: FlaskClient) -> None:
    rows = client.get(
        f"/api/v1/series/{scene.series.slug}/certificates/preview?show=rest", headers=scene.make.headers(scene.teacher)
    ).json["items"]
    assert {row["full_name"]: row["lacks"]["feedback"] for row in rows} == {"Ada": True, "Ben": True, "Cyr": False}


def test_asking_for_more_feedback_asks_first(make: Make, context: None, client: FlaskClient) -> None:
    scene = Scene(make, policy={**POLICY, "min_feedback": None})
    scene.publish(("ada@x.example", 0, 80))
    db.session.execute(update(Series).values(taken=3))
    db.session.commit()
    make.sign_in(client, scene.teacher)
    page = f"/series/{scene.series.slug}/edit"
    sent = {
        "csrf_token": token_in(client.get(page).text), "slug": scene.series.slug, "title": "Series", "language": "en",
        "visibility": "public", "admission": "open", "policy-min_percent": "70", "policy-replay_days": "30",
        "policy-walk_ins": "enrol", "policy-certificate": "completion", "policy-min_lectures_percent": "100",
        "policy-min_feedback": "1",
    }  # fmt: skip
    asked = client.post(page, data=sent)
    assert "3 people are enrolled. Within an hour, we e-mail everyone" in asked.text
    assert "1 person has earned the certificate and does not have it yet." in asked.text
    assert current_policy(scene.series.id).min_feedback is None
    assert client.post(page, data={**sent, "confirm": "1 False"}).status_code == 302
    assert current_policy(scene.series.id).min_feedback == 1
    page = client.get(f"/series/{scene.series.slug}/certificates").text
    assert "Also needed: give feedback on one lecture." in page


@pytest.mark.parametrize("reason", ["enrolled late", "no address", "entered late"])
def test_who_could_not_be_asked_is_not_kept_from_a_certificate(make: Make, context: None, reason: str) -> None:
    """Of three lectures the policy asks for feedback on, one is closed to somebody: once none is to come, it is not
    needed. Until then, they have to answer about what is to come."""
    scene = Scene(make, policy={**POLICY, "min_feedback": 1, "min_lectures_percent": 1})
    if reason == "entered late":
        db.session.execute(update(Lecture).values(created_at=END + timedelta(days=20)))
        db.session.commit()
    scene.publish(("ada@x.example", 0, 80))
    late = END + timedelta(days=30)
    person = scene.people["Ada"]
    if reason == "no address":
        db.session.execute(delete(PersonEmail).where(PersonEmail.person_id == person.id))
    if reason == "enrolled late":
        values = {"enrolled_at": END + timedelta(days=20)}
        db.session.execute(update(Enrolment).where(Enrolment.person_id == person.id).values(values))
    db.session.commit()
    shown = standing(scene, "Ada", late)
    assert (shown.is_reached, shown.feedback) == (True, None)
    assert earners(scene, late) == 1
    if reason == "enrolled late":
        assert not standing(scene, "Ben", late).can_be_earned, "who was asked and gave none"
    coming = make.lecture(scene.series, "Next", starts_at=late + timedelta(days=7))
    shown = standing(scene, "Ada", late)
    assert (shown.is_reached, shown.feedback.lectures, shown.feedback.is_possible) == (False, 1, True)
    assert earners(scene, late) == 0
    db.session.execute(update(Lecture).where(Lecture.id == coming.id).values(state=LectureState.CANCELLED))
    db.session.commit()
    assert earners(scene, late) == 1


def test_no_list_of_staff_tells_who_gave_feedback(make: Make, context: None) -> None:
    """Of Ben and Cyr, who have attended too little, one gave feedback: both are behind, and both are one lecture short
    once all is over. Nor does their page say what feedback changes."""
    scene = Scene(make, policy={**POLICY, "min_feedback": 3, "min_lectures": 2})
    scene.publish(("ben@x.example", 0, 80), ("cyr@x.example", 0, 80))
    answer(scene, "Ben")
    late = END + timedelta(days=20)
    begin = END - timedelta(days=9)
    times = {"actual_start": begin, "starts_at": begin, "actual_end": begin + timedelta(hours=1)}
    make.lecture(scene.series, "Before", state="held", **times)
    assert _listed(scene, EarnerGroup.MISSES, late) == {"Ben", "Cyr"}
    make.lecture(scene.series, "Next", starts_at=late + timedelta(days=7))
    make.lecture(scene.series, "Last", starts_at=late + timedelta(days=9))
    behind = set(read_column(ids_behind(scene.series, None, by=scene.by, at=late)))
    assert (scene.people["Ben"].id in behind) == (scene.people["Cyr"].id in behind)
    assert standing(scene, "Ben", late).can_attend_enough == standing(scene, "Cyr", late).can_attend_enough


def _listed(scene: Scene, group: EarnerGroup, at: datetime) -> set[str]:
    view = SeriesEarners(scene.series.slug, by=scene.by, at=at)
    return {row.full_name for row in view.records(group, EVERYONE, ListRequest())}


def test_what_was_earned_stays_when_answers_and_policy_change(scene: Scene) -> None:
    """A certificate that was issued is not found to be no longer earned because of feedback."""
    ensure_key(by=SYSTEM, at=NOW)
    admin = scene.make.administrator()
    answer(scene, "Ada")
    issue_batch(scene.series.id, CertificateKind.COMPLETION, [scene.people["Ada"].id], by=admin, at=NOW)
    edit_series(scene.series.slug, {"policy": {"min_feedback": 5}}, by=admin, at=NOW)
    db.session.execute(delete(FeedbackAnswer))
    db.session.commit()
    view = SeriesEarners(scene.series.slug, by=admin, at=NOW + timedelta(days=30))
    assert view.count(EarnerGroup.UNEARNED, EVERYONE) == 0
