"""Times in files of others: unreadable, missing, without a day, of another calendar, of an order that another cell
tells."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lms.attendance_imports.readers import timestamps
from lms.attendance_imports.readers.child_process import parse_report as read_report
from lms.attendance_imports.readers.report import Report
from lms.core.base.errors import Invalid
from tests.attendance_imports.readers.reports import at, minutes, workbook, written
from tests.rows import each_row

pytestmark = pytest.mark.usefixtures("words")

LECTURE = ("2026-11-04T14:00:00+03:00", "2026-11-04T15:30:00+03:00")
NEAR = datetime(2026, 11, 4, 11, tzinfo=UTC)
ZOOM = ["Name (Original Name)", "User Email", "Join Time", "Leave Time", "Duration (Minutes)", "Guest"]
WEBEX = ["Event Name", "Event Start Time", "Name", "Attendee Email", "Join Time", "Leave Time", "Attendance Duration"]
VOOV = ["用户昵称（入会昵称）", "入会时间", "退会时间", "参会时长", "身份", "邮箱"]
TEAMS = ["Name", "Join Time", "Leave Time", "Duration", "Email", "Role"]
MEET = ["First name", "Last name", "Email", "Duration", "Time joined", "Time exited"]
PLAIN = ["email", "joined_at", "left_at", "minutes"]
ADA = "ada@x.example"


def files(joined: str, left: str, lasted: str = "60") -> dict[str, bytes]:
    """One row in each format in which a duration may be beside the times."""
    return {
        "zoom": written([ZOOM, ["Ada", ADA, joined, left, lasted, "No"]]),
        "webex": written([WEBEX, ["T", "2026-11-04 14:00", "Ada", ADA, joined, left, f"{lasted} mins"]], "\t"),
        "voov": written([VOOV, ["Ada", joined, left, f"0:{lasted}:00" if lasted != "60" else "1:00:00", "成员", ADA]]),
        "teams": written([["3. In-Meeting Activities"], TEAMS, ["Ada", joined, left, f"{lasted}m", ADA, "Attendee"],
                          ["Bo", "2026-11-04 14:00", "2026-11-04 14:10", "10m", "bo@x.example", "Attendee"]], "\t"),
        "meet": written([MEET, ["Ada", "L", ADA, f"{lasted} min", joined, left]]),
        "plain": written([PLAIN, [ADA, joined, left, lasted]]),
    }  # fmt: skip


def read(content: bytes, **options: Any) -> Report:
    return read_report(content, **{"time_zone": "Africa/Nairobi", "near": NEAR, **options})


@each_row("format", files("", ""))
@each_row("joined, left", [("soon", "2026-11-04 15:00"), ("2026-11-04 14:00", "later")])
def test_a_time_that_cannot_be_read_is_a_bad_row_also_beside_a_duration(format: str, joined: str, left: str) -> None:
    report = read(files(joined, left)[format])
    assert len(report.rejected) == 1
    assert report.rejected[0].reason.endswith("is not a valid time.")
    assert ADA not in minutes(report, *LECTURE)


@each_row("format", files("", ""))
@each_row("joined, left", [("", "2026-11-04 15:00"), ("2026-11-04 14:00", ""),
                                              ("2026-11-04 14:00", "--")])  # fmt: skip
def test_an_empty_time_is_found_with_the_duration_and_that_is_said(format: str, joined: str, left: str) -> None:
    report = read(files(joined, left)[format])
    assert (report.format, report.rejected) == (format, [])
    assert minutes(report, *LECTURE)[ADA] == 60.0
    line = report.rows[0].line
    assert f"Line {line} has only one time. The other is calculated from the duration." in report.notes


def test_an_empty_time_without_a_duration_is_a_bad_row() -> None:
    report = read(written([PLAIN[:3], [ADA, "2026-11-04 14:00", ""], ["bo@x.example", "", "2026-11-04 14:00"]]))
    assert [fault.reason for fault in report.rejected] == [
        "“left_at” is empty, and the row has no other time.",
        "“joined_at” is empty, and the row has no other time.",
    ]


def test_a_dash_is_no_leave_where_the_system_writes_it_for_those_who_stayed() -> None:
    rows = [["会议结束时间：", "2026-11-04 15:20:00"], [], [*VOOV[:3], "身份"],
            ["Ada", "2026-11-04 14:00:00", "--", "成员"],
            ["Bo", "2026-11-04 14:10:00", "2026-11-04 14:40:00", "成员"]]  # fmt: skip
    report = read(written(rows))
    assert minutes(report, *LECTURE) == {"Ada": 80.0, "Bo": 30.0}
    assert report.notes == [
        ("1 person has no leave time and is assumed to have stayed until the end, 2026-11-04 12:20 (UTC).")
    ]


@each_row("format", files("", ""))
@each_row("joined, left", [("2:00 PM", "3:00 PM"), ("14:00", "15:00"), ("14:00:00", "15:00:00")])
def test_times_of_the_day_alone_are_of_the_day_of_the_lecture(format: str, joined: str, left: str) -> None:
    report = read(files(joined, left)[format])
    assert report.rejected == []
    assert minutes(report, *LECTURE)[ADA] == 60.0
    assert report.notes[0] == ("The times in this file have no date; the date of the lecture, 2026-11-04, is used.")


@each_row("format", files("", ""))
def test_times_of_the_day_go_on_past_midnight(format: str) -> None:
    near = datetime(2026, 11, 4, 20, 30, tzinfo=UTC)  # 23:30
    report = read(files("23:40", "00:40")[format], near=near)
    assert minutes(report, "2026-11-04T23:30+03:00", "2026-11-05T01:00+03:00")[ADA] == 60.0


def test_times_of_the_day_in_columns_that_somebody_named() -> None:
    table = written([["Wer", "Kam", "Ging"], ["Ada", "14:00", "15:00"], ["Bo", "14:30", "15:00"]])
    report = read(table, mapping={"Wer": "name", "Kam": "joined_at", "Ging": "left_at"})
    assert minutes(report, *LECTURE) == {"Ada": 60.0, "Bo": 30.0}


def test_a_column_with_the_date_is_put_before_its_time() -> None:
    table = written([["Date", "Email", "Join time", "Leave time"], ["2026-11-04", ADA, "14:00", "15:00"]])
    assert minutes(read(table, near=NEAR - timedelta(days=9)), *LECTURE) == {ADA: 60.0}


ORDERED = {
    "a line above": [["Report generated time", "11/25/2026"], []],
    "with the time of the day": [["Generated", "11/25/2026 09:00 AM"], []],
    "alone in its line": [["11/25/2026"], []],
}


@each_row("above", ORDERED)
def test_any_date_of_the_file_settles_the_order_of_day_and_month(above: str) -> None:
    for rows in (
        [ZOOM, ["Ada", ADA, "11/04/2026 14:00", "11/04/2026 15:00", "60", "No"]],
        [PLAIN[:3], [ADA, "11/04/2026 14:00", "11/04/2026 15:00"]],
    ):
        assert minutes(read(written([*ORDERED[above], *rows])), *LECTURE) == {ADA: 60.0}


def test_a_date_in_any_column_settles_the_order_too() -> None:
    rows = [["email", "joined_at", "left_at", "Paid on"], [ADA, "04/11/2026 14:00", "04/11/2026 15:00", "28/10/2026"]]
    assert minutes(read(written(rows)), *LECTURE) == {ADA: 60.0}


def test_dates_that_contradict_each_other_settle_nothing() -> None:
    rows = [["Printed", "25/11/2026"], ["Saved", "11/25/2026"], [], PLAIN[:3],
            [ADA, "04/11/2026 14:00", "04/11/2026 15:00"]]  # fmt: skip
    with pytest.raises(Invalid) as caught:
        read(written(rows))
    assert [fault.field for fault in caught.value.faults] == ["date_order"]


@each_row(
    "date, says",
    [
        ("1405/08/13 14:00", "Persian calendar (year 1405)"),
        ("۱۴۰۵/۰۸/۱۳ ۱۴:۰۰", "Persian calendar (year 1405)"),
        ("1405/02/31 14:00", "Persian calendar (year 1405)"),
        ("04/11/2569 14:00", "Buddhist calendar (year 2569)"),
        ("2569-11-04 14:00", "Buddhist calendar (year 2569)"),
        ("1448-05-24 14:00", "Islamic calendar (year 1448)"),
    ],
)
def test_years_of_other_calendars_are_refused_with_that_reason(date: str, says: str) -> None:
    for content in (written([PLAIN[:3], [ADA, date, date]]), files(date, date)["zoom"]):
        with pytest.raises(Invalid) as caught:
            read(content)
        assert [(fault.field, says in fault.reason) for fault in caught.value.faults] == [("file", True)]


MOMENT = datetime(2026, 11, 4, 14, 5)  # noqa: DTZ001 - no zone is said


@each_row(
    "text",
    [
        "2026-11-04 \u200e14:05",
        "\u200f2026/11/04، 2:05:00 م",
        "2026/11/04, 02:05 مساءً",
        "٢٠٢٦/١١/٠٤ ١٤:٠٥",
        "۲۰۲۶-۱۱-۰۴ ۱۴:۰۵:۰۰",
        "4 نوفمبر 2026 2:05 م",
        "4. November 2026, 14:05",
        "4. November 2026 14:05 Uhr",
        "2026/11/04 14h05",
        "4 nov. 2026 à 14:05",
        "4 ноября 2026 г., 14:05:00",
        "Nov 4, 2026 at 2:05 PM",
        "2026年11月4日 下午2:05",
        "2026/11/04 2:05 μ.μ.",
        "4 Kasım 2026 14:05",
        "2026/11/04 2:05 p. m.",
    ],
)
def test_times_are_read_in_the_writing_of_many_languages(text: str) -> None:
    assert timestamps.read(text) == MOMENT


@each_row(
    "text, clock",
    [("2:05 PM", "14:05:00"), ("14:05", "14:05:00"), ("م 2:05", "14:05:00"), ("上午9:01", "09:01:00"), ("14.05", None),
     ("14:05 +03:00", None), ("26:00", None), ("1h 5m", None), ("٢:٠٥ م", "14:05:00")],
)  # fmt: skip
def test_times_of_the_day_are_read_as_such(text: str, clock: str | None) -> None:
    read_time = timestamps.read_clock(text)
    assert (read_time.isoformat() if read_time else None) == clock


def test_a_zone_that_the_file_says_above_its_table_is_not_asked_for() -> None:
    for rows in ([ZOOM, ["Ada", ADA, "2026-11-04 14:00", "2026-11-04 15:00", "60", "No"]],
                 [PLAIN[:3], [ADA, "2026-11-04 14:00", "2026-11-04 15:00"]]):  # fmt: skip
        report = read_report(written([["Time zone", "Africa/Nairobi"], [], *rows]))
        assert (minutes(report, *LECTURE), report.is_local) == ({ADA: 60.0}, False)


def test_a_date_without_a_time_of_the_day_is_no_time() -> None:
    report = read(written([PLAIN[:3], [ADA, "2026-11-04", "2026-11-04 15:00"]]))
    assert [fault.reason for fault in report.rejected] == ["“joined_at” is not a valid time."]


def test_booleans_of_a_workbook_are_what_bigbluebutton_wrote() -> None:
    head = ["Name", "Moderator", "Score", "Talk", "Webcam", "Messages", "Join", "Left", "Duration"]
    for flag in (False, "FALSCH", "Faux", "Viewer"):
        rows = [head, ["Ada", flag, 0, "-", "-", 1, "2026-11-04 14:00", "2026-11-04 15:00", "01:00:00"]]
        report = read(workbook(rows))
        assert (report.format, minutes(report, *LECTURE)) == ("bbb", {"Ada": 60.0})
    assert report.rows[0].joined_ms == at("2026-11-04T14:00+03:00")
