"""Zoom's reports, old and new, of meetings and webinars, and what spreadsheets make of them.

The lecture was given on 13 October 2026 from 16:00 to 17:30 in Shanghai, 08:00 to 09:30 UTC. Ada came before it, was
there twice for five minutes, went, and came back until after the end: 16:00–16:40 and 17:00–17:30 are 70 minutes. Of
two called Brian Smith one was there all 90 minutes and one from 16:10 to 16:30. Cleo left before, Dan came after.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from lms.attendance_imports.readers.reading import read_report
from lms.attendance_imports.readers.report import Report
from lms.core.base.errors import Invalid
from tests.attendance_imports.readers.reports import WAYS, Rows, at, minutes, workbook, written
from tests.rows import each_row, spread

pytestmark = pytest.mark.usefixtures("words")

LECTURE = ("2026-10-13T16:00:00+08:00", "2026-10-13T17:30:00+08:00")
ADA, BRIAN, OTHER, CLEO, DAN = "ada@x.example", "brian@x.example", "brian2@x.example", "cleo@x.example", "dan@x.example"
STAYS: list[tuple[str, str, str, str, int]] = [
    ("Ada Lovelace", ADA, "15:50:10", "16:25:10", 35),
    ("iPhone (Ada Lovelace)", ADA, "16:20:00", "16:40:00", 20),
    ("Ada Lovelace", ADA, "17:00:00", "17:45:30", 46),
    ("Brian Smith", BRIAN, "15:59:00", "17:31:00", 92),
    ("Smith, Brian", OTHER, "16:10:00", "16:30:00", 20),
    ("Cleo 王", CLEO, "15:30:00", "15:55:00", 25),
    ("12345_Dan", DAN, "17:31:00", "17:50:00", 19),
]
BY_HAND = {ADA: 70.0, BRIAN: 90.0, OTHER: 20.0, CLEO: 0.0, DAN: 0.0}


def us(clock: str) -> str:
    return f"{datetime.fromisoformat(f'2026-10-13 {clock}'):%m/%d/%Y %I:%M:%S %p}"


def iso(clock: str) -> str:
    return f"2026-10-13 {clock}"


def named(clock: str) -> str:
    return f"Oct 13, 2026 {clock}"


def short(clock: str) -> str:
    return f"10/13/2026 {clock[:5]}"


OLD = [
    "Name (Original Name)",
    "User Email",
    "Join Time",
    "Leave Time",
    "Duration (Minutes)",
    "Guest",
    "Recording Consent",
]
NEW = ["Name (original name)", "Email", "Join time", "Leave time", "Duration (minutes)", "Guest",
       "Recording disclaimer response", "In waiting room"]  # fmt: skip
MEETING = [
    ["Meeting ID", "Topic", "Start Time", "End Time", "User Email", "Duration (Minutes)", "Participants"],
    ["912 3456 7890", "Customs, simply", us("15:25:00"), us("17:52:00"), "host@x.example", 147, 5],
]
NEW_MEETING = [
    ["Topic", "ID", "Host", "Duration (minutes)", "Start time", "End time", "Participants"],
    ["Customs, simply", "912 3456 7890", "Lin (host@x.example)", 147, short("15:25"), short("17:52"), 5],
]
SPANISH = ["Nombre (Nombre original)", "Correo electrónico del usuario", "Hora para unirse", "Hora de salida",
           "Duración (minutos)", "Invitado"]  # fmt: skip


def stays(write: Callable[[str], Any] = us, *more: Any) -> list[list[Any]]:
    return [[name, email, write(a), write(b), long, "Yes", *more] for name, email, a, b, long in STAYS]


def before_each(write: Callable[[str], Any] = us) -> Rows:
    about = ["Customs, simply", "912 3456 7890", "host@x.example", us("15:25:00"), us("17:52:00"), 147]
    heading = ["Topic", "Meeting ID", "User Email", "Start Time", "End Time", "Duration (Minutes)", *OLD]
    return [heading, *[[*about, *row] for row in stays(write, "")]]


LAYOUTS: dict[str, Rows] = {
    "a list alone": [OLD, *stays(us, "")],
    "below its meeting": [*MEETING, [], OLD, *stays(us, "")],
    "below its meeting, no line between": [*MEETING, OLD, *stays(iso, "")],
    "the meeting before each row": before_each(),
    "new columns": [*NEW_MEETING, [], NEW, *stays(named, "OK", "No")],
    "year first": [OLD, *stays(iso, "")],
    "Spanish": [SPANISH, *stays()],
}


def read(content: bytes, **options: Any) -> Report:
    return read_report(content, **{"time_zone": "Asia/Shanghai", **options})


@each_row("layout, way", spread(20, LAYOUTS, WAYS))
def test_a_meeting_is_read_in_every_layout_and_from_every_program(layout: str, way: str) -> None:
    report = read(WAYS[way](LAYOUTS[layout]))
    assert (report.format, report.total, report.rejected, report.sums) == ("zoom", 7, [], [])
    assert minutes(report, *LECTURE) == BY_HAND
    assert [row.name for row in report.rows] == [
        "Ada Lovelace", "Ada Lovelace", "Ada Lovelace", "Brian Smith", "Brian Smith", "Cleo 王", "Dan",
    ]  # fmt: skip
    assert [row.reported_name for row in report.rows][1::3] == ["iPhone (Ada Lovelace)", "Smith, Brian"]


def test_what_the_file_says_of_the_meeting_is_kept() -> None:
    for layout in ("below its meeting", "the meeting before each row"):
        report = read(written(LAYOUTS[layout]))
        assert (report.title, report.meeting) == ("Customs, simply", "912 3456 7890")
        assert (report.starts_ms, report.ends_ms) == (at("2026-10-13T15:25+08:00"), at("2026-10-13T17:52+08:00"))


def test_without_seconds_and_at_24_hours_as_of_late() -> None:
    rows = [*NEW_MEETING, [], NEW, ["Ada", ADA, "10/13/2026 15:50", "10/13/2026 16:45", 55, "No", "", "No"]]
    assert minutes(read(written(rows)), *LECTURE) == {ADA: 45.0}


def test_dates_that_a_spreadsheet_made_its_own() -> None:
    """Dates of the workbook are no text any more: their order is nobody's question."""
    rows = [OLD, *stays(lambda clock: datetime.fromisoformat(iso(clock)))]
    assert minutes(read(workbook(rows)), *LECTURE) == BY_HAND


