"""Streams of lectures, the sessions in which they are sent, and what is packaged of each."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, String, UniqueConstraint, false, text, true
from sqlalchemy.orm import Mapped, mapped_column, relationship

from lms.core.database.session import Base, UtcDateTime, text_enum
from lms.people.models import new_public_id

LONGEST_PAGE = 36
"""How many letters the name of a tab has at most: those of a UUID."""


class Track(StrEnum):
    """What a stream of a lecture is for. Nobody but staff sees a rehearsal."""

    MAIN = "main"
    REHEARSAL = "rehearsal"


class StreamState(StrEnum):
    """`open`: more can be sent. `ended`: the lecture is over. `complete`: all of it is packaged."""

    OPEN = "open"
    ENDED = "ended"
    COMPLETE = "complete"


class SourceFailure(StrEnum):
    """Why an uploaded file could not be packaged: nothing of it can be read, or it ends early."""

    UNREADABLE = "unreadable"
    ENDS_EARLY = "ends_early"


class Stream(Base):
    """Picture and sound of one lecture, live and afterwards. Its files are in the folder `public_id`.

    `available_at`: when all of it could be watched for the first time. `is_uploaded`: recorded elsewhere, so nothing is
    played before it is complete. `trim_from_ms`, `trim_until_ms`: what the replay shows of the recording; null for its
    start and its end. `chapters`: position in the recording in milliseconds, and title. `length_ms`, `byte_count`: of
    all of it and of its files, once it is complete (`length_ms` is null where an earlier version completed it).
    `is_kept`: it is not deleted by age. `deletion_announced_at`: when its lecturers got an e-mail about that.
    """

    __tablename__ = "stream"
    __table_args__ = (UniqueConstraint("lecture_id", "track"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    public_id: Mapped[str] = mapped_column(String(32), unique=True, default=new_public_id)
    lecture_id: Mapped[int] = mapped_column(ForeignKey("lecture.id", ondelete="CASCADE"))
    track: Mapped[Track] = mapped_column(text_enum(Track))
    state: Mapped[StreamState] = mapped_column(text_enum(StreamState), default=StreamState.OPEN)
    available_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    is_uploaded: Mapped[bool] = mapped_column(default=False, server_default=false())
    trim_from_ms: Mapped[int | None] = mapped_column(BigInteger)
    trim_until_ms: Mapped[int | None] = mapped_column(BigInteger)
    chapters: Mapped[list[tuple[int, str]]] = mapped_column(JSON, default=list, server_default=text("'[]'"))
    length_ms: Mapped[int | None] = mapped_column(BigInteger)
    byte_count: Mapped[int | None] = mapped_column(BigInteger)
    is_kept: Mapped[bool] = mapped_column(default=False, server_default=false())
    deletion_announced_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    @property
    def is_trimmed(self) -> bool:
        """Whether the replay leaves out a part of the recording."""
        return self.trim_from_ms is not None or self.trim_until_ms is not None


class StreamSession(Base):
    """What one page sends without a break, in numbered chunks of one recorder.

    `person_id` is the sender, a plain id as in the audit trail. `page`: the random name of the tab that began it.
    `stopped_at`: when its page, another page or the end of the lecture stopped it; only one session of a stream is not
    stopped. `chunk_count`: how many chunks it has, as its page reports when it stops. `packaged_at`: when all of it was
    packaged. `is_unreadable`: ffmpeg could not read it. `are_chunks_deleted`: only its segments are left. `failures`:
    runs of ffmpeg that began and packaged nothing, in a row. `byte_count`, `last_chunk`: size of what came, and the
    highest number.
    """

    __tablename__ = "stream_session"
    __table_args__ = (
        Index(
            "uq_stream_session_open",
            "stream_id",
            unique=True,
            sqlite_where=text("stopped_at IS NULL"),
            postgresql_where=text("stopped_at IS NULL"),
        ),
        Index("ix_stream_session_packaged_at", "packaged_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    public_id: Mapped[str] = mapped_column(String(32), unique=True, default=new_public_id)
    stream_id: Mapped[int] = mapped_column(ForeignKey("stream.id", ondelete="CASCADE"), index=True)
    person_id: Mapped[int]
    page: Mapped[str | None] = mapped_column(String(LONGEST_PAGE))
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    stopped_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    chunk_count: Mapped[int | None]
    packaged_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    is_unreadable: Mapped[bool] = mapped_column(default=False, server_default=false())
    are_chunks_deleted: Mapped[bool] = mapped_column(default=False, server_default=false())
    failures: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    byte_count: Mapped[int] = mapped_column(BigInteger, default=0, server_default=text("0"))
    last_chunk: Mapped[int | None]
    stream: Mapped[Stream] = relationship()


class SourceFile(Base):
    """The file that a session consists of where the recording was made elsewhere.

    `length_ms`: as the file states; null where it does not. `failure`: why it could not be packaged.
    """

    __tablename__ = "stream_source_file"

    session_id: Mapped[int] = mapped_column(ForeignKey("stream_session.id", ondelete="CASCADE"), primary_key=True)
    file_name: Mapped[str] = mapped_column(String(300))
    byte_count: Mapped[int] = mapped_column(BigInteger)
    length_ms: Mapped[int | None] = mapped_column(BigInteger)
    has_video: Mapped[bool]
    failure: Mapped[SourceFailure | None] = mapped_column(text_enum(SourceFailure))


class Epoch(Base):
    """What one run of ffmpeg packaged of a session: segments that fit together without a break.

    `number` counts the epochs of the stream. `start_ms`: where the epoch begins in its session. `wall_ms`: the time of
    day at its first picture (milliseconds UTC). `durations`: of each rendition the lengths of its segments in
    milliseconds. `has_picture`: whether its pictures are those that were sent; else they are black. `resume_chunk`,
    `resume_offset`: the chunk after a gap at which its session continues, and the byte of it.
    """

    __tablename__ = "stream_epoch"
    __table_args__ = (UniqueConstraint("stream_id", "number"),)
    read_by_strangers = False

    id: Mapped[int] = mapped_column(primary_key=True)
    stream_id: Mapped[int] = mapped_column(ForeignKey("stream.id", ondelete="CASCADE"))
    session_id: Mapped[int] = mapped_column(ForeignKey("stream_session.id", ondelete="CASCADE"), index=True)
    number: Mapped[int]
    start_ms: Mapped[int] = mapped_column(BigInteger)
    wall_ms: Mapped[int] = mapped_column(BigInteger)
    durations: Mapped[dict[str, list[int]]] = mapped_column(JSON)
    has_picture: Mapped[bool] = mapped_column(default=True, server_default=true())
    is_open: Mapped[bool] = mapped_column(default=True)
    resume_chunk: Mapped[int | None]
    resume_offset: Mapped[int | None]

    @property
    def shared_durations(self) -> list[int]:
        """The lengths of the segments that all renditions have, in milliseconds."""
        lengths = list(self.durations.values())
        count = min((len(durations) for durations in lengths), default=0)
        return lengths[0][:count] if lengths else []

    @property
    def length_ms(self) -> int:
        """How long the segments are that all renditions have."""
        return sum(self.shared_durations)


class CaptionTrack(Base):
    """The captions of a recording in one language. `cues`: begin and end in the recording in milliseconds, and text, in
    order."""

    __tablename__ = "caption_track"
    __table_args__ = (UniqueConstraint("stream_id", "language"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    stream_id: Mapped[int] = mapped_column(ForeignKey("stream.id", ondelete="CASCADE"))
    language: Mapped[str] = mapped_column(String(20))
    cues: Mapped[list[tuple[int, int, str]]] = mapped_column(JSON)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)
