"""Progress of certificates: of each series, how many earn one, and of each person, how far they are."""

from collections.abc import Collection, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, Subquery, and_, case, exists, func, not_, or_, select

from lms.attendance.models.credits import Correction, Credit, Outcome
from lms.attendance.models.evidence import Source
from lms.attendance.presence import presence_in, presence_of, spans_of
from lms.attendance.queries.sessions import sessions_among
from lms.catalogue.models import Lecture, LectureState, Policy
from lms.catalogue.queries.lectures import list_lectures, stations_of
from lms.catalogue.queries.policies import current_policies, current_policy
from lms.catalogue.rules import AnyLecture, Station, is_planned_draft
from lms.certificates import eligibility, remaining
from lms.certificates.models import Award
from lms.certificates.queries import conditions
from lms.core.base.errors import Forbidden
from lms.core.base.roles import SYSTEM, Actor
from lms.core.database import cache_versions
from lms.core.database.cache_versions import memory
from lms.core.database.session import db, read, read_column, shared_alias
from lms.core.time import clock
from lms.core.time.clock import reporting_zone, to_ms
from lms.enrolment.models import Enrolment, EnrolmentStatus
from lms.enrolment.queries.rows import PERSON_ROW, SPEAKS, speaking
from lms.people.models import Person
from lms.recordings.replays import OpenReplay, find_open_replays

STAMP = "certificates to issue"
_TABLES = frozenset(
    {"award", "check_attempt", "credit", "enrolment", "enrolment_span", "feedback_answer", "knowledge_check", "lecture",
     "lecture_change", "person", "person_email", "policy", "superseded_enrolment"}
)  # fmt: skip

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
    """The requirement for the certificate of one series."""

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
        until = min((draft.starts_at for draft in drafts if draft.starts_at is not None), default=None)
        cached.clear()
        cached[ids] = entry = stamp, until, _count(ids, lectures, at)
    return entry[2]


