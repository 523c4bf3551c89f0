"""Enrols people in the planned series: by the files of their organisers, and by their staff."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from lms.core.roles import SYSTEM, Actor
from lms.demo import follow_up, seats
from lms.demo.generate import Demonstration
from lms.demo.programme import SeriesPlan
from lms.demo.scheduling import BEFORE_FIRST, opened_at
from lms.enrolment.actions.many import enrol_many, publish_enrolments
from lms.enrolment.models import EnrolmentSource
from lms.people.actions.files import StagedPeople
from lms.people.queries.persons import ids_by_email
from lms.people.rules import email_key


def enrol(
    demonstration: Demonstration,
    series_ids: dict[str, int],
    addresses: dict[str, str],
    files: Iterator[StagedPeople],
    tell: Callable[[int, int], None],
) -> None:
    """Enrols people in all series by their files; `tell` hears how many there are so far, and in all."""
    plans = [plan for plan in demonstration.series if demonstration.enrolled(plan)]
    total = sum(len(demonstration.enrolled(plan)) for plan in plans)
    done = 0
    for plan, staged in zip(plans, files, strict=True):
        at = opened_at(plan, demonstration.now) + BEFORE_FIRST
        if plan.slug == seats.KEEPS_SEATS:
            seats.keep(demonstration.quotas, at=at - timedelta(days=1))
        if (
            plan.instructors
            and plan.slug != seats.KEEPS_SEATS
            and all(one.state == "scheduled" for one in plan.lectures)
        ):
            by = follow_up.actor_of(addresses[plan.instructors[0]], at)
            _enrol_by_staff(demonstration, plan, series_ids[plan.slug], by=by, at=at)
        publish_enrolments(series_ids[plan.slug], staged, skip_bad_rows=False, by=SYSTEM, at=at)
        done += len(demonstration.enrolled(plan))
        tell(done, total)


def _enrol_by_staff(demonstration: Demonstration, plan: SeriesPlan, series_id: int, *, by: Actor, at: datetime) -> None:
    """Every third person of a series that is still to come was enrolled by its instructor, and has not answered yet."""
    keys = [email_key(member.email) for member in demonstration.enrolled(plan)[::3]]
    known = ids_by_email(keys)
    people = [known[key] for key in keys if key in known]
    enrol_many(series_id, people, source=EnrolmentSource.STAFF, by=by, at=at)
