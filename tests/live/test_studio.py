"""The page from which a lecture is given in the browser, and what it asks."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient

from lms.attendance.actions.room import open_join, record_beat
from lms.core.time import clock
from lms.live import views
from lms.people.models import Person
from tests.factories import Make
from tests.forms import token_in


class Studio:
    """An instructor's page of a lecture that begins in half an hour."""

    def __init__(self, client: FlaskClient, make: Make) -> None:
        self.client, self.make = client, make
        self.teacher = make.person("Lin Yuhan", roles=["instructor"])
        self.series = make.series(instructors=[self.teacher])
        self.lecture = make.lecture(self.series, starts_at=clock.now() + timedelta(minutes=30))
        self.path = f"/lectures/{self.lecture.id}"
        make.sign_in(client, self.teacher)

    def post(self, path: str, **fields: str) -> Any:
        csrf = self.client.get(f"{self.path}/room").text.split('data-csrf="')[1].split('"')[0]
        return self.client.post(f"{self.path}{path}", data=fields, headers={"X-CSRFToken": csrf})

    def audience(self) -> dict[str, Any]:
        return dict(self.client.get(f"{self.path}/room/audience").json)

    def watch(self, name: str, country: str | None) -> Person:
        person = self.make.person(name, country=country)
        self.make.enrolment(self.series, person)
        with self.make.app.app_context():
            at = clock.now()
            join = open_join(self.lecture.id, person.id, by=self.make.actor(person), at=at)
            record_beat(join.id, 1, at=at)
        return person


@pytest.fixture
def studio(client: FlaskClient, make: Make) -> Studio:
    return Studio(client, make)


def test_staff_see_who_watches_and_from_where(studio: Studio) -> None:
    assert studio.post("/stream").status_code == 200
    for name, country in (("Ada", "KE"), ("Ben", "KE"), ("Cyr", "VN"), ("Dia", None)):
        studio.watch(name, country)
    seen = studio.audience()
    assert (seen["state"], seen["viewers"], seen["title"]) == ("live", 4, "4 people, 2 countries")
    assert seen["countries"] == [{"name": "Kenya", "people": 2}, {"name": "Viet Nam", "people": 1}]
    assert (seen["others"], seen["sender"], seen["is_own"]) == ("", "Lin Yuhan", True)
    assert seen["time"].startswith("0 minutes done")
    for name, country in (("Eli", "FR"), ("Fay", "GB"), ("Gus", "IN"), ("Hal", "BR")):
        studio.watch(name, country)
    assert studio.audience()["others"] == "2 more countries: 2"


def test_the_time_is_told_in_whole_minutes_and_one_of_them_is_a_minute(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    studio.post("/stream")
    began, planned = clock.now(), studio.lecture.duration_minutes
    for minutes, words in (
        (1, f"1 minute done, {planned - 1} left"),
        (planned + 1, f"{planned + 1} minutes done, 1 more than planned"),
    ):
        monkeypatch.setattr(clock, "now", lambda minutes=minutes: began + timedelta(minutes=minutes, seconds=5))
        studio.make.sign_in(studio.client, studio.teacher)
        assert studio.audience()["time"] == words


def test_camera_and_microphone_say_in_words_whether_they_are_on(studio: Studio) -> None:
    page = studio.client.get(f"{studio.path}/room").text
    for name in ("Microphone", "Camera"):
        button = re.search(rf'<button[^>]* id="{name.lower()}"[^>]*>', page)
        assert button
        assert f'data-on="{name} on" data-off="{name} off"' in button[0]
        assert "aria-pressed" not in button[0]


def test_a_page_that_was_opened_early_learns_that_the_room_is_open(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    early = clock.now() - timedelta(hours=2)
    monkeypatch.setattr(clock, "now", lambda: early)
    assert 'data-can-start=""' in studio.client.get(f"{studio.path}/room").text
    assert not studio.audience()["can_start"]
    monkeypatch.undo()
    assert studio.audience()["can_start"]


def test_a_lecture_is_paused_for_some_minutes(studio: Studio) -> None:
    assert studio.post("/stream/pause", minutes="5").json["detail"] == "This lecture has not begun."
    studio.post("/stream")
    assert studio.post("/stream/pause", minutes="90").status_code == 422
    first = studio.post("/stream/pause", minutes="5").json["resumes_at"]
    seen = studio.audience()
    assert (seen["state"], seen["resumes_at"], seen["on_air"], seen["sender"]) == ("paused", first, "off", None)
    assert studio.post("/stream/pause", minutes="15").json["resumes_at"] > first
    assert studio.post("/stream").status_code == 200
    assert (studio.audience()["state"], studio.audience()["resumes_at"]) == ("live", None)


def test_without_ffmpeg_the_page_says_so(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "find_ffmpeg", lambda: None)
    page = studio.client.get(f"{studio.path}/room").text
    assert "A program is missing on this server: ffmpeg" in page
    assert 'data-testid="studio"' not in page


def test_a_second_page_takes_over_or_continues(studio: Studio) -> None:
    studio.post("/stream", page="first")
    refused = studio.post("/stream", page="second")
    assert (refused.status_code, refused.json["detail"]) == (409, "You are sending this lecture from another page.")
    assert studio.post("/stream").status_code == 409
    assert studio.post("/stream", page="second", take_over="1").status_code == 200
    assert studio.post("/stream", page="second").status_code == 200


def test_a_rehearsal_leaves_the_lecture_as_planned(studio: Studio) -> None:
    assert studio.post("/stream", rehearsal="1").status_code == 200
    assert (studio.audience()["state"], studio.audience()["sender"]) == ("waiting", None)


def test_a_lecture_in_an_outside_meeting_is_paused_in_its_room(studio: Studio) -> None:
    began = clock.now() - timedelta(minutes=5)
    lecture = studio.make.lecture(
        studio.series, state="live", starts_at=began, actual_start=began, join_url="https://meet.x.example/1"
    )
    path = f"/lectures/{lecture.id}"
    page = studio.client.get(f"{path}/room").text
    assert f'action="{path}/pause"' in page
    sent = {"csrf_token": token_in(page), "next": f"{path}/room", "minutes": "5"}
    page = studio.client.post(f"{path}/pause", data=sent, follow_redirects=True).text
    assert "The lecture is paused. The pause is not counted." in page
    assert 'data-state="paused"' in page
    assert f'action="{path}/resume"' in page
    studio.client.post(f"{path}/end", data={"csrf_token": token_in(page)})
    times = studio.client.get(f"{path}/times").text
    assert "Count it as part of the lecture" in times
    pause_path = re.search(rf'action="({path}/pauses/[0-9]+)"', times)
    assert pause_path is not None
    sent = {"csrf_token": token_in(times), "do": "withdraw", "next": f"{path}/times"}
    assert "Do not count it" in studio.client.post(pause_path[1], data=sent, follow_redirects=True).text
