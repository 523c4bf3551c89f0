"""Lists, rosters, one's own place, a country's people."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from lms.catalogue.actions.states import end_lecture, start_lecture
from lms.catalogue.models import Admission, Lecture
from lms.core.base.errors import Forbidden, NotFound
from lms.core.base.roles import ANONYMOUS, SYSTEM, Actor, Role
from lms.core.database.session import db
from lms.enrolment.actions.places import enrol, withdraw
from lms.enrolment.membership import enrolled_ids, expected_at
from lms.enrolment.models import EnrolmentStatus
from lms.enrolment.queries.people import country_standing, list_country_people, list_of_person
from lms.enrolment.queries.rows import find_enrolment, get_enrolment
from lms.enrolment.queries.series import count_by_status, list_seats, place_of
from lms.people.queries.countries import country_by_code
from tests.enrolment.conftest import Cast

pytestmark = [pytest.mark.databases, pytest.mark.usefixtures("context")]
MINUTE = timedelta(minutes=1)


def own(actor: Actor) -> int:
    assert actor.person_id is not None
    return actor.person_id


def country_id(code: str) -> int:
    country = country_by_code(code)
    assert country is not None
    return country.id


@pytest.mark.databases("sqlite")  # which counts its steps
def test_a_place_is_found_without_reading_the_series(cast: Cast, at: datetime) -> None:
    series_id = cast.series().id

    def come() -> int:
        person = cast.person()
        enrol(series_id, own(person), by=person, at=at)
        return own(person)

    person_id = come()

    def steps() -> int:
        taken = 0

        def count() -> None:
            nonlocal taken
            taken += 1

        line: Any = db.session.connection().connection.dbapi_connection
        line.set_progress_handler(count, 1)
        assert find_enrolment(series_id, person_id) is not None
        line.set_progress_handler(None, 1)
        return taken

    few = steps()
    for _number in range(50):
        come()
    assert steps() < few * 1.5  # the rows of the others would be ten times as many


def test_the_list_is_paged_in_the_order_of_registration(cast: Cast, at: datetime) -> None:
    series = cast.series(capacity=2)
    people = [cast.person() for _n in range(5)]
    for person in reversed(people):
        enrol(series.id, own(person), by=person, at=at)
    first = list_seats(series, by=SYSTEM, limit=3)
    assert [seat.person.full_name for seat in first] == ["Person 5", "Person 4", "Person 3", "Person 2"]
    assert [seat.position for seat in first] == [None, None, 1, 2]
    assert [seat.email for seat in first][:1] == ["person.5@people.test"]
    rest = list_seats(series, by=SYSTEM, limit=3, cursor=first[2].id)
    assert [seat.person.full_name for seat in rest] == ["Person 2", "Person 1"]


@pytest.mark.databases(differs=True)
def test_the_list_is_searched_by_name_and_address_and_state(cast: Cast, at: datetime) -> None:
    series = cast.series()
    amina = cast.person("Amina Odhiambo", native_name="آمنة")
    juma = cast.person("Juma 100%")
    for person in (amina, juma):
        enrol(series.id, own(person), by=person, at=at)
    withdraw(series.id, own(juma), by=juma, at=at)

    def found(**wanted: object) -> list[str]:
        return [seat.person.full_name for seat in list_seats(series, by=SYSTEM, limit=9, **wanted)]  # type: ignore[arg-type]

    assert found(q="ODHI") == ["Amina Odhiambo"]
    assert found(q="آمنة") == ["Amina Odhiambo"]
    assert found(q="Amina.Odhiambo@People") == ["Amina Odhiambo"]
    assert found(q="100%") == ["Juma 100%"]
    assert found(q="%") == ["Juma 100%"]
    assert found(status=EnrolmentStatus.WITHDRAWN) == ["Juma 100%"]
    assert found() == ["Amina Odhiambo", "Juma 100%"]


@pytest.mark.databases(differs=True)
def test_each_sees_what_is_theirs_to_see(cast: Cast, at: datetime) -> None:
    teacher = cast.staff(Role.INSTRUCTOR, "Teacher")
    series = cast.series(instructors=("teacher@people.test",))
    kenyan, ghanaian = cast.person(country="KE"), cast.person(country="GH")
    for person in (kenyan, ghanaian):
        enrol(series.id, own(person), by=person, at=at)
    focal = cast.staff(Role.FOCAL_POINT, "Focal", country="KE")
    reporter = cast.staff(Role.REPORTER, "Reporter")
    stranger = cast.staff(Role.INSTRUCTOR, "Stranger")

    def seen(by: Actor) -> list[str]:
        return [seat.person.full_name for seat in list_seats(series, by=by, limit=9)]

    everybody = [kenyan.full_name, ghanaian.full_name]
    assert seen(teacher) == seen(reporter) == seen(SYSTEM) == everybody
    assert seen(focal) == [kenyan.full_name]
    assert seen(ghanaian) == [ghanaian.full_name]
    assert seen(stranger) == seen(ANONYMOUS) == []
    row = list_seats(series, by=SYSTEM, limit=9)[1].enrolment.public_id
    for actor in (teacher, reporter, ghanaian):
        assert get_enrolment(row, by=actor).public_id == row
    for actor in (focal, kenyan, stranger, ANONYMOUS):
        with pytest.raises(NotFound):
            get_enrolment(row, by=actor)
    with pytest.raises(NotFound):
        get_enrolment("nobody", by=SYSTEM)


def held(cast: Cast, start: datetime, end: datetime, *, entered: datetime | None = None) -> Lecture:
    lecture = cast.lecture(days=30)
    start_lecture(lecture.id, by=SYSTEM, at=entered or start, started_at=start)
    return end_lecture(lecture.id, by=SYSTEM, at=entered or end, ended_at=end)


def expected(lecture: Lecture) -> set[int | None]:
    return set(db.session.scalars(expected_at(lecture.id)))


def test_a_roster_holds_who_was_enrolled_when_the_lecture_ended(cast: Cast, at: datetime) -> None:
    series = cast.series()
    cast.lecture(days=60)
    stays, left, back, late = (cast.person() for _n in range(4))
    for person in (stays, left, back):
        enrol(series.id, own(person), by=person, at=at)
    withdraw(series.id, own(left), by=left, at=at + MINUTE * 50)
    lecture = held(cast, at + MINUTE * 10, at + MINUTE * 100)
    withdraw(series.id, own(back), by=back, at=at + MINUTE * 110)
    enrol(series.id, own(late), by=late, at=at + MINUTE * 120)
    assert expected(lecture) == {own(stays), own(back)}
    enrol(series.id, own(back), by=back, at=at + MINUTE * 130)
    assert expected(lecture) == {own(stays), own(back)}
    assert enrolled_ids(series.id) == {own(stays), own(back), own(late)}


def test_a_lecture_entered_late_asks_for_who_enrolled_afterwards_too(cast: Cast, at: datetime) -> None:
    series = cast.series()
    amina = cast.person()
    lecture = held(cast, at - MINUTE * 300, at - MINUTE * 200, entered=at)
    enrol(series.id, own(amina), by=SYSTEM, at=at + MINUTE)
    assert expected(lecture) == {own(amina)}


def test_ones_own_place(cast: Cast, at: datetime) -> None:
    series = cast.series(capacity=1)
    first, second = cast.person(), cast.person()
    place = place_of(series, by=first, at=at)
    assert (place.status, place.is_active, place.refusal, place.free, place.waiting) == (None, False, None, 1, 0)
    for person in (first, second):
        enrol(series.id, own(person), by=person, at=at)
    place = place_of(series, by=second, at=at)
    assert (place.status, place.is_active, place.position, place.free, place.waiting) == ("waitlisted", True, 1, 0, 1)
    assert place_of(series, by=ANONYMOUS, at=at).status is None
    nominated = cast.series("nominated", admission=Admission.NOMINATION)
    assert "nomination" in (place_of(nominated, by=ANONYMOUS, at=at).refusal or "")
    kenyan = cast.series("kenyan", countries=("KE",))
    assert place_of(kenyan, by=ANONYMOUS, at=at).refusal is None
    assert place_of(kenyan, by=first, at=at).refusal is None
    assert place_of(kenyan, by=cast.person(country="GH"), at=at).refusal is not None


def test_a_countrys_people_and_totals(cast: Cast, at: datetime) -> None:
    focal = cast.staff(Role.FOCAL_POINT, "Aaron Focal", country="KE")
    one, two = cast.series("one"), cast.series("two", capacity=1)
    amina, zawadi = cast.person("Amina"), cast.person("Zawadi")
    cast.person("Kofi", country="GH")
    for series in (one, two):
        for person in (amina, zawadi):
            enrol(series.id, own(person), by=person, at=at)
    kenya = {country_id("KE")}
    people = list_country_people(kenya, by=focal, limit=2)
    assert [row.person.full_name for row in people] == ["Aaron Focal", "Amina", "Zawadi"]
    assert [(row.enrolled, row.waiting) for row in people] == [(0, 0), (2, 0), (1, 1)]
    rest = list_country_people(kenya, by=focal, limit=2, cursor=people[1].person.id)
    assert [row.person.full_name for row in rest] == ["Zawadi"]
    for typed, found in (
        ("zaw", ["Zawadi"]), ("wadi", ["Zawadi"]), ("ÁMINA", ["Amina"]), ("awadi@people", ["Zawadi"]), ("kofi", []),
        ("%", []), ("z", ["Zawadi"]),
    ):  # fmt: skip
        assert [row.person.full_name for row in list_country_people(kenya, by=focal, limit=9, q=typed)] == found
    totals, places = country_standing(kenya, by=focal)
    assert (totals.people, totals.people_enrolled) == (3, 2)
    assert (totals.enrolled, totals.waiting, totals.applied) == (3, 1, 0)
    assert places == {
        one.id: {EnrolmentStatus.ENROLLED: 2},
        two.id: {EnrolmentStatus.ENROLLED: 1, EnrolmentStatus.WAITLISTED: 1},
    }
    assert count_by_status(two.id, country_ids=kenya)[EnrolmentStatus.WAITLISTED] == 1
    for actor in (amina, ANONYMOUS, cast.staff(Role.FOCAL_POINT, "Other", country="GH")):
        with pytest.raises(Forbidden):
            list_country_people(kenya, by=actor, limit=9)
        with pytest.raises(Forbidden):
            country_standing(kenya, by=actor)


def test_a_persons_places_come_with_their_series(cast: Cast, at: datetime) -> None:
    amina = cast.person()
    for n, slug in enumerate(("one", "two")):
        series = cast.series(slug)
        enrol(series.id, own(amina), by=amina, at=at + MINUTE * n)
    db.session.rollback()
    assert [row.series.slug for row in list_of_person(own(amina))] == ["two", "one"]
