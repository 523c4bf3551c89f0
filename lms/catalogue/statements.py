"""Statements of the pages that everybody sees, ready for each kind of reader: whether all is seen, and who it is.

Making a statement, and having it compared with those that were compiled before, costs more than asking it.
"""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, Integer, Select, bindparam, exists, func, or_, select

from lms.catalogue.models import (
    Admission,
    Lecture,
    LectureInstructor,
    LectureState,
    Series,
    SeriesInstructor,
    Visibility,
)
from lms.catalogue.visibility import shown_to, visible_to
from lms.core.db import UtcDateTime
from lms.people.models import Person

OPEN_STATES = (LectureState.SCHEDULED, LectureState.LIVE, LectureState.POSTPONED)
NOT_BEGUN_STATES = (LectureState.DRAFT, LectureState.SCHEDULED, LectureState.POSTPONED)
TO_COME_STATES = (*NOT_BEGUN_STATES, LectureState.LIVE)
_OPEN = exists().where(Lecture.series_id == Series.id, Lecture.state.in_(OPEN_STATES), ~Lecture.held_unknown)
IS_NOT_OVER = or_(
    exists().where(Lecture.series_id == Series.id, Lecture.state.in_(TO_COME_STATES)),
    ~exists().where(Lecture.series_id == Series.id),
)
"""Whether a `Series` has a lecture to come or live, or no lecture yet."""
_COMING = (
    select(Lecture.series_id, func.min(Lecture.starts_at).label("first"))
    .where(Lecture.state.in_((LectureState.SCHEDULED, LectureState.LIVE)), ~Lecture.held_unknown)
    .group_by(Lecture.series_id)
    .subquery()
)
_HELD = select(Lecture.series_id, func.max(Lecture.actual_start).label("last")).group_by(Lecture.series_id).subquery()
_CARD_ORDER = (
    _COMING.c.first.is_(None), _COMING.c.first, _HELD.c.last.is_(None), _HELD.c.last.desc(), Series.id.desc()
)  # fmt: skip


def conditions(
    admission: Admission | None, visibility: Visibility | None, is_open: bool | None, *who: Any
) -> list[ColumnElement[bool]]:
    """Which series: that the reader may see, and as asked for where that is not null."""
    found: list[ColumnElement[bool]] = [visible_to(*who)]
    if admission is not None:
        found.append(Series.admission == admission)
    if visibility is not None:
        found.append(Series.visibility == visibility)
    if is_open is not None:
        found.append(_OPEN if is_open else ~_OPEN)
    return found


@lru_cache(maxsize=256)
def cards(
    admission: Admission | None,
    visibility: Visibility | None,
    is_open: bool | None,
    sees_all: bool,
    person_id: int | None,
) -> Select[Series, int]:
    """Series for the list in its order, each with how many match; `limit` and `offset` are to be given."""
    return (
        select(Series, func.count().over())
        .where(*conditions(admission, visibility, is_open, sees_all, person_id))
        .outerjoin(_COMING, _COMING.c.series_id == Series.id)
        .outerjoin(_HELD, _HELD.c.series_id == Series.id)
        .order_by(*_CARD_ORDER)
        .limit(bindparam("limit", type_=Integer))
        .offset(bindparam("offset", type_=Integer))
    )


@lru_cache(maxsize=256)
def card_lectures(sees_all: bool, person_id: int | None) -> Any:
    """What a card shows of the lectures of the series `ids`, in their order."""
    began = func.coalesce(Lecture.actual_start, Lecture.starts_at)
    shown = select(
        Lecture.id,
        Lecture.series_id,
        Lecture.state,
        Lecture.held_unknown,
        Lecture.starts_at,
        Lecture.duration_minutes,
        Lecture.actual_start,
        Lecture.interpretation,
        Lecture.recording_url,
    )
    ids: Any = bindparam("ids", expanding=True)
    return shown.where(Lecture.series_id.in_(ids), shown_to(sees_all, person_id)).order_by(
        began.is_(None), began, Lecture.id
    )


