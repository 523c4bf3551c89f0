"""Trims, chapters, keeps, removes and announces recordings."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from lms.attendance.notices import tell_recording
from lms.attendance.queries.sessions import awaiting_report
from lms.catalogue.actions.history import record
from lms.catalogue.actions.lectures import locked_lecture
from lms.catalogue.models import Lecture, LectureState
from lms.catalogue.queries.lectures import get_lecture
from lms.catalogue.rules import check_can_edit_lecture
from lms.core.background.jobs import Job, request_job
from lms.core.base.errors import Forbidden, Invalid, NotFound, Refused
from lms.core.base.roles import SYSTEM, Actor
from lms.core.base.settings import settings
from lms.core.database import audit
from lms.core.database.session import action, db, one_at_a_time
from lms.core.storage import files
from lms.core.storage.locks import holding
from lms.core.storage.programs import find_ffmpeg
from lms.core.text.i18n import _
from lms.core.time.durations import whole_minutes
from lms.mail.outbox import post_mails
from lms.people.mail_rows import mail_to
from lms.people.models import new_public_id
from lms.people.queries.persons import contact_of
from lms.recordings.caption_files import read_captions
from lms.recordings.queries import (
    DOWNLOAD_JOB,
    borders_of,
    find_download_job,
    find_recording_stream,
    get_ready_recording,
    is_made_up,
    is_running,
    list_caption_tracks,
    list_due_for_deletion,
    list_due_for_notice,
)
from lms.recordings.replays import find_replays
from lms.recordings.rules import (
    DOWNLOADS_KEPT,
    MAIL_WITHIN,
    MOST_CAPTION_LANGUAGES,
    deletion_at,
    read_chapters,
    read_trim,
)
from lms.streaming.actions import add_source_file, check_takes_recording, remove_recording
from lms.streaming.media_probe import probe
from lms.streaming.models import CaptionTrack, Stream
from lms.streaming.rules import LITTLE_DISK, source_key

ANNOUNCE_JOB = "announce_recording"
_PROBE_LOCK, _PROBE_SECONDS = "probing", 30
"""One uploaded file at a time is looked at on a machine; for so long another one waits."""


@action
def trim(lecture_id: int, start: str, end: str, *, is_short_accepted: bool = False, by: Actor, at: datetime) -> None:
    """Has the replay show a part of the recording, at whole segments; empty texts show it to its start or end.

    Raises Invalid (`start`, `end`; `is_short_accepted` where a replay that counts would show too little to go on
    counting, and that was not accepted), Forbidden and NotFound.
    """
    lecture, stream = _editable(lecture_id, by)
    before = find_replays([lecture_id]).get(lecture_id)
    stream.trim_from_ms, stream.trim_until_ms = read_trim(start, end, borders_of(stream))
    db.session.flush()
    replay = find_replays([lecture_id]).get(lecture_id)
    counted = before is not None and before.counts(at)
    if counted and replay is not None and replay.is_too_short and not is_short_accepted:
        raise Invalid("is_short_accepted", replay.short_words)
    record("trim_recording", lecture, by=by, at=at, start_ms=stream.trim_from_ms, end_ms=stream.trim_until_ms)


@action
def set_chapters(lecture_id: int, text: str, *, by: Actor, at: datetime) -> None:
    """Replaces the chapters by those of a text. Raises Invalid (`chapters`), Forbidden and NotFound."""
    lecture, stream = _editable(lecture_id, by)
    stream.chapters = read_chapters(text, borders_of(stream)[-1])
    record("edit_chapters", lecture, by=by, at=at, count=len(stream.chapters))


@action
def set_captions(
    lecture_id: int, language: str, content: bytes, *, are_of_replay: bool, by: Actor, at: datetime
) -> int:
    """Replaces the captions of a recording in one language by those of a file; returns how many there are.

    `are_of_replay`: times are those of what viewers see, and otherwise of the whole recording. Raises Invalid (`file`),
    Refused, Forbidden and NotFound.
    """
    lecture, stream = _editable(lecture_id, by)
    offset_ms = (stream.trim_from_ms or 0) if are_of_replay else 0
    cues = read_captions(content, offset_ms=offset_ms, length_ms=borders_of(stream)[-1])
    tracks = {track.language: track for track in list_caption_tracks(stream.id)}
    if language not in tracks and len(tracks) >= MOST_CAPTION_LANGUAGES:
        raise Refused(_("A recording has captions in at most %(n)s languages.", n=MOST_CAPTION_LANGUAGES))
    track = tracks.get(language) or CaptionTrack(stream_id=stream.id, language=language)
    track.cues, track.updated_at = [(cue.start_ms, cue.end_ms, cue.text) for cue in cues], at
    db.session.add(track)
    record("set_captions", lecture, by=by, at=at, language=language, count=len(cues))
    return len(cues)


@action
def remove_captions(lecture_id: int, language: str, *, by: Actor, at: datetime) -> None:
    """Removes the captions of a recording in one language. Raises Forbidden, and NotFound where it has none."""
    lecture, stream = _editable(lecture_id, by)
    track = next((track for track in list_caption_tracks(stream.id) if track.language == language), None)
    if track is None:
        raise NotFound
    db.session.delete(track)
    record("remove_captions", lecture, by=by, at=at, language=language)


@action
def remove(lecture_id: int, *, by: Actor, at: datetime) -> None:
    """Deletes the recording of a lecture. Attendance that was counted from it stays."""
    lecture = locked_lecture(lecture_id)
    check_can_edit_lecture(lecture, by)
    if lecture.state is LectureState.LIVE:
        raise Refused(_("The lecture is live. Its recording can be removed once it is over."))
    remove_recording(lecture_id)
    record("remove_recording", lecture, by=by, at=at)


@action
def keep(lecture_ids: Sequence[int], *, is_kept: bool, by: Actor, at: datetime) -> int:
    """Lets recordings be kept whatever their age, or no longer; returns how many changed. For administrators."""
    if not by.is_administrator:
        raise Forbidden
    changed = 0
    for lecture_id in lecture_ids:
        stream = find_recording_stream(lecture_id)
        if stream is not None and stream.is_kept != is_kept:
            stream.is_kept, stream.deletion_announced_at = is_kept, None  # so that lecturers get notice again
            audit.record("keep_recording", by=by, at=at, detail={"is_kept": is_kept}, lecture=lecture_id)
            changed += 1
    return changed


@action
def request_download(lecture_id: int, *, by: Actor, at: datetime) -> Job | None:
    """Has the file for download made; null where it is there. Returns the running task if there is one.

    Raises Refused without ffmpeg, Forbidden and NotFound.
    """
    recording = get_ready_recording(lecture_id, by=by, at=at)
    if find_ffmpeg() is None:
        raise Refused(_("The file cannot be made: ffmpeg is not installed on the server."))
    job = find_download_job(lecture_id, recording.fingerprint)
    if is_running(job):
        return job
    audit.record("download_recording", by=by, at=at, detail={}, lecture=lecture_id)
    return request_job(
        DOWNLOAD_JOB, {"lecture_id": lecture_id, "fingerprint": recording.fingerprint}, by=by, at=at, total=100
    )


def _editable(lecture_id: int, by: Actor) -> tuple[Lecture, Stream]:
    lecture = locked_lecture(lecture_id)
    check_can_edit_lecture(lecture, by)
    stream = find_recording_stream(lecture_id)
    if stream is None:
        raise NotFound
    return lecture, stream


# A recording made elsewhere


def check_disk(byte_count: int) -> None:
    """Raises Refused where a recording of this size and what is made of it would fill the disk."""
    if files.free_bytes_here() < 2 * byte_count + LITTLE_DISK:
        raise Refused(_("The server’s disk is nearly full. Ask its administrator to make room, then try again."))


def add_recording(lecture_id: int, key: str, file_name: str, *, by: Actor, at: datetime) -> str:
    """Takes a stored file as the recording of a held lecture, to be packaged; returns the public id of its session.

    The stored file stays where it is. Raises WrongKind and Invalid for what cannot be a recording, Refused, Forbidden,
    NotFound, and Busy while others are looked at.
    """
    program = find_ffmpeg()
    if program is None:
        raise Refused(_("Recordings cannot be uploaded: ffmpeg is not installed on the server."))
    check_takes_recording(get_lecture(lecture_id, by=by))  # before anything foreign is read
    public_id = new_public_id()
    with holding(_PROBE_LOCK, seconds=_PROBE_SECONDS), files.local_copy(key) as path:
        byte_count = path.stat().st_size
        check_disk(byte_count)
        info = probe(program, path, Path(file_name).name)
        files.store_path(source_key(public_id), path)
    try:
        add_source_file(lecture_id, public_id, file_name, byte_count, info, by=by, at=at)
    except BaseException:
        files.delete_folder(f"chunks/{public_id}")
        raise
    return public_id


# By the clock


@action
def announce(lecture_id: int, *, at: datetime) -> bool:
    """E-mails people who missed a lecture, or a part of it, that its recording is there, once a lecture.

    Returns False without an e-mail for a recording that was removed, of a lecture held long ago or of the
    demonstration, and while nobody knows who was in an outside meeting (`awaiting_report`).
    """
    lecture = locked_lecture(lecture_id)
    stream = find_recording_stream(lecture_id)
    is_there = stream is not None or lecture.recording_url
    if not is_there or lecture.state is not LectureState.HELD or lecture.actual_end is None:
        return False
    was_elsewhere = stream is None or stream.is_uploaded
    if lecture.actual_end < at - MAIL_WITHIN or (was_elsewhere and awaiting_report([lecture_id])):
        return False
    if stream is None:
        tell_recording(lecture, at=at)
        return True
    if is_made_up(stream.id):
        return False
    replay = find_replays([lecture_id]).get(lecture_id)
    is_counted = replay is not None and replay.counts(at)
    tell_recording(
        lecture, in_room=True, counts_until=replay.counts_until if replay is not None and is_counted else None, at=at
    )
    return True


def announce_deletions(*, at: datetime) -> None:
    """E-mails lecturers two weeks before their recordings are deleted."""
    if settings().recordings_kept and list_due_for_notice(at):
        _announce_deletions(at=at)


@action
def _announce_deletions(*, at: datetime) -> None:
    one_at_a_time("recordings by the clock")  # or two workers would both announce them
    for stream, lecture in list_due_for_notice(at):
        stream.deletion_announced_at = at
        moment = deletion_at(lecture.actual_end, settings().recordings_kept, is_kept=False, announced_at=at, at=at)
        assert moment is not None
        payload = {
            "title": lecture.title,
            "lecture_id": lecture.id,
            "minutes": whole_minutes(borders_of(stream)[-1]),
            "deletes_at": moment.isoformat(),
        }
        contacts = contact_of([person.id for person in lecture.instructors])
        post_mails(
            [
                mail_to(
                    person_id,
                    contact,
                    "recording_deletion",
                    payload,
                    dedupe_key=f"recording_deletion-{stream.public_id}-{at.isoformat()}-{person_id}",
                    expires_at=moment,
                    at=at,
                )
                for person_id, contact in contacts.items()
                if contact.address
            ]
        )


def delete_old_recordings(*, at: datetime) -> None:
    """Deletes recordings whose time is over."""
    if settings().recordings_kept and list_due_for_deletion(at):
        _delete_old_recordings(at=at)


@action
def _delete_old_recordings(*, at: datetime) -> None:
    one_at_a_time("recordings by the clock")
    for _stream, lecture in list_due_for_deletion(at):
        remove_recording(lecture.id)
        record("delete_recording", lecture, by=SYSTEM, at=at)


def drop_old_downloads(*, at: datetime) -> None:
    """Deletes files for download that were made a day ago."""
    files.delete_older("downloads", before=at - DOWNLOADS_KEPT)
