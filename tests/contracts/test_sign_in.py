"""Signing in tells nobody who is known, ends sessions when it should, and leaves a trace without personal data."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient
from sqlalchemy import event, func, select

from lms.app import create_app
from lms.config import Config
from lms.core.base.roles import SYSTEM
from lms.core.database.session import db
from lms.core.time import clock
from lms.mail.outbox import OutboxMail
from lms.mail.sending import send_due
from lms.people import passwords
from lms.people.actions.access import disable_person, enable_person
from lms.people.actions.accounts import reset_password
from lms.people.actions.links import ask_reset
from lms.people.models import Person
from tests.factories import PASSWORD, Make
from tests.forms import token_in

ADDRESSES = ("known@example.org", "claimed@example.org", "closed@example.org", "nobody@example.org")


@pytest.fixture
def people(app: APIFlask, make: Make) -> Person:
    """Somebody with an account, somebody known without one, somebody disabled."""
    known = make.person(email="known@example.org", full_name="Known Person", password=PASSWORD)
    make.person(email="claimed@example.org")
    closed = make.person(email="closed@example.org", password=PASSWORD)
    with app.app_context():
        disable_person(closed.public_id, by=SYSTEM, at=clock.now())
    return known


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every argon2 operation, as it happens."""
    done: list[str] = []

    class Counting:
        def hash(self, password: str) -> str:
            done.append("hash")
            return real.hash(password)

        def verify(self, stored_hash: str, password: str) -> bool:
            done.append("verify")
            return bool(real.verify(stored_hash, password))

    real = passwords._hasher
    monkeypatch.setattr(passwords, "_hasher", Counting())
    return done


@pytest.fixture
def work(app: APIFlask) -> Iterator[list[str]]:
    """Every statement, as it happens, without values; of an INSERT without columns, for SQLAlchemy leaves null out."""
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        plain = " ".join(statement.split())
        seen.append(plain.partition(" (")[0] if plain.startswith("INSERT") else plain)

    with app.app_context():
        engine = db.engine
    event.listen(engine, "before_cursor_execute", note)
    yield seen
    event.remove(engine, "before_cursor_execute", note)


def form(client: FlaskClient, path: str, page: str | None = None, **fields: str) -> Any:
    return client.post(path, data={"csrf_token": token_in(client.get(page or path).text), **fields})


REGISTRATION = {"full_name": "New", "country": "KE", "time_zone": "Africa/Nairobi", "consent": "y"}
DOORS: dict[str, Callable[[FlaskClient, str], Any]] = {
    "sign-in": lambda client, email: form(client, "/sign-in", email=email, password="not this one"),
    "tokens": lambda client, email: client.post("/api/v1/tokens", json={"email": email, "password": "not this one"}),
    "link": lambda client, email: form(client, "/sign-in/link", "/sign-in", email=email),
    "forgot": lambda client, email: form(client, "/forgot", email=email),
    "register": lambda client, email: form(client, "/register", email=email, **REGISTRATION),
}


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.databases
@pytest.mark.usefixtures("people")
def test_known_and_unknown_addresses_get_the_same_answer_for_the_same_work(
    app: APIFlask, hashed: list[str], work: list[str], door: str
) -> None:
    seen = []
    for email in ADDRESSES:
        DOORS[door](app.test_client(), f"first-{email}")  # whatever is made once a process
        hashed.clear()
        work.clear()
        answer = DOORS[door](app.test_client(), email)
        text = re.sub(r'name="csrf_token"[^>]*', "", answer.text).replace(email, "X")
        text = re.sub(r"nonce[-=]\S+", "", text)
        seen.append((answer.status_code, text, list(hashed), list(work)))
    for statements in seen[1:]:
        assert statements[3] == seen[0][3]
    assert seen == [seen[0]] * len(ADDRESSES)
    sends = door not in {"sign-in", "tokens"}
    assert seen[0][2] == ([] if sends else ["verify"])
    for table in ("one_time_link", "outbox_mail"):
        assert seen[0][3].count(f"INSERT INTO {table}") == int(sends)


@pytest.mark.databases(differs=True)
@pytest.mark.usefixtures("people")
def test_a_mail_to_nobody_is_never_sent_and_soon_forgotten(app: APIFlask) -> None:
    sent: list[str] = []
    with app.app_context():
        at = clock.now()
        for email in ADDRESSES:
            ask_reset(email, at=at)
        assert db.session.scalar(select(func.count()).select_from(OutboxMail)) == len(ADDRESSES)
        while send_due(lambda mail: sent.append(mail.address), at=at):
            pass
        assert sorted(sent) == ["claimed@example.org", "known@example.org"]
        ask_reset("known@example.org", at=at + timedelta(hours=1, seconds=1))
        templates = db.session.scalars(select(OutboxMail.template).order_by(OutboxMail.id)).all()
        assert templates == ["reset", "claim", "reset"]


