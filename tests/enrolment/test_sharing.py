"""What instructors see of people whom they enrol by address: the address alone, until the person accepts."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient
from sqlalchemy import select

from lms.attendance.queries.roster import cursor_of, get_row, roster
from lms.attendance_imports.actions.imports import publish_attendance
from lms.attendance_imports.actions.staging import stage_attendance
from lms.attendance_imports.queries.review import find_people, review_page
from lms.catalogue.models import Series
from lms.core.base.errors import Invalid, Refused
from lms.core.base.roles import SYSTEM
from lms.core.database.session import db
from lms.core.time import clock
from lms.enrolment.actions import by_address, places
from lms.enrolment.models import Enrolment, EnrolmentStatus
from lms.enrolment.queries.series import get_seat
from lms.live.actions import join_lecture
from lms.people.models import Person
from lms.people.queries.persons import find_person_by_email
from tests.factories import EARLY, Make
from tests.rows import each_row

pytestmark = [pytest.mark.databases]

SECRET = {
    "full_name": "Zawadi Achieng", "native_name": "Завади", "organisation": "Ministry of Secrets",
    "job_title": "Undersecretary", "country": "UG", "time_zone": "Africa/Kampala", "locale": "en",
    "sector": "government", "gender": "female",
}  # fmt: skip
SENT = {"full_name": "As Typed", "country": "KE", "organisation": "Typed Ltd", "sector": "business"}
PROFILE = (
    "full_name",
    "native_name",
    "country",
    "sector",
    "organisation",
    "job_title",
    "gender",
    "locale",
    "time_zone",
)


@pytest.fixture
def teacher(make: Make) -> Person:
    return make.person(full_name="Ines", email="ines@example.org", roles=["instructor"])


@pytest.fixture
def series(make: Make, teacher: Person) -> Series:
    return make.series("trade", instructors=[teacher])


@pytest.fixture
def known(make: Make) -> Person:
    """Somebody whom the instructor has never met."""
    return make.person(email="known@example.org", **SECRET)


FOREIGN = ("Zawadi Achieng", "Завади", "Secrets", "Undersec")
"""What nobody of the series may read."""
Enrols = Callable[..., Any]


@pytest.fixture
def enrols(make: Make, client: FlaskClient, teacher: Person, series: Series) -> Enrols:
    """The instructor enrols an address over the API."""
    headers = make.headers(teacher)

    def call(address: str, **given: Any) -> Any:
        return client.post("/api/v1/series/trade/enrolments", json={"email": address, **given}, headers=headers)

    return call


def unlike(answer: Any, address: str) -> str:
    """An answer without what differs between any two people."""
    text = answer.text.replace(address, "ADDRESS")
    return re.sub(r'"(id|registered_at)":\s*"[^"]+"', r'"\1": "…"', text)


# Known and unknown addresses are answered alike


def test_known_and_unknown_addresses_get_the_same_answer(known: Person, enrols: Enrols) -> None:
    answers = {address: enrols(address, **SENT) for address in ("known@example.org", "unknown@example.org")}
    assert [answer.status_code for answer in answers.values()] == [201, 201]
    first, second = (unlike(answer, address) for address, answer in answers.items())
    assert first == second
    shown = answers["known@example.org"].json
    assert {name: shown[name] for name in SENT} == SENT
    assert [shown[name] for name in PROFILE if name not in SENT] == [None] * 5
    again = {address: enrols(address, **SENT) for address in answers}
    assert [answer.status_code for answer in again.values()] == [200, 200]
    first, second = (unlike(answer, address) for address, answer in again.items())
    assert first == second
    assert {name: again["known@example.org"].json[name] for name in SENT} == SENT


@each_row(
    "given",
    [{}, {"full_name": ""}, {"full_name": "x" * 201}, {"full_name": "X", "country": "ZZ"},
     {"full_name": "X", "time_zone": "Mars/Base"}, {"full_name": "X", "locale": "tlh"},
     {"full_name": "X", "sector": "magic"}, {"full_name": "X", "organisation": "x" * 999}],
)  # fmt: skip
def test_what_is_wrong_is_said_alike_of_known_and_unknown(known: Person, enrols: Enrols, given: dict[str, Any]) -> None:
    first, second = (enrols(address, **given) for address in ("known@example.org", "unknown@example.org"))
    assert (first.status_code, second.status_code) == (422, 422)
    assert first.text.replace("known@", "") == second.text.replace("unknown@", "")


def test_the_profile_of_a_known_person_stays_as_it_is(known: Person, enrols: Enrols, app: APIFlask) -> None:
    enrols("known@example.org", **SENT)
    with app.app_context():
        person = find_person_by_email("known@example.org")
        assert person is not None
        assert (person.full_name, person.organisation, person.sector) == (
            "Zawadi Achieng", "Ministry of Secrets", "government",
        )  # fmt: skip


def test_the_page_says_the_same_of_known_and_unknown(
    known: Person, make: Make, client: FlaskClient, teacher: Person, series: Series
) -> None:
    make.sign_in(client, teacher)
    pages = []
    for address in ("known@example.org", "unknown@example.org"):
        page = client.get("/series/trade/enrolments").text
        token = re.findall(r'name="csrf_token"[^>]* value="([^"]+)"', page)[0]
        sent = {"email": address, "full_name": "As Typed", "country": "KE", "csrf_token": token}
        answer = client.post("/series/trade/enrolments", data=sent)
        assert answer.status_code == 303
        pages.append(client.get(f"/series/trade/enrolments?q={address}").text)
    assert all(value not in page for page in pages for value in SECRET.values() if len(value) > 2 and value != "female")
    assert "known@example.org is enrolled." in pages[0]
    assert "unknown@example.org is enrolled." in pages[1]
    assert all("As Typed" not in page and "Waiting for this person to accept" in page for page in pages)


# Nothing else tells more


@pytest.mark.databases
def test_no_list_and_no_file_tells_more_than_the_address(
    known: Person, make: Make, client: FlaskClient, teacher: Person, series: Series, enrols: Enrols
) -> None:
    start = clock.now() - timedelta(days=1)
    lecture = make.lecture(
        series, state="held", actual_start=start, actual_end=start + timedelta(minutes=90), at=clock.now()
    )
    made = enrols("known@example.org", **SENT)
    headers = make.headers(teacher)
    make.sign_in(client, teacher)
    here, person = f"/lectures/{lecture.id}", known.public_id
    api = f"/api/v1{here}"
    times = ",".join(f"{moment:%Y-%m-%dT%H:%M:%SZ}" for moment in (start, start + timedelta(hours=1)))
    text = f"name,email,joined_at,left_at\nZawadi Acheng,,{times}\n"
    sent = {"file": (io.BytesIO(text.encode()), "r.csv")}
    brought = client.post(f"{api}/attendance-imports", data=sent, headers=headers)
    assert [one["candidates"] for one in brought.json["unmatched"]] == [[]]
    texts = {"import": brought.text}
    own = f"/api/v1/enrolments/{made.json['id']}"
    texts[own] = client.patch(own, json={"status": "enrolled"}, headers=headers).text
    for path in (
        "/series/trade/enrolments", "/series/trade/enrolments?q=Zawadi", f"{here}/roster",
        f"{here}/roster.csv", f"{here}/roster/print", f"{here}/roster/{person}", f"{here}/roster/{person}/history",
        f"{here}/attendance/review", f"{here}/attendance/review?find=Zawadi", f"{here}/attendance/review/strong",
        f"{here}/report", f"{here}/groups", "/teach", f"/series/trade/enrolments/{made.json['id']}",
        "/api/v1/series/trade/enrolments", f"{api}/attendance", f"{api}/attendance-unknown",
    ):  # fmt: skip
        answer = client.get(path, headers=headers if path.startswith("/api") else None, follow_redirects=True)
        assert answer.status_code == 200, path
        texts[path] = answer.text
    assert [(path, one) for path, text in texts.items() for one in FOREIGN if one in text] == []
    for path, count in (("?q=known", 1), ("?q=Zawadi", 0), ("?q=achieng", 0)):
        answer = client.get(f"/api/v1/series/trade/enrolments{path}", headers=headers)
        assert len(answer.json["items"]) == count
    rows = client.get(f"{api}/attendance", headers=headers).json["items"]
    assert [(row["person"]["email"], row["person"]["full_name"], row["person"]["country"]) for row in rows] == [
        ("known@example.org", None, None)
    ]
    lines = list(csv.reader(io.StringIO(client.get(f"{here}/roster.csv").text.lstrip("\ufeff"))))
    assert lines[1][:5] == ["known@example.org", "", "", "", ""]


@pytest.mark.usefixtures("context")
def test_a_hidden_name_has_no_place_in_the_order_of_names(make: Make, teacher: Person, series: Series) -> None:
    lecture = make.lecture(series)
    for name, shared in (("Bo", EARLY), ("Al", None), ("Zed", None), ("Ann", EARLY), ("Mia", EARLY)):
        make.enrolment(series, make.person(full_name=name, email=f"{name}@example.org"), profile_shared_at=shared)
    by = make.actor(teacher)
    found: list[str] = []
    cursor = None
    for _page in range(5):
        page = roster(lecture.id, by=by, limit=1, cursor=cursor)
        found.append(page[0].full_name)
        cursor = cursor_of(page[0])
    assert found == ["Al@example.org", "Zed@example.org", "Ann", "Bo", "Mia"]
    assert [row.full_name for row in roster(lecture.id, by=SYSTEM, limit=9)] == ["Al", "Ann", "Bo", "Mia", "Zed"]


@pytest.mark.usefixtures("context")
def test_a_report_of_attendance_opens_no_profile(
    known: Person, make: Make, teacher: Person, series: Series, at: datetime
) -> None:
    """A file with somebody's address brings in a walk-in, of whom the instructor sees the address alone."""
    start = at - timedelta(days=1)
    lecture = make.lecture(series, state="held", actual_start=start, actual_end=start + timedelta(minutes=90))
    by = make.actor(teacher)
    times = ",".join(f"{moment:%Y-%m-%dT%H:%M:%SZ}" for moment in (start, start + timedelta(hours=1)))
    file = f"email,joined_at,left_at\nknown@example.org,{times}\n"
    staged = stage_attendance(lecture.id, file.encode(), file_name="r.csv", by=by)
    publish_attendance(staged, by=by, at=at)
    row = get_row(lecture.id, known.public_id, by=by)
    assert (row.full_name, row.native_name, row.organisation, row.country) == ("known@example.org", None, None, None)
    assert row.is_hidden
    assert get_row(lecture.id, known.public_id, by=SYSTEM).full_name == "Zawadi Achieng"
    stranger = make.person(full_name="Stranger", email="stranger@example.org")
    assert find_people(lecture.id, "stranger@example.org", by=by)[0] == []
    assert [one.person_id for one in find_people(lecture.id, "stranger@example.org", by=SYSTEM)[0]] == [stranger.id]
    assert review_page(lecture.id, by=by).items == []


