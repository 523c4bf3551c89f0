"""From a lecture that was held to a certificate, through the doors of every slice."""

from __future__ import annotations

import io
from datetime import datetime

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient

from lms.core.background import jobs
from lms.core.base.roles import SYSTEM
from lms.people.actions.merging import merge_people, undo_merge
from lms.people.actions.privacy import erase_person
from tests.factories import Make

pytestmark = pytest.mark.databases


def test_from_a_report_to_a_certificate_that_verifies(
    app: APIFlask, client: FlaskClient, make: Make, at: datetime
) -> None:
    staff = make.headers(make.person("Zhou Anran", roles=["administrator"]))
    policy = {"certificate": "participation", "min_lectures_percent": 50}
    body = {"slug": "customs", "title": "Customs", "language": "en", "visibility": "public", "policy": policy}
    assert client.post("/api/v1/series", json=body, headers=staff).status_code == 201
    lectures = []
    for day in ("2026-05-20", "2026-05-27"):
        lecture = {"title": f"Lecture of {day}", "starts_at": f"{day}T09:00:00", "time_zone": "Africa/Nairobi"}
        lecture |= {"duration_minutes": 60, "language": "en", "delivery": "link"}
        answer = client.post("/api/v1/series/customs/lectures", json=lecture, headers=staff)
        assert answer.status_code == 201, answer.json
        lectures.append(answer.json["id"])
    people = {"ada@example.org": "Ada Obi", "bo@example.org": "Bo"}
    for email, name in people.items():
        person = {"email": email, "full_name": name, "country": "KE"}
        answer = client.post("/api/v1/series/customs/enrolments", json=person, headers=staff)
        assert answer.status_code == 201, answer.json
    for number, (lecture_id, day) in enumerate(zip(lectures, ("2026-05-20", "2026-05-27"), strict=True)):
        for step, hour in (("start", "06"), ("end", "07")):
            path = f"/api/v1/lectures/{lecture_id}/{step}"
            assert client.post(path, json={"at": f"{day}T{hour}:00:00Z"}, headers=staff).status_code == 200
        present = ["ada@example.org"] if number else []
        lines = ["email,joined_at,left_at", *(f"{email},{day}T06:00:00Z,{day}T07:00:00Z" for email in present)]
        lines.append(f"bo@example.org,{day}T06:00:00Z,{day}T06:20:00Z")
        report = {"file": (io.BytesIO("\n".join(lines).encode()), "report.csv")}
        answer = client.post(f"/api/v1/lectures/{lecture_id}/attendance-imports", data=report, headers=staff)
        assert answer.status_code == 200, answer.json
    asked = client.post("/api/v1/series/customs/certificates", json={}, headers=staff)
    assert asked.status_code == 202
    with app.app_context():
        jobs.run_due()
        result = jobs.get_job(asked.json["job"], by=SYSTEM).result
    assert result == {"issued": 1, "already_issued": 0, "not_earned": 1, "refused": []}
    [shown] = client.get("/api/v1/series/customs/certificates", headers=staff).json["items"]
    assert (shown["name"], shown["hours"], shown["state"]) == ("Ada Obi", 1.0, "valid")
    assert client.get(f"/api/v1/certificates/{shown['number']}.pdf", headers=staff).data.startswith(b"%PDF")

    changed = client.patch(f"/api/v1/people/{shown['person']}", json={"full_name": "Ada M. Obi"}, headers=staff)
    assert changed.status_code == 200, changed.json
    old = client.get(f"/api/v1/certificates/{shown['number']}").json
    assert (old["state"], old["name"]) == ("superseded", "Ada Obi")
    new = client.get(f"/api/v1/certificates/{old['replaced_by']}").json
    assert (new["state"], new["name"], new["date"]) == ("valid", "Ada M. Obi", old["date"])

    other = make.person("Ada Obi", email="ada2@example.org")
    with app.app_context():
        merge_people(other.public_id, shown["person"], by=SYSTEM, at=at)
    holder = make.headers(other)
    assert client.get(f"/api/v1/certificates/{new['number']}", headers=holder).json["person"] == shown["person"]
    with app.app_context():
        undo_merge(shown["person"], by=SYSTEM, at=at)
    assert "person" not in client.get(f"/api/v1/certificates/{new['number']}", headers=holder).json

    with app.app_context():
        erase_person(shown["person"], confirmation="ada@example.org", withdraw_certificates=True, by=SYSTEM, at=at)
    for number in (old["number"], new["number"]):
        assert client.get(f"/api/v1/certificates/{number}").json == {"number": number, "state": "withdrawn"}
