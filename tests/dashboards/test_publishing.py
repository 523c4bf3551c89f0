"""One press publishes a series with its drafts, and it can be undone."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient

from lms.catalogue.actions.lectures import delete_draft
from lms.catalogue.models import Lecture, Series
from lms.core.base.roles import SYSTEM
from lms.core.database.session import db
from lms.core.time import clock
from tests.factories import Make
from tests.forms import token_in


@pytest.fixture
def staff(make: Make) -> FlaskClient:
    """The instructor of a draft series with two dated drafts and one without a date."""
    teacher = make.person("Lin", roles=["instructor"])
    series = make.series("customs", visibility="draft", instructors=[teacher])
    for day in (1, 2):
        make.lecture(series, f"Lecture {day}", state="draft", starts_at=clock.now() + timedelta(days=20 + day))
    make.lecture(series, "Someday", state="draft", starts_at=None)
    client = make.app.test_client()
    make.sign_in(client, teacher)
    client.headers = make.headers(teacher)  # type: ignore[attr-defined]
    return client


def send(client: FlaskClient, path: str, **form: Any) -> Any:
    """Posts a form with its token."""
    return client.post(path, data={"csrf_token": token_in(client.get("/account").text), **form})


def states(make: Make) -> dict[str, str]:
    with make.app.app_context():
        return {lecture.title: lecture.state.value for lecture in db.session.query(Lecture)}


def ids(make: Make) -> dict[str, int]:
    with make.app.app_context():
        return {lecture.title: lecture.id for lecture in db.session.query(Lecture)}


def test_a_series_is_published_with_its_drafts_and_they_are_taken_back(make: Make, staff: FlaskClient) -> None:
    assert "3 of 3 lectures are drafts" in staff.get("/series/customs").text
    page = staff.get("/series/customs/publish").text
    assert page.count(" checked") == 2
    assert "What the public will read" in page
    chosen = [ids(make)["Lecture 1"], ids(make)["Lecture 2"]]
    answer = send(staff, "/series/customs/publish", lecture=chosen)
    assert answer.status_code == 303
    assert states(make) == {"Lecture 1": "scheduled", "Lecture 2": "scheduled", "Someday": "draft"}
    assert make.app.test_client().get("/series/customs").status_code == 200
    assert 'data-testid="undo"' in staff.get(answer.location).text
    assert send(staff, "/series/customs/unpublish", lecture=chosen).status_code == 303
    assert set(states(make).values()) == {"draft"}


def test_the_api_publishes_all_that_have_a_date_and_refuses_the_others(make: Make, staff: FlaskClient) -> None:
    headers = staff.headers  # type: ignore[attr-defined]

    def call(what: str, body: dict[str, Any]) -> Any:
        return staff.post(f"/api/v1/series/customs/{what}", json=body, headers=headers)

    known = ids(make)
    assert call("publish", {"lectures": [known["Someday"]]}).status_code == 422
    assert call("publish", {"lectures": [999]}).status_code == 422
    assert set(states(make).values()) == {"draft"}
    assert [one["title"] for one in call("publish", {}).json["items"]] == ["Lecture 1", "Lecture 2"]
    assert call("publish", {}).json["items"] == []
    with make.app.app_context():
        db.session.get_one(Lecture, known["Lecture 2"]).invited_at = clock.now()
        db.session.commit()
    both = {"lectures": [known["Lecture 1"], known["Lecture 2"]]}
    refused = call("unpublish", both)
    assert (refused.status_code, "People have been invited" in refused.json["detail"]) == (409, True)
    assert states(make)["Lecture 1"] == "scheduled"
    assert [one["state"] for one in call("unpublish", {"lectures": [known["Lecture 1"]]}).json["items"]] == ["draft"]


def visibility(make: Make) -> str:
    with make.app.app_context():
        return db.session.query(Series).one().visibility.value


def test_undoing_makes_a_new_series_a_draft_again_until_people_enrol(make: Make, staff: FlaskClient) -> None:
    chosen = [ids(make)["Lecture 1"]]
    for _again in range(2):
        answer = send(staff, "/series/customs/publish", lecture=chosen)
        page = staff.get(answer.location).text
        assert "The series and 1 lecture are public now" in page
        assert '<input type="hidden" name="series" value="1">' in page
        assert visibility(make) == "public"
        send(staff, "/series/customs/unpublish", lecture=chosen, series="1")
        assert (visibility(make), set(states(make).values())) == ("draft", {"draft"})
    location = send(staff, "/series/customs/publish", lecture=chosen).location
    with make.app.app_context():
        make.enrolment(db.session.query(Series).one(), make.person("Achieng"))
    assert '<input type="hidden" name="series" value="1">' not in staff.get(location).text
    send(staff, "/series/customs/unpublish", lecture=chosen, series="1")
    assert (visibility(make), states(make)["Lecture 1"]) == ("public", "scheduled"), "all or nothing"


def test_the_page_says_what_speaks_against_each_lecture_and_who_is_told(make: Make) -> None:
    teacher = make.person("Lin", roles=["instructor"])
    series = make.series("ports", instructors=[teacher], countries=["KE"], policy={"certificate": "completion"})
    there = {"time_zone": "Africa/Nairobi", "instructors": [teacher]}
    for title, day, about in (
        ("Free", "10T09:00", "About"),
        ("Holiday", "12T14:00", "About"),
        ("Clash", "17T14:00", ""),
    ):
        start = datetime.fromisoformat(f"2036-12-{day}")
        make.lecture(series, title, state="draft", local_start=start, abstract=about, **there)
    make.lecture(make.series("other"), "Elsewhere", local_start=datetime.fromisoformat("2036-12-17T14:30"), **there)
    client = make.app.test_client()
    make.sign_in(client, teacher)
    page = client.get("/series/ports/publish").text
    words = " ".join(re.sub(r"<[^>]*>", "", page[page.index('class="checks"') :]).split())
    assert "Clash: Lin gives “Elsewhere”, 14:30–16:00" in words
    assert "Holiday: Jamhuri Day (Kenya)" in words
    assert "Certificate: 2 of 3 lecturesDrafts with a date to come are counted." in words
    assert "1 lecture has no description You can add it later: Clash" in words
    assert "No one is enrolled, so no one is e-mailed." in words
    for person in ("Achieng", "Otieno"):
        make.enrolment(series, make.person(person, country="KE"))
    page = client.get("/series/ports/publish").text
    assert "Night for no one" in page
    assert "2 enrolled people are invited to each lecture by e-mail, two weeks before it begins." in page
    make.lecture(series, "Soon", state="draft", starts_at=clock.now() + timedelta(days=3))
    page = client.get("/series/ports/publish").text
    assert "invited by e-mail within minutes to lectures that begin in two weeks or less (1), and to the others" in page


def test_publishing_in_a_running_series_asks_first_what_the_certificate_requires(make: Make) -> None:
    teacher = make.person("Lin", roles=["instructor"])
    policy = {"certificate": "completion", "min_lectures_percent": 50}
    series = make.series("ports", instructors=[teacher], policy=policy)
    for day in (30, 31, 32, 33):
        make.lecture(series, f"Lecture {day}", starts_at=clock.now() + timedelta(days=day))
    for person in ("Achieng", "Otieno"):
        make.enrolment(series, make.person(person), required_lectures=2, required_minutes=0, required_percent=60)
    draft = make.lecture(
        series, "New", state="draft", starts_at=clock.now() + timedelta(days=34), instructors=[teacher]
    )
    client = make.app.test_client()
    make.sign_in(client, teacher)
    for page in (f"/lectures/{draft.id}", f"/lectures/{draft.id}/edit"):
        assert f"/series/ports/publish?lecture={draft.id}" in client.get(page).text
    asked = send(client, f"/lectures/{draft.id}/publish")
    assert (asked.status_code, states(make)["New"]) == (303, "draft")
    page = client.get(asked.location).text
    for words in ("Enrolled people who were told a lower number: 2.", "Keep 2<", "Require 3 and tell people"):
        assert words in page
    again = {"title": "Another", "state": "scheduled", "starts_at": "2036-12-10T09:00", "duration_minutes": 60}
    asked = send(client, "/series/ports/lectures/new", language="en", time_zone="Africa/Nairobi", **again)
    assert asked.location == f"/series/ports/publish?lecture={ids(make)['Another']}"
    with make.app.app_context():
        delete_draft(ids(make)["Another"], by=SYSTEM, at=clock.now())
    refused = send(client, "/series/ports/publish", lecture=[draft.id], requirement="keep", people=1)
    assert (refused.status_code, states(make)["New"]) == (409, "draft")
    answer = send(client, "/series/ports/publish", lecture=[draft.id], requirement="keep", people=2)
    assert '<input type="hidden" name="kept" value="1">' in client.get(answer.location).text
    send(client, "/series/ports/unpublish", lecture=[draft.id], kept=1)
    assert "Keep 2<" in client.get("/series/ports/publish").text, "the share is back"
    answer = send(client, "/series/ports/publish", lecture=[draft.id], requirement="raise", people=2)
    assert "E-mails leave one minute after publishing." in client.get(answer.location).text


def test_an_empty_series_does_not_say_that_its_lectures_are_public(make: Make) -> None:
    teacher = make.person("Lin", roles=["instructor"])
    make.series("ports", instructors=[teacher])
    client = make.app.test_client()
    make.sign_in(client, teacher)
    page = client.get("/series/ports/publish").text
    assert "All lectures are public" not in page
    assert "No lectures yet" in page


def test_the_page_warns_of_lectures_outside_the_days_of_the_series(make: Make) -> None:
    teacher = make.person("Lin", roles=["instructor"])
    days = {"starts_on": date(2036, 12, 10), "ends_on": date(2036, 12, 20)}
    series = make.series("ports", instructors=[teacher], **days)
    for title, day in (("Early", 9), ("First", 10), ("Last", 20), ("Late", 21)):
        start = datetime(2036, 12, day, 9)  # noqa: DTZ001 - local time
        make.lecture(series, title, state="draft", local_start=start, instructors=[teacher])
    client = make.app.test_client()
    make.sign_in(client, teacher)
    page = client.get("/series/ports/publish").text
    assert re.findall(r"(\w+)(?:</\w+>)?: outside the first and last day", page) == ["Early", "Late"]
    make.enrolment(series, make.person("Achieng", country="KE"))
    proposed = re.findall(r'value="2036-12-(\d\d)T', client.get("/series/ports/lectures/new").text)
    assert proposed
    assert set(proposed) <= {"10", "11", "12", "13", "14"}
