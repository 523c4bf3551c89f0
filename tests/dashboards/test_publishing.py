"""One press publishes a series with its drafts, and it can be undone."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient

from lms.catalogue.models import Lecture
from lms.core import clock
from lms.core.db import db
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