@pytest.mark.parametrize("way", ["password", "reset", "disable", "everywhere"])
@pytest.mark.databases
def test_all_sessions_and_tokens_of_before_are_dead(app: APIFlask, make: Make, people: Person, way: str) -> None:
    this_browser, elsewhere = app.test_client(), app.test_client()
    headers, path = make.headers(people), f"/api/v1/people/{people.public_id}"
    assert this_browser.get(path, headers=headers).status_code == 200
    for browser in (this_browser, elsewhere):
        make.sign_in(browser, people)
        assert browser.get("/account").status_code == 200
    new = "seven lamps at noon"
    if way == "password":
        form(this_browser, "/account/password", "/account", current_password=PASSWORD, new_password=new)
    elif way == "everywhere":
        form(this_browser, "/account/sign-out-everywhere", "/account")
    else:
        with app.app_context():
            if way == "disable":
                disable_person(people.public_id, by=SYSTEM, at=clock.now())
            else:
                at = clock.now()
                ask_reset("known@example.org", at=at)
                secret = db.session.scalars(db.select(OutboxMail)).one().payload["secret"]
                reset_password(secret, new, demonstration=False, at=at)
    assert elsewhere.get("/account").status_code == 302
    assert this_browser.get("/account").status_code == (200 if way == "password" else 302)
    assert this_browser.get(path, headers=headers).status_code == 401
    if way == "disable":
        with app.app_context():
            enable_person(people.public_id, by=SYSTEM, at=clock.now())
        assert this_browser.get(path, headers=headers).status_code == 401


def test_behind_https_the_cookie_is_bound_to_the_host_and_the_browser_to_https(tmp_path: Path) -> None:
    for address, secure in (("https://lectures.example", True), ("http://127.0.0.1:8000", False)):
        folder = tmp_path / ("s" if secure else "p")
        app = create_app(Config.load({}, data=str(folder), secret_key="tests-only", base_url=address))
        with app.app_context():
            db.create_all()
        answer = app.test_client().get("/sign-in", base_url=address)
        cookie = answer.headers["Set-Cookie"]
        assert cookie.startswith("__Host-session=" if secure else "session=")
        parts = {part.strip() for part in cookie.split(";")[1:]}
        assert {"HttpOnly", "Path=/", "SameSite=Lax"} <= parts
        assert ("Secure" in parts) is secure
        assert not any(part.startswith("Domain") for part in parts)
        hsts = answer.headers.get("Strict-Transport-Security")
        assert hsts == ("max-age=31536000; includeSubDomains" if secure else None)
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
        with app.app_context():
            db.engine.dispose()


def events(printed: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in printed.splitlines() if line.startswith("{")]


def test_signing_in_and_denials_are_logged_without_personal_data(
    app: APIFlask, make: Make, people: Person, capfd: pytest.CaptureFixture[str]
) -> None:
    from lms.core.base.logs import configure

    configure("INFO")  # the tests' own standard error
    client = app.test_client()
    form(client, "/sign-in", email="known@example.org", password="not this one")
    form(client, "/sign-in", email="nobody@example.org\nforged", password="not this one")
    for _attempt in range(6):
        client.post("/api/v1/tokens", json={"email": "nobody@example.org", "password": "not this one"})
    form(client, "/sign-in", email="known@example.org", password=PASSWORD)
    assert client.get("/admin").status_code == 403
    client.get(f"/api/v1/people/{people.public_id}", headers={"Authorization": "Bearer serai_guess"})
    printed = capfd.readouterr().err
    logged = events(printed)
    assert {one["person"] for one in logged if one["event"] == "request"} == {None, people.id}
    entries = [
        (one["event"], one.get("reason") or one.get("endpoint"), one.get("person"))
        for one in logged
        if one["event"] != "request"
    ]
    assert entries[0] == ("sign-in refused", "wrong credentials", people.id)
    assert entries[1] == ("sign-in refused", "wrong credentials", None)
    assert ("sign-in refused", "too many failures", None) in entries
    assert entries[-3:] == [
        ("signed in", None, people.id),
        ("denied", "dashboards.admin", people.id),
        ("denied", "people_api.get_person", None),
    ]
    for secret in ("example.org", "Known Person", "not this one", PASSWORD, "serai_guess", people.public_id):
        assert secret not in printed


@pytest.mark.parametrize(
    ("reading", "path", "endpoint"),
    [
        ("lms.people.views.signing_in.look_at_link", "/reset", "people.reset"),
        ("lms.people.views.unsubscribing.read_link", "/unsubscribe/mail", "people.unsubscribe"),
        ("lms.reports.queries.saved.look_at_subscription", "/unsubscribe", "reports.unsubscribe"),
        ("lms.nominations.views.invitations.look_at_invitation", "/invitation", "nominations.invitation"),
        ("lms.nominations.views.profile_requests.look_at_request", "/profile-changes", "nominations.profile_changes"),
    ],
)
def test_no_secret_of_an_address_reaches_the_log(
    app: APIFlask,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    reading: str,
    path: str,
    endpoint: str,
) -> None:
    from lms.core.base.logs import configure

    def fail(*_given: Any, **_more: Any) -> None:
        raise RuntimeError("broken")

    configure("INFO")
    monkeypatch.setattr(reading, fail)
    monkeypatch.setattr(app, "testing", False)
    assert app.test_client().get(f"{path}/a-one-time-secret").status_code == 500
    printed = capfd.readouterr().err
    assert endpoint in printed
    assert "a-one-time-secret" not in printed
