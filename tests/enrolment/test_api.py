"""The API of enrolment: who may what, and what is answered."""

from __future__ import annotations

import io
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from lms.catalogue.models import Series
from lms.people.models import Person
from tests.factories import Make

HEAD = "email,full_name,country\n"


@pytest.fixture
def series(make: Make) -> Series:
    return make.series("customs", "Customs", instructors=[make.person("Teacher", roles=["instructor"])])


class Caller:
    """A person who calls the API."""

    def __init__(self, client: FlaskClient, make: Make, person: Person) -> None:
        self.client, self.headers, self.person = client, make.headers(person), person

    def enrol(self, body: dict[str, Any] | None = None, slug: str = "customs") -> TestResponse:
        return self.client.post(f"/api/v1/series/{slug}/enrolments", json=body or {}, headers=self.headers)

    def file(self, text: str, **form: str) -> TestResponse:
        data = {"file": (io.BytesIO(text.encode()), "people.csv"), **form}
        return self.client.post("/api/v1/series/customs/enrolments", data=data, headers=self.headers)

    def list(self, **query: Any) -> dict[str, Any]:
        answer = self.client.get("/api/v1/series/customs/enrolments", query_string=query, headers=self.headers)
        assert answer.status_code == 200, answer.text
        page: dict[str, Any] = answer.json  # type: ignore[assignment]
        return page

    def set(self, enrolment: str, status: str) -> TestResponse:
        return self.client.patch(f"/api/v1/enrolments/{enrolment}", json={"status": status}, headers=self.headers)


@pytest.fixture
def caller(client: FlaskClient, make: Make) -> Any:
    def call_as(name: str, role: str | tuple[str, str] | None = None, country: str = "KE") -> Caller:
        roles = [role] if role else []
        email = f"{name.casefold()}@people.test"
        return Caller(client, make, make.person(name, email, country=country, roles=roles))

    return call_as


@pytest.mark.usefixtures("series")
def test_a_trainee_enrols_oneself_and_sees_only_the_own_place(caller: Any) -> None:
    amina, juma = caller("Amina"), caller("Juma")
    first = amina.enrol({"email": "AMINA@People.test"})
    assert first.status_code == 201
    assert {name: first.json[name] for name in ("email", "full_name", "country", "status", "series", "position")} == {
        "email": "amina@people.test",
        "full_name": "Amina",
        "country": "KE",
        "status": "enrolled",
        "series": "customs",
        "position": None,
    }
    again = amina.enrol()
    assert (again.status_code, again.json) == (200, first.json)
    assert juma.enrol().status_code == 201
    assert [item["email"] for item in amina.list()["items"]] == ["amina@people.test"]
    assert amina.enrol({"email": "juma@people.test"}).status_code == 403
    assert amina.enrol({"email": "new@people.test", "full_name": "New"}).status_code == 403


@pytest.mark.usefixtures("series")
def test_one_withdraws_and_comes_back_by_the_own_hand(caller: Any) -> None:
    amina, juma = caller("Amina"), caller("Juma")
    place = amina.enrol().json["id"]
    assert amina.set(place, "withdrawn").json["status"] == "withdrawn"
    assert amina.set(place, "withdrawn").status_code == 200
    assert [item["status"] for item in amina.list()["items"]] == ["withdrawn"]
    back = amina.enrol()
    assert (back.status_code, back.json["id"], back.json["status"]) == (200, place, "enrolled")
    assert juma.set(place, "withdrawn").status_code == 404
    assert amina.set(place, "rejected").status_code == 403
    assert amina.set(place, "completed").status_code == 422
    assert amina.set("nothing", "withdrawn").status_code == 404


