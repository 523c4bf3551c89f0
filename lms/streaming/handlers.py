"""What streams do when lectures end, are reopened or deleted."""

from lms.core.base.events import (
    LectureDeleted,
    LectureEnded,
    LecturePaused,
    LectureReopened,
    LectureStarted,
    LectureStartUndone,
    StoredFilesAsked,
    handles,
)
from lms.core.base.settings import settings
from lms.streaming.actions import end_streams, remove_streams, reopen_stream, stop_session
from lms.streaming.models import Track
from lms.streaming.queries import stored_keys


@handles(LectureStarted)
def on_start(event: LectureStarted) -> None:
    """A rehearsal ends when the lecture starts."""
    end_streams(event.lecture_id, tracks=(Track.REHEARSAL,), at=event.at)


@handles(LecturePaused)
def on_pause(event: LecturePaused) -> None:
    """Nothing is sent in a pause, so that each epoch has its own time of day."""
    stop_session(event.lecture_id, at=event.at)


@handles(LectureEnded)
def on_end(event: LectureEnded) -> None:
    """Nothing more is sent, and the recording is completed."""
    end_streams(event.lecture_id, at=event.at)


@handles(LectureReopened)
def on_reopening(event: LectureReopened) -> None:
    """More can be sent."""
    reopen_stream(event.lecture_id)


@handles(LectureStartUndone)
def on_undone_start(event: LectureStartUndone) -> None:
    """What was sent since the mistaken start stays, and the next start continues it."""
    end_streams(event.lecture_id, at=event.at)
    reopen_stream(event.lecture_id)


@handles(LectureDeleted)
def on_deletion(event: LectureDeleted) -> None:
    """The streams of a lecture go with it."""
    remove_streams(event.lecture_id)


@handles(StoredFilesAsked)
def add_stored_files(event: StoredFilesAsked) -> None:
    """Playlists and segments must be there."""
    event.needed.update(stored_keys(settings().segment_seconds * 1000))
