"""The replays of lectures: what each shows, and until when watching it counts as attendance.

The rule, which pages, e-mails, certificates and credits share (ADR 91):

- A replay **shows** those milliseconds of its lecture, between its actual start and end and without its pauses, that
  its recording has after trimming. Gaps of less than a second are none. What was uploaded is laid from the actual start
  on through the time in which the lecture was not paused, as these times are now (`streaming.queries.replay_parts`).
- It **counts** where the lecture's policy lets replays count (`replay_days`), and it shows at least what the lecture
  needs: `min_percent` of its actual length, as for presence in the lecture itself. People who watched all of it have
  then attended. A shorter one counts for nobody.
- It counts **until** `replay_days` after the end of the lecture or, where the recording came later, after the moment at
  which it could first be watched. Closing attendance does not change that.
- A replay is **being made** while its lecture is live and has been sent from the browser, and until what was sent or
  uploaded is packaged. It will count under the same rule, where the recording began early enough to show what the
  lecture needs.
- It counts for everyone who is enrolled when they watch, also in lectures held before they enrolled. It decides nothing
  for people who have attended the lecture, or whose attendance was corrected by hand.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select

from lms.attendance.presence import Span, span_of, spans_of
from lms.attendance.rules import Interval, clip, close_gaps, length, needed_ms
from lms.catalogue.models import Lecture, LectureState, Policy
from lms.catalogue.queries.policies import current_policies, policy_for
from lms.catalogue.rules import AnyLecture
from lms.core.database.cache_versions import memory
from lms.core.database.session import db, read
from lms.core.text.i18n import _
from lms.core.time.clock import to_ms
from lms.core.time.durations import needed_minutes, whole_minutes
from lms.streaming.models import Epoch, SourceFile, Stream, StreamSession, StreamState, Track
from lms.streaming.playlists import parts_of

_LECTURE = (Lecture.id, Lecture.series_id, Policy.replay_days, Policy.min_percent)
_KEY = (Stream.public_id, Stream.byte_count, Stream.trim_from_ms, Stream.trim_until_ms)
"""What the intervals of a complete recording depend on."""
_MOST_KEPT = 2000


@dataclass(frozen=True)
class Replay:
    """The replay of a held lecture. `counts_until`: null where watching it does not count. `shown_ms` of the lecture's
    `length_ms` are in it, and `needed_ms` make the lecture count."""

    available_at: datetime
    counts_until: datetime | None
    shown_ms: int
    needed_ms: int
    length_ms: int
    days: int

    @property
    def is_too_short(self) -> bool:
        """Whether watching it would count, if it showed enough of the lecture."""
        return self.days > 0 and self.shown_ms < self.needed_ms

    @property
    def short_words(self) -> str:
        """That it shows too little of its lecture to count, with the minutes."""
        return short_words(self.shown_ms, self.needed_ms, self.length_ms)

    def counts(self, at: datetime) -> bool:
        """Whether watching it counts at this moment."""
        return self.counts_until is not None and at <= self.counts_until


def short_words(shown_ms: int, needed_ms: int, length_ms: int) -> str:
    """That a replay shows too little of its lecture to count, with the minutes."""
    return _(
        "The replay shows %(shown)s of %(length)s minutes, and %(needed)s are needed. Watching it does not count as "
        "attendance.",
        shown=whole_minutes(shown_ms),
        length=whole_minutes(length_ms),
        needed=needed_minutes(needed_ms),
    )


@dataclass(frozen=True)
class OpenReplay:
    """A replay that counts, or that is being made and will. `counts_until`: null while it is being made. Watching all
    of it gives `shown_ms` of the lecture's `length_ms`."""

    counts_until: datetime | None
    shown_ms: int
    length_ms: int


def threshold_of(lecture: Lecture) -> tuple[int, int] | None:
    """How many milliseconds of a held lecture a replay has to show to count, and how long the lecture was. Null where
    replays do not count."""
    policy, length_ms = policy_for(lecture), span_of(lecture).length_ms
    return (needed_ms(length_ms, policy.min_percent), length_ms) if policy.replay_days else None


def find_replays(lecture_ids: Collection[int]) -> dict[int, Replay]:
    """The replays that there are of these lectures, by lecture. Its callers check who asks."""
    streams = _complete_streams(lecture_ids)
    if not streams:
        return {}
    query = (
        select(*_LECTURE, Lecture.starts_at, Lecture.duration_minutes, Lecture.paused_ms)
        .add_columns(Lecture.actual_start, Lecture.actual_end, Lecture.keeps_enough)
        .outerjoin(Policy, Policy.id == Lecture.policy_id)
        .where(Lecture.id.in_(streams), Lecture.state == LectureState.HELD, Lecture.actual_end.is_not(None))
    )
    rows = read(query)
    current, spans = _current_policies(rows), spans_of(rows)
    shown = _shown_intervals([streams[row.id] for row in rows])
    replays = {}
    for row in rows:
        stream, span, policy = streams[row.id], spans[row.id], _policy_of(row, current)
        if not shown[stream.id]:
            continue
        needed, shown_ms = needed_ms(span.length_ms, policy.min_percent), _shown_ms(stream, shown[stream.id], span)
        since = max(row.actual_end, stream.available_at or row.actual_end)
        is_enough = policy.replay_days > 0 and shown_ms >= needed
        until = since + timedelta(days=policy.replay_days) if is_enough else None
        replays[row.id] = Replay(since, until, shown_ms, needed, span.length_ms, policy.replay_days)
    return replays


