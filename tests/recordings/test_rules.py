"""Positions and chapters as people type them; how long recordings are kept."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from lms.core.base.errors import Invalid
from lms.recordings.rules import (
    MAX_CHAPTERS,
    MAX_TITLE,
    NOTICE,
    deletion_at,
    read_chapters,
    read_position,
    read_trim,
    write_chapters,
)
from tests.rows import each_row

BORDERS = list(range(0, 60_001, 2000))
END = datetime(2026, 3, 1, 12, tzinfo=UTC)


@each_row(
    "text, position_ms",
    [
        ("0:02:30", 150_000),
        ("2:30", 150_000),
        ("90:00", 5_400_000),
        ("45", 45_000),
        (" 1:00:00 ", 3_600_000),
        ("1:60:00", None),
        ("0:00:60", None),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("٠:٠٢:٣٠", None),
    ],
)
def test_a_position_is_read(text: str, position_ms: int | None) -> None:
    assert read_position(text) == position_ms


@each_row(
    "start, end, shown",
    [
        ("", "", (None, None)),
        ("0:00:07", "0:00:51", (6000, 50_000)),
        ("0:00:00", "0:01:00", (None, None)),
        ("0:00:20", "", (20_000, None)),
    ],
)
def test_a_recording_is_cut_at_whole_segments(start: str, end: str, shown: tuple[int | None, int | None]) -> None:
    assert read_trim(start, end, BORDERS) == shown


@pytest.mark.parametrize(
    ("start", "end", "field", "words"),
    [
        ("soon", "", "start", "0:12:30"),
        ("0:00:40", "0:00:20", "end", "after the start"),
        ("0:00:40", "0:00:45", "end", "10 seconds"),
        ("", "0:05:00", "end", "only 0:01:00 long"),
        ("0:05:00", "", "start", "only 0:01:00 long"),
    ],
)
def test_a_cut_that_cannot_be_is_refused(start: str, end: str, field: str, words: str) -> None:
    with pytest.raises(Invalid) as refusal:
        read_trim(start, end, BORDERS)
    (fault,) = refusal.value.faults
    assert fault.field == field
    assert words in fault.reason


def test_chapters_are_a_plain_list_in_any_order() -> None:
    chapters = read_chapters("0:00:30 – Rules  of origin\n\n0 Welcome\n00:45 مقدمة\n", 60_000)
    assert chapters == [(0, "Welcome"), (30_000, "Rules of origin"), (45_000, "مقدمة")]
    assert write_chapters(chapters) == "0:00:00 Welcome\n0:00:30 Rules of origin\n0:00:45 مقدمة"
    assert read_chapters(write_chapters(chapters), 60_000) == chapters
    assert read_chapters(" \n", 60_000) == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Welcome", "Line 1: begin with a time"),
        ("0:00:10 One\n0:00:20", "Line 2: enter a title"),
        ("0:05:00 Late", "only 0:01:00 long"),
        ("0:00:10 One\n10 Two", "Line 2: another chapter"),
        (f"0 {'x' * (MAX_TITLE + 1)}", "120 characters"),
        ("\n".join(f"{second} x" for second in range(MAX_CHAPTERS + 1)), "at most 50 chapters"),
    ],
)
def test_chapters_that_are_not_clear_are_refused(text: str, words: str) -> None:
    with pytest.raises(Invalid) as refusal:
        read_chapters(text, 60_000)
    assert words in refusal.value.message


def test_a_recording_is_deleted_after_its_days_and_never_without_notice() -> None:
    later = END + timedelta(days=500)

    def moment(days: int, *, is_kept: bool = False, announced_at: datetime | None = None) -> datetime | None:
        return deletion_at(END, days, is_kept=is_kept, announced_at=announced_at, at=later)

    assert moment(0) is None
    assert moment(365, is_kept=True) is None
    assert moment(365) == later + NOTICE
    assert moment(365, announced_at=END + timedelta(days=351)) == END + timedelta(days=365)
    assert moment(600) == END + timedelta(days=600)
