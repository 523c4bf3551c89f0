"""The attendances of a slice one by one: they are the rows behind the figures, whatever happened to people."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta

import pytest
from apiflask import APIFlask

from lms.attendance.models.credits import Outcome
from lms.attendance.models.evidence import Source
from lms.core.base.roles import SYSTEM
from lms.core.database.session import db
from lms.people.models import Gender, Sector
from lms.reports import exports as rows
from lms.reports.queries.figures import count
from lms.reports.queries.scope import resolve
from lms.reports.rules import Slice
from tests.properties import seeds
from tests.reports.world import World

AT = datetime(2026, 11, 25, tzinfo=UTC)
COUNTRIES = ["KE", "UG", "FR", None]


def read(slice_: Slice) -> list[rows.Attendance]:
    with db.engine.connect() as connection:
        attendances = rows.Attendances(resolve(slice_, by=SYSTEM), connection)
        rows_read = [one for batch in attendances for one in batch]
    assert len(rows_read) == attendances.total
    return rows_read


def a_history(world: World, seed: int) -> None:
    """People who move, are merged, attend and fail to, in two series over three years."""
    draw = random.Random(seed)
    world.partner("KE", since=date(2022, 1, 1))
    series = [world.series("one"), world.series("two", language="fr")]
    lectures = [
        world.lecture(draw.choice(series), datetime(2021, 12, 31, 14, tzinfo=UTC) + timedelta(days=draw.randrange(900)))
        for _n in range(8)
    ]
    people = []
    for _n in range(30):
        moved = {date(2022, 6, 1) + timedelta(days=draw.randrange(300)): draw.choice(COUNTRIES)}
        people.append(world.person(draw.choice(COUNTRIES), moved=moved if draw.random() < 0.4 else None))
    for lecture in lectures:
        for person in draw.sample(people, 12):
            world.attend(
                lecture,
                person,
                minutes=draw.randrange(90),
                outcome=draw.choice([Outcome.ATTENDED, Outcome.ATTENDED, Outcome.PARTIAL]),
                source=draw.choice([Source.LIVE, Source.GROUP, Source.REPLAY]),
                sector=draw.choice([None, *Sector]),
                gender=draw.choice([None, *Gender]),
            )
    for main, merged in zip(people[0:6:2], people[1:6:2], strict=True):
        world.merge(main, merged)


@pytest.mark.databases
@pytest.mark.parametrize("seed", seeds(3))
def test_rows_add_up_to_the_figures(app: APIFlask, world: World, seed: int) -> None:
    a_history(world, seed)
    with app.app_context():
        for slice_ in (
            Slice(),
            Slice(country="KE"),
            Slice(series="one"),
            Slice(partner=True),
            Slice(from_day=date(2022, 1, 1), to_day=date(2022, 12, 31)),
            Slice(series="two", country="UG", from_day=date(2022, 3, 1)),
        ):
            counted = count(slice_, by=SYSTEM, at=AT).totals
            rows_read = read(slice_)
            assert len(rows_read) == counted.attendances
            assert len({(one.person, one.lecture) for one in rows_read}) == len(rows_read)
            assert len({one.person for one in rows_read}) == counted.participants
            assert (sum(one.ms for one in rows_read) * 10 + 1_800_000) // 3_600_000 / 10 == counted.contact_hours
        assert len(read(Slice())) > len(read(Slice(country="KE"))) > 0


def test_people_come_whole_and_in_small_batches(app: APIFlask, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    lectures = [world.lecture(world.series(), datetime(2024, 5, day, tzinfo=UTC)) for day in (1, 2)]
    people = [world.person() for _n in range(3)]
    for lecture in lectures:
        world.attend(lecture, *people)
    monkeypatch.setattr(rows, "PEOPLE_AT_ONCE", 2)
    monkeypatch.setattr(rows, "BATCHES", 1)
    with app.app_context(), db.engine.connect() as connection:
        batches = list(rows.Attendances(resolve(Slice(), by=SYSTEM), connection))
    assert [[one.person for one in batch] for batch in batches] == [
        [people[0], people[0], people[1], people[1]],
        [people[2], people[2]],
    ]
