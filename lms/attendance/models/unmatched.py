"""Unmatched attendees: people as given in the reports of a series, and who they turned out to be."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from lms.core.database.session import Base, UtcDateTime, text_enum


class MatchMethod(StrEnum):
    """How it became known who an unmatched attendee is: by an address or a name that became known later, by hand (one
    that somebody looked at, or all strong ones together), or that it is nobody of ours; `undone` takes that back."""

    ADDRESS = "address"
    NAME = "name"
    HAND = "hand"
    TOGETHER = "together"
    NOBODY = "nobody"
    UNDONE = "undone"


class UnmatchedAttendee(Base):
    """An attendee in the files of a series who was not matched at first.

    `key` is the address (as `email_key`), `registrant:<id>`, `name:<name as compared>`, or `row:<evidence>` for a row
    resolved separately, which belonged to `within_id` before. `person_id` null and `how` null: not decided. Presence is
    never changed: its person is read through this row, so that a decision can be undone. `version` counts the
    decisions: each decision names the version that it saw.
    """

    __tablename__ = "unmatched_attendee"
    read_by_strangers = False
    __table_args__ = (
        UniqueConstraint("series_id", "key"),
        CheckConstraint("how IS NOT NULL OR person_id IS NULL", name="decided"),
        CheckConstraint("person_id IS NULL OR how <> 'nobody'", name="nobody"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    series_id: Mapped[int] = mapped_column(ForeignKey("series.id"))
    key: Mapped[str] = mapped_column(String(700), index=True)
    name: Mapped[str | None] = mapped_column(String(200))
    email: Mapped[str | None] = mapped_column(String(320))
    within_id: Mapped[int | None] = mapped_column(ForeignKey("unmatched_attendee.id"))
    person_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"), index=True)
    how: Mapped[MatchMethod | None] = mapped_column(text_enum(MatchMethod))
    decided_by: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    decided_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    version: Mapped[int] = mapped_column(default=0, server_default="0")


class Resolution(Base):
    """One resolution of an unmatched attendee, in the order in which they were made: nothing is taken out."""

    __tablename__ = "attendee_resolution"
    read_by_strangers = False
    __table_args__ = (UniqueConstraint("attendee_id", "version"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    attendee_id: Mapped[int] = mapped_column(ForeignKey("unmatched_attendee.id"))
    version: Mapped[int]
    person_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"), index=True)
    how: Mapped[MatchMethod] = mapped_column(text_enum(MatchMethod))
    by_person_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    made_at: Mapped[datetime] = mapped_column(UtcDateTime)
