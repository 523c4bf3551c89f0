"""Zoom: the participants of a meeting, and the attendee report of a webinar.

Of a meeting: perhaps a table about it, then a line of headings and a row for each stay; or the meeting before each
row; or one row a person with the total only. Of a webinar: a table about it, then parts (host, panelists, attendees,
others), each with a heading of its own. Old and new columns, and what a spreadsheet made of them.
"""

from __future__ import annotations

import re

from lms.attendance import instants
from lms.attendance.formats.headings import WORDS, Heading, heading_at, plain
from lms.attendance.formats.plain import check_is_whole, full_name
from lms.attendance.formats.report import Asked, Report
from lms.attendance.formats.sheets import Document
from lms.attendance.formats.stays import Entry, Times, never_came, take
from lms.attendance.instants import Moment
from lms.core.errors import Invalid
from lms.core.words import _, _n

NAME = "zoom"

_WORDS = WORDS.with_(
    {
        "topic": ("topic", "meeting topic", "webinar topic", "主题", "会议主题", "tema", "sujet", "thema", "тема",
                  "الموضوع"),
        "meeting": ("meeting id", "webinar id", "会议号", "会议 id", "id de reunión", "id de réunion", "meeting-id",
                    "id da reunião", "идентификатор конференции", "معرّف الاجتماع"),
        "starts": ("start time", "actual start time", "开始时间", "hora de inicio", "heure de début", "startzeit",
                   "hora de início", "время начала", "وقت البدء"),
        "ends": ("end time", "结束时间", "hora de finalización", "heure de fin", "endzeit", "hora de término",
                 "время окончания", "وقت الانتهاء"),
        "lasted": ("actual duration (minutes)", "actual duration"),
        "attended": ("attended", "参加", "asistió", "a participé"),
        "registered": ("registration time", "注册时间", "hora de inscripción", "heure d'inscription"),
        "guest": ("guest", "is guest", "访客", "invitado", "invité", "gast", "convidado", "гость", "ضيف"),
        "waiting": ("in waiting room", "waiting room", "in the waiting room", "在等候室", "en sala de espera",
                    "dans la salle d'attente", "im warteraum"),
        "joined": ("hora para unirse", "heure pour rejoindre", "加入时间"),
        "email": ("correo electrónico del usuario", "adresse e-mail de l'utilisateur", "用户电子邮件"),
    }
)  # fmt: skip
_PARTS = {
    "hostdetails": "host",
    "panelistdetails": "panelist",
    "alternativehostdetails": "host",
    "attendeedetails": "attendee",
    "otherattended": "attendee",
    "interpreterdetails": "panelist",
}
_WHO = {"email", "name", "first_name", "last_name"}
_YES = {"yes", "y", "true", "1", "是", "sí", "si", "oui", "ja", "sim", "да", "نعم", "はい", "예"}
_NO = {"no", "n", "false", "0", "否", "non", "nein", "não", "нет", "لا", "いいえ", "아니요"}
_ORIGINAL = re.compile(r"[(（][^)）]*(?:origin|原|оригин|أصلي|元の|원래)[^)）]*[)）]", re.IGNORECASE)
_FIRST = 60


def recognises(document: Document) -> bool:
    """Whether the first lines have a part of a webinar, or headings as only Zoom writes them."""
    for place, (_line, cells) in enumerate(document.lines[:_FIRST]):
        if plain(cells[0]) in {"attendeereport", *_PARTS} and not any(cells[1:]):
            return True
        heading = _participants(document, place)
        if heading is None:
            continue
        columns = heading.columns
        if _is_theirs(heading) or ("topic" in columns and "meeting" in columns):
            return True
        return "minutes" in heading.words("duration").casefold() and _meeting_above(document, place)
    return False


def _meeting_above(document: Document, place: int) -> bool:
    return any(_is_meeting(heading_at(document, above, _WORDS)) for above in range(place))


def _is_theirs(heading: Heading) -> bool:
    """Whether there are columns as only participants have them."""
    return any(map(_ORIGINAL.search, heading.cells)) or bool(heading.columns.keys() & {"guest", "waiting", "attended"})


def _is_meeting(heading: Heading) -> bool:
    columns = heading.columns.keys()
    is_about = "topic" in columns and bool(columns & {"meeting", "starts"})
    return is_about and "joined" not in columns and not _is_theirs(heading)


def _participants(document: Document, place: int) -> Heading | None:
    """The line as headings of participants. Of a column that stands twice the last is theirs: the meeting's come
    first."""
    heading = heading_at(document, place, _WORDS, last=True)
    columns = heading.columns.keys()
    summed = "duration" in columns and (not columns & {"starts", "ends"} or _is_theirs(heading))
    timed = {"joined", "left"} <= columns or summed
    return heading if columns & _WHO and timed else None


def read(document: Document, asked: Asked) -> Report:
    """Reads the report. Raises Invalid (`file`, `time_zone`, `date_order`)."""
    return _Reader(document, asked).report()


