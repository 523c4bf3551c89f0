"""Corrections of many people together: previewed, confirmed with a reason, and undone as a whole."""

from collections.abc import Collection
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Table, Update, bindparam, update

from lms.attendance.actions.appeals import accept_together
from lms.attendance.actions.closing import check_not_closed
from lms.attendance.actions.corrections import Wanted, hold_attendance, set_each
from lms.attendance.models.credits import CorrectionBatch, CorrectionBatchEntry, Outcome
from lms.attendance.presence import is_held
from lms.attendance.queries import correction_batches as queries
from lms.attendance.queries.outcomes import corrections_in, written_credits
from lms.attendance.queries.roster import get_editable_lecture, not_on_roster
from lms.attendance.queries.roster_query import RosterFilter, filtered
from lms.batches.kinds import BatchKind
from lms.batches.models import BatchStage, EntryState
from lms.catalogue.models import Lecture
from lms.catalogue.rules import check_can_edit_lecture
from lms.core.base.errors import Invalid, Refused
from lms.core.base.roles import Actor
from lms.core.database.session import action, db, read_column
from lms.core.text.i18n import _
from lms.core.text.typed_text import checked_words
from lms.people.queries.persons import person_ids_of


class Corrections(BatchKind[CorrectionBatch, Lecture]):
    """Corrections of attendance in one lecture. A null outcome removes corrections, which needs no reason."""

    batches, entries, item = CorrectionBatch, CorrectionBatchEntry, "person_id"
    owner, choice, job = "lecture", "outcome", "correct_batch"
    verbs = ("attendance.correct_batch", "attendance.undo_batch")
    stage_names = {BatchStage.RUNNING: "correcting", BatchStage.DONE: "corrected"}

    def find_owner(self, *, by: Actor, lecture_id: int) -> Lecture:  # type: ignore[override]
        return get_editable_lecture(lecture_id, by=by)

    def check_owner(self, owner: Lecture, *, by: Actor) -> None:
        check_can_edit_lecture(owner, by)

    def lock_owner(self, owner_id: int, *, by: Actor, at: datetime) -> Lecture:
        return hold_attendance(owner_id, by=by)

    def checked_reason(self, batch: CorrectionBatch, reason: str | None) -> str:
        return checked_words(reason, lack=_("Enter a reason.") if batch.outcome is not None else None)

    def not_done(self) -> str:
        return _("These corrections have not all been made yet. You can undo them when they have.")

    def change(self, owner: Lecture, batch: CorrectionBatch, *, by: Actor, at: datetime) -> dict[int, EntryState]:
        """Corrects people, except those who are not on the roster or were changed since the preview."""
        entries = queries.next_entries(batch, self.step)
        people = [entry.person_id for entry in entries]
        gone = not_on_roster(owner, people)
        now = _results(owner, people)
        states = {}
        for entry in entries:
            is_same = now[entry.person_id] == (entry.before_outcome, entry.before_id)
            states[entry.person_id] = EntryState.CHANGED if is_same else EntryState.STALE
        states |= dict.fromkeys(gone, EntryState.GONE)
        chosen = [person_id for person_id in people if states[person_id] is EntryState.CHANGED]
        correction = Wanted(batch.outcome, batch.reason) if batch.outcome is not None else None
        set_each(owner, dict.fromkeys(chosen, correction), batch=batch.public_id, by=by, at=at)
        made = corrections_in(owner.id, chosen) if correction is not None else {}
        if made:
            rows = [{"who": person_id, "made": row.id, "batch": batch.id} for person_id, row in made.items()]
            db.session.connection().execute(_note_correction(), rows)
        if batch.outcome in queries.ANSWERS:
            accept_together(owner, chosen, outcome=batch.outcome, words=batch.reason, by=by, at=at)
        return states

    def take_back(self, owner: Lecture, batch: CorrectionBatch, *, by: Actor, at: datetime) -> dict[int, EntryState]:
        """Gives people back what they had before, except those who were corrected again. Accepted appeals stay so."""
        entries = queries.next_entries(batch, self.step)
        people = [entry.canonical_id for entry in entries]
        gone, in_force = not_on_roster(owner, people), corrections_in(owner.id, people)
        before = queries.corrections_by_id([entry.before_id for entry in entries if entry.before_id is not None])
        restored: dict[int, Wanted | None] = {}
        states = {}
        for entry in entries:
            now = in_force.get(entry.canonical_id)
            if entry.canonical_id in gone or (now.id if now is not None else None) != entry.correction_id:
                states[entry.person_id] = EntryState.KEPT
                continue
            states[entry.person_id] = EntryState.TAKEN_BACK
            earlier = before.get(entry.before_id)
            restored[entry.canonical_id] = None if earlier is None else Wanted(*earlier, restores=entry.before_id)
        set_each(owner, restored, batch=batch.public_id, by=by, at=at)
        return states

    preview = staticmethod(queries.preview_of)
    people = staticmethod(queries.list_people)


CORRECTIONS = Corrections()


@action
def preview_batch(
    lecture_id: int,
    people: Collection[str] | RosterFilter,
    *,
    outcome: Outcome | None,
    by: Actor,
    at: datetime,
) -> CorrectionBatch:
    """Stores a preview of correcting these people (public ids), or everybody whom a filter of the roster matches.
    Nothing is corrected. A null `outcome` removes corrections.

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
    entries = _entries(lecture, ids, outcome)
    if not any(entry["state"] is EntryState.PENDING for entry in entries):
        raise Refused(
            _("This would change nothing: everyone selected has this result already, or is not on the roster.")
        )
    same = len(ids) - len(entries)
    return CORRECTIONS.save_preview(entries, same=same, by=by, at=at, lecture_id=lecture_id, outcome=outcome)


def _entries(lecture: Lecture, ids: list[int], outcome: Outcome | None) -> list[dict[str, Any]]:
    """The people whom a batch would change, and those who are not on the roster, with what is counted of them now."""
    gone = not_on_roster(lecture, ids)
    entries = []
    for person_id, (before, correction_id) in _results(lecture, ids).items():
        is_same = correction_id is None if outcome is None else before is outcome
        if is_same and person_id not in gone:
            continue
        entries.append(
            {
                "person_id": person_id,
                "before_outcome": before,
                "before_id": correction_id,
                "correction_id": None,
                "state": EntryState.GONE if person_id in gone else EntryState.PENDING,
            }
        )
    return entries


def _results(lecture: Lecture, ids: list[int]) -> dict[int, tuple[Outcome, int | None]]:
    """The outcome of each of these people now, and the correction in force."""
    credits_by_person, in_force = written_credits(lecture.id, ids), corrections_in(lecture.id, ids)
    outcomes = {id_: credits_by_person[id_].outcome if id_ in credits_by_person else Outcome.ABSENT for id_ in ids}
    return {id_: (outcome, in_force[id_].id if id_ in in_force else None) for id_, outcome in outcomes.items()}


def _note_correction() -> Update:
    """Notes the correction (`made`) that a batch (`batch`) made for a person (`who`)."""
    table = cast(Table, CorrectionBatchEntry.__table__)
    entry = table.c.batch_id == bindparam("batch"), table.c.person_id == bindparam("who")
    return update(table).where(*entry).values(correction_id=bindparam("made"))
