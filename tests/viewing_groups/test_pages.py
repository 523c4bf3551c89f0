"""The pages of a viewing group: find people and tick them, and the wall."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from types import SimpleNamespace

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from lms.core.database.session import db
from lms.people.models import Person
from lms.viewing_groups.actions.groups import GroupInput, call_off, open_group
from tests.factories import Make
from tests.forms import token_in
from tests.viewing_groups.gathering import Story


@pytest.fixture
def room(app: APIFlask, client: FlaskClient, make: Make, at: datetime) -> SimpleNamespace:
    """A group of Kenya, its focal point signed in, and a person of another country who is enrolled too."""
    with app.app_context():
        story = Story(make, at)
        foreigner = make.person("Kenyan Abroad", "n@vn.example", country="VN")
        make.enrolment(story.series, foreigner)
        group, abroad, people = story.open(), foreigner.public_id, [person.public_id for person in story.people]
        focal = db.session.get_one(Person, story.focal.person_id)
        make.sign_in(client, focal)
        db.session.rollback()
    return SimpleNamespace(address=f"/groups/{group}", people=people, foreigner=abroad)


@pytest.fixture
def send(client: FlaskClient, room: SimpleNamespace) -> Callable[..., TestResponse]:
    """Sends the form of ticks."""

    def work(**given: str | list[str]) -> TestResponse:
        token = token_in(client.get(room.address).text)
        return client.post(f"{room.address}/people", data={"csrf_token": token, **given})

    return work


def listed(page: str) -> dict[str, bool]:
    """The people of the page, and whether they are ticked."""
    boxes = re.findall(r'<input type="checkbox" id="t-[^"]+" name="people" value="([^"]+)"( checked)?>', page)
    return {public_id: bool(checked) for public_id, checked in boxes}


def test_people_of_the_country_are_found_by_name_and_ticked(
    client: FlaskClient, room: SimpleNamespace, send: Callable[..., TestResponse]
) -> None:
    assert listed(client.get(room.address).text) == {}
    assert listed(client.get(f"{room.address}?q=kenyan").text) == dict.fromkeys(room.people, False)
    assert listed(client.get(f"{room.address}?q=kenyan+1").text) == {room.people[1]: False}
    assert "Nothing found" in client.get(f"{room.address}?q=abroad").text

    assert send(people=room.people[:2]).status_code == 303
    assert listed(client.get(room.address).text) == dict.fromkeys(room.people[:2], True)
    people = listed(client.get(f"{room.address}?q=kenyan").text)
    assert people == {room.people[0]: True, room.people[1]: True, room.people[2]: False}


def test_a_tick_is_saved_by_itself(
    client: FlaskClient, room: SimpleNamespace, send: Callable[..., TestResponse]
) -> None:
    first, second, third = room.people
    send(people=[first])
    # two people tick at once: each tick names one person and leaves the others as they are
    saved = send(one=second, people=second)
    assert (saved.status_code, saved.text) == (200, "Saved. 2 people are on the list.")
    assert send(one=third, people=third).text == "Saved. 3 people are on the list."
    assert send(one=second).text == "Saved. 2 people are on the list."
    assert send(one=second).text == "Saved. 2 people are on the list."
    assert listed(client.get(room.address).text) == {first: True, third: True}

    refused = send(one=room.foreigner, people=room.foreigner)
    unknown = send(one="nobody-at-all", people="nobody-at-all")
    assert refused.status_code == unknown.status_code == 422
    assert refused.text.replace(room.foreigner, "") == unknown.text.replace("nobody-at-all", "")
    assert listed(client.get(room.address).text) == {first: True, third: True}


def test_the_wall_is_bare(client: FlaskClient, room: SimpleNamespace, send: Callable[..., TestResponse]) -> None:
    send(people=room.people[:2])
    page = client.get(f"{room.address}/wall").text
    assert '<main id="main" class="wall">' in page
    assert 'class="mast"' not in page
    assert 'class="foot"' not in page
    assert "<b>2 of 3</b> people are on the list" in page
    assert re.search(r'data-testid="code">[0-9A-Z]{4}-[0-9A-Z]{4}<', page) is not None


@pytest.fixture
def several(app: APIFlask, make: Make, at: datetime) -> SimpleNamespace:
    """Four groups of a lecture that was held: two of Kenya, one of which is signed, one of Viet Nam, one cancelled."""
    with app.app_context():
        story = Story(make, at)
        lecture, teacher = story.lecture.id, story.teacher
        signed = story.open()
        story.tick(signed, *story.people[:2])
        story.sign(signed)
        for city, country in (("Émbu", "KE"), ("Da Nang", "VN"), ("Zanzibar", "TZ")):
            draft = GroupInput(city, "Hall", "Asha Mwangi", 9, "Africa/Nairobi")
            last = open_group(lecture, draft, country=country, by=teacher, at=at)[0]
        call_off(last, by=teacher, at=at)
        teacher_id, focal_id = story.teacher.person_id, story.focal.person_id
        db.session.rollback()

    def enter(client: FlaskClient, person_id: int | None) -> None:
        with app.app_context():
            make.sign_in(client, db.session.get_one(Person, person_id))

    return SimpleNamespace(address=f"/lectures/{lecture}/groups", enter=enter, teacher=teacher_id, focal=focal_id)


def test_groups_are_filtered_sorted_and_downloaded(client: FlaskClient, several: SimpleNamespace) -> None:
    several.enter(client, several.teacher)

    def places(query: str = "") -> list[str]:
        return re.findall(r'<a href="/groups/[^"]+"><bdi>([^,]+),', client.get(several.address + query).text)

    assert places() == ["Da Nang", "Émbu", "Nairobi", "Zanzibar"]
    assert places("?sort=-place") == ["Zanzibar", "Nairobi", "Émbu", "Da Nang"]
    assert places("?sort=-listed")[0] == "Nairobi"
    assert places("?sort=expected")[0] == "Nairobi"
    assert places("?sort=country") == ["Émbu", "Nairobi", "Zanzibar", "Da Nang"]
    assert places("?sort=organiser")[-1] == "Nairobi"
    assert places("?state=open") == ["Da Nang", "Émbu"]
    assert places("?state=open&country=KE") == places("?q=embu") == ["Émbu"]
    assert places("?state=called_off") == ["Zanzibar"]
    page = client.get(f"{several.address}?state=signed&country=XX").text
    assert re.findall(r'data-testid="figure-(\w+)" data-value="(\d+)"', page) == [
        ("all", "4"), ("open", "2"), ("signed", "1"), ("called_off", "1"),
    ]  # fmt: skip
    assert "country" in page.split('data-testid="ignored"')[1].split("</p>")[0]
    assert "Nothing found" in client.get(f"{several.address}?q=nowhere").text
    file = client.get(f"{several.address}.csv?state=signed")
    assert "-signed.csv" in file.headers["Content-Disposition"]
    assert file.get_data(as_text=True).lstrip("\ufeff").splitlines() == [
        "city,room,country,organiser,expected,listed,state,signed_for,time_zone",
        'Nairobi,"Treasury Building, room 4",KE,Jane Wanjiru,3,2,signed,2,Africa/Nairobi',
    ]
    assert client.get(f"{several.address}.xlsx").status_code == 200
    assert client.get(f"{several.address}.pdf").status_code == 404


def test_focal_points_list_and_download_groups_of_their_country_only(
    client: FlaskClient, several: SimpleNamespace
) -> None:
    several.enter(client, several.focal)
    assert client.get(several.address).text.count('data-testid="group-') == 2
    assert len(client.get(f"{several.address}.csv").get_data(as_text=True).splitlines()) == 3


def test_the_sheet_has_those_on_the_list_and_fifteen_empty_lines(
    client: FlaskClient, room: SimpleNamespace, send: Callable[..., TestResponse]
) -> None:
    def lines(page: str) -> tuple[int, int]:
        return page.count('data-testid="group-person"'), page.count("<tr><td>")

    send(people=room.people[:2])
    assert lines(client.get(f"{room.address}/print").text) == (2, 15)
    assert lines(client.get(f"{room.address}/print?who=all").text) == (3, 15)
