"""The states of a lecture: published, started, ended, reopened, postponed, cancelled; on both databases."""

# ruff: noqa: DTZ001 (planned times are local, without offset)

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from lms.catalogue.actions.lectures import edit_lecture
from lms.catalogue.actions.series import edit_series
from lms.catalogue.actions.states import (
    cancel_lecture,
    correct_times,
    end_lecture,
    postpone_lecture,
    publish_lecture,
    reopen_lecture,
    start_lecture,
    undo_start,
)
from lms.catalogue.models import Lecture, LectureState, Series
from lms.catalogue.queries.lectures import get_lecture, list_changes
from lms.catalogue.queries.policies import policy_for
from lms.core.base.errors import Forbidden, Invalid, NotFound, Refused
from lms.core.base.roles import ANONYMOUS, SYSTEM, Actor
from lms.core.database.audit import AuditEntry
from lms.core.database.session import db
from tests.rows import each_row

MakeSeries = Callable[..., Series]
MakeLecture = Callable[..., Lecture]
PLANNED = datetime(2026, 12, 2, 6, 0, tzinfo=UTC)  # 14:00 in Beijing


@pytest.mark.databases
def test_a_lecture_from_draft_to_held(
    series: Series, make_lecture: MakeLecture, ines: Actor, at: datetime, published: list[str]
) -> None:
    lecture = make_lecture(state=LectureState.DRAFT)
    key = lecture.id
    assert published == []
    assert publish_lecture(key, by=ines, at=at).state is LectureState.SCHEDULED
    live = start_lecture(key, by=ines, at=at)
    assert (live.state, live.actual_start, live.actual_end) == ("live", at, None)
    ended = at + timedelta(minutes=61)
    held = end_lecture(key, by=ines, at=ended)
    assert (held.state, held.actual_end) == ("held", ended)
    edit_series("trade", {"policy": {"min_percent": 90}}, by=ines, at=ended)
    assert policy_for(get_lecture(key, by=ines)).min_percent == 60
    reopened = reopen_lecture(key, by=ines, at=ended)
    assert (reopened.state, reopened.actual_end, reopened.actual_start) == ("live", None, at)
    end_lecture(key, by=ines, at=ended + timedelta(minutes=5))
    assert policy_for(get_lecture(key, by=ines)).min_percent == 90
    assert published == [
        "LectureScheduled",
        "LectureStarted",
        "LectureEnded",
        "LectureReopened",
        "LectureEnded",
    ]
    changes = list_changes(key, by=ines)
    assert [change.what for change in changes] == ["created", "published", "started", "ended", "reopened", "ended"]
    assert changes[4].before == {"state": "held", "actual_end": ended.isoformat()}
    assert changes[4].by_person_id == ines.person_id


@pytest.mark.databases
def test_a_lecture_of_the_past_is_entered(series: Series, make_lecture: MakeLecture, ines: Actor, at: datetime) -> None:
    lecture = make_lecture(starts_at=datetime(2020, 5, 6, 14, 0), instructors=("ines@example.org",))
    began = datetime(2020, 5, 6, 6, 1, 30, 500_000, tzinfo=UTC)
    start_lecture(lecture.id, by=ines, at=at, started_at=began)
    held = end_lecture(lecture.id, by=ines, at=at, ended_at=began + timedelta(minutes=80))
    assert (held.actual_start, held.actual_end) == (began, began + timedelta(minutes=80))


@pytest.mark.parametrize(
    ("started", "ended", "field"),
    [(timedelta(hours=1), None, "at"), (timedelta(hours=-2), timedelta(hours=-2), "at"),
     (timedelta(hours=-2), timedelta(hours=-3), "at"), (timedelta(days=-3), None, "at"),
     (timedelta(hours=-1), timedelta(hours=1), "at"), (timedelta(days=-20_000), None, "at")],
)  # fmt: skip
def test_actual_times_that_cannot_be_are_invalid(
    series: Series,
    make_lecture: MakeLecture,
    ines: Actor,
    at: datetime,
    started: timedelta,
    ended: timedelta | None,
    field: str,
) -> None:
    key = make_lecture().id

    def start_and_end() -> None:
        start_lecture(key, by=ines, at=at, started_at=at + started)
        end_lecture(key, by=ines, at=at, ended_at=None if ended is None else at + ended)

    with pytest.raises(Invalid) as caught:
        start_and_end()
    assert caught.value.faults[0].field == field


