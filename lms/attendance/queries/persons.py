"""A person's own attendance, and outcomes in bulk for certificates."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Integer, bindparam, exists, func, select, union_all

from lms.attendance.models.appeals import Appeal
from lms.attendance.models.credits import Correction, Credit
from lms.attendance.models.evidence import Beat, Join, Presence, ReplayViewing, UnmatchedAttendee
from lms.attendance.outcomes import AttendanceOutcome, OutcomeInputs, as_invited, was_in_group
from lms.attendance.presence import WHO, lectures_with_evidence, places_of, presence_by_person, presence_of, spans_of
from lms.attendance.queries.outcomes import corrections_by_lecture, exclusion_reasons
from lms.catalogue.models import LECTURE_TITLE, Lecture, LectureState, Policy
from lms.catalogue.queries.policies import current_policies
from lms.core.base.errors import NotFound
from lms.core.base.roles import Actor
from lms.core.database.session import db, read
from lms.core.text.translations import Translations
from lms.core.time import clock
from lms.enrolment.membership import IS_ELIGIBLE, IS_EXPECTED, IS_TAKEN_UP, holds_for, series_of
from lms.people.models import Person


@dataclass(frozen=True, kw_only=True)
class PersonAttendance(AttendanceOutcome):
    """One held lecture and what of it counts for one person."""

    lecture_id: int
    series_id: int
    title: str
    language: str
    text_language: str | None
    translations: Translations


def attendance_of_person(
    person_id: int, *, by: Actor, series_id: int | None = None, lecture_id: int | None = None
) -> list[PersonAttendance]:
    """The held lectures on whose roster a person is, the latest first; of a series, or one only.

    For the person, administrators and reporters; NotFound for others. `person_id` is canonical.
    """
    if not (by.is_reporter or by.person_id == person_id):
        raise NotFound
    lectures = _held_lectures(person_id, series_id=series_id, lecture_id=lecture_id)
    spans = spans_of(lectures)
    presence = presence_of(person_id, spans) if lectures else {}
    corrections = corrections_by_lecture([row.correction_id for row in lectures if row.correction_id is not None])
    thresholds = _thresholds(lectures)
    in_groups = [lecture.id for lecture in lectures if was_in_group(presence.get(lecture.id, ()))]
    places = places_of(in_groups, [person_id]) if in_groups else {}
    attendances = []
    for lecture in lectures:
        counts = lecture.is_eligible or lecture.is_credited
        inputs = OutcomeInputs(
            span=spans[lecture.id],
            min_percent=thresholds[lecture.id],
            counted={person_id} if counts else set(),
            corrections={person_id: corrections[lecture.id]} if lecture.id in corrections else {},
            exclusions={} if counts else exclusion_reasons(db.session.get_one(Lecture, lecture.id), [person_id]),
            places={person_id: places.get((lecture.id, person_id), "")},
        )
        seen = presence.get(lecture.id, [])
        fields = inputs.fields_for(person_id, seen)
        if not (lecture.is_taken_up or seen or fields["correction"]):
            fields = as_invited(fields)
        attendances.append(
            PersonAttendance(
                lecture_id=lecture.id,
                series_id=lecture.series_id,
                title=lecture.title,
                language=lecture.language,
                text_language=lecture.text_language,
                translations=lecture.translations,
                **fields,
            )
        )
    return attendances


def _held_lectures(person_id: int, *, series_id: int | None, lecture_id: int | None) -> list[Any]:
    if lecture_id is not None:
        return list(read(_ONE_HELD, {"who": person_id, "lecture": lecture_id}))
    if series_id is not None:
        return list(read(_HELD_OF_SERIES, {"who": person_id, "series": series_id}))
    return list(read(_HELD, {"who": person_id}))


def _thresholds(lectures: list[Any]) -> dict[int, int]:
    """The share, in percent, from which each lecture counts as attended; the current one where none is settled."""
    unsettled = {lecture.series_id for lecture in lectures if lecture.min_percent is None}
    current = current_policies(unsettled) if unsettled else {}
    return {
        lecture.id: current[lecture.series_id].min_percent if lecture.min_percent is None else lecture.min_percent
        for lecture in lectures
    }


_WHO: Any = bindparam("who", type_=Integer)
_SEEN_IN = lectures_with_evidence(WHO == _WHO)


def _held(*which: ColumnElement[bool]) -> Any:
    """Held lectures on whose roster `who` is, the latest first, with the share that makes *attended* where it is
    settled, whether the person's presence counts, and the newest correction in force."""
    correction = (
        select(func.max(Correction.id))
        .join(Person, Person.id == Correction.person_id)
        .where(Correction.lecture_id == Lecture.id, Correction.withdrawn_at.is_(None), WHO == _WHO)
        .correlate(Lecture)
    )
    is_credited = exists().where(Credit.lecture_id == Lecture.id, Credit.person_id == _WHO).correlate(Lecture)
    return (
        select(
            Lecture.id,
            Lecture.series_id,
            *LECTURE_TITLE,
            Lecture.starts_at,
            Lecture.duration_minutes,
            Lecture.actual_start,
            Lecture.actual_end,
            Lecture.paused_ms,
            Lecture.keeps_enough,
            Policy.min_percent,
            holds_for(_WHO, IS_ELIGIBLE).label("is_eligible"),
            holds_for(_WHO, IS_TAKEN_UP).label("is_taken_up"),
            is_credited.label("is_credited"),
            correction.scalar_subquery().label("correction_id"),
        )
        .outerjoin(Policy, Policy.id == Lecture.policy_id)
        .where(
            Lecture.state == LectureState.HELD,
            Lecture.id.in_(_SEEN_IN) | (Lecture.series_id.in_(series_of(_WHO)) & holds_for(_WHO, IS_EXPECTED)),
            *which,
        )
        .order_by(Lecture.actual_start.desc(), Lecture.id.desc())
    )


