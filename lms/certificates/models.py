"""Awards, the certificates that state them, and what these are trusted by: keys and lists of states."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, BigInteger, ForeignKey, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from lms.catalogue.models import CertificateKind
from lms.core.database.session import Base, UtcDateTime, text_enum

AWARDS = "awards"
"""The stamp of a series under this name changes whenever its awards may count differently."""


class CertificateState(StrEnum):
    VALID = "valid"
    SUPERSEDED = "superseded"
    REVOKED = "revoked"
    WITHDRAWN = "withdrawn"


class Award(Base):
    """Something earned: once per series, person and kind, whatever is run twice.

    `needed` lectures and `needed_minutes` are what was asked when it was earned; null in awards older than that.
    `awarded_country_id` is the person's country at that moment and changes only by a merge of countries; null is *not
    stated*.
    """

    __tablename__ = "award"
    read_by_strangers = False
    __table_args__ = (UniqueConstraint("series_id", "person_id", "kind"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    series_id: Mapped[int] = mapped_column(ForeignKey("series.id"))
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)
    kind: Mapped[CertificateKind] = mapped_column(text_enum(CertificateKind))
    awarded_at: Mapped[datetime] = mapped_column(UtcDateTime)
    awarded_country_id: Mapped[int | None] = mapped_column(ForeignKey("country.id"))
    needed: Mapped[int | None]
    needed_minutes: Mapped[int | None]


class Certificate(Base):
    """A document that states an award, with all its content frozen; a corrected one supersedes it.

    `number` is stored without separators (17 characters). `hours_ms` is the actual length of the lectures attended.
    `lectures` are the stations of the route: [{"title", "language", "day", "attended"}], without "language" in older
    ones. `title_language` is that of `series_title`; `language`, that of the series, decides about the other words.
    `credential` is its badge as signed at the issue (compact JWS), by the key `signing_kid`; it is deleted for an
    erased person. Its validity is at `status_index` of the list `status_list`, for ever. `signatory` and
    `signatory_office` are printed with the built-in design only.
    """

    __tablename__ = "certificate"
    read_by_strangers = False
    __table_args__ = (UniqueConstraint("status_list", "status_index"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    award_id: Mapped[int] = mapped_column(ForeignKey("award.id"), index=True)
    number: Mapped[str] = mapped_column(String(20), unique=True)
    state: Mapped[CertificateState] = mapped_column(text_enum(CertificateState), default=CertificateState.VALID)
    name: Mapped[str] = mapped_column(String(200))
    native_name: Mapped[str | None] = mapped_column(String(200))
    series_title: Mapped[str] = mapped_column(String(200))
    title_language: Mapped[str | None] = mapped_column(String(35))
    lectures: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)
    hours_ms: Mapped[int] = mapped_column(BigInteger)
    issued_on: Mapped[date]
    issued_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    design: Mapped[int] = mapped_column(default=1)
    organiser: Mapped[str | None] = mapped_column(Text)
    language: Mapped[str | None] = mapped_column(String(35))
    country: Mapped[str | None] = mapped_column(String(8))
    base_url: Mapped[str | None] = mapped_column(Text)
    signatory: Mapped[str | None] = mapped_column(String(80))
    signatory_office: Mapped[str | None] = mapped_column(String(80))
    replaces_id: Mapped[int | None] = mapped_column(ForeignKey("certificate.id"), unique=True)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    credential: Mapped[str | None] = mapped_column(Text, deferred=True)
    status_list: Mapped[int | None] = mapped_column(ForeignKey("status_list.number"))
    status_index: Mapped[int | None]
    signing_kid: Mapped[str | None] = mapped_column(ForeignKey("signing_key.kid"))
    reason: Mapped[str | None] = mapped_column(Text)
    award: Mapped[Award] = relationship()


class LearningRecord(Base):
    """A statement of all that a person attended and was awarded, as of `made_at`, that is never changed.

    `number` is one of certificates (`numbers`), stored as theirs. `content` is what it states
    (`pdf.record.RecordContent`); null once its holder's data was erased. `digest` is the SHA-256 of the signed file,
    in hexadecimal digits.
    """

    __tablename__ = "learning_record"
    read_by_strangers = False

    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[str] = mapped_column(String(20), unique=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)
    made_at: Mapped[datetime] = mapped_column(UtcDateTime)
    content: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    digest: Mapped[str] = mapped_column(String(64))


class KnownKey(Base):
    """The public part of a current or former signing key, kept forever.

    `certificate` is X.509 as PEM. `kid` is the key's RFC 7638 thumbprint; the private key is a file (see `keys`).
    """

    __tablename__ = "signing_key"

    id: Mapped[int] = mapped_column(primary_key=True)
    kid: Mapped[str] = mapped_column(String(64), unique=True)
    public_jwk: Mapped[dict[str, Any]] = mapped_column(JSON)
    certificate: Mapped[str] = mapped_column(Text)
    since: Mapped[datetime] = mapped_column(UtcDateTime)
    retired_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class StatusList(Base):
    """A status list: one bit per position, of which `taken` are used by certificates."""

    __tablename__ = "status_list"

    number: Mapped[int] = mapped_column(primary_key=True)
    taken: Mapped[int] = mapped_column(default=0)


class DesignFamily(Base):
    """A named design with all its versions. At most one is the default."""

    __tablename__ = "design_family"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(80), unique=True)
    is_default: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class CertificateDesign(Base):
    """One version of a design. `version` is null while it is drafted; once it has one it never changes.

    Certificates name the version they were issued with. Version 1 is the built-in design and has no row. `spec` is
    {"colours", "signatory", "words": {language: {name: text}}, "pictures": {role: {"file", "shape", "alt"}}}.
    """

    __tablename__ = "certificate_design"

    id: Mapped[int] = mapped_column(primary_key=True)
    family_id: Mapped[int] = mapped_column(ForeignKey("design_family.id"), index=True)
    version: Mapped[int | None] = mapped_column(unique=True)
    spec: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    published_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class SeriesDesign(Base):
    """The design selected for a series; null is the built-in one. Without a row the series uses the default."""

    __tablename__ = "series_design"

    series_id: Mapped[int] = mapped_column(ForeignKey("series.id", ondelete="CASCADE"), primary_key=True)
    family_id: Mapped[int | None] = mapped_column(ForeignKey("design_family.id"))
