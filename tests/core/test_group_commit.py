"""Group commit: what is waiting goes in one transaction, and each request is told its own."""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from apiflask import APIFlask
from sqlalchemy import text
from sqlalchemy.engine import Connection
from sqlalchemy.exc import OperationalError

from lms.core.database.group_commit import GroupWriter, close_groups, group_writer
from lms.core.database.session import action, db
from tests.waiting import LONGEST, until

pytestmark = pytest.mark.databases(differs=True)


class Counter:
    """Work that says in which group it was done, waits at a gate, and fails where it is told to."""

    def __init__(self) -> None:
        self.groups: list[list[int]] = []
        self.gate = threading.Event()
        self.began = threading.Event()
        self.fails: list[Exception] = []
        self.connections: set[int] = set()

    def __call__(self, connection: Connection, items: Sequence[int]) -> list[int]:
        self.began.set()
        self.gate.wait(LONGEST)
        self.connections.add(id(connection.connection.dbapi_connection))
        connection.execute(text("SELECT 1"))
        self.groups.append(sorted(items))
        if self.fails:
            raise self.fails.pop()
        return [item * 2 for item in items]


@pytest.fixture
def work() -> Counter:
    return Counter()


@pytest.fixture
def writer(app: APIFlask, work: Counter) -> Iterator[GroupWriter[int, int]]:
    made = GroupWriter(app, "test", work)
    yield made
    made.close()


def write_all(app: APIFlask, writer: GroupWriter[int, int], items: range, answers: dict[int, Any]) -> list[Any]:
    def one(item: int) -> None:
        try:
            with app.app_context():
                answers[item] = writer.write(item)
        except Exception as error:
            answers[item] = error

    threads = [threading.Thread(target=one, args=(item,)) for item in items]
    for thread in threads:
        thread.start()
    return threads


def finish(threads: list[Any]) -> None:
    for thread in threads:
        thread.join(LONGEST)


def wait_for(writer: GroupWriter[int, int], waiting: int) -> None:
    until(lambda: len(writer._waiting) == waiting)


def test_what_came_during_a_commit_is_the_next_group(app: APIFlask, work: Counter, writer: Any) -> None:
    answers: dict[int, Any] = {}
    first = write_all(app, writer, range(1), answers)
    assert work.began.wait(LONGEST)
    rest = write_all(app, writer, range(1, 40), answers)
    wait_for(writer, 39)
    assert answers == {}  # nobody is answered before the commit
    work.gate.set()
    finish(first + rest)
    assert work.groups == [[0], list(range(1, 40))]
    assert answers == {item: item * 2 for item in range(40)}
    assert len(work.connections) == 1


def test_a_group_that_fails_fails_for_each_of_its_members_and_for_nobody_else(
    app: APIFlask, work: Counter, writer: Any
) -> None:
    answers: dict[int, Any] = {}
    work.fails = [OperationalError("INSERT", None, Exception("database or disk is full"))]
    first = write_all(app, writer, range(1), answers)
    assert work.began.wait(LONGEST)
    rest = write_all(app, writer, range(1, 5), answers)
    wait_for(writer, 4)
    work.gate.set()
    finish(first + rest)
    assert isinstance(answers.pop(0), OperationalError)
    assert answers == {item: item * 2 for item in range(1, 5)}


@pytest.mark.databases
def test_members_of_a_failed_group_get_errors_of_their_own(app: APIFlask, work: Counter, writer: Any) -> None:
    answers: dict[int, Any] = {}
    first = write_all(app, writer, range(1), answers)
    assert work.began.wait(LONGEST)
    rest = write_all(app, writer, range(1, 5), answers)
    wait_for(writer, 4)
    # taken from the end: the first group succeeds after a lost connection, the second fails for good
    lost = [OperationalError("INSERT", None, Exception("gone"), connection_invalidated=True) for _turn in range(3)]
    work.fails = list(lost)
    work.gate.set()
    finish(first + rest)
    assert work.groups[:2] == [[0], [0]]  # tried once more on a new connection, and not a third time
    failed = [error for error in answers.values() if isinstance(error, OperationalError)]
    assert len({id(error) for error in failed}) == len(failed) >= 1


