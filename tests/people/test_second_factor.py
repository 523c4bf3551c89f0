"""The second factor: setting it up, the second step, codes that work once, and that staff cannot do without."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient
from pyotp import TOTP
from sqlalchemy import update

from lms.app import create_app
from lms.config import Config
from lms.core.base.errors import Refused
from lms.core.base.roles import SYSTEM, Role
from lms.core.database import audit
from lms.core.database.session import action, db
from lms.core.time import clock
from lms.mail.outbox import OutboxMail
from lms.people.actions.access import create_staff
from lms.people.actions.attempts import WrongCode
from lms.people.actions.factors import begin_second_factor, check_otp, confirm_second_factor
from lms.people.actions.merging import merge_people
from lms.people.actions.privacy import erase_person, export_person
from lms.people.models import Person, SecondFactor
from lms.people.queries.factors import has_second_factor, second_factor_of
from lms.people.queries.persons import addresses_of
from lms.web.request import identity
from tests.factories import PASSWORD, Make
from tests.forms import token_in
from tests.rows import each_row

Post = Callable[..., Any]
Mails = Callable[[], list[OutboxMail]]
STAFF = [["administrator"], ["instructor"], ["reporter"], [("focal_point", "KE")]]


@pytest.fixture
def enforced(app: APIFlask, monkeypatch: pytest.MonkeyPatch) -> None:
    """Staff need a second factor, as everywhere but in demonstrations and in the other tests."""
    monkeypatch.setattr(app.extensions["lms.config"], "staff_needs_second_factor", True)


def code_of(secret: str, later: int = 0) -> str:
    """The code that the device shows in `later` half minutes."""
    return TOTP(secret).at(clock.now() + timedelta(seconds=30 * later))


class Device:
    """Somebody's device and recovery codes."""

    def __init__(self, app: APIFlask, person: Person, secret: str, codes: list[str]) -> None:
        self.app, self.person, self.secret, self.codes = app, person, secret, codes

    def fresh_code(self) -> str:
        """The code of this moment, as if none had been used before."""

        @action
        def forget() -> None:
            db.session.execute(update(SecondFactor).values(last_step=0))

        with self.app.app_context():
            forget()
        return code_of(self.secret)


@pytest.fixture
def set_up(app: APIFlask, make: Make) -> Callable[[Person], Device]:
    """Sets up a second factor for somebody, by the actions."""

    def work(person: Person) -> Device:
        by = make.actor(person)
        with app.app_context():
            at = clock.now()
            begin_second_factor(by=by, at=at)
            secret = second_factor_of(person.id, at=at, by=by).pending_secret
            assert secret is not None
            codes = confirm_second_factor(code_of(secret), by=by, at=at)
        return Device(app, person, secret, codes)

    return work


@pytest.fixture
def administrator(make: Make) -> Person:
    return make.person(email="admin@example.org", full_name="Ada Min", roles=["administrator"], password=PASSWORD)


def page_of(answer: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.text))


@pytest.mark.databases
def test_setting_up_from_the_page_then_signing_in_with_a_code(
    app: APIFlask, client: FlaskClient, post: Post, administrator: Person, enforced: None, mails: Mails
) -> None:
    elsewhere = app.test_client()
    assert post("/sign-in", email="admin@example.org", password=PASSWORD).location == "/me"
    led = client.get("/admin")
    assert (led.status_code, led.location) == (302, "/account/second-factor")
    assert "Your role requires it" in client.get("/account/second-factor").text
    assert client.get("/account/second-factor/code.svg").status_code == 404
    page = "/account/second-factor"
    assert post(page, current_password="not this one").status_code == 422
    assert post(page, current_password=PASSWORD).location == page
    shown = client.get(page)
    assert shown.headers["Cache-Control"] == "no-store"
    secret = re.search(r'<code class="secret">([A-Z2-7]{32})</code>', shown.text)
    assert secret is not None
    image = client.get("/account/second-factor/code.svg")
    assert (image.mimetype, image.headers["Cache-Control"]) == ("image/svg+xml", "no-store")
    assert "style=" not in image.text
    wrong = post(f"{page}/confirm", page=page, otp="12345x")
    assert (wrong.status_code, "This is not the current code." in wrong.text) == (422, True)
    code = code_of(secret[1])
    done = post(f"{page}/confirm", page=page, otp=code)
    assert done.status_code == 200
    codes = re.findall(r"<li><code>([0-9A-Z]{5}-[0-9A-Z]{5})</code></li>", done.text)
    assert len(set(codes)) == 10
    assert [mail.payload["what"] for mail in mails()] == ["second_factor_set"]
    assert client.get("/admin").status_code == 200
    assert all(code not in client.get(page).text for code in codes)
    assert secret[1] not in client.get(page).text

    other = _posting(elsewhere)
    first = other("/sign-in", email="admin@example.org", password=PASSWORD, next="/series")
    assert (first.status_code, first.location) == (302, "/sign-in?next=/series")
    assert elsewhere.get("/admin").status_code == 302
    assert "Second step" in elsewhere.get("/sign-in").text
    again = other("/sign-in", otp=code)
    assert (again.status_code, "was already used" in again.text) == (422, True)
    second = other("/sign-in?next=/series", otp=code_of(secret[1], 1))
    assert (second.status_code, second.location) == (302, "/series")
    assert elsewhere.get("/admin").status_code == 200


