"""Who was seen before they had a place."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from lms.attendance.models.credits import Credit
from lms.catalogue.models import WalkIns
from lms.core.background import jobs
from lms.core.base.roles import SYSTEM
from lms.core.database.bulk import insert_many
from lms.core.database.session import action, db
from lms.enrolment.actions.many import enrol_many
from lms.enrolment.models import EnrolmentSource
from lms.people.models import Person, new_public_id
from tests.attendance.scene import END, Scene
from tests.factories import Make

MANY = 22_500


@action
def add_people(first: int) -> None:
    rows = [
        {
            "id": first + number,
            "public_id": new_public_id(),
            "canonical_id": first + number,
            "full_name": f"Person {number}",
            "sort_name": f"person {number}",
            "locale": "en",
            "time_zone": "UTC",
            "created_at": END,
        }
        for number in range(MANY)
    ]
    insert_many(Person.__table__, rows)


@pytest.mark.long
@pytest.mark.databases("postgresql")  # whose limit of parameters is the lowest
def test_a_long_list_enrolled_afterwards_credits_those_who_were_seen(context: None, make: Make) -> None:
    """More people than one statement may name; one of them was seen."""
    scene = Scene(make, policy={"walk_ins": WalkIns.IGNORE})
    seen = make.person("Zed", "zed@x.example")
    scene.publish(("zed@x.example", 0, 60))
    assert db.session.scalars(select(Credit.person_id).where(Credit.person_id == seen.id)).all() == []
    first = (db.session.scalar(select(Person.id).order_by(Person.id.desc()).limit(1)) or 0) + 1
    add_people(first)
    people = [*range(first, first + MANY), seen.id]
    enrol_many(scene.series.id, people, source=EnrolmentSource.FILE, by=SYSTEM, at=END + timedelta(days=1))
    jobs.run_due()
    assert db.session.scalars(select(Credit.person_id).where(Credit.person_id == seen.id)).all() == [seen.id]
