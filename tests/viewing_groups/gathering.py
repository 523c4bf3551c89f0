"""A lecture that was held, a focal point of Kenya and its people, for tests of viewing groups."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select

from lms.attendance.models.credits import Credit, Outcome
from lms.attendance.models.evidence import Presence, Source
from lms.catalogue.models import Lecture, Series
from lms.core.base.roles import SYSTEM, Actor
from lms.core.database.session import action, db
from lms.core.time import clock
from lms.people.models import Person
from lms.viewing_groups import queries as viewing
from lms.viewing_groups.actions import groups
from lms.viewing_groups.actions.groups import GroupInput, open_group
from lms.viewing_groups.actions.signing import Basis, Signed, sign_group
from tests.factories import Make

START = datetime(2026, 11, 24, 6, 0, tzinfo=UTC)  # 09:00 in Nairobi
END = START + timedelta(minutes=90)
DRAFT = GroupInput("Nairobi", "Treasury Building, room 4", "Jane Wanjiru", 3, "Africa/Nairobi")
TIMES = Basis(start=datetime(2026, 11, 24, 9, 0), until=datetime(2026, 11, 24, 10, 30))  # noqa: DTZ001


class Story:
    """A lecture that was held, a focal point of Kenya, and three enrolled Kenyans."""

    def __init__(self, make: Make, at: datetime, **series: Any) -> None:
        self.make, self.at = make, at
        self.teacher = make.actor(roles=["instructor"], country=None)
        self.series: Series = make.series(instructors=[db.session.get_one(Person, self.teacher.person_id)], **series)
        self.lecture: Lecture = make.lecture(
            self.series, title="Rules of origin", state="held", actual_start=START, actual_end=END, starts_at=START
        )
        self.focal = make.actor(roles=[("focal_point", "KE")], country="KE", email="focal@ke.example")
        self.people = [make.person(f"Kenyan {n}", f"k{n}@ke.example") for n in range(3)]
        for person in self.people:
            make.enrolment(self.series, person)

    def open(self, by: Actor | None = None, **more: Any) -> str:
        return open_group(self.lecture.id, DRAFT, by=by or self.focal, at=self.at, **more)[0]

    def view(self, group: str, by: Actor | None = None) -> viewing.GroupView:
        return viewing.get_group(group, by=by or SYSTEM)

    def list(self, group: str, by: Actor | None = None) -> viewing.GroupList:
        return viewing.list_of_group(self.view(group), by=by or self.focal, at=self.at)

    def tick(self, group: str, *people: Person, by: Actor | None = None) -> tuple[int, int]:
        add = [person.public_id for person in people]
        return groups.tick(group, add=add, by=by or self.focal, at=self.at)

    def sign(self, group: str, basis: Basis = TIMES, by: Actor | None = None) -> Signed:
        mark = self.list(group).mark
        return sign_group(group, basis=basis, mark=mark, by=by or self.focal, at=self.at)

    def credit(self, person: Person) -> tuple[int, Outcome, Source] | None:
        query = select(Credit.present_ms, Credit.outcome, Credit.source).where(
            Credit.lecture_id == self.lecture.id, Credit.person_id == person.id
        )
        credit = db.session.execute(query).one_or_none()
        return (credit[0] // 60_000, credit[1], credit[2]) if credit else None

    @action
    def seen(self, person: Person, first: int, last: int, source: Source = Source.LIVE) -> None:
        """Presence in minutes of the lecture."""
        ms = clock.to_ms(START)
        db.session.add(
            Presence(
                lecture_id=self.lecture.id, person_id=person.id, source=source, joined_ms=ms + first * 60_000,
                left_ms=ms + last * 60_000, evidence=f"{person.id}-{first}-{last}-{source}",
            )
        )  # fmt: skip
