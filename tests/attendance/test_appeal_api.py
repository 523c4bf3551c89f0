"""Appeals and closings for programs."""

from __future__ import annotations

from datetime import UTC, timedelta
from typing import Any

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient

from lms.core.time import clock
from tests.factories import Make


class Calls:
    """A lecture held yesterday, and calls of its trainee and its instructor."""

    def __init__(self, client: FlaskClient, make: Make) -> None:
        self.client = client
        self.start = clock.now().replace(microsecond=0) - timedelta(days=1)
        teacher = make.person("Lin Yuhan", roles=["instructor"])
        series = make.series(instructors=[teacher])
        self.ada = make.person("Ada Mwangi")
        make.enrolment(series, self.ada)
        held = {"actual_start": self.start, "actual_end": self.start + timedelta(minutes=90), "starts_at": self.start}
        self.lecture: int = make.lecture(series, state="held", instructors=[teacher], **held).id
        self.headers = {"ada": make.headers(self.ada), "lin": make.headers(teacher)}

    def __call__(self, who: str, method: str, path: str, body: dict[str, Any] | None = None) -> tuple[int, Any]:
        answer = self.client.open(f"/api/v1{path}", method=method, json=body, headers=self.headers[who])
        return answer.status_code, answer.get_json()

    def instant(self, minutes: int) -> str:
        return (self.start + timedelta(minutes=minutes)).astimezone(UTC).isoformat().replace("+00:00", "Z")


@pytest.fixture
def call(app: APIFlask, client: FlaskClient, make: Make) -> Calls:
    return Calls(client, make)


def test_an_appeal_is_filed_listed_answered_and_read(call: Calls) -> None:
    said = {"there_from": call.instant(0), "there_to": call.instant(80), "joined_as": "iPad", "text": "The link fell"}
    path = f"/lectures/{call.lecture}/appeals"
    status, filed = call("ada", "POST", path, said)
    assert status == 201
    assert filed == {
        **said, "id": filed["id"], "lecture": call.lecture, "filed_at": filed["filed_at"], "state": "open",
        "person": {"id": call.ada.public_id, "full_name": "Ada Mwangi"}, "ended_at": None, "answer": "",
        "answered_by": None, "outcome": None,
    }  # fmt: skip
    assert call("ada", "POST", path, said) == (200, filed)
    assert call("ada", "POST", path, {"text": "another"})[0] == 409
    assert call("lin", "GET", "/appeals?state=open") == (200, {"items": [filed], "next": None})
    assert call("lin", "GET", f"{path}?state=accepted") == (200, {"items": [], "next": None})
    answer = {"decision": "accepted", "words": "We saw you."}
    status, accepted = call("lin", "POST", f"/appeals/{filed['id']}/answer", answer)
    assert (status, accepted["state"], accepted["outcome"], accepted["answered_by"]) == (
        200, "accepted", "attended", "Lin Yuhan"
    )  # fmt: skip
    assert call("ada", "GET", f"/appeals/{filed['id']}") == (200, {**accepted, "answered_by": None})
    assert call("lin", "POST", f"/appeals/{filed['id']}/answer", answer)[0] == 409
    rows = call("lin", "GET", f"/lectures/{call.lecture}/attendance")[1]["items"]
    assert [(row["outcome"], row["correction"]["reason"]) for row in rows] == [("attended", "We saw you.")]


def test_what_is_wrong_is_said_at_its_field(call: Calls) -> None:
    path = f"/lectures/{call.lecture}/appeals"
    for body, field in (
        ({}, "text"),
        ({"there_from": call.instant(0)}, "there_to"),
        ({"there_from": call.instant(100), "there_to": call.instant(110)}, "there_from"),
        ({"there_from": "0001-01-01T00:00:00+14:00", "there_to": call.instant(10)}, "there_from"),
        ({"there_from": "2026-11-04T06:00:00", "there_to": call.instant(10)}, "there_from"),
    ):
        status, problem = call("ada", "POST", path, body)
        assert (status, [one["field"] for one in problem["errors"]]) == (422, [field])


def test_attendance_is_closed_and_opened_again(call: Calls) -> None:
    path = f"/lectures/{call.lecture}/attendance-closings"
    status, closing = call("lin", "POST", path)
    assert (status, closing["closed_by"], closing["figures"]["absent"], closing["reopened_at"]) == (
        201, "Lin Yuhan", 1, None
    )  # fmt: skip
    assert call("lin", "POST", path) == (200, closing)
    wish = {"outcome": "excused", "reason": "ill"}
    corrected = f"/lectures/{call.lecture}/attendance/{call.ada.public_id}"
    status, problem = call("lin", "PATCH", corrected, wish)
    assert (status, "Lin Yuhan closed the attendance" in problem["detail"]) == (409, True)
    assert call("lin", "POST", f"{path}/reopen", {})[0] == 422
    status, closings = call("lin", "POST", f"{path}/reopen", {"reason": "A report came late."})
    assert (status, [one["reason"] for one in closings["items"]]) == (200, ["A report came late."])
    assert call("lin", "PATCH", corrected, wish)[0] == 200
    assert call("ada", "GET", path)[0] == 403
