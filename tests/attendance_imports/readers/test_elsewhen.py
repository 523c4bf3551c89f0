"""Reports of another time than the lecture's: what is refused, with what was probably meant, and what is only said."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from lms.attendance.models.evidence import AttendanceImport, Presence
from lms.attendance_imports.actions.imports import publish_attendance
from lms.attendance_imports.actions.staging import StagedAttendance, TimesDoNotOverlap, stage_attendance
from lms.core.base.errors import DomainError
from lms.core.base.roles import SYSTEM
from lms.core.database.session import db
from tests.attendance_imports.readers.reports import written
from tests.rows import each_row

pytestmark = pytest.mark.usefixtures("context")

START = datetime(2026, 11, 4, 6, 0, tzinfo=UTC)
NOBODY = "No time in this file falls within the lecture."


class Scene:
    """A lecture that was held from 06:00 to 07:30 UTC, 14:00 to 15:30 in Shanghai."""

    def __init__(self, make: Any) -> None:
        series = make.series()
        end = START + timedelta(minutes=90)
        self.lecture = make.lecture(series, state="held", starts_at=START, actual_start=START, actual_end=end)

    def stage(self, joined: str, left: str, **options: Any) -> StagedAttendance:
        rows = [["email", "joined_at", "left_at"], *[[f"n{n}@x.example", joined, left] for n in range(3)]]
        return self.bring(written(rows), **options)

    def bring(self, content: bytes, **options: Any) -> StagedAttendance:
        return stage_attendance(self.lecture.id, content, file_name="r.csv", by=SYSTEM, **options)


@pytest.fixture
def scene(make: Any, context: None) -> Scene:
    return Scene(make)


@each_row(
    "joined, left, zone, says, is_local",
    [
        ("2026-11-04 14:00", "2026-11-04 15:30", "UTC",
         "Its times are 8 hours later than the lecture. Is the time zone right?", True),
        ("2026-11-04 05:50", "2026-11-04 07:40", "Asia/Shanghai",
         "Its times are 8 hours earlier than the lecture. Is the time zone right?", True),
        ("2026-11-04 11:30", "2026-11-04 13:00", "UTC",
         "Its times are 5 hours 30 minutes later than the lecture. Is the time zone right?", True),
        ("2026-11-03 14:00", "2026-11-03 15:30", "Asia/Shanghai",
         "Its times are a day earlier than the lecture. Is the time zone right?", True),
        ("2026-11-05T06:00Z", "2026-11-05T07:30Z", None, ("Its times are a day later than the lecture. Is this "
                                                         "the right file?"), False),
        ("2026-11-04 02:00", "2026-11-04 03:30", "Asia/Shanghai",
         ("Its times are 12 hours earlier than the lecture. All hours in this file are 12 or lower. Did it lose "
         "AM and PM?"), True),
        ("2026-10-28T06:00Z", "2026-10-28T07:30Z", None, "Are the file and the time zone right?", False),
    ],
)  # fmt: skip
def test_a_report_of_another_time_is_refused_with_what_was_probably_meant(
    scene: Scene, joined: str, left: str, zone: str | None, says: str, is_local: bool
) -> None:
    with pytest.raises(TimesDoNotOverlap) as caught:
        scene.stage(joined, left, time_zone=zone)
    assert caught.value.message == f"{NOBODY} {says}"
    assert caught.value.questions == ({"time_zone"} if is_local else set())


def test_an_hour_astray_is_said_though_it_overlaps(scene: Scene) -> None:
    astray = scene.stage("2026-11-04 15:00", "2026-11-04 16:30", time_zone="Asia/Shanghai")
    assert astray.report.notes == [
        "The times in this file would match the lecture better if they were 1 hour earlier. Is the time zone right?"
    ]
    # whoever came late or left early is no reason to doubt
    assert scene.stage("2026-11-04 14:40", "2026-11-04 15:40", time_zone="Asia/Shanghai").report.notes == []
    assert scene.stage("2026-11-04 14:00", "2026-11-04 15:30", time_zone="Asia/Shanghai").report.notes == []


WHOLE = written([["email", "joined_at", "left_at"], *[[f"n{n}@x.example", "2026-11-04T06:00Z", "2026-11-04T07:00Z"]
                                                      for n in range(20)]])  # fmt: skip


@each_row(
    "content",
    [
        b"", WHOLE[:-30], WHOLE.replace(b"email", b"\x89PNG", 1), b"email,full_name,country\na@b.example,Ada,KE\n",
        b"Dear all,\nsee you tomorrow.\n", b"{}", b"[1, 2]", WHOLE.replace(b"2026-11-04", b"2026-11-05"),
        WHOLE.replace(b"Z", b""), WHOLE.replace(b"2026-11-04T", b"04/11/2026 ").replace(b"Z", b""),
    ],
)  # fmt: skip
@each_row("format", ["auto", "zoom", "plain"])
def test_nothing_is_half_written_of_a_bad_file(scene: Scene, content: bytes, format: str) -> None:
    with pytest.raises(DomainError):
        publish_attendance(scene.bring(content, format=format), skip_bad_rows=True, by=SYSTEM, at=START)
    for table in (Presence, AttendanceImport):
        assert db.session.scalar(select(func.count()).select_from(table)) == 0
