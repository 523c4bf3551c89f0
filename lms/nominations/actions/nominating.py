"""Nominating people: one, or the rows of a file; submitting drafts; withdrawing."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import select

from lms.catalogue.models import Series
from lms.core.base.errors import Fault, Invalid, NotFound, Refused
from lms.core.base.roles import Actor
from lms.core.database import audit
from lms.core.database.bulk import among, insert_many
from lms.core.database.session import action, db
from lms.core.text.i18n import _
from lms.enrolment.actions.places import lock
from lms.enrolment.models import SeatReason
from lms.enrolment.queries.series import is_over
from lms.nominations.actions.invitations import invite, pass_on, stop_invitations
from lms.nominations.actions.seats import end, hold_seats, people_of
from lms.nominations.models import OPEN, Nomination, NominationState
from lms.nominations.queries.checking import CheckedNominees, check_nominees
from lms.nominations.queries.profile_requests import ChangedProfile
from lms.nominations.rules import check_can_nominate, may_nominate
from lms.people.models import new_public_id
from lms.people.people_files import PersonRow


@dataclass
class Nominated:
    """The result of nominating: the public ids of new nominations by state, rows that changed nothing because their
    person is nominated already, rows that were refused with the reason, and people whose profiles say something else
    than their rows."""

    invited: list[str] = field(default_factory=list)
    submitted: list[str] = field(default_factory=list)
    drafted: list[str] = field(default_factory=list)
    unchanged: int = 0
    rejected: list[Fault] = field(default_factory=list)
    changed: list[ChangedProfile] = field(default_factory=list)

    @property
    def created(self) -> int:
        """How many nominations were made."""
        return len(self.invited) + len(self.submitted) + len(self.drafted)


@action
def nominate(
    series_id: int,
    rows: Sequence[PersonRow],
    *,
    country_id: int,
    by: Actor,
    at: datetime,
    submit: bool = True,
    rejected: Sequence[Fault] = (),
    skip_bad_rows: bool = True,
) -> Nominated:
    """Nominates people for a series on behalf of a country.

    Each good row becomes a nomination: invited, or waiting for an administrator where the series asks for one, while
    the country's quota has a place; *drafted* beyond it, or where `submit` is false. A person who is nominated for the
    series already by this country stays as is. `rejected` are rows that could not be read. Without `skip_bad_rows` one
    bad row makes it Invalid, with all of them, and nothing is written. Raises NotFound (not the actor's country) and
    Refused (the series takes no nominations).
    """
    series = lock(series_id, by, at)
    check_can_nominate(series, by, country_id)
    if is_over(series.id):
        raise Refused(_("This series is over. All its lectures have been held."))
    checked = check_nominees(series, rows, country_id=country_id, at=at)
    checked.rejected = sorted([*rejected, *checked.rejected], key=lambda fault: fault.row or 0)
    checked.raise_unless(skip_bad_rows)
    made = _insert(series, checked, country_id=country_id, by=by, at=at)
    answer = Nominated(unchanged=len(checked.unchanged), rejected=checked.rejected, changed=checked.changed)
    if made:
        ids = [one.id for one in made]
        people = [one.person_id for one in made if one.person_id is not None]
        audit.record("nomination.nominate", by=by, at=at, series=series_id, nomination=ids, person=people)
    if submit:
        _submit(series, made, by=by, at=at)
    for nomination in made:
        _list_for(answer, nomination.state).append(nomination.public_id)
    return answer


def _list_for(answer: Nominated, state: NominationState) -> list[str]:
    if state is NominationState.INVITED:
        return answer.invited
    return answer.submitted if state is NominationState.SUBMITTED else answer.drafted


def _insert(series: Series, checked: CheckedNominees, *, country_id: int, by: Actor, at: datetime) -> list[Nomination]:
    """The new nominations as drafts, in the order of the rows.

    The index on open nominations leaves out rows that a concurrent transaction created.
    """
    rows: list[dict[str, Any]] = [
        {
            "public_id": new_public_id(),
            "series_id": series.id,
            "country_id": country_id,
            "person_id": nominee.person_id,
            "nominated_by_id": by.person_id,
            "email": nominee.email,
            "email_key": nominee.key,
            "full_name": nominee.full_name,
            "native_name": nominee.native_name,
            "sector": nominee.sector,
            "organisation": nominee.organisation,
            "job_title": nominee.job_title,
            "gender": nominee.gender,
            "language": nominee.language,
            "state": NominationState.DRAFTED,
            "created_at": at,
        }
        for nominee in checked.good
    ]
    insert_many(Nomination.__table__, rows)
    query = select(Nomination).where(among(Nomination.public_id, [row["public_id"] for row in rows]))
    return list(db.session.scalars(query.order_by(Nomination.id)))


def _submit(series: Series, drafts: Sequence[Nomination], *, by: Actor, at: datetime) -> list[Nomination]:
    """Submits drafts in their order while the quota has places; returns those that went out."""
    going = hold_seats(series.id, drafts, by=by, at=at)
    for nomination in going:
        nomination.state, nomination.submitted_at = NominationState.SUBMITTED, at
    db.session.flush()
    if not series.nominations_need_approval:
        invite(series, going, at=at)
    return going


@action
def submit_drafts(public_ids: Collection[str], *, by: Actor, at: datetime) -> tuple[int, int]:
    """Submits drafts of the actor's countries; returns how many went out, and how many stay because the quota has no
    place left. Those that are no drafts any more are left out. Raises NotFound, Refused."""
    sent = drafts_left = 0
    for series, drafts in _own(public_ids, [NominationState.DRAFTED], by=by, at=at):
        for country_id in {draft.country_id for draft in drafts}:
            check_can_nominate(series, by, country_id)
        if is_over(series.id):
            raise Refused(_("This series is over. All its lectures have been held."))
        going = _submit(series, drafts, by=by, at=at)
        if going:
            audit.record(
                "nomination.submit",
                by=by,
                at=at,
                series=series.id,
                nomination=[one.id for one in going],
                person=people_of(going),
            )
        sent += len(going)
        drafts_left += len(drafts) - len(going)
    return sent, drafts_left


@action
def edit_draft(public_id: str, row: PersonRow, *, by: Actor, at: datetime) -> Nomination:
    """Changes whom a draft nominates, with the same checks as a new nomination. Letter and history are kept.

    Raises NotFound (not the actor's country), Refused for a nomination that is no draft any more, and Invalid.
    """
    held = _own([public_id], [NominationState.DRAFTED], by=by, at=at)
    if not held:
        raise Refused(_("This nomination is no longer a draft. Withdraw it and nominate the person again."))
    series, (draft,) = held[0]
    checked = check_nominees(series, [row], country_id=draft.country_id, at=at, but=draft.id)
    if checked.rejected:
        raise Invalid(faults=[Fault(field=fault.field, reason=fault.reason) for fault in checked.rejected])
    if not checked.good:
        raise Invalid("email", _("This person is already nominated for this series."))
    nominee = checked.good[0]
    draft.person_id, draft.email, draft.email_key = nominee.person_id, nominee.email, nominee.key
    draft.full_name, draft.native_name = nominee.full_name, nominee.native_name
    draft.sector, draft.organisation = nominee.sector, nominee.organisation
    draft.job_title, draft.gender, draft.language = nominee.job_title, nominee.gender, nominee.language
    db.session.flush()
    audit.record("nomination.edit", by=by, at=at, series=series.id, nomination=[draft.id], person=people_of([draft]))
    return draft


@action
def withdraw_nominations(public_ids: Collection[str], *, by: Actor, at: datetime) -> int:
    """Withdraws open nominations of the actor's countries; their seats are free again.

    Returns how many were withdrawn: those that have ended since are left out. Raises NotFound.
    """
    count = 0
    for series, open_ones in _own(public_ids, OPEN, by=by, at=at):
        for nomination in open_ones:
            end(nomination, NominationState.WITHDRAWN, why=SeatReason.WITHDRAWN, by=by, at=at)
        stop_invitations(open_ones, at=at)
        pass_on(series, open_ones, at=at)
        audit.record(
            "nomination.withdraw",
            by=by,
            at=at,
            series=series.id,
            nomination=[one.id for one in open_ones],
            person=people_of(open_ones),
        )
        count += len(open_ones)
    return count


def _own(
    public_ids: Collection[str], states: Collection[NominationState], *, by: Actor, at: datetime
) -> list[tuple[Series, list[Nomination]]]:
    """Nominations in one of the states, by series, each series locked. Raises NotFound where one of the ids is not of a
    country that the actor nominates for."""
    query = select(Nomination.public_id, Nomination.country_id, Nomination.series_id)
    nominated = list(db.session.execute(query.where(among(Nomination.public_id, public_ids))))
    if len(nominated) < len(set(public_ids)) or not all(may_nominate(by, row.country_id) for row in nominated):
        raise NotFound
    groups = []
    for series_id in sorted({row.series_id for row in nominated}):
        series = lock(series_id, by, at)
        ids = [row.public_id for row in nominated if row.series_id == series_id]
        rows = db.session.scalars(
            select(Nomination)
            .where(among(Nomination.public_id, ids), Nomination.state.in_(states))
            .order_by(Nomination.id)
            .with_for_update(key_share=True)
            .execution_options(populate_existing=True)
        )
        listed = list(rows)
        if listed:
            groups.append((series, listed))
    return groups
