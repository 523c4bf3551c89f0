"""Reports of Microsoft Teams, of every generation."""

from __future__ import annotations

import pytest

from lms.attendance_imports.readers.reading import read_report
from lms.attendance_imports.readers.report import Report
from lms.attendance_imports.readers.teams_words import account, address
from lms.attendance_imports.readers.vocabulary import role_of
from lms.core.base.errors import Invalid
from tests.attendance_imports.readers import samples_teams as samples
from tests.attendance_imports.readers.samples import SECONDS, ms, seconds, summed
from tests.attendance_imports.readers.samples_teams import teams, teams_of_2021
from tests.rows import each_row

pytestmark = pytest.mark.usefixtures("words")


def read(text: str, **options: str) -> Report:
    return read_report(text.encode("utf-16"), **{"time_zone": "Africa/Nairobi", **options})


def faults(text: str, **options: str) -> list[tuple[str | None, str]]:
    with pytest.raises(Invalid) as caught:
        read_report(text.encode("utf-16"), **options)
    return [(fault.field, fault.reason) for fault in caught.value.faults]


def test_every_stay_of_the_third_part_counts() -> None:
    report = read(teams())
    assert seconds(report) == SECONDS
    assert (report.format, report.total, report.sums, report.rejected, report.notes) == ("teams", 9, [], [], [])
    assert report.title == "Trade facilitation, lecture 3"
    assert (report.starts_ms, report.ends_ms) == (ms("13:44:30"), ms("15:50:10"))


def test_names_are_without_what_teams_adds_and_accounts_are_kept_beside_the_address() -> None:
    report = read(teams())
    names = {(row.reported_name, row.name) for row in report.rows if row.reported_name != row.name}
    assert names == {("Bruno Costa (External)", "Bruno Costa"), ("Visitor (Unverified)", "Visitor")}
    assert {row.email: row.role for row in report.rows} == {
        "grace@ministry.example": "host",
        "amina@trade.example": "attendee",
        "bruno@trade.example": "panelist",
        "li.wei@ministry.example": "attendee",
        "li.wei@customs.example": "attendee",
        "early@trade.example": "attendee",
        "": "attendee",
    }


def test_without_the_third_part_the_second_gives_sums() -> None:
    report = read(teams(third=False))
    # Amina was away for 3 min 20 s: her 92 min 35 s lie somewhere between her first join and her last leave
    assert summed(report) == [("amina@trade.example", ms("13:55:10"), ms("15:31:05"), None, 5555)]
    assert report.sums[0].registrant == "amina_trade.example#EXT#@ministry.example"
    # Bruno's two devices overlapped, so that his sum is his whole span; who came once has it anyway
    assert seconds(report) == {who: amount for who, amount in SECONDS.items() if who != "amina@trade.example"}
    assert (report.total, report.rejected) == (7, [])


def test_who_stands_in_the_second_part_only_is_not_lost() -> None:
    first_parts, third = teams().split("3. In-Meeting Activities\r\n")
    without = "".join(line for line in third.splitlines(keepends=True) if "Li Wei" not in line)
    report = read(f"{first_parts}3. In-Meeting Activities\r\n{without}")
    assert seconds(report) == SECONDS
    assert report.total == 9


def test_the_sum_that_cannot_be_read_is_refused_and_does_not_count_as_the_whole_time() -> None:
    report = read(teams(third=False).replace("1h 32m 35s", "quite long"))
    assert [(fault.row, fault.reason) for fault in report.rejected] == [
        (12, "“In-Meeting Duration” is not a valid duration.")
    ]
    assert "amina@trade.example" not in seconds(report)
    assert report.sums == []


def test_columns_stand_in_any_order_and_case() -> None:
    text = "\r\n".join(
        [
            "1. Summary",
            "Meeting title\tTrade",
            "2. Participants",
            "ROLE\tFULL NAME\tEMAIL\tFIRST JOIN\tLAST LEAVE\tIN-MEETING DURATION",
            "Attendee\tAda Mbeki\tada@trade.example\t10/25/26, 2:00:00 PM\t10/25/26, 2:30:00 PM\t30m",
            "3. In-Meeting activities",
            "ROLE\tFULL NAME\tEMAIL\tJOIN TIME\tLEAVE TIME\tDURATION",
            "Attendee\tAda Mbeki\tada@trade.example\t10/25/26, 2:00:00 PM\t10/25/26, 2:30:00 PM\t30m",
            "4. Engagement",
            "Name\tReactions",
            "Ada Mbeki\t3",
        ]
    )
    report = read(text)
    assert seconds(report) == {"ada@trade.example": 1800}
    assert report.total == 1


