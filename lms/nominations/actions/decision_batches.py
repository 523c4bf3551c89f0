"""Decisions on nominations: previewed, confirmed with a reason, and undone as a whole."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select

from lms.batches.kinds import BatchKind
from lms.core.base.errors import Invalid, NotFound, Refused
from lms.core.base.roles import Actor
from lms.core.database.bulk import among
from lms.core.database.session import action, read, read_column
from lms.core.text.i18n import _
from lms.enrolment.actions.places import lock
from lms.nominations.actions.decisions import decide_each, take_back_each
from lms.nominations.models import (
    KEPT,
    SKIPPED,
    DecidedState,
    Decision,
    DecisionBatch,
    DecisionBatchEntry,
    Nomination,
    NominationState,
)
from lms.nominations.queries import decisions as queries
from lms.nominations.queries.decisions import why_skipped
from lms.nominations.queries.listing import NominationFilter, matching
from lms.nominations.rules import check_can_decide, checked_reason


class Decisions(BatchKind[DecisionBatch, None]):
    """Decisions of administrators on nominations of any series."""

    batches, entries, item = DecisionBatch, DecisionBatchEntry, "nomination_id"
    owner, choice, job = None, "decision", "decide_nominations"
    counted = "nominations"
    verbs = ("nomination.decide_batch", "nomination.undo_batch")
    left_out, kept_states = (*SKIPPED, *KEPT), KEPT

    def find_owner(self, *, by: Actor) -> None:  # type: ignore[override]
        check_can_decide(by)

    def check_owner(self, owner: None, *, by: Actor) -> None:
        check_can_decide(by)

    def lock_owner(self, owner_id: None, *, by: Actor, at: datetime) -> None:
        check_can_decide(by)

    def checked_reason(self, batch: DecisionBatch, reason: str | None) -> str:
        return checked_reason(reason, required=batch.decision is Decision.REJECT) or ""

    def not_done(self) -> str:
        return _("Not all of these nominations have been decided yet. You can undo it when they have.")

    def change(self, owner: None, batch: DecisionBatch, *, by: Actor, at: datetime) -> dict[int, DecidedState]:
        return decide_each(self._next(batch), batch.decision, reason=batch.reason or None, by=by, at=at)

    def take_back(self, owner: None, batch: DecisionBatch, *, by: Actor, at: datetime) -> dict[int, DecidedState]:
        return take_back_each(self._next(batch), batch.decision, by=by, at=at)

    def _next(self, batch: DecisionBatch) -> Sequence[int]:
        entry = DecisionBatchEntry
        query = select(entry.nomination_id).where(entry.batch_id == batch.id, entry.state == batch.pending)
        return list(read_column(query.order_by(entry.nomination_id).limit(self.step)))

    def preview(self, owner: None, batch: DecisionBatch, *, by: Actor, at: datetime) -> queries.DecisionPreview:
        return queries.preview_of(batch, at=at)

    def people(
        self, owner: None, batch: DecisionBatch, states: Collection[Any], *, by: Actor, limit: int | None
    ) -> list[queries.DecidedNominee]:
        return queries.list_decided(batch, states, limit=limit)


DECISIONS = Decisions()


@dataclass(frozen=True)
class DecisionResult:
    """How many nominations were decided, why others were not, by their public ids (null for an unknown one), and the id
    of the batch: null where nothing was decided.
    """

    decided: int
    skipped: Mapping[str, DecidedState | None]
    batch: str | None


@action
def decide(
    public_ids: Collection[str], *, approve: bool, reason: str | None = None, by: Actor, at: datetime
) -> DecisionResult:
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
        batch = _save(rows, decision, states, by=by, at=at)
        DECISIONS.confirm(None, batch.public_id, reason=reason, at_once=True, by=by, at=at)
        entry = DecisionBatchEntry
        states = dict(read(select(entry.nomination_id, entry.state).where(entry.batch_id == batch.id)))
    ids = {row.public_id: row.id for row in rows}
    results = {public_id: states.get(ids.get(public_id, 0)) for public_id in public_ids}
    skipped = {public_id: state for public_id, state in results.items() if state is not DecidedState.CHANGED}
    return DecisionResult(len(results) - len(skipped), skipped, batch.public_id if batch is not None else None)


@action
def preview_decision(
    nominations: Collection[str] | NominationFilter, decision: Decision, *, by: Actor, at: datetime
) -> DecisionBatch:
    """Stores a preview of deciding on these nominations (public ids), or on all that wait for a decision and match a
    filter. Nothing is decided.

    Raises Forbidden, Invalid (`people`) for none, NotFound for an unknown one, and Refused where none of them can be
    decided.
    """
    check_can_decide(by)
    if isinstance(nominations, NominationFilter):
        query = matching(nominations, by=by).where(Nomination.state == NominationState.SUBMITTED)
    else:
        query = select(Nomination).where(among(Nomination.public_id, nominations))
    rows = list(read(query.with_only_columns(*_COLUMNS)))
    if not isinstance(nominations, NominationFilter) and len(rows) < len(set(nominations)):
        raise NotFound
    if not rows:
        raise Invalid("people", _("Select at least one nomination."))
    skipped = why_skipped(rows, decision)
    if len(skipped) == len(rows):
        raise Refused(_nothing_to_decide(decision, skipped))
    return _save(rows, decision, skipped, by=by, at=at)


def _save(
    rows: Sequence[Any], decision: Decision, skipped: Mapping[int, DecidedState], *, by: Actor, at: datetime
) -> DecisionBatch:
    states = ((row.id, skipped.get(row.id, DecidedState.PENDING)) for row in rows)
    entries = [{"nomination_id": nomination_id, "state": state} for nomination_id, state in states]
    return DECISIONS.save_preview(entries, same=0, by=by, at=at, decision=decision)


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