# Until the person accepts


def enrolled(make: Make, teacher: Person, series: Series, address: str, at: datetime) -> Enrolment:
    """The instructor enrols an address."""
    return by_address.enrol_by_address(series.id, address, full_name="Typed", by=make.actor(teacher), at=at)


@pytest.mark.usefixtures("context")
@pytest.mark.parametrize("way", ["enrol", "patch", "join", "administrator", "focal point"])
def test_the_profile_is_seen_once_the_person_accepts(
    known: Person, make: Make, teacher: Person, series: Series, at: datetime, way: str
) -> None:
    row, by, own = enrolled(make, teacher, series, "known@example.org", at), make.actor(teacher), make.actor(known)
    assert get_seat(row, by=by).is_hidden
    assert not get_seat(row, by=SYSTEM).is_hidden
    assert not get_seat(row, by=own).is_hidden
    if way == "enrol":
        places.enrol(series.id, known.id, by=own, at=at)
    elif way == "patch":
        places.set_status(row.public_id, EnrolmentStatus.ENROLLED, by=own, at=at)
    elif way == "join":
        lecture = make.lecture(series, state="live", actual_start=at)
        join_lecture(lecture.id, by=own, at=at)
    elif way == "administrator":
        places.enrol(series.id, known.id, by=make.administrator(), at=at)
    else:
        focal = make.actor(roles=[("focal_point", "UG")], country="UG")
        places.enrol(series.id, known.id, by=focal, at=at)
    db.session.refresh(row)
    assert row.profile_shared_at == at
    seat = get_seat(row, by=by)
    assert (seat.label, seat.country, seat.is_hidden) == ("Zawadi Achieng", "UG", False)


