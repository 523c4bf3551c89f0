"""PDF files whose pages are shown in a lecture, and when each page was turned to."""

from enum import StrEnum

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from lms.core.database.session import Base, text_enum
from lms.people.models import new_public_id


class DeckState(StrEnum):
    """*waiting*: its pages are being made; *ready*: they can be shown; *refused*: there is a problem with the file."""

    WAITING = "waiting"
    READY = "ready"
    REFUSED = "refused"


class DeckProblem(StrEnum):
    """The reason why a file cannot be shown as slides."""

    TOO_LONG = "too_long"
    LOCKED = "locked"
    UNREADABLE = "unreadable"


class SlideDeck(Base):
    """A PDF file whose pages are shown in its lecture.

    `version` names the folder of its pages; another content of the file gets another one. `page_count` is 0 until the
    number of pages is known.
    """

    __tablename__ = "slide_deck"
    read_by_strangers = False
    __table_args__ = (
        CheckConstraint("page_count >= 0", name="page_count"),
        CheckConstraint("(state = 'refused') = (problem IS NOT NULL)", name="problem"),
        Index("ix_slide_deck_lecture_id", "lecture_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    lecture_id: Mapped[int] = mapped_column(ForeignKey("lecture.id", ondelete="CASCADE"))
    file_id: Mapped[int] = mapped_column(ForeignKey("lecture_file.id", ondelete="CASCADE"), unique=True)
    version: Mapped[str] = mapped_column(String(32), unique=True, default=new_public_id)
    state: Mapped[DeckState] = mapped_column(text_enum(DeckState), default=DeckState.WAITING)
    problem: Mapped[DeckProblem | None] = mapped_column(text_enum(DeckProblem))
    page_count: Mapped[int] = mapped_column(default=0)

    @property
    def folder(self) -> str:
        """The folder of the pages (`core.storage.files`)."""
        return f"slides/{self.version}"


class SlideTurn(Base):
    """A moment at which the presenter turned to a page, counted from 1; 0 where no slide is shown from then on.

    `at_ms` is milliseconds UTC. Picture and sound that were sent at the same time have the same time of day.
    """

    __tablename__ = "slide_turn"
    read_by_strangers = False
    __table_args__ = (CheckConstraint("page >= 0", name="page"),)

    lecture_id: Mapped[int] = mapped_column(ForeignKey("lecture.id", ondelete="CASCADE"), primary_key=True)
    at_ms: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    deck_id: Mapped[int] = mapped_column(ForeignKey("slide_deck.id", ondelete="CASCADE"), index=True)
    page: Mapped[int]
