"""What the presence of people in one lecture amounts to, with what was set by hand, and in words."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, select

from lms.attendance import rules
from lms.attendance.models.credits import Correction, Credit, Outcome
from lms.attendance.models.evidence import Source
from lms.attendance.queries.evidence import (
    WHO,
    Seen,
    Span,
    corrections_in,
    is_held,
    min_percent_of,
    offline_ms,
    pieces,
    places_of,
    stated_in,
    system_of,
)
from lms.catalogue.models import Lecture, WalkIns
from lms.catalogue.queries import policy_for
from lms.core import clock, measures
from lms.core.db import db
from lms.core.i18n import _
from lms.enrolment.membership import eligible_people
from lms.enrolment.models import Enrolment, EnrolmentStatus
from lms.people.models import Person


@dataclass(frozen=True)
class ByHand:
    """A correction that holds: what, why, by whom (name), when."""

    outcome: Outcome
    reason: str
    by: str | None
    at: datetime


@dataclass(frozen=True)
class Lane:
    """What one source saw of a person: `detail` is the system of a report, or the place of a group. `stays` in
    milliseconds UTC, `intervals` in minutes from the start, their sum in `ms`."""

    source: Source
    detail: str | None
    stays: list[rules.Interval]
    intervals: list[tuple[float, float]]
    ms: int


@dataclass(frozen=True, kw_only=True)
class Reckoning:
    """What counts of one person in one lecture. Intervals are clipped to the lecture and united within each source.

    `told` has them by what told of them: of a report its system, of a group its place.
    `start_ms` and `length_ms` are the lecture's, `needed_percent` is the share that makes *attended*.
    """

    start_ms: int
    length_ms: int
    needed_percent: int
    present_ms: int
    percent_tenths: int
    outcome: Outcome
    sources: list[Source]
    intervals: list[Seen]
    told: list[tuple[Source, str | None, list[rules.Interval]]]
    rejoins: int
    explanation: str
    is_counted: bool
    correction: ByHand | None

    @property
    def minutes(self) -> float:
        """Minutes with one decimal, rounded down."""
        return measures.tenth_minutes(self.present_ms)

    @property
    def percent(self) -> float:
        """Percent with one decimal, rounded down."""
        return self.percent_tenths / 10

    @property
    def needed_ms(self) -> int:
        """How much makes *attended*."""
        return rules.needed_ms(self.length_ms, self.needed_percent)

    @property
    def lanes(self) -> list[Lane]:
        """What each source saw, for a picture."""
        return [
            Lane(source, detail, own, [self._minutes(one) for one in own], rules.length(own))
            for source, detail, own in self.told
        ]

    @property
    def united(self) -> list[tuple[float, float]]:
        """What is counted once, in minutes from the start."""
        return [self._minutes(one) for one in rules.unite((a, b) for a, b, _source in self.intervals)]

    def minutes_of(self, start: datetime, end: datetime) -> tuple[float, float]:
        """A span in minutes from the start, without what lies outside the lecture."""
        last = self.length_ms / measures.MINUTE_MS
        first, until = self._minutes((clock.to_ms(start), clock.to_ms(end)))
        return min(max(first, 0), last), min(max(until, 0), last)

    def _minutes(self, interval: rules.Interval) -> tuple[float, float]:
        start, end = interval
        return (start - self.start_ms) / measures.MINUTE_MS, (end - self.start_ms) / measures.MINUTE_MS


class Judge:
    """Says for each of some people what the presence in one lecture amounts to, and in words."""

    def __init__(
        self,
        span: Span,
        minimum: int,
        *,
        counted: set[int],
        corrections: Mapping[int, ByHand],
        asides: Mapping[int, str],
        places: Mapping[int, str],
    ) -> None:
        self.span, self.minimum, self.places = span, minimum, places
        self.counted, self.corrections, self.asides = counted, corrections, asides
        self._absent: dict[str, Any] | None = None  # who never came: the same row for everybody

    @classmethod
    def of(cls, lecture: Lecture, span: Span, person_ids: Collection[int], seen: Mapping[int, list[Seen]]) -> Judge:
        """One who knows all that decides about these people in one lecture, of whom this was seen."""
        grouped = [one for one in person_ids if in_group(seen.get(one, ()))]
        places = places_of([lecture.id], grouped) if grouped else {}
        counted = eligible_people(lecture.id, person_ids)
        if is_held(lecture):
            counted |= _credited(lecture.id, person_ids)
        outside = [person_id for person_id in person_ids if person_id not in counted]
        return cls(
            span,
            min_percent_of(lecture),
            counted=counted,
            corrections=by_hand(corrections_in(lecture.id, person_ids)),
            asides=asides_of(lecture, outside),
            places={person_id: place for (_lecture_id, person_id), place in places.items()},
        )

    def row(self, person_id: int, seen: Sequence[Seen]) -> dict[str, Any]:
        """The fields of a row that are derived."""
        if not seen and person_id in self.counted and person_id not in self.corrections:
            if self._absent is None:
                self._absent = self._row(person_id, seen)
            return self._absent | {"sources": [], "intervals": [], "told": []}
        return self._row(person_id, seen)

    def _row(self, person_id: int, seen: Sequence[Seen]) -> dict[str, Any]:
        summed = rules.sum_up(
            seen, start=self.span.start, end=self.span.start + self.span.length_ms, min_percent=self.minimum
        )
        by_hand = self.corrections.get(person_id)
        counted = by_hand is not None or person_id in self.counted
        decided = summed.outcome if counted else Outcome.ABSENT
        if by_hand is not None:
            decided = by_hand.outcome
        sources = sorted({source for _a, _b, source in seen}, key=list(Source).index)
        if by_hand is not None and Source.MANUAL not in sources:
            sources.append(Source.MANUAL)
        return {
            "start_ms": self.span.start,
            "length_ms": self.span.length_ms,
            "needed_percent": self.minimum,
            "present_ms": summed.present_ms,
            "percent_tenths": summed.percent_tenths,
            "outcome": decided,
            "sources": sources,
            "intervals": rules.by_source(seen, self.span.start, self.span.end),
            "told": self._told(person_id, seen),
            "rejoins": summed.rejoins,
            "is_counted": counted,
            "correction": by_hand,
            "explanation": rules.explain(
                present_ms=summed.present_ms,
                length_ms=self.span.length_ms,
                rejoins=summed.rejoins,
                outcome=decided,
                by_hand=by_hand.reason if by_hand is not None else None,
                replay=summed.source is Source.REPLAY,
                stated_ms=stated_in(seen),
                offline_ms=offline_ms(seen, self.span),
                group=self.places.get(person_id, "") if in_group(seen) else None,
                aside="" if counted else self.asides.get(person_id, _("not enrolled")),
            ),
        }

    def _told(self, person_id: int, seen: Sequence[Seen]) -> list[tuple[Source, str | None, list[rules.Interval]]]:
        """The intervals by what told of them, each clipped and united, in order of time."""
        grouped: dict[tuple[Source, str | None], list[rules.Interval]] = {}
        for one in seen:
            joined, left, source = one
            detail = self.places.get(person_id) if source is Source.GROUP else system_of(one)
            grouped.setdefault((source, detail), []).append((joined, left))
        found = [
            (source, detail, own)
            for (source, detail), intervals in grouped.items()
            if (own := rules.clip(rules.unite(intervals), self.span.start, self.span.end))
        ]
        return sorted(found, key=lambda lane: (lane[2][0], lane[0].value, lane[1] or ""))


def in_group(seen: Iterable[Seen]) -> bool:
    """Whether somebody was seen in a group."""
    return any(source is Source.GROUP for _joined, _left, source in seen)


def by_hand(corrections: Mapping[int, Correction]) -> dict[int, ByHand]:
    """Corrections with the names of those who made them, under the same keys."""
    makers = {one.by_person_id for one in corrections.values() if one.by_person_id is not None}
    names: dict[int, str] = {}
    if makers:
        names = dict(db.session.execute(select(Person.id, Person.full_name).where(Person.id.in_(makers))).all())
    return {
        key: ByHand(one.outcome, one.reason, names.get(one.by_person_id or 0), one.made_at)
        for key, one in corrections.items()
    }


def _credited(lecture_id: int, person_ids: Collection[int]) -> set[int]:
    found: set[int] = set()
    for people in pieces(person_ids):
        found.update(db.session.scalars(_CREDITED, {"lecture_id": lecture_id, "people": people}))
    return found


_CREDITED = select(Credit.person_id).where(
    Credit.lecture_id == bindparam("lecture_id"), Credit.person_id.in_(bindparam("people", expanding=True))
)


def asides_of(lecture: Lecture, person_ids: Collection[int]) -> dict[int, str]:
    """Why the presence of people who are not enrolled is not counted."""
    if not person_ids:
        return {}
    if policy_for(lecture).walk_ins is WalkIns.IGNORE:
        return dict.fromkeys(person_ids, _("not enrolled, and this series does not accept walk-ins"))
    taken = lecture.series.is_full
    found = dict.fromkeys(person_ids, _("not enrolled, series full") if taken else _("not enrolled"))
    query = (
        select(WHO, Enrolment.status)
        .join(Enrolment, Enrolment.person_id == Person.id)
        .where(Enrolment.series_id == lecture.series_id, WHO.in_(person_ids))
    )
    words = {
        EnrolmentStatus.WAITLISTED: _("on the waiting list, series full"),
        EnrolmentStatus.WITHDRAWN: _("withdrawn from the series"),
        EnrolmentStatus.REJECTED: _("application rejected"),
        EnrolmentStatus.APPLIED: _("application not yet decided"),
    }
    for person_id, status in db.session.execute(query):
        if status in words:
            found[person_id] = words[status]
    return found
