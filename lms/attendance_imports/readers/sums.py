"""Sums: the totals stated in a file, sums beside other rows of the same person, and files brought by mistake.

Time that appears twice is counted once.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from lms.attendance_imports.readers.headings import Heading, heading_at
from lms.attendance_imports.readers.report import Report, ReportRow, SumRow
from lms.attendance_imports.readers.shapes import Line, columns_of, is_time
from lms.attendance_imports.readers.sheets import Document
from lms.attendance_imports.readers.vocabulary import WORDS
from lms.core.base.errors import Invalid
from lms.core.text.i18n import _, _n
from lms.core.text.punctuation import listed

_SLACK_MS = 10 * 60_000


def people_in(report: Report) -> int:
    """How many people a report names, as far as names and addresses distinguish them."""
    people: list[ReportRow | SumRow] = [*report.rows, *report.sums]
    return len({row.email.casefold() or f"{row.registrant}|{row.reported_name}" for row in people})


def compare(report: Report, *, people: str, rows: int, lasted_ms: int | None = None) -> None:
    """Adds a note where a file has fewer `rows` than the `people` it states, or covers less time than it states."""
    if people.isdecimal() and len(people) < 7 and rows < int(people):
        report.notes.append(
            _(
                "The file states %(stated)s participants but contains %(found)s. Part of it may be missing.",
                stated=int(people),
                found=rows,
            )
        )
    spans = [(row.joined_ms, row.left_ms) for row in report.rows]
    spans += [
        (one.first_ms, one.last_ms) for one in report.sums if one.first_ms is not None and one.last_ms is not None
    ]
    if lasted_ms is None or not spans or report.rejected:
        return
    covered = max(left for _joined, left in spans) - min(joined for joined, _left in spans)
    if covered + max(_SLACK_MS, lasted_ms // 10) < lasted_ms:
        report.notes.append(
            _(
                "The file states that the meeting lasted %(stated)s minutes, but its rows cover %(found)s. "
                "Part of it may be missing.",
                stated=lasted_ms // 60_000,
                found=covered // 60_000,
            )
        )


Row = TypeVar("Row", ReportRow, SumRow)
WAYS = ("add", "largest")
"""How several sums without times of one person are read: as separate stays, or as one repeated sum."""


def settle_sums(report: Report, way: str) -> None:
    """Of a sum and the rows of its person between its first join and its last leave, the larger counts; several sums
    without times are added, or the largest is used, as answered.

    Raises Invalid (`sums`) without an answer.
    """
    if not report.sums:
        return
    sums_by_person = _by_person(report.sums)
    stays_by_person = _by_person(report.rows)
    sums: list[SumRow] = []
    rows = [row for row in report.rows if _who(row) not in sums_by_person]
    repeated: list[int] = []
    for who, sums_of_person in sums_by_person.items():
        timed = [row for row in sums_of_person if _is_timed(row)]
        sums += _untimed([row for row in sums_of_person if not _is_timed(row)], way)
        timed_sums, stays, overlapping = _without_overlaps(timed, stays_by_person.get(who, []))
        sums += timed_sums
        rows += stays
        repeated += overlapping
    report.sums = sorted(sums, key=lambda row: row.line)
    report.rows = sorted(rows, key=lambda row: row.line)
    if repeated:
        report.notes.append(
            _n(
                "Line %(line)s overlaps another row of the same person. The longer one is used.",
                "%(num)s rows overlap another row of the same person (first: line %(line)s). The longer one is used.",
                len(repeated),
                line=min(repeated),
            )
        )


def _by_person(rows: Iterable[Row]) -> dict[str, list[Row]]:
    by_person: dict[str, list[Row]] = {}
    for row in rows:
        by_person.setdefault(_who(row), []).append(row)
    return by_person


def _is_timed(row: SumRow) -> bool:
    return row.first_ms is not None or row.last_ms is not None


def _without_overlaps(
    timed: Sequence[SumRow], stays: list[ReportRow]
) -> tuple[list[SumRow], list[ReportRow], list[int]]:
    """The sums with times and the stays of one person that count, and the lines of those that overlap longer ones."""
    sums: list[SumRow] = []
    repeated: list[int] = []
    separate = _apart(timed)
    for reported in separate:
        begin, end = _window(reported)
        within = [row for row in stays if row.joined_ms < end and begin < row.left_ms]
        if within and _length(within, begin, end) >= reported.total_ms:
            repeated.append(reported.line)
            continue
        sums.append(reported)
        if within:
            repeated += [row.line for row in within]
            stays = [part for row in stays for part in _outside(row, begin, end)]
    contents = {row.content for row in separate}
    return sums, stays, repeated + [row.line for row in timed if row.content not in contents]


def _who(row: ReportRow | SumRow) -> str:
    return row.email.casefold() or f"{row.registrant}|{row.reported_name or row.name}"


def _untimed(sums: Sequence[SumRow], way: str) -> list[SumRow]:
    """One of sums of no time of one person; the same one twice is one."""
    totals = {one.total_ms for one in sums}
    if len(totals) < 2:
        return list(sums[:1])
    if way not in WAYS:
        lines = listed(str(row.line) for row in sums[:5])
        raise Invalid(
            "sums",
            _(
                "Lines %(lines)s give several durations for one person, without times. Select whether they are "
                "separate stays (add) or repeats of the same stay (largest).",
                lines=lines,
            ),
        )
    return [replace(sums[0], total_ms=sum(totals) if way == "add" else max(totals))]


def _window(sums: SumRow) -> tuple[int, int]:
    begin = sums.first_ms if sums.first_ms is not None else (sums.last_ms or 0) - sums.total_ms
    return begin, sums.last_ms if sums.last_ms is not None else begin + sums.total_ms


def _apart(sums: Iterable[SumRow]) -> list[SumRow]:
    """The sums of one person that do not overlap, the largest first."""
    separate: list[SumRow] = []
    for candidate in sorted(sums, key=lambda row: (-row.total_ms, *_window(row), row.line)):
        begin, end = _window(candidate)
        if all(end <= first or last <= begin for first, last in map(_window, separate)):
            separate.append(candidate)
    return separate


def _outside(row: ReportRow, begin: int, end: int) -> list[ReportRow]:
    """Returns what of a stay is outside of a span."""
    before = replace(row, left_ms=min(row.left_ms, begin))
    after = replace(row, joined_ms=max(row.joined_ms, end))
    return [part for part in (before, after) if part.joined_ms < part.left_ms]


def _length(rows: Sequence[ReportRow], begin: int, end: int) -> int:
    total, reached = 0, begin
    for joined, left in sorted((row.joined_ms, row.left_ms) for row in rows):
        total += max(min(left, end) - max(joined, reached), 0)
        reached = max(reached, min(left, end))
    return total


_FIRST = 40
_TOPIC = re.compile(
    r"topic|meeting id|主题|會議|会议|tema|sujet|thema|тема|주제|トピック|argomento|onderwerp|temat|konu", re.IGNORECASE
)
_REGISTERED = re.compile(
    r"approval status|registration time|registered|registr|inscri|anmelde|注册|登録|등록", re.IGNORECASE
)


def reason_of(document: Document) -> str:
    """Why a file that no reader knows cannot be a report of attendance; nothing where it may be a table of one."""
    if document.data is not None:
        return _of_json(document.data)
    head = document.content[:2000].decode("utf-8", "ignore").lstrip("\ufeff \r\n\t").casefold()
    for begins, reason in (
        (("<!doctype html", "<html"), _("This is a web page, not a table. Download the report as CSV or XLSX.")),
        (("<?xml", "<"), _("This is XML, not a table. Save it as CSV or XLSX.")),
        (("webvtt",), _("This is a transcript or a subtitle file. Upload the participant list instead.")),
        (("begin:vcalendar",), _("This is a calendar event. Upload the participant list instead.")),
    ):
        if head.startswith(begins):
            return reason
    return _of_table(document)


def _of_json(data: Any) -> str:
    keys = set(data) if isinstance(data, Mapping) else set()
    rows = data if isinstance(data, list) else next((value for value in data.values() if isinstance(value, list)), [])
    first = rows[0] if rows and isinstance(rows[0], Mapping) else {}
    if "participants" in keys or {"join_time", "leave_time"} <= first.keys() or "participant_uuid" in first:
        return _("This is JSON from the Zoom API. Export the CSV under Reports, Usage, Participants instead.")
    if keys & {"attendanceRecords", "totalParticipantCount"} or "attendanceIntervals" in first:
        return _("This is JSON from Microsoft Graph. Download the attendance report of the meeting as CSV instead.")
    if {"joinedTime", "leftTime"} & first.keys():
        return _("This is JSON from the Webex API. Download the attendance report as CSV instead.")
    if "participantSessions" in keys or "signedinUser" in first or "conferenceRecord" in keys:
        return _(
            "This is JSON from the Google Meet API. Upload the attendance report that Google sends by e-mail instead."
        )
    return _("This is JSON, but not from the BigBlueButton learning dashboard. Upload a table (CSV or XLSX).")


def _of_table(document: Document) -> str:
    for place in range(min(_FIRST, len(document.lines))):
        heading = heading_at(document, place, WORDS)
        fields, words = heading.columns.keys(), " ".join(heading.cells)
        if fields & {"joined", "left"} or not fields & {"email", "name", "first_name", "people"}:
            continue
        rows = document.lines[place + 1 :]
        if "duration" not in fields and _REGISTERED.search(words) and len(columns_of(rows, is_time, heading.width)) < 2:
            return _("This file lists registrations, not attendance. Upload the participant report.")
        if {"people", "duration"} <= fields and _TOPIC.search(words) and _counts(heading, rows):
            return _(
                "This file lists meetings, not participants. Open the meeting’s number of participants and export that."
            )
    return ""


def _counts(heading: Heading, rows: Sequence[Line]) -> bool:
    """Whether there are numbers under `Participants`."""
    cells = [heading.cell(row, "people") for _line, row in rows]
    return bool(cells) and all(cell.isdigit() for cell in cells)
