"""Validates rows of opening balances, typed or from a file, one by one. Uses no database."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from lms.core.errors import Fault, Invalid, TooLarge
from lms.core.i18n import _
from lms.core.tables import read_table
from lms.core.typed_text import clean_line
from lms.people.queries.country_names import code_of_name

FIELDS = ("lecture", "date", "series", "country", "attendances")
"""Headings of a file, in any order; further ones are ignored."""
MOST_ROWS = 10_000
MOST_ATTENDANCES = 1_000_000
_NUMBER = re.compile(r"[0-9]{1,9}|[0-9]{1,3}(,[0-9]{3}){1,2}")


@dataclass(frozen=True)
class OpeningDraft:
    """One row: a lecture of a day, the series' name (may be empty), a country's code (empty: not stated), the count."""

    title: str
    day: date
    series_name: str
    country_code: str
    attendances: int

    @property
    def title_key(self) -> str:
        """The title for comparing."""
        return self.title.casefold()


@dataclass
class StagedOpening:
    """A parsed file: (line, row) of valid rows, and the others with reasons."""

    rows: list[tuple[int, OpeningDraft]] = field(default_factory=list)
    rejected: list[Fault] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    read: int = 0


def draft_of(cells: Mapping[str, str]) -> OpeningDraft:
    """A row of what was typed, by the names of FIELDS. Raises Invalid with every field that is wrong."""
    faults: list[Fault] = []
    title, series = clean_line(cells.get("lecture")), clean_line(cells.get("series"))
    country = clean_line(cells.get("country"))
    country = (code_of_name(country) or country).upper()
    if not 1 <= len(title) <= 300:
        faults.append(Fault(_("Enter a lecture name of 1 to %(n)s characters.", n=300), field="lecture"))
    if len(series) > 300:
        faults.append(Fault(_("The name of the series is longer than %(n)s characters.", n=300), field="series"))
    day = _day(cells.get("date", ""))
    if day is None:
        faults.append(Fault(_("Enter the date as year-month-day, such as 2021-03-28."), field="date"))
    count = _count(cells.get("attendances", ""))
    if count is None:
        reason = _("Attendances must be a whole number of at most %(n)s.", n=f"{MOST_ATTENDANCES:,}")
        faults.append(Fault(reason, field="attendances"))
    elif count == 0 and country:
        faults.append(Fault(_("Enter at least one attendance for each country."), field="attendances"))
    if faults or day is None or count is None:
        raise Invalid(faults=faults)
    return OpeningDraft(title, day, series, country, count)


def _day(text: str) -> date | None:
    text = text.strip().removesuffix(" 00:00:00")
    try:
        day = date.fromisoformat(text) if len(text) == 10 else None
    except ValueError:
        return None
    return day if day is not None and day.year >= 1990 else None


def _count(text: str) -> int | None:
    text = "".join(text.split())
    if not _NUMBER.fullmatch(text):
        return None
    number = int(text.replace(",", ""))
    return number if number <= MOST_ATTENDANCES else None


def stage_opening(content: bytes) -> StagedOpening:
    """Reads a file (CSV, XLSX). Raises Invalid where it lacks a heading, TooLarge, and what `read_table` raises."""
    table = read_table(content)
    columns = {name: table.column(name) for name in FIELDS}
    missing = [name for name in ("lecture", "date", "attendances") if columns[name] is None]
    if missing:
        raise Invalid("file", _("The file has no heading “%(name)s”.", name=missing[0]))
    if len(table.rows) > MOST_ROWS:
        raise TooLarge(_("The file has more than %(n)s rows.", n=f"{MOST_ROWS:,}"))
    staged = StagedOpening(read=len(table.rows))
    staged.notes = [_("The file has no column “%(name)s”.", name=name) for name in FIELDS if columns[name] is None]
    seen: dict[tuple[date, str, str], int] = {}
    for line, cells in table.rows:
        given = {name: cells[at] for name, at in columns.items() if at is not None and at < len(cells)}
        try:
            draft = draft_of(given)
        except Invalid as error:
            staged.rejected += [Fault(fault.reason, field=fault.field, row=line) for fault in error.faults]
            continue
        first = seen.setdefault((draft.day, draft.title_key, draft.country_code), line)
        if first == line:
            staged.rows.append((line, draft))
        else:
            reason = _("Line %(line)s already has the same lecture, day and country.", line=first)
            staged.rejected.append(Fault(reason, row=line))
    return staged
