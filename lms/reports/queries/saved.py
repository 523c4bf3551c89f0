"""Queries for the actor's saved reports, their sendings and their recipients."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, select

from lms.core.base.errors import NotFound
from lms.core.base.roles import Actor
from lms.core.database.session import db
from lms.mail.outbox import OutboxMail
from lms.people.models import Person
from lms.people.passwords import hash_secret
from lms.people.queries.countries import country_by_code
from lms.people.queries.persons import addresses_of, members
from lms.reports.models import ReportRecipient, ReportRun, ReportSchedule, SavedReport, UnsubscribeLink
from lms.reports.periods import Rhythm, next_due
from lms.reports.rules import Slice

RUNS_SHOWN = 10
AXES = ("rows", "columns")
"""The parameters of a question that name its dimensions."""


@dataclass(frozen=True)
class Reader:
    """A recipient of a report."""

    address: str
    unsubscribed_at: datetime | None


@dataclass(frozen=True)
class Sending:
    """The result of one run: how many of its e-mails were sent, are waiting, or failed with which reasons."""

    run: ReportRun
    sent: int
    waiting: int
    reasons: list[str]


@dataclass(frozen=True)
class DescribedSchedule:
    """When a report is sent, to whom, and when next."""

    row: ReportSchedule
    readers: Sequence[Reader]
    due_at: datetime

    @property
    def recipients(self) -> list[str]:
        """The addresses of those who get it."""
        return [reader.address for reader in self.readers if reader.unsubscribed_at is None]

    @property
    def unsubscribed(self) -> list[str]:
        """The addresses of those who want it no longer."""
        return [reader.address for reader in self.readers if reader.unsubscribed_at is not None]


@dataclass(frozen=True)
class DescribedReport:
    """A saved report with when it is sent; in its details with its latest sendings."""

    row: SavedReport
    schedule: DescribedSchedule | None
    sendings: Sequence[Sending] = ()

    @property
    def question(self) -> dict[str, Any]:
        """The parameters by name; `by` has the dimensions."""
        question = dict(self.row.question)
        by = [question.pop(axis) for axis in AXES if axis in question]
        return {**question, "by": by}


@dataclass(frozen=True)
class Plan:
    """A report and when it is sent, as the worker read it."""

    report_id: int
    public_id: str
    owner_id: int
    name: str
    question: dict[str, str]
    rhythm: Rhythm
    hour: int
    since: datetime


@dataclass(frozen=True)
class Subscription:
    """The subscription that an unsubscribing link ends."""

    report: str
    is_over: bool


def may_see(slice_: Slice, *, by: Actor) -> bool:
    """Whether a person has exact access to a slice: reporters to all, focal points to that of their own country."""
    if by.is_reporter:
        return True
    if not by.is_focal_point or slice_.country is None:
        return False
    country = country_by_code(slice_.country)
    return country is not None and country.id in by.country_ids


def is_of(person: Any, person_id: int | None) -> ColumnElement[bool]:
    """Whether a column of people means this person, as one of the rows that were merged into one."""
    same: ColumnElement[bool] = person.in_(select(Person.id).where(Person.canonical_id == person_id))
    return same


def get_saved(public_id: str, *, by: Actor) -> SavedReport:
    """A report of one's own. Raises NotFound for everybody else's."""
    mine = is_of(SavedReport.owner_id, by.person_id)
    row = db.session.scalar(select(SavedReport).where(SavedReport.public_id == public_id, mine))
    if row is None:
        raise NotFound
    return row


def list_saved(*, by: Actor) -> list[tuple[SavedReport, ReportSchedule | None]]:
    """One's own reports by name, with when they are sent."""
    query = (
        select(SavedReport, ReportSchedule)
        .outerjoin(ReportSchedule, ReportSchedule.report_id == SavedReport.id)
        .where(is_of(SavedReport.owner_id, by.person_id))
        .order_by(SavedReport.name_key, SavedReport.id)
    )
    return [(report, schedule) for report, schedule in db.session.execute(query)]


def failing_saved(*, by: Actor) -> set[int]:
    """The ids of the actor's scheduled reports whose latest sending failed."""
    query = (
        select(ReportRun)
        .join(SavedReport, SavedReport.id == ReportRun.report_id)
        .join(ReportSchedule, ReportSchedule.report_id == ReportRun.report_id)
        .where(is_of(SavedReport.owner_id, by.person_id))
        .order_by(ReportRun.day)
    )
    latest = {run.report_id: run for run in db.session.scalars(query)}
    return {id_ for id_, run in latest.items() if run.failure is not None or _sending(run).reasons}


def find_schedule(row: SavedReport) -> ReportSchedule | None:
    """When a report is sent, if it is."""
    return db.session.get(ReportSchedule, row.id)


