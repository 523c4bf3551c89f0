"""Heartbeats that a page kept while its line was down: what a mark proves, and what it does not."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select

from lms.attendance import rules
from lms.attendance.actions.closing import close_attendance
from lms.attendance.actions.room import open_join, record_beat
from lms.attendance.models.evidence import Beat, Presence
from lms.attendance.queries.persons import attendance_of_person
from lms.core.background import jobs
from lms.core.base.roles import SYSTEM
from lms.core.database.session import action, db
from lms.core.time import clock
from lms.core.time.durations import MINUTE_MS
from lms.live.tokens import make_mark, make_token, read_mark, read_token
from lms.people.models import Person
from tests.factories import Make
from tests.rows import each_row

SECRET = "tests-only"


class Room:
    """A lecture that has been live for an hour; Ada was there for its first ten minutes, then her line went down."""

    def __init__(self, client: FlaskClient, make: Make) -> None:
        self.client, self.make = client, make
        self.teacher = make.person("Lin Yuhan", roles=["instructor"])
        self.series = make.series(instructors=[self.teacher])
        self.ada, self.ben = make.person("Ada"), make.person("Ben")
        make.enrolment(self.series, self.ada)
        make.enrolment(self.series, self.ben)
        self.now = clock.now()
        self.began = self.now - timedelta(minutes=60)
        self.lecture = make.lecture(self.series, state="live", starts_at=self.began, actual_start=self.began)
        self.join = self.joined(self.ada)
        self.lost = clock.to_ms(self.began + timedelta(minutes=10))
        self.mark = make_mark(SECRET, self.join, self.lost)

    def joined(self, person: Person) -> int:
        @action
        def write() -> int:
            join = open_join(self.lecture.id, person.id, by=SYSTEM, at=self.began)
            for seq in range(21):
                record_beat(join.id, seq, at=self.began + timedelta(seconds=30 * seq))
            return join.id

        with self.make.app.app_context():
            return write()

    def change(self, **values: Any) -> None:
        self.make.change(self.lecture, **values)

    def end(self, at: datetime | None = None) -> None:
        self.change(state="held", actual_end=at or self.now)
        self.work()

    def work(self) -> None:
        with self.make.app.app_context():
            if self.count(jobs.Job) == 0:
                arguments = {"lecture_id": self.lecture.id}
                action(lambda: jobs.request_job("credit_lecture", arguments, by=SYSTEM, at=self.now))()
            jobs.run_due()

    def count(self, table: Any) -> int:
        with self.make.app.app_context():
            return db.session.scalar(select(func.count()).select_from(table)) or 0

    def send(self, beats: list[Any] | None = None, mark: str | None = None, **more: Any) -> Any:
        """Sends kept heartbeats: by default of the six minutes after the line went down."""
        body = {
            "room_token": make_token(SECRET, self.join),
            "mark": mark or self.mark,
            "beats": [[100 + n, 30_000 * n] for n in range(1, 13)] if beats is None else beats,
        }
        return self.client.post(f"/api/v1/lectures/{self.lecture.id}/presence/kept", json=body | more)

    def attendance(self) -> Any:
        with self.make.app.app_context():
            return attendance_of_person(self.ada.id, by=SYSTEM, lecture_id=self.lecture.id)[0]


@pytest.fixture
def room(client: FlaskClient, make: Make) -> Room:
    return Room(client, make)


@pytest.mark.databases
def test_what_is_proven_counts_and_is_explained(room: Room) -> None:
    assert room.send().json == {"counted": 12}
    room.end()
    shown = room.attendance()
    assert shown.explanation == "16 of 60 minutes, 6 of them recorded offline: partial"
    assert shown.present_ms == 16 * MINUTE_MS
    assert [(lane.source.value, lane.detail) for lane in shown.timelines] == [("live", None), ("live", "offline")]


@pytest.mark.databases
def test_the_same_again_changes_nothing(room: Room) -> None:
    assert [room.send().json for _time in range(2)] == [{"counted": 12}] * 2
    assert room.count(Beat) == 21 + 12
    room.end()
    before = (room.count(Presence), room.count(jobs.Job), room.attendance().explanation)
    assert room.send().json == {"counted": 12}
    assert (room.count(Presence), room.count(jobs.Job), room.attendance().explanation) == before


@pytest.mark.databases(differs=True)
def test_the_same_sent_several_times_at_once_is_one_row_each(room: Room) -> None:
    answers: list[int] = []
    gate = threading.Barrier(4)
    body = {"room_token": make_token(SECRET, room.join), "mark": room.mark, "beats": [[100, 1000], [101, 31_000]]}

    def send() -> None:
        client = room.make.app.test_client()
        gate.wait()
        answers.append(client.post(f"/api/v1/lectures/{room.lecture.id}/presence/kept", json=body).status_code)

    threads = [threading.Thread(target=send) for _number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert answers == [200] * 4
    assert room.count(Beat) == 21 + 2


@pytest.mark.databases(differs=True)
def test_a_beat_that_did_arrive_is_not_taken_again(room: Room) -> None:
    assert room.send([[20, 0]]).json == {"counted": 1}
    assert room.count(Beat) == 21
    room.end()
    assert room.attendance().explanation == "10 of 60 minutes: partial"


@pytest.mark.databases
def test_who_comes_back_after_the_end_loses_nothing_that_is_proven(room: Room) -> None:
    room.end(at=room.began + timedelta(minutes=13))
    assert room.attendance().explanation == "10 of 13 minutes: attended"
    assert room.send().json == {"counted": 6}
    room.work()
    assert room.attendance().present_ms == 13 * MINUTE_MS
    assert "3 of them recorded offline" in room.attendance().explanation


@pytest.mark.databases
def test_closed_attendance_takes_nothing(room: Room) -> None:
    room.end()
    with room.make.app.app_context():
        close_attendance(room.lecture.id, by=room.make.actor(room.teacher), at=clock.now())
    answer = room.send()
    assert (answer.status_code, room.count(Presence)) == (409, 1)


@pytest.mark.databases
@each_row("state", ["scheduled", "cancelled", "postponed"])
def test_nothing_counts_of_a_lecture_that_is_not_on(room: Room, state: str) -> None:
    room.change(state=state, actual_start=None)
    assert room.send().json == {"counted": 0}
    assert room.count(Beat) == 21


@pytest.mark.databases
def test_a_mark_of_another_server_or_another_join(room: Room) -> None:
    other = room.joined(room.ben)
    again = room.joined(room.ada)
    before = room.count(Beat)
    for mark in (
        make_mark("another secret", room.join, room.lost),
        make_mark(SECRET, other, room.lost),
        make_mark(SECRET, again, room.lost),
        make_token(SECRET, room.join),
        "A" * 35,
        "ü",
    ):
        answer = room.send(mark=mark)
        assert (answer.status_code, answer.json["errors"][0]["field"]) == (422, "mark"), mark
    assert room.count(Beat) == before


def test_a_mark_changed_in_any_place(room: Room) -> None:
    for index in range(len(room.mark)):
        changed = room.mark[:index] + ("A" if room.mark[index] != "A" else "B") + room.mark[index + 1 :]
        assert read_mark([SECRET], changed) in (None, (room.join, room.lost))
    assert read_mark([SECRET], room.mark) == (room.join, room.lost)


@pytest.mark.databases
def test_of_another_lecture_or_without_a_token(room: Room) -> None:
    other = room.make.lecture(room.series, state="live", actual_start=room.began)
    body = {"room_token": make_token(SECRET, room.join), "mark": room.mark, "beats": [[100, 1000]]}
    assert room.client.post(f"/api/v1/lectures/{other.id}/presence/kept", json=body).status_code == 404
    assert room.send(room_token=room.mark).status_code == 401
    assert room.count(Beat) == 21


@pytest.mark.databases
def test_time_beyond_the_bound_the_future_and_before_the_start(room: Room) -> None:
    half_hour = rules.OFFLINE_MS
    assert room.send([[100, half_hour], [101, half_hour + 1]]).json == {"counted": 1}
    late = make_mark(SECRET, room.join, clock.to_ms(clock.now()) - 60_000)
    assert room.send([[110, 30_000], [111, 10 * MINUTE_MS]], mark=late).json == {"counted": 1}
    early = make_mark(SECRET, room.join, clock.to_ms(room.began) - 60_000)
    assert room.send([[120, 30_000], [121, 90_000]], mark=early).json == {"counted": 1}
    ahead = make_mark(SECRET, room.join, clock.to_ms(clock.now()) + 60_000)
    assert room.send([[130, 0]], mark=ahead).json == {"counted": 0}


@pytest.mark.databases
def test_a_mark_of_yesterday(room: Room) -> None:
    room.change(actual_start=room.began - timedelta(days=1))
    old = make_mark(SECRET, room.join, clock.to_ms(room.now - timedelta(hours=20)))
    assert room.send(mark=old).json == {"counted": 0}


@each_row(
    "beats", [[[1]], [[1, -1]], [["1", 2]], [[True, 2]], [1], {"1": 2}, [[n, n] for n in range(101)], [[1, 2**31]]]
)
def test_what_is_no_list_of_heartbeats(room: Room, beats: Any) -> None:
    answer = room.send(beats)
    assert (answer.status_code, answer.json["errors"][0]["field"]) == (422, "beats")


def test_too_much_and_what_is_not_json(room: Room) -> None:
    path = f"/api/v1/lectures/{room.lecture.id}/presence/kept"
    assert room.client.post(path, data="x" * 4001, content_type="text/plain").status_code == 413
    assert room.client.post(path, data="[1]", content_type="text/plain").status_code == 400


def test_an_answer_to_a_heartbeat_carries_the_mark_of_its_time(client: FlaskClient, make: Make) -> None:
    room = Room(client, make)
    before = clock.to_ms(clock.now())
    body = {"room_token": make_token(SECRET, room.join), "seq": 50}
    answer = client.post(f"/api/v1/lectures/{room.lecture.id}/presence", json=body)
    mark = read_mark([SECRET], answer.headers["Presence-Mark"])
    assert mark is not None
    assert mark[0] == room.join
    assert before <= mark[1] <= clock.to_ms(clock.now())


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**47))
def test_a_mark_tells_its_join_and_time_and_is_no_token(join_id: int, ms: int) -> None:
    mark = make_mark("secret", join_id, ms)
    assert read_mark(["newer", "secret"], mark) == (join_id, ms)
    assert read_mark(["other"], mark) is None
    assert read_token(["secret"], mark) is None
    assert read_mark(["secret"], make_token("secret", join_id)) is None


@given(
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 10_000_000))),
    st.integers(0, 10_000_000), st.integers(0, 10_000_000), st.integers(0, 10_000_000) | st.none(),
    st.integers(0, 20_000_000),
)  # fmt: skip
def test_what_is_proven_lies_between_the_mark_and_now_within_the_bound_and_the_lecture(
    intervals: list[tuple[int, int]], mark: int, start: int, end: int | None, now: int
) -> None:
    proven = rules.proven_beats(intervals, mark_ms=mark, start_ms=start, end_ms=end, now_ms=now)
    assert all(mark <= at <= min(now, mark + rules.OFFLINE_MS) for _seq, at in proven)
    assert all(start <= at <= (now if end is None else end) for _seq, at in proven)
