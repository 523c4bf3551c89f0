"""A report of Zoom parsed, matched and credited against merely parsing it; a million intervals computed anew; what a
large file holds up."""

from __future__ import annotations

import csv
import io
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from sqlalchemy import event, func, select
from sqlalchemy.engine import Connection, Engine

from bench.aims import NONE
from bench.database import Spent, copied, empty_database, opened, postgresql, spent_on
from bench.evidence import fill
from bench.programme import people_file, prepare_lecture, take_enrolments, take_people, zoom_file
from bench.registry import topic
from bench.served import Served
from bench.site import Bench
from bench.table import CannotMeasure, Row
from bench.viewers import WAYS, Audience, Outcome, gather, room, send
from lms.attendance.actions.recompute import recompute_lectures
from lms.attendance.models.credits import Credit
from lms.attendance.queries.outcomes import held_lectures
from lms.attendance_imports.actions.imports import match_staged, publish_attendance, publish_matched
from lms.attendance_imports.actions.staging import StagedAttendance, stage_attendance
from lms.catalogue.models import Lecture
from lms.core.base.import_answers import ImportAnswer
from lms.core.base.roles import SYSTEM
from lms.core.database.session import db
from lms.core.time import clock

ROUNDS = 3
PEOPLE_AT_ONCE = 5_000


@topic("attendance")
def attendance(bench: Bench) -> Iterator[Row]:
    """The report, on SQLite; the recomputing on both databases; then a large file beside heartbeats."""
    yield from _report(bench)
    intervals = bench.of(1_000_000, 400)
    folder = bench.folder / "attendance"
    yield from _recomputed(bench, "SQLite", folder, "", intervals)
    with postgresql(is_kept=False) as named:
        yield from _recomputed(bench, "PostgreSQL", folder, named("attendance", True), intervals)
    yield from _beside_heartbeats(bench)


def take(lecture_id: int, content: bytes) -> ImportAnswer:
    """`lms import attendance --time-zone UTC --date-order mdy`."""
    return publish_attendance(read(lecture_id, content), by=SYSTEM, at=clock.now())


def read(lecture_id: int, content: bytes) -> StagedAttendance:
    """The first half of it."""
    return stage_attendance(
        lecture_id, content, file_name="zoom.csv", format="zoom", time_zone="UTC", date_order="mdy", by=SYSTEM
    )


def _report(bench: Bench) -> Iterator[Row]:
    count = bench.of(10_000, 60)
    before = copied(bench.prepared, bench.folder / "attendance-before")
    people = people_file(count)
    with opened(before):
        take_people(people)
        lecture_id = prepare_lecture()
        take_enrolments(people)
    content = zoom_file(count)
    ours: list[Spent] = []
    bare: list[Spent] = []
    for _turn in range(bench.of(ROUNDS, 1)):
        with opened(copied(before, bench.folder / "attendance-after")):
            spent, answer = spent_on(lambda: take(lecture_id, content))
            credited = db.session.scalar(select(func.count()).select_from(Credit))
        if (answer.created, credited) != (count, count):
            raise CannotMeasure(f"{answer.created} of {count} rows were taken, {credited} people credited")
        ours.append(spent)
        bare.append(spent_on(lambda: list(csv.reader(io.StringIO(content.decode()))))[0])
    yield Row(
        "a Zoom report parsed, matched and credited, a thousand rows",
        median(one.cpu for one in ours) * 1_000_000 / count,
        "CPU ms",
        baseline=median(one.cpu for one in bare) * 1_000_000 / count,
        rate=count / median(one.wall for one in ours),
    )


