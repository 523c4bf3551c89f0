"""A file that says something else than people wrote: they are asked, and change their profiles themselves or not."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from lms.catalogue.models import Series
from lms.core.base.errors import Invalid, NotFound, Refused
from lms.core.base.roles import SYSTEM, Actor
from lms.core.database.session import db
from lms.core.time import clock
from lms.mail.outbox import OutboxMail
from lms.nominations.actions.files import nominate_file, preview_file
from lms.nominations.actions.profile_requests import (
    TEMPLATE,
    answer_request,
    ask_to_confirm,
    forget_old_requests,
)
from lms.nominations.models import Nomination, ProfileField, ProfileRequest, RequestedChange
from lms.nominations.queries.profile_requests import ChangedProfile, ProfileDifference, answers_about
from lms.nominations.rules import FORGET_AFTER, INVITATION_LASTS, REMIND_EVERY
from lms.people.actions.merging import merge_people
from lms.people.actions.privacy import erase_person, export_person
from lms.people.models import Person
from lms.people.queries.countries import get_country
from tests.enrolment.conftest import Cast
from tests.factories import Make
from tests.forms import token_in
from tests.nominations.test_files import upload

pytestmark = [pytest.mark.databases, pytest.mark.usefixtures("context")]
HEAD = "email,full_name,organisation,job_title\n"
ROSE = "rose.maina@people.test,Rose Maina,Kenya Revenue Authority,Senior officer\n"
ORGANISATION, JOB_TITLE = ProfileField.ORGANISATION, ProfileField.JOB_TITLE


def rose(cast: Cast) -> Person:
    """Somebody of Kenya who wrote other things than the file."""
    made = cast.person("Rose Maina", organisation="KRA", job_title="Officer")
    return db.session.get_one(Person, made.person_id)


def secret_of(address: str) -> str:
    query = select(OutboxMail).where(OutboxMail.template == TEMPLATE, OutboxMail.address == address)
    mail = db.session.scalars(query.order_by(OutboxMail.id.desc())).first()
    assert mail is not None
    return str(mail.payload["secret"])


def count_mails() -> int:
    return db.session.scalar(select(func.count()).where(OutboxMail.template == TEMPLATE)) or 0


def ask(series: Series, text: str, *, by: Actor, at: datetime) -> int:
    """Nominates a file, and asks; how many were asked."""
    file = upload(series, HEAD + text, country_id=get_country("KE").id, by=by, at=at)
    return nominate_file(file, submit=True, ask=True, by=by, at=at).requested


def test_a_file_asks_whoever_wrote_something_else_and_changes_nothing_itself(
    cast: Cast, series: Series, kenya: int, focal: Actor, at: datetime
) -> None:
    person = rose(cast)
    cast.person("Amina Wario", organisation="kenya  revenue authority")
    cast.person("Juma Bakari", country="UG", organisation="URA")
    text = (
        ROSE
        + "amina.wario@people.test,Amina Wario,Kenya Revenue Authority,Clerk\n"
        + "juma.bakari@people.test,Juma Bakari,Kenya Revenue Authority,\n"
        + "new@people.test,New Person,Somewhere,\n"
    )
    file = upload(series, HEAD + text, country_id=kenya, by=focal, at=at)
    preview = preview_file(file, by=focal, at=at)
    assert (
        preview.to_ask
        == preview.checked.changed
        == [
            ChangedProfile(
                person.id,
                "Rose Maina",
                [
                    ProfileDifference(ORGANISATION, "KRA", "Kenya Revenue Authority"),
                    ProfileDifference(JOB_TITLE, "Officer", "Senior officer"),
                ],
                line=2,
            )
        ]
    ), "neither case nor an empty field is a change, and nobody of another country is known"
    assert nominate_file(file, submit=True, by=focal, at=at).requested == 0, "asked only where it is wanted"
    assert count_mails() == 0
    later = at + timedelta(hours=1)
    assert ask(series, text, by=focal, at=later) == 1
    assert (person.organisation, person.job_title, count_mails()) == ("KRA", "Officer", 1)
    assert ask(series, text, by=focal, at=later + timedelta(minutes=1)) == 0, "the same file asks nobody twice"


def test_each_change_is_accepted_or_refused_once(
    cast: Cast, series: Series, kenya: int, focal: Actor, at: datetime
) -> None:
    person = rose(cast)
    ask(series, ROSE, by=focal, at=at)
    secret = secret_of("rose.maina@people.test")
    with pytest.raises(Invalid) as missing:
        answer_request(secret, {ORGANISATION: True}, at=at)
    assert [fault.field for fault in missing.value.faults] == ["job_title"]
    assert answer_request(secret, {ORGANISATION: True, JOB_TITLE: False}, at=at) == 1
    assert (person.organisation, person.job_title) == ("Kenya Revenue Authority", "Officer")
    with pytest.raises(Refused):
        answer_request(secret, {ORGANISATION: False, JOB_TITLE: True}, at=at)
    nomination = db.session.scalars(select(Nomination)).one()
    assert [(one.field, one.accepted) for one in answers_about(nomination, at=at)] == [
        (JOB_TITLE, False),
        (ORGANISATION, True),
    ]
    much_later = at + INVITATION_LASTS + REMIND_EVERY
    assert ask(series, ROSE, by=focal, at=much_later) == 0, "what was refused is not asked again"
    other = ROSE.replace("Senior officer", "Director")
    assert ask(series, other, by=focal, at=much_later) == 1


def test_a_request_that_nobody_answers_expires_and_is_forgotten(
    cast: Cast, series: Series, focal: Actor, at: datetime
) -> None:
    person = rose(cast)
    ask(series, ROSE, by=focal, at=at)
    secret, late = secret_of("rose.maina@people.test"), at + INVITATION_LASTS
    for wrong, moment in ((secret, late), ("nothing", at)):
        with pytest.raises(NotFound):
            answer_request(wrong, {ORGANISATION: True, JOB_TITLE: True}, at=moment)
    assert person.organisation == "KRA"
    assert ask(series, ROSE, by=focal, at=late) == 1, "an expired request can be made again"
    forget_old_requests(at=at + FORGET_AFTER + timedelta(seconds=1))
    assert db.session.scalar(select(func.count()).select_from(ProfileRequest)) == 1
    assert db.session.scalar(select(func.count()).select_from(RequestedChange)) == 2


def test_other_countries_cannot_ask(cast: Cast, kenya: int, focal: Actor, at: datetime) -> None:
    with pytest.raises(NotFound):
        ask_to_confirm([], country_id=get_country("UG").id, by=focal, at=at)


def test_requests_follow_a_merge_are_exported_and_go_with_erasure(
    cast: Cast, series: Series, focal: Actor, admin: Actor, at: datetime
) -> None:
    person = rose(cast)
    ask(series, ROSE, by=focal, at=at)
    secret = secret_of("rose.maina@people.test")
    kept = cast.person("Rose Wanjiru Maina", organisation="KRA", job_title="Officer")
    other = db.session.get_one(Person, kept.person_id)
    merge_people(other.public_id, person.public_id, reason="the same person", by=admin, at=at)
    answer_request(secret, {ORGANISATION: True, JOB_TITLE: False}, at=at)
    assert db.session.get_one(Person, other.id, populate_existing=True).organisation == "Kenya Revenue Authority"
    exported = export_person(other.public_id, by=admin, at=at)["profile_requests"]
    assert exported[0]["changes"] == [
        {"field": "job_title", "value": "Senior officer", "accepted": False},
        {"field": "organisation", "value": "Kenya Revenue Authority", "accepted": True},
    ]
    erase_person(
        other.public_id, confirmation="rose.wanjiru.maina@people.test", withdraw_certificates=False, by=admin, at=at
    )
    assert db.session.scalar(select(func.count()).select_from(ProfileRequest)) == 0
    with pytest.raises(NotFound):
        answer_request(secret, {}, at=at)


@pytest.mark.databases(differs=True)
def test_two_files_at_once_ask_a_person_once(app: APIFlask, make: Make, cast: Cast, kenya: int, at: datetime) -> None:
    person = rose(cast)
    changed = [
        ChangedProfile(person.id, person.full_name, [ProfileDifference(ORGANISATION, "KRA", "Revenue Authority")])
    ]
    db.session.remove()
    gate = threading.Barrier(2)

    def run() -> None:
        with app.app_context():
            gate.wait()
            ask_to_confirm(changed, country_id=kenya, by=SYSTEM, at=at)

    threads = [threading.Thread(target=run) for _one in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert count_mails() == 1


def test_the_page_takes_an_answer_to_each_change(cast: Cast, series: Series, focal: Actor, client: FlaskClient) -> None:
    person = rose(cast)
    ask(series, ROSE, by=focal, at=clock.now())
    path = f"/profile-changes/{secret_of('rose.maina@people.test')}"
    page = client.get(path)
    assert "Are these 2 changes right?" in page.text
    assert "Peter Mutua" in page.text
    token = token_in(page.text)

    def send(**answers: str) -> int:
        return client.post(path, data={"csrf_token": token, **answers}).status_code

    assert "Job title: Choose an answer." in client.post(path, data={"csrf_token": token}).text
    assert send(organisation="accept") == 422
    assert send(organisation="accept", job_title="refuse") == 303
    answered = client.get(path)
    assert (answered.status_code, "Thank you" in answered.text) == (200, True)
    assert send(organisation="refuse", job_title="accept") == 200
    db.session.expire_all()
    assert (person.organisation, person.job_title) == ("Kenya Revenue Authority", "Officer")
    assert client.get("/profile-changes/nothing").status_code == 404


def test_an_expired_link_says_so(cast: Cast, series: Series, focal: Actor, client: FlaskClient) -> None:
    rose(cast)
    ask(series, ROSE, by=focal, at=clock.now() - INVITATION_LASTS)
    page = client.get(f"/profile-changes/{secret_of('rose.maina@people.test')}")
    assert page.status_code == 410
    assert "This link has expired" in page.text
