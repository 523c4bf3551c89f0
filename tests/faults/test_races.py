"""The last seat, fifty at once: threads with connections of their own, on SQLite and on a real PostgreSQL."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from apiflask import APIFlask
from sqlalchemy import func, select

from lms.catalogue.actions.series import create_series, edit_series
from lms.catalogue.inputs import SeriesInput
from lms.catalogue.models import Series
from lms.core.base.roles import SYSTEM, Actor
from lms.core.database.session import db
from lms.enrolment.actions.many import enrol_many
from lms.enrolment.actions.places import enrol, withdraw
from lms.enrolment.models import Enrolment, EnrolmentSource, EnrolmentStatus
from lms.people.actions.persons import create_person
from lms.people.queries.access import load_actor
from tests.at_once import ends_at_once

pytestmark = pytest.mark.databases(differs=True)
MANY = 50


class Stage:
    """A series and its people, and a way to let many act at the same moment."""

    def __init__(self, app: APIFlask, at: datetime) -> None:
        self.app, self.at = app, at

    def set_up(self, capacity: int, people: int) -> tuple[int, list[Actor]]:
        with self.app.app_context():
            series = create_series(SeriesInput(slug="rush", title="Rush", capacity=capacity), by=SYSTEM, at=self.at).id
            actors = [self._person(n) for n in range(people)]
        return series, actors

    def _person(self, n: int) -> Actor:
        person = create_person(full_name=f"Person {n}", email=f"p{n}@rush.test", by=SYSTEM, at=self.at)
        actor = load_actor(person.id, self.at)
        assert actor is not None
        return actor

    def all_at_once(self, acts: list[Callable[[], object]]) -> None:
        assert ends_at_once(self.app, acts) == ["done"] * len(acts)

    def joins(self, series: int, actor: Actor, at: datetime) -> Callable[[], object]:
        assert actor.person_id is not None
        person_id = actor.person_id
        return lambda: enrol(series, person_id, by=actor, at=at)

    def leaves(self, series: int, actor: Actor, at: datetime) -> Callable[[], object]:
        assert actor.person_id is not None
        person_id = actor.person_id
        return lambda: withdraw(series, person_id, by=actor, at=at)

    def check(self, series: int) -> dict[EnrolmentStatus, int]:
        """What must hold whatever happened: seats are counted right, and nobody waits beside a free one."""
        with self.app.app_context():
            row = db.session.get_one(Series, series)
            counted: dict[EnrolmentStatus, int] = dict(
                db.session.execute(
                    select(Enrolment.status, func.count())
                    .where(Enrolment.series_id == series)
                    .group_by(Enrolment.status)
                ).all()
            )
            assert row.taken == counted.get(EnrolmentStatus.ENROLLED, 0)
            assert row.capacity is not None
            assert row.taken <= row.capacity
            if row.taken < row.capacity:
                assert counted.get(EnrolmentStatus.WAITLISTED, 0) == 0
            return counted

    def line(self, series: int, status: EnrolmentStatus) -> list[int]:
        """The people in a state, in the order of the line."""
        with self.app.app_context():
            query = (
                select(Enrolment.person_id)
                .where(Enrolment.series_id == series, Enrolment.status == status)
                .order_by(Enrolment.queued_at, Enrolment.id)
            )
            return list(db.session.scalars(query))


@pytest.fixture
def stage(app: APIFlask, at: datetime) -> Stage:
    return Stage(app, at)


def test_fifty_at_once_on_the_last_seat(stage: Stage, at: datetime) -> None:
    series, actors = stage.set_up(capacity=1, people=MANY)
    moments = [at + timedelta(milliseconds=n) for n in range(MANY)]
    random.Random(1).shuffle(moments)
    stage.all_at_once([stage.joins(series, actor, moment) for actor, moment in zip(actors, moments, strict=True)])
    assert stage.check(series) == {EnrolmentStatus.ENROLLED: 1, EnrolmentStatus.WAITLISTED: MANY - 1}
    # the line moves in the order of its times, one by one
    waiting = stage.line(series, EnrolmentStatus.WAITLISTED)
    by_time = [
        actor.person_id for _moment, actor in sorted(zip(moments, actors, strict=True), key=lambda pair: pair[0])
    ]
    assert waiting == [person_id for person_id in by_time if person_id in set(waiting)]
    with stage.app.app_context():
        edit_series("rush", {"capacity": 11}, by=SYSTEM, at=at)
    assert stage.line(series, EnrolmentStatus.WAITLISTED) == waiting[10:]
    stage.check(series)


def test_one_person_fifty_times_is_one_row(stage: Stage, at: datetime) -> None:
    series, actors = stage.set_up(capacity=5, people=1)
    stage.all_at_once([stage.joins(series, actors[0], at)] * MANY)
    assert stage.check(series) == {EnrolmentStatus.ENROLLED: 1}


def test_leaving_and_coming_at_once_leaves_no_seat_empty_and_sells_none_twice(stage: Stage, at: datetime) -> None:
    seats = 12
    series, actors = stage.set_up(capacity=seats, people=MANY)
    settled, coming = actors[:24], actors[24:]
    with stage.app.app_context():
        for n, actor in enumerate(settled):
            stage.joins(series, actor, at + timedelta(milliseconds=n))()
    later = at + timedelta(minutes=1)
    acts = [stage.leaves(series, actor, later) for actor in settled] + [
        stage.joins(series, actor, later) for actor in coming
    ]
    random.Random(2).shuffle(acts)
    stage.all_at_once(acts)
    assert stage.check(series) == {
        EnrolmentStatus.WITHDRAWN: 24,
        EnrolmentStatus.ENROLLED: seats,
        EnrolmentStatus.WAITLISTED: len(coming) - seats,
    }


def test_the_last_waiting_one_is_never_forgotten(stage: Stage, at: datetime) -> None:
    """One leaves in the moment in which another finds the series full: the freed seat must find its taker."""
    series, actors = stage.set_up(capacity=1, people=12)
    with stage.app.app_context():
        stage.joins(series, actors[0], at)()
    for n, (leaver, comer) in enumerate(pairwise(actors)):
        moment = at + timedelta(minutes=n + 1)
        stage.all_at_once([stage.leaves(series, leaver, moment), stage.joins(series, comer, moment)])
        assert stage.check(series) == {EnrolmentStatus.WITHDRAWN: n + 1, EnrolmentStatus.ENROLLED: 1}


def test_a_file_a_rush_and_a_new_capacity_at_once(stage: Stage, at: datetime) -> None:
    series, actors = stage.set_up(capacity=10, people=MANY)
    filed = [actor.person_id for actor in actors[:20] if actor.person_id is not None]
    acts = [stage.joins(series, actor, at) for actor in actors[10:]]
    acts.append(lambda: enrol_many(series, filed, source=EnrolmentSource.FILE, by=SYSTEM, at=at))
    acts.append(lambda: edit_series("rush", {"capacity": 25}, by=SYSTEM, at=at))
    stage.all_at_once(acts)
    assert stage.check(series) == {EnrolmentStatus.ENROLLED: 25, EnrolmentStatus.WAITLISTED: MANY - 25}
