"""Speakers in the demonstration: who gives a lecture has a profile on its page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from lms.core.db import action
from lms.core.roles import SYSTEM
from lms.demo.programme import InstructorPlan, SeriesPlan
from lms.speakers.actions import SpeakerInput, add_new_speaker, add_speaker


@action
def take_in(
    series: Sequence[SeriesPlan],
    lecture_ids: Mapping[tuple[str, int], int],
    instructors: Sequence[InstructorPlan],
    *,
    now: datetime,
) -> None:
    """Lists those who give a lecture as its speakers, each with one profile for all lectures."""
    known: dict[str, str] = {}
    plans = {plan.key: plan for plan in instructors}
    for plan in series:
        for lecture in plan.lectures:
            lecture_id = lecture_ids[plan.slug, lecture.number]
            for key in lecture.instructors:
                if key in known:
                    add_speaker(lecture_id, known[key], by=SYSTEM, at=now)
                else:
                    known[key] = add_new_speaker(lecture_id, _draft(plans[key]), by=SYSTEM, at=now)


def _draft(plan: InstructorPlan) -> SpeakerInput:
    position = ", ".join(part for part in (plan.job_title, plan.organisation) if part)
    return SpeakerInput(plan.full_name, plan.native_name, position)
