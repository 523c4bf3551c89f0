"""In which time zone a reader reads times: the own one where it is known, else the organiser's, by name."""

from __future__ import annotations

import re
from datetime import datetime

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient

from lms.core.database.session import db
from lms.people.models import Person
from lms.people.queries.countries import country_names
from lms.people.queries.persons import contact_of
from lms.web.forms.forms import zone_choices
from tests.factories import PASSWORD, Make
from tests.forms import token_in
from tests.rows import each_row


@pytest.fixture
def path(make: Make) -> str:
    """The page of a lecture at 09:00 in Nairobi, 14:00 in Beijing."""
    return f"/lectures/{make.lecture(make.series('rules', 'Rules of origin'), 'Origin').id}"


def words(client: FlaskClient, path: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", client.get(path).text))


def zone_of(make: Make, person: Person) -> str | None:
    with make.app.app_context():
        return db.session.get_one(Person, person.id).time_zone


def test_a_stranger_is_told_the_organisers_time_by_name_and_how_to_see_ones_own(client: FlaskClient, path: str) -> None:
    said = words(client, path)
    assert "14:00–15:30 Beijing time · Show my time" in said
    assert "your time" not in said
    assert "Times are in Beijing time." in said
    assert f'href="/zone?next={path}"' in client.get(path).text.replace("%2F", "/")
    assert "Beijing time. Show my time" in words(client, "/")


def test_what_the_browser_says_is_the_readers_time(client: FlaskClient, path: str) -> None:
    client.set_cookie("zone", "Asia/Calcutta")
    said = words(client, path)
    assert "11:30–13:00 Kolkata, your time" in said
    assert "14:00–15:30 Beijing, the organiser’s time" in said
    assert "Show my time" not in said


@each_row("zone", ["Mars/Olympus", "Etc/Unknown", "x" * 300])
def test_what_is_no_zone_stays_unknown(client: FlaskClient, path: str, zone: str) -> None:
    client.set_cookie("zone", zone)
    assert "Beijing time · Show my time" in words(client, path)


def test_a_zone_is_chosen_by_country_and_leads_back(client: FlaskClient, path: str) -> None:
    page = client.get("/zone", query_string={"next": path}).text
    assert '<option value="Africa/Nairobi">Kenya, Nairobi (UTC+3)</option>' in page
    assert f'name="next" value="{path}"' in page
    answer = client.post("/zone", data={"time_zone": "XK", "next": path})
    assert answer.headers["Location"] == path
    assert "Belgrade, your time" in words(client, path)
    assert 'selected value="Europe/Belgrade"' in client.get("/zone").text
    assert client.post("/zone", data={"time_zone": "Mars/Olympus"}).status_code == 422
    assert 'href="/zone' not in page, "or a crawler is led from each to the next for ever"


def test_each_zone_is_offered_once_with_its_offset(app: APIFlask, at: datetime) -> None:
    with app.test_request_context():
        names = country_names("en")
        offered = zone_choices(names, at=at)
        at_home = zone_choices(names, at=at, home="XK")
    for choices in (offered, at_home):
        values, labels = [one.value for one in choices], [str(one.label) for one in choices]
        assert len(set(values)) == len(values) > 400
        assert len(set(labels)) == len(labels)
        assert {label for label in labels if not re.search(r"\(UTC[+−]\d{1,2}(:\d\d)?\)$", label)} == {"UTC"}
    label = {one.value: str(one.label) for one in offered}
    assert label["Asia/Kathmandu"].endswith(", Kathmandu (UTC+5:45)")
    assert label["America/Lima"] == "Peru, Lima (UTC−5)"
    assert label["XK"].endswith(" (UTC+1)")
    assert {one.value: str(one.label) for one in at_home}["Europe/Belgrade"] == label["XK"]
    lacking = (
        set(names)
        - {"BV", "HM"}
        - {code for code, name in names.items() if any(name in text for text in label.values())}
    )
    assert not lacking


def test_a_page_says_that_it_differs_by_cookie_and_language(client: FlaskClient, path: str) -> None:
    for page in (path, "/", "/series", "/impact", "/verify", "/zone"):
        vary = {one.strip() for one in client.get(page).headers["Vary"].split(",")}
        assert {"Cookie", "Accept-Language"} <= vary, page


def test_somebody_enrolled_by_staff_has_the_zone_of_the_country_until_the_browser_says_more(make: Make) -> None:
    person = make.person("Aigul", country="KZ", password=PASSWORD)
    other = make.person("Ivan", country="RU", password=PASSWORD)
    nobody = make.person("Nobody", country=None)
    with make.app.app_context():
        contacts = contact_of([person.id, other.id, nobody.id])
    assert [contacts[one.id].time_zone for one in (person, other, nobody)] == ["Asia/Almaty", "Europe/Moscow", ""]
    for one, cookie, zone in ((person, None, "Asia/Almaty"), (other, "Asia/Vladivostok", "Asia/Vladivostok")):
        client = make.app.test_client()
        if cookie:
            client.set_cookie("zone", cookie)
        signing = {
            "email": contacts[one.id].address,
            "password": PASSWORD,
            "csrf_token": token_in(client.get("/sign-in").text),
        }
        assert client.post("/sign-in", data=signing).status_code == 302
        assert zone_of(make, one) == zone
        assert f"Times are shown in {zone.split('/')[1]} time first." in words(client, "/me")
