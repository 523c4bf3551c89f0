"""The pages: into a series and out of it, the staff's list, files in two steps."""

from __future__ import annotations

import io
import re
from typing import Any

import pytest
from apiflask import APIFlask
from flask import render_template_string
from werkzeug.test import TestResponse

from lms.catalogue.models import Series
from lms.catalogue.queries.series import get_series
from lms.core.base.roles import ANONYMOUS, SYSTEM
from lms.core.time import clock
from lms.enrolment.queries.series import count_by_status, list_seats, place_of
from tests.enrolment.conftest import Reader
from tests.factories import Make

HEAD = "email,full_name,country\n"


def places(app: APIFlask, slug: str = "customs") -> list[tuple[str, str]]:
    with app.app_context():
        series = get_series(slug, by=SYSTEM)
        seats = list_seats(series, by=SYSTEM, limit=99)
        return [(seat.person.full_name, seat.enrolment.status.value) for seat in seats]


@pytest.fixture
def series(make: Make) -> Series:
    return make.series("customs", "Customs", instructors=[make.person("Teacher", roles=["instructor"])], capacity=2)


@pytest.mark.usefixtures("series")
def test_one_enrols_and_withdraws_after_being_asked_once_more(app: APIFlask, reader: Any) -> None:
    amina = reader("Amina")
    answer = amina.post("/series/customs/enrol")
    assert answer.status_code == 303
    assert amina.said() == ["You are enrolled."]
    pressed = amina.post("/series/customs/withdraw")
    assert (pressed.status_code, pressed.location) == (303, "/series/customs/withdraw")
    asked = amina.get("/series/customs/withdraw")
    assert 'data-testid="withdraw"' in asked.text
    assert "No one is waiting. The place becomes free." in asked.text
    assert places(app) == [("Amina", "enrolled")]
    assert asked.text.count('data-testid="withdraw"') == 1
    assert amina.post("/series/customs/withdraw", confirm="yes").status_code == 303
    assert amina.said() == ["You have left this series."]
    assert places(app) == [("Amina", "withdrawn")]
    assert amina.post("/series/customs/withdraw", confirm="yes").status_code == 303
    assert amina.said() == ["You are not enrolled in this series."]


@pytest.mark.usefixtures("series")
def test_a_full_series_says_so(app: APIFlask, reader: Any) -> None:
    readers = [reader(name) for name in ("Amina", "Juma", "Kofi")]
    for one in readers:
        one.post("/series/customs/enrol")
    assert readers[2].said() == [
        "No places are free. You are on the waiting list, and we will e-mail you when it is your turn."
    ]
    asked = readers[0].get("/series/customs/withdraw")
    assert "1 person is waiting. They get the place at once." in asked.text
    assert places(app) == [("Amina", "enrolled"), ("Juma", "enrolled"), ("Kofi", "waitlisted")]


def test_a_refusal_is_said_on_the_page_one_comes_from(reader: Any, make: Make) -> None:
    make.series("closed", admission="nomination")
    amina = reader("Amina")
    assert amina.post("/series/closed/enrol").status_code == 303
    assert "nomination" in amina.said()[0]


def place_page(app: APIFlask, slug: str, by: Any) -> str:
    with app.test_request_context("/"):
        series = get_series(slug, by=by)
        place = place_of(series, by=by, at=clock.now())
        source = '{% include "enrolment/_place.html" %}'
        return render_template_string(source, series=series, place=place, actor=by)


@pytest.mark.usefixtures("series")
def test_the_own_place_stands_on_the_series_page(app: APIFlask, reader: Any, make: Make) -> None:
    amina, juma, kofi = (reader(name) for name in ("Amina", "Juma", "Kofi"))
    actors = [make.actor(one.person) for one in (amina, juma, kofi)]
    assert "Sign in to enrol" in place_page(app, "customs", ANONYMOUS)
    assert 'data-testid="enrol"' not in place_page(app, "customs", ANONYMOUS)
    before = place_page(app, "customs", actors[0])
    assert 'data-status="none"' in before
    assert 'data-testid="enrol"' in before
    assert "2 places are free." in before
    for one in (amina, juma):
        one.post("/series/customs/enrol")
    assert "Join the waiting list" in place_page(app, "customs", actors[2])
    kofi.post("/series/customs/enrol")
    waiting = place_page(app, "customs", actors[2])
    assert 'data-status="waitlisted"' in waiting
    assert "You are number 1 on the waiting list" in waiting
    assert 'data-testid="withdraw"' in waiting
    assert 'data-status="enrolled"' in place_page(app, "customs", actors[0])


@pytest.mark.usefixtures("series")
def test_staff_see_search_and_enrol(app: APIFlask, reader: Any, make: Make) -> None:
    admin = reader("Admin", "administrator")
    for name in ("Amina", "Juma", "Kofi"):
        reader(name).post("/series/customs/enrol")
    page = admin.get("/series/customs/enrolments")
    assert page.status_code == 200
    assert "2 enrolled, 1 waiting" in page.text
    assert page.text.count('data-testid="enrolment"') == 3
    assert "Waiting list, number 1" in page.text
    found = admin.get("/series/customs/enrolments?q=kofi@").text
    assert found.count('data-testid="enrolment"') == 1
    assert "Nothing found" in admin.get("/series/customs/enrolments?q=nobody&status=applied").text
    new = {"email": "zawadi@people.test", "full_name": "Zawadi", "country": "KE"}
    answer = admin.post("/series/customs/enrolments", **new)
    assert answer.status_code == 303
    assert admin.said() == ["Zawadi is on the waiting list."]
    wrong = admin.post("/series/customs/enrolments", email="someone@people.test", full_name="", country="")
    assert wrong.status_code == 422
    assert 'value="someone@people.test"' in wrong.text
    assert 'aria-invalid="true"' in wrong.text
    assert "There is no one with this e-mail address yet" in wrong.text


