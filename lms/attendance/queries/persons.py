"""A person's own attendance, and outcomes in bulk for certificates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Integer,
    Select,
    String,
    bindparam,
    case,
    cast,
    literal,
    null,
    select,
    type_coerce,
    union_all,
)

from lms.attendance.models.appeals import Appeal
from lms.attendance.models.credits import Correction, Credit, Outcome
from lms.attendance.models.evidence import AttendanceImport, Beat, Join, Presence, Source
from lms.attendance.models.unmatched import Appearance
from lms.attendance.queries.evidence import (
    OFFLINE,
    TOLD_BY,
    CertainPart,
    Reported,
    Seen,
    Span,
    places_of,
    seen_by,
    span_of,
)
from lms.attendance.queries.judging import ByHand, Judge, Reckoning, asides_of, by_hand, in_group
from lms.attendance.rules import seen_by_beats
from lms.catalogue.models import Lecture, LectureState, Policy
from lms.catalogue.queries import current_policies
from lms.core import clock
from lms.core.db import UtcDateTime, db
from lms.core.errors import NotFound
from lms.core.roles import Actor
from lms.enrolment.membership import IS_ELIGIBLE, IS_EXPECTED, holds_for, series_of
from lms.people.models import Person


@dataclass(frozen=True, kw_only=True)
class PersonAttendance(Reckoning):
    """One held lecture and what of it counts for one person."""

    lecture_id: int
    series_id: int
    title: str


def attendance_of_person(
    person_id: int, *, by: Actor, series_id: int | None = None, lecture_id: int | None = None
) -> list[PersonAttendance]:
    """The held lectures in which a person was seen, corrected or expected, the latest first; of a series, or one only.

    For the person, administrators and reporters; NotFound for others. `person_id` is canonical.
    """
    if not (by.is_reporter or by.person_id == person_id):
        raise NotFound
    known = _known_of(person_id)
    where: dict[str, Any] = {"who": person_id}
    if lecture_id is not None:
        query, where = _ONE_HELD, where | {"lecture": lecture_id}
    elif series_id is not None:
        query, where = _HELD_OF_SERIES, where | {"series": series_id}
    else:
        query, where = _HELD_OF_PERSON, where | {"lectures": list(known.touched)}
    lectures: list[Any] = list(db.session.execute(query, where))
    shown = [one for one in lectures if one.id in known.touched or one.is_expected]
    held_by = known.by_hand([one.id for one in shown])
    without = {one.series_id for one in shown if one.min_percent is None}
    current = current_policies(without) if without else {}
    grouped = [one.id for one in shown if in_group(known.seen.get(one.id, ()))]
    places = places_of(grouped, [person_id]) if grouped else {}
    found = []
    for one in shown:
        counts = one.is_eligible or one.id in known.credited
        span = span_of(one)
        judge = Judge(
            span,
            current[one.series_id].min_percent if one.min_percent is None else one.min_percent,
            counted={person_id} if counts else set(),
            corrections={person_id: held_by[one.id]} if one.id in held_by else {},
            places={person_id: places.get((one.id, person_id), "")},
            asides={} if counts else asides_of(db.session.get_one(Lecture, one.id), [person_id]),
        )
        fields = judge.row(person_id, known.seen_in(one.id, span))
        found.append(PersonAttendance(lecture_id=one.id, series_id=one.series_id, title=one.title, **fields))
    return found


_WHO: Any = bindparam("who", type_=Integer)


def _held(which: ColumnElement[bool]) -> Any:
    """Held lectures, the latest first, with the share that makes *attended* where it is settled, and whether `who` is
    expected, and counted when there."""
    return (
        select(
            Lecture.id,
            Lecture.series_id,
            Lecture.title,
            Lecture.starts_at,
            Lecture.duration_minutes,
            Lecture.actual_start,
            Lecture.actual_end,
            Policy.min_percent,
            holds_for(_WHO, IS_EXPECTED).label("is_expected"),
            holds_for(_WHO, IS_ELIGIBLE).label("is_eligible"),
        )
        .outerjoin(Policy, Policy.id == Lecture.policy_id)
        .where(Lecture.state == LectureState.HELD, which)
        .order_by(Lecture.actual_start.desc(), Lecture.id.desc())
    )


_ONE_HELD = _held(Lecture.id == bindparam("lecture", type_=Integer))
_HELD_OF_SERIES = _held(Lecture.series_id == bindparam("series", type_=Integer))
_HELD_OF_PERSON = _held(Lecture.series_id.in_(series_of(_WHO)) | Lecture.id.in_(bindparam("lectures", expanding=True)))

_MEMBERS = select(Person.id).where(Person.canonical_id == _WHO)


def _facts(what: str, owner: Any, place: Any, *values: Any) -> Select[Any]:
    """One kind of what is known of a person: what, where, three numbers, a source, an instant, a system; null at the
    end."""
    kinds: list[Any] = [BigInteger, BigInteger, BigInteger, String, UtcDateTime, String]
    given = [*values, *[None] * (len(kinds) - len(values))]
    columns = [
        cast(null(), kind) if value is None else type_coerce(value, kind)
        for value, kind in zip(given, kinds, strict=True)
    ]
    return select(literal(what, String).label("what"), place, *columns).where(owner.in_(_MEMBERS))


_KNOWN: Any = union_all(
    _facts("seen", Presence.person_id, Presence.lecture_id, Presence.joined_ms, Presence.left_ms,
           Presence.stated_ms, Presence.source, None, TOLD_BY
           ).join_from(Presence, AttendanceImport, AttendanceImport.id == Presence.import_id, isouter=True),
    _facts("seen", Appearance.person_id, Presence.lecture_id, Presence.joined_ms, Presence.left_ms,
           Presence.stated_ms, Presence.source, None, TOLD_BY
           ).join_from(Appearance, Presence, Presence.appearance_id == Appearance.id
           ).outerjoin(AttendanceImport, AttendanceImport.id == Presence.import_id),
    _facts(
        "beat", Join.person_id, Join.lecture_id, Join.joined_ms, Beat.received_ms, Join.beat_seconds, None, None,
        case((Beat.offline, OFFLINE)),
    ).outerjoin_from(Join, Beat, Beat.join_id == Join.id),
    _facts("corrected", Correction.person_id, Correction.lecture_id, Correction.id, None, None, None,
           Correction.withdrawn_at),
    _facts("credited", Credit.person_id, Credit.lecture_id),
)  # fmt: skip
"""All evidence of one person's attendance, in one statement: five cost more to make than to ask."""


