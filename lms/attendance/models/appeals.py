"""Appeals of people about their attendance of one lecture."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from lms.core.database.session import Base, UtcDateTime, text_enum
from lms.people.models import new_public_id


class AppealState(StrEnum):
    """The state of an appeal: open until it is answered or cancelled, then final."""

    OPEN = "open"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"


class Appeal(Base):
    """An appeal: the time when a person states to have been present, under which name, and their words.

    `ended_at` is when it was answered or withdrawn. `answer` is the reply; `correction_id` is the correction made with
    it. What the person wrote, and the answer, are deleted when the person is erased.
    """

    __tablename__ = "appeal"
    read_by_strangers = False
    __table_args__ = (
        CheckConstraint("(state = 'open') = (ended_at IS NULL)", name="ended"),
        Index(
            "uq_appeal_open",
            "lecture_id",
            "person_id",
            unique=True,
            sqlite_where=text("state = 'open'"),
            postgresql_where=text("state = 'open'"),
        ),
        Index("ix_appeal_lecture_id_state", "lecture_id", "state"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    public_id: Mapped[str] = mapped_column(String(32), unique=True, default=new_public_id)
    lecture_id: Mapped[int] = mapped_column(ForeignKey("lecture.id"))
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)
    filed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    said_from: Mapped[datetime | None] = mapped_column(UtcDateTime)
    said_to: Mapped[datetime | None] = mapped_column(UtcDateTime)
    joined_as: Mapped[str] = mapped_column(String(200), default="")
    text: Mapped[str] = mapped_column(Text, default="")
    state: Mapped[AppealState] = mapped_column(text_enum(AppealState), default=AppealState.OPEN)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    answered_by: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    answer: Mapped[str] = mapped_column(Text, default="")
    correction_id: Mapped[int | None] = mapped_column(ForeignKey("correction.id"))