def test_correct_times_of_a_held_lecture(
    series: Series, make_lecture: MakeLecture, ines: Actor, at: datetime, published: list[str]
) -> None:
    key = make_lecture().id
    with pytest.raises(Refused):
        correct_times(key, started_at=at - timedelta(hours=2), ended_at=at, by=ines, at=at)
    start_lecture(key, by=ines, at=at, started_at=at - timedelta(days=3))
    end_lecture(key, by=ines, at=at, ended_at=at - timedelta(days=2, hours=1))
    with pytest.raises(Refused, match="Correct its actual times"):
        reopen_lecture(key, by=ines, at=at)
    begun = at - timedelta(days=3)
    done = correct_times(key, started_at=begun, ended_at=begun + timedelta(hours=1), by=ines, at=at)
    assert done.actual_end == begun + timedelta(hours=1)
    correct_times(key, started_at=begun, ended_at=begun + timedelta(hours=1), by=ines, at=at)
    assert published[-1] == "LectureTimesCorrected"
    assert published.count("LectureTimesCorrected") == 1


@pytest.mark.databases
def test_postponing_with_and_without_a_time(
    series: Series, make_lecture: MakeLecture, ines: Actor, at: datetime, published: list[str]
) -> None:
    key = make_lecture().id
    moved = postpone_lecture(key, local_start=datetime(2026, 12, 9, 10, 0), time_zone="Africa/Nairobi", by=ines, at=at)
    assert (moved.state, moved.starts_at, moved.sequence) == ("scheduled", datetime(2026, 12, 9, 7, 0, tzinfo=UTC), 1)
    off = postpone_lecture(key, by=ines, at=at)
    assert (off.state, off.starts_at, off.local_start, off.sequence) == ("postponed", None, None, 2)
    with pytest.raises(Refused):
        postpone_lecture(key, by=ines, at=at)
    on = postpone_lecture(key, local_start=datetime(2027, 1, 6, 10, 0), by=ines, at=at)
    assert (on.state, on.starts_at, on.time_zone) == (
        "scheduled",
        datetime(2027, 1, 6, 7, 0, tzinfo=UTC),
        "Africa/Nairobi",
    )
    assert published == ["LectureScheduled", "LecturePostponed", "LecturePostponed", "LectureScheduled"]
    changes = list_changes(key, by=ines)
    assert [change.what for change in changes] == ["created", "postponed", "postponed", "rescheduled"]
    assert changes[1].before["starts_at"] == PLANNED.isoformat()


@each_row(
    "fields, field",
    [
        ({"local_start": datetime(2026, 11, 1, 10, 0)}, "starts_at"),
        ({"local_start": datetime(2026, 12, 2, 14, 0)}, "starts_at"),
        ({"local_start": datetime(2027, 3, 28, 2, 30), "time_zone": "Europe/Berlin"}, "starts_at"),
        ({"local_start": datetime(2027, 3, 28, 2, 30), "time_zone": "Berlin"}, "time_zone"),
        ({"time_zone": "Europe/Berlin"}, "starts_at"),
    ],
)
def test_postponing_to_a_bad_time_is_invalid(
    series: Series, make_lecture: MakeLecture, ines: Actor, at: datetime, fields: dict[str, object], field: str
) -> None:
    key = make_lecture().id
    with pytest.raises(Invalid) as caught:
        postpone_lecture(key, by=ines, at=at, **fields)  # type: ignore[arg-type]
    assert caught.value.faults[0].field == field
    assert get_lecture(key, by=ines).starts_at == PLANNED


def test_postponing_onto_another_lecture_is_refused(
    series: Series, make_lecture: MakeLecture, ines: Actor, at: datetime
) -> None:
    key = make_lecture(instructors=("ines@example.org",)).id
    make_lecture(title="B", starts_at=datetime(2026, 12, 9, 14, 0), instructors=("ines@example.org",))
    with pytest.raises(Refused, match="“B”"):
        postpone_lecture(key, local_start=datetime(2026, 12, 9, 14, 30), by=ines, at=at)
    # its own old time is no clash
    postpone_lecture(key, local_start=datetime(2026, 12, 2, 14, 30), by=ines, at=at)


@pytest.mark.databases
def test_cancelling_needs_a_reason_and_is_final(
    series: Series, make_lecture: MakeLecture, ines: Actor, at: datetime, published: list[str]
) -> None:
    key = make_lecture().id
    for reason in ("", " \n", "x" * 2001):
        with pytest.raises(Invalid) as caught:
            cancel_lecture(key, reason=reason, by=ines, at=at)
        assert caught.value.faults[0].field == "reason"
    off = cancel_lecture(key, reason=" The hall burned.\x00 ", by=ines, at=at)
    assert (off.state, off.reason, off.sequence) == ("cancelled", "The hall burned.", 1)
    assert published[-1] == "LectureCancelled"
    assert list_changes(key, by=ines)[-1].reason == "The hall burned."


