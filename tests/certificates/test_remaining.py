"""What remains for a certificate beside lectures to come: replays, as pages, e-mails and lists say it."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from flask.testing import FlaskClient

from lms.attendance.actions.corrections import correct
from lms.attendance.actions.replays import credit_due_replays, record_played
from lms.attendance.models.credits import Outcome
from lms.catalogue.models import Lecture
from lms.certificates.queries.behind import list_behind
from lms.certificates.queries.earner_groups import EarnerGroup
from lms.certificates.queries.eligibility import preview
from lms.certificates.queries.progress import standings_of
from lms.certificates.remaining import Standing
from lms.core.base.lists import ListRequest
from lms.core.base.roles import SYSTEM, Actor
from lms.core.database.session import action, db
from lms.core.time import clock
from lms.dashboards.queries.own import list_own_series
from lms.people.models import Person
from lms.people.queries.countries import get_country
from lms.recordings.replays import find_open_replays, find_replays
from lms.streaming.models import Stream, StreamState
from tests.factories import Make
from tests.recordings.recorded import held_lecture, record
from tests.rows import each_row

pytestmark = [pytest.mark.databases, pytest.mark.usefixtures("context")]
HALF_HOUR_MS = 1_800_000
NAMES = ("Ada", "Ben", "Cem")


class Course:
    """Three lectures of half an hour were held today, all are needed; the first two have replays. Everybody attended
    the third, Ada the first too, and Cem was corrected to absent in the second."""

    def __init__(self, make: Make, **policy: object) -> None:
        self.make, self.now = make, clock.now()
        self.series = make.series(policy={"certificate": "participation", "min_lectures": 3, **policy})
        self.people: dict[str, Person] = {name: make.person(name, country="KE") for name in NAMES}
        for person in self.people.values():
            make.enrolment(self.series, person, at=self.now - timedelta(days=9))
        self.lectures = [self.held(number) for number in (3, 2, 1)]
        for lecture in self.lectures[:2]:
            record(lecture, HALF_HOUR_MS, segment_ms=60_000)
        for name in NAMES:
            self.correct(2, name, Outcome.ATTENDED)
        self.correct(0, "Ada", Outcome.ATTENDED)
        self.correct(1, "Cem", Outcome.ABSENT)

    def held(self, hours_ago: int, *, is_confirmed: bool = True) -> Lecture:
        began = self.now - timedelta(hours=hours_ago)
        return held_lecture(
            self.make, series=self.series, starts_at=began, actual_start=began,
            actual_end=began + timedelta(minutes=30), confirmed_at=self.now if is_confirmed else None,
        )  # fmt: skip

    def correct(self, number: int, name: str, outcome: Outcome) -> None:
        person_id = self.people[name].public_id
        correct(self.lectures[number].id, person_id, outcome=outcome, reason="Seen", by=SYSTEM, at=self.now)

    def standing(self, name: str, at: datetime) -> Standing:
        person_id = self.people[name].id
        (own,) = list_own_series(person_id, by=Actor(person_id=person_id), at=at)
        assert own.standing == standings_of(self.series.id, [person_id], at=at)[person_id]
        assert own.standing is not None
        return own.standing

    def misses(self, at: datetime) -> set[str]:
        return {row.full_name for row in preview(self.series.slug, by=SYSTEM, shown=EarnerGroup.MISSES, at=at).rows}

    def behind(self, at: datetime) -> list[tuple[str, int, int]]:
        rows, _total = list_behind(get_country("KE").id, ListRequest(), by=SYSTEM, at=at, series=self.series.slug)
        return [(row.full_name, row.missing, row.remaining) for row in rows]


@pytest.fixture
def course(make: Make) -> Course:
    return Course(make)


def test_replays_remain_until_their_day_for_whom_they_can_still_help(course: Course) -> None:
    first, second, third = (lecture.id for lecture in course.lectures)
    for at, ada, ben, cem in (
        (course.now, [second], [first, second], [first]),
        (course.now + timedelta(days=29), [], [], []),
    ):
        left = {name: course.standing(name, at) for name in NAMES}
        assert [[one.lecture_id for one in left[name].replays] for name in NAMES] == [ada, ben, cem]
        assert [left[name].can_be_earned for name in NAMES] == [bool(ada), bool(ben), False]
        assert course.misses(at) == {name for name in NAMES if left[name].just_misses} == (set() if ada else {"Ada"})
        assert [left[name].is_over for name in NAMES] == [not ada] * 3
    assert course.behind(course.now) == [("Ben", 2, 2), ("Ada", 1, 1)]
    assert third not in find_open_replays(course.lectures, at=course.now)


def test_watching_it_earns_the_certificate(course: Course) -> None:
    lecture, person = course.lectures[1], course.people["Ada"]
    start = clock.to_ms(lecture.actual_start)
    record_played(lecture.id, person.id, [(start, start + HALF_HOUR_MS)], began_ms=start, at=course.now)
    credit_due_replays(at=course.now + timedelta(minutes=1))
    standing = course.standing("Ada", course.now)
    assert (standing.is_reached, standing.replays) == (True, ())


def test_minutes_that_replays_add_are_counted_alike_for_one_and_for_all(make: Make) -> None:
    """Three corrected lectures have no minutes: what is to be reached comes from replays."""
    for minutes, behind in ((31, {"Ben"}), (30, {"Ada", "Ben"}), (61, set())):
        course = Course(make, min_minutes=minutes)
        can = {name for name in NAMES if course.standing(name, course.now).can_be_earned}
        assert can == {name for name, _missing, _left in course.behind(course.now)} == behind


@each_row("state", [StreamState.ENDED, StreamState.OPEN])
def test_between_the_end_and_its_packaging_a_recording_remains(course: Course, state: StreamState) -> None:
    @action
    def change() -> None:
        stream = db.session.query(Stream).filter_by(lecture_id=course.lectures[1].id).one()
        stream.state, stream.available_at = state, None

    change()
    assert find_replays([course.lectures[1].id]) == {}
    standing = course.standing("Ada", course.now)
    assert [(one.lecture_id, one.counts_until) for one in standing.replays] == [(course.lectures[1].id, None)]
    assert (standing.can_be_earned, standing.is_over) == (True, False)


def test_a_lecture_that_has_just_ended_takes_nothing_back(course: Course) -> None:
    """Its credits are written by a task: until then it is neither held nor to come for the certificate."""
    assert not course.standing("Cem", course.now).can_be_earned
    course.held(1, is_confirmed=False)
    standing = course.standing("Cem", course.now)
    assert (standing.requirement.lectures, standing.awaited, standing.can_be_earned) == (3, 1, True)
    assert ("Cem", 2, 1) in course.behind(course.now)
    assert not course.standing("Cem", course.now + timedelta(days=15)).can_be_earned


def test_pages_say_it_with_the_replays_beneath(course: Course, client: FlaskClient, make: Make) -> None:
    make.sign_in(client, course.people["Ben"])
    for path in ("/me", f"/series/{course.series.slug}"):
        page = client.get(path).text
        assert "2 replays remain; you need 2. Watch the first by" in page
        assert page.count("counts until") == 2
        assert f'<a href="/lectures/{course.lectures[0].id}/room">' in page


def test_a_page_says_that_what_remains_is_not_enough(course: Course, client: FlaskClient, make: Make) -> None:
    make.sign_in(client, course.people["Cem"])
    words = "You can no longer earn this certificate: it needs 2 lectures more, and only this remains: 1 replay."
    assert words in client.get("/me").text
