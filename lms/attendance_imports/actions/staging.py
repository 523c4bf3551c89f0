"""Reports of attendance are read and held against their lecture outside any transaction; nothing is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial

from lms.attendance import rules
from lms.attendance.actions.closing import check_not_closed
from lms.attendance.presence import span_of
from lms.attendance_imports.queries.imports import window_of
from lms.attendance_imports.queries.mappings import find_mapping
from lms.attendance_imports.readers import reading
from lms.attendance_imports.readers.mapping import UnknownHeadings
from lms.attendance_imports.readers.report import Report, ReportRow, SumRow
from lms.catalogue.models import Lecture
from lms.catalogue.queries import get_lecture
from lms.catalogue.rules import check_can_edit_lecture
from lms.core import clock, measures
from lms.core.errors import Fault, Refused
from lms.core.i18n import _, _n
from lms.core.roles import Actor


class TimesDoNotOverlap(Refused):
    """No time in the file falls within the lecture. `questions` can be answered differently: time zone, date order."""

    def __init__(self, message: str, *, questions: set[str]) -> None:
        super().__init__(message)
        self.questions = questions


@dataclass
class StagedAttendance:
    """A report read for a lecture and not written yet. `mapping` is the meaning of its columns given now, `recalled`
    the one given earlier; both under `signature`.
    """

    lecture_id: int
    file_name: str
    digest: str
    report: Report
    mapping: dict[str, str] = field(default_factory=dict)
    recalled: dict[str, str] = field(default_factory=dict)
    signature: str = ""

    @property
    def rows(self) -> list[ReportRow]:
        """The rows that can be imported."""
        return self.report.rows

    @property
    def rejected(self) -> list[Fault]:
        """What is wrong, by line."""
        return self.report.rejected


def stage_attendance(
    lecture_id: int,
    content: bytes,
    *,
    file_name: str,
    format: str = "auto",
    time_zone: str | None = None,
    date_order: str | None = None,
    mapping: Mapping[str, str] | None = None,
    sums: str = "",
    by: Actor,
) -> StagedAttendance:
    """Reads a report for a lecture; writes nothing.

    Without a `mapping`, headings that nobody knows are read as they were said to be the last time; `sums` says how
    several sums of one person are read. Raises Invalid (`format`, `time_zone`, `date_order`, `sums`, `mapping`,
    `file`), WrongKind, TooLarge; Refused where the lecture cannot have evidence, its attendance is closed, or the
    report has no minute in common with it (Elsewhen).
    """
    lecture = get_lecture(lecture_id, by=by)
    check_can_edit_lecture(lecture, by)
    check_not_closed(lecture)
    window = window_of(lecture)
    said, recalled, signature = dict(mapping or {}), {}, ""
    span = span_of(lecture)
    read = partial(
        reading.read_report, content, format=format, time_zone=time_zone, sums=sums, near=clock.from_ms(span.start),
        until=clock.from_ms(span.start + span.length_ms),
    )  # fmt: skip
    try:
        report = read(mapping=said, date_order=date_order)
        if said and (column_preview := reading.look_at(content)):
            signature = column_preview.signature
    except UnknownHeadings as error:
        signature = error.column_preview.signature
        recalled = find_mapping(signature) or {}
        if not recalled:
            raise
        report = read(mapping=recalled, date_order=date_order)
        report.notes.append(
            _("The columns are read as set for an earlier file: %(columns)s.", columns=said_of(recalled))
        )
    report.rows += [_placed(one, report, span.start) for one in report.sums]
    try:
        _check_overlap(report, lecture, window)
    except TimesDoNotOverlap as error:
        other = {"mdy": "dmy", "dmy": "mdy"}.get(date_order or "")
        if (
            other is None
            or not report.was_ordered
            or not _is_there(read(mapping=said or recalled, date_order=other), window)
        ):
            raise
        reason = _("Day and month may be swapped: read the other way round, the times match the lecture.")
        raise TimesDoNotOverlap(f"{_nobody()} {reason}", questions={"date_order"}) from error
    _leave_out(report, window)
    return StagedAttendance(
        lecture_id, file_name[:200], reading.digest(content), report, said, recalled, signature
    )  # fmt: skip


def said_of(mapping: Mapping[str, str]) -> str:
    """A mapping in words: “Correo” is email."""
    return ", ".join(
        _("“%(heading)s” as %(meaning)s", heading=key, meaning=meaning) for key, meaning in mapping.items() if meaning
    )


def _placed(one: SumRow, report: Report, start: int) -> ReportRow:
    joined, left, stated = rules.place_sum(
        first=one.first_ms, last=one.last_ms, joins=one.joins, total_ms=one.total_ms,
        meeting=(report.starts_ms, report.ends_ms), start=start,
    )  # fmt: skip
    return ReportRow(one.line, one.email, one.name, joined, left, one.registrant, one.role, one.said, stated)


def _is_there(report: Report, window: tuple[int, int]) -> bool:
    """Whether anyone in a report was present at the time of the lecture."""
    return bool(rules.clip(((row.joined_ms, max(row.left_ms, row.joined_ms + 1)) for row in report.rows), *window))


_APART_MS = 3 * measures.HOUR_MS


def _leave_out(report: Report, window: tuple[int, int]) -> None:
    """Drops rows of other meetings than the one at the lecture's time, with a note."""
    timed = sorted((row.joined_ms, row.left_ms) for row in report.rows if row.is_timed)
    meetings: list[tuple[int, int]] = []
    for joined, left in timed:
        if meetings and joined - meetings[-1][1] <= _APART_MS:
            meetings[-1] = (meetings[-1][0], max(left, meetings[-1][1]))
        else:
            meetings.append((joined, left))
    others = [one for one in meetings if not rules.clip([(one[0], one[1] + 1)], *window)]
    if not others or len(others) == len(meetings):
        return
    kept = [row for row in report.rows if not row.is_timed or not any(a <= row.joined_ms <= b for a, b in others)]
    count, report.rows = len(report.rows) - len(kept), kept
    report.notes.append(
        _n(
            "%(num)s row falls outside the time of the lecture and is ignored: %(times)s (UTC).",
            "%(num)s rows fall outside the time of the lecture and are ignored: %(times)s (UTC).",
            count,
            times=", ".join(
                f"{clock.from_ms(first):%Y-%m-%d %H:%M}–{clock.from_ms(last):%H:%M}" for first, last in others[:5]
            ),
        )
    )


