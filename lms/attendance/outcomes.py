"""The outcome of a person in a lecture, from presence, also in words: the one place where an outcome is decided."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, NamedTuple

from lms.attendance import rules
from lms.attendance.models.credits import Outcome
from lms.attendance.models.evidence import Source
from lms.attendance.presence import PresenceInterval, Span, offline_ms, stated_ms
from lms.core.text.i18n import _
from lms.core.time import clock, durations

INVITED = "invited"
"""What pages and files say in place of the outcome of somebody who is only invited (`AttendanceOutcome.is_invited`)."""
_NO_SOURCES: dict[str, list[Any]] = {"sources": [], "intervals": [], "by_source": []}


@dataclass(frozen=True, slots=True)
class ComputedOutcome:
    """The outcome of one person in one lecture, from presence and from what was set by hand.

    `is_credited`: whether a credit is written of it. `needed_ms` is what makes *attended*: of a lecture that runs over,
    for who had enough within its planned length, what was needed of that (`is_kept`).
    """

    present_ms: int
    percent_tenths: int
    outcome: Outcome
    source: Source
    rejoins: int
    is_credited: bool
    needed_ms: int = 0
    is_kept: bool = False


def compute_outcome(
    presence: Iterable[PresenceInterval],
    *,
    span: Span,
    min_percent: int,
    is_counted: bool = True,
    by_hand: Outcome | None = None,
) -> ComputedOutcome:
    """Clips, unites and decides. Replay counts only where all the rest does not reach the threshold; its pieces are no
    rejoins. Less than a minute of it and nothing else is no presence, unless it reaches the threshold.

    The threshold is the share of the lecture's length, or, of what was seen within its planned length (replay apart),
    the share of that: then it counts as attended, however long the lecture goes on (ADR 128).

    `by_hand` is the outcome of a correction, which wins; without one, who is not counted is absent. The source is
    *group* where what was seen otherwise would not have given the same outcome, *replay* where it took the replay,
    *manual* where only a correction made it, else *live* (which reports of meeting systems are too).
    """
    there: list[PresenceInterval] = []
    alone: list[PresenceInterval] = []
    replayed: list[rules.Interval] = []
    for piece in presence:
        source = piece.source
        if source is Source.REPLAY:
            replayed.append(piece[:2])
            continue
        there.append(piece)
        if source is not Source.GROUP:
            alone.append(piece)
    total = span.length_ms
    united, seen, is_kept = _judge(there, span, min_percent)
    present = rules.length(united)
    main_source = Source.LIVE
    if len(alone) < len(there) and (not alone or _judge(alone, span, min_percent).outcome is not seen):
        main_source = Source.GROUP
    if replayed and seen is not Outcome.ATTENDED:
        with_replay_ms = rules.length(span.count([*united, *replayed]))
        with_replay = rules.outcome(with_replay_ms, total, min_percent)
        is_glance = not present and with_replay_ms < durations.MINUTE_MS and with_replay is not Outcome.ATTENDED
        if with_replay_ms > present and not is_glance:
            present, main_source, seen = with_replay_ms, Source.REPLAY, with_replay
    if by_hand is not None:
        decided, main_source = by_hand, main_source if present else Source.MANUAL
    else:
        decided = seen if is_counted else Outcome.ABSENT
    is_kept = is_kept and decided is Outcome.ATTENDED
    return ComputedOutcome(
        present_ms=present,
        percent_tenths=durations.percent_tenths(present, total),
        outcome=decided,
        source=main_source,
        rejoins=max(span.count_stays(united) - 1, 0),
        is_credited=by_hand is not None or (is_counted and present > 0),
        needed_ms=rules.needed_ms(span.plan_ms if is_kept else total, min_percent),
        is_kept=is_kept,
    )


class _Judged(NamedTuple):
    united: list[rules.Interval]
    outcome: Outcome
    is_kept: bool


def _judge(pieces: Sequence[PresenceInterval], span: Span, min_percent: int) -> _Judged:
    """Returns what pieces, none of a replay, amount to: clipped and united, their outcome, and whether a lecture runs
    over in which they were enough within its planned length."""
    united = span.count(piece[:2] for piece in pieces)
    is_kept = False
    if united and span.runs_over:
        planned_ms = rules.length(span.count_in_plan(piece.planned for piece in pieces))
        is_kept = rules.reaches(planned_ms, span.plan_ms, min_percent)
    outcome = rules.outcome(rules.length(united), span.length_ms, min_percent, is_kept=is_kept)
    return _Judged(united, outcome, is_kept)


class CreditValues(NamedTuple):
    """The values of a credit of one person in one lecture."""

    present_ms: int
    percent_tenths: int
    outcome: Outcome
    source: Source
    policy_id: int

    @property
    def computed(self) -> tuple[int, int, Outcome, Source]:
        """All but the policy that it was computed by."""
        return self[:4]


@dataclass(frozen=True)
class ByHand:
    """A correction in force: what, why, by whom (name), when."""

    id: int
    outcome: Outcome
    reason: str
    by: str | None
    at: datetime


@dataclass(frozen=True)
class SourceTimeline:
    """When one source saw a person: `detail` is the system of a report, or the place of a group. `stays` in
    milliseconds UTC, `intervals` in minutes from the start, their sum in `ms`."""

    source: Source
    detail: str | None
    stays: list[rules.Interval]
    intervals: list[tuple[float, float]]
    ms: int


@dataclass(frozen=True, kw_only=True)
class AttendanceOutcome:
    """The presence of one person that counts in one lecture. Intervals are clipped to the lecture and united within
    each source.

    `by_source` has them by what saw the person: of a report its system, of a group its place.
    `start_ms` and `length_ms` are the lecture's, `whole_ms` is its length with its pauses,
    `needed_ms` is how much makes *attended* for the person. `source` is that of the credit, `sources` are all.
    `is_invited`: nothing was seen of the person, who has not accepted the place that staff of the series gave: on pages
    and in mails not *absent*, which `outcome` is.
    """

    start_ms: int
    length_ms: int
    whole_ms: int
    needed_ms: int
    present_ms: int
    percent_tenths: int
    outcome: Outcome
    source: Source
    sources: list[Source]
    intervals: list[PresenceInterval]
    by_source: list[tuple[Source, str | None, list[rules.Interval]]]
    rejoins: int
    explanation: str
    is_counted: bool
    correction: ByHand | None
    is_invited: bool = False

    @property
    def result(self) -> str:
        """The outcome, or that the person is invited."""
        return INVITED if self.is_invited else self.outcome.value

    @property
    def minutes(self) -> float:
        """Minutes with one decimal, rounded down."""
        return durations.tenth_minutes(self.present_ms)

    @property
    def percent(self) -> float:
        """Percent with one decimal, rounded down."""
        return self.percent_tenths / 10

    @property
    def is_settled(self) -> bool:
        """Whether a replay decides nothing any more: it counts as attended, or a correction decides."""
        return self.outcome is Outcome.ATTENDED or self.correction is not None

    @property
    def short_ms(self) -> int:
        """How much is missing to *attended*; 0 where it is reached, or does not matter."""
        if self.is_invited or self.outcome in (Outcome.ATTENDED, Outcome.EXCUSED):
            return 0
        return max(self.needed_ms - self.present_ms, 0)

    @property
    def short_by(self) -> str:
        """`short_ms` in words."""
        return durations.short_by(self.present_ms, self.needed_ms) if self.short_ms else ""

    @property
    def timelines(self) -> list[SourceTimeline]:
        """When each source saw the person, for a picture."""
        return [
            SourceTimeline(source, detail, stays, [self._minutes(stay) for stay in stays], rules.length(stays))
            for source, detail, stays in self.by_source
        ]

    @property
    def united(self) -> list[tuple[float, float]]:
        """The time that is counted once, in minutes from the start."""
        return [self._minutes(one) for one in rules.unite(interval[:2] for interval in self.intervals)]

    def minutes_of(self, start: datetime, end: datetime) -> tuple[float, float]:
        """A span in minutes from the start, clipped to the lecture."""
        last = self.whole_ms / durations.MINUTE_MS
        first, until = self._minutes((clock.to_ms(start), clock.to_ms(end)))
        return min(max(first, 0), last), min(max(until, 0), last)

    def _minutes(self, interval: rules.Interval) -> tuple[float, float]:
        start, end = interval
        return (start - self.start_ms) / durations.MINUTE_MS, (end - self.start_ms) / durations.MINUTE_MS


@dataclass(frozen=True, kw_only=True)
class OutcomeInputs:
    """The data that decides outcomes, besides presence, for some people in one lecture.

    `counted` are those whose presence counts; `exclusions` gives the reason for others. `places` is where people
    watched in a group.
    """

    span: Span
    min_percent: int
    counted: set[int]
    corrections: Mapping[int, ByHand]
    exclusions: Mapping[int, str]
    places: Mapping[int, str]
    _absent: dict[str, Any] = field(default_factory=dict, init=False)

    def fields_for(self, person_id: int, presence: Sequence[PresenceInterval]) -> dict[str, Any]:
        """The fields of a person's `AttendanceOutcome`."""
        if presence or person_id in self.corrections or person_id not in self.counted:
            return self._fields(person_id, presence)
        if not self._absent:  # the same for everybody who never came
            self._absent.update(self._fields(person_id, presence))
        return self._absent | {name: list(none) for name, none in _NO_SOURCES.items()}

    def _fields(self, person_id: int, presence: Sequence[PresenceInterval]) -> dict[str, Any]:
        span, by_hand = self.span, self.corrections.get(person_id)
        is_counted = by_hand is not None or person_id in self.counted
        computed = compute_outcome(
            presence,
            span=replace(span, end=span.start + span.whole_ms),  # a clock set back leaves what was seen before
            min_percent=self.min_percent,
            is_counted=is_counted,
            by_hand=by_hand.outcome if by_hand is not None else None,
        )
        is_only_kept = computed.is_kept and not rules.reaches(computed.present_ms, span.length_ms, self.min_percent)
        sources = sorted({one.source for one in presence}, key=list(Source).index)
        if by_hand is not None and Source.MANUAL not in sources:
            sources.append(Source.MANUAL)
        return {
            "start_ms": span.start,
            "length_ms": span.length_ms,
            "whole_ms": span.whole_ms,
            "needed_ms": computed.needed_ms,
            "present_ms": computed.present_ms,
            "percent_tenths": computed.percent_tenths,
            "outcome": computed.outcome,
            "source": computed.source,
            "sources": sources,
            "intervals": [
                PresenceInterval(*interval) for interval in rules.by_source((one[:3] for one in presence), span.count)
            ],
            "by_source": self._by_source(person_id, presence),
            "rejoins": computed.rejoins,
            "is_counted": is_counted,
            "correction": by_hand,
            "explanation": rules.explain(
                present_ms=computed.present_ms,
                length_ms=span.length_ms,
                needed_ms=computed.needed_ms,
                rejoins=computed.rejoins,
                outcome=computed.outcome,
                by_hand=by_hand.reason if by_hand is not None else None,
                replay=computed.source is Source.REPLAY,
                stated_ms=stated_ms(presence),
                offline_ms=offline_ms(presence, span),
                kept_of_ms=span.plan_ms if is_only_kept else 0,
                group=self.places.get(person_id, "") if was_in_group(presence) else None,
                aside="" if is_counted else self.exclusions.get(person_id, _("not enrolled")),
            ),
        }

    def _by_source(
        self, person_id: int, presence: Sequence[PresenceInterval]
    ) -> list[tuple[Source, str | None, list[rules.Interval]]]:
        """The intervals by what saw the person, each clipped and united, in order of time."""
        grouped: dict[tuple[Source, str | None], list[rules.Interval]] = {}
        for piece in presence:
            detail = self.places.get(person_id) if piece.source is Source.GROUP else piece.system
            grouped.setdefault((piece.source, detail), []).append((piece.joined_ms, piece.left_ms))
        timelines = [
            (source, detail, stays)
            for (source, detail), intervals in grouped.items()
            if (stays := self.span.count(intervals))
        ]
        return sorted(timelines, key=lambda timeline: (timeline[2][0], timeline[0].value, timeline[1] or ""))


def as_invited(fields: dict[str, Any]) -> dict[str, Any]:
    """The fields of an `AttendanceOutcome` for somebody who has not accepted the place, and was not seen."""
    reason = _("Enrolled by the staff of the series, and not accepted yet. This does not count as an absence.")
    return fields | {"is_invited": True, "explanation": reason}


def was_in_group(presence: Iterable[PresenceInterval]) -> bool:
    """Whether somebody was seen in a group."""
    return any(one.source is Source.GROUP for one in presence)