def describe(row: SavedReport, schedule: ReportSchedule | None, *, at: datetime, zone: str) -> DescribedReport:
    """A report with when it is sent next, and to whom."""
    if schedule is None:
        return DescribedReport(row, None)
    due = next_due(schedule.rhythm, schedule.hour, at, zone)
    return DescribedReport(row, DescribedSchedule(schedule, list_readers(row), due.moment))


def list_readers(row: SavedReport) -> list[Reader]:
    """The recipients of a report, by e-mail address."""
    query = select(ReportRecipient, Person.canonical_id).join(Person, Person.id == ReportRecipient.person_id)
    pairs = db.session.execute(query.where(ReportRecipient.report_id == row.id))
    rows = [(recipient, person or recipient.person_id) for recipient, person in pairs]
    addresses = addresses_of({person for _recipient, person in rows})
    readers = [
        Reader(addresses[person], recipient.unsubscribed_at) for recipient, person in rows if person in addresses
    ]
    return sorted(readers, key=lambda reader: reader.address)


def list_sendings(row: SavedReport) -> list[Sending]:
    """The latest runs of a report, newest first, with the results of their e-mails."""
    query = select(ReportRun).where(ReportRun.report_id == row.id).order_by(ReportRun.day.desc()).limit(RUNS_SHOWN)
    return [_sending(run) for run in db.session.scalars(query)]


def _sending(run: ReportRun) -> Sending:
    mails = list(db.session.scalars(select(OutboxMail).where(OutboxMail.dedupe_key.in_(run.mails))))
    reasons = sorted({mail.error for mail in mails if mail.error})
    sent = sum(mail.sent_at is not None for mail in mails)
    return Sending(run, sent=sent, waiting=len(mails) - sent, reasons=reasons)


def list_plans() -> list[Plan]:
    """Every schedule, for the worker."""
    query = (
        select(ReportSchedule, SavedReport)
        .join(SavedReport, SavedReport.id == ReportSchedule.report_id)
        .order_by(SavedReport.id)
    )
    return [
        Plan(row.id, row.public_id, row.owner_id, row.name, dict(row.question), when.rhythm, when.hour, when.since)
        for when, row in db.session.execute(query)
    ]


def was_run(report_id: int, day: date) -> bool:
    """Whether a report was sent for a day, or failed."""
    query = select(ReportRun.id).where(ReportRun.report_id == report_id, ReportRun.day == day)
    return db.session.scalar(query) is not None


def subscribed(report_id: int) -> dict[int, int]:
    """The recipients of a report, for the worker: person → id of the recipient. Merged people are one.

    A person merged with an unsubscribed one is unsubscribed.
    """
    query = (
        select(ReportRecipient, Person.canonical_id)
        .join(Person, Person.id == ReportRecipient.person_id)
        .where(ReportRecipient.report_id == report_id)
        .order_by(ReportRecipient.id)
    )
    recipient_ids: dict[int, int] = {}
    over: set[int] = set()
    for recipient, canonical in db.session.execute(query):
        person = canonical or recipient.person_id
        recipient_ids.setdefault(person, recipient.id)
        if recipient.unsubscribed_at is not None:
            over.add(person)
    return {person: id_ for person, id_ in recipient_ids.items() if person not in over}


def look_at_subscription(secret: str) -> Subscription:
    """The subscription for a link in an e-mail. Raises NotFound for an invalid link, or if the report is deleted."""
    query = (
        select(SavedReport.name, ReportRecipient.unsubscribed_at)
        .join(ReportRecipient, ReportRecipient.report_id == SavedReport.id)
        .join(UnsubscribeLink, UnsubscribeLink.recipient_id == ReportRecipient.id)
        .where(UnsubscribeLink.secret_hash == hash_secret(secret))
    )
    row = db.session.execute(query).one_or_none()
    if row is None:
        raise NotFound
    return Subscription(row.name, row.unsubscribed_at is not None)


def saved_of_person(person_id: int) -> dict[str, Any]:
    """Returns what is kept of a person here: the reports that were saved, and those that come by mail."""
    ids = members(person_id)
    owned = select(SavedReport).where(SavedReport.owner_id.in_(ids)).order_by(SavedReport.id)
    got = (
        select(SavedReport.name, ReportRecipient.unsubscribed_at)
        .join(ReportRecipient, ReportRecipient.report_id == SavedReport.id)
        .where(ReportRecipient.person_id.in_(ids))
        .order_by(ReportRecipient.id)
    )
    return {
        "saved": [_as_json(row) for row in db.session.scalars(owned)],
        "by_mail": [{"name": name, "unsubscribed_at": _instant(at)} for name, at in db.session.execute(got)],
    }


def _as_json(row: SavedReport) -> dict[str, Any]:
    schedule = find_schedule(row)
    sent = None if schedule is None else {"rhythm": str(schedule.rhythm), "hour": schedule.hour}
    return {"name": row.name, "question": row.question, "created_at": _instant(row.created_at), "sent": sent}


def _instant(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
