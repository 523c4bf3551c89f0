"""The secret of the installation: what it seals, and how it is replaced."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from apiflask import APIFlask
from click.testing import CliRunner
from pyotp import TOTP
from sqlalchemy import select, text, update

from lms.app import create_app
from lms.cli.main import lms
from lms.config import Config
from lms.core.base.errors import Refused
from lms.core.base.roles import SYSTEM
from lms.core.database.session import action, db
from lms.core.storage.secret_keys import begin_rotation, end_rotation, read_secrets
from lms.core.time import clock
from lms.enrolment.actions.calendars import make_address
from lms.enrolment.calendars import own_address
from lms.live.tokens import make_token
from lms.people.actions.attempts import WrongCode
from lms.people.actions.factors import begin_second_factor, check_otp, confirm_second_factor, seal_second_factors
from lms.people.actions.merging import merge_people
from lms.people.models import Person, SecondFactor
from lms.people.queries.factors import second_factor_of
from tests.factories import PASSWORD, Make
from tests.relaxed import RelaxedConfig

SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


def stored(app: APIFlask) -> list[tuple[int, str | None, str | None]]:
    with app.app_context():
        query = select(SecondFactor.person_id, SecondFactor.secret, SecondFactor.pending_secret)
        return [(row[0], row[1], row[2]) for row in db.session.execute(query.order_by(SecondFactor.person_id))]


def keep_as_before(app: APIFlask, *person_ids: int) -> None:
    """Writes secrets as they were kept before they were sealed."""

    @action
    def write() -> None:
        for person_id in person_ids:
            row = SecondFactor(person_id=person_id, secret=SECRET, confirmed_at=clock.now(), salt="00" * 16)
            db.session.add(row)

    with app.app_context():
        write()


@pytest.mark.databases
def test_no_secret_of_a_device_lies_in_the_database_as_it_is(app: APIFlask, make: Make) -> None:
    person = make.person(email="a@example.org", password=PASSWORD)
    by, at = make.actor(person), clock.now()
    with app.app_context():
        begin_second_factor(by=by, at=at)
        secret = second_factor_of(person.id, at=at, by=by).pending_secret
        assert secret is not None
        rows = [stored(app)]
        confirm_second_factor(TOTP(secret).at(at), by=by, at=at)
        rows.append(stored(app))
        with db.engine.connect() as connection:
            raw = str(connection.execute(text("SELECT * FROM second_factor")).all())
    assert secret not in raw
    assert [(row[0][1] is None, row[0][2] is None) for row in rows] == [(True, False), (False, True)]


@pytest.mark.databases
def test_older_secrets_are_sealed_once_and_still_sign_in(app: APIFlask, make: Make) -> None:
    people = [make.person(email=f"{name}@example.org", password=PASSWORD) for name in "ab"]
    keep_as_before(app, *(person.id for person in people))
    with app.app_context():
        assert seal_second_factors(unsealed_only=True) == 2
        sealed = stored(app)
        assert seal_second_factors(unsealed_only=True) == 0
    assert stored(app) == sealed
    assert [(row[0], str(row[1])[:3]) for row in sealed] == [(person.id, "v1.") for person in people]
    with app.app_context():
        at = clock.now()
        for person in people:
            check_otp(person.id, TOTP(SECRET).at(at), at=at)


@pytest.mark.usefixtures("context")
def test_a_sealed_secret_is_good_for_its_owner_only(app: APIFlask, make: Make, at: datetime) -> None:
    owner, other = (make.person(email=f"{name}@example.org", password=PASSWORD) for name in "ab")
    keep_as_before(app, owner.id)
    seal_second_factors(unsealed_only=True)
    copied = stored(app)[0][1]

    @action
    def plant() -> None:
        db.session.add(SecondFactor(person_id=other.id, secret=copied, confirmed_at=at, salt="00" * 16))

    plant()
    check_otp(owner.id, TOTP(SECRET).at(at), at=at)
    with pytest.raises(WrongCode):
        check_otp(other.id, TOTP(SECRET).at(at), at=at)


@pytest.mark.usefixtures("context")
def test_a_merge_seals_for_the_person_who_is_kept(app: APIFlask, make: Make, at: datetime) -> None:
    main, merged = make.person(), make.person(password=PASSWORD)
    keep_as_before(app, merged.id)
    seal_second_factors(unsealed_only=True)
    merge_people(main.public_id, merged.public_id, by=SYSTEM, at=at)
    check_otp(main.id, TOTP(SECRET).at(at), at=at)


# Replacing it


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder with a person, as the commands find it."""
    for name in ("LMS_SECRET_KEY", "LMS_SECRET_KEY_OLD", "LMS_DATABASE_URL", "LMS_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LMS_DATA", str(tmp_path))
    return tmp_path


def run(*arguments: str) -> Any:
    return CliRunner().invoke(lms, arguments)


def started(folder: Path) -> APIFlask:
    app = create_app(RelaxedConfig.load())
    app.config.update(TESTING=True)
    with app.app_context():
        db.create_all()
    return app


