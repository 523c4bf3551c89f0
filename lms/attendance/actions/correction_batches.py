"""Corrections of many people together: previewed, confirmed with a reason, and taken back as a whole.

A preview is kept with what was counted of each person, so that exactly what was seen is corrected: who left the roster
or was changed since is left out. Few people are corrected at once, many in a task, some at a time; each step can be
repeated.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Table, bindparam, select, update

from lms.attendance.actions.appeals import accept_together
from lms.attendance.actions.closing import check_not_closed
from lms.attendance.actions.corrections import Wanted, hold_attendance, set_each
from lms.attendance.models.credits import CorrectionBatch, CorrectionBatchEntry, Outcome
from lms.attendance.presence import is_held
from lms.attendance.queries.correction_batches import ANSWERS, batch_entries, corrections_by_id
from lms.attendance.queries.outcomes import corrections_in, written_credits
from lms.attendance.queries.roster import get_editable_lecture, not_on_roster
from lms.attendance.queries.roster_filters import RosterFilter, filtered
from lms.catalogue.models import Lecture
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
from lms.core.bulk import insert_many
from lms.core.db import action, db, read_column
from lms.core.errors import Invalid, NotFound, Refused
from lms.core.i18n import _
from lms.core.roles import Actor
from lms.core.typed_text import checked_words
from lms.people.queries.persons import person_ids_of

JOB = "correct_batch"


@action
def preview_batch(
    lecture_id: int,
    people: Collection[str] | RosterFilter,
    *,
    outcome: Outcome | None,
    by: Actor,
    at: datetime,
) -> CorrectionBatch:
    """Keeps a preview of correcting these people (public ids), or all whom a filter of the roster holds. Nothing is
    corrected. A null `outcome` removes corrections.

    Raises Invalid (`people`) for nobody, NotFound for someone unknown, and Refused where nothing would change, before
    the lecture was held, and once its attendance is closed. People who have this result already are no part of it.
    """
    lecture = get_editable_lecture(lecture_id, by=by)
    if not is_held(lecture):
        raise Refused(_("You can correct attendance after the lecture has ended."))
    check_not_closed(lecture)
    if isinstance(people, RosterFilter):
        ids = list(read_column(filtered(lecture, people, by=by, at=at)))
    else:
        ids = sorted(set(person_ids_of(people)))
    if not ids:
        raise Invalid("people", _("Select at least one person."))
    rows, same = _entries(lecture, ids, outcome)
    if not any(row["state"] is EntryState.PENDING for row in rows):
        raise Refused(
            _("This would change nothing: everyone selected has this result already, or is not on the roster.")
        )
    delete_old_previews(CorrectionBatch, CorrectionBatchEntry, at)
    batch = CorrectionBatch(
        lecture_id=lecture_id, outcome=outcome, size=len(rows), same=same, made_at=at, made_by=by.person_id
    )
    db.session.add(batch)
    db.session.flush()
    insert_many(CorrectionBatchEntry.__table__, [{"batch_id": batch.id, **row} for row in rows])
    return batch


def _entries(lecture: Lecture, ids: list[int], outcome: Outcome | None) -> tuple[list[dict[str, Any]], int]:
    """The people of a batch with what is counted of them now, and how many others have this result already."""
    gone = not_on_roster(lecture, ids)
    counted, held = written_credits(lecture.id, ids), corrections_in(lecture.id, ids)
    rows = []
    for person_id in ids:
        values, correction = counted.get(person_id), held.get(person_id)
        before = values.outcome if values is not None else Outcome.ABSENT
        is_same = correction is None if outcome is None else before is outcome
        if is_same and person_id not in gone:
            continue
        rows.append(
            {
                "person_id": person_id,
                "before_outcome": before,
                "before_id": correction.id if correction is not None else None,
                "correction_id": None,
                "state": EntryState.GONE if person_id in gone else EntryState.PENDING,
            }
        )
    return rows, len(ids) - len(rows)


@action
def confirm_batch(lecture_id: int, public_id: str, *, reason: str, by: Actor, at: datetime) -> CorrectionBatch:
    """Corrects the people of a preview: at once where they are few, otherwise in a task. Confirmed again, it goes on
    where it stopped, or changes nothing.

    Raises Invalid without a reason (removing corrections needs none), Refused once attendance is closed, and NotFound
    for a preview that is not there.
    """
    lecture = hold_attendance(lecture_id, by=by)
    batch = _locked(lecture_id, public_id)
    if batch.done_at is not None:
        return batch
    if batch.confirmed_at is None:
        needs_reason = batch.outcome is not None
        batch.reason = checked_words(reason, lack=_("Enter a reason.") if needs_reason else None)
        batch.confirmed_at, batch.confirmed_by = at, by.person_id
        _record("attendance.correct_batch", batch, by=by, at=at)
    _go_on(lecture, batch, by=by, at=at)
    return batch


@action
def undo_batch(lecture_id: int, public_id: str, *, by: Actor, at: datetime) -> CorrectionBatch:
    """Gives each person of a batch back what they had before it. Who was corrected again since keeps the later
    correction. Repeated, it goes on where it stopped, or changes nothing. Accepted appeals stay accepted.

    Raises Refused before the batch is done and once attendance is closed.
    """
    lecture = hold_attendance(lecture_id, by=by)
    batch = _locked(lecture_id, public_id)
    if batch.done_at is None:
        raise Refused(_("These corrections have not all been made yet. You can undo them when they have."))
    if batch.undone_at is not None:
        return batch
    if batch.undo_at is None:
        batch.undo_at, batch.undo_by = at, by.person_id
        _record("attendance.undo_batch", batch, by=by, at=at)
    _go_on(lecture, batch, by=by, at=at)
    return batch


def _locked(lecture_id: int, public_id: str) -> CorrectionBatch:
    """A batch as it is now; its lecture is locked."""
    query = select(CorrectionBatch).where(
        CorrectionBatch.lecture_id == lecture_id, CorrectionBatch.public_id == public_id
    )
    batch = db.session.scalar(query.execution_options(populate_existing=True))
    if batch is None:
        raise NotFound
    return batch


def _record(verb: str, batch: CorrectionBatch, *, by: Actor, at: datetime) -> None:
    detail = {
        "batch": batch.public_id,
        "people": batch.size,
        "outcome": batch.outcome.value if batch.outcome is not None else None,
    }
    audit.record(verb, by=by, at=at, detail=detail, lecture=batch.lecture_id)


def _go_on(lecture: Lecture, batch: CorrectionBatch, *, by: Actor, at: datetime) -> None:
    if batch.size <= AT_ONCE:
        _step(lecture, batch, by=by, at=at)
        return
    arguments = {"lecture_id": lecture.id, "batch": batch.public_id, "by": by.person_id}
    request_task(JOB, batch, arguments, by=by, at=at)


def run_batch(lecture_id: int, public_id: str, *, by: Actor, progress: Progress | None = None) -> dict[str, Any]:
    """Corrects all people of a confirmed batch, or takes it back where that was asked for, some people in each
    transaction. Permission was checked on request. Returns `{changed, left_out}`."""
    run_steps(lambda: _run_step(lecture_id, public_id, by=by, at=clock.now()), progress)
    return result_of(CorrectionBatch, CorrectionBatchEntry, public_id)


@action
def _run_step(lecture_id: int, public_id: str, *, by: Actor, at: datetime) -> tuple[int, int]:
    lecture = hold_attendance(lecture_id, by=by)
    return _step(lecture, _locked(lecture_id, public_id), by=by, at=at)


def _step(lecture: Lecture, batch: CorrectionBatch, *, by: Actor, at: datetime) -> tuple[int, int]:
    """Does what was asked for some people of a batch; returns how many are left, and how many there are."""
    if batch.undo_at is not None:
        _undo_some(lecture, batch, by=by, at=at)
    else:
        _correct_some(lecture, batch, by=by, at=at)
    return end_step(batch, CorrectionBatchEntry, at=at)


def _correct_some(lecture: Lecture, batch: CorrectionBatch, *, by: Actor, at: datetime) -> None:
    """Corrects some people of a batch, but for those who are not on the roster or were changed since the preview."""
    entries = batch_entries(batch.id, EntryState.PENDING, AT_ONCE)
    people = [entry.person_id for entry in entries]
    gone = not_on_roster(lecture, people)
    counted, held = written_credits(lecture.id, people), corrections_in(lecture.id, people)
    stale = set()
    for entry in entries:
        values, correction = counted.get(entry.person_id), held.get(entry.person_id)
        outcome = values.outcome if values is not None else Outcome.ABSENT
        now = (outcome, correction.id if correction is not None else None)
        if entry.person_id not in gone and now != (entry.before_outcome, entry.before_id):
            stale.add(entry.person_id)
    chosen = [one for one in people if one not in gone and one not in stale]
    wanted = Wanted(batch.outcome, batch.reason) if batch.outcome is not None else None
    set_each(lecture, dict.fromkeys(chosen, wanted), batch=batch.public_id, by=by, at=at)
    made = corrections_in(lecture.id, chosen) if wanted is not None else {}
    _mark(batch.id, gone, EntryState.GONE)
    _mark(batch.id, stale, EntryState.STALE)
    _mark(batch.id, chosen, EntryState.CHANGED)
    if made:
        rows = [{"who": person_id, "made": one.id, "batch": batch.id} for person_id, one in made.items()]
        db.session.connection().execute(_MADE, rows)
    if batch.outcome in ANSWERS:
        accept_together(lecture, chosen, outcome=batch.outcome, words=batch.reason, by=by, at=at)


def _undo_some(lecture: Lecture, batch: CorrectionBatch, *, by: Actor, at: datetime) -> None:
    """Takes back what a batch did to some people, but for those who were corrected again since."""
    entries = batch_entries(batch.id, EntryState.CHANGED, AT_ONCE)
    people = [entry.canonical_id for entry in entries]
    gone, held = not_on_roster(lecture, people), corrections_in(lecture.id, people)
    before = corrections_by_id([entry.before_id for entry in entries if entry.before_id is not None])
    wanted: dict[int, Wanted | None] = {}
    taken_back, kept = [], []
    for entry in entries:
        now = held.get(entry.canonical_id)
        if entry.canonical_id in gone or (now.id if now is not None else None) != entry.correction_id:
            kept.append(entry.person_id)
            continue
        taken_back.append(entry.person_id)
        earlier = before.get(entry.before_id)
        wanted[entry.canonical_id] = None if earlier is None else Wanted(*earlier, restores=entry.before_id)
    set_each(lecture, wanted, batch=batch.public_id, by=by, at=at)
    _mark(batch.id, taken_back, EntryState.TAKEN_BACK)
    _mark(batch.id, kept, EntryState.KEPT)


def _mark(batch_id: int, people: Collection[int], state: EntryState) -> None:
    mark(CorrectionBatchEntry, CorrectionBatchEntry.person_id, batch_id, people, state)


_TABLE = cast(Table, CorrectionBatchEntry.__table__)
_MADE = (
    update(_TABLE)
    .where(_TABLE.c.batch_id == bindparam("batch"), _TABLE.c.person_id == bindparam("who"))
    .values(correction_id=bindparam("made"))
)
