"""Messages to people who are enrolled in a series."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from lms.core.database.session import Base, UtcDateTime, text_enum
from lms.people.models import new_public_id


class MessageState(StrEnum):
    """How far a message is. *waiting* can still be stopped before the first e-mail; while *sending*, e-mails are put
    in the outbox; *sent*: all are there. What became of each e-mail, the outbox says."""

    DRAFT = "draft"
    WAITING = "waiting"
    SENDING = "sending"
    SENT = "sent"
    STOPPED = "stopped"


class Audience(StrEnum):
    """Which of the people enrolled get a message: all, those with an outcome of one lecture, those who are one lecture
    short of a certificate, or those who are falling behind and can still earn it."""

    EVERYONE = "everyone"
    ATTENDED = "attended"
    PARTIAL = "partial"
    ABSENT = "absent"
    SHORT = "short"
    BEHIND = "behind"


class Message(Base):
    """A message: audience, text and progress.

    `search` limits those who are falling behind to the results of a search. `readers` is the number that was confirmed.
    E-mails are posted in the order of person ids; `posted_to` is the last processed id. `author_id` and `sender_id` are
    plain ids of people: who wrote it, and who sent it.
    """

    __tablename__ = "message"
    read_by_strangers = False
    __table_args__ = (Index("ix_message_state", "state", "starts_at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    public_id: Mapped[str] = mapped_column(String(32), unique=True, default=new_public_id)
    series_id: Mapped[int] = mapped_column(ForeignKey("series.id"), index=True)
    audience: Mapped[Audience] = mapped_column(text_enum(Audience))
    lecture_id: Mapped[int | None] = mapped_column(ForeignKey("lecture.id"))
    country: Mapped[str] = mapped_column(String(16), default="")
    search: Mapped[str] = mapped_column(String(100), default="", server_default="")
    subject: Mapped[str] = mapped_column(String(200))
    text: Mapped[str] = mapped_column(Text)
    state: Mapped[MessageState] = mapped_column(text_enum(MessageState), default=MessageState.DRAFT)
    author_id: Mapped[int | None]
    sender_id: Mapped[int | None]
    readers: Mapped[int] = mapped_column(default=0)
    posted_to: Mapped[int] = mapped_column(default=0)
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    confirmed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    starts_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
