"""Reports that are kept: public figures, reports frozen as they were published, opening balances, saved questions."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, BigInteger, CheckConstraint, ForeignKey, LargeBinary, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from lms.core.database.session import Base, UtcDateTime, text_enum
from lms.reports.periods import Rhythm


class PublicFigures(Base):
    """One refresh of the public figures. `answers` has what all questions share: years, partners, the funnel."""

    __tablename__ = "public_figures"

    id: Mapped[int] = mapped_column(primary_key=True)
    as_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    answers: Mapped[dict[str, Any]] = mapped_column(JSON)


class PublicAnswer(Base):
    """The answer to one question the public may ask, counted at a refresh (see `reports.queries.public`)."""

    __tablename__ = "public_answer"

    figures_id: Mapped[int] = mapped_column(ForeignKey("public_figures.id", ondelete="CASCADE"), primary_key=True)
    question: Mapped[str] = mapped_column(String(64), primary_key=True)
    answer: Mapped[Any] = mapped_column(JSON)


class SnapshotVisibility(StrEnum):
    """The people who can see a published report: everyone, or people with exact access to its slice."""

    PUBLIC = "public"
    STAFF = "staff"


class Snapshot(Base):
    """A report as it was published. Of `content` (JSON as text, see `reports.snapshots.codec`) `digest` is the SHA-256.

    Only withdrawing it writes to a row again. `key` makes the same publication, sent twice, one row.
    """

    __tablename__ = "snapshot"

    id: Mapped[int] = mapped_column(primary_key=True)
    public_id: Mapped[str] = mapped_column(String(16), unique=True)
    key: Mapped[str | None] = mapped_column(String(64), unique=True)
    title: Mapped[str] = mapped_column(String(200))
    visibility: Mapped[SnapshotVisibility] = mapped_column(text_enum(SnapshotVisibility))
    language: Mapped[str] = mapped_column(String(16))
    country_id: Mapped[int | None] = mapped_column(ForeignKey("country.id"))
    """The country of its slice. Its focal points can see the report."""
    as_at: Mapped[datetime] = mapped_column(UtcDateTime)
    published_at: Mapped[datetime] = mapped_column(UtcDateTime)
    content: Mapped[str] = mapped_column(Text)
    digest: Mapped[str] = mapped_column(String(64))
    withdrawn_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    withdrawn_reason: Mapped[str | None] = mapped_column(Text)

    @property
    def state(self) -> str:
        """published or withdrawn."""
        return "published" if self.withdrawn_at is None else "withdrawn"


class SnapshotDossier(Base):
    """A country's dossier on paper, attached to a report when it was published; its SHA-256 is `digest`.

    The file is kept under `snapshots/<digest>.pdf`. `figures` are the country's of that moment, by name; null where the
    dossier was attached before they were kept.
    """

    __tablename__ = "snapshot_dossier"
    __table_args__ = (UniqueConstraint("snapshot_id", "country_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    snapshot_id: Mapped[int] = mapped_column(ForeignKey("snapshot.id"))
    country_id: Mapped[int] = mapped_column(ForeignKey("country.id"))
    title: Mapped[str] = mapped_column(String(200))
    size: Mapped[int]
    digest: Mapped[str] = mapped_column(String(64))
    figures: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))


class SeriesFacts(Base):
    """The registrations or awards of one series as they were read under a stamp, in the stored form of
    `reports.facts`: what a new process need not read row by row. Worth nothing once the series has another stamp."""

    __tablename__ = "series_facts"
    read_by_strangers = False

    kind: Mapped[str] = mapped_column(String(32), primary_key=True)
    series_id: Mapped[int] = mapped_column(ForeignKey("series.id", ondelete="CASCADE"), primary_key=True)
    stamp: Mapped[int] = mapped_column(BigInteger)
    time_zone: Mapped[str] = mapped_column(String(64))
    content: Mapped[bytes] = mapped_column(LargeBinary)


class OpeningSet(Base):
    """Opening balances that were entered together: where they are from, and how many different people are declared."""

    __tablename__ = "opening_set"
    __table_args__ = (CheckConstraint("declared_participants >= 0", name="declared"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    public_id: Mapped[str] = mapped_column(String(16), unique=True)
    name: Mapped[str] = mapped_column(String(200))
    note: Mapped[str] = mapped_column(Text, default="")
    declared_participants: Mapped[int | None]
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class OpeningRow(Base):
    """The attendances of one country in one lecture from before the system.

    Rows of one day and title (`title_key`: compared without case) are one session, of whatever set. `country_code` is
    empty where the country is not stated; `series_id` is that of the series which `series_name` names, if one does.
    """

    __tablename__ = "opening_row"
    __table_args__ = (
        UniqueConstraint("day", "title_key", "country_code"),
        CheckConstraint("attendances >= 0", name="attendances"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    set_id: Mapped[int] = mapped_column(ForeignKey("opening_set.id", ondelete="CASCADE"), index=True)
    day: Mapped[date]
    title: Mapped[str] = mapped_column(String(300))
    title_key: Mapped[str] = mapped_column(String(600))
    series_name: Mapped[str] = mapped_column(String(300), default="")
    series_id: Mapped[int | None] = mapped_column(ForeignKey("series.id", ondelete="SET NULL"))
    country_code: Mapped[str] = mapped_column(String(8), default="")
    country_id: Mapped[int | None] = mapped_column(ForeignKey("country.id"))
    attendances: Mapped[int]


class SavedReport(Base):
    """A report saved by its owner.

    `question` has the page's parameters by name. Rows keep their owner when people are merged; the canonical id
    identifies the owner. `name_key` is the name without case.
    """

    __tablename__ = "saved_report"
    __table_args__ = (UniqueConstraint("owner_id", "name_key"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    public_id: Mapped[str] = mapped_column(String(16), unique=True)
    owner_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    name: Mapped[str] = mapped_column(String(100))
    name_key: Mapped[str] = mapped_column(String(300))
    question: Mapped[dict[str, str]] = mapped_column(JSON)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class ReportSchedule(Base):
    """When a saved report is sent. What was due before `since` is not sent."""

    __tablename__ = "report_schedule"
    __table_args__ = (CheckConstraint("hour BETWEEN 0 AND 23", name="hour"),)

    report_id: Mapped[int] = mapped_column(ForeignKey("saved_report.id", ondelete="CASCADE"), primary_key=True)
    rhythm: Mapped[Rhythm] = mapped_column(text_enum(Rhythm))
    hour: Mapped[int]
    since: Mapped[datetime] = mapped_column(UtcDateTime)


class ReportRecipient(Base):
    """A recipient of a report. Unsubscribed people stay here, so that nobody else can undo it."""

    __tablename__ = "report_recipient"
    __table_args__ = (UniqueConstraint("report_id", "person_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    report_id: Mapped[int] = mapped_column(ForeignKey("saved_report.id", ondelete="CASCADE"))
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)
    unsubscribed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class UnsubscribeLink(Base):
    """The link of one mail by which its reader gets no more of them. The secret itself is in that mail only."""

    __tablename__ = "unsubscribe_link"

    secret_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    recipient_id: Mapped[int] = mapped_column(ForeignKey("report_recipient.id", ondelete="CASCADE"), index=True)


class ReportRun(Base):
    """One sending of a report. `day` identifies its period, so there is one row however often it runs.

    `mails` are the keys of its e-mails in the outbox; `left_out` is the number of recipients without access; `failure`
    says why there is nothing to send.
    """

    __tablename__ = "report_run"
    __table_args__ = (UniqueConstraint("report_id", "day"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    report_id: Mapped[int] = mapped_column(ForeignKey("saved_report.id", ondelete="CASCADE"))
    day: Mapped[date]
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    mails: Mapped[list[str]] = mapped_column(JSON)
    left_out: Mapped[int] = mapped_column(default=0)
    failure: Mapped[str | None] = mapped_column(Text)
