"""Evidence of presence: intervals, heartbeats, imported files, and attendees of reports who were not identified."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, BigInteger, CheckConstraint, ForeignKey, Index, String, UniqueConstraint, false
from sqlalchemy.orm import Mapped, mapped_column

from lms.core.database.session import Base, UtcDateTime, text_enum
from lms.people.models import new_public_id


class Source(StrEnum):
    """Where a presence was seen."""

    LIVE = "live"
    IMPORT = "import"
    GROUP = "group"
    REPLAY = "replay"
    MANUAL = "manual"


class Presence(Base):
    """One interval during which a person was seen in a lecture: evidence, never edited, never re-pointed.

    Times are integer milliseconds UTC. `evidence` identifies it by content, so that a re-saved file is the
    same evidence. Whose it is: `person_id`, or where nobody was known, who its unmatched attendee is found to be.
    `stated_ms`: of a report with sums only, how much presence there was from `joined_ms` to `left_ms`; null:
    all the time.
    `signature_id`: what a group's signature says; it goes when the signature is taken back. `offline`: as of `Beat`.
    """

    __tablename__ = "presence"
    read_by_strangers = False
    __table_args__ = (
        UniqueConstraint("lecture_id", "evidence"),
        CheckConstraint("left_ms >= joined_ms", name="span"),
        CheckConstraint("person_id IS NULL OR attendee_id IS NULL", name="who"),
        Index("ix_presence_lecture_id_person_id", "lecture_id", "person_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    lecture_id: Mapped[int] = mapped_column(ForeignKey("lecture.id"))
    person_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"), index=True)
    source: Mapped[Source] = mapped_column(text_enum(Source))
    joined_ms: Mapped[int] = mapped_column(BigInteger)
    left_ms: Mapped[int] = mapped_column(BigInteger)
    stated_ms: Mapped[int | None] = mapped_column(BigInteger)
    evidence: Mapped[str] = mapped_column(String(32))
    import_id: Mapped[int | None] = mapped_column(ForeignKey("attendance_import.id"))
    attendee_id: Mapped[int | None] = mapped_column(ForeignKey("unmatched_attendee.id"), index=True)
    signature_id: Mapped[int | None] = mapped_column(ForeignKey("group_signature.id"), index=True)
    offline: Mapped[bool] = mapped_column(default=False, server_default=false())


class Join(Base):
    """One page or app that joined a lecture, with its own room token."""

    __tablename__ = "join"
    read_by_strangers = False

    id: Mapped[int] = mapped_column(primary_key=True)
    lecture_id: Mapped[int] = mapped_column(ForeignKey("lecture.id"), index=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)
    joined_ms: Mapped[int] = mapped_column(BigInteger)
    beat_seconds: Mapped[int] = mapped_column(default=30)


class Beat(Base):
    """One heartbeat as received: append-only, unique by (join, seq).

    `offline`: kept by its page while the line was down; `received_ms` is then the time that the last mark proves.
    """

    __tablename__ = "beat"
    read_by_strangers = False

    join_id: Mapped[int] = mapped_column(ForeignKey("join.id"), primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    received_ms: Mapped[int] = mapped_column(BigInteger, index=True)
    offline: Mapped[bool] = mapped_column(default=False, server_default=false())


class ReplayViewing(Base):
    """When a person's pages could play the replay of a lecture, which bounds what they can have played.

    `spans`: from each page's beginning to its last report, united, in milliseconds UTC. `played_ms`: what was stored as
    presence. `uncredited_since_ms`: since when some of it waits to be credited. `is_paused`: the last report was the
    last for now.
    """

    __tablename__ = "replay_viewing"
    __table_args__ = (Index("ix_replay_viewing_uncredited_since_ms", "uncredited_since_ms"),)
    read_by_strangers = False

    lecture_id: Mapped[int] = mapped_column(ForeignKey("lecture.id"), primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), primary_key=True, index=True)
    spans: Mapped[list[list[int]]] = mapped_column(JSON, default=list)
    played_ms: Mapped[int] = mapped_column(BigInteger, default=0)
    reported_ms: Mapped[int] = mapped_column(BigInteger)
    is_paused: Mapped[bool] = mapped_column(default=False)
    uncredited_since_ms: Mapped[int | None] = mapped_column(BigInteger)


class AttendanceImport(Base):
    """One imported attendance report with its import answer. `format` is the format it was read as."""

    __tablename__ = "attendance_import"
    read_by_strangers = False

    id: Mapped[int] = mapped_column(primary_key=True)
    public_id: Mapped[str] = mapped_column(String(32), unique=True, default=new_public_id)
    lecture_id: Mapped[int] = mapped_column(ForeignKey("lecture.id"), index=True)
    file_name: Mapped[str] = mapped_column(String(200))
    file_key: Mapped[str | None] = mapped_column(String(200))
    digest: Mapped[str] = mapped_column(String(64))
    format: Mapped[str | None] = mapped_column(String(16))
    by_person_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    staged_at: Mapped[datetime] = mapped_column(UtcDateTime)
    published_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    answer: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)


class MatchMethod(StrEnum):
    """How it became known who an unmatched attendee is: by an address or a name that became known later, by hand (one
    that somebody looked at, or all strong ones together), or that it is nobody of ours; `undone` takes that back."""

    ADDRESS = "address"
    NAME = "name"
    HAND = "hand"
    TOGETHER = "together"
    NOBODY = "nobody"
    UNDONE = "undone"


class UnmatchedAttendee(Base):
    """An attendee in the files of a series who was not matched at first.

    `key` is the address (as `email_key`), `registrant:<id>`, `name:<name as compared>`, or `row:<evidence>` for a row
    resolved separately, which belonged to `within_id` before. `person_id` null and `how` null: not decided. Presence is
    never changed: its person is read through this row, so that a decision can be undone. `version` counts the
    decisions: each decision names the version that it saw.
    """

    __tablename__ = "unmatched_attendee"
    read_by_strangers = False
    __table_args__ = (
        UniqueConstraint("series_id", "key"),
        CheckConstraint("how IS NOT NULL OR person_id IS NULL", name="decided"),
        CheckConstraint("person_id IS NULL OR how <> 'nobody'", name="nobody"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    series_id: Mapped[int] = mapped_column(ForeignKey("series.id"))
    key: Mapped[str] = mapped_column(String(700), index=True)
    name: Mapped[str | None] = mapped_column(String(200))
    email: Mapped[str | None] = mapped_column(String(320))
    within_id: Mapped[int | None] = mapped_column(ForeignKey("unmatched_attendee.id"))
    person_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"), index=True)
    how: Mapped[MatchMethod | None] = mapped_column(text_enum(MatchMethod))
    decided_by: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    decided_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    version: Mapped[int] = mapped_column(default=0, server_default="0")


class Resolution(Base):
    """One resolution of an unmatched attendee, in the order in which they were made: nothing is taken out."""

    __tablename__ = "attendee_resolution"
    read_by_strangers = False
    __table_args__ = (UniqueConstraint("attendee_id", "version"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    attendee_id: Mapped[int] = mapped_column(ForeignKey("unmatched_attendee.id"))
    version: Mapped[int]
    person_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"), index=True)
    how: Mapped[MatchMethod] = mapped_column(text_enum(MatchMethod))
    by_person_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    made_at: Mapped[datetime] = mapped_column(UtcDateTime)
