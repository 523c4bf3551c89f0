"""People choose their mails: for all series, for one, on the page and by the API."""

from __future__ import annotations

import re

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient

from lms.catalogue.models import Series
from lms.mail.kinds import DECLINABLE, MailKind
from lms.people.models import Person
from lms.people.queries.mail_choices import choices_of
from tests.factories import Make
from tests.forms import token_in

CHANGE, PLACE = MailKind.CHANGE, MailKind.PLACE_WON


@pytest.fixture
def person(make: Make) -> Person:
    return make.person("Achieng Odhiambo", "achieng@example.org")


@pytest.fixture
def series(make: Make, person: Person) -> Series:
    series = make.series("customs", "Digital customs")
    make.enrolment(series, person)
    return series


def send(client: FlaskClient, path: str, *kinds: MailKind) -> str:
    answer = client.post(
        path, data={"csrf_token": token_in(client.get(path).text), "kinds": [kind.value for kind in kinds]}
    )
    assert answer.status_code == 303
    return str(client.get(answer.location).text)


def ticked(page: str) -> set[str]:
    return set(re.findall(r'name="kinds" id="[^"]+" value="(\w+)" checked', page))


def test_people_choose_for_all_series_and_for_one(
    app: APIFlask, client: FlaskClient, make: Make, person: Person, series: Series
) -> None:
    make.sign_in(client, person)
    page = client.get("/account/notifications").text
    assert "All e-mails go to achieng@example.org, in English, with Nairobi time." in page
    assert {"change", "certificate", "place_won"} <= ticked(page)
    assert "cannot be turned off" in page
    page = send(client, "/account/notifications", CHANGE)
    assert ticked(page) == {"change"}
    assert "Series with other settings" not in page
    asked = client.get("/account/notifications?series=customs")
    assert asked.location == "/account/notifications/customs"
    assert ticked(client.get(asked.location).text) == {"change"}
    page = send(client, asked.location, PLACE)
    assert re.search(r"Digital customs.*Off: When a lecture is planned.*On: When a place becomes free", page, re.DOTALL)
    page = send(client, asked.location, CHANGE)  # as for all others
    assert "Series with other settings" not in page
    with app.app_context():
        assert all(series_id == 0 for _kind, series_id in choices_of(person.id))


def test_nobody_chooses_for_a_series_of_others(client: FlaskClient, make: Make, person: Person) -> None:
    make.series("other")
    make.sign_in(client, person)
    assert client.get("/account/notifications/other").status_code == 404
    assert client.get("/account/notifications?series=other").status_code == 404


def test_programs_choose_for_their_owner(client: FlaskClient, make: Make, person: Person, series: Series) -> None:
    path, headers = f"/api/v1/people/{person.public_id}/mail-choices", make.headers(person)
    read = client.get(path, headers=headers).get_json()
    assert ([kind for kind, is_wanted in read["choices"].items() if not is_wanted], read["series"]) == (
        ["reminder_hour"],
        [],
    )
    answer = client.patch(path, headers=headers, json={"choices": {"change": False}})
    assert (answer.status_code, answer.get_json()["choices"]["change"]) == (200, False)
    answer = client.patch(path, headers=headers, json={"choices": {"change": True}, "series": "customs"})
    assert answer.get_json()["series"] == [{"series": "customs", "choices": {"change": True}}]
    for wrong, field in (
        ({"choices": {"account": False}}, "choices.account"),
        ({"choices": {"digest": False}}, "choices.digest"),  # is only for some roles
        ({"choices": {"change": "perhaps"}}, "choices.change"),
    ):
        answer = client.patch(path, headers=headers, json=wrong)
        assert (answer.status_code, [one["field"] for one in answer.get_json()["errors"]]) == (422, [field])
    assert client.patch(path, headers=headers, json={"choices": {}, "series": "none"}).status_code == 404
    other = make.headers(make.person())
    assert client.get(path, headers=other).status_code == 404
    assert client.patch(path, headers=other, json={"choices": {"change": False}}).status_code == 404


def test_each_kind_that_can_be_chosen_is_named(app: APIFlask) -> None:
    from lms.people.forms import MAIL_WORDS

    assert list(MAIL_WORDS) == list(DECLINABLE)
