"""The programme of the demonstration in its seed files: series, lectures, instructors, countries.

The files contain dates of the past; near dates are given in days from today (`-7`, `+14`), and the live lecture began a
few minutes ago.
"""

import csv
import json
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from lms.catalogue.inputs import LectureInput
from lms.core.base.settings import resource
from lms.core.text.translations import Translations

ORGANISER_ZONE = ZoneInfo("Asia/Shanghai")
LIVE_FOR = timedelta(minutes=18)
"""How long ago the live lecture was planned to begin, when the demonstration is built."""


@dataclass(frozen=True)
class LecturePlan:
    """One lecture. `state` is held, live, scheduled, draft, cancelled or postponed; `local_start` is naive, in
    `time_zone`; a postponed one keeps the time it was first planned for. `translations` are of `translations.json`."""

    series: str
    number: int
    title: str
    abstract: str
    instructors: list[str]
    language: str
    interpretation: list[str]
    local_start: datetime
    time_zone: str
    minutes: int
    state: str
    text_language: str | None = None
    translations: Translations = field(default_factory=dict)

    @cached_property
    def starts_at(self) -> datetime:
        """The planned start, aware."""
        return self.local_start.replace(tzinfo=ZoneInfo(self.time_zone))


@dataclass(frozen=True)
class SeriesPlan:
    """One series with its lectures. `size` is how many enrol at full scale; `waiting` how many of them find no
    place; `audience` the country codes it speaks to (empty: all); `issue`: its certificates are issued."""

    slug: str
    title: str
    description: str
    language: str
    visibility: str
    admission: str
    instructors: list[str]
    capacity: int | None
    waiting: int
    certificate: str | None
    min_lectures_percent: int
    issue: bool
    size: int
    audience: list[str]
    lectures: tuple[LecturePlan, ...]
    min_feedback: int | None = None
    text_language: str | None = None
    translations: Translations = field(default_factory=dict)


@dataclass(frozen=True)
class CountryPlan:
    """One country of the demonstration: its weight, the pools its names come from with their shares, and the
    language of its offices."""

    code: str
    weight: int
    names: tuple[tuple[str, int], ...]
    language: str


def read(name: str) -> list[dict[str, str]]:
    """The rows of one table of the demonstration's seeds."""
    with resource("seeds", "demonstration", name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def read_json(name: str) -> Any:
    """Returns what one JSON file of the demonstration's seeds holds."""
    return json.loads(resource("seeds", "demonstration", name).read_text(encoding="utf-8"))


def lecture_input(name: str, **given: Any) -> LectureInput:
    """A lecture that a file of the programme does not have, by its name in `lectures.json`."""
    return LectureInput(**{**read_json("lectures.json")[name], **given})


def load_countries() -> list[CountryPlan]:
    """The 80 countries of the demonstration, by code."""
    countries = []
    for row in read("countries.csv"):
        names = []
        for entry in row["names"].split():
            pool, _, share = entry.partition(":")
            names.append((pool, int(share or 1)))
        countries.append(CountryPlan(row["code"], int(row["weight"]), tuple(names), row["language"]))
    return countries


def load_partners() -> dict[str, date]:
    """Since when each partner country is one."""
    with (resource("seeds") / "partners.csv").open(encoding="utf-8", newline="") as file:
        return {row["code"]: date.fromisoformat(row["since"]) for row in csv.DictReader(file)}


def load_instructors() -> list[dict[str, str]]:
    """The lecturers; `key` is their name in the other files."""
    return read("instructors.csv")


def load_series(now: datetime) -> list[SeriesPlan]:
    """The series, dated as seen at `now`."""
    rows, translated = read_json("programme.json"), read_json("translations.json")
    shift = _shift([lecture for row in rows for lecture in row["lectures"]], now)
    series = []
    for row in rows:
        texts = translated.get(row["slug"], {})
        of_lectures = texts.pop("lectures", {})
        lectures = tuple(
            _lecture(row["slug"], number, lecture | of_lectures.get(str(number), {}), now, shift)
            for number, lecture in enumerate(row.pop("lectures"), 1)
        )
        series.append(SeriesPlan(**row, **texts, lectures=lectures))
    return series


def _shift(lectures: list[dict[str, Any]], now: datetime) -> timedelta:
    """Zero, unless the clock is before the files' dates: then whole weeks, so that all are in the past."""
    dates = [row["date"] for row in lectures if row["time"] != "now"]
    latest = max(date.fromisoformat(day) for day in dates if day[0].isdigit())
    late = latest - (now.date() - timedelta(days=35))
    return timedelta(weeks=max(0, -(-late.days // 7)))


def _lecture(series: str, number: int, row: dict[str, Any], now: datetime, shift: timedelta) -> LecturePlan:
    day, time = row.pop("date"), row.pop("time")
    if time == "now":
        start = (now - LIVE_FOR).astimezone(ZoneInfo(row["time_zone"])).replace(second=0, microsecond=0, tzinfo=None)
    elif day[0] in "+-":
        on = now.astimezone(ORGANISER_ZONE).date() + timedelta(days=int(day))
        start = datetime.fromisoformat(f"{on}T{time}")
    else:
        start = datetime.fromisoformat(f"{date.fromisoformat(day) - shift}T{time}")
    return LecturePlan(**row, series=series, number=number, local_start=start)
