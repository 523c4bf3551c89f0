"""Reads the attendance reports of Webex meetings, events, trainings and webinars.

Exported on the site's page under Recordings and reports, or in Control Hub under Reports. The report is complete some
hours after the end. Each row is one time that a person joined and left; a file can cover several meetings.

Columns:
    Name or First Name and Last Name, Display Name, Email: Who it was.
    Join Time, Leave Time: Text formulas such as `="2021-06-14 17:02:22"`, in the time zone of the site or of the person
        who downloads, which the file does not state.
    Attendance Duration: Such as `204 mins`.
    Connection Type: The same person can be connected by computer and by telephone.
    Meeting Name, Meeting Start Time, Meeting End Time: Repeated in each row.
"""

from collections.abc import Sequence

from lms.attendance_imports.readers import timestamps
from lms.attendance_imports.readers.headings import Heading, find_heading
from lms.attendance_imports.readers.plain import check_is_whole, full_name
from lms.attendance_imports.readers.report import ReadingOptions, Report
from lms.attendance_imports.readers.session_rows import SessionEntry, never_came, take
from lms.attendance_imports.readers.shapes import open_table
from lms.attendance_imports.readers.sheets import Document
from lms.attendance_imports.readers.times import Times
from lms.attendance_imports.readers.vocabulary import WORDS as COMMON
from lms.attendance_imports.readers.vocabulary import role_of
from lms.core.base.errors import Invalid
from lms.core.text.i18n import _, _n

NAME = "webex"
_WORDS = COMMON.with_(
    {
        "title": (
            "event name", "meeting name", "training name", "nome da reunião", "nome do evento", "nombre de la reunión",
            "nombre del evento", "nom de la réunion", "nom de l'événement", "meeting-name", "eventname",
            "name des meetings", "nome della riunione", "会议名称", "ミーティング名",
        ),
        "starts": (
            "event start time", "meeting start time", "training start time", "session start time",
            "data de início da reunião", "hora de início da reunião", "hora de inicio de la reunión",
            "heure de début de la réunion", "meeting-startzeit", "startzeit des meetings", "会议开始时间",
            "ミーティング開始時刻",
        ),
        "ends": (
            "event end time", "meeting end time", "training end time", "session end time",
            "data de término da reunião", "hora de término da reunião", "hora de finalización de la reunión",
            "heure de fin de la réunion", "meeting-endzeit", "endzeit des meetings", "会议结束时间",
            "ミーティング終了時刻",
        ),
        "display": (
            "display name", "nome de exibição", "nombre para mostrar", "nom d'affichage", "anzeigename", "显示名称",
        ),
        "connection": (
            "connection type", "tipo de conexão", "tipo de conexión", "type de connexion", "verbindungstyp", "连接类型",
            "接続タイプ",
        ),
    }
)  # fmt: skip


def recognises(document: Document) -> bool:
    """Whether each row names the event in addition to the join and the leave, or how the person was connected."""
    return _heading(document) is not None


def _heading(document: Document) -> Heading | None:
    times = {"joined", "left"}
    return find_heading(
        document,
        _WORDS,
        {"title", "starts", *times},
        {"title", "connection", *times},
        {"email", "connection", "duration", *times},
        within=20,
    )


def read(document: Document, options: ReadingOptions) -> Report:
    """Reads it. Raises Invalid (`file`, `time_zone`, `date_order`)."""
    heading = _heading(document)
    if heading is None:
        raise Invalid("file", _("This is not a Webex attendance report."))
    check_is_whole(document, heading)
    report = Report(format=NAME, notes=list(document.notes))
    heading, rows = open_table(report, heading, document.lines[heading.place + 1 :])
    report.total = len(rows)
    report.title = heading.cell(rows[0][1], "title")[:200]
    names = [heading.words(field) for field in ("joined", "left")]
    above = [cell for _line, cells in document.lines[: heading.place] for cell in cells]
    times = Times(options, timestamps.zone_in(" ".join([*names, *above])))
    unit = timestamps.unit_in(heading.words("duration")) or "minutes"
    meetings: set[tuple[str, str, str]] = set()
    entries = []
    for line, row in rows:
        meetings.add((heading.cell(row, "title"), heading.cell(row, "starts"), heading.cell(row, "ends")))
        joined, left = heading.cell(row, "joined"), heading.cell(row, "left")
        if never_came(joined, left):
            continue
        entries.append(
            SessionEntry(
                line,
                _name(heading, row),
                heading.cell(row, "email"),
                times.read(joined),
                times.read(left),
                timestamps.duration_ms(heading.cell(row, "duration"), unit),
                registrant=heading.cell(row, "registrant"),
                role=role_of(heading.cell(row, "role")),
            )
        )
    spans = [(times.read(starts), times.read(ends)) for _title, starts, ends in meetings]
    times.settle(document)
    _about(report, [times.span(*span) for span in spans], len(meetings))
    take(report, entries, times, joined=names[0], left=names[1])
    return report


def _name(heading: Heading, row: Sequence[str]) -> str:
    display, name, last = (heading.cell(row, field) for field in ("display", "name", "last_name"))
    # In some languages the column of the first name is called as that of the whole name is in others
    return display or (f"{name} {last}".strip() if name else full_name(heading, row))


def _about(report: Report, spans: Sequence[tuple[int | None, int | None]], meetings: int) -> None:
    report.starts_ms = min((starts for starts, _ends in spans if starts is not None), default=None)
    report.ends_ms = max((ends for _starts, ends in spans if ends is not None), default=None)
    if meetings > 1:
        report.title = ""
        report.notes.append(
            _n(
                "The file contains %(num)s meeting. Only time within the lecture is counted.",
                "The file contains %(num)s meetings. Only time within the lecture is counted.",
                meetings,
            )
        )
