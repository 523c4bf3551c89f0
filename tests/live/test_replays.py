"""Watching a replay for attendance: who can, until when, and what the page may report."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import update
from werkzeug.test import TestResponse

from lms.attendance.actions.closing import close_attendance
from lms.attendance.actions.replays import credit_due_replays
from lms.attendance.models.credits import Credit
from lms.catalogue.models import Lecture, Policy
from lms.core.database.session import action, db
from lms.core.time import clock
from lms.live.rules import MAX_PLAYED, MOST_RANGES
from lms.live.tokens import make_replay_token, read_replay_token
from lms.recordings.replays import find_replays
from lms.streaming.models import Epoch, Stream, StreamSession, StreamState, Track
from tests.factories import Make
from tests.rows import each_row

SECRET = "tests-only"
LENGTH = timedelta(minutes=90)


class Cinema:
    """A lecture of 90 minutes that ended an hour ago. Its replay has two parts: minutes 5 to 45 and 50 to 95."""

    def __init__(self, client: FlaskClient, make: Make, **options: Any) -> None:
        self.client, self.make = client, make
        self.teacher = make.person("Lin Yuhan", roles=["instructor"])
        self.series = make.series(instructors=[self.teacher], **options)
        self.ada = make.person("Ada", email="ada@x.example")
        make.enrolment(self.series, self.ada)
        self.now = clock.now().replace(microsecond=0)
        self.end = self.now - timedelta(hours=1)
        self.start = self.end - LENGTH
        self.lecture = make.lecture(
            self.series, state="held", starts_at=self.start, actual_start=self.start, actual_end=self.end
        )
        with make.app.app_context():
            self.record()

    @action
    def record(self) -> None:
        stream = Stream(lecture_id=self.lecture.id, track=Track.MAIN, state=StreamState.COMPLETE, available_at=self.end)
        db.session.add(stream)
        db.session.flush()
        session = StreamSession(
            stream_id=stream.id, person_id=self.teacher.id, started_at=self.start, stopped_at=self.end
        )
        db.session.add(session)
        db.session.flush()
        for number, (first, minutes) in enumerate([(5, 40), (50, 45)], start=1):
            epoch = Epoch(stream_id=stream.id, session_id=session.id, number=number, start_ms=0, is_open=False)
            epoch.wall_ms, epoch.durations = self.ms(first), {"a": [minutes * 60_000]}
            db.session.add(epoch)

    def ms(self, minutes: float) -> int:
        return clock.to_ms(self.start) + int(minutes * 60_000)

    def change(self, model: type[Any], **values: Any) -> None:
        @action
        def write() -> None:
            db.session.execute(update(model).values(**values))

        with self.make.app.app_context():
            write()

    def move(self, end: datetime) -> None:
        """The lecture was held, and recorded, so that it ended at this moment."""
        later_ms = clock.to_ms(end) - clock.to_ms(self.end)
        self.start, self.end = end - LENGTH, end
        self.change(Lecture, actual_start=self.start, actual_end=end)
        self.change(Stream, available_at=end)
        self.change(Epoch, wall_ms=Epoch.wall_ms + later_ms)

    def begin(self) -> TestResponse:
        page = self.client.get("/series").text
        token = re.search(r'name="csrf_token"[^>]* value="([^"]+)"', page)
        assert token is not None
        return self.client.post(f"/lectures/{self.lecture.id}/room/replay", headers={"X-CSRFToken": token[1]})

    def token(self, *, ago: timedelta = timedelta(minutes=50), person_id: int | None = None) -> str:
        return make_replay_token(SECRET, self.lecture.id, person_id or self.ada.id, at=clock.now() - ago)

    def report(self, *ranges: tuple[float, float], token: str | None = None, **more: Any) -> TestResponse:
        pairs = [[self.ms(first), self.ms(last)] for first, last in ranges]
        return self.send({"token": token or self.token(), "ranges": pairs} | more)

    def send(self, body: Any) -> TestResponse:
        data = body if isinstance(body, (str, bytes)) else json.dumps(body)
        path = f"/lectures/{self.lecture.id}/room/played"
        return self.make.app.test_client().post(path, data=data, content_type="text/plain;charset=UTF-8")

    def credit(self) -> Credit | None:
        with self.make.app.app_context():
            credit_due_replays(at=clock.now() + timedelta(minutes=1))
            return db.session.get(Credit, (self.lecture.id, self.ada.id))


@pytest.fixture
def cinema(client: FlaskClient, make: Make) -> Cinema:
    cinema = Cinema(client, make)
    make.sign_in(client, cinema.ada)
    return cinema


def test_a_page_begins_and_reports_what_it_plays(cinema: Cinema) -> None:
    begun = cinema.begin()
    assert begun.status_code == 200
    assert begun.json["parts"] == [
        {"position_ms": 0, "wall_ms": cinema.ms(5), "length_ms": 2_400_000},
        {"position_ms": 2_400_000, "wall_ms": cinema.ms(50), "length_ms": 2_700_000},
    ]
    early = cinema.report((5, 45), token=begun.json["token"])
    assert early.json["minutes"] < 1
    assert "even at double speed" in early.json["detail"]
    answer = cinema.report((5, 45), (50, 80))
    assert answer.json == {"minutes": 70.0, "detail": None}
    assert cinema.report((5, 45), (50, 80)).json == answer.json
    credit = cinema.credit()
    assert credit is not None
    assert (credit.source, credit.outcome, credit.present_ms) == ("replay", "attended", 70 * 60_000)


def test_only_what_is_in_the_replay_and_in_the_lecture_counts(cinema: Cinema) -> None:
    assert cinema.report((-60, 300)).json["minutes"] == 80.0
    credit = cinema.credit()
    assert credit is not None
    assert credit.present_ms == 80 * 60_000, "the last five minutes are after the end"


def test_only_people_enrolled_watch_for_attendance(cinema: Cinema, client: FlaskClient, make: Make) -> None:
    ben = make.person("Ben")
    assert cinema.report((5, 45), token=cinema.token(person_id=ben.id)).status_code == 403
    make.sign_in(client, ben)
    assert cinema.begin().status_code == 403
    make.sign_in(client, cinema.teacher)
    assert cinema.begin().json == {"detail": "Only people enrolled in this series can watch the replay for attendance."}


@pytest.mark.parametrize(
    ("model", "values", "message"),
    [
        (Policy, {"replay_days": 0}, "Watching the replay of this lecture does not count as attendance."),
        (Stream, {"state": StreamState.ENDED}, "There is no replay of this lecture."),
        (Lecture, {}, "Watching the replay of this lecture no longer counts as attendance."),
        (
            Policy,
            {"min_percent": 95},
            "The replay shows 80 of 90 minutes, and 86 are needed. Watching it does not count as attendance.",
        ),
    ],
)
def test_the_page_says_why_watching_does_not_count(
    cinema: Cinema, model: type[Any], values: dict[str, Any], message: str
) -> None:
    if model is Lecture:
        cinema.move(cinema.end - timedelta(days=29))
    else:
        cinema.change(model, **values)
    for answer in (cinema.begin(), cinema.report((5, 45))):
        assert (answer.status_code, answer.json) == (409, {"detail": message})
    assert cinema.credit() is None


def test_closing_leaves_the_replay_until_its_day(cinema: Cinema) -> None:
    with cinema.make.app.app_context():
        close_attendance(cinema.lecture.id, by=cinema.make.actor(cinema.teacher), at=clock.now())
        replay = find_replays([cinema.lecture.id])[cinema.lecture.id]
        assert replay.counts_until == cinema.end + timedelta(days=28)
    assert cinema.report((5, 45), (50, 80)).json["minutes"] == 70.0
    credit = cinema.credit()
    assert credit is not None
    assert (credit.source, credit.outcome) == ("replay", "attended")


@pytest.mark.parametrize(("until", "minutes"), [(89, 80), (90, 80), (89.98, 80)])
def test_a_replay_watched_to_its_last_second_counts_whole(cinema: Cinema, until: float, minutes: int) -> None:
    """Players report no position within the last moments, and none of a stall."""
    first = cinema.report((5.02, 20), (20.01, 44.98)).json["minutes"]
    assert first == 40.0
    cinema.change(Epoch, durations={"a": [2000] * 60 * 20})  # minutes 50 to 90
    shown = cinema.report((50.01, until)).json["minutes"]
    assert shown == minutes - (until < 89.9)


@pytest.mark.parametrize(("percent", "counts"), [(89, False), (88, True)])
def test_a_replay_that_shows_less_than_is_needed_does_not_count(cinema: Cinema, percent: int, counts: bool) -> None:
    """80 of 90 minutes are in it."""
    cinema.change(Policy, min_percent=percent)
    with cinema.make.app.app_context():
        replay = find_replays([cinema.lecture.id])[cinema.lecture.id]
    assert (replay.shown_ms, replay.needed_ms) == (80 * 60_000, percent * 54_000)
    assert (replay.counts_until is not None, replay.is_too_short) == (counts, not counts)
    assert cinema.report((5, 45)).status_code == (200 if counts else 409)


def test_a_recording_that_comes_later_counts_from_then_on(cinema: Cinema) -> None:
    came = cinema.end + timedelta(days=20)
    cinema.change(Stream, available_at=came)
    with cinema.make.app.app_context():
        replay = find_replays([cinema.lecture.id])[cinema.lecture.id]
    assert (replay.available_at, replay.counts_until) == (came, came + timedelta(days=28))


@each_row(
    "report, message",
    [
        ("no json", "The body is not a JSON object."),
        ([], "The body is not a JSON object."),
        ({"ranges": []}, "The token is missing."),
        ({"token": "x", "ranges": [[5, 5]]}, "pairs of whole numbers"),
        ({"token": "x", "ranges": [[-5, 5]]}, "pairs of whole numbers"),
        ({"token": "x", "ranges": [[1.5, 5]]}, "pairs of whole numbers"),
        ({"token": "x", "ranges": [[True, 5]]}, "pairs of whole numbers"),
        ({"token": "x", "ranges": [[0, 2**60]]}, "pairs of whole numbers"),
        ({"token": "x", "ranges": [[1, 2]] * (MOST_RANGES + 1)}, f"at most {MOST_RANGES} pairs"),
        ({"token": "x", "ranges": [], "is_paused": 1}, "Use true or false."),
        ({"token": "x", "ranges": [], "more": 1}, "Unknown field."),
    ],
)
def test_a_report_that_cannot_be_read_is_refused(cinema: Cinema, report: Any, message: str) -> None:
    answer = cinema.send(report)
    assert answer.status_code == 422
    assert message in answer.json["detail"]


def test_a_report_is_short(cinema: Cinema) -> None:
    assert cinema.send(" " * (MAX_PLAYED + 1)).status_code == 413


def test_a_token_is_of_one_lecture_and_for_half_a_day(cinema: Cinema) -> None:
    token, at = cinema.token(ago=timedelta(0)), clock.now()
    lecture_id = cinema.lecture.id
    person_id, _began_ms = read_replay_token(["another", SECRET], token, lecture_id, at=at) or (0, 0)
    assert person_id == cinema.ada.id
    assert read_replay_token([SECRET], token, lecture_id + 1, at=at) is None
    assert read_replay_token(["another"], token, lecture_id, at=at) is None
    assert read_replay_token([SECRET], token, lecture_id, at=at + timedelta(hours=13)) is None
    assert cinema.report((5, 45), token="x").json == {
        "detail": "This page has been open for too long. Reload it to continue."
    }
