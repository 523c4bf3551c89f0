"""Handlers of recordings for events of lower slices."""

from lms.core.background.jobs import request_job
from lms.core.base.events import AttendanceReported, RecordingCompleted, ReplayAsked, handles
from lms.recordings.actions import ANNOUNCE_JOB
from lms.recordings.replays import find_replays
from lms.recordings.rules import MAIL_AFTER


@handles(RecordingCompleted)
def on_complete(event: RecordingCompleted) -> None:
    """Announces the recording some minutes later, when attendance is counted and it may have been trimmed."""
    due_at = event.at + MAIL_AFTER
    request_job(ANNOUNCE_JOB, {"lecture_id": event.lecture_id}, by=event.by, at=event.at, due_at=due_at)


@handles(AttendanceReported)
def on_reported(event: AttendanceReported) -> None:
    """Announces the recording of an outside meeting, which waited for its report."""
    request_job(ANNOUNCE_JOB, {"lecture_id": event.lecture_id}, by=event.by, at=event.at)


@handles(ReplayAsked)
def add_replay(event: ReplayAsked) -> None:
    """Until when the replay counts."""
    replay = find_replays([event.lecture_id]).get(event.lecture_id)
    if replay is not None and replay.counts_until is not None and replay.counts(event.at):
        event.counts_until.append(replay.counts_until)
