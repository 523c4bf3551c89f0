"""Taking part without a browser."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select

from lms.attendance.models.evidence import Beat, Join
from lms.core.database.session import db
from lms.core.time import clock
from lms.live.tokens import make_token
from tests.factories import Make
from tests.rows import each_row

pytestmark = pytest.mark.databases


class Hall:
    """A live lecture with one person enrolled."""

    def __init__(self, client: FlaskClient, make: Make) -> None:
        self.client, self.make = client, make
        self.teacher = make.person("Lin Yuhan", roles=["instructor"])
        self.series = make.series(instructors=[self.teacher])
        self.ada = make.person("Ada", email="ada@x.example")
        make.enrolment(self.series, self.ada)
        self.headers = make.headers(self.ada)
        began = clock.now() - timedelta(minutes=10)
        self.lecture = make.lecture(
            self.series, state="live", starts_at=began, actual_start=began, join_url="https://meet.example/1"
        )
        self.path = f"/api/v1/lectures/{self.lecture.id}"

    def change(self, **values: Any) -> None:
        self.make.change(self.lecture, **values)

    def count(self, table: Any) -> int:
        with self.make.app.app_context():
            return db.session.scalar(select(func.count()).select_from(table)) or 0

    def beat(self, body: Any, kind: str = "application/json", path: str | None = None) -> Any:
        data = body if isinstance(body, (str, bytes)) else json.dumps(body)
        return self.client.post(path or f"{self.path}/presence", data=data, content_type=kind)

    def join(self, headers: dict[str, str] | None = None, **wish: Any) -> Any:
        sent = {"json": wish} if wish else {}
        return self.client.post(f"{self.path}/join", headers=self.headers if headers is None else headers, **sent)


@pytest.fixture
def hall(client: FlaskClient, make: Make) -> Hall:
    return Hall(client, make)


def test_join_and_beat(hall: Hall) -> None:
    answer = hall.join()
    assert answer.status_code == 200
    assert (answer.json["beat_seconds"], answer.json["join_url"]) == (30, "https://meet.example/1")
    token = answer.json["room_token"]
    assert hall.client.post(f"{hall.path}/join", headers=hall.headers, json={}).json["room_token"] != token
    assert hall.beat({"room_token": token, "seq": 0}).status_code == 204
    assert hall.beat({"room_token": token, "seq": 0}).status_code == 204
    assert hall.beat({"room_token": token, "seq": 1}, "text/plain;charset=UTF-8").status_code == 204
    assert hall.count(Beat) == 2
    roster = hall.client.get(f"{hall.path}/attendance", headers=hall.make.headers(hall.teacher)).json
    assert (roster["items"][0]["sources"], roster["items"][0]["outcome"]) == (["live"], "partial")


def test_after_the_end_a_beat_is_answered_and_counts_nothing(hall: Hall) -> None:
    token = hall.join().json["room_token"]
    hall.change(state="held", actual_end=clock.now())
    assert hall.beat({"room_token": token, "seq": 0}).status_code == 204
    assert hall.count(Beat) == 0
    assert hall.join().status_code == 409


@each_row(
    "body, kind, status",
    [
        ("not json", "application/json", 400),
        ("not json", "text/plain", 400),
        ("[1]", "text/plain", 400),
        ("{}", "text/plain", 422),
        ('{"room_token": "x", "seq": -1}', "application/json", 422),
        ('{"room_token": "x", "seq": true}', "application/json", 422),
        ('{"room_token": "x", "seq": 1, "more": 1}', "application/json", 422),
        ('{"room_token": "x", "seq": 1}', "application/json", 401),
        ('{"room_token": "x", "seq": 1}', "application/xml", 415),
        ('{"room_token": "' + "x" * 90 + '", "seq": 1}', "application/json", 413),
        ("x" * 101, "text/plain", 413),
    ],
)
def test_a_bad_beat_is_told_what_is_wrong(hall: Hall, body: str, kind: str, status: int) -> None:
    answer = hall.beat(body, kind)
    assert answer.status_code == status
    assert answer.mimetype == "application/problem+json"


def test_a_token_is_of_one_lecture_and_of_this_server(hall: Hall) -> None:
    token = hall.join().json["room_token"]
    other = hall.make.lecture(hall.series)
    path = f"/api/v1/lectures/{other.id}/presence"
    assert hall.beat({"room_token": token, "seq": 0}, path=path).status_code == 404
    forged = make_token("another secret", 1)
    assert hall.beat({"room_token": forged, "seq": 0}).status_code == 401


def test_the_room_opens_an_hour_before(hall: Hall) -> None:
    hall.change(state="scheduled", actual_start=None, starts_at=clock.now() + timedelta(minutes=61))
    answer = hall.join()
    assert answer.status_code == 409
    assert "one hour before" in answer.json["detail"]
    hall.change(starts_at=clock.now() + timedelta(minutes=59))
    assert hall.join().status_code == 200
    for state in ("cancelled", "postponed"):
        hall.change(state=state)
        assert hall.join().status_code == 409


def test_who_may_join(hall: Hall) -> None:
    make = hall.make
    admin = make.headers(make.person(roles=["administrator"]))
    stranger = make.headers(make.person())
    waiting = make.person()
    make.enrolment(hall.series, waiting, status="waitlisted")
    for headers, status in ((stranger, 403), (make.headers(waiting), 403), (admin, 403), ({}, 401)):
        assert hall.join(headers).status_code == status
    assert hall.join(admin, email="ADA@x.example").status_code == 403
    assert hall.count(Join) == 0


def test_in_a_demonstration_an_administrator_joins_for_others(hall: Hall) -> None:
    make = hall.make
    admin = make.headers(make.person(roles=["administrator"]))
    mark = make.app.extensions["lms.config"].demonstration_mark
    mark.write_text("{}")
    try:
        assert hall.join(admin, email="ADA@x.example").status_code == 200
        assert hall.join(email="ADA@x.example").status_code == 403
        unknown = hall.join(admin, email="no@x.example")
        assert (unknown.status_code, unknown.json["errors"][0]["field"]) == (422, "email")
    finally:
        mark.unlink()