def _check_overlap(report: Report, lecture: Lecture, window: tuple[int, int]) -> None:
    """Refuses a report of a different time, and adds a note if a shift of an hour or more would fit better."""
    seen = [(row.joined_ms, max(row.left_ms, row.joined_ms + 1)) for row in report.rows if row.is_timed]
    if not seen:
        return
    span = span_of(lecture)
    is_outside = not rules.clip(seen, *window)
    shift = rules.shift_of(seen, span.start, span.start + span.length_ms)
    if is_outside:
        raise TimesDoNotOverlap(_outside(shift, report), questions={"time_zone"} if report.is_local else set())
    if shift:
        report.notes.append(
            _(
                "The times in this file would match the lecture better if they were %(time)s later. "
                "Is the time zone right?",
                time=_hours(shift),
            )
            if shift > 0
            else _(
                "The times in this file would match the lecture better if they were %(time)s earlier. "
                "Is the time zone right?",
                time=_hours(shift),
            )
        )


def _hours(shift: int) -> str:
    hours, rest = divmod(abs(shift), measures.HOUR_MS)
    if hours == 24 and not rest:
        return _("a day")
    said = _n("%(num)s hour", "%(num)s hours", hours)
    if not rest:
        return said
    minutes = _n("%(num)s minute", "%(num)s minutes", measures.whole_minutes(rest))
    return _("%(hours)s %(minutes)s", hours=said, minutes=minutes)


def _nobody() -> str:
    return _("No time in this file falls within the lecture.")


def _outside(shift: int, report: Report) -> str:
    said = _nobody()
    if not shift:
        return f"{said} " + _("Are the file and the time zone right?")
    time = _hours(shift)
    said += " " + (
        _("Its times are %(time)s earlier than the lecture.", time=time)
        if shift > 0
        else _("Its times are %(time)s later than the lecture.", time=time)
    )
    if report.may_lack_halves and abs(shift) == 12 * measures.HOUR_MS:
        return f"{said} " + _("All hours in this file are 12 or lower. Did it lose AM and PM?")
    if report.is_local:
        return f"{said} " + _("Is the time zone right?")
    return f"{said} " + _("Is this the right file?")
