"""Reads the reports of BigBlueButton: two kinds of JSON, and the table that its learning dashboard saves.

The table is saved with the button at the bottom of the learning dashboard. The data behind it is
`learning_dashboard_data.json`, next to the dashboard's page. The analytics callback posts its own JSON to the operator.

Both kinds of JSON have each connection in milliseconds of UTC, and the id or address that the joining platform sent.

Columns of the table:
    Name: The only identity.
    Moderator: TRUE or FALSE.
    Join, Left: Without a time zone. Left is empty or a dash for people who were still there.
    Duration: The sum of all devices of a person, so it can exceed the time between join and leave.

The headings depend on the language of the person who saves; columns are found by their content.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lms.attendance_imports.readers import timestamps
from lms.attendance_imports.readers.report import ReadingOptions, Report, ReportRow
from lms.attendance_imports.readers.session_rows import SessionEntry, pair, take
from lms.attendance_imports.readers.shapes import is_alone
from lms.attendance_imports.readers.sheets import Document
from lms.attendance_imports.readers.times import Read, Times, is_blank
from lms.attendance_imports.readers.vocabulary import moderates
from lms.catalogue.rules import FIRST_YEAR, LAST_YEAR
from lms.core.base.errors import Fault, Invalid
from lms.core.text.i18n import _, _n
from lms.core.time import clock
from lms.people.names import undecorated

NAME = "bbb"


def recognises(document: Document) -> bool:
    """Whether it is one of the three."""
    return _users(document) is not None or _meeting(document) is not None or _columns(document) is not None


def read(document: Document, options: ReadingOptions) -> Report:
    """Reads it. Raises Invalid (`file`; for the table also `time_zone`, `date_order`)."""
    users, meeting, columns = _users(document), _meeting(document), _columns(document)
    if users is not None:
        report = _read_dashboard(document.data, users)
    elif meeting is not None:
        report = _read_callback(document.data, meeting, options)
    elif columns is not None:
        return _read_table(document, columns, options)
    else:
        raise Invalid("file", _("This is not a report from the BigBlueButton learning dashboard."))
    if not report.total:
        raise Invalid("file", _("This file lists no participants."))
    report.notes[:0] = document.notes
    return report


# The data of the dashboard


def _users(document: Document) -> list[Mapping[str, Any]] | None:
    data = document.data
    users = data.get("users") if isinstance(data, Mapping) else None
    if not isinstance(users, Mapping) or not {"intId", "createdOn", "extId"} & data.keys():
        return None
    return [user for user in users.values() if isinstance(user, Mapping)]


def _read_dashboard(data: Mapping[str, Any], users: Sequence[Mapping[str, Any]]) -> Report:
    report = Report(format=NAME, title=_text(data.get("name"))[:200], meeting=_text(data.get("extId"))[:200])
    report.starts_ms, report.ends_ms = _ms(data.get("createdOn")), _ms(data.get("endedOn"))
    sessions = [session for user in users for session in _sessions(user)]
    moments = [_ms(session.get(key)) for session in sessions for key in ("registeredOn", "leftOn")]
    end_ms = report.ends_ms or max((moment for moment in moments if moment is not None), default=0)
    unfinished = 0
    for user in users:
        person = _Person.of(user.get("name"), user.get("extId"), user.get("isModerator"))
        for session in _sessions(user):
            report.total += 1
            joined, left = _ms(session.get("registeredOn")), _ms(session.get("leftOn"))
            has_not_left = left is None and session.get("leftOn") in (0, None)
            reason = person.wrong or _fault_of_times(joined, left, has_not_left=has_not_left)
            if reason or joined is None:
                report.rejected.append(Fault(row=report.total, reason=reason))
                continue
            unfinished += has_not_left
            report.rows.append(person.row(report.total, joined, left if left is not None else max(end_ms, joined)))
    _say_unfinished(report, unfinished, end_ms)
    return report


def _fault_of_times(joined: int | None, left: int | None, *, has_not_left: bool) -> str:
    """Why the times of a session cannot be counted; empty where they can."""
    if joined is None or (left is None and not has_not_left):
        return _("The times of a connection cannot be read.")
    return _("The leave time is earlier than the join time.") if left is not None and left < joined else ""


def _sessions(user: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The presence of a person, in any version: connections with sessions, connections, or the person alone."""
    connections = user.get("intIds")
    if not isinstance(connections, Mapping):
        connections = {"": user} if "registeredOn" in user else {}
    for connection in connections.values():
        if not isinstance(connection, Mapping):
            continue
        sessions = connection.get("sessions")
        for session in sessions if isinstance(sessions, list) else [connection]:
            if isinstance(session, Mapping):
                yield session


