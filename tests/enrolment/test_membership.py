"""Who is expected at a lecture, whose attendance counts, and who is enrolled, asked for directly."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy import select, update

from lms.catalogue.models import Lecture, LectureChange
from lms.core.base.roles import SYSTEM
from lms.core.database.session import action, db
from lms.enrolment import membership
from lms.enrolment.models import Enrolment, EnrolmentSpan, EnrolmentStatus
from lms.people.actions.merging import merge_people
from tests.factories import Make

pytestmark = pytest.mark.usefixtures("context")
BEGAN = datetime.fromisoformat("2026-11-20T06:00:00+00:00")
ENDED = BEGAN + timedelta(minutes=90)
SECOND = timedelta(seconds=1)


def held_lecture(make: Make, *, started: datetime = BEGAN) -> Lecture:
    """A lecture that was held, whose start was entered at some moment; another's start was entered much later."""
    lecture = make.lecture(
        make.series(), starts_at=BEGAN, state="held", actual_start=BEGAN, actual_end=ENDED, at=BEGAN - timedelta(days=9)
    )
    other = make.lecture(make.series(), starts_at=BEGAN)

    @action
    def write() -> None:
        for started_lecture, at in ((lecture, started), (other, ENDED + timedelta(days=9))):
            db.session.add(LectureChange(lecture_id=started_lecture.id, what="started", at=at))
        db.session.add(LectureChange(lecture_id=lecture.id, what="edited", at=ENDED + timedelta(days=9)))

    write()
    return lecture


def enrolled(make: Make, lecture: Lecture, since: datetime, until: datetime | None = None, **columns: object) -> int:
    """Someone who had a place in the lecture's series for some time; still has, where it did not end."""
    status = EnrolmentStatus.WITHDRAWN if until else EnrolmentStatus.ENROLLED
    series = db.session.get_one(Lecture, lecture.id).series_id
    row = make.enrolment(status=status, **columns)

    @action
    def write() -> int:
        values = {"series_id": series, "enrolled_at": since, "withdrawn_at": until}
        db.session.execute(update(Enrolment).where(Enrolment.id == row.id).values(values))
        return row.person_id

    return write()


def expected(lecture: Lecture) -> set[int | None]:
    return set(db.session.scalars(membership.expected_at(lecture.id)))


def test_a_place_counts_from_enrolling_until_the_end_of_the_lecture(make: Make) -> None:
    lecture = held_lecture(make)
    at_the_end, after = enrolled(make, lecture, ENDED), enrolled(make, lecture, ENDED + SECOND)
    stayed = enrolled(make, lecture, BEGAN, ENDED + SECOND)
    left = enrolled(make, lecture, BEGAN, ENDED)
    assert expected(lecture) == {at_the_end, stayed}
    assert membership.eligible_people(lecture.id) == {at_the_end, stayed, after}
    assert left not in membership.eligible_people(lecture.id)


def test_enrolled_people_are_expected_where_the_lecture_was_entered_afterwards(make: Make) -> None:
    lecture = held_lecture(make, started=ENDED)
    after = enrolled(make, lecture, ENDED + SECOND)
    assert expected(lecture) == {after}
    assert expected(held_lecture(make, started=ENDED - SECOND)) == set()


def test_a_place_before_the_present_one_counts_for_the_lectures_of_its_time(make: Make) -> None:
    lecture = held_lecture(make)
    stayed, left = enrolled(make, lecture, ENDED + SECOND), enrolled(make, lecture, ENDED + SECOND)

    @action
    def write() -> None:
        for person, until in ((stayed, ENDED + SECOND), (left, ENDED)):
            row = db.session.scalars(select(Enrolment).where(Enrolment.person_id == person)).one()
            db.session.add(EnrolmentSpan(enrolment_id=row.id, since=BEGAN, until=until))

    write()
    assert expected(lecture) == {stayed}


@pytest.mark.parametrize("few", [500, 1, 0])
def test_some_people_can_be_asked_for_however_many_they_are(
    make: Make, monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    monkeypatch.setattr(membership, "FEW", few)
    lecture = held_lecture(make)
    first, second, _third = (enrolled(make, lecture, BEGAN) for _ in range(3))
    stranger = make.person().id
    assert membership.eligible_people(lecture.id, [first, second, stranger]) == {first, second}
    assert membership.eligible_people(lecture.id, [first]) == {first}
    assert membership.eligible_people(lecture.id, []) == set()
    assert len(membership.eligible_people(lecture.id)) == 3


def test_who_is_enrolled_in_which_series(make: Make) -> None:
    first, second = make.series(), make.series()
    kept, merged, waiting = make.person(), make.person(), make.person()
    make.enrolment(first, merged)
    make.enrolment(second, kept)
    make.enrolment(first, waiting, status=EnrolmentStatus.WAITLISTED)
    people, series = [kept.id, merged.id, waiting.id], [first.id, second.id]
    assert membership.enrolled_among(people, series) == {(merged.id, first.id), (kept.id, second.id)}
    assert membership.enrolled_among(people, [first.id]) == {(merged.id, first.id)}
    assert membership.enrolled_among([kept.id], series) == {(kept.id, second.id)}
    assert membership.enrolled_ids(first.id) == {merged.id}
    assert set(db.session.scalars(membership.series_of(waiting.id))) == {first.id}
    merge_people(kept.public_id, merged.public_id, is_confirmed=True, by=SYSTEM, at=BEGAN)
    assert membership.enrolled_among([merged.id], series) == {(merged.id, first.id), (merged.id, second.id)}
    assert set(db.session.scalars(membership.series_of(kept.id))) == {first.id, second.id}
