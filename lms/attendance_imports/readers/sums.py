"""Sums next to other rows of the same person: time that appears twice is counted once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TypeVar

from lms.attendance_imports.readers.report import Report, ReportRow, SumRow
from lms.core.base.errors import Invalid
from lms.core.text.i18n import _, _n
from lms.core.text.punctuation import listed

Row = TypeVar("Row", ReportRow, SumRow)
WAYS = ("add", "largest")
"""How several sums without times of one person are read: as separate stays, or as one repeated sum."""


def settle_sums(report: Report, way: str) -> None:
    """Of a sum and the rows of its person between its first join and its last leave, the larger counts; several sums
    without times are added, or the largest is used, as answered.

    Raises Invalid (`sums`) without an answer.
    """
    if not report.sums:
        return
    sums_by_person = _by_person(report.sums)
    stays_by_person = _by_person(report.rows)
    sums: list[SumRow] = []
    rows = [row for row in report.rows if _who(row) not in sums_by_person]
    repeated: list[int] = []
    for who, sums_of_person in sums_by_person.items():
        timed = [row for row in sums_of_person if _is_timed(row)]
        sums += _untimed([row for row in sums_of_person if not _is_timed(row)], way)
        timed_sums, stays, overlapping = _without_overlaps(timed, stays_by_person.get(who, []))
        sums += timed_sums
        rows += stays
        repeated += overlapping
    report.sums = sorted(sums, key=lambda row: row.line)
    report.rows = sorted(rows, key=lambda row: row.line)
    if repeated:
        report.notes.append(
            _n(
                "Line %(line)s overlaps another row of the same person. The longer one is used.",
                "%(num)s rows overlap another row of the same person (first: line %(line)s). The longer one is used.",
                len(repeated),
                line=min(repeated),
            )
        )


def _by_person(rows: Iterable[Row]) -> dict[str, list[Row]]:
    by_person: dict[str, list[Row]] = {}
    for row in rows:
        by_person.setdefault(_who(row), []).append(row)
    return by_person


def _is_timed(row: SumRow) -> bool:
    return row.first_ms is not None or row.last_ms is not None


def _without_overlaps(
    timed: Sequence[SumRow], stays: list[ReportRow]
) -> tuple[list[SumRow], list[ReportRow], list[int]]:
    """The sums with times and the stays of one person that count, and the lines of those that overlap longer ones."""
    sums: list[SumRow] = []
    repeated: list[int] = []
    separate = _apart(timed)
    for reported in separate:
        begin, end = _window(reported)
        within = [row for row in stays if row.joined_ms < end and begin < row.left_ms]
        if within and _length(within, begin, end) >= reported.total_ms:
            repeated.append(reported.line)
            continue
        sums.append(reported)
        if within:
            repeated += [row.line for row in within]
            stays = [part for row in stays for part in _outside(row, begin, end)]
    contents = {row.content for row in separate}
    return sums, stays, repeated + [row.line for row in timed if row.content not in contents]


def _who(row: ReportRow | SumRow) -> str:
    return row.email.casefold() or f"{row.registrant}|{row.reported_name or row.name}"


def _untimed(sums: Sequence[SumRow], way: str) -> list[SumRow]:
    """One of sums of no time of one person; the same one twice is one."""
    totals = {one.total_ms for one in sums}
    if len(totals) < 2:
        return list(sums[:1])
    if way not in WAYS:
        lines = listed(str(row.line) for row in sums[:5])
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
