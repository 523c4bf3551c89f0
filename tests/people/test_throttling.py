"""Failed sign-ins: a stranger who guesses closes the account to strangers, not to its owner."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from lms.core.database.session import action, db
from lms.mail.outbox import OutboxMail
from lms.people.actions.accounts import KnownDevice, check_password
from lms.people.actions.attempts import TooManyFailures, WrongCredentials
from lms.people.models import Person, SignInFailure
from lms.people.passwords import hash_secret
from tests.factories import PASSWORD, Make
from tests.forms import token_in

Post = Callable[..., Any]
Mails = Callable[[], list[OutboxMail]]


@pytest.fixture
def person(make: Make) -> Person:
    return make.person(email="a@example.org", password=PASSWORD)


def guess(app: APIFlask, times: int = 5, email: str = "a@example.org") -> None:
    """A stranger's wrong passwords, over the API."""
    for _time in range(times):
        given = {"email": email, "password": "a guess"}
        assert app.test_client().post("/api/v1/tokens", json=given).status_code == 401


@pytest.mark.databases
def test_a_known_device_passes_while_strangers_are_kept_out(
    app: APIFlask, person: Person, client: FlaskClient, post: Post
) -> None:
    assert post("/sign-in", email="a@example.org", password=PASSWORD).status_code == 302
    cookie = client.get_cookie("device")
    assert cookie is not None
    assert (cookie.http_only, cookie.same_site, cookie.path) == (True, "Lax", "/")
    post("/sign-out", page="/account")
    guess(app)
    stranger = app.test_client()
    given = {"csrf_token": token_in(stranger.get("/sign-in").text), "email": "a@example.org", "password": PASSWORD}
    refused = stranger.post("/sign-in", data=given)
    assert refused.status_code == 429
    assert "To sign in without waiting, use an e-mailed link." in refused.text
    assert post("/sign-in", email="a@example.org", password=PASSWORD).status_code == 302


def test_a_known_device_has_a_count_of_its_own(app: APIFlask, person: Person, client: FlaskClient, post: Post) -> None:
    post("/sign-in", email="a@example.org", password=PASSWORD)
    post("/sign-out", page="/account")
    for _time in range(5):
        assert post("/sign-in", email="a@example.org", password="forgotten").status_code == 422
    assert post("/sign-in", email="a@example.org", password=PASSWORD).status_code == 429
    fresh = app.test_client().post("/api/v1/tokens", json={"email": "a@example.org", "password": PASSWORD})
    assert fresh.status_code == 201, "its failures close nobody else out"


@pytest.mark.parametrize("cookie", ["", "altered", "of another account"])
def test_a_device_is_known_to_its_own_account_only(
    app: APIFlask, make: Make, person: Person, client: FlaskClient, post: Post, cookie: str
) -> None:
    make.person(email="b@example.org", password=PASSWORD)
    post("/sign-in", email="b@example.org" if "another" in cookie else "a@example.org", password=PASSWORD)
    device_cookie = client.get_cookie("device")
    assert device_cookie is not None
    post("/sign-out", page="/account")
    if "another" not in cookie:
        client.set_cookie("device", device_cookie.value[:-2] + "xx" if cookie else "")
    guess(app)
    assert post("/sign-in", email="a@example.org", password=PASSWORD).status_code == 429


def test_a_mailed_link_passes(app: APIFlask, person: Person, client: FlaskClient, post: Post, mails: Mails) -> None:
    guess(app)
    post("/sign-in/link", page="/sign-in", email="a@example.org")
    assert post(f"/sign-in/{mails()[0].payload['secret']}").status_code == 302
    assert client.get("/account").status_code == 200


def test_strangers_do_not_close_the_account_to_somebody_who_is_signed_in(
    app: APIFlask, make: Make, person: Person, client: FlaskClient, post: Post
) -> None:
    make.sign_in(client, person)
    guess(app)
    changed = post("/account/password", page="/account", current_password=PASSWORD, new_password="seven lamps at noon")
    assert changed.status_code == 302


@pytest.mark.parametrize("what", ["otp", "owner", "device"])
def test_an_address_is_never_taken_for_another_count(app: APIFlask, person: Person, at: datetime, what: str) -> None:
    guess(app, email=f"{what}:{person.id}")
    with app.app_context():
        key_hashes = set(db.session.scalars(select(SignInFailure.key_hash)))
    assert key_hashes == {hash_secret(f"address:{what}:{person.id}")}


@pytest.mark.databases
@pytest.mark.usefixtures("context")
def test_failures_of_the_future_are_dropped(person: Person, at: datetime) -> None:
    @action
    def fail(moment: datetime) -> None:
        key = hash_secret("address:a@example.org")
        db.session.add_all(SignInFailure(key_hash=key, at=moment, pending=False) for _time in range(5))

    def sign_in() -> int:
        return check_password("a@example.org", PASSWORD, demonstration=False, at=at)

    fail(at + timedelta(hours=1))
    assert sign_in() == person.id
    assert db.session.scalar(select(func.count()).select_from(SignInFailure)) == 0
    fail(at + timedelta(seconds=1))  # the clock of another server may be that far ahead
    with pytest.raises(TooManyFailures):
        sign_in()


@pytest.mark.usefixtures("context")
def test_guesses_on_a_known_device_are_bounded_too(person: Person, at: datetime) -> None:
    def attempt(password: str) -> int:
        device = KnownDevice(person.id, "mark")
        return check_password("a@example.org", password, demonstration=False, at=at, device=device)

    for _time in range(5):
        with pytest.raises(WrongCredentials):
            attempt("a guess")
    with pytest.raises(TooManyFailures):
        attempt(PASSWORD)
