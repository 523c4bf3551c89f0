"""*Satisfaction* in public: counted exactly, of whole lectures, and nobody's answer follows from what is shown."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import astuple
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient
from sqlalchemy import update

from lms.attendance.actions.facts import rebuild_facts
from lms.attendance.models.credits import Outcome
from lms.attendance.models.evidence import Source
from lms.catalogue.queries.lectures import get_lecture
from lms.catalogue.queries.series import get_series_by_id
from lms.core.base.errors import Forbidden
from lms.core.base.lists import ListRequest
from lms.core.base.roles import ANONYMOUS, SYSTEM
from lms.core.database.session import action, db
from lms.core.time import clock
from lms.feedback.actions import erase_answers
from lms.feedback.models import FeedbackAnswer, FeedbackForm
from lms.feedback.releases import release_due
from lms.feedback.results import results_of
from lms.reports import recount
from lms.reports.queries.drilldown import list_rows
from lms.reports.queries.figures import count
from lms.reports.recounted_rows import RecountRows
from lms.reports.rules import Ratings, Slice
from tests.properties import seeds
from tests.reports.world import World

pytestmark = pytest.mark.databases
AT = datetime(2026, 11, 25, 1, 0, tzinfo=UTC)
NOON = datetime(2024, 5, 6, 4, 0, tzinfo=UTC)
ZONE = "Asia/Shanghai"


class Programme:
    """Five lectures in two series and years, with answers of few and of many, to one question or two."""

    def __init__(self, world: World, seed: int) -> None:
        self.world, self.draw = world, random.Random(seed)
        one, two = world.series("one"), world.series("two", language="fr")
        self.lectures = [
            world.lecture(series, NOON.replace(year=year, month=month), language="fr" if series == two else "en")
            for series, year, month in ((one, 2024, 3), (one, 2024, 5), (one, 2025, 3), (two, 2025, 3), (two, 2025, 4))
        ]
        self.people = [world.person(code) for code in ["KE"] * 10 + ["UG"] * 6 + ["FR"] * 5 + ["BR", "BR", None]]
        self.forms = {}
        for key in ("clear", "useful"):
            questions = [{"key": key, "kind": "rating", "text": f"{key}?"}]
            form = world.insert(FeedbackForm, lecture_id=self.lectures[1], questions=questions, created_at=AT)
            self.forms[form] = key
        self.series = [one, two]
        for series in self.series:
            questions = [{"key": "worth", "kind": "rating", "text": "Worth it?"}]
            world.insert(FeedbackForm, about_series_id=series, questions=questions, created_at=AT)
        for lecture in self.lectures:
            share = self.draw.choice([0.1, 0.3, 0.6, 0.9])
            for person in self.people:
                if self.draw.random() < 0.9:
                    source = self.draw.choice([Source.LIVE] * 6 + [Source.GROUP] * 3 + [Source.REPLAY, Source.MANUAL])
                    world.attend(lecture, person, source=source)
                if self.draw.random() < share:
                    self.answer(lecture, person)

    def answer(self, lecture: int, person: int) -> None:
        """Also of some who did not attend, and of some who gave no rating."""
        form = self.draw.choice([*self.forms]) if lecture == self.lectures[1] else None
        rating, at = self.draw.choice([None, 1, 2, 3, 4, 4, 5, 5]), AT + timedelta(minutes=self.draw.randint(0, 99))
        answers = {} if rating is None else {self.forms.get(form or 0, "useful"): rating}
        values = {"form_id": form, "answers": answers, "rating": rating, "changed_at": at}
        given = (FeedbackAnswer.lecture_id == lecture) & (FeedbackAnswer.person_id == person)
        if db.session.scalar(db.select(FeedbackAnswer.id).where(given)) is None:
            db.session.rollback()
            self.world.insert(FeedbackAnswer, lecture_id=lecture, person_id=person, answered_at=at, **values)
        else:
            db.session.rollback()
            self.world.execute(update(FeedbackAnswer).where(given).values(values))

    def answer_about_series(self, series: int, person: int) -> None:
        """Also of some who attended no lecture of it. These ratings are of no public figure."""
        form = db.session.scalars(db.select(FeedbackForm.id).where(FeedbackForm.about_series_id == series)).one()
        rating, at = self.draw.choice([1, 2, 3, 4, 4, 5, 5]), AT + timedelta(minutes=self.draw.randint(0, 99))
        values = {"form_id": form, "answers": {"worth": rating}, "rating": rating, "changed_at": at}
        given = (FeedbackAnswer.series_id == series) & (FeedbackAnswer.person_id == person)
        is_new = db.session.scalar(db.select(FeedbackAnswer.id).where(given)) is None
        db.session.rollback()
        if is_new:
            self.world.insert(FeedbackAnswer, series_id=series, person_id=person, answered_at=at, **values)
        else:
            self.world.execute(update(FeedbackAnswer).where(given).values(values))

    def step(self) -> None:
        lecture, person = self.draw.choice(self.lectures), self.draw.choice(self.people)
        self.answer_about_series(self.draw.choice(self.series), self.draw.choice(self.people))
        steps: list[Callable[[], object]] = [
            *[lambda: self.answer(lecture, person)] * 4,
            lambda: self.world.correct(lecture, person, self.draw.choice([Outcome.ATTENDED, Outcome.ABSENT])),
            lambda: self.world.merge(self.people[0], self.draw.choice(self.people[1:4])),
            lambda: self.world.undo_merge(self.draw.choice(self.people[1:4])),
            lambda: _erase(person),
        ]
        self.draw.choice(steps)()
        db.session.rollback()


@action
def _erase(person: int) -> None:
    erase_answers(person)


class Told(NamedTuple):
    """What the results of a lecture state, with all that the public may group it by."""

    series: str
    year: str
    month: str
    language: str
    ratings: Ratings


def told(programme: Programme) -> list[Told]:
    """The ratings that the results of each lecture state: of its first rating question, in each of its forms."""
    stated = []
    for id_ in programme.lectures:
        lecture = get_lecture(id_, by=SYSTEM)
        assert lecture.actual_start is not None
        results = results_of(lecture, by=SYSTEM, at=AT)
        counts = [result.counts for result in results.questions if result.question.kind == "rating"]
        given = [rating for of in counts for rating, number in of.items() for _n in range(number)]
        assert not results.answers or results.answers >= 5
        ratings = Ratings(len(given), sum(given), sum(rating >= 4 for rating in given))
        day = clock.day_of(lecture.actual_start, ZONE)
        stated.append(Told(lecture.series.slug, str(day.year), f"{day:%Y-%m}", lecture.language, ratings))
    return stated


def public(stated: list[Told]) -> Iterator[tuple[Ratings, Ratings]]:
    """Every public answer, with what it is to be."""
    for first, last in (("2024", "2024"), ("2025", "2025"), ("2024", "2025")):
        span = {"from_day": date(int(first), 1, 1), "to_day": date(int(last), 12, 31)}
        within = [one for one in stated if first <= one.year <= last]
        for name in ("year", "month", "series", "language", "country", "source", "sector", "region"):
            report = count(Slice(**span), (name,), by=ANONYMOUS, at=AT)
            yield report.totals.ratings, summed(within)
            keys = {group.keys[0] for group in report.groups if not group.folded}
            for group in report.groups:
                if name in ("country", "source", "sector", "region"):
                    yield group.figures.ratings, Ratings()
                elif group.folded:
                    yield group.figures.ratings, summed(one for one in within if getattr(one, name) not in keys)
                else:
                    yield group.figures.ratings, summed(one for one in within if getattr(one, name) == group.keys[0])
        for filters in (
            {"series": "one"},
            {"series": "two"},
            {"language": "fr"},
            {"country": "KE"},
            {"source": "live"},
        ):
            try:
                report = count(Slice(**span, **filters), by=ANONYMOUS, at=AT)
            except Forbidden:
                continue
            ((name, value),) = filters.items()
            some = [one for one in within if getattr(one, name) == value] if name in ("series", "language") else []
            yield report.totals.ratings, summed(some)


def summed(some: Iterable[Told]) -> Ratings:
    parts = [astuple(one.ratings) for one in some]
    return Ratings(*map(sum, zip(*parts, strict=True))) if parts else Ratings()


@pytest.mark.parametrize("seed", seeds(4))
def test_public_satisfaction_is_the_sum_of_what_lectures_state(app: APIFlask, world: World, seed: int) -> None:
    """After each part of a history: whole lectures, as they were released, and nothing of groups of people."""
    with app.app_context():
        programme = Programme(world, seed)
        for _part in range(2):
            rebuild_facts(by=SYSTEM)
            release_due(at=AT)
            rows = RecountRows(ZONE)
            quarter = Slice(date(2024, 1, 1), date(2025, 3, 31))
            for slice_ in (Slice(), quarter, Slice(country="KE"), Slice(from_day=date(2024, 3, 6), gender="female")):
                for dimensions in ((), ("country",), ("source", "year"), ("gender",), ("region",), ("month",)):
                    assert recount.differences(rows, slice_, dimensions, AT) == []
            answers = list(public(told(programme)))
            assert all(figure == wanted for figure, wanted in answers)
            assert any(wanted.answers for _figure, wanted in answers)
            for series_id in programme.series:
                years = results_of(get_series_by_id(series_id, by=SYSTEM), by=SYSTEM, at=AT).years
                slug = get_series_by_id(series_id, by=SYSTEM).slug
                for year, group in years.items():
                    of_year = summed(one for one in told(programme) if (one.series, one.year) == (slug, year))
                    assert (group.answers, round(group.mean, 2)) == (of_year.answers, of_year.mean)
            for _n in range(20):
                programme.step()


@pytest.fixture
def answered(app: APIFlask, world: World) -> list[int]:
    """Seven, five, two and two answers about four lectures, all from Kenya, of which one was not attended."""
    series = world.series("one")
    lectures = [world.lecture(series, NOON + timedelta(days=days)) for days in range(4)]
    people = [world.person("KE") for _n in range(8)]
    for lecture, number in zip(lectures, (7, 5, 2, 2), strict=True):
        world.attend(lecture, *people[:7])
        for person in people[:number]:
            world.insert(
                FeedbackAnswer, lecture_id=lecture, person_id=person, answers={"useful": 4}, rating=4, answered_at=AT,
                changed_at=AT,
            )  # fmt: skip
    world.insert(
        FeedbackAnswer, lecture_id=lectures[0], person_id=people[7], answers={"useful": 1}, rating=1, answered_at=AT,
        changed_at=AT,
    )  # fmt: skip
    with app.app_context():
        rebuild_facts(by=SYSTEM)
        release_due(at=AT)
    return lectures


def test_satisfaction_opens_to_lectures_that_add_up(app: APIFlask, answered: list[int]) -> None:
    """Those with fewer than five answers are of no figure; by people, all lectures are one row."""
    with app.app_context():
        opened = list_rows("satisfaction", Slice(), {}, by=SYSTEM, at=AT)
        assert [(row.lecture_id, row.ratings.answers) for row in opened.rows if row.ratings] == [
            (answered[1], 5),
            (answered[0], 7),
        ]
        assert opened.figures.ratings == Ratings(12, 48, 12)
        of_kenya = list_rows("satisfaction", Slice(country="KE"), {}, by=SYSTEM, at=AT)
        assert [(row.lecture_id, row.ratings) for row in of_kenya.rows] == [(None, Ratings(12, 48, 12))]
        assert of_kenya.figures.ratings == Ratings(12, 48, 12)
        sought = list_rows("satisfaction", Slice(), {}, request=ListRequest(q="nothing"), by=SYSTEM, at=AT)
        assert (sought.total, sought.every) == (0, 2)


@pytest.mark.parametrize(
    ("asked", "answers"),
    [
        ({"country": "KE"}, 12),
        ({"country": "KE", "from_day": date(2024, 4, 1), "to_day": date(2024, 6, 30)}, 12),
        ({"country": "KE", "to_day": date(2024, 5, 7)}, 0),
        ({"country": "KE", "from_day": date(2024, 5, 2)}, 0),
        ({"country": "KE", "source": "live"}, 0),
        ({"country": "KE", "language": "en"}, 0),
        ({"country": "KE", "series": "one"}, 12),
        ({"region": "002"}, 12),
        ({"source": "live"}, 12),
        ({"to_day": date(2024, 5, 6)}, 7),
    ],
)
def test_a_slice_that_is_no_sum_of_cells_has_no_satisfaction(
    app: APIFlask, answered: list[int], asked: dict[str, Any], answers: int
) -> None:
    """Only one attribute of people, and only whole quarters; days are free without one."""
    with app.app_context():
        assert count(Slice(**asked), by=SYSTEM, at=AT).totals.ratings.answers == answers
        by_month = count(Slice(**asked), ("month",), by=SYSTEM, at=AT).groups
        of_people = {"country", "region", "source"} & {*asked}
        assert sum(group.figures.ratings.answers for group in by_month) == (0 if of_people else answers)


def test_the_impact_page_and_its_files_state_it(app: APIFlask, answered: list[int], client: FlaskClient) -> None:
    """Of the lectures with five answers or more; nothing by country."""
    page = client.get("/impact").text
    assert re.search(r'data-testid="figure-satisfaction"\s+data-value="4.0"', page)
    assert "of 5, by 12 answers" in page
    by_series = client.get("/impact.csv?by=series").text.splitlines()
    assert by_series[1].endswith(",12,4.0,100.0")
    assert client.get("/impact.csv?by=country").text.splitlines()[1].endswith(",,,")
    totals = client.get("/api/v1/totals?by=country").get_json()
    assert (totals["totals"]["feedback_answers"], totals["totals"]["satisfaction"]) == (12, 4.0)
    assert [group["satisfaction"] for group in totals["groups"]] == [None]
