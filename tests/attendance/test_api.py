"""The roster, corrections and reports of attendance through the API, as the contract has them."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient

from lms.catalogue.models import Lecture
from tests.factories import Make

pytestmark = pytest.mark.databases

START = datetime(2026, 11, 4, 6, 0, tzinfo=UTC)
TEXT = """email,joined_at,left_at
ada@x.example,2026-11-04T06:00:00Z,2026-11-04T06:40:30Z
ada@x.example,2026-11-04T06:50:00Z,2026-11-04T07:12:00Z
who@x.example,2026-11-04T06:00:00Z,2026-11-04T07:12:00Z
"""


class Door:
    """A held lecture, its teacher's token, two people enrolled."""

    def __init__(self, client: FlaskClient, make: Make) -> None:
        self.client, self.make = client, make
        self.teacher = make.person("Lin Yuhan", email="lin@x.example", roles=["instructor"])
        self.headers = make.headers(self.teacher)
        series = make.series(instructors=[self.teacher])
        self.ada = make.person("Ada", email="ada@x.example")
        self.cyr = make.person("Cyr", email="cyr@x.example", country=None)
        for person in (self.ada, self.cyr):
            make.enrolment(series, person)
        self.lecture: Lecture = make.lecture(
            series,
            state="held",
            starts_at=START,
            actual_start=START,
            actual_end=START + timedelta(minutes=90),
            instructors=[self.teacher],
        )
        self.path = f"/api/v1/lectures/{self.lecture.id}/attendance"

    def post(self, content: str | bytes, headers: dict[str, str] | None = None, **form: Any) -> Any:
        data = content.encode() if isinstance(content, str) else content
        return self.client.post(
            f"{self.path}-imports",
            headers=headers or self.headers,
            data={"file": (io.BytesIO(data), "report.csv"), **form},
            content_type="multipart/form-data",
        )

    def get(self, **query: Any) -> Any:
        return self.client.get(self.path, headers=self.headers, query_string=query)

    def patch(self, body: dict[str, Any], headers: dict[str, str] | None = None) -> Any:
        return self.client.patch(f"{self.path}/{self.ada.public_id}", headers=headers or self.headers, json=body)


@pytest.fixture
def door(client: FlaskClient, make: Make) -> Door:
    return Door(client, make)


def test_import_and_roster(door: Door) -> None:
    answer = door.post(TEXT)
    assert answer.status_code == 200
    unmatched = {
        "row": 4, "name": None, "email": "who@x.example", "reason": "No person has this e-mail address.",
        "candidates": [],
    }  # fmt: skip
    assert answer.json == {
        "rows": 3, "matched": 2, "created": 2, "updated": 0, "unchanged": 0, "rejected": [], "notes": [],
        "not_read": [], "unmatched": [unmatched],
    }  # fmt: skip
    assert door.post(TEXT).json | {"unmatched": []} == {
        "rows": 3, "matched": 2, "created": 0, "updated": 0, "unchanged": 2, "rejected": [], "notes": [],
        "not_read": [], "unmatched": [],
    }  # fmt: skip
    listed = door.get().json
    assert listed["next"] is None
    ada, cyr = listed["items"]
    assert ada == {
        "person": {"id": door.ada.public_id, "email": "ada@x.example", "full_name": "Ada", "country": "KE"},
        "minutes": 62.5,
        "percent": 69.4,
        "outcome": "attended",
        "sources": ["import"],
        "intervals": [
            {"joined_at": "2026-11-04T06:00:00Z", "left_at": "2026-11-04T06:40:30Z", "source": "import"},
            {"joined_at": "2026-11-04T06:50:00Z", "left_at": "2026-11-04T07:12:00Z", "source": "import"},
        ],
        "explanation": "62 of 90 minutes, 1 rejoin: attended",
        "counted": True,
        "invited": False,
        "correction": None,
    }
    assert (cyr["person"]["country"], cyr["minutes"], cyr["percent"], cyr["outcome"]) == (None, 0.0, 0.0, "absent")


def test_correcting(door: Door) -> None:
    door.post(TEXT)
    answer = door.patch({"outcome": "excused", "reason": "power cut"})
    assert answer.status_code == 200
    assert (answer.json["outcome"], answer.json["minutes"], answer.json["sources"]) == (
        "excused", 62.5, ["import", "manual"]
    )  # fmt: skip
    assert answer.json["correction"]["by"] == "Lin Yuhan"
    assert door.patch({"outcome": "absent"}).json["errors"] == [{"field": "reason", "reason": "Enter a reason."}]
    assert door.patch({"outcome": "ill", "reason": "x"}).status_code == 422
    assert door.patch({"reason": "x"}).status_code == 422
    assert door.patch({"outcome": None, "reason": "x", "minutes": 90}).status_code == 422
    answer = door.patch({"outcome": None})
    assert (answer.json["outcome"], answer.json["sources"]) == ("attended", ["import"])


def test_refusals_of_a_file(door: Door) -> None:
    local = "email,joined_at,left_at\nada@x.example,2026-11-04 14:00,2026-11-04 15:00\n"
    assert door.post(local).json["errors"][0]["field"] == "time_zone"
    assert door.post(local, time_zone="Asia/Shanghai").status_code == 200
    assert door.post(local, time_zone="UTC").status_code == 409
    assert door.post("").status_code == 422
    assert door.post(TEXT, format="zoom").json["errors"][0]["field"] == "format"
    assert door.post(b"\x89PNG\r\n\x1a\n").status_code == 415
    bad = TEXT + "ada@x.example,2026-11-04T07:00:00Z,2026-11-04T06:00:00Z\n"
    answer = door.post(bad)
    assert (answer.status_code, answer.json["errors"]) == (
        422, [{"row": 5, "reason": "The leave time is earlier than the join time."}]
    )  # fmt: skip
    assert door.post(bad, skip_bad_rows="true").json["rejected"] == answer.json["errors"]
    missing = door.client.post(
        f"{door.path}-imports", headers=door.headers, data={}, content_type="multipart/form-data"
    )
    assert (missing.status_code, missing.json["errors"][0]["field"]) == (422, "file")
