"""However a lecture was sent, viewers get every second that came whole, once, in order, with its time of day.

Random histories of sessions, lost and late chunks, pauses, take-overs, ends, uploads and packagers that are killed go
through the packager in simulated time. The model knows what was sent and what was lost, and none of its rules.
"""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Iterator
from datetime import timedelta
from itertools import count, pairwise
from pathlib import Path
from random import Random
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from lms.catalogue.actions.pauses import pause_lecture
from lms.catalogue.actions.states import end_lecture
from lms.catalogue.models import Lecture
from lms.core.base.errors import Refused
from lms.core.base.roles import Actor
from lms.core.database.session import db
from lms.core.storage import files
from lms.core.storage.programs import find_ffmpeg
from lms.core.time import clock
from lms.people.models import new_public_id
from lms.recordings.replays import find_replays
from lms.streaming.actions import add_source_file, go_live, receive_chunk, stop_streaming
from lms.streaming.media_probe import MediaInfo
from lms.streaming.models import Stream, StreamState, Track
from lms.streaming.queries import find_stream, list_epochs, replay_parts
from lms.streaming.rules import source_key
from lms.streaming.stream_packager import StreamPackager
from tests.factories import Make
from tests.streaming.media import chunks_of, webm
from tests.streaming.simulation import HEADER, SECOND, Killed, Simulation, Tape, cluster

pytestmark = [pytest.mark.usefixtures("context")]
CLUSTER = len(cluster(0, 0, is_key=True))
SLEEP = 40
"""Seconds for which a computer sleeps."""
SILENCE = 12
"""Seconds for which a line is down: shorter than what ends a run, longer than a missing chunk is waited for."""


class Sending(NamedTuple):
    """A session: `seconds` of a recorder with a key frame each `keys` seconds, whose chunks end `shift` bytes beside a
    second. `lost` and `late` (by five seconds) name chunks. `ahead`: seconds recorded before the session began.

    `sleeps_after`: the second after which the computer slept. `silent_after`: that after which the line was down.
    `end`: how it ends; the next one begins `after` seconds later.
    """

    seconds: int
    keys: int = 1
    shift: int = 0
    lost: frozenset[int] = frozenset()
    late: frozenset[int] = frozenset()
    ahead: int = 0
    sleeps_after: int | None = None
    silent_after: int | None = None
    end: str = "stopped"
    after: int = 1

    def moment(self, second: int) -> int:
        """Where a second of it begins, in seconds of the recorder."""
        return second + (SLEEP if self.sleeps_after is not None and second > self.sleeps_after else 0)

    def comes(self, chunk: int) -> int:
        """When a chunk comes that is not late, in seconds since the session began."""
        is_held = self.silent_after is not None and chunk > self.silent_after
        return max(self.moment(chunk) + 1 - self.ahead, 0) + (SILENCE if is_held else 0)

    def within(self) -> Sending:
        """The same, without what would be after its end."""
        sleeps = self.sleeps_after is not None and self.sleeps_after < self.seconds - 1
        lost = frozenset(chunk for chunk in self.lost if chunk < self.seconds)
        return self._replace(lost=lost, sleeps_after=self.sleeps_after if sleeps else None)

    @property
    def length(self) -> int:
        return self.moment(self.seconds) + 1 + (SILENCE if self.silent_after is not None else 0)

    def chunks(self, mark: int) -> list[bytes]:
        content = HEADER + b"".join(
            cluster(self.moment(second) * SECOND, mark + second, is_key=second % self.keys == 0)
            for second in range(self.seconds)
        )
        inner = [self.border(number) for number in range(1, self.seconds)]
        return [content[a:b] for a, b in zip([0, *inner], [*inner, len(content)], strict=True)]

    def border(self, number: int) -> int:
        return len(HEADER) + CLUSTER * number + self.shift

    def is_whole(self, second: int) -> bool:
        """Whether all bytes of a second arrive."""
        first, last = len(HEADER) + CLUSTER * second, len(HEADER) + CLUSTER * (second + 1)
        return all(
            not (self.border(number) < last and (number == self.seconds - 1 or self.border(number + 1) > first))
            for number in self.lost
        )


class Told(NamedTuple):
    """What a viewer must get: a second of a recording, and its time of day in seconds since the lecture began."""

    mark: int
    wall: int


def told_by(sendings: list[Sending]) -> list[Told]:
    """All that came whole, from a key frame on; no time of day goes back."""
    told: list[Told] = []
    start, until = 1, 0
    for number, sending in enumerate(sendings):
        is_cut = False
        for second in range(sending.seconds if 0 not in sending.lost else 0):
            is_cut |= not sending.is_whole(second) or second - 1 == sending.sleeps_after
            if is_cut and (second % sending.keys or not sending.is_whole(second)):
                continue
            is_cut = False
            until = max(start + sending.moment(second), until) + 1
            told.append(Told(number * 100 + second, until - 1))
        start += sending.length + sending.after
    return told


