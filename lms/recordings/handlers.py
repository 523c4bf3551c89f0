"""What recordings do when something happened below."""

from __future__ import annotations

from lms.core.events import RecordingCompleted, handles
from lms.core.jobs import request_job
from lms.recordings.actions import ANNOUNCE_JOB
from lms.recordings.rules import MAIL_AFTER


@handles(RecordingCompleted)
def on_complete(event: RecordingCompleted) -> None:
    """Announces the recording some minutes later, when attendance is counted and it may have been trimmed."""
    due_at = event.at + MAIL_AFTER
    request_job(ANNOUNCE_JOB, {"lecture_id": event.lecture_id}, by=event.by, at=event.at, due_at=due_at)