def test_an_application_is_decided_on_the_page(app: APIFlask, reader: Any, make: Make) -> None:
    teacher_person = make.person("Teacher", roles=["instructor"])
    make.lecture(make.series("customs", "Customs", instructors=[teacher_person], admission="application"))
    teacher = Reader(app.test_client(), make, teacher_person)
    for name in ("Amina", "Juma"):
        reader(name).post("/series/customs/enrol")
    with app.app_context():
        series = get_series("customs", by=SYSTEM)
        ids = [seat.enrolment.public_id for seat in list_seats(series, by=SYSTEM, limit=9)]
    assert teacher.post(f"/series/customs/enrolments/{ids[0]}", status="enrolled").status_code == 303
    assert teacher.said() == ["Amina is enrolled."]
    teacher.post(f"/series/customs/enrolments/{ids[1]}", status="rejected")
    assert places(app) == [("Amina", "enrolled"), ("Juma", "rejected")]
    asked = teacher.post(f"/series/customs/enrolments/{ids[0]}", status="withdrawn")
    assert (asked.status_code, "Withdraw Amina?" in asked.text) == (200, True)
    assert "1 lecture is still to come. This person will not be able to join it." in asked.text
    assert "You can enrol them again" in asked.text
    assert places(app)[0] == ("Amina", "enrolled")
    done = teacher.post(f"/series/customs/enrolments/{ids[0]}", status="withdrawn", confirm="yes")
    assert places(app)[0] == ("Amina", "withdrawn")
    assert "Enrol again" in teacher.get(done.location).text
    assert teacher.post(f"/series/customs/enrolments/{ids[0]}", status="lost").status_code == 422
    assert teacher.post(f"/series/elsewhere/enrolments/{ids[0]}", status="enrolled").status_code == 404


@pytest.mark.usefixtures("series")
def test_a_focal_point_sees_and_enrols_the_own_country(app: APIFlask, reader: Any) -> None:
    focal = reader("Focal", ("focal_point", "KE"))
    reader("Kofi", country="GH").post("/series/customs/enrol")
    page = focal.get("/series/customs/enrolments").text
    assert "Kofi" not in page
    assert "0 enrolled, 0 waiting" in page
    assert "People from Kenya in this series." in page
    assert re.findall(r'<option[^>]* value="([A-Z]{2})"', page) == ["KE"]
    assert (
        focal.post("/series/customs/enrolments", email="z@people.test", full_name="Zawadi", country="KE").status_code
        == 303
    )
    wrong = focal.post("/series/customs/enrolments", email="kofi@people.test", full_name="", country="KE")
    assert wrong.status_code == 422
    assert "from their own country" in wrong.text
    assert places(app) == [("Kofi", "enrolled"), ("Zawadi", "enrolled")]


def upload(admin: Reader, text: bytes, name: str = "people.csv") -> TestResponse:
    return admin.post("/series/customs/enrolments/import", file=(io.BytesIO(text), name))


@pytest.mark.usefixtures("series")
def test_a_file_is_looked_at_first_and_then_taken(app: APIFlask, reader: Any) -> None:
    admin = reader("Admin", "administrator")
    text = HEAD + "amina@file.test,Amina,KE\njuma@file.test,Juma,TZ\nkofi@file.test,Kofi,GH\nnonsense,Nobody,KE\n"
    answer = upload(admin, text.encode(), "nominees <nov>.csv")
    assert (answer.status_code, answer.location) == (303, "/series/customs/enrolments/import/preview")
    page = admin.get(answer.location).text
    assert "3 of 4 rows can be imported" in page
    assert "nominees &lt;nov&gt;.csv" in page
    assert "3 people, but 2 places" in page
    assert "Row 5" in page
    assert places(app) == []
    mark = re.search(r'name="mark" value="(\w+)"', page)
    assert mark is not None
    other = admin.post("/series/customs/enrolments/import/preview", do="take", mark="of another")
    assert (other.status_code, places(app)) == (303, [])
    taken = admin.post("/series/customs/enrolments/import/preview", do="take", mark=mark[1])
    assert (taken.status_code, taken.location) == (303, "/series/customs/enrolments")
    assert places(app) == [("Amina", "enrolled"), ("Juma", "enrolled"), ("Kofi", "waitlisted")]
    gone = admin.post("/series/customs/enrolments/import/preview", do="take", mark=mark[1])
    assert gone.location == "/series/customs/enrolments/import"
    with app.app_context():
        assert sum(count_by_status(get_series("customs", by=SYSTEM).id).values()) == 3


@pytest.mark.usefixtures("series")
def test_a_file_can_be_left(app: APIFlask, reader: Any) -> None:
    admin = reader("Admin", "administrator")
    upload(admin, (HEAD + "amina@file.test,Amina,KE\n").encode())
    assert admin.post("/series/customs/enrolments/import/preview", do="leave").status_code == 303
    assert admin.said() == ["Nothing was saved."]
    assert admin.get("/series/customs/enrolments/import/preview").location == "/series/customs/enrolments/import"
    assert places(app) == []


@pytest.mark.usefixtures("series")
def test_another_kind_of_file_is_refused_at_once(reader: Any) -> None:
    admin = reader("Admin", "administrator")
    for content, status, reason in (
        (b"", 422, "The file is empty."),
        (b"\x89PNG\r\n\x1a\n", 415, "This is a picture"),
        (b"name\nAmina\n", 422, "There is no column “email”."),
    ):
        answer = upload(admin, content)
        assert answer.status_code == status, reason
        assert reason in answer.text
        assert 'aria-invalid="true"' in answer.text
