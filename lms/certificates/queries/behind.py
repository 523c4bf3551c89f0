"""People who are falling behind: those enrolled who have missed more than their certificate allows so far, and can
still earn it."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, and_, case, exists, func, literal, not_, or_, select, true
from sqlalchemy.orm import aliased

from lms.attendance.models.credits import Credit, Outcome
from lms.attendance.models.evidence import Join
from lms.attendance.queries.sessions import sessions_among
from lms.catalogue.models import SERIES_TITLE, Lecture, LectureState, Series, Visibility
from lms.catalogue.queries.lectures import add_drafts, stations_of
from lms.catalogue.queries.policies import current_policies
from lms.catalogue.rules import AnyLecture
from lms.certificates import eligibility, remaining, rules
from lms.certificates.queries import conditions
from lms.certificates.queries.progress import find_prospects, is_settled_among, known_running, lost_of_replays
from lms.core.base.errors import NotFound, Refused
from lms.core.base.lists import ListRequest
from lms.core.base.roles import Actor
from lms.core.database.session import read, read_column, read_value
from lms.core.text.i18n import _
from lms.core.text.translations import Translations, reader_text, reading_key
from lms.core.time import clock
from lms.core.time.clock import reporting_zone
from lms.core.time.durations import MINUTE_MS
from lms.enrolment.membership import IS_UNANSWERED
from lms.enrolment.models import Enrolment, EnrolmentStatus
from lms.enrolment.queries.rows import PERSON_ROW, SPEAKS, day_of, matching
from lms.enrolment.rules import speaks_for
from lms.people.models import Person
from lms.people.queries.countries import belonging_to
from lms.recordings.replays import OpenReplay
from lms.streaming.models import Stream


@dataclass(frozen=True)
class Behind:
    """Somebody who is falling behind in a series, and how many of the lectures and `replays` that remain they need."""

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
    replays: int

    @property
    def missing(self) -> int:
        """How many of what remains the person needs."""
        return self.needed - self.attended

    @property
    def remaining(self) -> int:
        """How many lectures and replays remain."""
        return self.to_come + self.replays


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
    """The remaining lectures of a series. `known` are running lectures of which it is known who is there."""

    outlook: remaining.Outlook
    known: frozenset[int]
    at: datetime
    required: conditions.SeriesConditions | None = None

    @property
    def needed(self) -> int:
        return self.outlook.requirement.needed

    @property
    def for_all(self) -> list[AnyLecture]:
        """The lectures that remain for all enrolled, or may."""
        unknown = [lecture for lecture, _enough in self.outlook.running if lecture.id not in self.known]
        return [*self.outlook.lectures, *self.outlook.late, *unknown]

    @property
    def replays(self) -> dict[int, OpenReplay]:
        return {lecture.id: replay for lecture, replay in self.outlook.replays}


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
            measured[row.series_id].needed,
            len(measured[row.series_id].for_all),
            row.replays,
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
            _(
                "People can fall behind only in a series with certificates, after its first lecture and while lectures "
                "or replays remain."
            )
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
    """Returns what remains of the series with certificates that have lectures held and in which something remains, or
    of one series."""
    held = exists().where(Lecture.series_id == Series.id, Lecture.state == LectureState.HELD)
    coming = exists().where(Lecture.series_id == Series.id, Lecture.state.in_(eligibility.TO_COME))
    recorded = exists().where(Lecture.series_id == Series.id, Stream.lecture_id == Lecture.id)
    late = exists().where(Lecture.series_id == Series.id, Lecture.actual_end > at - eligibility.AWAITED)
    query = select(Series.id).where(held, or_(coming, recorded, late), Series.visibility != Visibility.DRAFT)
    ids = list(read_column(query if series_id is None else query.where(Series.id == series_id)))
    policies, lectures = current_policies(ids), add_drafts(stations_of(ids, by=by))
    everything = [one for each in lectures.values() for one in each]
    sessions, prospects = sessions_among(everything), find_prospects(everything, policies.values(), at=at)
    required = conditions.conditions_of(policies.values())
    running = {}
    for id_ in ids:
        outlook = remaining.outlook_of(
            lectures[id_], policies[id_], sessions=sessions, prospects=prospects, zone=reporting_zone(), at=at
        )
        if outlook is not None and outlook.requirement.to_come < outlook.requirement.lectures and outlook.remains:
            known = known_running([one for one, _enough in outlook.running], prospects.replays)
            running[id_] = _RunningSeries(outlook, frozenset(one.id for one in known), at, required.get(id_))
    return running


def _query(measured: Mapping[int, _RunningSeries], country_id: int | None, at: datetime) -> Any:
    lecture_ids = [one.id for each in measured.values() for one in each.outlook.counted]
    replays = {id_: replay for each in measured.values() for id_, replay in each.replays.items()}
    of_enrolment = and_(
        Credit.person_id == Person.id,
        Lecture.series_id == Enrolment.series_id,
        Credit.lecture_id.in_(lecture_ids),
    )

    def counted(value: Any) -> Any:
        total = select(func.coalesce(func.sum(value), 0)).join(Lecture, Lecture.id == Credit.lecture_id)
        return total.select_from(Credit).where(of_enrolment).correlate(Person, Enrolment).scalar_subquery()

    attended, present_ms = counted(case((Credit.outcome == Outcome.ATTENDED, 1), else_=0)), counted(Credit.present_ms)
    of_series = _of_series(measured, lambda series: len(series.replays))
    left = of_series - counted(is_settled_among(replays)) if replays else literal(0)
    lost_ms = counted(lost_of_replays(replays)) if replays else literal(0)
    columns = (Person.id, Person.public_id, Person.full_name, Person.native_name, Person.sort_name)
    place = (
        select(
            *columns,
            Person.organisation,
            Enrolment.series_id,
            Series.slug,
            *SERIES_TITLE,
            attended.label("attended"),
            left.label("replays"),
            (_of_series(measured, lambda series: series.needed) - attended).label("missing"),
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
        and_(Enrolment.series_id == id_, *_falls_behind(one, attended, present_ms, left, lost_ms))
        for id_, one in measured.items()
    ]
    return place.where(or_(*conditions))


def _falls_behind(
    series: _RunningSeries, attended: Any, present_ms: Any, replays: Any, lost_ms: Any
) -> Collection[Any]:
    """Has not reached it, can reach it with what remains, and attended less of the lectures held than is asked of
    all. Feedback is left out: who is listed would tell who gave some."""
    outlook, earning = series.outlook, series.outlook.requirement
    held = earning.lectures - earning.to_come
    count: Any = len(series.for_all) + earning.awaited
    most_ms: Any = sum(lecture.duration_minutes for lecture in series.for_all) * MINUTE_MS + outlook.awaited_ms
    for lecture, enough in outlook.running:
        if lecture.id in series.known:
            is_there = case((_came_by(lecture.id, clock.to_ms(series.at) - enough), 1), else_=0)
            count, most_ms = count + is_there, most_ms + is_there * lecture.duration_minutes * MINUTE_MS
    most_ms = most_ms + sum(replay.shown_ms for replay in series.replays.values()) - lost_ms
    with_all = eligibility.has_earned(attended + count + replays, present_ms + most_ms, earning, others=true())
    can_grow = literal(outlook.announces_more)
    others = conditions.can_pass_checks(series.required, Person.id, at=series.at)
    return (
        attended < earning.needed,
        or_(with_all, can_grow),
        others,
        attended * earning.lectures < earning.needed * held,
    )


def _came_by(lecture_id: int, moment_ms: int) -> Any:
    """Whether a `Person` had come into the room of a live lecture by a moment. Who left again may be among them: that
    is known page by page only."""
    member = aliased(Person)
    joined = exists().where(Join.lecture_id == lecture_id, Join.joined_ms <= moment_ms, Join.person_id == member.id)
    return joined.where(member.canonical_id == Person.id).correlate(Person)


def _of_series(measured: Mapping[int, _RunningSeries], value: Any) -> Any:
    return case({id_: value(one) for id_, one in measured.items()}, value=Enrolment.series_id)
