"""The organiser's questions at enrolment and registration: who is asked, what blocks whom, what stays and what goes."""

from __future__ import annotations

import csv
import io
import re
from typing import Any

import pikepdf
import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from lms.catalogue.models import Series
from lms.core.base.errors import Invalid, Refused
from lms.core.base.events import PersonErased, PersonExportAsked, StoredFilesAsked, publish
from lms.core.base.roles import SYSTEM
from lms.core.database.session import action, db
from lms.core.storage import files
from lms.enrolment.actions.many import enrol_many
from lms.enrolment.actions.places import enrol
from lms.enrolment.models import EnrolmentSource, EnrolmentStatus
from lms.enrolment.queries.rows import find_enrolment
from lms.enrolment_questions.actions import answer, set_questions
from lms.enrolment_questions.models import EnrolmentAnswers
from lms.enrolment_questions.queries import list_open
from lms.people.actions.merging import merge_people, undo_merge
from lms.people.models import Person
from tests.factories import EARLY, Make
from tests.forms import token_in
from tests.rows import each_row

POST = {"key": "post", "kind": "text", "text": "At which border post do you work?", "required": True}
SYSTEMS = {"key": "systems", "kind": "choices", "text": "Which systems do you use?", "options": ["Simba", "Paper"]}
WHICH = {"key": "pages", "kind": "number", "text": "How many pages a day?", "required": True, "depends_on": "systems",
         "depends_value": "Paper"}  # fmt: skip
PLAN = {"key": "plan", "kind": "file", "text": "Your plan"}
AGREE = {"key": "agree", "kind": "consent", "text": "My data may be given to customs.", "required": True,
         "countries": ["PE"]}  # fmt: skip
SINCE = {"key": "since", "kind": "date", "text": "Since when?", "sectors": ["government"]}
FORM = [POST, SYSTEMS, WHICH, PLAN, AGREE, SINCE]


def pdf(wide: int = 100) -> bytes:
    """A file with one page of this width."""
    made, content = pikepdf.Pdf.new(), io.BytesIO()
    made.add_blank_page(page_size=(wide, 100))
    made.save(content, deterministic_id=True)
    return content.getvalue()


PDF = pdf()


@pytest.fixture
def series(app: APIFlask, make: Make) -> Series:
    series = make.series("customs", title="Digital customs")
    with app.app_context():
        set_questions("customs", FORM, by=make.administrator(), at=EARLY)
    return series


def post(client: FlaskClient, path: str, data: dict[str, Any]) -> TestResponse:
    """Sends a form with its token."""
    token = token_in(client.get("/account").text)
    return client.post(path, data={"csrf_token": token, **data}, content_type="multipart/form-data")


def signed_in(make: Make, person: Person) -> FlaskClient:
    client = make.app.test_client()
    make.sign_in(client, person)
    return client


def status_of(app: APIFlask, series: Series, person: Person) -> EnrolmentStatus | None:
    with app.app_context():
        row = find_enrolment(series.id, person.id)
        return row.status if row is not None else None


def answers_of(app: APIFlask, person: Person) -> list[dict[str, Any]]:
    with app.app_context():
        query = select(EnrolmentAnswers.answers).where(EnrolmentAnswers.person_id == person.id)
        return list(db.session.scalars(query))


