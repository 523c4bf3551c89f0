"""Tables whose headings nobody knows: asked about once, remembered, and changed."""

from __future__ import annotations

import io
import json
import re
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select

from lms.attendance.models.evidence import AttendanceImport, Presence
from lms.attendance_imports.models import ColumnMapping
from lms.attendance_imports.readers.mapping import UnknownHeadings
from lms.attendance_imports.readers.reading import look_at, read_report
from lms.core.base.errors import Invalid
from lms.core.database.session import db
from tests.attendance_imports.readers.reports import minutes, workbook, written
from tests.factories import Make
from tests.forms import token_in
from tests.rows import each_row

START = datetime(2026, 11, 4, 6, 0, tzinfo=UTC)
LECTURE = ("2026-11-04T06:00Z", "2026-11-04T07:30Z")
ODD = [
    ["Register of the workshop"],
    ["Nº", "Participante", "Contacto", "Llegó", "Se fue", "Nº"],
    ["1", "Ada", "ada@x.example", "2026-11-04 06:00", "2026-11-04 07:02", "A"],
    ["2", "Ben", "ben@x.example", "2026-11-04 06:30", "2026-11-04 07:00", "B"],
]
SAID = {"Contacto": "email", "Participante": "name", "Llegó": "joined_at", "Se fue": "left_at"}


@pytest.mark.usefixtures("words")
class TestReading:
    """What is pure of it."""

    @each_row("content", [written(ODD), written(ODD, ";", encoding="utf-16"), workbook(ODD)])
    def test_what_can_be_shown_of_a_table(self, content: bytes) -> None:
        with pytest.raises(UnknownHeadings) as caught:
            read_report(content, time_zone="UTC")
        column_preview = caught.value.column_preview
        assert caught.value.faults[0].field == "mapping"
        assert "Nº, Participante, Contacto, Llegó, Se fue, #6" in caught.value.faults[0].reason
        assert [(one.key, one.examples, one.guess) for one in column_preview.columns[1:3]] == [
            ("Participante", ["Ada", "Ben"], "name"), ("Contacto", ["ada@x.example", "ben@x.example"], "email"),
        ]  # fmt: skip
        assert [one.guess for one in column_preview.columns] == ["", "name", "email", "joined_at", "left_at", ""]
        assert column_preview.signature == look_at(written([*ODD[1:2], ["9", "x", "y", "z", "w", "v"]])).signature  # type: ignore[union-attr]

    def test_a_table_is_read_as_it_is_said_to_be(self) -> None:
        report = read_report(written(ODD), time_zone="UTC", mapping=SAID)
        assert minutes(report, *LECTURE) == {"ada@x.example": 62.0, "ben@x.example": 30.0}
        assert [row.name for row in report.rows] == ["Ada", "Ben"]

    def test_a_day_beside_its_times_a_column_by_its_number_and_minutes(self) -> None:
        table = [["Day", "Who", "In", ""], ["2026-11-04", "Ada", "06:10", "62"]]
        mapping = {"Day": "date", "Who": "name", "In": "joined_at", "#4": "minutes"}
        report = read_report(written(table), time_zone="UTC", mapping=mapping)
        assert minutes(report, *LECTURE) == {"Ada": 62.0}
        hours = read_report(written(table), time_zone="UTC", mapping={**mapping, "#4": "hours"})
        assert minutes(hours, *LECTURE) == {"Ada": 80.0}

    @each_row(
        "mapping, says",
        [
            ({"Contacto": "mail"}, "cannot be “mail”"),
            ({"Contacto": "email"}, "when people joined"),
            ({"Llegó": "joined_at", "Se fue": "left_at"}, "the e-mail address or the name"),
            ({**SAID, "Email": "name"}, "headings"),
            ({**SAID, "Nº": "email"}, "Only one column"),
        ],
    )
    def test_what_is_said_must_fit_the_file(self, mapping: dict[str, str], says: str) -> None:
        with pytest.raises(Invalid) as caught:
            read_report(written(ODD), time_zone="UTC", mapping=mapping)
        assert (caught.value.faults[0].field, says in caught.value.faults[0].reason) == ("mapping", True)

    def test_a_bare_duration_without_unit_is_a_question(self) -> None:
        with pytest.raises(UnknownHeadings) as caught:
            read_report(b"name,duration\nAda,62\n")
        assert "minutes, seconds or hours" in caught.value.faults[0].reason
        assert read_report(b"name,duration\nAda,1:02:00\n").sums[0].total_ms == 62 * 60_000

    def test_no_table_is_no_question(self) -> None:
        with pytest.raises(Invalid) as caught:
            read_report(b"only one column\nhere\n")
        assert caught.value.faults[0].field == "file"


