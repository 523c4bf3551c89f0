"""A series with held lectures, people and what they attended, as rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from apiflask import APIFlask

from lms.attendance.models.credits import Credit, Outcome
from lms.attendance.models.evidence import Source
from lms.catalogue.models import CertificateKind, Lecture, LectureState, Policy, Series, Visibility
from lms.core.base.roles import Actor, Role
from lms.core.database.session import db
from lms.enrolment.models import Enrolment, EnrolmentSource, EnrolmentStatus
from lms.people.models import Person

BEGAN = datetime(2026, 5, 20, 6, 0, tzinfo=UTC)
OUTCOMES = {"a": Outcome.ATTENDED, "p": Outcome.PARTIAL, "x": Outcome.EXCUSED}


@dataclass
class Programme:
    """Ids of what was made; people by the name they were given."""

    series_id: int
    slug: str
    lectures: list[int]
    people: dict[str, int] = field(default_factory=dict)
    public: dict[str, str] = field(default_factory=dict)

    def holder(self, name: str) -> Actor:
        """The person as an actor."""
        return Actor(person_id=self.people[name], public_id=self.public[name], full_name=name)


@pytest.fixture
def administrator(app: APIFlask) -> Actor:
    with app.app_context():
        person = Person(full_name="Zhou Anran", created_at=BEGAN)
        db.session.add(person)
        db.session.flush()
        person.canonical_id = person.id
        db.session.commit()
        return Actor(person_id=person.id, public_id=person.public_id, roles=frozenset({Role.ADMINISTRATOR}))


@pytest.fixture
def programme(app: APIFlask) -> Callable[..., Programme]:
    """programme({"Ada": "aa-", ("Wang", "王"): "aap"}, …): people with what each lecture came to (a p x -).

    `present`: minutes that count in each lecture with a mark; `asked`: further columns of the policy.
    """

    def make(
        people: dict[str | tuple[str, str], str],
        *,
        slug: str = "livestream",
        title: str = "Livestream commerce from a village",
        kind: CertificateKind | None = CertificateKind.PARTICIPATION,
        percent: int = 60,
        held: int = 3,
        to_come: int = 0,
        minutes: int = 90,
        present: int = 1,
        status: EnrolmentStatus = EnrolmentStatus.ENROLLED,
        **asked: Any,
    ) -> Programme:
        with app.app_context():
            series = Series(slug=slug, title=title, visibility=Visibility.PUBLIC, created_at=BEGAN)
            db.session.add(series)
            db.session.flush()
            policy = Policy(
                series_id=series.id, min_lectures_percent=percent, certificate=kind, created_at=BEGAN, **asked
            )
            db.session.add(policy)
            db.session.flush()
            lectures = []
            for place in range(held + to_come):
                start = BEGAN + timedelta(days=7 * place)
                is_held = place < held
                lecture = Lecture(
                    series_id=series.id,
                    title=f"Lecture {place + 1}",
                    state=LectureState.HELD if is_held else LectureState.SCHEDULED,
                    time_zone="Asia/Shanghai",
                    local_start=start.replace(tzinfo=None) + timedelta(hours=8),
                    starts_at=start,
                    duration_minutes=minutes,
                    language="en",
                    actual_start=start if is_held else None,
                    actual_end=start + timedelta(minutes=minutes) if is_held else None,
                    policy_id=policy.id if is_held else None,
                    confirmed_at=start if is_held else None,
                    created_at=BEGAN,
                )
                lectures.append(lecture)
            db.session.add_all(lectures)
            db.session.flush()
            made = Programme(series.id, slug, [lecture.id for lecture in lectures])
            for name, marks in people.items():
                full_name, native_name = (name, None) if isinstance(name, str) else name
                person = Person(full_name=full_name, native_name=native_name, created_at=BEGAN)
                db.session.add(person)
                db.session.flush()
                person.canonical_id = person.id
                made.people[full_name], made.public[full_name] = person.id, person.public_id
                db.session.add(
                    Enrolment(
                        series_id=series.id,
                        person_id=person.id,
                        status=status,
                        source=EnrolmentSource.STAFF,
                        registered_at=BEGAN,
                        queued_at=BEGAN,
                        enrolled_at=BEGAN,
                        profile_shared_at=BEGAN,
                    )
                )
                for lecture, mark in zip(lectures, marks, strict=False):
                    if mark != "-":
                        db.session.add(
                            Credit(
                                lecture_id=lecture.id,
                                person_id=person.id,
                                present_ms=present * 60_000,
                                percent_tenths=10,
                                outcome=OUTCOMES[mark],
                                source=Source.LIVE,
                                policy_id=policy.id,
                                computed_at=BEGAN,
                            )
                        )
            db.session.commit()
        return made

    return make