def _posting(client: FlaskClient) -> Post:
    def send(path: str, page: str | None = None, **fields: str) -> Any:
        return client.post(path, data={"csrf_token": token_in(client.get(page or path).text), **fields})

    return send


@each_row("roles", STAFF)
def test_roles_rest_until_it_is_set_up(make: Make, client: FlaskClient, enforced: None, roles: Any) -> None:
    person = make.person(roles=roles)
    make.sign_in(client, person)
    for path in ("/", "/account", "/me", "/teach", "/country", "/admin", "/series"):
        assert client.get(path).location == "/account/second-factor", path
    assert client.get("/privacy").status_code == 200
    assert client.get("/healthz").status_code == 200


@pytest.mark.parametrize("roles", STAFF)
def test_a_bearer_token_gives_no_role_without_it(
    app: APIFlask, make: Make, client: FlaskClient, enforced: None, set_up: Callable[[Person], Device], roles: Any
) -> None:
    person, other = make.person(roles=roles), make.person(country="KE")
    headers = make.headers(person)
    series = make.series(instructors=[person])
    path = f"/api/v1/series/{series.slug}/enrolments"
    body = {"email": "x@example.org", "full_name": "X", "country": "KE"}
    assert client.post(path, headers=headers, json=body).status_code in {403, 404}
    assert client.get(f"/api/v1/people/{other.public_id}", headers=headers).status_code == 404
    refused = client.post("/api/v1/tokens", json={"email": _address(app, person), "password": PASSWORD})
    assert refused.status_code == 403
    assert refused.json["type"].endswith("second_factor_missing")
    set_up(person)
    if roles == ["administrator"]:
        assert client.get(f"/api/v1/people/{other.public_id}", headers=headers).status_code == 200


def _address(app: APIFlask, person: Person) -> str:
    with app.app_context():
        return addresses_of([person.id])[person.id]


def test_people_without_a_role_need_none(make: Make, post: Post, client: FlaskClient, enforced: None) -> None:
    make.person(email="a@example.org", password=PASSWORD)
    assert post("/sign-in", email="a@example.org", password=PASSWORD).location == "/me"
    assert client.get("/me").status_code == 200
    given = {"email": "a@example.org", "password": PASSWORD}
    assert client.post("/api/v1/tokens", json=given).status_code == 201


@pytest.mark.databases
def test_a_token_asks_for_the_code_and_takes_none_twice(
    client: FlaskClient, administrator: Person, set_up: Callable[[Person], Device]
) -> None:
    device = set_up(administrator)
    given = {"email": "admin@example.org", "password": PASSWORD}
    for otp in ({}, {"otp": None}, {"otp": ""}):
        answer = client.post("/api/v1/tokens", json={**given, **otp})
        assert answer.status_code == 401
        assert answer.json["type"].endswith("otp_required")
    wrong_password = client.post("/api/v1/tokens", json={**given, "password": "not this one", "otp": "123456"})
    assert wrong_password.json["type"] == "about:blank"
    code = device.fresh_code()
    assert client.post("/api/v1/tokens", json={**given, "otp": f"{code[:3]} {code[3:]}"}).status_code == 201
    again = client.post("/api/v1/tokens", json={**given, "otp": code})
    assert (again.status_code, again.json["type"]) == (401, "about:blank")
    recovery = device.codes[0].lower()
    assert client.post("/api/v1/tokens", json={**given, "otp": recovery}).status_code == 201
    assert client.post("/api/v1/tokens", json={**given, "otp": recovery}).status_code == 401


