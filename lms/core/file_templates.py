"""Workbooks to fill in for each file that can be imported, from the columns that its reader knows."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lms.core.workbooks import Workbook, widths_of


@dataclass(frozen=True)
class FileTemplate:
    """The columns of a file, in order, and rows that show what belongs there, by column: nobody in them is real."""

    columns: Sequence[str]
    examples: Sequence[Mapping[str, str]]

    def write(self) -> bytes:
        """The workbook (XLSX)."""
        rows = [[example.get(column, "") for column in self.columns] for example in self.examples]
        buffer = io.BytesIO()
        with Workbook(buffer, zone="UTC") as book:
            book.add_sheet("Template", self.columns, rows, widths=widths_of(self.columns, rows))
        return buffer.getvalue()
