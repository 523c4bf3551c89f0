"""Reads of recordings, for staff."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import contains_eager

from lms.catalogue.models import Lecture, LectureState, Series
from lms.catalogue.queries.lectures import get_lecture
from lms.catalogue.rules import may_edit_lecture
from lms.core.background.jobs import Job, JobState
from lms.core.base.errors import Forbidden, NotFound
from lms.core.base.lists import ListRequest
from lms.core.base.roles import Actor
from lms.core.base.settings import settings
from lms.core.database.search import is_in_any, search_phrases
from lms.core.database.session import db
from lms.core.storage import files
from lms.core.text.translations import Translations, every_text, reading_key
from lms.enrolment.outdated_mails import outdated
from lms.mail.outbox import OutboxMail
from lms.recordings.caption_files import Cue, clipped
from lms.recordings.rules import NOTICE, deletion_at, has_notice
from lms.streaming.models import CaptionTrack, SourceFile, Stream, StreamSession, StreamState, Track
from lms.streaming.playlists import RecordingPart, segment_borders
from lms.streaming.queries import (
    complete_ms,
    find_open_session,
    find_recordings,
    find_stream,
    list_epochs,
    packaged_ms,
    shown_parts,
)
from lms.streaming.rules import LITTLE_DISK, media_folder

DOWNLOAD_JOB = "make_recording_file"


class RecordingState(StrEnum):
    """`none`: there is none. `live`: the lecture goes on. `packaging`: it is made ready. `failed`: an uploaded file
    could not be packaged. `ready`: it can be watched."""

    NONE = "none"
    LIVE = "live"
    PACKAGING = "packaging"
    FAILED = "failed"
    READY = "ready"


@dataclass(frozen=True)
class RecordingView:
    """The recording of a lecture as its staff see it. Lengths are in milliseconds; `shown_ms` is that of the replay.

    `packaged_ms`: so much of it is packaged. `source`: the file that it was uploaded as.
    """

    lecture: Lecture
    state: RecordingState
    at: datetime
    stream: Stream | None = None
    source: SourceFile | None = None
    length_ms: int = 0
    shown_ms: int = 0
    packaged_ms: int = 0
    waits_for_disk: bool = False
    fingerprint: str = ""

    @property
    def deletes_at(self) -> datetime | None:
        """When it is deleted; null for never."""
        return _deletion_of(self.stream, self.lecture, self.at) if self.stream is not None else None

    @property
    def download_size(self) -> int:
        """Size of the file for download; 0 while it is not prepared."""
        return files.size_of(download_key(self.stream, self.fingerprint)) if self.stream is not None else 0

    @property
    def folder(self) -> str | None:
        """The folder of the addresses of the whole recording."""
        return media_folder(self.stream, for_staff=True) if self.stream is not None else None


def get_recording(lecture_id: int, *, by: Actor, at: datetime) -> RecordingView:
    """The recording of a lecture, to its staff. Raises NotFound and Forbidden."""
    lecture = get_lecture(lecture_id, by=by)
    if not may_edit_lecture(lecture, by):
        raise Forbidden
    stream = find_stream(lecture_id, Track.MAIN)
    if lecture.state is LectureState.LIVE:
        return RecordingView(lecture, RecordingState.LIVE, at)
    if stream is None:
        return RecordingView(lecture, RecordingState.NONE, at)
    source = _source_of(stream)
    length_ms = packaged_ms(stream.id)
    if source is not None and source.failure is not None:
        return RecordingView(lecture, RecordingState.FAILED, at, stream, source)
    if stream.state is StreamState.ENDED or find_open_session(stream.id) is not None:
        is_full = source is not None and files.free_bytes_here() < LITTLE_DISK
        return RecordingView(
            lecture, RecordingState.PACKAGING, at, stream, source, packaged_ms=length_ms, waits_for_disk=is_full
        )
    if stream.state is not StreamState.COMPLETE or not length_ms:
        return RecordingView(lecture, RecordingState.NONE, at)
    parts = shown_parts(stream)
    return RecordingView(
        lecture,
        RecordingState.READY,
        at,
        stream,
        source,
        length_ms=length_ms,
        shown_ms=sum(part.length_ms for part in parts),
        packaged_ms=length_ms,
        fingerprint=_fingerprint(lecture, stream, parts),
    )


def get_ready_recording(lecture_id: int, *, by: Actor, at: datetime) -> RecordingView:
    """A recording that can be watched, to the lecture's staff. Raises NotFound and Forbidden."""
    recording = get_recording(lecture_id, by=by, at=at)
    if recording.state is not RecordingState.READY:
        raise NotFound
    return recording


def find_recording_stream(lecture_id: int) -> Stream | None:
    """The stream of a lecture whose recording is complete; null if there is none. Its callers check who asks."""
    stream = find_stream(lecture_id, Track.MAIN)
    is_complete = stream is not None and stream.state is StreamState.COMPLETE
    return stream if is_complete and stream is not None and complete_ms(stream.id, stream.length_ms) else None


