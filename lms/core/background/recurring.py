"""Recurring tasks: a register of what workers do every few seconds or minutes.

A slice registers an action in its `jobs.py`: `recurring("reminders", post_due_reminders, every=5)`. A worker runs the
tasks of each thread one after another, each separately: what one raises stops no other. On PostgreSQL a task is done by
one worker at a time, under a lease of its own that is renewed while it runs; another worker takes over within about a
minute after that one died. When each task ran last and what failed is in the database, for `lms check`, the status page
and `/metrics`.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import inf
from typing import Any, Final

import structlog
from sqlalchemy import String, Text, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Mapped, mapped_column

from lms.core.background import instruments
from lms.core.background.leases import HeldLeases
from lms.core.database.bulk import among
from lms.core.database.session import Base, UtcDateTime, action, db
from lms.core.storage import file_store, files
from lms.core.time import clock

HOUSEKEEPING: Final = "housekeeping"
"""The thread of what takes little time and needs no stored files."""
FILES: Final = "stored files"
"""The thread of what may wait for the storage."""
LEASE_SECONDS: Final = 60
"""How long a worker does a task alone, unless it renews that."""
TAKEN_SECONDS: Final = 15
"""After this time a worker looks again whether a task that another one does is free."""
NOTE_SECONDS: Final = 60
"""How often a task that runs as before is noted in the database. A change is noted at once."""
LATE: Final = timedelta(hours=1)
"""A task that has not ended for so long is late."""
OFTEN: Final = 3
"""From this number of failures in a row on, it is a fault."""
log = structlog.get_logger(__name__)
_TASKS: "Final[dict[str, RecurringTask]]" = {}
_AT_END: Final[list[Callable[..., object]]] = []


@dataclass(frozen=True)
class RecurringTask:
    """Something that is done every `every` seconds, in a thread with others or of its own.

    `run` is called with the moment as `at`. Its name is the one of the log, the metrics and the status page.
    """

    name: str
    run: Callable[..., object]
    every: float
    thread: str
    is_leased: bool = True


class RecurringRun(Base):
    """When a task ran last, and its last fault: the class of the exception, and how often it failed in a row."""

    __tablename__ = "recurring_run"
    read_by_strangers = False

    name: Mapped[str] = mapped_column(String(80), primary_key=True)
    ran_at: Mapped[datetime] = mapped_column(UtcDateTime)
    seconds: Mapped[float]
    """How long the last run took."""
    failed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    error: Mapped[str | None] = mapped_column(Text)
    failures: Mapped[int] = mapped_column(default=0)


def recurring(
    name: str,
    run: Callable[..., object],
    *,
    every: float = 5,
    thread: str = HOUSEKEEPING,
    is_leased: bool = True,
) -> None:
    """Registers a task that workers run every `every` seconds, and soon after they start.

    `run` gets `at`, the moment. What may take long or wait for another server needs a `thread` of its own name.
    With `is_leased=False`, each worker runs it, whatever others do. Raises ValueError for a second task
    of the same name.
    """
    if name in _TASKS:
        raise ValueError(f"a second recurring task {name!r}")
    _TASKS[name] = RecurringTask(name, run, every, thread, is_leased)


def at_end(work: Callable[..., object]) -> None:
    """Registers what a worker does when it ends in good order; `work` gets `at`, the moment."""
    _AT_END.append(work)


def end_work() -> None:
    """Does what is registered for the end of a worker. Needs an application context."""
    for work in _AT_END:
        with _kept_apart("something was left undone at the end"):
            work(at=clock.now())


def list_tasks() -> list[RecurringTask]:
    """All tasks, in the order in which they were registered."""
    return list(_TASKS.values())


def tasks_by_thread() -> dict[str, list[RecurringTask]]:
    """The tasks of each thread of a worker."""
    threads: dict[str, list[RecurringTask]] = {}
    for task in _TASKS.values():
        threads.setdefault(task.thread, []).append(task)
    return threads


class Rounds:
    """The tasks of one thread of a worker. `leases`: None where there is only one worker."""

    def __init__(self, tasks: Iterable[RecurringTask], leases: HeldLeases | None = None) -> None:
        self._tasks = list(tasks)
        self._leases = leases
        self._due = dict.fromkeys((task.name for task in self._tasks), -inf)
        self._failures: dict[str, int] = {}
        self._noted: dict[str, float] = {}

    def run_due(self) -> None:
        """Runs each task that is due and not done by another worker. Needs an application context."""
        notes: dict[str, dict[str, Any]] = {}
        for task in self._tasks:
            if time.monotonic() >= self._due[task.name] and self._is_ours(task):
                self._due[task.name] = time.monotonic() + task.every
                before = self._failures.get(task.name, 0)
                outcome = self._run(task)
                if self._is_worth_a_note(task, before, outcome):
                    notes[task.name] = outcome
        if notes:
            with _kept_apart("recurring tasks could not be noted"):
                note_runs(notes)
                self._noted |= dict.fromkeys(notes, time.monotonic())

    def end(self) -> None:
        """Leaves the tasks to other workers."""
        if self._leases is not None:
            for task in self._tasks:
                if self._leases.holds(_lease(task)):
                    with suppress(DBAPIError):
                        self._leases.give_back(_lease(task))

    def _is_ours(self, task: RecurringTask) -> bool:
        if self._leases is None or not task.is_leased:
            return True
        is_ours = False
        with _kept_apart("a lease could not be taken", task=task.name):
            is_ours = self._leases.holds(_lease(task)) or self._leases.take(_lease(task))
        if not is_ours:
            self._due[task.name] = time.monotonic() + TAKEN_SECONDS
        return is_ours

    def _run(self, task: RecurringTask) -> dict[str, Any]:
        began, error = time.monotonic(), None
        try:
            task.run(at=clock.now())
        except file_store.StorageAway as away:
            files.note_failure(away)
            error = type(away).__name__
            if not self._failures.get(task.name):
                log.warning("a recurring task waits for the storage", task=task.name, error=str(away))
        except Exception as fault:
            error = type(fault).__name__
            log.exception("a recurring task failed", task=task.name)
        with suppress(DBAPIError):
            db.session.remove()
        before = self._failures.get(task.name, 0)
        self._failures[task.name] = before + 1 if error else 0
        outcome: dict[str, Any] = {
            "ran_at": clock.now(), "seconds": time.monotonic() - began, "failures": self._failures[task.name]
        }  # fmt: skip
        if error:
            instruments.RECURRING_FAILURES.add(1, task.name)
            outcome |= {"failed_at": outcome["ran_at"], "error": error}
        return outcome

    def _is_worth_a_note(self, task: RecurringTask, before: int, outcome: dict[str, Any]) -> bool:
        was_noted_for = time.monotonic() - self._noted.get(task.name, -inf)
        return bool(before) != bool(outcome["failures"]) or was_noted_for >= NOTE_SECONDS


@action
def note_runs(outcomes: Mapping[str, Mapping[str, Any]]) -> None:
    """Writes down the last run of each of these tasks, by name."""
    for name, outcome in outcomes.items():
        db.session.merge(RecurringRun(name=name, **outcome))


def list_runs() -> dict[str, RecurringRun]:
    """The last run of each registered task that has run, by name."""
    rows = db.session.scalars(select(RecurringRun).where(among(RecurringRun.name, _TASKS)))
    return {row.name: row for row in rows}


def is_late(task: RecurringTask, run: RecurringRun | None, *, at: datetime) -> bool:
    """Whether a task ran before and has not ended for an hour since."""
    return run is not None and at - run.ran_at > timedelta(seconds=task.every) + LATE


def _lease(task: RecurringTask) -> str:
    return f"recurring: {task.name}"


@contextmanager
def _kept_apart(event: str, **facts: str) -> Iterator[None]:
    """Logs what the block raises, such as the error of a database that is away."""
    try:
        yield
    except Exception as error:
        log.warning(event, error=type(error).__name__, **facts)
    finally:
        with suppress(DBAPIError):
            db.session.remove()