@pytest.mark.usefixtures("context")
def test_the_person_is_asked_on_the_page_of_the_series(
    known: Person, make: Make, teacher: Person, series: Series, at: datetime, client: FlaskClient
) -> None:
    enrolled(make, teacher, series, "known@example.org", at)
    make.sign_in(client, known)
    page = client.get("/series/trade").text
    assert "The lecturers see only your e-mail address" in page
    token = re.findall(r'name="csrf_token"[^>]* value="([^"]+)"', page)[0]
    assert client.post("/series/trade/enrol", data={"csrf_token": token}).status_code == 303
    assert "The lecturers see only your e-mail address" not in client.get("/series/trade").text


@pytest.mark.usefixtures("context")
def test_whom_an_instructor_has_met_in_an_own_series_is_known_by_the_address(
    known: Person, make: Make, teacher: Person, series: Series, at: datetime
) -> None:
    other = make.series("other", instructors=[teacher])
    make.enrolment(other, known)
    row = by_address.enrol_by_address(series.id, "known@example.org", by=make.actor(teacher), at=at)
    assert get_seat(row, by=make.actor(teacher)).label == "Zawadi Achieng"


@pytest.mark.usefixtures("context")
def test_a_foreign_series_makes_nobody_known(
    known: Person, make: Make, teacher: Person, series: Series, at: datetime
) -> None:
    make.enrolment(make.series("foreign"), known)
    with pytest.raises(Invalid) as error:
        by_address.enrol_by_address(series.id, "known@example.org", by=make.actor(teacher), at=at)
    assert [one.field for one in error.value.faults] == ["full_name"]


# A limit a day


@pytest.mark.usefixtures("context")
def test_addresses_a_day_are_limited_for_instructors(
    make: Make, teacher: Person, series: Series, at: datetime, app: APIFlask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app.extensions["lms.config"], "addresses_per_day", 3)
    by = make.actor(teacher)
    enrolled(make, teacher, series, "one@example.org", at)
    with pytest.raises(Invalid):  # what fails counts too
        by_address.enrol_by_address(series.id, "two@example.org", by=by, at=at)
    enrolled(make, teacher, series, "two@example.org", at)
    with pytest.raises(Refused) as error:
        enrolled(make, teacher, series, "three@example.org", at)
    assert error.value.message == (
        "You can enrol 3 people by e-mail address within 24 hours. Try again tomorrow, or ask an administrator to "
        "import a file."
    )
    assert find_person_by_email("three@example.org") is None
    by_address.enrol_by_address(series.id, "three@example.org", full_name="Three", by=make.administrator(), at=at)
    enrolled(make, teacher, series, "four@example.org", at + timedelta(hours=24, seconds=1))
    assert db.session.scalars(select(Person.id).where(Person.full_name == "Typed")).all() != []
