"""How many people earn a certificate of each series, and how many have none yet: one question for all series."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, case, exists, func, not_, or_, select

from lms.attendance.models.credits import Credit, Outcome
from lms.attendance.queries.sessions import sessions_among
from lms.catalogue.models import Lecture, Policy
from lms.catalogue.queries.lectures import stations_of
from lms.catalogue.queries.policies import current_policies
from lms.catalogue.rules import Station, is_planned_draft
from lms.certificates import eligibility
from lms.certificates.models import Award
from lms.core.base.errors import Forbidden
from lms.core.base.roles import Actor
from lms.core.database import cache_versions
from lms.core.database.cache_versions import memory
from lms.core.database.session import read
from lms.core.time import clock
from lms.core.time.clock import reporting_zone
from lms.enrolment.models import Enrolment, EnrolmentStatus
from lms.enrolment.queries.rows import PERSON_ROW, SPEAKS
from lms.people.models import Person

STAMP = "certificates to issue"
_TABLES = frozenset({"award", "credit", "enrolment", "lecture", "person", "policy", "superseded_enrolment"})

cache_versions.watch(STAMP, _TABLES.__contains__)


@dataclass(frozen=True)
class Totals:
    """People who have earned a certificate, and those of them who have none yet.

    Names that the fonts cannot print are not looked at here: the page of the series names these people.
    """

    earned: int = 0
    to_issue: int = 0


@dataclass(frozen=True)
class _SeriesRequirement:
    """What the certificate of one series asks."""

    earning: eligibility.Earning
    policy: Policy
    lectures: Sequence[int]


def totals_of_series(series_ids: Iterable[int], *, by: Actor) -> dict[int, Totals]:
    """The totals of each of these series. For administrators and reporters; raises Forbidden for others.

    Counted again only once something that they are counted from has changed.
    """
    if not by.is_reporter:
        raise Forbidden
    ids = tuple(sorted(series_ids))
    cached = memory(STAMP)
    zone = reporting_zone()
    at = clock.now()
    entry: tuple[Any, datetime | None, dict[int, Totals]] | None = cached.get(ids)
    if entry is None or entry[0] != (cache_versions.peek(STAMP), zone) or (entry[1] is not None and entry[1] <= at):
        stamp = cache_versions.stamp_of(STAMP), zone  # before the cached data is read, and as this session sees it
        lectures = stations_of(ids, by=by)
        drafts = [one for each in lectures.values() for one in each if is_planned_draft(one, at)]
        until = min((one.starts_at for one in drafts if one.starts_at is not None), default=None)
        cached.clear()
        cached[ids] = entry = stamp, until, _count(ids, lectures, at)
    return entry[2]


def _count(ids: Sequence[int], lectures: Mapping[int, Sequence[Station]], at: datetime) -> dict[int, Totals]:
    policies = current_policies(ids)
    sessions = sessions_among(one for each in lectures.values() for one in each)
    requirements = {
        id_: _asked(lectures[id_], policies[id_], sessions, at) for id_ in ids if policies[id_].certificate is not None
    }
    requirements = {id_: one for id_, one in requirements.items() if one.lectures}
    totals = {id_: Totals() for id_ in ids}
    if requirements:
        for id_, earned, to_issue in read(_query(requirements)):
            totals[id_] = Totals(earned, int(to_issue or 0))
    return totals


def _asked(lectures: Sequence[Station], policy: Policy, sessions: set[int], at: datetime) -> _SeriesRequirement:
    counted = eligibility.measured(lectures, sessions, policy.deadline, reporting_zone(), at=at)
    return _SeriesRequirement(eligibility.earning(counted, policy), policy, [one.id for one in counted])


def _query(requirements: Mapping[int, _SeriesRequirement]) -> Any:
    """`series, earned, to issue`: of people who are enrolled, over the lectures that count, as each series asks.

    Who has attended enough is found first: these are few, and only of them is asked whether they are enrolled and have
    one already.
    """
    earner = _earners(requirements).subquery()
    member = select(PERSON_ROW.id).where(PERSON_ROW.canonical_id == earner.c.person_id).correlate(earner)
    # the state is compared outside: SQLite would look through all of a series for it, for each person
    status = (
        select(Enrolment.status)
        .where(Enrolment.series_id == earner.c.series_id, Enrolment.person_id.in_(member), SPEAKS)
        .limit(1)
        .scalar_subquery()
    )
    has_award = exists().where(
        Award.series_id == earner.c.series_id,
        Award.person_id.in_(member),
        Award.kind
        == case({id_: one.policy.certificate for id_, one in requirements.items()}, value=earner.c.series_id),
    )
    waits = [id_ for id_, one in requirements.items() if one.policy.confirmed_names]
    is_ready = or_(earner.c.series_id.not_in(waits), Person.name_confirmed_at.is_not(None))
    return (
        select(earner.c.series_id, func.count(), func.sum(case((and_(not_(has_award), is_ready), 1), else_=0)))
        .join(Person, Person.id == earner.c.person_id)
        .where(Person.erased_at.is_(None), status == EnrolmentStatus.ENROLLED)
        .group_by(earner.c.series_id)
    )


def _earners(requirements: Mapping[int, _SeriesRequirement]) -> Any:
    """`series_id, person_id` of who has attended as much as the series asks, enrolled or not."""
    attended = func.sum(case((Credit.outcome == Outcome.ATTENDED, 1), else_=0))
    needed = case({id_: one.earning.needed for id_, one in requirements.items()}, value=Lecture.series_id)
    needed_ms = case({id_: one.earning.needed_ms for id_, one in requirements.items()}, value=Lecture.series_id)
    return (
        select(Lecture.series_id, Credit.person_id)
        .join(Lecture, Lecture.id == Credit.lecture_id)
        .where(Credit.lecture_id.in_([id_ for one in requirements.values() for id_ in one.lectures]))
        .group_by(Lecture.series_id, Credit.person_id)
        .having(eligibility.has_reached(attended, func.sum(Credit.present_ms), needed, needed_ms))
    )
