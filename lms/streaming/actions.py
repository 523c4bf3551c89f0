"""Beginning, stopping and deleting what is sent; noting what was packaged."""

from datetime import datetime, timedelta

from sqlalchemy import delete, func, select, update

from lms.catalogue.actions.history import record
from lms.catalogue.actions.lectures import locked_lecture
from lms.catalogue.actions.pauses import resume_lecture
from lms.catalogue.actions.states import start_lecture
from lms.catalogue.models import Lecture, LectureState
from lms.catalogue.queries.policies import find_pause
from lms.catalogue.rules import check_can_edit_lecture
from lms.core.base.errors import Refused
from lms.core.base.events import RecordingCompleted, publish
from lms.core.base.roles import SYSTEM, Actor
from lms.core.database.session import action, db
from lms.core.storage import files
from lms.core.storage.file_deletions import delete_after_commit
from lms.core.text.i18n import _
from lms.people.models import Person
from lms.streaming.chunk_store import check_chunk, count_chunks, last_received, store_chunk
from lms.streaming.media_probe import MediaInfo
from lms.streaming.models import Epoch, SourceFailure, SourceFile, Stream, StreamSession, StreamState, Track
from lms.streaming.queries import (
    bytes_sent,
    find_open_session,
    find_open_session_of,
    find_stream,
    get_session,
    list_epochs,
    list_sessions_with_old_chunks,
    may_send,
    packaged_ms,
)
from lms.streaming.rules import (
    MAX_FILE_NAME,
    SILENT_FOR,
    check_can_stream,
    check_is_of_a_lecture,
    check_is_time,
    check_takes_chunks,
    chunk_folder,
    chunk_key,
    stream_folder,
)

CHUNKS_KEPT = timedelta(days=1)
"""For so long chunks are kept after all of their session was packaged."""
REHEARSALS_KEPT = timedelta(days=1)


@action
def go_live(
    lecture_id: int, *, takes_over: bool = False, page: str | None = None, by: Actor, at: datetime
) -> StreamSession:
    """Starts a scheduled lecture, or goes on with a paused one, and begins to send it; see `begin_streaming`.

    Refused more than an hour before the planned start.
    """
    lecture = locked_lecture(lecture_id)
    check_can_edit_lecture(lecture, by)
    if lecture.state is LectureState.SCHEDULED:
        check_is_time(lecture, at)
        start_lecture(lecture_id, by=by, at=at)
    elif lecture.state is LectureState.LIVE:
        resume_lecture(lecture_id, by=by, at=at)
    return begin_streaming(lecture_id, Track.MAIN, takes_over=takes_over, page=page, by=by, at=at)


@action
def begin_streaming(
    lecture_id: int,
    track: Track,
    *,
    takes_over: bool = False,
    page: str | None = None,
    by: Actor,
    at: datetime,
) -> StreamSession:
    """Begins to send picture and sound of a lecture.

    Refused while another page sends, unless `takes_over`, or the same person began its session and did so from the same
    `page` or nothing of it arrived for ten seconds: the other session is then stopped. `page` is a random name that a
    browser's tab gives itself and keeps when it is loaded again; it is kept with the session. So a page goes on that
    never read the answer to its last call. Raises Forbidden and NotFound.
    """
    lecture = locked_lecture(lecture_id)
    check_can_edit_lecture(lecture, by)
    check_can_stream(lecture, track, is_paused=find_pause(lecture) is not None)
    assert by.person_id is not None
    stream = find_stream(lecture_id, track)
    if stream is None:
        stream = Stream(lecture_id=lecture_id, track=track)
        db.session.add(stream)
        db.session.flush()
    other = find_open_session(stream.id)
    if other is not None:
        if not takes_over and other.person_id == by.person_id:
            is_same_page = page is not None and other.page == page
            takes_over = is_same_page or at - last_received(other) >= SILENT_FOR
        if not takes_over and other.person_id != by.person_id:
            person = db.session.get_one(Person, other.person_id)
            raise Refused(_("%(name)s is sending this lecture from another computer.", name=person.full_name))
        if not takes_over:
            raise Refused(_("You are sending this lecture from another page."))
        other.stopped_at = at
        db.session.flush()
    stream.is_uploaded = False  # it is live from now on
    session = StreamSession(stream_id=stream.id, person_id=by.person_id, page=page, started_at=at)
    db.session.add(session)
    db.session.flush()
    record("begin_stream", lecture, by=by, at=at, track=track)
    return session


