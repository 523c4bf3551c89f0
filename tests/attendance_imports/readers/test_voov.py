"""Lists of participants of Tencent Meeting (VooV)."""

from __future__ import annotations

import pytest

from lms.attendance_imports.readers.reading import read_report
from lms.attendance_imports.readers.report import Report
from lms.attendance_imports.readers.voov import own_name
from lms.core.base.errors import Invalid
from tests.attendance_imports.readers.samples import (
    VOOV,
    VOOV_HEADINGS,
    VOOV_ROWS,
    VOOV_STAYS,
    ms,
    seconds,
    summed,
    table,
    workbook,
)
from tests.rows import each_row

pytestmark = pytest.mark.usefixtures("words")

BEIJING = {"time_zone": "Asia/Shanghai"}


def read(content: bytes, **options: str) -> Report:
    return read_report(content, **{**BEIJING, **options})


@each_row(
    "content",
    [
        workbook(VOOV),
        table(VOOV).encode("gb18030"),
        table(VOOV).encode("utf-8-sig"),
        workbook([VOOV_HEADINGS, *VOOV_ROWS]),
    ],
)
def test_who_rejoined_is_a_sum_and_who_did_not_a_stay(content: bytes) -> None:
    report = read(content)
    # 92 min 35 s in two joins, between 13:55:10 and 15:31:05 in Nairobi
    assert summed(report) == [("Amina Wanjiru", ms("13:55:10"), ms("15:31:05"), 2, 5555)]
    assert seconds(report) == {
        "Grace Otieno": 5400,
        "Bruno Costa": 3600,  # two joins that overlap: the sum is the whole span
        "李伟": 4800,  # two people of one name, 14:10 to 15:30 together: whoever matches has to tell them apart
        "Early Bird": 0,
    }
    assert (report.format, report.total, report.rejected) == ("voov", 6, [])


def test_what_stands_above_is_read_and_the_planned_times_are_not_the_real_ones() -> None:
    report = read(workbook(VOOV))
    assert (report.title, report.meeting) == ("贸易便利化讲座", "123-456-789")
    assert (report.starts_ms, report.ends_ms) == (None, None)
    held = [*VOOV[:3], ["实际开始时间:", "2026-10-25 19:01:00"], ["实际结束时间:", "2026-10-25 20:29:00"], *VOOV[7:]]
    report = read(workbook(held))
    assert (report.starts_ms, report.ends_ms) == (ms("14:01:00"), ms("15:29:00"))


def test_names_are_those_given_on_joining() -> None:
    report = read(workbook(VOOV))
    assert [(one.reported_name, one.name, one.role) for one in (*report.sums, *report.rows)] == [
        ("amina_w（Amina Wanjiru）", "Amina Wanjiru", "attendee"),
        ("Grace Otieno(Grace Otieno)", "Grace Otieno", "host"),
        ("Bruno Costa(Bruno Costa)", "Bruno Costa", "attendee"),
        ("商务部(李伟)", "李伟", "attendee"),
        ("李伟（李伟）", "李伟", "attendee"),
        ("Early Bird(Early Bird)", "Early Bird", "host"),
    ]


@each_row(
    "typed, name",
    [
        ("nick(Ada Mbeki)", "Ada Mbeki"),
        ("nick（Ada Mbeki）", "Ada Mbeki"),
        ("nick(Ada (Nairobi) Mbeki)", "Ada (Nairobi) Mbeki"),
        ("(Ada Mbeki)", "Ada Mbeki"),
        ("Ada Mbeki()", "Ada Mbeki"),
        ("Ada Mbeki", "Ada Mbeki"),
        ("", ""),
    ],
)
def test_the_name_in_the_brackets_counts(typed: str, name: str) -> None:
    assert own_name(typed) == name


def test_the_detailed_list_has_every_stay() -> None:
    report = read(table(VOOV_STAYS).encode())
    assert seconds(report) == {"Grace Otieno": 5400, "Amina Wanjiru": 5200}
    assert report.sums == []


def test_a_sum_that_cannot_be_read_is_a_bad_row() -> None:
    rows = [[*row] for row in VOOV]
    rows[10][4] = "很久"
    report = read(workbook(rows))
    assert [(fault.row, fault.reason) for fault in report.rejected] == [(11, "“累计参会时长” is not a valid duration.")]
    assert report.sums == []


def test_remarks_below_the_list_are_no_people() -> None:
    report = read(workbook([*VOOV, [], ["注：本名单由系统导出"]]))
    assert (report.total, report.rejected) == (6, [])


def test_the_list_may_stand_on_a_later_sheet() -> None:
    """Some exports have a sheet about the meeting before it."""
    report = read(workbook([["会议详情", "贸易便利化讲座"], ["发起人", "Grace Otieno"]], [], VOOV))
    assert (report.total, report.title, report.notes[0]) == (6, "贸易便利化讲座", "Read from sheet 3 of the workbook.")
    assert seconds(report)["Grace Otieno"] == 5400
    assert read(workbook([["a", "b"]], VOOV), format="voov").total == 6
    with pytest.raises(Invalid) as caught:
        read(workbook([["a", "b"], ["c", "d"]], [["e", "f"]]))
    assert [(fault.field, fault.reason) for fault in caught.value.faults] == [
        ("mapping", "The headings do not show who attended and when. Select what each column means: a, b.")
    ]


def test_a_list_of_nobody_is_refused() -> None:
    with pytest.raises(Invalid) as caught:
        read(workbook(VOOV[:9]))
    assert [(fault.field, fault.reason) for fault in caught.value.faults] == [
        ("file", "The file has headings but no rows.")
    ]
