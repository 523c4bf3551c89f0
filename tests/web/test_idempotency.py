"""A call that is sent once more under the same key."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient
from sqlalchemy import func, select, update

from lms.attendance.models.evidence import Join
from lms.catalogue.models import Lecture
from lms.core.background.idempotency import KEPT_FOR, KeptAnswer
from lms.core.database.session import action, db
from lms.core.time import clock
from lms.people.actions.privacy import erase_person
from tests.factories import Make
from tests.rows import each_row

pytestmark = pytest.mark.databases
BODY = {"title": "Grades of cotton", "time_zone": "UTC", "starts_at": "2031-03-04T10:00", "duration_minutes": 60}
PATH = "/api/v1/series/cotton/lectures"


class Program:
    """An instructor's program, with a lecture that may be joined."""

    def __init__(self, app: APIFlask, make: Make) -> None:
        self.app = app
        self.teacher = make.person("Lin Yuhan", email="lin@x.example", roles=["instructor"])
        series = make.series("cotton", instructors=[self.teacher])
        make.enrolment(series, self.teacher)
        live = make.lecture(series, state="live", actual_start=clock.now() - timedelta(minutes=5))
        self.join = f"/api/v1/lectures/{live.id}/join"
        self.head = make.headers(self.teacher)
        self.other = make.headers(make.person(roles=["administrator"]))

    def post(self, path: str, key: str, body: Any = None, head: dict[str, str] | None = None) -> Any:
        headers = {**(head or self.head), "Idempotency-Key": key}
        return self.app.test_client().post(path, json=body or {}, headers=headers)

    def count(self, table: Any) -> int:
        with self.app.app_context():
            return db.session.scalar(select(func.count()).select_from(table)) or 0


@pytest.fixture
def program(app: APIFlask, make: Make) -> Program:
    return Program(app, make)


def test_the_same_call_again_is_answered_the_same(program: Program) -> None:
    first, again = program.post(program.join, "k1"), program.post(program.join, "k1")
    assert (first.status_code, again.status_code) == (200, 200)
    assert again.json == first.json
    assert again.mimetype == "application/json"
    assert ("Idempotency-Replayed" in first.headers, again.headers["Idempotency-Replayed"]) == (False, "true")
    assert program.count(Join) == 1
    assert program.post(program.join, "k2").json != first.json
    assert program.count(Join) == 2


@pytest.mark.databases(differs=True)
def test_without_a_key_each_call_counts(program: Program, client: FlaskClient) -> None:
    for _ in range(2):
        assert client.post(program.join, json={}, headers=program.head).status_code == 200
    assert program.count(Join) == 2
    assert program.count(KeptAnswer) == 0


def test_a_key_is_for_one_body_at_one_address(program: Program) -> None:
    made = program.post(PATH, "k1", BODY)
    assert made.status_code == 201
    backwards = dict(reversed(BODY.items()))
    assert program.post(PATH, "k1", backwards).json == made.json
    for path, body in ((PATH, {**BODY, "title": "Another"}), (program.join, {})):
        refused = program.post(path, "k1", body)
        assert refused.status_code == 409
        assert refused.mimetype == "application/problem+json"
    assert program.count(Lecture) == 2


def test_a_key_is_one_persons(program: Program) -> None:
    made = program.post(PATH, "k1", BODY)
    other = program.post(PATH, "k1", {**BODY, "title": "Another"}, program.other)
    assert (made.status_code, other.status_code) == (201, 201)
    assert made.json["id"] != other.json["id"]


def test_what_was_refused_may_be_tried_again(program: Program) -> None:
    assert program.post(PATH, "k1", {**BODY, "duration_minutes": 0}).status_code == 422
    assert program.post("/api/v1/series/none/lectures", "k1", BODY).status_code == 404
    assert program.count(KeptAnswer) == 0
    assert program.post(PATH, "k1", BODY).status_code == 201


@each_row("key", ["", "with space", "x" * 256, "ключ"])
def test_a_key_that_is_not_one_is_refused(program: Program, key: str) -> None:
    answer = program.post(PATH, key.encode().decode("latin-1"), BODY)
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json["errors"]] == ["Idempotency-Key"]


def test_a_key_holds_for_a_day(program: Program) -> None:
    program.post(program.join, "k1")

    @action
    def grow_old() -> None:
        db.session.execute(update(KeptAnswer).values(at=clock.now() - KEPT_FOR))

    with program.app.app_context():
        grow_old()
    assert "Idempotency-Replayed" not in program.post(program.join, "k1").headers
    assert (program.count(Join), program.count(KeptAnswer)) == (2, 1)


@pytest.mark.databases(differs=True)
def test_the_same_call_at_once_is_done_once(program: Program) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: program.post(program.join, "k1"), range(8)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json["room_token"] for answer in answers}) == 1
    assert program.count(Join) == 1


def test_erasing_forgets_what_was_kept(program: Program, make: Make) -> None:
    named = program.post(PATH, "k1", {**BODY, "instructors": ["lin@x.example"]}, program.other)
    assert named.json["instructors"] == ["lin@x.example"]
    program.post(program.join, "k2")
    assert program.count(KeptAnswer) == 2
    with program.app.app_context():
        erase_person(
            program.teacher.public_id, confirmation="lin@x.example", withdraw_certificates=False,
            by=make.administrator(), at=clock.now(),
        )  # fmt: skip
    assert program.count(KeptAnswer) == 0
