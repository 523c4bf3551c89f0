"""The page on which somebody seen is decided to be somebody known, and the same over the API."""

from __future__ import annotations

import io
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from lms.attendance.models.credits import Credit
from lms.attendance.models.evidence import Source, UnmatchedAttendee
from lms.attendance.queries.persons import attendance_of_person
from lms.attendance.queries.roster import get_row
from lms.core.database.session import db
from tests.attendance_imports.readers.test_mapping import kept_at
from tests.factories import Make
from tests.forms import token_in

START = datetime(2026, 11, 4, 6, 0, tzinfo=UTC)
ZOOM = (
    "Name (original name),Email,Join time,Leave time,Duration (minutes),Guest,Recording disclaimer response,"
    "In waiting room\n"
)


def stay(name: str, first: int, last: int, email: str = "") -> str:
    a, b = (f"{START + timedelta(minutes=n):%Y-%m-%d %H:%M:%S}" for n in (first, last))
    return f'"{name}",{email},{a},{b},{last - first},Yes,,No\n'


class Desk:
    """An instructor signed in, and a held lecture with three people enrolled."""

    def __init__(self, client: FlaskClient, make: Make) -> None:
        self.client, self.make = client, make
        self.teacher = make.person("Lin Yuhan", roles=["instructor"])
        self.series = make.series(instructors=[self.teacher])
        names = {"Brian Otieno Smith": "Customs", "Grace Wanjiru": "Port <b>of</b> Mombasa", "Li Wei": None}
        self.people = {
            name: make.person(name, email=f"{name.split()[0].lower()}@x.example", organisation=where)
            for name, where in names.items()
        }
        for person in self.people.values():
            make.enrolment(self.series, person)
        self.lecture = make.lecture(
            self.series, state="held", starts_at=START, actual_start=START, actual_end=START + timedelta(minutes=90)
        )
        self.page = f"/lectures/{self.lecture.id}/attendance/review"
        self.api = f"/api/v1/lectures/{self.lecture.id}/attendance-unknown"
        make.sign_in(client, self.teacher)

    def bring(self, *lines: str) -> Any:
        load = f"/lectures/{self.lecture.id}/attendance/import"
        file = (io.BytesIO((ZOOM + "".join(lines)).encode()), "report.csv")
        look = self.post(load, load, file=file, time_zone="UTC")
        assert look.status_code == 200, look.text
        path = kept_at(look)
        return self.post(path, path, step="take")

    def post(self, path: str, page: str, **fields: Any) -> Any:
        return self.client.post(
            path,
            data={"csrf_token": token_in(self.client.get(page).text), **fields},
            content_type="multipart/form-data",
        )

    def decide(self, name: str, person: str, **fields: Any) -> Any:
        given = {"person": person, "version": 0} | fields
        return self.post(f"{self.page}/{self.id_of(name)}", self.page, **given)

    def id_of(self, name: str) -> int:
        with self.make.app.app_context():
            return db.session.scalars(select(UnmatchedAttendee.id).where(UnmatchedAttendee.name == name)).one()

    def minutes(self, name: str) -> float | None:
        with self.make.app.app_context():
            credit = db.session.get(Credit, (self.lecture.id, self.people[name].id))
            return credit.present_ms / 60_000 if credit else None


@pytest.fixture
def desk(client: FlaskClient, make: Make) -> Desk:
    return Desk(client, make)