def test_a_lost_connection_is_tried_once_more(app: APIFlask, work: Counter, writer: Any) -> None:
    work.gate.set()
    work.fails = [OperationalError("INSERT", None, Exception("gone"), connection_invalidated=True)]
    with app.app_context():
        assert writer.write(3) == 6
    assert work.groups == [[3], [3]]


@pytest.mark.databases
def test_a_group_is_not_waited_for_inside_an_action(app: APIFlask, writer: Any) -> None:
    @action
    def act() -> None:
        writer.write(1)

    with app.app_context(), pytest.raises(RuntimeError, match="inside an action"):
        act()


@pytest.mark.databases
def test_closing_writes_what_waits_and_a_later_write_begins_anew(app: APIFlask, work: Counter, writer: Any) -> None:
    answers: dict[int, Any] = {}
    threads = write_all(app, writer, range(3), answers)
    assert work.began.wait(LONGEST)
    work.gate.set()
    finish(threads)
    writer.close()
    assert (writer._thread, answers) == (None, {0: 0, 1: 2, 2: 4})
    with app.app_context():
        assert writer.write(9) == 18


def test_a_forked_process_has_a_writer_of_its_own(app: APIFlask, work: Counter, writer: Any) -> None:
    work.gate.set()
    with app.app_context():
        assert writer.write(1) == 2
    parent = writer._thread
    writer._process = os.getpid() - 1  # as a child finds it
    with app.app_context():
        assert writer.write(2) == 4
    assert writer._thread is not parent


@pytest.mark.databases
def test_an_app_has_one_writer_of_a_name(app: APIFlask, work: Counter) -> None:
    with app.app_context():
        assert group_writer("one", work) is group_writer("one", work)
        work.gate.set()
        assert group_writer("one", work).write(4) == 8
    close_groups(app)
    app.extensions["lms.groups"].pop("one")


def test_on_sqlite_the_writers_of_all_processes_take_turns(
    app: APIFlask, writer: GroupWriter[int, int], work: Counter
) -> None:
    work.gate.set()
    with app.app_context():
        is_sqlite, database = db.engine.dialect.name == "sqlite", db.engine.url.database
    assert database is not None
    folder = Path(database).parent if is_sqlite else Path.cwd()
    another = os.open(folder, os.O_RDONLY)
    answers: dict[int, Any] = {}
    fcntl.flock(another, fcntl.LOCK_EX)
    try:
        (writing,) = write_all(app, writer, range(1), answers)
        assert work.began.wait(0.5 if is_sqlite else LONGEST) is not is_sqlite
        fcntl.flock(another, fcntl.LOCK_UN)
        writing.join(LONGEST)
    finally:
        os.close(another)
    assert answers == {0: 0}


def test_on_sqlite_actions_take_turns_with_all_who_write(app: APIFlask) -> None:
    began, done = threading.Event(), threading.Event()

    @action
    def write() -> None:
        began.set()

    def run() -> None:
        with app.app_context():
            write()
            db.session.remove()
        done.set()

    with app.app_context():
        is_sqlite, database = db.engine.dialect.name == "sqlite", db.engine.url.database
    assert database is not None
    another = os.open(Path(database).parent if is_sqlite else Path.cwd(), os.O_RDONLY)
    fcntl.flock(another, fcntl.LOCK_EX)
    try:
        threading.Thread(target=run, daemon=True).start()
        assert began.wait(0.5 if is_sqlite else LONGEST) is not is_sqlite
        fcntl.flock(another, fcntl.LOCK_UN)
        assert done.wait(LONGEST)
        fcntl.flock(another, fcntl.LOCK_EX | fcntl.LOCK_NB)  # an action that is over has given its turn back
    finally:
        os.close(another)