def receive_chunk(session_id: str, number: int, content: bytes, *, sha256: bytes, at: datetime) -> StreamSession:
    """Stores a chunk of a session, for who has its token.

    A sender who no longer has the role, or whose account is disabled, ends the session. Raises as
    `check_takes_chunks`, `check_is_of_a_lecture` and `store_chunk`.
    """
    session = get_session(session_id)
    check_takes_chunks(session, at)
    if not may_send(session, at=at):
        stop_streaming(session_id, chunk_count=None, at=at)
        raise Refused(_("You do not have permission to do this."))
    check_chunk(number, content, sha256=sha256)
    if not files.has(chunk_key(session, number)):
        _admit_chunk(session_id, number, len(content), known=count_chunks(session), at=at)
    store_chunk(session, number, content, sha256=sha256)
    db.session.rollback()
    session = get_session(session_id)
    check_takes_chunks(session, at)  # where the packager has gone on meanwhile, nobody reads the chunk
    return session


@action
def _admit_chunk(session_id: str, number: int, byte_count: int, *, known: int, at: datetime) -> None:
    query = select(StreamSession).where(StreamSession.public_id == session_id).with_for_update()
    session = db.session.scalars(query.execution_options(populate_existing=True)).one()
    sent_today = bytes_sent(session.person_id, since=at - timedelta(days=1))
    check_is_of_a_lecture(session, number, byte_count, known=known, sent_today=sent_today, at=at)
    session.byte_count += byte_count
    session.last_chunk = max(number, session.last_chunk or 0)


@action
def stop_streaming(session_id: str, *, chunk_count: int | None, at: datetime) -> StreamSession:
    """Stops a session, for who has its token; `chunk_count` says how many chunks it has, also of one that a pause or
    the end of the lecture stopped. Stopping again changes nothing."""
    session = get_session(session_id)
    session.stopped_at = session.stopped_at or at
    if session.chunk_count is None:
        session.chunk_count = chunk_count
    return session


@action
def end_streams(lecture_id: int, *, tracks: tuple[Track, ...] = tuple(Track), at: datetime) -> None:
    """Stops what is sent of a lecture, and lets its playlists be completed."""
    for stream in _streams_of(lecture_id, tracks):
        stream.state = StreamState.ENDED
        session = find_open_session(stream.id)
        if session is not None:
            session.stopped_at = at


@action
def stop_session(lecture_id: int, *, at: datetime) -> None:
    """Stops what is sent of a lecture that goes on later."""
    session = find_open_session_of(lecture_id)
    if session is not None:
        session.stopped_at = at


@action
def reopen_stream(lecture_id: int) -> None:
    """The lecture goes on: more can be sent."""
    for stream in _streams_of(lecture_id, (Track.MAIN,)):
        stream.state, stream.trim_until_ms, stream.length_ms = StreamState.OPEN, None, None


@action
def remove_streams(lecture_id: int) -> None:
    """Deletes all that was sent of a lecture."""
    for stream in _streams_of(lecture_id, tuple(Track)):
        _remove(stream)


@action
def remove_recording(lecture_id: int) -> None:
    """Deletes the recording of a lecture, also while it is packaged."""
    for stream in _streams_of(lecture_id, (Track.MAIN,)):
        _remove(stream)


