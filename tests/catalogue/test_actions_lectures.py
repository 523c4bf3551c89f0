"""Lectures: put on the programme, moved, started, ended, taken off; on both databases."""

# ruff: noqa: DTZ001 (planned times are local, without offset)

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from threading import Thread

import pytest
from apiflask import APIFlask

from lms.catalogue.actions import (
    LectureDraft,
    cancel_lecture,
    correct_times,
    edit_lecture,
    edit_series,
    end_lecture,
    postpone_lecture,
    publish_lecture,
    reopen_lecture,
    schedule_lecture,
    start_lecture,
)
from lms.catalogue.models import Lecture, LectureState, Series
from lms.catalogue.queries import get_lecture, list_changes, policy_for
from lms.core import audit, events
from lms.core.errors import DomainError, Forbidden, Invalid, NotFound, Refused
from lms.core.roles import ANONYMOUS, SYSTEM, Actor

MakeSeries = Callable[..., Series]
MakeLecture = Callable[..., Lecture]
PLANNED = datetime(2026, 12, 2, 6, 0, tzinfo=UTC)  # 14:00 in Beijing


@pytest.fixture
def said(app: APIFlask) -> Iterator[list[str]]:
    """The names of the events published during the test."""
    heard: list[str] = []
    bus: events.EventBus = app.extensions[events.KEY]
    publish = bus.publish
    bus.publish = lambda event: (heard.append(type(event).__name__), publish(event))[1]  # type: ignore[method-assign]
    yield heard
    del bus.publish  # type: ignore[method-assign]


@pytest.fixture
def series(make_series: MakeSeries, ines: Actor) -> Series:
    """A public series that Ines gives."""
    return make_series(by=ines, language="fr")


@pytest.mark.databases
def test_schedule_lecture_stores_all(series: Series, ines: Actor, at: datetime, said: list[str]) -> None:
    made = schedule_lecture(
        "trade",
        LectureDraft(
            title=" Opening  day ",
            time_zone="Asia/Shanghai",
            starts_at=datetime(2026, 12, 2, 14, 0),
            abstract="Why",
            duration_minutes=45,
            interpretation=("ar", "ru", "ar"),
            instructors=("INES@example.org",),
            delivery="room",  # type: ignore[arg-type]
            join_url="https://meet.example/1",
            recording_url="",
            materials=({"title": "Slides", "url": "https://files.example/s.pdf"},),
        ),
        by=ines,
        at=at,
    )
    assert (made.title, made.abstract, made.state, made.starts_at) == ("Opening day", "Why", "scheduled", PLANNED)
    assert (made.language, made.interpretation, made.delivery) == ("fr", ["ar", "ru"], "room")
    assert (made.join_url, made.recording_url, made.sequence) == ("https://meet.example/1", None, 0)
    assert made.materials == [{"title": "Slides", "url": "https://files.example/s.pdf"}]
    assert [person.full_name for person in made.instructors] == ["Ines"]
    assert said == ["LectureScheduled"]
    assert [change.what for change in list_changes(made.id, by=ines)] == ["created"]
    assert [entry.verb for entry in audit.list_entries("lecture", made.id)] == ["schedule_lecture"]


@pytest.mark.databases
def test_schedule_lecture_again_is_the_same_lecture(
    series: Series, make_lecture: MakeLecture, ines: Actor, said: list[str]
) -> None:
    fields = {"by": ines, "instructors": ("ines@example.org",), "interpretation": ("ar",)}
    first = make_lecture(**fields)
    assert make_lecture(**fields).id == first.id
    assert make_lecture(**{**fields, "instructors": ()}).id != first.id
    assert said == ["LectureScheduled"] * 2


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"title": ""}, "title"),
        ({"starts_at": None}, "starts_at"),
        ({"starts_at": datetime(2026, 3, 29, 2, 30), "time_zone": "Europe/Berlin"}, "starts_at"),
        ({"time_zone": "Beijing"}, "time_zone"),
        ({"duration_minutes": 0}, "duration_minutes"),
        ({"duration_minutes": 1441}, "duration_minutes"),
        ({"language": "xx"}, "language"),
        ({"interpretation": ("fr", "xx")}, "interpretation"),
        ({"instructors": ("who@example.org",)}, "instructors"),
        ({"delivery": "post"}, "delivery"),
        ({"join_url": "javascript:alert(1)"}, "join_url"),
        ({"recording_url": "file:///etc/passwd"}, "recording_url"),
        ({"materials": ({"title": "", "url": "https://x.example"},)}, "materials.0.title"),
        ({"materials": ({"title": "A", "url": "data:,x"},)}, "materials.0.url"),
        ({"state": "live"}, "state"),
    ],
)
def test_schedule_lecture_names_the_field_that_is_wrong(
    series: Series, make_lecture: MakeLecture, fields: dict[str, object], field: str
) -> None:
    if "state" in fields:
        fields = {"state": LectureState.LIVE}
    with pytest.raises(Invalid) as caught:
        make_lecture(**fields)
    assert [fault.field for fault in caught.value.faults] == [field]