def count_waiting(series_id: int, *, by: Actor, at: datetime) -> int:
    """Returns how many people have earned the certificate of a series and do not have it yet. Its callers check who
    asks."""
    return _count([series_id], stations_of([series_id], by=by), at)[series_id].to_issue


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
    required = conditions.conditions_of(one.policy for one in requirements.values())
    has_met = [
        or_(earner.c.series_id != id_, conditions.has_met(required, earner.c.person_id))
        for id_, required in required.items()
    ]
    return (
        select(earner.c.series_id, func.count(), func.sum(case((and_(not_(has_award), is_ready), 1), else_=0)))
        .join(Person, Person.id == earner.c.person_id)
        .where(Person.erased_at.is_(None), status == EnrolmentStatus.ENROLLED, *has_met)
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


_Corrected = shared_alias(Person)


def candidates(series_id: int, *columns: Any) -> Select[Any]:
    """People currently enrolled in a series and not deleted: those who can get a certificate."""
    return speaking(*columns).where(
        Enrolment.series_id == series_id, Enrolment.status == EnrolmentStatus.ENROLLED, Person.erased_at.is_(None)
    )


def counted_by_person(lecture_ids: Sequence[int]) -> Subquery:
    """`person_id, attended, present_ms` over these lectures; merged people have one credit a lecture."""
    return (
        select(
            Credit.person_id,
            func.sum(case((Credit.outcome == Outcome.ATTENDED, 1), else_=0)).label("attended"),
            func.sum(Credit.present_ms).label("present_ms"),
        )
        .where(Credit.lecture_id.in_(lecture_ids))
        .group_by(Credit.person_id)
        .subquery()
    )


def find_prospects(
    lectures: Iterable[AnyLecture], policies: Iterable[Policy], *, person_id: int | None = None, at: datetime
) -> remaining.Prospects:
    """Returns what decides besides states what remains of these lectures, under the policies of their series; with how
    long a person was present so far in live ones, where given. Its callers check who asks."""
    lectures, policies = list(lectures), list(policies)
    percents = {policy.series_id: policy.min_percent for policy in policies}
    prospects = _find_prospects(lectures, percents, person_id=person_id, at=at)
    somebody = person_id or 0
    checks, feedback = {}, {}
    for series_id, required in conditions.conditions_of(policies).items():
        checks[series_id], missing = conditions.remaining_of(required, [somebody], at=at)[somebody]
        if missing is not None:
            feedback[series_id] = missing
    return replace(prospects, checks=checks, feedback=feedback)


def _find_prospects(
    lectures: Sequence[AnyLecture], percents: Mapping[int, int], *, person_id: int | None, at: datetime
) -> remaining.Prospects:
    replays = find_open_replays(lectures, at=at)
    running = known_running(lectures, replays) if person_id is not None else []
    if person_id is None or not running:
        return remaining.Prospects(replays)
    spans = spans_of(running, to_ms(at))
    seen = presence_of(person_id, spans)
    counted = {
        one.id: remaining.counted_so_far(seen.get(one.id, ()), spans[one.id], percents[one.series_id])
        for one in running
    }
    return remaining.Prospects(replays, counted)


def known_running(lectures: Sequence[AnyLecture], replays: Container[int]) -> list[AnyLecture]:
    """The live lectures of which it is known who is there, and which no replay will make count afterwards."""
    live = {one.id: one for one in lectures if one.state is LectureState.LIVE and one.id not in replays}
    if not live:
        return []
    query = select(Lecture.id).where(Lecture.id.in_(list(live)), func.coalesce(Lecture.join_url, "") == "")
    return [live[lecture_id] for lecture_id in read_column(query)]


def standings_of(series_id: int, person_ids: Iterable[int], *, at: datetime) -> dict[int, remaining.Standing]:
    """The progress of people enrolled in a series, in as many statements for many people as for one; of nobody where
    the series issues no certificates."""
    outlook = outlook_of_series(series_id, at=at)
    if outlook is None:
        return {}
    people = list(person_ids)
    attendance = counted_by_person([lecture.id for lecture in outlook.counted])
    counted = {person_id: (attended, present_ms) for person_id, attended, present_ms in read(select(attendance))}
    credits = _credits_in([lecture.id for lecture, _replay in outlook.replays])
    policy = current_policy(series_id)
    running = _seen_in([lecture for lecture, _enough in outlook.running], people, policy, at=at)
    required = conditions.conditions_of([policy]).get(series_id)
    others = conditions.remaining_of(required, people, at=at)
    results = {}
    for person_id in people:
        attended, present_ms = counted.get(person_id, (0, 0))
        results[person_id] = outlook.standing(
            attended=int(attended),
            present_ms=int(present_ms),
            credits=credits.get(person_id, ()),
            running_ms=running.get(person_id),
            others=others[person_id],
            is_in=True,
        )
    return results


def outlook_of_series(series_id: int, *, policy: Policy | None = None, at: datetime) -> remaining.Outlook | None:
    """Returns what remains of a series for the people enrolled. Null where it issues no certificates or has no
    lectures.

    `policy` is the current one, where the caller has read it.
    """
    lectures = list_lectures(series_id, by=SYSTEM)
    policy = policy or current_policy(series_id)
    return remaining.outlook_of(
        lectures,
        policy,
        sessions=sessions_among(lectures),
        prospects=find_prospects(lectures, [policy], at=at),
        zone=reporting_zone(),
        at=at,
    )


def _seen_in(
    running: Sequence[AnyLecture], people: Sequence[int], policy: Policy, *, at: datetime
) -> dict[int, dict[int, int]]:
    """How long people were present so far in live lectures of which that is known, by person and lecture."""
    seen: dict[int, dict[int, int]] = {person_id: {} for person_id in people}
    lectures = known_running(running, ())
    spans = spans_of(lectures, to_ms(at))
    for lecture in lectures:
        span = spans[lecture.id]
        presence = presence_in(db.session.get_one(Lecture, lecture.id), people, span)
        for person_id in people:
            pieces = presence.get(person_id, ())
            seen[person_id][lecture.id] = remaining.counted_so_far(pieces, span, policy.min_percent)
    return seen


def _credits_in(lecture_ids: Sequence[int]) -> dict[int, list[remaining.CountedLecture]]:
    """Returns what counts in these lectures, by person."""
    credits: dict[int, list[remaining.CountedLecture]] = {}
    columns = (Credit.lecture_id, Credit.outcome, Credit.present_ms, Credit.source, _is_by_hand().label("by_hand"))
    query = select(Credit.person_id, *columns).where(Credit.lecture_id.in_(lecture_ids))
    for person_id, *values in read(query) if lecture_ids else ():
        credits.setdefault(person_id, []).append(remaining.CountedLecture(*values))
    return credits


def _is_by_hand() -> ColumnElement[bool]:
    """Whether a correction in force decides a `Credit`."""
    return (
        exists()
        .where(
            Correction.lecture_id == Credit.lecture_id,
            Correction.withdrawn_at.is_(None),
            Correction.person_id == _Corrected.id,
            _Corrected.canonical_id == Credit.person_id,
        )
        .correlate(Credit)
    )


def settled_replays(lecture_ids: Sequence[int]) -> Subquery:
    """`person_id, settled` over these lectures: in how many a person's replay decides nothing any more
    (`remaining.is_settled`). Nobody else has a row."""
    return (
        select(Credit.person_id, func.count().label("settled"))
        .where(Credit.lecture_id.in_(lecture_ids), _is_settled())
        .group_by(Credit.person_id)
        .subquery()
    )


def is_settled_among(replays: Collection[int]) -> Any:
    """1 for a `Credit` in one of these lectures whose replay decides nothing any more, else 0."""
    return case((and_(Credit.lecture_id.in_(replays), _is_settled()), 1), else_=0)


def _is_settled() -> ColumnElement[bool]:
    return or_(Credit.outcome == Outcome.ATTENDED, _is_by_hand())


def lost_of_replays(replays: Mapping[int, OpenReplay]) -> Any:
    """How many of the milliseconds that these replays show, by lecture, add nothing to a `Credit`: what
    `remaining.replay_adds_ms` says, in SQL."""
    shown = case({id_: replay.shown_ms for id_, replay in replays.items()}, value=Credit.lecture_id, else_=0)
    whole = case({id_: replay.length_ms for id_, replay in replays.items()}, value=Credit.lecture_id, else_=0)
    is_by_replay = and_(Credit.source == Source.REPLAY, not_(_is_by_hand()))
    return case(
        (Credit.lecture_id.not_in(list(replays)), 0),
        (and_(_is_settled(), not_(is_by_replay)), shown),
        (Credit.present_ms >= whole, shown),
        (Credit.present_ms > whole - shown, shown - (whole - Credit.present_ms)),
        else_=0,
    )
