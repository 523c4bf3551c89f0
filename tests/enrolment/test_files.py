"""A file of people enrolled at once: all or nothing, the line, the same file twice, and what it asks."""

from __future__ import annotations

from datetime import datetime

import pytest
from sqlalchemy import func, select

from lms.core.base.errors import Forbidden, Invalid, Refused
from lms.core.base.import_answers import ImportAnswer
from lms.core.base.roles import SYSTEM, Actor, Role
from lms.core.database.session import db
from lms.enrolment.actions.by_address import enrol_by_address
from lms.enrolment.actions.many import publish_enrolments
from lms.enrolment.actions.places import enrol, set_status, withdraw
from lms.enrolment.models import Enrolment, EnrolmentSource, EnrolmentStatus
from lms.enrolment.queries.preview import preview_enrolments
from lms.enrolment.queries.rows import find_enrolment
from lms.enrolment.queries.series import get_seat, list_seats
from lms.people.models import Person
from lms.people.people_files import stage_people
from tests.enrolment.conftest import Cast, Sent
from tests.queries import CountQueries

pytestmark = [pytest.mark.databases, pytest.mark.usefixtures("context")]
HEAD = "email,full_name,country,organisation\n"
THREE = HEAD + "amina@file.test,Amina,KE,KRA\njuma@file.test,Juma,TZ,\nkofi@file.test,Kofi,GH,\n"


def own(actor: Actor) -> int:
    assert actor.person_id is not None
    return actor.person_id


def take(series_id: int, text: str, at: datetime, *, skip: bool = False, by: Actor = SYSTEM) -> ImportAnswer:
    staged = stage_people(text.encode())
    return publish_enrolments(series_id, staged, skip_bad_rows=skip, by=by, at=at)


def counts(answer: ImportAnswer) -> dict[str, int]:
    return {name: getattr(answer, name) for name in ("rows", "matched", "created", "updated", "unchanged")}


def test_a_file_fills_the_places_then_the_line_without_mail(cast: Cast, at: datetime, sent: Sent) -> None:
    series = cast.series(capacity=2)
    answer = take(series.id, THREE, at)
    assert counts(answer) == {"rows": 3, "matched": 0, "created": 3, "updated": 0, "unchanged": 0}
    assert answer.notes == ["1 person is on the waiting list."]
    seats = list_seats(series, by=SYSTEM, limit=9)
    assert [(seat.person.full_name, seat.enrolment.status.value, seat.position) for seat in seats] == [
        ("Amina", "enrolled", None),
        ("Juma", "enrolled", None),
        ("Kofi", "waitlisted", 1),
    ]
    assert {seat.enrolment.source for seat in seats} == {EnrolmentSource.FILE}
    assert [seat.country for seat in seats] == ["KE", "TZ", "GH"]
    assert sent() == []


def test_the_same_file_twice_changes_nothing(cast: Cast, at: datetime) -> None:
    series = cast.series(capacity=2)
    take(series.id, THREE, at)
    assert counts(take(series.id, THREE, at)) == {
        "rows": 3,
        "matched": 3,
        "created": 0,
        "updated": 0,
        "unchanged": 3,
    }


def test_what_a_second_file_changes_is_counted(cast: Cast, at: datetime) -> None:
    series = cast.series()
    take(series.id, THREE, at)
    more = THREE.replace("Juma,TZ,", "Juma,TZ,TRA") + "zawadi@file.test,Zawadi,KE,\n"
    assert counts(take(series.id, more, at)) == {"rows": 4, "matched": 3, "created": 1, "updated": 1, "unchanged": 2}


def test_one_bad_row_stops_all_unless_skipped(cast: Cast, at: datetime) -> None:
    series = cast.series()
    bad = THREE + "not an address,Nobody,KE,\nAMINA@file.test,Amina,KE,\n"
    with pytest.raises(Invalid) as caught:
        take(series.id, bad, at)
    assert [fault.row for fault in caught.value.faults] == [5, 6]
    assert db.session.scalar(select(func.count()).select_from(Person)) == 0
    assert db.session.scalar(select(func.count()).select_from(Enrolment)) == 0
    answer = take(series.id, bad, at, skip=True)
    assert answer.created == 3
    assert [fault.row for fault in answer.rejected] == [5, 6]


