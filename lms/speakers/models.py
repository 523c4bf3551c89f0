"""Speakers, and the lectures in which they speak."""

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from lms.core.database.session import Base
from lms.core.text.sorting import sorted_text
from lms.core.text.translations import TranslatedTexts
from lms.people.models import new_public_id


class Speaker(TranslatedTexts, Base):
    """A speaker as the public reads of them: name, position ("Head of e-commerce, State Customs Service") and a few
    lines. `name_key` finds the name whatever its case and marks; `picture` is the SHA-256 of a JPEG of 256 by 256
    pixels. Position and lines can be in several languages."""

    __tablename__ = "speaker"

    id: Mapped[int] = mapped_column(primary_key=True)
    public_id: Mapped[str] = mapped_column(String(32), unique=True, default=new_public_id)
    full_name: Mapped[str] = mapped_column(String(200))
    native_name: Mapped[str | None] = mapped_column(String(200))
    position: Mapped[str | None] = mapped_column(String(200))
    about: Mapped[str] = mapped_column(Text, default="")
    name_key: Mapped[str] = mapped_column(sorted_text(), index=True)
    picture: Mapped[str | None] = mapped_column(String(64))

    @property
    def picture_key(self) -> str | None:
        """Where the picture is kept (`core.storage.files`)."""
        return f"speakers/{self.public_id}-{self.picture}" if self.picture else None


class LectureSpeaker(Base):
    """A speaker of a lecture, in order."""

    __tablename__ = "lecture_speaker"
    __table_args__ = (Index("ix_lecture_speaker_speaker_id", "speaker_id"),)

    lecture_id: Mapped[int] = mapped_column(ForeignKey("lecture.id", ondelete="CASCADE"), primary_key=True)
    speaker_id: Mapped[int] = mapped_column(ForeignKey("speaker.id", ondelete="CASCADE"), primary_key=True)
    place: Mapped[int]
