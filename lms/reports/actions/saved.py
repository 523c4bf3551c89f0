"""Actions on saved reports and their schedules, each for the actor's own reports."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, func, select

from lms.core.base.errors import Fault, Forbidden, Invalid, NotFound, Refused
from lms.core.base.roles import Actor
from lms.core.database.audit import record
from lms.core.database.session import action, db, one_at_a_time
from lms.core.text.i18n import _
from lms.core.text.typed_text import clean_line
from lms.core.time import clock
from lms.people.passwords import hash_secret
from lms.people.queries.access import load_actor
from lms.people.queries.persons import canonical, find_person_by_email, members
from lms.reports.models import ReportRecipient, ReportRun, ReportSchedule, SavedReport, UnsubscribeLink
from lms.reports.periods import Rhythm
from lms.reports.queries.saved import get_saved, is_of, may_see
from lms.reports.rules import PARAMETERS, ReportQuestion, read_question

LONGEST_NAME = 100
MOST_SAVED = 100
"""The maximum number of saved reports per person."""
MOST_READERS = 30
"""The maximum number of recipients of a report."""


@action
def save_report(name: str, parameters: Mapping[str, str], *, by: Actor, at: datetime) -> str:
    """Saves a report (`parameters`: the page's parameters) under a name and returns its public id.

    The same report under the same name returns the existing one. Raises Invalid (name, name already used, parameters),
    Forbidden for what this actor cannot see, and Refused above the maximum number of reports.
    """
    question = read_question(parameters)
    _check_may_see(question, by=by, at=at)
    line = _clean_name(name)
    given = {key: parameters[key] for key in PARAMETERS if parameters.get(key)}
    one_at_a_time("save a report")
    same = _of_name(line, by=by)
    if same is not None:
        if same.question == given:
            return same.public_id
        raise Invalid("name", _("You already have a report with this name."))
    mine = select(func.count()).where(is_of(SavedReport.owner_id, by.person_id))
    if (db.session.scalar(mine) or 0) >= MOST_SAVED:
        raise Refused(_("You can save at most %(n)s reports. Remove one first.", n=MOST_SAVED))
    public_id = secrets.token_hex(6)
    row = SavedReport(
        public_id=public_id, owner_id=by.person_id, name=line, name_key=line.casefold(), question=given, created_at=at
    )
    db.session.add(row)
    db.session.flush()
    record("save_report", by=by, at=at, detail={}, saved_report=row.id)
    return public_id


@action
def rename_report(public_id: str, name: str, *, by: Actor, at: datetime) -> None:
    """Gives a report another name. Raises NotFound, Invalid."""
    line = _clean_name(name)
    one_at_a_time("save a report")
    row = _fresh(public_id, by=by)
    same = _of_name(line, by=by)
    if same is not None and same.id != row.id:
        raise Invalid("name", _("You already have a report with this name."))
    row.name, row.name_key = line, line.casefold()
    record("rename_report", by=by, at=at, detail={}, saved_report=row.id)


@dataclass(frozen=True)
class Timing:
    """When a report is sent, and to which e-mail addresses."""

    rhythm: Rhythm
    hour: int
    recipients: Sequence[str]


@action
def change_report(
    public_id: str,
    *,
    name: str | None = None,
    timing: Timing | None = None,
    is_stopped: bool = False,
    by: Actor,
    at: datetime,
) -> None:
    """Changes name, schedule or both: all given changes or none. Raises the errors of those actions."""
    _fresh(public_id, by=by)
    if name is not None:
        rename_report(public_id, name, by=by, at=at)
    if timing is not None:
        schedule_report(public_id, timing.rhythm, timing.hour, "\n".join(timing.recipients), by=by, at=at)
    elif is_stopped:
        stop_schedule(public_id, by=by, at=at)


@action
def remove_report(public_id: str, *, by: Actor, at: datetime) -> None:
    """Forgets a report, and when it is sent. Raises NotFound."""
    row = _fresh(public_id, by=by)
    record("remove_report", by=by, at=at, detail={}, saved_report=row.id)
    _forget([row.id])


@action
def schedule_report(public_id: str, rhythm: Rhythm, hour: int, addresses: str, *, by: Actor, at: datetime) -> None:
    """Schedules a report for staff who can see it, given by e-mail address, one per line.

    People who have unsubscribed can only subscribe again themselves. A failed sending is retried once. Raises NotFound,
    Invalid (with `recipients` or `hour`), and Forbidden for what the owner can no longer see.
    """
    row = _fresh(public_id, by=by)
    question = read_question(row.question)
    _check_may_see(question, by=by, at=at)
    if not 0 <= hour <= 23:
        raise Invalid("hour", _("Select an hour."))
    people = _readers(addresses, question, at=at)
    known = {
        canonical(one.person_id): one
        for one in db.session.scalars(select(ReportRecipient).where(ReportRecipient.report_id == row.id))
    }
    for person_id, address in people.items():
        recipient = known.get(person_id)
        if recipient is not None and recipient.unsubscribed_at is not None:
            if person_id != by.person_id:
                raise Invalid("recipients", _("%(address)s has unsubscribed from this report.", address=address))
            recipient.unsubscribed_at = None
    for person_id, recipient_row in known.items():
        if person_id not in people and recipient_row.unsubscribed_at is None:
            db.session.delete(recipient_row)
    new = [person_id for person_id in people if person_id not in known]
    db.session.add_all(ReportRecipient(report_id=row.id, person_id=person_id) for person_id in new)
    schedule = db.session.get(ReportSchedule, row.id, with_for_update=True)
    if schedule is None:
        db.session.add(ReportSchedule(report_id=row.id, rhythm=rhythm, hour=hour, since=at))
    elif (schedule.rhythm, schedule.hour) != (rhythm, hour):
        schedule.rhythm, schedule.hour, schedule.since = rhythm, hour, at
    failed = delete(ReportRun).where(ReportRun.report_id == row.id, ReportRun.failure.is_not(None))
    db.session.execute(failed)
    detail = {"rhythm": str(rhythm), "hour": hour}
    record("schedule_report", by=by, at=at, detail=detail, saved_report=row.id, person=list(people))


@action
def stop_schedule(public_id: str, *, by: Actor, at: datetime) -> None:
    """Stops sending a report. Remembers who has unsubscribed. Raises NotFound."""
    row = _fresh(public_id, by=by)
    db.session.execute(delete(ReportSchedule).where(ReportSchedule.report_id == row.id))
    record("stop_report", by=by, at=at, detail={}, saved_report=row.id)


@action
def set_subscription(secret: str, *, is_subscribed: bool, at: datetime) -> None:
    """Unsubscribes with the link in an e-mail, or subscribes again. The link is the permission. Raises NotFound."""
    link = db.session.get(UnsubscribeLink, hash_secret(secret))
    if link is None:
        raise NotFound
    row = db.session.get_one(ReportRecipient, link.recipient_id, with_for_update=True)
    if is_subscribed:
        row.unsubscribed_at = None
    elif row.unsubscribed_at is None:
        row.unsubscribed_at = at


def tell_names_apart(kept_id: int, merged_id: int) -> None:
    """Two people have become one: of two reports of one name, the other's gets a number. Inside the running action."""
    others = [member for member in members(kept_id) if member != merged_id]
    taken = set(db.session.scalars(select(SavedReport.name_key).where(SavedReport.owner_id.in_(others))))
    for row in db.session.scalars(select(SavedReport).where(SavedReport.owner_id == merged_id)):
        name, number = row.name, 1
        while name.casefold() in taken:
            number += 1
            name = f"{row.name[: LONGEST_NAME - 6]} ({number})"
        row.name, row.name_key = name, name.casefold()
        taken.add(row.name_key)


def forget_person(person_id: int) -> None:
    """Deletes a deleted person's reports and removes the person from all recipients. Runs inside the running action."""
    _forget(list(db.session.scalars(select(SavedReport.id).where(SavedReport.owner_id == person_id))))
    _leave(ReportRecipient.person_id == person_id)


def _forget(report_ids: list[int]) -> None:
    """All rows of reports, by name: no cascade is needed for it."""
    _leave(ReportRecipient.report_id.in_(report_ids))
    for table in (ReportRun, ReportSchedule):
        db.session.execute(delete(table).where(table.report_id.in_(report_ids)))
    db.session.execute(delete(SavedReport).where(SavedReport.id.in_(report_ids)))


def _leave(which: object) -> None:
    ids = list(db.session.scalars(select(ReportRecipient.id).where(which)))  # type: ignore[arg-type]
    db.session.execute(delete(UnsubscribeLink).where(UnsubscribeLink.recipient_id.in_(ids)))
    db.session.execute(delete(ReportRecipient).where(ReportRecipient.id.in_(ids)))


def _fresh(public_id: str, *, by: Actor) -> SavedReport:
    """One's own report, locked."""
    row = get_saved(public_id, by=by)
    return db.session.get_one(SavedReport, row.id, with_for_update=True)


def _of_name(line: str, *, by: Actor) -> SavedReport | None:
    mine = is_of(SavedReport.owner_id, by.person_id)
    return db.session.scalar(select(SavedReport).where(mine, SavedReport.name_key == line.casefold()).limit(1))


def _clean_name(name: str) -> str:
    line = clean_line(name)
    if not 1 <= len(line) <= LONGEST_NAME:
        raise Invalid("name", _("Enter 1 to %(n)s characters.", n=LONGEST_NAME))
    return line


def _check_may_see(question: ReportQuestion, *, by: Actor, at: datetime) -> None:
    today = clock.day_of(at, clock.reporting_zone())
    if not by.is_signed_in or not may_see(question.on(today), by=by):
        raise Forbidden


def _readers(addresses: str, question: ReportQuestion, *, at: datetime) -> dict[int, str]:
    """The people with these e-mail addresses who can see a report: person → address as typed. Raises Invalid."""
    typed = list(dict.fromkeys(addresses.replace(",", " ").replace(";", " ").split()))
    if not typed:
        raise Invalid("recipients", _("Enter at least one e-mail address."))
    if len(typed) > MOST_READERS:
        raise Invalid("recipients", _("A report can be sent to at most %(n)s people.", n=MOST_READERS))
    readers: dict[int, str] = {}
    faults: list[Fault] = []
    today = clock.day_of(at, clock.reporting_zone())
    for address in typed:
        person = find_person_by_email(address)
        actor = None if person is None else load_actor(person.id, at)
        if person is None or actor is None or not may_see(question.on(today), by=actor):
            reason = _("%(address)s does not belong to anyone who can see this report.", address=address[:320])
            faults.append(Fault(reason, field="recipients"))
        else:
            readers[person.id] = address
    if faults:
        raise Invalid(faults=faults)
    return readers
