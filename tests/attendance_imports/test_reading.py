"""Reading reports: nothing is guessed, and every refusal names the field or the row."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from lms.attendance.rules import evidence_of
from lms.attendance_imports.readers.reading import read_report
from lms.core.base.errors import Invalid, WrongKind
from lms.core.time import clock
from tests.rows import each_row

HEAD = "email,joined_at,left_at\n"


pytestmark = pytest.mark.usefixtures("words")


def ms(text: str) -> int:
    return clock.to_ms(datetime.fromisoformat(text).replace(tzinfo=UTC))


def read(text: str, **options: str) -> list[tuple[int, str, int, int]]:
    report = read_report(text.encode(), **options)
    return [(row.line, row.email, row.joined_ms, row.left_ms) for row in report.rows]


def fault(content: str | bytes, **options: str) -> tuple[str | None, str]:
    with pytest.raises(Invalid) as caught:
        read_report(content.encode() if isinstance(content, str) else content, **options)
    return caught.value.faults[0].field, caught.value.faults[0].reason


@each_row(
    "joined, left, options",
    [
        ("2026-11-25T01:00:00Z", "2026-11-25T02:30:00Z", {}),
        ("2026-11-25T09:00:00+08:00", "2026-11-25 10:30:00+08:00", {}),
        ("2026-11-25 09:00:00", "2026-11-25 10:30", {"time_zone": "Asia/Shanghai"}),
        ("25/11/2026 09:00", "25/11/2026 10:30:00", {"time_zone": "Asia/Shanghai"}),
        ('"11/25/2026 09:00:00 AM"', '"11/25/2026, 10:30:00 AM"', {"time_zone": "Asia/Shanghai"}),
        ("11/25/26 1:00 AM", "11/25/26 2:30 AM", {"time_zone": "UTC"}),
        ('"Nov 25, 2026 01:00:00"', '"Nov 25, 2026 02:30:00"', {"time_zone": "UTC"}),
        ('"=""2026-11-25 01:00:00"""', '"=""2026-11-25 02:30:00"""', {"time_zone": "UTC"}),
    ],
)
def test_times_are_read_in_many_forms(joined: str, left: str, options: dict[str, str]) -> None:
    rows = read(f"{HEAD}a@b.example,{joined},{left}\n", **options)
    assert rows == [(2, "a@b.example", ms("2026-11-25T01:00"), ms("2026-11-25T02:30"))]


def test_headings_stand_in_any_order_and_further_ones_are_noted() -> None:
    text = "Left at;Room;E-mail;Joined_At\n2026-11-25T02:00Z;12;x@y.example;2026-11-25T01:00Z\n"
    report = read_report(text.encode("utf-16"))
    assert [(row.email, row.left_ms - row.joined_ms) for row in report.rows] == [("x@y.example", 3_600_000)]
    assert (report.notes, report.not_read) == ([], ["Room"])


def test_no_zone_is_assumed() -> None:
    local = HEAD + "a@b.example,2026-11-25 09:00,2026-11-25 10:00\n"
    assert fault(local)[0] == "time_zone"
    assert fault(local, time_zone="Beijing")[0] == "time_zone"
    assert read(local, time_zone="Asia/Shanghai")[0][2] == ms("2026-11-25T01:00")


def test_an_open_order_of_day_and_month_is_asked_for() -> None:
    text = HEAD + "a@b.example,05/11/2026 09:00,05/11/2026 10:00\n"
    assert fault(text, time_zone="UTC")[0] == "date_order"
    assert fault(text, time_zone="UTC", date_order="dym")[0] == "date_order"
    assert read(text, time_zone="UTC", date_order="dmy")[0][2] == ms("2026-11-05T09:00")
    assert read(text, time_zone="UTC", date_order="mdy")[0][2] == ms("2026-05-11T09:00")
    telling = text + "b@b.example,25/11/2026 09:00,25/11/2026 10:00\n"
    assert read(telling, time_zone="UTC")[0][2] == ms("2026-11-05T09:00")
    same = HEAD + "a@b.example,05/05/2026 09:00,05/05/2026 10:00\n"
    assert read(same, time_zone="UTC")[0][2] == ms("2026-05-05T09:00")


def test_bad_rows_are_told_by_line() -> None:
    text = (
        HEAD
        + "a@b.example,2026-11-25T02:00Z,2026-11-25T01:00Z\n"
        + "b@b.example,2026-11-25T01:00Z,soon\n"
        + "\n"
        + ",2026-11-25T01:00Z,2026-11-25T02:00Z\n"
        + "c@b.example,,\n"
        + "d@b.example,--,--\n"
        + "e@b.example,2026-11-25T01:00Z,2026-11-25T02:00Z\n"
    )
    report = read_report(text.encode())
    assert [(one.row, one.reason) for one in report.rejected] == [
        (2, "The leave time is earlier than the join time."),
        (3, "“left_at” is not a valid time."),
        (5, "This row has neither an e-mail address nor a name."),
        (6, "“joined_at” is empty, and the row has no other time."),
    ]
    assert [row.line for row in report.rows] == [8]
    assert report.total == 6


@each_row(
    "content, field",
    [
        ("", "file"),
        ("   \n \n", "file"),
        (HEAD, "file"),
        ("hello world\nhow are you\n", "file"),
        (HEAD + "a@b.example,2026-11-25T01:00Z,2026-11-25T02:00Z\nc@b.example,2026-1", "file"),
        (b"PK\x03\x04 cut off", "file"),
        ("Name,User Email,Country\nx,a@b.example,KE\n", "mapping"),
    ],
)
def test_files_that_are_no_report_are_refused(content: str | bytes, field: str) -> None:
    assert fault(content)[0] == field


def test_a_format_must_be_known() -> None:
    assert fault(HEAD, format="skype")[0] == "format"


def test_a_picture_is_another_kind_of_file_and_other_binaries_cannot_be_read() -> None:
    with pytest.raises(WrongKind):
        read_report(b"\x89PNG\r\n\x1a\n\x00\x00")
    assert fault(b"\x7fELF\x02\x01\x01\x00\x00\x00\x00")[0] == "file"


def test_evidence_is_the_same_whatever_file_it_stands_in() -> None:
    evidence = evidence_of("a@b.example", 1, 2, "import")
    assert evidence == evidence_of("a@b.example", 1, 2, "import")
    assert len({evidence, evidence_of("a@b.example", 1, 3, "import"), evidence_of("b@b.example", 1, 2, "import")}) == 3
    assert len(evidence) == 24


def test_who_never_came_is_neither_taken_nor_refused() -> None:
    rows = "a@b.example,--,--\nc@d.example,No,\ne@f.example,No,--\n"
    report = read_report(f"{HEAD}{rows}g@h.example,2026-11-25T01:00:00Z,2026-11-25T02:00:00Z\n".encode())
    assert ([row.email for row in report.rows], report.rejected, report.total) == (["g@h.example"], [], 4)


def test_all_that_is_to_be_said_about_times_is_asked_at_once() -> None:
    with pytest.raises(Invalid) as caught:
        read_report(f"{HEAD}a@b.example,03/04/2026 08:00,03/04/2026 09:00\n".encode())
    assert [fault.field for fault in caught.value.faults] == ["time_zone", "date_order"]


def test_a_time_of_another_age_is_a_bad_row() -> None:
    report = read_report(f"{HEAD}a@b.example,0001-01-01T00:00:00+14:00,9999-12-31T23:59:59-14:00\n".encode())
    assert [fault.row for fault in report.rejected] == [2]
