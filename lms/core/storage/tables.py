"""Tables in and out: CSV and XLSX, in the encodings that spreadsheets write, and templates of files to fill in.

Reading refuses clearly: empty (422), another kind of file (415), too large (413). `read_table` reads in a separate
process (`foreign_files`); `read_lines` and its callees run there and trust nothing. Writing escapes cells that begin
like a formula. Workbooks have typed cells and headings that stay in sight, and take the same memory however many
rows there are.
"""

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from types import TracebackType
from typing import Any, BinaryIO
from zoneinfo import ZoneInfo

from lms.core.base.errors import Invalid, TooLarge, WrongKind
from lms.core.storage.foreign_files import TABLES, read_foreign
from lms.core.storage.unpacking import MAX_CELLS, Cell, read_workbook
from lms.core.text.i18n import _

MAX_BYTES = 64 * 1024 * 1024
MAX_ROWS = 250_000
"""More people than the series has seen in years; reading them takes half a gigabyte for a moment."""
MAX_COLUMNS = 1000
MAX_CELL = 32_767
"""Characters of one cell: as many as a spreadsheet holds."""
MAX_CHARACTERS = 32_000_000
"""Characters of all cells together."""
_PIECE = 65_536
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_PICTURES = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"%PDF", b"RIFF", b"BM")


@dataclass(frozen=True)
class Table:
    """The cells of a file as text. `rows` are (line in the file counted from 1, cells)."""

    headings: list[str]
    rows: list[tuple[int, list[str]]]

    def column(self, *names: str) -> int | None:
        """The index of the first heading that is one of `names`, compared without case and marks."""
        plain_names = {_plain(name) for name in names}
        for index, heading in enumerate(self.headings):
            if _plain(heading) in plain_names:
                return index
        return None


def _plain(heading: str) -> str:
    return "".join(sign for sign in heading.casefold() if sign.isalnum())


def read_table(content: bytes) -> Table:
    """Reads a CSV or XLSX file whose first line that is not empty holds the headings.

    Raises Invalid (empty, no rows, unreadable), WrongKind (not a table), TooLarge.
    """
    check_size(content)
    pieces = read_foreign(TABLES, "lms.core.storage.tables:pieces_of", content)
    rows = [(line, cells) for piece in pieces for line, cells in piece]
    if not rows:
        raise Invalid("file", _("The file is empty."))
    return Table(headings=[cell.strip() for cell in rows[0][1]], rows=rows[1:])


def pieces_of(content: bytes) -> Iterator[list[tuple[int, list[str]]]]:
    """The lines of a table in pieces of some thousand cells, for `read_foreign`."""
    piece: list[tuple[int, list[str]]] = []
    size = 0
    for line, cells in read_lines(content, decode):
        piece.append((line, cells))
        size += len(cells) + sum(map(len, cells))
        if size > _PIECE:
            yield piece
            piece, size = [], 0
    yield piece


