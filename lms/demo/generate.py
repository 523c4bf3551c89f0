"""Writes the demonstration as files in the forms that real imports take. Deterministic, and touches no database.

Most who come to a lecture stay; some come late, leave early, lose the line and return, or join on two devices at once.
"""

import csv
import io
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from random import Random

from lms.demo.population import FULL_SCALE, Member, Population, gather
from lms.demo.programme import LecturePlan, SeriesPlan, load_countries, load_series, read
from lms.enrolment.quota_files import QuotaRow

SEED = 2020
PEOPLE_HEADINGS = Member._fields[:8]
# How often those who registered come, as bounds of one draw: never, once, now and then, nearly always
_NEVER, _ONCE, _SOMETIMES = 0.105, 0.69, 0.90
_SOMETIMES_COMES, _ALWAYS_COMES = 0.42, 0.9
_PARTIAL = 0.09  # share of those who come and do not stay for the 60 %
HEADINGS = "email,joined_at,left_at"


def who_comes(
    enrolled: Sequence[int], lectures: int, eager: frozenset[int], rand: Callable[[], float]
) -> list[list[int]]:
    """For each of a series' lectures the indices of those who come, in the order of enrolment."""
    coming: list[list[int]] = [[] for _ in range(lectures)]
    # Interest fades: the first lecture is the fullest
    fading = [1.0 / (1.0 + 0.12 * number) for number in range(lectures)]
    steps = [sum(fading[: number + 1]) / sum(fading) for number in range(lectures)]
    for index in enrolled:
        habit = rand()
        if index in eager:
            for lecture in coming:
                lecture.append(index)
        elif habit < _NEVER:
            continue
        elif habit < _ONCE:
            draw = rand()
            for number, step in enumerate(steps):
                if draw < step:
                    coming[number].append(index)
                    break
        else:
            chance = _SOMETIMES_COMES if habit < _SOMETIMES else _ALWAYS_COMES
            for number in range(lectures):
                if rand() < chance:
                    coming[number].append(index)
    return coming


def intervals(seconds: int, stays: bool, rand: Callable[[], float]) -> list[tuple[int, int]]:
    """When one person was there: (joined, left) in seconds from the start of a lecture of `seconds`."""
    if not stays:
        length = int(seconds * (0.05 + 0.48 * rand()))
        joined = int((seconds - length) * rand())
        return [(joined, joined + length)]
    joined = int(-600 + (600 + 0.12 * seconds) * rand())
    left = int(seconds * (0.9 + 0.1 * rand())) + int(240 * rand())
    way = rand()
    if way < 0.78:
        return [(joined, left)]
    middle = int(seconds * (0.3 + 0.4 * rand()))
    gap = 20 + int(220 * rand())
    if way < 0.93:
        return [(joined, middle), (middle + gap, left)]
    if way < 0.97:
        later = middle + gap + 300
        return [(joined, middle), (middle + gap, later), (later + gap, left)]
    return [(joined, left), (middle, min(left, middle + 1800))]  # a second device for a while


def stays(rand: Callable[[], float]) -> bool:
    """Returns whether a person who comes stays for most of a lecture."""
    return rand() >= _PARTIAL


def attendance_lines(
    members: Sequence[Member],
    coming: Sequence[int],
    eager: frozenset[int],
    start: datetime,
    end: datetime,
    rand: Callable[[], float],
) -> Iterator[str]:
    """The lines of a lecture's attendance file, without the headings."""
    seconds = int((end - start).total_seconds())
    for index in coming:
        email = members[index].email
        for joined, left in intervals(seconds, index in eager or stays(rand), rand):
            yield line(email, start, joined, left)


def line(email: str, start: datetime, joined: int, left: int) -> str:
    """One line: `joined` and `left` in seconds from `start`."""
    return f"{email},{_stamp(start, joined)},{_stamp(start, left)}"


def _stamp(start: datetime, offset: int) -> str:
    return f"{datetime.fromtimestamp(int(start.timestamp()) + offset, UTC):%Y-%m-%dT%H:%M:%SZ}"


