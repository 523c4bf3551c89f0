"""Reads a plain attendance table: a list that someone made, or the report of a system that has no reader.

Headings can be in any order and in many languages (`vocabulary`). If they are unknown, the user is asked what each
column means (`mapping`).

Columns:
    email: Needed unless there is a name.
    name, or first and last name: Needed unless there is an e-mail address.
    joined_at, left_at: With an offset, or in the time zone that the user states. A separate date column is added to
        times of the day.
    duration: Replaces one of the times or both. Its heading states the unit.
    waiting_room: `Yes` marks rows that are not presence.
"""

from collections.abc import Sequence

from lms.attendance_imports.readers import timestamps
from lms.attendance_imports.readers.headings import Heading, find_heading
from lms.attendance_imports.readers.mapping import UnknownHeadings, column_preview_of, mapped
from lms.attendance_imports.readers.report import ReadingOptions, Report
from lms.attendance_imports.readers.session_rows import SessionEntry, never_came, take
from lms.attendance_imports.readers.shapes import open_table
from lms.attendance_imports.readers.sheets import Document
from lms.attendance_imports.readers.sums import reason_of
from lms.attendance_imports.readers.times import Times
from lms.attendance_imports.readers.vocabulary import WORDS
from lms.attendance_imports.readers.waiting import WaitingColumn
from lms.core.base.errors import Invalid
from lms.core.storage.tables import FileTemplate
from lms.core.text.i18n import _

NAME = "plain"
_WHO = ({"email"}, {"name"}, {"first_name"}, {"last_name"})
NEEDED = [who | times for who in _WHO for times in ({"joined", "left"}, {"joined", "duration"}, {"duration"})]
"""The sets of headings of which one must be there."""


TEMPLATE = FileTemplate(
    ("email", "name", "joined_at", "left_at"),
    (
        {"email": "first.example@example.org", "name": "First Example", "joined_at": "2026-11-30T09:00:00+00:00",
         "left_at": "2026-11-30T10:30:00+00:00"},
        {"email": "second.example@example.org", "name": "Second Example", "joined_at": "2026-11-30T09:10:00+00:00",
         "left_at": "2026-11-30T10:15:00+00:00"},
    ),
)  # fmt: skip


def recognises(document: Document) -> bool:
    """Whether one of the first lines has headings that say who and when."""
    return find_heading(document, WORDS, *NEEDED) is not None


def read(document: Document, options: ReadingOptions) -> Report:
    """Reads it. Raises Invalid (`file`, `time_zone`, `date_order`, `mapping`)."""
    if options.mapping:
        report = _read(document, *mapped(document, options.mapping), options)
        column_preview = column_preview_of(document)
        report.signature = column_preview.signature if column_preview is not None else ""
        return report
    reason = reason_of(document)
    if reason:
        raise Invalid("file", reason)
    heading = find_heading(document, WORDS, *NEEDED)
    if heading is not None:
        return _read(document, heading, timestamps.unit_in(heading.words("duration")), options)
    column_preview = column_preview_of(document)
    if column_preview is None:
        raise Invalid("file", _("This file contains text but no table. Upload a table with one row for each person."))
    raise UnknownHeadings(column_preview)


def check_is_whole(document: Document, heading: Heading) -> None:
    """Raises Invalid where a file has headings only, or ends in the middle of its last line."""
    if len(document.lines) <= heading.place + 1:
        raise Invalid("file", _("The file has headings but no rows."))
    line, cells = document.lines[-1]
    if len(cells) < heading.width and not document.is_whole:
        raise Invalid("file", _("The file is incomplete: line %(line)s ends too early.", line=line))


def full_name(heading: Heading, row: Sequence[str]) -> str:
    """The name, or the first and the last name joined."""
    name = heading.cell(row, "name")
    return name or f"{heading.cell(row, 'first_name')} {heading.cell(row, 'last_name')}".strip()


def _read(document: Document, heading: Heading, unit: str | None, options: ReadingOptions) -> Report:
    check_is_whole(document, heading)
    report = Report(format=NAME, notes=list(document.notes))
    heading, rows = open_table(report, heading, document.lines[heading.place + 1 :])
    report.total = len(rows)
    words = [heading.words(field) for field in ("joined", "left")]
    above = " ".join(cell for _line, cells in document.lines[: max(heading.place, 0)] for cell in cells)
    times = Times(options, timestamps.zone_in(" ".join([*words, above])))
    waiting = WaitingColumn(report, heading)
    entries: list[SessionEntry] = []
    for line, row in rows:
        joined, left = heading.cell(row, "joined"), heading.cell(row, "left")
        if never_came(joined, left) or waiting.leaves_out(line, row):
            continue
        entry = SessionEntry(
            line,
            full_name(heading, row),
            heading.cell(row, "email"),
            times.read(_dated(heading, row, joined)),
            times.read(_dated(heading, row, left)),
            timestamps.duration_ms(heading.cell(row, "duration"), unit),
            registrant=heading.cell(row, "registrant"),
        )
        entries.append(entry)
    waiting.say()
    if not heading.columns.keys() & {"joined", "left"} and all(one.total_ms is None for one in entries):
        column_preview = column_preview_of(document)
        if column_preview is not None:
            raise UnknownHeadings(
                column_preview,
                _("The heading “%(heading)s” does not say whether it is in minutes, seconds or hours.",
                  heading=heading.words("duration")),
            )  # fmt: skip
    times.settle(document)
    take(report, entries, times, joined=words[0], left=words[1])
    return report


def _dated(heading: Heading, row: Sequence[str], clock: str) -> str:
    """A time of the day with the date of its row, where that has a separate column."""
    date = heading.cell(row, "date")
    return f"{date.removesuffix(' 00:00:00')} {clock}" if date and timestamps.read_clock(clock) is not None else clock
