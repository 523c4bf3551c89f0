"""Series and lectures by any part of their titles or words of their descriptions, and lectures by their lecturers: the
closest first."""

from dataclasses import dataclass, replace
from datetime import datetime
from operator import itemgetter
from typing import Any

from sqlalchemy import select

from lms.catalogue.models import Lecture, LectureInstructor, LectureState, Series
from lms.catalogue.visibility import shown_lecture, visible
from lms.core.base.roles import Actor
from lms.core.database.search import Match, is_mentioned, match_of_title
from lms.core.database.session import read
from lms.core.text.translations import WrittenText, all_texts
from lms.people.models import Person


@dataclass(frozen=True)
class SeriesFound:
    """A series and how its title fits, in the language that fits; `text` is its description where only that fits."""

    slug: str
    title: str
    language: str
    match: Match | None
    text: str | None = None
    text_language: str = ""


@dataclass(frozen=True)
class LectureFound:
    """A lecture and how its title fits. Where only something else fits: the name of a lecturer (`giver`), in the script
    that fits, or the abstract (`text`)."""

    id: int
    title: str
    language: str
    state: LectureState
    starts_at: datetime | None
    match: Match | None
    giver: str | None = None
    text: str | None = None
    text_language: str = ""


def find_series(phrases: tuple[str, ...], *, locale: str, by: Actor) -> list[SeriesFound]:
    """The series that the actor may see whose titles or descriptions fit in any language, the closest and then the
    newest first.

    Texts are compared here: there are few, and no two databases agree on letters.
    """
    columns = (Series.slug, Series.title, Series.description, Series.language, Series.text_language)
    results: list[SeriesFound] = []
    for row in read(select(*columns, Series.translations).where(visible(by)).order_by(Series.id.desc())):
        title, match = _best_title(phrases, row, locale)
        series = SeriesFound(row.slug, title.text, title.language, match)
        if match is not None:
            results.append(series)
        elif (text := _mentioning(phrases, row, "description", locale)) is not None:
            results.append(replace(series, text=text.text, text_language=text.language))
    return sorted(results, key=lambda series: (series.match is None, series.match or 0))


def find_lectures(phrases: tuple[str, ...], *, locale: str, by: Actor) -> list[LectureFound]:
    """As `find_series`, of lectures; one whose title does not fit may be found by who gives it."""
    columns = (Lecture.id, Lecture.title, Lecture.abstract, Lecture.language, Lecture.text_language)
    more = (Lecture.translations, Lecture.state, Lecture.starts_at)
    query = select(*columns, *more).join(Series).where(visible(by), shown_lecture(by))
    results: list[LectureFound] = []
    rows: Any = read(query.order_by(Lecture.starts_at.desc(), Lecture.id.desc()))
    given = _given_by(phrases)
    for row in rows:
        title, match = _best_title(phrases, row, locale)
        lecture = LectureFound(row.id, title.text, title.language, row.state, row.starts_at, match)
        if match is not None:
            results.append(lecture)
        elif row.id in given:
            giver, match = given[row.id]
            results.append(replace(lecture, match=match, giver=giver))
        elif (text := _mentioning(phrases, row, "abstract", locale)) is not None:
            results.append(replace(lecture, text=text.text, text_language=text.language))
    return sorted(results, key=_closeness)


def _best_title(phrases: tuple[str, ...], row: Any, locale: str) -> tuple[WrittenText, Match | None]:
    """The title that fits best, of equal ones the reader's; without a fit, the one that the reader sees elsewhere."""
    titles = all_texts(row, "title", locale)
    matches = [(match, title) for title in titles if (match := match_of_title(phrases, title.text)) is not None]
    match, title = min(matches, key=itemgetter(0), default=(None, titles[0]))
    return title, match


def _mentioning(phrases: tuple[str, ...], row: Any, field: str, locale: str) -> WrittenText | None:
    """The first text of a field that has the phrases, in the order of `all_texts`."""
    return next((text for text in all_texts(row, field, locale) if is_mentioned(phrases, text.text)), None)


def _closeness(lecture: LectureFound) -> tuple[bool, bool, int]:
    """Titles first, then lecturers, then abstracts."""
    return lecture.match is None, lecture.giver is not None, lecture.match or 0


def _given_by(phrases: tuple[str, ...]) -> dict[int, tuple[str, Match]]:
    """Lectures given by somebody whose name fits: the name, and how."""
    query = (
        select(LectureInstructor.lecture_id, Person.full_name, Person.native_name)
        .join(Person, Person.id == LectureInstructor.person_id)
        .order_by(Person.sort_name, Person.id)
    )
    givers: dict[int, tuple[str, Match]] = {}
    rows: Any = read(query)
    for row in rows:
        for name in (row.full_name, row.native_name):
            if name and row.lecture_id not in givers and (match := match_of_title(phrases, name)) is not None:
                givers[row.lecture_id] = name, match
    return givers
