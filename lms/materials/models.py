"""Files of lectures, and how often each was downloaded."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from lms.core.database.session import Base, UtcDateTime, text_enum
from lms.people.models import new_public_id


class Audience(StrEnum):
    """The people who can open a file, besides the lecture's staff: enrolled people, everyone who can see the lecture,
    or enrolled people once it was held."""

    ENROLLED = "enrolled"
    EVERYONE = "everyone"
    AFTERWARDS = "afterwards"


class FileState(StrEnum):
    """Whether a file can be opened.

    A file that waits for the virus scanner, or was refused by it, is only listed, for staff.
    """

    WAITING = "waiting"
    READY = "ready"
    REFUSED = "refused"


class LectureFile(Base):
    """One file of a lecture. The same content is in its list once.

    `file_name` is the name used when it is saved, `kind` the extension that matches its content, `size` in bytes,
    `digest` the SHA-256 of the content in hexadecimal. `content_of`: the public id of the file whose content this one
    shares, since its lecture was copied with its files; null for an uploaded file.
    """

    __tablename__ = "lecture_file"
    __table_args__ = (
        UniqueConstraint("lecture_id", "digest"),
        CheckConstraint("size > 0", name="size"),
        Index("ix_lecture_file_lecture_id_position", "lecture_id", "position"),
        Index("ix_lecture_file_state", "state"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    public_id: Mapped[str] = mapped_column(String(32), unique=True, default=new_public_id)
    lecture_id: Mapped[int] = mapped_column(ForeignKey("lecture.id", ondelete="CASCADE"))
    position: Mapped[int]
    title: Mapped[str] = mapped_column(String(200))
    audience: Mapped[Audience] = mapped_column(text_enum(Audience))
    file_name: Mapped[str] = mapped_column(String(200))
    kind: Mapped[str] = mapped_column(String(8))
    size: Mapped[int] = mapped_column(BigInteger)
    digest: Mapped[str] = mapped_column(String(64))
    state: Mapped[FileState] = mapped_column(text_enum(FileState))
    finding: Mapped[str | None] = mapped_column(String(200))
    """What the virus scanner found, in its words."""
    uploaded_at: Mapped[datetime] = mapped_column(UtcDateTime)
    content_of: Mapped[str | None] = mapped_column(String(32), index=True)

    @property
    def content_id(self) -> str:
        """The public id under which the content is kept."""
        return self.content_of or self.public_id

    @property
    def key(self) -> str:
        """Where the content is kept (`core.storage.files`)."""
        return f"materials/{self.content_id}-{self.digest}"


class FileDownloads(Base):
    """How often a file was downloaded by people other than the lecture's staff.

    In a separate table, so that a download does not invalidate pages of the lecture.
    """

    __tablename__ = "file_downloads"
    read_by_strangers = False

    file_id: Mapped[int] = mapped_column(ForeignKey("lecture_file.id", ondelete="CASCADE"), primary_key=True)
    count: Mapped[int] = mapped_column(default=0)
