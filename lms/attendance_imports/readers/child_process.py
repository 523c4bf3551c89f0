"""Reads a report of attendance within the process that foreign files are read in, and packs it for the way back.

What goes back is JSON: a report's own values, then its rows in pieces.
"""

from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from lms.attendance_imports.readers.mapping import ColumnPreview, PreviewedColumn, UnknownHeadings, column_preview_of
from lms.attendance_imports.readers.recognition import FORMATS, read_file
from lms.attendance_imports.readers.report import ReadingOptions, Report, ReportRow, SumRow
from lms.attendance_imports.readers.sheets import open_document
from lms.attendance_imports.readers.sums import WAYS
from lms.attendance_imports.readers.timestamps import DateOrder, month_numbers
from lms.core.base.errors import Fault, Invalid, TooLarge
from lms.core.storage.tables import MAX_ROWS
from lms.core.text.i18n import _
from lms.core.text.punctuation import listed

_PIECE = 2000
_SINGLE = ("format", "total", "notes", "title", "meeting", "starts_ms", "ends_ms", "is_local", "was_ordered",
           "may_lack_halves", "not_read", "signature")  # fmt: skip


# Within


def prepare() -> None:
    """Makes what takes longer than to read most reports: the names of months in all languages."""
    month_numbers()


def report_of(
    content: bytes,
    *,
    format: str,
    time_zone: str | None,
    date_order: str | None,
    mapping: dict[str, str] | None,
    near: str | None,
    until: str | None,
    sums: str,
) -> Iterator[dict[str, Any]]:
    """Returns what `reading.read_report` answers, for `unpacked`."""
    start, end = (datetime.fromisoformat(one) if one is not None else None for one in (near, until))
    try:
        report = parse_report(
            content, format=format, time_zone=time_zone, date_order=date_order, mapping=mapping, near=start, until=end,
            sums=sums,
        )  # fmt: skip
    except UnknownHeadings as error:
        yield {"unknown": asdict(error.column_preview), "reason": error.message}
        return
    if report.total > MAX_ROWS:
        raise TooLarge(_("The file has more than %(n)s rows.", n=MAX_ROWS))
    yield {name: getattr(report, name) for name in _SINGLE}
    for name, rows in (("rows", report.rows), ("sums", report.sums), ("rejected", report.rejected)):
        for place in range(0, len(rows), _PIECE):
            yield {name: [_tuple_of(row) for row in rows[place : place + _PIECE]]}


def _tuple_of(row: ReportRow | SumRow | Fault) -> tuple[Any, ...]:
    return tuple(getattr(row, name) for name in row.__dataclass_fields__)


def column_preview_in(content: bytes) -> Iterator[dict[str, Any] | None]:
    """Returns what `reading.look_at` answers, for `column_preview_from`."""
    column_preview = column_preview_of(open_document(content))
    yield asdict(column_preview) if column_preview is not None else None


def parse_report(
    content: bytes,
    *,
    format: str = "auto",
    time_zone: str | None = None,
    date_order: str | None = None,
    mapping: dict[str, str] | None = None,
    near: datetime | None = None,
    until: datetime | None = None,
    sums: str = "",
) -> Report:
    """`reading.read_report`, in the process that calls it."""
    if format not in ("auto", *FORMATS):
        raise Invalid("format", _("The format must be one of: %(names)s.", names=listed(("auto", *FORMATS))))
    if sums not in ("", *WAYS):
        raise Invalid(
            "sums", _("Several durations for one person must be read as one of: %(names)s.", names=listed(WAYS))
        )
    return read_file(
        content, format, ReadingOptions(_zone(time_zone), _order(date_order), mapping or None, near, until, sums)
    )


def _zone(name: str | None) -> ZoneInfo | None:
    if not name:
        return None
    if name not in available_timezones():
        raise Invalid("time_zone", _("Unknown time zone “%(name)s”. Use a name such as Asia/Shanghai.", name=name))
    return ZoneInfo(name)


def _order(name: str | None) -> DateOrder | None:
    if not name:
        return None
    try:
        return DateOrder(name)
    except ValueError:
        raise Invalid("date_order", _("The date order must be one of: mdy, dmy, ymd.")) from None


# Outside


def unpacked(values: list[Any]) -> Report:
    """The report of what `report_of` yielded. Raises UnknownHeadings."""
    first, *pieces = values
    if "unknown" in first:
        raise UnknownHeadings(column_preview_from(first["unknown"]), first["reason"])
    report = Report(**first)
    for piece in pieces:
        report.rows += [ReportRow(*row) for row in piece.get("rows", ())]
        report.sums += [SumRow(*row) for row in piece.get("sums", ())]
        report.rejected += [Fault(*row) for row in piece.get("rejected", ())]
    return report


def column_preview_from(value: dict[str, Any]) -> ColumnPreview:
    """The column preview in what `column_preview_in` yielded."""
    return ColumnPreview(value["place"], [PreviewedColumn(**column) for column in value["columns"]], value["signature"])
