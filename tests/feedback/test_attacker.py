"""The attacker: who reads every figure of feedback before and after each event learns nothing of one to four people.

It knows no rule of the product. It keeps the true people behind each figure in a model of its own: a figure that reads
as before is of the same people, and one that reads otherwise must be of the people of now. Then it takes every figure
from every other one, of all moments, and what is shown of a lecture from the whole of it.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import product
from typing import Any

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient

from lms.attendance.actions.corrections import correct
from lms.attendance.actions.credits import credit_lecture
from lms.attendance.models.credits import Outcome
from lms.attendance.models.evidence import Presence, Source
from lms.catalogue.models import Lecture, Policy, Series
from lms.catalogue.queries.series import get_series_by_id
from lms.core.base.errors import DomainError
from lms.core.base.roles import SYSTEM
from lms.core.database.session import db
from lms.core.time import clock
from lms.feedback import actions
from lms.feedback.models import FeedbackAnswer
from lms.feedback.releases import release_due
from lms.feedback.results import results_of
from lms.feedback.rules import PROPOSED
from lms.people.actions.merging import merge_people, undo_merge
from lms.people.actions.persons import change_profile
from lms.people.actions.privacy import erase_person
from lms.people.models import Country, Gender, Person, Region, Sector
from lms.people.queries.countries import country_codes_of
from lms.questions.rules import dump
from lms.reports.queries.figures import count_several
from lms.reports.recounted_rows import RecountRows
from lms.reports.rules import Slice
from tests.factories import Make
from tests.reports.world import World

pytestmark = pytest.mark.databases
BEGIN = datetime(2026, 10, 1, 9, tzinfo=UTC)
DAYS = 17
"""Of the history: longer than feedback is open."""
CODES = ["KE"] * 16 + ["UG"] * 12 + ["FR"] * 8 + ["BR"] * 3 + [None]
QUARTERS = {3: (date(2026, 7, 1), date(2026, 9, 30)), 4: (date(2026, 10, 1), date(2026, 12, 31))}
ATTRIBUTES = ("country", "sector", "gender", "source")

Said = tuple[Any, ...]
"""What one record of a person said: about what, of which record, and what."""
Said_ = frozenset[Said]


class Programme:
    """Three series with a lecture in each of two quarters, forty people who attended most of them, and what happens."""

    def __init__(self, app: APIFlask, make: Make, world: World, seed: int) -> None:
        self.app, self.make, self.draw = app, make, random.Random(seed)
        world.partner("KE")
        self.instructor = make.person(roles=["instructor"])
        series = [make.series(instructors=[self.instructor], slug=f"series-{n}") for n in range(3)]
        self.series = [(one.id, one.slug) for one in series]
        self.people = [make.person(country=code, email=f"p{n}@example.org") for n, code in enumerate(CODES)]
        policies = dict(db.session.execute(db.select(Policy.series_id, Policy.id)).all())
        self.lectures: dict[int, tuple[str, int]] = {}
        for (one, days), number in zip(product(series, (-2, 0)), range(6), strict=True):
            start = BEGIN + timedelta(days=days, hours=-number)
            lecture = make.lecture(
                one, state="held", starts_at=start, actual_start=start, actual_end=start + timedelta(minutes=90),
                policy_id=policies[one.id], confirmed_at=start + timedelta(minutes=90),
            )  # fmt: skip
            self.lectures[lecture.id] = (one.slug, 4 if days == 0 else 3)
            for person in self.people:
                if self.draw.random() < 0.85:
                    world.insert(
                        Presence, lecture_id=lecture.id, person_id=person.id,
                        source=self.draw.choice([Source.LIVE, Source.LIVE, Source.GROUP]),
                        joined_ms=clock.to_ms(start), left_ms=clock.to_ms(start + timedelta(minutes=90)),
                        evidence=f"{number}-{person.id}",
                    )  # fmt: skip
        for person in self.people:
            for one in series:
                make.enrolment(one, person)
            traits = {"sector": self.draw.choice(["government", "business"]), "gender": self.draw.choice(list(Gender))}
            change_profile(person.public_id, traits, by=SYSTEM, at=BEGIN)
        for lecture_id in self.lectures:
            credit_lecture(lecture_id, by=SYSTEM, at=BEGIN)
        for _id, slug in self.series[:2]:
            actions.save_form_about_series(slug, dump(PROPOSED), by=SYSTEM, at=BEGIN)
        self.numbers = iter(range(1, 10**6))
        self.at = BEGIN

    def subject(self, subject: tuple[str, int]) -> Lecture | Series:
        kind, id_ = subject
        return db.session.get_one(Lecture, id_) if kind == "lecture" else get_series_by_id(id_, by=SYSTEM)

    @property
    def subjects(self) -> list[tuple[str, int]]:
        return [("lecture", id_) for id_ in self.lectures] + [("series", id_) for id_, _slug in self.series[:2]]

    def answer(self, subject: tuple[str, int] | None = None, person: Person | None = None) -> None:
        subject = subject or self.draw.choice(self.subjects)
        person_id = db.session.get_one(Person, (person or self.draw.choice(self.people)).id).canonical_id
        key = "useful" if subject[0] == "lecture" else "series"
        sent: dict[str, Any] = {key: self.draw.choice([1, 2, 3, 4, 5])}
        if self.draw.random() < 0.6:
            sent["best"] = f"Words {next(self.numbers)}"
        actions.answer(self.subject(subject), person_id or 0, sent, by=SYSTEM, at=self.at)

    def several(self) -> None:
        """Some people answer about one lecture or series between two looks."""
        subject = self.draw.choice(self.subjects)
        for person in self.draw.sample(self.people, self.draw.randint(3, 30)):
            try:
                self.answer(subject, person)
            except DomainError:
                db.session.rollback()

    def _public(self) -> str:
        return self.draw.choice(self.people).public_id

    def correct(self) -> None:
        outcome = self.draw.choice([Outcome.ABSENT, Outcome.ATTENDED, None])
        correct(
            self.draw.choice([*self.lectures]), self._public(), outcome=outcome, reason="seen", by=SYSTEM, at=self.at
        )

    def merge(self) -> None:
        merge_people(self._public(), self._public(), reason="The same", by=SYSTEM, at=self.at)

    def undo(self) -> None:
        undo_merge(self._public(), by=SYSTEM, at=self.at)

    def erase(self) -> None:
        person = self.draw.choice(self.people)
        email = f"p{self.people.index(person)}@example.org"
        erase_person(person.public_id, confirmation=email, withdraw_certificates=False, by=SYSTEM, at=self.at)

    def move(self) -> None:
        change = {"country": self.draw.choice(CODES), "country_from": date(2026, 9, self.draw.randint(1, 30))}
        change_profile(self._public(), change, by=SYSTEM, at=self.at)

    def happen(self, after: timedelta) -> None:
        """One thing happens, or is refused; the worker looks afterwards."""
        steps: list[Callable[[], object]] = [
            *[self.answer] * 4, *[self.several] * 8, *[self.correct] * 4, *[self.move] * 3, self.merge, self.merge,
            self.undo, self.erase,
        ]  # fmt: skip
        self.at += after
        try:
            self.draw.choice(steps)()
        except DomainError:
            db.session.rollback()
        db.session.rollback()
        release_due(at=self.at)


@dataclass
class Truth:
    """Who said what, and who attended what as what, read plainly."""

    said: dict[tuple[str, int, str], dict[int, Said]] = field(default_factory=dict)
    """Subject and question → person → what they said."""
    facts: dict[int, dict[int, Any]] = field(default_factory=dict)
    person_of: dict[int, int] = field(default_factory=dict)

    @classmethod
    def read(cls, programme: Programme) -> Truth:
        truth, rows = cls(), RecountRows("Asia/Shanghai")
        truth.person_of = dict(db.session.execute(db.select(Person.id, Person.canonical_id)).all())
        truth.facts = {id_: {fact.who: fact for fact in rows.attendances_in(id_)} for id_ in programme.lectures}
        attended = {("lecture", id_): {*facts} for id_, facts in truth.facts.items()}
        for series_id, slug in programme.series:
            of_series = [truth.facts[id_] for id_, (own, _quarter) in programme.lectures.items() if own == slug]
            attended["series", series_id] = set().union(*of_series)
        answers = db.session.scalars(db.select(FeedbackAnswer).order_by(FeedbackAnswer.changed_at, FeedbackAnswer.id))
        latest = {}
        for row in answers:
            subject = ("lecture", row.lecture_id) if row.lecture_id else ("series", row.series_id or 0)
            latest[subject, truth.person_of[row.person_id]] = row
        for (subject, person), row in latest.items():
            if person in attended[subject]:
                for key, value in row.answers.items():
                    truth.said.setdefault((*subject, key), {})[person] = (*subject, key, row.person_id, value)
        db.session.rollback()
        return truth

    def of(self, subject: tuple[str, int], key: str) -> Said_:
        return frozenset(self.said.get((*subject, key), {}).values())

    def value(self, one: Said, attribute: str) -> str | None:
        """What somebody was at a lecture; nothing that is known where they did not attend."""
        fact = self.facts[one[1]].get(self.person_of[one[3]])
        value: str | None = getattr(fact, attribute) if fact is not None else None
        return value

    def people(self, some: Iterable[Said]) -> int:
        return len({self.person_of[one[3]] for one in some})


def sums(some: Iterable[Said]) -> tuple[int, int, int]:
    ratings = [one[4] for one in some]
    return len(ratings), sum(ratings), sum(rating >= 4 for rating in ratings)


class Attacker:
    """Whoever reads everything and forgets nothing."""

    def __init__(self, programme: Programme, client: FlaskClient) -> None:
        self.programme, self.client = programme, client
        self.behind: dict[Any, Said_] = {}
        self.known: dict[str, set[Said_]] = {"ratings": {frozenset()}, "series": {frozenset()}}
        self.comments: dict[Any, frozenset[str]] = {}
        self.found: list[str] = []
        self.figures = 0
        self.instructor = programme.make.actor(programme.instructor)
        self.staff = programme.make.headers(programme.instructor)
        self.reporter = programme.make.headers(programme.make.person(roles=["reporter"]))
        self.focal_point = programme.make.headers(programme.make.person(roles=["focal_point"], country="KE"))

    def look(self, what: str) -> None:
        self.truth = Truth.read(self.programme)
        self.what = what
        for subject in self.programme.subjects:
            self._results(subject)
        self.cells: dict[tuple[int, str, str | None], Said_] = {}
        for quarter in QUARTERS:
            self._cells(quarter)

    # What is behind a figure

    def _is_of(self, name: Any, shown: Any, say: Callable[[Said_], Any], now: Said_) -> Said_ | None:
        """The people behind a figure: those of before where it reads the same, else those of now."""
        before = self.behind.get(name)
        if shown is None:
            return None
        self.figures += 1
        is_other = before is None or self.truth.people(before ^ now) >= 5
        if before is not None and say(before) == shown and not (is_other and say(now) == shown):
            return before
        assert say(now) == shown, f"{self.what}: {name} shows {shown}, neither {say(now)} nor what it showed before"
        self.behind[name] = now
        return now

    def _compare(self, kind: str, name: Any, some: Said_) -> None:
        if some not in self.known[kind]:
            for other in self.known[kind]:
                if 0 < self.truth.people(some ^ other) < 5:
                    self.found.append(f"{self.what}: {name} tells of {self.truth.people(some ^ other)} people")
            self.known[kind].add(some)

    # What is asked

    def _results(self, subject: tuple[str, int]) -> None:
        results = results_of(self.programme.subject(subject), by=self.instructor, at=self.programme.at)
        key = "useful" if subject[0] == "lecture" else "series"
        by_key = {question.question.key: question for question in results.questions}
        counts = dict(by_key[key].counts) if key in by_key else {}
        now = self.truth.of(subject, key)
        some = self._is_of((*subject, key), counts or None, lambda said: Counter(one[4] for one in said), now)
        if some is not None:
            self._compare("ratings" if subject[0] == "lecture" else "series", subject, some)
        comments = by_key["best"].comments if "best" in by_key else ()
        self._read_comments(subject, frozenset(comment.text for comment in comments))
        if subject[0] == "series":
            self._countries(subject, results.countries, some)
        else:
            assert results.countries == {}

    def _read_comments(self, subject: tuple[str, int], shown: frozenset[str]) -> None:
        before = self.comments.get(subject, frozenset())
        if 0 < len(before ^ shown) < 5:
            self.found.append(f"{self.what}: comments of {subject} tell of {len(before ^ shown)} people")
        self.comments[subject] = shown

    def _countries(self, subject: tuple[str, int], groups: Any, total: Said_ | None) -> None:
        shown: list[Said_] = []
        for code, group in groups.items():
            mean = group.means["series"]
            now = frozenset(one for one in total or () if self._country_in_series(one) == (code or None))
            say = lambda said: sums(said)[1] / len(said) if said else None  # noqa: E731
            some = self._is_of((*subject, "country", code), mean, say, now)
            if some is not None:
                self._compare("series", (*subject, code), some)
                shown.append(some)
        self._rest((*subject, "country"), total or frozenset(), shown)

    def _country_in_series(self, one: Said) -> str | None:
        person = self.truth.person_of[one[3]]
        slug = dict(self.programme.series)[one[1]]
        last = max(id_ for id_, (own, quarter) in self.programme.lectures.items() if own == slug and quarter == 4)
        fact = self.truth.facts[last].get(person)
        value: str | None = fact.country if fact is not None else country_codes_of([person], BEGIN.date()).get(person)
        return value

    def _cells(self, quarter: int) -> None:
        """*Satisfaction* of slices that have one lecture only, by each attribute of people, as reporters ask it."""
        first, last = QUARTERS[quarter]
        asked = [("series",), *((attribute, "series") for attribute in ATTRIBUTES)]
        whole, *reports = count_several(Slice(first, last), asked, by=SYSTEM, at=self.programme.at)
        lectures = {slug: id_ for id_, (slug, own) in self.programme.lectures.items() if own == quarter}
        totals = {
            slug: self.behind.get(("lecture", lecture_id, "useful"), frozenset())
            for slug, lecture_id in lectures.items()
        }
        for group in whole.groups:
            stated, total = group.figures.ratings, totals[group.keys[0] or ""]
            given = (stated.answers, stated.total, stated.satisfied)
            assert given == sums(total if stated.answers else ()), f"{self.what}: satisfaction of {group.keys}"
        for attribute, report in zip(ATTRIBUTES, reports, strict=True):
            shown: dict[str, list[Said_]] = {slug: [] for slug in lectures}
            for group in report.groups:
                value, slug = group.keys[0], group.keys[1] or ""
                name, ratings = (lectures[slug], attribute, value), group.figures.ratings
                now = frozenset(one for one in totals[slug] if self.truth.value(one, attribute) == value)
                triple = (ratings.answers, ratings.total, ratings.satisfied) if ratings.answers else None
                some = self._is_of(name, triple, sums, now)
                if some is not None:
                    self._compare("ratings", name, some)
                    self.cells[name] = some
                    shown[slug].append(some)
            for slug, lecture_id in lectures.items():
                self._rest((lecture_id, attribute), totals[slug], shown[slug])

    def _rest(self, name: Any, total: Said_, shown: list[Said_]) -> None:
        """What the parts leave of the total, each said once more or less than in it."""
        left: Counter[Said] = Counter(total)
        for some in shown:
            left.subtract(some)
        people = self.truth.people(one for one, times in left.items() if times)
        if shown and 0 < people < 5:
            self.found.append(f"{self.what}: {name} less its parts tells of {people} people")

    # Any other question

    def ask_anything(self, number: int) -> None:
        """Questions at random of all parameters: what is stated is the sum of what was behind, or nothing is."""
        draw = self.programme.draw
        self._files(draw.choice(self.programme.subjects))
        for _n in range(number):
            asked: dict[str, str] = {}
            for name, values in PARAMETERS.items():
                if draw.random() < 0.3:
                    asked[name] = draw.choice(values)
            for headers in (self.reporter, self.focal_point, {}):
                self._totals(asked if headers is not self.focal_point else {**asked, "country": "KE"}, headers)

    def _files(self, subject: tuple[str, int]) -> None:
        """The page's file and the API state what the results state."""
        slug = dict(self.programme.series).get(subject[1])
        address = f"/lectures/{subject[1]}" if subject[0] == "lecture" else f"/series/{slug}"
        results = results_of(self.programme.subject(subject), by=self.instructor, at=self.programme.at)
        counts = {q.question.key: {str(value): n for value, n in q.counts.items()} for q in results.questions}
        answer = self.client.get(f"/api/v1{address}/feedback-results", headers=self.staff).get_json()
        assert (answer["answers"], {q["key"]: q["counts"] for q in answer["questions"]}) == (results.answers, counts)
        assert set(answer["groups"]) <= {"country"}
        self.programme.make.sign_in(self.client, self.programme.instructor, self.programme.at)
        lines = self.client.get(f"{address}/feedback-results.csv").text.splitlines()
        self.client.delete_cookie("session")
        stated = Counter(line.split(",")[0] for line in lines)
        comments = [comment.text for question in results.questions for comment in question.comments]
        assert sorted(line.split(",")[2] for line in lines if line.startswith("comment,")) == sorted(comments)
        assert stated["answer"] == sum(len(of) for of in counts.values())
        assert stated["source"] == 0

    def _totals(self, asked: dict[str, str], headers: dict[str, str]) -> None:
        answer = self.client.get("/api/v1/totals", query_string=asked, headers=headers)
        if answer.status_code != 200:
            assert answer.status_code in (403, 422), answer.text
            return
        content = answer.get_json()
        figures = content["totals"]
        groups = [(group["key"], group) for group in content["groups"] if not group.get("folded")]
        for key, stated in [(None, figures), *groups]:
            if stated["satisfaction"] is None:
                continue
            wanted = {name: value for name, value in asked.items() if name != "by"}
            if key is not None or stated is not figures:
                wanted[f"group {asked['by']}"] = key
            some = self._expected(wanted)
            number, total, _satisfied = sums(some)
            assert stated["feedback_answers"] == number, f"{self.what}: {asked} {key}"
            assert abs(stated["satisfaction"] - total / number) < 0.006
            self._compare("ratings", (asked, key), some)

    def _expected(self, wanted: dict[str, Any]) -> Said_:
        """What is behind a sum: of each lecture in it the whole, or the cells that were asked for."""
        some: set[Said] = set()
        by_people = {
            name.removeprefix("group "): value
            for name, value in wanted.items()
            if name.removeprefix("group ") in (*ATTRIBUTES, "region", "partner")
        }
        for lecture_id, (slug, quarter) in self.programme.lectures.items():
            day = (BEGIN - timedelta(days=2 if quarter == 3 else 0)).date()
            of_lecture = {"series": slug, "language": "en", "year": "2026", "month": day.isoformat()[:7]}
            if any(wanted.get(name, value) != value or wanted.get(f"group {name}", value) != value
                   for name, value in of_lecture.items()):  # fmt: skip
                continue
            if not wanted.get("from", "0") <= day.isoformat() <= wanted.get("to", "9"):
                continue
            if not by_people:
                some |= self.behind.get(("lecture", lecture_id, "useful"), frozenset())
                continue
            ((name, value),) = by_people.items()
            for (of, attribute, own), said in self.cells.items():
                if of == lecture_id and attribute == ("country" if name in ("region", "partner") else name):
                    some |= said if _is_in(name, value, own) else set()
        return frozenset(some)