@pytest.mark.databases
def test_who_enrols_is_asked_first(app: APIFlask, make: Make, series: Series) -> None:
    person = make.person("Achieng Odhiambo")
    client = signed_in(make, person)
    asked = post(client, "/series/customs/enrol", {})
    assert asked.headers["Location"] == "/series/customs/questions"
    page = client.get("/series/customs/questions").text
    assert "At which border post do you work?" in page
    assert "My data may be given to customs." not in page  # of another country
    assert "Since when?" not in page  # of another sector
    assert 'data-shown-if="systems" data-shown-value="Paper"' in page
    assert "Answer this if you answered “Which systems do you use?” with “Paper”." in page
    wrong = post(client, "/series/customs/questions", {"answers-systems": ["Paper"]})
    assert wrong.status_code == 422
    assert wrong.text.count("Answer this question.") == 4  # two questions, in the summary and at the field
    assert '<a href="#answers-post">Answer this question. At which border post do you work?</a>' in wrong.text
    assert status_of(app, series, person) is None
    sent = {"answers-post": "Malaba", "answers-systems": ["Paper"], "answers-pages": "12"}
    done = post(client, "/series/customs/questions", sent)
    assert done.status_code == 303
    assert status_of(app, series, person) is EnrolmentStatus.ENROLLED
    assert answers_of(app, person) == [{"post": "Malaba", "systems": ["Paper"], "pages": 12}]


def test_what_depends_on_another_answer_is_not_kept_without_it(app: APIFlask, make: Make, series: Series) -> None:
    """Without scripts the page shows all fields; what was typed where nothing is asked is left out."""
    person = make.person()
    sent = {"answers-post": "Malaba", "answers-systems": ["Simba"], "answers-pages": "many"}
    assert post(signed_in(make, person), "/series/customs/questions", sent).status_code == 303
    assert answers_of(app, person) == [{"post": "Malaba", "systems": ["Simba"]}]


@pytest.mark.databases
def test_enrolled_by_others_nothing_is_blocked_and_me_asks(app: APIFlask, make: Make, series: Series) -> None:
    """By staff, from files and batches, by nomination: the person is asked on /me and the page of the series until they
    have answered."""
    people = [make.person(f"Person {number}") for number in range(3)]
    with app.app_context():
        by = make.administrator()
        enrol(series.id, people[0].id, by=by, at=EARLY)
        enrol_many(series.id, [people[1].id], source=EnrolmentSource.FILE, by=by, at=EARLY)
        enrol(series.id, people[2].id, by=make.actor(people[2]), at=EARLY, source=EnrolmentSource.NOMINATION)
        assert all(find_enrolment(series.id, person.id) is not None for person in people)
        assert all(len(list_open(person.id, [series])) == 1 for person in people)
    client = signed_in(make, people[0])
    assert 'href="/series/customs/questions"' in client.get("/series/customs").text
    assert 'href="/series/customs/questions"' in client.get("/me").text
    assert post(client, "/series/customs/questions", {"answers-post": "Busia"}).status_code == 303
    assert 'href="/series/customs/questions"' not in client.get("/me").text + client.get("/series/customs").text
    with app.app_context():
        set_questions("customs", [*FORM, {"key": "new", "kind": "text", "text": "New", "required": True}],
                      by=make.administrator(), at=EARLY)  # fmt: skip
    assert 'href="/series/customs/questions"' in client.get("/me").text  # what is required now was not asked then


@pytest.mark.databases
def test_the_api_refuses_until_it_is_answered(app: APIFlask, make: Make, series: Series) -> None:
    person = make.person()
    client, headers = app.test_client(), make.headers(person)
    refused = client.post("/api/v1/series/customs/enrolments", json={}, headers=headers)
    assert (refused.status_code, refused.json and refused.json["detail"]) == (
        409, "Answer the organiser’s questions first.",
    )  # fmt: skip
    own = client.get("/api/v1/series/customs/enrolment-answers", headers=headers).json
    assert own
    assert own["missing"] == ["post"]
    address = "/api/v1/series/customs/enrolment-answers"
    for answers, field in (
        ({"post": "Busia", "gone": "x"}, "answers.gone"),
        ({"post": "Busia", "plan": {"key": "answers/x", "name": "x", "kind": "pdf", "size": 1}}, "answers.plan"),
        ({"post": "x" * 2001}, "answers.post"),
    ):
        wrong = client.put(address, json={"answers": answers}, headers=headers)
        assert wrong.status_code == 422
        assert wrong.json
        assert wrong.json["errors"][0]["field"] == field
    for _twice in range(2):
        assert client.put(address, json={"answers": {"post": "Busia"}}, headers=headers).status_code == 200
    assert len(answers_of(app, person)) == 1
    assert client.post("/api/v1/series/customs/enrolments", json={}, headers=headers).status_code == 201
    staff = make.headers(make.person("Ana", roles=["administrator"]))
    listed = client.get("/api/v1/series/customs/answers", headers=staff).json
    assert listed
    assert [(row["full_name"], row["answers"]) for row in listed["items"]] == [(person.full_name, {"post": "Busia"})]
    assert client.get("/api/v1/series/customs/answers", headers=headers).status_code == 403


