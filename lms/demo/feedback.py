"""The feedback of the demonstration: what people say about the latest lectures and the latest series that ended."""

import random
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import case, func, select

from lms.catalogue.models import Lecture, LectureState, Series, Visibility
from lms.catalogue.queries.series import get_series
from lms.core.base.roles import SYSTEM
from lms.core.database.session import action, db, read
from lms.demo.programme import read_json
from lms.feedback.actions import answer_many, run_key, run_key_of_series, save_form_about_series
from lms.feedback.queries import attended_ids, held_lectures, people_of, versions_of
from lms.feedback.releases import release_due
from lms.feedback.rules import OPEN_FOR, PROPOSED
from lms.mail import outbox
from lms.questions.rules import dump

LECTURES: Final = 40
"""The number of lectures about which feedback is given."""
SERIES: Final = 2
"""The number of series about which, as a whole, feedback is given: those that ended last."""
SHARE: Final = (0.3, 0.5)
"""Between these parts of the people who attended answer."""
RATINGS: Final = (1, 2, 3, 4, 5)
MOODS: Final = ((1, 3, 10, 30, 56), (2, 4, 14, 40, 40), (3, 8, 22, 40, 27))
"""How often each rating is given about a lecture; one of these for each."""
TALKATIVE: Final = 0.08
"""The part of the answers that has words."""


def give(*, now: datetime, seed: int) -> int:
    """Has people answer about the latest lectures and series, releases what they said, and has nobody asked by e-mail
    about what is over; returns how many answered."""
    held = select(Lecture).where(Lecture.state == LectureState.HELD, Lecture.actual_end <= now - timedelta(hours=2))
    lectures = db.session.scalars(held.order_by(Lecture.actual_end.desc()).limit(LECTURES)).all()
    people = {lecture.id: sorted(attended_ids(lecture)) for lecture in lectures}
    db.session.rollback()
    given = 0
    for lecture in lectures:
        assert lecture.actual_end is not None
        draw = random.Random(f"{seed}-{lecture.id}")  # noqa: S311 - invented answers
        answers = _answers(people[lecture.id], draw)
        if answers:
            given += answer_many(lecture, answers, by=SYSTEM, at=min(lecture.actual_end + timedelta(hours=20), now))
    late = [one.id for one in lectures if one.actual_end is not None and one.actual_end > now - OPEN_FOR]
    versions = versions_of(late)
    _note_asked([run_key(id_, versions.get(id_)) for id_ in late], now)
    given += sum(_give_on_series(slug, now=now, seed=seed) for slug in _ended(now))
    release_due(at=now)
    return given


def _ended(now: datetime) -> list[str]:
    """The series that ended last, and the one before."""
    end = func.max(Lecture.actual_end)
    others = func.sum(case((Lecture.state.in_((LectureState.HELD, LectureState.CANCELLED)), 0), else_=1))
    query = select(Series.slug).join(Lecture, Lecture.series_id == Series.id).group_by(Series.id, Series.slug)
    query = query.where(Series.visibility == Visibility.PUBLIC)
    query = query.having(others == 0, end <= now - timedelta(hours=2)).order_by(end.desc(), Series.id)
    slugs = [slug for (slug,) in read(query.limit(SERIES))]
    db.session.rollback()
    return slugs


def _give_on_series(slug: str, *, now: datetime, seed: int) -> int:
    """Has a series asked about itself since before it ended, and those who attended it answer."""
    series = get_series(slug, by=SYSTEM)
    last, people = held_lectures(series)[-1], sorted(people_of(series))
    assert last.actual_end is not None
    ended = last.actual_end
    db.session.rollback()
    save_form_about_series(slug, dump(PROPOSED), by=SYSTEM, at=ended - timedelta(days=1))
    draw = random.Random(f"{seed}-{slug}")  # noqa: S311 - invented answers
    answers = _answers(people, draw, key="series")
    given = answer_many(series, answers, by=SYSTEM, at=min(ended + timedelta(hours=20), now)) if answers else 0
    _note_asked([run_key_of_series(series.id, ended + OPEN_FOR)], now)
    return given


def _answers(people: list[int], draw: random.Random, *, key: str = "useful") -> dict[int, dict[str, Any]]:
    mood = draw.choice(MOODS)
    answering = draw.sample(people, round(len(people) * draw.uniform(*SHARE)))
    words = read_json("feedback.json")
    answers: dict[int, dict[str, Any]] = {}
    for person_id, rating in zip(answering, draw.choices(RATINGS, mood, k=len(answering)), strict=True):
        answers[person_id] = {key: rating}
        for question, sentences in words.items():
            if draw.random() < TALKATIVE:
                answers[person_id][question] = draw.choice(sentences)
    return answers


@action
def _note_asked(runs: list[str], now: datetime) -> None:
    for run in runs:
        outbox.begin(run, at=now)
