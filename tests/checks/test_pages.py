"""The pages of knowledge checks, without JavaScript, and the API."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import Any

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from lms.catalogue.models import Series
from lms.checks.actions.large_files import LARGE_BYTES
from lms.core.background.jobs import run_due
from lms.core.storage import files
from lms.core.storage.staged import FOLDER
from lms.people.models import Person
from tests.checks.conftest import GIFT
from tests.factories import Make
from tests.forms import token_in

Send = Callable[..., TestResponse]


class Site:
    """A series with its instructor and a person enrolled, and a client for each."""

    def __init__(self, app: APIFlask, make: Make) -> None:
        self.teacher: Person = make.person("Lin Yuhan", roles=["instructor"])
        self.series: Series = make.series(slug="customs", instructors=[self.teacher])
        self.ada = make.person("Ada")
        make.enrolment(self.series, self.ada)
        self.staff, self.taker = app.test_client(), app.test_client()
        make.sign_in(self.staff, self.teacher)
        make.sign_in(self.taker, self.ada)
        self.headers = {"staff": make.headers(self.teacher), "ada": make.headers(self.ada)}

    def post(self, client: FlaskClient, page: str, to: str | None = None, **sent: Any) -> TestResponse:
        token = token_in(client.get(page).text)
        return client.post(to or page, data={"csrf_token": token, **sent})


@pytest.fixture
def site(app: APIFlask, make: Make) -> Site:
    return Site(app, make)


def import_bank(site: Site) -> str:
    page = "/series/customs/question-bank"
    file = (io.BytesIO(GIFT.read_bytes()), "moodle.gift")
    shown = site.post(site.staff, page, f"{page}/import", file=file).text
    assert "Nothing is added yet." in shown
    assert bank_ids(site) == []
    staged = re.search(r'name="staged" value="(\w+)"', shown)
    assert staged is not None
    site.post(site.staff, page, f"{page}/import", staged=staged[1])
    return shown + site.staff.get(page).text


def test_the_preview_shows_the_answers_and_what_is_left_out(site: Site) -> None:
    page = "/series/customs/question-bank"
    text = b"Which? {=Nairobi#Yes. ~%50%Mombasa}\n\nWho? {=the authority}"
    shown = site.post(site.staff, page, f"{page}/import", file=(io.BytesIO(text), "q.txt")).text
    assert "Right: <bdi>Nairobi</bdi>" in shown
    assert "<bdi>Mombasa</bdi>" in shown
    assert "Right: <bdi>Mombasa</bdi>" not in shown
    assert "Right: <bdi>the authority</bdi>" in shown
    assert "Line 1: The feedback for each answer is left out." in shown
    assert "Line 1: Part credits are left out: only answers with 100% are right." in shown


def test_a_large_file_is_read_by_a_worker_and_previewed_then(site: Site, app: APIFlask) -> None:
    page = "/series/customs/question-bank"
    words = "word " * 300
    text = "\n\n".join(f"::Q{number}::{words}? {{=a ~b}}" for number in range(300)) + "\n\nBroken {"
    assert len(text) > LARGE_BYTES
    sent = site.post(site.staff, page, f"{page}/import", file=(io.BytesIO(text.encode()), "q.txt"))
    assert (sent.status_code, sent.location.split("/")[1]) == (303, "jobs")
    with app.app_context():
        sent_files = f"{FOLDER}/sent-questions"
        assert len(files.listed(sent_files)) == 1
        assert run_due() == 1
        assert files.listed(sent_files) == [], "it is deleted once it was read"
    task = site.staff.get(sent.location).text
    assert "Questions in the preview: 300; Here already: 0; Not read: 1" in task
    address = re.search(rf"{page}/import/\w+", task)
    assert address is not None
    shown = site.staff.get(address[0]).text
    assert "300 new questions" in shown
    assert "A brace is missing." in shown
    assert site.taker.get(address[0]).status_code == 403
    staged = re.search(r'name="staged" value="(\w+)"', shown)
    assert staged is not None
    site.post(site.staff, page, f"{page}/import", staged=staged[1])
    assert len(bank_ids(site)) == 300
    gone = site.staff.get(address[0], follow_redirects=True).text
    assert "This upload has expired or was already processed." in gone


def test_a_large_file_that_cannot_be_read_says_why_on_the_page_of_its_task(site: Site, app: APIFlask) -> None:
    page = "/series/customs/question-bank"
    text = "Really? {T}\n\n" * 30_000
    sent = site.post(site.staff, page, f"{page}/import", file=(io.BytesIO(text.encode()), "q.txt"))
    with app.app_context():
        run_due()
    assert "The file has more than 1000 questions. Split it." in site.staff.get(sent.location).text
    large = site.post(site.staff, page, f"{page}/import", file=(io.BytesIO(text.encode() * 9), "q.txt"))
    assert (large.status_code, "The file is larger than 2 MB." in large.text) == (413, True)


def test_a_check_is_made_from_a_file_and_passed_at_the_second_attempt(site: Site) -> None:
    text = import_bank(site)
    assert "9 questions added." in text
    assert "Line 44: Essays cannot be marked by the system." in text
    assert "alert(" not in site.staff.get("/series/customs/question-bank").text
    new = "/series/customs/checks/new"
    ids = bank_ids(site)
    assert len(ids) == 9
    saved = site.post(site.staff, new, title="Trade", kind="check", pass_percent="60", attempts="2", items=str(ids[2]))
    check = saved.location
    assert site.taker.get(check).status_code == 404, "a draft"
    site.post(site.staff, check, f"{check}/publish")
    for answer, outcome in (("false", "Not passed: 0 of 1"), ("true", "Passed: 1 of 1")):
        attempt = site.post(site.taker, check, f"{check}/attempts").location
        page = site.taker.get(attempt).text
        assert "Question 1 of 1" in page
        question = re.search(r'name="asked" value="(\d+)"', page)
        assert question is not None
        end = site.post(site.taker, attempt, asked=question[1], go="end", **{f"q{question[1]}": answer}).location
        assert "1 of 1 answered" in site.taker.get(end).text
        result = site.taker.get(site.post(site.taker, end, f"{attempt}/submit").location).text
        assert outcome in result
    assert "Passed" in site.taker.get(check).text
    results = site.staff.get(f"{check}/results").text
    assert re.search(r"Ada.*?100(?:\.0)?", results, re.DOTALL)
    rows = site.staff.get(f"{check}/results.csv").text.splitlines()
    assert rows[0].lstrip("\ufeff").split(",")[1:6] == ["name", "country", "attempts", "percent", "passed"]
    assert rows[1].split(",")[1:6] == ["Ada", "KE", "2", "100.0", "yes"]
    assert "https" not in rows[1]
    assert site.taker.get(f"{check}/results").status_code == 403


def test_a_question_is_written_by_hand_and_what_was_typed_stays(site: Site) -> None:
    page = "/series/customs/question-bank/new?kind=several"
    wrong = site.post(site.staff, page, text="Which?", option=["One", "Two", ""])
    assert wrong.status_code == 422
    assert "Mark at least one answer as right." in wrong.text
    assert 'value="Two"' in wrong.text
    assert site.post(site.staff, page, text="Which?", option=["", "One", "Two"], right="2").status_code == 303
    bank = site.staff.get("/series/customs/question-bank").text
    address = re.search(r"/series/customs/question-bank/\d+", bank)
    assert address is not None
    stored = site.staff.get(address[0]).text
    assert re.search(r'value="1" checked', stored), "the second row left is the right one"
    assert site.post(site.staff, address[0], f"{address[0]}/delete").status_code == 303
    assert "Which?" not in site.staff.get("/series/customs/question-bank").text


def test_the_script_saves_and_is_answered_without_a_page(site: Site) -> None:
    import_bank(site)
    made = site.staff.post(
        "/api/v1/series/customs/checks",
        json={"title": "All", "items": bank_ids(site), "attempts": 1},
        headers=site.headers["staff"],
    )
    check = f"/series/customs/checks/{made.json['id']}"
    attempt = site.post(site.taker, check, f"{check}/attempts").location
    page = site.taker.get(f"{attempt}?all=1").text
    assert page.count('name="asked"') == 9
    # the places of a question that has several are called together by its text
    groups = re.findall(r'role="group" aria-labelledby="(q\d+-h)"', page)
    assert groups
    assert all(f'<h2 class="h3" id="{one}"' in page for one in groups)
    first = re.search(r'name="asked" value="(\d+)"', page)
    assert first is not None
    sent = {"csrf_token": token_in(page), "go": "stay", "asked": first[1]}
    assert [site.taker.post(attempt, data=sent).status_code for _again in range(2)] == [200, 200]
    site.post(site.taker, f"{attempt}?end=1", f"{attempt}/submit")
    assert site.taker.post(attempt, data=sent).status_code == 409


def bank_ids(site: Site) -> list[int]:
    bank = site.staff.get("/api/v1/series/customs/question-bank", headers=site.headers["staff"])
    return [item["id"] for item in bank.json["items"]]


def test_the_api_makes_a_check_and_takes_it(site: Site, client: FlaskClient) -> None:
    bank, staff, ada = "/api/v1/series/customs/question-bank", site.headers["staff"], site.headers["ada"]
    question = {"kind": "one", "text": "The capital of Kenya?", "options": ["Mombasa", "Nairobi"], "right": [1]}
    first, again = (client.post(bank, json=question, headers=staff) for _again in range(2))
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json["id"] == again.json["id"]
    file = client.post(bank, data={"file": (io.BytesIO(b"Is it?{T}\n\nBroken {"), "q.txt")}, headers=staff)
    assert (file.json["created"], file.json["rejected"]) == (1, [{"row": 3, "reason": "A brace is missing."}])
    sent = {"title": "Capitals", "items": [first.json["id"]], "pass_percent": 100, "attempts": 1}
    made = client.post("/api/v1/series/customs/checks", json=sent, headers=staff)
    assert (made.status_code, made.json["state"], made.json["items"]) == (201, "open", [first.json["id"]])
    listed = client.get("/api/v1/series/customs/checks", headers=ada).json["items"]
    assert [(one["title"], one["items"], one["attempts_left"]) for one in listed] == [("Capitals", None, 1)]
    begun = client.post(f"/api/v1/series/customs/checks/{made.json['id']}/attempts", json={}, headers=ada)
    assert begun.status_code == 201
    (item,) = begun.json["items"]
    assert (item["right"], item["solution"]) == (None, None)
    attempt = f"/api/v1/series/customs/attempts/{begun.json['id']}"
    answer = {"answers": {str(item["id"]): item["options"].index("Nairobi")}}
    assert client.patch(attempt, json=answer, headers=ada).status_code == 200
    done = client.post(f"{attempt}/submit", json={}, headers=ada).json
    assert (done["state"], done["percent"], done["passed"]) == ("submitted", 100.0, True)
    assert done["items"][0]["solution"] == ["Nairobi"]
    assert client.patch(attempt, json=answer, headers=ada).status_code == 409
    results = client.get(f"/api/v1/series/customs/checks/{made.json['id']}/results", headers=staff).json
    assert [(row["name"], row["percent"], row["passed"]) for row in results["items"]] == [("Ada", "100.0", "yes")]


def test_a_bank_is_downloaded_and_read_again(site: Site) -> None:
    import_bank(site)
    file = site.staff.get("/series/customs/question-bank.gift")
    assert file.headers["Content-Disposition"].endswith("customs.gift.txt")
    page = "/series/customs/question-bank"
    again = (io.BytesIO(file.data), "again.txt")
    site.post(site.staff, page, f"{page}/import", format="gift", file=again)
    assert len(bank_ids(site)) == 9
