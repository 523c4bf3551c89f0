"""What administrators decide on nominations, singly and in bulk."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from lms.core import audit
from lms.core.bulk import among
from lms.core.db import action, db
from lms.core.outbox import post_mails
from lms.core.roles import Actor
from lms.enrolment.actions import lock
from lms.enrolment.models import SeatReason
from lms.enrolment.queries.series import is_over
from lms.nominations.actions.answering import settle
from lms.nominations.actions.invitations import invite
from lms.nominations.actions.seats import end
from lms.nominations.models import Nomination, NominationState
from lms.nominations.rules import check_can_decide, checked_reason, is_answered
from lms.people.models import Country
from lms.people.queries.persons import contact_of


@dataclass(frozen=True)
class Decided:
    """How many nominations were decided, and the public ids of those that no longer waited for a decision."""

    decided: int
    skipped: tuple[str, ...]


@action
def decide(
    public_ids: Collection[str], *, approve: bool, reason: str | None = None, by: Actor, at: datetime
) -> Decided:
    """Approves or rejects submitted nominations. Approved nominees are invited; one who accepted already, and named
    another country then, has the place at once. Rejected ones free their seats; the reason is sent to the focal point.

    Raises Forbidden, and Invalid where a rejection has no reason.
    """
    check_can_decide(by)
    reason = checked_reason(reason, required=not approve)
    waiting = select(Nomination.series_id, Nomination.public_id).where(
        among(Nomination.public_id, public_ids), Nomination.state == NominationState.SUBMITTED
    )
    found = list(db.session.execute(waiting))
    done: set[str] = set()
    for series_id in sorted({row.series_id for row in found}):
        series = lock(series_id, by, at)
        query = select(Nomination).where(
            among(Nomination.public_id, [row.public_id for row in found if row.series_id == series_id]),
            Nomination.state == NominationState.SUBMITTED,
        )
        rows = list(db.session.scalars(query.order_by(Nomination.id).with_for_update()))
        for one in rows:
            one.decided_at, one.decided_by_id, one.reason = at, by.person_id, reason
        if approve and not is_over(series_id):
            for one in [one for one in rows if is_answered(one)]:
                settle(one, by=by, at=at)
            invite(series, [one for one in rows if one.state is NominationState.SUBMITTED], at=at)
        elif not approve:
            for one in rows:
                end(one, NominationState.REJECTED, why=SeatReason.REFUSED, by=by, at=at)
            _tell_rejected(rows, reason or "", at=at)
        else:
            continue
        done |= {one.public_id for one in rows}
        audit.record(
            "nomination.approve" if approve else "nomination.reject",
            by=by,
            at=at,
            series=series_id,
            nomination=[one.id for one in rows],
            person=[one.person_id for one in rows if one.person_id is not None],
        )
    return Decided(len(done), tuple(one for one in dict.fromkeys(public_ids) if one not in done))


def _tell_rejected(nominations: Collection[Nomination], reason: str, *, at: datetime) -> None:
    """One mail to each focal point who nominated, with the names and the reason."""
    contacts = contact_of(list({one.nominated_by_id for one in nominations if one.nominated_by_id is not None}))
    mails = []
    for person_id, contact in contacts.items():
        own = [one for one in nominations if one.nominated_by_id == person_id]
        code = db.session.get_one(Country, own[0].country_id).code
        mails.append(
            {
                "template": "nominations_rejected",
                "address": contact.address,
                "locale": contact.locale,
                "time_zone": contact.time_zone or "",
                "person_id": person_id,
                "payload": {
                    "full_name": contact.full_name,
                    "title": own[0].series.title,
                    "names": [one.full_name for one in own][:50],
                    "more": max(0, len(own) - 50),
                    "reason": reason,
                    "country": code,
                },
                "dedupe_key": f"nominations_rejected:{own[0].id}:{at.isoformat()}",
                "created_at": at,
                "due_at": at,
                "expires_at": None,
                "attempts": 0,
            }
        )
    post_mails(mails)