def _ms(value: object) -> int | None:
    """Milliseconds of the dashboard; None where they are none, or nought: not yet."""
    if isinstance(value, str) and value.isdecimal() and len(value) < 20:
        value = int(value)
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value < 1e15:
        return None
    return int(value) if FIRST_YEAR <= clock.from_ms(int(value)).year <= LAST_YEAR else None


# What the callback posts


def _meeting(document: Document) -> Mapping[str, Any] | None:
    data = document.data
    if not isinstance(data, Mapping):
        return None
    inner = data.get("data", data)
    return inner if isinstance(inner, Mapping) and isinstance(inner.get("attendees"), list) else None


def _read_callback(data: Mapping[str, Any], meeting: Mapping[str, Any], options: ReadingOptions) -> Report:
    report = Report(format=NAME, meeting=_text(data.get("meeting_id"))[:200])
    metadata = meeting.get("metadata")
    if isinstance(metadata, Mapping):
        report.title = _text(metadata.get("meeting_name"))[:200]
    times = Times(options)
    span = [times.read(_text(meeting.get(key))) for key in ("start", "finish")]
    attendees = [
        (
            _Person.of(attendee.get("name"), attendee.get("ext_user_id"), attendee.get("moderator")),
            _moments(attendee.get("joins"), times),
            _moments(attendee.get("leaves"), times),
        )
        for attendee in meeting["attendees"]
        if isinstance(attendee, Mapping)
    ]
    times.settle()
    report.starts_ms, report.ends_ms = times.span(span[0], span[1])
    people = [(person, _instants(joins, times), _instants(leaves, times)) for person, joins, leaves in attendees]
    all_moments = [moment for _person, joins, leaves in people for moment in (*_read(joins), *_read(leaves))]
    end_ms = report.ends_ms or max(all_moments, default=0)
    unfinished = 0
    for person, joins, leaves in people:
        pairing = pair(_read(joins), _read(leaves), end_ms)
        unfinished += pairing.unfinished
        reason = person.wrong
        if None in joins or None in leaves:
            reason = reason or _("The times of a connection cannot be read.")
        if reason or pairing.strays:
            report.total += 1
            report.rejected.append(Fault(row=report.total, reason=reason or _("Leave time without a join time.")))
        for joined_ms, left_ms in pairing.stays if not reason else ():
            report.total += 1
            report.rows.append(person.row(report.total, joined_ms, left_ms))
    _say_unfinished(report, unfinished, end_ms)
    return report


def _moments(texts: object, times: Times) -> list[Read]:
    return [times.read(_text(text)) for text in texts] if isinstance(texts, list) else []


def _instants(moments: Iterable[Read], times: Times) -> list[int | None]:
    return [times.ms(moment) for moment in moments]


def _read(moments: Iterable[int | None]) -> list[int]:
    """The moments that could be read."""
    return [moment for moment in moments if moment is not None]


# What both have in common


