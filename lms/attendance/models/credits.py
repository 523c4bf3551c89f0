"""Corrections, credits, the tallies that totals are counted from, and when attendance was closed and opened again."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, BigInteger, CheckConstraint, ForeignKey, Index, LargeBinary, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from lms.attendance.models.evidence import Source
from lms.batches.models import BatchRow, EntryState
from lms.core.database.session import Base, UtcDateTime, text_enum
from lms.people.models import Gender, Sector


class Outcome(StrEnum):
    ATTENDED = "attended"
    PARTIAL = "partial"
    ABSENT = "absent"
    EXCUSED = "excused"


class Correction(Base):
    """A corrected outcome. It keeps the evidence and overrides it until removed. `restores_id`: the earlier correction
    it restores; `replaces_id`: the one that held before, to which its removal goes back.
    """

    __tablename__ = "correction"
    read_by_strangers = False
    __table_args__ = (
        Index(
            "uq_correction_active",
            "lecture_id",
            "person_id",
            unique=True,
            sqlite_where=text("withdrawn_at IS NULL"),
            postgresql_where=text("withdrawn_at IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    lecture_id: Mapped[int] = mapped_column(ForeignKey("lecture.id"))
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)
    outcome: Mapped[Outcome] = mapped_column(text_enum(Outcome))
    reason: Mapped[str] = mapped_column(Text)
    by_person_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    made_at: Mapped[datetime] = mapped_column(UtcDateTime)
    withdrawn_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    withdrawn_by: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    restores_id: Mapped[int | None] = mapped_column(ForeignKey("correction.id"))
    replaces_id: Mapped[int | None]


class CorrectionBatch(BatchRow, Base):
    """One correction of many people: previewed, then confirmed with a reason, and perhaps taken back. A null `outcome`
    removes corrections."""

    __tablename__ = "correction_batch"

    lecture_id: Mapped[int] = mapped_column(ForeignKey("lecture.id"), index=True)
    outcome: Mapped[Outcome | None] = mapped_column(text_enum(Outcome))


class CorrectionBatchEntry(Base):
    """One person of a batch: what was counted when it was previewed, and the correction that the batch made."""

    __tablename__ = "correction_batch_entry"
    __table_args__ = (Index("ix_correction_batch_entry_batch_id_state", "batch_id", "state"),)

    batch_id: Mapped[int] = mapped_column(ForeignKey("correction_batch.id", ondelete="CASCADE"), primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), primary_key=True)
    before_outcome: Mapped[Outcome] = mapped_column(text_enum(Outcome))
    before_id: Mapped[int | None] = mapped_column(ForeignKey("correction.id"))
    correction_id: Mapped[int | None] = mapped_column(ForeignKey("correction.id"))
    state: Mapped[EntryState] = mapped_column(text_enum(EntryState), default=EntryState.PENDING)


class Credit(Base):
    """The result of all presence of one person in one lecture; there is none without evidence.

    `present_ms` is clipped and united; `percent_tenths` is rounded down (599 is 59.9 %). `source` is live,
    group or replay (import counts as live), manual where only a correction made it. `sector` and `gender`
    are frozen; the country is read from its dated history.
    """

    __tablename__ = "credit"
    __table_args__ = (
        Index("ix_credit_person_id_outcome", "person_id", "outcome"),
        Index("ix_credit_lecture_id_outcome_computed_at", "lecture_id", "outcome", "computed_at"),
    )

    lecture_id: Mapped[int] = mapped_column(ForeignKey("lecture.id"), primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), primary_key=True)
    present_ms: Mapped[int] = mapped_column(BigInteger)
    percent_tenths: Mapped[int]
    outcome: Mapped[Outcome] = mapped_column(text_enum(Outcome))
    source: Mapped[Source] = mapped_column(text_enum(Source))
    sector: Mapped[Sector | None] = mapped_column(text_enum(Sector))
    gender: Mapped[Gender | None] = mapped_column(text_enum(Gender))
    policy_id: Mapped[int] = mapped_column(ForeignKey("policy.id"))
    computed_at: Mapped[datetime] = mapped_column(UtcDateTime)


class LectureFacts(Base):
    """The attendance of one lecture, ready to be counted: written with its credits, in the same transaction.

    `content` is the stored form of `attendance.facts`; `day` is the day of the countries. `version` is replaced at each
    change and never repeats, so that caches can be keyed by it.
    """

    __tablename__ = "lecture_facts"
    read_by_strangers = False
    __table_args__ = (Index("ix_lecture_facts_version", "lecture_id", "version", "day"),)  # without reading `content`

    lecture_id: Mapped[int] = mapped_column(ForeignKey("lecture.id", ondelete="CASCADE"), primary_key=True)
    version: Mapped[int] = mapped_column(BigInteger)
    day: Mapped[date]
    attendances: Mapped[int]
    content: Mapped[bytes] = mapped_column(LargeBinary)


class Closing(Base):
    """One closing of a lecture's attendance. Rows are added, and completed once when it is reopened.

    Attendance is closed while one has no `reopened_at`; there is at most one such row per lecture. `figures` are the
    numbers at the time of closing, by name; `reason` is the reason for reopening.
    """

    __tablename__ = "closing"
    read_by_strangers = False
    __table_args__ = (
        CheckConstraint("reopened_at IS NULL OR reason IS NOT NULL", name="reopened_with_reason"),
        Index(
            "uq_closing_open",
            "lecture_id",
            unique=True,
            sqlite_where=text("reopened_at IS NULL"),
            postgresql_where=text("reopened_at IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    lecture_id: Mapped[int] = mapped_column(ForeignKey("lecture.id"), index=True)
    closed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    closed_by: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    figures: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    reopened_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    reopened_by: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    reason: Mapped[str | None] = mapped_column(Text)
