"""Visibility of the catalogue, as conditions of SQL, and searches for words within it."""

from typing import Any

from sqlalchemy import and_, exists, or_, select, true

from lms.catalogue.models import Lecture, LectureState, Series, SeriesInstructor, Visibility
from lms.catalogue.rules import teaching_id
from lms.core.base.roles import Actor
from lms.core.database.search import is_in_any, search_phrases
from lms.core.database.session import db

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


def ids_with(q: str, language: str | None, by: Actor) -> list[int]:
    """The series that have all words of `q` in one of their texts or in a title of a lecture, in whatever language.

    Words are compared here and not in SQL: no two databases agree on the case of Cyrillic or Turkish.
    """
    phrases = search_phrases(q)
    texts: dict[int, list[str]] = {}
    heard: dict[int, set[str]] = {}
    columns = select(Series.id, Series.title, Series.description, Series.slug, Series.language, Series.translations)
    for key, title, description, slug, spoken, translations in db.session.execute(columns.where(visible(by))):
        texts[key] = [title, description, slug, *(text for one in translations.values() for text in one.values())]
        heard[key] = {spoken}
    lectures = (
        select(Lecture.series_id, Lecture.title, Lecture.language, Lecture.interpretation, Lecture.translations)
        .join(Series)
        .where(visible(by), shown_lecture(by))
    )
    for key, title, spoken, interpretation, translations in db.session.execute(lectures):
        texts[key] += [title, *(one["title"] for one in translations.values() if one.get("title"))]
        heard[key].update([spoken, *interpretation])
    return [key for key in texts if (not language or language in heard[key]) and is_in_any(phrases, texts[key])]
