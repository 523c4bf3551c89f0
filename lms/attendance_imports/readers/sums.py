"""Sums next to other rows of the same person: time that appears twice is counted once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from lms.attendance_imports.readers.report import Report, ReportRow, SumRow
from lms.core.errors import Invalid
from lms.core.i18n import _, _n

WAYS = ("add", "largest")
"""How several sums without times of one person are read: as separate stays, or as one repeated sum."""


def settle_sums(report: Report, way: str) -> None:
    """Of a sum and the rows of its person between its first join and its last leave, the larger counts; several sums
    without times are added, or the largest is used, as answered.

    Raises Invalid (`sums`) without an answer.
    """
    if not report.sums:
        return
    summed: dict[str, list[SumRow]] = {}
    for reported in report.sums:
        summed.setdefault(_who(reported), []).append(reported)
    stays: dict[str, list[ReportRow]] = {}
    for row in report.rows:
        if _who(row) in summed:
            stays.setdefault(_who(row), []).append(row)
    sums: list[SumRow] = []
    rows = [row for row in report.rows if _who(row) not in stays]
    told_twice: list[int] = []
    for who, of_person in summed.items():
        timed = [one for one in of_person if one.first_ms is not None or one.last_ms is not None]
        sums += _untimed([one for one in of_person if one.first_ms is None and one.last_ms is None], way)
        there = stays.get(who, [])
        for reported in _apart(timed):
            begin, end = _window(reported)
            within = [row for row in there if row.joined_ms < end and begin < row.left_ms]
            if within and _length(within, begin, end) >= reported.total_ms:
                told_twice.append(reported.line)
                continue
            sums.append(reported)
            if within:
                told_twice += [row.line for row in within]
                there = [part for row in there for part in _outside(row, begin, end)]
        told_twice += [one.line for one in timed if not any(one.content == other.content for other in _apart(timed))]
        rows += there
    report.sums = sorted(sums, key=lambda row: row.line)
    report.rows = sorted(rows, key=lambda row: row.line)
    if told_twice:
        report.notes.append(
            _n(
                "Line %(line)s overlaps another row of the same person. The longer one is used.",
                "%(num)s rows overlap another row of the same person (first: line %(line)s). The longer one is used.",
                len(told_twice),
                line=min(told_twice),
            )
        )


def _who(row: ReportRow | SumRow) -> str:
    return row.email.casefold() or f"{row.registrant}|{row.reported_name or row.name}"


def _untimed(sums: Sequence[SumRow], way: str) -> list[SumRow]:
    """One of sums of no time of one person; the same one twice is one."""
    totals = {one.total_ms for one in sums}
    if len(totals) < 2:
        return list(sums[:1])
    if way not in WAYS:
        lines = ", ".join(str(one.line) for one in sums[:5])
        raise Invalid(
            "sums",
            _(
                "Lines %(lines)s give several durations for one person, without times. Select whether they are "
                "separate stays (add) or repeats of the same stay (largest).",
                lines=lines,
            ),
        )
    return [replace(sums[0], total_ms=sum(totals) if way == "add" else max(totals))]


def _window(sums: SumRow) -> tuple[int, int]:
    begin = sums.first_ms if sums.first_ms is not None else (sums.last_ms or 0) - sums.total_ms
    return begin, sums.last_ms if sums.last_ms is not None else begin + sums.total_ms


def _apart(sums: Iterable[SumRow]) -> list[SumRow]:
    """The sums of one person that do not overlap, the largest first."""
    separate: list[SumRow] = []
    for candidate in sorted(sums, key=lambda row: (-row.total_ms, *_window(row), row.line)):
        begin, end = _window(candidate)
        if all(end <= first or last <= begin for first, last in map(_window, separate)):
            separate.append(candidate)
    return separate


def _outside(row: ReportRow, begin: int, end: int) -> list[ReportRow]:
    """What of a stay is outside of a span."""
    before = replace(row, left_ms=min(row.left_ms, begin))
    after = replace(row, joined_ms=max(row.joined_ms, end))
    return [part for part in (before, after) if part.joined_ms < part.left_ms]


def _length(rows: Sequence[ReportRow], begin: int, end: int) -> int:
    total, reached = 0, begin
    for joined, left in sorted((row.joined_ms, row.left_ms) for row in rows):
        total += max(min(left, end) - max(joined, reached), 0)
        reached = max(reached, min(left, end))
    return total
