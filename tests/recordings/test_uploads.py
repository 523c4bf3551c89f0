"""Recordings made elsewhere: checked by their content, packaged like a lecture, published as a whole."""

from __future__ import annotations

import io
import os
import signal
import threading
from datetime import timedelta
from pathlib import Path

import pytest
from apiflask import APIFlask

from lms.attendance.actions.replays import credit_due_replays
from lms.attendance.models.credits import Credit, Outcome
from lms.attendance.queries.outcomes import counted_ms
from lms.catalogue.actions.pauses import measure_pauses
from lms.catalogue.models import Lecture, LecturePause
from lms.core.base.errors import Busy, DomainError, Invalid, Refused, WrongKind
from lms.core.base.roles import SYSTEM, Actor
from lms.core.database.session import action, db
from lms.core.storage import files
from lms.core.storage.locks import holding
from lms.core.storage.programs import find_ffmpeg
from lms.core.time import clock
from lms.live.actions import report_played
from lms.recordings import actions, uploads
from lms.recordings.queries import RecordingState, get_recording
from lms.recordings.replays import find_replays
from lms.reports import recount
from lms.reports.recounted_rows import RecountRows
from lms.streaming.encoder import Encoder
from lms.streaming.models import SourceFailure, Stream, StreamState, Track
from lms.streaming.queries import find_recordings, find_stream, list_epochs, replay_parts, stored_keys, stream_status
from lms.streaming.rules import MOST_MS
from lms.streaming.stream_packager import StreamPackager
from tests.factories import Make
from tests.queries import CountQueries
from tests.recordings.recorded import held_lecture, mp4, package, record, stored_names
from tests.rows import each_row
from tests.streaming.media import run_ffmpeg, webm

pytestmark = pytest.mark.usefixtures("context")