@action
def add_source_file(
    lecture_id: int, public_id: str, file_name: str, byte_count: int, info: MediaInfo, *, by: Actor, at: datetime
) -> None:
    """Lets a file that was recorded elsewhere be packaged as the recording of a held lecture.

    The file is stored under `source_key` of the session `public_id`. Its time of day is that of the lecture's actual
    start. Raises Refused where there is a recording, or one is being packaged.
    """
    lecture = locked_lecture(lecture_id)
    check_can_edit_lecture(lecture, by)
    stream = check_takes_recording(lecture)
    assert lecture.actual_start is not None
    if stream is not None:
        _remove(stream)
        db.session.flush()
    stream = Stream(lecture_id=lecture_id, track=Track.MAIN, state=StreamState.ENDED, is_uploaded=True)
    db.session.add(stream)
    db.session.flush()
    session = StreamSession(
        public_id=public_id,
        stream_id=stream.id,
        person_id=by.person_id or 0,
        started_at=lecture.actual_start,
        stopped_at=at,
    )
    db.session.add(session)
    db.session.flush()
    db.session.add(
        SourceFile(
            session_id=session.id,
            file_name=file_name[-MAX_FILE_NAME:],
            byte_count=byte_count,
            length_ms=info.length_ms,
            has_video=info.has_video,
        )
    )
    record("upload_recording", lecture, by=by, at=at)


def check_takes_recording(lecture: Lecture) -> Stream | None:
    """Raises Refused unless a recording of the lecture can be uploaded; returns its stream that has none."""
    if lecture.state is not LectureState.HELD or lecture.actual_start is None:
        raise Refused(_("A recording can be uploaded once the lecture was held."))
    stream = find_stream(lecture.id, Track.MAIN)
    if stream is not None and (_is_being_packaged(stream) or packaged_ms(stream.id)):
        raise Refused(_("This lecture has a recording already. Remove it first to upload another one."))
    return stream


def _is_being_packaged(stream: Stream) -> bool:
    query = select(StreamSession.id).where(StreamSession.stream_id == stream.id, StreamSession.packaged_at.is_(None))
    return db.session.scalar(query) is not None


@action
def drop_old_rehearsals(*, at: datetime) -> None:
    """Deletes rehearsals that nobody has continued for a day."""
    newer = select(StreamSession.stream_id).where(StreamSession.started_at > at - REHEARSALS_KEPT)
    query = select(Stream).where(Stream.track == Track.REHEARSAL, Stream.id.not_in(newer))
    for stream in db.session.scalars(query).all():
        _remove(stream)


@action
def drop_old_chunks(*, at: datetime) -> None:
    """Deletes the chunks of sessions that were packaged whole a day ago."""
    for session in list_sessions_with_old_chunks(at - CHUNKS_KEPT):
        session.are_chunks_deleted = True
        delete_after_commit(chunk_folder(session), is_folder=True)


def _streams_of(lecture_id: int, tracks: tuple[Track, ...]) -> list[Stream]:
    query = select(Stream).where(Stream.lecture_id == lecture_id, Stream.track.in_(tracks))
    return list(db.session.scalars(query))


def _remove(stream: Stream) -> None:
    sessions = db.session.scalars(select(StreamSession).where(StreamSession.stream_id == stream.id)).all()
    for folder in (stream_folder(stream), *(chunk_folder(session) for session in sessions)):
        delete_after_commit(folder, is_folder=True)
    db.session.execute(delete(Stream).where(Stream.id == stream.id))


# What the packager notes


@action
def begin_epoch(session_id: int, *, start_ms: int, wall_ms: int, has_picture: bool = True) -> int:
    """Begins an epoch of a session; returns its id. Time of day never goes back from one epoch to the next.

    It counts as a failure of its session until something of it is packaged, so also where it ends the packager.
    """
    session = db.session.get_one(StreamSession, session_id)
    session.failures += 1
    epochs = list_epochs(session.stream_id)
    if epochs:
        wall_ms = max(wall_ms, epochs[-1].wall_ms + epochs[-1].length_ms)
    epoch = Epoch(
        stream_id=session.stream_id,
        session_id=session_id,
        number=epochs[-1].number + 1 if epochs else 1,
        start_ms=start_ms,
        wall_ms=wall_ms,
        durations={},
        has_picture=has_picture,
    )
    db.session.add(epoch)
    db.session.flush()
    return epoch.id