def pauses_in(sendings: list[Sending]) -> list[tuple[int, int]]:
    pauses, start = [], 1
    for sending in sendings:
        end = start + sending.length
        start = end + sending.after
        pauses += [(end, start)] if sending.end == "paused" else []
    return pauses


class Broadcast:
    """A lecture and its simulation."""

    def __init__(self, make: Make, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.began = clock.now().replace(microsecond=0) - timedelta(hours=5)
        self.by: Actor = make.administrator()
        series = make.series(policy={"replay_days": 7, "min_percent": 1})
        self.lecture: Lecture = make.lecture(series, state="live", starts_at=self.began, actual_start=self.began)
        self.id = self.lecture.id
        self.simulation = Simulation(make.app, folder, self.began, patch)

    def plan(self, sendings: list[Sending]) -> None:
        start = 1
        for number, sending in enumerate(sendings):
            self._plan(number, sending, start)
            start += sending.length + sending.after
        self.end = start
        self.simulation.at(start, lambda: end_lecture(self.id, by=self.by, at=clock.now()))

    def _plan(self, number: int, sending: Sending, start: int) -> None:
        session = ""

        def begin() -> None:
            nonlocal session
            session = go_live(self.id, takes_over=True, by=self.by, at=clock.now()).public_id

        def send(chunk: int, content: bytes) -> None:
            receive_chunk(session, chunk, content, sha256=hashlib.sha256(content).digest(), at=clock.now())

        def stop() -> None:
            if sending.end == "paused":
                pause_lecture(self.id, by=self.by, at=clock.now())
            if sending.end != "vanished":
                stop_streaming(session, chunk_count=sending.seconds, at=clock.now())

        self.simulation.at(start, begin)
        for chunk, content in enumerate(sending.chunks(number * 100)):
            if chunk not in sending.lost:
                comes = start + sending.comes(chunk)
                is_late = chunk in sending.late and chunk + 6 < sending.seconds
                self.simulation.at(comes + 5 * is_late, lambda chunk=chunk, content=content: send(chunk, content))  # type: ignore[misc]
        self.simulation.at(start + sending.length, stop)

    def upload(self, seconds: int) -> None:
        db.session.rollback()
        public_id = new_public_id()
        files.store(source_key(public_id), str(seconds).encode())
        info = MediaInfo("mov", seconds * SECOND, has_video=True)
        add_source_file(self.id, public_id, "talk.mp4", 1, info, by=self.by, at=clock.now())
        self.simulation.run()

    def shown(self) -> list[Told]:
        """What the replay shows, as a player finds it: segments by the playlist, times of day by the parts."""
        db.session.rollback()
        stream = find_stream(self.id, Track.MAIN)
        if stream is None:
            return []
        assert stream.state is StreamState.COMPLETE
        walls = {}
        for part in replay_parts(self.id):
            for at in range(0, part.length_ms, SECOND):
                walls[part.position_ms + at] = (part.wall_ms + at - clock.to_ms(self.began)) // SECOND
        return [Told(mark, walls.pop(place * SECOND)) for place, mark in enumerate(self._marks(stream.public_id))]

    def _marks(self, stream_id: str) -> Iterator[int]:
        playlist = files.find(f"recordings/{stream_id}/v_full.m3u8") or b""
        for name in re.findall(r"^[^#\n].*$", playlist.decode(), re.MULTILINE):
            segment = files.find(f"recordings/{stream_id}/{name}")
            assert segment is not None, f"{name} is not there"
            yield int(segment)


chunk_numbers = st.frozensets(st.integers(0, 9), max_size=2)
sendings = st.lists(
    st.builds(
        Sending,
        seconds=st.integers(1, 10),
        keys=st.integers(1, 3),
        shift=st.integers(-10, 10),
        lost=st.one_of(st.just(frozenset()), chunk_numbers),
        late=chunk_numbers,
        ahead=st.sampled_from([0, 0, 2]),
        sleeps_after=st.sampled_from([None, None, 0, 2]),
        silent_after=st.sampled_from([None, None, 1]),
        end=st.sampled_from(["stopped", "paused", "vanished"]),
        after=st.sampled_from([0, 1, 3, 18]),
    ),
    max_size=3,
)


LOST_AFTER_SLEEP = Sending(8, keys=2, lost=frozenset({3}), sleeps_after=2)
LOST_AFTER_WAKING_AND_BEFORE_A_KEY = Sending(10, keys=3, shift=-5, lost=frozenset({1, 3}), sleeps_after=0)
LATE_AFTER_SLEEP = Sending(10, late=frozenset({3}), sleeps_after=2)
LATE_AFTER_SILENCE = Sending(10, late=frozenset({3}), silent_after=2)
NOTHING_COMES = [Sending(2, end="paused", after=18, lost=frozenset({0, 1})), Sending(1, lost=frozenset({0}))]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(sendings=[Sending(4, end="paused", after=3, ahead=2), Sending(3, ahead=2)], kills=[1], dies=[90], upload=3)
@example(sendings=[LOST_AFTER_SLEEP], kills=[], dies=[], upload=1)
@example(sendings=[LOST_AFTER_WAKING_AND_BEFORE_A_KEY], kills=[], dies=[], upload=1)
@example(sendings=[LATE_AFTER_SLEEP], kills=[], dies=[], upload=1)
@example(sendings=[LATE_AFTER_SILENCE], kills=[], dies=[], upload=1)
@example(sendings=NOTHING_COMES, kills=[], dies=[], upload=9)
@given(
    sendings=sendings,
    kills=st.lists(st.integers(0, 12), max_size=1),
    dies=st.lists(st.integers(40, 300), max_size=1),
    upload=st.integers(1, 20),
)
def test_each_second_that_came_whole_is_shown_once(
    make: Make, tmp_path: Path, sendings: list[Sending], kills: list[int], dies: list[int], upload: int
) -> None:
    sendings = [sending.within() for sending in sendings]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Tape, "dies_after", list(dies))
        patch.setattr(make.app.extensions["lms.config"], "segment_seconds", 1)
        broadcast = Broadcast(make, tmp_path, patch)
        broadcast.plan(sendings)
        broadcast.simulation.kill_after(list(kills))
        broadcast.simulation.run()
        told, pauses = told_by(sendings), pauses_in(sendings)
        assert broadcast.shown() == told
        given_seconds = [at for at in range(broadcast.end) if not any(a <= at < b for a, b in pauses)]
        if told:
            with pytest.raises(Refused, match="has a recording already"):
                broadcast.upload(upload)
        else:
            broadcast.upload(upload)
            told = [Told(mark, wall) for mark, wall in enumerate([*given_seconds, *range(broadcast.end, 999)][:upload])]
            assert broadcast.shown() == told
        counted = sum(one.wall in given_seconds for one in told)
        replay = find_replays([broadcast.id]).get(broadcast.id)
        assert replay is not None
        assert (replay.shown_ms, replay.length_ms) == (counted * SECOND, len(given_seconds) * SECOND)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(3))