def test_all_at_once_signs_in_too(
    client: FlaskClient, post: Post, administrator: Person, set_up: Callable[[Person], Device]
) -> None:
    device = set_up(administrator)
    wrong = post("/sign-in", email="admin@example.org", password=PASSWORD, otp="000000", next="/series")
    assert wrong.status_code == 422
    assert 'aria-invalid="true"' in wrong.text
    assert client.get("/account").status_code == 302
    right = post("/sign-in", otp=device.fresh_code(), next="/series")
    assert right.location == "/series"
    assert client.get("/admin").status_code == 200


def test_a_recovery_code_stands_in_once_and_its_owner_is_told(
    client: FlaskClient, post: Post, administrator: Person, set_up: Callable[[Person], Device], mails: Mails
) -> None:
    device = set_up(administrator)
    for code, status in ((device.codes[3], 302), (device.codes[3], 422), (device.codes[4], 302)):
        post("/sign-in", email="admin@example.org", password=PASSWORD)
        assert post("/sign-in", otp=code).status_code == status
        if status == 302:
            assert client.get("/admin").status_code == 200
            post("/sign-out", page="/account")
    assert [mail.payload["what"] for mail in mails()] == ["second_factor_set", "recovery_code", "recovery_code"]


@pytest.mark.databases
def test_five_wrong_codes_close_the_second_step(
    client: FlaskClient, administrator: Person, set_up: Callable[[Person], Device], post: Post
) -> None:
    device = set_up(administrator)
    post("/sign-in", email="admin@example.org", password=PASSWORD)
    for _attempt in range(5):
        assert post("/sign-in", otp="000000").status_code == 422
    refused = post("/sign-in", otp=device.fresh_code())
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "300")
    given = {"email": "admin@example.org", "password": PASSWORD, "otp": device.codes[0]}
    by_api = client.post("/api/v1/tokens", json=given)
    assert (by_api.status_code, by_api.headers["Retry-After"]) == (429, "300")


@pytest.mark.usefixtures("context")
def test_codes_of_the_half_minute_before_and_after_hold_and_no_others(
    make: Make, at: datetime, administrator: Person
) -> None:
    by = make.actor(administrator)
    begin_second_factor(by=by, at=at)
    secret = second_factor_of(administrator.id, at=at, by=by).pending_secret
    assert secret is not None
    confirm_second_factor(TOTP(secret).at(at), by=by, at=at)
    later = at + timedelta(minutes=10)
    for off in (-2, 2):
        with pytest.raises(WrongCode):
            check_otp(administrator.id, TOTP(secret).at(later + timedelta(seconds=30 * off)), at=later)
    for off in (-1, 0, 1):
        check_otp(administrator.id, TOTP(secret).at(later + timedelta(seconds=30 * off)), at=later)
    with pytest.raises(WrongCode):  # of before one that was taken
        check_otp(administrator.id, TOTP(secret).at(later), at=later)


@pytest.mark.usefixtures("context")
def test_a_device_that_is_not_confirmed_in_time_has_to_be_begun_again(
    make: Make, at: datetime, administrator: Person
) -> None:
    by = make.actor(administrator)
    begin_second_factor(by=by, at=at)
    secret = second_factor_of(administrator.id, at=at, by=by).pending_secret
    late = at + timedelta(minutes=30)
    assert secret is not None
    assert second_factor_of(administrator.id, at=late, by=by).pending_secret is None
    with pytest.raises(Refused):
        confirm_second_factor(TOTP(secret).at(late), by=by, at=late)
    assert not has_second_factor(administrator.id)