@action
def note_segments(epoch_id: int, durations: dict[str, list[int]]) -> None:
    """Notes which segments of an epoch are stored. Raises RuntimeError if another packager has closed the epoch."""
    epoch = db.session.get_one(Epoch, epoch_id, with_for_update=True)
    if not epoch.is_open:
        raise RuntimeError(f"epoch {epoch_id} was closed by another packager")
    epoch.durations = durations
    if epoch.length_ms:
        db.session.get_one(StreamSession, epoch.session_id).failures = 0


@action
def close_epoch(epoch_id: int, *, resumes_at: tuple[int, int] | None = None, is_failed: bool = False) -> None:
    """Ends an epoch. One without a segment is removed, unless it says where to continue after a gap.

    `resumes_at`: the first chunk after the gap at which it ended, and the byte of it. Segments that only some
    renditions have are left out, so that each of them is of the same length. `is_failed`: nothing
    stopped ffmpeg.
    """
    epoch = db.session.get_one(Epoch, epoch_id)
    if not is_failed:
        db.session.get_one(StreamSession, epoch.session_id).failures = 0
    count = len(epoch.shared_durations) if epoch.length_ms else 0
    if not count and resumes_at is None:
        db.session.delete(epoch)
        return
    epoch.durations = {name: durations[:count] for name, durations in epoch.durations.items()} if count else {}
    epoch.is_open = False
    epoch.resume_chunk, epoch.resume_offset = resumes_at or (None, None)


@action
def forgive_failure(session_id: int) -> None:
    """Takes back that a run counted as a failure of its session."""
    counted = update(StreamSession).where(StreamSession.id == session_id, StreamSession.failures > 0)
    db.session.execute(counted.values(failures=StreamSession.failures - 1))


@action
def note_packaged(session_id: int, *, is_unreadable: bool = False, at: datetime) -> None:
    """Notes that nothing more of a session will be packaged."""
    session = db.session.get_one(StreamSession, session_id)
    session.stopped_at = session.stopped_at or at
    session.packaged_at, session.is_unreadable = at, is_unreadable


@action
def note_source_packaged(session_id: int, *, failure: SourceFailure | None, at: datetime) -> None:
    """Notes that an uploaded file is packaged, or why it cannot be: then what was packaged of it is deleted."""
    session = db.session.get_one(StreamSession, session_id)
    session.packaged_at, session.is_unreadable = at, failure is not None
    db.session.get_one(SourceFile, session_id).failure = failure
    if failure is not None:
        db.session.execute(delete(Epoch).where(Epoch.session_id == session_id))
        delete_after_commit(stream_folder(session.stream), is_folder=True)


@action
def note_complete(stream_id: int, *, byte_count: int | None = None, at: datetime) -> bool:
    """Notes that the last playlists of a stream were written, unless its lecture was reopened meanwhile."""
    ended = update(Stream).where(Stream.id == stream_id, Stream.state == StreamState.ENDED)
    length_ms = packaged_ms(stream_id)
    changed = db.session.connection().execute(
        ended.values(
            state=StreamState.COMPLETE,
            length_ms=length_ms,
            byte_count=byte_count,
            available_at=func.coalesce(Stream.available_at, at),
        )
    )
    if changed.rowcount != 1:
        return False
    stream = db.session.get_one(Stream, stream_id, populate_existing=True)
    if stream.track is Track.MAIN and length_ms:
        publish(RecordingCompleted(lecture_id=stream.lecture_id, by=SYSTEM, at=at))
    return True
