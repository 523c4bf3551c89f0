"""Nominations, the links of their invitations, what people are asked to confirm, and decisions."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from lms.batches.models import BatchRow, EntryState
from lms.catalogue.models import Series
from lms.core.database.session import Base, UtcDateTime, text_enum
from lms.enrolment.models import SeatKind
from lms.people.models import Country, Gender, Sector, new_public_id


class NominationState(StrEnum):
    """The state of a nomination.

    *Submitted* waits for an administrator, *invited* for the nominee. The nominee has *declined*; an administrator has
    *rejected* it; the focal point has *withdrawn* it.
    """

    DRAFTED = "drafted"
    SUBMITTED = "submitted"
    INVITED = "invited"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    REJECTED = "rejected"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"


OPEN = frozenset({NominationState.DRAFTED, NominationState.SUBMITTED, NominationState.INVITED})
"""States in which a nomination can still lead to a place."""
STANDING = OPEN | {NominationState.ACCEPTED}
"""States of nominations that have not ended without a place."""
_IS_OPEN = text("state IN ('drafted', 'submitted', 'invited')")


class Nomination(Base):
    """A focal point's proposal of one person for a series, on behalf of a country.

    The person is known by `email_key`. Names and profile are as the focal point wrote them, until the nominee
    confirms or corrects them. `language` is the one to invite them in; null: that of their country. `person_id` is
    null until the nominee accepts, or names a person who belongs to the country. `seat_kind`: the seat that is held
    for the nominee; null: none is. `answered_at` is when the nominee answered; a submitted nomination that has it
    waits because the nominee named another country. `reason` is what an administrator or the nominee wrote.
    `letter_*` describe the letter of endorsement (`letter_key`).
    """

    __tablename__ = "nomination"
    read_by_strangers = False
    __table_args__ = (
        Index(
            "uq_nomination_open",
            "series_id",
            "country_id",
            "email_key",
            unique=True,
            sqlite_where=_IS_OPEN,
            postgresql_where=_IS_OPEN,
        ),
        Index("ix_nomination_series_id_country_id_state", "series_id", "country_id", "state"),
        Index("ix_nomination_country_id_id", "country_id", "id"),
        Index("ix_nomination_state_expires_at", "state", "expires_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    public_id: Mapped[str] = mapped_column(String(32), unique=True, default=new_public_id)
    series_id: Mapped[int] = mapped_column(ForeignKey("series.id"))
    country_id: Mapped[int] = mapped_column(ForeignKey("country.id"))
    person_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"), index=True)
    nominated_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"), index=True)
    decided_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"), index=True)
    email: Mapped[str] = mapped_column(String(320))
    email_key: Mapped[str] = mapped_column(String(320), index=True)
    full_name: Mapped[str] = mapped_column(String(200))
    native_name: Mapped[str | None] = mapped_column(String(200))
    sector: Mapped[Sector | None] = mapped_column(text_enum(Sector))
    organisation: Mapped[str | None] = mapped_column(String(200))
    job_title: Mapped[str | None] = mapped_column(String(200))
    gender: Mapped[Gender | None] = mapped_column(text_enum(Gender))
    language: Mapped[str | None] = mapped_column(String(16))
    state: Mapped[NominationState] = mapped_column(text_enum(NominationState))
    reason: Mapped[str | None] = mapped_column(Text)
    seat_kind: Mapped[SeatKind | None] = mapped_column(text_enum(SeatKind))
    letter_name: Mapped[str | None] = mapped_column(String(200))
    letter_type: Mapped[str | None] = mapped_column(String(100))
    letter_digest: Mapped[str | None] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    submitted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    decided_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    invited_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    reminded_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    answered_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    series: Mapped[Series] = relationship()
    country: Mapped[Country] = relationship()

    @property
    def has_letter(self) -> bool:
        """Whether a letter of endorsement is attached."""
        return self.letter_name is not None

    @property
    def letter_key(self) -> str | None:
        """Where the letter of endorsement is kept (`core.storage.files`)."""
        return f"nominations/{self.public_id}-{self.letter_digest}" if self.letter_digest else None


class InvitationLink(Base):
    """A link of an invitation; only the hash of its secret is stored. Each time it is sent there is a new one, and the
    ones sent before stay good until they expire."""

    __tablename__ = "invitation_link"
    read_by_strangers = False

    id: Mapped[int] = mapped_column(primary_key=True)
    nomination_id: Mapped[int] = mapped_column(ForeignKey("nomination.id", ondelete="CASCADE"), index=True)
    secret_hash: Mapped[str] = mapped_column(String(64), unique=True)
    sent_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)


class ProfileField(StrEnum):
    """A field of a profile that somebody can be asked to confirm."""

    FULL_NAME = "full_name"
    NATIVE_NAME = "native_name"
    ORGANISATION = "organisation"
    JOB_TITLE = "job_title"
    SECTOR = "sector"
    GENDER = "gender"


class ProfileRequest(Base):
    """A request to a person to confirm what the file of a focal point says otherwise than the person's profile.

    Only the hash of the secret of its link is stored. `asked_by_id`: null once that person was erased.
    """

    __tablename__ = "profile_request"
    read_by_strangers = False
    __table_args__ = (Index("ix_profile_request_country_id_asked_at", "country_id", "asked_at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)
    country_id: Mapped[int] = mapped_column(ForeignKey("country.id"))
    asked_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"), index=True)
    secret_hash: Mapped[str] = mapped_column(String(64), unique=True)
    asked_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    answered_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    country: Mapped[Country] = relationship()
    changes: "Mapped[list[RequestedChange]]" = relationship(
        cascade="all, delete-orphan", order_by="RequestedChange.field"
    )


class RequestedChange(Base):
    """One change that a person is asked to confirm. `accepted`: null until answered."""

    __tablename__ = "requested_change"
    read_by_strangers = False

    request_id: Mapped[int] = mapped_column(ForeignKey("profile_request.id", ondelete="CASCADE"), primary_key=True)
    field: Mapped[ProfileField] = mapped_column(text_enum(ProfileField), primary_key=True)
    value: Mapped[str] = mapped_column(String(200))
    accepted: Mapped[bool | None]


class Decision(StrEnum):
    """A decision of an administrator on a nomination."""

    APPROVE = "approve"
    REJECT = "reject"


class DecidedState(StrEnum):
    """The state of one nomination of a batch.

    *Pending*, *changed* and *taken back* are as in every batch (`batches.models.EntryState`). It was skipped since it
    was *withdrawn*, its person is *enrolled* already, it was *decided* by someone else, or its series is *over*. The
    decision stays since the nominee has *answered* the invitation, the quota has *no seat* left, the person was
    nominated *again*, the personal data was *erased*, or the nomination has *ended*.
    """

    PENDING = EntryState.PENDING.value
    CHANGED = EntryState.CHANGED.value
    TAKEN_BACK = EntryState.TAKEN_BACK.value
    WITHDRAWN = "withdrawn"
    ENROLLED = "enrolled"
    DECIDED = "decided"
    OVER = "over"
    ANSWERED = "answered"
    NO_SEAT = "no_seat"
    AGAIN = "again"
    ERASED = "erased"
    ENDED = "ended"


SKIPPED = (DecidedState.WITHDRAWN, DecidedState.ENROLLED, DecidedState.DECIDED, DecidedState.OVER)
"""States of nominations that a batch did not decide."""
KEPT = (
    DecidedState.ANSWERED,
    DecidedState.NO_SEAT,
    DecidedState.AGAIN,
    DecidedState.ERASED,
    DecidedState.ENDED,
)
"""States of nominations whose decision could not be taken back."""


class DecisionBatch(BatchRow, Base):
    """One decision on nominations: previewed, then confirmed with a reason, and perhaps taken back."""

    __tablename__ = "decision_batch"
    read_by_strangers = False

    decision: Mapped[Decision] = mapped_column(text_enum(Decision))


class DecisionBatchEntry(Base):
    """One nomination of a batch, and what became of it in it."""

    __tablename__ = "decision_batch_entry"
    read_by_strangers = False
    __table_args__ = (Index("ix_decision_batch_entry_batch_id_state", "batch_id", "state"),)

    batch_id: Mapped[int] = mapped_column(ForeignKey("decision_batch.id", ondelete="CASCADE"), primary_key=True)
    nomination_id: Mapped[int] = mapped_column(ForeignKey("nomination.id", ondelete="CASCADE"), primary_key=True)
    state: Mapped[DecidedState] = mapped_column(text_enum(DecidedState), default=DecidedState.PENDING)
