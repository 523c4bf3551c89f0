"""The columns that batches have in common. Each kind of batch has a table of batches and a table of their entries."""

from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from lms.core.background.jobs import Job, JobState
from lms.core.database.session import UtcDateTime
from lms.people.models import new_public_id

AT_ONCE = 500
"""The largest batch that one request applies. A larger one is a task."""
NAMED = 50
"""The most people of a batch that a page names."""
PREVIEW_LASTS = timedelta(days=1)
"""How long an unconfirmed preview is kept. The next preview deletes older ones."""


class EntryState(StrEnum):
    """The state of one row of a batch.

    Left out are *gone* rows, no longer in the list, and *stale* ones, changed after the preview; *kept* ones were
    changed again before the undo.
    """

    PENDING = "pending"
    CHANGED = "changed"
    GONE = "gone"
    STALE = "stale"
    TAKEN_BACK = "taken_back"
    KEPT = "kept"


LEFT_OUT = (EntryState.GONE, EntryState.STALE, EntryState.KEPT)


class BatchStage(StrEnum):
    """The progress of a batch."""

    PREVIEWED = "previewed"
    RUNNING = "running"
    STOPPED = "stopped"
    DONE = "done"
    UNDOING = "undoing"
    UNDO_STOPPED = "undo_stopped"
    UNDONE = "undone"


class BatchRow:
    """The columns of a batch. `size` counts its entries, `same` the selected rows that it would not change and that are
    not among them. `job`: public id of the task that applies or undoes a large batch.
    """

    id: Mapped[int] = mapped_column(primary_key=True)
    public_id: Mapped[str] = mapped_column(String(32), unique=True, default=new_public_id)
    reason: Mapped[str] = mapped_column(Text, default="")
    size: Mapped[int]
    same: Mapped[int]
    made_at: Mapped[datetime] = mapped_column(UtcDateTime)
    made_by: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    confirmed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    confirmed_by: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    done_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    undo_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    undo_by: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    undone_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    job: Mapped[str | None] = mapped_column(String(32))

    @property
    def pending(self) -> EntryState:
        """The state of entries that are still to be changed, or to be taken back once undo was requested."""
        return EntryState.PENDING if self.undo_at is None else EntryState.CHANGED

    def stage(self, job: Job | None) -> BatchStage:
        """The progress of the batch, whose task is `job`."""
        is_running = job is not None and job.state in (JobState.QUEUED, JobState.RUNNING)
        if self.undone_at is not None:
            return BatchStage.UNDONE
        if self.undo_at is not None:
            return BatchStage.UNDOING if is_running else BatchStage.UNDO_STOPPED
        if self.done_at is not None:
            return BatchStage.DONE
        if self.confirmed_at is None:
            return BatchStage.PREVIEWED
        return BatchStage.RUNNING if is_running else BatchStage.STOPPED
