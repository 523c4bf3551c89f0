"""All series for administrators: what each is doing, its numbers, and the drafts apart."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import case, func, select

from lms.catalogue.models import SERIES_TITLE, Lecture, LectureState, Series, Visibility
from lms.catalogue.queries.lectures import list_givers_of_series
from lms.catalogue.rules import OPEN_STATES
from lms.certificates.queries.progress import Totals, totals_of_series
from lms.core.base.errors import Forbidden
from lms.core.base.lists import ListRequest
from lms.core.base.roles import Actor
from lms.core.database.search import is_in_any, search_phrases
from lms.core.database.session import read
from lms.core.text.translations import Translations, every_text, reading_key


class SeriesState(StrEnum):
    """The state of a public series, in the order of the list."""

    RUNNING = "running"
    OPEN = "open"
    EMPTY = "empty"
    FINISHED = "finished"


TO_ISSUE = "issue"
_ORDER = {state: number for number, state in enumerate(SeriesState)}


_NO_TOTALS = Totals()


@dataclass(frozen=True)
class SeriesRow:
    """A series with its numbers. `planned`: lectures held or to come, drafts too. `latest`: when the last one is."""

    id: int
    slug: str
    title: str
    language: str
    text_language: str | None
    translations: Translations
    visibility: Visibility
    enrolled: int
    created_at: datetime
    held: int
    live: int
    coming: int
    planned: int
    latest: datetime | None
    totals: Totals = _NO_TOTALS
    instructors: Sequence[str] = ()

    @property
    def state(self) -> SeriesState:
        """The state of the series."""
        if self.live or (self.held and self.coming):
            return SeriesState.RUNNING
        if self.coming:
            return SeriesState.OPEN
        return SeriesState.FINISHED if self.held else SeriesState.EMPTY


@dataclass(frozen=True)
class SeriesList:
    """One page of public series, how many there are in each state, all that match, and the drafts."""

    rows: Sequence[SeriesRow]
    total: int
    counts: Mapping[str, int]
    to_issue: int
    drafts: Sequence[SeriesRow]


def list_all_series(request: ListRequest, *, by: Actor) -> SeriesList:
    """The page of the list that is asked for. For administrators; raises Forbidden for others.

    Series are few, and people are counted by the database: the number of questions does not grow with either.
    """
    if not by.is_administrator:
        raise Forbidden
    every = [SeriesRow(*row) for row in read(_rows())]
    drafts = [one for one in every if one.visibility is Visibility.DRAFT]
    public = [one for one in every if one.visibility is Visibility.PUBLIC]
    totals = totals_of_series([one.id for one in public], by=by)
    public = [replace(row, totals=totals[row.id]) for row in public]
    counts = {state.value: sum(one.state is state for one in public) for state in SeriesState}
    counts |= {"": len(public), TO_ISSUE: sum(one.totals.to_issue > 0 for one in public)}
    matching = [one for one in public if _matches(one, request)]
    matching.sort(key=_key(request.sort), reverse=request.descending)
    within = request.within(len(matching))
    rows = matching[within.offset : within.offset + within.size]
    names = list_givers_of_series([row.id for row in [*rows, *drafts]])
    return SeriesList(
        [replace(row, instructors=names.get(row.id, ())) for row in rows],
        len(matching),
        counts,
        sum(row.totals.to_issue for row in public),
        [replace(row, instructors=names.get(row.id, ())) for row in drafts],
    )


def _rows() -> Any:
    def count(*states: LectureState) -> Any:
        return func.coalesce(func.sum(case((Lecture.state.in_(states), 1), else_=0)), 0)

    began = func.coalesce(Lecture.actual_start, Lecture.starts_at)
    named = (Series.id, Series.slug, *SERIES_TITLE)
    planned = (LectureState.DRAFT, LectureState.HELD, *OPEN_STATES)
    return (
        select(
            *named,
            Series.visibility,
            Series.taken - Series.held,
            Series.created_at,
            count(LectureState.HELD),
            count(LectureState.LIVE),
            count(*OPEN_STATES),
            count(*planned),
            func.max(began),
        )
        .outerjoin(Lecture, Lecture.series_id == Series.id)
        .group_by(Series.id)
        .order_by(func.max(began).desc(), Series.id.desc())
    )


def _matches(row: SeriesRow, request: ListRequest) -> bool:
    state, phrases = request.filters.get("state"), search_phrases(request.q)
    if state == TO_ISSUE and not row.totals.to_issue:
        return False
    if state and state not in (TO_ISSUE, row.state.value):
        return False
    return is_in_any(phrases, [row.slug, *every_text(row)])


def _key(column: str) -> Any:
    """Returns what a column is sorted by; rows come latest first."""
    keys: dict[str, Any] = {
        "state": lambda row: _ORDER[row.state],
        "title": reading_key,
        "enrolled": lambda row: row.enrolled,
        "held": lambda row: row.held,
        "earned": lambda row: row.totals.earned,
        "issue": lambda row: row.totals.to_issue,
    }
    return keys[column]
