"""Workbooks in (XLSX), weighed before the library that reads them: it takes what a file says of itself on trust.

It would unpack whatever is packed, and makes room for every cell up to the last one named: one cell in the last
corner of a sheet, a file of a thousand bytes, is room for 17 thousand million.
"""

import io
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta

from lms.core.base.errors import Invalid, TooLarge, WrongKind
from lms.core.text.i18n import _

MAX_UNPACKED = 256 * 1024 * 1024
MAX_CELLS = 4_000_000
Cell = int | float | str | bool | time | date | datetime | timedelta
_PIECE = 1 << 20
_HEAD = struct.Struct("<26xHH")
_PLACE = re.compile(rb"""\br ?= ?["'] ?([A-Za-z]*)([0-9]+)""")
_OTHER_KINDS = ("xl/workbook.bin", "content.xml", "mimetype")


def read_workbook(content: bytes, sheet: int = 0) -> Iterator[tuple[int, list[Cell]]]:
    """The rows of a sheet, the first unless said: (line counted from 1, cells). Raises Invalid (also where there is no
    such sheet), WrongKind or TooLarge."""
    from python_calamine import CalamineError, CalamineWorkbook

    try:
        _weigh(content)
        worksheet = CalamineWorkbook.from_filelike(io.BytesIO(content)).get_sheet_by_index(sheet)
    except (zipfile.BadZipFile, CalamineError, zlib.error, struct.error) as error:
        raise Invalid("file", _("The file is damaged or incomplete.")) from error
    first = (worksheet.start or (0, 0))[0]
    for index, cells in enumerate(worksheet.iter_rows()):
        yield first + index + 1, cells


def _weigh(content: bytes) -> None:
    """Unpacks everything, piece by piece, and keeps nothing but how much it is and which cell is the last."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = archive.infolist()
    except (NotImplementedError, UnicodeDecodeError) as error:  # a version that nobody has, a name that is no UTF-8
        raise zipfile.BadZipFile from error
    names = {member.filename for member in members}
    if "xl/workbook.xml" not in names or names & set(_OTHER_KINDS):
        raise WrongKind(_("This file is not a table. Save the table as CSV (UTF-8) or XLSX."))
    unpacked = rows = columns = 0
    for member in members:
        pending = b""
        for piece in _unpacked(content, member):
            unpacked += len(piece)
            if unpacked > MAX_UNPACKED:
                raise TooLarge(_("The file is too large once unpacked."))
            if not member.filename.endswith((".xml", ".rels")):
                continue
            if b"\x00" in piece:  # not UTF-8: the places of its cells could not be read here
                raise Invalid("file", _("The file is damaged or incomplete."))
            pending = b" ".join((pending + piece).split())
            for letters, digits in _PLACE.findall(pending):
                rows, columns = max(rows, int(digits[:9])), max(columns, _column(letters))
            if rows * max(columns, 1) > MAX_CELLS:
                raise TooLarge(_("The table has more than %(n)s cells.", n=MAX_CELLS))
            pending = pending[-256:]


def _unpacked(content: bytes, member: zipfile.ZipInfo) -> Iterator[bytes]:
    """Yields what a member really unpacks to, in pieces: the size that it states is not asked."""
    name, extra = _HEAD.unpack_from(content, member.header_offset)
    start = member.header_offset + _HEAD.size + name + extra
    packed = content[start : start + member.compress_size]
    if member.compress_type == zipfile.ZIP_STORED:
        for place in range(0, len(packed), _PIECE):
            yield packed[place : place + _PIECE]
    elif member.compress_type == zipfile.ZIP_DEFLATED:
        unpack = zlib.decompressobj(-zlib.MAX_WBITS)
        while packed and not unpack.eof:
            yield unpack.decompress(packed, _PIECE)
            packed = unpack.unconsumed_tail
        yield unpack.flush()
    else:
        raise Invalid("file", _("The file is damaged or incomplete."))


def _column(letters: bytes) -> int:
    """A → 1, Z → 26, AA → 27."""
    number = 0
    for letter in letters.upper()[:8]:
        number = number * 26 + letter - 64
    return number