class Desk:
    """An instructor signed in, with a held lecture."""

    def __init__(self, client: FlaskClient, make: Make) -> None:
        self.client, self.make = client, make
        teacher = make.person("Lin Yuhan", roles=["instructor"])
        series = make.series(instructors=[teacher])
        for name in ("Ada", "Ben"):
            make.enrolment(series, make.person(name, email=f"{name.lower()}@x.example"))
        lectures = [
            make.lecture(series, state="held", starts_at=START, actual_start=START,
                         actual_end=START + timedelta(minutes=90))
            for _turn in range(2)
        ]  # fmt: skip
        self.loads = [f"/lectures/{one.id}/attendance/import" for one in lectures]
        self.rosters = [f"/lectures/{one.id}/roster" for one in lectures]
        self.headers = make.headers(make.person(email="admin@x.example", roles=["administrator"]))
        self.calls = [f"/api/v1/lectures/{one.id}/attendance-imports" for one in lectures]
        make.sign_in(client, teacher)

    def post(self, path: str, **fields: Any) -> Any:
        return self.client.post(
            path,
            data={"csrf_token": token_in(self.client.get(self.loads[0]).text), **fields},
            content_type="multipart/form-data",
        )

    def send(self, content: bytes, lecture: int = 0, **fields: Any) -> Any:
        return self.post(self.loads[lecture], file=(io.BytesIO(content), "register.csv"), **fields)

    def call(self, content: bytes, lecture: int = 0, **fields: Any) -> Any:
        data = {"file": (io.BytesIO(content), "register.csv"), **fields}
        return self.make.app.test_client().post(self.calls[lecture], data=data, headers=self.headers)

    def count(self, table: Any) -> int:
        with self.make.app.app_context():
            return db.session.scalar(select(func.count()).select_from(table)) or 0


def kept_at(page: Any) -> str:
    """Where the page about an uploaded file sends what is said of it."""
    match = re.search(r'<form method="post" action="([^"]+/attendance/import/[^"]+)"', page.text)
    assert match
    return unescape(match[1])


@pytest.fixture
def desk(client: FlaskClient, make: Make) -> Desk:
    return Desk(client, make)


def test_columns_are_asked_about_and_remembered(desk: Desk) -> None:
    question = desk.send(written(ODD), time_zone="UTC")
    assert question.status_code == 422
    assert "ada@x.example" in question.text  # the first rows
    assert "Some information is missing" in question.text
    assert re.search(r'<option selected value="joined_at">', question.text)  # by what stands in the column
    assert "Source of the report" not in question.text  # nothing that the file does not leave open
    assert (desk.count(AttendanceImport), desk.count(Presence), desk.count(ColumnMapping)) == (1, 0, 0)
    where = kept_at(question)
    incomplete = desk.post(where, step="answer", column_1="name", column_2="email", column_3="", column_4="")
    assert incomplete.status_code == 422
    assert "when people joined" in incomplete.text
    assert re.search(r'<option selected value="email">', incomplete.text)
    answered = desk.post(
        where, step="answer", column_1="name", column_2="email", column_3="joined_at", column_4="left_at"
    )
    assert (answered.status_code, kept_at(answered)) == (200, where)
    assert "2 of 2 rows can be imported" in answered.text
    assert "2 of 2 rows can be imported" in desk.client.get(where).text
    assert desk.count(ColumnMapping) == 0
    assert desk.post(where, step="take").location == desk.rosters[0]
    assert (desk.count(Presence), desk.count(ColumnMapping)) == (2, 1)
    # the next file with the same headings: known, said, and open to change
    page = desk.send(written(ODD), 1, time_zone="UTC")
    assert page.status_code == 200
    look = kept_at(page)
    assert "“Contacto” as email" in page.text
    assert f'href="{look}?ask=reading"' in page.text
    change = desk.client.get(f"{look}?ask=reading").text
    assert re.search(r'name="column_2"[^>]*>.*?<option selected value="email">', change, re.DOTALL)
    desk.post(look, step="answer", column_1="email", column_2="name", column_3="joined_at", column_4="left_at")
    desk.post(look, step="take")
    with desk.make.app.app_context():
        stored = db.session.scalars(select(ColumnMapping)).one()
        assert (stored.mapping["Participante"], stored.mapping["Contacto"]) == ("email", "name")