def test_staff_enrol_by_address(caller: Any, client: FlaskClient, make: Make, series: Series) -> None:
    teacher = Caller(client, make, series.instructors[0])
    new = {"email": "kofi@people.test", "full_name": "Kofi Mensah", "country": "GH", "sector": "business"}
    answer = teacher.enrol(new)
    assert answer.status_code == 201
    assert (answer.json["sector"], answer.json["country"], answer.json["status"]) == ("business", "GH", "enrolled")
    again = teacher.enrol({**new, "email": "KOFI@people.test"})
    assert (again.status_code, again.json) == (200, answer.json)
    caller("Amina")
    for body, field in (
        ({"email": "nobody@people.test"}, "full_name"),
        ({"email": "amina@people.test"}, "full_name"),  # known, but not to this instructor
        ({"email": "nonsense", "full_name": "X"}, "email"),
        ({}, "email"),
        ({"email": "x@people.test", "full_name": "X", "country": "QQ"}, "country"),
        ({"email": "x@people.test", "role": "administrator"}, "role"),
        ({"email": "x@people.test", "full_name": "X", "sector": "fishing"}, "sector"),
    ):
        refused = teacher.enrol(body)
        assert refused.status_code == 422, body
        assert refused.mimetype == "application/problem+json"
        assert refused.json["errors"][0]["field"] == field
    assert teacher.enrol({"email": "amina@people.test", "full_name": "A"}).status_code == 201
    stranger = caller("Stranger", "instructor")
    assert stranger.enrol({"email": "amina@people.test"}).status_code == 403
    assert stranger.list()["items"] == []


def test_a_full_series_answers_with_the_waiting_list(caller: Any, make: Make) -> None:
    make.series("small", capacity=1)
    admin = caller("Admin", "administrator")
    answers = [admin.enrol({"email": f"p{n}@people.test", "full_name": f"P {n}"}, "small") for n in range(3)]
    assert [answer.status_code for answer in answers] == [201, 201, 201]
    assert [(answer.json["status"], answer.json["position"]) for answer in answers] == [
        ("enrolled", None),
        ("waitlisted", 1),
        ("waitlisted", 2),
    ]
    assert admin.set(answers[1].json["id"], "enrolled").status_code == 409
    assert admin.set(answers[0].json["id"], "withdrawn").status_code == 200
    listed = admin.client.get("/api/v1/series/small/enrolments", headers=admin.headers).json
    assert [item["status"] for item in listed["items"]] == ["withdrawn", "enrolled", "waitlisted"]


@pytest.mark.usefixtures("series")
def test_a_file_is_answered_with_what_became_of_its_rows(caller: Any) -> None:
    admin = caller("Admin", "administrator")
    text = "\ufeff" + HEAD + "amina@file.test,Amina,KE\njuma@file.test,Juma,TZ\n"
    first = admin.file(text)
    assert (first.status_code, first.json["rows"], first.json["created"]) == (200, 2, 2)
    again = admin.file(text)
    assert {name: again.json[name] for name in ("matched", "created", "updated", "unchanged")} == {
        "matched": 2,
        "created": 0,
        "updated": 0,
        "unchanged": 2,
    }
    bad = text + "nonsense,Nobody,KE\n"
    refused = admin.file(bad)
    assert refused.status_code == 422
    assert [error["row"] for error in refused.json["errors"]] == [4]
    skipped = admin.file(bad, skip_bad_rows="true")
    assert (skipped.status_code, [row["row"] for row in skipped.json["rejected"]]) == (200, [4])
    for content, status in (("", 422), ("\x89PNG\r\n", 415)):
        data = {"file": (io.BytesIO(content.encode("latin-1")), "people.csv")}
        answer = admin.client.post("/api/v1/series/customs/enrolments", data=data, headers=admin.headers)
        assert answer.status_code == status
    nothing = admin.client.post("/api/v1/series/customs/enrolments", data={"x": "y"}, headers=admin.headers,
                                content_type="multipart/form-data")  # fmt: skip
    assert nothing.status_code == 422
    teacher = caller("Other", "instructor")
    assert teacher.file(text).status_code == 403
