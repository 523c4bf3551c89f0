"""What all people in a room see alike: one small answer, cacheable for a second."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient

from lms.catalogue.actions.pauses import pause_lecture, resume_lecture
from lms.catalogue.models import LectureState
from lms.core.base.errors import Refused
from lms.core.time import clock
from lms.streaming.actions import begin_epoch, begin_streaming, close_epoch, end_streams, note_complete, note_segments
from lms.streaming.addresses import media_address
from lms.streaming.models import Track
from lms.streaming.queries import find_open_session
from lms.web.api.api import rfc3339
from tests.factories import Make


class Watched:
    """A live lecture, and its snapshot."""

    def __init__(self, client: FlaskClient, make: Make) -> None:
        self.client, self.make = client, make
        self.teacher = make.person("Lin Yuhan", roles=["instructor"])
        began = clock.now() - timedelta(minutes=1)
        series = make.series(instructors=[self.teacher])
        self.lecture = make.lecture(series, state="live", starts_at=began, actual_start=began)
        self.by = make.actor(self.teacher)

    def read(self) -> dict[str, Any]:
        with self.make.app.app_context():
            address = media_address(self.lecture.id, at=clock.now())
        answer = self.client.get(f"{address}snapshot.json")
        assert answer.headers["Cache-Control"] == "public, max-age=1"
        return dict(answer.json)

    def set_state(self, state: LectureState) -> None:
        self.make.change(self.lecture, state=state)


@pytest.fixture
def watched(client: FlaskClient, make: Make, monkeypatch: pytest.MonkeyPatch) -> Watched:
    monkeypatch.setattr("lms.attendance.queries.viewers.VIEWERS_STAND", 0)  # nothing of the test before
    return Watched(client, make)


def test_a_snapshot_follows_the_lecture(watched: Watched, make: Make) -> None:
    assert watched.read() | {"media": ""} == {
        "state": "live", "resumes_at": None, "viewers": 0, "on_air": "off", "has_video": False, "has_small": False,
        "playlist": None,
        "recording": None, "notices": [], "media": "",
        "discussion": {"asking": True, "anonymous": True, "open": 0, "answered": 0, "questions": [], "hands": [],
                       "polls": []},
        "slides": {"decks": [], "turns": []},
    }  # fmt: skip
    with make.app.app_context():
        session = begin_streaming(watched.lecture.id, Track.MAIN, by=watched.by, at=clock.now())
        epoch_id = begin_epoch(session.id, start_ms=0, wall_ms=clock.to_ms(clock.now()))
        stream_id = session.stream_id
        folder = media_address(watched.lecture.id, session.stream.public_id, at=clock.now())
    assert watched.read()["on_air"] == "off"
    with make.app.app_context():
        note_segments(epoch_id, {"v": [2000], "a": [2000]})
    seen = watched.read()
    assert (seen["on_air"], seen["has_video"], seen["playlist"]) == ("on", True, f"{folder}master.m3u8")
    assert not seen["has_small"]
    with make.app.app_context():
        note_segments(epoch_id, {"v": [2000], "t": [2000], "a": [2000]})
    assert watched.read()["has_small"]
    with make.app.app_context():
        close_epoch(epoch_id)
    assert watched.read()["on_air"] == "interrupted"
    with make.app.app_context():
        watched.set_state(LectureState.HELD)
        end_streams(watched.lecture.id, at=clock.now())
    seen = watched.read()
    assert (seen["state"], seen["playlist"], seen["recording"]) == ("over", None, "preparing")
    with make.app.app_context():
        note_complete(stream_id, at=clock.now())
    seen = watched.read()
    assert (seen["playlist"], seen["recording"]) == (f"{folder}master_full.m3u8", "ready")


def test_a_stream_of_which_nothing_new_is_packaged_is_interrupted(watched: Watched, make: Make) -> None:
    with make.app.app_context():
        session = begin_streaming(watched.lecture.id, Track.MAIN, by=watched.by, at=clock.now())
        began = clock.to_ms(clock.now()) - 25_000
        note_segments(begin_epoch(session.id, start_ms=0, wall_ms=began), {"v": [2000], "a": [2000]})
    assert watched.read()["on_air"] == "interrupted"


def test_a_lecture_of_which_nothing_was_sent_has_no_recording(watched: Watched, make: Make) -> None:
    with make.app.app_context():
        watched.set_state(LectureState.HELD)
    assert watched.read()["recording"] == "none"


def test_a_pause_stops_what_is_sent_and_says_until_when(watched: Watched, make: Make) -> None:
    with make.app.app_context():
        session = begin_streaming(watched.lecture.id, Track.MAIN, by=watched.by, at=clock.now())
        note_segments(begin_epoch(session.id, start_ms=0, wall_ms=0), {"v": [2000], "a": [2000]})
        at = clock.now()
        pause_lecture(watched.lecture.id, minutes=5, by=watched.by, at=at)
        assert find_open_session(session.stream_id) is None
        with pytest.raises(Refused, match="The lecture is paused"):
            begin_streaming(watched.lecture.id, Track.MAIN, by=watched.by, at=clock.now())
    seen = watched.read()
    assert (seen["state"], seen["on_air"], seen["resumes_at"]) == ("paused", "off", rfc3339(at + timedelta(minutes=5)))
    assert seen["playlist"].endswith("/master.m3u8")
    with make.app.app_context():
        resume_lecture(watched.lecture.id, by=watched.by, at=clock.now())
        begin_streaming(watched.lecture.id, Track.MAIN, by=watched.by, at=clock.now())
    assert (watched.read()["state"], watched.read()["resumes_at"]) == ("live", None)


def test_a_rehearsal_is_in_no_snapshot(watched: Watched, make: Make) -> None:
    with make.app.app_context():
        session = begin_streaming(watched.lecture.id, Track.REHEARSAL, by=watched.by, at=clock.now())
        note_segments(begin_epoch(session.id, start_ms=0, wall_ms=0), {"v": [2000], "a": [2000]})
    assert watched.read()["playlist"] is None


def test_an_address_that_was_not_signed_is_refused(watched: Watched) -> None:
    assert watched.client.get(f"/media/none/2000000000/{watched.lecture.id}/snapshot.json").status_code == 403
