"""Reads of lectures. Queries that routes call take `by` and return only what that actor can see."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, func, or_, select
from sqlalchemy.orm.util import identity_key

from lms.catalogue.models import (
    LECTURE_TITLE,
    Lecture,
    LectureChange,
    LectureInstructor,
    LectureState,
    Series,
    SeriesInstructor,
    Visibility,
)
from lms.catalogue.queries.loading import complete_lectures, is_complete
from lms.catalogue.rules import Station, may_edit_lecture, may_see_lecture
from lms.catalogue.visibility import shown_lecture as _shown_lecture
from lms.catalogue.visibility import visible as _visible
from lms.core.base.errors import Forbidden, NotFound
from lms.core.base.roles import Actor
from lms.core.database.session import db, is_writing, read, read_one
from lms.people.models import Person

BEGAN = func.coalesce(Lecture.actual_start, Lecture.starts_at)
"""When a `Lecture` began or is planned to."""
STATION = (
    Lecture.id,
    Lecture.series_id,
    *LECTURE_TITLE,
    Lecture.interpretation,
    Lecture.state,
    Lecture.held_unknown,
    Lecture.starts_at,
    Lecture.duration_minutes,
    Lecture.actual_start,
    Lecture.actual_end,
    Lecture.recording_url,
    Lecture.paused_ms,
    Lecture.keeps_enough,
)
"""The columns of a `Station`, in its order."""


def _seen_by(by: Actor) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """Which lectures of which series the actor may see, of a query of both."""
    return _visible(by), _shown_lecture(by)


def get_lecture(lecture_id: int, *, by: Actor) -> Lecture:
    """The lecture. NotFound where there is none or it is not theirs to see."""
    lecture = find_lecture(lecture_id)
    if lecture is None or not may_see_lecture(lecture, by):
        raise NotFound
    return lecture


def get_lecture_to_join(lecture_id: int, *, by: Actor) -> tuple[Station, str | None]:
    """As `get_lecture`, what deciding about joining needs, and the link of the meeting."""
    known = 0 < lecture_id < 2**31
    query = select(*STATION, Lecture.join_url).join(Series).where(Lecture.id == lecture_id, *_seen_by(by))
    row = read_one(query) if known else None
    if row is None:
        raise NotFound
    station: list[Any]
    *station, join_url = row
    return Station(*station), join_url


def get_lecture_for_calendar(lecture_id: int, *, by: Actor) -> Lecture:
    """The lecture, also one that was public and is hidden now, of which a calendar may show only that.

    NotFound where there is none, or the reader could never see it.
    """
    lecture = find_lecture(lecture_id)
    if lecture is None or not (may_see_lecture(lecture, by) or _was_public(lecture)):
        raise NotFound
    return lecture


def _was_public(lecture: Lecture) -> bool:
    hidden = select(LectureChange.id).where(LectureChange.lecture_id == lecture.id, LectureChange.what == "hidden")
    return lecture.state is not LectureState.DRAFT and db.session.scalar(hidden.limit(1)) is not None


def find_lecture(lecture_id: int) -> Lecture | None:
    """Returns a lecture without a permission check: for actions, jobs and commands, never for routes.

    What a page has read already, whole and outside of actions, is not read again.
    """
    if not 0 < lecture_id < 2**31:
        return None
    known = None if is_writing() else db.session.identity_map.get(identity_key(Lecture, lecture_id))
    if known is not None and is_complete(known):
        return known
    query = select(Lecture, Series).join(Series).where(Lecture.id == lecture_id)
    row = db.session.execute(query).one_or_none()
    return None if row is None else complete_lectures([row[0]])[0]


def _in_order(condition: ColumnElement[bool], by: Actor) -> list[Lecture]:
    """Lectures in the order of their time, those without a date last."""
    query = select(Lecture).where(condition).order_by(BEGAN.is_(None), BEGAN, Lecture.id)
    return complete_lectures(db.session.scalars(query).all(), by=by)


def list_lectures(series_id: int, *, by: Actor) -> list[Lecture]:
    """The lectures of a series in the order of their time, those without a date last."""
    lectures = _in_order(Lecture.series_id == series_id, by)
    return [lecture for lecture in lectures if may_see_lecture(lecture, by)]


def stations_of(series_ids: Collection[int], *, by: Actor) -> dict[int, list[Station]]:
    """The lectures of several series in the order of their time, those without a date last."""
    stations: dict[int, list[Station]] = {series_id: [] for series_id in series_ids}
    query = select(*STATION).join(Series).where(Lecture.series_id.in_(list(stations)), *_seen_by(by))
    for row in read(query.order_by(BEGAN.is_(None), BEGAN, Lecture.id)) if stations else []:
        stations[row[1]].append(Station(*row))
    return stations


def add_drafts(stations: dict[int, list[Station]]) -> dict[int, list[Station]]:
    """Adds draft lectures that the reader may not see, so that requirements of a certificate are the same for everyone.

    Only their number may be shown.
    """
    query = select(*STATION).where(Lecture.series_id.in_(list(stations)), Lecture.state == LectureState.DRAFT)
    for row in read(query.order_by(Lecture.id)) if stations else []:
        lecture = Station(*row)
        if all(known.id != lecture.id for known in stations[lecture.series_id]):
            stations[lecture.series_id].append(lecture)
    return stations


def list_between(
    start: datetime, end: datetime, *, series_ids: Collection[int] | None = None, by: Actor
) -> list[Station]:
    """The lectures that begin between two instants, in their order; of these series where they are given."""
    span = (start <= BEGAN, end > BEGAN, Lecture.state != LectureState.POSTPONED)
    query = select(*STATION).join(Series).where(*span, *_seen_by(by)).order_by(BEGAN, Lecture.id)
    if series_ids is not None:
        query = query.where(Lecture.series_id.in_(series_ids))
    return [Station(*row) for row in read(query)]


def list_givers_of_series(series_ids: Collection[int]) -> dict[int, list[str]]:
    """The names of who gives each of these series, in their order. For pages of administrators."""
    givers: dict[int, list[str]] = {one: [] for one in series_ids}
    query = (
        select(SeriesInstructor.series_id, Person.full_name)
        .join(Person, Person.id == SeriesInstructor.person_id)
        .where(SeriesInstructor.series_id.in_(series_ids))
        .order_by(Person.full_name)
    )
    for series_id, name in read(query) if givers else []:
        givers[series_id].append(name)
    return givers


def name_givers(stations: Sequence[Station]) -> None:
    """Puts in place who gives these lectures: ids, full and native names, in the order of names."""
    givers: dict[int, list[Any]] = {one.id: [] for one in stations}
    query = (
        select(LectureInstructor.lecture_id, Person.id, Person.full_name, Person.native_name)
        .join(Person, Person.id == LectureInstructor.person_id)
        .where(LectureInstructor.lecture_id.in_(list(givers)))
        .order_by(Person.full_name)
    )
    for row in read(query) if givers else []:
        givers[row.lecture_id].append(row)
    for station in stations:
        station.instructors = givers[station.id]


def list_lectures_page(series_id: int, *, by: Actor, cursor: int | None, limit: int) -> list[Lecture]:
    """The lectures of a series by id after `cursor`: up to `limit + 1`."""
    query = select(Lecture).join(Series).where(Lecture.series_id == series_id, _visible(by), _shown_lecture(by))
    if cursor is not None:
        query = query.where(Lecture.id > cursor)
    return complete_lectures(db.session.scalars(query.order_by(Lecture.id).limit(limit + 1)).all(), by=by)


def list_upcoming(*, by: Actor, at: datetime, limit: int = 20) -> list[Lecture]:
    """Lectures on the programme whose planned end has not passed, the next one first; those of drafts only for
    their staff."""
    query = (
        select(Lecture.id, Lecture.starts_at, Lecture.duration_minutes)
        .join(Series)
        .where(Lecture.state == LectureState.SCHEDULED, Lecture.starts_at > at - timedelta(hours=24), _visible(by))
        .order_by(Lecture.starts_at, Lecture.id)
        .limit(limit + 50)
    )
    rows = read(query)
    coming = [id_ for id_, starts, minutes in rows if starts and starts + timedelta(minutes=minutes) > at][:limit]
    return _in_order(Lecture.id.in_(coming), by) if coming else []


def list_live(*, by: Actor) -> list[Lecture]:
    """Lectures that are live now, the latest start first; those of draft series only for their staff."""
    query = (
        select(Lecture)
        .join(Series)
        .where(Lecture.state == LectureState.LIVE, _visible(by))
        .order_by(Lecture.actual_start.desc(), Lecture.id)
    )
    return complete_lectures(db.session.scalars(query).all(), by=by)


_LIVE_IN_PUBLIC = (  # a constant, because every page asks it: 2 % of one
    select(
        Lecture.id,
        *LECTURE_TITLE,
        Lecture.actual_start,
    )
    .join(Series)
    .where(Lecture.state == LectureState.LIVE, Series.visibility == Visibility.PUBLIC)
    .order_by(Lecture.actual_start.desc(), Lecture.id)
)


def list_live_in_public() -> Sequence[Any]:
    """As `list_live`, for everyone: id, title with its languages and actual start, for the top of each page."""
    return list(read(_LIVE_IN_PUBLIC))


def was_postponed(lecture_id: int) -> bool:
    """Returns whether a lecture was ever moved, with notice to the enrolled."""
    query = exists().where(LectureChange.lecture_id == lecture_id, LectureChange.what.in_(["postponed", "rescheduled"]))
    return bool(db.session.scalar(select(query)))


def planned_before(lecture: Lecture) -> datetime | None:
    """The last planned time of a lecture without a date; null for a lecture with a date, or that never had one."""
    if lecture.starts_at is not None:
        return None
    query = select(LectureChange.before).where(LectureChange.lecture_id == lecture.id)
    earlier = (one.get("starts_at") for one in db.session.scalars(query.order_by(LectureChange.id.desc())))
    return next((datetime.fromisoformat(one) for one in earlier if one), None)


def was_published(lecture_id: int) -> bool:
    """Whether a lecture was ever published, also where it is a draft again."""
    changes = exists().where(
        LectureChange.lecture_id == lecture_id, LectureChange.what.in_(["published", "unpublished"])
    )
    return bool(db.session.scalar(select(changes)))


def list_changes(lecture_id: int, *, by: Actor) -> list[LectureChange]:
    """The history of a lecture, oldest first. Its staff only."""
    lecture = get_lecture(lecture_id, by=by)
    if not may_edit_lecture(lecture, by) and not by.is_reporter:
        raise Forbidden
    query = select(LectureChange).where(LectureChange.lecture_id == lecture_id).order_by(LectureChange.id)
    return list(db.session.scalars(query))


def list_around(person_ids: Iterable[int], start: datetime, end: datetime) -> list[tuple[Lecture, int]]:
    """Lectures that may take up these people between two instants, each with the person: for the check of a clash."""
    began = func.coalesce(Lecture.actual_start, Lecture.starts_at)
    query = (
        select(Lecture, LectureInstructor.person_id)
        .join(LectureInstructor, LectureInstructor.lecture_id == Lecture.id)
        .where(
            LectureInstructor.person_id.in_(list(person_ids)),
            Lecture.state.in_((LectureState.SCHEDULED, LectureState.LIVE, LectureState.HELD)),
            and_(began < end, began > start - timedelta(hours=24)),
        )
        .order_by(began, Lecture.id)
    )
    lectures = [(lecture, person_id) for lecture, person_id in db.session.execute(query)]
    complete_lectures(list({lecture.id: lecture for lecture, _person in lectures}.values()))
    return lectures


def list_taking_up(person_ids: Collection[int], series_id: int | None, start: datetime, end: datetime) -> list[Lecture]:
    """Lectures between two instants that may be in the way of others: those that these people give, and those of a
    series, its drafts too. For checks of dates, never for routes."""
    began = func.coalesce(Lecture.actual_start, Lecture.starts_at)
    given = exists().where(LectureInstructor.lecture_id == Lecture.id, LectureInstructor.person_id.in_(person_ids))
    query = (
        select(Lecture)
        .where(
            Lecture.state.not_in((LectureState.CANCELLED, LectureState.POSTPONED)),
            or_(given, Lecture.series_id == series_id) if series_id is not None else given,
            began < end,
            began > start - timedelta(hours=24),
        )
        .order_by(began, Lecture.id)
    )
    return complete_lectures(db.session.scalars(query).all())
