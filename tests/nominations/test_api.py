"""The API calls for nominations."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, update

from lms.catalogue.models import Series
from lms.core.base.roles import SYSTEM
from lms.core.database.audit import AuditEntry
from lms.core.database.session import action, db
from lms.core.time import clock
from lms.mail.outbox import OutboxMail
from lms.nominations.actions.nominating import nominate
from lms.nominations.actions.profile_requests import TEMPLATE
from lms.nominations.models import Nomination
from lms.people.models import Person
from lms.people.people_files import PersonRow
from lms.people.queries.countries import get_country
from tests.factories import Make
from tests.nominations.test_nominating_page import PDF
from tests.rows import each_row

DINA = {"email": "dina@people.test", "full_name": "Dina Fawzy", "organisation": "Customs Authority"}
Call = Callable[..., Any]


@pytest.fixture
def series(make: Make) -> Series:
    made = make.series("customs", title="Digital customs", capacity=10)
    make.lecture(made, starts_at=clock.now() + timedelta(days=9))
    return made


@pytest.fixture
def call(client: FlaskClient, make: Make) -> Call:
    """Calls the API as somebody with a role."""
    bearers: dict[Any, str] = {}

    def send(who: Any, method: str, path: str, **more: Any) -> Any:
        if who not in bearers:
            bearers[who] = make.token(make.person(str(who), roles=[who]))
        head = {"Authorization": f"Bearer {bearers[who]}"}
        return client.open(f"/api/v1{path}", method=method, headers=head, **more)

    return send


FOCAL, OTHER, ADMIN, REPORTER = ("focal_point", "KE"), ("focal_point", "UG"), "administrator", "reporter"
PATH = "/series/customs/nominations"


def file_of(*lines: str) -> dict[str, Any]:
    return {"file": (io.BytesIO("\n".join(["email,full_name,country", *lines]).encode()), "n.csv")}


@action
def _approval(series: Series) -> None:
    db.session.execute(update(Series).where(Series.id == series.id).values(nominations_need_approval=True))


@pytest.fixture
def approved(make: Make, series: Series) -> None:
    """The series asks for approval."""
    with make.app.app_context():
        _approval(series)


def test_one_is_nominated_once_and_answers_with_the_nomination(series: Series, call: Call) -> None:
    made = call(FOCAL, "POST", PATH, json=DINA)
    assert made.status_code == 201
    assert (made.json["created"], made.json["rows"]) == (1, 1)
    shown = made.json["nomination"]
    assert made.json["invited"] == [shown["id"]]
    assert (shown["state"], shown["country"], shown["full_name"]) == ("invited", "KE", "Dina Fawzy")
    again = call(FOCAL, "POST", PATH, json={**DINA, "email": "DINA@people.test"})
    assert (again.status_code, again.json["unchanged"], again.json["nomination"]["id"]) == (200, 1, shown["id"])
    assert call(FOCAL, "GET", f"/nominations/{shown['id']}").json == shown
    enrolments = call(ADMIN, "GET", "/series/customs/enrolments").json["items"]
    assert enrolments == [], "a nominee has a place on accepting"


@each_row(
    "who, sent, field",
    [
        (FOCAL, {"email": "no address", "full_name": "X"}, "email"),
        (FOCAL, {"full_name": "X"}, "email"),
        (FOCAL, {"email": "x@people.test"}, "full_name"),
        (FOCAL, {**DINA, "country": "UG"}, "country"),
        (FOCAL, {**DINA, "country": "??"}, "country"),
        (FOCAL, {**DINA, "full_name": "x" * 300}, "full_name"),
        (FOCAL, {**DINA, "sector": "none"}, "sector"),
        (FOCAL, {**DINA, "unknown": 1}, "unknown"),
        (ADMIN, DINA, "country"),
    ],
)
def test_what_is_wrong_is_named(series: Series, call: Call, who: Any, sent: dict[str, Any], field: str) -> None:
    answer = call(who, "POST", PATH, json=sent)
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json["errors"]] == [field]
    assert call(ADMIN, "GET", PATH).json["items"] == []


def test_a_file_is_taken_whole_or_without_its_bad_rows(series: Series, call: Call, make: Make) -> None:
    make.quota(series, "KE", seats=2, kept_until=clock.now() + timedelta(days=9))
    lines = ["a@x.test,Abdi,KE", "b@x.test,Faith,", "c@x.test,Juma,UG", "d@x.test,Rose,KE", "a@x.test,Abdi,KE"]
    whole = call(FOCAL, "POST", PATH, data=file_of(*lines))
    assert whole.status_code == 422
    assert [error["row"] for error in whole.json["errors"]] == [4, 6]
    assert call(FOCAL, "GET", PATH).json["items"] == []
    some = call(FOCAL, "POST", PATH, data={**file_of(*lines), "skip_bad_rows": "true"})
    assert some.status_code == 200
    answer = some.json
    assert (answer["rows"], answer["created"], [one["row"] for one in answer["rejected"]]) == (5, 3, [4, 6])
    assert (len(answer["invited"]), len(answer["drafted"])) == (2, 1)
    again = call(FOCAL, "POST", PATH, data={**file_of(*lines), "skip_bad_rows": "true"}).json
    assert (again["created"], again["unchanged"]) == (0, 3)
    assert call(ADMIN, "POST", PATH, data={**file_of("z@x.test,Zed,"), "country": "PE"}).json["created"] == 1
    assert call(FOCAL, "POST", PATH, data={}, content_type="multipart/form-data").status_code == 422


def test_each_sees_what_is_theirs_page_by_page(series: Series, call: Call) -> None:
    for number in range(3):
        call(FOCAL, "POST", PATH, json={**DINA, "email": f"k{number}@people.test"})
    call(ADMIN, "POST", PATH, json={**DINA, "email": "u@people.test", "country": "UG"})
    page = call(FOCAL, "GET", f"{PATH}?limit=2").json
    rest = call(FOCAL, "GET", f"{PATH}?limit=2&cursor={page['next']}").json
    assert [one["email"] for one in [*page["items"], *rest["items"]]] == [f"k{n}@people.test" for n in range(3)]
    assert rest["next"] is None
    assert len(call(REPORTER, "GET", PATH).json["items"]) == 4
    assert len(call(REPORTER, "GET", f"{PATH}?country=UG&state=invited").json["items"]) == 1
    assert call(FOCAL, "GET", f"{PATH}?country=UG").json == call(FOCAL, "GET", f"{PATH}?country=XX").json
    assert call("instructor", "GET", PATH).status_code == 403
    assert call(REPORTER, "POST", PATH, json=DINA).status_code == 403


def test_a_nomination_is_withdrawn_once_and_reminded_every_three_days(make: Make, series: Series, call: Call) -> None:
    ids = [call(FOCAL, "POST", PATH, json={**DINA, "email": f"{n}@people.test"}).json["invited"][0] for n in "ab"]
    assert call(FOCAL, "POST", f"/nominations/{ids[0]}/remind").status_code == 409
    with make.app.app_context():
        _earlier(ids[0])
    reminded = call(FOCAL, "POST", f"/nominations/{ids[0]}/remind")
    assert (reminded.status_code, reminded.json["reminded_at"] is not None) == (200, True)
    assert call(FOCAL, "POST", f"/nominations/{ids[0]}/remind").status_code == 409
    for _time in range(2):
        gone = call(FOCAL, "POST", f"/nominations/{ids[1]}/withdraw")
        assert (gone.status_code, gone.json["state"]) == (200, "withdrawn")
    assert call(FOCAL, "POST", f"/nominations/{ids[1]}/remind").status_code == 409
    for what in ("withdraw", "remind"):
        assert call(OTHER, "POST", f"/nominations/{ids[0]}/{what}").status_code == 404
        assert call(OTHER, "POST", f"/nominations/unknown/{what}").status_code == 404
        assert call(REPORTER, "POST", f"/nominations/{ids[0]}/{what}").status_code == 403


@action
def _earlier(public_id: str) -> None:
    then = clock.now() - timedelta(days=4)
    db.session.execute(update(Nomination).where(Nomination.public_id == public_id).values(invited_at=then))


@pytest.mark.usefixtures("approved")
def test_administrators_decide_and_what_was_skipped_is_named(make: Make, series: Series, call: Call) -> None:
    ids = [call(FOCAL, "POST", PATH, json={**DINA, "email": f"{n}@people.test"}).json["submitted"][0] for n in "abc"]
    call(FOCAL, "POST", f"/nominations/{ids[0]}/withdraw")
    wish = {"ids": [*ids[:2], "unknown"], "decision": "approve"}
    assert call(FOCAL, "POST", "/nominations/decisions", json=wish).status_code == 403
    done = call(ADMIN, "POST", "/nominations/decisions", json=wish)
    assert (done.status_code, done.json["decided"]) == (200, 1)
    assert done.json["skipped"] == [{"id": ids[0], "why": "withdrawn"}, {"id": "unknown", "why": "unknown"}]
    made = f"/nominations/decisions/{done.json['id']}"
    assert call(FOCAL, "GET", made).status_code == 403
    assert call(ADMIN, "GET", f"{made}x").status_code == 404
    read = call(ADMIN, "GET", made).json
    assert (read["stage"], read["counts"], read["undo_at"]) == ("done", {"changed": 1, "withdrawn": 1}, None)
    for _again in range(2):
        undone = call(ADMIN, "POST", f"{made}/undo", json={}).json
        assert (undone["stage"], undone["counts"]) == ("undone", {"taken_back": 1, "withdrawn": 1})
    assert call(ADMIN, "POST", "/nominations/decisions", json=wish).json["decided"] == 1
    again = call(ADMIN, "POST", "/nominations/decisions", json=wish).json
    assert again["id"] is None
    assert (again["decided"], again["skipped"][1]["why"]) == (0, "decided")
    no = {"ids": ids[2:], "decision": "reject"}
    lacking = call(ADMIN, "POST", "/nominations/decisions", json=no)
    assert (lacking.status_code, lacking.json["errors"][0]["field"]) == (422, "reason")
    call(ADMIN, "POST", "/nominations/decisions", json={**no, "reason": "Not an official"})
    shown = call(FOCAL, "GET", f"/nominations/{ids[2]}").json
    assert (shown["state"], shown["reason"]) == ("rejected", "Not an official")
    too_many = {**no, "ids": ["x"] * 501, "reason": "No"}
    assert call(ADMIN, "POST", "/nominations/decisions", json=too_many).status_code == 422


def test_a_token_is_held_to_its_scopes(make: Make, series: Series, client: FlaskClient) -> None:
    token = make.token(make.person("Reader", roles=["administrator"]), scopes=("nominations:read",))
    head = {"Authorization": f"Bearer {token}"}
    assert client.get(f"/api/v1{PATH}", headers=head).status_code == 200
    assert client.post(f"/api/v1{PATH}", headers=head, json=DINA).status_code == 403
    wish = {"ids": ["x"], "decision": "approve"}
    assert client.post("/api/v1/nominations/decisions", headers=head, json=wish).status_code == 403


def test_nobody_is_nominated_for_drafts_or_twice_at_once(make: Make, series: Series, call: Call) -> None:
    make.series("draft", visibility="draft")
    assert call(FOCAL, "POST", "/series/draft/nominations", json=DINA).status_code == 404
    assert call(ADMIN, "POST", "/series/draft/nominations", json={**DINA, "country": "KE"}).status_code == 409
    with make.app.app_context():
        rows = [PersonRow(1, "dina@people.test", "dina@people.test", "Dina Fawzy")]
        nominate(series.id, rows, country_id=get_country("KE").id, by=SYSTEM, at=clock.now())
    assert call(FOCAL, "POST", PATH, json=DINA).json["created"] == 0
    with make.app.app_context():
        assert len(db.session.scalars(select(Nomination)).all()) == 1


OTHER_PDF = PDF.replace(b"MediaBox[0 0 9 9]", b"MediaBox[0 0 8 9]")


def letter(content: bytes = PDF, name: str = "Letter of the ministry.pdf") -> dict[str, Any]:
    return {"file": (io.BytesIO(content), name)}


def test_a_letter_is_attached_replaced_read_and_removed_and_the_same_call_again_changes_nothing(
    make: Make, series: Series, call: Call
) -> None:
    one = f"/nominations/{call(FOCAL, 'POST', PATH, json=DINA).json['nomination']['id']}"
    assert call(FOCAL, "GET", f"{one}/letter").status_code == 404
    assert call(FOCAL, "DELETE", f"{one}/letter").status_code == 204, "there was none"
    for who in (FOCAL, FOCAL, ADMIN):
        put = call(who, "PUT", f"{one}/letter", data=letter())
        assert (put.status_code, put.json["letter"]) == (200, True)
    for who in (FOCAL, ADMIN):
        read = call(who, "GET", f"{one}/letter")
        assert (read.data, read.mimetype) == (PDF, "application/pdf")
        assert "attachment; filename=" in read.headers["Content-Disposition"]
    call(FOCAL, "PUT", f"{one}/letter", data=letter(OTHER_PDF))
    assert call(FOCAL, "GET", f"{one}/letter").data == OTHER_PDF
    for _again in range(2):
        assert call(FOCAL, "DELETE", f"{one}/letter").status_code == 204
    assert call(FOCAL, "GET", one).json["letter"] is False
    with make.app.app_context():
        verbs = db.session.scalars(select(AuditEntry.verb).where(AuditEntry.verb.like("nomination.%letter")))
        assert list(verbs) == [f"nomination.{verb}_letter" for verb in ("add", "replace", "remove")]


def test_letters_are_refused_where_they_are_none_or_the_nomination_has_ended(series: Series, call: Call) -> None:
    one = f"/nominations/{call(FOCAL, 'POST', PATH, json=DINA).json['nomination']['id']}"
    for sent in (letter(b"MZ a program"), letter(name="letter.png"), letter(b""), {"csrf": "none"}):
        refused = call(FOCAL, "PUT", f"{one}/letter", data=sent, content_type="multipart/form-data")
        assert (refused.status_code, [fault["field"] for fault in refused.json["errors"]]) == (422, ["file"])
    large = call(FOCAL, "PUT", f"{one}/letter", data=letter(PDF + bytes(11 * 1024 * 1024)))
    assert large.status_code == 413
    assert call(FOCAL, "PUT", f"{one}/letter", json={}).status_code == 422
    for who, status in ((OTHER, 404), (REPORTER, 403), ("instructor", 403)):
        for method, more in (("PUT", {"data": letter()}), ("GET", {}), ("DELETE", {})):
            assert call(who, method, f"{one}/letter", **more).status_code == status, (who, method)
    call(FOCAL, "PUT", f"{one}/letter", data=letter())
    call(FOCAL, "POST", f"{one}/withdraw")
    assert call(FOCAL, "PUT", f"{one}/letter", data=letter()).status_code == 409
    assert call(FOCAL, "DELETE", f"{one}/letter").status_code == 409
    assert call(FOCAL, "GET", f"{one}/letter").data == PDF


def test_a_focal_point_who_reads_reports_reads_no_letters_of_other_countries(
    make: Make, series: Series, call: Call, client: FlaskClient
) -> None:
    one = call(FOCAL, "POST", PATH, json=DINA).json["nomination"]["id"]
    call(FOCAL, "PUT", f"/nominations/{one}/letter", data=letter())
    both = make.person("Two roles", roles=[OTHER, REPORTER])
    head = {"Authorization": f"Bearer {make.token(both)}"}
    assert client.get(f"/api/v1/nominations/{one}", headers=head).status_code == 200
    assert client.get(f"/api/v1/nominations/{one}/letter", headers=head).status_code == 404
    assert client.get(f"/api/v1/nominations/{one}/profile-changes", headers=head).status_code == 403


def test_people_are_asked_to_confirm_what_was_sent_otherwise(make: Make, series: Series, call: Call) -> None:
    make.person("Rose Maina", email="rose@people.test", organisation="KRA", country="KE")
    make.person("Juma Bakari", email="juma@people.test", organisation="URA", country="UG")
    rose = {"email": "rose@people.test", "organisation": "Kenya Revenue Authority"}
    nominated = call(FOCAL, "POST", PATH, json=rose).json
    difference = {"field": "organisation", "now": "KRA", "value": "Kenya Revenue Authority"}
    expected = {"row": 1, "full_name": "Rose Maina", "differences": [difference]}
    assert (nominated["differing"], nominated["asked"]) == ([expected], 0)
    changes = f"/nominations/{nominated['nomination']['id']}/profile-changes"
    assert call(FOCAL, "GET", changes).json == {"items": [], "next": None}
    lines = [b"email,full_name,organisation", b"juma@people.test,Juma Bakari,KRA", b"rose@people.test,,KRA HQ"]
    for asked in (1, 0):
        file = {"file": (io.BytesIO(b"\n".join(lines)), "n.csv"), "ask_to_confirm": "true"}
        done = call(FOCAL, "POST", PATH, data=file).json
        assert [(one["row"], one["full_name"]) for one in done["differing"]] == [(3, "Rose Maina")]
        assert done["asked"] == asked, "nobody is asked twice"
    assert call(FOCAL, "POST", PATH, json={**rose, "ask_to_confirm": True}).json["asked"] == 0
    (change,) = call(FOCAL, "GET", changes).json["items"]
    assert {name: change[name] for name in ("field", "value", "accepted", "waits")} == {
        "field": "organisation",
        "value": "KRA HQ",
        "accepted": None,
        "waits": True,
    }
    assert call(OTHER, "GET", changes).status_code == 404
    wrong = {"file": (io.BytesIO(b"\n".join(lines)), "n.csv"), "ask_to_confirm": "perhaps"}
    assert call(FOCAL, "POST", PATH, data=wrong).json["errors"][0]["field"] == "ask_to_confirm"


def test_one_person_can_be_asked_with_the_nomination(make: Make, series: Series, call: Call) -> None:
    make.person("Rose Maina", email="rose@people.test", job_title="Officer", country="KE")
    made = call(FOCAL, "POST", PATH, json={"email": "rose@people.test", "job_title": "Chief", "ask_to_confirm": True})
    assert (made.status_code, made.json["asked"]) == (201, 1)
    with make.app.app_context():
        person = db.session.scalars(select(Person).where(Person.full_name == "Rose Maina")).one()
        assert person.job_title == "Officer", "only the person changes it"
        assert db.session.scalars(select(OutboxMail.address).where(OutboxMail.template == TEMPLATE)).all() == [
            "rose@people.test"
        ]
