"""Feedback: the questions of lectures and series, the answers, what is released of them, and hidden comments."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    SmallInteger,
    String,
    Text,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column

from lms.core.database.session import Base, UtcDateTime


class FeedbackForm(Base):
    """A version of the questions of a lecture, of all lectures of a series that have none of their own, or about a
    series as a whole (`about_series_id`).

    Rows are never changed: who changes the questions adds a row, and the latest is asked. `questions` is what
    `lms.questions.rules.dump` writes; none means that the questions before are no longer asked. About a lecture those
    of the series, or the default ones, are asked then; about a series nothing is.
    """

    __tablename__ = "feedback_form"
    read_by_strangers = False
    __table_args__ = (
        CheckConstraint(
            "CASE WHEN lecture_id IS NULL THEN 0 ELSE 1 END + CASE WHEN series_id IS NULL THEN 0 ELSE 1 END"
            " + CASE WHEN about_series_id IS NULL THEN 0 ELSE 1 END = 1",
            name="of_one",
        ),
        Index("ix_feedback_form_lecture_id", "lecture_id"),
        Index("ix_feedback_form_series_id", "series_id"),
        Index("ix_feedback_form_about_series_id", "about_series_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    lecture_id: Mapped[int | None] = mapped_column(ForeignKey("lecture.id", ondelete="CASCADE"))
    series_id: Mapped[int | None] = mapped_column(ForeignKey("series.id", ondelete="CASCADE"))
    about_series_id: Mapped[int | None] = mapped_column(ForeignKey("series.id", ondelete="CASCADE"))
    questions: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    author_id: Mapped[int | None]
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class FeedbackAnswer(Base):
    """The answers of a person about a lecture, or about a series as a whole, to the version `form_id` of its questions;
    null: to the default ones.

    `rating` is the answer to the first rating among them. *Satisfaction* is counted from those about lectures. Staff
    never see whose answer it is. Texts are deleted with the person; what was chosen stays. `changes`: how often it was
    given or changed.
    """

    __tablename__ = "feedback_answer"
    read_by_strangers = False
    __table_args__ = (
        UniqueConstraint("lecture_id", "person_id", name="uq_feedback_answer_lecture_id_person_id"),
        Index("uq_feedback_answer_series_id_person_id", "series_id", "person_id", unique=True),
        CheckConstraint("(lecture_id IS NULL) != (series_id IS NULL)", name="of_one"),
        CheckConstraint("rating >= 1 AND rating <= 5", name="rating"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    lecture_id: Mapped[int | None] = mapped_column(ForeignKey("lecture.id", ondelete="CASCADE"))
    series_id: Mapped[int | None] = mapped_column(ForeignKey("series.id", ondelete="CASCADE"))
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)
    form_id: Mapped[int | None] = mapped_column(ForeignKey("feedback_form.id", ondelete="CASCADE"))
    answers: Mapped[dict[str, Any]] = mapped_column(JSON)
    rating: Mapped[int | None] = mapped_column(SmallInteger)
    answered_at: Mapped[datetime] = mapped_column(UtcDateTime)
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    changes: Mapped[int] = mapped_column(default=1, server_default="1")


class FeedbackRelease(Base):
    """The released answers about a lecture, or about a series as a whole: all that pages, files and figures read.

    It is written by `releases.release_due` alone and replaced in place, each figure by the rule of
    `core.base.disclosure`. `released_at` is when something in it last changed, and null before anything is shown.
    `stamp` says of which answers and credits it was made, `facts_version` of which attendance of the lecture.
    `answers` is null where nothing is shown. `shown` are the results, `satisfaction` is what the lecture adds to that
    figure, and `history` has the members of every figure, now and before.
    """

    __tablename__ = "feedback_release"
    read_by_strangers = False
    __table_args__ = (
        UniqueConstraint("lecture_id", name="uq_feedback_release_lecture_id"),
        UniqueConstraint("series_id", name="uq_feedback_release_series_id"),
        CheckConstraint("(lecture_id IS NULL) != (series_id IS NULL)", name="of_one"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    lecture_id: Mapped[int | None] = mapped_column(ForeignKey("lecture.id", ondelete="CASCADE"))
    series_id: Mapped[int | None] = mapped_column(ForeignKey("series.id", ondelete="CASCADE"))
    released_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    stamp: Mapped[str] = mapped_column(String(200))
    facts_version: Mapped[int | None] = mapped_column(BigInteger)
    answers: Mapped[int | None]
    shown: Mapped[dict[str, Any]] = mapped_column(JSON)
    satisfaction: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    history: Mapped[dict[str, Any]] = mapped_column(JSON, deferred=True)


class HiddenComment(Base):
    """A written answer that staff took out of the results, and why. Administrators still read it."""

    __tablename__ = "hidden_comment"
    read_by_strangers = False

    answer_id: Mapped[int] = mapped_column(ForeignKey("feedback_answer.id", ondelete="CASCADE"), primary_key=True)
    key: Mapped[str] = mapped_column(String(32), primary_key=True)
    reason: Mapped[str] = mapped_column(Text)
    hidden_by: Mapped[int | None]
    hidden_at: Mapped[datetime] = mapped_column(UtcDateTime)
