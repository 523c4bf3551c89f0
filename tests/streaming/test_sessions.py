"""Who sends a lecture, and what is stored of it."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import Any

import pytest
from apiflask import APIFlask
from sqlalchemy import func, select

from lms.catalogue.actions.pauses import pause_lecture
from lms.catalogue.actions.states import end_lecture, reopen_lecture, start_lecture
from lms.catalogue.models import Lecture, LectureState
from lms.core.base.errors import Forbidden, Invalid, Refused
from lms.core.database.session import db
from lms.core.storage import files
from lms.core.time import clock
from lms.streaming.actions import (
    begin_epoch,
    begin_streaming,
    close_epoch,
    drop_old_chunks,
    drop_old_rehearsals,
    go_live,
    note_complete,
    note_packaged,
    note_segments,
    remove_streams,
    stop_streaming,
)
from lms.streaming.chunk_store import count_chunks, store_chunk
from lms.streaming.models import Stream, StreamSession, StreamState, Track
from lms.streaming.queries import (
    ReplayPart,
    complete_ms,
    find_open_session,
    find_recordings,
    find_stream,
    get_session,
    list_epochs,
    replay_parts,
)
from lms.streaming.rules import MAX_CHUNKS
from lms.streaming.webm import MAGIC
from tests.factories import Make

pytestmark = pytest.mark.usefixtures("context")
FIRST = MAGIC + b"first"


@pytest.fixture
def lecture(make: Make) -> Lecture:
    teachers = [make.person("Lin Yuhan", roles=["instructor"]), make.person("Wu Min", roles=["instructor"])]
    began = clock.now() - timedelta(minutes=1)
    return make.lecture(make.series(instructors=teachers), state="live", starts_at=began, actual_start=began)


def begin(make: Make, lecture: Lecture, name: str = "Lin Yuhan", **options: Any) -> StreamSession:
    person = next(person for person in lecture.series.instructors if person.full_name == name)
    track = options.pop("track", Track.MAIN)
    at = options.pop("at", None) or clock.now()
    return begin_streaming(lecture.id, track, by=make.actor(person), at=at, **options)


def store(session: StreamSession, number: int, content: bytes) -> int:
    return store_chunk(session, number, content, sha256=hashlib.sha256(content).digest())


def test_two_instructors_at_once_are_told_who_sends(make: Make, lecture: Lecture) -> None:
    first = begin(make, lecture)
    with pytest.raises(Refused, match="Lin Yuhan is sending this lecture from another computer"):
        begin(make, lecture, "Wu Min")
    with pytest.raises(Refused, match="You are sending this lecture from another page"):
        begin(make, lecture)
    second = begin(make, lecture, "Wu Min", takes_over=True)
    assert get_session(first.public_id).stopped_at is not None
    assert find_open_session(second.stream_id) == second


def test_a_page_that_was_reloaded_continues_its_own_session(make: Make, lecture: Lecture) -> None:
    """Also where it never read the answer to its first call."""
    begin(make, lecture, page="first")
    for name, page in (("Lin Yuhan", "another"), ("Lin Yuhan", None), ("Wu Min", "first")):
        with pytest.raises(Refused):
            begin(make, lecture, name, page=page)
    second = begin(make, lecture, page="first")
    assert find_open_session(second.stream_id) == second


@pytest.mark.present
def test_who_comes_back_continues_once_nothing_arrived_for_ten_seconds(make: Make, lecture: Lecture) -> None:
    first, at = begin(make, lecture), clock.now()
    store(first, 0, FIRST)
    for later, name in ((8, "Lin Yuhan"), (60, "Wu Min")):
        with pytest.raises(Refused):
            begin(make, lecture, name, at=at + timedelta(seconds=later))
    second = begin(make, lecture, at=at + timedelta(seconds=11))
    assert get_session(first.public_id).stopped_at == at + timedelta(seconds=11)
    assert find_open_session(second.stream_id) == second


def test_going_live_starts_a_lecture_and_ends_its_pause(make: Make) -> None:
    teacher, at = make.person("Lin Yuhan", roles=["instructor"]), clock.now()
    lecture = make.lecture(make.series(instructors=[teacher]), starts_at=at + timedelta(hours=2))
    by = make.actor(teacher)
    with pytest.raises(Refused, match="from one hour before the planned start"):
        go_live(lecture.id, by=by, at=at)
    with pytest.raises(Forbidden):
        go_live(lecture.id, by=make.actor(make.person("Ada", roles=["instructor"])), at=at + timedelta(hours=1))
    rehearsal = begin_streaming(lecture.id, Track.REHEARSAL, by=by, at=at)
    session = go_live(lecture.id, by=by, at=at + timedelta(hours=1))
    started = db.session.get_one(Lecture, lecture.id, populate_existing=True)
    assert (started.state, started.actual_start) == (LectureState.LIVE, at + timedelta(hours=1))
    assert find_open_session(rehearsal.stream_id) is None
    pause_lecture(lecture.id, by=by, at=at + timedelta(hours=1, minutes=10))
    assert find_open_session(session.stream_id) is None
    assert stop_streaming(session.public_id, chunk_count=600, at=clock.now()).chunk_count == 600
    assert stop_streaming(session.public_id, chunk_count=601, at=clock.now()).chunk_count == 600
    again = go_live(lecture.id, by=by, at=at + timedelta(hours=1, minutes=15))
    assert find_open_session(again.stream_id) == again
    assert db.session.get_one(Lecture, lecture.id, populate_existing=True).paused_ms == 300_000


def test_only_staff_of_a_live_lecture_send(make: Make, lecture: Lecture) -> None:
    other = make.actor(make.person("Ada", roles=["instructor"]))
    with pytest.raises(Forbidden):
        begin_streaming(lecture.id, Track.MAIN, by=other, at=clock.now())
    end_lecture(lecture.id, by=make.administrator(), at=clock.now())
    for track in Track:
        with pytest.raises(Refused, match="over"):
            begin(make, lecture, track=track)


def test_before_the_start_only_a_rehearsal_is_sent(make: Make) -> None:
    teacher = make.person("Lin Yuhan", roles=["instructor"])
    soon = clock.now() + timedelta(minutes=5)
    lecture = make.lecture(make.series(instructors=[teacher]), state="scheduled", starts_at=soon)
    with pytest.raises(Refused, match="Start the lecture first"):
        begin(make, lecture)
    rehearsal = begin(make, lecture, track=Track.REHEARSAL)
    start_lecture(lecture.id, by=make.actor(teacher), at=clock.now())
    assert get_session(rehearsal.public_id).stopped_at is not None
    assert begin(make, lecture).stopped_at is None


def test_the_end_stops_what_is_sent_and_reopening_lets_it_go_on(make: Make, lecture: Lecture) -> None:
    session = begin(make, lecture)
    by = make.administrator()
    end_lecture(lecture.id, by=by, at=clock.now())
    stream = find_stream(lecture.id, Track.MAIN)
    assert stream is not None
    assert (stream.state, get_session(session.public_id).stopped_at is not None) == (StreamState.ENDED, True)
    reopen_lecture(lecture.id, by=by, at=clock.now())
    assert find_stream(lecture.id, Track.MAIN).state is StreamState.OPEN  # type: ignore[union-attr]
    assert begin(make, lecture).stream_id == session.stream_id


def test_chunks_come_in_any_order_and_any_number_of_times(make: Make, lecture: Lecture) -> None:
    session = begin(make, lecture)
    assert store(session, 1, b"second") == 0
    assert store(session, 0, FIRST) == 2
    assert store(session, 0, FIRST) == 2
    assert store(session, 3, b"fourth") == 2
    with pytest.raises(Refused, match="Another chunk"):
        store(session, 1, b"another")
    assert count_chunks(session) == 2


@pytest.mark.parametrize(
    ("number", "content", "digest", "reason"),
    [
        (0, b"", None, "empty"),
        (1, b"content", b"\0" * 32, "damaged"),
        (0, b"\0\0\0\x20ftypisom", None, "not WebM"),
        (-1, b"content", None, "from 0 to"),
        (MAX_CHUNKS, b"content", None, "from 0 to"),
    ],
)
def test_a_chunk_that_cannot_be_used_is_refused(
    make: Make, lecture: Lecture, number: int, content: bytes, digest: bytes | None, reason: str
) -> None:
    session = begin(make, lecture)
    with pytest.raises(Invalid, match=reason):
        store_chunk(session, number, content, sha256=digest or hashlib.sha256(content).digest())
    assert files.listed(f"chunks/{session.public_id}") == []


def test_nothing_is_stored_when_the_disk_is_full(make: Make, lecture: Lecture, monkeypatch: pytest.MonkeyPatch) -> None:
    session = begin(make, lecture)
    monkeypatch.setattr(files, "free_bytes", lambda: 1000)
    with pytest.raises(files.StorageAway):
        store(session, 0, FIRST)


def test_stopping_again_changes_nothing(make: Make, lecture: Lecture) -> None:
    session = begin(make, lecture)
    stop_streaming(session.public_id, chunk_count=5, at=clock.now())
    stop_streaming(session.public_id, chunk_count=None, at=clock.now())
    assert get_session(session.public_id).chunk_count == 5


def test_the_time_of_day_never_goes_back(make: Make, lecture: Lecture) -> None:
    session = begin(make, lecture)
    first = begin_epoch(session.id, start_ms=0, wall_ms=1_000_000)
    note_segments(first, {"v": [2000, 2000], "a": [2000, 1990]})
    close_epoch(first)
    begin_epoch(session.id, start_ms=4000, wall_ms=400_000)  # the server's clock was set back
    assert [epoch.wall_ms for epoch in list_epochs(session.stream_id)] == [1_000_000, 1_004_000]


def test_a_replay_plays_one_epoch_after_the_other(make: Make, lecture: Lecture) -> None:
    assert replay_parts(lecture.id) == []
    session = begin(make, lecture)
    begun_ms = clock.to_ms(session.started_at)
    for start_ms, durations in ((0, {"v": [2000, 2000, 500], "a": [2000, 2000]}), (9000, {}), (60_000, {"a": [1500]})):
        epoch_id = begin_epoch(session.id, start_ms=start_ms, wall_ms=begun_ms + start_ms)
        note_segments(epoch_id, durations)
    begin(make, lecture, track=Track.REHEARSAL)
    assert replay_parts(lecture.id) == [ReplayPart(0, begun_ms, 4000), ReplayPart(4000, begun_ms + 60_000, 1500)]


def test_chunks_are_deleted_a_day_after_they_were_packaged(make: Make, lecture: Lecture) -> None:
    session = begin(make, lecture)
    store(session, 0, FIRST)
    now = clock.now()
    drop_old_chunks(at=now + timedelta(days=9))
    assert files.has(f"chunks/{session.public_id}/00000000")
    note_packaged(session.id, at=now)
    drop_old_chunks(at=now + timedelta(hours=23))
    assert files.has(f"chunks/{session.public_id}/00000000")
    drop_old_chunks(at=now + timedelta(hours=25))
    assert not files.has(f"chunks/{session.public_id}/00000000")


def test_old_rehearsals_and_streams_of_deleted_lectures_are_removed(make: Make, lecture: Lecture) -> None:
    main, rehearsal = begin(make, lecture), begin(make, lecture, track=Track.REHEARSAL)
    for session in (main, rehearsal):
        store(session, 0, FIRST)
        files.store(f"recordings/{session.stream.public_id}/a.m3u8", b"#EXTM3U")
    folder = files.folder() / "recordings"
    main_id, rehearsal_id = main.stream.public_id, rehearsal.stream.public_id
    drop_old_rehearsals(at=clock.now() + timedelta(days=2))
    assert ((folder / main_id).exists(), (folder / rehearsal_id).exists()) == (True, False)
    remove_streams(lecture.id)
    assert not (folder / main_id).exists()
    assert db.session.scalar(select(func.count()).select_from(StreamSession)) == 0
    assert db.session.scalar(select(func.count()).select_from(Stream)) == 0


@pytest.mark.databases(differs=True)
def test_two_pages_that_begin_at_once_leave_one_session(app: APIFlask, make: Make, lecture: Lecture) -> None:
    from concurrent.futures import ThreadPoolExecutor

    by, lecture_id = make.actor(lecture.series.instructors[0]), lecture.id
    db.session.rollback()

    def begin_alone() -> str:
        with app.app_context():
            try:
                return begin_streaming(lecture_id, Track.MAIN, by=by, at=clock.now()).public_id
            except Refused:
                return "refused"

    with ThreadPoolExecutor(4) as pool:
        answers = [future.result() for future in [pool.submit(begin_alone) for _n in range(4)]]
    assert answers.count("refused") == 3


@pytest.mark.databases
def test_an_epoch_without_segments_is_no_recording(make: Make, lecture: Lecture) -> None:
    session, by = begin(make, lecture), make.administrator()
    close_epoch(begin_epoch(session.id, start_ms=0, wall_ms=0), resumes_at=(7, 0))
    end_lecture(lecture.id, by=by, at=clock.now())
    note_packaged(session.id, at=clock.now())
    assert note_complete(session.stream_id, at=clock.now())
    assert (find_recordings([lecture.id]), complete_ms(session.stream_id, None)) == ({}, 0)
    reopen_lecture(lecture.id, by=by, at=clock.now())
    second = begin(make, lecture)
    epoch_id = begin_epoch(second.id, start_ms=0, wall_ms=0)
    note_segments(epoch_id, {"a": [2000, 1500], "v": [2000]})
    close_epoch(epoch_id)
    end_lecture(lecture.id, by=by, at=clock.now())
    note_packaged(second.id, at=clock.now())
    assert note_complete(session.stream_id, at=clock.now())
    db.session.rollback()
    stream = find_stream(lecture.id, Track.MAIN)
    assert stream is not None
    assert (stream.length_ms, set(find_recordings([lecture.id]))) == (2000, {lecture.id})
