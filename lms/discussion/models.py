"""Questions that people ask in a lecture, votes for them, raised hands, and polls."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, BigInteger, CheckConstraint, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from lms.core.database.session import Base, UtcDateTime, text_enum
from lms.people.models import new_public_id


class QuestionState(StrEnum):
    """*waiting*: only staff and who asked see it until it is shown; *answered*: live or in writing; *hidden*: only
    staff see it."""

    WAITING = "waiting"
    OPEN = "open"
    ANSWERED = "answered"
    HIDDEN = "hidden"


class DiscussionSettings(Base):
    """The decisions of the staff of a lecture about questions; a lecture without a row has the defaults.

    `is_reviewed`: new questions wait until a member of staff shows them.
    """

    __tablename__ = "discussion_settings"
    read_by_strangers = False

    lecture_id: Mapped[int] = mapped_column(ForeignKey("lecture.id", ondelete="CASCADE"), primary_key=True)
    takes_questions: Mapped[bool] = mapped_column(default=True)
    allows_anonymous: Mapped[bool] = mapped_column(default=True)
    is_reviewed: Mapped[bool] = mapped_column(default=False)


class LectureQuestion(Base):
    """A question. `is_anonymous`: other participants do not see who asked; staff do.

    `taken_at`: when the lecturer began to answer it, `answered_at` when it was marked as answered. `reason`: why it was
    hidden. A merged question is shown as the one that it was merged into, with the votes of both. The text and the
    answer of an erased person's question are empty: it is still counted, and no longer shown.
    """

    __tablename__ = "question"
    read_by_strangers = False
    __table_args__ = (Index("ix_question_lecture_id_state", "lecture_id", "state"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    lecture_id: Mapped[int] = mapped_column(ForeignKey("lecture.id", ondelete="CASCADE"))
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)
    text: Mapped[str] = mapped_column(Text)
    is_anonymous: Mapped[bool]
    state: Mapped[QuestionState] = mapped_column(text_enum(QuestionState))
    asked_at: Mapped[datetime] = mapped_column(UtcDateTime)
    taken_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    answered_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    answer: Mapped[str] = mapped_column(Text, default="")
    reason: Mapped[str] = mapped_column(Text, default="")
    merged_into_id: Mapped[int | None] = mapped_column(ForeignKey("question.id", ondelete="CASCADE"), index=True)


class QuestionVote(Base):
    """One person's vote for a question."""

    __tablename__ = "question_vote"
    read_by_strangers = False

    question_id: Mapped[int] = mapped_column(ForeignKey("question.id", ondelete="CASCADE"), primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), primary_key=True, index=True)


class RaisedHand(Base):
    """A hand that is up. Its `public_id` tells a page that its own hand was lowered, and nobody whose it is."""

    __tablename__ = "raised_hand"
    read_by_strangers = False

    lecture_id: Mapped[int] = mapped_column(ForeignKey("lecture.id", ondelete="CASCADE"), primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), primary_key=True, index=True)
    public_id: Mapped[str] = mapped_column(String(32), unique=True, default=new_public_id)
    raised_at: Mapped[datetime] = mapped_column(UtcDateTime)


class PollState(StrEnum):
    """A *draft* is only for staff; people answer an *open* poll; the results of a *closed* one are for all."""

    DRAFT = "draft"
    OPEN = "open"
    CLOSED = "closed"


class Poll(Base):
    """A question with 2 to 8 options. `is_several`: several may be chosen. `is_shown`: all see the results of the open
    poll. `countries`: which countries were shown when it was closed, and everything that ever was shown of them."""

    __tablename__ = "poll"
    read_by_strangers = False
    __table_args__ = (Index("ix_poll_lecture_id", "lecture_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    lecture_id: Mapped[int] = mapped_column(ForeignKey("lecture.id", ondelete="CASCADE"))
    text: Mapped[str] = mapped_column(Text)
    options: Mapped[list[str]] = mapped_column(JSON)
    is_several: Mapped[bool]
    is_shown: Mapped[bool] = mapped_column(default=False)
    state: Mapped[PollState] = mapped_column(text_enum(PollState), default=PollState.DRAFT)
    made_at: Mapped[datetime] = mapped_column(UtcDateTime)
    opened_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    closed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    countries: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True), deferred=True)


class PollAnswer(Base):
    """One person's answer: bit n of `choices` is set where option n was chosen. `answered_ms` is milliseconds UTC."""

    __tablename__ = "poll_answer"
    read_by_strangers = False
    __table_args__ = (CheckConstraint("choices > 0", name="choices"),)

    poll_id: Mapped[int] = mapped_column(ForeignKey("poll.id", ondelete="CASCADE"), primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), primary_key=True, index=True)
    choices: Mapped[int]
    answered_ms: Mapped[int] = mapped_column(BigInteger)
