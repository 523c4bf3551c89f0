"""Chunks become segments and playlists with a real ffmpeg, whole and in order, also after crashes and gaps."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import signal
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from apiflask import APIFlask

from lms.catalogue.models import Lecture
from lms.core.background import leases
from lms.core.base.roles import Actor
from lms.core.database.session import action, db
from lms.core.storage import files
from lms.core.storage.programs import find_ffmpeg
from lms.core.time import clock
from lms.streaming import packager, session_runs, stream_packager
from lms.streaming.actions import begin_streaming, end_streams, stop_streaming
from lms.streaming.chunk_store import store_chunk
from lms.streaming.encoder import Encoder
from lms.streaming.models import Epoch, Stream, StreamSession, StreamState, Track
from lms.streaming.queries import get_session, list_epochs, stored_keys, stream_status
from lms.streaming.session_runs import End, end_of_waiting, is_session_over
from lms.streaming.stream_packager import StreamPackager
from lms.streaming.webm import MAGIC
from tests.factories import Make
from tests.streaming.media import chunks_of, later, seconds_of, sized, webm, with_large_frames
from tests.waiting import LONGEST, until

Chunks = list[bytes | None]


class Studio:
    """An instructor who sends a live lecture, and the packager of its stream."""

    def __init__(self, app: APIFlask, make: Make, folder: Path) -> None:
        self.app, self.folder = app, folder
        self.teacher = make.person("Lin Yuhan", roles=["instructor"])
        series = make.series(instructors=[self.teacher])
        began = clock.now() - timedelta(minutes=1)
        self.lecture: Lecture = make.lecture(series, state="live", starts_at=began, actual_start=began)
        self.by: Actor = make.actor(self.teacher)
        self.stopping = threading.Event()

    def begin(self, *, takes_over: bool = False) -> str:
        session = begin_streaming(self.lecture.id, Track.MAIN, takes_over=takes_over, by=self.by, at=clock.now())
        return session.public_id

    def send(self, session_id: str, chunks: Chunks, *, first: int = 0) -> None:
        """Stores chunks; None is one that never comes."""
        session = get_session(session_id)
        for number, chunk in enumerate(chunks, first):
            if chunk is not None:
                store_chunk(session, number, chunk, sha256=hashlib.sha256(chunk).digest())

    def send_all(self, session_id: str, chunks: Chunks) -> None:
        self.send(session_id, chunks)
        stop_streaming(session_id, chunk_count=len(chunks), at=clock.now())

    def packager(self) -> StreamPackager:
        program = find_ffmpeg()
        assert program is not None, "make video installs it"
        return StreamPackager(self.app, self.stream().id, program, self.folder, self.stopping)

    def package(self) -> None:
        """Packages until nothing is left to do, in this thread."""
        self.packager()._run()

    def stream(self) -> Stream:
        db.session.rollback()
        return db.session.query(Stream).filter_by(lecture_id=self.lecture.id).one()

    def epochs(self) -> list[Epoch]:
        return list(list_epochs(self.stream().id))

    def path(self, name: str) -> Path:
        return files.folder() / "recordings" / self.stream().public_id / name

    def playlist(self, name: str) -> list[str]:
        content = files.find(f"recordings/{self.stream().public_id}/{name}")
        assert content is not None
        return content.decode().splitlines()

    def seconds(self, rendition: str, epoch: Epoch, stream: str | None = None) -> float:
        """How long an epoch of a rendition plays, decoded."""
        numbers = range(len(epoch.durations[rendition]))
        names = [f"{rendition}.mp4", *(f"{rendition}{number:05d}.m4s" for number in numbers)]
        with ExitStack() as copies:
            folder = f"recordings/{self.stream().public_id}/{epoch.number}"
            paths = [copies.enter_context(files.local_copy(f"{folder}/{name}")) for name in names]
            return seconds_of(*paths, stream=stream or rendition)


@pytest.fixture
def studio(app: APIFlask, make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Studio:
    monkeypatch.setattr(app.extensions["lms.config"], "segment_seconds", 1)
    for name in ("IDLE_SECONDS", "GAP_SECONDS", "LAST_CHUNK_SECONDS"):
        monkeypatch.setattr(session_runs, name, 0.3)
    monkeypatch.setattr(stream_packager, "STATE_SECONDS", 0.01)
    monkeypatch.setattr("lms.streaming.rules.LATE_CHUNKS", timedelta())
    return Studio(app, make, tmp_path)


pytestmark = pytest.mark.usefixtures("context")


def test_a_stream_is_packaged_with_picture_and_sound(studio: Studio) -> None:
    session_id = studio.begin()
    studio.send_all(session_id, chunks_of(webm(), 4))
    studio.package()
    (epoch,) = studio.epochs()
    assert set(epoch.durations) == {"v", "t", "a", "s"}
    assert studio.seconds("s", epoch, stream="a") == pytest.approx(4, abs=0.15)
    assert studio.seconds("t", epoch, stream="v") == pytest.approx(4, abs=0.15)
    assert studio.seconds("t", epoch, stream="a") == pytest.approx(4, abs=0.15)
    sizes = [sum(path.stat().st_size for path in studio.path("1").glob(f"{name}0*.m4s")) for name in "as"]
    assert sizes[1] < 0.6 * sizes[0]
    assert studio.seconds("v", epoch) == pytest.approx(4, abs=0.15)
    assert studio.seconds("a", epoch) == pytest.approx(4, abs=0.15)
    assert studio.seconds("v", epoch, stream="a") == pytest.approx(4, abs=0.15)
    assert get_session(session_id).packaged_at is not None
    master = studio.playlist("master.m3u8")
    assert "v.m3u8" in master
    assert "a.m3u8" in master
    assert [line for line in studio.playlist("sound.m3u8") if line.endswith(".m3u8")] == ["a.m3u8", "s.m3u8"]
    small = [line for line in studio.playlist("small.m3u8") if line.endswith(".m3u8")]
    assert small == ["t.m3u8", "a.m3u8", "s.m3u8"]
    assert [line for line in master if line.endswith(".m3u8")] == ["v.m3u8", *small]
    assert any("RESOLUTION=426x240,FRAME-RATE=10.000" in line for line in master)
    live = studio.playlist("v.m3u8")
    assert "#EXT-X-ENDLIST" not in live
    assert [line for line in live if line.endswith((".m4s", '.mp4"'))][:2] == [
        '#EXT-X-MAP:URI="1/v.mp4"',
        "1/v00000.m4s",
    ]
    assert "#EXT-X-PLAYLIST-TYPE:EVENT" in studio.playlist("v_full.m3u8")


def test_the_recording_is_complete_when_the_lecture_is_over(studio: Studio) -> None:
    session_id = studio.begin()
    studio.send(session_id, list(chunks_of(webm(2), 2)))
    end_streams(studio.lecture.id, at=clock.now())
    studio.package()
    assert studio.stream().state is StreamState.COMPLETE
    assert studio.playlist("v_full.m3u8")[-1] == "#EXT-X-ENDLIST"
    assert "#EXT-X-PLAYLIST-TYPE:VOD" in studio.playlist("a_full.m3u8")
    keys = set(stored_keys(1000))
    stored = {str(path.relative_to(files.folder())) for path in studio.path("").rglob("*") if path.is_file()}
    assert stored == keys


def test_what_was_said_before_somebody_else_ended_the_lecture_is_waited_for(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lms.streaming.rules.LATE_CHUNKS", timedelta(minutes=1))
    session_id = studio.begin()
    chunks: Chunks = list(chunks_of(webm(), 4))
    studio.send(session_id, chunks[:2])
    thread = threading.Thread(target=studio.packager().run)
    thread.start()
    until(lambda: len(studio.epochs()) == 1 and not studio.epochs()[0].is_open)
    end_streams(studio.lecture.id, at=clock.now())
    time.sleep(2 * session_runs.LAST_CHUNK_SECONDS)  # the line is slow
    studio.send(session_id, chunks[2:], first=2)
    stop_streaming(session_id, chunk_count=4, at=clock.now())
    thread.join(LONGEST)
    assert sum(studio.seconds("a", epoch) for epoch in studio.epochs()) == pytest.approx(4, abs=0.3)
    assert studio.stream().state is StreamState.COMPLETE


def test_how_long_chunks_of_a_session_are_waited_for(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lms.streaming.rules.LATE_CHUNKS", timedelta(minutes=1))
    session_id, at = studio.begin(), clock.now()
    end_streams(studio.lecture.id, at=at)

    def end(number: int, seconds: float, waited: float) -> End | None:
        monkeypatch.setattr(clock, "now", lambda: at + timedelta(seconds=seconds))
        found = end_of_waiting(get_session(session_id), number, waited=waited, later_for=0)
        return found.why if found is not None else None

    assert (end(2, 59, 58), end(2, 62, 5)) == (None, End.FINAL)
    studio.send(session_id, [b"later"], first=5)
    assert end(2, 62, 0) is End.GAP, "what came before the minute was over is packaged"
    stop_streaming(session_id, chunk_count=4, at=at)
    assert (end(3, 1, 0.1), end(6, 1, 0)) == (None, End.FINAL)


def test_a_session_without_its_first_chunk_gives_way_to_the_next(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lms.streaming.rules.LATE_CHUNKS", timedelta(minutes=1))
    first = studio.begin()
    studio.send(first, list(chunks_of(webm(2), 2))[1:], first=1)
    stop_streaming(first, chunk_count=2, at=clock.now())
    waited = session_runs.LAST_CHUNK_SECONDS + 1
    assert not is_session_over(get_session(first), 0, waited), "what was sent before can arrive"
    studio.send(studio.begin(), list(chunks_of(webm(2), 2))[:1])
    assert is_session_over(get_session(first), 0, waited), "viewers do not wait for it"


def test_another_computer_continues_the_lecture(studio: Studio) -> None:
    first = studio.begin()
    studio.send(first, list(chunks_of(webm(2), 2)))
    second = studio.begin(takes_over=True)
    studio.send_all(second, chunks_of(webm(2), 2))
    studio.package()
    epochs = studio.epochs()
    assert [round(studio.seconds("a", epoch)) for epoch in epochs] == [2, 2]
    assert epochs[1].wall_ms >= epochs[0].wall_ms + epochs[0].length_ms
    assert studio.playlist("v.m3u8").count("#EXT-X-DISCONTINUITY") == 1


def test_after_a_pause_it_continues_where_it_stopped(studio: Studio) -> None:
    session_id = studio.begin()
    chunks: Chunks = list(chunks_of(webm(), 5))
    studio.send(session_id, chunks[:3])
    thread = threading.Thread(target=studio.packager().run)
    thread.start()
    until(lambda: len(studio.epochs()) == 1 and not studio.epochs()[0].is_open)
    studio.send(session_id, chunks[3:], first=3)
    stop_streaming(session_id, chunk_count=5, at=clock.now())
    thread.join(LONGEST)
    epochs = studio.epochs()
    assert len(epochs) == 2
    assert epochs[1].start_ms == epochs[0].length_ms
    assert sum(studio.seconds("v", epoch) for epoch in epochs) == pytest.approx(4, abs=0.3)
    assert sum(studio.seconds("a", epoch) for epoch in epochs) == pytest.approx(4, abs=0.3)


def test_a_killed_ffmpeg_loses_nothing(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    killed: list[int] = []
    publish = StreamPackager._publish

    def kill_once(self: StreamPackager, stream: Stream, epoch_id: int, encoder: Encoder) -> int:
        count = publish(self, stream, epoch_id, encoder)
        if count and not killed:
            killed.append(encoder.pid)
            os.kill(encoder.pid, signal.SIGKILL)
        return count

    monkeypatch.setattr(StreamPackager, "_publish", kill_once)
    monkeypatch.setattr(session_runs, "IDLE_SECONDS", 60)
    session_id = studio.begin()
    studio.send(session_id, list(chunks_of(webm(), 4)))
    thread = threading.Thread(target=studio.packager().run)
    thread.start()
    until(lambda: bool(killed))
    stop_streaming(session_id, chunk_count=4, at=clock.now())
    thread.join(LONGEST)
    epochs = studio.epochs()
    assert len(epochs) == 2
    assert sum(studio.seconds("v", epoch) for epoch in epochs) == pytest.approx(4, abs=0.3)
    assert [epoch.is_open for epoch in epochs] == [False, False]


def test_missing_chunks_leave_a_gap_and_no_more(studio: Studio) -> None:
    session_id = studio.begin()
    chunks: Chunks = list(chunks_of(webm(6), 12))
    chunks[4] = None
    studio.send_all(session_id, chunks)
    studio.package()
    epochs = studio.epochs()
    assert len(epochs) == 2
    assert epochs[0].length_ms == pytest.approx(2000, abs=500)
    assert epochs[1].start_ms == pytest.approx(3000, abs=100)
    assert studio.seconds("v", epochs[1]) == pytest.approx(3, abs=0.3)


def test_times_that_jump_leave_a_gap_and_no_more(studio: Studio) -> None:
    session_id = studio.begin()
    began = clock.now() - timedelta(hours=2)
    set_start(session_id, began)
    studio.send_all(session_id, [later(webm(), 1900, 3_600_000)])
    studio.package()
    first, second = studio.epochs()
    assert (first.length_ms, second.length_ms) == (pytest.approx(2000, abs=150), pytest.approx(2000, abs=150))
    assert second.start_ms == pytest.approx(3_602_000, abs=150)
    assert second.wall_ms == clock.to_ms(began) + second.start_ms
    assert studio.seconds("v", second) == pytest.approx(2, abs=0.15)
    session = get_session(session_id)
    assert (session.is_unreadable, session.failures) == (False, 0)


@pytest.mark.parametrize("first", [1900, 0])
def test_times_that_cannot_be_end_the_session(studio: Studio, first: int) -> None:
    session_id = studio.begin()
    chunks = chunks_of(webm(), 4)
    studio.send_all(
        session_id, [later(webm(), 1900, 3_600_000)] if first else [*chunks[:2], None, later(webm(), 0, 10**9)]
    )
    studio.package()
    (epoch,) = [epoch for epoch in studio.epochs() if epoch.durations]
    assert epoch.length_ms == pytest.approx(2000, abs=300)
    assert get_session(session_id).is_unreadable


@pytest.mark.parametrize("large", [sized, with_large_frames])
def test_large_frames_end_their_session_and_nothing_else(studio: Studio, large: Callable[[bytes, int], bytes]) -> None:
    bad = studio.begin()
    content = large(webm(), 16_000)
    assert content != webm()
    studio.send_all(bad, [content])
    studio.send_all(studio.begin(), list(chunks_of(webm(2), 2)))
    studio.package()
    assert get_session(bad).is_unreadable
    assert [epoch.length_ms for epoch in studio.epochs()] == [pytest.approx(2000, abs=150)]


def test_an_encoder_of_a_lecture_is_bounded(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LMS_SECRET", "not for ffmpeg")
    program = find_ffmpeg()
    assert program is not None
    (studio.folder / "out").mkdir()
    encoder = Encoder(program, studio.folder / "out", ["a"], segment_seconds=1)
    try:
        proc = Path(f"/proc/{encoder.pid}")
        until(lambda: b"ffmpeg" in (proc / "cmdline").read_bytes().split(b"\0")[0])
        assert re.search(r"Max address space +1610612736 ", (proc / "limits").read_text())
        assert b"LMS_SECRET" not in (proc / "environ").read_bytes()
        os.kill(encoder.pid, signal.SIGSTOP)
        encoder.write(webm()[:50_000] * 40)  # more than a pipe holds
        assert encoder.is_behind
        encoder.pump(0.01)
        assert encoder.is_behind
    finally:
        encoder.kill()
        encoder.finish()


def test_a_stuck_encoder_is_ended_and_its_lecture_goes_on(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    stopped: list[int] = []
    write = Encoder.write

    def stop_once(self: Encoder, content: bytes) -> None:
        if not stopped:
            stopped.append(self.pid)
            os.kill(self.pid, signal.SIGSTOP)
            content += bytes(1_000_000)
        write(self, content)

    monkeypatch.setattr(Encoder, "write", stop_once)
    monkeypatch.setattr("lms.streaming.encoder.STUCK_SECONDS", 0.2)
    session_id = studio.begin()
    studio.send_all(session_id, list(chunks_of(webm(), 4)))
    studio.package()
    assert [epoch.length_ms for epoch in studio.epochs()] == [pytest.approx(4000, abs=150)]


def test_what_ends_the_packager_itself_is_given_up_in_the_end(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    class Killed(BaseException):
        pass

    def die(*_arguments: object, **_options: object) -> None:
        raise Killed

    session_id = studio.begin()
    studio.send_all(session_id, list(chunks_of(webm(), 4)))
    with monkeypatch.context() as patch:
        patch.setattr(StreamPackager, "_feed", die)
        for _time in range(stream_packager.MAX_FAILURES):
            with pytest.raises(Killed):
                studio.package()
            shutil.rmtree(studio.folder)
    studio.package()
    assert get_session(session_id).is_unreadable
    with monkeypatch.context() as patch:
        patch.setattr(StreamPackager, "_feed", lambda *_a, **_o: 1 / 0)
        second = studio.begin()
        studio.send_all(second, list(chunks_of(webm(2), 2)))
        for _time in range(stream_packager.MAX_FAILURES + 1):
            studio.packager().run()  # as while the storage is away
    studio.package()
    assert not get_session(second).is_unreadable


def test_black_takes_the_place_of_the_picture_while_the_disk_is_nearly_full(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "free_bytes", lambda: 1_000_000_000)
    studio.send_all(studio.begin(), list(chunks_of(webm(2), 2)))
    studio.package()
    (epoch,) = studio.epochs()
    assert not epoch.has_picture
    assert not stream_status(studio.lecture.id, at=clock.now()).has_video
    assert epoch.durations["v"] == pytest.approx(epoch.durations["a"], abs=150)
    assert studio.seconds("v", epoch) == pytest.approx(2, abs=0.15)
    assert studio.seconds("v", epoch, stream="a") == pytest.approx(2, abs=0.15)
    size = sum(path.stat().st_size for path in studio.path("1").glob("v*.m4s"))
    sound = sum(path.stat().st_size for path in studio.path("1").glob("a*.m4s"))
    assert size < sound * 1.5


def test_all_playlists_of_a_recording_have_all_of_its_time(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    session_id = studio.begin()
    studio.send_all(session_id, list(chunks_of(webm(2), 2)))
    studio.package()
    studio.send_all(studio.begin(), list(chunks_of(webm(2, with_video=False), 2)))
    monkeypatch.setattr(studio.app.extensions["lms.config"], "video_720p", "on")
    studio.package()
    studio.send_all(studio.begin(), list(chunks_of(webm(2), 2)))
    end_streams(studio.lecture.id, at=clock.now())
    studio.package()
    assert [set(epoch.durations) for epoch in studio.epochs()] == [
        {"v", "t", "a", "s"},
        {"v", "a", "s"},
        {"h", "v", "t", "a", "s"},
    ]
    for name in "hvtas":
        lines = studio.playlist(f"{name}_full.m3u8")
        seconds = [float(line[8:-1]) for line in lines if line.startswith("#EXTINF:")]
        assert sum(seconds) == pytest.approx(6, abs=0.3), name
        assert lines.count("#EXT-X-DISCONTINUITY") == 2
    assert '#EXT-X-MAP:URI="1/v.mp4"' in studio.playlist("h_full.m3u8")
    assert '#EXT-X-MAP:URI="2/v.mp4"' in studio.playlist("t_full.m3u8")


@pytest.mark.parametrize("content", [webm(1, with_audio=False), webm(2)[:3000] + b"\xff" * 60_000])
def test_what_cannot_be_read_ends_and_does_not_block_the_next(
    studio: Studio, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream_packager, "MAX_FAILURES", 1)
    bad = studio.begin()
    studio.send_all(bad, [content])
    good = studio.begin()
    studio.send_all(good, list(chunks_of(webm(2), 2)))
    studio.package()
    assert get_session(bad).packaged_at is not None
    session: StreamSession = get_session(good)
    assert (session.packaged_at is not None, session.is_unreadable) == (True, False)


def test_a_session_without_its_first_chunk_does_not_block(studio: Studio) -> None:
    studio.send(studio.begin(), [None, b"later"])
    second = studio.begin(takes_over=True)
    studio.send_all(second, list(chunks_of(webm(2), 2)))
    studio.package()
    assert [round(studio.seconds("a", epoch)) for epoch in studio.epochs()] == [2]


@action
def set_start(session_id: str, at: datetime) -> None:
    get_session(session_id).started_at = at


def test_a_stream_that_could_not_be_begun_is_free_for_others(
    app: APIFlask, studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    studio.send(studio.begin(), [MAGIC + b"one"])
    held = leases.HeldLeases(app)
    work = packager._Packager(app, held, studio.folder, studio.stopping)

    def full(*_given: object) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(work, "_begin", full)
        with pytest.raises(RuntimeError):
            work._begin_streams(Path("ffmpeg"))
    assert leases.list_leases() == {}
    assert not held.holds(f"stream/{studio.stream().id}")


def test_threads_of_lectures_that_are_over_are_forgotten(app: APIFlask, studio: Studio) -> None:
    work = packager._Packager(app, leases.HeldLeases(app), studio.folder, studio.stopping)
    over = threading.Thread(target=lambda: None)
    over.start()
    over.join()
    work._threads[7] = over
    work._begin_streams(Path("ffmpeg"))
    assert work._threads == {}


def test_one_upload_at_a_time_is_encoded_beside_lectures(
    app: APIFlask, studio: Studio, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    done, begun = threading.Event(), []

    class Slow:
        def __init__(self, _app: APIFlask, stream_id: int, *_rest: object, **_options: object) -> None:
            self.stream_id = stream_id

        def run(self) -> None:
            begun.append(self.stream_id)
            done.wait(20)

    @action
    def upload() -> int:
        stream = Stream(lecture_id=make.lecture().id, track=Track.MAIN, state=StreamState.ENDED, is_uploaded=True)
        db.session.add(stream)
        db.session.flush()
        return stream.id

    monkeypatch.setattr(packager, "StreamPackager", Slow)
    uploads = [upload(), upload()]
    studio.begin()
    live = studio.stream().id
    here, beside = (packager._Packager(app, leases.HeldLeases(app), studio.folder, studio.stopping) for _two in "ab")
    here._begin_streams(Path("ffmpeg"))
    beside._begin_streams(Path("ffmpeg"))
    assert (list(here._threads), list(beside._threads)) == ([live, uploads[0]], [])
    done.set()
    here._threads[uploads[0]].join()
    beside._begin_streams(Path("ffmpeg"))
    assert uploads[1] in beside._threads
    for thread in [*here._threads.values(), *beside._threads.values()]:
        thread.join()


def test_the_disk_on_which_a_packager_works_counts_too(app: APIFlask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "free_bytes", lambda: 2**60)  # what object storage says
    monkeypatch.setattr("shutil.disk_usage", lambda _path: SimpleNamespace(free=7))
    assert files.free_bytes_here() == 7
