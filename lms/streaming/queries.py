"""Reads of streams."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import pairwise

from sqlalchemy import func, or_, select
from sqlalchemy.orm import contains_eager

from lms.catalogue.models import Lecture
from lms.catalogue.queries.policies import list_pauses
from lms.catalogue.rules import may_edit_lecture
from lms.core.base.errors import NotFound
from lms.core.base.settings import settings
from lms.core.database.session import db, read
from lms.core.time.clock import to_ms
from lms.people.queries.access import load_actor
from lms.streaming.encoder import THIN
from lms.streaming.models import Epoch, SourceFile, Stream, StreamSession, StreamState, Track
from lms.streaming.playlists import RecordingPart, parts_of, playlists_of, trimmed_playlist
from lms.streaming.rules import LATE_SEGMENTS_MS, MOST_MS, initial_key, media_folder, segment_key, stream_folder

_ALWAYS_MS = 2**62
"""A time of day that never comes."""


def find_stream(lecture_id: int, track: Track) -> Stream | None:
    """The stream of a lecture; null if nothing was sent yet."""
    query = select(Stream).where(Stream.lecture_id == lecture_id, Stream.track == track)
    return db.session.scalars(query).first()


def find_open_session(stream_id: int) -> StreamSession | None:
    """The session that is being sent; null if none is."""
    query = select(StreamSession).where(StreamSession.stream_id == stream_id, StreamSession.stopped_at.is_(None))
    return db.session.scalars(query).first()


def find_open_session_of(lecture_id: int) -> StreamSession | None:
    """The session in which a lecture is sent; null if none is. Its callers check who they are."""
    stream = find_stream(lecture_id, Track.MAIN)
    return find_open_session(stream.id) if stream is not None else None


def get_session(public_id: str) -> StreamSession:
    """A session, for who has its token."""
    query = select(StreamSession).join(StreamSession.stream).where(StreamSession.public_id == public_id)
    session = db.session.scalars(query.options(contains_eager(StreamSession.stream))).first()
    if session is None:
        raise NotFound
    return session


def may_send(session: StreamSession, *, at: datetime) -> bool:
    """Whether the person who began a session may still give its lecture."""
    sender = load_actor(session.person_id, at)
    lecture = db.session.get_one(Lecture, session.stream.lecture_id)
    return sender is not None and may_edit_lecture(lecture, sender)


def bytes_sent(person_id: int, *, since: datetime) -> int:
    """How much a person has sent in sessions that began since a moment."""
    query = select(func.sum(StreamSession.byte_count)).where(
        StreamSession.person_id == person_id, StreamSession.started_at > since
    )
    return int(db.session.scalar(query) or 0)


class OnAir(StrEnum):
    """Whether picture and sound of a lecture come: not yet or no longer, now, or not for the moment."""

    OFF = "off"
    ON = "on"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True)
class StreamStatus:
    """The stream of a lecture as its viewers see it. `folder`: that of its addresses (`media_folder`), null while
    nothing can be played. `has_small`: whether there is a small picture for thin lines."""

    on_air: OnAir
    folder: str | None
    has_video: bool
    is_complete: bool
    is_trimmed: bool = False
    has_small: bool = False


def is_published(stream: Stream) -> bool:
    """Whether viewers can play what is packaged of a stream. An uploaded recording is published as a whole."""
    return not stream.is_uploaded or stream.state is StreamState.COMPLETE


def stream_status(lecture_id: int, *, at: datetime) -> StreamStatus:
    """Returns what viewers of a lecture can play. Its callers check who they are.

    It is interrupted too where what was packaged last is older than usual, as after a failure of the packager.
    """
    stream = find_stream(lecture_id, Track.MAIN)
    query = select(Epoch).where(Epoch.stream_id == (stream.id if stream else None)).order_by(Epoch.number.desc())
    last = [row for row in db.session.scalars(query.limit(3)) if row.durations]
    epoch = last[0] if last else None
    if stream is None or epoch is None or not is_published(stream):
        return StreamStatus(OnAir.OFF, None, has_video=False, is_complete=False)
    is_sent = find_open_session(stream.id) is not None
    is_current = epoch.is_open and to_ms(at) - epoch.wall_ms - epoch.length_ms < LATE_SEGMENTS_MS
    on_air = OnAir.OFF if not is_sent else OnAir.ON if is_current else OnAir.INTERRUPTED
    is_complete = stream.state is StreamState.COMPLETE
    return StreamStatus(
        on_air,
        media_folder(stream),
        epoch.has_picture,
        is_complete,
        is_complete and stream.is_trimmed,
        has_small=any(THIN in row.durations for row in last),
    )


def list_streams_to_package() -> Sequence[tuple[int, bool]]:
    """Streams with a session that is not packaged whole, and those whose last playlists are to be written: their ids,
    and whether they are uploads, which come last."""
    unpackaged = select(StreamSession.stream_id).where(StreamSession.packaged_at.is_(None))
    query = select(Stream.id, Stream.is_uploaded).where(
        or_(Stream.id.in_(unpackaged), Stream.state == StreamState.ENDED)
    )
    return [(row.id, row.is_uploaded) for row in read(query.order_by(Stream.is_uploaded, Stream.id))]


def next_session_to_package(stream_id: int) -> StreamSession | None:
    """The oldest session of a stream that is not packaged whole."""
    query = select(StreamSession).where(StreamSession.stream_id == stream_id, StreamSession.packaged_at.is_(None))
    return db.session.scalars(query.order_by(StreamSession.id).limit(1)).first()


def find_next_session(session: StreamSession) -> StreamSession | None:
    """The session that follows another one of the same stream; null for the last."""
    query = select(StreamSession).where(StreamSession.stream_id == session.stream_id, StreamSession.id > session.id)
    return db.session.scalars(query.order_by(StreamSession.id).limit(1)).first()


def list_epochs(stream_id: int) -> Sequence[Epoch]:
    """The epochs of a stream in order."""
    return db.session.scalars(select(Epoch).where(Epoch.stream_id == stream_id).order_by(Epoch.number)).all()


@dataclass(frozen=True)
class ReplayPart:
    """A part of a replay without a break: where it begins in the replay, its time of day and its length, in
    milliseconds."""

    position_ms: int
    wall_ms: int
    length_ms: int


def replay_parts(lecture_id: int) -> list[ReplayPart]:
    """The parts of the replay of a lecture in order; none while nothing is packaged. Its callers check who asks.

    What was sent has the time of day at which it was sent. What was uploaded is laid from the lecture's actual start on
    through the time in which it was not paused, as these times are now.
    """
    stream = find_stream(lecture_id, Track.MAIN)
    if stream is None or not is_published(stream):
        return []
    parts = [ReplayPart(part.position_ms, part.wall_ms, part.length_ms) for part in shown_parts(stream)]
    return _laid_around_pauses(stream, parts) if stream.is_uploaded else parts


def _laid_around_pauses(stream: Stream, parts: Sequence[ReplayPart]) -> list[ReplayPart]:
    lecture = db.session.get_one(Lecture, stream.lecture_id)
    begun = db.session.scalar(select(func.min(StreamSession.started_at)).where(StreamSession.stream_id == stream.id))
    if lecture.actual_start is None or begun is None:
        return list(parts)
    start_ms = to_ms(lecture.actual_start)
    pauses = [(max(first, start_ms), last) for first, last in list_pauses(lecture) if last is not None]
    laid = []
    for part in parts:
        at_ms = part.wall_ms - to_ms(begun) + start_ms
        end_ms, shift_ms = at_ms + part.length_ms, 0
        for first, last in [*pauses, (_ALWAYS_MS, _ALWAYS_MS)]:
            until_ms = min(end_ms, first - shift_ms)
            if until_ms > at_ms:
                position_ms = part.position_ms + part.length_ms - (end_ms - at_ms)
                laid.append(ReplayPart(position_ms, at_ms + shift_ms, until_ms - at_ms))
                at_ms = until_ms
            shift_ms += max(last - first, 0)
    return laid


def shown_parts(stream: Stream) -> list[RecordingPart]:
    """What the replay of a stream shows, in order."""
    return parts_of(list_epochs(stream.id), from_ms=stream.trim_from_ms, until_ms=stream.trim_until_ms)


def get_trimmed_playlist(lecture_id: int, stream_id: str, rendition: str) -> str:
    """A playlist of a trimmed replay, for who has its signed address. Raises NotFound."""
    stream = find_stream(lecture_id, Track.MAIN)
    if stream is None or stream.public_id != stream_id or stream.state is not StreamState.COMPLETE:
        raise NotFound
    segment_ms = settings().segment_seconds * 1000
    return trimmed_playlist(list_epochs(stream.id), shown_parts(stream), rendition, segment_ms=segment_ms)


def is_shown(stream_id: str, name: str) -> bool:
    """Whether viewers get a file of a stream: of a trimmed replay only what it shows, and no playlist of the whole."""
    stream = db.session.scalars(select(Stream).where(Stream.public_id == stream_id)).first()
    if stream is None:
        return False
    if stream.state is not StreamState.COMPLETE or not stream.is_trimmed:
        return True
    epoch, _slash, file_name = name.rpartition("/")
    number = file_name[1:].removesuffix(".m4s")
    return any(
        str(part.epoch) == epoch and (not number.isdecimal() or int(number) in part.segments)
        for part in shown_parts(stream)
    )


@dataclass(frozen=True)
class Chapter:
    """A moment of the replay with a title."""

    position_ms: int
    title: str


def list_chapters(lecture_id: int) -> list[Chapter]:
    """The chapters of a replay in order; those in what was trimmed are left out. Its callers check who asks."""
    stream = find_stream(lecture_id, Track.MAIN)
    if stream is None or not is_published(stream):
        return []
    start_ms = stream.trim_from_ms or 0
    return [
        Chapter(max(position_ms - start_ms, 0), title)
        for (position_ms, title), (next_ms, _title) in pairwise([*stream.chapters, (MOST_MS, "")])
        if next_ms > start_ms and position_ms < (stream.trim_until_ms or MOST_MS)
    ]


def find_source_file(session_id: int) -> SourceFile | None:
    """The uploaded file that a session consists of; null where it was sent in chunks."""
    return db.session.get(SourceFile, session_id)


def find_recordings(lecture_ids: Collection[int]) -> dict[int, datetime | None]:
    """Which of these lectures have a recording that is complete, and since when. Its callers check who asks."""
    if not lecture_ids:
        return {}
    query = select(Stream.lecture_id, Stream.available_at, Stream.id, Stream.length_ms).where(
        Stream.lecture_id.in_(lecture_ids), Stream.track == Track.MAIN, Stream.state == StreamState.COMPLETE
    )
    return {row.lecture_id: row.available_at for row in read(query) if complete_ms(row.id, row.length_ms)}


def complete_ms(stream_id: int, noted_ms: int | None) -> int:
    """How long a complete recording is, as it was noted or, of one that an earlier version completed, added up."""
    return noted_ms if noted_ms is not None else packaged_ms(stream_id)


def packaged_ms(stream_id: int) -> int:
    """How much of a stream is packaged. An epoch that ended at a gap can be empty."""
    return sum(epoch.length_ms for epoch in list_epochs(stream_id))


def list_sessions_with_old_chunks(before: datetime) -> Sequence[StreamSession]:
    """Sessions that were packaged whole before a moment and still have their chunks."""
    query = select(StreamSession).where(StreamSession.packaged_at < before, StreamSession.are_chunks_deleted.is_(False))
    return db.session.scalars(query).all()


def stored_keys(segment_ms: int) -> Iterator[str]:
    """The files of all streams: playlists and segments."""
    for stream in db.session.scalars(select(Stream).order_by(Stream.id)).all():
        epochs = list_epochs(stream.id)
        for name in playlists_of(epochs, is_complete=False, segment_ms=segment_ms):
            yield f"{stream_folder(stream)}/{name}"
        for epoch in epochs:
            for rendition, durations in epoch.durations.items():
                yield initial_key(stream, epoch, rendition)
                yield from (segment_key(stream, epoch, rendition, number) for number in range(len(durations)))
