"""Merging, undoing and erasing through the people's own actions, with credits from evidence: what totals say."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from apiflask import APIFlask

from lms.attendance.actions.credits import credit_lecture
from lms.attendance.models.evidence import Presence, Source
from lms.certificates.models import CertificateState
from lms.core.base.roles import SYSTEM
from lms.core.time import clock
from lms.people.actions.merging import merge_people, undo_merge
from lms.people.actions.privacy import erase_person
from lms.reports import recount
from lms.reports.queries.figures import count
from lms.reports.recounted_rows import RecountRows
from lms.reports.rules import Slice
from tests.factories import Make
from tests.reports.world import World

pytestmark = pytest.mark.databases
AT = datetime(2026, 11, 25, 1, 0, tzinfo=UTC)
NOON = datetime(2024, 5, 6, 4, 0, tzinfo=UTC)


def figures(app: APIFlask) -> dict[str, Any]:
    """The figures that are not 0, counted twice."""
    with app.app_context():
        assert recount.differences(RecountRows("Asia/Shanghai"), Slice(), (), AT) == []
        totals = count(Slice(), by=SYSTEM, at=AT).totals
    return {name: value for name, value in totals.as_json().items() if value}


def see(world: World, lecture: int, person: int, first: int, last: int) -> None:
    """Somebody was seen from one minute of the lecture to another."""
    joined, left = (clock.to_ms(NOON + timedelta(minutes=minutes)) for minutes in (first, last))
    world.insert(
        Presence, lecture_id=lecture, person_id=person, source=Source.LIVE, joined_ms=joined, left_ms=left,
        evidence=f"{person}-{first}",
    )  # fmt: skip


@pytest.mark.databases(differs=True)
def test_who_stands_twice(app: APIFlask, world: World, make: Make) -> None:
    series = world.series("one")
    lecture = world.lecture(series, NOON)
    first_person, other = make.person(country="KE"), make.person(country="UG")
    world.enrol(series, first_person.id, at=NOON - timedelta(days=9))
    world.enrol(series, other.id, at=NOON - timedelta(days=8), country="UG")
    see(world, lecture, first_person.id, 0, 40)
    see(world, lecture, other.id, 30, 60)
    world.award(series, first_person.id, NOON + timedelta(days=1))
    world.award(series, other.id, NOON + timedelta(days=2))

    with app.app_context():
        credit_lecture(lecture, by=SYSTEM, at=AT)
    apart = {"sessions": 1, "registrations": 2, "certificates": 2}  # 40 and 30 of 90 minutes: partial
    assert figures(app) == apart

    with app.app_context():
        merge_people(first_person.public_id, other.public_id, by=SYSTEM, at=AT)
    assert figures(app) == {  # 60 of 90 minutes, the ten in common counted once
        "sessions": 1, "participants": 1, "attendances": 1, "countries": 1, "registrations": 1, "contact_hours": 1.0,
        "certificates": 1,
    }  # fmt: skip

    with app.app_context():
        undo_merge(other.public_id, by=SYSTEM, at=AT)
    assert figures(app) == apart


@pytest.mark.parametrize("withdraw", [False, True])
def test_who_is_erased_stays_counted(app: APIFlask, world: World, make: Make, withdraw: bool) -> None:
    series = world.series("one")
    lecture = world.lecture(series, NOON)
    person = make.person(country="KE", email="a@example.org")
    world.enrol(series, person.id, at=NOON - timedelta(days=9))
    see(world, lecture, person.id, 0, 90)
    world.award(series, person.id, NOON, CertificateState.VALID)
    with app.app_context():
        credit_lecture(lecture, by=SYSTEM, at=AT)
    before = figures(app)
    assert before["participants"] == 1
    with app.app_context():
        erase_person(person.public_id, confirmation="a@example.org", withdraw_certificates=withdraw, by=SYSTEM, at=AT)
    assert figures(app) == before
