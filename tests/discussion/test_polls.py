"""Polls: one answer a person that can change, results when they are shown, and countries only with five answers."""

from __future__ import annotations

import csv
import io
import re
from datetime import date
from typing import Any

import pytest
from flask.testing import FlaskClient

from lms.core.base.errors import Forbidden, Invalid, NotFound, Refused
from lms.core.database.session import action, db
from lms.core.time import clock
from lms.discussion import polls
from lms.discussion.models import Poll
from lms.discussion.polls import CountryAnswers
from lms.people.actions.merging import merge_people
from lms.people.actions.persons import change_profile
from lms.people.models import Person
from tests.discussion.test_questions import Hall
from tests.factories import Make
from tests.forms import token_in

OPTIONS = ("Wallet", "Card", "Bank transfer")


class Polling(Hall):
    """A live lecture with an open poll."""

    def make_poll(self, *, options: tuple[str, ...] = OPTIONS, is_several: bool = False) -> int:
        with self.make.app.app_context():
            return polls.make_poll(
                self.id, "How do buyers pay?", options, is_several=is_several, by=self.staff, at=clock.now()
            )

    def step(self, poll_id: int, step: str) -> None:
        with self.make.app.app_context():
            polls.change_poll(self.id, poll_id, step, by=self.staff, at=clock.now())

    def answer(self, person: Person, poll_id: int, *options: int) -> None:
        with self.make.app.app_context():
            by = self.make.actor(person)
            polls.answer_poll(self.id, poll_id, options, person_id=person.id, by=by, at=clock.now())

    def shared(self) -> list[Any]:
        return list(self.snapshot()["polls"])


@pytest.fixture
def hall(client: FlaskClient, make: Make, monkeypatch: pytest.MonkeyPatch) -> Polling:
    monkeypatch.setattr("lms.discussion.queries.STANDS_MS", 0)
    return Polling(client, make)


def test_a_poll_is_opened_answered_and_closed_and_an_answer_is_changed_until_then(hall: Polling) -> None:
    poll = hall.make_poll()
    assert hall.shared() == []
    with pytest.raises(NotFound):
        hall.answer(hall.ada, poll, 0)
    hall.step(poll, "open")
    for option in (0, 1, 1):
        hall.answer(hall.ada, poll, option)
    assert [(one["answers"], one["options"][1]["votes"]) for one in hall.shared()] == [(1, None)]
    hall.step(poll, "show")
    hall.answer(hall.grace, poll, 0)
    assert [option["votes"] for option in hall.shared()[0]["options"]] == [1, 1, 0]
    hall.step(poll, "close")
    for late in (hall.person("Linus"), hall.ada):
        with pytest.raises(Refused, match="closed"):
            hall.answer(late, poll, 2)
    assert [option["votes"] for option in hall.shared()[0]["options"]] == [1, 1, 0]
    assert (hall.shared()[0]["state"], hall.shared()[0]["answers"]) == ("closed", 2)


def test_limits_of_polls_and_answers(hall: Polling) -> None:
    for options in (("One",), ("Same", "same"), tuple(map(str, range(9))), ("x" * 201, "y")):
        with pytest.raises(Invalid):
            hall.make_poll(options=options)
    poll = hall.make_poll()
    hall.step(poll, "open")
    for chosen in ((), (3,), (-1,), (0, 1)):
        with pytest.raises(Invalid):
            hall.answer(hall.ada, poll, *chosen)
    with pytest.raises(Forbidden):
        hall.answer(hall.make.person("Stranger"), poll, 0)
    several = hall.make_poll(is_several=True)
    hall.step(several, "open")
    hall.answer(hall.ada, several, 0, 2)
    with hall.make.app.app_context():
        view = polls.get_poll(hall.id, several, by=hall.make.actor(hall.ada), at=clock.now())
        assert (view.answers, view.votes, view.chosen) == (1, None, [0, 2])


def test_merged_people_answer_once_and_few_of_a_country_are_not_listed(hall: Polling) -> None:
    poll = hall.make_poll()
    hall.step(poll, "open")
    people = [hall.person(f"K{number}", country="KE") for number in range(6)]
    for person in [*people, *(hall.person(f"P{number}", country="PE") for number in range(5))]:
        hall.answer(person, poll, 0)
    with hall.make.app.app_context():
        by = hall.make.administrator()
        merge_people(people[0].public_id, people[1].public_id, reason="twice", is_confirmed=True, by=by, at=clock.now())
    hall.step(poll, "close")
    assert hall.shared()[0]["answers"] == 10
    with hall.make.app.app_context():
        assert polls.countries_of(db.session.get_one(Poll, poll)) == [
            CountryAnswers("KE", 5, [5, 0, 0]), CountryAnswers("PE", 5, [5, 0, 0]),
        ]  # fmt: skip
    hall.step(poll, "open")
    hall.answer(hall.person("U", country="UG"), poll, 0)
    hall.step(poll, "close")
    with hall.make.app.app_context():  # one of Uganda could be told from the sum, and from what was shown before
        assert polls.countries_of(db.session.get_one(Poll, poll)) == []
    for number in range(5):
        hall.step(poll, "open")
        hall.answer(hall.person(f"U{number}", country="UG"), poll, 1)
        hall.step(poll, "close")
    with hall.make.app.app_context():
        shown = [(row.code, row.answers) for row in polls.countries_of(db.session.get_one(Poll, poll))]
        assert shown == [("UG", 6), ("KE", 5), ("PE", 5)]


