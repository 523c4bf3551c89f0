"""Forms of questions, each version a row of its own, and what people answered to them."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from lms.core.database.session import Base, UtcDateTime


class EnrolmentForm(Base):
    """One version of the questions at enrolment in a series or, without one, of those to everybody who registers.

    The latest version is asked. A version never changes: an answer keeps the question that it was given to.
    `questions` are as `lms.questions.rules.dump` writes them.
    """

    __tablename__ = "enrolment_form"
    read_by_strangers = False
    __table_args__ = (
        UniqueConstraint("series_id", "version"),
        Index(
            "uq_enrolment_form_registration",
            "version",
            unique=True,
            sqlite_where=text("series_id IS NULL"),
            postgresql_where=text("series_id IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    series_id: Mapped[int | None] = mapped_column(ForeignKey("series.id", ondelete="CASCADE"))
    version: Mapped[int]
    questions: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    made_at: Mapped[datetime] = mapped_column(UtcDateTime)


class EnrolmentAnswers(Base):
    """The last answers of a person, and to which version (`form`). One row for each series and person, and one at most
    for the questions at registration.

    A row is never re-pointed when people are merged: of two, the one that was answered last speaks.
    """

    __tablename__ = "enrolment_answers"
    read_by_strangers = False
    __table_args__ = (
        UniqueConstraint("series_id", "person_id"),
        Index(
            "uq_enrolment_answers_registration",
            "person_id",
            unique=True,
            sqlite_where=text("series_id IS NULL"),
            postgresql_where=text("series_id IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    series_id: Mapped[int | None] = mapped_column(ForeignKey("series.id", ondelete="CASCADE"))
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)
    form_id: Mapped[int] = mapped_column(ForeignKey("enrolment_form.id", ondelete="CASCADE"), index=True)
    answers: Mapped[dict[str, Any]] = mapped_column(JSON)
    answered_at: Mapped[datetime] = mapped_column(UtcDateTime)
    form: Mapped[EnrolmentForm] = relationship()
