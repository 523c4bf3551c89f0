"""The answers to the questions at enrolment in the list of a series' enrolments: columns, filters, files, the API."""

from __future__ import annotations

import csv
import io
from datetime import timedelta
from typing import Any

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from lms.catalogue.models import Series
from lms.core.base.errors import Forbidden, Invalid
from lms.core.base.lists import ListRequest
from lms.core.base.roles import SYSTEM
from lms.core.database.session import action, db
from lms.enrolment.queries.series import SeatFilter, list_seat_page
from lms.enrolment_questions.actions import set_questions
from lms.enrolment_questions.models import EnrolmentAnswers
from lms.enrolment_questions.queries import current_form
from lms.people.actions.merging import merge_people
from lms.people.models import Person
from tests.factories import EARLY, Make
from tests.queries import CountQueries

FRENCH = {"text": "Quels systèmes ?", "options": ["Le «Simba»", "Papier"]}
FORM: list[dict[str, Any]] = [
    {"key": "post", "kind": "text", "text": "Which border post?"},
    {"key": "systems", "kind": "choices", "text": "Which systems?", "options": ['"Simba", new', "Paper"],
     "translations": {"fr": FRENCH}},
    {"key": "level", "kind": "choice", "text": "Which level?", "options": ["High", "Low"]},
    {"key": "plan", "kind": "file", "text": "Your plan"},
    {"key": "agree", "kind": "consent", "text": "I agree."},
]  # fmt: skip
PLAN = {"key": "answers/1", "name": "plan.pdf", "kind": "pdf", "size": 9}
ANSWERS: dict[str, dict[str, Any] | None] = {
    "Ann": {"post": "Malaba", "systems": ['"Simba", new', "Paper"], "level": "High", "plan": PLAN, "agree": True},
    "Bea": {"systems": ["Paper"], "level": "Low"},
    "Cleo": None,
    "Hidden": {"post": "Busia", "systems": ["Paper"]},
}


@action
def give(series_id: int, person_id: int, answers: dict[str, Any], *, days: int = 0) -> None:
    form = current_form(series_id)
    assert form.id is not None
    at = EARLY + timedelta(days=days)
    db.session.add(
        EnrolmentAnswers(series_id=series_id, person_id=person_id, form_id=form.id, answers=answers, answered_at=at)
    )


@pytest.fixture
def people(app: APIFlask, make: Make) -> dict[str, Person]:
    """Ann, Bea and Cleo, who has not answered, in a series; and one whose profile is not shared."""
    series = make.series("customs", title="Digital customs", instructors=[make.person("Ines", email="ines@x.example")])
    people = {name: make.person(name, country="KE", email=f"{name.lower()}@x.example") for name in ANSWERS}
    for name, person in people.items():
        make.enrolment(series, person, profile_shared_at=None if name == "Hidden" else EARLY)
    with app.app_context():
        set_questions("customs", FORM, by=SYSTEM, at=EARLY)
        for name, answers in ANSWERS.items():
            if answers is not None:
                give(series.id, people[name].id, answers)
    return people


def series_of(app: APIFlask) -> Series:
    series: Series = db.session.query(Series).filter_by(slug="customs").one()
    return series


def call(make: Make, person: Person, query: str = "") -> TestResponse:
    """The list of enrolments in the API, for a person."""
    headers = {"Authorization": f"Bearer {make.token(person)}"}
    return make.app.test_client().get(f"/api/v1/series/customs/enrolments{query}", headers=headers)


def staff(make: Make) -> FlaskClient:
    client = make.app.test_client()
    make.sign_in(client, make.person("Ada", email="ada@x.example", roles=["administrator"]))
    return client


@pytest.mark.databases(differs=True)
def test_enrolments_are_filtered_by_answers(app: APIFlask, make: Make, people: dict[str, Person]) -> None:
    focal_point = make.actor(roles=[("focal_point", "KE")])
    with app.app_context():
        series = series_of(app)

        def found(**where: str) -> list[str]:
            page = list_seat_page(series, SeatFilter(answers=where), ListRequest(sort="name"), by=SYSTEM)
            return [seat.label for seat in page.seats]

        assert found(systems='"Simba", new') == ["Ann"]
        assert found(systems="Paper") == ["Ann", "Bea"]  # of whom is not shared nothing is known
        assert found(systems="Paper", level="Low") == ["Bea"]
        assert found(post="given") == ["Ann"]
        assert found(post="none") == ["Bea", "Cleo"]
        assert found(agree="given") == ["Ann"]
        assert found(plan="none") == ["Bea", "Cleo"]
        for wrong in ({"gone": "given"}, {"systems": "Pap"}, {"post": "Malaba"}):
            with pytest.raises(Invalid):
                found(**wrong)
        with pytest.raises(Forbidden):
            list_seat_page(series, SeatFilter(answers={"post": "given"}), ListRequest(), by=focal_point)


