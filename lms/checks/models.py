"""Knowledge checks: questions, checks with their versions, and attempts."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, String, UniqueConstraint, true
from sqlalchemy.orm import Mapped, mapped_column

from lms.core.database.session import Base, UtcDateTime, text_enum
from lms.core.text.translations import TranslatedTexts
from lms.people.models import new_public_id


class QuestionKind(StrEnum):
    """How a question is answered. What a definition holds for each: `checks.questions`."""

    ONE = "one"
    SEVERAL = "several"
    TRUE_FALSE = "true_false"
    NUMBER = "number"
    SHORT_TEXT = "short_text"
    MATCHING = "matching"
    ORDER = "order"


class CheckKind(StrEnum):
    """The purpose of a check: *check* can be needed for the certificate; *pre* and *post* are compared, before and
    after a lecture or a series."""

    CHECK = "check"
    PRE = "pre"
    POST = "post"


class AttemptState(StrEnum):
    OPEN = "open"
    SUBMITTED = "submitted"


class BankQuestion(Base):
    """A question of the bank of a series, as it is now. `retired_at`: no longer in the bank; checks that were begun
    keep it in their versions."""

    __tablename__ = "check_question"
    read_by_strangers = False

    id: Mapped[int] = mapped_column(primary_key=True)
    series_id: Mapped[int] = mapped_column(ForeignKey("series.id", ondelete="CASCADE"), index=True)
    kind: Mapped[QuestionKind] = mapped_column(text_enum(QuestionKind))
    definition: Mapped[dict[str, Any]] = mapped_column(JSON)
    digest: Mapped[str] = mapped_column(String(32))
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    retired_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class Check(TranslatedTexts, Base):
    """A knowledge check of a series, or of one of its lectures, as staff write it. Its title is in several languages.

    `items` are the ids of its questions in order; `drawn`: how many of them each attempt has, null for all.
    `attempts` and `minutes` are null for no limit. It can be taken from `published_at` on, and between `opens_at` and
    `closes_at` where these are given. `shows_answers`: people see the right answers once they have passed or no
    attempt is left, and cannot begin again from then on. What people sit is a `CheckVersion`.
    """

    __tablename__ = "knowledge_check"
    __table_args__ = (
        CheckConstraint("pass_percent > 0 AND pass_percent <= 100", name="pass_percent"),
        CheckConstraint("attempts > 0", name="attempts"),
        CheckConstraint("minutes > 0", name="minutes"),
        CheckConstraint("drawn > 0", name="drawn"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    series_id: Mapped[int] = mapped_column(ForeignKey("series.id", ondelete="CASCADE"), index=True)
    lecture_id: Mapped[int | None] = mapped_column(ForeignKey("lecture.id", ondelete="SET NULL"), index=True)
    kind: Mapped[CheckKind] = mapped_column(text_enum(CheckKind), default=CheckKind.CHECK)
    title: Mapped[str] = mapped_column(String(200))
    items: Mapped[list[int]] = mapped_column(JSON, default=list)
    drawn: Mapped[int | None]
    pass_percent: Mapped[int] = mapped_column(default=75)
    attempts: Mapped[int | None]
    minutes: Mapped[int | None]
    shuffle: Mapped[bool] = mapped_column(default=True, server_default=true())
    shows_answers: Mapped[bool] = mapped_column(default=True, server_default=true())
    published_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    opens_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    closes_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class CheckVersion(Base):
    """The check that people sit who began from then on: never changed. `content` has the questions with their right
    answers, and the rules that an attempt goes by."""

    __tablename__ = "check_version"
    read_by_strangers = False
    __table_args__ = (UniqueConstraint("check_id", "number"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    check_id: Mapped[int] = mapped_column(ForeignKey("knowledge_check.id", ondelete="CASCADE"))
    number: Mapped[int]
    digest: Mapped[str] = mapped_column(String(32))
    content: Mapped[dict[str, Any]] = mapped_column(JSON)
    at: Mapped[datetime] = mapped_column(UtcDateTime)


class Attempt(Base):
    """One sitting of a check. Which questions it has, and in which order, follows from `public_id`.

    `answers` by id of the question; `marks` whether each was right, from when it is submitted. `limit_at`: until when
    it can be answered, for a check with a time limit. `right` of `total` questions were right. `answers_seen_at`: when
    the rules of the check changed, or a merge was undone, after its person could see the right answers. They cannot
    begin again, whatever the rules are now (`rules.has_seen_answers`).
    """

    __tablename__ = "check_attempt"
    read_by_strangers = False
    __table_args__ = (
        UniqueConstraint("check_id", "person_id", "number"),
        Index("ix_check_attempt_person_id", "person_id"),
        Index("ix_check_attempt_state", "state", "limit_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    public_id: Mapped[str] = mapped_column(String(32), unique=True, default=new_public_id)
    check_id: Mapped[int] = mapped_column(ForeignKey("knowledge_check.id"))
    version_id: Mapped[int] = mapped_column(ForeignKey("check_version.id"))
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    number: Mapped[int]
    state: Mapped[AttemptState] = mapped_column(text_enum(AttemptState), default=AttemptState.OPEN)
    answers: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    marks: Mapped[dict[str, bool]] = mapped_column(JSON, default=dict)
    right: Mapped[int] = mapped_column("right_count", default=0)
    total: Mapped[int] = mapped_column(default=0)
    passed: Mapped[bool] = mapped_column(default=False)
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    limit_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    submitted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    answers_seen_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    @property
    def percent(self) -> float:
        """The share of right answers, rounded down to one decimal."""
        return self.right * 1000 // self.total / 10 if self.total else 0.0


class ExtraTime(Base):
    """More time for a person in all timed checks of a series, in percent."""

    __tablename__ = "check_extra_time"
    read_by_strangers = False
    __table_args__ = (CheckConstraint("percent > 0 AND percent <= 300", name="percent"),)

    series_id: Mapped[int] = mapped_column(ForeignKey("series.id", ondelete="CASCADE"), primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), primary_key=True)
    percent: Mapped[int]
