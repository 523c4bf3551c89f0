"""Workbooks out (XLSX): typed cells, headings that stay in sight, flat memory however many rows there are."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from datetime import date, datetime
from types import TracebackType
from typing import Any, BinaryIO
from zoneinfo import ZoneInfo

from lms.core.tables import harmless

MIME = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
MOST_ROWS = 1_048_575
"""Rows of one sheet below its headings; more continue in a further sheet."""
_TITLE_LENGTH = 31
_NARROWEST, _WIDEST = 8, 60
_FORBIDDEN = re.compile(r"[\[\]:*?/\\']")


class Year(int):
    """A year as a number, which is not grouped."""


class Workbook(AbstractContextManager["Workbook"]):
    """An XLSX file written from top to bottom. Times are written in `zone`, because spreadsheets have no time zones.

    `target` is a path or an open binary file.
    """

    def __init__(self, target: str | BinaryIO, *, zone: str) -> None:
        import xlsxwriter  # only here: servers start without it

        options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
        self._book = xlsxwriter.Workbook(target, options)
        self._zone = ZoneInfo(zone)
        self._head = self._book.add_format({"bold": True, "bottom": 1, "text_wrap": True, "valign": "top"})
        self._day = self._book.add_format({"num_format": "yyyy-mm-dd"})
        self._moment = self._book.add_format({"num_format": "yyyy-mm-dd hh:mm"})
        self._number = self._book.add_format({"num_format": "#,##0"})
        self._year = self._book.add_format({"num_format": "0", "align": "left"})
        self._head_year = self._book.add_format({"num_format": "0", "bold": True, "bottom": 1, "valign": "top"})
        self._decimal = self._book.add_format({"num_format": "#,##0.0"})
        self._titles: set[str] = set()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._book.close()

    def add_sheet(
        self,
        title: str,
        headings: Sequence[str | Year],
        rows: Iterable[Sequence[object]],
        *,
        widths: Sequence[int] = (),
    ) -> int:
        """Writes rows under frozen headings, into further sheets where they do not fit into one; returns how many.

        `widths` are in characters. Default: as wide as the headings.
        """
        written, sheet, line = 0, None, 0
        for row in rows:
            if sheet is None or line >= MOST_ROWS:
                sheet, line = self._begin(title, headings, widths), 0
            line += 1
            written += 1
            for column, cell in enumerate(row):
                self._write(sheet, line, column, cell)
        if sheet is None:
            self._begin(title, headings, widths)
        return written

    def _begin(self, title: str, headings: Sequence[str | Year], widths: Sequence[int]) -> Any:
        sheet = self._book.add_worksheet(self._free_title(title))
        for column, heading in enumerate(headings):
            wide = widths[column] if column < len(widths) else len(str(heading)) + 2
            sheet.set_column(column, column, min(max(wide, _NARROWEST), _WIDEST))
        if headings:
            sheet.freeze_panes(1, 1)
            for column, heading in enumerate(headings):
                if isinstance(heading, Year):
                    sheet.write_number(0, column, heading, self._head_year)
                else:
                    sheet.write_string(0, column, harmless(heading), self._head)
        return sheet

    def _free_title(self, title: str) -> str:
        bare = _FORBIDDEN.sub(" ", title).strip()[:_TITLE_LENGTH] or "1"
        free, number = bare, 1
        while free.casefold() in self._titles:
            number += 1
            free = f"{bare[: _TITLE_LENGTH - len(str(number)) - 1]} {number}"
        self._titles.add(free.casefold())
        return free

    def _write(self, sheet: Any, line: int, column: int, cell: object) -> None:
        if cell is None:
            return
        if isinstance(cell, bool):
            sheet.write_boolean(line, column, cell)
        elif isinstance(cell, Year):
            sheet.write_number(line, column, cell, self._year)
        elif isinstance(cell, int):
            sheet.write_number(line, column, cell, self._number)
        elif isinstance(cell, float):
            sheet.write_number(line, column, cell, self._decimal)
        elif isinstance(cell, datetime):
            sheet.write_datetime(line, column, cell.astimezone(self._zone).replace(tzinfo=None), self._moment)
        elif isinstance(cell, date):
            sheet.write_datetime(line, column, cell, self._day)
        else:
            sheet.write_string(line, column, harmless(cell))


def widths_of(headings: Sequence[str | Year], rows: Sequence[Sequence[object]]) -> list[int]:
    """Returns column widths that fit the contents, in characters."""
    return [
        max(
            [
                len(str(heading)),
                *(len(str(row[column])) for row in rows if column < len(row) and row[column] is not None),
            ]
        )
        + 2
        for column, heading in enumerate(headings)
    ]