@each_row("text", [samples.TEAMS_GERMAN, samples.TEAMS_JAPANESE, samples.TEAMS_TURKISH])
def test_other_languages_are_read_by_the_shape_of_their_columns(text: str) -> None:
    report = read(text)
    assert seconds(report)["amina@trade.example"] == 5200
    assert (report.starts_ms, report.ends_ms) == (ms("13:44:30"), ms("15:50:10"))
    assert report.rejected == []


def test_in_an_unknown_language_the_sums_are_found_too() -> None:
    text = samples.TEAMS_TURKISH[: samples.TEAMS_TURKISH.index("3. Toplantı")]
    assert summed(read(text)) == [("amina@trade.example", ms("13:55:10"), ms("15:31:05"), None, 5555)]


def test_an_address_is_taken_from_the_account_in_the_second_part() -> None:
    roles = {(row.email, row.role) for row in read(samples.TEAMS_GERMAN).rows}
    assert roles == {("grace@ministry.example", "host"), ("amina@trade.example", "attendee")}


def test_two_of_one_name_do_not_lend_each_other_an_address() -> None:
    text = "\r\n".join(
        [
            "1. Summary",
            "2. Participants",
            "Name\tFirst Join\tLast Leave\tIn-Meeting Duration\tEmail\tParticipant ID (UPN)\tRole",
            "Li Wei\t10/25/26, 2:00:00 PM\t10/25/26, 2:30:00 PM\t30m\tone@trade.example\t\tAttendee",
            "Li Wei\t10/25/26, 2:00:00 PM\t10/25/26, 2:10:00 PM\t10m\t\t\tAttendee",
            "3. In-Meeting Activities",
            "Name\tJoin Time\tLeave Time\tDuration\tEmail\tRole",
            "Li Wei\t10/25/26, 2:00:00 PM\t10/25/26, 2:10:00 PM\t10m\t\tAttendee",
        ]
    )
    report = read(text)
    assert {(row.email, row.left_ms) for row in report.rows} == {
        ("", ms("14:10:00")),
        ("one@trade.example", ms("14:30:00")),
    }


def test_the_report_of_2021_has_every_stay_under_its_summary() -> None:
    report = read(teams_of_2021())
    assert seconds(report) == SECONDS
    assert (report.title, report.meeting) == (
        "Trade facilitation, lecture 3",
        "0b1d2c3e-aaaa-4bbb-8ccc-1234567890ab",
    )
    assert (report.starts_ms, report.ends_ms) == (ms("13:44:30"), ms("15:50:10"))


def test_the_list_of_actions_is_paired() -> None:
    report = read(samples.TEAMS_LIST)
    assert seconds(report) == {
        "Grace Otieno": 5400,  # joined before, never left: until the end
        "Amina Wanjiru": 5200,
        "Bruno Costa": 3600,  # two devices: 14:00 to 15:00
        "Brian Otieno": 1800,  # 15:00, never left
        "Visitor": 0,
    }
    assert {row.name: row.left_ms for row in report.rows if "Otieno" in row.name} == {
        "Grace Otieno": ms("15:50:00"),
        "Brian Otieno": ms("15:50:00"),
    }
    assert report.notes == [
        (
            "2 people have no leave time and are assumed to have stayed until the last entry in the file, "
            "2026-10-25 12:50 (UTC)."
        )
    ]
    assert (report.total, report.rejected) == (12, [])


def test_the_list_of_actions_is_read_in_other_languages() -> None:
    assert seconds(read(samples.TEAMS_LIST_PORTUGUESE)) == {"Amina Wanjiru": 1900}


