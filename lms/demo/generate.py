"""Writes the demonstration as files in the forms that real imports take. Deterministic, and touches no database."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from random import Random

from lms.demo import presence
from lms.demo.population import FULL_SCALE, Member, Population, gather
from lms.demo.programme import LecturePlan, SeriesPlan, load_countries, load_series, read
from lms.demo.seats import KEEPS_SEATS, QuotaPlan, plan_quotas

SEED = 2020
PEOPLE_HEADINGS = Member._fields[:8]


@dataclass(frozen=True)
class LectureFile:
    """The attendance of one held lecture, with its actual start and end."""

    lecture: LecturePlan
    start: datetime
    end: datetime
    content: bytes


class Demonstration:
    """All files of the demonstration for one number of people, as seen at `now` (aware)."""

    def __init__(self, now: datetime, people: int = FULL_SCALE, seed: int = SEED) -> None:
        self.now = now
        self.people = people
        self.seed = seed
        self.countries = load_countries()
        self.series: list[SeriesPlan] = load_series(now)
        self.guests = [Member(**row, script="") for row in read("guests.csv")]
        self._presence = read("guest_presence.csv")

    @cached_property
    def crowd(self) -> Population:
        """Everybody but the guests."""
        return gather(self.series, self.countries, self.people, self.seed)

    @cached_property
    def _enrolled_guests(self) -> dict[str, list[Member]]:
        by_email = {guest.email: guest for guest in self.guests}
        enrolled: dict[str, dict[str, Member]] = {}
        for row in self._presence:
            enrolled.setdefault(row["series"], {})[row["email"]] = by_email[row["email"]]
        return {slug: list(guests.values()) for slug, guests in enrolled.items()}

    def enrolled(self, series: SeriesPlan) -> list[Member]:
        """Who enrols in a series, in the order of its file."""
        members = self.crowd.members
        return [members[index] for index in self.crowd.enrolments.get(series.slug, ())] + self._enrolled_guests.get(
            series.slug, []
        )

    def capacity(self, series: SeriesPlan) -> int | None:
        """The places of a series at this scale: all who enrol find one but those who are to wait, and those that are
        kept for countries stay free."""
        more = self.quotas.unused if series.slug == KEEPS_SEATS else 0
        return self._filled(series) + more if series.waiting else series.capacity

    def _filled(self, series: SeriesPlan) -> int:
        return max(1, len(self.enrolled(series)) - series.waiting)

    @cached_property
    def quotas(self) -> QuotaPlan:
        """The quotas of the series that keeps seats for countries."""
        series = next(plan for plan in self.series if plan.slug == KEEPS_SEATS)
        countries = [member.country for member in self.enrolled(series)]
        return plan_quotas(countries, [plan.code for plan in self.countries], self._filled(series), self.now)

    def people_file(self, series: SeriesPlan) -> bytes:
        """The enrolments of a series as CSV."""
        buffer = io.StringIO()
        writer = csv.writer(buffer, lineterminator="\n")
        writer.writerow(PEOPLE_HEADINGS)
        writer.writerows([member[:8] for member in self.enrolled(series)])
        return buffer.getvalue().encode()

    def attendance_files(self, series: SeriesPlan) -> Iterator[LectureFile]:
        """For each held lecture of a series its attendance as CSV, in the order of the lectures."""
        rand = Random(f"{self.seed}:{series.slug}:{self.people}").random  # noqa: S311  invented, not a secret
        held = [lecture for lecture in series.lectures if lecture.state == "held"]
        crowd = self.crowd
        coming = presence.who_comes(crowd.enrolments.get(series.slug, ()), len(held), crowd.eager, rand)
        for lecture, present in zip(held, coming, strict=True):
            start = lecture.starts_at.astimezone(UTC) + timedelta(seconds=int(240 * rand()))
            end = start + timedelta(minutes=lecture.minutes) + timedelta(seconds=int(360 * rand()) - 120)
            lines = [presence.HEADINGS]
            lines += presence.rows(crowd.members, present, crowd.eager, start, end, rand)
            lines += self._guest_lines(lecture, start)
            yield LectureFile(lecture, start, end, ("\n".join(lines) + "\n").encode())

    def _guest_lines(self, lecture: LecturePlan, start: datetime) -> Sequence[str]:
        return [
            presence.line(row["email"], start, 60 * int(row["from_minute"]), 60 * int(row["to_minute"]))
            for row in self._presence
            if row["series"] == lecture.series and row["lecture"] == str(lecture.number)
        ]
