"""Requests that no honest program sends: each is told what is wrong, none is a fault of ours, nothing is kept."""

from __future__ import annotations

import io
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient

from lms.core.time import clock
from lms.people.queries.countries import country_id_of
from lms.web.request.bodies import texts_in
from tests.factories import Make

pytestmark = pytest.mark.databases
JSON = "application/json"
HEAD = "email,joined_at,left_at\n"


@pytest.fixture
def headers(make: Make) -> dict[str, str]:
    return make.headers(make.person(email="admin@x.example", roles=["administrator"]))


@pytest.mark.parametrize("body", [b'{"a":' * 100_000, b"[" * 100_000 + b"]" * 100_000, b"\xff\xfe{}", b'"x"', b"NaN"])
def test_a_body_that_is_no_object_is_400(client: FlaskClient, headers: dict[str, str], body: bytes) -> None:
    answer = client.post("/api/v1/series", data=body, content_type=JSON, headers=headers)
    assert (answer.status_code, answer.mimetype) == (400, "application/problem+json")


@pytest.mark.parametrize("sign", ["\\u0000", "\\ud800", "\\udfff"])
@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/series", "slug"),
        ("/series", "policy.walk_ins"),
        ("/series", "instructors.0"),
        ("/series/s/enrolments", "email"),
        ("/series/s/enrolments", "country"),
        ("/tokens", "email"),
    ],
)
def test_what_is_no_text_is_refused_with_the_field(
    client: FlaskClient, headers: dict[str, str], make: Make, sign: str, path: str, field: str
) -> None:
    make.series(slug="s")
    head, _dot, rest = field.partition(".")
    value = {"": f'"a{sign}"', "0": f'["a{sign}"]', "walk_ins": f'{{"walk_ins":"a{sign}"}}'}[rest]
    answer = client.post(f"/api/v1{path}", data=f'{{"{head}":{value}}}', content_type=JSON, headers=headers)
    assert answer.status_code == 422
    assert [error["field"] for error in answer.get_json()["errors"]] == [field]


def test_no_address_or_parameter_holds_what_is_no_text(client: FlaskClient, headers: dict[str, str]) -> None:
    for path in ("series/a%00b", "people/a%00b", "jobs/%00", "certificates/a%00", "series/%00/enrolments"):
        assert client.get(f"/api/v1/{path}", headers=headers).status_code == 404
    for query in ("series?q=%00", "totals?series=%00", "totals?country=%00", "series?cursor=%00"):
        answer = client.get(f"/api/v1/{query}", headers=headers)
        assert answer.status_code == 422
        assert answer.get_json()["errors"][0]["field"] == query.partition("?")[2].partition("=")[0]
    assert client.get("/series?q=%00").status_code == 422
    assert client.get("/series/a%00b").status_code == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_what_is_sent_to_no_address_is_not_found(client: FlaskClient, method: str) -> None:
    for path in ("/nowhere", "/lectures/9/nowhere", "/streams/x/nowhere", "/api/v1/nowhere"):
        assert client.open(path, method=method).status_code == 404
    assert client.open("/series", method=method).status_code == 405
    assert client.post("/sign-in").status_code == 400  # a form without its token


def test_a_number_in_an_address_has_one_spelling(client: FlaskClient, make: Make) -> None:
    lecture = make.lecture(make.series(slug="s"))
    assert client.get(f"/lectures/{lecture.id}").status_code == 200
    arabic = str(lecture.id).translate({ord(digit): ord(digit) + 0x630 for digit in "0123456789"})
    for spelling in (arabic, f"0{lecture.id}", f"+{lecture.id}", f"{lecture.id}_0", "\uff11", "\u00b9"):
        assert client.get(f"/lectures/{spelling}").status_code == 404
        assert client.get(f"/api/v1/lectures/{spelling}").status_code == 404