def signed_in(app: APIFlask, person: Person) -> str:
    """A session cookie of this person."""
    client = app.test_client()
    Make(app).sign_in(client, person)
    cookie = client.get_cookie("session")
    assert cookie is not None
    return cookie.value


def opens(app: APIFlask, cookie: str) -> bool:
    client = app.test_client()
    client.set_cookie("session", cookie)
    return client.get("/account").status_code == 200


def test_a_secret_is_replaced_while_people_stay_signed_in(folder: Path) -> None:
    app = started(folder)
    person = Make(app).person(password=PASSWORD, country=None)
    keep_as_before(app, person.id)
    with app.app_context():
        seal_second_factors(unsealed_only=True)
        feed = f"/calendar/{make_address(by=Make(app).actor(person), at=clock.now())}.ics"
    old, cookie = (folder / "secret.key").read_text(), signed_in(app, person)
    token = make_token(old, 7)
    beat = {"room_token": token, "seq": 1}

    assert run("keys", "rotate-secret").exit_code == 0
    new = (folder / "secret.key").read_text()
    assert ((folder / "secret.key.old").read_text(), new == old) == (old, False)
    assert [(folder / name).stat().st_mode & 0o777 for name in ("secret.key", "secret.key.old")] == [0o600] * 2

    during = started(folder)
    assert opens(during, cookie)
    assert during.test_client().post("/api/v1/lectures/1/presence", json=beat).status_code != 401
    fresh_cookie = signed_in(during, person)
    with during.app_context():
        at = clock.now()
        check_otp(person.id, TOTP(SECRET).at(at), at=at)

    finished = run("keys", "rotate-secret", "--finish")
    assert finished.output.splitlines()[0] == "Encrypted with the new secret: 2. The old secret was removed."
    assert not (folder / "secret.key.old").exists()
    after = started(folder)
    assert (opens(after, cookie), opens(after, fresh_cookie)) == (False, True)
    assert after.test_client().get(feed).status_code == 200, "the programs that read a calendar notice nothing"
    with after.app_context():
        shown = own_address(by=Make(after).actor(person))
        assert shown is not None
        assert feed == f"/calendar/{shown.secret}.ics"
    assert after.test_client().post("/api/v1/lectures/1/presence", json=beat).status_code == 401
    with after.app_context():
        at = clock.now() + timedelta(minutes=2)
        check_otp(person.id, TOTP(SECRET).at(at), at=at)


def test_a_secret_from_the_settings_is_replaced_by_the_settings(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LMS_SECRET_KEY", "first")
    app = started(folder)
    person = Make(app).person(password=PASSWORD, country=None)
    keep_as_before(app, person.id)
    with app.app_context():
        seal_second_factors(unsealed_only=True)
    cookie = signed_in(app, person)
    refused = run("keys", "rotate-secret")
    assert isinstance(refused.exception, Refused)
    assert "LMS_SECRET_KEY_OLD" in str(refused.exception)
    assert isinstance(run("keys", "rotate-secret", "--finish").exception, Refused)
    monkeypatch.setenv("LMS_SECRET_KEY", "second")
    monkeypatch.setenv("LMS_SECRET_KEY_OLD", "first")
    assert opens(started(folder), cookie)
    assert run("keys", "rotate-secret", "--finish").exit_code == 0
    monkeypatch.delenv("LMS_SECRET_KEY_OLD")
    after = started(folder)
    with after.app_context():
        at = clock.now()
        check_otp(person.id, TOTP(SECRET).at(at), at=at)
    assert not opens(after, cookie)


def test_a_rotation_that_was_cut_short_can_be_begun_again(folder: Path) -> None:
    config = Config.load()
    (first,) = read_secrets(config)
    (folder / "secret.key.old").hardlink_to(folder / "secret.key")  # it died between the two steps
    assert read_secrets(config) == [first]
    begin_rotation(config)
    second, old = read_secrets(config)
    assert (old, second == first) == (first, False)
    with pytest.raises(Refused):
        begin_rotation(config)
    assert read_secrets(config) == [second, first]
    end_rotation(config)
    assert read_secrets(config) == [second]


def test_a_lost_secret_leaves_the_recovery_codes(app: APIFlask, make: Make, capfd: pytest.CaptureFixture[str]) -> None:
    from lms.core.base.logs import configure

    person = make.person(password=PASSWORD)
    by, at = make.actor(person), clock.now()
    with app.app_context():
        begin_second_factor(by=by, at=at)
        secret = second_factor_of(person.id, at=at, by=by).pending_secret
        assert secret is not None
        codes = confirm_second_factor(TOTP(secret).at(at), by=by, at=at)

        @action
        def lose() -> None:
            sealed = "v1." + "A" * 80
            db.session.execute(update(SecondFactor).values(secret=sealed, pending_secret=sealed, last_step=0))

        lose()
        configure("INFO")
        with pytest.raises(WrongCode):
            check_otp(person.id, TOTP(secret).at(at), at=at)
        check_otp(person.id, codes[0], at=at)
        assert seal_second_factors(unsealed_only=False) == 0
    output = capfd.readouterr().err
    assert re.search(rf'"person": ?{person.id}', output)
    assert "the secret of a second factor cannot be opened" in output
    assert secret not in output
