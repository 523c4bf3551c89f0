"""Enrolling, withdrawing, the line and its promotion, on both databases."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy import func, select

from lms.catalogue.actions.series import edit_series
from lms.catalogue.actions.states import end_lecture, start_lecture
from lms.catalogue.models import Admission, Series
from lms.core.base.errors import Forbidden, NotFound, Refused
from lms.core.base.roles import ANONYMOUS, SYSTEM, Actor, Role
from lms.core.database.audit import AuditEntry, list_entries
from lms.core.database.session import db
from lms.enrolment.actions.many import enrol_many
from lms.enrolment.actions.places import enrol, set_status, withdraw
from lms.enrolment.models import Enrolment, EnrolmentSource, EnrolmentStatus
from lms.enrolment.queries.rows import find_enrolment
from lms.enrolment.queries.series import count_by_status, position_of
from lms.people.models import Person
from tests.enrolment.conftest import Cast, Sent

pytestmark = [pytest.mark.databases, pytest.mark.usefixtures("context")]
MINUTE = timedelta(minutes=1)
ENROLLED, WAITLISTED = EnrolmentStatus.ENROLLED, EnrolmentStatus.WAITLISTED
APPLIED, REJECTED, WITHDRAWN = EnrolmentStatus.APPLIED, EnrolmentStatus.REJECTED, EnrolmentStatus.WITHDRAWN


def own(actor: Actor) -> int:
    assert actor.person_id is not None
    return actor.person_id


def join(series: Series, actor: Actor, at: datetime) -> Enrolment:
    return enrol(series.id, own(actor), by=actor, at=at)


def status_of(series: Series, actor: Actor) -> EnrolmentStatus:
    row = find_enrolment(series.id, own(actor))
    assert row is not None
    return row.status


def taken(series: Series) -> int:
    return db.session.scalars(select(Series.taken).where(Series.id == series.id)).one()


def test_who_comes_to_an_open_series_has_a_place(cast: Cast, at: datetime, sent: Sent) -> None:
    series, amina = cast.series(), cast.person("Amina")
    row = join(series, amina, at)
    assert (row.status, row.source, row.registered_at, row.enrolled_at) == (ENROLLED, EnrolmentSource.SELF, at, at)
    assert taken(series) == 1
    assert sent() == [("enrolment_enrolled", "amina@people.test")]
    entry = list_entries("person", own(amina))[0]
    assert (entry.verb, entry.actor_id) == ("enrolment.enrol", amina.person_id)


def test_a_repeat_changes_nothing(cast: Cast, at: datetime, sent: Sent) -> None:
    series, amina = cast.series(), cast.person("Amina")
    first = join(series, amina, at).public_id
    entries = db.session.scalar(select(func.count()).select_from(AuditEntry))
    assert join(series, amina, at + MINUTE).public_id == first
    assert taken(series) == 1
    assert len(sent()) == 1
    assert db.session.scalar(select(func.count()).select_from(AuditEntry)) == entries


def test_a_full_series_has_a_line_that_moves_up_by_itself(cast: Cast, at: datetime, sent: Sent) -> None:
    series = cast.series(capacity=2)
    people = [cast.person() for _n in range(5)]
    rows = [join(series, person, at + MINUTE * n) for n, person in enumerate(people)]
    assert [row.status for row in rows] == [ENROLLED, ENROLLED, WAITLISTED, WAITLISTED, WAITLISTED]
    assert [position_of(row) for row in rows] == [None, None, 1, 2, 3]
    withdraw(series.id, own(people[0]), by=people[0], at=at + MINUTE * 9)
    assert [status_of(series, person) for person in people] == [WITHDRAWN, ENROLLED, ENROLLED, WAITLISTED, WAITLISTED]
    assert taken(series) == 2
    won = find_enrolment(series.id, own(people[2]))
    assert won is not None
    assert won.enrolled_at == at + MINUTE * 9
    assert [mail for mail in sent() if mail[0] == "enrolment_place_won"] == [
        ("enrolment_place_won", "person.3@people.test")
    ]


def test_leaving_the_line_frees_no_seat(cast: Cast, at: datetime) -> None:
    series = cast.series(capacity=1)
    first, second, third = (cast.person() for _n in range(3))
    for person in (first, second, third):
        join(series, person, at)
    withdraw(series.id, own(second), by=second, at=at + MINUTE)
    assert [status_of(series, person) for person in (first, second, third)] == [ENROLLED, WITHDRAWN, WAITLISTED]
    assert taken(series) == 1


def test_raised_capacity_goes_to_the_line(cast: Cast, at: datetime) -> None:
    series = cast.series(capacity=1)
    people = [cast.person() for _n in range(4)]
    for n, person in enumerate(people):
        join(series, person, at + MINUTE * n)
    edit_series(series.slug, {"capacity": 3}, by=SYSTEM, at=at + MINUTE * 9)
    assert [status_of(series, person) for person in people] == [ENROLLED, ENROLLED, ENROLLED, WAITLISTED]
    edit_series(series.slug, {"capacity": None}, by=SYSTEM, at=at + MINUTE * 10)
    assert count_by_status(series.id)[ENROLLED] == 4
    assert taken(series) == 4


def test_capacity_is_never_lowered_below_what_is_taken(cast: Cast, at: datetime) -> None:
    series = cast.series(capacity=3)
    for _n in range(2):
        join(series, cast.person(), at)
    with pytest.raises(Refused):
        edit_series(series.slug, {"capacity": 1}, by=SYSTEM, at=at)


def test_who_comes_back_joins_the_end_of_the_line(cast: Cast, at: datetime) -> None:
    series = cast.series(capacity=1)
    first, second, third = (cast.person() for _n in range(3))
    for n, person in enumerate((first, second, third)):
        join(series, person, at + MINUTE * n)
    withdraw(series.id, own(first), by=first, at=at + MINUTE * 5)
    row = join(series, first, at + MINUTE * 6)
    assert (row.status, position_of(row)) == (WAITLISTED, 2)
    assert (row.registered_at, row.queued_at) == (at, at + MINUTE * 6)
    assert (row.enrolled_at, row.withdrawn_at) == (None, None)


def test_withdrawing_twice_is_once_and_nothing_is_refused(cast: Cast, at: datetime, sent: Sent) -> None:
    series, amina = cast.series(), cast.person("Amina")
    with pytest.raises(Refused):
        withdraw(series.id, own(amina), by=amina, at=at)
    join(series, amina, at)
    withdraw(series.id, own(amina), by=amina, at=at)
    withdraw(series.id, own(amina), by=amina, at=at + MINUTE)
    assert taken(series) == 0
    assert [template for template, _address in sent()] == ["enrolment_enrolled", "enrolment_withdrawn"]


def test_registered_country_is_that_of_the_day(cast: Cast, at: datetime) -> None:
    from lms.people.actions.persons import set_country
    from lms.people.queries.countries import country_by_code

    kenya, ghana = country_by_code("KE"), country_by_code("GH")
    assert kenya is not None
    assert ghana is not None
    series, amina = cast.series(), cast.person("Amina")
    row = join(series, amina, at)
    assert row.registered_country_id == kenya.id
    set_country(own(amina), ghana.id, since=at.date(), by=SYSTEM, at=at)
    withdraw(series.id, own(amina), by=amina, at=at + MINUTE)
    assert join(series, amina, at + MINUTE * 2).registered_country_id == kenya.id


def test_an_application_is_decided_by_staff(cast: Cast, at: datetime, sent: Sent) -> None:
    teacher = cast.staff(Role.INSTRUCTOR, "Teacher")
    series = cast.series(admission=Admission.APPLICATION, instructors=("teacher@people.test",), capacity=1)
    people = [cast.person() for _n in range(3)]
    rows = [join(series, person, at + MINUTE * n).public_id for n, person in enumerate(people)]
    assert [status_of(series, person) for person in people] == [APPLIED] * 3
    assert taken(series) == 0
    set_status(rows[1], ENROLLED, by=teacher, at=at + MINUTE * 5)
    set_status(rows[0], ENROLLED, by=teacher, at=at + MINUTE * 6)
    set_status(rows[2], REJECTED, by=teacher, at=at + MINUTE * 7)
    assert [status_of(series, person) for person in people] == [WAITLISTED, ENROLLED, REJECTED]
    assert [template for template, _address in sent()] == [
        *["enrolment_applied"] * 3,
        "enrolment_enrolled",
        "enrolment_waitlisted",
        "enrolment_rejected",
    ]
    with pytest.raises(Refused):
        join(series, people[2], at + MINUTE * 8)
    set_status(rows[2], ENROLLED, by=teacher, at=at + MINUTE * 9)
    assert status_of(series, people[2]) is WAITLISTED


def test_nobody_decides_the_own_application(cast: Cast, at: datetime) -> None:
    series, amina = cast.series(admission=Admission.APPLICATION), cast.person("Amina")
    row = join(series, amina, at).public_id
    with pytest.raises(Forbidden):
        set_status(row, ENROLLED, by=amina, at=at)
    with pytest.raises(Forbidden):
        set_status(row, REJECTED, by=amina, at=at)
    assert set_status(row, WITHDRAWN, by=amina, at=at).status is WITHDRAWN
    assert set_status(row, ENROLLED, by=amina, at=at + MINUTE).status is APPLIED


def test_a_place_by_nomination_is_not_taken_by_oneself(cast: Cast, at: datetime) -> None:
    series, amina = cast.series(admission=Admission.NOMINATION), cast.person("Amina")
    with pytest.raises(Refused):
        join(series, amina, at)
    focal = cast.staff(Role.FOCAL_POINT, "Focal", country="KE")
    assert enrol(series.id, own(amina), by=focal, at=at).status is ENROLLED


def test_a_series_for_certain_countries(cast: Cast, at: datetime) -> None:
    series = cast.series(countries=("KE", "GH"))
    assert join(series, cast.person(country="KE"), at).status is ENROLLED
    for country in ("TZ", None):
        with pytest.raises(Refused):
            join(series, cast.person(country=country), at)
    guest = cast.person(country="TZ")
    assert enrol(series.id, own(guest), by=SYSTEM, at=at).status is ENROLLED


def test_a_series_that_is_over_is_entered_by_staff_only(cast: Cast, at: datetime) -> None:
    series, lecture = cast.series(), cast.lecture(days=-1)
    start_lecture(lecture.id, by=SYSTEM, at=at, started_at=at - MINUTE * 120)
    end_lecture(lecture.id, by=SYSTEM, at=at, ended_at=at - MINUTE * 30)
    amina = cast.person("Amina")
    with pytest.raises(Refused):
        join(series, amina, at)
    assert enrol(series.id, own(amina), by=SYSTEM, at=at).status is ENROLLED


def test_a_focal_point_moves_the_own_country_only(cast: Cast, at: datetime) -> None:
    series = cast.series()
    focal = cast.staff(Role.FOCAL_POINT, "Focal", country="KE")
    kenyan, ghanaian = cast.person(country="KE"), cast.person(country="GH")
    assert enrol(series.id, own(kenyan), by=focal, at=at).source is EnrolmentSource.STAFF
    with pytest.raises(Forbidden):
        enrol(series.id, own(ghanaian), by=focal, at=at)
    foreign = join(series, ghanaian, at).public_id
    with pytest.raises(NotFound):
        set_status(foreign, WITHDRAWN, by=focal, at=at)
    with pytest.raises(Forbidden):
        withdraw(series.id, own(ghanaian), by=focal, at=at)


def test_others_move_nobody(cast: Cast, at: datetime) -> None:
    series = cast.series()
    amina, other = cast.person("Amina"), cast.person()
    reporter = cast.staff(Role.REPORTER, "Reporter")
    stranger = cast.staff(Role.INSTRUCTOR, "Stranger")
    row = join(series, amina, at).public_id
    for actor in (other, reporter, stranger, ANONYMOUS):
        with pytest.raises(Forbidden):
            enrol(series.id, own(amina), by=actor, at=at)
        with pytest.raises(Forbidden):
            withdraw(series.id, own(amina), by=actor, at=at)
    with pytest.raises(Forbidden):
        set_status(row, WITHDRAWN, by=reporter, at=at)
    for actor in (other, stranger, ANONYMOUS):
        with pytest.raises(NotFound):
            set_status(row, WITHDRAWN, by=actor, at=at)


@pytest.mark.parametrize("status", [APPLIED, WAITLISTED, REJECTED])
def test_states_that_nobody_sets_on_the_enrolled(cast: Cast, at: datetime, status: EnrolmentStatus) -> None:
    series, amina = cast.series(), cast.person("Amina")
    row = join(series, amina, at).public_id
    with pytest.raises(Refused):
        set_status(row, status, by=SYSTEM, at=at)


def test_nobody_is_put_before_the_line(cast: Cast, at: datetime) -> None:
    series = cast.series(capacity=1)
    join(series, cast.person(), at)
    row = join(series, cast.person(), at).public_id
    with pytest.raises(Refused):
        set_status(row, ENROLLED, by=SYSTEM, at=at)
    assert set_status(row, WAITLISTED, by=SYSTEM, at=at).status is WAITLISTED


def test_many_fill_the_places_and_then_the_line_in_their_order(cast: Cast, at: datetime, sent: Sent) -> None:
    series = cast.series(capacity=3)
    early = cast.person()
    join(series, early, at)
    people = [own(cast.person()) for _n in range(4)]
    ids = [people[2], people[0], people[3], people[1]]
    answer = enrol_many(series.id, ids, source=EnrolmentSource.FILE, by=SYSTEM, at=at + MINUTE)
    assert answer == {people[2]: ENROLLED, people[0]: ENROLLED, people[3]: WAITLISTED, people[1]: WAITLISTED}
    assert taken(series) == 3
    withdraw(series.id, own(early), by=early, at=at + MINUTE * 2)
    assert find_enrolment(series.id, people[3]).status is ENROLLED  # type: ignore[union-attr]
    assert [template for template, _address in sent()] == [
        "enrolment_enrolled",
        "enrolment_place_won",
        "enrolment_withdrawn",
    ]


def test_many_again_change_nothing(cast: Cast, at: datetime) -> None:
    series = cast.series(capacity=1)
    ids = [own(cast.person()) for _n in range(3)]
    first = enrol_many(series.id, ids, source=EnrolmentSource.FILE, by=SYSTEM, at=at)
    gone = cast.make.actor(db.session.get_one(Person, ids[2]))
    withdraw(series.id, ids[2], by=gone, at=at + MINUTE)
    again = enrol_many(series.id, [*ids, ids[0]], source=EnrolmentSource.FILE, by=SYSTEM, at=at + MINUTE * 2)
    assert again == {**first, ids[2]: WITHDRAWN}
    assert taken(series) == 1


def test_a_walk_in_finds_a_place_or_stays_out(cast: Cast, at: datetime) -> None:
    series = cast.series(capacity=2)
    back = cast.person()
    join(series, back, at)
    withdraw(series.id, own(back), by=back, at=at)
    ids = [own(back), own(cast.person()), own(cast.person())]
    answer = enrol_many(series.id, ids, source=EnrolmentSource.WALK_IN, by=SYSTEM, at=at + MINUTE)
    assert answer == {ids[0]: ENROLLED, ids[1]: ENROLLED}
    assert find_enrolment(series.id, ids[2]) is None


def test_only_staff_enrol_many(cast: Cast, at: datetime) -> None:
    series = cast.series()
    focal = cast.staff(Role.FOCAL_POINT, "Focal", country="KE")
    for actor in (focal, cast.person(), ANONYMOUS):
        with pytest.raises(Forbidden):
            enrol_many(series.id, [own(focal)], source=EnrolmentSource.FILE, by=actor, at=at)
