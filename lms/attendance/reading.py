"""Reads a report of attendance: who came when, whatever system wrote it. Pure: nothing is looked up or written."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterator
from datetime import datetime
from zoneinfo import ZoneInfo, available_timezones

from lms.attendance.formats import (
    FORMATS,
    Asked,
    Document,
    Format,
    Report,
    ReportRow,
    SumRow,
    open_document,
    recognise,
)
from lms.attendance.formats.mapping import Glimpse, glimpse_of
from lms.attendance.instants import DateOrder
from lms.core.errors import Invalid
from lms.core.tables import is_workbook
from lms.core.words import _

NAMES = ("auto", *FORMATS)
_SHEETS = 4
"""Up to so many sheets of a workbook are looked at."""


def digest(content: bytes) -> str:
    """Identifies a file; evidence is identified by its content, see `evidence_of`."""
    return hashlib.sha256(content).hexdigest()


def evidence_of(who: str, joined_ms: int, left_ms: int, source: str) -> str:
    """The identity of one piece of evidence: the same in a re-saved, re-sorted or renamed file."""
    said = f"{who}|{joined_ms}|{left_ms}|{source}"
    return hashlib.blake2b(said.encode(), digest_size=12).hexdigest()


def plain_name(name: str) -> str:
    """A name for comparing: NFC, one space between words, without case."""
    return " ".join(unicodedata.normalize("NFC", name).split()).casefold()


def read_report(
    content: bytes,
    *,
    format: str = "auto",
    time_zone: str | None = None,
    date_order: str | None = None,
    mapping: dict[str, str] | None = None,
    near: datetime | None = None,
) -> Report:
    """Reads a file of attendance.

    `mapping` says what the columns of a plain table mean: heading → one of `formats.mapping.FIELDS`.
    Raises Invalid naming `format`, `time_zone`, `date_order`, `file` or `mapping` (UnknownHeadings where nobody said);
    WrongKind; TooLarge.
    """
    if format not in NAMES:
        raise Invalid("format", _("The format is one of: %(names)s.", names=", ".join(NAMES)))
    asked = Asked(_zone(time_zone), _order(date_order), mapping or None, near)
    document = open_document(content)
    if mapping or format == "plain":
        return FORMATS["plain"].read(document, asked)
    for sheet in _sheets(content, document):
        found = _format_of(sheet, format)
        if found is not None:
            return found.read(sheet, asked)
    if format != "auto":
        raise Invalid("format", _("The headings of this file are not those of “%(name)s”.", name=format))
    return FORMATS["plain"].read(document, asked)


def _format_of(document: Document, format: str) -> Format | None:
    if format == "auto":
        return recognise(document)
    return FORMATS[format] if FORMATS[format].recognises(document) else None


def _sheets(content: bytes, first: Document) -> Iterator[Document]:
    """The file; of a workbook also its next sheets, since some systems put the list of people behind another one."""
    yield first
    for sheet in range(1, _SHEETS) if is_workbook(content) else ():
        try:
            document = open_document(content, sheet)
        except Invalid:  # empty, or there is none
            continue
        document.notes.append(_("Read from sheet %(n)s of the workbook.", n=sheet + 1))
        yield document


def look_at(content: bytes) -> Glimpse | None:
    """The columns of a table, to be asked about; None where there is none."""
    return glimpse_of(open_document(content))


def _zone(name: str | None) -> ZoneInfo | None:
    if not name:
        return None
    if name not in available_timezones():
        raise Invalid("time_zone", _("There is no time zone “%(name)s”; one is Asia/Shanghai.", name=name))
    return ZoneInfo(name)


def _order(name: str | None) -> DateOrder | None:
    if not name:
        return None
    try:
        return DateOrder(name)
    except ValueError:
        raise Invalid("date_order", _("The order of a date is one of: mdy, dmy, ymd.")) from None


__all__ = [
    "NAMES", "Document", "Report", "ReportRow", "SumRow", "digest", "evidence_of", "look_at", "plain_name",
    "read_report",
]  # fmt: skip
