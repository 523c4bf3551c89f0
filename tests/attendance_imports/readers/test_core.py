"""What all formats share: letters, separators, headings, times, durations, names, and what cannot be read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lms.attendance import rules
from lms.attendance_imports.readers import timestamps
from lms.attendance_imports.readers.headings import find_heading
from lms.attendance_imports.readers.reading import read_report
from lms.attendance_imports.readers.report import Report
from lms.attendance_imports.readers.sheets import open_document
from lms.attendance_imports.readers.vocabulary import WORDS
from lms.core.base.errors import Invalid, TooLarge, WrongKind
from lms.core.storage.tables import MAX_ROWS
from lms.people.names import undecorated
from tests.attendance_imports.readers.reports import at, workbook, written
from tests.rows import each_row

pytestmark = pytest.mark.usefixtures("words")

HEAD = ["email", "name", "joined_at", "left_at"]
A, B = "2026-11-25T01:00Z", "2026-11-25T02:00Z"


def names(content: bytes) -> tuple[list[str], list[str]]:
    report = read_report(content)
    return [row.name for row in report.rows], [one for one in report.notes if "encoding" in one]


@each_row(
    "name, encoding, read_as",
    [
        ("王小明", "gb18030", "Chinese"),
        ("Anna 王小明（李四）", "gb18030", "Chinese"),
        ("Zoë Müller", "cp1252", "Western"),
        ("José Conceição D’Ávila", "cp1252", "Western"),
        ("CONCEIÇÃO", "cp1252", "Western"),
        ("François Lefèvre", "cp1252", "Western"),
        ("Nguyễn Thị Minh", "utf-8", None),
        ("王小明", "utf-8-sig", None),
        ("Ольга", "utf-16", None),
        ("محمد علي", "utf-16-le", None),
        ("አበበ", "utf-16-be", None),
    ],
)
def test_letters_are_read_to_the_letter_and_what_is_not_sure_is_said(
    name: str, encoding: str, read_as: str | None
) -> None:
    full_names, notes = names(written([HEAD, ["a@b.example", name, A, B]], encoding=encoding))
    assert full_names == [undecorated(name)]
    assert [read_as in one for one in notes if read_as] == ([True] if read_as else [])
    assert bool(notes) == (read_as is not None)


def test_the_separator_is_what_is_there_most_outside_quotations() -> None:
    for delimiter, other in ((",", ";"), (";", ","), ("\t", ",")):
        rows = [["About; this, meeting"], HEAD, ["a@b.example", f"Smith{delimiter}{other * 20} Lee", A, B]]
        content = written(rows, delimiter)
        assert [cells for _line, cells in open_document(content).lines] == [[*row] for row in rows]


def test_lines_keep_their_number_and_cells_are_trimmed() -> None:
    content = '\ufeff\n\n a ,"=""x y""",\u200e z\u00a0\n,,\n"two\nlines",1,2\n'.encode()
    assert open_document(content).lines == [(3, ["a", "x y", "z"]), (5, ["two\nlines", "1", "2"])]


def test_what_is_json_has_no_lines() -> None:
    assert open_document(b'\xef\xbb\xbf {"a": [1]}').data == {"a": [1]}
    assert open_document(b'[{"a": 1}]').lines == []
    with pytest.raises(Invalid):
        open_document(b'{"a": [1')


@each_row(
    "content, error",
    [
        (b"\x89PNG\r\n", WrongKind),
        (b"\xff\xd8\xff\xe0", WrongKind),
        (b"%PDF-1.7", Invalid),
        (b"PK\x03\x04 cut off", Invalid),
        (workbook([HEAD, ["a@b.example", "Ada", A, B]])[:-30], Invalid),
        (b"\x00\x01\x02\x03" * 50, Invalid),
        (b"email,joined_at,left_at\n" + b"\n" * 5, Invalid),
        (b"a@b.example," + b"1" * 70, Invalid),
    ],
)
def test_what_is_no_report_is_refused(content: bytes, error: type[Exception]) -> None:
    with pytest.raises(error):
        read_report(content)


