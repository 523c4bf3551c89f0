"""Puts the planned series and lectures on the programme."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from lms.catalogue.actions.lectures import schedule_lecture
from lms.catalogue.actions.series import create_series
from lms.catalogue.actions.states import cancel_lecture, hold_lecture, postpone_lecture
from lms.catalogue.inputs import LectureInput, PolicyInput, SeriesInput
from lms.catalogue.models import Admission, CertificateKind, LectureState, Visibility
from lms.core import jobs
from lms.core.roles import SYSTEM
from lms.demo.generate import Demonstration
from lms.demo.programme import LecturePlan, SeriesPlan

BEFORE_FIRST = timedelta(days=14)
"""How long before its first lecture a series' file of enrolments is taken."""
TO_ANSWER = "fees-and-fairness"
"""The series with lectures whose staff are asked whether they were held."""


def opened_at(plan: SeriesPlan, now: datetime) -> datetime:
    """When a series was put on the programme: well before its first lecture, and before now."""
    first = min((lecture.starts_at.astimezone(UTC) for lecture in plan.lectures), default=now)
    return min(first, now) - 2 * BEFORE_FIRST


def schedule(
    demonstration: Demonstration, addresses: dict[str, str]
) -> tuple[dict[str, int], dict[tuple[str, int], int]]:
    """Returns the ids of the series, and of their lectures by number."""
    series_ids: dict[str, int] = {}
    lecture_ids: dict[tuple[str, int], int] = {}
    for plan in demonstration.series:
        at = opened_at(plan, demonstration.now)
        series_ids[plan.slug] = create_series(_series_input(plan, demonstration, addresses), by=SYSTEM, at=at).id
        for lecture in plan.lectures:
            lecture_ids[plan.slug, lecture.number] = _schedule(plan, lecture, addresses, at=at)
    return series_ids, lecture_ids


def _series_input(plan: SeriesPlan, demonstration: Demonstration, addresses: dict[str, str]) -> SeriesInput:
    days = [lecture.local_start.date() for lecture in plan.lectures if lecture.state not in ("postponed", "draft")]
    return SeriesInput(
        slug=plan.slug,
        title=plan.title,
        description=plan.description,
        language=plan.language,
        visibility=Visibility(plan.visibility),
        admission=Admission(plan.admission),
        starts_on=min(days, default=None),
        ends_on=max(days, default=None),
        capacity=demonstration.capacity(plan),
        instructors=tuple(addresses[key] for key in plan.instructors),
        policy=PolicyInput(
            min_lectures_percent=plan.min_lectures_percent,
            certificate=CertificateKind(plan.certificate) if plan.certificate else None,
        ),
    )


def _schedule(plan: SeriesPlan, lecture: LecturePlan, addresses: dict[str, str], *, at: datetime) -> int:
    past = lecture.state == "held"
    place = f"{plan.slug}/{lecture.number}"
    draft = LectureInput(
        title=lecture.title,
        abstract=lecture.abstract,
        starts_at=lecture.local_start,
        time_zone=lecture.time_zone,
        duration_minutes=lecture.minutes,
        language=lecture.language,
        interpretation=lecture.interpretation,
        instructors=tuple(addresses[key] for key in lecture.instructors),
        join_url=f"https://meet.lectures.example/{place}",
        recording_url=f"https://recordings.lectures.example/{place}" if past else None,
        materials=({"title": "Slides (PDF)", "url": f"https://files.lectures.example/{place}.pdf"},) if past else (),
        state=LectureState.DRAFT if lecture.state == "draft" else LectureState.SCHEDULED,
    )
    made = schedule_lecture(plan.slug, draft, by=SYSTEM, at=at)
    lecture_id = made.id
    # Told to nobody: the enrolments come afterwards
    if lecture.state == "cancelled":
        cancel_lecture(lecture_id, reason=lecture.abstract, by=SYSTEM, at=at)
    elif lecture.state == "postponed":
        postpone_lecture(lecture_id, by=SYSTEM, at=at)
    return lecture_id


def leave_to_answer(now: datetime, addresses: dict[str, str]) -> None:
    """Two lectures that wait for their staff: one held for three minutes with nobody there, and one of yesterday of
    which nobody has said whether it was held. Their series is a draft, so that only staff see them."""
    zone = ZoneInfo("Asia/Shanghai")
    rehearsal, yesterday = (_at_ten(now - timedelta(days=days), zone) for days in (3, 1))
    draft = LectureInput(
        title="Rehearsal: sound and slides",
        abstract="A trial of the meeting with its lecturer.",
        starts_at=rehearsal.replace(tzinfo=None),
        time_zone=zone.key,
        duration_minutes=60,
        language="en",
        instructors=(addresses["kariuki"],),
        state=LectureState.SCHEDULED,
    )
    held = schedule_lecture(TO_ANSWER, draft, by=SYSTEM, at=rehearsal - timedelta(days=1))
    times = {"started_at": rehearsal, "ended_at": rehearsal + timedelta(minutes=3)}
    hold_lecture(held.id, **times, by=SYSTEM, at=rehearsal + timedelta(hours=1))
    jobs.run_due(at=now)  # the count after its end
    unanswered = replace(draft, title="A fee for every step", starts_at=yesterday.replace(tzinfo=None))
    schedule_lecture(TO_ANSWER, unanswered, by=SYSTEM, at=now)


def _at_ten(moment: datetime, zone: ZoneInfo) -> datetime:
    return moment.astimezone(zone).replace(hour=10, minute=0, second=0, microsecond=0)
