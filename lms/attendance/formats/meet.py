"""Reports of Google Meet: one row a person with the time in the call, and times that are often of the day only.

The day is then what the lines above the headings say, else the day of the lecture's planned start, which is noted.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta

from lms.attendance import instants
from lms.attendance.formats.headings import WORDS as COMMON
from lms.attendance.formats.headings import Heading, Vocabulary, find_heading, heading_at
from lms.attendance.formats.plain import check_is_whole, full_name
from lms.attendance.formats.report import Asked, Report
from lms.attendance.formats.shapes import Line
from lms.attendance.formats.sheets import Document
from lms.attendance.formats.stays import Entry, Times, never_came, take
from lms.attendance.instants import Moment
from lms.core.errors import Fault, Invalid
from lms.core.words import _

NAME = "meet"
_WORDS = COMMON.with_(
    {
        "joined": ("time joined", "horário de entrada", "hora de entrada", "heure de connexion", "joined at"),
        "left": ("time exited", "time left", "horário de saída", "hora de salida", "heure de déconnexion", "left at"),
        "duration": ("duration", "time in call", "attended duration"),
        "first_name": ("first name", "nome", "nombre", "prénom"),
        "last_name": ("last name", "sobrenome", "apellidos", "nom"),
    }
)
_EXACT = Vocabulary({"joined": ("time joined",), "left": ("time exited",)})
_ABOUT = Vocabulary(
    {
        "title": ("meeting title", "meeting name", "title", "topic", "meeting"),
        "meeting": ("meeting code", "conference id", "meeting id"),
        "date": ("date", "meeting date", "fecha", "data", "datum"),
        "starts": ("start time", "started at", "meeting start", "start"),
        "ends": ("end time", "ended at", "meeting end", "end"),
    }
)
_CLOCK = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}))?\s*([ap])?\.?\s?(?:m\.?)?", re.IGNORECASE)


def recognises(document: Document) -> bool:
    """Whether its headings are Meet's own, or its times are of the day only."""
    if find_heading(document, _EXACT, {"joined", "left"}, within=20) is not None:
        return True
    heading = _heading(document)
    if heading is None:
        return False
    rows = document.lines[heading.place + 1 : heading.place + 20]
    clocks = [clock for _line, row in rows if (clock := heading.cell(row, "joined"))]
    return bool(clocks) and all(_clock(clock) is not None for clock in clocks)


def _heading(document: Document) -> Heading | None:
    times = {"joined", "left", "duration"}
    return find_heading(document, _WORDS, {"name", *times}, {"first_name", *times}, {"email", *times}, within=20)


def _clock(text: str) -> time | None:
    """A time of the day; None where it is none, or has a date beside it."""
    found = _CLOCK.fullmatch(" ".join(text.split()))
    if found is None:
        return None
    hour, half = int(found[1]), (found[4] or "").casefold()
    if half and not 1 <= hour <= 12:
        return None
    if half:
        hour = hour % 12 + (12 if half == "p" else 0)
    try:
        return time(hour, int(found[2]), int(found[3] or 0))
    except ValueError:
        return None


def read(document: Document, asked: Asked) -> Report:
    """Reads it. Raises Invalid (`file`, `time_zone`, `date_order`)."""
    heading = _heading(document)
    if heading is None:
        raise Invalid("file", _("This is not an attendance report of Google Meet."))
    check_is_whole(document, heading)
    rows = document.lines[heading.place + 1 :]
    report = Report(format=NAME, total=len(rows), notes=list(document.notes))
    above = document.lines[: heading.place]
    names = [heading.words(field) for field in ("joined", "left")]
    said = _about(document, above)
    report.title, report.meeting = said.get("title", "")[:200], said.get("meeting", "")[:200]
    zone = instants.zone_in(" ".join([*names, *(cell for _line, cells in above for cell in cells)]))
    days = _Days(report, asked, Times(asked, zone), said.get("date", ""))
    rough = [one for line, row in rows if (one := _entry(report, heading, line, row, days)) is not None]
    span = [days.read(said.get(field, "")) for field in ("starts", "ends")]
    days.settle()
    report.starts_ms, report.ends_ms = (days.times.ms(moment) for moment in days.placed(*span))
    for entry in rough:
        entry.joined, entry.left = days.placed(entry.joined, entry.left)
    take(report, rough, days.times, joined=names[0], left=names[1])
    return report


