"""An attempt that is open in two tabs: what one saves is never overwritten by what the other showed."""

from __future__ import annotations

import re
from html import unescape
from random import Random
from typing import Any

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient

from lms.checks.actions.attempts import save_page
from lms.checks.models import QuestionKind
from lms.checks.queries.checks import get_sitting
from lms.checks.shown_questions import checked_answer, version_of
from lms.core.base.errors import Invalid
from lms.core.database.session import db
from lms.core.time import clock
from lms.people.models import Person
from tests.checks.conftest import NOW, Sittings
from tests.factories import Make
from tests.properties import seeds


class Tab:
    """A page with all questions as it was loaded, and what is chosen on it."""

    def __init__(self, client: FlaskClient, address: str) -> None:
        self.client, self.address = client, address
        self.load(client.get(f"{address}?all=1").text)

    def load(self, page: str) -> None:
        self.page, self.sent = page, dict[str, Any]()
        self.sent["asked"] = re.findall(r'name="asked" value="(\d+)"', page)
        for name, value in re.findall(r'type="hidden" name="((?:had-|choose|csrf_token)[^"]*)" value="([^"]*)"', page):
            self.sent.setdefault(name, unescape(value))
        for _kind, name, value in re.findall(
            r'<input type="(radio|checkbox)" [^>]*name="(q\d+)" value="(\w+)" checked', page
        ):
            self.sent.setdefault(name, []).append(value)
        for name, value in re.findall(r'<input class="form-control[^>]*name="(q\d+)" value="([^"]*)"', page):
            self.sent[name] = unescape(value)

    def save(self, go: str = "end", **more: Any) -> Any:
        return self.client.post(self.address, data={**self.sent, "go": go, **more})


class Desk:
    """Ada, who takes a check of a choice, a number and a short text."""

    def __init__(self, app: APIFlask, make: Make, client: FlaskClient) -> None:
        self.app, self.client = app, client
        with app.app_context():
            self.sittings = sittings = Sittings(make)
            check_id = sittings.check([sittings.bank[0], sittings.bank[3], sittings.bank[4]])
            self.public_id = sittings.begin(check_id, sittings.ada, at=clock.now())
            make.sign_in(client, db.session.get_one(Person, sittings.ada.person_id))
        self.one, self.number, self.text = (
            f"q{item}" for item in (sittings.bank[0], sittings.bank[3], sittings.bank[4])
        )

    def tab(self) -> Tab:
        return Tab(self.client, f"/check-attempts/{self.public_id}")

    def stored(self) -> dict[str, Any]:
        with self.app.app_context():
            answers = get_sitting(self.public_id, by=self.sittings.ada).attempt.answers
            return {f"q{key}": answer for key, answer in answers.items() if answer is not None}


@pytest.fixture
def desk(app: APIFlask, make: Make, client: FlaskClient) -> Desk:
    return Desk(app, make, client)


def test_the_older_tab_keeps_what_the_newer_one_saved(desk: Desk) -> None:
    older, newer = desk.tab(), desk.tab()
    newer.sent |= {desk.one: "2", desk.text: "the authority"}
    assert newer.save().status_code == 303
    older.sent[desk.number] = "3.14"
    assert older.save().status_code == 303
    assert desk.stored() == {desk.one: 2, desk.text: "the authority", desk.number: "3.14"}


def test_two_answers_to_one_question_are_both_shown_and_one_is_chosen(desk: Desk) -> None:
    older, newer = desk.tab(), desk.tab()
    newer.sent[desk.text] = "the authority"
    newer.save()
    older.sent |= {desk.text: "nobody", desk.number: "3"}
    asked = older.save(go="2")
    assert asked.status_code == 409
    assert "Saved on the other page: <bdi>the authority</bdi>" in asked.text
    assert "Answered on this page: <bdi>nobody</bdi>" in asked.text
    assert desk.stored() == {desk.text: "the authority", desk.number: "3"}, "the number was changed in this tab alone"
    choice = desk.tab()
    choice.load(asked.text)
    choice.sent[desk.text] = "nobody"
    use = f"use-{desk.text[1:]}"
    assert choice.save().status_code == 409, "nothing was chosen"
    assert choice.save(**{use: "stored"}).status_code == 303
    assert desk.stored()[desk.text] == "the authority"
    assert choice.save(go="2", **{use: "mine"}).location.endswith("question=2")
    assert desk.stored()[desk.text] == "nobody"