def test_the_second_step_waits_ten_minutes(
    client: FlaskClient,
    post: Post,
    administrator: Person,
    set_up: Callable[[Person], Device],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    device = set_up(administrator)
    post("/sign-in", email="admin@example.org", password=PASSWORD)
    assert "Second step" in client.get("/sign-in").text
    now = clock.now
    monkeypatch.setattr(clock, "now", lambda: now() + timedelta(minutes=10))
    assert "Second step" not in client.get("/sign-in").text
    late = post("/sign-in", otp=device.fresh_code())
    assert (late.status_code, late.location) == (302, "/sign-in")
    assert client.get("/account").status_code == 302


def test_one_may_begin_again(
    client: FlaskClient, post: Post, administrator: Person, set_up: Callable[[Person], Device]
) -> None:
    set_up(administrator)
    post("/sign-in", email="admin@example.org", password=PASSWORD)
    assert "Second step" in client.get("/sign-in").text
    assert post("/sign-in", restart="1").status_code == 302
    assert "Second step" not in client.get("/sign-in").text


@pytest.mark.parametrize("way", ["link", "reset"])
def test_no_mailed_link_goes_around_it(
    client: FlaskClient, post: Post, administrator: Person, set_up: Callable[[Person], Device], mails: Mails, way: str
) -> None:
    device = set_up(administrator)
    if way == "link":
        post("/sign-in/link", page="/sign-in", email="admin@example.org")
        used = post(f"/sign-in/{mails()[-1].payload['secret']}")
    else:
        post("/forgot", email="admin@example.org")
        used = post(f"/reset/{mails()[-1].payload['secret']}", password="another good one")
    assert (used.status_code, used.location) == (302, "/sign-in")
    assert client.get("/account").status_code == 302
    assert post("/sign-in", otp=device.fresh_code()).location == "/admin"


def test_a_device_is_replaced_with_password_and_code(
    client: FlaskClient, post: Post, administrator: Person, set_up: Callable[[Person], Device], make: Make
) -> None:
    device, page = set_up(administrator), "/account/second-factor"
    make.sign_in(client, administrator)
    assert "Enter the code from your second factor." in post(page, current_password=PASSWORD).text
    assert post(page, current_password=PASSWORD, otp="000000").status_code == 422
    assert post(page, current_password=PASSWORD, otp=device.codes[0]).status_code == 302
    pending = re.search(r'<code class="secret">([A-Z2-7]{32})</code>', client.get(page).text)
    assert pending is not None
    assert pending[1] != device.secret
    done = post(f"{page}/confirm", page=page, otp=code_of(pending[1]))
    assert done.status_code == 200
    given = {"email": "admin@example.org", "password": PASSWORD}
    assert client.post("/api/v1/tokens", json={**given, "otp": device.fresh_code()}).status_code == 401
    assert client.post("/api/v1/tokens", json={**given, "otp": device.codes[1]}).status_code == 401
    assert client.post("/api/v1/tokens", json={**given, "otp": code_of(pending[1])}).status_code == 201


def test_new_recovery_codes_end_the_old_ones(
    client: FlaskClient, post: Post, administrator: Person, set_up: Callable[[Person], Device], make: Make
) -> None:
    device, page = set_up(administrator), "/account/second-factor"
    make.sign_in(client, administrator)
    made = post(page, step="codes", current_password=PASSWORD, otp=device.codes[0])
    codes = re.findall(r"<li><code>([0-9A-Z]{5}-[0-9A-Z]{5})</code></li>", made.text)
    assert len(set(codes) - set(device.codes)) == 10
    given = {"email": "admin@example.org", "password": PASSWORD}
    assert client.post("/api/v1/tokens", json={**given, "otp": device.codes[1]}).status_code == 401
    assert client.post("/api/v1/tokens", json={**given, "otp": codes[0]}).status_code == 201


def test_staff_cannot_turn_it_off_others_can(
    client: FlaskClient, post: Post, make: Make, set_up: Callable[[Person], Device], enforced: None, app: APIFlask
) -> None:
    page = "/account/second-factor"
    for roles, status, left in ((["reporter"], 409, True), ([], 302, False)):
        person = make.person(roles=roles, password=PASSWORD)
        device = set_up(person)
        make.sign_in(client, person)
        assert ("Turn it off" in client.get(page).text) is not left
        assert post(page, step="remove", current_password=PASSWORD, otp=device.codes[0]).status_code == status
        with app.app_context():
            assert has_second_factor(person.id) is left


@pytest.mark.databases
def test_an_administrator_resets_anothers(
    app: APIFlask,
    client: FlaskClient,
    post: Post,
    administrator: Person,
    set_up: Callable[[Person], Device],
    make: Make,
    mails: Mails,
    enforced: None,
) -> None:
    lost = make.person(email="lost@example.org", roles=["instructor"], password=PASSWORD)
    set_up(lost)
    set_up(administrator)
    theirs = app.test_client()
    make.sign_in(theirs, lost)
    assert theirs.get("/teach").status_code == 200
    assert theirs.post(f"/admin/people/{administrator.public_id}/second-factor/reset").status_code in {400, 403}
    make.sign_in(client, administrator)
    page = f"/admin/people/{lost.public_id}"
    assert "Reset the second factor" in client.get(f"{page}/edit").text
    assert post(f"{page}/second-factor/reset", page=page).status_code == 302
    assert "Reset the second factor" not in client.get(f"{page}/edit").text
    assert theirs.get("/teach").location == "/sign-in?next=/teach"
    assert mails()[-1].payload["what"] == "second_factor_removed"
    with app.app_context():
        entry = audit.list_entries("person", lost.id)[0]
        assert (entry.verb, entry.actor_id) == ("reset_second_factor", administrator.id)
        assert not has_second_factor(lost.id)
    profile = f"/admin/people/{administrator.public_id}"
    assert "Reset the second factor" not in client.get(f"{profile}/edit").text
    post(f"{profile}/second-factor/reset", page=profile)
    with app.app_context():
        assert has_second_factor(administrator.id)


def test_the_staff_link_leads_to_a_password_then_to_the_second_factor(
    app: APIFlask, client: FlaskClient, post: Post, enforced: None
) -> None:
    with app.app_context():
        secret = create_staff("i@example.org", "Ines", Role.INSTRUCTOR, None, by=SYSTEM, at=clock.now())
    assert post(f"/sign-in/{secret}", password="a long enough one").status_code == 302
    assert client.get("/teach").location == "/account/second-factor"
    assert "Begin" in page_of(client.get("/account/second-factor"))


@pytest.mark.usefixtures("context")
def test_merging_takes_the_second_factor_along_and_erasing_takes_it_away(
    make: Make, administrator: Person, set_up: Callable[[Person], Device]
) -> None:
    by = make.actor(administrator)
    main, merged = make.person(), make.person(email="m@example.org", password=PASSWORD)
    device = set_up(merged)
    at = clock.now()
    merge_people(main.public_id, merged.public_id, reason="The same person", by=by, at=at)
    assert has_second_factor(main.id)
    check_otp(main.id, device.codes[0], at=at)
    parts = export_person(main.public_id, by=by, at=at)
    assert [set(row) for row in parts["people"]["second_factor"]] == [{"confirmed_at", "pending_at"}] * 2
    erase_person(main.public_id, confirmation="m@example.org", withdraw_certificates=False, by=by, at=at)
    assert not has_second_factor(main.id)


def test_secrets_are_not_stored_as_they_are_shown(
    app: APIFlask, administrator: Person, set_up: Callable[[Person], Device]
) -> None:
    device = set_up(administrator)
    with app.app_context():
        from lms.people.models import RecoveryCode

        hashes = list(db.session.scalars(db.select(RecoveryCode.code_hash)))
    assert len(hashes) == 10
    assert not {code.replace("-", "") for code in device.codes} & set(hashes)


@pytest.mark.parametrize("setting", ["", "on", "off"])
@pytest.mark.parametrize("demonstration", [False, True])
def test_off_is_obeyed_in_a_demonstration_only(tmp_path: Path, setting: str, demonstration: bool) -> None:
    config = Config.load({"LMS_STAFF_SECOND_FACTOR": setting}, data=str(tmp_path), secret_key="tests-only")
    if demonstration:
        config.demonstration_mark.write_text("{}")
    app = create_app(config)
    with app.app_context():
        assert identity.is_needed() is (not demonstration or setting == "on")
