"""The rules of presence: pure decisions on intervals of integer milliseconds UTC.

An interval is `(joined, left)`. The order, the doubling and the lateness of evidence never change a result,
because everything goes through one union.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import accumulate

from lms.attendance.models.credits import Outcome
from lms.attendance.models.evidence import Source
from lms.core.text.i18n import _, _l, _n
from lms.core.time import durations
from lms.core.time import durations as minutes
from lms.core.time.durations import HOUR_MS, MINUTE_MS

Interval = tuple[int, int]

BEAT_SECONDS = 30
"""How often a room page sends a heartbeat."""
LOW_DATA_BEAT_SECONDS = 60
"""How often it does in low data."""
OFFLINE_MS = 30 * MINUTE_MS
"""So long after the last mark of the server's time a heartbeat that a page kept can still be proven."""
OFFLINE_ACCEPTED_MS = 6 * HOUR_MS
"""So long after the mark it is accepted."""
REPLAY_SPEED = 2
"""The fastest that a replay is played for credit."""
REPLAY_SLACK_MS = 15_000
"""So much more than that is accepted, for clocks that differ."""

SHORTEST_GAP_MS = 1000
"""Shorter gaps in a replay, and in what was played of it, are none."""


def unite(intervals: Iterable[Interval]) -> list[Interval]:
    """The union: disjoint intervals in order. Empty ones vanish, touching ones become one."""
    united: list[Interval] = []
    for start, end in sorted(intervals):
        if end <= start:
            continue
        if united and start <= united[-1][1]:
            if end > united[-1][1]:
                united[-1] = (united[-1][0], end)
        else:
            united.append((start, end))
    return united


def close_gaps(intervals: Iterable[Interval]) -> list[Interval]:
    """The union, without gaps shorter than `SHORTEST_GAP_MS`: where a player or a recording skipped less, nothing is
    lost."""
    closed: list[Interval] = []
    for start, end in unite(intervals):
        if closed and start - closed[-1][1] < SHORTEST_GAP_MS:
            closed[-1] = (closed[-1][0], end)
        else:
            closed.append((start, end))
    return closed


def clip(intervals: Iterable[Interval], start: int, end: int) -> list[Interval]:
    """The parts of the intervals within [start, end]."""
    return [(max(a, start), min(b, end)) for a, b in intervals if max(a, start) < min(b, end)]


def leave_out(intervals: Iterable[Interval], gaps: Sequence[Interval]) -> list[Interval]:
    """The parts of disjoint intervals outside disjoint `gaps` that are in order."""
    parts: list[Interval] = []
    for start, end in intervals:
        first = start
        for gap_start, gap_end in gaps:
            if gap_start >= end:
                break
            if gap_end > first:
                if gap_start > first:
                    parts.append((first, gap_start))
                first = gap_end
        if first < end:
            parts.append((first, end))
    return parts


def length(intervals: Iterable[Interval]) -> int:
    """Milliseconds of disjoint intervals."""
    return sum(end - start for start, end in intervals)


def moment_after(start: int, passed_ms: int, gaps: Iterable[Interval]) -> int:
    """When so much time has passed since the start outside disjoint `gaps` that are in order."""
    moment = start + passed_ms
    for gap_start, gap_end in gaps:
        if gap_start >= moment:
            break
        moment += max(gap_end - max(gap_start, start), 0)
    return moment


def first_of(intervals: Iterable[Interval], most_ms: int) -> list[Interval]:
    """The first milliseconds of disjoint intervals, `most_ms` at most."""
    taken: list[Interval] = []
    for start, end in intervals:
        if most_ms <= 0:
            break
        taken.append((start, min(end, start + most_ms)))
        most_ms -= end - start
    return taken


def playable_ms(spans: Iterable[Interval]) -> int:
    """How much of replays can have been played by all pages of a person together that were open in these spans."""
    return length(unite(spans)) * REPLAY_SPEED + REPLAY_SLACK_MS


_SAMPLE = 400
_CLEARLY = 1.4


