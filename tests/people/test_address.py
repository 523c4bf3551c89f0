"""Another e-mail address: asked with password and code, confirmed at the new address, told to the old one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient
from pyotp import TOTP

from lms.core.database import audit
from lms.core.time import clock
from lms.mail.outbox import OutboxMail
from lms.people.actions.factors import begin_second_factor, confirm_second_factor
from lms.people.models import Person
from lms.people.queries.factors import second_factor_of
from lms.people.queries.persons import find_person_by_email
from tests.factories import PASSWORD, Make
from tests.rows import each_row

Post = Callable[..., Any]
Mails = Callable[[], list[OutboxMail]]
NEW = {"email": "New@Example.org", "current_password": PASSWORD}


@pytest.fixture
def person(make: Make, client: FlaskClient) -> Person:
    """Somebody who is signed in."""
    made = make.person(email="old@example.org", full_name="Achieng O.", password=PASSWORD)
    make.sign_in(client, made)
    return made


def known_as(app: APIFlask, email: str) -> int | None:
    with app.app_context():
        person = find_person_by_email(email)
        return person.id if person is not None else None


@pytest.mark.databases
def test_the_new_address_is_confirmed_and_the_old_one_told(
    app: APIFlask, client: FlaskClient, person: Person, post: Post, mails: Mails
) -> None:
    post("/forgot", email="old@example.org")
    assert post("/account/address", page="/account", **NEW).status_code == 302
    letter = mails()[-1]
    assert (letter.template, letter.address) == ("change_address", "New@Example.org")
    assert known_as(app, "new@example.org") is None
    link = f"/account/address/{letter.payload['secret']}"
    reader = app.test_client()
    shown = reader.get(link)
    assert (shown.status_code, shown.headers["Referrer-Policy"]) == (200, "strict-origin")
    assert known_as(app, "new@example.org") is None, "looking changes nothing"
    assert post(link).status_code == 302
    assert (known_as(app, "new@example.org"), known_as(app, "old@example.org")) == (person.id, None)
    notice = mails()[-1]
    assert (notice.template, notice.address, notice.payload["what"]) == ("account_notice", "old@example.org", "address")
    assert client.get(link).status_code == 404
    assert client.get(f"/reset/{mails()[0].payload['secret']}").status_code == 404, "links of before are used up"
    given = {"email": "old@example.org", "password": PASSWORD}
    assert client.post("/api/v1/tokens", json=given).status_code == 401
    assert client.post("/api/v1/tokens", json={**given, "email": "new@example.org"}).status_code == 201
    with app.app_context():
        entry = audit.list_entries("person", person.id)
        assert ("change_address", {"fields": ["email"]}) in [(one.verb, one.detail) for one in entry]


@each_row(
    "given, message",
    [
        ({"current_password": "not this one"}, "This is not your current password."),
        ({"current_password": ""}, "Enter your current password."),
        ({"email": "no address"}, "Enter an e-mail address in the correct format"),
        ({"email": "OLD@example.org"}, "This is already your e-mail address."),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_sent(
    person: Person, post: Post, mails: Mails, given: dict[str, str], message: str
) -> None:
    answer = post("/account/address", page="/account", **{**NEW, **given})
    assert (answer.status_code, message in answer.text) == (422, True)
    assert mails() == []


def test_a_code_is_asked_for_where_there_is_a_second_factor(
    app: APIFlask, client: FlaskClient, make: Make, person: Person, post: Post, mails: Mails
) -> None:
    by = make.actor(person)
    with app.app_context():
        at = clock.now()
        begin_second_factor(by=by, at=at)
        secret = second_factor_of(person.id, at=at, by=by).pending_secret
        assert secret is not None
        codes = confirm_second_factor(TOTP(secret).at(at), by=by, at=at)
    make.sign_in(client, person)
    for otp in ("", "000000"):
        assert post("/account/address", page="/account", **NEW, otp=otp).status_code == 422
    assert [mail.template for mail in mails()] == ["account_notice"]
    assert post("/account/address", page="/account", **NEW, otp=codes[0]).status_code == 302
    assert mails()[-1].template == "change_address"


def test_an_address_of_somebody_else_looks_the_same_and_is_told_there_only(
    app: APIFlask, make: Make, client: FlaskClient, person: Person, post: Post, mails: Mails
) -> None:
    other = make.person(email="taken@example.org")
    taken = post("/account/address", page="/account", **{**NEW, "email": "taken@example.org"})
    first = client.get("/account").text
    free = post("/account/address", page="/account", **NEW)
    assert (taken.status_code, taken.location) == (free.status_code, free.location)
    assert "Check your e-mail at the new address" in first
    assert [(mail.template, mail.payload) for mail in mails()[:1]] == [("address_taken", {})]
    assert known_as(app, "taken@example.org") == other.id


@pytest.mark.databases(differs=True)
def test_an_address_that_is_taken_meanwhile_is_refused(
    app: APIFlask, make: Make, client: FlaskClient, person: Person, post: Post, mails: Mails
) -> None:
    post("/account/address", page="/account", **NEW)
    other = make.person(email="new@example.org")
    link = f"/account/address/{mails()[-1].payload['secret']}"
    post(link)
    assert "Someone else now uses this e-mail address." in client.get("/account").text
    assert (known_as(app, "new@example.org"), known_as(app, "old@example.org")) == (other.id, person.id)
