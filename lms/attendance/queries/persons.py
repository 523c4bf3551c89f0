"""A person's own attendance, and outcomes in bulk for certificates."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from lms.attendance.models import Beat, Correction, Credit, Join, Outcome, Presence, Source
from lms.attendance.queries.evidence import Seen, span_of
from lms.attendance.queries.judging import Judge, Reckoning, asides_of, by_hand
from lms.attendance.rules import seen_by_beats
from lms.catalogue.models import Lecture, LectureState, Policy
from lms.catalogue.queries import current_policies
from lms.core import clock
from lms.core.db import db
from lms.core.errors import NotFound
from lms.core.roles import Actor
from lms.enrolment.models import Enrolment
from lms.people.models import Person


@dataclass(frozen=True, kw_only=True)
class PersonAttendance(Reckoning):
    """One held lecture and what of it counts for one person."""

    lecture_id: int
    series_id: int
    title: str


def attendance_of_person(person_id: int, *, by: Actor, series_id: int | None = None) -> list[PersonAttendance]:
    """The held lectures in which a person was seen, corrected or expected, the latest first.

    For the person, administrators and reporters; NotFound for others. `person_id` is canonical.
    """
    if not (by.is_reporter or by.person_id == person_id):
        raise NotFound
    rows = _row_ids(person_id)
    seen, corrections = _seen_by_lecture(rows), _corrections_by_lecture(rows)
    seen_ids = seen.keys() | corrections.keys()
    places = _places(rows)
    query = (
        select(Lecture)
        .where(Lecture.state == LectureState.HELD, Lecture.series_id.in_(places) | Lecture.id.in_(seen_ids))
        .options(joinedload(Lecture.series, innerjoin=True))
        .order_by(Lecture.actual_start.desc(), Lecture.id.desc())
    )
    if series_id is not None:
        query = query.where(Lecture.series_id == series_id)
    lectures = list(db.session.scalars(query))
    expected_in = {one.id for one in lectures if any(place.covers(one) for place in places.get(one.series_id, []))}
    shown = [one for one in lectures if one.id in seen_ids or one.id in expected_in]
    ids = [one.id for one in shown]
    held_by = by_hand({key: corrections[key][-1] for key in ids if corrections.get(key)})
    credited = set(
        db.session.scalars(select(Credit.lecture_id).where(Credit.person_id.in_(rows), Credit.lecture_id.in_(ids)))
    )
    policies = list(db.session.scalars(select(Policy).where(Policy.id.in_({one.policy_id for one in shown}))))
    minimums = {policy.id: policy.min_percent for policy in policies}
    without = {one.series_id for one in shown if one.policy_id not in minimums}
    current = current_policies(without) if without else {}
    found = []
    for one in shown:
        now_in = any(place.until is None for place in places.get(one.series_id, []))
        counts = one.id in expected_in or one.id in credited or now_in
        judge = Judge(
            span_of(one),
            minimums.get(one.policy_id or 0) or current[one.series_id].min_percent,
            counted={person_id} if counts else set(),
            corrections={person_id: held_by[one.id]} if one.id in held_by else {},
            asides={} if counts else asides_of(one, [person_id]),
        )
        fields = judge.row(person_id, seen.get(one.id, []))
        found.append(PersonAttendance(lecture_id=one.id, series_id=one.series_id, title=one.title, **fields))
    return found


def _seen_by_lecture(rows: list[int]) -> dict[int, list[Seen]]:
    """All that was seen of a person, by lecture; of one that was only joined, nothing."""
    found: dict[int, list[Seen]] = {}
    query = select(Presence.lecture_id, Presence.joined_ms, Presence.left_ms, Presence.source)
    for lecture_id, joined, left, source in db.session.execute(query.where(Presence.person_id.in_(rows))):
        found.setdefault(lecture_id, []).append((joined, left, source))
    beats = (
        select(Join.lecture_id, Join.joined_ms, Join.beat_seconds, Beat.received_ms)
        .outerjoin(Beat, Beat.join_id == Join.id)
        .where(Join.person_id.in_(rows))
    )
    for lecture_id, joined, beat, received in db.session.execute(beats):
        seen = found.setdefault(lecture_id, [])
        if received is not None:
            for interval in seen_by_beats([received], beat_seconds=beat, joined_ms=joined):
                seen.append((*interval, Source.LIVE))
    return found


def _corrections_by_lecture(rows: list[int]) -> dict[int, list[Correction]]:
    """The corrections of a person that hold, by lecture; of one whose corrections were all withdrawn, none."""
    found: dict[int, list[Correction]] = {}
    for one in db.session.scalars(select(Correction).where(Correction.person_id.in_(rows)).order_by(Correction.id)):
        found.setdefault(one.lecture_id, []).extend([one] if one.withdrawn_at is None else [])
    return found


@dataclass(frozen=True)
class _Place:
    since: datetime
    until: datetime | None

    def covers(self, lecture: Lecture) -> bool:
        end = lecture.actual_end
        if end is None or lecture.created_at >= end:
            return self.until is None
        return self.since <= end and (self.until is None or self.until > end)


def _places(rows: list[int]) -> dict[int, list[_Place]]:
    query = select(Enrolment.series_id, Enrolment.enrolled_at, Enrolment.withdrawn_at)
    found: dict[int, list[_Place]] = {}
    for series_id, since, until in db.session.execute(query.where(Enrolment.person_id.in_(rows))):
        if since is not None:
            found.setdefault(series_id, []).append(_Place(since, until))
    return found


def _row_ids(person_id: int) -> list[int]:
    return list(db.session.scalars(select(Person.id).where(Person.canonical_id == person_id)))


def outcomes_of_series(series_id: int) -> dict[int, dict[int, Outcome]]:
    """Person → held lecture → outcome, for all credits of a series; absences have none."""
    query = (
        select(Credit.person_id, Credit.lecture_id, Credit.outcome)
        .join(Lecture, Lecture.id == Credit.lecture_id)
        .where(Lecture.series_id == series_id, Lecture.state == LectureState.HELD)
    )
    found: dict[int, dict[int, Outcome]] = {}
    for person_id, lecture_id, outcome in db.session.execute(query):
        found.setdefault(person_id, {})[lecture_id] = outcome
    return found


def export_of_person(person_id: int) -> dict[str, Any]:
    """All that is stored here on a person, for the person's own export."""
    rows = _row_ids(person_id)

    def moment(ms: int) -> str:
        return clock.from_ms(ms).isoformat()

    presence = db.session.execute(
        select(Presence.lecture_id, Presence.source, Presence.joined_ms, Presence.left_ms)
        .where(Presence.person_id.in_(rows))
        .order_by(Presence.joined_ms)
    )
    joins = db.session.execute(
        select(Join.id, Join.lecture_id, Join.joined_ms).where(Join.person_id.in_(rows)).order_by(Join.joined_ms)
    ).all()
    beats = db.session.execute(
        select(Beat.join_id, Beat.received_ms)
        .where(Beat.join_id.in_([join.id for join in joins]))
        .order_by(Beat.received_ms)
    )
    corrections = db.session.scalars(select(Correction).where(Correction.person_id.in_(rows)).order_by(Correction.id))
    credits = db.session.scalars(select(Credit).where(Credit.person_id.in_(rows)).order_by(Credit.lecture_id))
    return {
        "presence": [
            {"lecture": lecture, "source": source.value, "joined_at": moment(joined), "left_at": moment(left)}
            for lecture, source, joined, left in presence
        ],
        "joins": [{"id": one.id, "lecture": one.lecture_id, "joined_at": moment(one.joined_ms)} for one in joins],
        "beats": [{"join": join, "received_at": moment(received)} for join, received in beats],
        "corrections": [
            {
                "lecture": one.lecture_id,
                "outcome": one.outcome.value,
                "reason": one.reason,
                "made_at": one.made_at.isoformat(),
                "withdrawn_at": one.withdrawn_at.isoformat() if one.withdrawn_at else None,
            }
            for one in corrections
        ],
        "credits": [
            {
                "lecture": one.lecture_id,
                "present_ms": one.present_ms,
                "percent": one.percent_tenths / 10,
                "outcome": one.outcome.value,
                "source": one.source.value,
                "sector": one.sector.value if one.sector else None,
                "gender": one.gender.value if one.gender else None,
            }
            for one in credits
        ],
    }
