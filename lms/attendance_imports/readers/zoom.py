"""Reads Zoom's reports: the participants of a meeting and the attendees of a webinar.

Exported on the web under Reports › Usage › the number of participants › Export, or Reports › Webinar › Attendee Report.
Old and new layouts are read, also after a spreadsheet has saved them.

A meeting has one row for each time that a person joined and left. Above the rows can be a table about the meeting, or
each row begins with the meeting. With "Show unique users" there is one row for each person, with the total only. A
webinar has a table about itself, then parts for hosts, panelists, attendees and others, each with its own headings.

Columns:
    Name (Original Name): The name shown, with the name of the account in brackets if it was changed.
    User Email: Empty for guests who did not register.
    Join Time, Leave Time: In the time zone of the Zoom account, which the file does not state.
    Duration (Minutes): In whole minutes.
    In WaitingColumn Room: `Yes` marks time before admission, which is not presence.
    Attended: `No` marks people who registered and did not come.
"""

import re

from lms.attendance_imports.readers import timestamps
from lms.attendance_imports.readers.headings import Heading, heading_at, plain
from lms.attendance_imports.readers.plain import check_is_whole, full_name
from lms.attendance_imports.readers.report import ReadingOptions, Report
from lms.attendance_imports.readers.session_rows import SessionEntry, never_came, take
from lms.attendance_imports.readers.shapes import Line, open_table
from lms.attendance_imports.readers.sheets import Document
from lms.attendance_imports.readers.sums import compare
from lms.attendance_imports.readers.times import Times
from lms.attendance_imports.readers.vocabulary import WORDS, is_yes
from lms.attendance_imports.readers.waiting import WaitingColumn
from lms.core.base.errors import Invalid
from lms.core.text.i18n import _
from lms.core.text.punctuation import listed

NAME = "zoom"

