"""The room's page and what its script asks."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient

from lms.attendance.actions.credits import credit_lecture
from lms.attendance.models.evidence import Presence, Source
from lms.catalogue.actions.pauses import pause_lecture
from lms.catalogue.queries.policies import current_policy
from lms.core.base.roles import SYSTEM
from lms.core.database.session import action, db
from lms.core.time import clock
from lms.live.queries import get_room
from tests.factories import Make
from tests.languages import offering

URL = "https://meet.example/1"


class Hall:
    def __init__(self, client: FlaskClient, make: Make) -> None:
        self.client, self.make = client, make
        self.teacher = make.person("Lin Yuhan", roles=["instructor"])
        self.series = make.series(instructors=[self.teacher])
        self.ada = make.person("Ada")
        make.enrolment(self.series, self.ada)
        began = clock.now() - timedelta(minutes=30)
        self.lecture = make.lecture(self.series, state="live", starts_at=began, actual_start=began, join_url=URL)
        self.path = f"/lectures/{self.lecture.id}/room"
        make.sign_in(client, self.ada)

    def change(self, **values: Any) -> None:
        self.make.change(self.lecture, **values)

    def policy_id(self) -> int:
        with self.make.app.app_context():
            return current_policy(self.series.id).id

    def other(self, **person: Any) -> FlaskClient:
        client = self.make.app.test_client()
        self.make.sign_in(client, self.make.person(**person))
        return client


@pytest.fixture
def hall(client: FlaskClient, make: Make) -> Hall:
    return Hall(client, make)


def test_the_room_of_a_live_lecture(hall: Hall) -> None:
    page = hall.client.get(hall.path)
    assert 'data-testid="room" data-state="live"' in page.text
    assert 'data-testid="counted-minutes" data-minutes="0.0"' in page.text
    assert 'data-testid="viewers" data-count="0"' in page.text
    assert f'target="_blank" rel="noopener noreferrer" href="{URL}"' in page.text
    assert "<noscript>" in page.text
    assert "You need 54 of 90 minutes." in page.text


def test_what_the_script_asks_is_answered_in_the_language_of_the_page(app: APIFlask, hall: Hall) -> None:
    """With `?lang=` the page has another language than the account."""
    with offering(app, "ar"):
        page = hall.client.get(f"{hall.path}?lang=ar").text
        (asked,) = re.findall(r'data-state-url="([^"]+)"', page)
        told = hall.client.get(asked).get_json()
        assert hall.client.get(f"{hall.path}/state").get_json()["needed_words"] not in {"", told["needed_words"]}
    assert re.search(r"[\u0600-\u06ff]", told["needed_words"])
    assert re.findall(r'data-join-url="([^"]+)"', page) == [f"{hall.path}/join?lang=ar"]


def test_the_page_joins_and_counts(hall: Hall, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lms.attendance.queries.viewers.VIEWERS_STAND", 0)
    token = re.search(r'data-csrf="([^"]+)"', hall.client.get(hall.path).text)
    assert token
    assert hall.client.post(f"{hall.path}/join").status_code == 400
    joined = hall.client.post(f"{hall.path}/join", headers={"X-CSRFToken": token[1]})
    assert joined.status_code == 200
    assert joined.json["join_url"] == URL
    beat = {"room_token": joined.json["room_token"], "seq": 0}
    assert hall.client.post(f"/api/v1/lectures/{hall.lecture.id}/presence", json=beat).status_code == 204
    state = hall.client.get(f"{hall.path}/state").json
    assert (state["state"], state["is_open"], state["viewers"], state["needed_minutes"], state["length_minutes"]) == (
        "live", True, 1, 54, 90
    )  # fmt: skip
    assert state["elapsed_minutes"] == 30


def test_before_the_room_opens_one_may_look_and_finds_no_link(hall: Hall) -> None:
    hall.change(state="scheduled", actual_start=None, starts_at=clock.now() + timedelta(hours=5))
    page = hall.client.get(hall.path)
    assert 'data-state="waiting"' in page.text
    assert "data-countdown" in page.text
    assert URL not in page.text
    teacher = hall.make.app.test_client()
    hall.make.sign_in(teacher, hall.teacher)
    page = teacher.get(hall.path)
    assert URL in page.text
    assert 'data-testid="go-live"' in page.text
    assert "counted-minutes" not in page.text
    hall.change(starts_at=clock.now() + timedelta(minutes=50))
    assert URL in hall.client.get(hall.path).text


def test_a_lecture_in_the_browser_has_no_player_before_it_starts(hall: Hall) -> None:
    materials = [{"title": "Slides", "url": "https://x.example/slides.pdf"}]
    hall.change(
        state="scheduled", actual_start=None, starts_at=clock.now() + timedelta(minutes=8), join_url=None,
        materials=materials,
    )  # fmt: skip
    page = hall.client.get(hall.path).text
    shown = re.sub(r"<template.*?</template>", "", page, flags=re.DOTALL)
    assert "<video" in page
    assert "<video" not in shown
    for text in ("data-countdown", "https://x.example/slides.pdf", f"/lectures/{hall.lecture.id}.ics", "Sound test"):
        assert text in shown
    hall.change(state="live", actual_start=clock.now())
    live = hall.client.get(hall.path).text
    assert 'data-testid="player"' in live
    assert "Add to calendar" not in live
    assert "This page needs JavaScript to play the lecture" in live


def test_a_lecture_in_a_meeting_has_no_player(hall: Hall) -> None:
    page = hall.client.get(hall.path).text
    assert "<video" not in page
    assert "watch." not in page


def test_a_page_in_low_data_says_half_as_often_that_it_is_there(hall: Hall) -> None:
    token = re.search(r'data-csrf="([^"]+)"', hall.client.get(hall.path).text)
    assert token
    headers = {"X-CSRFToken": token[1]}
    beats = [
        hall.client.post(f"{hall.path}/join", headers=headers, data=data).json["beat_seconds"]
        for data in ({}, {"low_data": "1"})
    ]
    assert beats == [30, 60]


def test_after_the_end_the_room_is_over(hall: Hall) -> None:
    hall.change(state="held", actual_end=clock.now())
    page = hall.client.get(hall.path)
    assert 'data-state="over"' in page.text
    assert "We have no record of you in this lecture." in page.text
    assert "Thank you" not in page.text
    assert URL not in page.text
    explanation = hall.client.get(f"{hall.path}/state").json["explanation"]
    assert explanation.startswith("We have no record of you in this lecture.")


def test_the_room_thanks_who_was_there(hall: Hall) -> None:
    lecture, ada, start = hall.lecture, hall.ada.id, clock.to_ms(hall.lecture.actual_start or clock.now())
    hall.change(state="held", actual_end=clock.now(), policy_id=hall.policy_id())

    @action
    def write() -> None:
        span = {"joined_ms": start, "left_ms": start + 20 * 60_000}
        db.session.add(Presence(lecture_id=lecture.id, person_id=ada, source=Source.LIVE, evidence="a", **span))
        db.session.flush()
        credit_lecture(lecture.id, by=SYSTEM, at=clock.now())

    with hall.make.app.app_context():
        write()
        room = get_room(lecture.id, by=hall.make.actor(hall.ada), at=clock.now())
        adding_up = replace(room, result=None, counted_ms=1).closing_words
    assert "Thank you for taking part. Your attendance: 20 of 30 minutes: attended" in hall.client.get(hall.path).text
    assert adding_up == "Thank you for taking part. Your minutes are being added up."
    assert replace(room, takes_part=False).closing_words is None


@pytest.mark.parametrize(("state", "shown"), [("cancelled", "over"), ("postponed", "waiting")])
def test_a_lecture_that_is_not_given(hall: Hall, state: str, shown: str) -> None:
    hall.change(state=state, actual_start=None, starts_at=None)
    page = hall.client.get(hall.path)
    assert page.status_code == 200
    assert f'data-state="{shown}"' in page.text


def test_who_is_not_enrolled_is_led_to_the_lecture(hall: Hall) -> None:
    stranger = hall.other()
    assert stranger.get(hall.path).status_code == 302
    assert stranger.get(f"{hall.path}/state").status_code == 403
    assert hall.make.app.test_client().get(hall.path).status_code == 302
    reporter = hall.other(roles=["reporter"])
    page = reporter.get(hall.path)
    assert page.status_code == 200
    assert URL not in page.text
    assert hall.client.get("/lectures/99999/room").status_code == 404


def at_minute(hall: Hall, minute: int, *, counted_ms: int = 0, duration: int = 90) -> tuple[str, dict[str, Any]]:
    """What the room says in words at this minute of the lecture, on its page and to its script."""
    began = clock.now() - timedelta(minutes=minute, seconds=5)
    hall.change(actual_start=began, starts_at=began, duration_minutes=duration)
    start = clock.to_ms(began)

    @action
    def write() -> None:
        span = {"joined_ms": start, "left_ms": start + counted_ms}
        db.session.add(
            Presence(lecture_id=hall.lecture.id, person_id=hall.ada.id, source=Source.LIVE, evidence="a", **span)
        )

    with hall.make.app.app_context():
        write()
    text = re.sub(r"<[^>]*>", " ", hall.client.get(hall.path).text)
    return " ".join(text.split()), hall.client.get(f"{hall.path}/state").json


def test_a_late_comer_reads_that_the_time_left_does_not_suffice(hall: Hall) -> None:
    page, state = at_minute(hall, 54, counted_ms=2 * 60_000)
    words = "52 more minutes needed, 35 left: this lecture can no longer count as attended."
    assert words in page
    assert state["reach_words"].startswith(words)
    assert state["reach"] == "lost"
    assert "If you joined the meeting earlier, its report can still add minutes." in page
    for path in (f"/lectures/{hall.lecture.id}", "/me", f"/series/{hall.series.slug}"):
        assert words in " ".join(hall.client.get(path).text.split()), path


def test_a_late_comer_reads_that_the_replay_counts(hall: Hall) -> None:
    hall.change(join_url=None)
    page, state = at_minute(hall, 54, counted_ms=2 * 60_000)
    words = (
        "52 more minutes needed, 35 left: following it live is no longer enough. "
        "You can watch the replay: it counts for 28 days after the lecture."
    )
    assert words in page
    assert state["reach_words"] == words
    for path in (f"/lectures/{hall.lecture.id}", "/me", f"/series/{hall.series.slug}"):
        assert words in " ".join(hall.client.get(path).text.split()), path


def test_who_can_attend_reads_until_when_to_stay(hall: Hall) -> None:
    page, state = at_minute(hall, 20, counted_ms=15 * 60_000)
    words = re.search(r"Stay until (\d\d:\d\d) for this lecture to count as attended\.", page)
    assert words
    assert words[1] in {f"{clock.now() + timedelta(minutes=39 + n, hours=8):%H:%M}" for n in (0, 1)}
    assert state["reach_words"] in page
    assert state["reach"] == "stay"


def test_a_pause_moves_until_when_to_stay(hall: Hall) -> None:
    hall.change(join_url=None)
    at_minute(hall, 20, counted_ms=15 * 60_000)
    with hall.make.app.app_context():
        pause_lecture(hall.lecture.id, minutes=15, by=SYSTEM, at=clock.now())
    due = {f"{clock.now() + timedelta(minutes=15 + 39 + n, hours=8):%H:%M}" for n in (0, 1)}
    for path in (hall.path, f"/lectures/{hall.lecture.id}", "/me", f"/series/{hall.series.slug}"):
        words = re.search(r"Stay until (\d\d:\d\d) for this", " ".join(hall.client.get(path).text.split()))
        assert words, path
        assert words[1] in due, path


def test_what_counts_only_if_the_lecture_overruns(hall: Hall) -> None:
    page, state = at_minute(hall, 50, counted_ms=12 * 60_000)
    assert "42 more minutes needed, 39 left: this lecture counts as attended only if it runs until" in page
    assert state["reach_words"] in page
    assert state["reach"] == "overrun"


def test_the_counter_shows_its_first_seconds(hall: Hall) -> None:
    page, state = at_minute(hall, 3, counted_ms=30_000)
    assert "Counted so far 30 s of 90 minutes" in page
    assert state["counted_words"] == "30 s"


def test_seconds_are_shown_where_they_decide(hall: Hall) -> None:
    page, state = at_minute(hall, 60, counted_ms=53 * 60_000 + 20_000)
    assert "53 min 20 s of 90 min, 54 min needed." in page
    assert (state["counted_words"], state["needed_words"]) == ("53 min 20 s", "53 min 20 s of 90 min, 54 min needed.")
