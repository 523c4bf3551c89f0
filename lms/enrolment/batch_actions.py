"""Decisions about many places together: people are accepted, rejected or withdrawn; previewed, confirmed, and, where
they were withdrawn, let back in.

Each person is changed by the action that changes one (`set_status`), which gives seats and posts the mail; here it is
decided who, in which order, and in how many transactions.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import select, update

from lms.catalogue.models import Series
from lms.catalogue.queries.series import get_series_by_id
from lms.core import audit, clock
from lms.core.batches import (
    AT_ONCE,
    EntryState,
    Progress,
    delete_old_previews,
    end_step,
    mark,
    request_task,
    result_of,
    run_steps,
)
from lms.core.bulk import among, insert_many
from lms.core.db import action, db, read
from lms.core.errors import Forbidden, Invalid, NotFound, Refused
from lms.core.i18n import _
from lms.core.roles import Actor
from lms.core.typed_text import checked_words
from lms.enrolment import rules
from lms.enrolment.actions.places import lock, set_status
from lms.enrolment.models import Enrolment, EnrolmentBatch, EnrolmentBatchEntry, EnrolmentStatus
from lms.enrolment.queries.batches import next_entries
from lms.enrolment.queries.rows import speaking
from lms.enrolment.queries.series import SeatFilter, is_over, matching_seats

JOB = "change_enrolments"
STEP = 50
"""So many people are changed in one transaction: seats and mail of each are a few statements."""
CHANGES = {
    EnrolmentStatus.ENROLLED: frozenset({EnrolmentStatus.APPLIED}),
    EnrolmentStatus.REJECTED: rules.REJECTABLE,
    EnrolmentStatus.WITHDRAWN: frozenset({EnrolmentStatus.ENROLLED, EnrolmentStatus.WAITLISTED}),
}
"""What a batch can do, and to people in which states: accept applications, reject, withdraw."""


@action
def preview_batch(
    series_id: int, people: Collection[str] | SeatFilter, *, status: EnrolmentStatus, by: Actor, at: datetime
) -> EnrolmentBatch:
    """Keeps a preview of giving these enrolments (public ids), or all that a filter holds, another state. Nothing is
    changed. For the staff of the series.

    Raises Invalid (`people`) for nobody and (`status`) for what no batch does, NotFound for an unknown enrolment, and
    Refused where nothing would change. People whom it does not fit are no part of it.
    """
    series = _staffed(get_series_by_id(series_id, by=by), by)
    if status not in CHANGES:
        raise Invalid("status", _("Unknown state."))
    if status is EnrolmentStatus.WITHDRAWN:
        rules.check_is_not_over(is_over=is_over(series_id))
    if isinstance(people, SeatFilter):
        query = matching_seats(series, people, by=by, at=at).with_only_columns(Enrolment.id, Enrolment.status)
        found = read(query)
    else:
        wanted = set(people)
        query = speaking(Enrolment.id, Enrolment.status).where(among(Enrolment.public_id, sorted(wanted)))
        found = read(query.where(Enrolment.series_id == series_id))
        if len(found) != len(wanted):
            raise NotFound
    if not found:
        raise Invalid("people", _("Select at least one person."))
    fitting = [row for row in found if row.status in CHANGES[status]]
    if not fitting:
        raise Refused(_refusal(status))
    delete_old_previews(EnrolmentBatch, EnrolmentBatchEntry, at)
    batch = EnrolmentBatch(
        series_id=series_id,
        status=status,
        size=len(fitting),
        same=len(found) - len(fitting),
        made_at=at,
        made_by=by.person_id,
    )
    db.session.add(batch)
    db.session.flush()
    rows = [
        {
            "batch_id": batch.id,
            "enrolment_id": row.id,
            "before": row.status,
            "changed_at": None,
            "has_place": None,
            "state": EntryState.PENDING,
        }
        for row in fitting
    ]
    insert_many(EnrolmentBatchEntry.__table__, rows)
    return batch


def _staffed(series: Series, by: Actor) -> Series:
    if not rules.is_staff_of(series, by):
        raise Forbidden
    return series


def _refusal(status: EnrolmentStatus) -> str:
    if status is EnrolmentStatus.ENROLLED:
        return _("None of the people you selected is waiting for a decision, so there is no one to accept.")
    if status is EnrolmentStatus.REJECTED:
        return _("None of the people you selected has applied or is on the waiting list, so there is no one to reject.")
    return _("None of the people you selected has a place or is on the waiting list, so there is no one to withdraw.")


def confirm_batch(series_id: int, public_id: str, *, reason: str = "", by: Actor, at: datetime) -> None:
    """Changes the people of a preview: at once where they are few, otherwise in a task. Confirmed again, it goes on
    where it stopped, or changes nothing.

    Raises Invalid without a reason for rejecting (other changes need none), and NotFound for a preview that is not
    there.
    """
    if _confirm(series_id, public_id, reason=reason, by=by, at=at):
        run_steps(lambda: _run_step(series_id, public_id, by=by, at=at))


def undo_batch(series_id: int, public_id: str, *, by: Actor, at: datetime) -> None:
    """Enrols those whom a batch withdrew again: with a place while there is one, else at the end of the waiting list.
    Who was changed again since keeps that. Repeated, it goes on where it stopped, or changes nothing.

    Raises Refused before the batch is done, and for what cannot be taken back.
    """
    if _ask_undo(series_id, public_id, by=by, at=at):
        run_steps(lambda: _run_step(series_id, public_id, by=by, at=at))


@action
def _confirm(series_id: int, public_id: str, *, reason: str, by: Actor, at: datetime) -> bool:
    """Notes that a batch is confirmed; returns whether it is to be made now, and not by a task."""
    batch = _locked(series_id, public_id, by=by, at=at)
    if batch.done_at is not None:
        return False
    if batch.confirmed_at is None:
        if batch.status is EnrolmentStatus.REJECTED:
            batch.reason = checked_words(reason, lack=_("Enter a reason."))
        batch.confirmed_at, batch.confirmed_by = at, by.person_id
        _record("enrolment.change_batch", batch, by=by, at=at)
    return _is_now(batch, by=by, at=at)


@action
def _ask_undo(series_id: int, public_id: str, *, by: Actor, at: datetime) -> bool:
    """Notes that a batch is to be taken back; returns whether it is done now, and not by a task."""
    batch = _locked(series_id, public_id, by=by, at=at)
    if batch.status is not EnrolmentStatus.WITHDRAWN:
        raise Refused(_("This cannot be undone. People read your decision in an e-mail."))
    if batch.done_at is None:
        raise Refused(_("Not everyone has been withdrawn yet. You can undo it when they have."))
    if batch.undone_at is not None:
        return False
    if batch.undo_at is None:
        batch.undo_at, batch.undo_by = at, by.person_id
        _record("enrolment.undo_batch", batch, by=by, at=at)
    return _is_now(batch, by=by, at=at)


def _locked(series_id: int, public_id: str, *, by: Actor, at: datetime) -> EnrolmentBatch:
    """A batch as it is now; its series is locked."""
    _staffed(lock(series_id, by, at), by)
    query = select(EnrolmentBatch).where(EnrolmentBatch.series_id == series_id, EnrolmentBatch.public_id == public_id)
    batch = db.session.scalar(query.execution_options(populate_existing=True))
    if batch is None:
        raise NotFound
    return batch


def _record(verb: str, batch: EnrolmentBatch, *, by: Actor, at: datetime) -> None:
    detail = {"batch": batch.public_id, "people": batch.size, "status": batch.status.value}
    audit.record(verb, by=by, at=at, detail=detail, series=batch.series_id)


def _is_now(batch: EnrolmentBatch, *, by: Actor, at: datetime) -> bool:
    if batch.size <= AT_ONCE:
        return True
    arguments = {"series_id": batch.series_id, "batch": batch.public_id, "by": by.person_id}
    request_task(JOB, batch, arguments, by=by, at=at)
    return False


def run_batch(series_id: int, public_id: str, *, by: Actor, progress: Progress | None = None) -> dict[str, Any]:
    """Changes all people of a confirmed batch, or takes it back where that was asked for, some people in each
    transaction. Returns `{changed, left_out}`."""
    run_steps(lambda: _run_step(series_id, public_id, by=by, at=clock.now()), progress)
    return result_of(EnrolmentBatch, EnrolmentBatchEntry, public_id)


@action
def _run_step(series_id: int, public_id: str, *, by: Actor, at: datetime) -> tuple[int, int]:
    batch = _locked(series_id, public_id, by=by, at=at)
    if batch.undo_at is None:
        _change_some(batch, by=by, at=at)
    else:
        _undo_some(batch, by=by, at=at)
    return end_step(batch, EnrolmentBatchEntry, at=at)


def _change_some(batch: EnrolmentBatch, *, by: Actor, at: datetime) -> None:
    """Changes some people of a batch, but for those who were changed since the preview, or are not there any more."""
    gone, stale = [], []
    for row, is_there, before, _changed_at in next_entries(batch, STEP):
        if not is_there:
            gone.append(row.id)
        elif row.status is not before or not _set(batch, row, batch.status, EntryState.CHANGED, by=by, at=at):
            stale.append(row.id)
    _mark(batch, gone, EntryState.GONE)
    _mark(batch, stale, EntryState.STALE)


def _undo_some(batch: EnrolmentBatch, *, by: Actor, at: datetime) -> None:
    """Lets some people of a batch back in, but for those who were changed again since, or are not there any more."""
    kept = []
    for row, is_there, _before, changed_at in next_entries(batch, STEP):
        is_same = row.status is batch.status and row.withdrawn_at == changed_at
        enrolled = EnrolmentStatus.ENROLLED
        if not (is_there and is_same and _set(batch, row, enrolled, EntryState.TAKEN_BACK, by=by, at=at)):
            kept.append(row.id)
    _mark(batch, kept, EntryState.KEPT)


def _set(
    batch: EnrolmentBatch, row: Enrolment, status: EnrolmentStatus, state: EntryState, *, by: Actor, at: datetime
) -> bool:
    """Changes one person as the action for one does; False where that refuses it."""
    try:
        changed = set_status(row.public_id, status, reason=batch.reason, by=by, at=at)
    except Refused:
        return False
    entry = EnrolmentBatchEntry
    values = {"state": state, "changed_at": at, "has_place": changed.status is EnrolmentStatus.ENROLLED}
    statement = update(entry).where(entry.batch_id == batch.id, entry.enrolment_id == row.id).values(values)
    db.session.execute(statement.execution_options(synchronize_session=False))
    return True


def _mark(batch: EnrolmentBatch, ids: list[int], state: EntryState) -> None:
    mark(EnrolmentBatchEntry, EnrolmentBatchEntry.enrolment_id, batch.id, ids, state)
