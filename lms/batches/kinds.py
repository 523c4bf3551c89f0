"""A change of many rows at once: previewed, confirmed, applied in steps, and undone.

A preview is stored with its entries, so that confirming it changes exactly the rows that were shown. Every step can be
repeated: a batch that stopped continues, and a finished one stays as it is.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar, Generic, NamedTuple, TypeVar

from sqlalchemy import Select, delete, func, select, update

from lms.batches.models import AT_ONCE, LEFT_OUT, NAMED, PREVIEW_LASTS, BatchRow, BatchStage, EntryState
from lms.core.background.jobs import Job, JobState, Run, job, request_job
from lms.core.base.errors import NotFound, Refused
from lms.core.base.roles import Actor
from lms.core.database import audit
from lms.core.database.bulk import among, insert_many
from lms.core.database.session import action, db, read_column, read_value, shared_alias
from lms.core.time import clock
from lms.people.models import Person
from lms.people.queries.access import load_actor

Batch = TypeVar("Batch", bound=BatchRow)
Owner = TypeVar("Owner")
_Confirmer, _Undoer = shared_alias(Person), shared_alias(Person)


class Move(NamedTuple):
    """A number of people now, and after a batch."""

    now: int
    after: int


def largest_first(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    """These numbers by country code, the largest first."""
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


@dataclass(frozen=True)
class BatchView(Generic[Batch, Owner]):
    """A batch with the names of who confirmed and undid it (null: the system), and how many of its rows are in each
    state."""

    kind: "BatchKind[Batch, Owner]"
    owner: Owner
    batch: Batch
    confirmed_by: str | None
    undo_by: str | None
    job: Job | None
    counts: Mapping[StrEnum, int]

    @property
    def stage(self) -> BatchStage:
        """The progress of the batch."""
        return self.batch.stage(self.job)

    @property
    def state(self) -> str:
        """The progress of the batch, in the words of its kind."""
        return self.kind.stage_names.get(self.stage, self.stage.value)

    @property
    def choice(self) -> StrEnum | None:
        """The change that the batch makes, such as the outcome of a correction."""
        choice: StrEnum | None = getattr(self.batch, self.kind.choice)
        return choice

    def count(self, *states: StrEnum) -> int:
        """How many rows are in one of these states."""
        return sum(self.counts.get(state, 0) for state in states)

    @property
    def changed(self) -> int:
        """How many rows were changed, even if that was undone since."""
        return self.count(EntryState.CHANGED, EntryState.TAKEN_BACK, *self.kind.kept_states)

    @property
    def undone(self) -> int:
        """How many rows were taken back."""
        return self.count(EntryState.TAKEN_BACK)

    @property
    def can_be_undone(self) -> bool:
        """Whether undo would take something back."""
        is_done = self.stage is BatchStage.DONE and self.count(EntryState.CHANGED) > 0
        return is_done and self.kind.why_final(self.batch) is None

    def preview(self, *, by: Actor, at: datetime) -> Any:
        """Returns what it would change, as things are now; null once it is confirmed."""
        is_preview = self.stage is BatchStage.PREVIEWED
        return self.kind.preview(self.owner, self.batch, by=by, at=at) if is_preview else None

    def people(self, *states: StrEnum, by: Actor, limit: int | None = NAMED) -> Sequence[Any]:
        """The people in one of these states, by name."""
        return self.kind.people(self.owner, self.batch, states, by=by, limit=limit)


@dataclass(frozen=True)
class DetailedBatch(BatchView[Batch, Owner]):
    """A batch with what it would change (null once it is confirmed), and everybody who was left out of it."""

    changes: Any
    left_out: Sequence[Any]


class BatchKind(ABC, Generic[Batch, Owner]):
    """One kind of batch, such as corrections of attendance. A slice has one object of it and calls `register`.

    A batch belongs to an *owner*, such as a lecture, whose staff make it. `owner` is its name in addresses, arguments
    of tasks and the audit trail (`lecture` for the column `lecture_id`); None where batches belong to nothing.
    `choice` is the column of a batch that says what is done, `item` the one of an entry that says to which row.
    `verbs` are those of the audit trail for confirming and undoing, `counted` is what it calls the number of entries.
    """

    batches: type[Batch]
    entries: Any
    item: ClassVar[str]
    owner: ClassVar[str | None]
    choice: ClassVar[str]
    job: ClassVar[str]
    verbs: ClassVar[tuple[str, str]]
    counted: ClassVar[str] = "people"
    step: int = AT_ONCE
    """The most rows that one transaction changes."""
    left_out: Collection[StrEnum] = LEFT_OUT
    kept_states: Collection[StrEnum] = (EntryState.KEPT,)
    """The states of rows that undo left unchanged."""
    stage_names: ClassVar[Mapping[BatchStage, str]] = {}
    """Names of stages where they differ from those of `BatchStage`."""

    @abstractmethod
    def find_owner(self, *, by: Actor, **place: Any) -> Owner:
        """The owner in an address, from its variables. Raises Forbidden or NotFound for those who cannot change it."""

    @abstractmethod
    def check_owner(self, owner: Owner, /, *, by: Actor) -> None:
        """Raises Forbidden unless the actor can read and make batches of this owner."""

    @abstractmethod
    def lock_owner(self, owner_id: Any, *, by: Actor, at: datetime) -> Owner:
        """Locks the owner inside the running action and checks that the actor can change it now."""

    @abstractmethod
    def change(self, owner: Owner, batch: Batch, /, *, by: Actor, at: datetime) -> Mapping[int, StrEnum]:
        """Changes up to `step` pending entries inside the running action. Returns the new state of each `item`."""

    @abstractmethod
    def take_back(self, owner: Owner, batch: Batch, /, *, by: Actor, at: datetime) -> Mapping[int, StrEnum]:
        """Undoes up to `step` changed entries inside the running action. Returns the new state of each `item`."""

    @abstractmethod
    def preview(self, owner: Owner, batch: Batch, /, *, by: Actor, at: datetime) -> Any:
        """Returns what an unconfirmed batch would change, as things are now."""

    @abstractmethod
    def people(
        self, owner: Owner, batch: Batch, states: Collection[Any], /, *, by: Actor, limit: int | None
    ) -> Sequence[Any]:
        """The people of a batch in one of these states, by name. Each has a `state`."""

    @abstractmethod
    def checked_reason(self, batch: Batch, reason: str | None) -> str:
        """The reason as it is stored. Raises Invalid (`reason`)."""

    @abstractmethod
    def not_done(self) -> str:
        """Why a batch that is not finished cannot be undone, as a sentence."""

    def why_final(self, batch: Batch) -> str | None:
        """Why the batch can never be undone, as a sentence; None if it can."""
        return None

    def id_of(self, owner: Any) -> int | None:
        """The id of an owner, which actions take; None where batches belong to nothing."""
        return owner.id if self.owner is not None else None

    def get_batch(self, owner: Owner, public_id: str, *, by: Actor) -> BatchView[Batch, Owner]:
        """One batch of an owner. Raises Forbidden for those who cannot read it, and NotFound."""
        table: Any = self.batches
        views = self._views(owner, select(table).where(table.public_id == public_id), by=by)
        if not views:
            raise NotFound
        return views[0]

    def get_details(self, owner: Owner, public_id: str, *, by: Actor, at: datetime) -> DetailedBatch[Batch, Owner]:
        """One batch of an owner with details. Raises Forbidden for those who cannot read it, and NotFound."""
        view = self.get_batch(owner, public_id, by=by)
        left_out = view.people(*self.left_out, by=by, limit=None)
        return DetailedBatch(**vars(view), changes=view.preview(by=by, at=at), left_out=left_out)

    def list_batches(self, owner: Owner, *, by: Actor, limit: int = 100) -> list[BatchView[Batch, Owner]]:
        """The confirmed batches of an owner, latest first. Raises Forbidden for those who cannot read them."""
        table: Any = self.batches
        confirmed = select(table).where(table.confirmed_at.is_not(None))
        return self._views(owner, confirmed.order_by(table.confirmed_at.desc(), table.id.desc()).limit(limit), by=by)

    def _views(self, owner: Owner, query: Select[Any], *, by: Actor) -> list[BatchView[Batch, Owner]]:
        self.check_owner(owner, by=by)
        table: Any = self.batches
        query = (
            self._of_owner(query, self.id_of(owner))
            .add_columns(_Confirmer.full_name, _Undoer.full_name, Job)
            .outerjoin(_Confirmer, _Confirmer.id == table.confirmed_by)
            .outerjoin(_Undoer, _Undoer.id == table.undo_by)
            .outerjoin(Job, Job.public_id == table.job)
        )
        rows = db.session.execute(query.execution_options(populate_existing=True)).all()
        counts = self._count_states([row[0].id for row in rows])
        return [
            BatchView(self, owner, batch, confirmed_by, undo_by, task, counts[batch.id])
            for batch, confirmed_by, undo_by, task in rows
        ]

    def _of_owner(self, query: Select[Any], owner_id: int | None) -> Select[Any]:
        return query if self.owner is None else query.where(getattr(self.batches, f"{self.owner}_id") == owner_id)

    def _count_states(self, batch_ids: Collection[int]) -> dict[int, dict[StrEnum, int]]:
        counts: dict[int, dict[StrEnum, int]] = {batch_id: {} for batch_id in batch_ids}
        columns = self.entries.batch_id, self.entries.state
        query = select(*columns, func.count()).where(columns[0].in_(batch_ids)).group_by(*columns)
        for batch_id, state, count in db.session.execute(query) if batch_ids else ():
            counts[batch_id][state] = count
        return counts

    def save_preview(
        self, entries: Iterable[Mapping[str, Any]], *, same: int, by: Actor, at: datetime, **columns: Any
    ) -> Batch:
        """Stores a preview inside the running action, and deletes previews that nobody confirmed within a day.

        `entries`: their columns, without the batch. `columns`: those of the batch that are particular to its kind.
        """
        table: Any = self.batches
        old = read_column(select(table.id).where(table.confirmed_at.is_(None), table.made_at < at - PREVIEW_LASTS))
        for rows, key in ((self.entries, self.entries.batch_id), (table, table.id)):
            db.session.execute(delete(rows).where(among(key, old)).execution_options(synchronize_session=False))
        given = list(entries)
        batch: Batch = table(**columns, size=len(given), same=same, made_at=at, made_by=by.person_id)
        db.session.add(batch)
        db.session.flush()
        insert_many(self.entries.__table__, [{"batch_id": batch.id, **entry} for entry in given])
        return batch

    def confirm(
        self,
        owner_id: int | None,
        public_id: str,
        *,
        reason: str | None = None,
        at_once: bool = False,
        by: Actor,
        at: datetime,
    ) -> None:
        """Applies a preview: now if it is small or `at_once`, otherwise in a task.

        Raises Invalid (`reason`), NotFound for an unknown batch, and what the kind raises.
        """

        def note(batch: Batch) -> bool:
            if batch.confirmed_at is None:
                batch.reason = self.checked_reason(batch, reason)
                batch.confirmed_at, batch.confirmed_by = at, by.person_id
                self._record(0, batch, by=by, at=at)
            return batch.done_at is None

        if self._begin(owner_id, public_id, note, at_once=at_once, by=by, at=at):
            self.run(owner_id, public_id, by=by, at=at)

    def undo(self, owner_id: int | None, public_id: str, *, at_once: bool = False, by: Actor, at: datetime) -> None:
        """Undoes a batch: now if it is small or `at_once`, otherwise in a task. Rows that were changed again stay as
        they are.

        Raises Refused before the batch is done and for what cannot be undone, NotFound, and what the kind raises.
        """

        def note(batch: Batch) -> bool:
            why = self.why_final(batch) or (self.not_done() if batch.done_at is None else None)
            if why is not None:
                raise Refused(why)
            if batch.undo_at is None:
                batch.undo_at, batch.undo_by = at, by.person_id
                self._record(1, batch, by=by, at=at)
            return batch.undone_at is None

        if self._begin(owner_id, public_id, note, at_once=at_once, by=by, at=at):
            self.run(owner_id, public_id, by=by, at=at)

    @action
    def _begin(
        self,
        owner_id: int | None,
        public_id: str,
        note: Callable[[Batch], bool],
        *,
        at_once: bool,
        by: Actor,
        at: datetime,
    ) -> bool:
        """Makes the first step of a small batch and returns whether more are to follow; requests the task of a large
        one, unless it is already queued or running."""
        owner, batch = self._lock(owner_id, public_id, by=by, at=at)
        if not note(batch):
            return False
        if at_once or batch.size <= AT_ONCE:
            return self._step(owner, batch, by=by, at=at)[0] > 0
        is_open = Job.state.in_([JobState.QUEUED, JobState.RUNNING])
        if not read_value(select(func.count()).where(Job.public_id == batch.job, is_open)):
            arguments = {"batch": batch.public_id, "by": by.person_id}
            arguments |= {} if self.owner is None else {f"{self.owner}_id": owner_id}
            batch.job = request_job(self.job, arguments, by=by, at=at, total=batch.size).public_id
        db.session.flush()
        return False

    def _lock(self, owner_id: int | None, public_id: str, *, by: Actor, at: datetime) -> tuple[Owner, Batch]:
        """The owner and the batch, both locked, the owner first."""
        owner = self.lock_owner(owner_id, by=by, at=at)
        query = self._of_owner(select(self.batches).where(self.batches.public_id == public_id), owner_id)
        batch = db.session.scalar(query.with_for_update().execution_options(populate_existing=True))
        if batch is None:
            raise NotFound
        return owner, batch

    def _record(self, verb: int, batch: Batch, *, by: Actor, at: datetime) -> None:
        choice = getattr(batch, self.choice)
        detail = {"batch": batch.public_id, self.counted: batch.size, self.choice: choice and choice.value}
        subjects = {} if self.owner is None else {self.owner: getattr(batch, f"{self.owner}_id")}
        audit.record(self.verbs[verb], by=by, at=at, detail=detail, **subjects)

    def run(
        self,
        owner_id: int | None,
        public_id: str,
        *,
        by: Actor,
        at: datetime | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> dict[str, int]:
        """Applies or undoes the rest of a batch, some rows in each transaction. Returns how many were `changed` and
        `left_out`."""
        left = 1
        while left:
            left, size, counts = self._run_step(owner_id, public_id, by=by, at=at or clock.now())
            if progress is not None:
                progress(size - left, size)
        changed = counts.get(EntryState.CHANGED, 0) + counts.get(EntryState.TAKEN_BACK, 0)
        return {"changed": changed, "left_out": sum(counts.values()) - changed}

    @action
    def _run_step(
        self, owner_id: int | None, public_id: str, *, by: Actor, at: datetime
    ) -> tuple[int, int, Mapping[StrEnum, int]]:
        owner, batch = self._lock(owner_id, public_id, by=by, at=at)
        return self._step(owner, batch, by=by, at=at)

    def _step(self, owner: Owner, batch: Batch, *, by: Actor, at: datetime) -> tuple[int, int, Mapping[StrEnum, int]]:
        """Changes or takes back some entries of a locked batch; returns how many are left, how many there are, and how
        many are in each state."""
        entries, item = self.entries, getattr(self.entries, self.item)
        states = (self.change if batch.undo_at is None else self.take_back)(owner, batch, by=by, at=at)
        for state in sorted(set(states.values())):
            ids = [row_id for row_id, new in states.items() if new == state]
            statement = update(entries).where(entries.batch_id == batch.id, among(item, ids)).values(state=state)
            db.session.execute(statement.execution_options(synchronize_session=False))
        counts = self._count_states([batch.id])[batch.id]
        left = counts.get(batch.pending, 0)
        if not left and batch.undo_at is not None:
            batch.undone_at = batch.undone_at or at
        elif not left:
            batch.done_at = batch.done_at or at
        db.session.flush()
        return left, batch.size, counts


def register(kind: BatchKind[Any, Any]) -> None:
    """Makes the task of a kind known; for the `jobs` of a slice."""

    @job(kind.job)
    def run_task(run: Run, *, batch: str, by: int | None, **owner: int) -> dict[str, Any]:
        """Applies a confirmed batch, or undoes it. Permission was checked on request."""
        known = load_actor(by, clock.now()) if by is not None else None
        actor = replace(known or Actor(person_id=by), system=True)
        return kind.run(next(iter(owner.values()), None), batch, by=actor, progress=run.progress)