def test_with_ffmpeg_nothing_is_lost_and_nothing_comes_twice(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """Real recordings of real lengths, whose packager is killed again and again: as long as what was sent."""
    draw = Random(seed)
    monkeypatch.setattr(make.app.extensions["lms.config"], "segment_seconds", 1)
    monkeypatch.setattr("lms.streaming.rules.LATE_CHUNKS", timedelta())
    began = clock.now() - timedelta(minutes=5)
    by = make.administrator()
    lecture = make.lecture(state="live", starts_at=began, actual_start=began)
    lengths = [draw.choice((2, 3, 4)) for _session in range(draw.randrange(1, 4))]
    for length in lengths:
        session = go_live(lecture.id, takes_over=True, by=by, at=clock.now()).public_id
        for number, chunk in enumerate(chunks := chunks_of(webm(length), draw.randrange(2, 9))):
            receive_chunk(session, number, chunk, sha256=hashlib.sha256(chunk).digest(), at=clock.now())
        stop_streaming(session, chunk_count=len(chunks), at=clock.now())
        if draw.randrange(2):
            pause_lecture(lecture.id, by=by, at=clock.now())
    end_lecture(lecture.id, by=by, at=clock.now())
    stream, program, store = find_stream(lecture.id, Track.MAIN), find_ffmpeg(), files.store
    assert stream is not None
    assert program is not None, "make video installs it"
    left, stored = [draw.randrange(1, 12) for _kill in range(2)], []

    def store_or_die(key: str, content: bytes) -> None:
        stored.append(key)
        if left and len(stored) > left[-1]:
            left.pop()
            stored.clear()
            raise Killed
        store(key, content)

    monkeypatch.setattr(files, "store", store_or_die)
    for number in count():
        packager = StreamPackager(make.app, stream.id, program, tmp_path / str(number), threading.Event())
        try:
            packager._run()
            break
        except Killed:
            db.session.rollback()
    db.session.rollback()
    assert db.session.get_one(Stream, stream.id).state is StreamState.COMPLETE
    epochs = list_epochs(stream.id)
    assert sum(epoch.length_ms for epoch in epochs) == pytest.approx(sum(lengths) * SECOND, abs=200 * len(epochs))
    walls = [(part.wall_ms, part.wall_ms + part.length_ms) for part in replay_parts(lecture.id)]
    assert all(end <= start for (_start, end), (start, _end) in pairwise(walls))