def test_a_script_hears_what_was_saved_and_what_differs(desk: Desk) -> None:
    older, newer = desk.tab(), desk.tab()
    newer.sent[desk.text] = "the authority"
    saved = newer.save(go="stay").json
    assert (saved["saved"][desk.text[1:]], saved["differing"]) == (version_of("the authority"), [])
    older.sent |= {desk.text: "nobody", desk.number: "six"}
    answer = older.save(go="stay").json
    assert (answer["differing"], answer["faults"]) == ([desk.text[1:]], {desk.number[1:]: "Enter a number in digits."})
    newer.sent[desk.text] = "the ministry"
    assert newer.save(go="stay").json["differing"] == [desk.text[1:]], "it did not take the version that it was told"
    newer.sent[f"had-{desk.text[1:]}"] = version_of("the authority")
    assert newer.save(go="stay").json["differing"] == []


def test_words_in_the_place_of_a_number_are_refused_and_stay(desk: Desk) -> None:
    tab = desk.tab()
    tab.sent |= {desk.number: "six", desk.one: "1"}
    answer = tab.save()
    assert answer.status_code == 422
    assert "Enter a number in digits." in answer.text
    assert re.search(rf'name="{desk.number}" value="six"[^>]*aria-invalid="true"', answer.text)
    assert desk.stored() == {desk.one: 1}, "the other answer of the page was saved"
    tab.load(answer.text)
    tab.sent |= {desk.number: "6", desk.one: "0"}
    assert tab.save().status_code == 303
    assert desk.stored() == {desk.one: 0, desk.number: "6"}


@pytest.mark.parametrize("sent", ["six", "1 2", "--1", "6 boxes", "1" * 31])
def test_the_api_refuses_what_is_no_number(sittings: Sittings, sent: str) -> None:
    public_id = sittings.begin(sittings.check(), sittings.ada)
    number = next(q for q in get_sitting(public_id, by=sittings.ada).questions if q.kind is QuestionKind.NUMBER)
    with pytest.raises(Invalid, match="Enter a number in digits"):
        checked_answer(number, sent)


@pytest.mark.parametrize("seed", seeds(5))
@pytest.mark.databases
def test_no_tab_overwrites_what_it_never_showed(sittings: Sittings, seed: int) -> None:
    """Three tabs load, change and save in any order; what is stored changes only where the tab showed it, or agreed."""
    random, ada = Random(seed), sittings.ada
    items = [str(sittings.bank[3]), str(sittings.bank[4])]
    public_id = sittings.begin(sittings.check([sittings.bank[3], sittings.bank[4]]), ada)
    stored: dict[str, str | None] = dict.fromkeys(items)
    tabs = [(dict(stored), dict(stored)) for _tab in range(3)]
    asked = 0
    for _step in range(120):
        place = random.randrange(3)
        shown, chosen = tabs[place]
        match random.choice(["load", "change", "change", "save", "save"]):
            case "load":
                tabs[place] = dict(stored), dict(stored)
            case "change":
                chosen[random.choice(items)] = random.choice(["1", "2", "3", None])
            case _:
                known = {key: version_of(answer) for key, answer in shown.items()}
                saved = save_page(public_id, chosen, known, by=ada, at=NOW)
                assert saved is not None
                for key in items:
                    is_changed = chosen[key] != shown[key]
                    if is_changed and stored[key] not in (shown[key], chosen[key]):
                        assert saved.differing[key] == chosen[key]
                        asked += 1
                    else:
                        assert key not in saved.differing
                        stored[key] = chosen[key] if is_changed else stored[key]
                    if key in saved.versions:
                        assert saved.versions[key] == version_of(stored[key])
                        shown[key] = stored[key]
                answers = get_sitting(public_id, by=ada).attempt.answers
                assert {key: answers.get(key) for key in items} == stored
    assert asked
