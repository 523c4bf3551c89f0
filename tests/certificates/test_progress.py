"""How far the reader of a reminder is towards the certificate."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import select

from lms.attendance.actions.reminders import post_due_reminders
from lms.core.database.session import action, db
from lms.mail.outbox import OutboxMail
from lms.people.models import Person, PersonEmail
from tests.certificates.conftest import BEGAN, Programme
from tests.queries import count_statements

pytestmark = [pytest.mark.databases, pytest.mark.usefixtures("context")]
NEXT = BEGAN + timedelta(days=21)
"""When the fourth lecture begins."""
SOON = NEXT - timedelta(hours=20)
Build = Callable[..., Programme]


@action
def with_addresses() -> None:
    for person_id in db.session.scalars(select(Person.id).where(Person.id.not_in(select(PersonEmail.person_id)))):
        address = f"n{person_id}@example.org"
        db.session.add(PersonEmail(person_id=person_id, address=address, key=address, verified_at=BEGAN))


def test_a_reminder_says_how_far_its_reader_is(programme: Build) -> None:
    """That the own page says the same is asked of random histories (`test_eligibility`)."""
    marks = {"Ada": "aa-", "Ben": "ap-", "Cem": "---", "Dia": "aaa"}
    programme(marks, to_come=1, present=40, percent=75, min_minutes=100)
    with_addresses()
    post_due_reminders(at=SOON)
    said = {mail.payload["full_name"]: mail.payload["progress"] for mail in db.session.scalars(select(OutboxMail))}
    assert {name: (one["attended"], one["needed"], one["lacks"]) for name, one in said.items()} == {
        "Ada": (2, 3, {"lectures": 1, "minutes": 20}),
        "Ben": (1, 3, {"lectures": 2, "minutes": 20}),
        "Cem": (0, 3, {"lectures": 3, "minutes": 100}),
        "Dia": (3, 3, {"lectures": 0, "minutes": 0}),
    }


def test_a_reminder_says_nothing_of_certificates_where_there_are_none(programme: Build) -> None:
    programme({"Ada": "aa-"}, to_come=1, kind=None)
    with_addresses()
    post_due_reminders(at=SOON)
    assert db.session.scalars(select(OutboxMail)).one().payload["progress"] is None


def test_what_reminders_say_is_read_with_as_many_statements_for_many_people_as_for_few(programme: Build) -> None:
    def statements(people: int, slug: str) -> int:
        programme({f"{slug} {number}": "ap-" for number in range(people)}, slug=slug, to_come=1)
        with_addresses()
        return count_statements(lambda: post_due_reminders(at=SOON))

    statements(1, "first")  # what is read once a process
    assert statements(2, "few") == statements(40, "many")
