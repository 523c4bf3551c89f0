"""A file of 200,000 rows taken beside a stream of heartbeats: none fails, none is lost, the write lock is held once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event, func, select
from sqlalchemy.engine import Connection, Engine

from lms.attendance.actions.room import keep_beat, open_join
from lms.attendance.models.credits import Credit
from lms.attendance.models.evidence import Beat, Presence
from lms.attendance_imports.actions.kept_files import keep_file, publish_kept
from lms.core.base.roles import SYSTEM
from lms.core.database.session import db
from lms.core.time import clock
from tests.faults.conftest import Site

pytestmark = pytest.mark.long
PEOPLE, EACH, VIEWERS = 500, 400, 8
START = datetime.fromisoformat("2026-11-04T06:00:00+00:00")


def the_file() -> bytes:
    """400 stays of 500 people each, of ten seconds every twelve: 66 of 80 minutes."""
    lines = ["email,joined_at,left_at"]
    for number in range(PEOPLE * EACH):
        joined = START + timedelta(seconds=number % EACH * 12)
        left = joined + timedelta(seconds=10)
        lines.append(f"p{number // EACH}@x.example,{joined.isoformat()},{left.isoformat()}")
    return "\n".join(lines).encode()


class Viewers:
    """Pages of a live lecture that beat many times a second, until told to stop."""

    def __init__(self, site: Site, lecture_id: int, joins: list[int]) -> None:
        self.site, self.lecture_id = site, lecture_id
        self.stop = threading.Event()
        self.sent: dict[int, int] = dict.fromkeys(joins, 0)
        self.failed: list[Exception] = []
        self.threads = [threading.Thread(target=self.beat, args=(join,)) for join in joins]

    def beat(self, join: int) -> None:
        with self.site.app.app_context():
            while not self.stop.is_set():
                try:
                    keep_beat(join, self.sent[join] + 1, lecture_id=self.lecture_id, at=clock.now())
                except Exception as error:
                    self.failed.append(error)
                    return
                self.sent[join] += 1
                self.stop.wait(0.02)

    @property
    def acknowledged(self) -> int:
        return sum(self.sent.values())

    @contextmanager
    def watching(self) -> Iterator[None]:
        for thread in self.threads:
            thread.start()
        try:
            yield
        finally:
            self.stop.set()
            for thread in self.threads:
                thread.join()


@contextmanager
def writes_of_this_thread() -> Iterator[list[str]]:
    """Each transaction that this thread begins to write in; entered before other threads begin any."""
    thread_id = threading.get_ident()
    statements: list[str] = []

    def began(connection: Connection) -> None:
        if threading.get_ident() == thread_id and connection.get_execution_options().get("lms_writes"):
            statements.append("write")

    event.listen(Engine, "begin", began)
    try:
        yield statements
    finally:
        event.remove(Engine, "begin", began)


def test_heartbeats_go_on_while_a_large_file_is_taken(site: Site) -> None:
    make = site.make
    series = make.series()
    teacher = make.person(roles=["administrator"])
    with site.app.app_context():
        from lms.people.actions.files import publish_people
        from lms.people.people_files import stage_people

        people = "email,full_name,country\n" + "".join(f"p{n}@x.example,Person {n},KE\n" for n in range(PEOPLE))
        publish_people(stage_people(people.encode()), skip_bad_rows=False, by=SYSTEM, at=START)
    end = START + timedelta(minutes=80)
    held = make.lecture(series, state="held", starts_at=START, actual_start=START, actual_end=end).id
    live = make.lecture(series, state="live", actual_start=clock.now()).id
    joins = [site.within(lambda: open_join(live, teacher.id, by=SYSTEM, at=clock.now()).id) for _n in range(VIEWERS)]
    viewers = Viewers(site, live, joins)
    far: list[int] = []
    with writes_of_this_thread() as writes, viewers.watching(), site.app.app_context():
        file_id = keep_file(held, the_file(), file_name="large.csv", options={}, by=SYSTEM, at=end)
        writes.clear()
        answer = publish_kept(
            file_id,
            skip_bad_rows=False,
            by=SYSTEM,
            at=end,
            progress=lambda _done, _total: far.append(viewers.acknowledged),
        )
        taken = list(writes)
        after = viewers.acknowledged
    assert answer.created == PEOPLE * EACH
    assert taken == ["write"]
    assert viewers.failed == []
    assert far[0] < far[1] < far[2] <= after  # while it was read, and while it was matched
    with site.app.app_context():
        kept_beats = dict(db.session.execute(select(Beat.join_id, func.count()).group_by(Beat.join_id)).all())
        assert kept_beats == viewers.sent
        counts: list[Any] = [db.session.scalar(select(func.count()).select_from(table)) for table in (Presence, Credit)]
        assert counts == [PEOPLE * EACH, PEOPLE]