def test_programs_say_what_columns_mean(desk: Desk) -> None:
    refused = desk.call(written(ODD), time_zone="UTC")
    assert (refused.status_code, refused.json["errors"][0]["field"]) == (422, "mapping")
    for wrong in ("[]", "{", '{"a": 1}', '"x"'):
        assert desk.call(written(ODD), time_zone="UTC", mapping=wrong).json["errors"][0]["field"] == "mapping"
    taken = desk.call(written(ODD), time_zone="UTC", mapping=json.dumps(SAID))
    assert (taken.status_code, taken.json["created"]) == (200, 2)
    again = desk.call(written(ODD), 1, time_zone="UTC")
    assert again.json["created"] == 2
    assert any("“Contacto” as email" in one for one in again.json["notes"])


def test_the_zone_is_asked_for_with_the_file_kept(desk: Desk) -> None:
    local = written([["email", "joined_at", "left_at"], ["ada@x.example", "04/11/2026 14:00", "04/11/2026 15:02"]])
    question = desk.send(local)
    assert question.status_code == 422
    assert re.search(r'<select[^>]*name="time_zone"', question.text)
    assert re.search(r'<option selected value="Asia/Shanghai"', question.text)  # the only one in which they were there
    assert 'name="date_order"' in question.text
    assert "column_0" not in question.text
    where = kept_at(question)
    still = desk.post(where, step="answer", time_zone="Asia/Shanghai")
    assert still.status_code == 422
    assert 'name="time_zone"' not in still.text  # that is answered
    assert "1 of 1 rows can be imported" in desk.post(where, step="answer", date_order="dmy").text
    assert "1 of 1 rows can be imported" in desk.client.get(where).text
    # a zone in which nobody was there is asked for anew, with what it would take
    elsewhere = desk.post(where, step="answer", time_zone="UTC")
    assert elsewhere.status_code == 409
    assert "8 hours later than the lecture. Is the time zone right?" in elsewhere.text
    assert "1 of 1 rows can be imported" in desk.client.get(where).text  # the last answer that fitted is kept
    assert desk.post(where, step="leave").status_code == 302
    assert desk.count(AttendanceImport) == 0


def test_the_zone_of_a_table_is_asked_for_beside_the_meaning_of_its_columns(desk: Desk) -> None:
    columns = {"column_1": "name", "column_2": "email", "column_3": "joined_at", "column_4": "left_at"}
    where = kept_at(desk.send(written(ODD)))
    answer = desk.post(where, step="answer", **columns)
    assert answer.status_code == 422
    assert 'name="time_zone"' in answer.text
    assert "2 of 2 rows can be imported" in desk.post(where, step="answer", time_zone="UTC", **columns).text
    assert desk.post(where, step="take").location == desk.rosters[0]
    # the meaning is known for the next file, and shown where its zone is asked for
    again = desk.send(written(ODD), 1)
    assert again.status_code == 422
    assert 'name="time_zone"' in again.text
    assert re.search(r'name="column_2"[^>]*>.*?<option selected value="email">', again.text, re.DOTALL)
