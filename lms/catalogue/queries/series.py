"""Reads of series. Queries that routes call take `by` and return only what that actor can see."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

from sqlalchemy import ColumnElement, Select, exists, func, select, true

from lms.catalogue.inputs import is_slug
from lms.catalogue.models import Admission, Lecture, LectureState, Series, Visibility
from lms.catalogue.queries.loading import complete_series
from lms.catalogue.rules import OPEN_STATES, may_see_series, not_cancelled
from lms.catalogue.visibility import ids_with
from lms.catalogue.visibility import shown_lecture as _shown_lecture
from lms.catalogue.visibility import visible as _visible
from lms.core.base.errors import NotFound
from lms.core.base.roles import Actor
from lms.core.database.session import db, read, read_column, read_value
from lms.core.text.typed_text import stated


@dataclass(frozen=True, kw_only=True)
class SeriesFilter:
    """Filters of series. `q`: words, all of which must appear in title, description or a lecture's title, in any case.

    `language`: given in it or interpreted into it. `open`: whether a lecture is still ahead. `cursor`: the last id
    seen; lists run from the newest to the oldest.
    """

    q: str = stated("", length=200)
    language: str | None = stated(None, length=16)
    admission: Admission | None = None
    visibility: Visibility | None = None
    open: bool | None = None
    cursor: int | None = None
    limit: int = 50


# Series
def get_series(slug: str, *, by: Actor) -> Series:
    """The series of this address. NotFound where there is none or it is not theirs to see."""
    return _seen(find_series(slug), by)


def get_series_by_id(series_id: int, *, by: Actor) -> Series:
    """As `get_series`, by the inner id."""
    return _seen(_one_series(Series.id == series_id), by)


def get_series_id(slug: str, *, by: Actor) -> int:
    """As `get_series`, the inner id alone: for what goes to an action, which reads the series itself."""
    series_id: int | None = (
        read_value(select(Series.id).where(Series.slug == slug, _visible(by))) if is_slug(slug) else None
    )
    if series_id is None:
        raise NotFound
    return series_id


def complete_if_seen(series: Series, *, by: Actor) -> Series:
    """A series that was read already, with what belongs to it. NotFound where it is not theirs to see."""
    return _seen(complete_series([series])[0], by)


def _seen(series: Series | None, by: Actor) -> Series:
    if series is None or not may_see_series(series, by):
        raise NotFound
    return series


def find_series(slug: str) -> Series | None:
    """Returns a series by slug without a permission check: for actions and commands, never for routes."""
    if not is_slug(slug):
        return None
    return _one_series(Series.slug == slug)


def free_slug(base: str) -> str:
    """This web address, or where a series has it, the same with the next free number. A proposal, not a promise."""
    taken = set(read_column(select(Series.slug).where(Series.slug.startswith(base[:74], autoescape=True))))
    numbered = (f"{base[:74]}-{number}" for number in count(2))
    return base if base not in taken else next(one for one in numbered if one not in taken)


def _one_series(condition: ColumnElement[bool]) -> Series | None:
    series = db.session.scalars(select(Series).where(condition)).one_or_none()
    return None if series is None else complete_series([series])[0]


def list_series(filters: SeriesFilter, *, by: Actor) -> list[Series]:
    """The series that match, newest first: up to `limit + 1`, so that the caller knows whether there are more."""
    query = _matching(filters, by).order_by(Series.id.desc()).limit(filters.limit + 1)
    if filters.cursor is not None:
        query = query.where(Series.id < filters.cursor)
    return complete_series(db.session.scalars(query).all())


@dataclass(frozen=True)
class Card:
    """A series in the list, with its lectures that the reader may see, in order: id, state, times, languages and
    recording, named as in `Lecture`.
    """

    series: Series
    lectures: Sequence[Any]

    @property
    def count(self) -> int:
        """How many lectures the series has."""
        return len(not_cancelled(self.lectures))


def list_cards(filters: SeriesFilter, *, by: Actor, offset: int = 0) -> tuple[list[Card], int]:
    """One page of the list of series, and how many match: what comes next first, then what was held last first."""
    coming = (
        select(Lecture.series_id, func.min(Lecture.starts_at).label("first"))
        .where(Lecture.state.in_((LectureState.SCHEDULED, LectureState.LIVE)), ~Lecture.held_unknown)
        .group_by(Lecture.series_id)
        .subquery()
    )
    held = (
        select(Lecture.series_id, func.max(Lecture.actual_start).label("last")).group_by(Lecture.series_id).subquery()
    )
    query = (
        select(Series, func.count().over())
        .where(*_conditions(filters, by))
        .outerjoin(coming, coming.c.series_id == Series.id)
        .outerjoin(held, held.c.series_id == Series.id)
        .order_by(coming.c.first.is_(None), coming.c.first, held.c.last.is_(None), held.c.last.desc(), Series.id.desc())
        .limit(filters.limit)
        .offset(offset)
    )
    counted = db.session.execute(query).all()
    rows, total = [row[0] for row in counted], counted[0][1] if counted else 0
    if offset and not rows:
        total = db.session.scalar(_matching(filters, by).with_only_columns(func.count(Series.id))) or 0
    lectures: dict[int, list[Any]] = {one.id: [] for one in rows}
    for lecture in _lectures_of_cards(lectures, by) if rows else []:
        lectures[lecture.series_id].append(lecture)
    return [Card(one, lectures[one.id]) for one in rows], total


def _lectures_of_cards(series_ids: Collection[int], by: Actor) -> Sequence[Any]:
    """Returns what cards show of the lectures of their series, in their order."""
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
    query = shown.where(Lecture.series_id.in_(list(series_ids)), _shown_lecture(by))
    return read(query.order_by(began.is_(None), began, Lecture.id))


def list_languages(*, by: Actor) -> list[str]:
    """The codes of all languages that one can hear: of visible series, and interpreted into."""
    languages: set[str] = set(db.session.scalars(select(Series.language).where(_visible(by)).distinct()))
    query = select(Lecture.language, Lecture.interpretation).join(Series).where(_visible(by), _shown_lecture(by))
    for language, interpretation in db.session.execute(query):
        languages.update([language, *interpretation])
    return sorted(languages)


def _matching(filters: SeriesFilter, by: Actor) -> Select[Series]:
    return select(Series).where(*_conditions(filters, by))


def _conditions(filters: SeriesFilter, by: Actor) -> list[ColumnElement[bool]]:
    """Which series: those that the reader may see, and as asked for where that is not null."""
    conditions: list[ColumnElement[bool]] = [_visible(by), _matches_text(filters, by)]
    if filters.admission is not None:
        conditions.append(Series.admission == filters.admission)
    if filters.visibility is not None:
        conditions.append(Series.visibility == filters.visibility)
    if filters.open is not None:
        is_open = exists().where(Lecture.series_id == Series.id, Lecture.state.in_(OPEN_STATES), ~Lecture.held_unknown)
        conditions.append(is_open if filters.open else ~is_open)
    return conditions


def _matches_text(filters: SeriesFilter, by: Actor) -> ColumnElement[bool]:
    """Returns what is searched for, where there is a search."""
    if not (filters.q.strip() or filters.language):
        return true()
    return Series.id.in_(ids_with(filters.q, filters.language, by))
