"""Compares the totals stated in a file, people and duration, with its rows."""

from __future__ import annotations

from lms.attendance_imports.readers.report import Report, ReportRow, SumRow
from lms.core.text.i18n import _

_SLACK_MS = 10 * 60_000


def people_in(report: Report) -> int:
    """How many people a report names, as far as names and addresses distinguish them."""
    people: list[ReportRow | SumRow] = [*report.rows, *report.sums]
    return len({row.email.casefold() or f"{row.registrant}|{row.reported_name}" for row in people})


def compare(report: Report, *, people: str, rows: int, lasted_ms: int | None = None) -> None:
    """Adds a note where a file has fewer `rows` than the `people` it states, or covers less time than it states."""
    if people.isdecimal() and len(people) < 7 and rows < int(people):
        report.notes.append(
            _(
                "The file states %(stated)s participants but contains %(found)s. Part of it may be missing.",
                stated=int(people),
                found=rows,
            )
        )
    spans = [(row.joined_ms, row.left_ms) for row in report.rows]
    spans += [
        (one.first_ms, one.last_ms) for one in report.sums if one.first_ms is not None and one.last_ms is not None
    ]
    if lasted_ms is None or not spans or report.rejected:
        return
    covered = max(left for _joined, left in spans) - min(joined for joined, _left in spans)
    if covered + max(_SLACK_MS, lasted_ms // 10) < lasted_ms:
        report.notes.append(
            _(
                "The file states that the meeting lasted %(stated)s minutes, but its rows cover %(found)s. "
                "Part of it may be missing.",
                stated=lasted_ms // 60_000,
                found=covered // 60_000,
            )
        )
