"""Lists of who did what in Microsoft Teams: of the first meetings, and the engagement report of a live event."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC

from lms.attendance.formats.headings import Heading, find_heading
from lms.attendance.formats.pairing import Pairing, pair
from lms.attendance.formats.report import Asked, Report, ReportRow
from lms.attendance.formats.sheets import Document
from lms.attendance.formats.stays import Times
from lms.attendance.formats.teams_words import ACTIONS, WORDS, account, address, role_of, settle_presenters
from lms.attendance.instants import Moment
from lms.attendance.names import undecorated
from lms.core import clock
from lms.core.errors import Fault, Invalid
from lms.core.words import _, _n

_NEEDED = {"name", "action", "moment"}


def recognises(document: Document) -> bool:
    """Whether it has a name, an action and a time in each row."""
    return find_heading(document, WORDS, _NEEDED, within=20) is not None


@dataclass
class _Event:
    line: int
    said: str
    who: str
    joined: bool
    moment: Moment | None
    email: str = ""
    registrant: str = ""
    role: str = ""


@dataclass
class _Person:
    """The events of one name, or of one connection."""

    events: list[_Event] = field(default_factory=list)
    joins: dict[int, int] = field(default_factory=dict)
    leaves: dict[int, int] = field(default_factory=dict)


def read(document: Document, asked: Asked, name: str) -> Report:
    """Pairs what everybody did. Who never left is taken to have stayed until the last thing that the file tells."""
    heading = find_heading(document, WORDS, _NEEDED, within=20)
    if heading is None:
        raise Invalid("file", _("This is not an attendance report of Microsoft Teams."))
    rows = document.lines[heading.place + 1 :]
    if not rows:
        raise Invalid("file", _("The file has headings, but no rows."))
    if len(rows[-1][1]) < heading.width and not document.is_whole:
        raise Invalid("file", _("The file is cut off: line %(line)s ends too early.", line=rows[-1][0]))
    report = Report(format=name, total=len(rows), notes=list(document.notes))
    times = Times(asked, UTC if "utc" in heading.words("moment").casefold() else None)
    events = [event for line, row in rows if (event := _event(report, heading, line, row, times)) is not None]
    times.settle()
    people = _people(report, events, times, heading.words("moment"))
    _pair(report, people)
    settle_presenters(report)
    return report


def _event(report: Report, heading: Heading, line: int, row: Sequence[str], times: Times) -> _Event | None:
    said, upn = heading.cell(row, "name"), heading.cell(row, "participant") or heading.cell(row, "registrant")
    action = ACTIONS.field(heading.cell(row, "action"))
    reason = ""
    if action is None:
        reason = _("“%(said)s” is neither joining nor leaving.", said=heading.cell(row, "action"))
    elif not said and not upn:
        reason = _("Neither an e-mail address nor a name.")
    elif len(said) > 200 or len(upn) > 320:
        reason = _("The e-mail address or the name is too long.")
    if reason:
        report.rejected.append(Fault(row=line, reason=reason))
        return None
    who = f"{heading.cell(row, 'session')}|{upn.casefold()}|{said}"
    return _Event(
        line,
        said,
        who,
        action == "joined",
        times.read(heading.cell(row, "moment")),
        heading.cell(row, "email") or address(upn),
        account(upn),
        role_of(heading.cell(row, "role")),
    )


def _people(report: Report, events: list[_Event], times: Times, words: str) -> list[_Person]:
    people: dict[str, _Person] = {}
    for event in events:
        known = times.local(event.moment)
        found = times.possible(known) if known is not None else ()
        if not found:
            reason = _("“%(column)s” is not a time that can be read.", column=words)
            report.rejected.append(Fault(row=event.line, reason=reason))
            continue
        person = people.setdefault(event.who, _Person())
        person.events.append(event)
        said = person.joins if event.joined else person.leaves
        said[found[0]] = min(event.line, said.get(found[0], event.line))
    return list(people.values())


def _pair(report: Report, people: list[_Person]) -> None:
    told = [moment for person in people for moment in (*person.joins, *person.leaves)]
    if not told:
        return
    end_ms = max(told)
    pairings = [pair(person.joins, person.leaves, end_ms) for person in people]
    for person, found in zip(people, pairings, strict=True):
        first = person.events[0]
        email = max((event.email for event in person.events), key=lambda said: (len(said), said))
        role = max(event.role for event in person.events)
        for joined_ms, left_ms in found.stays:
            report.rows.append(
                ReportRow(
                    person.joins[joined_ms],
                    email,
                    undecorated(first.said) if first.said else "",
                    joined_ms,
                    left_ms,
                    first.registrant,
                    role,
                    first.said,
                )
            )
        for moment in found.strays:
            reason = _("Leaves without having joined.")
            report.rejected.append(Fault(row=person.leaves[moment], reason=reason))
    report.rows.sort(key=lambda row: row.line)
    report.rejected.sort(key=lambda fault: fault.row or 0)
    _say(report, pairings, end_ms)


def _say(report: Report, pairings: list[Pairing], end_ms: int) -> None:
    unfinished = sum(1 for found in pairings if found.unfinished)
    if unfinished:
        report.notes.append(
            _n(
                "%(num)s person never left: taken to have stayed until the last thing that the file tells, "
                "%(time)s (UTC).",
                "%(num)s people never left: taken to have stayed until the last thing that the file tells, "
                "%(time)s (UTC).",
                unfinished,
                time=f"{clock.from_ms(end_ms):%Y-%m-%d %H:%M}",
            )
        )
    lost = sum(1 for found in pairings if found.lost)
    if lost:
        report.notes.append(
            _n(
                "%(num)s person joined more often than left: what is certain counts.",
                "%(num)s people joined more often than they left: what is certain counts.",
                lost,
            )
        )
