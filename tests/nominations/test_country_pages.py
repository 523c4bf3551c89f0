"""Pages of a focal point's nominations: a file in two steps, the list with its actions, and one nomination."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from apiflask import APIFlask
from flask import g
from sqlalchemy import select
from werkzeug.test import TestResponse

from lms.catalogue.models import Series
from lms.core.base.roles import SYSTEM, Actor
from lms.core.database.session import db
from lms.core.storage.tables import read_table
from lms.core.time import clock
from lms.enrolment.actions.places import enrol
from lms.nominations.actions import files
from lms.nominations.actions.answering import decline
from lms.nominations.actions.nominating import nominate
from lms.nominations.models import Nomination
from lms.people.models import Person
from lms.people.queries.countries import get_country
from tests.enrolment.conftest import Cast
from tests.enrolment.test_views import Reader
from tests.factories import Make
from tests.nominations.conftest import keep, row, secret_of
from tests.nominations.test_actions import states

pytestmark = pytest.mark.usefixtures("context")
Read = Callable[..., Reader]
FILE = "/country/nominations/file"
LIST = "/country/nominations"


class Browser(Reader):
    """A browser beside others: what the app context knows of who is there is of one request."""

    def get(self, path: str) -> TestResponse:
        vars(g).clear()
        return super().get(path)

    def post(self, path: str, **form: Any) -> TestResponse:
        vars(g).clear()
        return super().post(path, **form)


@pytest.fixture
def reader(app: APIFlask, make: Make) -> Read:
    def read_as(name: str, role: tuple[str, str] | None = None) -> Reader:
        person = make.person(name, f"{name.casefold()}@people.test", country="KE", roles=[role] if role else [])
        return Browser(app.test_client(), make, person)

    return read_as


@pytest.fixture
def peter(reader: Read) -> Reader:
    """Kenya's focal point at a browser."""
    return reader("Peter", ("focal_point", "KE"))


def kenya() -> int:
    return get_country("KE").id


def actor(who: Reader) -> Actor:
    return Actor(
        person_id=who.person.id, roles=frozenset({"focal_point"}), country_ids=frozenset({get_country("KE").id})
    )  # type: ignore[arg-type]


def upload(who: Reader, series: Series, text: str) -> TestResponse:
    file = (io.BytesIO(text.encode()), "nominees.csv")
    return who.post(FILE, series=series.slug, file=file)


def texts(page: str, pattern: str) -> list[str]:
    return re.findall(pattern, page)


def test_a_file_goes_through_a_preview_to_nominations_and_its_bad_rows_back_in(
    cast: Cast, series: Series, peter: Reader
) -> None:
    home = cast.person("Samuel Kiprop")
    assert home.person_id is not None
    enrol(series.id, home.person_id, by=SYSTEM, at=clock.now())
    text = (
        "email;full_name\n"
        "good@people.test;Good Name\n"
        '"faith.mumbua@gmail,com";Faith Mumbua\n'
        "samuel.kiprop@people.test;Samuel Kiprop\n"
    )
    sent = upload(peter, series, text)
    assert sent.status_code == 303
    preview = peter.get(sent.location)
    assert "1 of 3 people can be nominated" in preview.text
    assert texts(preview.text, r'data-kind="(\w+)"') == ["email", "enrolled"]
    assert "Perhaps faith.mumbua@gmail.com" in preview.text
    assert "full_name:" not in preview.text
    wrong = "email;full_name;sector;gender;job_title\n" + (
        f"a@people.test;A B;goverment;;\nb@people.test;B C;;femal;\nc@people.test;C D;;;{'x' * 300}\n"
    )
    said = peter.get(upload(peter, series, wrong).location).text
    for text in (
        "Unknown sector “goverment”. Use one of: government, business, academia, civil_society, other.",
        "Perhaps “government”",
        "Unknown gender “femal”. Use one of: female, male, other. Perhaps “female”",
        "Job title: Use at most 200 characters.",
    ):
        assert text in said
    assert texts(peter.get(f"{sent.location}?kind=enrolled").text, r'data-kind="(\w+)"') == ["enrolled"]
    assert states() == {}

    before = {kind: peter.get(f"{sent.location}/problems.{kind}").data for kind in ("csv", "xlsx")}
    done = peter.post(sent.location, step="nominate")
    assert done.status_code == 303
    result = peter.get(done.location).text
    assert "1 person nominated" in result
    assert states() == {"Good Name": "invited"}
    peter.post(sent.location, step="nominate")
    assert states() == {"Good Name": "invited"}

    for kind, content in before.items():
        assert peter.get(f"{sent.location}/problems.{kind}").data[:4] == content[:4]
        table = read_table(content)
        assert table.headings == ["email", "full_name", "problem"]
        assert [cells[:2] for _line, cells in table.rows] == [
            ["faith.mumbua@gmail,com", "Faith Mumbua"],
            ["samuel.kiprop@people.test", "Samuel Kiprop"],
        ]
    mended = before["csv"].decode("utf-8-sig").replace("gmail,com", "gmail.com")
    again = upload(peter, series, mended)
    assert "1 of 2 people can be nominated" in peter.get(again.location).text
    peter.post(again.location, step="nominate")
    assert states() == {"Good Name": "invited", "Faith Mumbua": "invited"}


