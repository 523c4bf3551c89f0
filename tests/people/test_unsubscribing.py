"""The link in a mail stops mails of its kind: at once by POST (RFC 8058), never by GET."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient

from lms.core.base.roles import SYSTEM
from lms.core.time import clock
from lms.mail.kinds import DECLINABLE, MailKind
from lms.mail.outbox import OutboxMail
from lms.mail.rendering import render
from lms.mail.smtp import POLICY, POLICY_BEYOND_ASCII
from lms.people.actions.mails import choose_mails
from lms.people.actions.merging import merge_people
from lms.people.actions.privacy import erase_person
from lms.people.mail_links import LASTS, make_link, read_link
from lms.people.models import Person
from lms.people.queries.mail_choices import choices_of, wanting
from tests.factories import Make

SECRETS = ["tests-only"]
ONE_CLICK = {"List-Unsubscribe": "One-Click"}
CHANGE, CERTIFICATE, PLACE = MailKind.CHANGE, MailKind.CERTIFICATE, MailKind.PLACE_WON


@pytest.fixture
def person(make: Make) -> Person:
    return make.person("Achieng Odhiambo", "achieng@example.org")


def link(person: Person, at: datetime, *, kind: MailKind = CHANGE, address: str = "achieng@example.org") -> str:
    return "/unsubscribe/mail/" + make_link(SECRETS, person.id, kind, address, at)


def wants(app: APIFlask, person: Person, kind: MailKind = CHANGE) -> bool:
    with app.app_context():
        return wanting(kind, [person.id]) == {person.id}


def test_a_mail_program_stops_mails_with_the_headers_of_a_mail(
    app: APIFlask, client: FlaskClient, make: Make, at: datetime
) -> None:
    person = make.person("Achieng", "Achieng@Example.org")
    payload = {"title": "Rules", "series": "Customs", "slug": "customs", "full_name": "Achieng", "reason": "",
               "has_account": True, "duration_minutes": 90, "old_at": None, "lecture_id": 0}  # fmt: skip
    with app.app_context():
        row = OutboxMail(id=1, template="lecture_cancelled", kind="change", address="Achieng@Example.org", locale="en",
                         time_zone="", person_id=person.id, payload=payload, dedupe_key="k", created_at=at)  # fmt: skip
        message = render(row, app.extensions["lms.config"])
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    url = message["List-Unsubscribe"].strip("<>")
    for policy in (POLICY, POLICY_BEYOND_ASCII):
        line = f"\r\nList-Unsubscribe: <{url}>\r\n".encode()
        assert line in message.as_bytes(policy=policy), "mail programs know an address only as it is"
    path = url.removeprefix("http://localhost")
    for _time in range(2):
        answer = client.post(path, data=ONE_CLICK)
        assert (answer.status_code, answer.headers.get("Location")) == (200, None)
    assert not wants(app, person)


def test_a_look_at_the_link_changes_nothing(app: APIFlask, client: FlaskClient, person: Person) -> None:
    page = client.get(link(person, clock.now()))
    assert "Stop these e-mails?" in page.text
    assert "When a lecture is planned, moved or cancelled" in page.text
    assert "For a…@example.org." in page.text
    assert "achieng@" not in page.text, "readers of a forwarded e-mail learn no address"
    assert page.headers["Cache-Control"] == "no-store"
    assert page.headers["Referrer-Policy"] == "strict-origin"
    client.head(link(person, clock.now()))
    assert wants(app, person)


def test_other_kinds_are_chosen_on_the_page_and_the_first_can_be_turned_on_again(
    app: APIFlask, client: FlaskClient, person: Person
) -> None:
    path = link(person, clock.now())
    page = client.post(path, data={})
    assert "You will get no more of these e-mails" in page.text
    client.post(path, data={"choose": "y", "kinds": [PLACE.value, "account", "no such kind"]})
    assert (wants(app, person), wants(app, person, CERTIFICATE), wants(app, person, PLACE)) == (False, False, True)
    client.post(path, data={"choose": "y", "kinds": [PLACE.value, CERTIFICATE.value]})
    client.post(path, data={"again": "y"})
    assert (wants(app, person), wants(app, person, CERTIFICATE)) == (True, True)
    client.post(path, data={"stop_all": "y"})
    assert (wants(app, person), wants(app, person, CERTIFICATE), wants(app, person, PLACE)) == (True, False, False)
    with app.app_context():
        assert {kind for kind, _series in choices_of(person.id)} <= set(DECLINABLE)


def test_a_choice_for_one_series_is_stopped_too(app: APIFlask, client: FlaskClient, person: Person) -> None:
    with app.app_context():
        choose_mails(person.id, {CHANGE: False}, by=SYSTEM, at=clock.now())
        choose_mails(person.id, {CHANGE: True}, by=SYSTEM, at=clock.now(), series_id=7)
    client.post(link(person, clock.now()), data=ONE_CLICK)
    with app.app_context():
        assert wanting(CHANGE, [person.id], 7) == set()


def test_a_merged_person_stops_mails_of_the_one_kept(
    app: APIFlask, client: FlaskClient, make: Make, person: Person
) -> None:
    main = make.person("Achieng A. Odhiambo", "other@example.org")
    with app.app_context():
        merge_people(main.public_id, person.public_id, by=SYSTEM, at=clock.now())
    assert client.post(link(person, clock.now()), data=ONE_CLICK).status_code == 200
    assert not wants(app, main)


def test_a_link_dies_with_the_address_and_the_page_says_so(
    app: APIFlask, client: FlaskClient, make: Make, person: Person
) -> None:
    path = link(person, clock.now(), address="formerly@example.org")
    assert "We no longer write to this address" in client.post(path, data=ONE_CLICK).text
    assert wants(app, person)
    path = link(person, clock.now())
    with app.app_context():
        erase_person(person.public_id, confirmation="achieng@example.org", withdraw_certificates=False,
                     by=make.administrator(), at=clock.now())  # fmt: skip
    for answer in (client.get(path), client.post(path, data=ONE_CLICK)):
        assert (answer.status_code, "We no longer write to this address" in answer.text) == (200, True)


def test_a_link_works_for_a_year(app: APIFlask, client: FlaskClient, person: Person) -> None:
    path = link(person, clock.now() - LASTS - timedelta(days=1))
    assert "This link is too old" in client.post(path, data=ONE_CLICK).text
    assert wants(app, person)
    client.post(link(person, clock.now() - LASTS + timedelta(days=1)), data=ONE_CLICK)
    assert not wants(app, person)


def test_a_link_that_was_altered_is_not_there(client: FlaskClient, person: Person) -> None:
    path = link(person, clock.now())
    for wrong in (
        path[:-1] + ("A" if path[-1] != "A" else "B"),
        path.replace("change", "replay"),
        "/unsubscribe/mail/x",
    ):
        assert client.post(wrong, data=ONE_CLICK).status_code == 404


def test_a_link_is_read_while_the_secret_is_replaced(person: Person, at: datetime) -> None:
    old = make_link(["old"], person.id, CHANGE, "a@example.org", at)
    assert read_link(["new"], old) is None
    read = read_link(["new", "old"], old)
    assert read is not None
    assert (read.person_id, read.kind) == (person.id, CHANGE)
    assert read_link(["new"], make_link(["new", "old"], person.id, CHANGE, "a@example.org", at)) is not None
