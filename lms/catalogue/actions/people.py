"""Instructors who are merged with another person, erased, or lose the role."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert as insert_postgresql
from sqlalchemy.dialects.sqlite import insert as insert_sqlite

from lms.catalogue.models import LectureInstructor, SeriesInstructor
from lms.catalogue.queries.teaching import current_listings
from lms.catalogue.rules import TEACHING_ROLES
from lms.core.base.roles import Actor
from lms.core.database import audit
from lms.core.database.session import action, db, is_sqlite
from lms.people.queries.access import holders_of

_MOVED = "move_instructor"


def _given(person_id: int) -> tuple[list[int], list[int]]:
    series = select(SeriesInstructor.series_id).where(SeriesInstructor.person_id == person_id)
    lectures = select(LectureInstructor.lecture_id).where(LectureInstructor.person_id == person_id)
    return sorted(db.session.scalars(series)), sorted(db.session.scalars(lectures))


def _give(person_id: int, series: Iterable[int], lectures: Iterable[int]) -> None:
    insert = insert_sqlite if is_sqlite() else insert_postgresql
    for_series = [{"series_id": one, "person_id": person_id} for one in series]
    for_lectures = [{"lecture_id": one, "person_id": person_id} for one in lectures]
    if for_series:
        db.session.execute(insert(SeriesInstructor).on_conflict_do_nothing(), for_series)
    if for_lectures:
        db.session.execute(insert(LectureInstructor).on_conflict_do_nothing(), for_lectures)


def _take(person_id: int, series: Iterable[int], lectures: Iterable[int]) -> None:
    db.session.execute(
        delete(SeriesInstructor).where(
            SeriesInstructor.person_id == person_id, SeriesInstructor.series_id.in_(list(series))
        )
    )
    db.session.execute(
        delete(LectureInstructor).where(
            LectureInstructor.person_id == person_id, LectureInstructor.lecture_id.in_(list(lectures))
        )
    )


@action
def move_instructor(merged_id: int, kept_id: int, *, by: Actor, at: datetime) -> None:
    """Hands what one person gives to another, and keeps in the audit what was handed over."""
    series, lectures = _given(merged_id)
    if not series and not lectures:
        return
    kept_series, kept_lectures = _given(kept_id)
    _take(merged_id, series, lectures)
    _give(kept_id, series, lectures)
    detail = {
        "series": series,
        "lectures": lectures,
        "new_series": sorted(set(series) - set(kept_series)),
        "new_lectures": sorted(set(lectures) - set(kept_lectures)),
    }
    audit.record(_MOVED, by=by, at=at, detail=detail, person=[merged_id, kept_id], merged=merged_id)


@action
def return_instructor(merged_id: int, kept_id: int, *, by: Actor, at: datetime) -> None:
    """Undoes the last `move_instructor` of this person."""
    last = next((entry for entry in audit.list_entries("merged", merged_id) if entry.verb == _MOVED), None)
    if last is None:
        return
    _take(kept_id, last.detail["new_series"], last.detail["new_lectures"])
    _give(merged_id, last.detail["series"], last.detail["lectures"])
    audit.record("return_instructor", by=by, at=at, person=[merged_id, kept_id])


@action
def end_listings(person_id: int, *, by: Actor, at: datetime) -> None:
    """Takes a person without a teaching role off the lists of series that are not over and of lectures not yet begun.

    Lectures that have begun, and series that are over, keep their lists: they say who gave them.
    """
    if holders_of([person_id], TEACHING_ROLES):
        return
    ending = current_listings(person_id)
    series, lectures = [one.id for one in ending.series], list(ending.lectures)
    if not series and not lectures:
        return
    _take(person_id, series, lectures)
    for owner in ending.series:
        db.session.expire(owner, ["instructors"])
    detail = {"instructors_removed": [person_id], "lectures": lectures}
    audit.record("end_listings", by=by, at=at, detail=detail, series=series, lecture=lectures, person=person_id)


@action
def erase_instructor(person_id: int, *, by: Actor, at: datetime) -> None:
    """Takes a person out of all series and lectures; history rows keep the anonymous person."""
    series, lectures = _given(person_id)
    _take(person_id, series, lectures)
    if series or lectures:
        audit.record("erase_instructor", by=by, at=at, series=series, lecture=lectures)