def shift_of(seen: Sequence[Interval], start: int, end: int) -> int:
    """The shift in milliseconds with which the intervals fit [start, end] best: whole hours up to about a day, or
    halves and quarters if clearly better. 0 if no shift is clearly better.
    """
    some = seen[:: max(len(seen) // _SAMPLE, 1)]

    def shared(shift: int) -> int:
        return length(clip(((a + shift, b + shift) for a, b in some), start, end))

    def best(step: int, limit: int) -> tuple[int, int]:
        shifts = [sign * n * step for n in range(1, limit * HOUR_MS // step + 1) for sign in (1, -1)]
        return max((shared(shift), -abs(shift), shift) for shift in shifts)[::2]

    as_it_is = shared(0)
    if as_it_is * _CLEARLY >= sum(max(min(b - a, end - start), 0) for a, b in some):
        return 0  # no shift can fit clearly better
    most, best_shift = best(HOUR_MS, 26)
    finer, quarter = best(HOUR_MS // 4, 14)
    if finer > most * 1.2:
        most, best_shift = finer, quarter
    return best_shift if most > _CLEARLY * as_it_is else 0  # an hour of three that the clocks were changed by, too


def certain(first: int, last: int, total_ms: int, start: int, end: int, pauses: Sequence[Interval] = ()) -> Interval:
    """Of a sum of stays between a first join and a last leave, the part that is certainly within [start, end] and
    outside the `pauses`: all but the possible rest, placed from the first join, past pauses. Empty (equal ends) where
    nothing is certain.

    Where `first` equals `last`, the time is unknown: it is placed from the start.
    """
    if first == last:
        return start, min(start + total_ms, end)
    outside = max(min(start, last) - first, 0) + max(last - max(end, first), 0) + length(clip(pauses, first, last))
    begin = max(first, start)
    until = max(begin, begin + total_ms - outside)
    for pause_start, pause_end in pauses:
        if begin < pause_end and pause_start < until:
            until += pause_end - max(pause_start, begin)
    return begin, max(begin, min(until, last, end))


def place_sum(
    *, first: int | None, last: int | None, joins: int | None, total_ms: int, meeting: tuple[int | None, int | None],
    start: int,
) -> tuple[int, int, int | None]:  # fmt: skip
    """Places a sum of `total_ms`: from, to, and its length (null: all of it); see `certain`.

    One join is its interval. An unknown first join or last leave is replaced by the meeting's times; without any, both
    are the `start` of the lecture, and the length is that of `certain`.
    """
    if first is not None and last is not None and (joins == 1 or total_ms >= last - first):
        return first, max(first, last), None
    if joins == 1 and first is not None:
        return first, first + total_ms, None
    if joins == 1 and last is not None:
        return last - total_ms, last, None
    begin = first if first is not None else meeting[0]
    final = last if last is not None else meeting[1]
    if begin is None and final is None:
        return start, start, total_ms
    if begin is None:
        begin = (final or 0) - total_ms
    return begin, max(final or 0, begin + total_ms), total_ms


def seen_by_beats(received: Iterable[int], *, beat_seconds: int, joined_ms: int) -> list[Interval]:
    """Returns what the beats of one join say: a beat received at t, present in [t − 1.5 × beat, t], never before the
    join."""
    reach = beat_seconds * 1500
    return unite((max(t - reach, joined_ms), t) for t in received)


def proven_beats(
    intervals: Iterable[tuple[int, int]], *, mark_ms: int, start_ms: int, end_ms: int | None, now_ms: int
) -> list[tuple[int, int]]:
    """Of heartbeats `(seq, milliseconds since the mark)` that a page kept while its line was down, those that can be
    proven, as `(seq, time)`: between the mark and now, within the bound, and within the lecture."""
    if now_ms - mark_ms > OFFLINE_ACCEPTED_MS:
        return []
    last = min(now_ms, mark_ms + OFFLINE_MS, now_ms if end_ms is None else end_ms)
    beats = [(seq, mark_ms + elapsed) for seq, elapsed in intervals if elapsed >= 0]
    return [(seq, at) for seq, at in beats if start_ms <= at <= last]


def outcome(present_ms: int, length_ms: int, min_percent: int, *, is_kept: bool = False) -> Outcome:
    """Decided on exact milliseconds, not on the rounded percent. `is_kept`: enough within the planned length."""
    if present_ms <= 0 or length_ms <= 0:
        return Outcome.ABSENT
    return Outcome.ATTENDED if is_kept or reaches(present_ms, length_ms, min_percent) else Outcome.PARTIAL


def reaches(present_ms: int, length_ms: int, min_percent: int) -> bool:
    """Whether so much is the share of a length that makes *attended*."""
    return present_ms * 100 >= min_percent * length_ms


def needed_ms(length_ms: int, min_percent: int) -> int:
    """The milliseconds that make *attended*, rounded up."""
    return -(-length_ms * min_percent // 100)


def by_source(
    seen: Iterable[tuple[int, int, Source]], count: Callable[[list[Interval]], list[Interval]]
) -> list[tuple[int, int, Source]]:
    """The intervals as they are shown, in order of time: of each source the parts that `count` returns."""
    grouped: dict[Source, list[Interval]] = {}
    for joined, left, source in seen:
        grouped.setdefault(source, []).append((joined, left))
    return sorted((a, b, source) for source, intervals in grouped.items() for a, b in count(intervals))


_OUTCOME_WORDS: Mapping[Outcome, object] = {
    Outcome.ATTENDED: _l("attended"),
    Outcome.PARTIAL: _l("partial"),
    Outcome.ABSENT: _l("absent"),
    Outcome.EXCUSED: _l("excused"),
}


def _rejoins(count: int) -> str:
    return _n("%(num)s rejoin", "%(num)s rejoins", count)


def outcome_word(value: Outcome) -> str:
    """An outcome as the last word of a sentence."""
    return str(_OUTCOME_WORDS[value])


def say_minutes(present_ms: int, length_ms: int, needed_ms: int, rejoins: int = 0) -> str:
    """ "62 of 90 minutes, 2 rejoins"."""
    text = minutes.spent_of(present_ms, length_ms, needed_ms)
    return _("%(minutes)s, %(rejoins)s", minutes=text, rejoins=_rejoins(rejoins)) if rejoins else text


def explain(
    *,
    present_ms: int,
    length_ms: int,
    needed_ms: int,
    rejoins: int,
    outcome: Outcome,
    by_hand: str | None = None,
    replay: bool = False,
    stated_ms: int | None = None,
    group: str | None = None,
    offline_ms: int = 0,
    kept_of_ms: int = 0,
    aside: str = "",
) -> str:
    """The sum in words: "62 of 90 minutes, 2 rejoins: attended".

    `by_hand` is the reason of a correction that decided the outcome; `aside` says why presence is not counted;
    `stated_ms` is what reports with sums only state, of which no more than the certain part is in `present_ms`;
    `group` is where it was watched in a group (empty: who knows where), null where it was not; `offline_ms` is what
    only heartbeats say that a page kept while its line was down; `kept_of_ms` is the planned length, where the lecture
    counts as attended for what was enough within it alone.
    """
    minutes = say_minutes(present_ms, length_ms, needed_ms, rejoins)
    if (offline_minutes := durations.whole_minutes(offline_ms)) > 0:
        minutes = _n("%(minutes)s, %(num)s of them recorded offline",
                  "%(minutes)s, %(num)s of them recorded offline", offline_minutes, minutes=minutes)  # fmt: skip
    if group is not None:
        minutes = (
            _("%(minutes)s, group viewing in %(place)s", minutes=minutes, place=group)
            if group
            else _("%(minutes)s, group viewing", minutes=minutes)
        )
    if replay:
        minutes = _("%(minutes)s including the replay", minutes=minutes)
    if stated_ms is not None:
        minutes = _n("%(minutes)s, the certain part of %(num)s minute reported as a total",
                  "%(minutes)s, the certain part of %(num)s minutes reported as a total",
                  durations.whole_minutes(stated_ms), minutes=minutes)  # fmt: skip
    if kept_of_ms:
        minutes = _n("%(minutes)s, enough within the planned %(num)s minute",
                  "%(minutes)s, enough within the planned %(num)s minutes",
                  durations.whole_minutes(kept_of_ms), minutes=minutes)  # fmt: skip
    if by_hand is not None:
        return _("%(minutes)s: %(outcome)s, corrected (%(reason)s)", minutes=minutes, outcome=outcome_word(outcome),
                 reason=by_hand)  # fmt: skip
    if aside:
        return _("%(minutes)s, not counted: %(reason)s", minutes=minutes, reason=aside)
    return _("%(minutes)s: %(outcome)s", minutes=minutes, outcome=outcome_word(outcome))


def propose_times(seen: Sequence[Interval], planned_start: int, planned_end: int) -> Interval:
    """The probable times of a lecture, by presence: the span in which at least a fifth of the maximum was present, or
    the planned time if within half an hour. Early arrivals and late leavers do not matter, except among few people.
    """
    first, last = _gathered(seen)
    near = 30 * MINUTE_MS
    start = planned_start if abs(first - planned_start) <= near else first
    end = planned_end if abs(last - planned_end) <= near else last
    return (start, end) if start < end else (first, last)


def _gathered(seen: Sequence[Interval]) -> Interval:
    """The first instant at which a fifth of the most at once were there, and the last."""
    steps = sorted(step for joined, left in seen for step in ((joined, 1), (left, -1)) if joined < left)
    if not steps:
        return min(joined for joined, _left in seen), max(left for _joined, left in seen)
    counts = list(accumulate(change for _at, change in steps))
    few = -(-max(counts) // 5)
    first = next(at for (at, _change), count in zip(steps, counts, strict=True) if count >= few)
    last = first
    for place in range(1, len(steps)):
        if counts[place - 1] >= few:
            last = steps[place][0]
    return first, last


def evidence_of(who: str, joined_ms: int, left_ms: int, source: str) -> str:
    """The identity of one piece of evidence: the same in a re-saved, re-sorted or renamed file."""
    identity = f"{who}|{joined_ms}|{left_ms}|{source}"
    return hashlib.blake2b(identity.encode(), digest_size=12).hexdigest()
