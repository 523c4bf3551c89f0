"""The roster page, correcting on it, and the import in two steps."""

from __future__ import annotations

import io
import re
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select

from lms.attendance.models.credits import Credit
from lms.attendance.models.evidence import AttendanceImport, Presence
from lms.attendance.views import roster as roster_views
from lms.catalogue.actions.states import reopen_lecture
from lms.core.database.session import db
from lms.core.time import clock
from tests.attendance_imports.readers.test_mapping import kept_at
from tests.factories import Make
from tests.forms import token_in

PAGE = roster_views.Roster.size

START = datetime(2026, 11, 4, 6, 0, tzinfo=UTC)
GOOD = "email,joined_at,left_at\nada@x.example,2026-11-04T06:00:00Z,2026-11-04T07:02:00Z\n"


class Desk:
    """An instructor signed in, with a held lecture."""

    def __init__(self, client: FlaskClient, make: Make) -> None:
        self.client, self.make = client, make
        self.teacher = make.person("Lin Yuhan", roles=["instructor"])
        self.series = make.series(instructors=[self.teacher])
        self.ada = make.person("Ada <b>Bold</b>", email="ada@x.example", organisation="Customs")
        make.enrolment(self.series, self.ada)
        self.lecture = make.lecture(
            self.series, state="held", starts_at=START, actual_start=START, actual_end=START + timedelta(minutes=90)
        )
        self.roster = f"/lectures/{self.lecture.id}/roster"
        self.load = f"/lectures/{self.lecture.id}/attendance/import"
        make.sign_in(client, self.teacher)

    def post(self, path: str, page: str, **fields: Any) -> Any:
        return self.client.post(
            path,
            data={"csrf_token": token_in(self.client.get(page).text), **fields},
            content_type="multipart/form-data",
        )

    def send(self, text: str, **fields: Any) -> Any:
        return self.post(self.load, self.load, file=(io.BytesIO(text.encode()), "report.csv"), **fields)

    def count(self, table: Any) -> int:
        with self.make.app.app_context():
            return db.session.scalar(select(func.count()).select_from(table)) or 0


@pytest.fixture
def desk(client: FlaskClient, make: Make) -> Desk:
    return Desk(client, make)


def test_the_roster_lists_everybody_and_escapes_names(desk: Desk) -> None:
    page = desk.client.get(desk.roster)
    assert page.status_code == 200
    assert f'data-testid="roster-row" data-person="{desk.ada.public_id}"' in page.text
    assert "Ada &lt;b&gt;Bold&lt;/b&gt;" in page.text
    assert "0 of 90 minutes: absent" in desk.client.get(f"{desk.roster}?open={desk.ada.public_id}").text
    assert 'data-testid="figure-absent"' in page.text
    assert desk.client.get(desk.roster, query_string={"q": "customs"}).text.count("roster-row") == 1
    assert desk.client.get(desk.roster, query_string={"q": "nobody"}).text.count("roster-row") == 0


def test_a_file_is_looked_at_before_it_is_taken(desk: Desk) -> None:
    bad = GOOD + "ada@x.example,2026-11-04T08:00:00Z,2026-11-04T07:02:00Z\n"
    page = desk.send(bad)
    assert page.status_code == 200
    assert (desk.count(Presence), desk.count(Credit), desk.count(AttendanceImport)) == (0, 0, 1)
    assert "1 of 2 rows can be imported" in page.text
    assert "The leave time is earlier than the join time." in page.text
    look = kept_at(page)
    assert desk.client.get(look).text.count("The leave time is earlier than the join time.") == 1
    assert desk.post(look, look, step="take").status_code == 422
    assert desk.count(Presence) == 0
    taken = desk.post(look, look, step="take", skip_bad_rows="y")
    assert (taken.status_code, taken.location) == (302, desk.roster)
    assert (desk.count(Presence), desk.count(Credit), desk.count(AttendanceImport)) == (1, 1, 1)
    assert "62 of 90 min" in desk.client.get(desk.roster).text
    assert desk.client.get(look).location == desk.load


def test_a_file_may_be_left(desk: Desk) -> None:
    look = kept_at(desk.send(GOOD))
    assert desk.post(look, look, step="leave").location == desk.roster
    assert (desk.count(Presence), desk.count(AttendanceImport)) == (0, 0)


def test_what_is_wrong_with_a_file_is_said_at_its_field(desk: Desk) -> None:
    local = GOOD.replace("Z", "")
    page = desk.send(local.replace("T06", "T03").replace("T07", "T04"))  # as no likely time zone has it
    assert page.status_code == 422
    assert re.search(r'<select[^>]*aria-invalid="true"[^>]*name="time_zone"', page.text)
    assert desk.send(local, time_zone="UTC").status_code == 200
    assert desk.send(local, time_zone="Asia/Shanghai").status_code == 409
    assert desk.send("\x89PNG").status_code == 422
    assert desk.post(desk.load, desk.load).status_code == 422


