"""A person's place in a series."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from lms.batches.models import BatchRow, EntryState
from lms.catalogue.models import Series
from lms.core.database.session import Base, UtcDateTime, text_enum
from lms.people.models import Country, Person, new_public_id

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


class SeatKind(StrEnum):
    """How a seat was got: of the country's quota, of the seats for everybody, of those that countries did not use, or
    given by staff, singly or from a file."""

    QUOTA = "quota"
    OPEN = "open"
    RELEASED = "released"
    BY_HAND = "by_hand"


class SeatReason(StrEnum):
    """Why a seat was taken or given back. `accepted` hands a nominee's seat over; `quota_set` and `quota_released`
    change how many are kept; `country_merged` are two entries, of which one gives a seat back to the quota of a country
    and the other takes it from that of another. None of these four changes how many are taken."""

    ENROLLED = "enrolled"
    NOMINATED = "nominated"
    ACCEPTED = "accepted"
    PROMOTED = "promoted"
    RELEASED = "released"
    RESTORED = "restored"
    WITHDRAWN = "withdrawn"
    DECLINED = "declined"
    REFUSED = "refused"
    EXPIRED = "expired"
    SUPERSEDED = "superseded"
    ERASED = "erased"
    QUOTA_SET = "quota_set"
    QUOTA_RELEASED = "quota_released"
    COUNTRY_MERGED = "country_merged"


class Enrolment(Base):
    """One row for each (series, person).

    `registered_at` and its country never change, except for a merge of countries; `queued_at` orders the waiting list
    and changes when somebody returns; `enrolled_at` is when the place was won, null without one since.
    `profile_shared_at` is since when the series' instructors see more of the person than the address: the person
    enrolled or accepted, or somebody who may name them did (`rules.shares_profile`); null: not yet. `seat_kind` is how
    the seat was got, null while there is none; `seat_country_id` whose quota it is of. `calendar_changes` counts how
    often the person left and returned: part of the SEQUENCE of their invitations. `required_lectures`,
    `required_minutes`, `required_percent` (of each lecture), `required_checks` (to pass) and `required_feedback` (on
    how many lectures) are what the certificate required when the person was last informed, at enrolling or by e-mail;
    null, and no checks or feedback: nothing yet.

    A row is never re-pointed when people are merged: its person is `person.canonical_id`.
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
    registered_country_id: Mapped[int | None] = mapped_column(ForeignKey("country.id"), index=True)
    queued_at: Mapped[datetime] = mapped_column(UtcDateTime)
    enrolled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    withdrawn_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    profile_shared_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    seat_kind: Mapped[SeatKind | None] = mapped_column(text_enum(SeatKind))
    seat_country_id: Mapped[int | None] = mapped_column(ForeignKey("country.id"), index=True)
    calendar_changes: Mapped[int] = mapped_column(default=0, server_default="0")
    required_lectures: Mapped[int | None]
    required_minutes: Mapped[int | None]
    required_percent: Mapped[int | None]
    required_checks: Mapped[int] = mapped_column(default=0, server_default="0")
    required_feedback: Mapped[int] = mapped_column(default=0, server_default="0")
    series: Mapped[Series] = relationship()
    person: Mapped[Person] = relationship()


class EnrolmentSpan(Base):
    """A time in which a place was held before its person returned: rosters of that time still need it."""

    __tablename__ = "enrolment_span"

    id: Mapped[int] = mapped_column(primary_key=True)
    enrolment_id: Mapped[int] = mapped_column(ForeignKey("enrolment.id", ondelete="CASCADE"), index=True)
    since: Mapped[datetime] = mapped_column(UtcDateTime)
    until: Mapped[datetime] = mapped_column(UtcDateTime)


class CalendarAddress(Base):
    """The private address of a person's calendar. Its secret is found by its hash, and sealed to be shown again.

    `read_at`: when a program read it last, to the hour; `program`: which, where it is a known one.
    """

    __tablename__ = "calendar_address"
    read_by_strangers = False

    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), primary_key=True)
    secret_hash: Mapped[str] = mapped_column(String(64), unique=True)
    sealed: Mapped[str] = mapped_column(String(200))
    made_at: Mapped[datetime] = mapped_column(UtcDateTime)
    read_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    program: Mapped[str] = mapped_column(String(32), default="", server_default="")


