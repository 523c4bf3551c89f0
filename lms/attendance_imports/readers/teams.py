"""Reads the attendance reports of Microsoft Teams.

Exported from the meeting in the calendar under Attendance › Download, or from the meeting's chat. Only organisers see
it. Three generations are read: the report with numbered parts, the report of 2021 with a summary above its rows, and
the lists of actions (`teams_log`).

Parts of the report:
    1. Summary: Title, start, end, duration and number of participants of the meeting.
    2. Participants: One row for each person, with the first join, the last leave and the total.
    3. In-Meeting Activities: One row for each time that a person joined and left. The rows of this part are used; the
        totals of part 2 only for people who are missing here.

Columns:
    Name: Can end in additions such as `(External)` or `(Guest)`.
    Email, Participant ID (UPN): The UPN of a guest contains the address (`ada_trade.example#EXT#@…`).
    Join Time, Leave Time: As the downloading computer writes them: neither the time zone nor the order of day and month
        is stated.
    Role: Organizer, Presenter or Attendee.

Headings depend on the language of the person who downloads. Parts are recognised by number, title or headings.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from lms.attendance_imports.readers import teams_log, timestamps
from lms.attendance_imports.readers.headings import Heading, find_heading, heading_at
from lms.attendance_imports.readers.report import ReadingOptions, Report
from lms.attendance_imports.readers.session_rows import SessionEntry, take
from lms.attendance_imports.readers.shapes import Line, is_alone, is_time, open_table, with_shapes
from lms.attendance_imports.readers.sheets import Document
from lms.attendance_imports.readers.sums import compare, people_in
from lms.attendance_imports.readers.teams_words import (
    STAY_WORDS,
    SUMMARY,
    TITLES,
    WORDS,
    account,
    address,
    settle_presenters,
)
from lms.attendance_imports.readers.times import Read, Times
from lms.attendance_imports.readers.vocabulary import role_of
from lms.core.base.errors import Fault, Invalid
from lms.core.text.i18n import _

NAME = "teams"
_PART = re.compile(r"([1-9])[.．、]\s*(\S.*)")
_SUMS, _STAYS = 2, 3
"""The numbers of the parts that list people."""


def recognises(document: Document) -> bool:
    """Whether it is one of them: parts, a summary above the stays, or a list of actions."""
    return bool(_parts(document)) or _heading_of_2021(document) is not None or teams_log.recognises(document)


def read(document: Document, options: ReadingOptions) -> Report:
    """Reads it. Raises Invalid (`file`, `time_zone`, `date_order`)."""
    parts = _parts(document)
    if parts:
        return _read_parts(document, parts, options)
    heading = _heading_of_2021(document)
    if heading is not None:
        rows = document.lines[heading.place + 1 :]
        return _read(document, [_Table(heading, rows, is_sum=False)], document.lines[: heading.place], options)
    if teams_log.recognises(document):
        return teams_log.read(document, options, NAME)
    raise Invalid("file", _("This is not a Microsoft Teams attendance report."))


def _parts(document: Document) -> dict[int, range]:
    """The places of the lines of each part by its number, its title left out. Some may be missing; a title without a
    number is known by its words. Nothing where it is no such file."""
    begins: list[tuple[int, int]] = []
    for place, (_line, cells) in enumerate(document.lines):
        number = _number(cells) if is_alone(cells) else 0
        if number > (begins[-1][0] if begins else 0):
            begins.append((number, place))
    ends = [*(place for _number, place in begins[1:]), len(document.lines)]
    parts = {number: range(place + 1, end) for (number, place), end in zip(begins, ends, strict=False)}
    if begins and begins[0][1] > 0 and 1 not in parts:
        parts[1] = range(begins[0][1])  # a summary without a title
    listed = [parts[number] for number in (_SUMS, _STAYS) if number in parts]
    is_whole = begins and begins[0] == (1, 0) and len(begins) > 1
    return parts if is_whole or any(_is_list(document, part) for part in listed) else {}


def _number(cells: Sequence[str]) -> int:
    """The number of the part that a line is the title of; 0 where it is none."""
    match = _PART.fullmatch(cells[0])
    if match is not None:
        return int(match[1])
    return {"participants": _SUMS, "activities": _STAYS}.get(TITLES.field(cells[0]) or "", 0)


def _is_list(document: Document, part: range) -> bool:
    """Whether a part without a first one before it has headings of Teams, and times beneath."""
    if len(part) < 2:
        return False
    heading = heading_at(document, part.start, WORDS)
    rows = document.lines[part.start + 1 : part.stop]
    timed = any(sum(map(is_time, cells)) >= 2 for _line, cells in rows[:5])
    is_theirs = {"name", "joined", "left"} <= heading.columns.keys() and "role" in heading.columns
    return timed and (is_theirs or _PART.fullmatch(document.lines[part.start - 1][1][0]) is not None)


def _heading_of_2021(document: Document) -> Heading | None:
    """The headings of the report between the generations: a summary above, or the UPN among the columns."""
    heading = find_heading(document, WORDS, {"name", "joined", "left"}, within=20)
    if heading is None:
        return None
    above = [cells[0] for _line, cells in document.lines[: heading.place]]
    upn = any("upn" in cell.casefold() for cell in heading.cells)
    return heading if upn or any(STAY_WORDS.field(cell) for cell in above) else None


@dataclass
class _Table:
    """A table of people: of stays, or with one row a person."""

    heading: Heading
    rows: Sequence[Line]
    is_sum: bool


def _read_parts(document: Document, parts: dict[int, range], options: ReadingOptions) -> Report:
    tables = []
    for number in (_SUMS, _STAYS):
        part = parts.get(number, range(0))
        if len(part) > 0:
            heading = heading_at(document, part.start, WORDS)
            rows = document.lines[part.start + 1 : part.stop]
            tables.append(_Table(with_shapes(heading, rows), rows, is_sum=number == _SUMS))
    listed, tables = tables, [one for one in tables if one.heading.columns.keys() & {"joined", "left", "duration"}]
    if listed and not tables:
        raise Invalid("file", _("This file shows who attended, but not when or for how long."))
    if not any(table.rows for table in tables):
        raise Invalid("file", _("The file is incomplete: it lists no participants."))
    summary = [document.lines[place] for place in parts.get(1, range(0))]
    return _read(document, tables, summary, options)


def _read(document: Document, tables: list[_Table], summary: Sequence[Line], options: ReadingOptions) -> Report:
    _check_last_line(document, tables[-1])
    report = Report(format=NAME, notes=list(document.notes))
    for table in tables:
        table.heading, table.rows = open_table(report, table.heading, table.rows)
    times = Times(options, timestamps.zone_in(" ".join(" ".join(cells) for _line, cells in summary)))
    spans, people, lasted = _about(report, summary, times)
    known = _Accounts(tables)
    of_sums: list[SessionEntry] = []
    of_stays: list[SessionEntry] = []
    for table in tables:
        for line, row in table.rows:
            (of_sums if table.is_sum else of_stays).append(_entry(table.heading, line, row, times, known))
    entries = [*of_stays]
    for entry in _sums_without_stays(of_sums, of_stays):
        if entry.total_ms is None:
            # Without it the whole time from the first join to the last leave would count, whatever was between
            column = tables[0].heading.words("duration")
            reason = _("“%(column)s” is not a valid duration.", column=column)
            report.rejected.append(Fault(row=entry.line, reason=reason))
        else:
            entries.append(entry)
    report.total = len(entries) + len(report.rejected)
    times.settle(document)
    report.starts_ms, report.ends_ms = times.span(*spans)
    words = [tables[-1].heading.words(field) for field in ("joined", "left")]
    take(report, entries, times, joined=words[0], left=words[1])
    settle_presenters(report)
    compare(report, people=people, rows=max(people_in(report), len(of_sums)) + len(report.rejected), lasted_ms=lasted)
    return report


def _check_last_line(document: Document, last: _Table) -> None:
    """Raises Invalid where the file breaks off within the last row of its last table."""
    line, cells = document.lines[-1]
    ends_file = last.rows[-1:] == document.lines[-1:]
    if ends_file and not document.is_whole and len(cells) < min(last.heading.width, 4):
        raise Invalid("file", _("The file is incomplete: line %(line)s ends too early.", line=line))


def _sums_without_stays(sums: Sequence[SessionEntry], stays: Sequence[SessionEntry]) -> list[SessionEntry]:
    """The sums of people of whom no stay is listed."""
    listed = {_who(entry) for entry in stays}
    # Stays of a name alone are those of the person of this name, where all of them have an address
    listed_by_name = {entry.reported_name for entry in stays if not entry.email}
    listed_by_name -= {entry.reported_name for entry in sums if not entry.email}
    return [entry for entry in sums if _who(entry) not in listed and entry.reported_name not in listed_by_name]


def _about(report: Report, summary: Sequence[Line], times: Times) -> tuple[tuple[Read, Read], str, int | None]:
    """Returns what the summary says of the meeting: when it began and ended (the first two times), how many people were
    there, and how long it lasted. Its title and number go into the report."""
    moments: list[Read] = []
    people, lasted = "", None
    for _line, cells in summary:
        value = next((cell for cell in cells[1:] if cell), "")
        field = SUMMARY.field(cells[0])
        if field == "people":
            people = value
        elif field == "lasted":
            lasted = timestamps.duration_ms(value)
        elif is_time(value):
            moments += [times.read(value)] if len(moments) < 2 else []
        elif field == "meeting":
            report.meeting = value[:200]
        elif field == "title" or (value and not report.title and not value.isdigit()):
            report.title = value[:200]
    first, last = [*moments, None, None][:2]
    return (first, last if len(moments) == 2 else None), people, lasted


class _Accounts:
    """The address and the account of people who appear in one table with them and in another without."""

    def __init__(self, tables: list[_Table]) -> None:
        accounts: dict[str, set[tuple[str, str]]] = {}
        for table in tables:
            for _line, row in table.rows:
                name = table.heading.cell(row, "name")
                email, registrant = _account(table.heading, row)
                if name and (email or registrant):
                    accounts.setdefault(name, set()).add((email.casefold(), registrant))
        addresses = {name: {email for email, _id in said if email} for name, said in accounts.items()}
        self._one = {
            name: (next(iter(addresses[name]), ""), max(registrant for _email, registrant in said))
            for name, said in accounts.items()
            if len(addresses[name]) <= 1 and len({registrant for _e, registrant in said if registrant}) <= 1
        }
        people = {
            (table.heading.cell(row, "name"), *row) for table in tables if table.is_sum for _line, row in table.rows
        }
        self._rows = Counter(name for name, *_row in people)

    def of(self, name: str) -> tuple[str, str]:
        """Of somebody named so, where there is one such person only."""
        return self._one.get(name, ("", "")) if self._rows[name] <= 1 else ("", "")


def _account(heading: Heading, row: Sequence[str]) -> tuple[str, str]:
    upn = heading.cell(row, "registrant")
    return heading.cell(row, "email") or address(upn), account(upn)


def _entry(heading: Heading, line: int, row: Sequence[str], times: Times, known: _Accounts) -> SessionEntry:
    """One row."""
    name = heading.cell(row, "name")
    email, registrant = _account(heading, row)
    if not email:
        address, other = known.of(name)
        email, registrant = address, registrant or other
    total = timestamps.duration_ms(heading.cell(row, "duration"))
    joined, left = (heading.cell(row, field) for field in ("joined", "left"))
    return SessionEntry(
        line,
        name,
        email,
        times.read(joined),
        times.read(left),
        total,
        registrant=registrant,
        role=role_of(heading.cell(row, "role")),
    )


def _who(entry: SessionEntry) -> str:
    return entry.email.casefold() or entry.reported_name