def test_time_in_the_waiting_room_is_no_presence() -> None:
    rows = [NEW, ["Ada", ADA, iso("15:50:00"), iso("16:20:00"), 30, "Yes", "", "Yes"],
            ["Ada", ADA, iso("16:20:00"), iso("16:50:00"), 30, "Yes", "", "No"]]  # fmt: skip
    report = read(written(rows))
    assert minutes(report, *LECTURE) == {ADA: 30.0}
    assert report.notes == ["1 row is from the waiting room and does not count as presence."]
    assert report.total == 2


TOTALS = ["Name (Original Name)", "User Email", "Total Duration (Minutes)", "Guest"]


def test_of_totals_alone_what_is_certain_counts() -> None:
    """The meeting was open 35 minutes before and 22 after: Ada's 101 minutes are 44 at least within the lecture."""
    people = [["Ada Lovelace", ADA, 101, "No"], ["Brian Smith", BRIAN, 92, "No"], ["Cleo", CLEO, 25, "No"]]
    report = read(written([*MEETING, [], TOTALS, *people]))
    assert minutes(report, *LECTURE) == {ADA: 44.0, BRIAN: 35.0, CLEO: 0.0}
    assert minutes(read(written([TOTALS, *people])), *LECTURE) == {ADA: 90.0, BRIAN: 90.0, CLEO: 25.0}
    assert read_report(written([TOTALS, *people])).rejected == []  # there is no time: no zone is asked for


