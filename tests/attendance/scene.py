"""A held lecture of 90 minutes with three people enrolled, for tests of what happens to its attendance."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import func, select

from lms.attendance.models.credits import Credit
from lms.attendance.models.evidence import AttendanceImport, Presence
from lms.attendance.queries.roster import RosterRow, get_row
from lms.attendance_imports.actions.imports import publish_attendance
from lms.attendance_imports.actions.staging import stage_attendance
from lms.core.base.import_answers import ImportAnswer
from lms.core.base.roles import Actor
from lms.core.database.session import db

START = datetime(2026, 11, 4, 6, 0, tzinfo=UTC)
END = START + timedelta(minutes=90)


def minute(n: float) -> datetime:
    return START + timedelta(minutes=n)


class Scene:
    """A held lecture of 90 minutes with three people enrolled."""

    def __init__(self, make: Any, **series: Any) -> None:
        self.make = make
        self.teacher = make.person("Lin Yuhan", roles=["instructor"])
        self.by: Actor = make.actor(self.teacher)
        self.series = make.series(instructors=[self.teacher], **series)
        self.people = {name: make.person(name, email=f"{name.lower()}@x.example") for name in ("Ada", "Ben", "Cyr")}
        for person in self.people.values():
            make.enrolment(self.series, person)
        self.lecture = make.lecture(
            self.series, state="held", actual_start=START, actual_end=END, starts_at=START, instructors=[self.teacher]
        )

    def publish(self, *stays: tuple[str, float, float], **options: Any) -> ImportAnswer:
        lines = [f"{email},{minute(a).isoformat()},{minute(b).isoformat()}" for email, a, b in stays]
        return self.publish_text("email,joined_at,left_at\n" + "\n".join(lines) + "\n", **options)

    def publish_text(self, text: str, *, at: datetime = END, **options: Any) -> ImportAnswer:
        staged = stage_attendance(self.lecture.id, text.encode(), file_name="report.csv", by=self.by)
        return publish_attendance(staged, **options, by=self.by, at=at)

    def credit(self, name: str) -> Credit | None:
        return db.session.get(Credit, (self.lecture.id, self.people[name].id), populate_existing=True)

    def row(self, name: str) -> RosterRow:
        return get_row(self.lecture.id, self.people[name].public_id, by=self.by)

    def counts(self) -> tuple[int, int, int]:
        return tuple(
            db.session.scalar(select(func.count()).select_from(t)) for t in (Presence, Credit, AttendanceImport)
        )  # type: ignore[return-value]
