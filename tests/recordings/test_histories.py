"""However a lecture was sent, its viewers get every moment of it once, in order, with its time of day.

Random sessions with gaps, take-overs and ends, at the level of rows, against a plain list of segments.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from lms.catalogue.actions.states import end_lecture
from lms.catalogue.models import Lecture
from lms.core.time import clock
from lms.recordings.actions import trim
from lms.recordings.queries import RecordingState, get_recording
from lms.streaming.actions import (
    begin_epoch,
    begin_streaming,
    close_epoch,
    note_complete,
    note_packaged,
    note_segments,
)
from lms.streaming.encoder import AUDIO
from lms.streaming.models import Track
from lms.streaming.playlists import playlists_of
from lms.streaming.queries import find_recordings, find_stream, get_trimmed_playlist, list_epochs, replay_parts
from lms.streaming.rules import clock_time
from tests.factories import Make

pytestmark = [pytest.mark.databases, pytest.mark.usefixtures("context")]
SECOND = 1000


class Run(NamedTuple):
    """What one run of ffmpeg made: `after` seconds after the end of the run before (less than none where a page that
    was taken over sent on), its segments in seconds, how many more of them have only a picture, and whether it is of a
    new session. A run that ended at a gap before its first segment has none."""

    after: int
    seconds: list[int]
    more: int
    is_new: bool


class Segment(NamedTuple):
    """A segment as a playlist has it: its name, its time of day and its length in milliseconds."""

    name: str
    wall_ms: int
    length_ms: int


breaks, lengths = st.sampled_from([0, 0, 1, 7, 600, -3]), st.lists(st.integers(1, 4), max_size=6)
runs = st.lists(st.builds(Run, breaks, lengths, st.integers(0, 2), st.booleans()), max_size=6)


def send(make: Make, lecture: Lecture, sent: list[Run]) -> list[Segment]:
    """Lets the lecture be sent and packaged like this; returns what its viewers must get."""
    by = make.actor(make.person(roles=["administrator"]))
    now = clock.to_ms(lecture.actual_start or lecture.created_at)
    expected: list[Segment] = []
    session = None
    for number, run in enumerate(sent, 1):
        start = now + run.after * SECOND
        if session is None or run.is_new:
            session = begin_streaming(lecture.id, Track.MAIN, takes_over=True, by=by, at=clock.from_ms(start))
        epoch = begin_epoch(session.id, start_ms=start - clock.to_ms(session.started_at), wall_ms=start)
        lengths = [seconds * SECOND for seconds in run.seconds]
        note_segments(epoch, {"v": lengths + [2 * SECOND] * run.more, AUDIO: lengths})
        close_epoch(epoch, resumes_at=(9, 0))
        now = max(start, now) if number > 1 else start
        for place, length_ms in enumerate(lengths):
            expected.append(Segment(f"{number}/v{place:05d}.m4s", now, length_ms))
            now += length_ms
        note_packaged(session.id, at=clock.from_ms(now))
    end_lecture(lecture.id, by=by, at=clock.now())
    stream = find_stream(lecture.id, Track.MAIN)
    if stream is not None:
        note_complete(stream.id, at=clock.from_ms(now))
    return expected


def segments_of(playlist: str) -> list[Segment]:
    """A playlist as a player reads it: the time of day stands before a segment, or follows from the one before."""
    segments, wall_ms, length_ms = [], 0, 0
    for line in playlist.splitlines():
        if moment := re.fullmatch(r"#EXT-X-PROGRAM-DATE-TIME:(.*)", line):
            wall_ms = clock.to_ms(datetime.fromisoformat(moment[1]))
        elif length := re.fullmatch(r"#EXTINF:(\d+)\.(\d{3}),", line):
            length_ms = int(length[1] + length[2])
        elif not line.startswith("#"):
            segments.append(Segment(line, wall_ms, length_ms))
            wall_ms += length_ms
    return segments


def check_shown(lecture: Lecture, expected: list[Segment]) -> None:
    """The page that plays the replay lays its positions where the segments were sent."""
    position, parts = 0, replay_parts(lecture.id)
    walls = {part.position_ms + at: part.wall_ms + at for part in parts for at in range(0, part.length_ms, SECOND)}
    for segment in expected:
        for at in range(0, segment.length_ms, SECOND):
            assert walls.pop(position) == segment.wall_ms + at
            position += SECOND
    assert not walls


TAKEN_OVER = [Run(0, [2, 2], 1, is_new=True), Run(-3, [2, 1], 0, is_new=True), Run(0, [], 1, is_new=False)]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(sent=TAKEN_OVER, cut=(1, 0))
@example(sent=[Run(0, [], 0, is_new=True)], cut=(0, 0))
@given(sent=runs, cut=st.tuples(st.integers(0, 9), st.integers(0, 9)))
def test_each_moment_that_was_sent_is_shown_once(make: Make, sent: list[Run], cut: tuple[int, int]) -> None:
    began = clock.now().replace(microsecond=0) - timedelta(hours=2)
    lecture = make.lecture(state="live", starts_at=began, actual_start=began)
    expected = send(make, lecture, sent)
    assert (lecture.id in find_recordings([lecture.id])) == bool(expected)
    check_shown(lecture, expected)
    stream = find_stream(lecture.id, Track.MAIN)
    if stream is None or not expected:
        return
    texts = playlists_of(list_epochs(stream.id), is_complete=True, segment_ms=2000)
    assert segments_of(texts["v_full.m3u8"]) == segments_of(texts["v.m3u8"]) == expected
    assert [one.wall_ms for one in segments_of(texts["a_full.m3u8"])] == [one.wall_ms for one in expected]
    shown = expected[cut[0] : len(expected) - cut[1]]
    if sum(one.length_ms for one in shown) < 10 * SECOND:
        return
    before = sum(one.length_ms for one in expected[: cut[0]])
    until = before + sum(one.length_ms for one in shown)
    by = make.administrator()
    trim(lecture.id, clock_time(before), clock_time(until), by=by, at=clock.now())
    check_shown(lecture, shown)
    assert segments_of(get_trimmed_playlist(lecture.id, stream.public_id, "v")) == shown
    recording = get_recording(lecture.id, by=by, at=clock.now())
    assert (recording.state, recording.shown_ms) == (RecordingState.READY, until - before)
    assert recording.length_ms == sum(one.length_ms for one in expected)