def test_every_transition_is_allowed_exactly_where_the_states_say(
    series: Series, make_lecture: MakeLecture, ines: Actor, at: datetime
) -> None:
    def reach(state: str) -> int:
        number = len(made)
        lecture = make_lecture(title=f"{state} {number}", state=LectureState.DRAFT)
        made.append(lecture.id)
        key = lecture.id
        for step in {
            "draft": [],
            "scheduled": [publish_lecture],
            "live": [publish_lecture, start_lecture],
            "held": [publish_lecture, start_lecture, later],
            "cancelled": [publish_lecture, off],
            "postponed": [publish_lecture, postpone_lecture],
        }[state]:
            step(key, by=ines, at=at)
        return key

    def later(key: int, *, by: Actor, at: datetime) -> object:
        return end_lecture(key, by=by, at=at + timedelta(hours=1))

    def off(key: int, *, by: Actor, at: datetime) -> object:
        return cancel_lecture(key, reason="Why", by=by, at=at)

    def on(key: int, *, by: Actor, at: datetime) -> object:
        return postpone_lecture(key, local_start=datetime(2027, 1, 1, 1, 1), by=by, at=at)

    made: list[int] = []
    steps: dict[str, Callable[..., object]] = {
        "publish": publish_lecture,
        "start": start_lecture,
        "end": later,
        "reopen": lambda key, by, at: reopen_lecture(key, by=by, at=at + timedelta(hours=1)),
        "undo": undo_start,
        "cancel": off,
        "postpone": postpone_lecture,
        "move": on,
    }
    allowed = {
        "draft": {"publish"},
        "scheduled": {"start", "cancel", "postpone", "move"},
        "live": {"end", "undo"},
        "held": {"reopen", "undo"},
        "cancelled": set(),
        "postponed": {"move"},
    }
    for state, names in allowed.items():
        for name, step in steps.items():
            key = reach(state)
            if name in names:
                step(key, by=ines, at=at)
            else:
                with pytest.raises(Refused):
                    step(key, by=ines, at=at)
                assert get_lecture(key, by=ines).state == state


def test_transitions_are_for_staff_only(
    series: Series, make_lecture: MakeLecture, omar: Actor, trainee: Actor, at: datetime
) -> None:
    key = make_lecture().id
    hidden = make_lecture(title="Hidden", state=LectureState.DRAFT).id
    for by, lecture, error in (
        (omar, key, Forbidden),
        (trainee, key, Forbidden),
        (ANONYMOUS, key, Forbidden),
        (omar, hidden, NotFound),
        (SYSTEM, 999, NotFound),
        (SYSTEM, 2**40, NotFound),
    ):
        attempts: list[Callable[[], object]] = [
            lambda: publish_lecture(lecture, by=by, at=at),  # noqa: B023
            lambda: start_lecture(lecture, by=by, at=at),  # noqa: B023
            lambda: end_lecture(lecture, by=by, at=at),  # noqa: B023
            lambda: reopen_lecture(lecture, by=by, at=at),  # noqa: B023
            lambda: undo_start(lecture, by=by, at=at),  # noqa: B023
            lambda: postpone_lecture(lecture, by=by, at=at),  # noqa: B023
            lambda: cancel_lecture(lecture, reason="Why", by=by, at=at),  # noqa: B023
            lambda: edit_lecture(lecture, {"title": "Mine"}, by=by, at=at),  # noqa: B023
            lambda: correct_times(lecture, started_at=at, ended_at=at, by=by, at=at),  # noqa: B023
        ]
        for attempt in attempts:
            with pytest.raises(error):
                attempt()


@pytest.mark.databases
def test_undoing_a_start_goes_back_to_the_plan(
    series: Series, make_lecture: MakeLecture, ines: Actor, at: datetime, published: list[str]
) -> None:
    key = make_lecture().id
    start_lecture(key, by=ines, at=at)
    undone = undo_start(key, by=ines, at=at + timedelta(minutes=2))
    assert (undone.state, undone.starts_at, undone.local_start) == ("scheduled", PLANNED, datetime(2026, 12, 2, 14, 0))
    assert (undone.actual_start, undone.actual_end, undone.policy_id) == (None, None, None)
    start_lecture(key, by=ines, at=PLANNED)
    end_lecture(key, by=ines, at=PLANNED + timedelta(minutes=50))
    months_later = PLANNED + timedelta(days=100)
    undone = undo_start(key, by=ines, at=months_later)
    assert (undone.state, undone.starts_at, undone.actual_start) == ("scheduled", PLANNED, None)
    assert (undone.actual_end, undone.policy_id) == (None, None)
    assert published[-1] == "LectureStartUndone"
    change = list_changes(key, by=ines)[-1]
    assert (change.what, change.at, change.by_person_id) == ("start_undone", months_later, ines.person_id)
    assert change.before == {
        "state": "held",
        "actual_start": PLANNED.isoformat(),
        "actual_end": (PLANNED + timedelta(minutes=50)).isoformat(),
    }
    entry = db.session.scalars(select(AuditEntry).order_by(AuditEntry.id.desc())).first()
    assert entry is not None
    assert (entry.verb, entry.actor_id, entry.at) == ("undo_start", ines.person_id, months_later)
    with pytest.raises(Refused, match="has not begun"):
        undo_start(key, by=ines, at=months_later)
