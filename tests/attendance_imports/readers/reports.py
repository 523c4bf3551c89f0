"""Reports made for tests, in the ways in which files reach us, and the minutes that they amount to."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import xlsxwriter

from lms.attendance import rules
from lms.attendance_imports.readers.report import Report
from lms.core.time import clock

Rows = Sequence[Sequence[Any]]


def written(rows: Rows, delimiter: str = ",", *, width: int = 0, encoding: str = "utf-8", end: str = "\r\n") -> bytes:
    """The rows as text; each filled up to `width` cells, as a spreadsheet leaves them."""
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter, lineterminator=end)
    for row in rows:
        writer.writerow([*row, *[""] * (width - len(row))])
    return out.getvalue().encode(encoding)


def workbook(rows: Rows, time_format: str = "dd/mm/yyyy hh:mm:ss") -> bytes:
    """The rows as a workbook; datetimes are dates in it, numbers numbers."""
    out = io.BytesIO()
    book = xlsxwriter.Workbook(out, {"in_memory": True, "strings_to_formulas": False})
    sheet, dated = book.add_worksheet(), book.add_format({"num_format": time_format})
    for line, row in enumerate(rows):
        for column, cell in enumerate(row):
            if isinstance(cell, datetime):
                sheet.write_datetime(line, column, cell, dated)
            else:
                sheet.write(line, column, cell)
    book.close()
    return out.getvalue()


WAYS: dict[str, Callable[[Rows], bytes]] = {
    "csv": written,
    "csv with a byte order mark": lambda rows: written(rows, encoding="utf-8-sig"),
    "csv without the last line's end": lambda rows: written(rows).rstrip(),
    "trailing commas": lambda rows: written(rows, width=14),
    "semicolons": lambda rows: written(rows, ";", encoding="utf-8-sig"),
    "tabs, UTF-16": lambda rows: written(rows, "\t", encoding="utf-16"),
    "tabs, UTF-16 big-endian": lambda rows: b"\xfe\xff" + written(rows, "\t", encoding="utf-16-be"),
    "GB18030": lambda rows: written(rows, encoding="gb18030"),
    "each line one cell": lambda rows: written([[line] for line in written(rows).decode().splitlines()], "\t"),
    "xlsx": workbook,
}
"""One table as it comes out of many programs."""


def at(text: str) -> int:
    """Milliseconds of an instant written as ISO with its offset."""
    return clock.to_ms(datetime.fromisoformat(text))


def minutes(report: Report, start: str, end: str) -> dict[str, float]:
    """Minutes within a lecture by who was there (address, else name), as the rules count them."""
    span = at(start), at(end)
    seen: dict[str, list[rules.Interval]] = {}
    for row in report.rows:
        seen.setdefault(row.email.casefold() or row.name, []).append((row.joined_ms, row.left_ms))
    for sums in report.sums:
        first, last, stated = rules.place_sum(
            first=sums.first_ms, last=sums.last_ms, joins=sums.joins, total_ms=sums.total_ms,
            meeting=(report.starts_ms, report.ends_ms), start=span[0],
        )  # fmt: skip
        part = (first, last) if stated is None else rules.certain(first, last, stated, *span)
        seen.setdefault(sums.email.casefold() or sums.name, []).append(part)
    return {who: rules.length(rules.clip(rules.unite(found), *span)) / 60_000 for who, found in seen.items()}
