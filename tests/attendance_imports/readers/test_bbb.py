"""Reports of BigBlueButton: the dashboard's data and table, and what the callback posts."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lms.attendance_imports.readers.reading import read_report
from lms.attendance_imports.readers.report import Report
from lms.core.base.errors import Invalid
from tests.attendance_imports.readers import samples
from tests.attendance_imports.readers.samples import SECONDS, bbb, bbb_callback, bbb_of_2021, ms, seconds, summed
from tests.rows import each_row

pytestmark = pytest.mark.usefixtures("words")

BY_ACCOUNT = {
    "Grace Otieno": 5400,
    "amina@trade.example": 5200,
    "bruno@trade.example": 3600,
    "Li Wei": 4800,  # two people of one name, 14:10 to 15:30 together: their ids tell them apart
    "early@trade.example": 0,
    "Visitor": 0,
}


def read(data: object, **options: str) -> Report:
    return read_report(json.dumps(data).encode(), **options)


@each_row("data", [bbb(), bbb_of_2021()])
def test_the_dashboard_holds_every_connection(data: dict[str, Any]) -> None:
    report = read(data)
    assert seconds(report) == BY_ACCOUNT
    assert {row.registrant for row in report.rows if row.name == "Li Wei"} == {"li-1", "li-2"}
    assert (report.format, report.total, report.sums, report.rejected) == ("bbb", 9, [], [])
    assert (report.title, report.meeting) == ("Trade facilitation, lecture 3", "trade-facilitation-3")
    assert (report.starts_ms, report.ends_ms) == (ms("13:30:00"), ms("15:50:00"))
    assert {row.role for row in report.rows if row.name == "Grace Otieno"} == {"host"}


def test_who_never_left_is_there_until_the_end_of_the_meeting() -> None:
    report = read(bbb())
    assert [(row.joined_ms, row.left_ms) for row in report.rows if row.name == "Visitor"] == [
        (ms("15:35:00"), ms("15:50:00"))
    ]
    assert report.notes == [
        ("1 person has no leave time and is assumed to have stayed until the end, 2026-10-25 12:50 (UTC).")
    ]


def test_a_dashboard_saved_during_the_meeting_ends_with_the_last_thing_it_tells() -> None:
    data = {**bbb(), "endedOn": 0}
    report = read(data)
    assert [row.left_ms for row in report.rows if row.name == "Visitor"] == [ms("15:45:00")]
    assert report.ends_ms is None


@each_row("iso", [False, True])
def test_the_callback_lists_joins_and_leaves_of_all_devices(iso: bool) -> None:
    report = read(bbb_callback(iso=iso))
    totals = seconds(report)
    assert {who: totals[who] for who in totals if "@" in who} == {who: SECONDS[who] for who in SECONDS if "@" in who}
    assert totals["Visitor"] == 0
    assert (report.title, report.meeting) == ("Trade facilitation, lecture 3", "trade-facilitation-3")
    assert (report.starts_ms, report.ends_ms) == (ms("13:30:00"), ms("15:50:00"))
    assert (report.total, report.rejected, report.notes) == (8, [], [])


def test_in_the_callback_too_who_never_left_is_there_until_the_end() -> None:
    data: dict[str, Any] = bbb_callback()
    data["data"]["attendees"][-1]["leaves"] = []
    report = read(data)
    assert [row.left_ms for row in report.rows if row.name == "Visitor"] == [ms("15:50:00")]
    assert len(report.notes) == 1


def test_the_callback_without_a_zone_asks_for_it() -> None:
    text = json.dumps(bbb_callback()).replace(" +0300", "")
    with pytest.raises(Invalid) as caught:
        read_report(text.encode())
    assert [fault.field for fault in caught.value.faults] == ["time_zone"]
    assert seconds(read_report(text.encode(), time_zone="Africa/Nairobi"))["amina@trade.example"] == 5200


def test_the_table_gives_sums_and_leaves_out_the_unnamed() -> None:
    report = read_report(samples.BBB_CSV.encode(), time_zone="Africa/Nairobi")
    assert summed(report) == [("Amina Wanjiru", ms("13:55:10"), ms("15:31:05"), None, 5555)]
    assert seconds(report) == {"Grace Otieno": 5400, "Bruno Costa": 3600, "Li Wei": 3600, "Visitor": 0}
    assert [(row.joined_ms, row.left_ms) for row in report.rows if row.name == "Visitor"] == [
        (ms("15:35:00"), ms("15:50:00"))
    ]
    assert (report.total, report.rejected) == (5, [])
    assert {row.name: row.role for row in report.rows}["Grace Otieno"] == "host"
    assert report.notes[1] == (
        "Line 4 gives a longer duration than the time between joining and leaving. The join and leave times are used."
    )


def test_the_table_is_read_in_any_language() -> None:
    report = read_report(samples.BBB_CSV_GERMAN.encode(), time_zone="Africa/Nairobi")
    assert summed(report) == [("Amina Wanjiru", ms("13:55:10"), ms("15:31:05"), None, 5555)]


@each_row(
    "change, reason",
    [
        ({"registeredOn": "soon"}, "The times of a connection cannot be read."),
        ({"registeredOn": 0}, "The times of a connection cannot be read."),
        ({"registeredOn": 1e308}, "The times of a connection cannot be read."),
        ({"leftOn": [1]}, "The times of a connection cannot be read."),
        ({"leftOn": ms("13:44:59")}, "The leave time is earlier than the join time."),
    ],
)
def test_connections_that_make_no_sense_are_told(change: dict[str, object], reason: str) -> None:
    data: dict[str, Any] = bbb()
    data["users"]["u-1"]["intIds"]["w_1"]["sessions"][0].update(change)
    report = read(data)
    assert [(fault.row, fault.reason) for fault in report.rejected] == [(1, reason)]
    assert "Grace Otieno" not in seconds(report)
    assert report.total == 9


def test_people_of_no_name_and_no_id_are_told() -> None:
    data: dict[str, Any] = bbb()
    data["users"]["u-1"].update(name="", extId="")
    data["users"]["u-3"]["name"] = "x" * 201
    assert [(fault.row, fault.reason) for fault in read(data).rejected] == [
        (1, "This row has neither an e-mail address nor a name."),
        (4, "The e-mail address or the name is too long."),
        (5, "The e-mail address or the name is too long."),
    ]


@each_row(
    "data",
    [{"users": {}, "intId": "x"}, {"data": {"attendees": []}}, {"users": {"a": 1}, "intId": "x"}, {"a": 1}, [1], {}],
)
def test_files_without_anybody_are_refused(data: object) -> None:
    with pytest.raises(Invalid) as caught:
        read(data)
    assert caught.value.faults[0].field in ("file", "format")


def test_a_table_that_was_cut_off_is_refused() -> None:
    with pytest.raises(Invalid) as caught:
        read_report(samples.BBB_CSV.encode()[: samples.BBB_CSV.index('"Li Wei"') + 20], time_zone="Africa/Nairobi")
    assert caught.value.faults[0].reason == "The file is incomplete: line 5 ends too early."


def test_a_file_that_was_cut_off_is_refused() -> None:
    with pytest.raises(Invalid) as caught:
        read_report(json.dumps(bbb()).encode()[:-40])
    assert caught.value.faults[0].field == "file"