def check_size(content: bytes) -> None:
    """Raises TooLarge for more bytes than a table may have, Invalid for none."""
    if len(content) > MAX_BYTES:
        raise TooLarge(_("The file is larger than %(n)s MB.", n=MAX_BYTES // 1024 // 1024))
    if not content.strip():
        raise Invalid("file", _("The file is empty."))


def read_lines(
    content: bytes,
    text_of: Callable[[bytes], str],
    delimiter_of: Callable[[str], str] | None = None,
    *,
    sheet: int = 0,
) -> Iterator[tuple[int, list[str]]]:
    """Every line of a CSV or XLSX file that is not empty: (line in the file counted from 1, cells as text).

    `text_of` decodes a file that is not a workbook; `delimiter_of` finds the delimiter from the text (by the first line
    unless given); of a workbook a `sheet` is read, counted from 0. Raises the same errors as `read_table`; too large is
    one row more than `MAX_ROWS` below the first line.
    """
    check_size(content)
    if is_workbook(content):
        rows = _read_xlsx(content, sheet)
    else:
        text = text_of(content)
        rows = _read_csv(text, (delimiter_of or _delimiter)(text))
    count = cells_read = characters = 0
    for line, cells in rows:
        if not any(cells):
            continue
        count += 1
        cells_read += len(cells)
        lengths = [*map(len, cells)]
        characters += sum(lengths)
        if count > MAX_ROWS + 1:
            raise TooLarge(_("The file has more than %(n)s rows.", n=MAX_ROWS))
        if len(cells) > MAX_COLUMNS:
            raise TooLarge(_("Line %(line)s has more than %(n)s columns.", line=line, n=MAX_COLUMNS))
        if cells_read > MAX_CELLS:
            raise TooLarge(_("The table has more than %(n)s cells.", n=MAX_CELLS))
        if max(lengths) > MAX_CELL:
            raise TooLarge(_("Line %(line)s has a cell with more than %(n)s characters.", line=line, n=MAX_CELL))
        if characters > MAX_CHARACTERS:
            raise TooLarge(_("The cells of the file have more than %(n)s characters in total.", n=MAX_CHARACTERS))
        yield line, cells


def is_workbook(content: bytes) -> bool:
    """Whether a file is packed as workbooks are."""
    return content.startswith(b"PK\x03\x04")


def decode(content: bytes) -> str:
    """The text of a file: UTF-8 or UTF-16, with or without a byte order mark. Others, and binary files, are refused."""
    text = decode_unicode(content)
    if text is None:
        raise Invalid("file", _("The file is not UTF-8 or UTF-16. Save it as “CSV UTF-8” or as XLSX."))
    return text


def decode_unicode(content: bytes) -> str | None:
    """The text of a file that is UTF-8 or UTF-16, None where it is neither. Binary files are refused (WrongKind)."""
    if content.startswith(_PICTURES):
        raise WrongKind(_("This is a picture or a PDF, not a table. Save the table as CSV or XLSX."))
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        encoding = "utf-16"
    elif content[1:2] == b"\x00" and content[3:4] == b"\x00":
        encoding = "utf-16-le"
    elif content[0:1] == b"\x00" and content[2:3] == b"\x00":
        encoding = "utf-16-be"
    else:
        encoding = "utf-8-sig"
    try:
        text = content.decode(encoding)
    except UnicodeError:
        text = "\x00"
    if "\x00" not in text:
        return text
    if b"\x00" in content[:4096]:
        raise WrongKind(_("This file is not a table. Save the table as CSV (UTF-8) or XLSX."))
    return None


def _delimiter(text: str) -> str:
    return max(",;\t", key=text.split("\n", 1)[0].count)


def _read_csv(text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    read: list[str] = []  # the lines of the row that is being read
    row: list[str] = []  # and those of the one before

    def lines() -> Iterator[str]:
        for sent in io.StringIO(text, newline=""):
            read.append(sent)
            yield sent

    reader = csv.reader(lines(), delimiter=delimiter)
    line = begun = 1
    try:
        for cells in reader:
            row, read[:] = read[:], []
            yield line, cells
            begun, line = line, reader.line_num + 1
    except csv.Error as error:
        reason = _("Line %(line)s cannot be read: %(error)s.", line=reader.line_num, error=error)
        raise Invalid("file", reason) from error
    if _is_open(row, delimiter):
        raise Invalid("file", _("The quotation mark opened in line %(line)s is never closed.", line=begun))


def _is_open(lines: Sequence[str], delimiter: str) -> bool:
    """Whether the file ends within a quotation: everything after the mark would be one cell."""
    if not any('"' in line for line in lines):
        return False
    try:
        list(csv.reader(lines, delimiter=delimiter, strict=True))
    except csv.Error as error:
        return "unexpected end" in str(error)
    return False


def _read_xlsx(content: bytes, sheet: int) -> Iterator[tuple[int, list[str]]]:
    for line, cells in read_workbook(content, sheet):
        yield line, [_cell_text(cell) for cell in cells]


def _cell_text(cell: Cell) -> str:
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    if isinstance(cell, timedelta):
        return str(timedelta(milliseconds=round(cell / timedelta(milliseconds=1))))
    if isinstance(cell, datetime):
        cell += timedelta(microseconds=500)  # a workbook's times are fractions of days: 17:54:59.999999 is 17:55
        return cell.replace(microsecond=cell.microsecond // 1000 * 1000).isoformat(sep=" ")
    return str(cell)


def harmless(cell: object) -> str:
    """A cell's text for CSV; text that a spreadsheet would read as a formula gets a leading apostrophe."""
    text = "" if cell is None else str(cell)
    if isinstance(cell, str) and text.startswith(_FORMULA):
        return "'" + text
    return text


def write_csv(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    """The lines of a CSV file (UTF-8 with a byte order mark, so that spreadsheets read it), as a stream."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    buffer.write("\ufeff")
    writer.writerow(headings)
    for row in rows:
        writer.writerow([harmless(cell) for cell in row])
        if buffer.tell() > 32_768:
            yield buffer.getvalue()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue()


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


@dataclass(frozen=True)
class FileTemplate:
    """The columns of a file, in order, and rows that show what belongs there, by column: nobody in them is real.

    `{next_year}` in an example stands for the year after the one in which the file is written.
    """

    columns: Sequence[str]
    examples: Sequence[Mapping[str, str]]

    def write(self, *, at: datetime) -> bytes:
        """The workbook (XLSX), as of a moment."""
        years = {"next_year": at.year + 1}
        rows = [[example.get(column, "").format(**years) for column in self.columns] for example in self.examples]
        buffer = io.BytesIO()
        with Workbook(buffer, zone="UTC") as book:
            book.add_sheet("Template", self.columns, rows, widths=widths_of(self.columns, rows))
        return buffer.getvalue()