def test_who_left_stays_out_and_an_application_is_accepted(cast: Cast, at: datetime) -> None:
    from lms.catalogue.models import Admission

    series = cast.series(admission=Admission.APPLICATION)
    left, rejected, applied = (cast.person(name) for name in ("Left", "Rejected", "Applied"))
    for person in (left, rejected, applied):
        row = enrol(series.id, own(person), by=person, at=at)
        if person is rejected:
            set_status(row.public_id, EnrolmentStatus.REJECTED, by=SYSTEM, at=at)
    withdraw(series.id, own(left), by=left, at=at)
    text = "email\nleft@people.test\nrejected@people.test\napplied@people.test\n"
    preview = preview_enrolments(series.id, stage_people(text.encode()), by=SYSTEM)
    assert (preview.good, preview.known_people, preview.would_enrol, preview.already) == (3, 3, 1, 0)
    assert preview.stay_out == 2
    answer = take(series.id, text, at)
    assert counts(answer) == {"rows": 3, "matched": 3, "created": 0, "updated": 1, "unchanged": 2}
    assert "2 people withdrew from this series or were rejected before" in str(answer.notes)
    assert find_enrolment(series.id, own(applied)).status is EnrolmentStatus.ENROLLED  # type: ignore[union-attr]


def test_the_preview_says_what_would_happen(cast: Cast, at: datetime) -> None:
    series, inside = cast.series(capacity=2), cast.person("Amina Known")
    enrol(series.id, own(inside), by=inside, at=at)
    text = THREE + "amina.known@people.test,,,\nnot an address,Nobody,KE,\n"
    preview = preview_enrolments(series.id, stage_people(text.encode()), by=SYSTEM)
    assert (preview.rows, preview.good, preview.new_people, preview.known_people) == (5, 4, 3, 1)
    assert (preview.would_enrol, preview.would_wait, preview.already, preview.places) == (1, 2, 1, 1)
    assert [fault.row for fault in preview.rejected] == [6]
    with pytest.raises(Forbidden):
        preview_enrolments(series.id, stage_people(text.encode()), by=inside)


def test_only_administrators_bring_files(cast: Cast, at: datetime) -> None:
    series = cast.series()
    for role, country in ((Role.INSTRUCTOR, None), (Role.FOCAL_POINT, "KE"), (Role.REPORTER, None)):
        with pytest.raises(Forbidden):
            take(series.id, THREE, at, by=cast.staff(role, f"The {role.value}", country=country))


def test_staff_enrol_somebody_new_or_known_by_the_address(cast: Cast, at: datetime, sent: Sent) -> None:
    series, amina = cast.series(), cast.person("Amina")
    known = enrol_by_address(series.id, "AMINA@People.test", by=SYSTEM, at=at)
    assert known.person_id == amina.person_id
    new = enrol_by_address(series.id, "kofi@people.test", full_name="Kofi", country="gh", by=SYSTEM, at=at)
    seat = get_seat(new, by=SYSTEM)
    assert (seat.person.full_name, seat.email, seat.country) == ("Kofi", "kofi@people.test", "GH")
    for email, field in (("nobody@people.test", "full_name"), ("nonsense", "email")):
        with pytest.raises(Invalid) as caught:
            enrol_by_address(series.id, email, by=SYSTEM, at=at)
        assert caught.value.faults[0].field == field
    assert [address for _template, address in sent()] == ["amina@people.test", "kofi@people.test"]


def test_a_focal_point_enrols_by_address_for_the_own_country(cast: Cast, at: datetime) -> None:
    series = cast.series()
    focal = cast.staff(Role.FOCAL_POINT, "Focal", country="KE")
    cast.person("Kofi", country="GH")
    row = enrol_by_address(series.id, "zawadi@people.test", full_name="Zawadi", by=focal, at=at)
    assert get_seat(row, by=focal).country == "KE"
    with pytest.raises(Forbidden):
        enrol_by_address(series.id, "new@people.test", full_name="New", country="GH", by=focal, at=at)
    with pytest.raises(Forbidden):
        enrol_by_address(series.id, "kofi@people.test", by=focal, at=at)
    for actor in (cast.person(), cast.staff(Role.REPORTER, "Reporter")):
        with pytest.raises(Forbidden):
            enrol_by_address(series.id, "new@people.test", full_name="New", by=actor, at=at)


def test_a_focal_point_enrols_nobody_into_a_series_for_others(cast: Cast, at: datetime) -> None:
    series = cast.series(countries=("GH",))
    focal = cast.staff(Role.FOCAL_POINT, "Focal", country="KE")
    with pytest.raises(Refused):
        enrol_by_address(series.id, "zawadi@people.test", full_name="Zawadi", by=focal, at=at)
    assert db.session.scalar(select(func.count()).select_from(Enrolment)) == 0


def test_thousands_of_rows_take_a_few_statements(cast: Cast, at: datetime, count_queries: CountQueries) -> None:
    series = cast.series()
    rows = "".join(f"p{n}@file.test,Person {n},KE,Office {n % 7}\n" for n in range(3000))
    staged = stage_people((HEAD + rows).encode())
    with count_queries() as asked:
        answer = publish_enrolments(series.id, staged, skip_bad_rows=False, by=SYSTEM, at=at)
    assert answer.created == 3000
    assert len(asked) < 50
