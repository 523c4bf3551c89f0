"""What people played of replays: each second once, never more than is possible, and the credits that follow."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from apiflask import APIFlask
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from lms.attendance.actions.closing import close_attendance
from lms.attendance.actions.replays import MOST_PIECES, Played, credit_due_replays, record_played
from lms.attendance.models.evidence import Presence, ReplayViewing, Source
from lms.attendance.rules import REPLAY_SLACK_MS, first_of, leave_out, length, unite
from lms.core.base.errors import NotFound, Refused
from lms.core.database import audit
from lms.core.database.session import db
from lms.core.time import clock
from lms.core.time.durations import HOUR_MS, MINUTE_MS
from lms.people.actions.merging import merge_people, undo_merge
from lms.people.actions.privacy import erase_person
from tests.attendance.scene import END, Scene, minute
from tests.factories import Make

pytestmark = [pytest.mark.databases, pytest.mark.usefixtures("context")]
BEGAN = END + timedelta(hours=3)
SLACK = REPLAY_SLACK_MS / MINUTE_MS


@pytest.fixture
def scene(make: Make) -> Scene:
    return Scene(make)


def play(
    scene: Scene, *ranges: tuple[float, float], name: str = "Ada", after: float = 90, began: float = 0, **options: Any
) -> Played:
    """A report of minutes of the lecture, `after` minutes; its page began at the minute `began`."""
    return record_played(
        scene.lecture.id,
        scene.people[name].id,
        [(clock.to_ms(minute(start)), clock.to_ms(minute(end))) for start, end in ranges],
        began_ms=clock.to_ms(BEGAN + timedelta(minutes=began)),
        at=BEGAN + timedelta(minutes=after),
        **options,
    )


def stored(scene: Scene, name: str = "Ada") -> list[tuple[float, float]]:
    query = select(Presence.joined_ms, Presence.left_ms).where(
        Presence.lecture_id == scene.lecture.id,
        Presence.person_id == scene.people[name].id,
        Presence.source == Source.REPLAY,
    )
    start = clock.to_ms(minute(0))
    pieces = db.session.execute(query.order_by(Presence.joined_ms))
    return [((joined - start) / MINUTE_MS, (left - start) / MINUTE_MS) for joined, left in pieces]


def credit_all(scene: Scene) -> int:
    del scene
    return credit_due_replays(at=BEGAN + timedelta(days=1))


def test_each_second_counts_once_whatever_the_order(scene: Scene) -> None:
    for ranges in [((10, 20),), ((0, 12), (30, 31)), ((10, 20),), ((19, 30),)]:
        play(scene, *ranges)
    assert stored(scene) == [(0, 31)]
    assert play(scene, (0, 31)) == Played(31 * MINUTE_MS, is_limited=False)
    assert stored(scene) == [(0, 31)]


RANGES = st.lists(
    st.tuples(st.integers(0, 90 * 60), st.integers(1, 1200)).map(lambda pair: (pair[0], pair[0] + pair[1])),
    max_size=6,
)


@given(st.lists(RANGES, min_size=1, max_size=5), st.randoms(use_true_random=False))
def test_the_sum_is_that_of_a_simple_count(reports: list[list[tuple[int, int]]], random: Any) -> None:
    seconds = {second for ranges in reports for start, end in ranges for second in range(start, end)}
    known: list[tuple[int, int]] = []
    shuffled = [*reports, *reports]
    random.shuffle(shuffled)
    for ranges in shuffled:
        known = unite([*known, *leave_out(unite(ranges), known)])
    assert {second for start, end in known for second in range(start, end)} == seconds
    for most in (0, 7, 10_000):
        assert length(first_of(known, most)) == min(most, len(seconds))


@pytest.mark.parametrize(("after", "counted"), [(0, SLACK), (1, 2 + SLACK), (20, 40 + SLACK), (60, 90)])
def test_no_more_counts_than_can_have_been_played(scene: Scene, after: float, counted: float) -> None:
    played = play(scene, (0, 90), after=after)
    assert played == Played(int(counted * MINUTE_MS), is_limited=counted < 90)
    assert stored(scene) == [(0, counted)]
    assert play(scene, (0, 90), after=after).played_ms == played.played_ms, "the same again adds nothing"


def test_two_devices_share_what_is_possible(scene: Scene) -> None:
    play(scene, (0, 20), after=10)
    assert play(scene, (60, 80), after=10).is_limited
    assert play(scene, (60, 80), after=10, began=-1).is_limited
    assert length([(int(start * 60), int(end * 60)) for start, end in stored(scene)]) <= 22 * 60 + 15


def test_two_lectures_at_once_share_it_too(scene: Scene, make: Make) -> None:
    play(scene, (0, 20), after=10)
    first, scene.lecture = (
        scene.lecture,
        make.lecture(scene.series, state="held", actual_start=minute(0), actual_end=minute(90), starts_at=minute(0)),
    )
    assert play(scene, (0, 20), after=10) == Played(REPLAY_SLACK_MS, is_limited=True)
    assert play(scene, (0, 20), after=30) == Played(20 * MINUTE_MS, is_limited=False)
    scene.lecture = first
    assert stored(scene) == [(0, 20)]


def test_fifty_hours_in_an_hour_are_two(scene: Scene, make: Make) -> None:
    lectures = [
        make.lecture(scene.series, state="held", actual_start=minute(0), actual_end=minute(90), starts_at=minute(0))
        for _number in range(33)
    ]
    total = 0
    for scene.lecture in lectures:
        total += play(scene, (0, 90), after=60).played_ms
    assert total == 2 * HOUR_MS + REPLAY_SLACK_MS


def test_pieces_are_few_and_none_is_tiny(scene: Scene) -> None:
    assert play(scene, (0, 0.01)).played_ms == 0
    pieces = [(n / 10, n / 10 + 0.05) for n in range(MOST_PIECES)]
    assert play(scene, *pieces).played_ms == MOST_PIECES * 3000
    with pytest.raises(Refused, match="skipped too often"):
        play(scene, (89, 90))
    assert len(stored(scene)) == MOST_PIECES
    play(scene, (0, 50))
    assert stored(scene) == [(0, 50)]


def test_the_credit_is_a_replay_only_where_nothing_else_suffices(scene: Scene) -> None:
    scene.publish(("ada@x.example", 0, 20), ("ben@x.example", 0, 60))
    for name in ("Ada", "Ben", "Cyr"):
        play(scene, (20, 60), name=name)
    credit_all(scene)
    credits = {name: scene.credit(name) for name in ("Ada", "Ben", "Cyr")}
    assert {name: (row.source, row.outcome, row.present_ms // MINUTE_MS) for name, row in credits.items() if row} == {
        "Ada": ("replay", "attended", 60),
        "Ben": ("live", "attended", 60),
        "Cyr": ("replay", "partial", 40),
    }
    assert scene.row("Ada").explanation == "60 of 90 minutes including the replay: attended"


def test_a_credit_is_written_soon_after_watching_ends_and_not_at_each_report(scene: Scene) -> None:
    play(scene, (0, 20), after=20)
    assert credit_due_replays(at=BEGAN + timedelta(minutes=20, seconds=19)) == 0, "it may go on"
    play(scene, (20, 60), after=60)
    assert credit_due_replays(at=BEGAN + timedelta(minutes=60, seconds=1)) == 1, "for minutes nothing was written"
    play(scene, (60, 70), after=61)
    assert credit_due_replays(at=BEGAN + timedelta(minutes=61, seconds=1)) == 0
    play(scene, (60, 70), after=62, is_paused=True)
    assert credit_due_replays(at=BEGAN + timedelta(minutes=62)) == 1
    assert credit_due_replays(at=BEGAN + timedelta(days=1)) == 0
    verbs = [entry.verb for entry in audit.list_entries("lecture", scene.lecture.id)]
    assert verbs.count("attendance.credit") == 2
    credit = scene.credit("Ada")
    assert credit is not None
    assert credit.present_ms == 70 * MINUTE_MS


def test_the_replay_goes_on_after_closing(scene: Scene) -> None:
    play(scene, (0, 30))
    play(scene, (0, 20), name="Ben")
    close_attendance(scene.lecture.id, by=scene.by, at=BEGAN + timedelta(hours=2))
    assert scene.row("Ada").outcome == "partial", "closing counts what was played before"
    assert play(scene, (30, 90), after=121) == Played(90 * MINUTE_MS, is_limited=False)
    assert credit_all(scene) == 1
    assert (scene.row("Ada").outcome, scene.row("Ben").outcome) == ("attended", "partial")


@pytest.mark.parametrize(("seconds", "outcome"), [(2, None), (59, None), (60, "partial")])
def test_a_glance_at_a_replay_is_no_presence(scene: Scene, seconds: int, outcome: str | None) -> None:
    play(scene, (0, seconds / 60))
    credit_all(scene)
    credit = scene.credit("Ada")
    assert (credit.outcome if credit is not None else None) == outcome
    assert scene.row("Ada").outcome == (outcome or "absent")


def test_gaps_of_less_than_a_second_are_none(scene: Scene) -> None:
    for ranges in [((0, 10), (10.01, 20)), ((20.016, 30),), ((30.02, 40),)]:
        play(scene, *ranges)
    assert stored(scene) == [(0, 30), (30.02, 40)]


def test_merged_people_share_what_they_played(scene: Scene) -> None:
    ada, ben = scene.people["Ada"], scene.people["Ben"]
    play(scene, (0, 30), name="Ada", after=30)
    play(scene, (30, 60), name="Ben", after=30)
    by = scene.make.administrator()
    merge_people(ada.public_id, ben.public_id, reason="Same phone", by=by, at=BEGAN + timedelta(hours=1))
    assert (credit_all(scene), scene.row("Ada").outcome) == (0, "attended"), "merging recounts"
    assert play(scene, (0, 60), name="Ben", after=61) == Played(60 * MINUTE_MS, is_limited=False)
    assert stored(scene, "Ben") == [(30, 60)]
    undo_merge(ben.public_id, by=by, at=BEGAN + timedelta(hours=2))
    assert (scene.row("Ada").outcome, scene.row("Ben").outcome) == ("partial", "partial")


def test_an_erased_person_keeps_an_anonymous_credit_and_plays_no_more(scene: Scene) -> None:
    play(scene, (0, 60))
    credit_all(scene)
    person = scene.people["Ada"]
    erase_person(
        person.public_id,
        confirmation="ada@x.example",
        withdraw_certificates=False,
        by=scene.make.administrator(),
        at=BEGAN + timedelta(hours=4),
    )
    credit = scene.credit("Ada")
    assert credit is not None
    assert (credit.source, credit.outcome) == ("replay", "attended")
    assert db.session.scalars(select(ReplayViewing)).all() == []
    with pytest.raises(NotFound):
        play(scene, (60, 90))


@pytest.mark.databases(differs=True)
def test_two_devices_that_report_at_once_lose_nothing_and_gain_nothing(app: APIFlask, scene: Scene) -> None:
    reports: Sequence[tuple[tuple[float, float], ...]] = [((n, n + 1.5),) for n in range(12)]
    failures: list[BaseException] = []
    barrier = threading.Barrier(len(reports))
    ids = scene.lecture.id, scene.people["Ada"].id

    def report(ranges: tuple[tuple[float, float], ...]) -> None:
        with app.app_context():
            barrier.wait()
            try:
                record_played(
                    *ids,
                    [(clock.to_ms(minute(start)), clock.to_ms(minute(end))) for start, end in ranges],
                    began_ms=clock.to_ms(BEGAN),
                    at=BEGAN + timedelta(minutes=4),
                )
            except BaseException as error:
                failures.append(error)
            finally:
                db.session.remove()

    threads = [threading.Thread(target=report, args=(ranges,)) for ranges in reports]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    db.session.rollback()
    assert length([(int(start * 60_000), int(end * 60_000)) for start, end in stored(scene)]) == 8 * MINUTE_MS + 15_000
    viewing = db.session.get(ReplayViewing, ids)
    assert viewing is not None
    assert viewing.played_ms == 8 * MINUTE_MS + REPLAY_SLACK_MS


def test_a_live_lecture_has_no_replay(scene: Scene, make: Make) -> None:
    scene.lecture = make.lecture(scene.series, state="live", actual_start=minute(0), starts_at=minute(0))
    with pytest.raises(NotFound):
        play(scene, (0, 10))
