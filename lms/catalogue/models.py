"""Series, their policies, and lectures."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint, false, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from lms.core.database.session import Base, UtcDateTime, text_enum
from lms.core.text.translations import TranslatedTexts
from lms.people.models import Country, Person


class Visibility(StrEnum):
    DRAFT = "draft"
    PUBLIC = "public"


class Admission(StrEnum):
    """How one comes into a series: at once, on application, or by a focal point's nomination."""

    OPEN = "open"
    APPLICATION = "application"
    NOMINATION = "nomination"


class WalkIns(StrEnum):
    """The way to treat somebody known but not enrolled who turns up: enrolled, or kept as evidence only."""

    ENROL = "enrol"
    IGNORE = "ignore"


class CertificateKind(StrEnum):
    PARTICIPATION = "participation"
    COMPLETION = "completion"


class LectureState(StrEnum):
    DRAFT = "draft"
    SCHEDULED = "scheduled"
    LIVE = "live"
    HELD = "held"
    CANCELLED = "cancelled"
    POSTPONED = "postponed"


class Delivery(StrEnum):
    """Where a lecture takes place: in our own room, in a linked meeting, or in a system with an API."""

    ROOM = "room"
    LINK = "link"
    BIGBLUEBUTTON = "bigbluebutton"
    JITSI = "jitsi"


class ReleaseRule(StrEnum):
    """The rule by which people on the waiting list get the seats that a country did not use: the longest wait first,
    with at most three seats a country in each round, or the longest wait first regardless of country.
    """

    ROUNDS = "rounds"
    FIRST_COME = "first_come"


