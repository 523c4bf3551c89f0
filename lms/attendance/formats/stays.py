"""From the cells of a report to stays and sums: the times of a whole file are settled together, then row by row.

A reader collects an `Entry` for each row of a person, lets `Times` read every time of the file, and hands both to
`take`. Nothing is guessed: what the file leaves open is asked for (Invalid naming `time_zone`, `date_order`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, tzinfo

from lms.attendance import instants
from lms.attendance.formats.report import Asked, Report, ReportRow, SumRow
from lms.attendance.instants import DateOrder, Loose, Moment
from lms.attendance.names import undecorated
from lms.catalogue.rules import FIRST_YEAR, LAST_YEAR
from lms.core.errors import Fault, Invalid
from lms.core.words import _, _n

_NEVER = {"-", "--", "—", "–", "no", "n/a"}
_BLANK = {"", "-", "--", "—", "–"}
_TOLERANCE_MS = 90_000
"""Durations are written in whole minutes, rounded up or down, and some clocks start a little later."""


@dataclass(slots=True)
class Entry:
    """One row about a person, its times as `Times.read` answered; `total_ms` is the duration that the row states."""

    line: int
    said: str
    email: str
    joined: Moment | None
    left: Moment | None
    total_ms: int | None = None
    joins: int | None = None
    registrant: str = ""
    role: str = ""
    original: bool = False  # whether the brackets of the name hold the original one


class Times:
    """All times of one file. `zone` is what the file says of its zone; else the one that was asked for holds."""

    def __init__(self, asked: Asked, zone: tzinfo | None = None) -> None:
        self.zone = zone or asked.time_zone
        self._says_zone = zone is not None
        self.order = asked.date_order
        self._possible = {DateOrder.MDY, DateOrder.DMY}
        self._open = self._differs = self._local = False
        self._latest_hour = 0

    def read(self, text: str) -> Moment | None:
        """One cell; None where it is no time."""
        moment = instants.read(text) if text else None
        if moment is None:
            return None
        if isinstance(moment, Loose):
            self._open = True
            self._possible &= moment.orders()
            self._differs = self._differs or moment.at(DateOrder.MDY) != moment.at(DateOrder.DMY)
        is_local = instants.is_local(moment)
        self._local = self._local or is_local
        is_whole = not is_local or text[-1] in "mM."  # with an offset, or AM and PM
        self._latest_hour = max(self._latest_hour, 24 if is_whole else moment.hour)
        return moment

    @property
    def is_open(self) -> bool:
        """Whether day and month may still stand either way."""
        return self._open and self.order is None and len(self._possible) == 2 and self._differs

    def settle(self) -> None:
        """Once all are read: the order of day and month, and that there is a zone. Raises Invalid."""
        faults: list[Fault] = []
        if self.zone is None and self._local:
            reason = _("The times in this file have no time zone. Say in which zone they are written.")
            faults.append(Fault(field="time_zone", reason=reason))
        if self._open and self.order is None:
            if self.is_open or not self._possible:
                reason = _("Day and month may stand either way in this file. Say which: mdy or dmy.")
                faults.append(Fault(field="date_order", reason=reason))
            else:
                self.order = DateOrder.DMY if DateOrder.DMY in self._possible else DateOrder.MDY
        if faults:
            raise Invalid(faults=faults)

    def local(self, moment: Moment | None) -> datetime | None:
        """A time with its day known, still without zone where it has none; None where there is no such day."""
        if isinstance(moment, Loose):
            moment = moment.at(self.order) if self.order is not None else None
        if moment is None or not FIRST_YEAR <= moment.year <= LAST_YEAR:
            return None
        return moment

    def possible(self, moment: datetime) -> tuple[int, ...]:
        """The instants it may mean: see `instants.possible_ms`."""
        return instants.possible_ms(moment, self.zone)

    def ms(self, moment: Moment | None) -> int | None:
        """The instant of a time about the meeting itself, the earlier of two; None where it cannot be known."""
        known = self.local(moment)
        return next(iter(self.possible(known)), None) if known is not None else None

    @property
    def is_local(self) -> bool:
        """Whether times were read in the zone that was given, as the file does not say its own."""
        return self._local and not self._says_zone

    @property
    def may_lack_halves(self) -> bool:
        """Whether no hour is above 12: a clock of twelve hours may have lost its AM and PM."""
        return 0 < self._latest_hour <= 12


def certain_ms(times: Times, total_ms: int | None, *cells: str) -> int | None:
    """The duration of a row, with which a time that is missing is found; nothing where one stands there and cannot be
    read, so that the row is told as a bad one."""
    return total_ms if all(cell.strip() in _BLANK or times.read(cell) is not None for cell in cells) else None


def never_came(*cells: str) -> bool:
    """Whether a row is of somebody who registered only: `No` or a dash instead of times."""
    said = {cell.strip().casefold() for cell in cells}
    return bool(said & _NEVER) and said <= {*_NEVER, ""}


def take(
    report: Report, entries: Iterable[Entry], times: Times, *, joined: str = "joined_at", left: str = "left_at"
) -> None:
    """Adds the entries to the report: rows, sums and rejected rows. `joined` and `left` are the headings of the times.

    A row that has a duration and one time has the other too. One whose duration is shorter than from its join to its
    leave was not there all the time, and is taken as a sum. So is one of no time at all, where the whole file has none.
    """
    entries = list(entries)
    report.is_local, report.may_lack_halves = times.is_local, times.may_lack_halves
    taker = _Taker(report, times, joined, left)
    taker.untimed = all(entry.joined is None and entry.left is None for entry in entries)
    for entry in entries:
        reason = taker.take(entry)
        if reason:
            report.rejected.append(Fault(row=entry.line, reason=reason))
    taker.say()


def _name(entry: Entry) -> str:
    return undecorated(entry.said, original=entry.original) if entry.said else ""


class _Taker:
    def __init__(self, report: Report, times: Times, joined: str, left: str) -> None:
        self.report, self.times, self.headings = report, times, (joined, left)
        self.untimed = False
        self.shorter: list[int] = []
        self.longer: list[int] = []
        self.twice: list[int] = []

    def take(self, entry: Entry) -> str:
        """Adds the row, or says why not."""
        if not entry.email and not entry.said:
            return _("Neither an e-mail address nor a name.")
        if len(entry.email) > 320 or len(entry.said) > 200:
            return _("The e-mail address or the name is too long.")
        if self.untimed and entry.total_ms is not None:
            self._sum(entry, None, None, entry.total_ms)
            return ""
        found: list[tuple[int, ...]] = []
        for moment, heading in zip((entry.joined, entry.left), self.headings, strict=True):
            known = self.times.local(moment)
            if known is None:
                if moment is None and entry.total_ms is not None and (entry.joined or entry.left or entry.joins):
                    found.append(())
                    continue
                return _("“%(column)s” is not a time that can be read.", column=heading)
            instants_of = self.times.possible(known)
            if not instants_of:
                return _(
                    "%(time)s does not exist in %(zone)s: the clocks are put forward then. Is the time zone right?",
                    time=f"{known:%Y-%m-%d %H:%M}",
                    zone=self.times.zone,
                )
            found.append(instants_of)
        joins, leaves = found
        if not joins:
            joins = tuple(one - (entry.total_ms or 0) for one in leaves)
        elif not leaves:
            leaves = tuple(one + (entry.total_ms or 0) for one in joins)
        return self._place(entry, joins, leaves)

    def _place(self, entry: Entry, joins: tuple[int, ...], leaves: tuple[int, ...]) -> str:
        total = entry.total_ms
        spans = [(a, b) for a in joins for b in leaves if b >= a]
        if total is not None and len(spans) > 1:
            spans = [one for one in spans if abs(one[1] - one[0] - total) <= _TOLERANCE_MS] or spans
        if not spans:
            reason = _("The leave is before the join.")
            if self.times.may_lack_halves:
                reason += " " + _("No hour in this file is above 12: has its clock lost AM and PM?")
            return reason
        if len(spans) > 1:
            self.twice.append(entry.line)
        joined_ms, left_ms = spans[0]
        if total is not None and total + _TOLERANCE_MS < left_ms - joined_ms:
            self.shorter.append(entry.line)
            self._sum(entry, joined_ms, left_ms, total)
            return ""
        if total is not None and total > left_ms - joined_ms + _TOLERANCE_MS:
            self.longer.append(entry.line)
        self.report.rows.append(
            ReportRow(
                entry.line, entry.email, _name(entry), joined_ms, left_ms, entry.registrant, entry.role, entry.said
            )
        )
        return ""

    def _sum(self, entry: Entry, first: int | None, last: int | None, total: int) -> None:
        self.report.sums.append(
            SumRow(entry.line, entry.email, _name(entry), first, last, entry.joins, total, entry.registrant, entry.role,
                   entry.said)
        )  # fmt: skip

    def say(self) -> None:
        """What has to be said of all rows together."""
        notes = self.report.notes
        if self.shorter:
            notes.append(
                _n(
                    "Line %(line)s states less time than from its join to its leave: what is certain counts.",
                    "%(num)s rows state less time than from join to leave (the first: line %(line)s): what is certain "
                    "counts.",
                    len(self.shorter),
                    line=self.shorter[0],
                )
            )
        if self.longer:
            notes.append(
                _n(
                    "Line %(line)s states more time than from its join to its leave: its times count.",
                    "%(num)s rows state more time than from join to leave (the first: line %(line)s): their times "
                    "count.",
                    len(self.longer),
                    line=self.longer[0],
                )
            )
        if self.twice:
            notes.append(
                _n(
                    "Line %(line)s has a time in the hour that happens twice in %(zone)s, as clocks are put back: it "
                    "is read as the first.",
                    "%(num)s rows have a time in the hour that happens twice in %(zone)s, as clocks are put back (the "
                    "first: line %(line)s): it is read as the first.",
                    len(self.twice),
                    line=self.twice[0],
                    zone=self.times.zone,
                )
            )
