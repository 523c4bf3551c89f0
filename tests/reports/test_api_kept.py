"""Saved reports and exports of rows over the API."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient
from sqlalchemy import select

from lms.core.background import jobs
from lms.core.base.roles import SYSTEM, Role
from lms.core.database.audit import AuditEntry
from lms.core.database.session import action, db
from tests.factories import Make
from tests.reports.world import World

NOON = datetime(2024, 5, 6, 4, 0, tzinfo=UTC)
SAVED, EXPORTS = "/api/v1/saved-reports", "/api/v1/exports"


@pytest.fixture
def attended(world: World) -> None:
    """Two of KE and one of UG in one lecture."""
    lecture = world.lecture(world.series("one"), NOON)
    world.attend(lecture, world.person("KE"), world.person("KE"), world.person("UG"))


def bearer(make: Make, *roles: Any, scopes: Sequence[str] = (), email: str | None = None) -> dict[str, str]:
    token = make.token(make.person(email=email, roles=list(roles)), scopes=scopes)
    return {"Authorization": f"Bearer {token}"}


@pytest.mark.databases
def test_a_report_is_saved_scheduled_and_forgotten(client: FlaskClient, make: Make) -> None:
    mine, other = bearer(make, Role.REPORTER, email="me@x.example"), bearer(make, Role.ADMINISTRATOR)
    wish = {"name": "By country", "by": ["country", "year"], "period": "last_quarter", "partner": True}
    made = client.post(SAVED, json=wish, headers=mine)
    assert made.status_code == 201
    report = made.get_json()
    question = {"figure": "participants", "by": ["country", "year"], "period": "last_quarter", "partner": "true"}
    assert (report["name"], report["question"], report["schedule"]) == ("By country", question, None)
    again = client.post(SAVED, json=wish, headers=mine)
    assert (again.status_code, again.get_json()) == (200, report)
    assert client.post(SAVED, json={**wish, "by": []}, headers=mine).status_code == 422

    address = f"{SAVED}/{report['id']}"
    when = {"rhythm": "quarterly", "hour": 7, "recipients": ["me@x.example"]}
    changed = client.patch(address, json={"name": "Each quarter", "schedule": when}, headers=mine).get_json()
    assert changed["name"] == "Each quarter"
    assert {name: changed["schedule"][name] for name in when} == when
    assert changed["schedule"]["next"].endswith("-01T23:00:00Z") or changed["schedule"]["next"][8:] >= "30T23:00:00Z"
    assert changed["sendings"] == []
    assert client.get(SAVED, headers=mine).get_json() == {
        "items": [{name: value for name, value in changed.items() if name != "sendings"}],
        "next": None,
    }
    # all or nothing: the name too stays where the addresses are refused
    wrong = {"name": "Renamed", "schedule": {**when, "recipients": ["nobody@x.example"]}}
    refused = client.patch(address, json=wrong, headers=mine)
    assert (refused.status_code, refused.get_json()["errors"][0]["field"]) == (422, "recipients")
    assert client.get(address, headers=mine).get_json() == changed
    for broken in (
        {**when, "hour": 24},
        {**when, "hour": "7"},
        {**when, "rhythm": "hourly"},
        {**when, "recipients": []},
    ):
        assert client.patch(address, json={"schedule": broken}, headers=mine).status_code == 422, broken
    assert client.patch(address, json={"schedule": None}, headers=mine).get_json()["schedule"] is None

    assert [client.get(address, headers=other).status_code, client.patch(address, json={}, headers=other).status_code,
            client.delete(address, headers=other).status_code] == [404, 404, 404]  # fmt: skip
    assert client.get(SAVED, headers=other).get_json()["items"] == []
    assert client.delete(address, headers=mine).status_code == 204
    assert client.get(address, headers=mine).status_code == 404


def test_what_cannot_be_asked_is_not_saved(client: FlaskClient, make: Make) -> None:
    headers = bearer(make, (Role.FOCAL_POINT, "KE"))
    assert client.post(SAVED, json={"name": "Mine", "country": "KE"}, headers=headers).status_code == 201
    for wish, status in (
        ({"name": "All"}, 403),
        ({"name": "Other", "country": "UG"}, 403),
        ({"name": "Turned", "country": "KE", "from": "2025-01-01", "to": "2024-01-01"}, 422),
        ({"name": "Both", "country": "KE", "from": "2025-01-01", "period": "this_year"}, 422),
        ({"name": "What", "country": "KE", "period": "some_year"}, 422),
        ({"name": " ", "country": "KE"}, 422),
    ):
        assert client.post(SAVED, json=wish, headers=headers).status_code == status, wish
    assert client.post(SAVED, json={"name": "Mine"}, headers=bearer(make)).status_code == 403


@pytest.mark.databases
@pytest.mark.usefixtures("attended")
def test_an_export_is_asked_for_followed_and_taken(app: APIFlask, client: FlaskClient, make: Make) -> None:
    mine, other = bearer(make, (Role.FOCAL_POINT, "KE")), bearer(make, Role.REPORTER)
    assert client.post(EXPORTS, json={"kind": "people"}, headers=mine).status_code == 403
    wish = {"kind": "attendances", "country": "KE", "from": "2024-01-01"}
    made = client.post(EXPORTS, json=wish, headers=mine)
    assert made.status_code == 201
    export = made.get_json()
    assert (export["kind"], export["format"], export["state"], export["file"]) == ("attendances", "csv", "queued", None)
    assert export["question"] == {"country": "KE", "from": "2024-01-01"}
    again = client.post(EXPORTS, json=wish, headers=mine)
    assert (again.status_code, again.get_json()) == (200, export)
    assert client.post(EXPORTS, json={**wish, "kind": "people"}, headers=mine).status_code == 409
    address = f"{EXPORTS}/{export['id']}"
    assert client.post(f"{address}/file", headers=mine).status_code == 404
    assert [
        client.get(address, headers=other).status_code,
        client.post(f"{address}/file", headers=other).status_code,
    ] == [
        404,
        404,
    ]
    with app.app_context():
        jobs.run_due()
    done = client.get(address, headers=mine).get_json()
    assert (done["state"], done["rows"], done["file"]) == ("done", 2, f"{address}/file")
    assert client.get(EXPORTS, headers=mine).get_json() == {"items": [done], "next": None}
    assert client.get(EXPORTS, headers=other).get_json()["items"] == []
    taken = client.post(done["file"], headers=mine)
    assert (taken.status_code, taken.mimetype) == (200, "text/csv")
    assert len(taken.get_data().decode("utf-8-sig").splitlines()) == 3
    with app.app_context():
        fetched = select(AuditEntry.id).where(AuditEntry.verb == "fetch_export")
        assert len(db.session.scalars(fetched).all()) == 1
    assert client.post(done["file"], json={"x": 1}, headers=mine).status_code == 422
    assert client.get(f"{address}/file", headers=mine).status_code == 405


@pytest.mark.usefixtures("attended")
def test_tokens_are_held_to_their_scopes(client: FlaskClient, make: Make) -> None:
    reading = bearer(make, Role.REPORTER, scopes=["reports:read", "exports:read"])
    assert [client.get(path, headers=reading).status_code for path in (SAVED, EXPORTS)] == [200, 200]
    assert client.post(SAVED, json={"name": "A"}, headers=reading).status_code == 403
    assert client.post(EXPORTS, json={"kind": "people"}, headers=reading).status_code == 403
    figures = bearer(make, Role.REPORTER, scopes=["totals:read"])
    assert [client.get(path, headers=figures).status_code for path in (SAVED, EXPORTS)] == [403, 403]


@pytest.mark.usefixtures("attended")
def test_another_kind_of_task_is_no_export(app: APIFlask, client: FlaskClient, make: Make) -> None:
    with app.app_context():
        task = action(lambda: jobs.request_job("tests", {}, by=SYSTEM, at=NOON).public_id)()
    admin = bearer(make, Role.ADMINISTRATOR)
    assert client.get(f"/api/v1/jobs/{task}", headers=admin).status_code == 200
    assert client.get(f"{EXPORTS}/{task}", headers=admin).status_code == 404