@pytest.mark.databases
def test_the_api_asks_at_registration(app: APIFlask, make: Make, series: Series) -> None:
    person = make.person()
    client, headers = app.test_client(), make.headers(person)
    staff = make.headers(make.person("Ana", roles=["administrator"]))
    questions, answers = "/api/v1/registration-questions", "/api/v1/registration-answers"
    sent = {"questions": [{"key": "why", "kind": "text", "text": "Why do you register?", "required": True}]}
    assert client.put(questions, json=sent, headers=headers).status_code == 403
    for _twice in range(2):
        asked = client.put(questions, json=sent | {"version": 0 if _twice == 0 else 1}, headers=staff).json
        assert asked
        assert (asked["version"], [one["key"] for one in asked["questions"]]) == (1, ["why"])
    assert client.put(questions, json={"questions": [], "version": 0}, headers=staff).status_code == 409
    assert client.get(questions, headers=headers).json == asked
    own = client.get(answers, headers=headers).json
    assert own
    assert (own["missing"], own["answers"]) == (["why"], None)
    wrong = client.put(answers, json={"answers": {"gone": "x"}}, headers=headers)
    assert wrong.status_code == 422
    client.put("/api/v1/series/customs/enrolment-answers", json={"answers": {"post": "Busia"}}, headers=headers)
    enrolments = "/api/v1/series/customs/enrolments"
    assert client.post(enrolments, json={}, headers=headers).status_code == 409
    own = client.put(answers, json={"answers": {"why": "To learn"}}, headers=headers).json
    assert own
    assert (own["missing"], own["answers"]) == ([], {"why": "To learn"})
    assert client.post(enrolments, json={}, headers=headers).status_code == 201


@pytest.mark.databases
def test_versions_keep_their_answers(app: APIFlask, make: Make, series: Series) -> None:
    person = make.person()
    with app.app_context():
        by = make.administrator()
        answer(series, {"post": "Malaba"}, enrols=True, by=make.actor(person), at=EARLY)
        assert set_questions("customs", FORM, by=by, at=EARLY) == 1  # the same again is no new version
        other = {**POST, "text": "Where do you work?", "key": ""}
        assert set_questions("customs", [other], seen=1, by=by, at=EARLY) == 2
        with pytest.raises(Refused):
            set_questions("customs", FORM, seen=1, by=by, at=EARLY)
        with pytest.raises(Invalid):  # a question that has gone
            answer(series, {"post": "Busia"}, by=make.actor(person), at=EARLY)
    staff = signed_in(make, make.person("Ana", roles=["administrator"]))
    page = staff.get("/series/customs/answers").text
    assert "At which border post do you work?" in page
    assert "Malaba" in page


def test_a_form_of_200_questions_is_refused(app: APIFlask, make: Make, series: Series) -> None:
    many = [{"kind": "text", "text": f"Question {number}"} for number in range(200)]
    with app.app_context(), pytest.raises(Invalid) as caught:
        set_questions("customs", many, by=make.administrator(), at=EARLY)
    assert caught.value.faults[0].reason == "Use at most 30 questions."
    headers = make.headers(make.person("Ana", roles=["administrator"]))
    many_more = {"questions": many * 2}
    answered = app.test_client().put("/api/v1/series/customs/enrolment-questions", json=many_more, headers=headers)
    assert answered.status_code == 422