def test_what_is_neither_joining_nor_leaving_is_a_bad_row() -> None:
    head = "Full Name\tUser Action\tTimestamp\r\n"
    rows = (
        "Ada\tLeft\t10/25/2026, 2:00:00 PM\r\n"
        "Ada\tJoined\t10/25/2026, 2:10:00 PM\r\n"
        "Ada\tWaved\t10/25/2026, 2:20:00 PM\r\n"
        "Ada\tLeft\tsoon\r\n"
        "\tJoined\t10/25/2026, 2:20:00 PM\r\n"
        "Ada\tLeft\t10/25/2026, 2:30:00 PM\r\n"
    )
    report = read(head + rows)
    assert [(fault.row, fault.reason) for fault in report.rejected] == [
        (2, "Leave time without a join time."),
        (4, "“Waved” is neither “joined” nor “left”."),
        (5, "“Timestamp” is not a valid time."),
        (6, "This row has neither an e-mail address nor a name."),
    ]
    assert seconds(report) == {"Ada": 1200}


def test_a_live_event_is_utc_and_pairs_by_connection() -> None:
    report = read_report(samples.TEAMS_LIVE.encode())
    assert seconds(report) == {
        "grace@ministry.example": 5400,
        "amina@trade.example": 5200,
        "bruno@trade.example": 3600,
        "Visitor": 0,
    }
    assert {(row.registrant, row.left_ms) for row in report.rows if not row.email} == {("8f2c-guest", ms("15:45:00"))}
    assert {row.role for row in report.rows if row.email == "grace@ministry.example"} == {"host"}
    assert "1 person has no leave time" in report.notes[0]


def test_no_zone_is_assumed_and_an_open_order_is_asked() -> None:
    assert [field for field, _reason in faults(teams())] == ["time_zone"]
    open_order = teams().replace("10/25/26", "10/05/26")
    assert [field for field, _reason in faults(open_order)] == ["time_zone", "date_order"]
    assert read(open_order, date_order="mdy").starts_ms == ms("13:44:30", day="2026-10-05")
    assert read(open_order, date_order="dmy").starts_ms == ms("13:44:30", day="2026-05-10")


def test_one_time_of_the_file_settles_the_order_of_all() -> None:
    open_order = teams().replace("10/25/26", "10/05/26").replace("End time\t10/05/26", "End time\t10/25/26")
    assert read(open_order).starts_ms == ms("13:44:30", day="2026-10-05")


def test_a_file_that_was_cut_off_is_refused() -> None:
    whole = teams()
    assert (
        faults(whole[: whole.index("2. Participants") + 17], format="teams", time_zone="Africa/Nairobi")[0][0] == "file"
    )
    cut = whole[: whole.index("10/25/26, 3:50:00 PM")] if whole.count("10/25/26, 3:50:00 PM") == 1 else whole
    assert faults(cut[: cut.rindex("Visitor") + 9], time_zone="Africa/Nairobi") == [
        ("file", "The file is incomplete: line 29 ends too early.")
    ]


@each_row(
    "upn, expected_address, expected_account",
    [
        ("ada@trade.example", "ada@trade.example", ""),
        ("ada_b_trade.example#EXT#@org.example", "ada_b@trade.example", "ada_b_trade.example#EXT#@org.example"),
        ("8f2c-guest", "", "8f2c-guest"),
        ("ada#EXT#@org.example", "", "ada#EXT#@org.example"),
        ("", "", ""),
    ],
)
def test_the_account_of_a_guest_holds_an_address(upn: str, expected_address: str, expected_account: str) -> None:
    assert (address(upn), account(upn)) == (expected_address, expected_account)


@each_row(
    "word, role",
    [("Organizer", "host"), ("Organiser", "host"), ("Organisator", "host"), ("Co-organizer", "host"), ("", ""),
     ("Producer", "host"), ("Presenter", "panelist"), ("Teilnehmer", "attendee"), ("組織者", "host")],
)  # fmt: skip
def test_roles_are_read_in_many_languages(word: str, role: str) -> None:
    assert role_of(word) == role


def test_where_nobody_is_said_to_attend_those_who_may_present_do() -> None:
    text = teams().replace("\tAttendee", "\tPresenter")
    assert {row.role for row in read(text).rows} == {"host", "attendee"}
