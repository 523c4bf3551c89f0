"""Reads a report of attendance from any supported system. Nothing is looked up or written.

The file is read in a separate process (`core.storage.foreign_files`): `child_process` there, plain values here.
"""

import hashlib
from datetime import datetime

from lms.attendance_imports.readers.child_process import column_preview_from, unpacked
from lms.attendance_imports.readers.mapping import ColumnPreview
from lms.attendance_imports.readers.recognition import FORMATS
from lms.attendance_imports.readers.report import Report
from lms.core.storage.foreign_files import TABLES, read_foreign
from lms.core.storage.tables import check_size

NAMES = ("auto", *FORMATS)


def digest(content: bytes) -> str:
    """Identifies a file; evidence is identified by its content, see `evidence_of`."""
    return hashlib.sha256(content).hexdigest()


def read_report(
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
    """Reads a file of attendance.

    `mapping` says what the columns of a plain table mean: heading → one of `readers.mapping.FIELDS`.
    `near` and `until` are when the lecture was; `sums` says how several sums of one person are read (add, largest).
    Raises Invalid naming `format`, `time_zone`, `date_order`, `sums`, `file` or `mapping` (UnknownHeadings where nobody
    said); WrongKind; TooLarge.
    """
    check_size(content)
    values = read_foreign(
        TABLES, "lms.attendance_imports.readers.child_process:report_of", content,
        format=format, time_zone=time_zone, date_order=date_order,
        mapping=mapping, near=near.isoformat() if near is not None else None,
        until=until.isoformat() if until is not None else None, sums=sums,
    )  # fmt: skip
    return unpacked(values)


def look_at(content: bytes) -> ColumnPreview | None:
    """The columns of a table, to be asked about; None where there is none."""
    check_size(content)
    (value,) = read_foreign(TABLES, "lms.attendance_imports.readers.child_process:column_preview_in", content)
    return column_preview_from(value) if value is not None else None