def test_headings_are_found_below_a_preamble_and_loosely() -> None:
    rows = [["Report"], ["Meeting", "Customs"], [" E-MAIL address ", "Full_Name", "Join  Time (UTC)", "LEAVE time"]]
    heading = find_heading(
        open_document(written([*rows, ["a@b.example", "A", A, B]])), WORDS, {"email", "joined", "left"}
    )
    assert heading is not None
    assert (heading.line, heading.columns) == (3, {"email": 0, "name": 1, "joined": 2, "left": 3})


LOCAL = datetime(2026, 10, 5, 17, 55)  # noqa: DTZ001 - local on purpose


@each_row(
    "text, moment",
    [
        ("2026-10-05 17:55:00", LOCAL),
        ("2026/10/05 17:55", LOCAL),
        ("2026-10-05 05:55:00 PM", LOCAL),
        ("Oct 5, 2026 17:55:00", LOCAL),
        ("October 5, 2026 at 5:55 PM", LOCAL),
        ("Monday, October 5, 2026 5:55:00 PM", LOCAL),
        ("5 Oct 2026 17:55", LOCAL),
        ("05-Oct-2026 17:55:00", LOCAL),
        ("2026年10月5日 17:55", LOCAL),
        ("2026/10/5 下午5:55:00", LOCAL),
        ("2026-10-05T17:55:00Z", LOCAL.replace(tzinfo=UTC)),
        ("2026-10-05 17:55:00 UTC", LOCAL.replace(tzinfo=UTC)),
        ("2026-10-05 14:55:00 -0300", (LOCAL + timedelta(0)).replace(tzinfo=UTC)),
        ("Oct 32, 2026 17:55:00", None),
        ("2026-10-05 13:55 PM", None),
        ("yesterday", None),
        ("", None),
    ],
)
def test_times_are_read_as_files_write_them(text: str, moment: datetime | None) -> None:
    assert timestamps.read(text) == moment


@each_row("text", ["10/05/2026 05:55:00 PM", "10/05/26, 5:55:00\u202fPM", "10.05.2026 17:55", "10/5/2026 17:55:00"])
def test_dates_in_figures_stay_open(text: str) -> None:
    read_date = timestamps.read(text)
    assert isinstance(read_date, timestamps.AmbiguousDate)
    assert read_date.at(timestamps.DateOrder.MDY) == LOCAL
    assert read_date.at(timestamps.DateOrder.DMY) == datetime(2026, 5, 10, 17, 55)  # noqa: DTZ001


@each_row(
    "text, hours",
    [("Join Time (UTC)", 0), ("Time (GMT+8)", 8), ("Zone: UTC-03:30", -3.5), ("(UTC+05:30) Chennai", 5.5),
     ("Asia/Shanghai", 8), ("Join Time", None), ("Tutucu", None)],
)  # fmt: skip
def test_a_zone_is_taken_where_it_is_said(text: str, hours: float | None) -> None:
    zone = timestamps.zone_in(text)
    assert (zone and LOCAL.replace(tzinfo=zone).utcoffset()) == (None if hours is None else timedelta(hours=hours))


def stay(joined: str, left: str, *more: str, zone: str = "Europe/Berlin") -> Report:
    heading = ["email", "joined_at", "left_at", *(["duration (minutes)"] if more else [])]
    return read_report(written([heading, ["a@b.example", joined, left, *more]]), time_zone=zone)


def test_an_hour_that_the_clocks_leave_out_is_refused_with_the_reason() -> None:
    report = stay("2026-03-29 02:30", "2026-03-29 04:00")
    assert [one.reason for one in report.rejected] == [
        ("2026-03-29 02:30 does not exist in Europe/Berlin because the clocks go forward then. Is the time zone right?")
    ]
    assert stay("2026-03-29 01:30", "2026-03-29 03:30").rows[0].left_ms == at("2026-03-29T03:30+02:00")


