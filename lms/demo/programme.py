"""The programme of the demonstration as its seed files tell it: series, lectures, instructors, countries.

Dates of the past stand in the files; what is near today is told in days from it (`-7`, `+14`), and the
lecture that is live began a few minutes ago.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property
from pathlib import Path
from zoneinfo import ZoneInfo

from lms.core.resources import resource

ORGANISER_ZONE = ZoneInfo("Asia/Shanghai")
LIVE_FOR = timedelta(minutes=18)
"""How long ago the live lecture was planned to begin, when the demonstration is built."""


@dataclass(frozen=True)
class LecturePlan:
    """One lecture. `state` is held, live, scheduled, draft, cancelled or postponed; `local_start` is naive, in
    `time_zone`; a postponed one keeps the time it was first planned for."""

    series: str
    number: int
    title: str
    abstract: str
    instructors: tuple[str, ...]
    language: str
    interpretation: tuple[str, ...]
    local_start: datetime
    time_zone: str
    minutes: int
    state: str

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
    instructors: tuple[str, ...]
    capacity: int | None
    waiting: int
    certificate: str | None
    min_lectures_percent: int
    issue: bool
    size: int
    audience: tuple[str, ...]
    lectures: tuple[LecturePlan, ...]


@dataclass(frozen=True)
class CountryPlan:
    """One country of the demonstration: its weight, the pools its names come from with their shares, and the
    language of its offices."""

    code: str
    weight: int
    names: tuple[tuple[str, int], ...]
    language: str


@dataclass(frozen=True)
class InstructorPlan:
    """Somebody who lectures. `key` is how the other files name them."""

    key: str
    email: str
    full_name: str
    native_name: str
    country: str
    gender: str
    sector: str
    organisation: str
    job_title: str


def folder() -> Path:
    """Where the seed files of the demonstration are."""
    return resource("seeds") / "demonstration"


def read(name: str) -> list[dict[str, str]]:
    """The rows of one seed file of the demonstration."""
    with (folder() / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


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


def load_instructors() -> list[InstructorPlan]:
    """Who lectures."""
    return [InstructorPlan(**row) for row in read("instructors.csv")]


def load_series(now: datetime) -> list[SeriesPlan]:
    """The series in the order of their first lecture's row, dated as seen at `now`."""
    lectures: dict[str, list[LecturePlan]] = {}
    rows = read("lectures.csv")
    shift = _shift(rows, now)
    for row in rows:
        own = lectures.setdefault(row["series"], [])
        own.append(_lecture(row, len(own) + 1, now, shift))
    series = []
    for row in read("series.csv"):
        series.append(
            SeriesPlan(
                slug=row["slug"],
                title=row["title"],
                description=row["description"],
                language=row["language"],
                visibility=row["visibility"],
                admission=row["admission"],
                instructors=tuple(row["instructors"].split()),
                capacity=int(row["capacity"]) if row["capacity"] else None,
                waiting=int(row["waiting"] or 0),
                certificate=row["certificate"] or None,
                min_lectures_percent=int(row["min_lectures_percent"] or 60),
                issue=row["issue"] == "yes",
                size=int(row["size"]),
                audience=tuple(row["audience"].split()),
                lectures=tuple(lectures.get(row["slug"], ())),
            )
        )
    return series


def _shift(rows: list[dict[str, str]], now: datetime) -> timedelta:
    """Nothing, but where the clock stands before the files' own dates: then whole weeks, so that all lie back."""
    latest = max(date.fromisoformat(row["date"]) for row in rows if row["date"][0].isdigit() and row["time"] != "now")
    late = latest - (now.date() - timedelta(days=35))
    return timedelta(weeks=max(0, -(-late.days // 7)))


def _lecture(row: dict[str, str], number: int, now: datetime, shift: timedelta) -> LecturePlan:
    return LecturePlan(
        series=row["series"],
        number=number,
        title=row["title"],
        abstract=row["abstract"],
        instructors=tuple(row["instructors"].split()),
        language=row["language"],
        interpretation=tuple(row["interpretation"].split()),
        local_start=_local_start(row, now, shift),
        time_zone=row["time_zone"],
        minutes=int(row["minutes"]),
        state=row["state"],
    )


def _local_start(row: dict[str, str], now: datetime, shift: timedelta) -> datetime:
    zone = ZoneInfo(row["time_zone"])
    if row["time"] == "now":
        return (now - LIVE_FOR).astimezone(zone).replace(second=0, microsecond=0, tzinfo=None)
    day = row["date"]
    if day[0] in "+-":
        on = now.astimezone(ORGANISER_ZONE).date() + timedelta(days=int(day))
    else:
        on = date.fromisoformat(day) - shift
    hours, minutes = row["time"].split(":")
    return datetime(on.year, on.month, on.day, int(hours), int(minutes))  # noqa: DTZ001  local time, zone beside it
