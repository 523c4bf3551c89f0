"""Sessions on the server: where somebody is signed in, and how that ends."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient
from sqlalchemy import event, func, select
from sqlalchemy.exc import OperationalError

from lms.core.base.errors import NotFound
from lms.core.base.roles import SYSTEM
from lms.core.database import audit
from lms.core.database.session import action, db
from lms.core.time import clock
from lms.mail.outbox import OutboxMail
from lms.people.actions.merging import merge_people, undo_merge
from lms.people.actions.privacy import erase_person, export_person
from lms.people.actions.sessions import (
    begin_second_step,
    begin_session,
    end_session,
    note_use,
    prune_sessions,
    sign_out,
    sign_out_everywhere,
)
from lms.people.devices import Device, describe
from lms.people.models import ApiToken, Person, SecondFactor, SignInSession
from lms.people.queries.access import load_actor
from lms.people.queries.sessions import find_session, list_sessions
from tests.factories import PASSWORD, Make
from tests.forms import token_in
from tests.rows import each_row

Post = Callable[..., Any]
Mails = Callable[[], list[OutboxMail]]
HOUR, MONTH = timedelta(hours=1), timedelta(days=30)
FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:132.0) Gecko/20100101 Firefox/132.0"


@pytest.fixture
def person(make: Make) -> Person:
    return make.person(email="a@example.org", password=PASSWORD)


def posting(client: FlaskClient) -> Post:
    """Sends a form as this browser."""

    def send(path: str, page: str, **fields: str) -> Any:
        return client.post(path, data={"csrf_token": token_in(client.get(page).text), **fields})

    return send


def copy_of(client: FlaskClient, app: APIFlask) -> FlaskClient:
    """Another browser with the same cookie."""
    cookie, other = client.get_cookie("session"), app.test_client()
    assert cookie is not None
    other.set_cookie("session", cookie.value)
    return other


@pytest.mark.databases
def test_a_copied_cookie_opens_nothing_after_signing_out(app: APIFlask, person: Person, client: FlaskClient) -> None:
    post = posting(client)
    post("/sign-in", "/sign-in", email="a@example.org", password=PASSWORD)
    copied = copy_of(client, app)
    assert copied.get("/account").status_code == 200
    post("/sign-out", "/account")
    assert copied.get("/account").location == "/sign-in?next=/account"


def test_signing_in_again_ends_the_session_of_before(app: APIFlask, person: Person, client: FlaskClient) -> None:
    with client.session_transaction() as session:
        session["csrf_token"] = "x"
    post = posting(client)
    post("/sign-in", "/sign-in", email="a@example.org", password=PASSWORD)
    copied = copy_of(client, app)
    post("/sign-in", "/account", email="a@example.org", password=PASSWORD)
    assert client.get("/account").status_code == 200
    assert copied.get("/account").status_code == 302


def test_a_second_step_ends_the_session_of_before(
    app: APIFlask, make: Make, person: Person, client: FlaskClient
) -> None:
    post = posting(client)
    post("/sign-in", "/sign-in", email="a@example.org", password=PASSWORD)
    copied = copy_of(client, app)
    with app.app_context():
        _set_up_a_factor(person.id)
    assert post("/sign-in", "/account", email="a@example.org", password=PASSWORD).location == "/sign-in"
    assert copied.get("/account").status_code == 302


@action
def _set_up_a_factor(person_id: int) -> None:
    db.session.add(SecondFactor(person_id=person_id, salt="00" * 16, confirmed_at=clock.now()))


@pytest.mark.databases
def test_one_session_is_ended_from_the_page_of_the_account(app: APIFlask, person: Person, make: Make) -> None:
    this_browser, elsewhere = app.test_client(), app.test_client()
    for browser, agent in ((this_browser, FIREFOX), (elsewhere, "curl/8")):
        browser.environ_base["HTTP_USER_AGENT"] = agent
        posting(browser)("/sign-in", "/sign-in", email="a@example.org", password=PASSWORD)
    page = re.sub(r"\s+", " ", this_browser.get("/account/security").text)
    rows = re.findall(r'<tr data-testid="session".*?</tr>', page)
    assert len(rows) == 2
    current_row, other = sorted(rows, key=lambda row: "data-current" not in row)
    assert ("Firefox on Windows" in current_row, "This device" in current_row) == (True, True)
    assert ("Unknown device" in other, "This device" in other) == (True, False)
    path = re.search(r'action="(/account/sessions/[^"]+/end)"', other)
    assert path is not None
    ended = posting(this_browser)(path[1], "/account")
    assert (ended.status_code, ended.location) == (302, "/account/security#sessions")
    assert "The device was signed out." in this_browser.get("/account").text
    assert elsewhere.get("/account").status_code == 302
    with app.app_context():
        assert audit.list_entries("person", person.id)[0].verb == "end_session"
    own_path = re.search(r'action="(/account/sessions/[^"]+/end)"', current_row)
    assert own_path is not None
    assert posting(this_browser)(own_path[1], "/account").location == "/"
    assert "You have signed out." in this_browser.get("/").text


@pytest.mark.usefixtures("context")
def test_nobody_ends_a_session_of_somebody_else(make: Make, person: Person, at: datetime) -> None:
    secret = begin_session(person.id, Device(), lasts=MONTH, at=at)
    public_id = db.session.scalars(select(SignInSession.public_id)).one()
    for by in (make.actor(), make.administrator()):
        with pytest.raises(NotFound):
            end_session(public_id, by=by, at=at)
    assert find_session(secret, staff_idle=HOUR, at=at) is not None


@pytest.mark.usefixtures("context")
def test_only_a_hash_and_a_coarse_device_are_stored(person: Person, at: datetime) -> None:
    secret = begin_session(person.id, describe(FIREFOX), lasts=MONTH, at=at)
    row = db.session.scalars(select(SignInSession)).one()
    assert len(secret) >= 43, "256 bits"
    assert {column.name: getattr(row, column.name) for column in SignInSession.__table__.columns} == {
        "id": row.id,
        "public_id": row.public_id,
        "person_id": person.id,
        "secret_hash": row.secret_hash,
        "browser": "Firefox",
        "system": "Windows",
        "awaits_code": False,
        "created_at": at,
        "seen_at": at,
        "expires_at": at + MONTH,
        "ended_at": None,
    }
    assert secret not in (row.secret_hash, row.public_id)


@pytest.mark.databases
@pytest.mark.usefixtures("context")
@each_row(
    "roles, later, is_signed_in",
    [
        (["administrator"], timedelta(minutes=59), True),
        (["administrator"], HOUR, False),
        (["instructor"], HOUR, False),
        ([("focal_point", "KE")], HOUR, False),
        (["reporter"], HOUR, False),
        ([], HOUR, True),
        ([], MONTH - timedelta(seconds=1), True),
        ([], MONTH, False),
    ],
)
def test_staff_are_signed_out_without_use_and_everybody_after_a_month(
    make: Make, at: datetime, roles: Any, later: timedelta, is_signed_in: bool
) -> None:
    staff = make.person(roles=roles)
    secret = begin_session(staff.id, Device(), lasts=MONTH, at=at)
    session = find_session(secret, staff_idle=HOUR, at=at + later)
    assert (session is not None) is is_signed_in
    listed = list_sessions(current=secret, staff_idle=HOUR, by=make.actor(staff), at=at + later)
    assert [one.is_current for one in listed] == ([True] if is_signed_in else [])


@pytest.mark.usefixtures("context")
def test_use_keeps_staff_signed_in_but_not_past_the_end(make: Make, at: datetime) -> None:
    secret = begin_session(make.person(roles=["reporter"]).id, Device(), lasts=3 * HOUR, at=at)
    for minutes in range(50, 180, 50):
        session = find_session(secret, staff_idle=HOUR, at=at + timedelta(minutes=minutes))
        assert session is not None
        note_use(session.session_id, at=at + timedelta(minutes=minutes))
    assert find_session(secret, staff_idle=HOUR, at=at + 3 * HOUR) is None


@pytest.fixture
def noted(app: APIFlask) -> Iterator[list[str]]:
    """Every statement that notes the use of a session."""
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        if statement.startswith("UPDATE sign_in_session"):
            seen.append(statement)

    with app.app_context():
        engine = db.engine
    event.listen(engine, "before_cursor_execute", note)
    yield seen
    event.remove(engine, "before_cursor_execute", note)


def test_use_is_written_once_in_five_minutes_and_after_the_answer(
    app: APIFlask, make: Make, client: FlaskClient, person: Person, noted: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = clock.now()
    make.sign_in(client, person, at=begun)
    counts = []
    for minutes in (0, 4, 5, 6, 9, 10, 3):  # at last the clock was set back
        monkeypatch.setattr(clock, "now", lambda now=begun + timedelta(minutes=minutes): now)
        answer = client.get("/account")
        assert answer.status_code == 200
        before = len(noted)
        answer.close()  # as a server does once the answer is sent
        counts.append((minutes, before, len(noted)))
    assert counts == [(0, 0, 0), (4, 0, 0), (5, 0, 1), (6, 1, 1), (9, 1, 1), (10, 1, 2), (3, 2, 3)]


def test_a_database_that_cannot_be_written_signs_nobody_out(
    make: Make, client: FlaskClient, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_given: Any, **_more: Any) -> None:
        raise OperationalError("UPDATE", {}, Exception("database or disk is full"))

    make.sign_in(client, person, at=clock.now() - HOUR)
    monkeypatch.setattr("lms.people.actions.sessions.note_use", full)
    answer = client.get("/account")
    answer.close()
    assert (answer.status_code, client.get("/account").status_code) == (200, 200)


@pytest.mark.databases
@pytest.mark.usefixtures("context")
def test_sessions_are_deleted_a_week_after_their_end(person: Person, at: datetime) -> None:
    ended = begin_session(person.id, Device(), lasts=MONTH, at=at)
    begin_session(person.id, Device(), lasts=HOUR, at=at)
    open_one = begin_session(person.id, Device(), lasts=MONTH, at=at)
    sign_out(ended, at=at)
    left = []
    for later in (timedelta(days=7, seconds=-1), timedelta(days=7), timedelta(days=7) + HOUR):
        prune_sessions(at=at + later)
        left.append(db.session.scalar(select(func.count()).select_from(SignInSession)))
    assert left == [3, 2, 1]
    assert find_session(open_one, staff_idle=HOUR, at=at) is not None


@pytest.mark.databases
@pytest.mark.usefixtures("context")
def test_merging_undoing_exporting_and_erasing_know_of_sessions(make: Make, person: Person, at: datetime) -> None:
    main, merged = make.person(email="kept@example.org", password=PASSWORD), person
    of_kept = begin_session(main.id, describe(FIREFOX), lasts=MONTH, at=at)
    of_merged = begin_session(merged.id, Device(), lasts=MONTH, at=at)

    def hold(*secrets: str) -> list[bool]:
        return [find_session(secret, staff_idle=HOUR, at=at) is not None for secret in secrets]

    merge_people(main.public_id, merged.public_id, by=SYSTEM, at=at)
    assert hold(of_kept, of_merged) == [True, False], "who was merged signs in again, by what the other account asks"
    exported = export_person(main.public_id, by=SYSTEM, at=at)["people"]["sessions"]
    assert {one["browser"]: one["ended_at"] for one in exported} == {"Firefox": None, "": at.isoformat()}
    assert set(exported[0]) == {
        "browser", "system", "awaits_code", "created_at", "seen_at", "expires_at", "ended_at",
    }  # fmt: skip
    undo_merge(merged.public_id, by=SYSTEM, at=at)
    assert hold(of_kept) == [False], "nobody stays signed in as somebody else"
    erase_person(main.public_id, confirmation="kept@example.org", withdraw_certificates=False, by=SYSTEM, at=at)
    assert db.session.scalars(select(SignInSession.person_id)).all() == [merged.id]


def test_a_second_step_is_a_session_that_opens_nothing(
    app: APIFlask, person: Person, client: FlaskClient, at: datetime
) -> None:
    with app.app_context():
        secret = begin_second_step(person.id, Device(), at=at)
        assert find_session(secret, staff_idle=HOUR, at=at) is None
        assert list_sessions(current=None, staff_idle=HOUR, by=load_actor(person.id, at), at=at) == []  # type: ignore[arg-type]
        waiting = find_session(secret, staff_idle=HOUR, at=at, awaits_code=True)
        assert waiting is not None
        assert waiting.actor.person_id == person.id
        sign_out_everywhere(by=waiting.actor, at=at)
        assert find_session(secret, staff_idle=HOUR, at=at, awaits_code=True) is None


# API tokens


def test_a_token_asks_for_the_password_and_tells_its_owner(
    app: APIFlask, make: Make, client: FlaskClient, person: Person, mails: Mails
) -> None:
    make.sign_in(client, person)
    post = posting(client)
    for given in ({}, {"current_password": "not this one"}):
        refused = post("/account/tokens", "/account", name="Reports", **given)
        assert (refused.status_code, 'value="Reports"' in refused.text) == (422, True)
    with app.app_context():
        assert db.session.scalars(select(ApiToken)).all() == []
    assert mails() == []
    assert "serai_" in post("/account/tokens", "/account", name="Reports", current_password=PASSWORD).text
    sent = {"email": "a@example.org", "password": PASSWORD, "name": "By a program"}
    assert client.post("/api/v1/tokens", json=sent).status_code == 201
    assert [(mail.template, mail.payload["what"], mail.address) for mail in mails()] == [
        ("account_notice", "token", "a@example.org")
    ] * 2


@each_row(
    "agent, device",
    [
        (FIREFOX, Device("Firefox", "Windows")),
        ("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36",
         Device("Chrome", "Linux")),
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 "
         "Safari/537.36 Edg/131.0.0.0", Device("Edge", "Windows")),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 "
         "Mobile/15E148 Safari/604.1", Device("Safari", "iPhone")),
        ("Mozilla/5.0 (Linux; Android 14; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Mobile "
         "Safari/537.36 MicroMessenger/8.0.50", Device("WeChat", "Android")),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.6 "
         "Safari/605.1.15", Device("Safari", "macOS")),
        ("<script>alert(1)</script>", Device()),
        ("", Device()),
    ],
)  # fmt: skip
def test_a_device_is_a_family_of_browsers_and_systems(agent: str, device: Device) -> None:
    assert describe(agent) == device
