"""A small world for the desks: a series with lectures in each state, people in it, what they attended."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient

from lms.attendance.models.evidence import Presence, Source
from lms.catalogue.models import Lecture, LectureState, Series
from lms.catalogue.queries.policies import current_policy
from lms.core.database.session import action, db
from lms.core.time import clock
from lms.people.models import Person
from tests.factories import Make

MINUTE = timedelta(minutes=1)


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch, at: datetime) -> datetime:
    """The clock stands at `at`."""
    monkeypatch.setattr(clock, "now", lambda: at)
    return at


@dataclass
class World:
    """Who and what there is."""

    make: Make
    at: datetime
    series: Series
    instructor: Person
    trainee: Person
    held: list[Lecture] = field(default_factory=list)
    live: Lecture | None = None
    coming: list[Lecture] = field(default_factory=list)

    def signed_in(self, person: Person) -> FlaskClient:
        """A browser of somebody who is signed in."""
        client = self.make.app.test_client()
        self.make.sign_in(client, person)
        return client

    def forget_pages(self) -> None:
        """Pages that strangers were shown are rendered anew."""
        self.make.app.extensions["lms.whole_pages"].clear()

    def policy_of(self, series: Series) -> int:
        """The policy a lecture of this series is held under."""
        with self.make.app.app_context():
            return current_policy(series.id).id

    def hold(self, days_ago: int, title: str, **columns: object) -> Lecture:
        """A lecture of 90 minutes that was held so many days ago."""
        start = self.at - timedelta(days=days_ago)
        lecture = self.make.lecture(
            self.series,
            title=title,
            policy_id=self.policy_of(self.series),
            starts_at=start,
            actual_start=start,
            actual_end=start + 90 * MINUTE,
            state=LectureState.HELD,
            instructors=[self.instructor],
            at=start - timedelta(days=30),
            **columns,
        )
        self.held.append(lecture)
        return lecture

    def be_there(self, lecture: Lecture, person: Person, *spans: tuple[int, int]) -> None:
        """Presence of a person, in minutes from the start of the lecture; credits are computed at once."""
        from lms.attendance.actions.credits import credit_lecture
        from lms.core.base.roles import SYSTEM

        start = clock.to_ms(lecture.actual_start or self.at)
        lecture_id, person_id, at = lecture.id, person.id, self.at

        @action
        def write() -> None:
            db.session.add_all(
                Presence(
                    lecture_id=lecture_id,
                    person_id=person_id,
                    source=Source.LIVE,
                    joined_ms=start + a * 60_000,
                    left_ms=start + b * 60_000,
                    evidence=f"{person_id}-{a}-{b}",
                )
                for a, b in spans
            )
            db.session.flush()
            credit_lecture(lecture_id, by=SYSTEM, at=at)

        with self.make.app.app_context():
            write()


@pytest.fixture
def world(app: APIFlask, make: Make, now: datetime) -> World:
    """A series of five lectures: two held (attended 62 of 90 with two rejoins, missed), one live, two to come."""
    instructor = make.person("Lin Yuhan", "lin@example.org", roles=["instructor"], native_name="林语涵")
    trainee = make.person("Achieng Odhiambo", "achieng@example.org", time_zone="Africa/Nairobi")
    series = make.series(
        "cross-border",
        title="Cross-border trade for small exporters",
        description="From the first parcel to a **steady** trade.\n\n# Why\n\n<script>alert(1)</script> A *gain*.",
        instructors=[instructor],
        capacity=60,
        policy={"certificate": "participation"},
    )
    world = World(make, now, series, instructor, trainee)
    make.enrolment(series, trainee, at=now - timedelta(days=60))
    first = world.hold(28, "What it is")
    world.hold(21, "Finding the market", recording_url="https://video.example.org/2")
    world.be_there(first, trainee, (0, 20), (25, 45), (68, 90))
    world.live = make.lecture(
        series,
        title="Getting paid",
        starts_at=now - 12 * MINUTE,
        actual_start=now - 12 * MINUTE,
        state=LectureState.LIVE,
        instructors=[instructor],
        join_url="https://meet.example.org/secret",
    )
    for days in (7, 14):
        world.coming.append(
            make.lecture(
                series, title=f"In {days} days", starts_at=now + timedelta(days=days), instructors=[instructor]
            )
        )
    return world