def test_schedule_lecture_is_for_the_series_instructors(
    series: Series, make_lecture: MakeLecture, omar: Actor, admin: Actor, trainee: Actor
) -> None:
    for other in (omar, trainee, ANONYMOUS):
        with pytest.raises(Forbidden):
            make_lecture(by=other)
    assert make_lecture(by=admin).id


@pytest.mark.databases
def test_clash_of_an_instructor_is_refused_with_the_reason(
    series: Series, make_series: MakeSeries, make_lecture: MakeLecture, ines: Actor, omar: Actor
) -> None:
    make_series("customs", by=ines)
    make_lecture(instructors=("ines@example.org",))
    with pytest.raises(Refused, match=r"Ines gives “Opening” at that time, from 2026-12-02 06:00 to 07:30 UTC"):
        make_lecture("customs", title="B", instructors=("ines@example.org",), starts_at=datetime(2026, 12, 2, 15, 29))
    make_lecture("customs", title="C", instructors=("ines@example.org",), starts_at=datetime(2026, 12, 2, 15, 30))
    make_lecture("customs", title="D", starts_at=datetime(2026, 12, 2, 14, 0))  # nobody named, nothing to clash
    draft = make_lecture("customs", title="E", instructors=("ines@example.org",), state=LectureState.DRAFT)
    with pytest.raises(Refused, match="Opening"):
        publish_lecture(draft.id, by=ines, at=draft.created_at)


def test_clash_does_not_tell_of_a_hidden_lecture(
    series: Series, make_series: MakeSeries, make_lecture: MakeLecture, ines: Actor, omar: Actor
) -> None:
    make_series("secret", by=omar, visibility="draft")
    make_lecture("secret", title="Secret", by=omar, instructors=("omar@example.org",))
    with pytest.raises(Refused, match="Omar gives another lecture at that time"):
        make_lecture(by=ines, instructors=("omar@example.org",))


def test_clash_ends_when_the_lecture_has_ended(
    series: Series, make_lecture: MakeLecture, ines: Actor, at: datetime
) -> None:
    first = make_lecture(instructors=("ines@example.org",))
    start_lecture(first.id, by=ines, at=at)
    end_lecture(first.id, by=ines, at=at + timedelta(minutes=5))
    second = make_lecture(title="Second", instructors=("ines@example.org",))
    assert second.starts_at == first.starts_at
    with pytest.raises(Refused):
        make_lecture(
            title="Past", time_zone="UTC", starts_at=datetime(2026, 11, 25, 1, 4), instructors=("ines@example.org",)
        )


