"""Group commit: many small writes of many requests share one transaction, to wait for the disk once.

Each process has one writer thread for each kind of write, with its own connection. It commits all waiting writes as
soon as the last commit has ended; there is no timer. A request continues once its group is committed.
"""

import os
import threading
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

import structlog
from flask import Flask, current_app
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError

from lms.core.database.session import in_action, write_connection, write_turn

ItemT = TypeVar("ItemT")
AnswerT = TypeVar("AnswerT")
KEY = "lms.groups"
ATTEMPTS = 2
log = structlog.get_logger(__name__)


class _Member(Generic[ItemT, AnswerT]):
    """One write that waits for its group."""

    __slots__ = ("answer", "error", "item", "settled")

    def __init__(self, item: ItemT) -> None:
        self.item = item
        self.answer: AnswerT | None = None
        self.error: Exception | None = None
        self.settled = threading.Event()


class GroupWriter(Generic[ItemT, AnswerT]):
    """Collects items from many threads and writes them by `work(connection, items)`, one transaction a group.

    `work` answers for each item, and is idempotent: where the connection was lost, it is tried once more on a new one.
    """

    def __init__(self, app: Flask, name: str, work: Callable[[Connection, Sequence[ItemT]], Sequence[AnswerT]]) -> None:
        self._app = app
        self._name = name
        self._work = work
        self._begin()

    def _begin(self) -> None:
        self._process = os.getpid()
        self._waiting: list[_Member[ItemT, AnswerT]] = []
        self._ready = threading.Condition(threading.Lock())
        self._thread: threading.Thread | None = None
        self._stopping = False

    def write(self, item: ItemT) -> AnswerT:
        """Answers once the item is committed; raises what kept its whole group from that."""
        if in_action():
            raise RuntimeError("a group is waited for inside an action, which may hold the lock that it needs")
        if self._process != os.getpid():
            self._begin()  # a forked process has none of its parent's threads
        member: _Member[ItemT, AnswerT] = _Member(item)
        with self._ready:
            self._waiting.append(member)
            if self._thread is None or not self._thread.is_alive():
                self._stopping = False
                self._thread = threading.Thread(target=self._run, name=f"group {self._name}", daemon=True)
                self._thread.start()
            self._ready.notify()
        member.settled.wait()
        if member.error is not None:
            raise _reraisable(member.error)
        return member.answer  # type: ignore[return-value]

    def close(self) -> None:
        """Ends the writer once all that is waiting is written, and gives its connection back."""
        with self._ready:
            thread = self._thread
            self._stopping = True
            self._ready.notify()
        if thread is not None:
            thread.join()

    def _run(self) -> None:
        connection: Connection | None = None
        while True:
            with self._ready:
                while not self._waiting and not self._stopping:
                    self._ready.wait()
                group, self._waiting = self._waiting, []
                if not group:
                    self._thread = None
                    break
            try:
                connection = self._settle(group, connection)
            finally:
                for member in group:  # whatever happened, nobody waits for ever
                    member.settled.set()
        if connection is not None:
            connection.close()

    def _settle(self, group: list[_Member[ItemT, AnswerT]], connection: Connection | None) -> Connection | None:
        items = [member.item for member in group]
        for attempt in range(1, ATTEMPTS + 1):
            try:
                if connection is None:
                    with self._app.app_context():
                        connection = write_connection()
                with write_turn(connection.engine), connection.begin():
                    answers = self._work(connection, items)
                for member, answer in zip(group, answers, strict=True):
                    member.answer = answer
            except Exception as error:
                lost = isinstance(error, DBAPIError) and error.connection_invalidated
                _give_up(connection)
                connection = None
                if lost and attempt < ATTEMPTS:
                    continue
                for member in group:
                    member.error = error
                log.error("group failed", group=self._name, members=len(group), error=type(error).__name__)
            break
        return connection


def _give_up(connection: Connection | None) -> None:
    """A connection after a failure is not trusted again."""
    if connection is None:
        return
    try:
        connection.invalidate()
        connection.close()
    except DBAPIError as error:
        log.warning("connection not closed", error=type(error).__name__)


def _reraisable(error: Exception) -> Exception:
    """The error as one request's own: several threads never raise the same object."""
    if isinstance(error, DBAPIError) and error.orig is not None:
        return type(error)(error.statement, None, error.orig, connection_invalidated=error.connection_invalidated)
    return RuntimeError(f"{type(error).__name__}: {error}")


def group_writer(
    name: str, work: Callable[[Connection, Sequence[ItemT]], Sequence[AnswerT]]
) -> GroupWriter[ItemT, AnswerT]:
    """This app's writer of that name, made when it is first asked for."""
    writers: dict[str, GroupWriter[Any, Any]] = current_app.extensions.setdefault(KEY, {})
    writer = writers.get(name)
    if writer is None:
        app = current_app._get_current_object()  # type: ignore[attr-defined]
        writer = writers.setdefault(name, GroupWriter(app, name, work))
    return writer


def close_groups(app: Flask) -> None:
    """Ends all writers of an app."""
    for writer in app.extensions.get(KEY, {}).values():
        writer.close()
