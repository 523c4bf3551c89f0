"""Reports in the languages in which the meeting systems write them: known words, near misses, and what is not read."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from lms.attendance_imports.readers import vocabulary, words_of_people, words_of_times
from lms.attendance_imports.readers.child_process import parse_report as read_report
from lms.attendance_imports.readers.headings import plain
from lms.attendance_imports.readers.report import Report
from tests.attendance_imports.readers.languages import (
    BY_HAND,
    LECTURE,
    NAIROBI,
    TEAMS,
    ZOOM,
    ZOOM_TIMES,
    teams,
    teams_list,
    zoom,
)
from tests.attendance_imports.readers.reports import minutes, written
from tests.rows import each_row, spread

pytestmark = pytest.mark.usefixtures("words")

NEAR = datetime(2026, 10, 25, 13, tzinfo=UTC)
BY_NAME = {"Amina Wanjiru": 60.0, "Bruno Costa": 90.0}


def read(content: bytes, **options: str) -> Report:
    return read_report(content, near=NEAR, **{"time_zone": NAIROBI, **options})  # type: ignore[arg-type]


@each_row("language", ZOOM)
def test_zoom_is_read_in_every_language_and_its_waiting_room_is_no_presence(language: str) -> None:
    report = read(zoom(language))
    assert (report.format, report.rejected, report.sums, report.not_read) == ("zoom", [], [], [])
    assert minutes(report, *LECTURE) == BY_HAND
    assert report.notes == ["1 row is from the waiting room and does not count as presence."]


@each_row("times", ZOOM_TIMES)
def test_times_are_read_as_each_language_writes_them(times: str) -> None:
    report = read(zoom("en", ZOOM_TIMES[times]))
    assert report.rejected == []
    assert minutes(report, *LECTURE) == BY_HAND


@each_row("language, parts", spread(20, TEAMS, [(1, 2, 3), (2, 3), (3,), (1, 3)]))
def test_teams_is_read_in_every_language_whatever_parts_there_are(language: str, parts: tuple[int, ...]) -> None:
    report = read(teams(language, parts=parts))
    assert (report.format, report.rejected, report.notes, report.not_read) == ("teams", [], [], [])
    assert minutes(report, *LECTURE) == BY_HAND
    assert {row.name: row.role for row in report.rows} == {"Amina Wanjiru": "attendee", "Bruno Costa": "host"}


@each_row("language", TEAMS)
def test_teams_with_the_second_part_only_gives_sums(language: str) -> None:
    """Of Amina's 70 minutes 10 may be after the lecture: 60 are certain."""
    report = read(teams(language, parts=(2,)))
    assert (report.format, minutes(report, *LECTURE)) == ("teams", BY_HAND)


@each_row("language", TEAMS)
def test_parts_without_numbers_are_known_by_their_titles(language: str) -> None:
    report = read(teams(language, numbers=False))
    assert (report.format, minutes(report, *LECTURE)) == ("teams", BY_HAND)


@each_row("language, way", spread(20, TEAMS, [(True, False), (False, False), (True, True), (False, True)]))
def test_lists_of_who_did_what_are_read_with_and_without_headings(language: str, way: tuple[bool, bool]) -> None:
    heading, torn = way
    report = read(teams_list(language, heading=heading, torn=torn))
    assert (report.format, report.rejected) == ("teams", [])
    assert minutes(report, *LECTURE) == BY_NAME


@each_row("language", TEAMS)
def test_fewer_people_than_the_file_states_are_said(language: str) -> None:
    report = read(teams(language, people=5))
    assert report.notes == ["The file states 5 participants but contains 2. Part of it may be missing."]


LANGUAGES = ("en", "es", "pt", "fr", "de", "it", "nl", "pl", "ru", "tr", "ar", "zh", "ja", "ko", "vi", "id")


def test_every_field_has_words_in_every_language() -> None:
    lists = {
        **{name: getattr(words_of_people, name) for name in ("EMAIL", "NAME", "WAITING")},
        **{name: getattr(words_of_times, name) for name in ("JOINED", "LEFT", "DURATION")},
    }
    assert [(name, one) for name, words in lists.items() for one in LANGUAGES if not words.get(one)] == []


def test_no_word_means_two_things() -> None:
    fields_of: dict[str, set[str]] = {}
    for field, words in vocabulary.ALL.fields.items():
        for word in words:
            fields_of.setdefault(plain(word), set()).add(field)
    assert {word: sorted(fields) for word, fields in fields_of.items() if len(fields) > 1} == {}