_HELD = _held()
_HELD_OF_SERIES = _held(Lecture.series_id == bindparam("series", type_=Integer))
_ONE_HELD = _held(Lecture.id == bindparam("lecture", type_=Integer))


def _row_ids(person_id: int) -> list[int]:
    return list(db.session.scalars(select(Person.id).where(Person.canonical_id == person_id)))


def export_of_person(person_id: int) -> dict[str, Any]:
    """All that is stored here on a person, for the person's own export."""
    rows = _row_ids(person_id)
    return {**_exported_evidence(person_id, rows), **_exported_room(rows), **_exported_decisions(rows)}


def _exported_moment(ms: int) -> str:
    return clock.from_ms(ms).isoformat()


def _exported_time(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment is not None else None


def _exported_evidence(person_id: int, rows: Collection[int]) -> dict[str, Any]:
    """Presence, and attendees of reports."""
    shown = (
        Presence.lecture_id, Presence.source, Presence.joined_ms, Presence.left_ms, Presence.stated_ms, Presence.offline
    )  # fmt: skip
    selects: list[Any] = [way.where(WHO.in_([person_id])) for way in presence_by_person(*shown)]
    presence = db.session.execute(union_all(*selects).order_by(Presence.joined_ms))
    attendees = db.session.scalars(
        select(UnmatchedAttendee).where(UnmatchedAttendee.person_id.in_(rows)).order_by(UnmatchedAttendee.id)
    )
    return {
        "presence": [
            {
                "lecture": lecture,
                "source": source.value,
                "joined_at": _exported_moment(joined),
                "left_at": _exported_moment(left),
                "stated_ms": stated,
                "offline": offline,
            }
            for lecture, source, joined, left, stated, offline in presence
        ],
        "unmatched_attendees": [
            {
                "series": attendee.series_id,
                "name": attendee.name,
                "email": attendee.email,
                "how": attendee.how.value if attendee.how else None,
                "decided_at": _exported_time(attendee.decided_at),
            }
            for attendee in attendees
        ],
    }


def _exported_room(rows: Collection[int]) -> dict[str, Any]:
    """Joins and heartbeats of the lecture room, and replays that were watched."""
    joins = db.session.execute(
        select(Join.id, Join.lecture_id, Join.joined_ms).where(Join.person_id.in_(rows)).order_by(Join.joined_ms)
    ).all()
    beats = db.session.execute(
        select(Beat.join_id, Beat.received_ms, Beat.offline)
        .where(Beat.join_id.in_([join.id for join in joins]))
        .order_by(Beat.received_ms)
    )
    viewings = db.session.scalars(
        select(ReplayViewing).where(ReplayViewing.person_id.in_(rows)).order_by(ReplayViewing.lecture_id)
    )
    moment = _exported_moment
    return {
        "joins": [{"id": one.id, "lecture": one.lecture_id, "joined_at": moment(one.joined_ms)} for one in joins],
        "beats": [
            {"join": join, "received_at": moment(received), "offline": offline} for join, received, offline in beats
        ],
        "replays": [
            {
                "lecture": viewing.lecture_id,
                "watched": [{"from": moment(start), "to": moment(end)} for start, end in viewing.spans],
                "played_ms": viewing.played_ms,
            }
            for viewing in viewings
        ],
    }


def _exported_decisions(rows: Collection[int]) -> dict[str, Any]:
    """Corrections, appeals and credits."""
    corrections = db.session.scalars(select(Correction).where(Correction.person_id.in_(rows)).order_by(Correction.id))
    appeals = db.session.scalars(select(Appeal).where(Appeal.person_id.in_(rows)).order_by(Appeal.id))
    credits = db.session.scalars(select(Credit).where(Credit.person_id.in_(rows)).order_by(Credit.lecture_id))
    return {
        "corrections": [
            {
                "lecture": correction.lecture_id,
                "outcome": correction.outcome.value,
                "reason": correction.reason,
                "made_at": correction.made_at.isoformat(),
                "withdrawn_at": _exported_time(correction.withdrawn_at),
            }
            for correction in corrections
        ],
        "appeals": [
            {
                "lecture": appeal.lecture_id,
                "filed_at": appeal.filed_at.isoformat(),
                "from": _exported_time(appeal.said_from),
                "to": _exported_time(appeal.said_to),
                "joined_as": appeal.joined_as,
                "text": appeal.text,
                "state": appeal.state.value,
                "ended_at": _exported_time(appeal.ended_at),
                "answer": appeal.answer,
            }
            for appeal in appeals
        ],
        "credits": [
            {
                "lecture": credit.lecture_id,
                "present_ms": credit.present_ms,
                "percent": credit.percent_tenths / 10,
                "outcome": credit.outcome.value,
                "source": credit.source.value,
                "sector": credit.sector.value if credit.sector else None,
                "gender": credit.gender.value if credit.gender else None,
            }
            for credit in credits
        ],
    }
