"""The API of lectures: every call, every status of the contract."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lms.core.time import clock
from tests.catalogue.calls import LECTURE, SERIES, Api, fields
from tests.rows import each_row


@pytest.mark.databases(differs=True)
def test_lecture_created_read_and_repeated(ines: Api, admin: Api, anyone: Api, trainee: Api) -> None:
    ines("POST", "/series", SERIES)
    made = ines("POST", "/series/trade/lectures", LECTURE)
    assert made.status_code == 201
    key = made.json["id"]
    assert made.json == {
        **LECTURE,
        "id": key,
        "series": "trade",
        "state": "scheduled",
        "starts_at_utc": "2036-12-02T06:00:00Z",
        "instructor_names": ["Ines"],
        "actual_start": None,
        "actual_end": None,
        "paused_ms": None,
        "held_unknown": False,
        "confirmed_at": None,
        "reason": None,
    }
    again = ines("POST", "/series/trade/lectures", LECTURE)
    assert (again.status_code, again.json) == (200, made.json)
    assert ines("POST", "/series/trade/lectures", {**LECTURE, "title": "B", "instructors": []}).status_code == 201
    hidden = {**made.json, "instructors": None, "join_url": None}
    for who in (anyone, trainee):
        assert who("GET", f"/lectures/{key}").json == hidden
        assert who("GET", "/series/trade/lectures").json["items"][0] == hidden
    assert admin("GET", f"/lectures/{key}").json == made.json


def test_lecture_missing_keys_take_their_defaults(ines: Api) -> None:
    ines("POST", "/series", SERIES)
    sent = {"title": "A", "starts_at": "2036-12-02T14:00", "time_zone": "UTC"}
    made = ines("POST", "/series/trade/lectures", sent).json
    del made["id"]
    assert made == {
        **sent,
        "starts_at": "2036-12-02T14:00:00",
        "series": "trade",
        "abstract": "",
        "state": "scheduled",
        "starts_at_utc": "2036-12-02T14:00:00Z",
        "duration_minutes": 90,
        "language": "fr",
        "text_language": None,
        "translations": {},
        "interpretation": [],
        "instructors": [],
        "instructor_names": [],
        "delivery": "link",
        "join_url": None,
        "recording_url": None,
        "materials": [],
        "actual_start": None,
        "actual_end": None,
        "paused_ms": None,
        "held_unknown": False,
        "confirmed_at": None,
        "reason": None,
    }


@each_row(
    "changes, wrong",
    [
        ({"title": " "}, "title"),
        ({"starts_at": "2036-12-02T14:00:00Z"}, "starts_at"),
        ({"starts_at": "2036-12-02T14:00:00+08:00"}, "starts_at"),
        ({"starts_at": "2036-12-02"}, "starts_at"),
        ({"starts_at": "tomorrow: 9"}, "starts_at"),
        ({"starts_at": 5}, "starts_at"),
        ({"starts_at": None}, "starts_at"),
        ({"starts_at": "2027-03-28T02:30:00", "time_zone": "Europe/Berlin"}, "starts_at"),
        ({"starts_at": "2027-10-31T02:30:00", "time_zone": "Europe/Berlin"}, "starts_at"),
        ({"time_zone": "Beijing"}, "time_zone"),
        ({"time_zone": None}, "time_zone"),
        ({"duration_minutes": 0}, "duration_minutes"),
        ({"duration_minutes": 90.5}, "duration_minutes"),
        ({"language": "klingonese"}, "language"),
        ({"interpretation": "fr"}, "interpretation"),
        ({"interpretation": ["zz"]}, "interpretation"),
        ({"instructors": ["who@example.org"]}, "instructors"),
        ({"delivery": "post"}, "delivery"),
        ({"join_url": "javascript:alert(1)"}, "join_url"),
        ({"join_url": "https://x/\ud800"}, "join_url"),
        ({"recording_url": "ftp://x.example"}, "recording_url"),
        ({"materials": [{"title": "x", "url": "data:,"}]}, "materials.0.url"),
        ({"materials": [{"title": "x"}]}, "materials.0.url"),
        ({"materials": [{"title": "x", "url": "https://x.example", "size": 1}]}, "materials.0.size"),
        ({"state": "held"}, "state"),
        ({"state": "gone"}, "state"),
        ({"id": 7}, "id"),
        ({"actual_start": "2026-01-01T00:00:00Z"}, "actual_start"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_lecture_422_names_the_field(ines: Api, changes: dict[str, Any], wrong: str) -> None:
    ines("POST", "/series", SERIES)
    assert fields(ines("POST", "/series/trade/lectures", {**LECTURE, **changes})) == [wrong]
    key = ines("POST", "/series/trade/lectures", LECTURE).json["id"]
    if wrong != "state":
        assert fields(ines("PATCH", f"/lectures/{key}", changes)) == [wrong]


@pytest.mark.databases
def test_lecture_patch(ines: Api) -> None:
    ines("POST", "/series", SERIES)
    made = ines("POST", "/series/trade/lectures", {**LECTURE, "state": "draft"}).json
    path = f"/lectures/{made['id']}"
    changed = ines("PATCH", path, {"title": "New", "materials": [], "join_url": None})
    assert changed.status_code == 200
    assert changed.json == {**made, "title": "New", "materials": [], "join_url": None}
    published = ines("PATCH", path, {"state": "scheduled", "time_zone": "Africa/Nairobi"}).json
    assert (published["state"], published["starts_at_utc"]) == ("scheduled", "2036-12-02T11:00:00Z")
    assert fields(ines("PATCH", path, {"state": "live"})) == ["state"]
    assert fields(ines("PATCH", path, {"starts_at": None})) == ["starts_at"]
    assert ines("POST", f"{path}/start").status_code == 200
    refused = ines("PATCH", path, {"starts_at": "2036-12-03T14:00:00"})
    assert (refused.status_code, bool(refused.json["detail"])) == (409, True)
    assert ines("PATCH", path, {"recording_url": "https://r.example/1"}).status_code == 200


def test_a_draft_lecture_is_hidden_in_a_public_series(ines: Api, anyone: Api, trainee: Api, reporter: Api) -> None:
    ines("POST", "/series", SERIES)
    key = ines("POST", "/series/trade/lectures", {**LECTURE, "state": "draft", "starts_at": None}).json["id"]
    for who, status in ((ines, 200), (reporter, 200), (trainee, 404), (anyone, 404)):
        assert who("GET", f"/lectures/{key}").status_code == status
        assert len(who("GET", "/series/trade/lectures").json["items"]) == (1 if status == 200 else 0)


@pytest.mark.databases
def test_lecture_started_and_ended(ines: Api) -> None:
    ines("POST", "/series", SERIES)
    path = f"/lectures/{ines('POST', '/series/trade/lectures', LECTURE).json['id']}"
    assert ines("POST", f"{path}/end", {}).status_code == 409
    live = ines("POST", f"{path}/start", {})
    assert (live.status_code, live.json["state"], live.json["actual_end"]) == (200, "live", None)
    began = datetime.fromisoformat(live.json["actual_start"])
    assert abs(clock.now() - began) < timedelta(seconds=30)
    again = ines("POST", f"{path}/start", {})
    assert (again.status_code, again.json["detail"]) == (409, "This lecture is live.")
    for state_call in ("cancel", "postpone"):
        assert (
            ines("POST", f"{path}/{state_call}", {"reason": "x"} if state_call == "cancel" else {}).status_code == 409
        )
    held = ines("POST", f"{path}/end")
    assert (held.status_code, held.json["state"]) == (200, "held")
    assert datetime.fromisoformat(held.json["actual_end"]) > began
    assert ines("POST", f"{path}/end", {}).status_code == 409


def test_start_and_end_422(ines: Api) -> None:
    ines("POST", "/series", SERIES)
    path = f"/lectures/{ines('POST', '/series/trade/lectures', LECTURE).json['id']}"
    later = (clock.now() + timedelta(hours=1)).astimezone(UTC).isoformat()
    for body in ({"at": later}, {"at": "2021-03-04T14:00:00"}, {"at": "soon"}, {"at": "0001-01-01T00:00:00+14:00"}):
        assert fields(ines("POST", f"{path}/start", body)) == ["at"]
    assert fields(ines("POST", f"{path}/start", {"when": later})) == ["when"]
    ines("POST", f"{path}/start", {"at": "2026-03-04T14:00:00Z"})
    for body in ({"at": later}, {"at": "2026-03-04T14:00:00Z"}, {"at": "2026-03-04T13:59:59Z"}):
        assert fields(ines("POST", f"{path}/end", body)) == ["at"]
    assert ines("POST", f"{path}/end", {"at": "2026-03-04T15:00:00Z"}).status_code == 200


@pytest.mark.databases
def test_a_start_and_an_end_are_undone(ines: Api) -> None:
    ines("POST", "/series", SERIES)
    path = f"/lectures/{ines('POST', '/series/trade/lectures', LECTURE).json['id']}"
    for call in ("undo-start", "reopen", "confirm"):
        refused = ines("POST", f"{path}/{call}")
        assert (refused.status_code, refused.json["detail"]) == (409, "This lecture has not begun.")
    moment = (clock.now() - timedelta(minutes=10)).isoformat()
    assert ines("POST", f"{path}/start", {"at": moment}).status_code == 200
    assert ines("POST", f"{path}/end", {}).json["state"] == "held"
    reopened = ines("POST", f"{path}/reopen").json
    assert (reopened["state"], reopened["actual_end"]) == ("live", None)
    assert ines("POST", f"{path}/reopen").status_code == 409
    planned = ines("POST", f"{path}/undo-start").json
    assert (planned["state"], planned["actual_start"], planned["held_unknown"]) == ("scheduled", None, False)
    assert planned["starts_at_utc"] == "2036-12-02T06:00:00Z"
    assert ines("POST", f"{path}/undo-start").status_code == 409


def test_a_lecture_is_paused_and_resumed(ines: Api, omar: Api) -> None:
    ines("POST", "/series", SERIES)
    path = f"/lectures/{ines('POST', '/series/trade/lectures', LECTURE).json['id']}"
    assert ines("POST", f"{path}/pause", {}).status_code == 409
    ines("POST", f"{path}/start", {})
    for minutes in (0, 61, "5"):
        assert fields(ines("POST", f"{path}/pause", {"minutes": minutes})) == ["minutes"]
    assert omar("POST", f"{path}/pause", {}).status_code == 403
    for _press in range(2):
        paused = ines("POST", f"{path}/pause", {"minutes": 5})
        assert (paused.status_code, paused.json["state"], paused.json["paused_ms"]) == (200, "live", 0)
    for _press in range(2):
        assert ines("POST", f"{path}/resume").json["paused_ms"] is not None


def test_whether_a_lecture_of_the_past_was_held_is_answered(ines: Api, anyone: Api) -> None:
    ines("POST", "/series", SERIES)
    made = ines("POST", "/series/trade/lectures", {**LECTURE, "starts_at": "2021-03-04T14:00:00"}).json
    path, times = f"/lectures/{made['id']}", {"actual_start": "2021-03-04T06:00:00Z"}
    assert made["held_unknown"]
    assert anyone("GET", path).status_code == 404
    assert fields(ines("POST", f"{path}/hold", times)) == ["actual_end"]
    assert fields(ines("POST", f"{path}/hold", {**times, "actual_end": "2021-03-04T06:04:00"})) == ["actual_end"]
    assert fields(ines("POST", f"{path}/hold", {**times, "actual_end": "2021-03-04T05:00:00Z"})) == ["actual_end"]
    times["actual_end"] = "2021-03-04T06:04:00Z"
    held = ines("POST", f"{path}/hold", times).json
    assert (held["state"], held["held_unknown"], held["confirmed_at"]) == ("held", False, None)
    assert (held["actual_start"], held["actual_end"]) == (times["actual_start"], times["actual_end"])
    assert ines("POST", f"{path}/hold", times).status_code == 409
    confirmed = ines("POST", f"{path}/confirm").json
    assert confirmed["confirmed_at"] is not None
    assert ines("POST", f"{path}/confirm").json == confirmed


def test_lecture_cancelled(ines: Api, anyone: Api) -> None:
    ines("POST", "/series", SERIES)
    path = f"/lectures/{ines('POST', '/series/trade/lectures', LECTURE).json['id']}"
    for body in ({}, {"reason": ""}, {"reason": None}, {"reason": "\u200b"}):
        assert fields(ines("POST", f"{path}/cancel", body)) == ["reason"]
    off = ines("POST", f"{path}/cancel", {"reason": "Fire"})
    assert (off.status_code, off.json["state"], off.json["reason"]) == (200, "cancelled", "Fire")
    assert anyone("GET", path).json["reason"] == "Fire"
    for call in ("start", "end", "postpone"):
        assert ines("POST", f"{path}/{call}", {}).status_code == 409
    assert ines("POST", f"{path}/cancel", {"reason": "Fire"}).status_code == 409


@pytest.mark.databases
def test_lecture_postponed(ines: Api) -> None:
    ines("POST", "/series", SERIES)
    path = f"/lectures/{ines('POST', '/series/trade/lectures', LECTURE).json['id']}"
    moved = ines("POST", f"{path}/postpone", {"starts_at": "2036-12-09T10:00:00", "time_zone": "Africa/Nairobi"}).json
    assert (moved["state"], moved["starts_at_utc"]) == ("scheduled", "2036-12-09T07:00:00Z")
    off = ines("POST", f"{path}/postpone", {}).json
    assert (off["state"], off["starts_at"], off["starts_at_utc"]) == ("postponed", None, None)
    assert ines("POST", f"{path}/postpone").status_code == 409
    assert ines("POST", f"{path}/start").status_code == 409
    for body, wrong in (
        ({"starts_at": "2020-12-09T10:00:00"}, "starts_at"),
        ({"starts_at": "2037-03-29T02:30:00", "time_zone": "Europe/Berlin"}, "starts_at"),
        ({"starts_at": "2036-12-09T10:00:00", "time_zone": "Nairobi"}, "time_zone"),
        ({"time_zone": "UTC"}, "starts_at"),
        ({"starts_at": "2036-12-09T10:00:00Z"}, "starts_at"),
    ):
        assert fields(ines("POST", f"{path}/postpone", body)) == [wrong]
    back = ines("POST", f"{path}/postpone", {"starts_at": "2036-12-10T10:00:00"}).json
    assert (back["state"], back["starts_at"], back["time_zone"]) == (
        "scheduled",
        "2036-12-10T10:00:00",
        "Africa/Nairobi",
    )


def test_lectures_are_paged(ines: Api, anyone: Api) -> None:
    ines("POST", "/series", SERIES)
    keys = [
        ines("POST", "/series/trade/lectures", {**LECTURE, "title": str(n), "instructors": []}).json["id"]
        for n in range(3)
    ]
    first = anyone("GET", "/series/trade/lectures?limit=2").json
    assert [item["id"] for item in first["items"]] == keys[:2]
    second = anyone("GET", f"/series/trade/lectures?limit=2&cursor={first['next']}").json
    assert ([item["id"] for item in second["items"]], second["next"]) == (keys[2:], None)
    assert fields(anyone("GET", "/series/trade/lectures?limit=999")) == ["limit"]