def _is_in(name: str, value: Any, own: str | None) -> bool:
    """Whether the cell of a country is in a region or among the partners, or is the one that is asked for."""
    if name == "region":
        return value in _regions_of(own)
    if name == "partner":
        return (own == "KE") is (value == "true")
    return bool(own == value)


def _regions_of(code: str | None) -> set[str]:
    parents = dict(db.session.execute(db.select(Region.code, Region.parent_code)).all())
    region = db.session.scalar(db.select(Country.region_code).where(Country.code == code)) if code else None
    regions = set()
    while region:
        regions.add(region)
        region = parents[region]
    return regions


PARAMETERS: dict[str, list[str]] = {
    "from": ["2026-07-01", "2026-10-01", "2026-01-01", "2026-09-29", "2026-09-30"],
    "to": ["2026-09-30", "2026-12-31", "2026-10-01", "2026-09-29"],
    "series": ["series-0", "series-1", "series-2"],
    "country": ["KE", "UG", "FR", "BR"],
    "region": ["002", "202", "014", "150"],
    "partner": ["true", "false"],
    "sector": [Sector.GOVERNMENT, Sector.BUSINESS],
    "gender": list(Gender),
    "source": ["live", "group", "manual"],
    "language": ["en", "fr"],
    "by": ["country", "region", "series", "year", "month", "sector", "gender", "source", "language"],
}


