"""Durations as systems write them, in many languages."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lms.attendance_imports.readers.timestamps import duration_ms, unit_in
from tests.rows import each_row


@each_row(
    "text, seconds",
    [
        ("1h 13m 42s", 4422),
        ("1h13m42s", 4422),
        ("42s", 42),
        ("0s", 0),
        ("1 hr 2 min", 3720),
        ("204 mins", 12240),
        ("201 minutos", 12060),
        ("2 Std. 5 Min. 40 Sek.", 7540),
        ("1 hour and 2 minutes", 3720),
        ("1\u00a0h 2\u202fmin", 3720),
        ("1,5 h", 5400),
        ("1.5 h", 5400),
        ("1 h y 5 min", 3900),
        ("PT1H2M3S", 3723),
        ("0:30:00", 1800),
        ("1 day, 0:00:01", 86_401),
        ("PT1H2M", 3720),
        ("1小时30分20秒", 5420),
        ("1 時間 32 分 35 秒", 5555),
        ("1시간 2분", 3720),
        ("1 ч 13 мин 42 с", 4422),
        ("1 godz. 2 min 3 sek", 3723),
        ("1 uur en 2 minuten", 3720),
        ("1 sa 2 dk 3 sn", 3723),
        ("1 ora 2 minuti", 3720),
        ("1 giờ 2 phút 3 giây", 3723),
    ],
)
def test_durations_are_read_in_many_forms(text: str, seconds: int) -> None:
    assert duration_ms(text) == seconds * 1000


@each_row(
    "text",
    ["", "-", "90", "45:30", "5 apples", "1h, or 2m", "1h 30", "7/20/23, 4:16:29 PM", "9" * 400 + "h", "9" * 400,
     "PT" + "9" * 400 + "H", "800 h", "99 days, 0:00:00"],
)  # fmt: skip
def test_what_is_no_duration_of_a_meeting_is_none(text: str) -> None:
    assert duration_ms(text) is None


def test_a_bare_number_counts_what_its_heading_says() -> None:
    headings = ("Duration (Minutes)", "时长(分钟)", "Seconds", "Hours", "Duration")
    assert [unit_in(heading) for heading in headings] == ["minutes", "minutes", "seconds", "hours", None]
    assert duration_ms("1,5", "hours") == 5_400_000
    assert [duration_ms("90", unit) for unit in ("hours", "minutes", "seconds")] == [324_000_000, 5_400_000, 90_000]
    assert duration_ms("9" * 400, "minutes") is None


@given(text=st.text(alphabet="0123456789hms :.,PTHMS小时day", max_size=30), unit=st.sampled_from([None, "minutes"]))
def test_whatever_stands_there_is_a_duration_or_none(text: str, unit: str | None) -> None:
    duration = duration_ms(text, unit)
    assert duration is None or 0 <= duration <= 31 * 86_400_000
