"""*Satisfaction* in public: counted exactly, of whole lectures, and nobody's answer follows from what is shown."""

from __future__ import annotations

import random
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import combinations
from typing import Any, NamedTuple

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient
from sqlalchemy import update

from lms.attendance.models.credits import Outcome
from lms.attendance.models.evidence import Source
from lms.catalogue.models import Series
from lms.catalogue.queries.lectures import get_lecture
from lms.catalogue.queries.series import get_series_by_id
from lms.core.base.errors import Forbidden
from lms.core.base.lists import ListRequest
from lms.core.base.roles import ANONYMOUS, SYSTEM
from lms.core.database.session import action, db
from lms.feedback.actions import erase_answers
from lms.feedback.models import FeedbackAnswer, FeedbackForm
from lms.feedback.results import results_of
from lms.feedback.rules import shown_beside
from lms.people.models import Person
from lms.reports import recount
from lms.reports.queries.drilldown import list_rows
from lms.reports.queries.figures import count
from lms.reports.queries.lecture import get_lecture_report
from lms.reports.recounted_rows import RecountRows
from lms.reports.rules import Ratings, Slice
from tests.properties import seeds
from tests.reports.test_public import rank_grows
from tests.reports.world import World

pytestmark = pytest.mark.databases
AT = datetime(2026, 11, 25, 1, 0, tzinfo=UTC)
NOON = datetime(2024, 5, 6, 4, 0, tzinfo=UTC)
ZONE = "Asia/Shanghai"


class Rating(NamedTuple):
    """A rating that counts, with all that anybody may group it by."""

    lecture: int
    series: str
    year: str
    month: str
    language: str
    question: str
    country: str | None
    source: str
    rating: int


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

    def ratings(self) -> list[Rating]:
        """All that count, from the second count."""
        rows = RecountRows(ZONE)
        latest: dict[tuple[int, int], int | None] = {}
        query = db.select(FeedbackAnswer.lecture_id, Person.canonical_id, FeedbackAnswer.form_id)
        query = query.join(Person, Person.id == FeedbackAnswer.person_id)
        for lecture, person, form in db.session.execute(query.order_by(FeedbackAnswer.changed_at, FeedbackAnswer.id)):
            latest[lecture, person] = form
        return [
            Rating(
                fact.what, fact.series, str(fact.day.year), f"{fact.day:%Y-%m}", fact.language,
                self.forms.get(latest[fact.what, fact.who] or 0, "useful"), fact.country, fact.source or "",
                fact.rating,
            )
            for fact in rows.facts
            if fact.kind == "attendance" and fact.rating is not None
        ]  # fmt: skip

    def ratings_of_series(self) -> list[Rating]:
        """All that people gave about series of which they attended a lecture: with country and way of the last one."""
        last: dict[tuple[str, int], Any] = {}
        for fact in sorted(RecountRows(ZONE).facts, key=lambda fact: (fact.day, fact.what)):
            if fact.kind == "attendance":
                last[fact.series, fact.who] = fact
        given: dict[tuple[str, int], int] = {}
        query = db.select(Series.slug, Person.canonical_id, FeedbackAnswer.rating)
        query = query.join(Person, Person.id == FeedbackAnswer.person_id)
        query = query.join(Series, Series.id == FeedbackAnswer.series_id)
        for slug, person, rating in db.session.execute(query.order_by(FeedbackAnswer.changed_at, FeedbackAnswer.id)):
            given[slug, person] = rating
        return [
            Rating(0, slug, "", "", "", "worth", last[slug, person].country, last[slug, person].source or "", rating)
            for (slug, person), rating in given.items()
            if (slug, person) in last
        ]


@action
def _erase(person: int) -> None:
    erase_answers(person)


def summed(ratings: list[Rating]) -> Ratings:
    return Ratings(len(ratings), sum(one.rating for one in ratings), sum(one.rating >= 4 for one in ratings))


def told(ratings: list[Rating]) -> list[Rating]:
    """Those of lectures with five answers or more to one question."""
    sizes = Counter((one.lecture, one.question) for one in ratings)
    return [one for one in ratings if sizes[one.lecture, one.question] >= 5]


def public(ratings: list[Rating]) -> Iterator[tuple[Ratings, list[Rating]]]:
    """Every public answer, with the ratings that it is to be of."""
    for first, last in (("2024", "2024"), ("2025", "2025"), ("2024", "2025")):
        span = {"from_day": date(int(first), 1, 1), "to_day": date(int(last), 12, 31)}
        within = [one for one in told(ratings) if first <= one.year <= last]
        for name in ("year", "month", "series", "language", "country", "source", "sector", "region"):
            report = count(Slice(**span), (name,), by=ANONYMOUS, at=AT)
            yield report.totals.ratings, within
            keys = {group.keys[0] for group in report.groups if not group.folded}
            for group in report.groups:
                if name in ("country", "source", "sector", "region"):
                    assert group.figures.ratings == Ratings()
                elif group.folded:
                    yield group.figures.ratings, [one for one in within if getattr(one, name) not in keys]
                else:
                    yield group.figures.ratings, [one for one in within if getattr(one, name) == group.keys[0]]
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
            yield report.totals.ratings, some