class SupersededEnrolment(Base):
    """An enrolment that a merge withdrew because its person had two in the series, and its previous state.

    Undoing the merge restores it.
    """

    __tablename__ = "superseded_enrolment"

    enrolment_id: Mapped[int] = mapped_column(ForeignKey("enrolment.id", ondelete="CASCADE"), primary_key=True)
    status: Mapped[EnrolmentStatus] = mapped_column(text_enum(EnrolmentStatus))
    at: Mapped[datetime] = mapped_column(UtcDateTime)


class CountryQuota(Base):
    """Seats of a series that are kept for a country until a moment; `used` counts those that were taken of them.

    From `kept_until` on, what is unused is for everybody; `released_at` is when that was done.
    """

    __tablename__ = "country_quota"
    read_by_strangers = False
    __table_args__ = (
        UniqueConstraint("series_id", "country_id"),
        CheckConstraint("seats >= 0 AND used >= 0 AND used <= seats", name="used"),
        Index("ix_country_quota_released_at_kept_until", "released_at", "kept_until"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    series_id: Mapped[int] = mapped_column(ForeignKey("series.id", ondelete="CASCADE"))
    country_id: Mapped[int] = mapped_column(ForeignKey("country.id"), index=True)
    seats: Mapped[int]
    used: Mapped[int] = mapped_column(default=0)
    kept_until: Mapped[datetime] = mapped_column(UtcDateTime)
    released_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    country: Mapped[Country] = relationship()

    def is_kept(self, at: datetime) -> bool:
        """Whether its seats are kept at a moment, even where a release is late."""
        return self.released_at is None and self.kept_until > at


class SeatEntry(Base):
    """One line of the ledger of seats, never changed: `change` is 1 for a seat taken, -1 for one given back, else 0.

    The changes of a series always add up to `Series.taken`. `country_id` is whose quota it is of for a seat of a quota,
    else the person's then; `person_id` is null for a nominee who is nobody yet. `waited_since` is since when somebody
    who moved up had waited; `number` how many seats a quota keeps from then, or a release gave away. `nominee`: the id
    of the nomination that holds the seat, or held it.
    """

    __tablename__ = "seat_entry"
    read_by_strangers = False
    __table_args__ = (
        CheckConstraint("change BETWEEN -1 AND 1", name="change"),
        Index("ix_seat_entry_series_id_id", "series_id", "id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    series_id: Mapped[int] = mapped_column(ForeignKey("series.id", ondelete="CASCADE"))
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    change: Mapped[int]
    kind: Mapped[SeatKind] = mapped_column(text_enum(SeatKind))
    why: Mapped[SeatReason] = mapped_column(text_enum(SeatReason))
    country_id: Mapped[int | None] = mapped_column(ForeignKey("country.id"))
    person_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"), index=True)
    by_person_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    waited_since: Mapped[datetime | None] = mapped_column(UtcDateTime)
    number: Mapped[int | None]
    nominee: Mapped[str | None] = mapped_column(String(32))


class EnrolmentBatch(BatchRow, Base):
    """One decision about many places of a series: people are given a place (`enrolled`), rejected or withdrawn."""

    __tablename__ = "enrolment_batch"
    read_by_strangers = False

    series_id: Mapped[int] = mapped_column(ForeignKey("series.id"), index=True)
    status: Mapped[EnrolmentStatus] = mapped_column(text_enum(EnrolmentStatus))


class EnrolmentBatchEntry(Base):
    """One person of a batch: the state of the enrolment when the batch was previewed, when the batch changed it, and
    whether the person then had a place."""

    __tablename__ = "enrolment_batch_entry"
    read_by_strangers = False
    __table_args__ = (Index("ix_enrolment_batch_entry_batch_id_state", "batch_id", "state"),)

    batch_id: Mapped[int] = mapped_column(ForeignKey("enrolment_batch.id", ondelete="CASCADE"), primary_key=True)
    enrolment_id: Mapped[int] = mapped_column(ForeignKey("enrolment.id", ondelete="CASCADE"), primary_key=True)
    before: Mapped[EnrolmentStatus] = mapped_column(text_enum(EnrolmentStatus))
    changed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    has_place: Mapped[bool | None]
    state: Mapped[EntryState] = mapped_column(text_enum(EntryState), default=EntryState.PENDING)
