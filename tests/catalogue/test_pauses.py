"""Pauses of a lecture: they never overlap, end with the lecture, and are taken off its actual length."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import count, pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from lms.attendance.presence import span_of, spans_of
from lms.catalogue.actions.pauses import pause_lecture, resume_lecture, withdraw_pause
from lms.catalogue.actions.states import (
    correct_times,
    end_lecture,
    hold_lecture,
    reopen_lecture,
    start_lecture,
    undo_start,
)
from lms.catalogue.models import Lecture, LecturePause, Series
from lms.catalogue.queries.lectures import list_changes
from lms.catalogue.queries.policies import find_pause, list_ended_pauses, list_pauses
from lms.catalogue.rules import length_ms
from lms.core.base.errors import Forbidden, Invalid, NotFound, Refused
from lms.core.base.roles import Actor
from lms.core.database.audit import AuditEntry
from lms.core.database.session import action, db
from lms.core.time.clock import to_ms
from tests.queries import CountQueries

MakeLecture = Callable[..., Lecture]
MINUTE = timedelta(minutes=1)
MINUTE_MS = 60_000
numbers = count()


def reload(lecture_id: int) -> Lecture:
    return db.session.get_one(Lecture, lecture_id, populate_existing=True)


@pytest.mark.databases
def test_a_pause_is_taken_off_the_length(series: Series, make_lecture: MakeLecture, ines: Actor, at: datetime) -> None:
    key = start_lecture(make_lecture().id, by=ines, at=at).id
    pause_lecture(key, minutes=5, by=ines, at=at + 10 * MINUTE)
    pause = find_pause(reload(key))
    assert pause is not None
    assert (pause.started_at, pause.resumes_at) == (at + 10 * MINUTE, at + 15 * MINUTE)
    pause_lecture(key, by=ines, at=at + 11 * MINUTE)
    pause_lecture(key, minutes=15, by=ines, at=at + 12 * MINUTE)
    assert find_pause(reload(key)) is pause
    assert (pause.started_at, pause.resumes_at) == (at + 10 * MINUTE, at + 27 * MINUTE)
    for minute in (20, 22):
        resume_lecture(key, by=ines, at=at + minute * MINUTE)
    assert find_pause(reload(key)) is None
    held = end_lecture(key, by=ines, at=at + 60 * MINUTE)
    assert (held.paused_ms, length_ms(held)) == (10 * MINUTE_MS, 50 * MINUTE_MS)
    verbs = db.session.scalars(select(AuditEntry.verb).order_by(AuditEntry.id)).all()
    assert verbs[-5:] == ["start_lecture", "pause_lecture", "pause_lecture", "resume_lecture", "end_lecture"]
    assert [change.what for change in list_changes(key, by=ines)][-4:] == ["started", "paused", "resumed", "ended"]


@pytest.mark.databases
def test_an_open_pause_ends_with_the_lecture(
    series: Series, make_lecture: MakeLecture, ines: Actor, at: datetime
) -> None:
    key = start_lecture(make_lecture().id, by=ines, at=at).id
    pause_lecture(key, by=ines, at=at + 40 * MINUTE)
    held = end_lecture(key, by=ines, at=at + 60 * MINUTE, ended_at=at + 50 * MINUTE)
    assert length_ms(held) == 40 * MINUTE_MS
    reopened = reopen_lecture(key, by=ines, at=at + 61 * MINUTE)
    assert (find_pause(reopened), reopened.paused_ms) == (None, 21 * MINUTE_MS), "the minute until it was reopened too"
    assert length_ms(end_lecture(key, by=ines, at=at + 90 * MINUTE)) == 69 * MINUTE_MS
    correct_times(key, started_at=at + 45 * MINUTE, ended_at=at + 80 * MINUTE, by=ines, at=at + 90 * MINUTE)
    assert length_ms(reload(key)) == 19 * MINUTE_MS
    correct_times(key, started_at=at, ended_at=at + 30 * MINUTE, by=ines, at=at + 90 * MINUTE)
    assert length_ms(reload(key)) == 30 * MINUTE_MS


@pytest.mark.databases
def test_the_time_between_a_mistaken_end_and_its_undoing_is_a_pause(
    series: Series, make_lecture: MakeLecture, ines: Actor, at: datetime
) -> None:
    key = start_lecture(make_lecture().id, by=ines, at=at).id
    end_lecture(key, by=ines, at=at + 4 * MINUTE)
    reopen_lecture(key, by=ines, at=at + 78 * MINUTE)
    assert length_ms(end_lecture(key, by=ines, at=at + 84 * MINUTE)) == 10 * MINUTE_MS
    reopen_lecture(key, by=ines, at=at + 84 * MINUTE)
    (pause,) = db.session.scalars(select(LecturePause).where(LecturePause.lecture_id == key))
    assert pause.ended_at == at + 78 * MINUTE, "none is made of no time"
    withdraw_pause(key, pause.id, is_withdrawn=True, by=ines, at=at + 85 * MINUTE)
    assert length_ms(end_lecture(key, by=ines, at=at + 84 * MINUTE)) == 84 * MINUTE_MS, "the meeting went on"


def test_a_pause_counts_in_the_times_at_which_the_lecture_is_held_later(
    series: Series, make_lecture: MakeLecture, ines: Actor, at: datetime
) -> None:
    key = start_lecture(make_lecture().id, by=ines, at=at).id
    pause_lecture(key, by=ines, at=at + 10 * MINUTE)
    undone = undo_start(key, by=ines, at=at + 20 * MINUTE)
    assert find_pause(undone) is None
    with pytest.raises(Refused):
        pause_lecture(key, by=ines, at=at + 21 * MINUTE)
    held = hold_lecture(key, started_at=at + 15 * MINUTE, ended_at=at + 75 * MINUTE, by=ines, at=at + 80 * MINUTE)
    assert length_ms(held) == 55 * MINUTE_MS


@pytest.mark.databases
def test_a_pause_that_was_none_is_withdrawn_and_restored(
    series: Series, make_lecture: MakeLecture, ines: Actor, omar: Actor, at: datetime, published: list[str]
) -> None:
    key = start_lecture(make_lecture().id, by=ines, at=at).id
    pause_lecture(key, by=ines, at=at + 10 * MINUTE)
    open_pause = find_pause(reload(key))
    assert open_pause is not None
    with pytest.raises(NotFound):
        withdraw_pause(key, open_pause.id, is_withdrawn=True, by=ines, at=at + 11 * MINUTE)
    held = end_lecture(key, by=ines, at=at + 60 * MINUTE)
    (pause,) = list_ended_pauses(held)
    with pytest.raises(Forbidden):
        withdraw_pause(key, pause.id, is_withdrawn=True, by=omar, at=at + 61 * MINUTE)
    with pytest.raises(NotFound):
        withdraw_pause(key, pause.id + 1, is_withdrawn=True, by=ines, at=at + 61 * MINUTE)
    for is_withdrawn, minutes in ((True, 60), (True, 60), (False, 10), (False, 10)):
        withdraw_pause(key, pause.id, is_withdrawn=is_withdrawn, by=ines, at=at + 61 * MINUTE)
        assert length_ms(reload(key)) == minutes * MINUTE_MS
    assert published.count("LectureTimesCorrected") == 2


def test_who_pauses_what(series: Series, make_lecture: MakeLecture, ines: Actor, omar: Actor, at: datetime) -> None:
    key = make_lecture().id
    for act in (pause_lecture, resume_lecture):
        with pytest.raises(Refused, match="has not begun"):
            act(key, by=ines, at=at)
        with pytest.raises(Forbidden):
            act(key, by=omar, at=at)
    start_lecture(key, by=ines, at=at)
    for minutes in (0, 61):
        with pytest.raises(Invalid, match="Use a number from 1 to 60"):
            pause_lecture(key, minutes=minutes, by=ines, at=at)
    assert reload(key).paused_ms is None


@pytest.mark.databases
def test_the_database_holds_one_open_pause_at_most(
    series: Series, make_lecture: MakeLecture, ines: Actor, at: datetime
) -> None:
    key = start_lecture(make_lecture().id, by=ines, at=at).id
    pause_lecture(key, by=ines, at=at)

    @action
    def write() -> None:
        db.session.add(LecturePause(lecture_id=key, started_at=at + MINUTE))
        db.session.flush()

    with pytest.raises(IntegrityError):
        write()


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.tuples(st.sampled_from(["pause", "resume"]), st.integers(-2, 6)), max_size=8))
def test_pauses_are_in_order_and_apart_whatever_the_clock_does(
    series: Series, make_lecture: MakeLecture, ines: Actor, at: datetime, steps: list[tuple[str, int]]
) -> None:
    now = at
    key = start_lecture(make_lecture(title=f"Opening {next(numbers)}").id, by=ines, at=at).id
    for what, minutes in steps:
        now = max(now + minutes * MINUTE, at)
        (pause_lecture if what == "pause" else resume_lecture)(key, by=ines, at=now)
    ended = max(now, at + MINUTE)
    held = end_lecture(key, by=ines, at=ended)
    pauses = list_pauses(held)
    assert all(last is not None and first < last for first, last in pauses)
    assert all(earlier[1] <= later[0] for earlier, later in pairwise(pauses))
    inside = [(max(first, to_ms(at)), min(last, to_ms(ended))) for first, last in pauses]
    assert (held.paused_ms or 0) == sum(max(last - first, 0) for first, last in inside)


@pytest.mark.databases
@pytest.mark.usefixtures("series")
def test_pauses_of_many_lectures_are_one_statement(
    make_lecture: MakeLecture, ines: Actor, at: datetime, count_queries: CountQueries
) -> None:
    ids = [make_lecture(title=f"Lecture {number}").id for number in range(3)]
    for number, lecture_id in enumerate(ids[:2], 1):
        start_lecture(lecture_id, by=ines, at=at)
        for minute in range(number):
            pause_lecture(lecture_id, minutes=5, by=ines, at=at + (10 * minute + 1) * MINUTE)
            resume_lecture(lecture_id, by=ines, at=at + (10 * minute + 3) * MINUTE)
        end_lecture(lecture_id, by=ines, at=at + 60 * MINUTE)
    lectures = [reload(lecture_id) for lecture_id in ids]
    with count_queries() as asked:
        spans = spans_of(lectures)
    assert len(asked) == 1
    assert [spans[lecture_id].paused_ms for lecture_id in ids] == [2 * MINUTE_MS, 4 * MINUTE_MS, 0]
    assert spans == {lecture.id: span_of(lecture) for lecture in lectures}
