"""The recording of the demonstration: of a lecture that its trainee missed, made once ffmpeg is there."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from lms.catalogue.models import Lecture
from lms.core.background import jobs
from lms.core.background.jobs import Job
from lms.core.database.session import db
from lms.core.storage import files
from lms.core.time import clock
from lms.demo import jobs as recording
from lms.mail.outbox import OutboxMail
from lms.recordings import actions
from lms.recordings.replays import find_replays
from lms.streaming.models import StreamState
from lms.streaming.queries import list_chapters, replay_parts, stored_keys
from tests.factories import Make
from tests.recordings.recorded import held_lecture, package

pytestmark = pytest.mark.usefixtures("context")
TRAINEE = "ada@example.org"


@pytest.fixture
def missed(make: Make) -> Lecture:
    """The later one of two lectures that somebody missed."""
    series = make.series()
    make.enrolment(series, make.person(email=TRAINEE))
    began = clock.now() - timedelta(days=3)
    held_lecture(make, series=series, starts_at=began, actual_start=began, actual_end=began + timedelta(hours=1))
    return held_lecture(make, series=series, title="Rules of origin", abstract="What it is. What it costs.")


def requested() -> list[Job]:
    return list(db.session.scalars(select(Job).where(Job.kind == recording.JOB).order_by(Job.id)))


def test_the_lecture_missed_last_has_a_recording_with_chapters(
    make: Make, missed: Lecture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recording, "SECONDS", 12)
    lines: list[str] = []
    now = clock.now()
    recording.request_recording(TRAINEE, now=now, say=lines.append)
    assert [job.arguments["lecture_id"] for job in requested()] == [missed.id]
    jobs.run_due()
    stream = package(make, missed.id, tmp_path)
    assert (stream.state, lines) == (StreamState.COMPLETE, [])
    assert sum(part.length_ms for part in replay_parts(missed.id)) == pytest.approx(12_000, abs=300)
    assert find_replays([missed.id])[missed.id].is_too_short
    monkeypatch.setattr(clock, "now", lambda: now + timedelta(minutes=1))
    jobs.run_due()
    db.session.rollback()
    replay = find_replays([missed.id])[missed.id]
    assert (replay.counts(now), replay.shown_ms >= replay.needed_ms == 18 * 60_000) == (True, True)
    assert all(files.has(key) for key in stored_keys(2000) if key.startswith(f"recordings/{stream.public_id}"))
    assert [(chapter.position_ms, chapter.title) for chapter in list_chapters(missed.id)] == [
        (0, "Rules of origin"), (4000, "What it is."), (8000, "What it costs."),
    ]  # fmt: skip
    assert actions.announce(missed.id, at=clock.now()) is False
    assert not db.session.scalars(select(OutboxMail).where(OutboxMail.template == "replay_open")).all()


@pytest.mark.usefixtures("missed")
def test_without_ffmpeg_it_says_so_and_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording, "find_ffmpeg", lambda: None)
    lines: list[str] = []
    now = clock.now()
    recording.request_recording(TRAINEE, now=now, say=lines.append)
    assert lines == ["The recording of one lecture is missing until ffmpeg is installed (make video)."]
    jobs.run_due()
    db.session.rollback()
    first, second = requested()
    assert second.due_at is not None
    assert (first.result, second.due_at > now) == ({"is_made": False}, True)
    monkeypatch.setattr(clock, "now", lambda: now + recording.PATIENCE + timedelta(minutes=1))
    jobs.run_due()
    db.session.rollback()
    assert len(requested()) == 2
