"""Reports of Microsoft Teams: the one in numbered parts, the one of 2021, and the lists of who did what.

Its times are written as on the computer that downloads: neither zone nor order of day and month is said.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from lms.attendance import instants
from lms.attendance.formats import teams_log
from lms.attendance.formats.headings import Heading, find_heading, heading_at
from lms.attendance.formats.report import Asked, Report
from lms.attendance.formats.shapes import Line, is_alone, with_shapes
from lms.attendance.formats.sheets import Document
from lms.attendance.formats.stays import Entry, Times, certain_ms, take
from lms.attendance.formats.teams_words import (
    STAY_WORDS,
    SUMMARY,
    WORDS,
    account,
    address,
    role_of,
    settle_presenters,
)
from lms.core.errors import Fault, Invalid
from lms.core.words import _

NAME = "teams"
_PART = re.compile(r"([1-9])[.．、]\s*\S")


def recognises(document: Document) -> bool:
    """Whether it is one of them: numbered parts, a summary above the stays, or a list of actions."""
    return len(_parts(document)) > 1 or _heading_of_2021(document) is not None or teams_log.recognises(document)


def read(document: Document, asked: Asked) -> Report:
    """Reads it. Raises Invalid (`file`, `time_zone`, `date_order`)."""
    parts = _parts(document)
    if len(parts) > 1:
        return _read_parts(document, parts, asked)
    heading = _heading_of_2021(document)
    if heading is not None:
        rows = document.lines[heading.place + 1 :]
        return _read(document, [_Table(heading, rows, is_sum=False)], document.lines[: heading.place], asked)
    if teams_log.recognises(document):
        return teams_log.read(document, asked, NAME)
    raise Invalid("file", _("This is not an attendance report of Microsoft Teams."))


def _parts(document: Document) -> list[range]:
    """The places of the lines of each numbered part, its title left out; only in a file that begins with the first."""
    begins: list[int] = []
    for place, (_line, cells) in enumerate(document.lines):
        found = _PART.match(cells[0])
        if found is not None and int(found[1]) == len(begins) + 1 and is_alone(cells):
            begins.append(place)
        elif not begins:
            return []
    ends = [*begins[1:], len(document.lines)]
    return [range(begin + 1, end) for begin, end in zip(begins, ends, strict=False)]


def _heading_of_2021(document: Document) -> Heading | None:
    """The headings of the report between the generations: a summary above, or the UPN among the columns."""
    found = find_heading(document, WORDS, {"name", "joined", "left"}, within=20)
    if found is None:
        return None
    above = [cells[0] for _line, cells in document.lines[: found.place]]
    upn = any("upn" in cell.casefold() for cell in found.cells)
    return found if upn or any(STAY_WORDS.field(cell) for cell in above) else None


@dataclass
class _Table:
    """A table of people: of stays, or with one row a person."""

    heading: Heading
    rows: Sequence[Line]
    is_sum: bool


def _read_parts(document: Document, parts: list[range], asked: Asked) -> Report:
    tables = []
    for number, part in enumerate(parts[1:3]):
        if len(part) == 0:
            continue
        heading = heading_at(document, part.start, WORDS)
        rows = document.lines[part.start + 1 : part.stop]
        tables.append(_Table(with_shapes(heading, rows), rows, is_sum=number == 0))
    if not any(table.rows for table in tables):
        raise Invalid("file", _("The file is cut off: nobody stands in it."))
    summary = [document.lines[place] for place in parts[0]]
    return _read(document, tables, summary, asked)


def _read(document: Document, tables: list[_Table], summary: Sequence[Line], asked: Asked) -> Report:
    line, cells = document.lines[-1]
    ends_here = tables[-1].rows[-1:] == document.lines[-1:]
    if ends_here and not document.is_whole and len(cells) < min(tables[-1].heading.width, 4):
        raise Invalid("file", _("The file is cut off: line %(line)s ends too early.", line=line))
    report = Report(format=NAME, notes=list(document.notes))
    times = Times(asked, instants.zone_in(" ".join(" ".join(cells) for _line, cells in summary)))
    spans = _about(report, summary, times)
    known = _Accounts(tables)
    of_sums: list[Entry] = []
    of_stays: list[Entry] = []
    for table in tables:
        for line, row in table.rows:
            entry = _entry(report, table, line, row, times, known)
            if entry is not None:
                (of_sums if table.is_sum else of_stays).append(entry)
    there = {_who(entry) for entry in of_stays}
    entries = [*of_stays, *(entry for entry in of_sums if _who(entry) not in there)]
    report.total = len(entries) + len(report.rejected)
    times.settle()
    report.starts_ms, report.ends_ms = (times.ms(moment) for moment in spans)
    words = [tables[-1].heading.words(field) for field in ("joined", "left")]
    take(report, entries, times, joined=words[0], left=words[1])
    settle_presenters(report)
    return report


def _about(report: Report, summary: Sequence[Line], times: Times) -> tuple[instants.Moment | None, ...]:
    """What the summary says of the meeting: title and number, and when it began and ended (the first two times)."""
    moments: list[instants.Moment] = []
    for _line, cells in summary:
        value = next((cell for cell in cells[1:] if cell), "")
        field = SUMMARY.field(cells[0])
        moment = times.read(value)
        if moment is not None and len(moments) < 2:
            moments.append(moment)
        elif field == "meeting":
            report.meeting = value[:200]
        elif field == "title" or (value and not report.title and not value.isdigit()):
            report.title = value[:200]
    return moments[0] if moments else None, moments[1] if len(moments) == 2 else None


class _Accounts:
    """The address and the account of people who stand in one table with them and in another without."""

    def __init__(self, tables: list[_Table]) -> None:
        found: dict[str, set[tuple[str, str]]] = {}
        for table in tables:
            for _line, row in table.rows:
                name = table.heading.cell(row, "name")
                email, registrant = _account(table.heading, row)
                if name and (email or registrant):
                    found.setdefault(name, set()).add((email.casefold(), registrant))
        addresses = {name: {email for email, _id in said if email} for name, said in found.items()}
        self._one = {
            name: (next(iter(addresses[name]), ""), max(registrant for _email, registrant in said))
            for name, said in found.items()
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


def _entry(
    report: Report, table: _Table, line: int, row: Sequence[str], times: Times, known: _Accounts
) -> Entry | None:
    """One row; None where it is rejected at once."""
    heading = table.heading
    said = heading.cell(row, "name")
    email, registrant = _account(heading, row)
    if not email:
        found, other = known.of(said)
        email, registrant = found, registrant or other
    stated = heading.cell(row, "duration")
    total = instants.duration_ms(stated)
    if table.is_sum and stated and total is None:
        # Without it the whole time from the first join to the last leave would count, whatever lay between
        reason = _("“%(column)s” is not a duration that can be read.", column=heading.words("duration"))
        report.rejected.append(Fault(row=line, reason=reason))
        return None
    joined, left = (heading.cell(row, field) for field in ("joined", "left"))
    return Entry(
        line,
        said,
        email,
        times.read(joined),
        times.read(left),
        certain_ms(times, total, joined, left),
        registrant=registrant,
        role=role_of(heading.cell(row, "role")),
    )


def _who(entry: Entry) -> str:
    return entry.email.casefold() or entry.said
