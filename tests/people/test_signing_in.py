"""Registering, signing in and out, one-time links."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient

from lms.mail.outbox import OutboxMail
from lms.people.actions.access import DemoAccount, create_staff, set_demo_accounts
from lms.people.actions.accounts import check_password
from lms.people.actions.attempts import TooManyFailures, WrongCredentials
from lms.people.queries.countries import countries_of, country_by_code
from lms.people.queries.persons import contact_of, find_person_by_email
from lms.web.request.limits import limiter
from tests.factories import PASSWORD, Make
from tests.languages import offering

Post = Callable[..., Any]
Mails = Callable[[], list[OutboxMail]]
REGISTRATION = {
    "full_name": "Achieng Odhiambo",
    "native_name": "",
    "email": "Achieng@Example.org",
    "country": "KE",
    "sector": "business",
    "time_zone": "Africa/Nairobi",
    "consent": "y",
}


def test_sign_in_leads_to_next_and_signs_out_by_post(make: Make, client: FlaskClient, post: Post) -> None:
    make.person(email="a@example.org", password=PASSWORD)
    answer = post("/sign-in", email="A@example.org", password=PASSWORD, next="/series?q=x")
    assert (answer.status_code, answer.location) == (302, "/series?q=x")
    assert client.get("/account").status_code == 200
    assert client.get("/sign-out").status_code == 405
    assert post("/sign-out", page="/account").status_code == 302
    assert client.get("/account").location == "/sign-in?next=/account"


def test_a_language_chosen_before_signing_in_is_offered_once(
    app: APIFlask, make: Make, client: FlaskClient, post: Post
) -> None:
    """A file or a focal point may have set that of the account. Pages and e-mails change only if its owner says so."""
    person = make.person(email="a@example.org", password=PASSWORD, locale="en")
    for is_kept in (False, True):
        with offering(app, "fr", "pt"):
            client.set_cookie("lang", "pt")
            post("/sign-in", email="a@example.org", password=PASSWORD)
            page = client.get("/me").text
            assert '<html lang="en"' in page
            (form,) = re.findall(r'<div class="note" lang="pt" dir="ltr">.*?</form>', page, re.DOTALL)
            assert "inglês" in form
            assert "keep-language" not in client.get("/me").text
            with app.app_context():
                assert contact_of([person.id])[person.id].locale == "en"
            if is_kept:
                post("/account/language", page="/me", lang="pt", next="/me")
            post("/sign-out", page="/account")
            assert f'<html lang="{"pt" if is_kept else "en"}"' in client.get("/").text
    with offering(app, "fr", "pt"):
        post("/sign-in", email="a@example.org", password=PASSWORD)
        assert "keep-language" not in client.get("/me").text
    with app.app_context():
        assert contact_of([person.id])[person.id].locale == "pt"


def test_sign_in_leads_only_to_local_pages(make: Make, post: Post) -> None:
    make.person(email="a@example.org", password=PASSWORD)
    for where in ("//evil.example", "/\\evil.example", "https://evil.example", "javascript:alert(1)"):
        assert post("/sign-in", email="a@example.org", password=PASSWORD, next=where).location == "/me", where
        post("/sign-out", page="/account")


def test_a_failed_sign_in_keeps_the_address_and_marks_the_field(make: Make, post: Post) -> None:
    make.person(email="a@example.org", password=PASSWORD)
    wrong = post("/sign-in", email="a@example.org", password="not this one")
    unknown = post("/sign-in", email="nobody@example.org", password="not this one")
    for answer, email in ((wrong, "a@example.org"), (unknown, "nobody@example.org")):
        assert answer.status_code == 422
        assert f'value="{email}"' in answer.text
        assert "E-mail or password is wrong." in answer.text
        assert 'aria-invalid="true"' in answer.text
        assert "not this one" not in answer.text


def test_the_session_is_new_at_sign_in(make: Make, client: FlaskClient, post: Post) -> None:
    make.person(email="a@example.org", password=PASSWORD)
    with client.session_transaction() as session:
        session["planted"] = "by somebody else"
    post("/sign-in", email="a@example.org", password=PASSWORD)
    with client.session_transaction() as session:
        assert "planted" not in session


@pytest.mark.databases
def test_five_failures_a_minute_close_an_account(make: Make, client: FlaskClient, post: Post) -> None:
    make.person(email="a@example.org", password=PASSWORD)
    make.person(email="b@example.org", password=PASSWORD)
    for _attempt in range(5):
        assert post("/sign-in", email="A@example.org", password="wrong").status_code == 422
    refused = post("/sign-in", email="a@example.org", password=PASSWORD)
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "60")
    given = {"email": "a@example.org", "password": PASSWORD}
    by_api = client.post("/api/v1/tokens", json=given)
    assert (by_api.status_code, by_api.headers["Retry-After"]) == (429, "60")
    assert post("/sign-in", email="b@example.org", password=PASSWORD).status_code == 302


@pytest.mark.usefixtures("context")
def test_a_closed_account_opens_after_a_minute(make: Make, at: Any) -> None:
    person = make.person(email="a@example.org", password=PASSWORD)
    for _attempt in range(5):
        with pytest.raises(WrongCredentials):
            check_password("a@example.org", "wrong", demonstration=False, at=at)
    with pytest.raises(TooManyFailures):
        check_password("a@example.org", PASSWORD, demonstration=False, at=at + timedelta(seconds=59))
    later = check_password("a@example.org", PASSWORD, demonstration=False, at=at + timedelta(seconds=60))
    assert later == person.id


@pytest.mark.databases(differs=True)
def test_several_programs_sign_in_for_one_account_at_once(make: Make, app: APIFlask, at: datetime) -> None:
    with app.app_context():
        make.person(email="a@example.org", password=PASSWORD)
    together = threading.Barrier(12)

    def sign_in(_number: int) -> str:
        with app.app_context():
            together.wait(30)
            try:
                check_password("a@example.org", PASSWORD, demonstration=False, at=at)
            except TooManyFailures:
                return "refused"
            return "signed in"

    with ThreadPoolExecutor(12) as pool:
        assert list(pool.map(sign_in, range(12))) == ["signed in"] * 12


@pytest.mark.databases(differs=True)
def test_many_guesses_at_once_gain_little(make: Make, app: APIFlask, at: datetime) -> None:
    with app.app_context():
        make.person(email="a@example.org", password=PASSWORD)
    together = threading.Barrier(40)

    def guess(number: int) -> bool:
        with app.app_context():
            together.wait(30)
            try:
                check_password("a@example.org", f"guess {number}", demonstration=False, at=at)
            except TooManyFailures:
                return False
            except WrongCredentials:
                return True
            raise AssertionError("a guess was taken")

    with ThreadPoolExecutor(40) as pool:
        assert sum(pool.map(guess, range(40))) <= 20


@pytest.mark.databases
def test_registration_is_confirmed_by_the_link(client: FlaskClient, post: Post, mails: Mails, app: APIFlask) -> None:
    answer = post("/register", **REGISTRATION)
    assert answer.status_code == 200
    assert "Check your e-mail" in answer.text
    with app.app_context():
        assert find_person_by_email("achieng@example.org") is None
    (mail,) = mails()
    assert (mail.template, mail.address) == ("confirm", "Achieng@Example.org")
    link = f"/confirm/{mail.payload['secret']}"
    shown = client.get(link)
    assert shown.headers["Referrer-Policy"] == "strict-origin"
    assert post(link, password="short").status_code == 422
    confirmed = post(link, password="a long enough one")
    assert confirmed.status_code == 302
    account = client.get("/account")
    assert "Achieng Odhiambo" in account.text
    with app.app_context():
        person = find_person_by_email("achieng@example.org")
        assert person is not None
        assert (person.time_zone, person.sector) == ("Africa/Nairobi", "business")
        kenya = country_by_code("KE")
        assert kenya is not None
        assert countries_of([person.id], person.created_at.date()) == {person.id: kenya.id}
    assert client.get(link).status_code == 404


def test_registering_asks_for_what_is_missing_and_keeps_the_rest(post: Post, mails: Mails) -> None:
    answer = post("/register", full_name="\u200b", email="no address", country="", native_name="أحمد", time_zone="UTC")
    assert answer.status_code == 422
    assert 'value="أحمد"' in answer.text
    assert 'value="no address"' in answer.text
    assert "Choose your country." in answer.text
    assert "You must agree before we can record your attendance." in answer.text
    assert mails() == []


def test_a_known_address_is_claimed_and_the_page_does_not_tell(
    make: Make, client: FlaskClient, post: Post, mails: Mails, app: APIFlask
) -> None:
    known = make.person(email="achieng@example.org", full_name="A. Odhiambo", country="UG")
    answer = post("/register", **REGISTRATION)
    other = post("/register", **{**REGISTRATION, "email": "new@example.org"})
    neutral = [
        text.text.replace("Achieng@Example.org", "X").replace("new@example.org", "X") for text in (answer, other)
    ]
    assert neutral[0] == neutral[1]
    claim, _confirm = mails()
    assert (claim.template, claim.address, claim.person_id) == ("claim", "achieng@example.org", known.id)
    assert post(f"/confirm/{claim.payload['secret']}", password="a long enough one").status_code == 302
    with app.app_context():
        person = find_person_by_email("achieng@example.org")
        assert person is not None
        assert (person.id, person.full_name) == (known.id, "Achieng Odhiambo")


def test_an_address_with_an_account_is_told_so_by_mail_only(make: Make, post: Post, mails: Mails) -> None:
    make.person(email="achieng@example.org", password=PASSWORD)
    answer = post("/register", **REGISTRATION)
    assert "Check your e-mail" in answer.text
    assert [mail.template for mail in mails()] == ["already_registered"]


def test_no_more_than_five_links_an_hour(make: Make, post: Post, mails: Mails) -> None:
    make.person(email="a@example.org", password=PASSWORD)
    for _time in range(7):
        assert post("/forgot", email="a@example.org").status_code == 200
    assert len(mails()) == 5


def test_reset_ends_other_sessions_and_works_once(
    make: Make, app: APIFlask, client: FlaskClient, post: Post, mails: Mails
) -> None:
    person = make.person(email="a@example.org", password=PASSWORD)
    elsewhere = app.test_client()
    make.sign_in(elsewhere, person)
    assert elsewhere.get("/account").status_code == 200
    known = post("/forgot", email="a@example.org")
    unknown = post("/forgot", email="b@example.org")
    assert known.text.replace("a@example.org", "X") == unknown.text.replace("b@example.org", "X")
    (mail,) = mails()
    link = f"/reset/{mail.payload['secret']}"
    assert post(link, password="demo-only").status_code == 422
    assert post(link, password="another good one").status_code == 302
    assert client.get("/account").status_code == 200
    assert elsewhere.get("/account").status_code == 302
    assert client.get(link).status_code == 404
    fresh = app.test_client()
    assert fresh.post("/api/v1/tokens", json={"email": "a@example.org", "password": PASSWORD}).status_code == 401


def test_a_known_person_without_account_gets_the_way_in(
    make: Make, post: Post, mails: Mails, client: FlaskClient
) -> None:
    make.person(email="a@example.org")
    post("/forgot", email="a@example.org")
    (mail,) = mails()
    assert mail.template == "claim"
    link = f"/confirm/{mail.payload['secret']}"
    refused = post(link, password="a long enough one")
    assert refused.status_code == 422
    assert "You must agree before we can record your attendance." in refused.text
    assert post(link, password="a long enough one", consent="y").status_code == 302


def test_a_link_signs_in_after_one_press(make: Make, client: FlaskClient, post: Post, mails: Mails) -> None:
    make.person(email="a@example.org", password=PASSWORD)
    assert post("/sign-in/link", page="/sign-in", email="a@example.org").status_code == 200
    (mail,) = mails()
    link = f"/sign-in/{mail.payload['secret']}"
    assert client.get(link).status_code == 200
    assert client.get("/account").status_code == 302
    assert post(link).status_code == 302
    assert client.get("/account").status_code == 200
    assert client.get(link).status_code == 404


def test_a_staff_link_leads_to_a_password(app: APIFlask, make: Make, client: FlaskClient, post: Post, at: Any) -> None:
    by = make.administrator()
    with app.app_context():
        from lms.core.base.roles import Role
        from lms.core.time import clock

        secret = create_staff("i@example.org", "Ines", Role.INSTRUCTOR, None, by=by, at=clock.now())
    assert post(f"/sign-in/{secret}", password="a long enough one").status_code == 302
    assert client.get("/account").status_code == 200
    assert client.get(f"/sign-in/{secret}").status_code == 404


def test_demo_password_signs_in_nowhere_else(app: APIFlask, make: Make, client: FlaskClient, at: Any) -> None:
    by = make.administrator()
    with app.app_context():
        account = DemoAccount("trainee@demo.test", "Trainee", "KE")
        set_demo_accounts([account], by=by, at=at)
    given = {"email": "trainee@demo.test", "password": "demo-only"}
    assert client.post("/api/v1/tokens", json=given).status_code == 401
    mark = app.extensions["lms.config"].demonstration_mark
    mark.write_text("{}")
    try:
        assert client.post("/api/v1/tokens", json=given).status_code == 201
    finally:
        mark.unlink()


@pytest.fixture
def limited(app: APIFlask) -> Iterator[None]:
    limiter.enabled = True
    limiter.reset()
    yield
    limiter.reset()
    limiter.enabled = False


@pytest.mark.usefixtures("limited")
def test_thirty_failed_sign_ins_a_minute_from_one_network(client: FlaskClient) -> None:
    def guess(number: int, address: str) -> int:
        client.environ_base["REMOTE_ADDR"] = address
        given = {"email": f"x{number}@example.org", "password": "wrong"}
        return client.post("/api/v1/tokens", json=given).status_code

    assert [guess(n, f"2001:db8:0:7::{n:x}") for n in range(31)] == [401] * 30 + [429]
    assert [guess(99, address) for address in ("2001:db8:0:8::1", "192.0.2.1", "::ffff:192.0.2.2")] == [401] * 3
    assert [guess(n, "192.0.2.1") for n in range(30)] == [401] * 29 + [429]


@pytest.mark.usefixtures("limited")
def test_a_room_of_people_signs_in_at_once_behind_one_address(make: Make, client: FlaskClient, post: Post) -> None:
    make.person(email="achieng@example.org", password=PASSWORD)
    given = {"email": "achieng@example.org", "password": PASSWORD}
    assert [client.post("/api/v1/tokens", json=given).status_code for _person in range(31)] == [201] * 31
    asked = [post("/forgot", email=f"x{n}@example.org").status_code for n in range(61)]
    assert asked == [200] * 60 + [429]


def test_a_country_with_one_time_needs_no_city(app: APIFlask, post: Post, mails: Mails) -> None:
    assert post("/register", **{**REGISTRATION, "time_zone": ""}).status_code == 200
    assert mails()[0].time_zone == ""
    several = post("/register", **{**REGISTRATION, "email": "b@example.org", "country": "US", "time_zone": ""})
    assert several.status_code == 422
    assert "Your country has several time zones. Choose a city in yours." in several.text
    post(f"/confirm/{mails()[0].payload['secret']}", password="a long enough one")
    with app.app_context():
        person = find_person_by_email("achieng@example.org")
        assert person is not None
        assert person.time_zone == "Africa/Nairobi"


SERIES = "/series/parcels?from=mail"


@pytest.mark.parametrize(
    ("known", "door", "where", "fields"),
    [
        (False, "/register", "/confirm/", REGISTRATION),
        (True, "/register", "/reset/", REGISTRATION),
        (True, "/forgot", "/reset/", {"email": "achieng@example.org"}),
        (True, "/sign-in/link", "/sign-in/", {"email": "achieng@example.org"}),
    ],
)
def test_a_link_from_a_mail_leads_to_the_page_that_was_wanted(
    make: Make, app: APIFlask, post: Post, mails: Mails, known: bool, door: str, where: str, fields: dict[str, str]
) -> None:
    if known:
        make.person(email="achieng@example.org", password=PASSWORD)
    assert post(door, page="/register", next=SERIES, **fields).status_code == 200
    (mail,) = mails()
    assert "parcels" not in str(mail.payload)  # what strangers type is not written into mails to others

    answer = post(f"{where}{mail.payload['secret']}", password="a long enough one")

    assert (answer.status_code, answer.location) == (302, SERIES)


@pytest.mark.parametrize("following", ["//evil.example", "https://evil.example", "/" + 500 * "x"])
def test_a_link_from_a_mail_leads_only_to_local_pages(post: Post, mails: Mails, following: str) -> None:
    post("/register", next=following, **REGISTRATION)
    (mail,) = mails()
    answer = post(f"/confirm/{mail.payload['secret']}", password="a long enough one")
    assert answer.location == "/me"


def test_what_was_wanted_is_carried_from_page_to_page(client: FlaskClient) -> None:
    for path, forms, links in (("/sign-in", 2, 2), ("/register", 1, 1), ("/forgot", 1, 1)):
        page = client.get(f"{path}?next=/series/parcels").text
        assert page.count('name="next" value="/series/parcels"') == forms, path
        assert page.count("?next=/series/parcels") == links, path
        assert 'value="//evil' not in client.get(f"{path}?next=//evil.example").text
