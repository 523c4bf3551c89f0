"""Group viewing: many people in front of one screen, on a list signed by a focal point."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from lms.core.database.session import Base, UtcDateTime, text_enum
from lms.people.models import new_public_id


class Entered(StrEnum):
    """How a person was added to a group's list: by the code, signed in; by an address entered with the code; ticked by
    the organiser of the group; from a list of addresses.
    """

    CODE = "code"
    ADDRESS = "address"
    TICKED = "ticked"
    LIST = "list"


class ViewingGroup(Base):
    """People of one country who watch a lecture together: the place, the organiser, the expected number.

    `code` is shown on the wall (eight characters, as `typed_text`); `time_zone` is that of the place, in which
    times are entered. A cancelled group remains, and counts for nothing.
    """

    __tablename__ = "viewing_group"
    __table_args__ = (CheckConstraint("expected > 0", name="expected"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    public_id: Mapped[str] = mapped_column(String(32), unique=True, default=new_public_id)
    lecture_id: Mapped[int] = mapped_column(ForeignKey("lecture.id"), index=True)
    country_id: Mapped[int] = mapped_column(ForeignKey("country.id"), index=True)
    city: Mapped[str] = mapped_column(String(100))
    room: Mapped[str] = mapped_column(String(200))
    organiser: Mapped[str] = mapped_column(String(200))
    expected: Mapped[int]
    time_zone: Mapped[str] = mapped_column(String(64))
    code: Mapped[str] = mapped_column(String(16), unique=True)
    opened_by: Mapped[int | None] = mapped_column(ForeignKey("person.id"), index=True)
    opened_at: Mapped[datetime] = mapped_column(UtcDateTime)
    called_off_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class GroupEntry(Base):
    """An entry of a group's list: a person, or an address (`key` is `email_key` of it) about which nothing is revealed
    to its writer. At the signature, an address becomes the person known by it.
    """

    __tablename__ = "group_entry"
    read_by_strangers = False
    __table_args__ = (
        UniqueConstraint("group_id", "person_id"),
        UniqueConstraint("group_id", "key"),
        CheckConstraint("person_id IS NOT NULL OR key IS NOT NULL", name="somebody"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    group_id: Mapped[int] = mapped_column(ForeignKey("viewing_group.id"))
    person_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"), index=True)
    address: Mapped[str | None] = mapped_column(String(320))
    key: Mapped[str | None] = mapped_column(String(320), index=True)
    entered: Mapped[Entered] = mapped_column(text_enum(Entered))
    entered_by: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    entered_at: Mapped[datetime] = mapped_column(UtcDateTime)


class GroupSignature(Base):
    """The statement that a number of people watched together, by whom and when; it counts until it is withdrawn.

    `connection_id` is the connection that showed the lecture, else they watched from `from_ms` to `until_ms`
    (milliseconds UTC). `digest` identifies the list that was signed.
    """

    __tablename__ = "group_signature"
    read_by_strangers = False
    __table_args__ = (
        Index(
            "uq_group_signature_standing",
            "group_id",
            unique=True,
            sqlite_where=text("taken_back_at IS NULL"),
            postgresql_where=text("taken_back_at IS NULL"),
        ),
        CheckConstraint("connection_id IS NOT NULL OR until_ms > from_ms", name="span"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    group_id: Mapped[int] = mapped_column(ForeignKey("viewing_group.id"), index=True)
    people: Mapped[int]
    digest: Mapped[str] = mapped_column(String(32))
    statement: Mapped[str] = mapped_column(Text)
    connection_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    from_ms: Mapped[int | None] = mapped_column(BigInteger)
    until_ms: Mapped[int | None] = mapped_column(BigInteger)
    signed_by: Mapped[int | None] = mapped_column(ForeignKey("person.id"), index=True)
    signed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    taken_back_by: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    taken_back_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    reason: Mapped[str] = mapped_column(Text, default="")