@each_row(
    "wrong, field",
    [
        ({"depends_on": "later"}, "questions.0.depends_on"),
        ({"countries": ["KE", "XX9"]}, "questions.0.countries"),
        ({"sectors": ["pirates"]}, "questions.0.sectors"),
    ],
)
def test_conditions_are_checked(app: APIFlask, make: Make, series: Series, wrong: dict[str, Any], field: str) -> None:
    with app.app_context(), pytest.raises(Invalid) as caught:
        set_questions("customs", [{**SYSTEMS, **wrong}, POST], by=make.administrator(), at=EARLY)
    assert [fault.field for fault in caught.value.faults] == [field]


@pytest.mark.databases
def test_a_file_is_kept_replaced_and_erased_with_its_person(app: APIFlask, make: Make, series: Series) -> None:
    person = make.person()
    client, address = signed_in(make, person), "/series/customs/questions"
    for number in range(2):
        file = (io.BytesIO(pdf(100 + number)), "plan.pdf")
        assert post(client, address, {"answers-post": "Busia", "answers-plan": file}).status_code == 303
    assert post(client, address, {"answers-post": "Malaba"}).status_code == 303  # without a file the earlier one stays
    mine = client.get(f"/series/customs/answers/{person.public_id}/plan")
    assert (mine.data, mine.headers["Content-Disposition"]) == (pdf(101), "attachment; filename=plan.pdf")
    other = signed_in(make, make.person())
    assert other.get(f"/series/customs/answers/{person.public_id}/plan").status_code == 404

    @action
    def erase() -> None:
        publish(PersonErased(person_id=person.id, withdraw_certificates=False, by=SYSTEM, at=EARLY))

    with app.app_context():
        asked = StoredFilesAsked(by=SYSTEM, at=EARLY)
        publish(asked)
        (key,) = [key for key in asked.needed if key.startswith("answers/")]
        assert files.has(key)
        export = PersonExportAsked(person_id=person.id, by=SYSTEM, at=EARLY)
        publish(export)
        assert export.parts["enrolment_answers"][0]["answers"]["post"] == "Malaba"
        erase()
        assert not files.has(key)
    assert answers_of(app, person) == []


def test_after_a_merge_is_undone_each_has_the_own_file(app: APIFlask, make: Make, series: Series) -> None:
    """The kept person answered again with the file of the merged one; neither loses it by what the other does."""
    kept, merged, by = make.person("Kept"), make.person("Merged"), make.administrator()
    address = "/series/customs/questions"
    file = (io.BytesIO(PDF), "plan.pdf")
    assert post(signed_in(make, merged), address, {"answers-post": "Busia", "answers-plan": file}).status_code == 303
    with app.app_context():
        merge_people(kept.public_id, merged.public_id, reason="the same", by=by, at=EARLY)
    client = signed_in(make, kept)
    assert post(client, address, {"answers-post": "Malaba"}).status_code == 303
    again = (io.BytesIO(pdf(200)), "plan.pdf")
    assert post(client, address, {"answers-post": "Malaba", "answers-plan": again}).status_code == 303
    (before,) = answers_of(app, merged)
    with app.app_context():
        assert files.has(before["plan"]["key"])

        @action
        def take_over() -> None:
            row = db.session.scalars(select(EnrolmentAnswers).where(EnrolmentAnswers.person_id == kept.id)).one()
            row.answers = {**row.answers, "plan": before["plan"]}

        take_over()
        undo_merge(merged.public_id, by=by, at=EARLY)
    keys = [answers["plan"]["key"] for person in (kept, merged) for answers in answers_of(app, person)]
    assert len(set(keys)) == 2
    with app.app_context():
        assert all(files.has(key) for key in keys)


