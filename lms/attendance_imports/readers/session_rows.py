"""From the cells of a report to stays and sums, row by row.

A reader collects a `SessionEntry` for each row of a person, has `Times` read every time of the file, and passes both
to `take`. Stays are put together from joins and leaves that a file lists one by one. Nothing is guessed, and nothing
counts twice.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from lms.attendance_imports.readers.report import Report, ReportRow, SumRow
from lms.attendance_imports.readers.sums import settle_sums
from lms.attendance_imports.readers.times import Read, Times, UnreadableTime
from lms.core.base.errors import Fault
from lms.core.text.i18n import _, _n
from lms.core.text.punctuation import gap
from lms.core.time import clock
from lms.people.names import undecorated


@dataclass
class Pairing:
    """Stays made of joins and leaves: `stays` from join to leave; `strays` are leaves that nobody had joined for;
    `unfinished` says that the last join has no leave and its stay reaches to the end that was given; `lost` that a
    leave is missing somewhere before, so that only what is sure was taken."""

    stays: list[tuple[int, int]] = field(default_factory=list)
    strays: list[int] = field(default_factory=list)
    unfinished: bool = False
    lost: bool = False


def pair(joins: Iterable[int], leaves: Iterable[int], end_ms: int) -> Pairing:
    """Pairs the joins of one person (of all devices) with the leaves, in milliseconds; order and doubling of what is
    given change nothing. Somebody is there while more have joined than left.

    Of times without seconds, a join and a leave in one minute may be in either order: what comes next tells it.
    """
    joined, left = set(joins), set(leaves)
    pairing = Pairing()
    only_joins, only_leaves = joined - left, left - joined
    moments = sorted(joined | left)
    by_minute = all(moment % 60_000 == 0 for moment in moments)
    inside = start = last_leave = 0
    for moment, following in zip(moments, [*moments[1:], None], strict=False):
        gone, come = moment in left, moment in joined
        if gone and come and by_minute:
            come = not (inside and following in only_joins)  # else: left, came and left
            if not inside and following in only_leaves:  # came, left and came
                pairing.stays.append((moment, moment))
                gone = False
        if gone and inside:
            inside, last_leave, gone = inside - 1, moment, False
            if not inside:
                pairing.stays.append((start, moment))
        if come:
            start = start if inside else moment
            inside += 1
            if gone:  # came and went within the same second
                inside, last_leave, gone = 0, moment, False
                pairing.stays.append((moment, moment))
        if gone:
            pairing.strays.append(moment)
    if inside:
        pairing.unfinished = max(joined) > last_leave
        pairing.lost = inside > 1 or not pairing.unfinished
        pairing.stays.append((start, max(end_ms, max(joined)) if pairing.unfinished else last_leave))
    return pairing


_QUIET_MS = 5 * 3_600_000
"""Where nobody joins or leaves for so long, one meeting ends and another begins."""


def meetings(moments: Iterable[int]) -> list[tuple[int, int]]:
    """The meetings that the moments of a file are of: the first and the last moment of each, in order."""
    spans: list[tuple[int, int]] = []
    for moment in sorted(moments):
        if spans and moment - spans[-1][1] <= _QUIET_MS:
            spans[-1] = (spans[-1][0], moment)
        else:
            spans.append((moment, moment))
    return spans


_NEVER = {"no", "n/a", "-", "--", "—", "–"}
_TOLERANCE_MS = 90_000
"""Durations are written in whole minutes, rounded up or down, and some clocks start a little later."""


@dataclass(slots=True)
class SessionEntry:
    """One row about a person, its times as `Times.read` answered; `total_ms` is the duration that the row states."""

    line: int
    reported_name: str
    email: str
    joined: Read
    left: Read
    total_ms: int | None = None
    joins: int | None = None
    registrant: str = ""
    role: str = ""
    original: bool = False  # whether the brackets of the name hold the original one


def never_came(*cells: str) -> bool:
    """Whether a row is for a person who only registered: `No` or a dash instead of times."""
    words = {cell.strip().casefold() for cell in cells}
    return bool(words & _NEVER) and words <= {*_NEVER, ""}


def take(
    report: Report,
    entries: Iterable[SessionEntry],
    times: Times,
    *,
    joined: str = "joined_at",
    left: str = "left_at",
    stay_on: bool = False,
) -> None:
    """Adds the entries to the report as rows, totals and rejected rows. `joined` and `left` are headings.

    If one time is empty, it is calculated from the duration. A row whose duration is shorter than the time between
    joining and leaving is read as a total; so is a row without times, if the whole file has none. `stay_on`: an empty
    leave time means until the end.
    """
    entries = list(entries)
    report.is_local, report.was_ordered, report.may_lack_halves = (
        times.is_local, times.was_ordered, times.may_lack_halves
    )  # fmt: skip
    report.notes += times.notes
    taker = _Taker(report, times, (joined, left), _end(report, entries, times), stay_on=stay_on)
    taker.untimed = all(entry.joined is None and entry.left is None for entry in entries)
    for entry in entries:
        reason = taker.take(entry)
        if reason:
            report.rejected.append(Fault(row=entry.line, reason=reason))
    taker.say()
    settle_sums(report, times.options.sums)


def _end(report: Report, entries: Sequence[SessionEntry], times: Times) -> int | None:
    """When the meeting ended: as the file says, else the last time in it."""
    if report.ends_ms is not None:
        return report.ends_ms
    moments = (times.ms(moment) for entry in entries for moment in (entry.joined, entry.left))
    return max((moment for moment in moments if moment is not None), default=None)


def _name(entry: SessionEntry) -> str:
    return undecorated(entry.reported_name, original=entry.original) if entry.reported_name else ""


@dataclass
class _Taker:
    report: Report
    times: Times
    headings: tuple[str, str]
    end_ms: int | None
    stay_on: bool
    untimed: bool = False
    shorter: list[int] = field(default_factory=list)
    longer: list[int] = field(default_factory=list)
    twice: list[int] = field(default_factory=list)
    inferred: list[int] = field(default_factory=list)
    stayed: list[int] = field(default_factory=list)

    def take(self, entry: SessionEntry) -> str:
        """Adds the row, or rejects it with a reason."""
        if not entry.email and not entry.reported_name:
            return _("This row has neither an e-mail address nor a name.")
        if len(entry.email) > 320 or len(entry.reported_name) > 200:
            return _("The e-mail address or the name is too long.")
        if self.untimed and entry.total_ms is not None:
            self._sum(entry, None, None, entry.total_ms)
            return ""
        known = self.times.pair(entry.joined, entry.left)
        sides: list[tuple[int, ...]] = []
        for moment, local, heading in zip((entry.joined, entry.left), known, self.headings, strict=True):
            instants_of, reason = self._instants(moment, local, heading)
            if reason:
                return reason
            sides.append(instants_of)
        joins, leaves = sides
        if joins and leaves:
            return self._place(entry, joins, leaves)
        return self._infer(entry, joins, leaves)

    def _instants(self, moment: Read, known: datetime | None, heading: str) -> tuple[tuple[int, ...], str]:
        """The moments that a cell may mean, none where it is empty; or why it cannot be read."""
        if moment is None:
            return (), ""
        if known is None or isinstance(moment, UnreadableTime):
            return (), _("“%(column)s” is not a valid time.", column=heading)
        possible = self.times.possible(known)
        if possible:
            return possible, ""
        return (), _(
            "%(time)s does not exist in %(zone)s because the clocks go forward then. Is the time zone right?",
            time=f"{known:%Y-%m-%d %H:%M}",
            zone=self.times.zone,
        )

    def _infer(self, entry: SessionEntry, joins: tuple[int, ...], leaves: tuple[int, ...]) -> str:
        """Finds the time whose cell is empty."""
        total = entry.total_ms
        if total is not None and (joins or leaves):
            if (entry.joins or 1) > 1:  # somewhere between: it was no single stay
                first = joins[0] if joins else None
                last = leaves[0] if first is None else max(self.end_ms or 0, first + total)
                self._sum(entry, first, last, total)
                return ""
            self.inferred.append(entry.line)
            joins = joins or tuple(one - total for one in leaves)
            return self._place(entry, joins, leaves or tuple(join + total for join in joins))
        if joins and self.stay_on and self.end_ms is not None and self.end_ms >= joins[0]:
            self.stayed.append(entry.line)
            return self._place(entry, joins[:1], (self.end_ms,))
        heading = self.headings[1] if joins else self.headings[0]
        return _("“%(column)s” is empty, and the row has no other time.", column=heading)

    def _place(self, entry: SessionEntry, joins: tuple[int, ...], leaves: tuple[int, ...]) -> str:
        total = entry.total_ms
        spans = [(a, b) for a in joins for b in leaves if b >= a]
        if total is not None and len(spans) > 1:
            spans = [span for span in spans if abs(span[1] - span[0] - total) <= _TOLERANCE_MS] or spans
        if not spans:
            reason = _("The leave time is earlier than the join time.")
            if self.times.may_lack_halves:
                reason += gap() + _("All hours in this file are 12 or lower. Did it lose AM and PM?")
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
                entry.line,
                entry.email,
                _name(entry),
                joined_ms,
                left_ms,
                entry.registrant,
                entry.role,
                entry.reported_name,
            )
        )
        return ""

    def _sum(self, entry: SessionEntry, first: int | None, last: int | None, total: int) -> None:
        self.report.sums.append(
            SumRow(entry.line, entry.email, _name(entry), first, last, entry.joins, total, entry.registrant, entry.role,
                   entry.reported_name)
        )  # fmt: skip

    def say(self) -> None:
        """Adds notes about all rows together."""
        notes = self.report.notes
        if self.shorter:
            notes.append(
                _n(
                    "Line %(line)s gives a shorter duration than the time between joining and leaving. Only "
                    "the certain part is counted.",
                    "%(num)s rows give a shorter duration than the time between joining and leaving (first: "
                    "line %(line)s). Only the certain part is counted.",
                    len(self.shorter),
                    line=self.shorter[0],
                )
            )
        if self.longer:
            notes.append(
                _n(
                    "Line %(line)s gives a longer duration than the time between joining and leaving. The join "
                    "and leave times are used.",
                    "%(num)s rows give a longer duration than the time between joining and leaving (first: "
                    "line %(line)s). The join and leave times are used.",
                    len(self.longer),
                    line=self.longer[0],
                )
            )
        if self.twice:
            notes.append(
                _n(
                    "Line %(line)s has a time in the hour that occurs twice in %(zone)s because the clocks go "
                    "back. The first of the two is used.",
                    "%(num)s rows have a time in the hour that occurs twice in %(zone)s because the clocks go "
                    "back (first: line %(line)s). The first of the two is used.",
                    len(self.twice),
                    line=self.twice[0],
                    zone=self.times.zone,
                )
            )
        if self.inferred:
            notes.append(
                _n(
                    "Line %(line)s has only one time. The other is calculated from the duration.",
                    "%(num)s rows have only one time (first: line %(line)s). The other is calculated from the "
                    "duration.",
                    len(self.inferred),
                    line=self.inferred[0],
                )
            )
        if self.stayed and self.end_ms is not None:
            notes.append(
                _n(
                    "%(num)s person has no leave time and is assumed to have stayed until the end, %(time)s (UTC).",
                    "%(num)s people have no leave time and are assumed to have stayed until the end, %(time)s (UTC).",
                    len(self.stayed),
                    time=f"{clock.from_ms(self.end_ms):%Y-%m-%d %H:%M}",
                )
            )
