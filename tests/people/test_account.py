"""One's own account."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient
from sqlalchemy import select

from lms.core.base.errors import Refused
from lms.core.database import audit
from lms.core.database.session import db
from lms.mail.bounces import stopped_among
from lms.mail.outbox import MailState, OutboxMail
from lms.mail.reasons import MailReason
from lms.people.actions.accounts import use_sign_in_link
from lms.people.actions.addresses import ask_address_check, change_address
from lms.people.actions.links import ask_sign_in_link
from lms.people.models import Consent, Person, PersonEmail
from lms.people.queries.countries import country_id_of
from lms.people.queries.persons import profile_of
from lms.people.rules import MAX_LINKS
from tests.factories import PASSWORD, Make

Post = Callable[..., Any]
PROFILE = {
    "full_name": "Achieng Odhiambo",
    "native_name": "",
    "country": "KE",
    "sector": "business",
    "organisation": "Kisumu Traders",
    "job_title": "",
    "gender": "female",
    "locale": "en",
    "time_zone": "Africa/Nairobi",
}


@pytest.fixture
def person(make: Make, client: FlaskClient) -> Person:
    """Somebody who is signed in."""
    made = make.person(email="achieng@example.org", full_name="Achieng O.", password=PASSWORD)
    make.sign_in(client, made)
    return made


@pytest.mark.databases
def test_the_profile_is_saved_and_audited_by_name_only(app: APIFlask, person: Person, post: Post) -> None:
    assert post("/account", **PROFILE).status_code == 302
    with app.app_context():
        changed = db.session.get_one(Person, person.id)
        assert (changed.full_name, changed.organisation, changed.sector) == (
            "Achieng Odhiambo",
            "Kisumu Traders",
            "business",
        )
        entry = audit.list_entries("person", person.id)[0]
        assert (entry.verb, entry.actor_id) == ("change_profile", person.id)
        assert entry.detail == {"fields": ["full_name", "gender", "organisation", "sector", "time_zone"]}


def test_a_new_country_of_ones_own_holds_from_today(app: APIFlask, person: Person, make: Make, post: Post) -> None:
    assert post("/account", **{**PROFILE, "country": "UG"}).status_code == 302
    by = make.actor(person)
    with app.app_context():
        profile = profile_of(person.public_id, day=person.created_at.date(), by=by)
        assert [country.code for _row, country in profile.history if country] == ["KE", "UG"]
        assert profile.country is not None
        assert profile.country.code == "KE"


def test_what_is_wrong_is_said_and_what_was_typed_stays(person: Person, post: Post) -> None:
    answer = post("/account", **{**PROFILE, "full_name": "x" * 201, "country": "ZZ", "time_zone": "Mars/Base"})
    assert answer.status_code == 422
    assert "x" * 201 in answer.text
    assert "Use at most 200 characters." in answer.text
    assert "There is no country with the code “ZZ”." in answer.text
    assert "Use an IANA time zone, such as Africa/Nairobi." in answer.text
    assert 'value="Kisumu Traders"' in answer.text


def test_roles_and_ids_cannot_be_posted(app: APIFlask, person: Person, make: Make, post: Post) -> None:
    post("/account", **PROFILE, role="administrator", roles="administrator", canonical_id="1", erased_at="2026-01-01")
    actor = make.actor(person)
    assert (actor.roles, actor.person_id) == (frozenset(), person.id)


def test_a_new_password_keeps_this_session_and_ends_the_others(
    app: APIFlask, make: Make, client: FlaskClient, person: Person, post: Post
) -> None:
    other = app.test_client()
    make.sign_in(other, person)
    wrong = post("/account/password", page="/account", current_password="nonsense", new_password="quite another")
    assert wrong.status_code == 422
    assert "This is not your current password." in wrong.text
    changed = post("/account/password", page="/account", current_password=PASSWORD, new_password="quite another")
    assert changed.status_code == 302
    assert client.get("/account").status_code == 200
    assert other.get("/account").status_code == 302


def test_a_token_is_shown_once_and_can_be_ended(client: FlaskClient, person: Person, post: Post, app: APIFlask) -> None:
    made = post("/account/tokens", page="/account", name="Reports", current_password=PASSWORD)
    match = re.search(r'<code class="secret">(serai_[^<]+)</code>', made.text)
    assert match is not None
    headers = {"Authorization": f"Bearer {match[1]}"}
    assert client.get(f"/api/v1/people/{person.public_id}", headers=headers).status_code == 200
    page = client.get("/account/security").text
    assert match[1] not in page
    path = re.search(r'action="(/account/tokens/[^"]+/revoke)"', page)
    assert path is not None
    assert post(path[1], page="/account").status_code == 302
    assert client.get(f"/api/v1/people/{person.public_id}", headers=headers).status_code == 401


def test_another_ones_token_cannot_be_ended(client: FlaskClient, person: Person, make: Make, post: Post) -> None:
    other = make.person()
    headers = make.headers(other)
    from lms.people.models import ApiToken

    with client.application.app_context():
        public_id = db.session.scalars(select(ApiToken.public_id).where(ApiToken.person_id == other.id)).one()
    assert post(f"/account/tokens/{public_id}/revoke", page="/account").status_code == 404
    assert client.get(f"/api/v1/people/{other.public_id}", headers=headers).status_code == 200


def test_export_holds_what_is_stored_and_no_secret(person: Person, post: Post) -> None:
    answer = post("/account/export", page="/account")
    assert answer.headers["Content-Disposition"] == "attachment; filename=my-data.json"
    parts = json.loads(answer.text)
    assert parts["people"]["persons"][0]["full_name"] == "Achieng O."
    assert parts["people"]["addresses"][0]["address"] == "achieng@example.org"
    assert parts["people"]["countries"] == [{"country": "KE", "since": "1900-01-01"}]
    assert "argon2" not in answer.text
    assert "password" not in answer.text


@pytest.mark.databases
def test_erasure_asks_twice_and_leaves_an_anonymous_row(
    app: APIFlask, client: FlaskClient, person: Person, post: Post, make: Make
) -> None:
    post("/forgot", email="achieng@example.org")
    fields = {"certificates": "keep", "confirmation": "achieng@example.org", "current_password": PASSWORD}
    assert post("/account/erase", **{**fields, "confirmation": "another@example.org"}).status_code == 422
    assert post("/account/erase", **{**fields, "current_password": "nonsense"}).status_code == 422
    assert post("/account/erase", **{**fields, "certificates": ""}).status_code == 422
    assert post("/account/erase", **fields).status_code == 302
    assert client.get("/account").status_code == 302
    with app.app_context():
        row = db.session.get_one(Person, person.id)
        assert (row.full_name, row.organisation, row.erased_at is None) == ("", None, False)
        assert country_id_of(person.id, row.created_at.date()) is not None
        for table in (PersonEmail, Consent):
            assert db.session.scalars(select(table).where(table.person_id == person.id)).all() == []
        from lms.mail.outbox import OutboxMail

        assert [(mail.address, mail.payload) for mail in db.session.scalars(select(OutboxMail))] == [("", {})]
    assert client.post("/api/v1/tokens", json={"email": "achieng@example.org", "password": PASSWORD}).status_code == 401
    again = make.person(email="achieng@example.org")
    assert again.id != person.id


def came_back(at: datetime, address: str) -> None:
    for number in range(3):
        mail = OutboxMail(
            template="reset", address=address, payload={}, dedupe_key=f"back-{number}",
            created_at=at, due_at=at, state=MailState.UNDELIVERED, reason=MailReason.NO_SUCH_ADDRESS,
        )  # fmt: skip
        db.session.add(mail)
    db.session.commit()


def test_an_address_from_which_mails_came_back_is_confirmed_by_its_owner(
    app: APIFlask, person: Person, post: Post, client: FlaskClient, at: datetime
) -> None:
    with app.app_context():
        came_back(at, "achieng@example.org")
    for page in ("/account/mail", "/me"):
        assert "kept coming back" in client.get(page).text
    assert 'action="/account/address/check"' in client.get("/me").text
    post("/account/address/check")
    assert "kept coming back" in client.get("/account/mail").text, "only the link says that it works"
    with app.app_context():
        sent = db.session.scalars(select(OutboxMail).order_by(OutboxMail.id.desc())).first()
        assert sent is not None
        assert (sent.template, sent.address) == ("check_address", "achieng@example.org")
        link = f"/account/address/{sent.payload['secret']}"
    assert "we will write to achieng@example.org again" in app.test_client().get(link).text
    post(link)
    for page in ("/account/mail", "/me"):
        assert "kept coming back" not in client.get(page).text
    assert app.test_client().get(link).status_code == 404, "it works once"


def test_any_link_that_arrives_says_that_the_address_works(
    app: APIFlask, person: Person, client: FlaskClient, at: datetime
) -> None:
    with app.app_context():
        came_back(at, "achieng@example.org")
        assert stopped_among(["achieng@example.org"]) == {"achieng@example.org"}
        ask_sign_in_link("achieng@example.org", at=at)
        sent = db.session.scalars(select(OutboxMail).where(OutboxMail.template == "sign_in")).one()
        use_sign_in_link(sent.payload["secret"], at=at)
        assert stopped_among(["achieng@example.org"]) == set()


def test_a_check_says_nothing_of_an_address_that_was_changed_meanwhile(
    app: APIFlask, make: Make, person: Person, at: datetime
) -> None:
    with app.app_context():
        ask_address_check(by=make.actor(person), at=at)
        secret = db.session.scalars(select(OutboxMail.payload)).one()["secret"]
        row = db.session.scalars(select(PersonEmail).where(PersonEmail.person_id == person.id)).one()
        row.address = row.key = "new@example.org"
        db.session.commit()
        with pytest.raises(Refused):
            change_address(secret, at=at)


def test_a_check_is_not_sent_over_and_over(app: APIFlask, make: Make, person: Person, at: datetime) -> None:
    with app.app_context():
        for _time in range(MAX_LINKS):
            ask_address_check(by=make.actor(person), at=at)
        with pytest.raises(Refused):
            ask_address_check(by=make.actor(person), at=at)
