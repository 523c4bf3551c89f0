"""Reads a report of attendance: a table of who came when. Pure: nothing is looked up and nothing is written.

Only the plain layout is read so far: headings `email, joined_at, left_at` in any order, or `name` instead of
or beside `email`.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo, available_timezones

from lms.attendance import instants
from lms.attendance.instants import DateOrder, Loose
from lms.catalogue.rules import FIRST_YEAR, LAST_YEAR
from lms.core.errors import Fault, Invalid, WrongKind
from lms.core.tables import Table, read_table
from lms.core.words import _

FORMATS = ("auto", "plain", "zoom", "teams", "webex", "voov", "bbb", "meet")
READ = ("auto", "plain")
_EMAIL = ("email", "e-mail", "email address", "user email")
_NAME = ("name", "full_name", "full name")
_JOINED = ("joined_at", "joined", "join time")
_LEFT = ("left_at", "left", "leave time")
_PICTURES = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"RIFF", b"BM")
_NEVER = {"-", "--", "—", "no", "n/a"}


@dataclass(slots=True)
class ReportRow:
    """One stay: line of the file, who as the file says, from when to when (milliseconds UTC)."""

    line: int
    email: str
    name: str
    joined_ms: int
    left_ms: int


@dataclass
class Report:
    """A file that was read: `total` rows, those that can be taken, and what is wrong with the others."""

    total: int
    rows: list[ReportRow] = field(default_factory=list)
    rejected: list[Fault] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


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
    content: bytes, *, format: str = "auto", time_zone: str | None = None, date_order: str | None = None
) -> Report:
    """Reads a file of attendance.

    Raises Invalid naming `format`, `time_zone`, `date_order` or `file`; WrongKind; TooLarge.
    """
    if format not in FORMATS:
        raise Invalid("format", _("The format is one of: %(names)s.", names=", ".join(FORMATS)))
    if format not in READ:
        raise Invalid("format", _("“%(name)s” is not yet read here. Give a plain table of email, joined_at, left_at.",
                                  name=format))  # fmt: skip
    zone = _zone(time_zone)
    order = _order(date_order)
    try:
        table = read_table(content)
    except WrongKind as error:
        if content.startswith(_PICTURES):
            raise
        raise Invalid("file", error.message) from error
    return _read_plain(table, content, format=format, zone=zone, order=order)


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


def _read_plain(table: Table, content: bytes, *, format: str, zone: ZoneInfo | None, order: DateOrder | None) -> Report:
    email, name = table.column(*_EMAIL), table.column(*_NAME)
    joined, left = table.column(*_JOINED), table.column(*_LEFT)
    if joined is None or left is None or (email is None and name is None):
        if format == "auto" and (joined is not None or email is not None or name is not None):
            raise Invalid(
                "format", _("This layout is not yet read here. Give a plain table of email, joined_at, left_at.")
            )
        raise Invalid("file", _("The first line must have the headings email, joined_at and left_at."))
    if not table.rows:
        raise Invalid("file", _("The file has headings, but no rows."))
    line, cells = table.rows[-1]
    if len(cells) < len(table.headings) and not content.rstrip(b"\x00").endswith((b"\n", b"\r")):
        raise Invalid("file", _("The file is cut off: line %(line)s ends too early.", line=line))
    known = {email, name, joined, left}
    further = [heading for index, heading in enumerate(table.headings) if index not in known and heading]
    report = Report(total=len(table.rows))
    if further:
        report.notes.append(_("Not read: %(headings)s.", headings=", ".join(further)))
    read = instants.read
    times: list[tuple[object, object]] = []
    for _line, row in table.rows:
        times.append((read(_cell(row, joined)), read(_cell(row, left))))
    order, faults = _settle_order(times, order)
    if zone is None and any(_is_local(one) for pair in times for one in pair):
        reason = _("The times in this file have no time zone. Say in which zone they are written.")
        faults.insert(0, Fault(field="time_zone", reason=reason))
    if faults:
        raise Invalid(faults=faults)
    for (line, row), pair in zip(table.rows, times, strict=True):
        reason = _take(report, line, _cell(row, email), _cell(row, name), pair, zone, order)
        if reason and not _never_came(_cell(row, joined), _cell(row, left)):
            report.rejected.append(Fault(row=line, reason=reason))
    return report


def _cell(row: Sequence[str], index: int | None) -> str:
    return row[index] if index is not None and index < len(row) else ""


def _never_came(joined: str, left: str) -> bool:
    """Whether a row is of somebody who registered only: `No` or a dash instead of times."""
    said = {joined.strip().casefold(), left.strip().casefold()}
    return bool(said & _NEVER) and said <= {*_NEVER, ""}


def _is_local(moment: object) -> bool:
    return isinstance(moment, Loose) or getattr(moment, "tzinfo", False) is None


def _settle_order(times: list[tuple[object, object]], given: DateOrder | None) -> tuple[DateOrder | None, list[Fault]]:
    loose = {one for pair in times for one in pair if isinstance(one, Loose)}
    if given is not None or not loose:
        return given, []
    found = instants.order_of(loose)
    if found is None:
        reason = _("Day and month may stand either way in this file. Say which: mdy or dmy.")
        return None, [Fault(field="date_order", reason=reason)]
    return found, []


def _take(
    report: Report, line: int, email: str, name: str, pair: tuple[object, object], zone: ZoneInfo | None,
    order: DateOrder | None,
) -> str:  # fmt: skip
    """Adds the row, or says why not."""
    email, name = email.strip(), name.strip()
    if not email and not name:
        return _("Neither an e-mail address nor a name.")
    if len(email) > 320 or len(name) > 200:
        return _("The e-mail address or the name is too long.")
    found: list[int] = []
    for moment, column in zip(pair, ("joined_at", "left_at"), strict=True):
        if isinstance(moment, Loose):
            moment = moment.at(order) if order is not None else None
        if not isinstance(moment, datetime) or not FIRST_YEAR <= moment.year <= LAST_YEAR:
            return _("“%(column)s” is not a time that can be read.", column=column)
        found.append(instants.to_ms(moment, zone))
    if found[1] < found[0]:
        return _("The leave is before the join.")
    report.rows.append(ReportRow(line, email, name, found[0], found[1]))
    return ""