def _about(document: Document, above: Sequence[Line]) -> dict[str, str]:
    """What the lines above say: as headings with their values beneath, or as name and value beside each other."""
    found: dict[str, str] = {}
    for place, (_line, cells) in enumerate(above):
        heading = heading_at(document, place, _ABOUT)
        if len(heading.columns) > 1 and place + 1 < len(above):
            for field in heading.columns:
                found.setdefault(field, heading.cell(above[place + 1][1], field))
        elif (named := _ABOUT.field(cells[0])) and len(cells) > 1:
            found.setdefault(named, cells[1])
    return found


def _entry(report: Report, heading: Heading, line: int, row: Sequence[str], days: _Days) -> Entry | None:
    """One row, its times not yet on a day; None where nobody came, or it is rejected at once."""
    joined, left, stated = (heading.cell(row, field) for field in ("joined", "left", "duration"))
    if never_came(joined, left):
        return None
    total = instants.duration_ms(stated, instants.unit_in(heading.words("duration")) or "minutes")
    if stated and total is None:
        # Without it the whole time from the first join to the last leave would count, whatever lay between
        reason = _("“%(column)s” is not a duration that can be read.", column=heading.words("duration"))
        report.rejected.append(Fault(row=line, reason=reason))
        return None
    email = heading.cell(row, "email")
    return Entry(
        line,
        full_name(heading, row),
        "" if "*" in email else email,  # some addresses are shown in part only
        days.read(joined),
        days.read(left),
        total if all(not cell or _clock(cell) or instants.read(cell) for cell in (joined, left)) else None,
    )


@dataclass
class _Days:
    """Times of the day put on a day: `said` is the day that the file says."""

    report: Report
    asked: Asked
    times: Times
    said: str
    _guessed: bool = False

    def read(self, text: str) -> Moment | None:
        """A time of the day, on the day that the file says or on none; a full time as it is."""
        clock = _clock(text)
        if clock is None:
            return self.times.read(text)
        if self.said:
            found = self.times.read(f"{self.said} {clock:%H:%M:%S}")
            if found is not None:
                return found
        self._guessed = True
        return self.times.read(f"{_NO_DAY:%Y-%m-%d} {clock:%H:%M:%S}")

    def settle(self) -> None:
        """Raises Invalid where a zone, an order or the day is missing."""
        self.times.settle()
        if not self._guessed:
            return
        if self.asked.near is None:
            raise Invalid("file", _("The times in this file have no day, and nothing else says when it was."))
        self.report.notes.append(
            _(
                "The times in this file have no day: they are read as of the day of the lecture, %(day)s.",
                day=f"{self.asked.near.astimezone(self.times.zone):%Y-%m-%d}",
            )
        )

    def placed(self, joined: Moment | None, left: Moment | None) -> tuple[Moment | None, Moment | None]:
        """Both on their day. A leave that would be before the join is of the next day."""
        first, last = self.times.local(joined), self.times.local(left)
        if first is not None and first.date() == _NO_DAY.date():
            first = self._nearest(first)
        if last is not None and last.date() == _NO_DAY.date():
            last = self._nearest(last) if first is None else datetime.combine(first.date(), last.time(), last.tzinfo)
        of_day = self._guessed or bool(self.said)
        if of_day and first is not None and last is not None and last < first and last.date() == first.date():
            last += timedelta(days=1)
        return first or joined, last or left

    def _nearest(self, moment: datetime) -> datetime:
        """The same time of the day, of the day on which it is nearest to the planned start."""
        assert self.asked.near is not None
        near = self.asked.near.astimezone(self.times.zone).replace(tzinfo=moment.tzinfo)
        days = [datetime.combine(near.date() + timedelta(days=days), moment.timetz()) for days in (-1, 0, 1)]
        return min(days, key=lambda day: abs(day - near))


_NO_DAY = datetime(2000, 1, 1)  # noqa: DTZ001 - holds a place only