def text_of(page: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


def test_an_import_leads_to_those_whom_nobody_knows_and_so_does_the_roster(desk: Desk) -> None:
    answer = desk.bring(stay("Smith Brian Otieno", 0, 60), stay("Li Wei", 0, 90), stay("iPhone", 5, 10),
                        stay("Brian", 0, 20, "brian@x.example"))  # fmt: skip
    assert answer.location == desk.page
    roster = desk.client.get(f"/lectures/{desk.lecture.id}/roster").text
    assert 'data-testid="figure-unmatched" data-value="2"' in roster
    assert f'href="{desk.page}"' in roster
    shown = desk.client.get(desk.page).text
    assert shown.count('data-testid="unknown"') == 2
    text = text_of(shown)
    assert "would add 60 of 90 minutes" in text
    assert "Zoom report" in text
    assert (
        "Brian Otieno Smith 96 of 100 same words in a different order Customs · Kenya · 20 minutes already counted"
    ) in text
    assert "No enrolled person has a similar name." in text


def test_deciding_counts_and_is_taken_back(desk: Desk) -> None:
    desk.bring(stay("Smith Brian Otieno", 0, 60))
    brian = desk.people["Brian Otieno Smith"].public_id
    assert desk.decide("Smith Brian Otieno", brian).status_code == 302
    assert desk.minutes("Brian Otieno Smith") == 60
    decided = desk.client.get(f"{desk.page}?show=decided").text
    assert "Lin Yuhan" in decided
    path = f"{desk.page}/{desk.id_of('Smith Brian Otieno')}/undo"
    assert desk.post(path, f"{desk.page}?show=decided", version=1).status_code == 302
    assert desk.minutes("Brian Otieno Smith") is None
    assert desk.client.get(desk.page).text.count('data-testid="unknown"') == 1


def test_what_was_typed_stays_and_what_is_wrong_is_said(desk: Desk) -> None:
    desk.bring(stay("Smith Brian Otieno", 0, 60))
    brian, grace = (desk.people[name].public_id for name in ("Brian Otieno Smith", "Grace Wanjiru"))
    empty = desk.decide("Smith Brian Otieno", "")
    assert empty.status_code == 422
    assert "Select a person, or “Not a participant”." in empty.text
    assert desk.decide("Smith Brian Otieno", brian).status_code == 302
    late = desk.decide("Smith Brian Otieno", grace)
    assert late.status_code == 409
    assert desk.minutes("Grace Wanjiru") is None
    assert desk.decide("Smith Brian Otieno", "nonsense", version=1).status_code == 404


def test_only_the_ticked_rows_are_decided(desk: Desk) -> None:
    desk.bring(stay("phone", 0, 20), stay("phone", 30, 60))
    rows = re.findall(r'name="rows"[^>]*value="(\w+)"', desk.client.get(desk.page).text)
    assert len(rows) == 2
    assert desk.decide("phone", desk.people["Grace Wanjiru"].public_id, rows=rows[:1]).status_code == 302
    assert desk.minutes("Grace Wanjiru") == 20


def test_somebody_else_is_found_by_name_organisation_or_address(desk: Desk) -> None:
    desk.bring(stay("phone", 0, 20))
    attendee_id = desk.id_of("phone")
    page = desk.client.get(f"{desk.page}?find={attendee_id}&who=mombasa").text
    assert f'value="{desk.people["Grace Wanjiru"].public_id}"' in page
    assert "Port &lt;b&gt;of&lt;/b&gt; Mombasa" in page
    assert "No results for" in desk.client.get(f"{desk.page}?find={attendee_id}&who=zzz").text


def test_all_strong_ones_are_accepted_after_they_were_seen(desk: Desk) -> None:
    desk.bring(stay("Smith Brian Otieno", 0, 60), stay("Wei Li", 0, 30), stay("iPhone", 0, 10))
    page = desk.client.get(f"{desk.page}/strong").text
    assert page.count('data-testid="strong"') == 2
    assert "Accept all 2 strong matches" in page
    mark = re.search(r'name="seen" value="(\w+)"', page)
    assert mark is not None
    assert desk.post(f"{desk.page}/strong", f"{desk.page}/strong", seen="other").status_code == 409
    assert desk.minutes("Li Wei") is None
    assert desk.post(f"{desk.page}/strong", f"{desk.page}/strong", seen=mark[1]).location == desk.page
    assert (desk.minutes("Li Wei"), desk.minutes("Brian Otieno Smith")) == (30, 60)


def test_closed_attendance_is_shown_and_not_decided(desk: Desk) -> None:
    desk.bring(stay("phone", 0, 20))
    close = f"/lectures/{desk.lecture.id}/attendance/close"
    assert desk.post(close, close).status_code == 302
    shown = desk.client.get(desk.page).text
    assert "Attendance is closed" in shown
    assert 'class="btn btn-go"' not in shown
    assert "<fieldset" not in shown
    load = f"/lectures/{desk.lecture.id}/attendance/import"
    assert "To import a report, reopen attendance on the roster." in desk.client.get(load).text
    assert f'href="{load}"' not in desk.client.get(f"/lectures/{desk.lecture.id}").text
    roster = f"/lectures/{desk.lecture.id}/roster"
    assert desk.post(f"{desk.page}/{desk.id_of('phone')}", roster, person="nobody", version=0).status_code == 409


def test_a_reporter_looks_and_decides_nothing(desk: Desk, client: FlaskClient, make: Make) -> None:
    desk.bring(stay("Smith Brian Otieno", 0, 60))
    reader = desk.make.app.test_client()
    make.sign_in(reader, make.person("Reader", roles=["reporter"]))
    shown = reader.get(desk.page)
    assert shown.status_code == 200
    assert 'class="btn btn-go"' not in shown.text
    assert "disabled" in shown.text


def test_the_calls_list_decide_and_undo(desk: Desk, make: Make) -> None:
    desk.bring(stay("Smith Brian Otieno", 0, 60), stay("phone", 0, 20), stay("phone", 30, 50))
    headers = make.headers(desk.teacher)
    listed = desk.client.get(desk.api, headers=headers).json
    assert [(one["name"], one["minutes"], len(one["stays"])) for one in listed["items"]] == [
        ("phone", 40.0, 2), ("Smith Brian Otieno", 60.0, 1)
    ]  # fmt: skip
    phone, brian = listed["items"]
    person = desk.people["Brian Otieno Smith"].public_id
    assert brian["candidates"] == [
        {"person": person, "full_name": "Brian Otieno Smith", "score": 96,
         "reasons": ["same words in a different order"]}
    ]  # fmt: skip
    assert (phone["stays"][0]["system"], phone["decision"], phone["version"]) == ("zoom", None, 0)

    def call(attendee: dict[str, Any], what: str, **body: Any) -> Any:
        return desk.client.post(f"{desk.api}/{attendee['id']}/{what}", headers=headers, json=body)

    done = call(brian, "decide", person=person, version=0).json
    assert (done["decision"], done["person"]["full_name"], done["decided_by"], done["version"]) == (
        "hand", "Brian Otieno Smith", "Lin Yuhan", 1
    )  # fmt: skip
    assert call(brian, "decide", person=None, version=0).status_code == 409
    assert call(brian, "decide", version=1).status_code == 422
    assert call(brian, "decide", person="nobody", version=1).status_code == 404
    some = call(phone, "decide", person=person, version=0, rows=[phone["stays"][1]["id"]])
    assert (some.status_code, len(some.json["stays"])) == (200, 1)
    assert desk.minutes("Brian Otieno Smith") == 60
    decided = desk.client.get(f"{desk.api}?state=decided&limit=1", headers=headers).json
    assert (len(decided["items"]), decided["next"] is not None) == (1, True)
    assert call(done, "undo", version=1).json["decision"] is None
    assert desk.minutes("Brian Otieno Smith") == 20


def test_each_system_has_a_lane_and_its_times_in_words(desk: Desk, make: Make) -> None:
    desk.bring(stay("Li Wei", 0, 30), stay("Li Wei", 20, 40))
    path = f"/lectures/{desk.lecture.id}/attendance/import"
    plain = f"email,joined_at,left_at\nli@x.example,{START:%Y-%m-%dT%H:%M:%SZ},{START:%Y-%m-%dT%H}:55:00Z\n"
    look = kept_at(desk.post(path, path, file=(io.BytesIO(plain.encode()), "plain.csv")))
    assert desk.post(look, look, step="take").status_code == 302
    li = desk.people["Li Wei"]
    with make.app.app_context():
        row = get_row(desk.lecture.id, li.public_id, by=make.actor(desk.teacher))
        timelines = [(one.source, one.detail, one.intervals, one.ms) for one in row.timelines]
        attendance = attendance_of_person(li.id, by=make.actor(li))[0]
    assert timelines == [
        (Source.IMPORT, "zoom", [(0.0, 40.0)], 2_400_000),
        (Source.IMPORT, "plain", [(0.0, 55.0)], 3_300_000),
    ]
    assert [(one.detail, one.stays) for one in attendance.timelines] == [
        (one.detail, one.stays) for one in row.timelines
    ]
    assert (row.minutes, attendance.minutes) == (55.0, 55.0)
    opened = desk.client.get(f"/lectures/{desk.lecture.id}/roster?open={li.public_id}").text
    text = text_of(opened)
    assert "Attendance table" in text
    assert "Zoom report" in text
    assert "Overlapping time is counted once" in text
    trainee = make.app.test_client()
    make.sign_in(trainee, li)
    page = text_of(trainee.get(f"/lectures/{desk.lecture.id}").text)
    assert "Zoom report" in page
    assert "Overlapping time is counted once" in page


def test_all_that_are_shown_are_marked_as_no_participants(desk: Desk) -> None:
    desk.bring(stay("iPhone", 0, 30), stay("Zoom user", 0, 40), stay("Smith Brian Otieno", 0, 60))
    shown = desk.client.get(f"{desk.page}?q=o").text  # all of them, in two cases with a capital
    attendees = re.findall(r'name="attendee" value="(\d+:\d+)"', shown)
    assert len(attendees) == 3
    assert "None of these were participants" in shown
    assert desk.decide("iPhone", desk.people["Li Wei"].public_id).status_code == 302
    answer = desk.post(f"{desk.page}/nobody", desk.page, attendee=attendees)
    assert answer.location == f"{desk.page}#unknown"
    page = text_of(desk.client.get(desk.page).text)
    assert "2 attendees marked as not a participant." in page
    assert "1 was resolved by someone else." in page
    assert "Everyone has been identified" in page
    assert (desk.minutes("Li Wei"), desk.minutes("Brian Otieno Smith")) == (30.0, None)
    assert desk.client.get(f"{desk.page}?show=decided").text.count("Not a participant") == 2
    assert desk.post(f"{desk.page}/nobody", f"{desk.page}?show=decided", attendee=["99999:0"]).status_code == 404