def test_a_poll_that_is_closed_keeps_its_countries(hall: Polling) -> None:
    """One who moves, or answers when it is open again, is not found by reading it twice."""
    poll = hall.make_poll()
    hall.step(poll, "open")
    people = {code: [hall.person(f"{code}{n}", country=code) for n in range(6)] for code in ("KE", "PE")}
    for person in (*people["KE"], *people["PE"]):
        hall.answer(person, poll, 0)
    hall.step(poll, "close")
    shown = [CountryAnswers("KE", 6, [6, 0, 0]), CountryAnswers("PE", 6, [6, 0, 0])]
    with hall.make.app.app_context():
        moved = {"country": "PE", "country_from": date(2020, 1, 1)}
        change_profile(people["KE"][0].public_id, moved, by=hall.make.administrator(), at=clock.now())
        assert polls.countries_of(db.session.get_one(Poll, poll)) == shown
    hall.step(poll, "open")
    hall.step(poll, "close")
    with hall.make.app.app_context():
        assert polls.countries_of(db.session.get_one(Poll, poll)) == shown


def test_of_merged_people_the_answer_given_last_counts_and_is_marked(hall: Polling) -> None:
    poll, twin = hall.make_poll(), hall.person("Ada L.")
    hall.step(poll, "open")
    hall.answer(twin, poll, 0)
    hall.answer(hall.ada, poll, 1)
    with hall.make.app.app_context():
        by = hall.make.administrator()
        merge_people(hall.ada.public_id, twin.public_id, reason="twice", is_confirmed=True, by=by, at=clock.now())

    def seen() -> tuple[int, list[int] | None, list[int] | None]:
        with hall.make.app.app_context():
            mine = polls.get_poll(hall.id, poll, by=hall.make.actor(hall.ada), at=clock.now())
            return mine.answers, polls.get_poll(hall.id, poll, by=hall.staff, at=clock.now()).votes, mine.chosen

    assert seen() == (1, [0, 1, 0], [1])
    hall.answer(hall.ada, poll, 2)
    assert seen() == (1, [0, 0, 1], [2])


def test_the_form_of_an_open_poll_marks_the_answer_and_a_closed_poll_has_none(hall: Polling) -> None:
    poll = hall.make_poll()
    hall.step(poll, "open")
    hall.make.sign_in(hall.client, hall.ada)

    def part() -> str:
        return hall.client.get(f"/lectures/{hall.id}/polls/part").text

    assert ("The poll is open" in part(), "Send answer" in part(), "checked" in part()) == (True, True, False)
    hall.answer(hall.ada, poll, 1)
    assert "Change answer" in part()
    assert re.findall(r'id="poll-\d+-(\d)"[^>]* checked', part()) == ["1"]
    assert part().count("Your answer<") == 1
    hall.step(poll, "close")
    assert ("The poll is closed" in part(), "<form" in part(), part().count("Your answer<")) == (True, False, 1)


def test_open_polls_stand_before_the_last_closed_one_and_earlier_ones_fold(hall: Polling) -> None:
    first, second, third = (hall.make_poll() for _number in range(3))
    for poll in (first, second, third):
        hall.step(poll, "open")
    hall.step(third, "close")
    hall.make.sign_in(hall.client, hall.ada)

    def order() -> list[list[int]]:
        shown = hall.client.get(f"/lectures/{hall.id}/polls/part").text.split("<details")
        return [[int(number) for number in re.findall(r'data-testid="poll" data-id="(\d+)"', text)] for text in shown]

    assert order() == [[second, first], [third]]
    for poll in (first, second):
        hall.step(poll, "close")
    assert order() == [[third], [second, first]]


