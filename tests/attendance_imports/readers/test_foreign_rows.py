"""Rows of others' files that tell something twice, of another meeting, or of too little: never counted too much."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from lms.attendance_imports.readers.child_process import parse_report as read_report
from lms.attendance_imports.readers.report import Report
from lms.core.base.errors import Invalid
from tests.attendance_imports.readers.reports import minutes, written
from tests.attendance_imports.readers.samples import workbook
from tests.rows import each_row

pytestmark = pytest.mark.usefixtures("words")

LECTURE = ("2026-11-04T14:00:00+03:00", "2026-11-04T15:30:00+03:00")
NEAR, UNTIL = datetime(2026, 11, 4, 11, tzinfo=UTC), datetime(2026, 11, 4, 12, 30, tzinfo=UTC)
LIST = ["Full Name", "User Action", "Timestamp"]
ZOOM = ["Name (Original Name)", "User Email", "Join Time", "Leave Time", "Duration (Minutes)", "Guest"]


def read(content: bytes, **options: Any) -> Report:
    return read_report(content, **{"time_zone": "Africa/Nairobi", "near": NEAR, "until": UNTIL, **options})


def actions(*events: tuple[str, str, str]) -> bytes:
    return written([LIST, *events], "\t")


def test_who_joined_on_another_day_does_not_stay_until_the_end() -> None:
    report = read(
        actions(
            ("Ada", "Joined", "2026-10-21 14:00:00"),
            ("Bo", "Joined", "2026-10-21 14:10:00"),
            ("Bo", "Left", "2026-10-21 15:10:00"),
            ("Cy", "Joined", "2026-11-04 14:00:00"),
            ("Bo", "Joined", "2026-11-04 14:00:00"),
            ("Ada", "Joined", "2026-11-04 14:30:00"),
            ("Bo", "Left", "2026-11-04 15:10:00"),
        )
    )
    assert minutes(report, *LECTURE) == {"Ada": 40.0, "Bo": 70.0, "Cy": 70.0}
    assert report.notes == [
        (
            "2 people have no leave time and are assumed to have stayed until the last entry in the file, "
            "2026-11-04 12:10 (UTC)."
        )
    ]


def test_who_was_there_on_another_day_only_is_not_there_at_all() -> None:
    report = read(
        actions(
            ("Ada", "Joined", "2026-10-21 14:00:00"),
            ("Cy", "Joined", "2026-11-04 14:00:00"),
            ("Cy", "Left", "2026-11-04 15:00:00"),
        )
    )
    assert minutes(report, *LECTURE) == {"Ada": 0.0, "Cy": 60.0}


@each_row(
    "events, by_hand",
    [
        # a rejoin that was over within its minute, before the next session
        ([("J", "14:00"), ("L", "14:10"), ("J", "14:10"), ("L", "14:10"), ("J", "14:30"), ("L", "15:00")], 40.0),
        # came and went within a minute, then stayed
        ([("J", "14:10"), ("L", "14:10"), ("J", "14:30"), ("L", "15:00")], 30.0),
        ([("J", "14:10"), ("L", "14:10"), ("J", "14:10"), ("L", "15:00")], 50.0),
        # rejoined within the minute
        ([("J", "14:00"), ("L", "14:10"), ("J", "14:10"), ("L", "15:00")], 60.0),
    ],
)
def test_a_join_and_a_leave_in_one_minute_do_not_reach_into_the_next_session(
    events: list[tuple[str, str]], by_hand: float
) -> None:
    words = {"J": "Joined", "L": "Left"}
    report = read(actions(*(("Ada", words[what], f"2026-11-04 {clock}") for what, clock in events)))
    assert (minutes(report, *LECTURE), report.rejected) == ({"Ada": by_hand}, [])


def test_the_detailed_sheet_of_a_workbook_is_read_instead_of_the_overview() -> None:
    overview = [["用户昵称（入会昵称）", "首次入会时间", "最后退会时间", "入会次数", "累计参会时长", "身份"],
                ["Ada", "2026-11-04 14:00:00", "2026-11-04 15:30:00", "2", "1:00:00", "成员"]]  # fmt: skip
    detail = [["用户昵称（入会昵称）", "入会时间", "退会时间", "参会时长", "身份"],
              ["Ada", "2026-11-04 14:00:00", "2026-11-04 14:30:00", "0:30:00", "成员"],
              ["Ada", "2026-11-04 15:00:00", "2026-11-04 15:30:00", "0:30:00", "成员"]]  # fmt: skip
    for sheets in ([overview, detail], [detail, overview]):
        report = read(workbook(*sheets))
        assert (len(report.rows), report.sums, minutes(report, *LECTURE)) == (2, [], {"Ada": 60.0})
        assert report.notes[-1] == "The workbook contains 2 lists of people. The most detailed one is used."


def test_numbers_glued_to_names_in_a_tencent_workbook_are_no_part_of_them() -> None:
    sheet = [["用户昵称（入会昵称）", "首次入会时间", "最后退会时间", "入会次数", "累计参会时长", "身份"],
             *([said, "2026-11-04 14:00:00", "2026-11-04 15:30:00", "1", "1:30:00", "成员"]
               for said in ("01王小明", "02李伟(02李伟)", "wx_7（3号张三）"))]  # fmt: skip
    report = read(workbook(sheet))
    assert [row.name for row in report.rows] == ["王小明", "李伟", "张三"]
    assert [row.reported_name for row in report.rows] == ["01王小明", "02李伟(02李伟)", "wx_7（3号张三）"]


def test_a_sum_and_the_stays_of_its_time_are_never_added() -> None:
    """60 of 90 minutes as a sum, and a stay of 20 that may be among them: 60 are certain, not 80."""
    rows = [ZOOM, ["Ada", "ada@x.example", "2026-11-04 14:00", "2026-11-04 15:30", "60", "No"],
            ["Ada", "ada@x.example", "2026-11-04 15:00", "2026-11-04 15:20", "20", "No"]]  # fmt: skip
    report = read(written(rows))
    assert minutes(report, *LECTURE) == {"ada@x.example": 60.0}
    assert "Line 3 overlaps another row of the same person. The longer one is used." in report.notes
    longer = [ZOOM, rows[1], ["Ada", "ada@x.example", "2026-11-04 14:10", "2026-11-04 15:25", "75", "No"]]
    assert minutes(read(written(longer)), *LECTURE) == {"ada@x.example": 75.0}
    apart = [ZOOM, ["Ada", "ada@x.example", "2026-11-04 14:00", "2026-11-04 15:00", "30", "No"],
             ["Ada", "ada@x.example", "2026-11-04 15:00", "2026-11-04 15:20", "20", "No"]]  # fmt: skip
    assert minutes(read(written(apart)), *LECTURE) == {"ada@x.example": 50.0}


def test_two_sums_that_overlap_count_once() -> None:
    rows = [["First name", "Last name", "Email", "Duration", "Time joined", "Time exited"],
            ["Ada", "L", "ada@x.example", "40 min", "2026-11-04 14:00", "2026-11-04 15:30"],
            ["Ada", "L", "ada@x.example", "30 min", "2026-11-04 14:40", "2026-11-04 15:30"]]  # fmt: skip
    assert minutes(read(written(rows)), *LECTURE) == {"ada@x.example": 40.0}


def test_the_stays_of_a_name_alone_are_not_added_to_the_sum_of_its_address() -> None:
    rows = [["2. Participants"], ["Name", "First Join", "Last Leave", "In-Meeting Duration", "Email", "Role"],
            ["Ada", "2026-11-04 14:00", "2026-11-04 15:00", "30m", "ada@x.example", "Attendee"],
            ["Ada", "2026-11-04 14:00", "2026-11-04 15:00", "40m", "ada@y.example", "Attendee"],
            ["3. In-Meeting Activities"], ["Name", "Join Time", "Leave Time", "Duration", "Email", "Role"],
            ["Ada", "2026-11-04 14:00", "2026-11-04 14:30", "30m", "", "Attendee"]]  # fmt: skip
    assert minutes(read(written(rows, "\t")), *LECTURE) == {"Ada": 30.0}


SUMS = [["Name (Original Name)", "User Email", "Total Duration (Minutes)", "Guest"],
        ["Ada", "", "40", "No"], ["Bo", "", "30", "No"], ["Ada", "", "25", "No"]]  # fmt: skip


def test_several_sums_of_one_person_without_times_are_a_question() -> None:
    with pytest.raises(Invalid) as caught:
        read(written(SUMS))
    assert [(fault.field, fault.reason) for fault in caught.value.faults] == [
        (
            "sums",
            (
                "Lines 2, 4 give several durations for one person, without times. Select whether they are separate "
                "stays (add) or repeats of the same stay (largest)."
            ),
        )
    ]
    assert minutes(read(written(SUMS), sums="largest"), *LECTURE) == {"Ada": 40.0, "Bo": 30.0}
    assert minutes(read(written(SUMS), sums="add"), *LECTURE) == {"Ada": 65.0, "Bo": 30.0}
    with pytest.raises(Invalid) as caught:
        read(written(SUMS), sums="both")
    assert caught.value.faults[0].field == "sums"


def test_the_same_sum_twice_is_one_and_no_question() -> None:
    assert minutes(read(written([*SUMS[:3], SUMS[1]])), *LECTURE) == {"Ada": 40.0, "Bo": 30.0}


def test_a_waiting_room_that_says_neither_yes_nor_no_is_a_bad_row() -> None:
    rows = [[*ZOOM, "In waiting room"],
            ["Ada", "a@x.example", "2026-11-04 14:00", "2026-11-04 15:00", "60", "No", "perhaps"],
            ["Bo", "b@x.example", "2026-11-04 14:00", "2026-11-04 15:00", "60", "No", "--"]]  # fmt: skip
    report = read(written(rows))
    assert minutes(report, *LECTURE) == {"b@x.example": 60.0}
    assert [(fault.row, fault.reason) for fault in report.rejected] == [
        (2, "“In waiting room” is “perhaps”, which is neither yes nor no.")
    ]


def test_a_waiting_room_in_a_column_that_somebody_named() -> None:
    rows = [["Who", "From", "To", "Lobby"], ["Ada", "2026-11-04 14:00", "2026-11-04 14:30", "yes"],
            ["Ada", "2026-11-04 14:30", "2026-11-04 15:00", "no"]]  # fmt: skip
    mapping = {"Who": "name", "From": "joined_at", "To": "left_at", "Lobby": "waiting_room"}
    assert minutes(read(written(rows), mapping=mapping), *LECTURE) == {"Ada": 30.0}


def test_a_sum_without_a_last_leave_is_not_placed_as_one_stay() -> None:
    """Two joins from 14:00 on, 60 minutes in all, and the last leave is open: up to 30 may be after the lecture."""
    rows = [["会议结束时间：", "2026-11-04 16:00:00"], [],
            ["用户昵称（入会昵称）", "首次入会时间", "最后退会时间", "入会次数", "累计参会时长", "身份"],
            ["Ada", "2026-11-04 14:00:00", "--", "2", "1:00:00", "成员"]]  # fmt: skip
    assert minutes(read(written(rows)), *LECTURE) == {"Ada": 30.0}


@each_row(
    "rows, note",
    [
        ([["Topic", "Meeting ID", "Start Time", "End Time", "Duration (Minutes)", "Participants"],
          ["T", "912", "2026-11-04 13:50", "2026-11-04 15:40", "110", "9"], [], ZOOM,
          ["Ada", "a@x.example", "2026-11-04 13:50", "2026-11-04 15:40", "110", "No"]],
         "The file states 9 participants but contains 1. Part of it may be missing."),
        ([["Topic", "Meeting ID", "Start Time", "End Time", "Duration (Minutes)", "Participants"],
          ["T", "912", "2026-11-04 13:50", "2026-11-04 15:40", "110", "1"], [], ZOOM,
          ["Ada", "a@x.example", "2026-11-04 14:00", "2026-11-04 14:40", "40", "No"]],
         "The file states that the meeting lasted 110 minutes, but its rows cover 40. Part of it may be missing."),
        ([["参会用户总数：", "3"], [], ["用户昵称（入会昵称）", "入会时间", "退会时间", "身份"],
          ["Ada", "2026-11-04 14:00:00", "2026-11-04 14:30:00", "成员"]],
         "The file states 3 participants but contains 1. Part of it may be missing."),
    ],
)  # fmt: skip
def test_what_a_file_states_of_itself_is_compared_with_what_is_in_it(rows: list[list[str]], note: str) -> None:
    assert read(written(rows)).notes == [note]


def test_a_file_without_headings_is_asked_about_by_the_numbers_of_its_columns() -> None:
    rows = [["Ada", "ada@x.example", "2026-11-04 14:00", "2026-11-04 15:00", "60"],
            ["Bo", "bo@x.example", "2026-11-04 14:30", "2026-11-04 15:00", "30"]]  # fmt: skip
    with pytest.raises(Invalid) as caught:
        read(written(rows))
    assert [fault.field for fault in caught.value.faults] == ["mapping"]
    column_preview = caught.value.column_preview  # type: ignore[attr-defined]
    assert [(one.key, one.guess) for one in column_preview.columns] == [
        ("#1", ""), ("#2", "email"), ("#3", "joined_at"), ("#4", "left_at"), ("#5", ""),
    ]  # fmt: skip
    report = read(written(rows), mapping={"#2": "email", "#3": "joined_at", "#4": "left_at"})
    assert (report.total, minutes(report, *LECTURE)) == (2, {"ada@x.example": 60.0, "bo@x.example": 30.0})


@each_row(
    "content, says",
    [
        (b'{"page_size": 30, "participants": [{"id": "a", "join_time": "2026-11-04T11:00:00Z"}]}', "JSON from the "
        "Zoom API"),
        (b'[{"name": "Ada", "join_time": "2026-11-04T11:00:00Z", "leave_time": "x"}]', "JSON from the Zoom API"),
        (b'{"totalParticipantCount": 2, "attendanceRecords": []}', "JSON from Microsoft Graph"),
        (b'{"items": [{"displayName": "Ada", "joinedTime": "2026", "leftTime": "2026"}]}', "JSON from the Webex API"),
        (b'{"participants_of": 1}', "not from the BigBlueButton"),
        (b"[]", "not from the BigBlueButton"),
        (b"<!DOCTYPE html><html><table><tr><td>Name</td></tr></table></html>", "a web page"),
        (b"WEBVTT\n\n00:01.000 --> 00:02.000\nHello, all\n", "transcript"),
        (b"BEGIN:VCALENDAR\nVERSION:2.0\n", "calendar event"),
        (b"Dear all,\nsee you tomorrow, then.\n", "text but no table"),
        (b"one column\nof text\n", "text but no table"),
        (written([["First Name", "Last Name", "Email", "Registration Time", "Approval Status"],
                  ["Ada", "L", "ada@x.example", "2026-11-01 09:00", "approved"]]), "lists registrations"),
        (written([["Topic", "Meeting ID", "User Name", "User Email", "Start Time", "End Time", "Duration (Minutes)",
                   "Participants"],
                  ["T", "912 3456 7890", "Lin", "lin@x.example", "2026-11-04 14:00", "2026-11-04 15:30", "90", "25"]]),
         "lists meetings"),
    ],
)  # fmt: skip
def test_a_file_brought_by_mistake_is_named(content: bytes, says: str) -> None:
    with pytest.raises(Invalid) as caught:
        read(content)
    reason = caught.value.faults[0].reason
    assert (says in reason or caught.value.faults[0].field == "mapping", "joined_at" in reason) == (True, False)


def test_a_file_of_another_format_than_was_said_is_named() -> None:
    content = written([ZOOM, ["Ada", "a@x.example", "2026-11-04 14:00", "2026-11-04 15:00", "60", "No"]])
    with pytest.raises(Invalid) as caught:
        read(content, format="teams")
    assert caught.value.faults[0].reason == (
        "The headings of this file do not match the format “teams”. It looks like the format “zoom”."
    )


DAY = "2026-11-04"


def test_a_column_of_times_that_is_not_known_is_the_missing_leave_or_join() -> None:
    """Without it the sum of several sessions would be placed as one from the first join on."""
    rows = [["Name", "First join", "Zuletzt weg", "Total duration"],
            ["Ada", f"{DAY} 14:00", f"{DAY} 16:00", "1h 10m"]]  # fmt: skip
    report = read(written(rows))
    assert minutes(report, *LECTURE) == {"Ada": 40.0}
    assert report.notes[0] == "“Zuletzt weg” is read as left_at."


def test_cells_that_a_comma_within_a_time_tore_are_one_again() -> None:
    lines = [",".join(ZOOM), "Ada,a@x.example,Nov 4, 2026 02:00:00 PM,Nov 4, 2026 03:00:00 PM,60,No", ""]
    assert minutes(read("\r\n".join(lines).encode()), *LECTURE) == {"a@x.example": 60.0}


def test_a_remark_beneath_the_rows_is_no_person() -> None:
    rows = [ZOOM, ["Ada", "a@x.example", f"{DAY} 14:00", f"{DAY} 15:00", "60", "No"], ["Total participants: 1"]]
    report = read(written(rows))
    assert (report.total, report.rejected, minutes(report, *LECTURE)) == (1, [], {"a@x.example": 60.0})


def test_a_list_of_teams_without_any_time_is_named() -> None:
    rows = [["1. Resumo"], ["x", "y"], ["2. Participantes"], ["Nome", "ID do participante (UPN)", "Company"],
            ["Ada", "a@x.example", "X"]]  # fmt: skip
    with pytest.raises(Invalid) as caught:
        read(written(rows, "\t"))
    assert caught.value.faults[0].reason == "This file shows who attended, but not when or for how long."


def test_a_sum_that_cannot_be_read_of_somebody_whose_stays_are_known_is_no_bad_row() -> None:
    rows = [["2. Participants"], ["Name", "First Join", "Last Leave", "In-Meeting Duration", "Email", "Role"],
            ["Ada", f"{DAY} 14:00", f"{DAY} 15:00", "a while", "a@x.example", "Attendee"],
            ["3. In-Meeting Activities"], ["Name", "Join Time", "Leave Time", "Duration", "Email", "Role"],
            ["Ada", f"{DAY} 14:00", f"{DAY} 14:30", "30m", "a@x.example", "Attendee"]]  # fmt: skip
    report = read(written(rows, "\t"))
    assert (report.rejected, minutes(report, *LECTURE)) == ([], {"a@x.example": 30.0})
