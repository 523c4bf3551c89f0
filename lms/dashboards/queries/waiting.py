"""Counts of what waits for an answer, and other series in which a certificate can still be earned.

Open appeals, unidentified attendees, and, for administrators, nominations wait.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import exists, func, literal, select, true

from lms.attendance.models.evidence import Presence, UnmatchedAttendee
from lms.attendance.presence import is_unmatched
from lms.attendance.queries.appeals import open_appeals_for
from lms.attendance.queries.sessions import sessions_among
from lms.catalogue.models import LECTURE_TITLE, SERIES_TITLE, Admission, Lecture, Series, Visibility
from lms.catalogue.queries.lectures import add_drafts, stations_of
from lms.catalogue.queries.policies import current_policies
from lms.catalogue.queries.series import SeriesFilter, list_series
from lms.catalogue.rules import next_lecture, teaching_id
from lms.catalogue.visibility import ids_taught_by
from lms.certificates.queries.progress import find_prospects
from lms.certificates.remaining import standing
from lms.core.base.errors import Forbidden
from lms.core.base.roles import Actor
from lms.core.database import cache_versions
from lms.core.database.cache_versions import memory
from lms.core.database.session import read, read_one
from lms.core.text.translations import TitleTexts, Translations
from lms.core.time.clock import reporting_zone
from lms.enrolment.queries.people import list_of_person
from lms.enrolment.queries.rows import day_of
from lms.nominations.models import Nomination, NominationState
from lms.people.queries.countries import country_id_of

STAMP = "waiting"
_TABLES = frozenset({"appeal", "lecture", "nomination", "presence", "series_instructor", "unmatched_attendee"})
MOST = 1000
"""The numbers of this many people are cached."""

cache_versions.watch(STAMP, _TABLES.__contains__)


@dataclass(frozen=True)
class WaitingCounts:
    """How many open appeals, unmatched attendees and nominations somebody may answer."""

    appeals: int
    unmatched: int
    nominations: int


def count_waiting(*, by: Actor) -> WaitingCounts:
    """Returns what the navigation of each page says to instructors and administrators: one question, and none until
    something of it changes."""
    cached, key = memory(STAMP), (by.is_administrator, teaching_id(by))
    entry: tuple[int | None, WaitingCounts] | None = cached.get(key)
    if entry is None or entry[0] != cache_versions.peek(STAMP):
        stamp = cache_versions.stamp_of(STAMP)  # before the cached data is read, and as this session sees it
        unmatched = select(func.count()).select_from(UnmatchedAttendee).where(_in_own_series(by), _is_waiting())
        nominated = select(func.count()).where(Nomination.state == NominationState.SUBMITTED).scalar_subquery()
        query = select(
            open_appeals_for(by).scalar_subquery(),
            unmatched.scalar_subquery(),
            nominated if by.is_administrator else literal(0),
        )
        entry = stamp, WaitingCounts(*read_one(query))
        if len(cached) >= MOST:
            cached.clear()
        cached[key] = entry
    return entry[1]


def _in_own_series(by: Actor) -> Any:
    return true() if by.is_administrator else UnmatchedAttendee.series_id.in_(ids_taught_by(by))


def _is_waiting() -> Any:
    seen = exists().where(Presence.attendee_id == UnmatchedAttendee.id, Presence.person_id.is_(None))
    return UnmatchedAttendee.how.is_(None) & seen


@dataclass(frozen=True)
class UnmatchedIn:
    """A lecture with the number of attendees in it that nobody has identified."""

    lecture_id: int
    title: str
    language: str
    text_language: str | None
    translations: Translations
    began: datetime | None
    count: int
    series: TitleTexts


def list_unmatched(*, by: Actor, limit: int = 200) -> Sequence[UnmatchedIn]:
    """The lectures with unmatched attendees, most first: for administrators all, for instructors those of their series.

    Raises Forbidden for others.
    """
    if not (by.is_administrator or by.is_instructor):
        raise Forbidden
    count = func.count(Presence.attendee_id.distinct())
    query = (
        select(
            Lecture.id,
            *LECTURE_TITLE,
            Lecture.actual_start,
            count,
            *SERIES_TITLE,
        )
        .join(Series, Series.id == Lecture.series_id)
        .join(Presence, Presence.lecture_id == Lecture.id)
        .join(UnmatchedAttendee, UnmatchedAttendee.id == Presence.attendee_id)
        .where(_in_own_series(by), *is_unmatched())
        .group_by(Lecture.id, Series.id)
        .order_by(count.desc(), Lecture.id)
        .limit(limit)
    )
    rows: Any = read(query)
    return [UnmatchedIn(*row[:-4], *[TitleTexts(*row[-4:])]) for row in rows]


LOOKED_AT = 100


def find_next_to_earn(shown: Series, *, by: Actor, at: datetime) -> Series | None:
    """The next series in which the reader can get a place and still earn a certificate.

    Series in the language of `shown` come first. Series by nomination, full ones, those for other countries, and those
    in which the reader has or had a place are left out.
    """
    candidates = [series for series in _list_open_to(by, at=at) if series.id != shown.id]
    ids = [series.id for series in candidates]
    lectures, policies = add_drafts(stations_of(ids, by=by)), current_policies(ids)
    everything = [lecture for given in lectures.values() for lecture in given]
    sessions, prospects = sessions_among(everything), find_prospects(everything, policies.values(), at=at)
    zone = reporting_zone()
    starts: dict[Series, datetime] = {}
    for series in candidates:
        given = lectures[series.id]
        stands = standing(
            given, (), policies[series.id], sessions=sessions, prospects=prospects, zone=zone, at=at, is_in=False
        )
        following = next_lecture(given)
        if stands is not None and stands.can_be_earned and following is not None and following.starts_at is not None:
            starts[series] = following.starts_at
    return min(starts, key=lambda row: (row.language != shown.language, starts[row], row.id), default=None)


def _list_open_to(by: Actor, *, at: datetime) -> list[Series]:
    """The series in which somebody can get a place by enrolling or applying, and neither has nor had one."""
    filters = SeriesFilter(open=True, visibility=Visibility.PUBLIC, limit=LOOKED_AT)
    free = [
        series
        for series in list_series(filters, by=by)
        if series.admission is not Admission.NOMINATION and not series.is_full
    ]
    if by.person_id is None:
        return free
    known = {row.series_id for row in list_of_person(by.person_id)}
    country_id = country_id_of(by.person_id, day_of(at))
    return [
        series
        for series in free
        if series.id not in known and (not series.countries or country_id in {row.id for row in series.countries})
    ]
