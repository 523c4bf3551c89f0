from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from lms.catalogue.models import CertificateKind
from lms.certificates.actions import awards
from lms.core.background import jobs
from lms.core.base.roles import SYSTEM, Actor, Role
from lms.core.database.audit import AuditEntry
from lms.core.database.session import db
from lms.people.models import PersonEmail
from lms.web.request import identity
from tests.certificates.conftest import Programme
from tests.rows import each_row

pytestmark = pytest.mark.databases
Make = Callable[..., Programme]
REPORTER = Actor(person_id=900, roles=frozenset({Role.REPORTER}))
INSTRUCTOR = Actor(person_id=901, roles=frozenset({Role.INSTRUCTOR}))
NUMBER = re.compile(r"SR(-[0-9A-HJKMNP-TV-Z]{4}){4}-[0-9A-HJKMNP-TV-Z*~$=U]")


@pytest.fixture
def bearers(app: APIFlask) -> Iterator[dict[str, Actor]]:
    """Tokens by name: whoever is put in is known to the API."""
    known: dict[str, Actor] = {"reporter": REPORTER, "instructor": INSTRUCTOR}
    kept = app.extensions.get("lms.identity")
    identity.register(app, session=lambda _key: None, bearer=known.get, write_use=lambda _app, _session: None)
    yield known
    app.extensions["lms.identity"] = kept


@pytest.fixture
def made(app: APIFlask, programme: Make, at: datetime) -> Programme:
    """Ada and Bo have their certificates, Cy has not earned one."""
    series = programme({("Ada", "Ада"): "aaa", "Bo": "aaa", "Cy": "a--"})
    with app.app_context():
        for hour, name in enumerate(("Ada", "Bo")):
            awards.issue_batch(
                series.series_id,
                CertificateKind.PARTICIPATION,
                [series.people[name]],
                by=SYSTEM,
                at=at + timedelta(hours=hour),
            )
    return series