_BEGAN = func.coalesce(Lecture.actual_start, Lecture.starts_at)
_STATION: Any = select(
    Lecture.id,
    Lecture.series_id,
    Lecture.title,
    Lecture.language,
    Lecture.interpretation,
    Lecture.state,
    Lecture.held_unknown,
    Lecture.starts_at,
    Lecture.duration_minutes,
    Lecture.actual_start,
    Lecture.actual_end,
    Lecture.recording_url,
)


@lru_cache(maxsize=256)
def stations(sees_all: bool, person_id: int | None) -> Any:
    """What a route shows of the lectures of the series `ids`, in their order."""
    ids: Any = bindparam("ids", expanding=True)
    conditions = (Lecture.series_id.in_(ids), visible_to(sees_all, person_id), shown_to(sees_all, person_id))
    return _STATION.join(Series).where(*conditions).order_by(_BEGAN.is_(None), _BEGAN, Lecture.id)


DRAFTS = _STATION.where(
    Lecture.series_id.in_(bindparam("ids", expanding=True)), Lecture.state == LectureState.DRAFT
).order_by(Lecture.id)
"""The drafts of the series `ids`, for every reader."""


@lru_cache(maxsize=256)
def between(sees_all: bool, person_id: int | None) -> Any:
    """Lectures with a time between `start` and `end`, in their order."""
    span = (
        bindparam("start", type_=UtcDateTime) <= _BEGAN,
        bindparam("end", type_=UtcDateTime) > _BEGAN,
        Lecture.state != LectureState.POSTPONED,
    )
    conditions = (*span, visible_to(sees_all, person_id), shown_to(sees_all, person_id))
    return _STATION.join(Series).where(*conditions).order_by(_BEGAN, Lecture.id)


@lru_cache(maxsize=256)
def to_join(sees_all: bool, person_id: int | None) -> Any:
    """The lecture `lecture_id` with the link of its meeting."""
    conditions = (visible_to(sees_all, person_id), shown_to(sees_all, person_id))
    query = _STATION.join(Series).where(Lecture.id == bindparam("lecture_id", type_=Integer), *conditions)
    return query.add_columns(Lecture.join_url)


TAUGHT = (
    _STATION.join(SeriesInstructor, SeriesInstructor.series_id == Lecture.series_id)
    .where(SeriesInstructor.person_id == bindparam("person_id"))
    .order_by(_BEGAN.is_(None).desc(), _BEGAN.desc(), Lecture.id.desc())
    .limit(bindparam("limit", type_=Integer))
)
"""The lectures of all series on whose lists `person_id` is, the latest first."""
TAUGHT_SERIES = (
    select(Series)
    .join(SeriesInstructor, SeriesInstructor.series_id == Series.id)
    .where(SeriesInstructor.person_id == bindparam("person_id"))
    .order_by(Series.id.desc())
)
GIVERS = (
    select(LectureInstructor.lecture_id, Person.id, Person.full_name, Person.native_name)
    .join(Person, Person.id == LectureInstructor.person_id)
    .where(LectureInstructor.lecture_id.in_(bindparam("ids", expanding=True)))
    .order_by(Person.full_name)
)


@lru_cache(maxsize=256)
def upcoming(sees_all: bool, person_id: int | None) -> Select[int, datetime | None, int]:
    """(id, start, minutes) of what is scheduled after `since`, the next one first, at most `limit`."""
    return (
        select(Lecture.id, Lecture.starts_at, Lecture.duration_minutes)
        .join(Series)
        .where(
            Lecture.state == LectureState.SCHEDULED,
            Lecture.starts_at > bindparam("since", type_=UtcDateTime),
            visible_to(sees_all, person_id),
        )
        .order_by(Lecture.starts_at, Lecture.id)
        .limit(bindparam("limit", type_=Integer))
    )
