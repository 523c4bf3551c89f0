"""What changes of many rows together have in common: previewed, confirmed, made in steps, and perhaps taken back.

A slice has a table of batches (`BatchRow`) and one of their entries, each with a state. The preview is kept with its
entries, so that exactly what was seen is changed: what left or was changed since is left out. Few entries are changed
at once, many in a task, and each step can be repeated.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple

from sqlalchemy import ForeignKey, String, Text, delete, func, select, update
from sqlalchemy.orm import Mapped, mapped_column

from lms.core.bulk import among
from lms.core.db import UtcDateTime, db, read_column, read_value
from lms.core.jobs import Job, JobState, request_job
from lms.core.roles import Actor

AT_ONCE = 500
"""So many people are changed in one request; a batch with more is a task."""
NAMED = 50
"""So many people of a batch are named."""
Progress = Callable[[int, int], None]
PREVIEW_LASTS = timedelta(days=1)
"""A preview that nobody confirmed is deleted after this time, when the next is made."""


class EntryState(StrEnum):
    """What became of one person of a batch: to be changed, changed, left out since the person is no longer in the list
    or was changed after the preview; taken back, or kept since the person was changed again."""

    PENDING = "pending"
    CHANGED = "changed"
    GONE = "gone"
    STALE = "stale"
    TAKEN_BACK = "taken_back"
    KEPT = "kept"


LEFT_OUT = (EntryState.GONE, EntryState.STALE, EntryState.KEPT)
"""The states of those who were left out of a batch."""


class Move(NamedTuple):
    """A number of people now, and after a batch."""

    now: int
    after: int


class BatchRow:
    """The columns of one batch. `size` people are previewed; `same` more were selected and are no part of it, since it
    would not change them. `job` is the public id of the task that makes it, or takes it back, where they are many."""

    id: Mapped[int] = mapped_column(primary_key=True)
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
        """The state of entries that are still to be changed, or to be taken back where that was asked for."""
        return EntryState.PENDING if self.undo_at is None else EntryState.CHANGED


class BatchStage(StrEnum):
    """How far a batch is."""

    PREVIEWED = "previewed"
    RUNNING = "running"
    STOPPED = "stopped"
    DONE = "done"
    UNDOING = "undoing"
    UNDO_STOPPED = "undo_stopped"
    UNDONE = "undone"


def stage_of(batch: BatchRow, job: Job | None) -> BatchStage:
    """How far a batch is, whose task is this."""
    is_running = job is not None and job.state in (JobState.QUEUED, JobState.RUNNING)
    if batch.undo_at is not None:
        if batch.undone_at is not None:
            return BatchStage.UNDONE
        return BatchStage.UNDOING if is_running else BatchStage.UNDO_STOPPED
    if batch.confirmed_at is None:
        return BatchStage.PREVIEWED
    if batch.done_at is not None:
        return BatchStage.DONE
    return BatchStage.RUNNING if is_running else BatchStage.STOPPED


def count_states(entries: Any, batch_ids: list[int]) -> dict[int, dict[Any, int]]:
    """How many entries of each of these batches are in each state, from their table."""
    query: Any = (
        select(entries.batch_id, entries.state, func.count())
        .where(entries.batch_id.in_(batch_ids))
        .group_by(entries.batch_id, entries.state)
    )
    found: dict[int, dict[Any, int]] = {}
    for batch_id, state, count in db.session.execute(query):
        found.setdefault(batch_id, {})[state] = count
    return found


def delete_old_previews(batches: Any, entries: Any, at: datetime) -> None:
    """Deletes previews that nobody confirmed, with their entries, inside the running action."""
    old = select(batches.id).where(batches.confirmed_at.is_(None), batches.made_at < at - PREVIEW_LASTS)
    ids = list(read_column(old))
    if ids:
        for statement in (delete(entries).where(entries.batch_id.in_(ids)), delete(batches).where(batches.id.in_(ids))):
            db.session.execute(statement.execution_options(synchronize_session=False))


def request_task(kind: str, batch: BatchRow, arguments: dict[str, Any], *, by: Actor, at: datetime) -> None:
    """Has a task make a batch, or take it back, inside the running action, unless one is at it."""
    waiting = read_value(
        select(func.count())
        .select_from(Job)
        .where(Job.public_id == batch.job, Job.state.in_([JobState.QUEUED, JobState.RUNNING]))
    )
    if not waiting:
        batch.job = request_job(kind, arguments, by=by, at=at, total=batch.size).public_id
    db.session.flush()


def run_steps(step: Callable[[], tuple[int, int]], progress: Progress | None = None) -> None:
    """Makes a batch, or takes it back, by steps that each return (left, size), until nothing is left."""
    while True:
        left, size = step()
        if progress is not None:
            progress(size - left, size)
        if not left:
            return


def mark(entries: Any, key: Any, batch_id: int, ids: Collection[int], state: StrEnum) -> None:
    """Gives entries of a batch a state, inside the running action. `key` is the column that `ids` are of."""
    if ids:
        statement = update(entries).where(entries.batch_id == batch_id, among(key, sorted(ids))).values(state=state)
        db.session.execute(statement.execution_options(synchronize_session=False))


def end_step(batch: Any, entries: Any, *, at: datetime) -> tuple[int, int]:
    """Notes, inside the running action, that a batch is done or undone where no entry is left; returns (left, size)."""
    query = select(func.count()).select_from(entries)
    left = read_value(query.where(entries.batch_id == batch.id, entries.state == batch.pending)) or 0
    if not left:
        if batch.undo_at is not None:
            batch.undone_at = batch.undone_at or at
        else:
            batch.done_at = batch.done_at or at
    db.session.flush()
    return left, batch.size


def result_of(batches: Any, entries: Any, public_id: str) -> dict[str, Any]:
    """What a task says in the end: how many were `changed` and `left_out`."""
    (batch_id,) = read_column(select(batches.id).where(batches.public_id == public_id))
    counts = count_states(entries, [batch_id]).get(batch_id, {})
    changed = counts.get(EntryState.CHANGED, 0) + counts.get(EntryState.TAKEN_BACK, 0)
    return {"changed": changed, "left_out": sum(counts.values()) - changed}