@pytest.mark.databases
def test_of_merged_people_the_last_answers_are_filtered_by(
    app: APIFlask, make: Make, people: dict[str, Person]
) -> None:
    ids = [people[name].public_id for name in ("Bea", "Cleo")]
    with app.app_context():
        series = series_of(app)
        give(series.id, people["Cleo"].id, {"level": "High"}, days=3)
        merge_people(*ids, by=SYSTEM, at=EARLY)
        for level, names in (("High", ["Ann", "Bea"]), ("Low", [])):
            page = list_seat_page(series, SeatFilter(answers={"level": level}), ListRequest(sort="name"), by=SYSTEM)
            assert [seat.label for seat in page.seats] == names


def test_the_page_has_chosen_columns_and_filters(make: Make, people: dict[str, Person]) -> None:
    client = staff(make)
    page = client.get("/series/customs/enrolments").text
    assert 'name="columns" id="c-answer_systems"' in page
    assert "Malaba" not in page
    page = client.get("/series/customs/enrolments?columns=answer_systems&columns=answer_plan&lang=fr").text
    assert "Le «Simba»" in page
    assert "Quels systèmes" in page
    assert f"/series/customs/answers/{people['Ann'].public_id}/plan" in page
    assert "answer_systems,answer_plan" in page.replace("%2C", ",")  # in the addresses of its files and other orders
    page = client.get("/series/customs/enrolments?answer_level=Low").text
    assert page.count('data-testid="enrolment"') == 1
    assert f'data-person="{people["Bea"].public_id}"' in page
    page = client.get("/series/customs/enrolments?answer_level=Middle").text
    assert "“answer_level” was ignored" in page
    assert page.count('data-testid="enrolment"') == 4


def test_the_files_have_all_answers(make: Make, people: dict[str, Person]) -> None:
    file = staff(make).get("/series/customs/enrolments.csv?answer_systems=Paper")
    rows = list(csv.DictReader(io.StringIO(file.get_data().decode("utf-8-sig"))))
    assert [row["full_name"] for row in rows] == ["Ann", "Bea"]
    assert rows[0]["Which systems?"] == '"Simba", new, Paper'
    assert rows[0]["Your plan"] == f"http://localhost/series/customs/answers/{people['Ann'].public_id}/plan"
    assert rows[1]["Which border post?"] == ""


def test_the_list_asks_as_much_for_more_people(
    app: APIFlask, make: Make, people: dict[str, Person], count_queries: CountQueries
) -> None:
    client = staff(make)
    path = "/series/customs/enrolments?columns=answer_systems,answer_post&answer_systems=Paper"
    client.get(path)

    def asked() -> int:
        with count_queries() as statements:
            assert client.get(path).status_code == 200
        return len(statements)

    few = asked()
    more = [make.person(f"More {number}", email=f"more{number}@x.example") for number in range(6)]
    with app.app_context():
        series = series_of(app)
    for person in more:
        make.enrolment(series, person, profile_shared_at=EARLY)
    with app.app_context():
        for person in more:
            give(series.id, person.id, {"systems": ["Paper"]})
    client.get(path)
    assert asked() == few
    assert few <= 26  # three of them for questions and answers


def test_only_staff_of_the_series_see_answers(make: Make, people: dict[str, Person]) -> None:
    for role in ("focal_point", "reporter"):
        client = make.app.test_client()
        make.sign_in(client, make.person(role, roles=[(role, "KE") if role == "focal_point" else role]))
        page = client.get("/series/customs/enrolments?columns=answer_post&answer_level=Low").text
        assert page.count('data-testid="enrolment"') == 4
        assert "Malaba" not in page
        assert "Which border post?" not in page
        assert "border post" not in client.get("/series/customs/enrolments.csv").text


def test_the_api_has_answers_and_filters_by_them(make: Make, people: dict[str, Person]) -> None:
    ada = make.person("Ada", roles=["administrator"])
    answers = {item["email"]: item["answers"] for item in call(make, ada).get_json()["items"]}
    url = f"http://localhost/series/customs/answers/{people['Ann'].public_id}/plan"
    assert answers["ann@x.example"] == {
        **(ANSWERS["Ann"] or {}),
        "plan": {"name": "plan.pdf", "kind": "pdf", "size": 9, "url": url},
    }
    assert answers["cleo@x.example"] == {}
    assert answers["hidden@x.example"] is None
    found = call(make, ada, "?answers=systems:Paper&answers=level:High").get_json()
    assert [item["email"] for item in found["items"]] == ["ann@x.example"]
    assert call(make, ada, "?answers=level:Middle").status_code == 422
    assert call(make, ada, "?answers=level").status_code == 422
    assert [item["answers"] for item in call(make, people["Bea"]).get_json()["items"]] == [ANSWERS["Bea"]]
    assert call(make, people["Bea"], "?answers=level:Low").status_code == 403