def test_people_beyond_the_quota_are_announced_and_stay_drafts(series: Series, peter: Reader) -> None:
    keep(series, kenya(), 1, until=clock.now() + timedelta(days=3))
    sent = upload(peter, series, "email,full_name\na@people.test,A\nb@people.test,B\n")
    page = peter.get(sent.location).text
    assert "More people than places: 2 for 1" in page
    assert "1 of 2 people can be nominated now" in page
    assert "Nominate 1 and save 1 as a draft" in page
    done = peter.post(sent.location, step="nominate")
    assert states() == {"A": "invited", "B": "drafted"}
    assert "<h1>1 nominated, 1 saved as a draft</h1>" in peter.get(done.location).text


def test_a_file_beyond_a_full_quota_can_only_be_saved_as_drafts(series: Series, peter: Reader) -> None:
    keep(series, kenya(), 0, until=clock.now() + timedelta(days=3))
    sent = upload(peter, series, "email,full_name\na@people.test,A\nb@people.test,B\n")
    page = peter.get(sent.location).text
    assert 'value="nominate"' not in page
    assert "Save 2 people as drafts" in page
    done = peter.post(sent.location, step="draft")
    assert states() == {"A": "drafted", "B": "drafted"}
    assert "<h1>2 people saved as drafts</h1>" in peter.get(done.location).text


def test_a_file_can_be_kept_as_drafts_or_cancelled(series: Series, peter: Reader) -> None:
    sent = upload(peter, series, "email,full_name\na@people.test,A\n")
    peter.post(sent.location, step="cancel")
    assert peter.said() == ["Import cancelled. Nobody was nominated."]
    assert peter.get(sent.location).status_code == 303
    sent = upload(peter, series, "email,full_name\na@people.test,A\n")
    peter.post(sent.location, step="draft")
    assert states() == {"A": "drafted"}


def test_only_series_that_take_nominations_from_the_country_are_offered(
    cast: Cast, series: Series, peter: Reader
) -> None:
    cast.series("for-uganda", admission="nomination", countries=("UG",))
    cast.lecture("for-uganda")
    cast.series("for-all")
    cast.lecture("for-all")
    page = peter.get(FILE).text
    assert texts(page, r'<option[^>]* value="([\w-]+)"') == [series.slug]
    answer = peter.post(FILE, series="for-uganda", file=(io.BytesIO(b"email\n"), "x.csv"))
    assert answer.status_code == 422


def test_a_large_file_leads_to_its_progress(series: Series, peter: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "LARGE", 1)
    sent = upload(peter, series, "email,full_name\na@people.test,A\nb@people.test,B\n")
    done = peter.post(sent.location, step="nominate")
    assert "/jobs/" in done.location
    assert peter.get(sent.location).location == done.location
    assert "Nominating people from a file" in peter.get(done.location).text


def test_nobody_else_reads_a_file(series: Series, peter: Reader, reader: Read) -> None:
    sent = upload(peter, series, "email,full_name\na@people.test,A\n")
    for other in (reader("Grace", ("focal_point", "KE")), reader("Okello", ("focal_point", "UG"))):
        assert other.get(sent.location).status_code == 303
        assert other.get(f"{sent.location}/problems.csv").status_code == 404
    assert reader("Trainee").get(FILE).status_code == 403


# The list


def nominated(series: Series, who: Reader, *names: str, **given: Any) -> list[str]:
    at = given.pop("at", clock.now())
    answer = nominate(series.id, [row(name) for name in names], country_id=kenya(), by=actor(who), at=at, **given)
    return [*answer.invited, *answer.submitted, *answer.drafted]


