"""Reports of attendance are read and compared with their lecture outside any transaction; nothing is written.

Their content is stored with the uploaded file until it is imported, so that it is read and matched once.
"""

import json
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import product
from typing import Any

from lms.attendance import rules
from lms.attendance.actions.closing import check_not_closed
from lms.attendance.presence import span_of
from lms.attendance_imports.queries.imports import keys_of, window_of
from lms.attendance_imports.queries.mappings import find_mapping
from lms.attendance_imports.queries.matching import NameMatches
from lms.attendance_imports.readers import reading
from lms.attendance_imports.readers.mapping import ColumnPreview, RecalledColumns, UnknownHeadings
from lms.attendance_imports.readers.report import Report, ReportRow, SumRow
from lms.catalogue.models import Lecture
from lms.catalogue.queries.lectures import get_lecture
from lms.catalogue.rules import check_can_edit_lecture
from lms.core.base.errors import Fault, Invalid, Refused
from lms.core.base.roles import Actor
from lms.core.storage import files
from lms.core.storage.staged import restored_as, to_json
from lms.core.text.i18n import _, _n
from lms.core.text.punctuation import gap, listed
from lms.core.time import clock, durations
from lms.core.time.dates import range_of, span_in


@dataclass(frozen=True)
class StagedFile:
    """The result of reading with `options`: the report and its matched names, or None where the file leaves questions
    open; and the columns to ask about, where their meaning is a question.
    """

    options: Mapping[str, Any]
    staged: "StagedAttendance | None" = None
    names: NameMatches | None = None
    column_preview: ColumnPreview | None = None


def store_staged(file_key: str, staged_file: StagedFile) -> None:
    """Stores the result next to the uploaded file, replacing an earlier one."""
    files.store(keys_of(file_key)[1], to_json(staged_file))


def find_staged(file_key: str, options: Mapping[str, Any]) -> StagedFile | None:
    """The result of reading the file with these options; None if it is not stored."""
    content = files.find(keys_of(file_key)[1])
    saved = json.loads(content) if content is not None else {}
    return restored_as(StagedFile, saved) if saved.get("options") == dict(options) else None


def delete_files(file_key: str) -> None:
    """Deletes an uploaded file and its result."""
    for key in keys_of(file_key):
        files.delete(key)


class TimesDoNotOverlap(Refused):
    """No time in the file falls within the lecture. `questions` can be answered differently: time zone, date order.

    `column_preview` is set where the meaning of the columns is recalled from an earlier file.
    """

    def __init__(self, message: str, *, questions: set[str], column_preview: ColumnPreview | None = None) -> None:
        super().__init__(message)
        self.questions = questions
        self.column_preview = column_preview


@dataclass(frozen=True)
class LectureTimes:
    """When a lecture was or is planned, and the window with which its evidence must overlap, in milliseconds UTC."""

    start: int
    length: int
    window: tuple[int, int]


