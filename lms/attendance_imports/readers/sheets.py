"""Files as meeting systems and spreadsheets leave them, opened as lines of cells: any encoding, any separator, XLSX."""

import csv
import json
import re
import unicodedata
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from lms.core.base.errors import Invalid, WrongKind
from lms.core.storage.tables import MAX_BYTES, decode_unicode, is_workbook, read_lines
from lms.core.text.i18n import _

_PICTURES = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"RIFF", b"BM")
_HEAD = 65_536
_QUOTED = re.compile(r'"[^"]*"')
_TRIM = " \t\r\n\x0b\x0c\xa0\u202f\ufeff\u200b\u200e\u200f\u202a\u202b\u202c\u2066\u2067\u2068\u2069"


@dataclass(frozen=True)
class Document:
    """A file of attendance. `lines` is every line that is not empty: (number from 1, trimmed cells); none of JSON.

    `is_whole` is false where the file ends in the middle of a line, as a file does that was cut off; `notes` is what
    has to be said of how it was read.
    """

    content: bytes
    lines: list[tuple[int, list[str]]]
    is_whole: bool = True
    notes: list[str] = field(default_factory=list)

    @cached_property
    def data(self) -> Any:
        """The data of a JSON file; None of a table."""
        if self.lines:
            return None
        return _json(_text(self.content))


def open_document(content: bytes, sheet: int = 0) -> Document:
    """Opens a file, of a workbook one sheet. Raises Invalid (`file`: empty, unreadable), WrongKind (a picture),
    TooLarge."""
    notes: list[str] = []

    def text_of(content: bytes) -> str:
        return _text(content, notes)

    if content.lstrip(b"\xef\xbb\xbf \r\n\t")[:1] in (b"{", b"[") and len(content) <= MAX_BYTES:
        text = text_of(content)
        if _json(text) is not None:
            return Document(content, [], notes=notes)
        if re.match(r'\s*(\{\s*"|\[\s*\{)', text.lstrip("\ufeff")):
            raise Invalid("file", _("The file is damaged or incomplete."))
    try:
        raw = list(read_lines(content, text_of, _delimiter, sheet=sheet))
    except WrongKind as error:
        if content.startswith(_PICTURES):
            raise
        raise Invalid("file", error.message) from error
    lines = [(line, cells) for line, row in _unwrapped(raw) if any(cells := [_trimmed(cell) for cell in row])]
    if not lines:
        raise Invalid("file", _("The file is empty."))
    whole = is_workbook(content) or content.rstrip(b"\x00").endswith((b"\n", b"\r"))
    return Document(content, lines, is_whole=whole, notes=notes)


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _trimmed(cell: str) -> str:
    cell = cell.strip(_TRIM)
    if cell.startswith('="') and cell.endswith('"'):  # how text is kept text on its way through a spreadsheet
        cell = cell[2:-1].replace('""', '"').strip(_TRIM)
    return cell


def _unwrapped(lines: list[tuple[int, list[str]]]) -> Iterator[tuple[int, list[str]]]:
    """The lines, where a spreadsheet took a whole line for one cell, as cells again."""
    delimiter = _delimiter("\n".join(cells[0].replace('"', "") for _line, cells in lines[:200]))
    for line, cells in lines:
        if cells[0].count(delimiter) > 1 and not any(cells[1:]):
            with suppress(csv.Error):  # a cell of several lines: no line that was wrapped
                cells = next(csv.reader([cells[0]], delimiter=delimiter), [])
        yield line, cells


def _delimiter(text: str) -> str:
    """The delimiter: the most frequent one outside quotations in the first lines."""
    head = _QUOTED.sub("", text[:_HEAD])
    return max("\t;,", key=head.count)


def _text(content: bytes, notes: list[str] | None = None) -> str:
    """The text of a file: UTF-8, UTF-16, or an older Chinese or Western encoding, which is recorded in `notes`."""
    text = decode_unicode(content)
    if text is not None:
        return text
    notes = notes if notes is not None else []
    chinese = _decoded(content, "gb18030")
    western = _decoded(content, "cp1252")
    if chinese is not None and (western is None or _is_chinese(chinese)):
        notes.append(_("The file does not declare its encoding; it was read as GB18030 (Chinese)."))
        return chinese
    if western is not None:
        notes.append(_("The file does not declare its encoding; it was read as Windows-1252 (Western European)."))
        return western
    raise Invalid("file", _("The encoding of this file is not supported. Save it as “CSV UTF-8” or as XLSX."))


def _decoded(content: bytes, encoding: str) -> str | None:
    try:
        text = content.decode(encoding)
    except UnicodeError:
        return None
    return None if "\x00" in text else text


def _is_chinese(text: str) -> bool:
    """Whether Chinese characters form separate words: misread Western text mixes single ones into Latin words."""
    outside = within = 0
    for match in re.finditer(r"[^\x00-\x7f]+", text[:_HEAD]):
        start, end = match.span()
        signs = match.group()
        letters = (text[start - 1 : start] + text[end : end + 1]).strip()
        if not all(unicodedata.category(sign) in ("Lo", "Po", "Ps", "Pe", "Pd", "So", "Pi", "Pf") for sign in signs):
            continue
        if any(sign.isascii() and sign.isalpha() for sign in letters):
            within += 1
        else:
            outside += 1
    return outside > within
