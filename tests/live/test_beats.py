"""Heartbeats of many at once: one row each, whatever comes double, and a failed group is a clean 503."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

import pytest
from apiflask import APIFlask
from sqlalchemy import event, func, select
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import OperationalError

from lms.attendance.actions import room
from lms.attendance.actions.room import open_join
from lms.attendance.models.evidence import Beat
from lms.catalogue.models import LectureState
from lms.core.base.roles import SYSTEM
from lms.core.database.group_commit import KEY, close_groups
from lms.core.database.session import action, db
from lms.core.time import clock
from lms.live.tokens import make_token
from tests.factories import Make
from tests.waiting import LONGEST, until

pytestmark = pytest.mark.databases
VIEWERS = 30


class Audience:
    """A live lecture and the tokens of its viewers."""

    def __init__(self, app: APIFlask, make: Make) -> None:
        self.app = app
        series = make.series()
        began = clock.now() - timedelta(minutes=10)
        self.lecture = make.lecture(series, state=LectureState.LIVE, starts_at=began, actual_start=began)
        people = [make.person() for _number in range(3)]

        @action
        def join() -> list[int]:
            at = clock.now()
            return [open_join(self.lecture.id, people[n % 3].id, by=SYSTEM, at=at).id for n in range(VIEWERS)]

        with app.app_context():
            self.joins = join()

    def beat(self, join_id: int, seq: int, lecture_id: int | None = None) -> Any:
        token = make_token(self.app.config["SECRET_KEY"], join_id)
        path = f"/api/v1/lectures/{lecture_id or self.lecture.id}/presence"
        return self.app.test_client().post(path, json={"room_token": token, "seq": seq})

    def all_at_once(self, sent: Sequence[tuple[int, int]]) -> list[int]:
        statuses: list[int] = []
        gate = threading.Barrier(len(sent))

        def send(join_id: int, seq: int) -> None:
            gate.wait()
            statuses.append(self.beat(join_id, seq).status_code)

        threads = [threading.Thread(target=send, args=one) for one in sent]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        return statuses

    def stored(self) -> set[tuple[int, int]]:
        with self.app.app_context():
            return {(beat.join_id, beat.seq) for beat in db.session.scalars(select(Beat))}


@pytest.fixture
def audience(app: APIFlask, make: Make) -> Iterator[Audience]:
    yield Audience(app, make)
    close_groups(app)


@pytest.mark.databases(differs=True)
def test_doubled_beats_of_many_at_once_are_one_row_each(audience: Audience) -> None:
    sent = [(join_id, seq) for join_id in audience.joins for seq in (7, 3, 7)]
    assert audience.all_at_once(sent) == [204] * len(sent)
    assert audience.stored() == set(sent)


def test_one_transaction_serves_many(audience: Audience, monkeypatch: pytest.MonkeyPatch) -> None:
    groups: list[int] = []
    began, gate = threading.Event(), threading.Event()
    write = room.write_beats

    def slow(connection: Connection, group: Sequence[room.Received]) -> list[bool]:
        groups.append(len(group))
        began.set()
        gate.wait(LONGEST)
        return write(connection, group)

    close_groups(audience.app)
    audience.app.extensions.pop(KEY, None)
    monkeypatch.setattr(room, "write_beats", slow)
    statuses: list[int] = []
    first = threading.Thread(target=lambda: statuses.append(audience.beat(audience.joins[0], 1).status_code))
    first.start()
    assert began.wait(LONGEST)

    def open_gate() -> None:
        until(lambda: sum(len(writer._waiting) for writer in audience.app.extensions[KEY].values()) == VIEWERS)
        gate.set()

    opening = threading.Thread(target=open_gate)
    opening.start()
    statuses += audience.all_at_once([(join_id, 2) for join_id in audience.joins])
    first.join(LONGEST)
    opening.join(LONGEST)
    assert statuses == [204] * (VIEWERS + 1)
    assert groups == [1, VIEWERS]
    audience.app.extensions.pop(KEY, None)


def test_a_wrong_member_spoils_nothing_for_the_others(audience: Audience, make: Make) -> None:
    other = make.lecture()
    assert audience.beat(audience.joins[0], 1, lecture_id=other.id).status_code == 404
    assert audience.beat(10_000, 1).status_code == 404
    sent = [(10_000, 1), *((join_id, 1) for join_id in audience.joins)]
    assert sorted(audience.all_at_once(sent)) == [204] * VIEWERS + [404]
    assert audience.stored() == {(join_id, 1) for join_id in audience.joins}


def test_a_group_that_fails_is_503_and_leaves_nothing(audience: Audience) -> None:
    def refuse(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        if statement.startswith("INSERT INTO beat"):
            raise OperationalError(statement, None, Exception("database or disk is full"))

    event.listen(Engine, "before_cursor_execute", refuse)
    try:
        answer = audience.beat(audience.joins[0], 1)
    finally:
        event.remove(Engine, "before_cursor_execute", refuse)
    assert (answer.status_code, answer.mimetype) == (503, "application/problem+json")
    assert answer.headers["Retry-After"] == "60"
    assert audience.stored() == set()
    assert audience.beat(audience.joins[0], 1).status_code == 204


def test_a_beat_asks_the_database_only_in_its_group(audience: Audience) -> None:
    audience.beat(audience.joins[0], 0)
    statements: list[tuple[str, str]] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        statements.append((threading.current_thread().name, statement.split()[0]))

    event.listen(Engine, "before_cursor_execute", note)
    try:
        assert audience.beat(audience.joins[0], 1).status_code == 204
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    assert [one for one in statements if one[1] != "BEGIN"] == [("group beats", "SELECT"), ("group beats", "INSERT")]


def test_after_the_end_the_group_keeps_nothing(audience: Audience) -> None:
    assert audience.beat(audience.joins[0], 1).status_code == 204

    @action
    def end() -> None:
        lecture = db.session.get_one(type(audience.lecture), audience.lecture.id)
        lecture.state, lecture.actual_end = LectureState.HELD, clock.now()

    with audience.app.app_context():
        end()
    assert audience.all_at_once([(join_id, 2) for join_id in audience.joins]) == [204] * VIEWERS
    with audience.app.app_context():
        assert db.session.scalar(select(func.count()).select_from(Beat)) == 1