class Series(TranslatedTexts, Base):
    """Lectures given together, with one enrolment and one certificate policy.

    `capacity` null is no limit. `taken` counts the seats of the enrolled and those `held` for people who have not
    answered their invitation yet; `reserved` those kept for countries and not taken. Both together never exceed the
    capacity. Only `enrolment.seats` writes these three. `nominations_need_approval`: whether an
    administrator decides before a nominee is invited.
    """

    __tablename__ = "series"
    __table_args__ = (CheckConstraint("capacity IS NULL OR taken + reserved <= capacity", name="seats"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(String(80), unique=True)
    title: Mapped[str] = mapped_column(String(200))
    description: Mapped[str] = mapped_column(Text, default="")
    language: Mapped[str] = mapped_column(String(16), default="en")
    visibility: Mapped[Visibility] = mapped_column(text_enum(Visibility), default=Visibility.DRAFT)
    admission: Mapped[Admission] = mapped_column(text_enum(Admission), default=Admission.OPEN)
    starts_on: Mapped[date | None]
    ends_on: Mapped[date | None]
    capacity: Mapped[int | None]
    taken: Mapped[int] = mapped_column(default=0)
    held: Mapped[int] = mapped_column(default=0, server_default="0")
    reserved: Mapped[int] = mapped_column(default=0, server_default="0")
    release_rule: Mapped[ReleaseRule] = mapped_column(
        text_enum(ReleaseRule), default=ReleaseRule.ROUNDS, server_default=ReleaseRule.ROUNDS.value
    )
    nominations_need_approval: Mapped[bool] = mapped_column(default=False, server_default=false())
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    instructors: Mapped[list[Person]] = relationship(
        secondary="series_instructor", order_by="Person.full_name", viewonly=True
    )
    countries: Mapped[list[Country]] = relationship(secondary="series_country", order_by="Country.code", viewonly=True)

    @property
    def enrolled(self) -> int:
        """How many people are enrolled."""
        return self.taken - self.held

    @property
    def free_seats(self) -> int | None:
        """How many seats are neither taken nor held; null for no limit. Of them, `reserved` are kept for countries."""
        return None if self.capacity is None else max(0, self.capacity - self.taken)

    @property
    def open_seats(self) -> int | None:
        """How many seats are free for everybody; null for no limit."""
        return None if self.capacity is None else max(0, self.capacity - self.taken - self.reserved)

    @property
    def is_full(self) -> bool:
        """Whether no seat is free for everybody."""
        return self.open_seats == 0


class SeriesInstructor(Base):
    """An instructor of a series, who may change it and its lectures."""

    __tablename__ = "series_instructor"

    series_id: Mapped[int] = mapped_column(ForeignKey("series.id", ondelete="CASCADE"), primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), primary_key=True, index=True)


class SeriesCountry(Base):
    """A country whose people a series is for; no row at all means everybody."""

    __tablename__ = "series_country"

    series_id: Mapped[int] = mapped_column(ForeignKey("series.id", ondelete="CASCADE"), primary_key=True)
    country_id: Mapped[int] = mapped_column(ForeignKey("country.id"), primary_key=True)


class Policy(Base):
    """One version of a series' policy. The newest holds for lectures not yet held; a held one keeps its own.

    `min_percent`: share of a lecture's actual length for *attended*, or within the planned length of it (ADR 128).
    `replay_days`: for how long
    the replay counts; 0: it does not.
    For the certificate: `min_lectures_percent`, the share of the lectures to attend, or in its place `min_lectures`,
    their number; `min_minutes`, what must have counted in all; `deadline`, the last day, in the organiser's zone, on
    which a lecture that counts begins; `confirmed_names`, whether it waits until its holder has confirmed the name;
    `checks_passed`, whether every knowledge check of the series has to be passed too; `min_feedback`, on how many of
    its lectures feedback has to be given.
    """

    __tablename__ = "policy"
    __table_args__ = (
        UniqueConstraint("series_id", "version"),
        CheckConstraint("min_percent > 0 AND min_percent <= 100", name="min_percent"),
        CheckConstraint("min_lectures_percent > 0 AND min_lectures_percent <= 100", name="min_lectures_percent"),
        CheckConstraint("replay_days >= 0", name="replay_days"),
        CheckConstraint("min_lectures > 0", name="min_lectures"),
        CheckConstraint("min_minutes > 0", name="min_minutes"),
        CheckConstraint("min_feedback > 0", name="min_feedback"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    series_id: Mapped[int] = mapped_column(ForeignKey("series.id", ondelete="CASCADE"))
    version: Mapped[int] = mapped_column(default=1)
    min_percent: Mapped[int] = mapped_column(default=60)
    min_lectures_percent: Mapped[int] = mapped_column(default=60)
    replay_days: Mapped[int] = mapped_column(default=28)
    walk_ins: Mapped[WalkIns] = mapped_column(text_enum(WalkIns), default=WalkIns.ENROL)
    certificate: Mapped[CertificateKind | None] = mapped_column(text_enum(CertificateKind))
    min_lectures: Mapped[int | None]
    min_minutes: Mapped[int | None]
    deadline: Mapped[date | None]
    confirmed_names: Mapped[bool] = mapped_column(default=False)
    checks_passed: Mapped[bool] = mapped_column(default=False, server_default=false())
    min_feedback: Mapped[int | None]
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    created_by: Mapped[int | None] = mapped_column(ForeignKey("person.id"))


class Lecture(TranslatedTexts, Base):
    """One online lecture. Planned: local time and zone, with `starts_at` derived; actual: set by start and end.

    `policy_id` is the policy it was held under, set when it is held. `sequence` is the calendar's SEQUENCE.
    `held_unknown`: its planned time was over when it was entered, and staff have not said yet whether it was held;
    until then only they see it. `confirmed_at`: when somebody confirmed that it was held; then it is a session
    whatever was recorded. `invited_at`: since when everybody enrolled has its invitation for their calendar; only
    `enrolment` writes it. `paused_ms`: how long it was paused between its actual start and end, or while it is live in
    the pauses that are over; null if it was never paused. `keeps_enough`: who had enough minutes within its planned
    length has attended it, however long it went on (ADR 128); set when it ends, and false where it ended before that
    rule.
    """

    __tablename__ = "lecture"
    __table_args__ = (
        CheckConstraint("duration_minutes BETWEEN 1 AND 1440", name="duration"),
        CheckConstraint("actual_end IS NULL OR actual_end > actual_start", name="actual"),
        Index("ix_lecture_state_starts_at", "state", "starts_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    series_id: Mapped[int] = mapped_column(ForeignKey("series.id"), index=True)
    title: Mapped[str] = mapped_column(String(200))
    abstract: Mapped[str] = mapped_column(Text, default="")
    state: Mapped[LectureState] = mapped_column(text_enum(LectureState), default=LectureState.DRAFT)
    local_start: Mapped[datetime | None]
    time_zone: Mapped[str] = mapped_column(String(64))
    starts_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    duration_minutes: Mapped[int]
    language: Mapped[str] = mapped_column(String(16))
    interpretation: Mapped[list[str]] = mapped_column(JSON, default=list)
    delivery: Mapped[Delivery] = mapped_column(text_enum(Delivery), default=Delivery.LINK)
    join_url: Mapped[str | None] = mapped_column(String(2000))
    recording_url: Mapped[str | None] = mapped_column(String(2000))
    materials: Mapped[list[dict[str, str]]] = mapped_column(JSON, default=list)
    actual_start: Mapped[datetime | None] = mapped_column(UtcDateTime, index=True)
    actual_end: Mapped[datetime | None] = mapped_column(UtcDateTime)
    paused_ms: Mapped[int | None]
    keeps_enough: Mapped[bool] = mapped_column(default=False, server_default=false())
    policy_id: Mapped[int | None] = mapped_column(ForeignKey("policy.id"))
    held_unknown: Mapped[bool] = mapped_column(default=False, server_default=false())
    confirmed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    sequence: Mapped[int] = mapped_column(default=0)
    invited_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    reason: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    series: Mapped[Series] = relationship()
    instructors: Mapped[list[Person]] = relationship(
        secondary="lecture_instructor", order_by="Person.full_name", viewonly=True
    )


class LecturePause(Base):
    """A time within which a lecture was interrupted: it counts neither as length nor as presence.

    `ended_at` is null while the pause lasts; a lecture has one such pause at most. `resumes_at`: when the lecture is
    meant to go on, as its viewers read. `withdrawn_at`: since when it counts as part of the lecture after all.
    """

    __tablename__ = "lecture_pause"
    __table_args__ = (
        CheckConstraint("ended_at IS NULL OR ended_at >= started_at", name="order"),
        UniqueConstraint("lecture_id", "started_at"),
        Index(
            "uq_lecture_pause_open",
            "lecture_id",
            unique=True,
            sqlite_where=text("ended_at IS NULL"),
            postgresql_where=text("ended_at IS NULL"),
        ),
    )
    read_by_strangers = False

    id: Mapped[int] = mapped_column(primary_key=True)
    lecture_id: Mapped[int] = mapped_column(ForeignKey("lecture.id", ondelete="CASCADE"))
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    resumes_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    withdrawn_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class LectureInstructor(Base):
    """An instructor of a lecture; each is an instructor of its series too."""

    __tablename__ = "lecture_instructor"

    lecture_id: Mapped[int] = mapped_column(ForeignKey("lecture.id", ondelete="CASCADE"), primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), primary_key=True, index=True)


class LectureChange(Base):
    """The history of a lecture: each change of state or time, by whom, when, and what it was before."""

    __tablename__ = "lecture_change"

    id: Mapped[int] = mapped_column(primary_key=True)
    lecture_id: Mapped[int] = mapped_column(ForeignKey("lecture.id", ondelete="CASCADE"), index=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    by_person_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    what: Mapped[str] = mapped_column(String(32))
    before: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    reason: Mapped[str | None] = mapped_column(Text)


class TimeZoneCheck(Base):
    """That the lectures to come were compared with a version of the time zone database, and how many moved."""

    __tablename__ = "time_zone_check"
    read_by_strangers = False

    id: Mapped[int] = mapped_column(primary_key=True)
    version: Mapped[str] = mapped_column(String(32))
    checked_at: Mapped[datetime] = mapped_column(UtcDateTime)
    moved: Mapped[int] = mapped_column(default=0)


SERIES_TITLE = (Series.title, Series.language, Series.text_language, Series.translations)
LECTURE_TITLE = (Lecture.title, Lecture.language, Lecture.text_language, Lecture.translations)
"""The columns of a title, from which `core.text.translations` finds the one for a reader."""
