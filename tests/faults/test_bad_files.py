"""Lists as they really come in: all or nothing, a report a row, no garbled text, no more memory than is there."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from lms.attendance.models.evidence import Presence
from lms.core.base.errors import DomainError
from lms.core.database.session import db
from lms.core.storage.tables import MAX_ROWS, read_table
from lms.core.time import clock
from lms.enrolment.models import Enrolment
from lms.people.models import Person
from tests.factories import Make
from tests.faults.spreadsheets import book, cell, people, sheet, that_lies_about_its_size

NAMES = ["Nguyễn Thị Minh", "Αλέξανδρος Παπαδόπουλος", "王小明", "محمد علي", "Zoë O’Brien-Łukasz", "አበበ ቢቂላ"]
LIST = "email,full_name,country\r\n" + "".join(f"n{n}@bad.example,{name},KE\r\n" for n, name in enumerate(NAMES))
MANY = '<row r="{0}">' + cell("A{0}", "n{0}@bad.example") + cell("B{0}", "N {0}") + "</row>"


class Door:
    """Where lists are brought to."""

    def __init__(self, app: APIFlask, client: FlaskClient, make: Make) -> None:
        self.app, self.client, self.make = app, client, make
        self.headers = make.headers(make.person(email="admin@x.example", roles=["administrator"]))
        self.series = make.series(slug="s")
        self.began = clock.now() - timedelta(days=2)
        self.lecture = make.lecture(
            self.series, state="held", starts_at=self.began, actual_start=self.began,
            actual_end=self.began + timedelta(minutes=90),
        )  # fmt: skip
        self.before = self.count(Person)

    def count(self, table: Any) -> int:
        with self.app.app_context():
            return db.session.scalar(select(func.count()).select_from(table)) or 0

    def bring(self, content: bytes, path: str = "/api/v1/series/s/enrolments", **more: str) -> Any:
        data = {"file": (io.BytesIO(content), "list.csv"), **more}
        return self.client.post(path, data=data, headers=self.headers)

    def names(self) -> list[str]:
        with self.app.app_context():
            query = select(Person.full_name).join(Enrolment, Enrolment.person_id == Person.id).order_by(Person.id)
            return [name or "" for name in db.session.scalars(query)]

    def is_as_before(self) -> bool:
        return self.count(Person) == self.before and self.count(Enrolment) == 0 and self.count(Presence) == 0


@pytest.fixture
def door(app: APIFlask, client: FlaskClient, make: Make) -> Door:
    return Door(app, client, make)


@pytest.mark.databases
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_what_can_be_read_for_sure_is_read_to_the_letter(door: Door, encoding: str) -> None:
    answer = door.bring(LIST.encode(encoding))
    assert (answer.status_code, answer.json["created"]) == (200, len(NAMES))
    assert door.names() == NAMES


@pytest.mark.databases
@pytest.mark.parametrize(
    ("content", "status"),
    [
        ("email,full_name\nn@bad.example,王小明\n".encode("gb18030"), 422),
        ("email,full_name\nn@bad.example,Zoë Müller\n".encode("cp1252"), 422),
        ("email,full_name\nn@bad.example,Ивана\n".encode("cp1251"), 422),
        (b"email,full_name\nn@bad.example,A\x00na\n", 415),
        (b"email,full_name\n" + b"n@bad.example,Ana\n" * 400 + b"m@bad.example,A\x00na\n", 422),
        (LIST.encode("utf-16")[:-1], 415),
        (b"\x00" * 4000, 415),
        (b"", 422),
        (b"\xef\xbb\xbf", 422),
        (b"\n\n,,,\n", 422),
        (b"full_name,country\nAna,KE\n", 422),
        (b"PK\x03\x04", 422),
        (b"%PDF-1.7", 415),
    ],
)  # fmt: skip
def test_what_cannot_be_read_for_sure_is_refused_whole(door: Door, content: bytes, status: int) -> None:
    answer = door.bring(content, skip_bad_rows="true")
    assert (answer.status_code, answer.mimetype) == (status, "application/problem+json")
    assert door.is_as_before()


@pytest.mark.databases
def test_ragged_rows_are_told_row_by_row(door: Door) -> None:
    ragged = (
        b"email,full_name,country\na@bad.example,Ana\nb@bad.example\nc@bad.example,Cy,KE,,\nd@bad.example,Di,KE,x\n"
    )
    answer = door.bring(ragged)
    assert answer.status_code == 422
    assert [error["row"] for error in answer.json["errors"]] == [3, 5]
    assert door.is_as_before()
    answer = door.bring(ragged, skip_bad_rows="true")
    assert (answer.json["created"], [fault["row"] for fault in answer.json["rejected"]]) == (2, [3, 5])
    assert door.names() == ["Ana", "Cy"]


@pytest.mark.databases
@pytest.mark.parametrize(
    "formula", ["=1+1", "+1", "-1", "@SUM(A1)", '=HYPERLINK("http://evil.example")', "=cmd|' /C'!A0"]
)
def test_a_formula_stays_text_and_is_harmless_on_the_way_out(door: Door, formula: str) -> None:
    quoted = formula.replace('"', '""')
    assert door.bring(f'email,full_name,country\nf@bad.example,"{quoted}",KE\n'.encode()).status_code == 200
    assert door.names() == [formula]
    end = door.began + timedelta(minutes=80)
    seen = f"email,joined_at,left_at\nf@bad.example,{door.began:%Y-%m-%dT%H:%M:%SZ},{end:%Y-%m-%dT%H:%M:%SZ}\n"
    assert door.bring(seen.encode(), f"/api/v1/lectures/{door.lecture.id}/attendance-imports").json["created"] == 1
    client = door.app.test_client()
    door.make.sign_in(client, door.make.person(email="boss@x.example", roles=["administrator"]))
    text = client.get(f"/lectures/{door.lecture.id}/roster.csv").text
    assert f"'{formula}".replace('"', '""') in text
    assert f",{formula}" not in text


@pytest.mark.databases(differs=True)
def test_the_formula_of_a_workbook_is_its_last_value(door: Door) -> None:
    rows = people(("a@bad.example", "Ana", "KE")).replace(
        cell("B2", "Ana"), '<c r="B2" t="str"><f>CONCATENATE("An","a")</f><v>Ana</v></c>'
    )
    assert door.bring(book(sheet(rows))).json["created"] == 1
    assert door.names() == ["Ana"]


ANA = people(("a@bad.example", "Ana", "KE"))
SPACES = b" " * (260 << 20)
CORNER = f'<row r="1048576">{cell("XFD1048576", "x")}</row>'
OUTSIDE = '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/hostname">]>'
LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10 if n else "ha"}">' for n in range(12))


def lying() -> bytes:
    part = "xl/sharedStrings.xml"
    return that_lies_about_its_size(book(sheet(ANA), {part: b"<sst>" + SPACES}), part)


def wide() -> bytes:
    return book(sheet(ANA), {"xl/worksheets/sheet1.xml": sheet(ANA).replace("UTF-8", "UTF-16").encode("utf-16")})


@pytest.mark.parametrize(
    ("make_file", "status"),
    [
        pytest.param(lambda: book(sheet(ANA), {"xl/media/a.bin": SPACES}), 413, id="unpacks to 260 MB"),
        pytest.param(lying, 413, id="unpacks to 260 MB and says that it does not"),
        pytest.param(lambda: book(sheet(ANA + CORNER)), 413, id="a cell in the last corner"),
        pytest.param(lambda: book(sheet(ANA + CORNER.replace('r="', f'r{" " * 4000}="'))), 413, id="far from its name"),
        pytest.param(lambda: book(sheet(ANA.replace("Ana", "&e;"), OUTSIDE)), 422, id="an entity from outside"),
        pytest.param(lambda: book(sheet(ANA.replace("Ana", "&l11;"), f"<!DOCTYPE x [{LAUGHS}]>")), 422, id="laughs"),
        pytest.param(wide, 422, id="cells that cannot be counted"),
        pytest.param(lambda: book(sheet(ANA), {"content.xml": "<a/>"}), 415, id="another kind of book within"),
        pytest.param(lambda: book(sheet(ANA))[:-40], 422, id="cut off"),
    ],
)
def test_a_file_that_is_made_to_hurt_hurts_nobody(door: Door, make_file: Callable[[], bytes], status: int) -> None:
    content = make_file()
    assert len(content) < 1 << 20
    assert door.bring(content).status_code == status
    assert door.is_as_before()


@pytest.mark.databases
@pytest.mark.parametrize(
    "content", [LIST.encode("gb18030"), b"email,joined_at\x00", book(sheet(people()))[:-9], b"\xff"]
)
def test_a_report_of_attendance_too_is_taken_whole_or_not_at_all(door: Door, content: bytes) -> None:
    answer = door.bring(content, f"/api/v1/lectures/{door.lecture.id}/attendance-imports", skip_bad_rows="true")
    assert answer.status_code in (415, 422)
    assert door.is_as_before()


ROWS = [(f"n{n}@x.example", name, "KE") for n, name in enumerate(NAMES)]
GOOD = [LIST.encode(), LIST.encode("utf-16"), book(sheet(people(*ROWS)))]


@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(st.data())
def test_whatever_happened_to_a_file_it_is_read_or_refused(data: st.DataObject) -> None:
    """Bytes of good files lost, doubled and changed: an answer for people, no other error."""
    content = bytearray(data.draw(st.sampled_from(GOOD)))
    for _turn in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(content)))
        length = data.draw(st.integers(0, 40))
        content[start : start + length] = data.draw(st.binary(max_size=40))
    try:
        table = read_table(bytes(content))
    except DomainError:
        return
    assert all("\x00" not in text for _line, cells in table.rows for text in cells)


PROBE = """
import resource, sys
from pathlib import Path
from lms.core.base.errors import TooLarge
from lms.core.storage.tables import read_table
content = Path(sys.argv[1]).read_bytes()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    read_table(content)
    print("read", end=" ")
except TooLarge:
    print("refused", end=" ")
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


def weigh(path: Path) -> tuple[str, int]:
    """What became of a file in a process of its own, and how many megabytes it took at most."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    command = [sys.executable, "-c", PROBE, str(path)]
    figures = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.split()
    return figures[0], int(figures[1])


@pytest.mark.long
@pytest.mark.parametrize("kind", ["csv", "xlsx"])
@pytest.mark.parametrize(("rows", "became"), [(MAX_ROWS, "read"), (1_000_000, "refused")])
def test_a_million_rows_take_bounded_memory(tmp_path: Path, kind: str, rows: int, became: str) -> None:
    path = tmp_path / f"list.{kind}"
    if kind == "csv":
        lines = (f"n{n}@bad.example,N {n},KE\n" for n in range(rows))
        path.write_text("email,full_name,country\n" + "".join(lines), encoding="utf-8")
    else:
        head = '<row r="1">' + cell("A1", "email") + cell("B1", "full_name") + "</row>"
        path.write_bytes(book(sheet(head + "".join(MANY.format(n) for n in range(2, rows + 2)))))
    result, megabytes = weigh(path)
    assert result == became
    assert megabytes < 600
