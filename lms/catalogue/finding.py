"""Series and lectures by any part of their titles, and lectures by who gives them: the closest first."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select

from lms.catalogue.models import Lecture, LectureInstructor, LectureState, Series
from lms.catalogue.visibility import shown_lecture, visible
from lms.core.db import read
from lms.core.matching import Match, match_of_text
from lms.core.roles import Actor
from lms.people.models import Person


@dataclass(frozen=True)
class SeriesFound:
    """A series and how its title fits."""

    slug: str
    title: str
    language: str
    match: Match


@dataclass(frozen=True)
class LectureFound:
    """A lecture and how its title fits, or the name of one who gives it: `giver`, in the script that fits."""

    id: int
    title: str
    language: str
    state: LectureState
    starts_at: datetime | None
    match: Match
    giver: str | None = None


def find_series(words: tuple[str, ...], *, by: Actor) -> list[SeriesFound]:
    """The series that the actor may see whose titles fit, the closest and then the newest first.

    Titles are compared here: there are few, and no two databases agree on letters.
    """
    rows = read(select(Series.slug, Series.title, Series.language).where(visible(by)).order_by(Series.id.desc()))
    found = [(*row, match) for row in rows if (match := match_of_text(words, row.title)) is not None]
    return [SeriesFound(*one) for one in sorted(found, key=lambda one: one[-1])]


def find_lectures(words: tuple[str, ...], *, by: Actor) -> list[LectureFound]:
    """As `find_series`, of lectures; one whose title does not fit may be found by who gives it."""
    columns = (Lecture.id, Lecture.title, Lecture.language, Lecture.state, Lecture.starts_at)
    query = select(*columns).join(Series).where(visible(by), shown_lecture(by))
    found: list[LectureFound] = []
    rows: Any = read(query.order_by(Lecture.starts_at.desc(), Lecture.id.desc()))
    given = _given_by(words)
    for row in rows:
        giver, match = None, match_of_text(words, row.title)
        if match is None and row.id in given:
            giver, match = given[row.id]
        if match is not None:
            found.append(LectureFound(row.id, row.title, row.language, row.state, row.starts_at, match, giver))
    return sorted(found, key=lambda one: (one.giver is not None, one.match))


def _given_by(words: tuple[str, ...]) -> dict[int, tuple[str, Match]]:
    """Lectures given by somebody whose name fits: the name, and how."""
    query = (
        select(LectureInstructor.lecture_id, Person.full_name, Person.native_name)
        .join(Person, Person.id == LectureInstructor.person_id)
        .order_by(Person.sort_name, Person.id)
    )
    found: dict[int, tuple[str, Match]] = {}
    rows: Any = read(query)
    for row in rows:
        for name in (row.full_name, row.native_name):
            if name and row.lecture_id not in found and (match := match_of_text(words, name)) is not None:
                found[row.lecture_id] = name, match
    return found
