"""Visibility of the catalogue, as conditions of SQL, and searches for words within it."""

from __future__ import annotations

import unicodedata
from typing import Any

from sqlalchemy import and_, exists, or_, select, true

from lms.catalogue.models import Lecture, LectureState, Series, SeriesInstructor, Visibility
from lms.catalogue.rules import teaching_id
from lms.core.db import db
from lms.core.roles import Actor

_IN_PUBLIC = Series.visibility == Visibility.PUBLIC
_SHOWN_TO_ALL = and_(Lecture.state != LectureState.DRAFT, Lecture.held_unknown.is_(False))


def visible(by: Actor) -> Any:
    """Whether the actor may see a `Series`."""
    if by.is_reporter:
        return true()
    person_id = teaching_id(by)
    if person_id is None:
        return _IN_PUBLIC
    teaches = exists().where(SeriesInstructor.series_id == Series.id, SeriesInstructor.person_id == person_id)
    return or_(_IN_PUBLIC, teaches)


def shown_lecture(by: Actor) -> Any:
    """Whether a `Lecture` of a series that the actor may see is one, too."""
    if by.is_reporter:
        return true()
    person_id = teaching_id(by)
    if person_id is None:
        return _SHOWN_TO_ALL
    teaches = exists().where(SeriesInstructor.series_id == Lecture.series_id, SeriesInstructor.person_id == person_id)
    return or_(_SHOWN_TO_ALL, teaches)


def ids_taught_by(by: Actor) -> Any:
    """The query of the ids of all series in which the actor has an instructor's rights."""
    return ids_taught_by_person(teaching_id(by))


def ids_taught_by_person(person_id: int | None) -> Any:
    """As `ids_taught_by`; `person_id` is the actor's `teaching_id`."""
    return select(SeriesInstructor.series_id).where(SeriesInstructor.person_id == person_id)


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()


def ids_with(q: str, language: str | None, by: Actor) -> list[int]:
    """Words are compared here and not in SQL: no two databases agree on the case of Cyrillic or Turkish."""
    words = _plain(q).split()
    texts: dict[int, str] = {}
    heard: dict[int, set[str]] = {}
    columns = select(Series.id, Series.title, Series.description, Series.slug, Series.language).where(visible(by))
    for key, title, description, slug, spoken in db.session.execute(columns):
        texts[key] = _plain(f"{title}\n{description}\n{slug}")
        heard[key] = {spoken}
    lectures = (
        select(Lecture.series_id, Lecture.title, Lecture.language, Lecture.interpretation)
        .join(Series)
        .where(visible(by), shown_lecture(by))
    )
    for key, title, spoken, interpretation in db.session.execute(lectures):
        texts[key] += "\n" + _plain(title)
        heard[key].update([spoken, *interpretation])
    return [
        key
        for key, text in texts.items()
        if all(word in text for word in words) and (not language or language in heard[key])
    ]