@dataclass(frozen=True)
class _Person:
    reported_name: str
    email: str
    registrant: str
    role: str
    wrong: str

    @classmethod
    def of(cls, name: object, external: object, moderates: object) -> "_Person":
        """A person in the file. `wrong` is the reason why their rows are rejected."""
        full_name, account = " ".join(_text(name).split()), _text(external).strip()
        is_address = "@" in account and " " not in account
        wrong = "" if full_name or account else _("This row has neither an e-mail address nor a name.")
        if len(full_name) > 200 or len(account) > 320:
            wrong = _("The e-mail address or the name is too long.")
        role = "host" if moderates is True or _text(moderates).casefold() == "true" else "attendee"
        return cls(full_name, account if is_address else "", "" if is_address else account, role, wrong)

    def row(self, number: int, joined_ms: int, left_ms: int) -> ReportRow:
        """One stay of this person. Stays are numbered in file order."""
        name = undecorated(self.reported_name) if self.reported_name else ""
        return ReportRow(number, self.email, name, joined_ms, left_ms, self.registrant, self.role, self.reported_name)


def _text(value: object) -> str:
    if isinstance(value, str):
        return value.replace("\x00", "")
    return str(value) if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1e18 else ""


def _say_unfinished(report: Report, unfinished: int, end_ms: int) -> None:
    if unfinished:
        report.notes.append(
            _n(
                "%(num)s person has no leave time and is assumed to have stayed until the end, %(time)s (UTC).",
                "%(num)s people have no leave time and are assumed to have stayed until the end, %(time)s (UTC).",
                unfinished,
                time=f"{clock.from_ms(end_ms):%Y-%m-%d %H:%M}",
            )
        )


# The table that the dashboard saves: headings in the language of the user who saved it


def _columns(document: Document) -> int | None:
    """The column of the join, found by the cells of the first person. None if this is not such a table.

    The second cell is TRUE or FALSE, in the language of the spreadsheet that saved it; further on are a join, a leave
    (or a dash) and the total.
    """
    people = (row for _line, row in document.lines[1:10] if len(row) > 7 and moderates(row[1]) is not None)
    cells = next(people, [])
    for place in range(2, len(cells) - 2):
        joined, left, total = cells[place : place + 3]
        if (
            timestamps.read(joined)
            and (is_blank(left) or timestamps.read(left))
            and timestamps.duration_ms(total) is not None
        ):
            return place
    return None


def _read_table(document: Document, column: int, options: ReadingOptions) -> Report:
    _line, headings = document.lines[0]
    people = [(line, row) for line, row in document.lines[1:] if not is_alone(row)]  # not an answer in a current poll
    line, last = people[-1]
    if not document.is_whole and len(last) < column + 3:
        raise Invalid("file", _("The file is incomplete: line %(line)s ends too early.", line=line))
    rows = [(line, row) for line, row in people if not row[1] or moderates(row[1]) is not None]
    broken = [line for line, row in people if row[1] and moderates(row[1]) is None]
    report = Report(format=NAME, notes=list(document.notes))
    times = Times(options)
    entries = []
    for line, row in rows:
        joined, left, stated = (*row[column : column + 3], "", "", "")[:3]
        if not row[1] and not joined:  # the answers of those who stay unnamed in polls
            continue
        total = timestamps.duration_ms(stated)
        if total is None:
            reason = _("“%(column)s” is not a valid duration.", column=_at(headings, column + 2))
            report.rejected.append(Fault(row=line, reason=reason))
            continue
        entries.append(
            SessionEntry(
                line,
                row[0],
                "",
                times.read(joined),
                times.read(left),
                total,
                role=("host" if moderates(row[1]) else "attendee") if row[1] else "",
            )
        )
    for line in broken:
        report.rejected.append(Fault(row=line, reason=_("This line does not describe a participant.")))
    report.total = len(entries) + len(report.rejected)
    times.settle(document)
    take(report, entries, times, joined=_at(headings, column), left=_at(headings, column + 1))
    return report


def _at(headings: Sequence[str], column: int) -> str:
    return headings[column] if column < len(headings) else ""