KEEPS_SEATS = "digital-customs-for-officials"
COUNTRIES, FEWEST_OTHERS = 20, 4
OWN = "KE"
UNUSED = 2
"""So many seats are left to a country that has not used up its quota."""
LAPSED, LAPSES = timedelta(days=-5), timedelta(days=12)


@dataclass(frozen=True)
class QuotaPlan:
    """The quotas of the series, and how many of their seats are unused now and when they lapse: it has so many more."""

    rows: list[QuotaRow]
    unused: int


def plan_quotas(enrolled: Sequence[str], others: Sequence[str], seats: int, now: datetime) -> QuotaPlan:
    """Quotas of a series in which people of these countries enrol for so many seats; `others` are further countries.

    The focal point who signs in to the demonstration has a quota that is used up, so that the trainee waits. Of the
    other countries that people come from, each second one had a quota that lapsed, the rest have seats left, as have
    the others until later. One of those had seats that nobody used, which went to people who waited.
    """
    midnight = now.replace(hour=16, minute=0, second=0, microsecond=0)  # in Beijing
    released = min(6, seats // 3)
    budget, unused = max(1, (seats - released) * 7 // 10), 0
    rows: list[QuotaRow] = []

    def add(code: str, number: int, when: timedelta) -> None:
        rows.append(QuotaRow(len(rows) + 1, code, number, midnight + when))

    counts = Counter(enrolled)
    ranked = [OWN] * (OWN in counts) + [code for code, _count in counts.most_common() if code != OWN]
    for place, code in enumerate(ranked[: COUNTRIES - FEWEST_OTHERS]):
        has_left = place % 2 == 1
        used = counts[code] if has_left else (counts[code] + 1) // 2
        if used > budget:
            continue
        budget -= used
        left = UNUSED if has_left else 0
        unused += left
        add(code, used + left, LAPSES if left or code == OWN else LAPSED)
    strangers = [code for code in others if code not in counts]
    if released:
        code = strangers.pop() if strangers else ranked[-1]  # the country with the fewest people
        add(code, counts[code] + released, LAPSED)
    while len(rows) < COUNTRIES and strangers:
        number = UNUSED + len(rows) % 3
        unused += number
        add(strangers.pop(), number, LAPSES)
    return QuotaPlan(rows, unused)


@dataclass(frozen=True)
class AttendanceFile:
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
        """Returns who enrols in a series, in the order of its file."""
        members = self.crowd.members
        return [members[index] for index in self.crowd.enrolments.get(series.slug, ())] + self._enrolled_guests.get(
            series.slug, []
        )

    @property
    def first_start(self) -> datetime:
        """When the first of all lectures began."""
        return min(lecture.starts_at for plan in self.series for lecture in plan.lectures).astimezone(UTC)

    @property
    def live(self) -> LecturePlan:
        """The lecture that is live."""
        return next(lecture for plan in self.series for lecture in plan.lectures if lecture.state == "live")

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

    def attendance_files(self, series: SeriesPlan) -> Iterator[AttendanceFile]:
        """For each held lecture of a series its attendance as CSV, in the order of the lectures."""
        rand = Random(f"{self.seed}:{series.slug}:{self.people}").random  # noqa: S311  invented, not a secret
        held = [lecture for lecture in series.lectures if lecture.state == "held"]
        crowd = self.crowd
        coming = who_comes(crowd.enrolments.get(series.slug, ()), len(held), crowd.eager, rand)
        for lecture, present in zip(held, coming, strict=True):
            start = lecture.starts_at.astimezone(UTC) + timedelta(seconds=int(240 * rand()))
            end = start + timedelta(minutes=lecture.minutes) + timedelta(seconds=int(360 * rand()) - 120)
            lines = [HEADINGS]
            lines += attendance_lines(crowd.members, present, crowd.eager, start, end, rand)
            lines += self._guest_lines(lecture, start)
            yield AttendanceFile(lecture, start, end, ("\n".join(lines) + "\n").encode())

    def _guest_lines(self, lecture: LecturePlan, start: datetime) -> Sequence[str]:
        return [
            line(row["email"], start, 60 * int(row["from_minute"]), 60 * int(row["to_minute"]))
            for row in self._presence
            if row["series"] == lecture.series and row["lecture"] == str(lecture.number)
        ]
