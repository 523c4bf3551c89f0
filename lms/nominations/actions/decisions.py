"""The effects of a decision, and of undoing it, on each nomination."""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import select

from lms.catalogue.models import Series
from lms.core.base.roles import Actor
from lms.core.database import audit
from lms.core.database.bulk import among
from lms.core.database.session import db
from lms.core.text.translations import TextOf
from lms.enrolment.actions.places import lock
from lms.enrolment.models import SeatReason
from lms.mail.outbox import post_mails
from lms.nominations.actions.answering import settle
from lms.nominations.actions.invitations import invite, pass_on, revoke_invitations
from lms.nominations.actions.seats import end, hold_seats
from lms.nominations.models import OPEN, DecidedState, Decision, Nomination, NominationState
from lms.nominations.queries.decisions import why_skipped
from lms.nominations.rules import is_answered
from lms.people.mail_rows import mail_to
from lms.people.models import Country
from lms.people.queries.persons import contact_of


def decide_each(
    ids: Collection[int], decision: Decision, *, reason: str | None, by: Actor, at: datetime
) -> dict[int, DecidedState]:
    """Within an action: decides nominations that still wait for it, and says of each what became of it."""
    ids_by_series = list(
        db.session.execute(select(Nomination.series_id, Nomination.id).where(among(Nomination.id, ids)))
    )
    states: dict[int, DecidedState] = {}
    for series_id in sorted({row.series_id for row in ids_by_series}):
        series = lock(series_id, by, at)
        rows = _locked([row.id for row in ids_by_series if row.series_id == series_id])
        skipped = why_skipped(rows, decision)
        chosen = [one for one in rows if one.id not in skipped]
        states |= skipped | dict.fromkeys((one.id for one in chosen), DecidedState.CHANGED)
        if chosen:
            _decide(series, chosen, decision, reason=reason, by=by, at=at)
    return states


def _locked(ids: Collection[int]) -> list[Nomination]:
    """Nominations as they are now, in their order; their series is locked."""
    query = select(Nomination).where(among(Nomination.id, ids)).order_by(Nomination.id).with_for_update(key_share=True)
    return list(db.session.scalars(query.execution_options(populate_existing=True)))


def _decide(
    series: Series, rows: Sequence[Nomination], decision: Decision, *, reason: str | None, by: Actor, at: datetime
) -> None:
    for nomination in rows:
        nomination.decided_at, nomination.decided_by_id, nomination.reason = at, by.person_id, reason
    if decision is Decision.APPROVE:
        for nomination in [row for row in rows if is_answered(row)]:
            settle(nomination, by=by, at=at)
        invite(series, [row for row in rows if row.state is NominationState.SUBMITTED], at=at)
    else:
        for nomination in rows:
            end(nomination, NominationState.REJECTED, why=SeatReason.REFUSED, by=by, at=at)
        _tell_rejected(rows, reason or "", at=at)
    _record(f"nomination.{decision.value}", series.id, rows, by=by, at=at)


def _record(verb: str, series_id: int, rows: Sequence[Nomination], *, by: Actor, at: datetime) -> None:
    audit.record(
        verb,
        by=by,
        at=at,
        series=series_id,
        nomination=[row.id for row in rows],
        person=[row.person_id for row in rows if row.person_id is not None],
    )


def take_back_each(ids: Collection[int], decision: Decision, *, by: Actor, at: datetime) -> dict[int, DecidedState]:
    """Within an action: lets nominations that were decided wait again, and says of each what became of it.

    Rejected ones hold a seat of their country's quota again, where one is kept and free. Of approved ones only those
    whose invitation nobody answered: its links stop working, and it is not sent any more.
    """
    ids_by_series = list(
        db.session.execute(select(Nomination.series_id, Nomination.id).where(among(Nomination.id, ids)))
    )
    states: dict[int, DecidedState] = {}
    for series_id in sorted({row.series_id for row in ids_by_series}):
        series = lock(series_id, by, at)
        rows = _locked([row.id for row in ids_by_series if row.series_id == series_id])
        unchanged = _why_kept(rows, decision)
        chosen = [one for one in rows if one.id not in unchanged]
        if decision is Decision.APPROVE:
            revoke_invitations(chosen, at=at)
        else:
            going = {one.id for one in hold_seats(series_id, chosen, by=by, at=at)}
            unchanged |= {one.id: DecidedState.NO_SEAT for one in chosen if one.id not in going}
            chosen = [one for one in chosen if one.id in going]
        for nomination in chosen:
            nomination.state, nomination.ended_at = NominationState.SUBMITTED, None
            nomination.decided_at = nomination.decided_by_id = nomination.reason = None
        db.session.flush()
        if chosen:
            if decision is Decision.APPROVE:
                pass_on(series, chosen, at=at)
            _record(f"nomination.undo_{decision.value}", series_id, chosen, by=by, at=at)
        states |= unchanged | dict.fromkeys((one.id for one in chosen), DecidedState.TAKEN_BACK)
    return states


def _why_kept(rows: Sequence[Nomination], decision: Decision) -> dict[int, DecidedState]:
    """Which decisions of one series cannot be taken back, and why."""
    if decision is Decision.APPROVE:
        return {row.id: state for row in rows if (state := _why_stays_approved(row)) is not None}
    again = _nominated_again(rows)
    unchanged = {}
    for nomination in rows:
        if nomination.state is not NominationState.REJECTED or not nomination.email_key:
            unchanged[nomination.id] = DecidedState.ENDED if nomination.email_key else DecidedState.ERASED
        elif (nomination.country_id, nomination.email_key) in again:
            unchanged[nomination.id] = DecidedState.AGAIN
    return unchanged


def _why_stays_approved(nomination: Nomination) -> DecidedState | None:
    if nomination.answered_at is not None:
        return DecidedState.ANSWERED
    if nomination.state is not NominationState.INVITED:
        return DecidedState.ENDED if nomination.email_key else DecidedState.ERASED
    return None


def _nominated_again(rows: Sequence[Nomination]) -> set[tuple[int, str]]:
    """Country and address of those who have an open nomination in the series of these rows."""
    query = select(Nomination.country_id, Nomination.email_key).where(
        Nomination.series_id.in_({row.series_id for row in rows}),
        Nomination.state.in_(OPEN),
        among(Nomination.email_key, [row.email_key for row in rows]),
    )
    return {(country_id, key) for country_id, key in db.session.execute(query)}


def _tell_rejected(nominations: Collection[Nomination], reason: str, *, at: datetime) -> None:
    """One mail to each focal point who nominated, with the names and the reason."""
    contacts = contact_of(list({one.nominated_by_id for one in nominations if one.nominated_by_id is not None}))
    mails = []
    for person_id, contact in contacts.items():
        of_nominator = [nomination for nomination in nominations if nomination.nominated_by_id == person_id]
        code = db.session.get_one(Country, of_nominator[0].country_id).code
        mails.append(
            mail_to(
                person_id,
                contact,
                "nominations_rejected",
                {
                    "title": TextOf(of_nominator[0].series),
                    "names": [one.full_name for one in of_nominator][:50],
                    "more": max(0, len(of_nominator) - 50),
                    "reason": reason,
                    "country": code,
                },
                dedupe_key=f"nominations_rejected:{of_nominator[0].id}:{at.isoformat()}",
                at=at,
            )
        )
    post_mails(mails)
