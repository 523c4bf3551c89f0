"""A further revision of a PDF that typst wrote: objects appended behind it, the bytes before left as they are.

It reads what typst writes and no more: one table of references, no compressed objects, one page or several.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field

_TRAILER = re.compile(rb"trailer\s*<<(.*?)>>\s*startxref\s*(\d+)\s*%%EOF\s*$", re.DOTALL)
_ROWS = re.compile(rb"xref\s+0 (\d+)\s")
_ROW = 20  # bytes of a row in the table of references


class CannotRevise(ValueError):
    """The file is not of the kind that is written here."""


def _found(pattern: bytes, text: bytes) -> re.Match[bytes]:
    match = re.search(pattern, text, re.DOTALL)
    if match is None:
        raise CannotRevise(f"no {pattern.decode()}")
    return match


@dataclass
class Revision:
    """An incremental update to append to `pdf`: objects by number. Raises CannotRevise for a file of another kind."""

    pdf: bytes
    objects: dict[int, bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        trailer = _TRAILER.search(self.pdf, max(0, len(self.pdf) - 2048))
        if trailer is None:
            raise CannotRevise("no trailer")
        self._entries, self._before = trailer[1], int(trailer[2])
        rows = _ROWS.match(self.pdf, self._before)
        if rows is None:
            raise CannotRevise("no table of references")
        self._rows, self.size = rows.end(), int(rows[1])
        self.root = int(_found(rb"/Root (\d+) 0 R", self._entries)[1])

    def number(self) -> int:
        """The number of a new object."""
        self.size += 1
        return self.size - 1

    def read(self, number: int) -> bytes:
        """The current content of an object that is no stream, without its wrapper."""
        if number in self.objects:
            return self.objects[number]
        row = self._rows + number * _ROW
        try:
            start = int(self.pdf[row : row + 10])
        except ValueError:
            raise CannotRevise(f"no object {number}") from None
        frame = b"%d 0 obj" % number
        end = self.pdf.find(b"endobj", start)
        if not self.pdf.startswith(frame, start) or end < 0:
            raise CannotRevise(f"no object {number}")
        return self.pdf[start + len(frame) : end].strip()

    def reference(self, number: int, name: bytes) -> int:
        """The number of the object that a dictionary names, or of the first in the list it names."""
        return int(_found(rb"/" + name + rb"\s*\[?\s*(\d+) 0 R", self.read(number))[1])

    def elements(self, kind: str) -> list[int]:
        """The numbers of the elements of the structure of this kind, in the order of reading."""
        return [int(one) for one in re.findall(rb"(\d+) 0 obj\s*<</Type/StructElem/S/%s/" % kind.encode(), self.pdf)]

    def replace(self, number: int, pattern: bytes, by: bytes) -> re.Match[bytes]:
        """Changes the one place of an object that the pattern finds; `\\g<n>` in `by` are its groups."""
        text = self.read(number)
        match = _found(pattern, text)
        self.objects[number] = text[: match.start()] + match.expand(by) + text[match.end() :]
        return match

    def extend(self, number: int, entries: bytes) -> None:
        """Adds entries to a dictionary."""
        self.replace(number, rb">>\Z", entries.replace(b"\\", b"\\\\") + b">>")

    def written(self) -> bytes:
        """The whole file with the revision behind it."""
        parts, places, at = [self.pdf.rstrip() + b"\n"], {}, len(self.pdf.rstrip()) + 1
        for number in sorted(self.objects):
            places[number] = at
            parts.append(b"%d 0 obj\n%s\nendobj\n" % (number, self.objects[number]))
            at += len(parts[-1])
        table = [b"xref\n"]
        for first in (number for number in places if number - 1 not in places):
            last = first
            while last + 1 in places:
                last += 1
            table.append(b"%d %d\n" % (first, last - first + 1))
            table += [b"%010d 00000 n \n" % places[number] for number in range(first, last + 1)]
        entries = re.sub(rb"/Size \d+", b"/Size %d" % self.size, self._entries)
        named = hashlib.sha256(b"".join(parts[1:])).hexdigest()[:32].encode()
        entries = re.sub(rb"(/ID\s*\[\s*(?:\([^)]*\)|<[^>]*>))\s*(?:\([^)]*\)|<[^>]*>)", rb"\g<1><%s>" % named, entries)
        table.append(b"trailer\n<<%s/Prev %d>>\nstartxref\n%d\n%%%%EOF\n" % (entries, self._before, at))
        return b"".join([*parts, *table])


def text_string(text: str) -> bytes:
    """A text as PDF writes it."""
    return b"<FEFF" + text.encode("utf-16-be").hex().upper().encode() + b">"
