"""What waits for an answer: open appeals, unidentified attendees, and, for administrators, nominations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import exists, func, literal, select, true

from lms.attendance.models.evidence import Presence
from lms.attendance.models.unmatched import UnmatchedAttendee
from lms.attendance.presence import is_unmatched
from lms.attendance.queries.appeals import open_appeals_for
from lms.catalogue.models import LECTURE_TITLE, SERIES_TITLE, Lecture, Series
from lms.catalogue.rules import teaching_id
from lms.catalogue.visibility import ids_taught_by
from lms.core.base.errors import Forbidden
from lms.core.base.roles import Actor
from lms.core.database import cache_versions
from lms.core.database.cache_versions import memory
from lms.core.database.session import read, read_one
from lms.core.text.translations import TitleTexts, Translations
from lms.nominations.models import Nomination, NominationState

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
    """What the navigation of each page says to instructors and administrators: one question, and none until something
    of it changes."""
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