def test_a_refused_poll_comes_back_as_it_was_written_with_the_reason_beside_it(hall: Polling) -> None:
    hall.make.sign_in(hall.client, hall.teacher)
    path = f"/lectures/{hall.id}/polls"
    sent = {
        "csrf_token": token_in(hall.client.get(f"/lectures/{hall.id}/questions").text),
        "text": "Which?",
        "options": "A",
    }
    told = hall.client.post(path, data=sent, headers={"Accept": "application/json"})
    assert (told.status_code, told.json) == (422, {"detail": "Enter 2 to 8 different options.", "field": "options"})
    page = hall.client.post(path, data=sent)
    assert page.status_code == 422
    assert re.search(r'id="poll-fault"[^>]*>Enter 2 to 8 different options\.<', page.text)
    assert re.search(r'id="poll-options"[^>]* aria-invalid="true">A</textarea>', page.text)
    assert 'value="Which?"' in page.text


def test_the_file_of_polls_has_countries_only_where_nobody_is_found(hall: Polling) -> None:
    poll, draft = hall.make_poll(options=("=Wallet", "Card")), hall.make_poll()
    hall.step(poll, "open")
    for code, answers in {"KE": (0, 0, 0, 0, 1, 1), "PE": (1, 1, 1, 1, 1), "UG": (0, 1), "FR": (0,)}.items():
        for number, option in enumerate(answers):
            hall.answer(hall.person(f"{code} {number}", country=code), poll, option)
    hall.make.sign_in(hall.client, hall.teacher)
    path = f"/lectures/{hall.id}/polls.csv"
    columns = ("Option", "Code", "Chosen", "Answers")

    def rows() -> list[tuple[str, ...]]:
        read = csv.DictReader(io.StringIO(hall.client.get(path).text.removeprefix("\ufeff")))
        return [tuple(row[name] for name in columns) for row in read]

    whole = [("'=Wallet", "", "6", "14"), ("Card", "", "8", "14")]
    assert rows() == whole, "while it is open, who answers next could be found"
    hall.step(poll, "close")
    assert rows() == [*whole, ("'=Wallet", "KE", "4", "6"), ("Card", "KE", "2", "6")], "three are found without Peru's"
    assert draft
    assert hall.client.get(path.replace("csv", "xlsx")).status_code == 200
    assert hall.client.get(path.replace("csv", "pdf")).status_code == 404
    hall.make.sign_in(hall.client, hall.ada)
    assert hall.client.get(path).status_code == 403


@pytest.mark.databases(differs=True)
def test_ballots_of_a_group_keep_the_last_answer(hall: Polling) -> None:
    poll = hall.make_poll()
    hall.step(poll, "open")

    @action
    def write() -> list[bool]:
        sent = [(hall.ada.id, 1), (hall.grace.id, 2), (hall.ada.id, 4)]
        ballots = [polls.Ballot(poll, person, choices, 1) for person, choices in sent]
        return polls.write_ballots(db.session.connection(), [*ballots, polls.Ballot(999, hall.ada.id, 1, 1)])

    with hall.make.app.app_context():
        for _time in range(2):
            assert write() == [True, True, True, False]
            assert polls.get_poll(hall.id, poll, by=hall.staff, at=clock.now()).votes == [0, 1, 1]


def test_pages_and_api_of_polls(hall: Polling) -> None:
    path = f"/api/v1/lectures/{hall.id}/polls"
    teacher, ada = hall.make.headers(hall.teacher), hall.make.headers(hall.ada)
    made = hall.client.post(path, json={"text": "Why?", "options": ["<b>A</b>", "B"]}, headers=teacher)
    assert (made.status_code, made.json["state"]) == (201, "draft")
    assert hall.client.get(path, headers=ada).json["items"] == []
    one = f"{path}/{made.json['id']}"
    assert hall.client.post(f"{one}/open", json={}, headers=teacher).json["state"] == "open"
    voted = hall.client.post(f"{one}/vote", json={"options": [1]}, headers=ada)
    assert (voted.status_code, voted.json["chosen"], voted.json["options"][1]["votes"]) == (200, [1], None)
    changed = hall.client.post(f"{one}/vote", json={"options": [0]}, headers=ada)
    assert (changed.status_code, changed.json["chosen"], changed.json["answers"]) == (200, [0], 1)
    assert hall.client.post(f"{one}/vote", json={"options": [1]}, headers=ada).status_code == 200
    assert hall.client.post(f"{one}/close", json={}, headers=teacher).json["options"][1]["votes"] == 1
    hall.make.sign_in(hall.client, hall.ada)
    for page in ("room", "questions", "polls/part"):
        text = hall.client.get(f"/lectures/{hall.id}/{page}").text
        assert "&lt;b&gt;A&lt;/b&gt;" in text
    hall.make.sign_in(hall.client, hall.teacher)
    assert 'data-testid="poll-open"' in hall.client.get(f"/lectures/{hall.id}/questions/queue").text
