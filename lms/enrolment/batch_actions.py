"""Decisions about many places together: people are accepted, rejected or withdrawn, and those who were withdrawn can be
enrolled again.

Each person is changed by the action that changes one (`set_status`), which gives seats and posts the mail.
"""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import update

from lms.batches.kinds import BatchKind
from lms.batches.models import EntryState
from lms.catalogue.models import Series
from lms.catalogue.queries.series import get_series, get_series_by_id
from lms.core.base.errors import Invalid, NotFound, Refused
from lms.core.base.roles import Actor
from lms.core.database.bulk import among
from lms.core.database.session import action, db, read
from lms.core.text.i18n import _
from lms.core.text.typed_text import checked_words
from lms.enrolment import rules
from lms.enrolment.actions.places import lock, set_status
from lms.enrolment.models import Enrolment, EnrolmentBatch, EnrolmentBatchEntry, EnrolmentStatus
from lms.enrolment.queries import batches as queries
from lms.enrolment.queries.rows import speaking
from lms.enrolment.queries.series import SeatFilter, is_over, matching_seats

CHANGES = {
    EnrolmentStatus.ENROLLED: frozenset({EnrolmentStatus.APPLIED}),
    EnrolmentStatus.REJECTED: rules.REJECTABLE,
    EnrolmentStatus.WITHDRAWN: frozenset({EnrolmentStatus.ENROLLED, EnrolmentStatus.WAITLISTED}),
}
"""What a batch can do, and to people in which states: accept applications, reject, withdraw."""


class EnrolmentChangeKind(BatchKind[EnrolmentBatch, Series]):
    """Decisions about enrolments in one series, for its staff. Only withdrawing can be undone; only rejecting needs a
    reason."""

    batches, entries, item = EnrolmentBatch, EnrolmentBatchEntry, "enrolment_id"
    owner, choice, job = "series", "status", "change_enrolments"
    verbs = ("enrolment.change_batch", "enrolment.undo_batch")
    step = 50  # seats and mail of each person are a few statements

    def find_owner(self, *, by: Actor, slug: str) -> Series:  # type: ignore[override]
        series = get_series(slug, by=by)
        rules.check_is_staff_of(series, by)
        return series

    def check_owner(self, owner: Series, *, by: Actor) -> None:
        rules.check_is_staff_of(owner, by)

    def lock_owner(self, owner_id: int, *, by: Actor, at: datetime) -> Series:
        series = lock(owner_id, by, at)
        rules.check_is_staff_of(series, by)
        return series

    def checked_reason(self, batch: EnrolmentBatch, reason: str | None) -> str:
        is_rejection = batch.status is EnrolmentStatus.REJECTED
        return checked_words(reason, lack=_("Enter a reason.")) if is_rejection else ""

    def not_done(self) -> str:
        return _("Not everyone has been withdrawn yet. You can undo it when they have.")

    def why_final(self, batch: EnrolmentBatch) -> str | None:
        if batch.status is EnrolmentStatus.WITHDRAWN:
            return None
        return _("This cannot be undone. People read your decision in an e-mail.")

    def change(self, owner: Series, batch: EnrolmentBatch, *, by: Actor, at: datetime) -> dict[int, EntryState]:
        """Changes people, except those who are not there any more or were changed since the preview."""
        states = {}
        for row, is_there, before, _changed_at in queries.next_entries(batch, self.step):
            if not is_there:
                states[row.id] = EntryState.GONE
            else:
                is_set = row.status is before and _set(batch, row, batch.status, by=by, at=at)
                states[row.id] = EntryState.CHANGED if is_set else EntryState.STALE
        return states

    def take_back(self, owner: Series, batch: EnrolmentBatch, *, by: Actor, at: datetime) -> dict[int, EntryState]:
        """Enrols people again, except those who are not there any more or were changed again."""
        states = {}
        for row, is_there, _before, changed_at in queries.next_entries(batch, self.step):
            is_same = is_there and row.status is batch.status and row.withdrawn_at == changed_at
            is_set = is_same and _set(batch, row, EnrolmentStatus.ENROLLED, by=by, at=at)
            states[row.id] = EntryState.TAKEN_BACK if is_set else EntryState.KEPT
        return states

    preview = staticmethod(queries.preview_of)
    people = staticmethod(queries.list_people)


ENROLMENT_CHANGES = EnrolmentChangeKind()


def _set(batch: EnrolmentBatch, row: Enrolment, status: EnrolmentStatus, *, by: Actor, at: datetime) -> bool:
    """Changes one person as the action for one does; False where that refuses it."""
    try:
        changed = set_status(row.public_id, status, reason=batch.reason, by=by, at=at)
    except Refused:
        return False
    entry = EnrolmentBatchEntry
    values = {"changed_at": at, "has_place": changed.status is EnrolmentStatus.ENROLLED}
    statement = update(entry).where(entry.batch_id == batch.id, entry.enrolment_id == row.id).values(values)
    db.session.execute(statement.execution_options(synchronize_session=False))
    return True


@action
def preview_batch(
    series_id: int, people: Collection[str] | SeatFilter, *, status: EnrolmentStatus, by: Actor, at: datetime
) -> EnrolmentBatch:
    """Stores a preview of giving these enrolments (public ids), or all that a filter matches, another state. Nothing
    is changed. For the staff of the series.

    Raises Invalid (`people`) for nobody and (`status`) for what no batch does, NotFound for an unknown enrolment, and
    Refused where nothing would change. People whom it does not fit are no part of it.
    """
    series = get_series_by_id(series_id, by=by)
    rules.check_is_staff_of(series, by)
    if status not in CHANGES:
        raise Invalid("status", _("Unknown value."))
    if status is EnrolmentStatus.WITHDRAWN:
        rules.check_is_not_over(is_over=is_over(series_id))
    if isinstance(people, SeatFilter):
        query = matching_seats(series, people, by=by, at=at).with_only_columns(Enrolment.id, Enrolment.status)
        rows = read(query)
    else:
        public_ids = set(people)
        query = speaking(Enrolment.id, Enrolment.status).where(among(Enrolment.public_id, sorted(public_ids)))
        rows = read(query.where(Enrolment.series_id == series_id))
        if len(rows) != len(public_ids):
            raise NotFound
    if not rows:
        raise Invalid("people", _("Select at least one person."))
    fitting = [row for row in rows if row.status in CHANGES[status]]
    if not fitting:
        raise Refused(_refusal(status))
    entries = [
        {
            "enrolment_id": row.id,
            "before": row.status,
            "changed_at": None,
            "has_place": None,
            "state": EntryState.PENDING,
        }
        for row in fitting
    ]
    same = len(rows) - len(fitting)
    return ENROLMENT_CHANGES.save_preview(entries, same=same, by=by, at=at, series_id=series_id, status=status)


def _refusal(status: EnrolmentStatus) -> str:
    if status is EnrolmentStatus.ENROLLED:
        return _("None of the people you selected is waiting for a decision, so there is no one to accept.")
    if status is EnrolmentStatus.REJECTED:
        return _("None of the people you selected has applied or is on the waiting list, so there is no one to reject.")
    return _("None of the people you selected has a place or is on the waiting list, so there is no one to withdraw.")