def shown_to_instructors(ratings: list[Rating]) -> Iterator[tuple[float, list[Rating]]]:
    """Each mean of the results of each lecture and of its report, with the ratings that it is to be of."""
    for lecture in {one.lecture for one in ratings}:
        of_lecture = [one for one in ratings if one.lecture == lecture]
        results = results_of(get_lecture(lecture, by=SYSTEM), by=SYSTEM, at=AT)
        for result in results.questions:
            some = [one for one in of_lecture if one.question == result.question.key]
            if result.mean is not None:
                assert result.answers == len(some) >= 5
                yield result.mean, some
        for name, groups in (("country", results.countries), ("source", results.sources)):
            for key, group in groups.items():
                for question, mean in group.means.items():
                    some = [one for one in of_lecture if (getattr(one, name), one.question) == (key, question)]
                    if mean is not None:
                        assert len(some) >= 5
                        yield mean, some
        report = get_lecture_report(lecture, by=SYSTEM, at=AT)
        assert report is not None
        if report.ratings.mean is not None:
            assert report.ratings == summed(of_lecture)
            yield report.ratings.total / report.ratings.answers, of_lecture


def shown_of_series(programme: Programme, ratings: list[Rating]) -> Iterator[tuple[float, list[Rating]]]:
    """Each mean of the results of each series as a whole, with the ratings that it is to be of."""
    for series_id in programme.series:
        series = get_series_by_id(series_id, by=SYSTEM)
        of_series = [one for one in ratings if one.series == series.slug]
        results = results_of(series, by=SYSTEM, at=AT)
        assert results.answers == (len(of_series) if len(of_series) >= 5 else None)
        for result in results.questions:
            if result.mean is not None:
                yield result.mean, of_series
        for name, groups in (("country", results.countries), ("source", results.sources)):
            for key, group in groups.items():
                some = [one for one in of_series if getattr(one, name) == key]
                assert group.answers == len(some) >= 5
                yield group.means["worth"] or 0, some


def years_of_series(programme: Programme, ratings: list[Rating]) -> Iterator[tuple[float, list[Rating]]]:
    """Each mean of the lectures of a series by year, with the ratings that it is to be of."""
    for series_id in programme.series:
        series = get_series_by_id(series_id, by=SYSTEM)
        for year, group in results_of(series, by=SYSTEM, at=AT).years.items():
            some = [one for one in told(ratings) if (one.series, one.year) == (series.slug, year)]
            assert group.answers == len(some)
            yield group.mean, some


@pytest.mark.parametrize("seed", seeds(8))
def test_public_satisfaction_is_exact_and_gives_nobody_away(app: APIFlask, world: World, seed: int) -> None:
    """After each part of a history: every number is of the ratings that it says, and no group of fewer than five, by
    lecture, question, country, way of attending and year, follows from all of them together."""
    with app.app_context():
        programme = Programme(world, seed)
        for _part in range(2):
            rows = RecountRows(ZONE)
            for dimensions in ((), ("country",), ("source", "year")):
                assert recount.differences(rows, Slice(), dimensions, AT) == []
            ratings = programme.ratings()
            known: list[list[Rating]] = []
            for figure, some in public(ratings):
                assert figure == summed(some)
                known.append(some)
            for mean, some in (*shown_to_instructors(ratings), *years_of_series(programme, ratings)):
                assert mean == pytest.approx(summed(some).total / len(some))
                known.append(some)
            assert exposed(ratings, known) == []
            assert any(known)
            about_series = programme.ratings_of_series()
            known_of_series = []
            for mean, some in shown_of_series(programme, about_series):
                assert mean == pytest.approx(summed(some).total / len(some))
                known_of_series.append(some)
            assert exposed(about_series, known_of_series, by=("series", "country", "source")) == []
            for _n in range(20):
                programme.step()


def exposed(
    ratings: list[Rating],
    known: list[list[Rating]],
    by: tuple[str, ...] = ("lecture", "question", "country", "source", "year"),
) -> list[Any]:
    """The groups of fewer than five whose ratings follow from sums of the known ones."""
    cells = sorted({one[:-1] for one in ratings}, key=str)
    vectors = {tuple(int(cell in {one[:-1] for one in some}) for cell in cells) for some in known}
    groups: dict[Any, set[Any]] = defaultdict(set)
    sizes: Counter[Any] = Counter()
    for names in (names for size in (1, 2, 3) for names in combinations(by, size)):
        for one in ratings:
            key = tuple((name, getattr(one, name)) for name in names)
            groups[key].add(one[:-1])
            sizes[key] += 1
    small = {tuple(int(cell in groups[key]) for cell in cells): key for key, size in sizes.items() if size < 5}
    return [key for vector, key in small.items() if not rank_grows([list(row) for row in vectors], list(vector))]


def test_ways_are_not_taken_from_countries() -> None:
    """Five answers by replay, all from Kenya, whose two live answers would follow from seven of Kenya."""
    cells = {("KE", "live"): 2, ("KE", "replay"): 5, ("UG", "live"): 9, ("FR", "live"): 7}
    countries, ways = shown_beside(cells)
    assert not {"KE"} <= countries or "replay" not in ways
    assert shown_beside({("KE", "live"): 9, ("UG", "live"): 8}) == ({"KE", "UG"}, {"live"})


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
    return lectures


def test_satisfaction_opens_to_lectures_that_add_up(app: APIFlask, answered: list[int]) -> None:
    """Those with fewer than five answers are one row, and the smallest of the others is with it."""
    with app.app_context():
        opened = list_rows("satisfaction", Slice(country="KE"), {}, by=SYSTEM, at=AT)
        assert [(row.lecture_id, row.ratings.answers) for row in opened.rows if row.ratings] == [
            (answered[0], 7),
            (None, 9),
        ]
        assert opened.figures.ratings == Ratings(16, 64, 16)
        sought = list_rows("satisfaction", Slice(), {}, request=ListRequest(q="nothing"), by=SYSTEM, at=AT)
        assert (sought.total, sought.every) == (0, 2)


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
