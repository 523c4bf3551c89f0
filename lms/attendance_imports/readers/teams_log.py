"""Reads Microsoft Teams' lists of actions: the attendance list of 2020 and the engagement report of a live event.

The list of 2020 was downloaded from the participants' panel during a meeting; the engagement report is under the
resources of a live event. Each row is one action, and joins are paired with the leaves of the same person
(`pairing`). The lists do not show when people leave at the end.

Columns:
    Full Name: The only identity in the list of 2020. A live event adds an account or session identifier.
    User Action: Joined, Joined before or Left, in the language of the person who downloads.
    Timestamp: In the list, as the downloading computer writes it; in a live event, UTC.

The headings can be missing; the columns are then recognised by their content.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC

from lms.attendance_imports.readers.headings import Heading, find_heading
from lms.attendance_imports.readers.report import ReadingOptions, Report, ReportRow
from lms.attendance_imports.readers.session_rows import Pairing, meetings, pair
from lms.attendance_imports.readers.shapes import Line, is_time, mended, open_table
from lms.attendance_imports.readers.sheets import Document
from lms.attendance_imports.readers.teams_words import WORDS, account, address, settle_presenters
from lms.attendance_imports.readers.times import Read, Times
from lms.attendance_imports.readers.vocabulary import ACTIONS, role_of
from lms.core.base.errors import Fault, Invalid
from lms.core.text.i18n import _, _n
from lms.core.time import clock
from lms.people.names import undecorated

_NEEDED = {"name", "action", "moment"}


_COLUMNS = {"name": 0, "action": 1, "moment": 2}


def recognises(document: Document) -> bool:
    """Whether it has a name, an action and a time in each row."""
    return _heading(document) is not None


def _heading(document: Document) -> Heading | None:
    """The headings; where they are not known, or there are none, the columns as the first rows show them."""
    heading = find_heading(document, WORDS, _NEEDED, within=20)
    if heading is not None:
        return heading
    place = next((place for place, (_line, cells) in enumerate(document.lines[:2]) if _is_event(cells)), None)
    if place is None or not all(_is_event(cells) for _line, cells in document.lines[place : place + 5]):
        return None
    line, cells = document.lines[0] if place else (0, [])
    return Heading(place - 1, line, cells[:3], dict(_COLUMNS))


def _is_event(cells: Sequence[str]) -> bool:
    cells = mended(list(cells), 3)
    return len(cells) > 2 and ACTIONS.field(cells[1]) is not None and is_time(cells[2])


@dataclass
class _Event:
    line: int
    reported_name: str
    who: str
    joined: bool
    moment: Read
    email: str = ""
    registrant: str = ""
    role: str = ""


@dataclass
class _Attendee:
    """The events of one name, or of one connection."""

    events: list[_Event] = field(default_factory=list)
    joins: dict[int, int] = field(default_factory=dict)
    leaves: dict[int, int] = field(default_factory=dict)

    def within(self, first: int, last: int) -> "_Attendee":
        """Returns what they did in one meeting."""
        joins, leaves = (
            {moment: line for moment, line in said.items() if first <= moment <= last}
            for said in (self.joins, self.leaves)
        )
        return _Attendee(self.events, joins, leaves)


def read(document: Document, options: ReadingOptions, name: str) -> Report:
    """Pairs joins with leaves. A person without a leave counts until the last event of the same meeting in the file."""
    heading = _heading(document)
    if heading is None:
        raise Invalid("file", _("This is not a Microsoft Teams attendance report."))
    report = Report(format=name, notes=list(document.notes))
    rows: list[Line] = [
        (line, mended(cells, heading.width or 3)) for line, cells in document.lines[heading.place + 1 :]
    ]
    heading, rows = open_table(report, heading, rows)
    report.total = len(rows)
    if not rows:
        raise Invalid("file", _("The file has headings but no rows."))
    if len(rows[-1][1]) < (heading.width or 3) and not document.is_whole:
        raise Invalid("file", _("The file is incomplete: line %(line)s ends too early.", line=rows[-1][0]))
    times = Times(options, UTC if "utc" in heading.words("moment").casefold() else None)
    events = [event for line, row in rows if (event := _event(report, heading, line, row, times)) is not None]
    times.settle(document)
    report.is_local, report.was_ordered, report.may_lack_halves = (
        times.is_local, times.was_ordered, times.may_lack_halves
    )  # fmt: skip
    report.notes += times.notes
    people = _people(report, events, times, heading.words("moment"))
    moments = [moment for person in people for moment in (*person.joins, *person.leaves)]
    for first, last in meetings(moments):
        _pair(report, [person.within(first, last) for person in people], last, of_lecture=options.is_near(first, last))
    report.rows.sort(key=lambda row: row.line)
    report.rejected.sort(key=lambda fault: fault.row or 0)
    settle_presenters(report)
    return report


def _event(report: Report, heading: Heading, line: int, row: Sequence[str], times: Times) -> _Event | None:
    name, upn = heading.cell(row, "name"), heading.cell(row, "participant") or heading.cell(row, "registrant")
    action = ACTIONS.field(heading.cell(row, "action"))
    reason = ""
    if action is None:
        reason = _("“%(said)s” is neither “joined” nor “left”.", said=heading.cell(row, "action"))
    elif not name and not upn:
        reason = _("This row has neither an e-mail address nor a name.")
    elif len(name) > 200 or len(upn) > 320:
        reason = _("The e-mail address or the name is too long.")
    if reason:
        report.rejected.append(Fault(row=line, reason=reason))
        return None
    who = f"{heading.cell(row, 'session')}|{upn.casefold()}|{name}"
    return _Event(
        line,
        name,
        who,
        action == "joined",
        times.read(heading.cell(row, "moment")),
        heading.cell(row, "email") or address(upn),
        account(upn),
        role_of(heading.cell(row, "role")),
    )


def _people(report: Report, events: list[_Event], times: Times, words: str) -> list[_Attendee]:
    people: dict[str, _Attendee] = {}
    for event in events:
        known = times.local(event.moment)
        moments_read = times.possible(known) if known is not None else ()
        if not moments_read:
            reason = _("“%(column)s” is not a valid time.", column=words)
            report.rejected.append(Fault(row=event.line, reason=reason))
            continue
        person = people.setdefault(event.who, _Attendee())
        person.events.append(event)
        moments = person.joins if event.joined else person.leaves
        moments[moments_read[0]] = min(event.line, moments.get(moments_read[0], event.line))
    return list(people.values())


def _pair(report: Report, people: list[_Attendee], end_ms: int, *, of_lecture: bool) -> None:
    pairings = [pair(person.joins, person.leaves, end_ms) for person in people]
    for person, pairing in zip(people, pairings, strict=True):
        first = person.events[0]
        email = max((event.email for event in person.events), key=lambda email: (len(email), email))
        role = max(event.role for event in person.events)
        for joined_ms, left_ms in pairing.stays:
            report.rows.append(
                ReportRow(
                    person.joins[joined_ms],
                    email,
                    undecorated(first.reported_name) if first.reported_name else "",
                    joined_ms,
                    left_ms,
                    first.registrant,
                    role,
                    first.reported_name,
                )
            )
        for moment in pairing.strays:
            reason = _("Leave time without a join time.")
            report.rejected.append(Fault(row=person.leaves[moment], reason=reason))
    if of_lecture:
        _say(report, pairings, end_ms)


def _say(report: Report, pairings: list[Pairing], end_ms: int) -> None:
    unfinished = sum(1 for found in pairings if found.unfinished)
    if unfinished:
        report.notes.append(
            _n(
                "%(num)s person has no leave time and is assumed to have stayed until the last entry in the "
                "file, %(time)s (UTC).",
                "%(num)s people have no leave time and are assumed to have stayed until the last entry in the "
                "file, %(time)s (UTC).",
                unfinished,
                time=f"{clock.from_ms(end_ms):%Y-%m-%d %H:%M}",
            )
        )
    lost = sum(1 for found in pairings if found.lost)
    if lost:
        report.notes.append(
            _n(
                "%(num)s person joined more often than they left. Only the certain part is counted.",
                "%(num)s people joined more often than they left. Only the certain part is counted.",
                lost,
            )
        )
