"""Decisions on nominations: previewed, confirmed with a reason, and taken back as a whole.

A preview is kept with its nominations, so that exactly what was seen is decided: what somebody else decided or withdrew
since is skipped and named. Few nominations are decided at once, many in a task, some at a time; each step can be
repeated.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select

from lms.core import audit, clock
from lms.core.batches import (
    AT_ONCE,
    Progress,
    delete_old_previews,
    end_step,
    mark,
    request_task,
    result_of,
    run_steps,
)
from lms.core.bulk import among, insert_many
from lms.core.db import action, db, read, read_column
from lms.core.errors import Invalid, NotFound, Refused
from lms.core.i18n import _
from lms.core.roles import Actor
from lms.enrolment.actions.places import lock
from lms.nominations.actions.decisions import decide_each, take_back_each
from lms.nominations.models import (
    DecidedState,
    Decision,
    DecisionBatch,
    DecisionBatchEntry,
    Nomination,
    NominationState,
)
from lms.nominations.queries.decisions import why_skipped
from lms.nominations.queries.listing import NominationFilter, matching
from lms.nominations.rules import check_can_decide, checked_reason

JOB = "decide_nominations"


@dataclass(frozen=True)
class Decided:
    """How many nominations were decided, why others were not, by their public ids (null for one that does not exist),
    and the id of the batch: null where nothing was decided."""

    decided: int
    skipped: Mapping[str, DecidedState | None]
    batch: str | None


@action
def decide(
    public_ids: Collection[str], *, approve: bool, reason: str | None = None, by: Actor, at: datetime
) -> Decided:
    """Approves or rejects submitted nominations, without a preview. Approved nominees are invited; one who accepted
    already, and named another country then, has the place at once. Rejected ones free their seats; the reason is sent
    to the focal point.

    Raises Forbidden, and Invalid where a rejection has no reason.
    """
    check_can_decide(by)
    decision = Decision.APPROVE if approve else Decision.REJECT
    reason = checked_reason(reason, required=not approve)
    query = select(Nomination.public_id, *_COLUMNS).where(among(Nomination.public_id, public_ids))
    for series_id in sorted({row.series_id for row in read(query)}):
        lock(series_id, by, at)  # before the batch refers to nominations: everyone locks a series first
    rows = list(read(query))
    states: dict[int, DecidedState] = why_skipped(rows, decision)
    batch = None
    if len(states) < len(rows):
        batch = _keep(rows, decision, states, by=by, at=at)
        _confirm(batch, reason, by=by, at=at)
        while batch.done_at is None:
            _step(batch, by=by, at=at)
        entry = DecisionBatchEntry
        states = dict(read(select(entry.nomination_id, entry.state).where(entry.batch_id == batch.id)))
    ids = {row.public_id: row.id for row in rows}
    asked = {public_id: states.get(ids.get(public_id, 0)) for public_id in public_ids}
    skipped = {public_id: state for public_id, state in asked.items() if state is not DecidedState.CHANGED}
    return Decided(len(asked) - len(skipped), skipped, batch.public_id if batch is not None else None)


@action
def preview_decision(
    nominations: Collection[str] | NominationFilter, decision: Decision, *, by: Actor, at: datetime
) -> DecisionBatch:
    """Keeps a preview of deciding on these nominations (public ids), or on all that wait for a decision and that a
    filter holds. Nothing is decided.

    Raises Forbidden, Invalid (`people`) for none, NotFound for one that does not exist, and Refused where none of them
    can be decided.
    """
    check_can_decide(by)
    if isinstance(nominations, NominationFilter):
        wanted = matching(nominations, by=by).where(Nomination.state == NominationState.SUBMITTED)
    else:
        wanted = select(Nomination).where(among(Nomination.public_id, nominations))
    rows = list(read(wanted.with_only_columns(*_COLUMNS)))
    if not isinstance(nominations, NominationFilter) and len(rows) < len(set(nominations)):
        raise NotFound
    if not rows:
        raise Invalid("people", _("Select at least one nomination."))
    skipped = why_skipped(rows, decision)
    if len(skipped) == len(rows):
        raise Refused(_nothing_to_decide(decision, skipped))
    delete_old_previews(DecisionBatch, DecisionBatchEntry, at)
    return _keep(rows, decision, skipped, by=by, at=at)


def _keep(
    rows: Sequence[Any], decision: Decision, skipped: Mapping[int, DecidedState], *, by: Actor, at: datetime
) -> DecisionBatch:
    """A new batch with its nominations."""
    batch = DecisionBatch(decision=decision, size=len(rows), same=0, made_at=at, made_by=by.person_id)
    db.session.add(batch)
    db.session.flush()
    insert_many(
        DecisionBatchEntry.__table__,
        [
            {"batch_id": batch.id, "nomination_id": one.id, "state": skipped.get(one.id, DecidedState.PENDING)}
            for one in rows
        ],
    )
    return batch


_COLUMNS = (
    Nomination.id,
    Nomination.series_id,
    Nomination.state,
    Nomination.email_key,
    Nomination.person_id,
)


def _nothing_to_decide(decision: Decision, skipped: Mapping[int, DecidedState]) -> str:
    if decision is Decision.APPROVE and set(skipped.values()) == {DecidedState.OVER}:
        return _("This series is over. All its lectures have been held.")
    if decision is Decision.APPROVE and DecidedState.ENROLLED in skipped.values():
        return _("This would change nothing: the people selected are enrolled already, or are not waiting any more.")
    return _("None of these nominations is waiting for a decision any more.")


@action
def confirm_decision(public_id: str, *, reason: str | None, by: Actor, at: datetime) -> DecisionBatch:
    """Decides on the nominations of a preview: at once where they are few, otherwise in a task. Confirmed again, it
    goes on where it stopped, or changes nothing.

    Raises Forbidden, Invalid where a rejection has no reason, and NotFound for a preview that is not there.
    """
    check_can_decide(by)
    batch = _locked(public_id)
    if batch.done_at is not None:
        return batch
    if batch.confirmed_at is None:
        reason = checked_reason(reason, required=batch.decision is Decision.REJECT)
        _confirm(batch, reason, by=by, at=at)
    _go_on(batch, by=by, at=at)
    return batch


def _confirm(batch: DecisionBatch, reason: str | None, *, by: Actor, at: datetime) -> None:
    batch.reason, batch.confirmed_at, batch.confirmed_by = reason or "", at, by.person_id
    _record("nomination.decide_batch", batch, by=by, at=at)


@action
def undo_decision(public_id: str, *, by: Actor, at: datetime) -> DecisionBatch:
    """Lets the nominations of a batch wait for a decision again, but for those of which it cannot be taken back.
    Repeated, it goes on where it stopped, or changes nothing.

    Raises Forbidden, NotFound, and Refused before the batch is done.
    """
    check_can_decide(by)
    batch = _locked(public_id)
    if batch.done_at is None:
        raise Refused(_("Not all of these nominations have been decided yet. You can undo it when they have."))
    if batch.undone_at is not None:
        return batch
    if batch.undo_at is None:
        batch.undo_at, batch.undo_by = at, by.person_id
        _record("nomination.undo_batch", batch, by=by, at=at)
    _go_on(batch, by=by, at=at)
    return batch


def _locked(public_id: str) -> DecisionBatch:
    query = select(DecisionBatch).where(DecisionBatch.public_id == public_id).with_for_update()
    batch = db.session.scalar(query.execution_options(populate_existing=True))
    if batch is None:
        raise NotFound
    return batch


def _record(verb: str, batch: DecisionBatch, *, by: Actor, at: datetime) -> None:
    detail = {"batch": batch.public_id, "nominations": batch.size, "decision": batch.decision.value}
    audit.record(verb, by=by, at=at, detail=detail)


def _go_on(batch: DecisionBatch, *, by: Actor, at: datetime) -> None:
    if batch.size <= AT_ONCE:
        _step(batch, by=by, at=at)
    else:
        request_task(JOB, batch, {"batch": batch.public_id, "by": by.person_id}, by=by, at=at)


def run_decision(public_id: str, *, by: Actor, progress: Progress | None = None) -> dict[str, Any]:
    """Decides on all nominations of a confirmed batch, or takes it back where that was asked for, some in each
    transaction. Permission was checked on request. Returns `{changed, left_out}`."""
    run_steps(lambda: _run_step(public_id, by=by, at=clock.now()), progress)
    return result_of(DecisionBatch, DecisionBatchEntry, public_id)


@action
def _run_step(public_id: str, *, by: Actor, at: datetime) -> tuple[int, int]:
    return _step(_locked(public_id), by=by, at=at)


def _step(batch: DecisionBatch, *, by: Actor, at: datetime) -> tuple[int, int]:
    """Does what was asked for some nominations of a batch; returns how many are left, and of how many."""
    entry = DecisionBatchEntry
    wanted = select(entry.nomination_id).where(entry.batch_id == batch.id, entry.state == batch.pending)
    ids = list(read_column(wanted.order_by(entry.nomination_id).limit(AT_ONCE)))
    if batch.undo_at is not None:
        states = take_back_each(ids, batch.decision, by=by, at=at)
    else:
        states = decide_each(ids, batch.decision, reason=batch.reason or None, by=by, at=at)
    for became in set(states.values()):
        some = [one for one, now in states.items() if now is became]
        mark(entry, entry.nomination_id, batch.id, some, became)
    return end_step(batch, entry, at=at)
