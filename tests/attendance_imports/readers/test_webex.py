"""Reports of Webex."""

from __future__ import annotations

import pytest

from lms.attendance_imports.readers.reading import read_report
from lms.attendance_imports.readers.report import Report
from lms.core.base.errors import Invalid
from tests.attendance_imports.readers.samples import END, SECONDS, START, ms, seconds, webex, webex_portuguese
from tests.rows import each_row

pytestmark = pytest.mark.usefixtures("words")


def read(text: str, **options: str) -> Report:
    return read_report(text.encode("utf-16"), **{"time_zone": "Africa/Nairobi", **options})


@each_row("text", [webex(), webex(","), webex_portuguese()])
def test_every_row_is_a_stay(text: str) -> None:
    report = read(text)
    assert seconds(report) == SECONDS
    assert (report.format, report.total, report.sums, report.rejected, report.notes) == ("webex", 9, [], [], [])
    assert (report.starts_ms, report.ends_ms) == (START, END)


def test_the_title_and_the_roles_are_read() -> None:
    assert read(webex()).title == "Trade facilitation"
    report = read(webex_portuguese())
    assert report.title == "Facilitação do comércio"
    assert {row.name: row.role for row in report.rows}["Grace Otieno"] == "host"
    assert {row.name: row.role for row in report.rows}["Amina Wanjiru"] == "attendee"


def test_the_name_that_is_shown_is_taken_before_those_of_the_account() -> None:
    text = webex_portuguese().replace("Amina Wanjiru\tAmina\tWanjiru", "Amina W. Wanjiru\tamina\tw")
    assert {row.name for row in read(text).rows if row.email == "amina@trade.example"} == {"Amina W. Wanjiru"}


def test_names_in_two_columns_are_put_together() -> None:
    text = webex_portuguese().replace("Nome de exibição", "Outro")
    assert {row.name for row in read(text).rows} == {
        "Grace Otieno", "Amina Wanjiru", "Bruno Costa", "Li Wei", "Early Bird", "Visitor",
    }  # fmt: skip


def test_a_duration_that_disagrees_with_the_times_is_told() -> None:
    report = read(webex().replace("60 mins", "95 mins", 1).replace("60 mins", "30 mins", 1))
    assert [(row.email, row.total_ms) for row in report.sums] == [] or report.notes
    assert len(report.rows) + len(report.sums) == 9
    assert any("a longer duration" in note for note in report.notes)


def test_several_meetings_in_one_file_are_told() -> None:
    other = webex().splitlines(keepends=True)[1].replace("Trade facilitation", "Another day").replace("10-25", "10-26")
    report = read(webex() + other)
    assert report.notes == ["The file contains 2 meetings. Only time within the lecture is counted."]
    assert report.title == ""
    assert seconds(report) == SECONDS


def test_bad_rows_are_told_by_line() -> None:
    lines = webex().splitlines(keepends=True)
    lines[2] = lines[2].replace("13:55:10", "25:55:10")
    lines[6] = lines[6].replace("14:10:00", "15:20:00")
    report = read("".join(lines))
    assert [(fault.row, fault.reason) for fault in report.rejected] == [
        (3, "“Join Time” is not a valid time."),
        (7, "The leave time is earlier than the join time."),
    ]


def test_a_file_that_was_cut_off_or_has_nobody_is_refused() -> None:
    for text in (webex().split("\r\n")[0] + "\r\n", webex()[:-70]):
        with pytest.raises(Invalid) as caught:
            read(text)
        assert caught.value.faults[0].field == "file"


def test_a_time_of_a_day_before_is_kept_as_it_is() -> None:
    assert min(row.joined_ms for row in read(webex()).rows) == ms("13:30:00")
