"""The pages of appeals, closing and history: as a trainee and as an instructor sees and uses them."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient
from sqlalchemy import select

from lms.attendance.models.appeals import Appeal, AppealState
from lms.attendance.models.credits import Closing, Correction, Outcome
from lms.attendance_imports.actions.imports import publish_attendance
from lms.attendance_imports.actions.staging import stage_attendance
from lms.core.base.roles import SYSTEM
from lms.core.database.session import db
from lms.core.time import clock
from lms.people.actions.persons import change_profile
from tests.factories import Make
from tests.forms import token_in
from tests.rows import each_row


class Hand:
    """Somebody signed in, who opens pages and sends forms with their token."""

    def __init__(self, client: FlaskClient) -> None:
        self.get = client.get
        self._client = client

    def post(self, path: str, data: dict[str, Any] | None = None) -> Any:
        return self._client.post(path, data={"csrf_token": token_in(self._client.get("/me").text), **(data or {})})


class Desk:
    """A lecture held yesterday, its instructor, and two people who were enrolled; Ada was seen for half an hour."""

    def __init__(self, app: APIFlask, make: Make) -> None:
        self.app, self.make = app, make
        self.start = clock.now().replace(microsecond=0) - timedelta(days=1)
        self.end = self.start + timedelta(minutes=90)
        self.teacher = make.person("Lin Yuhan", roles=["instructor"])
        self.series = make.series("trade", instructors=[self.teacher])
        self.ada = make.person("Ada Mwangi", email="ada@x.example")
        self.ben = make.person("Ben Otieno", email="ben@x.example")
        for person in (self.ada, self.ben):
            make.enrolment(self.series, person)
        held = {"actual_start": self.start, "actual_end": self.end, "starts_at": self.start}
        self.lecture: int = make.lecture(self.series, "Origin", state="held", instructors=[self.teacher], **held).id
        self.load("email,name,joined_at,left_at", "ada@x.example,Ada,0,30", ",A Mwangi Ada,30,85")

    def load(self, head: str, *rows: str) -> None:
        lines = [head]
        for row in rows:
            email, name, joined, left = row.split(",")
            moments = [(self.start + timedelta(minutes=int(one))).isoformat() for one in (joined, left)]
            lines.append(",".join([email, name, *moments]))
        with self.app.app_context():
            by = self.make.actor(self.teacher)
            text = ("\n".join(lines) + "\n").encode()
            staged = stage_attendance(self.lecture, text, file_name="zoom.csv", by=by)
            publish_attendance(staged, by=by, at=self.end + timedelta(minutes=5))

    def client(self, person: Any) -> Hand:
        client = self.app.test_client()
        self.make.sign_in(client, person)
        return Hand(client)

    def rows(self, table: Any) -> list[Any]:
        with self.app.app_context():
            return list(db.session.scalars(select(table).order_by(table.id)))


@pytest.fixture
def desk(app: APIFlask, make: Make) -> Desk:
    return Desk(app, make)


def ask(desk: Desk, **said: str) -> str:
    answer = desk.client(desk.ada).post(f"/lectures/{desk.lecture}/appeal", data={"text": "The link fell", **said})
    assert answer.status_code == 302, answer.text
    public_id: str = desk.rows(Appeal)[-1].public_id
    return public_id


def test_a_trainee_asks_is_answered_and_reads_it(desk: Desk) -> None:
    ada, teacher = desk.client(desk.ada), desk.client(desk.teacher)
    assert f"/lectures/{desk.lecture}/appeal" in ada.get(f"/lectures/{desk.lecture}").text
    public_id = ask(desk, joined_as="Mwangi")
    page = ada.get(f"/lectures/{desk.lecture}").text
    assert 'data-state="open"' in page
    assert "Waiting for an answer" in ada.get("/me").text
    assert public_id in teacher.get("/teach").text
    assert public_id in teacher.get(f"/lectures/{desk.lecture}/roster").text
    page = teacher.get(f"/appeals/{public_id}").text
    assert "The link fell" in page
    assert "A Mwangi Ada" in page  # seen without a person, under a name like it
    answer = teacher.post(f"/appeals/{public_id}/accept", data={"outcome": "attended", "words": "We saw you."})
    assert answer.location == f"/appeals/{public_id}"
    page = ada.get(f"/lectures/{desk.lecture}").text
    assert 'data-state="accepted"' in page
    assert "attended, corrected (We saw you.)" in page
    assert (
        "Lin Yuhan"
        not in ada.get(f"/lectures/{desk.lecture}?steps=all")
        .text.partition("Manage")[0]
        .partition("Full history")[2]
        .partition("</ol>")[0]
    )
    assert public_id not in teacher.get("/teach").text


def test_times_are_clocks_of_the_reader(desk: Desk) -> None:
    ada = desk.client(desk.ada)
    ada.post("/zone", data={"time_zone": "Africa/Nairobi"})
    local = [(moment + timedelta(hours=3)).strftime("%H:%M") for moment in (desk.start, desk.end)]
    ada.post(f"/lectures/{desk.lecture}/appeal", data={"there_from": local[0], "there_to": local[1]})
    (appeal,) = desk.rows(Appeal)
    assert (appeal.said_from, appeal.said_to) == (
        desk.start.replace(second=0), desk.end.replace(second=0)
    )  # fmt: skip
    page = desk.client(desk.teacher).get(f"/appeals/{appeal.public_id}").text
    assert "Stated by the person" in page
    with desk.app.app_context():
        change_profile(desk.ada.public_id, {"time_zone": "Asia/Tokyo"}, by=SYSTEM, at=desk.end)
    start, end = ((moment + timedelta(hours=9)).strftime("%H:%M") for moment in (desk.start, desk.end))
    page = desk.client(desk.teacher).get(f"/appeals/{appeal.public_id}").text
    assert f"Changed on appeal: present from {start} to {end} (Tokyo time)" in page, "in the zone of its reader"


@each_row(
    "said, field",
    [
        ({}, "text"),
        ({"there_from": "nonsense", "there_to": "10:00"}, "there_from"),
        ({"there_from": "10:00"}, "there_to"),
    ],
)
def test_what_is_wrong_stands_at_its_field_and_what_was_typed_stays(
    desk: Desk, said: dict[str, str], field: str
) -> None:
    answer = desk.client(desk.ada).post(f"/lectures/{desk.lecture}/appeal", data={"joined_as": "", **said})
    assert answer.status_code == 422
    assert f'aria-describedby="{field}-' in answer.text
    assert 'aria-invalid="true"' in answer.text
    assert all(typed in answer.text for typed in said.values())
    assert desk.rows(Appeal) == []


def test_who_asked_has_no_second_form_and_takes_it_back(desk: Desk) -> None:
    ada, public_id = desk.client(desk.ada), ask(desk)
    assert ada.get(f"/lectures/{desk.lecture}/appeal").status_code == 302
    assert ada.post(f"/lectures/{desk.lecture}/appeal", data={"text": "again"}).status_code == 409
    assert ada.get(f"/appeals/{public_id}").location.endswith(f"/lectures/{desk.lecture}#counted")
    ada.post(f"/appeals/{public_id}/withdraw")
    assert [one.state for one in desk.rows(Appeal)] == [AppealState.WITHDRAWN]
    assert f"/lectures/{desk.lecture}/appeal" in ada.get(f"/lectures/{desk.lecture}").text


def test_appeals_are_listed_by_state_and_name_a_page_at_a_time(desk: Desk) -> None:
    teacher, ada = desk.client(desk.teacher), desk.client(desk.ada)
    first = ask(desk)
    ada.post(f"/appeals/{first}/withdraw")
    second = ask(desk)
    teacher.post(f"/appeals/{second}/decline", data={"words": "No."})
    ben = desk.client(desk.ben)
    ben.post(f"/lectures/{desk.lecture}/appeal", data={"text": "I was there."})
    third = next(one.public_id for one in desk.rows(Appeal) if one.state is AppealState.OPEN)

    def shown(query: str, reader: Any = teacher) -> list[str]:
        return re.findall(r'data-appeal="([^"]+)"', reader.get(f"/appeals?{query}").text)

    assert shown("") == shown("state=open") == [third]
    assert shown("state=all") == [third, second, first]
    assert shown("state=all&sort=filed") == [first, second, third]
    assert shown("state=all&sort=-name") == [third, second, first]
    assert shown("state=all&q=mwangi") == [second, first]
    assert shown("state=declined") == [second]
    assert shown(f"state=all&lecture={desk.lecture}&sort=name")[-1] == third
    assert shown("state=all", ada) == [second, first]
    assert teacher.get("/appeals?lecture=99").status_code == 404
    page = teacher.get("/appeals?state=all").text
    figures = re.findall(r'data-testid="figure-([a-z]+)" data-value="(\d+)"', page)
    assert dict(figures) == {"all": "3", "open": "1", "accepted": "0", "declined": "1", "withdrawn": "1"}


def test_the_page_of_closing_says_numbers_closes_and_opens_again(desk: Desk) -> None:
    teacher, public_id = desk.client(desk.teacher), ask(desk)
    path = f"/lectures/{desk.lecture}/attendance/close"
    page = teacher.get(path).text
    assert "Close with 0 attended" in page
    assert "One appeal is waiting for an answer" in page
    assert "One unmatched attendee" in page
    assert teacher.post(path).location == f"/lectures/{desk.lecture}/roster"
    roster = teacher.get(f"/lectures/{desk.lecture}/roster?open={desk.ada.public_id}").text
    assert 'data-testid="closed"' in roster
    assert 'name="reason"' not in roster
    assert teacher.post(f"/appeals/{public_id}/accept", data={"outcome": "attended", "words": "x"}).status_code == 409
    assert "is closed" in teacher.get(f"/appeals/{public_id}").text
    reopen = f"/lectures/{desk.lecture}/attendance/reopen"
    assert teacher.post(reopen, data={"reason": ""}).status_code == 422
    assert teacher.post(reopen, data={"reason": "A report came late."}).status_code == 302
    assert [one.reason for one in desk.rows(Closing)] == ["A report came late."]
    assert "A report came late." in teacher.get(path).text


def test_the_history_keeps_every_step_and_undoes_them(desk: Desk) -> None:
    teacher = desk.client(desk.teacher)
    one = f"/lectures/{desk.lecture}/roster/{desk.ada.public_id}"
    teacher.post(one, data={"outcome": "excused", "reason": "She was ill."})
    teacher.post(one, data={"outcome": "attended", "reason": "She was not."})
    first, second = desk.rows(Correction)
    teacher.post(f"{one}/history")  # withdraws what holds: the one before it holds again
    teacher.post(f"{one}/history")  # and that too
    teacher.post(f"{one}/history", data={"restore": str(first.id)})
    rows = desk.rows(Correction)
    assert [(row.outcome, row.reason, row.restores_id, row.withdrawn_at is None) for row in rows] == [
        (Outcome.EXCUSED, "She was ill.", None, False),
        (Outcome.ATTENDED, "She was not.", None, False),
        (Outcome.EXCUSED, "She was ill.", first.id, False),
        (Outcome.EXCUSED, "She was ill.", first.id, True),
    ]
    page = teacher.get(f"{one}/history").text
    steps = [part.partition('"')[0] for part in page.split('data-step="')[1:]]
    assert steps == ["set", "withdrawn", "set", "set", "set", "report"]
    assert page.count('data-testid="restore"') == 3
    assert page.count('data-testid="withdraw"') == 1
    assert "“zoom.csv”" in page
    own = desk.client(desk.ada).get(f"/lectures/{desk.lecture}?steps=all").text
    assert [part.partition('"')[0] for part in own.split('data-step="')[1:]] == steps
    assert "zoom.csv" not in own
    assert second.id not in [row.restores_id for row in rows]


def test_what_is_another_persons_is_not_restored(desk: Desk) -> None:
    teacher = desk.client(desk.teacher)
    teacher.post(
        f"/lectures/{desk.lecture}/roster/{desk.ada.public_id}", data={"outcome": "excused", "reason": "She was ill."}
    )
    (correction,) = desk.rows(Correction)
    other = f"/lectures/{desk.lecture}/roster/{desk.ben.public_id}/history"
    assert teacher.post(other, data={"restore": str(correction.id)}).status_code == 404
    assert len(desk.rows(Correction)) == 1
