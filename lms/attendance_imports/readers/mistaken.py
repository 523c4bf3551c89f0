"""Files that are brought by mistake: what they are, and which file is wanted instead."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from lms.attendance_imports.readers.headings import Heading, heading_at
from lms.attendance_imports.readers.shapes import Line, columns_of, is_time
from lms.attendance_imports.readers.sheets import Document
from lms.attendance_imports.readers.vocabulary import WORDS
from lms.core.text.i18n import _

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
