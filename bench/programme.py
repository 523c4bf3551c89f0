"""An invented programme for a database of one's own: a file of people, a lecture that was held, who was there."""

from __future__ import annotations

from datetime import datetime, timedelta
from random import Random

from lms.attendance_imports.actions.imports import publish_attendance
from lms.attendance_imports.actions.staging import stage_attendance
from lms.catalogue.actions.lectures import schedule_lecture
from lms.catalogue.actions.series import create_series
from lms.catalogue.actions.states import end_lecture, start_lecture
from lms.catalogue.inputs import LectureInput, SeriesInput
from lms.core.base.import_answers import ImportAnswer
from lms.core.base.roles import SYSTEM
from lms.core.time import clock
from lms.enrolment.actions.many import publish_enrolments
from lms.people.actions.files import publish_people
from lms.people.people_files import stage_people

SERIES = 1
"""The id of the first series of a database."""
COUNTRIES = ("KE", "NG", "EG", "TH", "KH", "UZ", "RS", "PE", "ET", "LA")
SECTORS = ("government", "business", "academia", "civil_society", "other")
NAMES = ("Achieng Odhiambo", "Nguyễn Thị Hương", "Abdoulaye N’Diaye", "Somchai", "Мирзаева Дилноза", "Zoë Müller")
BEGAN = datetime.fromisoformat("2026-03-04T06:00:00+00:00")
ENDED = BEGAN + timedelta(minutes=90)


def people_file(count: int) -> bytes:
    """A file of so many people, in several scripts, with all columns."""
    draw = Random(3)  # noqa: S311  invented, not a secret
    lines = ["email,full_name,native_name,country,sector,organisation,job_title,gender"]
    for number in range(count):
        name, country, sector = draw.choice(NAMES), draw.choice(COUNTRIES), draw.choice(SECTORS)
        gender = draw.choice(("female", "male", ""))
        lines.append(
            f"Person.{number}@office-{number % 97}.example,{name} {number},,{country},{sector},"
            f"Office {number % 97},Officer,{gender}"
        )
    return "\n".join(lines).encode()


def take_people(content: bytes) -> ImportAnswer:
    """`lms import people`."""
    return publish_people(stage_people(content), skip_bad_rows=False, by=SYSTEM, at=clock.now())[0]


def take_enrolments(content: bytes, series_id: int = SERIES) -> ImportAnswer:
    """`lms import enrolments`, of people who are known already."""
    return publish_enrolments(series_id, stage_people(content), skip_bad_rows=False, by=SYSTEM, at=clock.now())


def prepare_lecture(*instructors: str) -> int:
    """A series, the first of its database, with one lecture that was held; answers the lecture's number.

    Its `instructors` are known e-mail addresses.
    """
    series = create_series(
        SeriesInput(slug="bench", title="Bench", instructors=instructors), by=SYSTEM, at=BEGAN - timedelta(days=9)
    )
    draft = LectureInput(title="Bench", time_zone="UTC", starts_at=BEGAN.replace(tzinfo=None), duration_minutes=90)
    lecture_id = schedule_lecture(series.slug, draft, by=SYSTEM, at=BEGAN - timedelta(days=9)).id
    start_lecture(lecture_id, by=SYSTEM, at=BEGAN)
    end_lecture(lecture_id, by=SYSTEM, at=ENDED)
    return lecture_id


def attendance_file(count: int) -> bytes:
    """One stay each of the people of `people_file`, long enough for *attended*."""
    draw = Random(5)  # noqa: S311  invented, not a secret
    lines = ["email,joined_at,left_at"]
    for number in range(count):
        joined = BEGAN + timedelta(seconds=draw.randrange(900))
        left = ENDED - timedelta(seconds=draw.randrange(1200))
        lines.append(f"person.{number}@office-{number % 97}.example,{joined.isoformat()},{left.isoformat()}")
    return "\n".join(lines).encode()


def zoom_file(count: int, each: int = 1) -> bytes:
    """A participant report as Zoom writes it, of so many rows: `each` stays of each of the people of `people_file`."""
    draw = Random(5)  # noqa: S311  invented, not a secret
    lines = ["Name (Original Name),User Email,Join Time,Leave Time,Duration (Minutes),Guest,In Waiting Room"]
    step = (ENDED - BEGAN) / each
    for row in range(count):
        number, turn = divmod(row, each)
        joined = BEGAN + step * turn + timedelta(seconds=draw.randrange(5))
        left = BEGAN + step * (turn + 1) - timedelta(seconds=draw.randrange(5) + 1)
        lines.append(
            f"{NAMES[number % len(NAMES)]} {number},person.{number}@office-{number % 97}.example,"
            f"{joined:%m/%d/%Y %I:%M:%S %p},{left:%m/%d/%Y %I:%M:%S %p},{-(-(left - joined).seconds // 60)},No,No"
        )
    return "\n".join(lines).encode()


def take_attendance(lecture_id: int, content: bytes) -> ImportAnswer:
    """`lms import attendance`."""
    staged = stage_attendance(lecture_id, content, file_name="bench.csv", by=SYSTEM)
    return publish_attendance(staged, by=SYSTEM, at=ENDED + timedelta(hours=1))
