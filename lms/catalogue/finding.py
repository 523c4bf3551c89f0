"""Series and lectures by any part of their titles or words of their descriptions, and lectures by their lecturers: the
closest first."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import select

from lms.catalogue.models import Lecture, LectureInstructor, LectureState, Series
from lms.catalogue.visibility import shown_lecture, visible
from lms.core.db import read
from lms.core.matching import Match, is_mentioned, match_of_text
from lms.core.roles import Actor
from lms.people.models import Person


@dataclass(frozen=True)
class SeriesFound:
    """A series and how its title fits; `text` is its description where only that fits."""

    slug: str
    title: str
    language: str
    match: Match | None
    text: str | None = None


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


def find_series(words: tuple[str, ...], *, by: Actor) -> list[SeriesFound]:
    """The series that the actor may see whose titles or descriptions fit, the closest and then the newest first.

    Texts are compared here: there are few, and no two databases agree on letters.
    """
    columns = (Series.slug, Series.title, Series.language, Series.description)
    results: list[SeriesFound] = []
    for row in read(select(*columns).where(visible(by)).order_by(Series.id.desc())):
        if (match := match_of_text(words, row.title)) is not None:
            results.append(SeriesFound(row.slug, row.title, row.language, match))
        elif is_mentioned(words, row.description):
            results.append(SeriesFound(row.slug, row.title, row.language, None, row.description))
    return sorted(results, key=lambda series: (series.match is None, series.match or 0))


def find_lectures(words: tuple[str, ...], *, by: Actor) -> list[LectureFound]:
    """As `find_series`, of lectures; one whose title does not fit may be found by who gives it."""
    columns = (Lecture.id, Lecture.title, Lecture.language, Lecture.state, Lecture.starts_at, Lecture.abstract)
    query = select(*columns).join(Series).where(visible(by), shown_lecture(by))
    results: list[LectureFound] = []
    rows: Any = read(query.order_by(Lecture.starts_at.desc(), Lecture.id.desc()))
    given = _given_by(words)
    for row in rows:
        lecture = LectureFound(row.id, row.title, row.language, row.state, row.starts_at, None)
        if (match := match_of_text(words, row.title)) is not None:
            results.append(replace(lecture, match=match))
        elif row.id in given:
            giver, match = given[row.id]
            results.append(replace(lecture, match=match, giver=giver))
        elif is_mentioned(words, row.abstract):
            results.append(replace(lecture, text=row.abstract))
    return sorted(results, key=_closeness)


def _closeness(lecture: LectureFound) -> tuple[bool, bool, int]:
    """Titles first, then lecturers, then abstracts."""
    return lecture.match is None, lecture.giver is not None, lecture.match or 0


def _given_by(words: tuple[str, ...]) -> dict[int, tuple[str, Match]]:
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
            if name and row.lecture_id not in givers and (match := match_of_text(words, name)) is not None:
                givers[row.lecture_id] = name, match
    return givers
