"""Many certificates as one PDF for printing, with shared objects written once.

The file is written as a stream; only offsets and digests are kept in memory. It has no signature and no structure tree:
the certificates themselves have those.
"""

from __future__ import annotations

import hashlib
import re
from array import array
from typing import BinaryIO

from lms.certificates.pdf.incremental_update import CannotRevise, Revision

_OTHERS = re.compile(rb"/(?:Parent|StructParents|StructParent)\s+\d+(?: 0 R)?|/Tabs\s*/S|/Annots\s*\[[^\]]*\]")
_REFERENCE = re.compile(rb"(\d+) 0 R")
_PAGES = 1  # the number of the list of pages


class Printout:
    """Writes pages into a file, certificate after certificate; `finish` ends it."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._at = file, 0
        self._places = array("Q", [0, 0])  # of objects 0 (none) and 1 (the list of pages)
        self._known: dict[bytes, int] = {}
        self._pages = array("L")
        self._write(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")

    def add(self, pdf: bytes) -> None:
        """The pages of a file as it was set, before any later revision. Raises CannotRevise for one of another kind."""
        source = _first_revision(pdf)
        kids = re.search(rb"/Kids\s*\[([^\]]*)\]", source.read(source.reference(source.root, b"Pages")))
        copied: dict[int, int] = {}
        for kid in _REFERENCE.finditer(kids[1] if kids else b""):
            body = _OTHERS.sub(b"", source.read(int(kid[1])))
            page = self._with_new_numbers(source, body, copied)
            self._pages.append(self._object(page[:-2] + b"/Parent %d 0 R>>" % _PAGES))

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

    def _with_new_numbers(self, source: Revision, body: bytes, copied: dict[int, int]) -> bytes:
        """An object's body with what it refers to copied before it; a stream's content is left alone."""
        head, stream, content = body.partition(b"stream")
        return (
            _REFERENCE.sub(lambda found: b"%d 0 R" % self._copy(source, int(found[1]), copied), head) + stream + content
        )

    def _copy(self, source: Revision, number: int, copied: dict[int, int]) -> int:
        if number not in copied:
            body = self._with_new_numbers(source, source.read(number), copied)
            mark = hashlib.sha256(body).digest()[:16]
            if mark not in self._known:
                self._known[mark] = self._object(body)
            copied[number] = self._known[mark]
        return copied[number]


def _first_revision(pdf: bytes) -> Revision:
    before = re.search(rb"/Prev (\d+)>>\s*startxref\s*\d+\s*%%EOF\s*$", pdf[-1024:])
    if before is None:
        return Revision(pdf)
    end = pdf.find(b"%%EOF", int(before[1]))
    if end < 0:
        raise CannotRevise("no first revision")
    return Revision(pdf[: end + 5])