def test_every_text_of_a_body_is_looked_at() -> None:
    payload: Any = {"a": ["x", {"b": "y", "c": 1}], "d": None, "e": ""}
    assert set(texts_in(payload)) == {
        ("a", "a"), ("a.0", "x"), ("a.1.b", "b"), ("a.1.b", "y"), ("a.1.c", "c"), ("d", "d"), ("e", "e"), ("e", ""),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "with_token", "status"), [("multipart/form-data; boundary=x", True, 413), (JSON, True, 413),
                                       ("text/csv", True, 415), ("multipart/form-data; boundary=x", False, 401)],
)  # fmt: skip
def test_what_is_too_large_is_refused_unread(
    app: APIFlask,
    client: FlaskClient,
    headers: dict[str, str],
    make: Make,
    kind: str,
    with_token: bool,
    status: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    make.series(slug="s")
    monkeypatch.setitem(app.config, "MAX_CONTENT_LENGTH", 1000)
    sent = io.BytesIO(b"--x\r\n" + b"y" * 5_000_000)
    answer = client.post(
        "/api/v1/series/s/enrolments", input_stream=sent, content_length=5_000_005, content_type=kind,
        headers=headers if with_token else {},
    )  # fmt: skip
    assert (answer.status_code, sent.tell() <= 1000) == (status, True)


def test_a_quotation_that_never_closes_is_a_damaged_file(
    client: FlaskClient, headers: dict[str, str], make: Make
) -> None:
    make.series(slug="s")
    people = 'email,full_name\na@x.example,"Ana, A"\nb@x.example,"Bo\nc@x.example,Cy\n'
    data = {"file": (io.BytesIO(people.encode()), "p.csv"), "skip_bad_rows": "true"}
    answer = client.post("/api/v1/series/s/enrolments", data=data, headers=headers)
    assert answer.status_code == 422
    assert "line 3" in answer.get_json()["errors"][0]["reason"]
    assert client.get("/api/v1/series/s/enrolments", headers=headers).get_json()["items"] == []
    maybe = {"file": (io.BytesIO(b"email,full_name\na@x.example,Ana\n"), "p.csv"), "skip_bad_rows": "maybe"}
    answer = client.post("/api/v1/series/s/enrolments", data=maybe, headers=headers)
    assert answer.get_json()["errors"][0]["field"] == "skip_bad_rows"


def test_reasons_are_kept_as_plain_text(client: FlaskClient, headers: dict[str, str], make: Make) -> None:
    series = make.series(slug="s")
    begun, ended = datetime(2026, 3, 3, 8, tzinfo=UTC), clock.now() + timedelta(hours=1)
    lecture = make.lecture(series, state="held", actual_start=begun, actual_end=ended)
    sent = {"email": "ana@x.example", "full_name": "Ana"}
    assert client.post("/api/v1/series/s/enrolments", json=sent, headers=headers).status_code == 201
    path = f"/api/v1/lectures/{lecture.id}/attendance"
    who = client.get(path, headers=headers).get_json()["items"][0]["person"]["id"]
    unseen = client.patch(f"{path}/{who}", json={"outcome": "excused", "reason": "\u200b"}, headers=headers)
    assert unseen.get_json()["errors"][0]["field"] == "reason"
    answer = client.patch(f"{path}/{who}", json={"outcome": "excused", "reason": " ill\u202e\u0007 "}, headers=headers)
    assert answer.get_json()["correction"]["reason"] == "ill"


def test_attendance_is_for_those_who_are_listed_and_have_the_role(client: FlaskClient, make: Make) -> None:
    listed, person = make.person(email="guest@x.example"), make.person(email="i@x.example", roles=["instructor"])
    series = make.series(slug="s", instructors=[listed, person])
    lecture = make.lecture(series)
    path = f"/api/v1/lectures/{lecture.id}/attendance"
    assert client.get(path, headers=make.headers(person)).status_code == 200
    assert client.get(path, headers=make.headers(listed)).status_code == 403
    assert client.get(path, headers=make.headers(make.person(email="c@x.example"))).status_code == 403


def test_a_token_says_its_end_in_utc(client: FlaskClient, make: Make) -> None:
    make.person(email="ana@x.example", password="a long enough one")
    sent = {"email": "ana@x.example", "password": "a long enough one"}
    assert client.post("/api/v1/tokens", json=sent).get_json()["expires_at"].endswith("Z")


def test_a_first_country_that_is_dated_leaves_the_past_unstated(
    app: APIFlask, client: FlaskClient, headers: dict[str, str], make: Make
) -> None:
    person = make.person(country=None)
    given = {"country": "KE", "country_from": "2025-06-01"}
    answer = client.patch(f"/api/v1/people/{person.public_id}", json=given, headers=headers)
    assert answer.get_json()["country"] == "KE"
    with app.app_context():
        assert country_id_of(person.id, date(2025, 5, 31)) is None
