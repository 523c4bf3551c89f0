"""Reads the attendance reports of Google Meet.

The organiser receives the report by e-mail as a sheet and saves it under File › Download as CSV or XLSX. Only some
editions of Google Workspace offer it. There is one row for each person.

Columns:
    First name, Last name: As in the Google account.
    Email: Partly hidden addresses (`a***@…`) are left out.
    Duration: The time in the call, of all periods.
    Time joined, Time exited: The first join and the last leave, often without a date and always without a time zone.

A date in the lines above the headings applies to times without one. Without any date, the day of the lecture is used,
and a note says so.
"""

from collections.abc import Sequence

from lms.attendance_imports.readers import timestamps
from lms.attendance_imports.readers.headings import Heading, Vocabulary, find_heading, heading_at
from lms.attendance_imports.readers.plain import check_is_whole, full_name
from lms.attendance_imports.readers.report import ReadingOptions, Report
from lms.attendance_imports.readers.session_rows import SessionEntry, never_came, take
from lms.attendance_imports.readers.shapes import Line, open_table
from lms.attendance_imports.readers.sheets import Document
from lms.attendance_imports.readers.times import Times
from lms.attendance_imports.readers.vocabulary import WORDS as COMMON
from lms.core.base.errors import Fault, Invalid
from lms.core.text.i18n import _

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


def recognises(document: Document) -> bool:
    """Whether its headings are Meet's own, or its times are of the day only."""
    if is_certain(document):
        return True
    heading = _heading(document)
    if heading is None:
        return False
    rows = document.lines[heading.place + 1 : heading.place + 20]
    clocks = [clock for _line, row in rows if (clock := heading.cell(row, "joined"))]
    return bool(clocks) and all(timestamps.read_clock(clock) is not None for clock in clocks)


def is_certain(document: Document) -> bool:
    """Whether its headings are Meet's own."""
    return find_heading(document, _EXACT, {"joined", "left"}, within=20) is not None


def _heading(document: Document) -> Heading | None:
    times = {"joined", "left", "duration"}
    return find_heading(document, _WORDS, {"name", *times}, {"first_name", *times}, {"email", *times}, within=20)


def read(document: Document, options: ReadingOptions) -> Report:
    """Reads it. Raises Invalid (`file`, `time_zone`, `date_order`)."""
    heading = _heading(document)
    if heading is None:
        raise Invalid("file", _("This is not a Google Meet attendance report."))
    check_is_whole(document, heading)
    report = Report(format=NAME, notes=list(document.notes))
    heading, rows = open_table(report, heading, document.lines[heading.place + 1 :])
    report.total = len(rows)
    above = document.lines[: heading.place]
    names = [heading.words(field) for field in ("joined", "left")]
    about = _about(document, above)
    report.title, report.meeting = about.get("title", "")[:200], about.get("meeting", "")[:200]
    zone = timestamps.zone_in(" ".join([*names, *(cell for _line, cells in above for cell in cells)]))
    times = Times(options, zone, day=about.get("date", ""))
    entries = [entry for line, row in rows if (entry := _entry(report, heading, line, row, times)) is not None]
    span = [times.read(about.get(field, "")) for field in ("starts", "ends")]
    times.settle(document)
    report.starts_ms, report.ends_ms = times.span(*span)
    take(report, entries, times, joined=names[0], left=names[1])
    return report


def _about(document: Document, above: Sequence[Line]) -> dict[str, str]:
    """The text of the lines above: headings with values below, or pairs of name and value."""
    about: dict[str, str] = {}
    for place, (_line, cells) in enumerate(above):
        heading = heading_at(document, place, _ABOUT)
        if len(heading.columns) > 1 and place + 1 < len(above):
            for field in heading.columns:
                about.setdefault(field, heading.cell(above[place + 1][1], field))
        elif (named := _ABOUT.field(cells[0])) and len(cells) > 1:
            about.setdefault(named, cells[1])
    return about


def _entry(report: Report, heading: Heading, line: int, row: Sequence[str], times: Times) -> SessionEntry | None:
    """One row, or None if nobody attended or it is rejected."""
    joined, left, stated = (heading.cell(row, field) for field in ("joined", "left", "duration"))
    if never_came(joined, left):
        return None
    total = timestamps.duration_ms(stated, timestamps.unit_in(heading.words("duration")) or "minutes")
    if stated and total is None:
        # Without it the whole time from the first join to the last leave would count, whatever was between
        reason = _("“%(column)s” is not a valid duration.", column=heading.words("duration"))
        report.rejected.append(Fault(row=line, reason=reason))
        return None
    email = heading.cell(row, "email")
    return SessionEntry(
        line,
        full_name(heading, row),
        "" if "*" in email else email,  # some addresses are shown in part only
        times.read(joined),
        times.read(left),
        total,
    )