_WORDS = WORDS.with_(
    {
        "topic": ("topic", "meeting topic", "webinar topic", "主题", "会议主题", "主題", "會議主題", "tema",
                  "sujet", "thema",
                  "тема", "الموضوع", "argomento", "onderwerp", "temat", "konu", "トピック", "주제", "chủ đề", "topik",
                  "assunto", "tópico", "موضوع", "ämne", "emne"),
        "meeting": ("meeting id", "webinar id", "会议号", "会议 id", "id de reunión", "id de la reunión", "id de "
        "réunion",
                    "id de la réunion", "meeting-id", "id da reunião", "идентификатор конференции", "معرّف الاجتماع",
                    "id riunione", "toplantı kimliği", "會議號", "會議 id", "ミーティング id", "회의 id", "id cuộc "
                    "họp", "id rapat"),
        "starts": ("start time", "actual start time", "开始时间", "hora de inicio", "heure de début", "startzeit",
                   "hora de início", "время начала", "وقت البدء", "ora di inizio", "begintijd", "starttijd",
                   "godzina rozpoczęcia", "başlangıç saati", "開始時間", "開始時刻", "시작 시간", "thời gian bắt đầu",
                   "waktu mulai", "زمان شروع", "час початку"),
        "ends": ("end time", "结束时间", "hora de finalización", "heure de fin", "endzeit", "hora de término",
                 "время окончания", "وقت الانتهاء", "ora di fine", "eindtijd", "godzina zakończenia", "bitiş saati",
                 "結束時間", "終了時間", "終了時刻", "종료 시간", "thời gian kết thúc", "waktu selesai", "waktu "
                 "berakhir",
                 "زمان پایان", "hora de fin", "час завершення", "hora final"),
        "attended": ("attended", "参加", "asistió", "a participé", "teilgenommen", "ha partecipato", "participou",
                     "compareceu", "посетил", "участвовал", "已参加", "是否参加", "出席", "参加済み", "참석함", "حضر",
                     "katıldı", "đã tham dự", "hadir"),
        "registered": ("registration time", "注册时间", "hora de inscripción", "heure d'inscription",
                       "registrierungszeit", "hora de registro", "ora di registrazione", "время регистрации",
                       "登録時刻"),
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
_ORIGINAL = re.compile(
    r"[(（][^)）]*(?:origin|原|оригин|настоящ|исходн|справжн|أصلي|اصلی|元の|원래|gốc|asli|oryginal|orijinal|eredeti|αρχικό)"
    r"[^)）]*[)）]|originalname$",
    re.IGNORECASE,
)
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
    """The line as headings of participants.

    Of a column that appears twice, the last is theirs: the meeting's come first.
    """
    heading = heading_at(document, place, _WORDS, last=True)
    columns = heading.columns.keys()
    summed = "duration" in columns and (not columns & {"starts", "ends"} or _is_theirs(heading))
    timed = {"joined", "left"} <= columns or summed
    return heading if columns & _WHO and timed else None


def read(document: Document, options: ReadingOptions) -> Report:
    """Reads the report. Raises Invalid (`file`, `time_zone`, `date_order`)."""
    return _Reader(document, options).report()


class _Reader:
    def __init__(self, document: Document, options: ReadingOptions) -> None:
        self.document, self.options = document, options
        self.read = Report(format=NAME, notes=list(document.notes))
        self.headings: list[tuple[Heading, str, list[Line]]] = []  # with role and rows
        self.meeting: dict[str, str] = {}
        self.meetings: set[str] = set()

    def report(self) -> Report:
        self._split()
        if not self.headings:
            raise Invalid("file", _("No line in this file has the headings of a participant list."))
        check_is_whole(self.document, self._last_heading())
        times = Times(self.options, timestamps.zone_in(self._stated_above_rows()))
        entries = [entry for part in self.headings for entry in self._entries(*part, times)]
        starts, ends = (times.read(self.meeting.get(name, "")) for name in ("starts", "ends"))
        times.settle(self.document)
        read = self.read
        read.title, read.meeting = self.meeting.get("topic", ""), self.meeting.get("meeting", "")
        if len(self.meetings) > 1:
            numbers = listed(sorted(self.meetings)[:5])
            read.notes.append(
                _(
                    "The file contains several meetings: %(numbers)s. Times within the lecture are counted.",
                    numbers=numbers,
                )
            )
        else:
            read.starts_ms, read.ends_ms = times.span(starts, ends)
        lasted = timestamps.duration_ms(self.meeting.get("lasted", "") or self.meeting.get("duration", ""), "minutes")
        if read.ends_ms is None and read.starts_ms is not None and lasted is not None:
            read.ends_ms = read.starts_ms + lasted
        heading = next((heading for heading, _role, rows in self.headings if rows), self.headings[0][0])
        take(read, entries, times, joined=heading.words("joined"), left=heading.words("left"))
        if len(self.meetings) < 2:
            compare(read, people=self.meeting.get("people", ""), rows=read.total, lasted_ms=lasted)
        return read

    def _last_heading(self) -> Heading:
        """The headings whose rows end the file; those of the first part where the last one is empty."""
        heading, _role, rows = self.headings[-1]
        if not rows and len(self.headings) > 1 and self.document.is_whole:
            return self.headings[0][0]
        return heading

    def _stated_above_rows(self) -> str:
        """All headings and what is above the first of them, where the time zone may be stated."""
        first = min(heading.place for heading, _role, _rows in self.headings)
        above = [cell for _line, cells in self.document.lines[:first] for cell in cells]
        return " ".join([*(cell for heading, _role, _rows in self.headings for cell in heading.cells), *above])

    def _split(self) -> None:
        """Sorts the lines into headings, the rows below them, and facts about the meeting."""
        heading: Heading | None = None
        role = ""
        rows: list[Line] = []
        above: Heading | None = None  # the headings of the meeting's own table
        for place, (line, cells) in enumerate(self.document.lines):
            if cells[0] and not any(cells[1:]) and plain(cells[0]) in _PARTS:
                heading, role = None, _PARTS[plain(cells[0])]
            elif heading is not None and cells[0] != heading.cells[0]:
                rows.append((line, cells))
            elif (heading_found := _participants(self.document, place)) is not None and not _is_meeting(heading_found):
                heading, rows, above = heading_found, [], None
                self.headings.append((heading_found, role, rows))
            elif heading is not None:
                rows.append((line, cells))
            elif above is not None:
                self._take_meeting(above, cells, "lasted", "duration", "people")
                above = None
            elif _is_meeting(heading_found := heading_at(self.document, place, _WORDS)):
                above = heading_found

    def _take_meeting(self, heading: Heading, cells: list[str], *names: str) -> None:
        for name in ("topic", "meeting", "starts", "ends", *names):
            self.meeting.setdefault(name, heading.cell(cells, name))

    def _entries(self, heading: Heading, role: str, rows: list[Line], times: Times) -> list[SessionEntry]:
        heading, rows = open_table(self.read, heading, rows)
        unit = timestamps.unit_in(heading.words("duration")) or "minutes"
        original = any(_ORIGINAL.search(cell) for cell in heading.cells)
        waiting = WaitingColumn(self.read, heading)
        entries = []
        for line, cells in rows:
            self.read.total += 1
            if "meeting" in heading.columns:
                self._take_meeting(heading, cells)
                self.meetings.add(heading.cell(cells, "meeting"))
            joined, left = heading.cell(cells, "joined"), heading.cell(cells, "left")
            if is_yes(heading.cell(cells, "attended")) is False or never_came(joined, left):
                continue
            if waiting.leaves_out(line, cells):
                continue
            email = heading.cell(cells, "email")
            entries.append(
                SessionEntry(
                    line,
                    full_name(heading, cells),
                    "" if email in ("--", "-") else email,
                    times.read(joined),
                    times.read(left),
                    timestamps.duration_ms(heading.cell(cells, "duration"), unit),
                    registrant=heading.cell(cells, "registrant"),
                    role=role,
                    original=original,
                )
            )
        waiting.say()
        return entries