@dataclass(frozen=True)
class _Known:
    """What is known of one person: by lecture what was seen (of one that was only joined: nothing) and the ids of
    corrections that hold, the lectures credited, and by lecture the sums that reports state."""

    seen: dict[int, list[Seen]]
    corrections: dict[int, list[int]]
    credited: set[int]
    sums: dict[int, list[tuple[int, int, Source, int, str | None]]]

    @property
    def touched(self) -> set[int]:
        """The lectures in which the person was seen or corrected, also where that was withdrawn."""
        return self.seen.keys() | self.corrections.keys()

    def seen_in(self, lecture_id: int, span: Span) -> list[Seen]:
        """What was seen in one lecture, of sums the part that is certain."""
        sums = [
            CertainPart.of(joined, left, source, stated, span, system)
            for joined, left, source, stated, system in self.sums.get(lecture_id, [])
        ]
        return [*self.seen.get(lecture_id, []), *sums]

    def by_hand(self, lecture_ids: list[int]) -> dict[int, ByHand]:
        """The newest correction that holds in each of these lectures."""
        newest = {max(self.corrections[key]) for key in lecture_ids if self.corrections.get(key)}
        if not newest:
            return {}
        rows = db.session.scalars(select(Correction).where(Correction.id.in_(newest)))
        return by_hand({one.lecture_id: one for one in rows})


def _known_of(person_id: int) -> _Known:
    known = _Known({}, {}, set(), {})
    rows = db.session.execute(_KNOWN, {"who": person_id})
    for what, lecture, first, second, third, source, withdrawn_at, system in rows:
        if what == "seen":
            found = known.seen.setdefault(lecture, [])
            if third is not None:
                known.sums.setdefault(lecture, []).append((first, second, Source(source), third, system))
            elif system is not None:
                found.append(Reported.by(system, first, second, Source(source)))
            else:
                found.append((first, second, Source(source)))
        elif what == "beat":
            seen = known.seen.setdefault(lecture, [])
            if second is not None:
                for interval in seen_by_beats([second], beat_seconds=third, joined_ms=first):
                    live: Seen = (*interval, Source.LIVE)
                    seen.append(live if system is None else Reported.by(system, *live))
        elif what == "corrected":
            known.corrections.setdefault(lecture, []).extend([first] if withdrawn_at is None else [])
        elif what == "credited":
            known.credited.add(lecture)
    return known


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

    shown = (
        Presence.lecture_id, Presence.source, Presence.joined_ms, Presence.left_ms, Presence.stated_ms, Presence.offline
    )  # fmt: skip
    presence = db.session.execute(union_all(*seen_by(*shown, people=[person_id])).order_by(Presence.joined_ms))
    appearances = db.session.scalars(select(Appearance).where(Appearance.person_id.in_(rows)).order_by(Appearance.id))
    joins = db.session.execute(
        select(Join.id, Join.lecture_id, Join.joined_ms).where(Join.person_id.in_(rows)).order_by(Join.joined_ms)
    ).all()
    beats = db.session.execute(
        select(Beat.join_id, Beat.received_ms, Beat.offline)
        .where(Beat.join_id.in_([join.id for join in joins]))
        .order_by(Beat.received_ms)
    )
    corrections = db.session.scalars(select(Correction).where(Correction.person_id.in_(rows)).order_by(Correction.id))
    appeals = db.session.scalars(select(Appeal).where(Appeal.person_id.in_(rows)).order_by(Appeal.id))
    credits = db.session.scalars(select(Credit).where(Credit.person_id.in_(rows)).order_by(Credit.lecture_id))
    return {
        "presence": [
            {
                "lecture": lecture,
                "source": source.value,
                "joined_at": moment(joined),
                "left_at": moment(left),
                "stated_ms": stated,
                "offline": offline,
            }
            for lecture, source, joined, left, stated, offline in presence
        ],
        "appearances": [
            {
                "series": one.series_id,
                "name": one.name,
                "email": one.email,
                "how": one.how.value if one.how else None,
                "decided_at": one.decided_at.isoformat() if one.decided_at else None,
            }
            for one in appearances
        ],
        "joins": [{"id": one.id, "lecture": one.lecture_id, "joined_at": moment(one.joined_ms)} for one in joins],
        "beats": [
            {"join": join, "received_at": moment(received), "offline": offline} for join, received, offline in beats
        ],
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
        "appeals": [
            {
                "lecture": one.lecture_id,
                "filed_at": one.filed_at.isoformat(),
                "from": one.said_from.isoformat() if one.said_from else None,
                "to": one.said_to.isoformat() if one.said_to else None,
                "joined_as": one.joined_as,
                "text": one.text,
                "state": one.state.value,
                "ended_at": one.ended_at.isoformat() if one.ended_at else None,
                "answer": one.answer,
            }
            for one in appeals
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
