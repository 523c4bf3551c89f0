"""How held lectures went: from registered to certified, minute by minute, by country, source and rejoins."""

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from lms.attendance.attendance_curve import Course, course
from lms.attendance.models.credits import Credit, Outcome
from lms.attendance.models.evidence import Source
from lms.attendance.presence import WHO, presence_in, span_of
from lms.attendance.queries.facts import count_facts
from lms.attendance.queries.roster_query import on_roster, only_invited
from lms.attendance.rules import Interval, clip, needed_ms, unite
from lms.catalogue.models import Lecture, LectureState, Policy, Series
from lms.catalogue.queries.lectures import get_lecture
from lms.catalogue.queries.policies import current_policy
from lms.catalogue.rules import AnyLecture, may_edit_lecture, may_edit_series
from lms.certificates.models import Award, Certificate
from lms.core.base.errors import Forbidden
from lms.core.base.roles import Actor
from lms.core.database.bulk import among
from lms.core.database.session import db
from lms.core.time import clock
from lms.discussion.polls import count_polls
from lms.discussion.queries import count_questions
from lms.feedback.queries import satisfaction_of
from lms.people.models import Country, Person
from lms.people.queries.countries import countries_of, country_names
from lms.reports.queries.facts import COUNTED
from lms.reports.rules import Ratings


def count_attended(lectures: Iterable[tuple[AnyLecture, Series]], *, by: Actor) -> dict[int, int]:
    """The attendances of these lectures, by id: those that were held and whose roster this actor can see. Each is given
    with its series."""
    return count_facts(
        [
            one.id
            for one, series in lectures
            if one.state is LectureState.HELD
            and one.actual_start is not None
            and (by.is_reporter or may_edit_series(series, by))
        ]
    )


@dataclass(frozen=True)
class FromCountry:
    """The numbers of people of one country in a lecture; `code` null is not stated."""

    code: str | None
    name: str | None
    registered: int
    came: int
    attended: int


@dataclass(frozen=True)
class Discussion:
    """The questions and polls of a lecture: see `definitions.further_terms`. `votes` are those for questions."""

    questions: int
    questions_answered: int
    votes: int
    polls: int
    poll_answers: int


@dataclass(frozen=True)
class LectureReport:
    """The report of a held lecture.

    `only` are the countries it is limited to, if any. `registered` are on the roster and more than invited, `came` were
    present at all, `attended` have the credit, and `certified` of them hold a certificate of the series. `needed_ms` is
    what the policy of the series asks for. `sources` are those of the attendances. `untimed` counts who came without a
    time of joining, by the source of the credit; `uncounted` those of `course` who do not count as present, because
    their outcome was corrected. `ratings` and `discussion` are of all people, and
    empty or null for a focal point.
    """

    lecture: Lecture
    as_at: datetime
    only: list[str]
    registered: int
    came: int
    attended: int
    excused: int
    certified: int
    needed_ms: int
    course: Course
    untimed: dict[Source, int]
    uncounted: int
    sources: dict[Source, int]
    countries: list[FromCountry]
    ratings: Ratings
    discussion: Discussion | None

    @property
    def rated(self) -> dict[str, int | float | None]:
        """*Satisfaction* as the API shows it."""
        return self.ratings.as_json()