def test_an_hour_that_happens_twice_is_told_apart_where_it_can_be_and_said_where_not() -> None:
    """At 3:00 summer time it became 2:00 again: 01:30 to 02:30 is an hour, or two."""
    spoken = {minutes: stay("2026-10-25 01:30", "2026-10-25 02:30", minutes) for minutes in ("60", "120")}
    assert [(one.rows[0].left_ms - one.rows[0].joined_ms) / 60_000 for one in spoken.values()] == [60, 120]
    assert [one.notes for one in spoken.values()] == [[], []]
    silent = stay("2026-10-25 01:30", "2026-10-25 02:30")
    assert silent.rows[0].left_ms == at("2026-10-25T02:30+02:00")
    assert "occurs twice in Europe/Berlin" in silent.notes[0]
    back = stay("2026-10-25 02:50", "2026-10-25 02:10")  # backwards on the clock, twenty minutes in truth
    assert back.rows[0].left_ms - back.rows[0].joined_ms == 20 * 60_000
    assert back.notes == []


@given(
    st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1)),  # noqa: DTZ001 - local on purpose
    st.sampled_from(["Europe/Berlin", "Africa/Cairo", "Asia/Beirut", "Australia/Lord_Howe", "Africa/Casablanca"]),
)
def test_what_a_local_time_may_mean_is_what_has_that_clock(local: datetime, zone: str) -> None:
    instants = timestamps.possible_ms(local, ZoneInfo(zone))
    assert sorted(set(instants)) == list(instants)
    for instant in instants:
        assert datetime.fromtimestamp(instant / 1000, ZoneInfo(zone)).replace(tzinfo=None, fold=0) == local.replace(
            microsecond=local.microsecond // 1000 * 1000
        )


def test_a_clock_that_lost_its_halves_is_suspected() -> None:
    report = stay("2026-10-05 11:50", "2026-10-05 01:20")
    assert "Did it lose AM and PM?" in report.rejected[0].reason
    assert report.may_lack_halves
    assert "AM and PM" not in stay("2026-10-05 14:50", "2026-10-05 13:20").rejected[0].reason
    assert not stay("2026-10-05 11:50 AM", "2026-10-05 11:55 AM").may_lack_halves


def test_durations_that_disagree_with_the_times_are_said() -> None:
    longer = stay("2026-10-05 14:00", "2026-10-05 14:30", "90")
    assert (len(longer.rows), longer.notes) == (
        1, [("Line 2 gives a longer duration than the time between joining and leaving. The join and leave "
            "times are used.")]
    )  # fmt: skip
    shorter = stay("2026-10-05 14:00", "2026-10-05 15:30", "60")
    assert [(one.total_ms, one.last_ms - one.first_ms) for one in shorter.sums] == [(3_600_000, 5_400_000)]  # type: ignore[operator]
    assert shorter.notes == [
        ("Line 2 gives a shorter duration than the time between joining and leaving. Only the certain part is counted.")
    ]
    assert stay("2026-10-05 14:00", "2026-10-05 14:30", "31").notes == []
    one_time = stay("2026-10-05 14:00", "", "90")
    assert one_time.rows[0].left_ms - one_time.rows[0].joined_ms == 5_400_000


