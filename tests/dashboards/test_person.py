"""The page of a person for support: the first sentence answers why there is no certificate."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from lms.catalogue.models import Series
from lms.core.database.audit import AuditEntry
from lms.core.database.session import action, db
from lms.enrolment.models import Enrolment, EnrolmentStatus
from lms.mail.outbox import MailState, OutboxMail, post_mail
from lms.mail.reasons import MailReason
from lms.nominations.actions.invitations import remind
from lms.nominations.actions.nominating import nominate, withdraw_nominations
from lms.nominations.rules import REMIND_EVERY
from lms.people.models import Person
from lms.people.people_files import PersonRow
from lms.people.queries.countries import get_country
from lms.people.queries.persons import addresses_of
from tests.dashboards.conftest import World
from tests.factories import PASSWORD
from tests.rows import each_row


@pytest.fixture
def administrator(world: World) -> FlaskClient:
    return world.signed_in(world.make.person("Ada Min", roles=["administrator"]))


def page_of(client: FlaskClient, person: Person) -> str:
    answer = client.get(f"/admin/people/{person.public_id}")
    assert answer.status_code == 200
    return answer.text


def answer_of(text: str) -> str:
    """The first sentences of the page."""
    block = re.search(r'data-testid="why">(.*?)</div>', text, re.DOTALL)
    assert block is not None
    return " ".join(re.sub(r"<[^>]+>", "", block[1]).split())


def press(client: FlaskClient, person: Person, what: str, **fields: str) -> str:
    """Presses a button of the page; returns the page that follows."""
    token = re.search(r'name="csrf_token" value="([^"]+)"', page_of(client, person))
    assert token is not None
    address = f"/admin/people/{person.public_id}/{what}"
    return client.post(address, data={"csrf_token": token[1], **fields}, follow_redirects=True).text


@pytest.mark.databases
def test_the_first_sentence_says_why_there_is_no_certificate(world: World, administrator: FlaskClient) -> None:
    world.be_there(world.held[1], world.trainee, (0, 49))
    text = page_of(administrator, world.trainee)
    assert answer_of(text) == (
        "No certificate yet for Cross-border trade for small exporters: 1 of the 3 lectures needed. "
        "5 min short in “Finding the market”. 3 lectures are still to come: that is enough."
    )
    assert f'/lectures/{world.held[1].id}/roster/{world.trainee.public_id}"' in text
    assert re.findall(r'data-testid="attendance-\d+" data-outcome="(\w+)"', text) == ["partial", "attended"]
    assert "49 of 90 minutes" in text


@pytest.mark.databases
@each_row(
    "status, said",
    [
        (EnrolmentStatus.WAITLISTED, "Not enrolled in Full yet: on the waiting list."),
        (EnrolmentStatus.APPLIED, "Not enrolled in Full yet: the application awaits a decision."),
        (EnrolmentStatus.REJECTED, "Not enrolled in Full: the application was not accepted."),
        (EnrolmentStatus.WITHDRAWN, "Withdrawn from Full, so no certificate is issued."),
        (EnrolmentStatus.ENROLLED, "Full issues no certificates."),
    ],
)
def test_the_answer_follows_the_place_in_the_series(
    world: World, administrator: FlaskClient, status: EnrolmentStatus, said: str
) -> None:
    person = world.make.person("Sutrisno")
    assert answer_of(page_of(administrator, person)) == "Not enrolled in any series, so there is no certificate."
    world.make.enrolment(world.make.series(title="Full"), person, status=status)
    assert answer_of(page_of(administrator, person)) == said


def test_series_without_certificates_do_not_hide_the_answer(world: World, administrator: FlaskClient) -> None:
    for title in ("Open hours", "Questions"):
        series = world.make.series(title=title)
        world.make.lecture(series, starts_at=world.at - timedelta(days=1))
        world.make.enrolment(series, world.trainee)
    answer = answer_of(page_of(administrator, world.trainee))
    assert "Open hours issues no certificates." in answer
    assert "No certificate yet for Cross-border trade for small exporters:" in answer


@pytest.mark.databases
def test_staff_see_in_which_language_somebody_reads(world: World, administrator: FlaskClient) -> None:
    reader = world.make.person("Awa Diop", country="SN", locale="fr")
    assert "Language: French" in page_of(administrator, reader)
    assert "Language:" not in page_of(administrator, world.trainee)


def test_mail_that_failed_stands_first_with_its_reason(world: World, administrator: FlaskClient) -> None:
    person_id, at = world.trainee.id, world.at

    @action
    def write() -> None:
        for number, (error, sent) in enumerate(((None, True), ("452 4.2.2 full", False), (None, True))):
            post_mail(
                "enrolment_enrolled",
                address="achieng@example.org",
                payload={"title": f"Series {number}"},
                dedupe_key=f"mail-{number}",
                at=at,
                person_id=person_id,
            )
            mail = db.session.scalars(select(OutboxMail).where(OutboxMail.dedupe_key == f"mail-{number}")).one()
            mail.error, mail.sent_at = error, at if sent else None
            mail.state = MailState.SENT if sent else MailState.QUEUED
            mail.reason = MailReason.MAILBOX_FULL if error else None

    with world.make.app.app_context():
        write()
    text = page_of(administrator, world.trainee)
    assert re.findall(r'data-testid="mail" data-state="(\w+)"', text) == ["queued", "sent", "sent"]
    assert "1 of 3 failed" in text
    assert "You are enrolled</a>: <bdi>Series 1</bdi>" in text
    assert "Failed, will be tried again" in text
    assert "Mailbox full" in text
    assert 'data-testid="stopped-address"' not in text

    @action
    def come_back() -> None:
        db.session.query(OutboxMail).update(
            {
                "state": MailState.UNDELIVERED,
                "reason": MailReason.NO_SUCH_ADDRESS,
                "address": addresses_of([person_id])[person_id],
            }
        )

    with world.make.app.app_context():
        come_back()
    assert 'data-testid="stopped-address"' in page_of(administrator, world.trainee)


@pytest.mark.databases
def test_a_sign_in_link_is_sent_and_noted(world: World, administrator: FlaskClient) -> None:
    person = world.make.person("Sita Gurung", email="sita@example.org", password=PASSWORD)
    text = press(administrator, person, "sign-in-link")
    assert "A sign-in link is on its way to sita@example.org." in text
    assert "Sign-in link sent" in text
    with world.make.app.app_context():
        mails = db.session.scalars(select(OutboxMail).where(OutboxMail.person_id == person.id)).all()
        assert [mail.template for mail in mails] == ["sign_in"]
    for _more in range(4):
        press(administrator, person, "sign-in-link")
    assert "This address was sent several links within the last hour." in press(administrator, person, "sign-in-link")
    with world.make.app.app_context():
        acts = db.session.scalars(select(AuditEntry.verb).where(AuditEntry.verb == "send_link")).all()
        assert len(acts) == 5


@pytest.mark.databases
def test_a_person_is_enrolled_from_the_page(world: World, administrator: FlaskClient) -> None:
    person = world.make.person("Sita Gurung")
    assert "Choose a series." in press(administrator, person, "enrol", series="")
    assert "Choose a series." in press(administrator, person, "enrol", series="nothing-like-it")
    text = press(administrator, person, "enrol", series="cross-border")
    assert "Enrolled in “Cross-border trade for small exporters”." in text
    assert '<option value="cross-border">' not in text, "it is not offered twice"
    with world.make.app.app_context():
        query = select(Series.slug).join(Enrolment).where(Enrolment.person_id == person.id)
        assert db.session.scalars(query).all() == ["cross-border"]


def test_of_many_lectures_the_latest_are_shown(world: World, administrator: FlaskClient) -> None:
    for number in range(3):
        world.hold(30 + number, f"Earlier {number}")
    short = page_of(administrator, world.trainee)
    assert len(re.findall(r'data-testid="attendance-', short)) == 5, "two more are not left out"
    assert "View all 5" not in short
    for number in range(3, 12):
        world.hold(30 + number, f"Earlier {number}")
    short = page_of(administrator, world.trainee)
    assert len(re.findall(r'data-testid="attendance-', short)) == 3
    assert "View all 14" in short
    everything = administrator.get(f"/admin/people/{world.trainee.public_id}?all=yes").text
    assert len(re.findall(r'data-testid="attendance-', everything)) == 14


def test_an_erased_person_has_nothing_to_press(world: World, administrator: FlaskClient) -> None:
    from lms.core.base.roles import SYSTEM
    from lms.people.actions.privacy import erase_person

    with world.make.app.app_context():
        erase_person(
            world.trainee.public_id,
            confirmation="achieng@example.org",
            withdraw_certificates=False,
            by=SYSTEM,
            at=world.at + timedelta(hours=1),
        )
    text = page_of(administrator, world.trainee)
    assert "Everything that identified this person was deleted." in text
    assert "achieng" not in text.lower()
    assert f"/admin/people/{world.trainee.public_id}/" not in text.replace(
        f"/admin/people/{world.trainee.public_id}/edit#audit", ""
    )


def test_nominations_are_listed_with_their_state_and_each_step(world: World, administrator: FlaskClient) -> None:
    person = world.make.person("Wambui Njeri", "wambui@example.org")
    series = world.make.series(title="Digital customs")
    world.make.lecture(series, local_start=(world.at + timedelta(days=30)).replace(tzinfo=None))
    focal = world.make.actor(full_name="Peter Mutua", roles=[("focal_point", "KE")])
    row = PersonRow(2, "wambui@example.org", "wambui@example.org", None)

    with world.make.app.app_context():
        kenya = get_country("KE").id
        made = nominate(series.id, [row], country_id=kenya, by=focal, at=world.at).invited
        remind(series.id, kenya, by=focal, at=world.at + REMIND_EVERY)
        withdraw_nominations(made, by=focal, at=world.at + REMIND_EVERY)
    text = page_of(administrator, person)
    assert re.findall(r'data-testid="nomination" data-state="(\w+)"', text) == ["withdrawn"]
    for words in ("Digital customs", "Nomination withdrawn", "Invitation sent again", "Nominated"):
        assert words in text, words
