"""What the tests of the API share: calls as one person, and the objects that are sent."""

from __future__ import annotations

from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

SERIES: dict[str, Any] = {
    "slug": "trade",
    "title": "Trade",
    "description": "About trade",
    "language": "fr",
    "text_language": None,
    "translations": {"ar": {"title": "التجارة", "description": None}},
    "visibility": "public",
    "admission": "application",
    "nominations_need_approval": True,
    "starts_on": "2026-12-01",
    "ends_on": "2026-12-31",
    "capacity": 40,
    "countries": ["KE", "TZ"],
    "instructors": ["ines@example.org"],
    "policy": {
        "min_percent": 70,
        "min_lectures_percent": 50,
        "replay_days": 7,
        "walk_ins": "ignore",
        "certificate": "completion",
        "min_lectures": 3,
        "min_minutes": 120,
        "deadline": "2026-12-31",
        "confirmed_names": True,
        "checks_passed": True,
        "min_feedback": 2,
    },
}
LECTURE: dict[str, Any] = {
    "title": "Opening",
    "abstract": "Why",
    "starts_at": "2036-12-02T14:00:00",
    "time_zone": "Asia/Shanghai",
    "duration_minutes": 45,
    "language": "en",
    "text_language": "fr",
    "translations": {"en": {"title": "Opening", "abstract": "Why"}},
    "interpretation": ["ar", "fr"],
    "instructors": ["ines@example.org"],
    "delivery": "link",
    "join_url": "https://meet.example/1",
    "recording_url": None,
    "materials": [{"title": "Slides", "url": "https://files.example/s.pdf"}],
}


class Api:
    """Calls as one person."""

    def __init__(self, client: FlaskClient, headers: dict[str, str]) -> None:
        self.client, self.headers = client, headers

    def __call__(self, method: str, path: str, json: Any = None, **more: Any) -> TestResponse:
        if json is not None:
            more["json"] = json
        return self.client.open(f"/api/v1{path}", method=method, headers=self.headers, **more)


def fields(answer: TestResponse) -> list[str]:
    """The fields that a 422 names."""
    assert answer.status_code == 422, answer.json
    assert answer.mimetype == "application/problem+json"
    assert answer.json["status"] == 422
    assert all(error["reason"] for error in answer.json["errors"])
    return [error["field"] for error in answer.json["errors"]]