@pytest.mark.databases
def test_clash_of_two_at_once_lets_one_through(
    app: APIFlask, series: Series, make_series: MakeSeries, ines: Actor, at: datetime
) -> None:
    for number in range(6):
        make_series(f"s{number}", by=ines)
    won: list[bool] = []

    def schedule(number: int) -> None:
        with app.app_context():
            try:
                schedule_lecture(
                    f"s{number}",
                    LectureDraft(
                        title=f"L{number}",
                        time_zone="UTC",
                        starts_at=datetime(2026, 12, 2, 6, number),
                        instructors=("ines@example.org",),
                    ),
                    by=ines,
                    at=at,
                )
                won.append(True)
            except Refused:
                won.append(False)

    threads = [Thread(target=schedule, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (won.count(True), len(won)) == (1, 6)


@pytest.mark.databases
def test_a_lecture_from_draft_to_held(
    series: Series, make_lecture: MakeLecture, ines: Actor, at: datetime, said: list[str]
) -> None:
    lecture = make_lecture(state=LectureState.DRAFT)
    key = lecture.id
    assert said == []
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
    assert said == [
        "LectureScheduled",
        "LectureStarted",
        "LectureEnded",
        "PolicyChanged",
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
    series: Series, make_lecture: MakeLecture, ines: Actor, at: datetime, said: list[str]
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
    assert said[-1] == "LectureTimesCorrected"
    assert said.count("LectureTimesCorrected") == 1


@pytest.mark.databases
def test_postponing_with_and_without_a_time(
    series: Series, make_lecture: MakeLecture, ines: Actor, at: datetime, said: list[str]
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
    assert said == ["LectureScheduled", "LecturePostponed", "LecturePostponed", "LectureScheduled"]
    changes = list_changes(key, by=ines)
    assert [change.what for change in changes] == ["created", "postponed", "postponed", "rescheduled"]
    assert changes[1].before["starts_at"] == PLANNED.isoformat()


@pytest.mark.parametrize(
    ("fields", "field"),
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
    series: Series, make_lecture: MakeLecture, ines: Actor, at: datetime, said: list[str]
) -> None:
    key = make_lecture().id
    for reason in ("", " \n", "x" * 2001):
        with pytest.raises(Invalid) as caught:
            cancel_lecture(key, reason=reason, by=ines, at=at)
        assert caught.value.faults[0].field == "reason"
    off = cancel_lecture(key, reason=" The hall burned.\x00 ", by=ines, at=at)
    assert (off.state, off.reason, off.sequence) == ("cancelled", "The hall burned.", 1)
    assert said[-1] == "LectureCancelled"
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
        "cancel": off,
        "postpone": postpone_lecture,
        "move": on,
    }
    allowed = {
        "draft": {"publish"},
        "scheduled": {"start", "cancel", "postpone", "move"},
        "live": {"end"},
        "held": {"reopen"},
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
            lambda: postpone_lecture(lecture, by=by, at=at),  # noqa: B023
            lambda: cancel_lecture(lecture, reason="Why", by=by, at=at),  # noqa: B023
            lambda: edit_lecture(lecture, {"title": "Mine"}, by=by, at=at),  # noqa: B023
            lambda: correct_times(lecture, started_at=at, ended_at=at, by=by, at=at),  # noqa: B023
        ]
        for attempt in attempts:
            with pytest.raises(error):
                attempt()


@pytest.mark.databases
def test_edit_lecture_changes_what_is_named(
    series: Series, make_lecture: MakeLecture, ines: Actor, omar: Actor, at: datetime, said: list[str]
) -> None:
    key = make_lecture(interpretation=("ar",)).id
    edited = edit_lecture(
        key,
        {
            "title": "New",
            "instructors": ("omar@example.org",),
            "recording_url": "https://r.example/1",
            "language": None,
        },
        by=ines,
        at=at,
    )
    assert (edited.title, edited.interpretation, edited.starts_at) == ("New", ["ar"], PLANNED)
    assert (edited.recording_url, edited.language) == ("https://r.example/1", "fr")
    assert [person.full_name for person in edited.series.instructors] == ["Ines", "Omar"]
    assert said == ["LectureScheduled"]
    with pytest.raises(Invalid):
        edit_lecture(key, {"nonsense": 1}, by=ines, at=at)


def test_edit_lecture_moves_it(
    series: Series, make_lecture: MakeLecture, ines: Actor, at: datetime, said: list[str]
) -> None:
    key = make_lecture().id
    moved = edit_lecture(key, {"starts_at": datetime(2026, 12, 3, 14, 0)}, by=ines, at=at)
    assert (moved.starts_at, moved.sequence) == (PLANNED + timedelta(days=1), 1)
    same = edit_lecture(key, {"time_zone": "Asia/Singapore", "duration_minutes": 60}, by=ines, at=at)
    assert (same.starts_at, same.sequence) == (moved.starts_at, 2)
    assert said == ["LectureScheduled", "LecturePostponed"]
    postpone_lecture(key, by=ines, at=at)
    assert edit_lecture(key, {"title": "Waits"}, by=ines, at=at).state is LectureState.POSTPONED
    back = edit_lecture(key, {"starts_at": datetime(2026, 12, 5, 14, 0)}, by=ines, at=at)
    assert back.state is LectureState.SCHEDULED
    assert said[-1] == "LectureScheduled"
    with pytest.raises(Invalid) as caught:
        edit_lecture(key, {"starts_at": None}, by=ines, at=at)
    assert caught.value.faults[0].field == "starts_at"


def test_edit_lecture_state_publishes_and_does_nothing_else(
    series: Series, make_lecture: MakeLecture, ines: Actor, at: datetime
) -> None:
    key = make_lecture(state=LectureState.DRAFT, starts_at=None).id
    with pytest.raises(Invalid) as caught:
        edit_lecture(key, {"state": LectureState.SCHEDULED}, by=ines, at=at)
    assert caught.value.faults[0].field == "starts_at"
    times = {"state": LectureState.SCHEDULED, "starts_at": datetime(2026, 12, 5, 14, 0)}
    assert edit_lecture(key, times, by=ines, at=at).state is LectureState.SCHEDULED
    for state in (LectureState.DRAFT, LectureState.LIVE, LectureState.CANCELLED):
        with pytest.raises(Invalid):
            edit_lecture(key, {"state": state}, by=ines, at=at)


def test_edit_lecture_time_stays_once_it_has_begun(
    series: Series, make_lecture: MakeLecture, ines: Actor, at: datetime
) -> None:
    key = make_lecture().id
    start_lecture(key, by=ines, at=at)
    with pytest.raises(Refused, match="live"):
        edit_lecture(key, {"starts_at": datetime(2026, 12, 5, 14, 0)}, by=ines, at=at)
    same = {"starts_at": datetime(2026, 12, 2, 14, 0), "abstract": "More"}
    assert edit_lecture(key, same, by=ines, at=at).abstract == "More"


def test_refusals_leave_nothing_behind(series: Series, make_lecture: MakeLecture, ines: Actor, at: datetime) -> None:
    key = make_lecture(instructors=("ines@example.org",)).id
    make_lecture(title="B", starts_at=datetime(2026, 12, 9, 14, 0), instructors=("ines@example.org",))
    with pytest.raises(DomainError):
        edit_lecture(key, {"title": "New", "starts_at": datetime(2026, 12, 9, 14, 0)}, by=ines, at=at)
    assert get_lecture(key, by=ines).title == "Opening"
    assert len(list_changes(key, by=ines)) == 1
