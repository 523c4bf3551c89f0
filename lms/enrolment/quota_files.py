"""Lists of quotas, as lines of text or as a file: read and checked by themselves, before anything of a series is."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from lms.core.base.errors import Fault, Invalid
from lms.core.storage.tables import FileTemplate, read_table
from lms.core.text.i18n import _
from lms.core.text.punctuation import listed, quoted
from lms.core.text.typed_text import clean_line
from lms.core.time import clock
from lms.people.people_files import country_spellings, read_country

COLUMNS = ("country", "seats", "kept_until")
TEMPLATE = FileTemplate(
    COLUMNS,
    (
        {"country": "KE", "seats": "40", "kept_until": "{next_year}-11-30"},
        {"country": "VN", "seats": "25", "kept_until": "{next_year}-11-30"},
    ),
)
_HEADINGS = {
    "country": ("country", "country_code", "country or area"),
    "seats": ("seats", "quota", "places"),
    "kept_until": ("kept_until", "until", "date"),
}
MOST_SEATS = 100_000
LONGEST = timedelta(days=3653)
"""Seats are kept for so long at most."""
MOST_LINES = 1000


@dataclass(frozen=True)
class QuotaRow:
    """One good row: a country by its code, how many seats are kept for it, until when. `line` counts from 1."""

    line: int
    code: str
    seats: int
    kept_until: datetime


@dataclass
class StagedQuotas:
    """A list of quotas as read: good rows, and bad ones with the reason."""

    rows: list[QuotaRow] = field(default_factory=list)
    rejected: list[Fault] = field(default_factory=list)
    total: int = 0


def stage_quota_file(content: bytes, *, until: datetime | None, at: datetime) -> StagedQuotas:
    """Reads a CSV or XLSX file with the columns `COLUMNS`. `until` is for rows that name no day.

    Raises Invalid (empty, unreadable, without a column of countries or seats), WrongKind, TooLarge.
    """
    table = read_table(content)
    columns = {name: table.column(*_HEADINGS[name]) for name in COLUMNS}
    for name in ("country", "seats"):
        if columns[name] is None:
            headings = listed(quoted(heading[:40]) for heading in table.headings[:12])
            missing = _("There is no column “%(name)s”. The columns are: %(found)s.", name=name, found=headings)
            raise Invalid("file", missing)

    def cell(cells: Sequence[str], name: str) -> str:
        index = columns[name]
        return cells[index] if index is not None and index < len(cells) else ""

    rows = [(line, [cell(cells, name) for name in COLUMNS]) for line, cells in table.rows]
    return stage_quota_rows(rows, until=until, at=at)


def stage_quota_lines(text: str, *, until: datetime | None, at: datetime) -> StagedQuotas:
    """Reads lines such as "Kenya, 40, 2026-11-30", as typed or as copied from a spreadsheet; a line of headings is
    left out. `until` is for lines that name no day. Raises Invalid where there is no line."""
    rows = [(number, _parts(line)) for number, line in enumerate(text.splitlines(), start=1) if line.strip()]
    if rows and not any(character.isdigit() for character in "".join(rows[0][1])):
        rows = rows[1:]
    if not rows:
        raise Invalid("lines", _("Enter one line for each country, such as Kenya, 40, 2026-11-30."))
    return stage_quota_rows(rows, until=until, at=at)


def _parts(line: str) -> list[str]:
    """Country, seats and day of a line. The name of a country may have commas itself."""
    mark = next((mark for mark in ("\t", ";") if mark in line), ",")
    parts = [part.strip() for part in line.split(mark)]
    day = parts.pop() if len(parts) > 2 and (not parts[-1] or re.search(r"\d\D+\d", parts[-1])) else ""
    seats = parts.pop() if len(parts) > 1 else ""
    return [", ".join(parts), seats, day]


def stage_quota_rows(
    rows: Iterable[tuple[int, Sequence[str]]], *, until: datetime | None, at: datetime
) -> StagedQuotas:
    """Reads rows of (line, (country, seats, day)) as text. Raises Invalid for too many."""
    staged, codes, lines = StagedQuotas(), country_spellings(), dict[str, int]()
    for line, (country, seats, day) in rows:
        staged.total += 1
        if staged.total > MOST_LINES:
            raise Invalid("file", _("There are more than %(n)s rows.", n=MOST_LINES))
        try:
            code = read_country(country, codes)
            if code is None:
                raise Invalid("country", _("Enter a country."))
            first = lines.setdefault(code, line)
            if first != line:
                raise Invalid("country", _("Same country as row %(line)s.", line=first))
            staged.rows.append(QuotaRow(line, code, read_seats(seats), read_until(day, until=until, at=at)))
        except Invalid as error:
            staged.rejected.append(Fault(row=line, field=error.faults[0].field, reason=error.message))
    return staged


def read_seats(text: str) -> int:
    """A number of seats. Raises Invalid."""
    line = clean_line(text)
    if not re.fullmatch(r"\d{1,9}", line) or int(line) > MOST_SEATS:
        raise Invalid("seats", _("Enter a whole number of places, from 0 to %(n)s.", n=MOST_SEATS))
    return int(line)


def read_until(text: str, *, until: datetime | None, at: datetime) -> datetime:
    """The moment until which seats are kept: a day to its end, or a day and a time, in the organiser's zone; `until`
    where the text is empty. Raises Invalid."""
    line = clean_line(text)
    moment = until
    if line:
        moment = _moment(line)
    if moment is None:
        raise Invalid("kept_until", _("Enter the day until which the places are kept, such as 2026-11-30."))
    check_until(moment, at=at)
    return moment


def check_until(moment: datetime, *, at: datetime) -> None:
    """Raises Invalid for a moment until which seats cannot be kept."""
    if moment <= at:
        raise Invalid("kept_until", _("The day until which the places are kept is past."))
    if moment > at + LONGEST:
        raise Invalid("kept_until", _("Places can be kept for 10 years at most."))


def _moment(line: str) -> datetime | None:
    zone = clock.reporting_zone()
    try:
        if re.fullmatch(r"\d{4}-\d\d-\d\d( 00:00(:00)?)?", line):  # spreadsheets write days with a time
            return clock.start_of_day(date.fromisoformat(line[:10]) + timedelta(days=1), zone)
        moment = datetime.fromisoformat(line)
        return moment.replace(tzinfo=moment.tzinfo or ZoneInfo(zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