@each_row(
    "typed, name",
    [
        ("Moderator: Brian Smith", "Brian Smith"), ("(Host) Brian Smith", "Brian Smith"),
        ("iPhone (Brian Smith)", "Brian Smith"), ("Ali's iPad (Ali Khan)", "Ali Khan"),
        ("SM-A125F (Chen Wei)", "Chen Wei"), ("12345_Ali", "Ali"), ("017. Mary Jones", "Mary Jones"),
        ("01王小明", "王小明"), ("０１王小明", "王小明"), ("20260101王小明", "王小明"), ("01、王小明", "王小明"),
        ("3号王小明", "王小明"), ("01-王小明", "王小明"), ("7김민준", "김민준"), ("01Ali Khan", "Ali Khan"),
        ("12محمد علي", "محمد علي"), ("3M Company", "3M Company"), ("2nd Lt Smith", "2nd Lt Smith"),
        ("10th Floor", "10th Floor"), ("王小明2", "王小明2"),
        ("Smith, Brian", "Brian Smith"), ("Brian Smith, PhD", "Brian Smith"), ("Brian Smith (he/him)", "Brian Smith"),
        ("Brian Smith (she, they)", "Brian Smith"), ("Brian Smith # Ministry of Trade", "Brian Smith"),
        ("Brian Smith | Kenya", "Brian Smith"), ("Brian Smith (Guest)", "Brian Smith"),
        ("Dr. Brian  Smith", "Brian Smith"),
        ("张三（李四）", "张三"), ("王小明", "王小明"), ("Anne-Marie O'Neil", "Anne-Marie O'Neil"),
        ("Mi Young Park (KOR)", "Mi Young Park"), ("Suharto", "Suharto"), ("007", "007"), ("iPhone", "iPhone"),
        ("Eng Wei Ling", "Eng Wei Ling"), ("José María de la Cruz", "José María de la Cruz"),
    ],
)  # fmt: skip
def test_names_without_their_decorations(typed: str, name: str) -> None:
    assert undecorated(typed) == name


def test_the_name_of_the_account_counts_where_the_other_is_no_full_name() -> None:
    assert undecorated("Brian (Brian Smith)", original=True) == "Brian Smith"
    assert undecorated("Brian Smith (Kenya)", original=True) == "Brian Smith"


@given(st.text(max_size=40))
def test_something_of_a_name_is_always_left(typed: str) -> None:
    assert bool(undecorated(typed)) == bool(typed.split())


HOUR = 60 * 60_000
spans = st.tuples(st.integers(-15, 15), st.integers(70, 100)).map(lambda pair: (pair[0] * 60_000, sum(pair) * 60_000))


@given(st.lists(spans, min_size=3, max_size=30), st.integers(2, 14), st.booleans())
def test_a_zone_that_is_wrong_is_recognised(seen: list[tuple[int, int]], hours: int, is_later: bool) -> None:
    """Stays around a lecture of 90 minutes, all moved by whole hours: the way back is found."""
    shift = (hours if is_later else -hours) * HOUR
    seen = [*seen, (0, 90 * 60_000)]
    assert rules.shift_of([(a + shift, b + shift) for a, b in seen], 0, 90 * 60_000) == -shift
    assert rules.shift_of(seen, 0, 90 * 60_000) == 0


def test_a_large_file_is_read_whole_and_a_larger_one_refused() -> None:
    head, row = b"email,joined_at,left_at\n", b"n%d@x.example,2026-11-25 09:00:00,2026-11-25 10:00:00\n"
    content = head + b"".join(row % n for n in range(20_000))
    assert len(read_report(content, time_zone="Asia/Shanghai").rows) == 20_000
    with pytest.raises(TooLarge):
        open_document(head + b"a,b,c\n" * (MAX_ROWS + 1))


@pytest.mark.long
def test_two_hundred_thousand_rows_are_read() -> None:
    row = b"Person %d,n%d@x.example,10/13/2026 03:50:10 PM,10/13/2026 05:25:10 PM,95,Yes\n"
    head = b"Name (Original Name),User Email,Join Time,Leave Time,Duration (Minutes),Guest\n"
    report = read_report(head + b"".join(row % (n, n) for n in range(200_000)), time_zone="Asia/Shanghai")
    assert (report.format, len(report.rows), report.rejected) == ("zoom", 200_000, [])
