"""People enrolled in a series are e-mailed once when its certificate requires more than they know."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from lms.catalogue.actions.publishing import publish_series, unpublish_lectures
from lms.catalogue.models import CertificateKind, Lecture, LectureState, Policy, Series
from lms.catalogue.queries.policies import current_policy
from lms.certificates.actions.requirements import (
    Growth,
    compare_requirements,
    find_growth,
    invite_with_growth,
    post_grown_requirements,
)
from lms.checks.actions.bank import save_question
from lms.checks.actions.checks import publish_check, save_check
from lms.checks.models import QuestionKind
from lms.checks.rules import CheckInput
from lms.core.background.jobs import Job
from lms.core.base.errors import Refused
from lms.core.base.roles import SYSTEM, Actor, Role
from lms.core.database.session import action, db
from lms.enrolment.actions.many import enrol_many
from lms.enrolment.actions.places import enrol, withdraw
from lms.enrolment.invitations import invite_due
from lms.enrolment.models import Enrolment, EnrolmentSource, EnrolmentStatus
from lms.enrolment.queries.people import export_of_person
from lms.mail.kinds import MailKind
from lms.mail.outbox import MailState, OutboxMail
from lms.people.actions.mails import choose_mails
from tests.certificates.conftest import BEGAN, Programme
from tests.certificates.test_progress import with_addresses
from tests.factories import Make

pytestmark = [pytest.mark.databases, pytest.mark.usefixtures("context")]
ADMIN = Actor(person_id=None, roles=frozenset({Role.ADMINISTRATOR}))
AT = BEGAN + timedelta(days=15)
"""After the third of the lectures, before the fourth."""
Build = Callable[..., Programme]


@action
def change(model: type[Any], *where: Any, **values: Any) -> None:
    db.session.execute(update(model).where(*where).values(values))


def stored() -> set[tuple[int | None, ...]]:
    query = select(Enrolment.required_lectures, Enrolment.required_minutes, Enrolment.required_percent)
    return {tuple(row) for row in db.session.execute(query)}


def mails() -> list[tuple[str, dict[str, Any]]]:
    query = select(OutboxMail).where(OutboxMail.template == "requirement_grown").order_by(OutboxMail.id)
    return [(mail.payload["full_name"], mail.payload) for mail in db.session.scalars(query)]


@pytest.fixture
def series(programme: Build) -> Programme:
    """Three held lectures and two to come, of which three are needed. Ada attended two, Ben three, Cem has left."""
    made = programme({"Ada": "aa-", "Ben": "aaa", "Cem": "---"}, to_come=2, percent=50)
    with_addresses()
    change(Enrolment, Enrolment.person_id == made.people["Cem"], status=EnrolmentStatus.WITHDRAWN)
    return made


@pytest.mark.databases(differs=True)
def test_people_who_need_more_than_they_knew_are_informed_once(series: Programme) -> None:
    compare_requirements(at=AT)
    assert mails() == []
    assert stored() == {(3, 0, 60), (None, None, None)}
    change(Policy, min_lectures=4, min_minutes=2, min_percent=75)
    for hours in (1, 2):
        compare_requirements(at=AT + timedelta(hours=hours))
    assert stored() == {(4, 2, 75), (None, None, None)}
    assert [name for name, _payload in mails()] == ["Ada", "Ben"]
    payload = mails()[0][1]
    assert (payload["lectures"], payload["minutes"], payload["percent"]) == ([3, 4], [0, 2], [60, 75])
    assert (payload["progress"]["attended"], payload["progress"]["lacks"]["lectures"]) == (2, 2)
    change(Policy, min_lectures=5)
    compare_requirements(at=AT + timedelta(hours=3))
    assert [name for name, _payload in mails()] == ["Ada", "Ben", "Ada", "Ben"]


def add_check(series: Programme, at: datetime = AT) -> int:
    sent = {"text": "Consent can be taken back.", "is_true": True}
    item = save_question(series.slug, None, QuestionKind.TRUE_FALSE, sent, by=ADMIN, at=at)
    check_id = save_check(series.slug, None, CheckInput("Origin rules", items=[item]), by=ADMIN, at=at)
    publish_check(series.slug, check_id, by=ADMIN, at=at)
    return check_id


def test_people_are_told_once_of_a_check_that_the_certificate_asks_for(series: Programme) -> None:
    compare_requirements(at=AT)
    add_check(series)
    compare_requirements(at=AT)
    assert mails() == [], "the certificate does not ask for it"
    change(Policy, checks_passed=True)
    for hours in (1, 2):
        compare_requirements(at=AT + timedelta(hours=hours))
    told = dict(mails())
    assert list(told) == ["Ada", "Ben"], "Ben too, who has attended enough"
    assert told["Ben"]["checks"] == [0, 1]
    assert [check["title"] for check in told["Ben"]["progress"]["checks"]] == ["Origin rules"]
    add_check(series, at=AT + timedelta(hours=2))
    compare_requirements(at=AT + timedelta(hours=3))
    assert [payload["checks"] for _name, payload in mails()[2:]] == [[1, 2], [1, 2]]


def test_people_are_told_once_that_feedback_is_asked_for(series: Programme) -> None:
    compare_requirements(at=AT)
    change(Policy, min_feedback=2, created_at=AT)
    for hours in (1, 2):
        compare_requirements(at=AT + timedelta(hours=hours))
    told = dict(mails())
    assert list(told) == ["Ada", "Ben"], "Ben too, who has attended enough"
    assert told["Ben"]["feedback"] == [0, 2]
    assert told["Ben"]["progress"]["feedback"] == {"lectures": 2, "is_possible": True}


def test_once_all_lectures_were_held_only_who_attended_enough_is_told_of_a_check(series: Programme) -> None:
    change(Lecture, Lecture.id.in_(series.lectures[3:]), state=LectureState.CANCELLED)
    change(Policy, min_lectures=3)
    compare_requirements(at=AT)
    change(Policy, checks_passed=True)
    add_check(series)
    compare_requirements(at=AT)
    assert [name for name, _payload in mails()] == ["Ben"]


def test_nobody_is_told_of_checks_who_knew_of_no_certificate(series: Programme) -> None:
    change(Enrolment, required_lectures=None, required_minutes=None, required_percent=None)
    change(Policy, checks_passed=True)
    add_check(series)
    compare_requirements(at=AT)
    assert (mails(), set(db.session.scalars(select(Enrolment.required_checks)))) == ([], {0, 1})


def test_a_requirement_that_falls_is_stored_without_a_mail(series: Programme) -> None:
    compare_requirements(at=AT)
    change(Policy, min_lectures=2, min_percent=40)
    compare_requirements(at=AT)
    assert mails() == []
    assert stored() == {(2, 0, 40), (None, None, None)}


def test_a_lecture_that_is_not_counted_yet_does_not_seem_to_be_a_growth(series: Programme) -> None:
    change(Policy, min_lectures_percent=60)
    compare_requirements(at=AT)
    change(Lecture, Lecture.id == series.lectures[0], held_unknown=True)
    change(Lecture, Lecture.id == series.lectures[1], held_unknown=True)
    compare_requirements(at=AT)
    assert (3, 0, 60) in stored()
    change(Lecture, held_unknown=False)
    compare_requirements(at=AT)
    assert mails() == []


def test_people_who_attended_enough_or_wish_no_mails_of_changes_get_none(series: Programme) -> None:
    compare_requirements(at=AT)
    choose_mails(series.people["Ada"], {MailKind.CHANGE: False}, by=SYSTEM, at=AT)
    change(Policy, min_percent=75)
    compare_requirements(at=AT)
    assert mails() == []
    assert (3, 0, 75) in stored()


@pytest.mark.parametrize("state", [LectureState.CANCELLED, None])
def test_nothing_is_mailed_where_no_lecture_is_to_come_or_no_certificate_is_issued(
    series: Programme, state: LectureState | None
) -> None:
    compare_requirements(at=AT)
    change(Policy, min_lectures=5)
    if state is None:
        change(Policy, certificate=None)
    else:
        change(Lecture, Lecture.id.in_(series.lectures[3:]), state=state)
    compare_requirements(at=AT)
    assert mails() == []


def test_requirements_are_compared_once_an_hour(series: Programme) -> None:
    start = AT.replace(minute=0)
    counts = [post_grown_requirements(at=start + timedelta(minutes=minutes)) for minutes in (0, 50)]
    change(Policy, min_lectures=4)
    counts += [post_grown_requirements(at=start + timedelta(minutes=minutes)) for minutes in (59, 61)]
    assert counts == [1, 0, 0, 1]


def test_enrolling_stores_the_requirement_and_coming_back_the_one_of_then(programme: Build, series: Programme) -> None:
    person_id = programme({"Dia": "-"}, slug="other", kind=None).people["Dia"]
    enrol(series.series_id, person_id, by=SYSTEM, at=AT)
    other = {"required_lectures": None, "required_minutes": None, "required_percent": None}
    known = {"required_lectures": 3, "required_minutes": 0, "required_percent": 60}
    assert [known.items() <= row.items() for row in export_of_person(person_id)] == [False, True]
    assert other.items() <= export_of_person(person_id)[0].items()
    withdraw(series.series_id, person_id, by=SYSTEM, at=AT)
    change(Policy, min_lectures=4, certificate=CertificateKind.PARTICIPATION)
    enrol(series.series_id, person_id, by=SYSTEM, at=AT)
    assert (known | {"required_lectures": 4}).items() <= export_of_person(person_id)[1].items()


def test_many_people_at_once_know_the_requirement(programme: Build, series: Programme) -> None:
    person_ids = list(programme({"Dia": "-", "Eli": "-"}, slug="other", kind=None).people.values())
    enrol_many(series.series_id, person_ids, source=EnrolmentSource.FILE, by=SYSTEM, at=AT)
    query = select(Enrolment.required_lectures).where(Enrolment.series_id == series.series_id)
    assert list(db.session.scalars(query.where(Enrolment.person_id.in_(person_ids)))) == [3, 3]


MINUTE = timedelta(minutes=1)


def add_drafts(make: Make, series: Programme, *days: int) -> list[int]:
    """Drafts that begin so many days later. Ada and Ben know that three lectures are needed."""
    compare_requirements(at=AT)
    invite_due(at=AT)
    change(OutboxMail, state=MailState.SENT)
    change(Series, taken=2)
    row = db.session.get_one(Series, series.series_id)
    return [make.lecture(row, f"Draft {day}", state="draft", starts_at=AT + timedelta(days=day)).id for day in days]


def posted() -> list[tuple[str, str, bool]]:
    rows = db.session.scalars(select(OutboxMail).where(OutboxMail.state == MailState.QUEUED).order_by(OutboxMail.id))
    return [(row.payload["full_name"], row.template, "requirement" in row.payload) for row in rows]


def test_a_new_lecture_and_what_it_requires_are_told_in_one_mail_after_a_minute(make: Make, series: Programme) -> None:
    near, far = add_drafts(make, series, 3, 90)
    compare_requirements(at=AT)
    assert posted() == [], "nobody learns of drafts"
    assert find_growth(series.series_id, at=AT) == Growth(before=3, now=4, people=2)
    publish_series(series.slug, [near, far], by=SYSTEM, at=AT)
    due = db.session.scalars(select(Job.due_at).where(Job.kind == "invite_with_growth")).all()
    assert set(due) == {AT + MINUTE}
    compare_requirements(at=AT + MINUTE / 2)
    invite_due(at=AT + MINUTE / 2)
    assert posted() == [], "it can still be stopped"
    assert invite_due(at=AT + MINUTE) == 1
    assert posted() == [("Ada", "lecture_invitation", True), ("Ben", "lecture_invitation", True)]
    payload = next(mail.payload for mail in db.session.scalars(select(OutboxMail)) if "requirement" in mail.payload)
    assert (payload["requirement"]["lectures"], payload["progress"]["lacks"]["lectures"]) == ([3, 4], 2)
    assert not invite_with_growth(series.series_id, far, at=AT + MINUTE), "it is known by now"
    compare_requirements(at=AT + timedelta(hours=1))
    assert (len(posted()), stored()) == (2, {(4, 0, 60), (None, None, None)})


def test_a_lecture_far_ahead_that_raises_the_requirement_is_invited_to_at_once(make: Make, series: Programme) -> None:
    (far,) = add_drafts(make, series, 90, 91)[:1]
    publish_series(series.slug, [far], by=SYSTEM, at=AT)
    assert invite_due(at=AT + MINUTE) == 0
    assert invite_with_growth(series.series_id, far, at=AT + MINUTE)
    assert {name for name, _template, is_both in posted() if is_both} == {"Ada", "Ben"}
    with pytest.raises(Refused, match="have been invited"):
        unpublish_lectures(series.slug, [far], by=SYSTEM, at=AT + MINUTE)


def test_the_invitation_to_another_lecture_says_nothing_of_what_drafts_add(make: Make, series: Programme) -> None:
    add_drafts(make, series, 90, 91)
    change(OutboxMail, dedupe_key=OutboxMail.dedupe_key + "-before")
    change(Lecture, Lecture.id == series.lectures[4], invited_at=None)
    assert invite_due(at=AT + timedelta(hours=1)) == 1
    assert posted() == [("Ada", "lecture_invitation", False), ("Ben", "lecture_invitation", False)]
    assert stored() == {(3, 0, 60), (None, None, None)}


def test_publishing_can_keep_the_requirement_and_is_undone_within_the_minute(make: Make, series: Programme) -> None:
    (far, _other) = add_drafts(make, series, 90, 91)
    slug = series.slug
    publish_series(slug, [far], min_lectures=3, by=SYSTEM, at=AT)
    assert find_growth(series.series_id, at=AT) is None
    assert not invite_with_growth(series.series_id, far, at=AT + MINUTE)
    assert current_policy(series.series_id).min_lectures == 3
    unpublish_lectures(slug, [far], with_share=True, by=SYSTEM, at=AT + MINUTE)
    assert current_policy(series.series_id).min_lectures is None
    publish_series(slug, [far], by=SYSTEM, at=AT + MINUTE)
    unpublish_lectures(slug, [far], by=SYSTEM, at=AT + MINUTE)
    assert not invite_with_growth(series.series_id, far, at=AT + 2 * MINUTE)
    compare_requirements(at=AT + timedelta(hours=1))
    assert (posted(), stored()) == ([], {(3, 0, 60), (None, None, None)})
