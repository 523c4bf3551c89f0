"""A plain table of who was there: headings in any order and many languages, or as somebody said what they mean."""

from __future__ import annotations

from collections.abc import Sequence

from lms.attendance import instants
from lms.attendance.formats.headings import WORDS, Heading, find_heading, heading_at
from lms.attendance.formats.report import Asked, Report
from lms.attendance.formats.sheets import Document
from lms.attendance.formats.stays import Entry, Times, never_came, take
from lms.core.errors import Invalid
from lms.core.words import _

NAME = "plain"
_WHO = ({"email"}, {"name"}, {"first_name"}, {"last_name"})
NEEDED = [who | times for who in _WHO for times in ({"joined", "left"}, {"joined", "duration"}, {"duration"})]
"""The sets of headings of which one must be there."""


def recognises(document: Document) -> bool:
    """Whether one of the first lines has headings that say who and when."""
    return find_heading(document, WORDS, *NEEDED) is not None


def read(document: Document, asked: Asked) -> Report:
    """Reads it. Raises Invalid (`file`, `time_zone`, `date_order`)."""
    heading = find_heading(document, WORDS, *NEEDED)
    if heading is None:
        raise Invalid("file", _("The first line must have the headings email, joined_at and left_at."))
    return read_table(document, heading, asked)


def check_is_whole(document: Document, heading: Heading) -> None:
    """Raises Invalid where a file has headings only, or ends in the middle of its last line."""
    if len(document.lines) <= heading.place + 1:
        raise Invalid("file", _("The file has headings, but no rows."))
    line, cells = document.lines[-1]
    if len(cells) < heading.width and not document.is_whole:
        raise Invalid("file", _("The file is cut off: line %(line)s ends too early.", line=line))


def full_name(heading: Heading, row: Sequence[str]) -> str:
    """The name, or the first and the last name beside each other."""
    name = heading.cell(row, "name")
    return name or f"{heading.cell(row, 'first_name')} {heading.cell(row, 'last_name')}".strip()


def read_table(document: Document, heading: Heading, asked: Asked) -> Report:
    """Reads the rows below a line of headings."""
    check_is_whole(document, heading)
    rows = document.lines[heading.place + 1 :]
    report = Report(format=NAME, total=len(rows), notes=list(document.notes))
    if heading.unknown:
        report.notes.append(_("Not read: %(headings)s.", headings=", ".join(heading.unknown)))
    words = [heading.words(field) for field in ("joined", "left")]
    zone = instants.zone_in(" ".join(words))
    unit = instants.unit_in(heading.words("duration"))
    times = Times(asked, zone)
    entries: list[Entry] = []
    for line, row in rows:
        joined, left = heading.cell(row, "joined"), heading.cell(row, "left")
        if never_came(joined, left):
            continue
        entries.append(
            Entry(
                line,
                full_name(heading, row),
                heading.cell(row, "email"),
                times.read(joined),
                times.read(left),
                instants.duration_ms(heading.cell(row, "duration"), unit),
                registrant=heading.cell(row, "registrant"),
            )
        )
    times.settle()
    take(report, entries, times, joined=words[0], left=words[1])
    return report


__all__ = ["NAME", "NEEDED", "heading_at", "read", "read_table", "recognises"]
