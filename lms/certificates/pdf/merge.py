"""Many certificates as one PDF for printing, with shared objects written once.

pikepdf reads the certificates. The file is written here as a stream: pikepdf would keep all of it in memory. Only
offsets and digests are kept. It has no signature and no structure tree: the certificates themselves have those.
"""

from __future__ import annotations

import hashlib
import io
from array import array
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, BinaryIO

from pikepdf import Array, Dictionary, Name, Object, Pdf, Stream

_LEFT_OUT = frozenset({"/Parent", "/StructParents", "/Tabs", "/Annots"})
"""Entries of a page that lead to the file it comes from."""
_PAGES = 1  # the number of the list of pages

_Copied = dict[tuple[int, int], int]
"""The number in this file of each object of another."""


class Printout:
    """Writes pages into a file, certificate after certificate; `finish` ends it."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._at = file, 0
        self._places = array("Q", [0, 0])  # of objects 0 (none) and 1 (the list of pages)
        self._known: dict[bytes, int] = {}
        self._pages = array("L")
        self._write(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")

    def add(self, pdf: bytes) -> None:
        """The pages of a file. Raises pikepdf.PdfError for what is not a PDF."""
        with Pdf.open(io.BytesIO(pdf)) as source:
            copied: _Copied = {}
            for page in source.pages:
                kept = ((name, value) for name, value in page.obj.items() if name not in _LEFT_OUT)
                self._pages.append(self._object(self._dictionary(kept, copied, b"/Parent %d 0 R" % _PAGES)))

    def finish(self) -> None:
        """Writes what leads to the pages."""
        self._places[_PAGES] = self._at
        kids = b" ".join(b"%d 0 R" % page for page in self._pages)
        self._write(b"%d 0 obj\n<</Type/Pages/Count %d/Kids[%s]>>\nendobj\n" % (_PAGES, len(self._pages), kids))
        root = self._object(b"<</Type/Catalog/Pages %d 0 R>>" % _PAGES)
        start = self._at
        self._write(b"xref\n0 %d\n0000000000 65535 f \n" % len(self._places))
        for place in self._places[1:]:
            self._write(b"%010d 00000 n \n" % place)
        self._write(b"trailer\n<</Size %d/Root %d 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (len(self._places), root, start))

    def _write(self, content: bytes) -> None:
        self._file.write(content)
        self._at += len(content)

    def _object(self, body: bytes) -> int:
        number = len(self._places)
        self._places.append(self._at)
        self._write(b"%d 0 obj\n%s\nendobj\n" % (number, body))
        return number

    def _dictionary(self, entries: Iterable[tuple[str, Any]], copied: _Copied, more: bytes = b"") -> bytes:
        written = (_name(name) + b" " + self._value(value, copied) for name, value in entries)
        return b"<<" + b"".join(written) + more + b">>"

    def _value(self, value: Any, copied: _Copied) -> bytes:
        """A value as it is written within another; pikepdf gives numbers and truth values as Python's own."""
        if not isinstance(value, Object):
            return Array([value]).unparse()[1:-1]
        if value.is_indirect:
            return b"%d 0 R" % self._copy(value, copied)
        return self._body(value, copied)

    def _body(self, value: Object, copied: _Copied) -> bytes:
        if isinstance(value, Stream):
            head = self._dictionary(value.items(), copied)
            return head + b"stream\n" + value.read_raw_bytes() + b"\nendstream"
        written = value.unparse()
        if b" R" not in written:  # it refers to nothing
            return written
        if isinstance(value, Dictionary):
            return self._dictionary(value.items(), copied)
        if isinstance(value, Array):
            return b"[" + b" ".join(self._value(one, copied) for one in value) + b"]"
        return written

    def _copy(self, value: Object, copied: _Copied) -> int:
        if value.objgen not in copied:
            body = self._body(value, copied)
            mark = hashlib.sha256(body).digest()[:16]
            if mark not in self._known:
                self._known[mark] = self._object(body)
            copied[value.objgen] = self._known[mark]
        return copied[value.objgen]


@lru_cache(maxsize=1024)
def _name(name: str) -> bytes:
    return Name(name).unparse()