@each_row(
    "content, name",
    [
        (b"<script>alert(1)</script>", "plan.pdf"),
        (b"", "plan.pdf"),
        (PDF, "plan.exe"),
        (PDF + b" " * (5 * 1024 * 1024), "plan.pdf"),
    ],
)
def test_a_hostile_or_large_file_is_refused_at_its_question(
    app: APIFlask, make: Make, series: Series, content: bytes, name: str
) -> None:
    person = make.person()
    sent = {"answers-post": "Busia", "answers-plan": (io.BytesIO(content), name)}
    refused = post(signed_in(make, person), "/series/customs/questions", sent)
    assert refused.status_code == 422
    assert 'id="answers-plan-e"' in refused.text
    assert 'value="Busia"' in refused.text or ">Busia<" in refused.text or "Busia</textarea>" in refused.text
    assert status_of(app, series, person) is None


@pytest.mark.databases
def test_answers_are_listed_filtered_and_exported(app: APIFlask, make: Make, series: Series) -> None:
    with app.app_context():
        for number, systems in enumerate((["Simba"], ["Simba", "Paper"], ["Paper"])):
            person = make.person(f"Person {number}", country="KE")
            given = {"post": f"Post {number}", "systems": systems, "pages": 3}
            answer(series, given, enrols=True, by=make.actor(person), at=EARLY)
    staff = signed_in(make, make.person("Ana", roles=["administrator"]))
    page = staff.get("/series/customs/answers?answer_systems=Paper").text
    assert re.findall(r'<th scope="row"><bdi>(Person \d)', page) == ["Person 1", "Person 2"]
    rows = list(
        csv.DictReader(io.StringIO(staff.get("/series/customs/answers.csv?answer_systems=Simba").text.lstrip("\ufeff")))
    )
    assert [(row["full_name"], row["At which border post do you work?"]) for row in rows] == [
        ("Person 0", "Post 0"), ("Person 1", "Post 1"),
    ]  # fmt: skip
    assert rows[1]["Which systems do you use?"] == "Simba, Paper"
    assert signed_in(make, make.person(roles=["reporter"])).get("/series/customs/answers").status_code == 403


def test_registration_is_asked_on_me_and_before_enrolling(app: APIFlask, make: Make, series: Series) -> None:
    with app.app_context():
        set_questions(None, [{**POST, "key": "heard", "text": "How did you hear of us?"}],
                      by=make.administrator(), at=EARLY)  # fmt: skip
    person = make.person()
    client = signed_in(make, person)
    assert 'href="/me/questions"' in client.get("/me").text
    led = client.get("/series/customs/questions")
    assert led.headers["Location"] == "/me/questions?next=/series/customs/questions"
    done = post(client, "/me/questions?next=/series/customs/questions", {"answers-heard": "From a colleague"})
    assert done.headers["Location"] == "/series/customs/questions"
    assert 'href="/me/questions"' not in client.get("/me").text
    away = post(client, "/me/questions?next=https://evil.example/", {"answers-heard": "From a friend"})
    assert away.headers["Location"] == "/me"
    assert answers_of(app, person) == [{"heard": "From a friend"}]


def test_staff_write_the_questions_on_their_page(app: APIFlask, make: Make) -> None:
    make.series("plain", title="Plain")
    staff = signed_in(make, make.person("Ana", roles=["administrator"]))
    sent = {
        "version": "0",
        "questions-0-text": "Where do you work?",
        "questions-0-kind": "text",
        "questions-0-countries": "ke, pe",
        "language": "fr",
    }
    added = post(staff, "/series/plain/questions/edit", {**sent, "step": "add"})
    assert added.text.count('data-testid="question"') == 2
    assert post(staff, "/series/plain/questions/edit", {**sent, "save": "1"}).status_code == 303
    page = staff.get("/series/plain/questions/edit").text
    assert 'value="KE PE"' in page
    late = post(staff, "/series/plain/questions/edit", {**sent, "questions-0-text": "Other", "save": "1"})
    assert "Someone else has changed the questions." in late.text
    assert signed_in(make, make.person()).get("/series/plain/questions/edit").status_code == 403
