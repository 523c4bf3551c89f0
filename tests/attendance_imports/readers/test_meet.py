"""Reports of Google Meet."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from lms.attendance_imports.readers.reading import read_report
from lms.attendance_imports.readers.report import Report
from lms.core.base.errors import Invalid
from tests.attendance_imports.readers.samples import MEET, MEET_DATED, MEET_FULL, ms, seconds, summed, utc

pytestmark = pytest.mark.usefixtures("words")

NAIROBI = "Africa/Nairobi"


def read(text: str, *, near: datetime | None = None, **options: str) -> Report:
    return read_report(text.encode(), near=near, **{"time_zone": NAIROBI, **options})


def test_times_of_the_day_are_put_on_the_day_of_the_lecture_and_that_is_said() -> None:
    report = read(MEET, near=utc("14:00:00"))
    # in the call for 93 of the 96 minutes from 13:55 to 15:31
    assert summed(report) == [("amina@trade.example", ms("13:55:00"), ms("15:31:00"), None, 5580)]
    assert seconds(report) == {
        "grace@ministry.example": 5400,
        "bruno@trade.example": 3600,
        "li.wei@ministry.example": 3600,
        "Wei Li": 1800,  # an address shown in part is none
        "Visitor": 0,
    }
    assert report.notes[0] == "The times in this file have no date; the date of the lecture, 2026-10-25, is used."
    assert (report.format, report.total, report.rejected) == ("meet", 6, [])


def test_the_day_is_that_of_the_zone_in_which_the_times_are() -> None:
    # 01:30 of the 26th in Auckland is 15:30 of the 25th in Nairobi
    text = "First name,Last name,Email,Duration,Time joined,Time exited\nAda,Mbeki,a@b.example,1 hr,1:00 AM,2:00 AM\n"
    report = read(text, near=utc("15:00:00"), time_zone="Pacific/Auckland")
    assert seconds(report) == {"a@b.example": 1800}
    assert "2026-10-26" in report.notes[0]


def test_a_lecture_over_midnight_goes_on_in_the_next_day() -> None:
    head = "First name,Last name,Email,Duration,Time joined,Time exited\n"
    text = f"{head}Ada,Mbeki,a@b.example,1 hr 30 min,11:30 PM,1:00 AM\nBo,Li,b@b.example,20 min,12:10 AM,12:30 AM\n"
    start = utc("14:00:00") + timedelta(hours=9, minutes=30)  # 23:30
    report = read(text, near=start)
    midnight = ms("23:59:59") + 1000
    assert [(row.joined_ms - midnight, row.left_ms - midnight) for row in report.rows] == [
        (-1_800_000, 3_600_000),
        (600_000, 1_800_000),
    ]


def test_a_day_above_the_table_is_taken_before_any_other() -> None:
    report = read(MEET_DATED, near=utc("14:00:00") - timedelta(days=3))
    assert seconds(report) == {"grace@ministry.example": 5400, "bruno@trade.example": 3600}
    assert summed(report) == [("amina@trade.example", ms("13:55:10"), ms("15:31:05"), None, 5555)]
    assert report.title == "Trade facilitation"
    assert (report.starts_ms, report.ends_ms) == (ms("13:44:00"), ms("15:50:00"))
    assert not any("no day" in note for note in report.notes)


def test_a_day_above_the_table_may_leave_its_order_open() -> None:
    text = MEET_DATED.replace("2026-10-25", "05/10/2026")
    with pytest.raises(Invalid) as caught:
        read(text)
    assert [fault.field for fault in caught.value.faults] == ["date_order"]
    assert read(text, date_order="dmy").starts_ms == ms("13:44:00", day="2026-10-05")


def test_full_times_need_nothing_else() -> None:
    report = read_report(MEET_FULL.encode())
    assert seconds(report) == {"grace@ministry.example": 5400}
    assert summed(report) == [("amina@trade.example", ms("13:55:10"), ms("15:31:05"), None, 5580)]


def test_zone_and_day_are_never_guessed() -> None:
    with pytest.raises(Invalid) as caught:
        read_report(MEET.encode())
    assert [fault.field for fault in caught.value.faults] == ["time_zone"]
    with pytest.raises(Invalid) as caught:
        read(MEET)
    assert [(fault.field, fault.reason) for fault in caught.value.faults] == [
        ("file", "The times in this file have no date, and the date is not given anywhere else.")
    ]


def test_a_duration_that_cannot_be_read_is_a_bad_row() -> None:
    report = read(MEET.replace("1 hr 33 min", "32:14"), near=utc("14:00:00"))
    assert [(fault.row, fault.reason) for fault in report.rejected] == [(3, "“Duration” is not a valid duration.")]
