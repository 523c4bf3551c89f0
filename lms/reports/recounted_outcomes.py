"""A second decision on the outcomes of held lectures: plain Python over plain rows, sharing no rule with attendance.

Its minutes are those of the credits. What it decides again is whether they are enough: the share of the lecture's
length, or, within the planned length of a lecture that ran over, the share of that (ADR 128).
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, select

from lms.attendance.models.credits import Correction, Credit
from lms.attendance.models.evidence import Presence, Source, UnmatchedAttendee
from lms.catalogue.models import Lecture, LecturePause, LectureState, Policy
from lms.core.database.session import db
from lms.people.models import Person

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_Span = tuple[int, int]


class _Times(NamedTuple):
    """The times of a held lecture in milliseconds: `length` without the pauses, and the `plan` within which enough is
    kept; null where it is not."""

    start: int
    length: int
    plan: int | None
    pauses: list[_Span]


def outcome_differences() -> list[str]:
    """Which lectures have credits whose outcome is not what their minutes give, a line each.

    Outcomes that a correction decided are left out, and in lectures that ran over people of whom a report states only a
    sum: nobody can read from it when they were there.
    """
    ended = (Lecture.state == LectureState.HELD, Lecture.actual_end.is_not(None))
    lines = []
    for lecture_id in db.session.scalars(select(Lecture.id).where(*ended).order_by(Lecture.id)).all():
        wrong = len(list(_wrong_credits(lecture_id)))
        if wrong:
            lines.append(f"lecture {lecture_id}: outcomes that are not what the minutes give: {wrong}")
    return lines


def _wrong_credits(lecture_id: int) -> Iterator[int]:
    """Yields the people whose credit in a lecture has the wrong outcome."""
    times = _times_of(lecture_id)
    corrected = select(Person.canonical_id).join(Correction, Correction.person_id == Person.id)
    in_force = (Correction.lecture_id == lecture_id, Correction.withdrawn_at.is_(None))
    by_hand = set(db.session.scalars(corrected.where(*in_force)))
    query = select(Credit.person_id, Credit.present_ms, Credit.outcome, Policy.min_percent)
    query = query.join(Policy, Policy.id == Credit.policy_id).where(Credit.lecture_id == lecture_id)
    seen: dict[int, list[_Span | None]] | None = None
    for person, present, outcome, percent in db.session.execute(query).all():
        if person in by_hand:
            continue
        is_enough = present * 100 >= percent * times.length
        plan = times.plan
        if not is_enough and plan is not None and plan < times.length and present * 100 >= percent * plan:
            seen = _presence_by_person(lecture_id) if seen is None else seen
            spans = [span for span in seen[person] if span is not None]
            if len(spans) < len(seen[person]):
                continue
            is_enough = _seen_within(plan, spans, times) * 100 >= percent * plan
        if outcome != ("attended" if is_enough else "partial"):
            yield person


def _times_of(lecture_id: int) -> _Times:
    columns: tuple[Any, ...] = (
        *(Lecture.actual_start, Lecture.actual_end),
        *(Lecture.duration_minutes, Lecture.keeps_enough),
    )
    first, last, minutes, keeps_enough = db.session.execute(select(*columns).where(Lecture.id == lecture_id)).one()
    ends: tuple[Any, ...] = (LecturePause.started_at, LecturePause.ended_at)
    query = select(*ends).where(LecturePause.lecture_id == lecture_id, LecturePause.withdrawn_at.is_(None))
    pauses = [(max(begin, first), min(end or last, last)) for begin, end in db.session.execute(query)]
    paused = [(_ms(begin), _ms(end)) for begin, end in pauses if begin < end]
    length = _ms(last) - _ms(first) - sum(end - begin for begin, end in paused)
    return _Times(_ms(first), length, minutes * 60_000 if keeps_enough else None, paused)


def _ms(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def _presence_by_person(lecture_id: int) -> dict[int, list[_Span | None]]:
    """When people were seen in a lecture, replays apart; null for a sum without times."""
    columns: tuple[Any, ...] = (Person.canonical_id, Presence.joined_ms, Presence.left_ms, Presence.stated_ms)
    is_counted: tuple[ColumnElement[bool], ...] = (Presence.lecture_id == lecture_id, Presence.source != Source.REPLAY)
    known = select(*columns).join(Person, Person.id == Presence.person_id).where(*is_counted)
    found_out = (
        select(*columns)
        .join(UnmatchedAttendee, UnmatchedAttendee.id == Presence.attendee_id)
        .join(Person, Person.id == UnmatchedAttendee.person_id)
        .where(*is_counted)
    )
    seen: dict[int, list[_Span | None]] = defaultdict(list)
    for query in (known, found_out):
        for person, joined, left, stated in db.session.execute(query):
            seen[person].append(None if stated is not None else (joined, left))
    return seen


def _seen_within(plan: int, spans: Iterable[_Span], times: _Times) -> int:
    """How many milliseconds somebody was there in the first `plan` of a lecture outside its pauses."""
    there = list(spans)
    edges = {edge for span in [*there, *times.pauses] for edge in span if edge > times.start}
    passed = seen = 0
    for first, last in pairwise(sorted({times.start, *edges})):
        if any(begin <= first < end for begin, end in times.pauses):
            continue
        step = min(last - first, plan - passed)
        passed += step
        if any(joined <= first < left for joined, left in there):
            seen += step
    return seen