@pytest.fixture(autouse=True)
def _short_segments(app: APIFlask, context: None, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in ("chunks", "recordings", "staged"):
        files.delete_folder(folder)
    monkeypatch.setattr(app.extensions["lms.config"], "segment_seconds", 1)


@pytest.fixture
def by(make: Make) -> Actor:
    return make.administrator()


@pytest.fixture
def lecture(make: Make) -> Lecture:
    return held_lecture(make)


def upload(lecture: Lecture, content: bytes, name: str = "Zoom.mp4", *, by: Actor) -> None:
    uploads.upload_whole(lecture.id, io.BytesIO(content), name, by=by, at=clock.now())


@pytest.mark.parametrize(("content", "name"), [(mp4(), "Zoom.mp4"), (webm(), "Meeting.webm")])
def test_an_uploaded_recording_becomes_the_replay(
    make: Make, lecture: Lecture, by: Actor, tmp_path: Path, content: bytes, name: str
) -> None:
    upload(lecture, content, name, by=by)
    assert get_recording(lecture.id, by=by, at=clock.now()).state is RecordingState.PACKAGING
    assert (stream_status(lecture.id, at=clock.now()).folder, find_recordings([lecture.id])) == (None, {})
    stream = package(make, lecture.id, tmp_path)
    assert stream.state is StreamState.COMPLETE
    (part,) = replay_parts(lecture.id)
    assert lecture.actual_start is not None
    assert (part.position_ms, part.wall_ms) == (0, clock.to_ms(lecture.actual_start))
    assert part.length_ms == pytest.approx(4000, abs=150)
    assert set(find_recordings([lecture.id])) == {lecture.id}
    shown = get_recording(lecture.id, by=by, at=clock.now())
    assert shown.source is not None
    assert (shown.state, shown.source.file_name) == (RecordingState.READY, name)
    assert (shown.stream.byte_count or 0) > 1000  # type: ignore[union-attr]
    keys = {key.removeprefix(f"recordings/{stream.public_id}/") for key in stored_keys(1000)}
    assert stored_names(stream) == keys


def test_all_of_an_uploaded_recording_counts_around_the_pauses_of_its_lecture(
    make: Make, by: Actor, tmp_path: Path
) -> None:
    began = clock.now().replace(microsecond=0) - timedelta(minutes=60)
    moments = [began + timedelta(seconds=seconds) for seconds in (0, 1.5, 4, 6.5)]
    lecture = held_lecture(make, starts_at=began, actual_start=moments[0], actual_end=moments[3])
    ada = make.person("Ada")
    make.enrolment(lecture.series, ada)

    @action
    def pause() -> None:
        db.session.add(LecturePause(lecture_id=lecture.id, started_at=moments[1], ended_at=moments[2]))
        db.session.get_one(Lecture, lecture.id).paused_ms = 0
        measure_pauses(db.session.get_one(Lecture, lecture.id))

    pause()
    upload(lecture, mp4(), by=by)
    package(make, lecture.id, tmp_path)
    parts = replay_parts(lecture.id)
    assert [(part.position_ms, part.wall_ms) for part in parts[:2]] == [
        (0, clock.to_ms(moments[0])),
        (1500, clock.to_ms(moments[2])),
    ]
    ranges = [(part.wall_ms, part.wall_ms + part.length_ms) for part in parts]
    now = clock.now()
    at, began_ms = now, clock.to_ms(now - timedelta(minutes=1))
    answer = report_played(lecture.id, ada.id, ranges, began_ms=began_ms, is_paused=True, at=at)
    assert credit_due_replays(at=at) == 1
    credit = db.session.get_one(Credit, (lecture.id, ada.id))
    assert (credit.present_ms, credit.outcome, answer.played_ms) == (4000, Outcome.ATTENDED, 4000)
    assert counted_ms(lecture.id, ada.id, at) == 4000
    assert recount.facts_differences(RecountRows("UTC")) == []


def test_sound_alone_is_a_recording_with_black_pictures(
    make: Make, lecture: Lecture, by: Actor, tmp_path: Path
) -> None:
    upload(lecture, mp4(with_video=False), by=by)
    stream = package(make, lecture.id, tmp_path)
    (epoch,) = list_epochs(stream.id)
    assert (epoch.has_picture, set(epoch.durations)) == (False, {"v", "a", "s"})


def damaged(content: bytes) -> bytes:
    return content[:40] + bytes(200) + content[240:2000]


REFUSED = [
    (b"", "Zoom.mp4", WrongKind, "not a video"),
    (b"%PDF-1.7 ...........", "Zoom.mp4", WrongKind, "not a video"),
    (mp4(), "Zoom.avi", WrongKind, "MP4 or WebM"),
    (mp4()[:-3000], "Zoom.mp4", Invalid, "damaged"),
    (damaged(mp4()), "Zoom.mp4", Invalid, "damaged"),
    (webm()[:300], "Zoom.webm", Invalid, ""),
    (mp4(with_audio=False), "Zoom.mp4", Invalid, "no sound"),
]


@each_row("content, name, kind, words", REFUSED)
def test_other_files_are_refused_with_the_reason(
    lecture: Lecture, by: Actor, content: bytes, name: str, kind: type[DomainError], words: str
) -> None:
    with pytest.raises(kind) as refusal:
        upload(lecture, content, name, by=by)
    assert words in refusal.value.message
    assert find_stream(lecture.id, Track.MAIN) is None
    assert not files.listed("chunks")
    assert not files.listed(f"staged/recordings/{by.person_id}")


def test_a_recording_of_more_than_13_hours_is_refused(
    lecture: Lecture, by: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert MOST_MS == 50_000_000
    monkeypatch.setattr("lms.streaming.media_probe.MOST_MS", 3000)
    with pytest.raises(Invalid, match=r"0:00:04 long\. A recording can have 0:00:03 at most"):
        upload(lecture, mp4(), by=by)


def test_a_disk_nearly_full_takes_no_upload_and_lets_packaging_wait(
    make: Make, lecture: Lecture, by: Actor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = [1_000_000_000]
    monkeypatch.setattr(files, "free_bytes", lambda: free[0])
    with pytest.raises(Refused, match="disk is nearly full"):
        upload(lecture, mp4(), by=by)
    free[0] = 100_000_000_000
    upload(lecture, mp4(), by=by)
    free[0] = 1_000_000_000
    assert get_recording(lecture.id, by=by, at=clock.now()).waits_for_disk
    stream = find_stream(lecture.id, Track.MAIN)
    assert stream is not None
    stopping = threading.Event()
    monkeypatch.setattr("lms.streaming.stream_packager.SOURCE_SECONDS", 0)
    packager = StreamPackager(make.app, stream.id, Path("/nowhere/ffmpeg"), tmp_path, stopping)
    wait = stopping.wait
    monkeypatch.setattr(stopping, "wait", lambda seconds: stopping.set() or wait(seconds))
    packager._run()
    assert not list_epochs(stream.id)
    free[0] = 100_000_000_000
    assert package(make, lecture.id, tmp_path).state is StreamState.COMPLETE


def test_an_incomplete_file_publishes_nothing(make: Make, lecture: Lecture, by: Actor, tmp_path: Path) -> None:
    content = mp4(8)
    (tmp_path / "slow.mp4").write_bytes(content)
    run_ffmpeg("-i", tmp_path / "slow.mp4", "-c", "copy", "-movflags", "+faststart", tmp_path / "fast.mp4")
    whole = (tmp_path / "fast.mp4").read_bytes()
    upload(lecture, whole[: len(whole) * 6 // 10], by=by)
    stream = package(make, lecture.id, tmp_path / "work")
    shown = get_recording(lecture.id, by=by, at=clock.now())
    assert (shown.state, shown.source.failure) == (RecordingState.FAILED, SourceFailure.ENDS_EARLY)  # type: ignore[union-attr]
    assert (find_recordings([lecture.id]), stored_names(stream)) == ({}, set())
    assert stream_status(lecture.id, at=clock.now()).folder is None
    upload(lecture, content, by=by)
    assert package(make, lecture.id, tmp_path / "again").state is StreamState.COMPLETE
    assert get_recording(lecture.id, by=by, at=clock.now()).state is RecordingState.READY


@pytest.mark.long
def test_a_packager_that_dies_continues_and_publishes_once(
    make: Make, lecture: Lecture, by: Actor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    publish = StreamPackager._publish

    def kill_once(self: StreamPackager, stream: Stream, epoch_id: int, encoder: Encoder) -> int:
        count = publish(self, stream, epoch_id, encoder)
        if count:
            os.kill(encoder.pid, signal.SIGKILL)
            raise Killed
        return count

    monkeypatch.setattr("lms.streaming.stream_packager.PUBLISH_SECONDS", 0.02)
    upload(lecture, mp4(40, size="640x360"), by=by)
    monkeypatch.setattr(StreamPackager, "_publish", kill_once)
    with pytest.raises(Killed):
        package(make, lecture.id, tmp_path)
    db.session.rollback()
    assert stream_status(lecture.id, at=clock.now()).folder is None
    monkeypatch.setattr(StreamPackager, "_publish", publish)
    stream = package(make, lecture.id, tmp_path / "again")
    assert stream.state is StreamState.COMPLETE
    first, second = list_epochs(stream.id)
    assert second.start_ms == first.length_ms > 0
    assert second.wall_ms == first.wall_ms + first.length_ms
    assert first.length_ms + second.length_ms == pytest.approx(40_000, abs=300)


def test_a_lecture_with_a_recording_or_none_to_record_takes_no_upload(make: Make, lecture: Lecture, by: Actor) -> None:
    record(lecture, 20_000)
    with pytest.raises(Refused, match="has a recording already"):
        upload(lecture, mp4(), by=by)
    with pytest.raises(Refused, match="once the lecture was held"):
        upload(make.lecture(), mp4(), by=by)
    assert not files.listed("chunks")


def test_nothing_foreign_is_read_for_a_lecture_that_takes_no_upload_or_beside_another(
    make: Make, lecture: Lecture, by: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(actions, "probe", lambda *_given: pytest.fail("it is read"))
        with pytest.raises(Refused, match="once the lecture was held"):
            upload(make.lecture(), mp4(), by=by)
        patch.setattr(actions, "_PROBE_SECONDS", 0)
        with holding("probing", seconds=0), pytest.raises(Busy):
            upload(lecture, mp4(), by=by)
    upload(lecture, mp4(), by=by)


def test_a_file_that_waits_to_be_read_is_kept(lecture: Lecture, by: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    forgotten: list[str] = []
    monkeypatch.setattr(uploads, "is_upload_saved", lambda *_given, **_options: False)
    monkeypatch.setattr(uploads, "complete_upload", lambda *_given, **_options: ("staged/recordings/x", "Zoom.mp4"))
    monkeypatch.setattr(uploads, "forget_upload", lambda *_given: forgotten.append("upload"))

    def busy(*_given: object, **_options: object) -> str:
        raise Busy

    monkeypatch.setattr(uploads, "add_recording", busy)
    with pytest.raises(Busy):
        uploads.finish(lecture.id, "x", by=by, at=clock.now())
    assert not forgotten


def test_pictures_of_more_than_4096_pixels_are_refused(lecture: Lecture, by: Actor) -> None:
    with pytest.raises(Invalid, match="The picture is 4100 × 64 pixels"):
        upload(lecture, mp4(1, size="4100x64"), by=by)


def test_a_recording_removed_while_it_is_packaged_leaves_nothing(
    make: Make, lecture: Lecture, by: Actor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish = StreamPackager._publish

    def remove_once(self: StreamPackager, stream: Stream, epoch_id: int, encoder: Encoder) -> int:
        if find_stream(lecture.id, Track.MAIN) is not None and encoder.segments("a"):
            actions.remove(lecture.id, by=SYSTEM, at=clock.now())
        return publish(self, stream, epoch_id, encoder)

    upload(lecture, mp4(), by=by)
    stream = find_stream(lecture.id, Track.MAIN)
    assert stream is not None
    folder = stream.public_id
    monkeypatch.setattr(StreamPackager, "_publish", remove_once)
    program = find_ffmpeg()
    assert program is not None
    packager = StreamPackager(make.app, stream.id, program, tmp_path, threading.Event())
    packager.run()
    db.session.rollback()
    assert find_stream(lecture.id, Track.MAIN) is None
    assert not (files.folder() / "recordings" / folder).exists()


def test_the_pauses_of_many_lectures_are_read_at_once(make: Make, count_queries: CountQueries) -> None:
    lectures = [held_lecture(make) for _number in range(3)]

    @action
    def pause() -> None:
        for lecture in lectures:
            start = lecture.actual_start
            assert start is not None
            row = LecturePause(lecture_id=lecture.id, started_at=start, ended_at=start + timedelta(minutes=5))
            db.session.add(row)
            db.session.get_one(Lecture, lecture.id).paused_ms = 300_000
            record(lecture, 60_000)

    pause()

    def asked(ids: list[int]) -> int:
        db.session.rollback()
        with count_queries() as statements:
            assert len(find_replays(ids)) == len(ids)
        return len(statements)

    ids = [lecture.id for lecture in lectures]
    find_replays(ids)
    assert asked(ids) == asked(ids[:1])
