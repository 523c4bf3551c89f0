"""What is being prepared in the demonstration: last year's series copied to new dates, a lecture repeated weekly, and
some people withdrawn from a series together by mistake.

All by the instructor who signs in to it, as drafts; a clash is left out, holidays are kept.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from lms.catalogue.actions.scheduling import copied_lectures, copy_series, iso_codes, repeated_dates, schedule_repeated
from lms.catalogue.dates import DateCheck, Decision, Every, Repeat, check_dates, copied_dates, days_from, first_after
from lms.catalogue.inputs import LectureInput, SeriesCopy, slug_of, title_in_year
from lms.catalogue.models import LectureState, Series
from lms.catalogue.queries.series import get_series
from lms.core.roles import Actor
from lms.demo.follow_up import actor_of
from lms.demo.mails import keep_as_sent
from lms.demo.programme import ORGANISER_ZONE, LecturePlan, SeriesPlan
from lms.enrolment.batch_actions import ENROLMENT_CHANGES, preview_batch
from lms.enrolment.models import EnrolmentStatus
from lms.enrolment.queries.series import list_seats

COPIED = "paperless-trade"
REPEATED_IN = "fees-and-fairness"
WEEKS = 8
WITHDRAWN_FROM = "cooperative-finance"
WITHDRAWN = 4


def prepare_next_year(plans: Iterable[SeriesPlan], address: str, *, now: datetime) -> None:
    """Copies a series of an earlier year, repeats a lecture on eight days, of which the third has a clash, and undoes a
    withdrawal of several people."""
    by = actor_of(address, now)
    _copy(get_series(COPIED, by=by), by=by, now=now)
    coming = [one for plan in plans for one in plan.lectures if _can_clash(one, now)]
    _withdraw_by_mistake(get_series(WITHDRAWN_FROM, by=by), by=by, now=now)
    if coming:
        _repeat(min(coming, key=lambda one: one.starts_at), address, by=by, now=now)


def _can_clash(lecture: LecturePlan, now: datetime) -> bool:
    """Whether a lecture is given by the same instructor, late enough for two weeks to come before it."""
    return (
        lecture.state == LectureState.SCHEDULED
        and "lin" in lecture.instructors
        and lecture.starts_at > now + timedelta(days=16)
    )


def _withdraw_by_mistake(series: Series, *, by: Actor, now: datetime) -> None:
    seats = list_seats(series, by=by, limit=WITHDRAWN - 1, status=EnrolmentStatus.ENROLLED)
    people = [seat.enrolment.public_id for seat in seats]
    if not people:
        return
    batch = preview_batch(series.id, people, status=EnrolmentStatus.WITHDRAWN, by=by, at=now).public_id
    ENROLMENT_CHANGES.confirm(series.id, batch, by=by, at=now)
    ENROLMENT_CHANGES.undo(series.id, batch, by=by, at=now)
    keep_as_sent(now)


def _copy(source: Series, *, by: Actor, now: datetime) -> None:
    lectures = copied_lectures(source, by=by)
    start = lectures[0].local_start
    assert start is not None
    first = first_after(start.date(), now.astimezone(ORGANISER_ZONE).date())
    title = title_in_year(source.title, start.year, first.year)
    wanted = copied_dates(lectures, days_from(lectures, first), with_instructors=True)
    checks = check_dates(None, wanted, countries=iso_codes(source), locale="en", by=by)
    copy = SeriesCopy(slug=slug_of(title), title=title, first=first, decisions=_decisions(checks))
    copy_series(source.slug, copy, by=by, at=now)


def _repeat(in_the_way: LecturePlan, address: str, *, by: Actor, now: datetime) -> None:
    series = get_series(REPEATED_IN, by=by)
    draft = LectureInput(
        title="Open hour",
        abstract="Questions about fees, in small groups.",
        time_zone=in_the_way.time_zone,
        starts_at=in_the_way.local_start - timedelta(days=14),
        duration_minutes=60,
        instructors=(address,),
    )
    assert by.person_id is not None
    wanted = repeated_dates(draft, [by.person_id], Repeat(Every.WEEK, WEEKS))
    checks = check_dates(series, wanted, countries=iso_codes(series), locale="en", by=by)
    schedule_repeated(REPEATED_IN, draft, Repeat(Every.WEEK, WEEKS), decisions=_decisions(checks), by=by, at=now)


def _decisions(checks: Iterable[DateCheck]) -> dict[str, str]:
    """Dates with a clash are left out, holidays kept."""
    return {
        one.key: Decision.SKIP if one.clashes or one.impossible else Decision.KEEP for one in checks if not one.is_free
    }
