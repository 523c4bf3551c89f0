"""What is said of a foreign file on the page, in the API and on the command line."""

from __future__ import annotations

import re

import pytest
from flask.testing import FlaskClient

from lms.attendance_imports.actions.staging import TimesDoNotOverlap, stage_attendance
from lms.core.base.roles import SYSTEM
from tests.attendance_imports.readers.reports import written
from tests.attendance_imports.readers.test_elsewhen import Scene
from tests.attendance_imports.readers.test_mapping import Desk, kept_at
from tests.factories import Make

HEAD = ["email", "joined_at", "left_at"]
UNKNOWN = written([[*HEAD, "Shoe size"], ["ada@x.example", "2026-11-04T06:00Z", "2026-11-04T07:00Z", "42"]])
SUMS = written([["Name (Original Name)", "User Email", "Total Duration (Minutes)"], ["Ada", "ada@x.example", "40"],
                ["Ada", "ada@x.example", "25"]])  # fmt: skip


@pytest.fixture
def desk(client: FlaskClient, make: Make) -> Desk:
    return Desk(client, make)


@pytest.fixture
def scene(make: Make, context: None) -> Scene:
    return Scene(make)


def test_what_is_not_read_is_said_on_the_page_and_in_the_answer(desk: Desk) -> None:
    assert "Ignored columns: Shoe size" in desk.send(UNKNOWN).text
    answer = desk.call(UNKNOWN).json
    assert (answer["not_read"], answer["created"]) == (["Shoe size"], 1)


def test_several_sums_of_one_person_are_asked_about_on_the_page(desk: Desk) -> None:
    question = desk.send(SUMS)
    assert question.status_code == 422
    assert "Lines 2, 3 give several durations for one person" in question.text
    assert 'name="sums"' in question.text
    assert 'name="time_zone"' not in question.text
    where = kept_at(question)
    answered = desk.post(where, step="answer", sums="largest")
    assert (answered.status_code, kept_at(answered)) == (200, where)
    assert "2 of 2 rows can be imported" in desk.client.get(where).text


def test_several_sums_of_one_person_are_an_option_of_the_api(desk: Desk) -> None:
    refused = desk.call(SUMS)
    assert (refused.status_code, refused.json["errors"][0]["field"]) == (422, "sums")
    assert desk.call(SUMS, sums="add").json["created"] == 1


def test_an_answer_by_which_nobody_was_there_says_that_day_and_month_may_be_exchanged(desk: Desk) -> None:
    table = written([HEAD, ["ada@x.example", "04/11/2026 06:00", "04/11/2026 07:00"]])
    where = kept_at(desk.send(table, time_zone="UTC"))
    wrong = desk.post(where, step="answer", date_order="mdy")
    assert wrong.status_code == 409
    assert "Day and month may be swapped" in wrong.text
    assert re.search(r'name="date_order"', wrong.text)
    assert "1 of 1 rows can be imported" in desk.post(where, step="answer", date_order="dmy").text


def test_an_order_that_was_said_and_is_right_is_not_doubted(scene: Scene) -> None:
    with pytest.raises(TimesDoNotOverlap) as caught:
        scene.bring(written([HEAD, ["a@x.example", "05/11/2026 06:00", "05/11/2026 07:00"]]), date_order="dmy",
                    time_zone="UTC")  # fmt: skip
    assert "exchanged" not in caught.value.message
    assert caught.value.questions == {"time_zone"}


def test_of_two_meetings_in_a_file_that_of_the_lecture_is_taken_and_the_other_is_said(scene: Scene) -> None:
    rows = [["email", "joined_at", "left_at"], ["a@x.example", "2026-11-04T06:00Z", "2026-11-04T07:00Z"],
            ["b@x.example", "2026-10-21T06:00Z", "2026-10-21T07:00Z"],
            ["a@x.example", "2026-10-21T06:30Z", "2026-10-21T07:15Z"]]  # fmt: skip
    staged = scene.bring(written(rows))
    assert [row.email for row in staged.rows] == ["a@x.example"]
    assert staged.report.notes == [
        "2 rows fall outside the time of the lecture and are ignored: 21 October 2026, 06:00–07:15 (UTC)."
    ]


def test_who_came_early_or_left_late_is_of_the_same_meeting(scene: Scene) -> None:
    rows = [["email", "joined_at", "left_at"], ["a@x.example", "2026-11-04T05:00Z", "2026-11-04T05:20Z"],
            ["b@x.example", "2026-11-04T06:10Z", "2026-11-04T07:00Z"],
            ["c@x.example", "2026-11-04T08:00Z", "2026-11-04T09:00Z"]]  # fmt: skip
    staged = stage_attendance(scene.lecture.id, written(rows), file_name="r.csv", by=SYSTEM)
    assert (len(staged.rows), staged.report.notes) == (3, [])