HEAD = ["Email", "Join time", "Leave time"]
ROW = ["ada@x.example", "2026-10-25T13:00Z", "2026-10-25T14:00Z"]


def test_a_heading_with_a_letter_wrong_is_read_and_said() -> None:
    for heading, email in (("Jion time", "Email"), ("Join timee", "Email"), ("Join time", "E-mail adress")):
        report = read_report(written([[email, heading, "Leave time"], ROW]))
        assert minutes(report, *LECTURE) == {"ada@x.example": 60.0}
        assert len(report.notes) == 1
    assert report.notes == ["“E-mail adress” is read as email."]


def test_what_is_near_to_several_words_or_short_is_not_read() -> None:
    words = vocabulary.WORDS
    assert [words.near(one) for one in ("nane", "加入時刻", "Xoin time", "Salient", "Leav time", "Durration")] == [
        None, None, None, None, "left", "duration",
    ]  # fmt: skip


@each_row(
    "content",
    [
        written([[*HEAD, "Shoe size"], [*ROW, "42"]]),
        written([["Name (Original Name)", *HEAD, "Guest", "Shoe size"], ["Ada", *ROW, "No", "42"]]),
        written([["Event Name", "Event Start Time", "Name", *HEAD, "Shoe size"], ["T", "2026-10-25T13:00Z", "Ada",
        *ROW, "42"]]),
        written([["用户昵称（入会昵称）", "入会时间", "退会时间", "Shoe size"], ["Ada", *ROW[1:], "42"]]),
        written([["First name", "Last name", "Email", "Duration", "Time joined", "Time exited", "Shoe size"],
                 ["Ada", "L", ROW[0], "1 hr", *ROW[1:], "42"]]),
        written([["3. In-Meeting Activities"], ["Name", *HEAD[1:], "Duration", "Email", "Role", "Shoe size"],
                 ["Ada", *ROW[1:], "1h", ROW[0], "Attendee", "42"]], "\t"),
        written([["Full Name", "User Action", "Timestamp", "Shoe size"], ["Ada", "Joined", ROW[1], "42"],
                 ["Ada", "Left", ROW[2], "42"]], "\t"),
    ],
)  # fmt: skip
def test_a_heading_that_is_not_known_is_said_in_every_reader(content: bytes) -> None:
    report = read_report(content)
    assert (report.not_read, report.rejected) == (["Shoe size"], [])
    assert sum(minutes(report, *LECTURE).values()) == 60.0


def test_an_address_is_recognised_by_the_cells_of_its_column() -> None:
    head = ["Name (Original Name)", "Registered with", "Join Time", "Leave Time", "Guest"]
    report = read_report(written([head, ["Ada", *ROW, "No"]]))
    assert minutes(report, *LECTURE) == {"ada@x.example": 60.0}
    assert (report.notes, report.not_read) == (["“Registered with” is read as email."], [])


def test_of_two_columns_of_addresses_that_of_the_people_is_taken() -> None:
    head = ["Host", "Contact", "Name (Original Name)", "Join Time", "Leave Time", "Guest"]
    rows = [["h@x.example", f"p{n}@x.example", f"P{n}", *ROW[1:], "No"] for n in range(3)]
    report = read_report(written([head, *rows]))
    assert minutes(report, *LECTURE) == {f"p{n}@x.example": 60.0 for n in range(3)}


def test_the_numbered_columns_of_an_admin_export_are_those_of_the_participant() -> None:
    head = ["Topic", "MeetingID", "User_Name", "User_Email_1", "Start_Time", "End_Time", "Duration_Minutes_1",
            "NameOriginalName", "User_Email_2", "Join_Time", "Leave_Time", "Duration_Minutes_2", "Guest",
            "RecordingConsent", "InWaitingRoom"]  # fmt: skip
    about = ["Trade", "912 3456 7890", "Lin", "lin@x.example", "2026-10-25 15:50", "2026-10-25 17:40", "110"]
    rows = [[*about, "Ada", "ada@x.example", "2026-10-25 16:00", "2026-10-25 16:30", "30", "No", "", waited]
            for waited in ("No", "Yes")]  # fmt: skip
    report = read(written([head, *rows]))
    assert minutes(report, *LECTURE) == {"ada@x.example": 30.0}
    assert (report.format, report.rejected, report.not_read) == ("zoom", [], [])
