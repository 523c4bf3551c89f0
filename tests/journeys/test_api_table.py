"""The API, the way a script would go: from a token to a certificate, on both databases.

Bodies, statuses and guards are those of the public interface; nothing here reaches into the code.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from lms.core.background import jobs
from lms.core.time import clock
from tests.factories import Make

pytestmark = pytest.mark.databases
PASSWORD = "a long enough one"
PROBLEM = "application/problem+json"


class Api:
    """A program with a bearer token, or without."""

    def __init__(self, client: FlaskClient, token: str | None = None) -> None:
        self.client = client
        self.headers = {"Authorization": f"Bearer {token}"} if token else {}

    def call(self, method: str, path: str, body: Any = None, *, status: int, **more: Any) -> Any:
        """Sends JSON, checks the status, answers the body; errors must be problems."""
        answer = self.raw(method, path, body, **more)
        assert answer.status_code == status, f"{method} {path}: {answer.status_code} {answer.text[:500]}"
        if status >= 400:
            assert answer.mimetype == PROBLEM, f"{method} {path}: {answer.mimetype}"
            problem = answer.get_json()
            assert problem["status"] == status
            assert {"type", "title", "status", "detail"} <= set(problem)
            return problem
        return answer.get_json(silent=True)

    def raw(self, method: str, path: str, body: Any = None, **more: Any) -> TestResponse:
        if body is not None:
            more["json"] = body
        return self.client.open(f"/api/v1{path}", method=method, headers=self.headers, **more)

    def get(self, path: str, *, status: int = 200) -> Any:
        return self.call("GET", path, status=status)

    def post(self, path: str, body: Any = None, *, status: int = 200) -> Any:
        return self.call("POST", path, {} if body is None else body, status=status)

    def patch(self, path: str, body: Any, *, status: int = 200) -> Any:
        return self.call("PATCH", path, body, status=status)

    def upload(self, path: str, content: bytes, name: str, *, status: int, **fields: str) -> Any:
        data = {**fields, "file": (io.BytesIO(content), name)}
        return self.call("POST", path, status=status, data=data, content_type="multipart/form-data")


Login = Callable[[str], Api]


@pytest.fixture
def login(app: APIFlask, make: Make) -> Login:
    """Signs in one of: admin, teacher, other_teacher, focal (KE), reporter, trainee (KE), outsider (PE)."""
    with app.app_context():
        for name, country, roles in (
            ("admin", None, ["administrator"]),
            ("teacher", None, ["instructor"]),
            ("other_teacher", None, ["instructor"]),
            ("focal", "KE", ["focal_point"]),
            ("reporter", None, ["reporter"]),
            ("trainee", "KE", []),
            ("outsider", "PE", []),
        ):
            make.person(
                full_name=f"{name.title()} Person", email=f"{name}@x.example", country=country, roles=roles,
                password=PASSWORD,
            )  # fmt: skip

    def sign_in(name: str) -> Api:
        client = app.test_client()
        body = {"email": f"{name}@x.example", "password": PASSWORD, "name": "test"}
        token = Api(client).call("POST", "/tokens", body, status=201)
        assert set(token) == {"token", "id", "expires_at"}
        return Api(app.test_client(), token["token"])

    return sign_in


def series_body(**more: Any) -> dict[str, Any]:
    return {"slug": "cotton", "title": "Cotton standards", "visibility": "public", **more}


def lecture_body(start: datetime, **more: Any) -> dict[str, Any]:
    return {
        "title": "Grades of cotton",
        "starts_at": start.strftime("%Y-%m-%dT%H:%M"),
        "time_zone": "UTC",
        "duration_minutes": 60,
        "instructors": ["teacher@x.example"],
        **more,
    }


def test_lectures_and_their_states(app: APIFlask, login: Login) -> None:
    nobody, teacher = Api(app.test_client()), login("teacher")
    login("admin").post("/series", series_body(instructors=["teacher@x.example"]), status=201)
    start = clock.now().replace(second=0, microsecond=0) + timedelta(days=3)
    body = lecture_body(start, join_url="https://meet.example/1", delivery="link")
    nobody.post("/series/cotton/lectures", body, status=401)
    login("trainee").post("/series/cotton/lectures", body, status=403)
    made = teacher.post("/series/cotton/lectures", body, status=201)
    assert made["state"] == "scheduled"
    assert made["starts_at_utc"] == start.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert made["join_url"] == "https://meet.example/1"
    assert teacher.post("/series/cotton/lectures", body, status=200)["id"] == made["id"]
    clash = teacher.post("/series/cotton/lectures", lecture_body(start, title="Another"), status=409)
    assert "Grades of cotton" in clash["detail"]
    gap = lecture_body(datetime(2027, 3, 28, 2, 30, tzinfo=UTC), time_zone="Europe/Rome", instructors=[])
    problem = teacher.post("/series/cotton/lectures", gap, status=422)
    assert problem["errors"][0]["field"] == "starts_at"
    for wrong, field in (
        ({"time_zone": "Mars/Olympus"}, "time_zone"),
        ({"duration_minutes": 0}, "duration_minutes"),
        ({"join_url": "javascript:alert(1)"}, "join_url"),
        ({"instructors": ["nobody@x.example"]}, "instructors"),
        ({"starts_at": "soon"}, "starts_at"),
    ):
        problem = teacher.post("/series/cotton/lectures", {**body, "title": "Wrong", **wrong}, status=422)
        assert problem["errors"][0]["field"].split(".")[0] == field
    path = f"/lectures/{made['id']}"
    public = nobody.get(path)
    assert public["instructor_names"] == ["Teacher Person"]
    assert not public.get("join_url")
    assert not public.get("instructors")
    assert [item["id"] for item in nobody.get("/series/cotton/lectures")["items"]] == [made["id"]]
    assert teacher.patch(path, {"title": "Cotton grades"})["title"] == "Cotton grades"
    login("outsider").patch(path, {"title": "x"}, status=403)
    moved = teacher.post(f"{path}/postpone", {
        "starts_at": (start + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M"), "time_zone": "UTC",
    })  # fmt: skip
    assert moved["state"] == "scheduled"
    assert teacher.post(f"{path}/postpone", {})["state"] == "postponed"
    teacher.post(f"{path}/start", status=409)
    back = {"starts_at": start.strftime("%Y-%m-%dT%H:%M"), "time_zone": "UTC"}
    assert teacher.post(f"{path}/postpone", back)["state"] == "scheduled"
    login("trainee").post(f"{path}/start", status=403)
    live = teacher.post(f"{path}/start")
    assert live["state"] == "live"
    assert live["actual_start"] is not None
    teacher.post(f"{path}/cancel", {"reason": "too late"}, status=409)
    other = teacher.post("/series/cotton/lectures", lecture_body(start + timedelta(days=9), title="C"), status=201)
    teacher.post(f"/lectures/{other['id']}/end", status=409)
    assert teacher.post(f"/lectures/{other['id']}/cancel", {"reason": "ill"})["state"] == "cancelled"
    held = teacher.post(f"{path}/end")
    assert held["state"] == "held"
    assert held["actual_end"] > held["actual_start"]
    nobody.get("/lectures/999999", status=404)


def test_enrolments(app: APIFlask, login: Login) -> None:
    admin, trainee, focal = login("admin"), login("trainee"), login("focal")
    nobody, outsider, reporter, teacher = Api(app.test_client()), login("outsider"), login("reporter"), login("teacher")
    admin.post("/series", series_body(capacity=2, instructors=["teacher@x.example"]), status=201)
    path = "/series/cotton/enrolments"
    nobody.post(path, {}, status=401)
    mine = trainee.post(path, {"email": "trainee@x.example"}, status=201)
    assert mine["status"] == "enrolled"
    assert mine["country"] == "KE"
    assert trainee.post(path, {"email": "TRAINEE@x.example"}, status=200)["id"] == mine["id"]
    trainee.post(path, {"email": "outsider@x.example"}, status=403)
    new = {"email": "amina@x.example", "full_name": "Amina Odhiambo", "country": "KE", "sector": "business"}
    assert focal.post(path, new, status=201)["status"] == "enrolled"
    focal.post(path, {"email": "p@x.example", "full_name": "Pedro", "country": "PE"}, status=403)
    waiting = outsider.post(path, {"email": "outsider@x.example"}, status=201)
    assert waiting["status"] == "waitlisted"
    assert admin.post(path, {"email": "none@x.example"}, status=422)["errors"]
    rows = admin.get(path)["items"]
    assert {row["email"] for row in rows} == {"trainee@x.example", "amina@x.example", "outsider@x.example"}
    assert {row["email"] for row in focal.get(path)["items"]} == {"trainee@x.example", "amina@x.example"}
    assert len(reporter.get(path)["items"]) == 3
    assert len(teacher.get(path)["items"]) == 3
    reporter.post(path, new, status=403)
    assert [row["id"] for row in trainee.get(path)["items"]] == [mine["id"]]
    assert trainee.patch(f"/enrolments/{mine['id']}", {"status": "withdrawn"})["status"] == "withdrawn"
    outsider.patch(f"/enrolments/{mine['id']}", {"status": "enrolled"}, status=404)
    after = {row["email"]: row["status"] for row in admin.get(path)["items"]}
    assert after == {"trainee@x.example": "withdrawn", "amina@x.example": "enrolled", "outsider@x.example": "enrolled"}
    assert trainee.post(path, {"email": "trainee@x.example"})["status"] == "waitlisted"
    admin.patch(f"/enrolments/{mine['id']}", {"status": "drunk"}, status=422)
    admin.patch("/enrolments/nothing", {"status": "enrolled"}, status=404)


def test_enrolments_from_a_file(login: Login) -> None:
    admin = login("admin")
    admin.post("/series", series_body(), status=201)
    path = "/series/cotton/enrolments"
    good = "email,full_name,country,colour\na@x.example,Ana,PE,red\nb@x.example,=SUM(1),KE,blue\n"
    answer = admin.upload(path, good.encode("utf-16"), "people.csv", status=200)
    assert (answer["rows"], answer["created"], answer["rejected"]) == (2, 2, [])
    again = admin.upload(path, good.encode("utf-8-sig"), "people.csv", status=200)
    assert (again["created"], again["updated"], again["unchanged"]) == (0, 0, 2)
    bad = good + "no-address,Nobody,KE,\nc@x.example,Cai,??,\na@x.example,Ana,PE,\n"
    problem = admin.upload(path, bad.encode(), "people.csv", status=422)
    assert [error["row"] for error in problem["errors"]] == [4, 5, 6]
    assert len(admin.get(path)["items"]) == 2
    skipped = admin.upload(path, (bad + "d@x.example,Dia,IN,\n").encode(), "p.csv", status=200, skip_bad_rows="true")
    assert (skipped["rows"], skipped["created"], len(skipped["rejected"])) == (6, 1, 3)
    admin.upload(path, b"\x89PNG\r\n\x1a\n....", "p.png", status=415)
    admin.upload(path, b"", "p.csv", status=422)
    login("focal").upload(path, good.encode(), "p.csv", status=403)


def test_taking_part(app: APIFlask, login: Login) -> None:
    admin, teacher, trainee = login("admin"), login("teacher"), login("trainee")
    admin.post("/series", series_body(instructors=["teacher@x.example"]), status=201)
    start = clock.now().replace(second=0, microsecond=0) + timedelta(days=1)
    made = teacher.post("/series/cotton/lectures", lecture_body(start, join_url="https://meet.example/1"), status=201)
    path = f"/lectures/{made['id']}"
    trainee.post(f"{path}/join", status=403)
    trainee.post("/series/cotton/enrolments", {"email": "trainee@x.example"}, status=201)
    trainee.post(f"{path}/join", status=409)
    teacher.post(f"{path}/start")
    joined = trainee.post(f"{path}/join")
    assert set(joined) == {"room_token", "beat_seconds", "join_url"}
    assert joined["join_url"] == "https://meet.example/1"
    nobody = Api(app.test_client())
    beat = {"room_token": joined["room_token"], "seq": 1}
    assert len(str(beat)) < 100
    for _ in range(2):
        nobody.call("POST", f"{path}/presence", beat, status=204)
    nobody.call("POST", f"{path}/presence", status=204, content_type="text/plain",
                data=f'{{"room_token":"{joined["room_token"]}","seq":2}}'.encode())  # fmt: skip
    nobody.call("POST", f"{path}/presence", status=413, data=b"{" + b" " * 200, content_type="text/plain")
    nobody.call("POST", f"{path}/presence", {"room_token": "A" * 28, "seq": 1}, status=401)
    teacher.post(f"{path}/end")
    nobody.call("POST", f"{path}/presence", {**beat, "seq": 3}, status=204)
    with app.app_context():
        jobs.run_due()
    rows = teacher.get(f"{path}/attendance")["items"]
    assert [row["person"]["email"] for row in rows] == ["trainee@x.example"]
    assert rows[0]["sources"] == ["live"]
    trainee.get(f"{path}/attendance", status=403)
    login("outsider").post(f"{path}/join", status=403)


def test_attendance_from_a_file_to_certificate_and_totals(app: APIFlask, login: Login) -> None:
    admin, teacher, trainee = login("admin"), login("teacher"), login("trainee")
    policy = {"certificate": "participation", "min_lectures_percent": 100, "walk_ins": "ignore"}
    admin.post("/series", series_body(instructors=["teacher@x.example"], policy=policy), status=201)
    for name in ("trainee", "outsider"):
        admin.post("/series/cotton/enrolments", {"email": f"{name}@x.example"}, status=201)
    begun = datetime(2026, 3, 3, 8, 0, tzinfo=UTC)
    made = teacher.post("/series/cotton/lectures", lecture_body(begun, duration_minutes=90), status=201)
    path = f"/lectures/{made['id']}"
    teacher.post(f"{path}/start", {"at": "2026-03-03T08:00:00Z"})
    held = teacher.post(f"{path}/end", {"at": "2026-03-03T09:30:00Z"})
    assert (held["actual_start"], held["actual_end"]) == ("2026-03-03T08:00:00Z", "2026-03-03T09:30:00Z")
    report = (
        "email,joined_at,left_at\n"
        "trainee@x.example,2026-03-03T07:50:00Z,2026-03-03T08:40:00Z\n"
        "TRAINEE@x.example,2026-03-03T08:30:00Z,2026-03-03T08:52:00Z\n"
        "trainee@x.example,2026-03-03T09:20:00Z,2026-03-03T09:40:00Z\n"
        "outsider@x.example,2026-03-03T08:00:00Z,2026-03-03T08:53:59Z\n"
        "stranger@x.example,2026-03-03T08:00:00Z,2026-03-03T09:30:00Z\n"
    )
    imports = f"{path}/attendance-imports"
    answer = teacher.upload(imports, report.encode(), "r.csv", status=200)
    assert (answer["rows"], answer["matched"], answer["created"]) == (5, 4, 4)
    assert [row["row"] for row in answer["unmatched"]] == [6]
    again = teacher.upload(imports, report.replace("\n", "\r\n").encode("utf-16"), "r2.csv", status=200)
    assert (again["created"], again["updated"], again["unchanged"]) == (0, 0, 4)
    teacher.upload(imports, b"\x89PNG\r\n\x1a\n", "r.png", status=415)
    teacher.upload(imports, report.replace("Z", "").encode(), "r.csv", status=422)
    other_day = report.replace("2026-03-03", "2026-03-09")
    teacher.upload(imports, other_day.encode(), "r.csv", status=409)
    backwards = "email,joined_at,left_at\ntrainee@x.example,2026-03-03T09:00:00Z,2026-03-03T08:00:00Z\n"
    problem = teacher.upload(imports, backwards.encode(), "r.csv", status=422)
    assert [error["row"] for error in problem["errors"]] == [2]
    trainee.upload(imports, report.encode(), "r.csv", status=403)

    rows = {row["person"]["email"]: row for row in teacher.get(f"{path}/attendance")["items"]}
    assert set(rows) == {"trainee@x.example", "outsider@x.example"}
    mine = rows["trainee@x.example"]
    assert (mine["minutes"], mine["percent"], mine["outcome"]) == (62.0, 68.8, "attended")
    assert mine["intervals"] == [
        {"joined_at": "2026-03-03T08:00:00Z", "left_at": "2026-03-03T08:52:00Z", "source": "import"},
        {"joined_at": "2026-03-03T09:20:00Z", "left_at": "2026-03-03T09:30:00Z", "source": "import"},
    ]
    other = rows["outsider@x.example"]
    assert (other["minutes"], other["percent"], other["outcome"]) == (53.9, 59.9, "partial")

    fix = f"{path}/attendance/{other['person']['id']}"
    teacher.patch(fix, {"outcome": "attended"}, status=422)
    fixed = teacher.patch(fix, {"outcome": "attended", "reason": "was in the room"})
    assert (fixed["outcome"], fixed["minutes"]) == ("attended", 53.9)
    assert "manual" in fixed["sources"]
    login("reporter").patch(fix, {"outcome": None, "reason": "x"}, status=403)
    assert teacher.patch(fix, {"outcome": None, "reason": "mistake"})["outcome"] == "partial"

    issue = "/series/cotton/certificates"
    teacher.post(issue, {}, status=403)
    job = admin.post(issue, {"kind": "participation"}, status=202)["job"]
    with app.app_context():
        jobs.run_due()
    done = admin.get(f"/jobs/{job}")
    assert (done["state"], done["result"]["issued"], done["result"]["not_earned"]) == ("done", 1, 1)
    trainee.get(f"/jobs/{job}", status=404)
    job = admin.post(issue, {}, status=202)["job"]
    with app.app_context():
        jobs.run_due()
    assert admin.get(f"/jobs/{job}")["result"]["already_issued"] == 1
    (listed,) = admin.get(issue)["items"]
    number = listed["number"]
    nobody = Api(app.test_client())
    assert nobody.get(f"/certificates/{number}") == {
        "number": number, "state": "valid", "name": "Trainee Person", "series": "Cotton standards",
        "kind": "participation", "hours": 1.5, "date": listed["date"],
    }  # fmt: skip
    assert nobody.get(f"/certificates/{number.lower().replace('-', '')}")["number"] == number
    nobody.get("/certificates/SR-0000-0000-0000-0000-1", status=404)
    assert trainee.raw("GET", f"/certificates/{number}.pdf").data[:5] == b"%PDF-"
    login("outsider").get(f"/certificates/{number}.pdf", status=403)
    person_id = mine["person"]["id"]
    trainee.patch(f"/people/{person_id}", {"full_name": "Wanjiru Kamau"})
    old = nobody.get(f"/certificates/{number}")
    assert old["state"] == "superseded"
    new = old["replaced_by"]
    assert nobody.get(f"/certificates/{new}")["name"] == "Wanjiru Kamau"
    login("outsider").post(f"/certificates/{new}/withdraw", {}, status=403)
    admin.post(f"/certificates/{new}/revoke", {}, status=422)

    totals = login("reporter").get("/totals?by=country")
    assert totals["totals"] == {
        "sessions": 1, "participants": 1, "attendances": 1, "countries": 1, "partner_countries": 0,
        "registrations": 2, "contact_hours": 1.0, "certificates": 1, "satisfaction": None, "satisfied_percent": None,
        "feedback_answers": None,
    }  # fmt: skip
    groups = {group["key"]: group for group in totals["groups"]}
    assert groups["KE"]["participants"] == 1
    assert groups["PE"]["participants"] == 0
    assert trainee.post(f"/certificates/{new}/withdraw", {})["state"] == "withdrawn"
    assert nobody.get(f"/certificates/{new}") == {"number": new, "state": "withdrawn"}