def webinar(write: Callable[[str], str] = us) -> Rows:
    timed = ["Join Time", "Leave Time", "Time in Session (minutes)", "Is Guest", "Country/Region Name"]
    return [
        ["Attendee Report"],
        ["Report Generated:", us("20:00:00")],
        ["Topic", "Webinar ID", "Actual Start Time", "Actual Duration (minutes)", "# Registered", "# Cancelled",
         "Unique Viewers", "Total Users", "Max Concurrent Views", "Enable Registration"],
        ["Customs, simply", "912 3456 7890", us("15:25:00"), 147, 6, 0, 4, 5, 4, "Yes"],
        ["Host Details"],
        ["Attended", "User Name (Original Name)", "Email", *timed],
        ["Yes", "Lin Yuhan", "lin@x.example", us("15:25:00"), us("17:52:00"), 147, "No", "China"],
        ["Panelist Details"],
        ["Attended", "User Name (Original Name)", "Email", *timed],
        ["Yes", "Pan Elist", "pan@x.example", us("15:55:00"), us("16:30:00"), 35, "Yes", "Kenya"],
        ["No", "Pan Absent", "absent@x.example", "--", "--", "--", "--", "--"],
        ["Attendee Details"],
        ["Attended", "User Name (Original Name)", "First Name", "Last Name", "Email", "Registration Time",
         "Approval Status", *timed],
        *[["Yes", name, "", "", email, us("09:00:00"), "approved", write(a), write(b), long, "Yes", "Kenya"]
          for name, email, a, b, long in STAYS],
        ["No", "Never Came", "Never", "Came", "never@x.example", us("09:00:00"), "approved", *["--"] * 4, ""],
        ["Other Attended"],
        ["User Name", "Join Time", "Leave Time", "Time in Session (minutes)", "Country/Region Name"],
        ["254700***001", us("16:00:00"), us("16:05:00"), 5, "Kenya"],
    ]  # fmt: skip


@each_row("way", WAYS)
def test_a_webinar_is_read_part_by_part(way: str) -> None:
    report = read(WAYS[way](webinar()))
    assert (report.format, report.total, report.rejected) == ("zoom", 12, [])
    hosts = {"lin@x.example": 90.0, "pan@x.example": 30.0}
    assert minutes(report, *LECTURE) == {**hosts, **BY_HAND, "254700***001": 5.0}
    assert [row.role for row in report.rows] == ["host", "panelist", *["attendee"] * 8]
    assert (report.starts_ms, report.ends_ms) == (at("2026-10-13T15:25+08:00"), at("2026-10-13T17:52+08:00"))


def test_when_people_registered_tells_the_order_of_day_and_month() -> None:
    """All came on the fifth of October: only a day of registering is above twelve."""
    columns = ["Attended", "User Name (Original Name)", "Email", "Registration Time", "Join Time", "Leave Time"]
    rows = [["Attendee Details"], columns]
    came = ["Yes", "Ada", ADA, "09/28/2026 09:00", "10/05/2026 16:00", "10/05/2026 17:00"]
    assert read(written([*rows, came])).rows[0].joined_ms == at("2026-10-05T16:00+08:00")
    came[3] = "09/08/2026 09:00"
    with pytest.raises(Invalid) as caught:
        read(written([*rows, came]))
    assert [fault.field for fault in caught.value.faults] == ["date_order"]
    assert read(written([*rows, came]), date_order="dmy").rows[0].joined_ms == at("2026-05-10T16:00+08:00")


def test_nothing_is_assumed_of_the_zone() -> None:
    with pytest.raises(Invalid) as caught:
        read_report(written(LAYOUTS["a list alone"]))
    assert [fault.field for fault in caught.value.faults] == ["time_zone"]
    heading = [*OLD[:2], "Join Time (UTC)", "Leave Time (UTC)", *OLD[4:]]
    read_again = read_report(written([heading, ["Ada", ADA, iso("08:00:00"), iso("09:00:00"), 60, "No"]]))
    assert minutes(read_again, *LECTURE) == {ADA: 60.0}


def test_several_meetings_in_one_file_are_told() -> None:
    rows = [list(row) for row in before_each()]
    rows[-1][1] = "999 0000 1111"
    assert "several meetings: 912 3456 7890, 999 0000 1111" in read(written(rows)).notes[0]


@each_row(
    "rows, says",
    [
        ([OLD], "headings but no rows"),
        ([*MEETING, [], OLD], "headings but no rows"),
    ],
)
def test_a_report_without_people_is_refused(rows: Rows, says: str) -> None:
    with pytest.raises(Invalid) as caught:
        read(written(rows))
    assert (caught.value.faults[0].field, says in caught.value.faults[0].reason) == ("file", True)


def test_a_report_that_was_cut_off_is_refused() -> None:
    whole = written(LAYOUTS["below its meeting"])
    with pytest.raises(Invalid) as caught:
        read(whole[: whole.rindex(b",19,") - 4])
    assert "incomplete: line 11" in caught.value.faults[0].reason
