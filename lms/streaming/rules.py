"""Limits of streams, and where their files are."""

from datetime import datetime, timedelta

from lms.catalogue.models import Lecture, LectureState
from lms.catalogue.state_changes import is_early_start
from lms.core.base.errors import Invalid, Refused
from lms.core.text.i18n import _
from lms.streaming.models import Epoch, SourceFailure, Stream, StreamSession, Track

MAX_CHUNK = 2 * 1024 * 1024
"""Bytes of a chunk. A browser sends one each second, of 0.1 MB."""
MAX_CHUNKS = 50_000
"""Chunks of a session: 13 hours."""
MOST_AHEAD = 60
"""So much higher than the highest number that came the number of a chunk can be."""
BYTES_A_SECOND, BURST_BYTES = 1_000_000, 60_000_000
"""So much a session takes each second since it began, and above that in all."""
BYTES_A_DAY = 20_000_000_000
"""What a person can send within a day: some 20 times what lectures of 13 hours have."""
RETRY_SECONDS = 3600
"""After so long somebody tries again who has sent that."""
MAX_FILE_NAME = 300
MOST_MS = MAX_CHUNKS * 1000
"""No recording is longer: 13 hours."""
_LEAST_SHARE, _SLACK_MS = 0.98, 2000
"""Of a file that states its length so much has to be there."""
LATE_CHUNKS = timedelta(minutes=1)
"""So long after the end of a session what was recorded before it can arrive."""
SILENT_FOR = timedelta(seconds=10)
"""Who sent a lecture and comes back continues without a question where nothing arrived for this time."""
LATE_SEGMENTS_MS = 20_000
"""So long after it was recorded the newest segment shows that viewers get no more. Usual are five seconds."""
LITTLE_DISK, NO_DISK = 2_000_000_000, 300_000_000
"""Bytes free: below the first, only sound is packaged; below the second, no chunk is stored."""
FOR_STAFF = ".all"
"""What the folder ends with in which nothing is left out of a replay."""
PLAYLIST_TYPE, SEGMENT_TYPE = "application/vnd.apple.mpegurl", "video/mp4"


def clock_time(ms: int) -> str:
    """A position or a length as players show it: 1:02:30."""
    seconds = ms // 1000
    return f"{seconds // 3600}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"


def failure_of(stated_ms: int | None, packaged_ms: int, *, is_whole: bool) -> SourceFailure | None:
    """Why an uploaded file is refused of which so much was packaged; null if it is accepted."""
    if not packaged_ms or (stated_ms is None and not is_whole):
        return SourceFailure.UNREADABLE
    if stated_ms is not None and packaged_ms < stated_ms * _LEAST_SHARE - _SLACK_MS:
        return SourceFailure.ENDS_EARLY
    return None


class TooFast(Refused):
    """More was sent than a lecture has (429); `seconds` until more is taken."""

    status = 429

    def __init__(self, seconds: int) -> None:
        super().__init__(_("Wait a moment and try again."))
        self.seconds = seconds


def check_is_of_a_lecture(
    session: StreamSession, number: int, byte_count: int, *, known: int, sent_today: int, at: datetime
) -> None:
    """Raises TooFast and Invalid for a chunk that is more than a recorder sends.

    `known`: how many chunks there are without a gap. `sent_today`: bytes that the person sent within a day.
    """
    most = max(session.last_chunk or 0, known - 1) + MOST_AHEAD
    if number > most:
        raise Invalid("number", _("Use a number from 0 to %(last)s.", last=most))
    seconds = max((at - session.started_at).total_seconds(), 0)
    over = session.byte_count + byte_count - BURST_BYTES - int(seconds * BYTES_A_SECOND)
    if over > 0:
        raise TooFast(-(-over // BYTES_A_SECOND))
    if sent_today + byte_count > BYTES_A_DAY:
        raise TooFast(RETRY_SECONDS)


def check_can_stream(lecture: Lecture, track: Track, *, is_paused: bool = False) -> None:
    """Raises Refused unless the lecture can be sent now: live and not paused, or for a rehearsal not yet over."""
    if lecture.state in (LectureState.HELD, LectureState.CANCELLED):
        raise Refused(_("This lecture is over."))
    if track is Track.MAIN and lecture.state is not LectureState.LIVE:
        raise Refused(_("Start the lecture first."))
    if track is Track.MAIN and is_paused:
        raise Refused(_("The lecture is paused. Continue it first."))


def check_is_time(lecture: Lecture, at: datetime) -> None:
    """Raises Refused more than an hour before the planned start."""
    if is_early_start(lecture, at):
        raise Refused(_("You can go live from one hour before the planned start. Until then, rehearse."))


def check_takes_chunks(session: StreamSession, at: datetime) -> None:
    """Raises Refused for a session that ended more than a minute ago, or of which nothing more is packaged."""
    if session.packaged_at is not None or is_too_late(session, at):
        raise Refused(_("This lecture is now sent from another page, or it is over."))


def is_too_late(session: StreamSession, at: datetime) -> bool:
    """Whether the time is over in which what was recorded before the end of a session can arrive."""
    return session.stopped_at is not None and at > session.stopped_at + LATE_CHUNKS


def chunk_folder(session: StreamSession) -> str:
    """Where the chunks of a session are (`core.storage.files`)."""
    return f"chunks/{session.public_id}"


def source_key(public_id: str) -> str:
    """Where the uploaded file of a session is."""
    return f"chunks/{public_id}/source"


def chunk_key(session: StreamSession, number: int) -> str:
    """Where a chunk is."""
    return f"{chunk_folder(session)}/{number:08d}"


def stream_folder(stream: Stream) -> str:
    """Where the playlists of a stream are, and its epochs below."""
    return f"recordings/{stream.public_id}"


def media_folder(stream: Stream, *, for_staff: bool = False) -> str:
    """The folder in the addresses of a stream's media. Staff have one of their own, in which nothing is left out."""
    return f"{stream.public_id}{FOR_STAFF if for_staff else ''}"


def initial_key(stream: Stream, epoch: Epoch, rendition: str) -> str:
    """Where the initialisation segment of a rendition is."""
    return f"{stream_folder(stream)}/{epoch.number}/{rendition}.mp4"


def segment_key(stream: Stream, epoch: Epoch, rendition: str, number: int) -> str:
    """Where a segment is."""
    return f"{stream_folder(stream)}/{epoch.number}/{rendition}{number:05d}.m4s"