def token(name: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {name}"}


def numbers_of(client: FlaskClient) -> dict[str, str]:
    items = client.get("/api/v1/series/livestream/certificates", headers=token("reporter")).json["items"]
    return {item["name"]: item["number"] for item in items}


@pytest.fixture
def everybody(made: Programme, bearers: dict[str, Actor], administrator: Actor) -> Programme:
    bearers |= {"administrator": administrator, "ada": made.holder("Ada"), "bo": made.holder("Bo")}
    return made


def test_in_public_a_certificate_says_exactly_this(client: FlaskClient, everybody: Programme) -> None:
    number = numbers_of(client)["Ada"]
    assert NUMBER.fullmatch(number)
    expected = {
        "number": number,
        "state": "valid",
        "name": "Ada",
        "series": "Livestream commerce from a village",
        "kind": "participation",
        "hours": 4.5,
        "date": "2026-11-25",
    }
    for typed in (number, number.lower(), number.replace("-", ""), number[3:].replace("0", "o").replace("1", "l")):
        answer = client.get(f"/api/v1/certificates/{typed}")
        assert (answer.status_code, answer.json) == (200, expected)
    assert client.get(f"/api/v1/certificates/{number}", headers=token("bo")).json == expected


def test_holder_and_staff_see_more(client: FlaskClient, everybody: Programme) -> None:
    number = numbers_of(client)["Ada"]
    for name in ("ada", "administrator", "reporter"):
        answer = client.get(f"/api/v1/certificates/{number}", headers=token(name)).json
        assert {key: answer[key] for key in ("native_name", "replaces", "reason", "person")} == {
            "native_name": "Ада",
            "replaces": None,
            "reason": None,
            "person": everybody.public["Ada"],
        }


@each_row("number", ["SR-0000-0000-0000-0000-0", "SR-0000-0000-0000-0000-1", "nonsense", "x" * 300])
def test_an_unknown_number_is_not_there(client: FlaskClient, bearers: dict[str, Actor], number: str) -> None:
    answer = client.get(f"/api/v1/certificates/{number}")
    assert (answer.status_code, answer.mimetype) == (404, "application/problem+json")


def test_a_bad_token_is_no_anonymous_reader(client: FlaskClient, everybody: Programme) -> None:
    assert client.get(f"/api/v1/certificates/{numbers_of(client)['Ada']}", headers=token("?")).status_code == 401


def test_the_file_is_the_holders(client: FlaskClient, everybody: Programme) -> None:
    number = numbers_of(client)["Ada"]
    answers: dict[str, Any] = {
        name: client.get(f"/api/v1/certificates/{number}.pdf", headers=token(name))
        for name in ("ada", "administrator", "bo", "reporter", "instructor")
    }
    assert {name: answer.status_code for name, answer in answers.items()} == {
        "ada": 200,
        "administrator": 200,
        "bo": 403,
        "reporter": 403,
        "instructor": 403,
    }
    assert client.get(f"/api/v1/certificates/{number}.pdf").status_code == 401
    assert answers["ada"].data == answers["administrator"].data
    assert answers["ada"].data.startswith(b"%PDF-1.7")
    assert answers["ada"].mimetype == "application/pdf"
    assert answers["ada"].headers["Content-Disposition"] == f'attachment; filename="{number}.pdf"'
    assert client.get("/api/v1/certificates/SR-0.pdf", headers=token("ada")).status_code == 404


def test_revoking(client: FlaskClient, everybody: Programme) -> None:
    number = numbers_of(client)["Ada"]
    path = f"/api/v1/certificates/{number}/revoke"
    assert client.post(path, json={"reason": "x"}).status_code == 401
    for name in ("ada", "bo", "reporter", "instructor"):
        assert client.post(path, json={"reason": "x"}, headers=token(name)).status_code == 403
    for body in ({}, {"reason": ""}, {"reason": "  "}, {"reason": None}, {"reason": "x", "more": 1}):
        answer = client.post(path, json=body, headers=token("administrator"))
        assert (answer.status_code, bool(answer.json["errors"])) == (422, True), body
    answer = client.post(path, json={"reason": "Was not there"}, headers=token("administrator"))
    assert (answer.status_code, answer.json["state"], answer.json["reason"]) == (200, "revoked", "Was not there")
    assert client.post(path, json={"reason": "x"}, headers=token("administrator")).status_code == 409
    public = client.get(f"/api/v1/certificates/{number}").json
    assert set(public) == {"number", "state", "name", "series", "kind", "hours", "date"}
    assert public["state"] == "revoked"


def test_withdrawing(client: FlaskClient, everybody: Programme) -> None:
    number = numbers_of(client)["Ada"]
    path = f"/api/v1/certificates/{number}/withdraw"
    assert client.post(path).status_code == 401
    assert client.post(path, headers=token("bo")).status_code == 403
    answer = client.post(path, headers=token("ada"))
    assert (answer.status_code, answer.json["state"]) == (200, "withdrawn")
    assert client.get(f"/api/v1/certificates/{number}").json == {"number": number, "state": "withdrawn"}
    assert client.get(f"/api/v1/certificates/{number}.pdf", headers=token("ada")).status_code == 409
    other = numbers_of(client)["Bo"]
    assert (
        client.post(f"/api/v1/certificates/{other}/withdraw", json={}, headers=token("administrator")).status_code
        == 200
    )


def test_issuing_is_a_job(client: FlaskClient, app: APIFlask, everybody: Programme) -> None:
    path = "/api/v1/series/livestream/certificates"
    assert client.post(path, json={}).status_code == 401
    for name in ("ada", "reporter", "instructor"):
        assert client.post(path, json={}, headers=token(name)).status_code == 403
    assert (
        client.post("/api/v1/series/nowhere/certificates", json={}, headers=token("administrator")).status_code == 404
    )
    assert client.post(path, json={"kind": "x"}, headers=token("administrator")).status_code == 422
    assert client.post(path, json={"kind": "completion"}, headers=token("administrator")).status_code == 409
    answer = client.post(path, json={"kind": "participation"}, headers=token("administrator"))
    assert (answer.status_code, set(answer.json)) == (202, {"job"})
    assert client.post(path, headers=token("administrator")).json == answer.json
    with app.app_context():
        jobs.run_due()
        job = jobs.get_job(answer.json["job"], by=SYSTEM)
        assert job.result == {"issued": 0, "already_issued": 2, "not_earned": 1, "refused": []}


def test_issuing_is_stopped(client: FlaskClient, app: APIFlask, everybody: Programme) -> None:
    path = "/api/v1/series/livestream/certificates"
    job_id = client.post(path, json={}, headers=token("administrator")).json["job"]
    for name in ("ada", "reporter", "instructor"):
        assert client.post(f"{path}/{job_id}/stop", headers=token(name)).status_code == 403
    for _turn in range(2):
        answer = client.post(f"{path}/{job_id}/stop", headers=token("administrator"))
        assert (answer.status_code, answer.json) == (200, {"job": job_id})
    with app.app_context():
        jobs.run_due()
        assert jobs.get_job(job_id, by=SYSTEM).state is jobs.JobState.STOPPED
        stops = select(func.count()).where(AuditEntry.verb == "stop certificates")
        assert db.session.scalar(stops) == 1
    over = client.post(path, json={}, headers=token("administrator")).json["job"]
    with app.app_context():
        jobs.run_due()
    assert client.post(f"{path}/{over}/stop", headers=token("administrator")).status_code == 409
    assert client.post(f"{path}/nothing/stop", headers=token("administrator")).status_code == 404


def test_the_list_of_a_series_is_paged(client: FlaskClient, everybody: Programme) -> None:
    path = "/api/v1/series/livestream/certificates"
    assert client.get(path).status_code == 401
    assert client.get(path, headers=token("ada")).status_code == 403
    first = client.get(f"{path}?limit=1", headers=token("reporter")).json
    assert [item["name"] for item in first["items"]] == ["Ada"]
    second = client.get(f"{path}?limit=1&cursor={first['next']}", headers=token("administrator")).json
    assert [item["name"] for item in second["items"]] == ["Bo"]
    assert second["next"] is None
    assert client.get(f"{path}?cursor=x", headers=token("reporter")).status_code == 422
    assert client.get(f"{path}?limit=201", headers=token("reporter")).status_code == 422


def test_guessing_is_throttled_before_reading_is(client: FlaskClient, app: APIFlask, everybody: Programme) -> None:
    from lms.web.request.limits import limiter

    number = numbers_of(client)["Ada"]
    limiter.enabled = True
    limiter.reset()
    try:
        for _ in range(70):
            assert client.get(f"/api/v1/certificates/{number}").status_code == 200
        statuses = [client.get("/api/v1/certificates/SR-0000-0000-0000-0000-0").status_code for _ in range(61)]
        assert statuses == [404] * 50 + [429] * 11  # 120 reads in all
        limiter.reset()
        statuses = [client.get("/api/v1/certificates/SR-0000-0000-0000-0000-0").status_code for _ in range(61)]
        assert statuses == [404] * 60 + [429]
        refused = client.get("/verify/SR-0000-0000-0000-0000-0")
        assert refused.status_code == 429
        assert 1 <= int(refused.headers["Retry-After"]) <= 61
    finally:
        limiter.reset()
        limiter.enabled = False


def test_the_badge_is_the_holders_and_administrators(
    client: FlaskClient, everybody: Programme, bearers: dict[str, Actor]
) -> None:
    number = numbers_of(client)["Ada"]
    path = f"/api/v1/certificates/{number}.json"
    for name in ("ada", "administrator"):
        answer = client.get(path, headers=token(name))
        assert (answer.status_code, answer.mimetype) == (200, "text/plain")
        assert len(answer.text.split(".")) == 3
    assert client.get(path).status_code == 401
    assert client.get(path, headers=token("reporter")).status_code == 403
    assert client.get("/api/v1/certificates/SR-0000-0000-0000-0000-0.json", headers=token("ada")).status_code == 404
    client.post(f"/api/v1/certificates/{number}/revoke", json={"reason": "No"}, headers=token("administrator"))
    assert client.get(path, headers=token("ada")).status_code == 409


def test_who_earns_one_is_told_a_page_at_a_time(
    client: FlaskClient, app: APIFlask, programme: Make, bearers: dict[str, Actor], administrator: Actor
) -> None:
    made = programme({"Ada": "aaa", "Bo": "aap", "Cy": "a--", "Di\ue000": "aaa"}, minutes=90, min_minutes=2)
    bearers["administrator"] = administrator
    path = "/api/v1/series/livestream/certificates/preview"
    assert client.get(path).status_code == 401
    assert client.get(path, headers=token("instructor")).status_code == 403
    answer = client.get(path, headers=token("reporter")).json
    assert {key: answer[key] for key in ("kind", "lectures", "needed", "needed_minutes", "enrolled", "fault")} == {
        "kind": "participation",
        "lectures": 3,
        "needed": 2,
        "needed_minutes": 2,
        "enrolled": 4,
        "fault": None,
    }
    expected = {"earned": 2, "misses": 1, "blocked": 1, "unconfirmed": 3, "have": 0, "unearned": 0, "rest": 1}
    assert answer["counts"] == expected
    assert answer["show"] == "earned"
    first = client.get(f"{path}?show=earned&limit=1", headers=token("administrator")).json
    second = client.get(f"{path}?show=earned&limit=1&cursor={first['next']}", headers=token("administrator")).json
    assert [row["full_name"] for one in (first, second) for row in one["items"]] == ["Ada", "Bo"]
    assert second["next"] is None
    assert first["items"][0] == {
        "person": made.public["Ada"],
        "full_name": "Ada",
        "native_name": None,
        "attended": 3,
        "minutes": 3,
        "hours": 4.5,
        "lacks": None,
        "reason": None,
        "number": None,
    }
    (misses,) = client.get(f"{path}?show=misses", headers=token("reporter")).json["items"]
    assert misses["full_name"] == "Cy"
    assert misses["lacks"] == {"lectures": 1, "minutes": 1, "checks": [], "feedback": False}
    (blocked,) = client.get(f"{path}?show=blocked", headers=token("reporter")).json["items"]
    assert "no installed font has" in blocked["reason"]
    assert client.get(f"{path}?show=everybody", headers=token("reporter")).status_code == 422
    assert client.get(f"{path}?cursor=x", headers=token("reporter")).status_code == 422


def test_a_series_without_certificates_has_nothing_to_look_at(
    client: FlaskClient, programme: Make, bearers: dict[str, Actor]
) -> None:
    programme({"Ada": "aaa"}, kind=None)
    answer = client.get("/api/v1/series/livestream/certificates/preview", headers=token("reporter"))
    assert (answer.status_code, "does not issue certificates" in answer.json["detail"]) == (409, True)


def test_those_with_unconfirmed_names_are_reminded_once(
    client: FlaskClient, app: APIFlask, programme: Make, bearers: dict[str, Actor], administrator: Actor, at: datetime
) -> None:
    made = programme({"Ada": "aaa", "Bo": "---"})
    bearers["administrator"] = administrator
    with app.app_context():
        db.session.add(PersonEmail(person_id=made.people["Ada"], address="ada@x.example", key="ada@x.example"))
        db.session.commit()
    path = "/api/v1/series/livestream/certificates/reminders"
    assert client.post(path, headers=token("reporter")).status_code == 403
    assert client.post(path, json={"more": 1}, headers=token("administrator")).status_code == 422
    told = [client.post(path, headers=token("administrator")) for _turn in range(2)]
    assert [(answer.status_code, answer.json) for answer in told] == [(200, {"told": 1}), (200, {"told": 0})]


@each_row("form, begins", [("zip", b"PK\x03\x04"), ("pdf", b"%PDF-")])
def test_all_certificates_are_asked_for_in_one_file_and_taken(
    client: FlaskClient, app: APIFlask, everybody: Programme, form: str, begins: bytes
) -> None:
    path, by = "/api/v1/series/livestream/certificates/bundles", token("administrator")
    assert client.post(path, json={"form": form}, headers=token("reporter")).status_code == 403
    assert client.post(path, json={"form": "rar"}, headers=by).status_code == 422
    asked = client.post(path, json={"form": form}, headers=by)
    assert (asked.status_code, set(asked.json)) == (202, {"job"})
    assert client.post(path, json={"form": form}, headers=by).json == asked.json, "one at a time"
    taken = f"/api/v1/certificates/bundles/{asked.json['job']}"
    assert client.post(taken, headers=by).status_code == 404, "not made yet"
    with app.app_context():
        jobs.run_due()
    job = client.get(f"/api/v1/jobs/{asked.json['job']}", headers=by).json
    assert (job["state"], job["done"], job["result"]["count"]) == ("done", job["total"], 2)
    assert client.post(taken, headers=token("reporter")).status_code == 403
    answer = client.post(taken, headers=by)
    assert (answer.status_code, answer.data[:4]) == (200, begins[:4])
    assert answer.headers["Content-Disposition"] == f"attachment; filename=certificates-livestream.{form}"
    assert answer.headers["Cache-Control"] == "private, no-store"
    assert client.get(taken, headers=by).status_code == 405, "who took it is written down"