def is_accepted(session_id: str) -> bool:
    """Whether an uploaded recording is there, packaged or being packaged, by the public id of its session."""
    query = select(StreamSession.id).where(StreamSession.public_id == session_id, ~StreamSession.is_unreadable)
    return db.session.scalar(query) is not None


def is_made_up(stream_id: int) -> bool:
    """Whether nobody sent or uploaded a recording: the demonstration made it."""
    return not db.session.scalar(select(func.max(StreamSession.person_id)).where(StreamSession.stream_id == stream_id))


def borders_of(stream: Stream) -> list[int]:
    """The moments at which a recording can be cut."""
    return segment_borders(list_epochs(stream.id))


def _source_of(stream: Stream) -> SourceFile | None:
    query = select(SourceFile).join(StreamSession, StreamSession.id == SourceFile.session_id)
    return db.session.scalar(query.where(StreamSession.stream_id == stream.id).order_by(StreamSession.id.desc()))


def _fingerprint(lecture: Lecture, stream: Stream, parts: Sequence[RecordingPart]) -> str:
    """Returns what the file for download depends on."""
    shown = [(part.epoch, part.segments.start, part.segments.stop) for part in parts]
    content = json.dumps([shown, stream.chapters, lecture.title])
    return hashlib.sha256(content.encode()).hexdigest()[:16]


# Captions


def list_caption_tracks(stream_id: int) -> Sequence[CaptionTrack]:
    """The captions of a recording by language. Its callers check who asks."""
    query = select(CaptionTrack).where(CaptionTrack.stream_id == stream_id)
    return db.session.scalars(query.order_by(CaptionTrack.language)).all()


def caption_languages(lecture_id: int) -> list[str]:
    """The languages in which the replay of a lecture has captions. Its callers check who asks."""
    stream = find_recording_stream(lecture_id)
    if stream is None:
        return []
    query = select(CaptionTrack.language).where(CaptionTrack.stream_id == stream.id)
    return list(db.session.scalars(query.order_by(CaptionTrack.language)))


def replay_captions(lecture_id: int, language: str) -> list[Cue]:
    """The captions of a replay in a language, in its time; NotFound where it has none. Its callers check who asks."""
    stream = find_recording_stream(lecture_id)
    if stream is None:
        raise NotFound
    query = select(CaptionTrack.cues).where(CaptionTrack.stream_id == stream.id, CaptionTrack.language == language)
    cues = db.session.scalar(query)
    if cues is None:
        raise NotFound
    end_ms = stream.trim_until_ms or borders_of(stream)[-1]
    return clipped([Cue(*cue) for cue in cues], stream.trim_from_ms or 0, end_ms)


# Downloads


def download_key(stream: Stream, fingerprint: str) -> str:
    """Where the file for download is (`core.storage.files`)."""
    return f"downloads/{stream.public_id}-{fingerprint}.mp4"


def find_download_job(lecture_id: int, fingerprint: str) -> Job | None:
    """The latest task that makes the file of a recording as it is now; null if nobody asked for it."""
    query = select(Job).where(Job.kind == DOWNLOAD_JOB).order_by(Job.id.desc()).limit(200)
    arguments = {"lecture_id": lecture_id, "fingerprint": fingerprint}
    return next((job for job in db.session.scalars(query) if job.arguments == arguments), None)


def is_running(job: Job | None) -> bool:
    """Whether a task waits or runs."""
    return job is not None and job.state in (JobState.QUEUED, JobState.RUNNING)


def outdated_mails(mails: Sequence[OutboxMail]) -> set[int]:
    """Which e-mails about recordings are no longer true: also those about a recording that was removed."""
    of_rooms = [mail for mail in mails if mail.payload.get("in_room")]
    recorded = find_recordings({int(mail.payload["lecture_id"]) for mail in of_rooms})
    return outdated(mails) | {mail.id for mail in of_rooms if mail.payload["lecture_id"] not in recorded}


# All recordings


@dataclass(frozen=True)
class RecordingRow:
    """A recording in the list of all."""

    id: int
    title: str
    language: str
    text_language: str | None
    translations: Translations
    series: Series
    ended_at: datetime
    length_ms: int
    size: int
    is_kept: bool
    deletes_at: datetime | None

    @property
    def minutes(self) -> int:
        """The length in whole minutes."""
        return self.length_ms // 60_000