def test_the_only_reading_that_fits_the_lecture_is_selected(desk: Desk) -> None:
    """The lecture was on 4 November at 06:00 UTC, which is 14:00 in Beijing."""
    head, said = GOOD.splitlines()[0], "One reading of the times fits the lecture"
    page = desk.send(f"{head}\nada@x.example,11/04/2026 14:00:00,11/04/2026 15:02:00\n")
    assert page.status_code == 422
    assert said in page.text
    assert re.search(r'<option selected value="Asia/Shanghai"', page.text)
    assert re.search(r'<input checked[^>]*name="date_order"[^>]*value="mdy"', page.text)
    assert 'aria-invalid="true"' not in page.text
    look = kept_at(page)
    answered = desk.post(look, look, step="answer", time_zone="Asia/Shanghai", date_order="mdy")
    assert answered.status_code == 200
    assert "Import 1 row" in answered.text

    several = desk.send(f"{head}\nada@x.example,11/04/2026 06:10:00,11/04/2026 14:30:00\n")  # in Beijing or in UTC
    assert said not in several.text
    assert '<option selected value=""' in several.text
    with desk.make.app.app_context():
        headers = desk.make.headers(desk.teacher)
    file = (io.BytesIO(f"{head}\nada@x.example,2026-11-04 14:00,2026-11-04 15:02\n".encode()), "report.csv")
    answer = desk.client.post(
        f"/api/v1/lectures/{desk.lecture.id}/attendance-imports", data={"file": file}, headers=headers
    )
    assert answer.status_code == 422
    assert [fault["field"] for fault in answer.json["errors"]] == ["time_zone"]


def test_correcting_on_the_page(desk: Desk) -> None:
    person = f"{desk.roster}/{desk.ada.public_id}"
    opened = f"{desk.roster}?open={desk.ada.public_id}"
    page = desk.post(person, opened, outcome="excused", reason=" ")
    assert page.status_code == 422
    assert "Enter a reason." in page.text
    done = desk.post(person, opened, outcome="excused", reason="power cut")
    assert done.status_code == 302
    page = desk.client.get(done.location)
    assert "0 of 90 minutes: excused, corrected (power cut)" in page.text
    assert "Corrected by Lin Yuhan" in page.text
    desk.post(person, opened, outcome="", reason="")
    assert "0 of 90 minutes: absent" in desk.client.get(opened).text
    assert "open=" in desk.client.get(person).location


def test_the_whole_roster_on_one_page_for_paper(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(PAGE + 5):
        desk.make.enrolment(desk.series, desk.make.person(f"Guest {number:03}"))
    assert desk.client.get(desk.roster).text.count("roster-row") == PAGE
    assert f'href="{desk.roster}/print"' in desk.client.get(desk.roster).text

    paper = desk.client.get(f"{desk.roster}/print")

    assert paper.text.count("roster-row") == PAGE + 6
    assert f"Attended: 0; partial: 0; absent: {PAGE + 6}; excused: 0." in paper.text
    assert paper.headers["Cache-Control"] == "no-store"
    assert "<form" not in paper.text.split("<main")[1]
    assert desk.client.get(f"{desk.roster}/print", query_string={"q": "customs"}).text.count("roster-row") == 1

    monkeypatch.setattr(roster_views, "PRINTED", 30)  # bounded, and nobody is lost
    first = desk.client.get(f"{desk.roster}/print").text
    following = re.search(r'rel="next" href="([^"]+)"', first)
    assert following
    second = desk.client.get(unescape(following[1])).text
    people = re.findall(r'data-person="([^"]+)"', first + second)
    assert (first.count("roster-row"), len(people), len(set(people))) == (30, PAGE + 6, PAGE + 6)


def test_the_roster_of_a_live_lecture_says_the_planned_length_until_it_runs_over(
    client: FlaskClient, make: Make
) -> None:
    teacher = make.person("Lin Yuhan", roles=["instructor"])
    series = make.series(instructors=[teacher])
    began = clock.now() - timedelta(minutes=84)
    times = {"starts_at": began, "actual_start": began, "duration_minutes": 10}
    lecture = make.lecture(series, state="held", actual_end=began + timedelta(minutes=4), **times)
    by = make.actor(teacher)
    with make.app.app_context():
        reopen_lecture(lecture.id, by=by, at=clock.now())
    make.sign_in(client, teacher)
    assert "6 needed of 10 minutes planned" in client.get(f"/lectures/{lecture.id}/roster").text
    longer = make.lecture(series, state="live", **times)
    assert "of 84 minutes so far" in client.get(f"/lectures/{longer.id}/roster").text