@dataclass
class StagedAttendance:
    """A report read for a lecture and not written yet. `mapping` is the meaning of its columns given now, `recalled`
    the one given earlier; both under `signature`. `times` are those of the lecture that it was read for.
    """

    lecture_id: int
    file_name: str
    digest: str
    report: Report
    times: LectureTimes
    mapping: dict[str, str] = field(default_factory=dict)
    recalled: dict[str, str] = field(default_factory=dict)
    signature: str = ""
    column_preview: ColumnPreview | None = None

    @property
    def rows(self) -> list[ReportRow]:
        """The rows that can be imported."""
        return self.report.rows

    @property
    def rejected(self) -> list[Fault]:
        """The faults, by line."""
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

    Without a `mapping`, unknown headings are read as they were answered last time; `sums` says how several sums of one
    person are read. Raises Invalid (`format`, `time_zone`, `date_order`, `sums`, `mapping`, `file`), WrongKind,
    TooLarge; Refused where the lecture cannot have evidence, its attendance is closed, or the report does not overlap
    the lecture.
    """
    lecture = get_lecture(lecture_id, by=by)
    times = check_can_import(lecture, by=by)
    meanings, recalled, column_preview = dict(mapping or {}), {}, None
    read = partial(
        reading.read_report, content, format=format, time_zone=time_zone, sums=sums, near=clock.from_ms(times.start),
        until=clock.from_ms(times.start + times.length),
    )  # fmt: skip
    try:
        report = read(mapping=meanings, date_order=date_order)
    except UnknownHeadings as error:
        column_preview = error.column_preview
        recalled = find_mapping(column_preview.signature) or {}
        if not recalled:
            raise
        report = _recalled(partial(read, date_order=date_order), recalled, column_preview)
    report.rows += [_placed(one, report, times.start) for one in report.sums]
    try:
        _check_overlap(report, times)
    except TimesDoNotOverlap as error:
        error.column_preview = column_preview
        other = {"mdy": "dmy", "dmy": "mdy"}.get(date_order or "")
        if (
            other is None
            or not report.was_ordered
            or not _is_there(read(mapping=meanings or recalled, date_order=other), times.window)
        ):
            raise
        reason = _("Day and month may be swapped: read the other way round, the times match the lecture.")
        raise TimesDoNotOverlap(
            f"{_nobody()} {reason}", questions={"date_order"}, column_preview=column_preview
        ) from error
    _leave_out(report, times.window)
    return StagedAttendance(
        lecture_id, file_name[:200], reading.digest(content), report, times, meanings, recalled, report.signature,
        column_preview,
    )  # fmt: skip


TRIED_BYTES = 1024 * 1024
"""Larger files are not read again and again to find how they fit."""


def find_fitting_answers(
    lecture_id: int, content: bytes, *, open_questions: Collection[str], zones: Iterable[str], by: Actor, **options: Any
) -> dict[str, str]:
    """The answers to what a report leaves open (`time_zone`, `date_order`) with which it fits the lecture.

    Tries these zones and both orders of day and month. Empty where none fits, or where several readings do.
    """
    if not open_questions or not {"time_zone", "date_order"}.issuperset(open_questions) or len(content) > TRIED_BYTES:
        return {}
    fitting: dict[tuple[int, int], dict[str, str]] = {}
    orders = ("dmy", "mdy") if "date_order" in open_questions else ("",)
    for zone, order in product(zones if "time_zone" in open_questions else ("",), orders):
        answers = {name: value for name, value in (("time_zone", zone), ("date_order", order)) if value}
        try:
            staged = stage_attendance(lecture_id, content, **(options | answers), by=by)
        except (Invalid, Refused):
            continue
        if timed := [row for row in staged.rows if row.is_timed]:
            seen = min(row.joined_ms for row in timed), max(row.left_ms for row in timed)
            fitting.setdefault(seen, answers)
    return next(iter(fitting.values())) if len(fitting) == 1 else {}


def check_can_import(lecture: Lecture, *, by: Actor) -> LectureTimes:
    """The times that evidence of a lecture must fit. Raises Forbidden; Refused where it cannot have evidence now."""
    check_can_edit_lecture(lecture, by)
    check_not_closed(lecture)
    window, span = window_of(lecture), span_of(lecture)
    return LectureTimes(span.start, span.length_ms, window)


def _recalled(read: Callable[..., Report], mapping: dict[str, str], column_preview: ColumnPreview) -> Report:
    """The report by the meanings set for an earlier file."""
    try:
        report = read(mapping=mapping)
    except Invalid as error:
        raise RecalledColumns(column_preview, error.faults) from error
    report.notes.append(_("The columns are read as set for an earlier file: %(columns)s.", columns=said_of(mapping)))
    return report


def said_of(mapping: Mapping[str, str]) -> str:
    """A mapping in words: “Correo” is email."""
    return listed(
        _("“%(heading)s” as %(meaning)s", heading=key, meaning=meaning) for key, meaning in mapping.items() if meaning
    )


def _placed(sums: SumRow, report: Report, start: int) -> ReportRow:
    joined, left, stated = rules.place_sum(
        first=sums.first_ms, last=sums.last_ms, joins=sums.joins, total_ms=sums.total_ms,
        meeting=(report.starts_ms, report.ends_ms), start=start,
    )  # fmt: skip
    return ReportRow(
        sums.line, sums.email, sums.name, joined, left, sums.registrant, sums.role, sums.reported_name, stated
    )


def _is_there(report: Report, window: tuple[int, int]) -> bool:
    """Whether anyone in a report was present at the time of the lecture."""
    return bool(rules.clip(((row.joined_ms, max(row.left_ms, row.joined_ms + 1)) for row in report.rows), *window))


_APART_MS = 3 * durations.HOUR_MS


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
    remaining = [row for row in report.rows if not row.is_timed or not any(a <= row.joined_ms <= b for a, b in others)]
    count, report.rows = len(report.rows) - len(remaining), remaining
    report.notes.append(
        _n(
            "%(num)s row falls outside the time of the lecture and is ignored: %(times)s (UTC).",
            "%(num)s rows fall outside the time of the lecture and are ignored: %(times)s (UTC).",
            count,
            times=listed(
                range_of(*span_in(clock.from_ms(first), clock.from_ms(last), "UTC")) for first, last in others[:5]
            ),
        )
    )


def _check_overlap(report: Report, times: LectureTimes) -> None:
    """Refuses a report of a different time, and adds a note if a shift of an hour or more would fit better."""
    seen = [(row.joined_ms, max(row.left_ms, row.joined_ms + 1)) for row in report.rows if row.is_timed]
    if not seen:
        return
    is_outside = not rules.clip(seen, *times.window)
    shift = rules.shift_of(seen, times.start, times.start + times.length)
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
    hours, rest = divmod(abs(shift), durations.HOUR_MS)
    if hours == 24 and not rest:
        return _("a day")
    text = _n("%(num)s hour", "%(num)s hours", hours)
    if not rest:
        return text
    minutes = _n("%(num)s minute", "%(num)s minutes", durations.whole_minutes(rest))
    return _("%(hours)s %(minutes)s", hours=text, minutes=minutes)


def _nobody() -> str:
    return _("No time in this file falls within the lecture.")


def _outside(shift: int, report: Report) -> str:
    message = _nobody()
    if not shift:
        return f"{message} " + _("Are the file and the time zone right?")
    time = _hours(shift)
    message += gap() + (
        _("Its times are %(time)s earlier than the lecture.", time=time)
        if shift > 0
        else _("Its times are %(time)s later than the lecture.", time=time)
    )
    if report.may_lack_halves and abs(shift) == 12 * durations.HOUR_MS:
        return f"{message} " + _("All hours in this file are 12 or lower. Did it lose AM and PM?")
    if report.is_local:
        return f"{message} " + _("Is the time zone right?")
    return f"{message} " + _("Is this the right file?")