class _Reader:
    def __init__(self, document: Document, asked: Asked) -> None:
        self.document, self.asked = document, asked
        self.read = Report(format=NAME, notes=list(document.notes))
        self.headings: list[tuple[Heading, str, list[tuple[int, list[str]]]]] = []  # with role and rows
        self.meeting: dict[str, str] = {}
        self.waiting = 0

    def report(self) -> Report:
        self._split()
        if not self.headings:
            raise Invalid("file", _("No line of this file has the headings of a list of participants."))
        last = self.headings[-1][0]
        if not self.headings[-1][2] and len(self.headings) > 1 and self.document.is_whole:
            last = self.headings[0][0]
        check_is_whole(self.document, last)
        zone = instants.zone_in(" ".join(cell for heading, _role, _rows in self.headings for cell in heading.cells))
        times = Times(self.asked, zone)
        entries = [entry for one in self.headings for entry in self._entries(*one, times)]
        about = {name: times.read(self.meeting.get(name, "")) for name in ("starts", "ends")}
        if times.is_open:
            self._ask_registrations(times)
        times.settle()
        heading = next((one for one, _role, rows in self.headings if rows), self.headings[0][0])
        take(self.read, entries, times, joined=heading.words("joined"), left=heading.words("left"))
        self._about(times, about)
        return self.read

    def _split(self) -> None:
        """Sorts the lines into headings and the rows beneath them, and what is said of the meeting."""
        heading: Heading | None = None
        role = ""
        rows: list[tuple[int, list[str]]] = []
        above: Heading | None = None  # the headings of the meeting's own table
        for place, (line, cells) in enumerate(self.document.lines):
            if cells[0] and not any(cells[1:]) and plain(cells[0]) in _PARTS:
                heading, role = None, _PARTS[plain(cells[0])]
            elif heading is not None and cells[0] != heading.cells[0]:
                rows.append((line, cells))
            elif (found := _participants(self.document, place)) is not None and not _is_meeting(found):
                heading, rows, above = found, [], None
                self.headings.append((found, role, rows))
            elif heading is not None:
                rows.append((line, cells))
            elif above is not None:
                self._take_meeting(above, cells)
                above = None
            elif _is_meeting(found := heading_at(self.document, place, _WORDS)):
                above = found

    def _take_meeting(self, heading: Heading, cells: list[str]) -> None:
        for name in ("topic", "meeting", "starts", "ends", "lasted", "duration"):
            self.meeting.setdefault(name, heading.cell(cells, name))

    def _entries(self, heading: Heading, role: str, rows: list[tuple[int, list[str]]], times: Times) -> list[Entry]:
        unit = instants.unit_in(heading.words("duration")) or "minutes"
        original = any(_ORIGINAL.search(cell) for cell in heading.cells)
        found = []
        meetings: set[str] = set()
        for line, cells in rows:
            self.read.total += 1
            if "meeting" in heading.columns:
                self._take_meeting(heading, cells)
                meetings.add(heading.cell(cells, "meeting"))
            joined, left = heading.cell(cells, "joined"), heading.cell(cells, "left")
            if heading.cell(cells, "attended").casefold() in _NO or never_came(joined, left):
                continue
            if heading.cell(cells, "waiting").casefold() in _YES:
                self.waiting += 1
                continue
            email = heading.cell(cells, "email")
            found.append(
                Entry(
                    line,
                    full_name(heading, cells),
                    "" if email in ("--", "-") else email,
                    times.read(joined),
                    times.read(left),
                    instants.duration_ms(heading.cell(cells, "duration"), unit),
                    registrant=heading.cell(cells, "registrant"),
                    role=role,
                    original=original,
                )
            )
        if len(meetings) > 1:
            self.read.notes.append(_("The file holds several meetings: %(numbers)s. All of them are taken.",
                                     numbers=", ".join(sorted(meetings)[:5])))  # fmt: skip
        return found

    def _ask_registrations(self, times: Times) -> None:
        """Looks at when people registered, which is written in the same order of day and month."""
        for heading, _role, rows in self.headings:
            for _line, cells in rows:
                times.read(heading.cell(cells, "registered"))

    def _about(self, times: Times, about: dict[str, Moment | None]) -> None:
        read = self.read
        read.title, read.meeting = self.meeting.get("topic", ""), self.meeting.get("meeting", "")
        read.starts_ms, read.ends_ms = times.ms(about["starts"]), times.ms(about["ends"])
        lasted = instants.duration_ms(self.meeting.get("lasted", ""), "minutes")
        if read.ends_ms is None and read.starts_ms is not None and lasted is not None:
            read.ends_ms = read.starts_ms + lasted
        if self.waiting:
            read.notes.append(
                _n(
                    "%(num)s row is of the waiting room and no presence.",
                    "%(num)s rows are of the waiting room and no presence.",
                    self.waiting,
                )
            )
