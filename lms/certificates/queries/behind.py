"""Who is falling behind: enrolled people who have missed more than their certificate allows so far, and can still earn
it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, and_, case, exists, func, not_, or_, select

from lms.attendance.models.credits import Credit, Outcome
from lms.attendance.queries.sessions import sessions_among
from lms.catalogue.models import SERIES_TITLE, Lecture, LectureState, Series, Visibility
from lms.catalogue.queries.lectures import add_drafts, stations_of
from lms.catalogue.queries.policies import current_policies
from lms.certificates import eligibility, rules
from lms.core import clock
from lms.core.clock import reporting_zone
from lms.core.db import read, read_column, read_value
from lms.core.errors import NotFound, Refused
from lms.core.i18n import _
from lms.core.lists import ListRequest
from lms.core.measures import MINUTE_MS
from lms.core.roles import Actor
from lms.core.translations import Translations, reader_text, reading_key
from lms.enrolment.membership import IS_UNANSWERED
from lms.enrolment.models import Enrolment, EnrolmentStatus
from lms.enrolment.queries.rows import PERSON_ROW, SPEAKS, day_of, matching
from lms.enrolment.rules import speaks_for
from lms.people.models import Person
from lms.people.queries.countries import belonging_to


@dataclass(frozen=True)
class Behind:
    """Somebody who is falling behind in a series, and how many of its lectures to come they need to attend."""

    person: str
    full_name: str
    native_name: str | None
    organisation: str | None
    slug: str
    title: str
    language: str
    text_language: str | None
    translations: Translations
    attended: int
    needed: int
    to_come: int

    @property
    def missing(self) -> int:
        """How many of the lectures to come the person needs."""
        return self.needed - self.attended


@dataclass(frozen=True)
class BehindPage:
    """A page of people who are falling behind: `total` is how many the filter holds, `by_series` how many there are in
    each series, and `matching` how many of them the filter holds, each by slug with the title."""

    rows: list[Behind]
    total: int
    by_series: dict[str, tuple[str, int]]
    matching: dict[str, tuple[str, int]]


@dataclass(frozen=True)
class _RunningSeries:
    earning: eligibility.Earning
    lectures: list[int]
    minutes_to_come: int


def list_behind(
    country_id: int, request: ListRequest, *, by: Actor, at: datetime, series: str | None = None, q: str = ""
) -> tuple[list[Behind], int]:
    """A page of a country's people who are falling behind, those who need most first, and how many there are: of one
    series, and those whom a search finds, where given.

    Somebody falls behind whose share of the lectures held is smaller than the share that the certificate asks for.
    Raises NotFound for a country that the actor does not speak for.
    """
    result = list_behind_by_series(country_id, request, by=by, at=at, series=series, q=q, counts=False)
    return result.rows, result.total


def list_behind_by_series(
    country_id: int,
    request: ListRequest,
    *,
    by: Actor,
    at: datetime,
    series: str | None = None,
    q: str = "",
    counts: bool = True,
) -> BehindPage:
    """As `list_behind`, with how many people are falling behind in each series."""
    if not (by.is_administrator or speaks_for(by, country_id)):
        raise NotFound
    measured = _running(by, at)
    if not measured:
        return BehindPage([], 0, {}, {})
    query = _query(measured, country_id, at)
    by_series = _count_by_series(query) if counts else {}
    if series is not None:
        query = query.where(Series.slug == series)
    if q:
        query = query.where(matching(q))
    matching_by_series = _count_by_series(query) if counts and (q or series) else by_series
    selected = query.subquery()
    total = read_value(select(func.count()).select_from(selected)) or 0
    request = request.within(total)
    page = select(selected).order_by(selected.c.missing.desc(), selected.c.sort_name, selected.c.id)
    rows = [
        Behind(
            *(row.public_id, row.full_name, row.native_name, row.organisation),
            *(row.slug, row.title, row.language, row.text_language, row.translations),
            row.attended,
            measured[row.series_id].earning.needed,
            measured[row.series_id].earning.to_come,
        )
        for row in read(page.limit(request.size).offset(request.offset))
    ]
    return BehindPage(rows, total, by_series, matching_by_series)


def ids_behind(series: Series, country_id: int | None, *, by: Actor, at: datetime | None = None) -> Select[Any]:
    """The query of the ids of the people who are falling behind in a series, of one country or of all.

    For administrators, reporters and the instructors of the series, and for the focal points of the country: raises
    NotFound for others, and Refused where nobody can be falling behind.
    """
    if not (rules.may_see_earners(series, by) or speaks_for(by, country_id)):
        raise NotFound
    at = at or clock.now()
    measured = _running(by, at, series.id)
    if not measured:
        raise Refused(
            _("People can fall behind only between the first and the last lecture of a series with certificates.")
        )
    return select(_query(measured, country_id, at).subquery().c.id)


def _count_by_series(query: Any) -> dict[str, tuple[str, int]]:
    selected = query.subquery()
    counts = (
        select(Series.slug, *SERIES_TITLE, func.count().label("people"))
        .join(selected, selected.c.series_id == Series.id)
        .group_by(Series.id)
    )
    return {row.slug: (reader_text(row), row.people) for row in sorted(read(counts), key=reading_key)}


def _running(by: Actor, at: datetime, series_id: int | None = None) -> dict[int, _RunningSeries]:
    """What the certificates of the series ask that have both lectures held and lectures to come, or of one series."""
    held = exists().where(Lecture.series_id == Series.id, Lecture.state == LectureState.HELD)
    coming = exists().where(Lecture.series_id == Series.id, Lecture.state.in_(eligibility.TO_COME))
    query = select(Series.id).where(held, coming, Series.visibility != Visibility.DRAFT)
    ids = list(read_column(query if series_id is None else query.where(Series.id == series_id)))
    policies, lectures = current_policies(ids), add_drafts(stations_of(ids, by=by))
    sessions = sessions_among(one for each in lectures.values() for one in each)
    requirements = {}
    for id_ in ids:
        policy = policies[id_]
        counted = eligibility.measured(lectures[id_], sessions, policy.deadline, reporting_zone(), at=at)
        requirement = eligibility.earning(counted, policy)
        if policy.certificate is not None and 0 < requirement.to_come < requirement.lectures:
            minutes = sum(one.duration_minutes for one in counted if one.state in eligibility.TO_COME)
            requirements[id_] = _RunningSeries(requirement, [one.id for one in counted], minutes)
    return requirements


def _query(measured: Mapping[int, _RunningSeries], country_id: int | None, at: datetime) -> Any:
    lecture_ids = [one for each in measured.values() for one in each.lectures]
    of_enrolment = and_(
        Credit.person_id == Person.id,
        Lecture.series_id == Enrolment.series_id,
        Credit.lecture_id.in_(lecture_ids),
    )

    def counted(value: Any) -> Any:
        total = select(func.coalesce(func.sum(value), 0)).join(Lecture, Lecture.id == Credit.lecture_id)
        return total.select_from(Credit).where(of_enrolment).correlate(Person, Enrolment).scalar_subquery()

    attended, present_ms = counted(case((Credit.outcome == Outcome.ATTENDED, 1), else_=0)), counted(Credit.present_ms)
    columns = (Person.id, Person.public_id, Person.full_name, Person.native_name, Person.sort_name)
    place = (
        select(
            *columns,
            Person.organisation,
            Enrolment.series_id,
            Series.slug,
            *SERIES_TITLE,
            attended.label("attended"),
            _of_series(measured, lambda requirement: requirement.earning.needed).label("needed"),
            (_of_series(measured, lambda requirement: requirement.earning.needed) - attended).label("missing"),
        )
        .select_from(Enrolment)
        .join(PERSON_ROW, PERSON_ROW.id == Enrolment.person_id)
        .join(Person, Person.id == PERSON_ROW.canonical_id)
        .join(Series, Series.id == Enrolment.series_id)
        .where(
            SPEAKS,
            Enrolment.series_id.in_(list(measured)),
            Enrolment.status == EnrolmentStatus.ENROLLED,
            Person.erased_at.is_(None),
            or_(not_(IS_UNANSWERED), present_ms > 0),  # an invitation that nobody took up is no absence
        )
    )
    if country_id is not None:
        place = place.where(Person.id.in_(select(belonging_to([country_id], day_of(at)).subquery())))
    conditions = [
        and_(Enrolment.series_id == id_, *_falls_behind(one, attended, present_ms)) for id_, one in measured.items()
    ]
    return place.where(or_(*conditions))


def _falls_behind(requirement: _RunningSeries, attended: Any, present_ms: Any) -> Collection[Any]:
    """Has not reached it, can reach it, and attended less of the lectures held than is asked of all."""
    earning = requirement.earning
    held = earning.lectures - earning.to_come
    with_all = eligibility.has_earned(
        attended + earning.to_come, present_ms + requirement.minutes_to_come * MINUTE_MS, earning
    )
    return attended < earning.needed, with_all, attended * earning.lectures < earning.needed * held


def _of_series(measured: Mapping[int, _RunningSeries], value: Any) -> Any:
    return case({id_: value(one) for id_, one in measured.items()}, value=Enrolment.series_id)
