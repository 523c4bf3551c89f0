"""Lectures: put on the programme, moved, started, ended, taken off; on both databases."""

# ruff: noqa: DTZ001 (planned times are local, without offset)

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from threading import Thread

import pytest
from apiflask import APIFlask

from lms.catalogue.actions.lectures import edit_lecture, schedule_lecture
from lms.catalogue.actions.states import end_lecture, postpone_lecture, publish_lecture, start_lecture
from lms.catalogue.inputs import LectureInput
from lms.catalogue.models import Lecture, LectureState, Series
from lms.catalogue.queries.lectures import get_lecture, list_changes
from lms.core.base.errors import DomainError, Forbidden, Invalid, Refused
from lms.core.base.roles import ANONYMOUS, Actor
from lms.core.database import audit
from tests.rows import each_row

MakeSeries = Callable[..., Series]
MakeLecture = Callable[..., Lecture]
PLANNED = datetime(2026, 12, 2, 6, 0, tzinfo=UTC)  # 14:00 in Beijing


@pytest.mark.databases
def test_schedule_lecture_stores_all(series: Series, ines: Actor, at: datetime, published: list[str]) -> None:
    made = schedule_lecture(
        "trade",
        LectureInput(
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
    assert published == ["LectureScheduled"]
    assert [change.what for change in list_changes(made.id, by=ines)] == ["created"]
    assert [entry.verb for entry in audit.list_entries("lecture", made.id)] == ["schedule_lecture"]


@pytest.mark.databases
def test_schedule_lecture_again_is_the_same_lecture(
    series: Series, make_lecture: MakeLecture, ines: Actor, published: list[str]
) -> None:
    fields = {"by": ines, "instructors": ("ines@example.org",), "interpretation": ("ar",)}
    first = make_lecture(**fields)
    assert make_lecture(**fields).id == first.id
    assert make_lecture(**{**fields, "instructors": ()}).id != first.id
    assert published == ["LectureScheduled"] * 2


@each_row(
    "fields, field",
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
    with pytest.raises(
        Refused, match=r"Ines gives “Opening” at that time, from 2 December 2026, 14:00 to 15:30 \(Asia/Shanghai"
    ):
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


@pytest.mark.databases(differs=True)
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
                    LectureInput(
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
def test_edit_lecture_changes_what_is_named(
    series: Series, make_lecture: MakeLecture, ines: Actor, omar: Actor, at: datetime, published: list[str]
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
    assert published == ["LectureScheduled"]
    with pytest.raises(Invalid):
        edit_lecture(key, {"nonsense": 1}, by=ines, at=at)


def test_edit_lecture_moves_it(
    series: Series, make_lecture: MakeLecture, ines: Actor, at: datetime, published: list[str]
) -> None:
    key = make_lecture().id
    moved = edit_lecture(key, {"starts_at": datetime(2026, 12, 3, 14, 0)}, by=ines, at=at)
    assert (moved.starts_at, moved.sequence) == (PLANNED + timedelta(days=1), 1)
    same = edit_lecture(key, {"time_zone": "Asia/Singapore", "duration_minutes": 60}, by=ines, at=at)
    assert (same.starts_at, same.sequence) == (moved.starts_at, 2)
    assert published == ["LectureScheduled", "LecturePostponed", "LectureLengthChanged"]
    postpone_lecture(key, by=ines, at=at)
    assert edit_lecture(key, {"title": "Waits"}, by=ines, at=at).state is LectureState.POSTPONED
    back = edit_lecture(key, {"starts_at": datetime(2026, 12, 5, 14, 0)}, by=ines, at=at)
    assert back.state is LectureState.SCHEDULED
    assert published[-1] == "LectureScheduled"
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
