"""Erasing what nominations say about a person."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, delete, select

from lms.core.base.roles import SYSTEM, Actor
from lms.core.database.session import action, db
from lms.enrolment.actions.places import lock
from lms.enrolment.models import SeatReason
from lms.mail.outbox import MailState, OutboxMail
from lms.nominations.actions.letters import forget_letter
from lms.nominations.actions.profile_requests import forget_requests_of
from lms.nominations.actions.seats import end
from lms.nominations.models import OPEN, InvitationLink, Nomination, NominationState
from lms.nominations.queries.of_country import belongs_to
from lms.nominations.rules import FORGET_AFTER

ERASED = ""


@action
def forget_person(person_id: int, *, by: Actor, at: datetime) -> None:
    """Erases name, address, profile and letter in all nominations of a person, and withdraws those that are open."""
    _forget(belongs_to(person_id), by=by, at=at)
    forget_requests_of(person_id)
    for nomination in db.session.scalars(select(Nomination).where(Nomination.nominated_by_id == person_id)):
        nomination.nominated_by_id = None


def forget_old(*, at: datetime, limit: int = 500) -> int:
    """Erases name and address in nominations that ended without a place `FORGET_AFTER` ago; returns how many."""
    old = (
        Nomination.ended_at < at - FORGET_AFTER,
        Nomination.state != NominationState.ACCEPTED,
        Nomination.email != ERASED,
    )
    ids = list(db.session.scalars(select(Nomination.id).where(*old).limit(limit)))
    db.session.rollback()
    if ids:
        _forget_all(ids, at=at)
    return len(ids)


@action
def _forget_all(ids: Sequence[int], *, at: datetime) -> None:
    _forget(Nomination.id.in_(ids), by=SYSTEM, at=at)


def _forget(which: ColumnElement[bool], *, by: Actor, at: datetime) -> None:
    for series_id in db.session.scalars(select(Nomination.series_id).where(which, Nomination.state.in_(OPEN))).all():
        lock(series_id, SYSTEM, at)
    rows = list(db.session.scalars(select(Nomination).where(which).with_for_update(key_share=True)))
    for nomination in rows:
        if nomination.state in OPEN:
            end(nomination, NominationState.WITHDRAWN, why=SeatReason.ERASED, by=by, at=at)
        forget_letter(nomination)
        nomination.email = nomination.email_key = nomination.full_name = ERASED
        nomination.native_name = nomination.organisation = nomination.job_title = nomination.reason = None
        nomination.language = None
    db.session.flush()
    _end_links([row.id for row in rows])


def _end_links(ids: Sequence[int]) -> None:
    """No link leads to these nominations any more, and invitations that are not sent yet never are."""
    db.session.execute(delete(InvitationLink).where(InvitationLink.nomination_id.in_(ids)))
    for nomination_id in ids:
        unsent = select(OutboxMail).where(
            OutboxMail.dedupe_key.startswith(f"nomination:{nomination_id}:", autoescape=True)
        )
        for mail in db.session.scalars(unsent):
            mail.address, mail.payload, mail.person_id = "", {}, None
            if mail.state == MailState.QUEUED:
                mail.state = MailState.STOPPED