def attack(
    app: APIFlask,
    make: Make,
    world: World,
    client: FlaskClient,
    monkeypatch: pytest.MonkeyPatch,
    events: int,
    seed: int,
) -> Attacker:
    with app.app_context():
        programme = Programme(app, make, world, seed)
        attacker = Attacker(programme, client)
        monkeypatch.setattr(clock, "now", lambda: programme.at)
        for number in range(events):
            programme.happen(timedelta(days=DAYS) / events)
            attacker.look(f"event {number}")
            if number % 4 == 3:
                attacker.ask_anything(4)
            db.session.rollback()
    return attacker


def test_forty_events(
    app: APIFlask, make: Make, world: World, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is found, and enough was there to be found."""
    attacker = attack(app, make, world, client, monkeypatch, events=40, seed=7)
    assert attacker.found == []
    assert len(attacker.known["ratings"]) > 30
    assert len(attacker.known["series"]) > 2


@pytest.mark.long(seconds=120)
@pytest.mark.databases(differs=True)
@pytest.mark.parametrize("seed", range(2))
def test_two_hundred_events(
    app: APIFlask, make: Make, world: World, client: FlaskClient, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    attacker = attack(app, make, world, client, monkeypatch, events=200, seed=seed)
    assert attacker.found == []
    assert len(attacker.known["ratings"]) > 100
