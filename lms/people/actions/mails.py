"""Choices of the e-mails that people get, and what an administrator does with those that did not leave."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from sqlalchemy import delete, insert

from lms.core.base.errors import Forbidden, NotFound
from lms.core.base.roles import Actor
from lms.core.database import audit
from lms.core.database.session import action, db
from lms.mail.bounces import confirm_address, stopped_among
from lms.mail.decisions import queue_again, release, withhold
from lms.mail.kinds import DECLINABLE, PER_SERIES, MailKind, is_default
from lms.mail.outbox import ALL_SERIES
from lms.people.actions.merging import hold_people
from lms.people.models import MailChoice
from lms.people.queries.mail_choices import choices_of
from lms.people.queries.persons import canonical, members
from lms.people.rules import can_see_person


@action
def try_mails_again(mail_ids: Sequence[int], *, by: Actor, at: datetime) -> int:
    """Puts failed mails back into the queue, also those that are tried again later; returns how many.

    Mails that were sent, and those that nobody may get any more, stay as they are.
    """
    if not by.is_administrator:
        raise Forbidden
    count = queue_again(mail_ids, at=at)
    if count:
        audit.record("try_mails_again", by=by, at=at, detail={"mails": count})
    return count


@action
def withhold_mails(mail_ids: Sequence[int], *, by: Actor, at: datetime) -> int:
    """Stops mails that wait or failed; returns how many. Mails sent in the meantime are left unchanged."""
    if not by.is_administrator:
        raise Forbidden
    count = withhold(mail_ids)
    if count:
        audit.record("withhold_mails", by=by, at=at, detail={"mails": count})
    return count


@action
def release_mails(mail_ids: Sequence[int], *, by: Actor, at: datetime) -> int:
    """Has withheld mails sent after all; returns how many. What is too late by now stays withheld."""
    if not by.is_administrator:
        raise Forbidden
    count = release(mail_ids, at=at)
    if count:
        audit.record("release_mails", by=by, at=at, detail={"mails": count})
    return count


@action
def confirm_addresses(addresses: Sequence[str], *, by: Actor, at: datetime) -> int:
    """Resumes mail to addresses from which mails were returned; returns how many. For administrators."""
    if not by.is_administrator:
        raise Forbidden
    stopped = stopped_among(addresses)
    for address in sorted(stopped):
        confirm_address(address)
    if stopped:
        audit.record("confirm_addresses", by=by, at=at, detail={"addresses": len(stopped)})
    return len(stopped)


@action
def choose_mails(
    person_id: int, choices: Mapping[MailKind, bool], *, by: Actor, at: datetime, series_id: int = ALL_SERIES
) -> bool:
    """Stores which kinds of mail a person wants, for one series or for all; returns whether anything changed.

    Kinds that are not named stay as they are. What is chosen for a series as for all others is no longer a choice of
    its own. For oneself and administrators, else NotFound; kinds that nobody can choose are a programming error.
    """
    person_id = canonical(person_id)
    if not (by.system or can_see_person(by, person_id)):
        raise NotFound
    assert set(choices) <= set(DECLINABLE if series_id == ALL_SERIES else PER_SERIES)
    hold_people([person_id])
    before, changed = choices_of(person_id), False
    for kind, is_wanted in choices.items():
        general = before.get((kind, ALL_SERIES), is_default(kind))
        if before.get((kind, series_id), general) != is_wanted:
            is_own = series_id == ALL_SERIES or is_wanted != general
            _write(person_id, kind, series_id, is_wanted if is_own else None, at=at)
            changed = True
    return changed


@action
def stop_mails(person_id: int, kinds: Iterable[MailKind], *, at: datetime) -> None:
    """Stops kinds of mail to a person in a series, after a link in a mail was followed."""
    person_id = canonical(person_id)
    hold_people([person_id])
    before = choices_of(person_id)
    for kind in kinds:
        for of_kind, series_id in [(kind, ALL_SERIES), *before]:
            if of_kind is kind and before.get((kind, series_id), True):
                _write(person_id, kind, series_id, None if series_id else False, at=at)


def _write(person_id: int, kind: MailKind, series_id: int, is_wanted: bool | None, *, at: datetime) -> None:
    """Replaces the choice of a person, stored under any of their rows; None removes it."""
    of_person = MailChoice.person_id.in_(members(person_id))
    db.session.execute(delete(MailChoice).where(of_person, MailChoice.kind == kind, MailChoice.series_id == series_id))
    if is_wanted is not None:
        row = {"person_id": person_id, "kind": kind, "series_id": series_id, "wanted": is_wanted, "changed_at": at}
        db.session.execute(insert(MailChoice).values(row))