def _recomputed(bench: Bench, database: str, folder: Path, url: str, intervals: int) -> Iterator[Row]:
    """All credits from nothing, then once more when nothing differs."""
    empty_database(folder, url)
    lectures, people = bench.of(100, 4), bench.of(PEOPLE_AT_ONCE, 50)
    with opened(folder, url):
        fill(intervals, lectures, people)
        held = held_lectures(by=SYSTEM)
        grown: list[float] = []

        def measured(_done: int, _total: int) -> None:
            grown.append(_resident())

        first, result = spent_on(lambda: recompute_lectures(held, by=SYSTEM, at=clock.now(), progress=measured))
        again, nothing = spent_on(lambda: recompute_lectures(held, by=SYSTEM, at=clock.now(), progress=measured))
        if result["changed"] != lectures * min(people, intervals // lectures // 2) or nothing["changed"]:
            raise CannotMeasure(f"{result['changed']} credits were written, then {nothing['changed']}")
    name = f"{database}: {intervals:,} intervals"
    yield Row(f"{name} recomputed, all credits new", first.wall, "s", rate=intervals / first.wall)
    yield Row(f"{name} recomputed, nothing differs", again.wall, "s", rate=intervals / again.wall)
    early = max(grown[: max(1, lectures // 10)])
    yield Row(f"{name}: memory grows after the first tenth", max(1.0, max(grown) - early), "MB")


def _resident() -> float:
    """Megabytes of this process in memory."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1_000_000


@dataclass
class Held:
    """How long this process held the database's write lock, each time, in seconds."""

    each: list[float] = field(default_factory=list)
    since: float = 0.0

    def begin(self, connection: Connection) -> None:
        """A transaction begins; on SQLite that of an action has the lock from its first statement."""
        if connection.get_execution_options().get("lms_writes"):
            self.since = time.perf_counter()

    def end(self, connection: Connection) -> None:
        """It ends; the commit itself follows."""
        if connection.get_execution_options().get("lms_writes"):
            self.each.append(time.perf_counter() - self.since)


def _beside_heartbeats(bench: Bench) -> Iterator[Row]:
    """A file of 200,000 rows taken by another process of the same SQLite database while viewers beat."""
    viewers, each = bench.of(3_000, 20), bench.of(20, 3)
    audience = gather(bench, viewers)
    rows = bench.of(200_000, 60)
    with opened(audience.folder):
        people = people_file(rows // each)
        take_people(people)
        lecture_id = prepare_lecture()
        take_enrolments(people, lecture_series(lecture_id))
    content, held = zoom_file(rows, each), Held()
    with room(audience) as served:
        send(served, audience, WAYS[2], seq=0)  # what is compiled once a process
        alone = send(served, audience, WAYS[0], seq=1)
        with opened(audience.folder):
            event.listen(Engine, "begin", held.begin)
            event.listen(Engine, "commit", held.end)
            try:
                with _beating(served, audience, 2) as while_read:
                    staged = read(lecture_id, content)
                    matched = match_staged(staged, by=SYSTEM)
                with _beating(served, audience, 3) as while_written:
                    answer = publish_matched(staged, matched, by=SYSTEM, at=clock.now())
            finally:
                event.remove(Engine, "begin", held.begin)
                event.remove(Engine, "commit", held.end)
    if answer.created != rows or not held.each:
        raise CannotMeasure(f"{answer.created} of {rows} rows were taken")
    yield Row(f"the write lock, held longest by a file of {rows:,} rows", max(held.each), "s")
    lost = 0
    for what, (came,) in (("read and matched", while_read), ("written", while_written)):
        yield Row(f"heartbeats while it is {what}, p50", came.p50_ms, "ms", baseline=alone.p50_ms)
        yield Row(f"heartbeats while it is {what}, p99", came.p99_ms, "ms", baseline=alone.p99_ms)
        lost += len(audience.joins) - came.acknowledged + came.lost
    yield Row("heartbeats beside it, refused or lost", lost, "beats", aim=NONE)


@contextmanager
def _beating(served: Served, audience: Audience, seq: int) -> Iterator[list[Outcome]]:
    """One heartbeat of every viewer, at their pace, sent by another process meanwhile; what came of it, afterwards."""
    came: list[Outcome] = []
    sender = threading.Thread(target=lambda: came.append(send(served, audience, WAYS[0], seq=seq)))
    sender.start()
    time.sleep(0.5)  # until the first ones are on their way
    try:
        yield came
    finally:
        sender.join()


def lecture_series(lecture_id: int) -> int:
    """The series of a lecture."""
    return db.session.scalars(select(Lecture.series_id).where(Lecture.id == lecture_id)).one()
