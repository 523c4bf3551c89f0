"""A person's place in a series."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from lms.catalogue.models import Series
from lms.core.db import Base, UtcDateTime, text_enum
from lms.people.models import Person, new_public_id

REGISTRATIONS = "registrations"
"""The stamp of a series under this name changes whenever its registrations may count differently."""


class EnrolmentStatus(StrEnum):
    """*Completed* is derived and never stored."""

    APPLIED = "applied"
    WAITLISTED = "waitlisted"
    ENROLLED = "enrolled"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"


class EnrolmentSource(StrEnum):
    """How the enrolment came about."""

    SELF = "self"
    STAFF = "staff"
    FILE = "file"
    NOMINATION = "nomination"
    WALK_IN = "walk_in"


class Enrolment(Base):
    """One row a (series, person). `registered_at` and its country never move; `queued_at` orders the line and
    moves when somebody comes back; `enrolled_at` is when the place was won, null for who has had none since.
    `profile_shared_at` is since when the series' instructors see more of the person than the address: the person
    enrolled or accepted, or somebody who may name them did (`rules.shares_profile`); null: not yet.

    A row is never re-pointed when people are merged: whose it is says `person.canonical_id`.
    """

    __tablename__ = "enrolment"
    __table_args__ = (
        UniqueConstraint("series_id", "person_id"),
        Index("ix_enrolment_series_id_status_queued_at", "series_id", "status", "queued_at"),
        Index("ix_enrolment_series_id_id", "series_id", "id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    public_id: Mapped[str] = mapped_column(String(32), unique=True, default=new_public_id)
    series_id: Mapped[int] = mapped_column(ForeignKey("series.id"))
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)
    status: Mapped[EnrolmentStatus] = mapped_column(text_enum(EnrolmentStatus))
    source: Mapped[EnrolmentSource] = mapped_column(text_enum(EnrolmentSource))
    registered_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    registered_country_id: Mapped[int | None] = mapped_column(ForeignKey("country.id"))
    queued_at: Mapped[datetime] = mapped_column(UtcDateTime)
    enrolled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    withdrawn_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    profile_shared_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    series: Mapped[Series] = relationship()
    person: Mapped[Person] = relationship()


class EnrolmentSpan(Base):
    """A time in which a place was held before its person came back: rosters of then still need it."""

    __tablename__ = "enrolment_span"

    id: Mapped[int] = mapped_column(primary_key=True)
    enrolment_id: Mapped[int] = mapped_column(ForeignKey("enrolment.id", ondelete="CASCADE"), index=True)
    since: Mapped[datetime] = mapped_column(UtcDateTime)
    until: Mapped[datetime] = mapped_column(UtcDateTime)


class SupersededEnrolment(Base):
    """An enrolment that a merge withdrew because its person stood twice in the series, and what it was before.

    Undoing the merge restores it.
    """

    __tablename__ = "superseded_enrolment"

    enrolment_id: Mapped[int] = mapped_column(ForeignKey("enrolment.id", ondelete="CASCADE"), primary_key=True)
    status: Mapped[EnrolmentStatus] = mapped_column(text_enum(EnrolmentStatus))
    at: Mapped[datetime] = mapped_column(UtcDateTime)