def list_recordings(request: ListRequest, *, by: Actor, at: datetime) -> tuple[Sequence[RecordingRow], dict[str, int]]:
    """All recordings that a filter has, in its order, and how many there are of each kind. For administrators."""
    if not by.is_administrator:
        raise Forbidden
    rows = [_row_of(stream, lecture, length_ms, at) for stream, lecture, length_ms in _complete()]
    phrases = search_phrases(request.q)
    rows = [row for row in rows if is_in_any(phrases, [*every_text(row), *every_text(row.series)])]
    counts = {"": len(rows), **{name: sum(map(belongs, rows)) for name, belongs in KINDS.items()}}
    kind = request.filters.get("kind", "")
    chosen = [row for row in rows if not kind or KINDS[kind](row)]
    chosen.sort(key=lambda row: row.id)
    chosen.sort(key=_ORDERS.get(request.sort, _ORDERS["deletes"]), reverse=request.descending)
    return chosen, counts


KINDS: dict[str, Callable[[RecordingRow], bool]] = {
    "going": lambda row: row.deletes_at is not None,
    "kept": lambda row: row.is_kept,
}
_ORDERS: dict[str, Callable[[RecordingRow], Any]] = {
    "title": reading_key,
    "series": lambda row: reading_key(row.series),
    "ended": lambda row: row.ended_at,
    "length": lambda row: row.length_ms,
    "size": lambda row: row.size,
    "deletes": lambda row: (row.deletes_at is None, row.deletes_at or row.ended_at),
}


def _complete() -> list[tuple[Stream, Lecture, int]]:
    query = (
        select(Stream, Lecture)
        .join(Lecture, Lecture.id == Stream.lecture_id)
        .join(Lecture.series)
        .options(contains_eager(Lecture.series))
        .where(Stream.track == Track.MAIN, Stream.state == StreamState.COMPLETE, Lecture.state == LectureState.HELD)
    )
    rows = [
        (stream, lecture, complete_ms(stream.id, stream.length_ms)) for stream, lecture in db.session.execute(query)
    ]
    return [row for row in rows if row[2]]


def find_deletion(lecture: Lecture, at: datetime) -> datetime | None:
    """When the recording of a lecture is deleted; null for never, and where there is none."""
    stream = find_recording_stream(lecture.id) if settings().recordings_kept else None
    return _deletion_of(stream, lecture, at) if stream is not None else None


def _row_of(stream: Stream, lecture: Lecture, length_ms: int, at: datetime) -> RecordingRow:
    assert lecture.actual_end is not None
    return RecordingRow(
        id=lecture.id,
        title=lecture.title,
        language=lecture.language,
        text_language=lecture.text_language,
        translations=lecture.translations,
        series=lecture.series,
        ended_at=lecture.actual_end,
        length_ms=length_ms,
        size=stream.byte_count or 0,
        is_kept=stream.is_kept,
        deletes_at=_deletion_of(stream, lecture, at),
    )


def _deletion_of(stream: Stream, lecture: Lecture, at: datetime) -> datetime | None:
    return deletion_at(
        lecture.actual_end,
        settings().recordings_kept,
        is_kept=stream.is_kept,
        announced_at=stream.deletion_announced_at,
        at=at,
    )


def measure_recordings(*, at: datetime) -> tuple[int, int, int]:
    """How many recordings there are, their size in bytes, and how many are deleted within the time of notice."""
    rows = [_row_of(stream, lecture, length_ms, at) for stream, lecture, length_ms in _complete()]
    going = sum(row.deletes_at is not None and row.deletes_at <= at + NOTICE for row in rows)
    return len(rows), sum(row.size for row in rows), going


def list_due_for_notice(at: datetime) -> list[tuple[Stream, Lecture]]:
    """Recordings whose lecturers are to be told now that they will be deleted."""
    soon = at + NOTICE - timedelta(days=settings().recordings_kept)
    return [
        (stream, lecture)
        for stream, lecture in _with_age(soon)
        if not stream.is_kept and not _has_notice(stream, lecture) and complete_ms(stream.id, stream.length_ms)
    ]


def list_due_for_deletion(at: datetime) -> list[tuple[Stream, Lecture]]:
    """Recordings whose time is over."""
    rows = _with_age(at - timedelta(days=settings().recordings_kept))
    return [
        (stream, lecture)
        for stream, lecture in rows
        if _has_notice(stream, lecture) and (moment := _deletion_of(stream, lecture, at)) is not None and moment <= at
    ]


def _has_notice(stream: Stream, lecture: Lecture) -> bool:
    assert lecture.actual_end is not None
    return has_notice(lecture.actual_end, settings().recordings_kept, stream.deletion_announced_at)


def _with_age(ended_before: datetime) -> list[tuple[Stream, Lecture]]:
    query = (
        select(Stream, Lecture)
        .join(Lecture, Lecture.id == Stream.lecture_id)
        .where(Stream.track == Track.MAIN, Stream.state == StreamState.COMPLETE, Lecture.state == LectureState.HELD)
        .where(Lecture.actual_end <= ended_before)
    )
    return [(stream, lecture) for stream, lecture in db.session.execute(query)]