def get_lecture_report(lecture_id: int, *, by: Actor, at: datetime, locale: str = "en") -> LectureReport | None:
    """The report of a lecture, or None until it has been held.

    Complete for its instructors, reporters and administrators; for a focal point limited to people from their
    countries. Raises Forbidden for others, and NotFound where the lecture itself is not visible.
    """
    lecture = get_lecture(lecture_id, by=by)
    sees_all = by.is_reporter or may_edit_lecture(lecture, by)
    if not sees_all and not by.is_focal_point:
        raise Forbidden
    if lecture.state is not LectureState.HELD or lecture.actual_start is None or lecture.actual_end is None:
        return None
    roster = {person for person in db.session.scalars(on_roster(lecture.id)) if person is not None}
    roster.difference_update(db.session.scalars(only_invited(lecture.id)))
    belongs = countries_of(roster, clock.day_of(lecture.actual_start, clock.reporting_zone()))
    only = None if sees_all else by.country_ids
    if only is not None:
        roster = {person for person in roster if belongs[person] in only}
    credits = {person: row for person, row in _credits(lecture.id).items() if person in roster}
    attended = _people_with(Outcome.ATTENDED, credits)
    seen = attended | _people_with(Outcome.PARTIAL, credits)
    span = span_of(lecture)
    stays = _live_stays(lecture, roster)
    timed = {person for person, intervals in stays.items() if clip(unite(intervals), span.start, span.end)}
    countries = _codes_and_names(locale)
    return LectureReport(
        lecture=lecture,
        as_at=at,
        only=sorted(countries[country_id][1] for country_id in only or ()),
        registered=len(roster),
        came=len(seen),
        attended=len(attended),
        excused=len(_people_with(Outcome.EXCUSED, credits)),
        certified=_certified(lecture.series_id, attended),
        needed_ms=needed_ms(span.length_ms, _min_percent(lecture)),
        course=course(stays.values(), span.start, span.end, span.pauses),
        untimed=dict(_count_sources(credits, seen - timed)),
        uncounted=len(timed - seen),
        sources=dict(_count_sources(credits, attended).most_common()),
        countries=_by_country(belongs, roster, seen, attended, countries),
        ratings=_ratings(lecture.id, sees_all=sees_all),
        discussion=_discussion(lecture.id) if sees_all else None,
    )


def _discussion(lecture_id: int) -> Discussion:
    counts = count_questions(lecture_id)
    return Discussion(counts.questions, counts.answered, counts.votes, *count_polls(lecture_id))


def _ratings(lecture_id: int, *, sees_all: bool) -> Ratings:
    """*Satisfaction*, as it was released last; none for who sees one country, since no single lecture has that."""
    released = satisfaction_of([lecture_id]).get(lecture_id) if sees_all else None
    return Ratings(*released["total"]) if released else Ratings()


def _min_percent(lecture: Lecture) -> int:
    policy = db.session.get(Policy, lecture.policy_id) if lecture.policy_id is not None else None
    return (policy or current_policy(lecture.series_id)).min_percent


def _people_with(outcome: Outcome, credits: dict[int, tuple[Outcome, Source]]) -> set[int]:
    return {person for person, credit in credits.items() if credit[0] is outcome}


def _count_sources(credits: dict[int, tuple[Outcome, Source]], people: Collection[int]) -> Counter[Source]:
    return Counter(credits[person][1] for person in people)


def _codes_and_names(locale: str) -> dict[int, tuple[str, str]]:
    names = country_names(locale)
    return {row.id: (row.code, names[row.code]) for row in db.session.execute(select(Country.id, Country.code))}


def _live_stays(lecture: Lecture, people: Collection[int]) -> dict[int, list[Interval]]:
    """The presence of these people in a lecture, replays left out."""
    return {
        person: [interval[:2] for interval in intervals if interval.source is not Source.REPLAY]
        for person, intervals in presence_in(lecture).items()
        if person in people
    }


def _credits(lecture_id: int) -> dict[int, tuple[Outcome, Source]]:
    """The credits of a lecture by who people are today; of merged people the kept one's."""
    query = (
        select(WHO, Credit.outcome, Credit.source)
        .join(Credit, Credit.person_id == Person.id)
        .where(Credit.lecture_id == lecture_id)
        .order_by(Person.id == Person.canonical_id)
    )
    return {person: (outcome, source) for person, outcome, source in db.session.execute(query)}


def _certified(series_id: int, people: Collection[int]) -> int:
    query = (
        select(WHO)
        .join(Award, Award.person_id == Person.id)
        .join(Certificate, Certificate.award_id == Award.id)
        .where(Award.series_id == series_id, Certificate.state.in_(COUNTED), among(WHO, people))
        .distinct()
    )
    return len(db.session.scalars(query).all())


def _by_country(
    belongs: dict[int, int | None],
    roster: Collection[int],
    seen: Collection[int],
    attended: Collection[int],
    named: dict[int, tuple[str, str]],
) -> list[FromCountry]:
    registered, came, have = (Counter(belongs[person] for person in people) for people in (roster, seen, attended))
    countries = []
    for country, count in registered.items():
        code, name = named[country] if country is not None else (None, None)
        countries.append(FromCountry(code, name, count, came[country], have[country]))
    return sorted(
        countries, key=lambda row: (row.code is None, -row.attended, -row.came, -row.registered, row.code or "")
    )