def test_the_list_is_of_the_own_country_filtered_by_its_figures(
    cast: Cast, series: Series, peter: Reader, reader: Read
) -> None:
    nominated(series, peter, "Achieng Odhiambo", "Halima Noor")
    nominated(series, peter, "Mwende Kilonzo", submit=False)
    decline(secret_of("halima.noor@people.test"), "On leave until January", at=clock.now())
    okello = reader("Okello", ("focal_point", "UG"))
    page = peter.get(LIST).text
    assert texts(page, r'data-testid="figure-(\w+)" data-value="(\d+)"') == [
        ("all", "3"),
        ("drafted", "1"),
        ("invited", "1"),
        ("declined", "1"),
    ]
    assert "On leave until January" in page
    assert texts(peter.get(f"{LIST}?state=drafted").text, r'data-state="(\w+)"') == ["drafted"]
    assert texts(peter.get(f"{LIST}?q=HALIMA").text, r'data-state="(\w+)"') == ["declined"]
    assert texts(peter.get(f"{LIST}?sort=name").text, r"<bdi>(\w+) \w+</bdi></a></th>") == [
        "Achieng",
        "Halima",
        "Mwende",
    ]
    assert texts(okello.get(LIST).text, r'data-state="(\w+)"') == []
    csv = peter.get(f"{LIST}.csv?state=declined").text
    assert csv.count("\n") == 2
    assert "Halima Noor" in csv
    assert peter.get(f"{LIST}.xlsx").data.startswith(b"PK")


def test_selected_nominations_are_withdrawn_after_a_question(series: Series, peter: Reader) -> None:
    ids = nominated(series, peter, "A", "B", "C")
    asked = peter.post(LIST, do="withdraw", people=ids[:2])
    assert "Withdraw: 2 nominations" in asked.text
    assert set(states().values()) == {"invited"}
    assert peter.post(LIST, do="withdraw", people=ids[:2], confirm="1").status_code == 303
    assert states() == {"A": "withdrawn", "B": "withdrawn", "C": "invited"}
    assert peter.said() == ["2 nominations were withdrawn."]
    assert peter.post(LIST, do="withdraw").status_code == 303
    assert peter.said() == ["Select at least one nomination."]
    assert peter.post(LIST, do="burn", people=ids).status_code == 422


def test_all_that_a_filter_holds_are_submitted_but_none_that_came_later(series: Series, peter: Reader) -> None:
    nominated(series, peter, "A", "B", submit=False)
    asked = peter.post(f"{LIST}?state=drafted", do="submit", all="1")
    assert "Submit: 2 nominations" in asked.text
    up_to = texts(asked.text, r'name="up_to" value="(\d+)"')
    nominated(series, peter, "C", submit=False)
    peter.post(f"{LIST}?state=drafted", do="submit", all="1", up_to=up_to, confirm="1")
    assert states() == {"A": "invited", "B": "invited", "C": "drafted"}


def test_invitations_are_sent_again_at_most_every_three_days(series: Series, peter: Reader) -> None:
    old = nominated(series, peter, "Old", at=clock.now() - timedelta(days=4))
    new = nominated(series, peter, "New")
    peter.post(LIST, do="remind", people=[*old, *new], confirm="1")
    assert peter.said() == [
        "1 invitation was sent again.",
        "1 was left out: it was sent less than 3 days ago, or waits for no answer.",
    ]
    peter.post(f"{LIST}/remind?series={series.slug}&country=KE")
    assert peter.said()[0] == "0 invitations were sent again."


def test_nominations_of_another_country_cannot_be_acted_on_or_opened(
    series: Series, peter: Reader, reader: Read
) -> None:
    ids = nominated(series, peter, "A")
    okello = reader("Okello", ("focal_point", "UG"))
    okello.post(LIST, do="withdraw", people=ids, confirm="1")
    assert okello.said() == ["Select at least one nomination."], "as for ids of nothing"
    assert okello.get(f"{LIST}/{ids[0]}").status_code == 404
    okello.post(f"{LIST}/remind?series={series.slug}&country=KE")
    assert states() == {"A": "invited"}


def test_one_nomination_shows_its_history_in_words(series: Series, peter: Reader) -> None:
    ids = nominated(series, peter, "Halima Noor", at=clock.now() - timedelta(days=2))
    decline(secret_of("halima.noor@people.test"), "On leave until January", at=clock.now())
    page = peter.get(f"{LIST}/{ids[0]}").text
    assert texts(page, r'data-what="(\w+)"') == ["nominated", "submitted", "invited", "declined"]
    assert "On leave until January" in page


def test_an_erased_nominee_is_listed_without_a_name(series: Series, peter: Reader) -> None:
    ids = nominated(series, peter, "Gone")
    one = db.session.scalars(select(Nomination)).one()
    one.full_name = one.email = one.email_key = ""
    db.session.commit()
    assert "Deleted person" in peter.get(LIST).text
    assert peter.get(f"{LIST}/{ids[0]}").status_code == 200
    assert db.session.scalar(select(Person.id).where(Person.full_name == "Gone")) is None