def find_open_replays(lectures: Iterable[AnyLecture], *, at: datetime) -> dict[int, OpenReplay]:
    """Of these lectures those whose replay counts at this moment, or is being made and will count. Its callers check
    who asks."""
    begun = {lecture.id: lecture for lecture in lectures if lecture.state in (LectureState.LIVE, LectureState.HELD)}
    replays = find_replays([id_ for id_, one in begun.items() if one.state is LectureState.HELD])
    counting = {
        id_: OpenReplay(replay.counts_until, replay.shown_ms, replay.length_ms)
        for id_, replay in replays.items()
        if replay.counts(at)
    }
    return counting | _being_made({id_: one for id_, one in begun.items() if id_ not in replays}, at)


def _being_made(lectures: Mapping[int, AnyLecture], at: datetime) -> dict[int, OpenReplay]:
    """The replays of these lectures, which are live or held, that will count: by what has been sent, or uploaded."""
    if not lectures:
        return {}
    sent = (
        select(
            *_LECTURE,
            Stream.state,
            func.min(StreamSession.started_at).label("began_at"),
            func.max(SourceFile.length_ms).label("file_ms"),
            func.max(SourceFile.failure).label("failure"),
        )
        .join(Stream, (Stream.lecture_id == Lecture.id) & (Stream.track == Track.MAIN))
        .join(StreamSession, StreamSession.stream_id == Stream.id)
        .outerjoin(SourceFile, SourceFile.session_id == StreamSession.id)
        .outerjoin(Policy, Policy.id == Lecture.policy_id)
        .where(Lecture.id.in_(list(lectures)), ~StreamSession.is_unreadable)
        .group_by(*_LECTURE, Stream.state)
    )
    rows = [row for row in read(sent) if row.failure is None and not _is_empty(row, lectures)]
    current = _current_policies(rows)
    spans = spans_of([lectures[row.id] for row in rows], to_ms(at))
    replays = {}
    for row in rows:
        policy, span = _policy_of(row, current), spans[row.id]
        until = span.start + span.whole_ms
        shown_ms = length(span.count([(max(to_ms(row.began_at), span.start), until)]))
        if lectures[row.id].state is LectureState.LIVE:  # the rest until the planned end is to come
            shown_ms = span.length_ms - length(span.count([(span.start, to_ms(row.began_at))]))
        if row.file_ms is not None:
            shown_ms = min(shown_ms, row.file_ms)
        if policy.replay_days and shown_ms >= needed_ms(span.length_ms, policy.min_percent):
            replays[row.id] = OpenReplay(None, shown_ms, span.length_ms)
    return replays


def _is_empty(row: Any, lectures: Mapping[int, AnyLecture]) -> bool:
    """Whether a recording is complete and yet no replay: nothing came of it. While a lecture is live it can go on."""
    return row.state is StreamState.COMPLETE and lectures[row.id].state is LectureState.HELD


def _current_policies(rows: Iterable[Any]) -> dict[int, Any]:
    """The policies of series whose lectures have none of their own yet, by series."""
    unsettled = {row.series_id for row in rows if row.replay_days is None}
    return dict(current_policies(unsettled)) if unsettled else {}


def _policy_of(row: Any, current: Mapping[int, Any]) -> Any:
    """Returns what a lecture was held under, or will be: its row has the columns of its policy."""
    return current[row.series_id] if row.replay_days is None else row


# What a recording shows


def _complete_streams(lecture_ids: Collection[int]) -> dict[int, Any]:
    """The complete recordings of these lectures, by lecture, each with what its parts depend on."""
    if not lecture_ids:
        return {}
    query = select(Stream.lecture_id, Stream.id, Stream.available_at, Stream.is_uploaded, *_KEY).where(
        Stream.lecture_id.in_(lecture_ids), Stream.track == Track.MAIN, Stream.state == StreamState.COMPLETE
    )
    return {row.lecture_id: row for row in read(query)}


def _shown_ms(stream: Any, shown: list[Interval], span: Span) -> int:
    """How much of a lecture its recording shows. An uploaded one runs from the start on, past no pause."""
    if not stream.is_uploaded:
        return length(span.count(shown))
    first = stream.trim_from_ms or 0
    return length(clip([(first, first + length(shown))], 0, span.length_ms))


def _shown_intervals(streams: Collection[Any]) -> dict[int, list[Interval]]:
    """When what complete recordings show was recorded, by stream.

    The lengths of all segments are read once a recording and process: a page names many recordings, and those of a
    complete one change only with its size.
    """
    intervals_by_key = memory("shown_intervals")
    keys = {stream.id: tuple(getattr(stream, column.key) for column in _KEY) for stream in streams}
    missing = {stream_id for stream_id, key in keys.items() if key not in intervals_by_key}
    epochs: dict[int, list[Epoch]] = {stream_id: [] for stream_id in missing}
    query = select(Epoch).where(Epoch.stream_id.in_(missing)).order_by(Epoch.stream_id, Epoch.number)
    for epoch in db.session.scalars(query) if missing else ():
        epochs[epoch.stream_id].append(epoch)
    intervals_by_stream = {}
    for stream in streams:
        intervals: list[Interval] | None = intervals_by_key.get(keys[stream.id])
        if intervals is None:
            parts = parts_of(epochs[stream.id], from_ms=stream.trim_from_ms, until_ms=stream.trim_until_ms)
            intervals = close_gaps((part.wall_ms, part.wall_ms + part.length_ms) for part in parts)
            intervals_by_key[keys[stream.id]] = intervals
        intervals_by_stream[stream.id] = intervals
    while len(intervals_by_key) > _MOST_KEPT:
        intervals_by_key.pop(next(iter(intervals_by_key)), None)
    return intervals_by_stream
