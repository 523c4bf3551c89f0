"""The administrators' list of nominations, and decisions on its pages."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from lms.core.base.roles import SYSTEM
from lms.core.database.session import action, db
from lms.core.storage.tables import read_table
from lms.core.time import clock
from lms.nominations.actions.nominating import nominate
from lms.nominations.models import Nomination
from lms.people.models import DuplicatePair
from lms.people.people_files import PersonRow
from lms.people.queries.countries import get_country
from tests.factories import Make
from tests.forms import token_in
from tests.rows import each_row

LIST = "/admin/nominations"


@pytest.fixture
def client(make: Make) -> FlaskClient:
    """An administrator."""
    client = make.app.test_client()
    make.sign_in(client, make.person("Zhou Anran", roles=["administrator"]))
    return client


def post(client: FlaskClient, path: str, **form: Any) -> TestResponse:
    """Sends a form of the list with its token."""
    return client.post(path, data={"csrf_token": token_in(client.get("/account").text), **form})


def people(code: str, *names: str) -> list[PersonRow]:
    return [
        PersonRow(1, f"{one.lower()}@{code.lower()}.test", f"{one.lower()}@{code.lower()}.test", one) for one in names
    ]


@pytest.fixture
def waiting(make: Make) -> dict[str, str]:
    """Dina and Karim of Egypt wait since days, Juma of Tanzania since an hour; the public id of each, by name."""
    series = make.series("customs", title="Digital customs", capacity=10, nominations_need_approval=True)
    make.lecture(series, starts_at=clock.now() + timedelta(days=9))
    make.quota(series, "EG", seats=3, kept_until=clock.now() + timedelta(days=30))
    now = clock.now()
    with make.app.app_context():
        for code, names, since in (("TZ", ["Juma"], timedelta(hours=1)), ("EG", ["Dina", "Karim"], timedelta(days=6))):
            nominate(series.id, people(code, *names), country_id=get_country(code).id, by=SYSTEM, at=now - since)
        return dict(db.session.execute(select(Nomination.full_name, Nomination.public_id)).all())


def names_in(page: str) -> list[str]:
    return re.findall(r'data-testid="nomination".*?<th scope="row">(?:<a [^>]*>)?<bdi>(.*?)</bdi>', page, re.S)


def confirm(client: FlaskClient, make: Make, ids: list[str], decision: str, **form: Any) -> tuple[str, str]:
    """Previews and confirms a decision; (the page before, the page after)."""
    sent = post(client, LIST, decision=decision, people=ids)
    assert sent.status_code == 303
    before = client.get(sent.location).text
    done = post(client, sent.location, **form)
    return before, done.text if done.status_code == 422 else client.get(done.location).text


def test_what_waits_longest_comes_first_with_the_places_of_countries(
    client: FlaskClient, waiting: dict[str, str]
) -> None:
    page = client.get(LIST).text
    assert names_in(page) == ["Dina", "Karim", "Juma"]
    assert "3 nominations are waiting for you" in page
    assert re.findall(r'data-testid="country-(\w+)"', page) == ["EG", "TZ"]
    assert "2 of 3" in page
    assert 'data-testid="figure-submitted" data-value="3"' in page
    assert re.search(r'Nominations<span class="hide">: </span> <b>3</b>', page), "in the navigation"
    home = client.get("/admin").text
    assert "3 nominations" in home


@each_row(
    "asked, names",
    [
        ("?country=TZ", ["Juma"]),
        ("?state=invited", []),
        ("?q=KARIM", ["Karim"]),
        ("?q=juma@tz", ["Juma"]),
        ("?sort=-name", ["Karim", "Juma", "Dina"]),
        ("?sort=country", ["Dina", "Karim", "Juma"]),
        ("?series=customs&state=submitted", ["Dina", "Karim", "Juma"]),
        ("?series=nothing&country=XX&page=99", ["Dina", "Karim", "Juma"]),
    ],
)
def test_the_list_is_filtered_found_and_sorted(
    client: FlaskClient, waiting: dict[str, str], asked: str, names: list[str]
) -> None:
    assert names_in(client.get(LIST + asked).text) == names


def test_a_nominee_who_is_known_leads_to_the_person_and_to_a_possible_duplicate(
    client: FlaskClient, make: Make, waiting: dict[str, str]
) -> None:
    two = [make.person("Rose Maina", f"rose{n}@people.test", country="EG") for n in range(2)]
    ids, own, other = [one.id for one in two], two[0].public_id, two[1].public_id

    @action
    def note() -> None:
        db.session.add(DuplicatePair(first_id=ids[0], second_id=ids[1], score=90, found_at=clock.now()))

    with make.app.app_context():
        series_id, country_id = db.session.scalars(select(Nomination.series_id)).first(), get_country("EG").id
        row = PersonRow(1, "rose0@people.test", "rose0@people.test", None)
        nominate(series_id or 0, [row], country_id=country_id, by=SYSTEM, at=clock.now())
        note()
    page = client.get(f"{LIST}?q=rose").text
    assert f'href="/admin/people/{own}"' in page
    assert f'href="/admin/people/{own}/merge/{other}"' in page
    assert "possible duplicate" not in client.get(f"{LIST}?q=dina").text


def test_the_list_is_downloaded_as_it_is_filtered(client: FlaskClient, waiting: dict[str, str]) -> None:
    lines = client.get(f"{LIST}.csv?country=EG").text.splitlines()
    assert [line.split(",")[1] for line in lines[1:]] == ["Dina", "Karim"]
    book = read_table(client.get(f"{LIST}.xlsx").data)
    assert [cells[1] for _line, cells in book.rows] == ["Dina", "Karim", "Juma"]


def test_nominations_are_approved_after_a_preview_in_numbers_and_taken_back(
    client: FlaskClient, make: Make, waiting: dict[str, str]
) -> None:
    before, after = confirm(client, make, [waiting["Dina"], waiting["Juma"]], "approve")
    assert "Approve: 2 nominations" in before
    row = re.search(r'data-testid="effect-customs".*?</tr>', before, re.S)
    assert row is not None
    assert re.findall(r">(\d+)</td>", row[0]) == ["1", "1", "0"]
    assert "Approved: 2 nominations" in after
    batch = re.search(r"/admin/nominations/decisions/([\w-]+)/undo", after)
    assert batch is not None
    assert "Undone: 2 nominations are waiting again" in client.get(post(client, batch[0]).location).text
    head = {"Authorization": f"Bearer {make.token(make.person('Second', roles=['administrator']))}"}
    [shown] = client.get("/api/v1/nominations/decisions", headers=head).json["items"]
    assert (shown["stage"], shown["counts"], shown["confirmed_by"]) == ("undone", {"taken_back": 2}, "Zhou Anran")


def test_a_rejection_asks_for_a_reason_and_names_who_was_skipped(
    client: FlaskClient, make: Make, waiting: dict[str, str]
) -> None:
    confirm(client, make, [waiting["Dina"]], "reject", reason="Not an official")
    before, _again = confirm(client, make, [waiting["Dina"], waiting["Karim"]], "reject", reason=" ")
    assert "Reject: 1 nomination" in before
    assert re.search(r'data-testid="left-decided".*?Dina', before, re.S)
    assert client.get(LIST + "?state=rejected").text.count('data-state="rejected"') == 1


def test_all_that_the_filter_holds_are_decided_together(
    client: FlaskClient, make: Make, waiting: dict[str, str]
) -> None:
    sent = post(client, f"{LIST}?country=EG&state=submitted", decision="reject", all="1")
    assert "Reject: 2 nominations" in client.get(sent.location).text
    nobody = client.get(post(client, LIST, decision="reject").location).text
    assert "Select at least one nomination" in nobody


@each_row("decision", ["", "delete"])
def test_an_unknown_decision_is_refused(client: FlaskClient, waiting: dict[str, str], decision: str) -> None:
    assert post(client, LIST, decision=decision, people=waiting["Dina"]).status_code == 422
    assert post(client, LIST, decision="approve", people="nobody").status_code == 404
