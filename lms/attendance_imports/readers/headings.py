"""Headings as files write them, recognised loosely: without regard to case, spaces, marks and brackets, and with a
letter or two wrong. The words themselves are in `vocabulary`."""

import re
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from rapidfuzz import process
from rapidfuzz.distance import OSA

from lms.attendance_imports.readers import timestamps
from lms.attendance_imports.readers.sheets import Document

_LONGEST = 200
"""No heading is longer; searching for brackets in a longer text would take its length squared."""
_BRACKETED = re.compile(r"[(（\[][^)）\]]*[)）\]]")
_NUMBERED = re.compile(r"(?<=\D)\d{1,2}$")
"""`User_Email_2`: the second column of this heading."""
_SYLLABLES = "\u2e80"
"""From here on, one character is a syllable or a word: another one means something else."""


@lru_cache(maxsize=4096)
def plain(heading: str) -> str:
    """A heading for comparing: its letters and figures only, without case and accents."""
    return "".join(sign for sign in unicodedata.normalize("NFKD", heading).casefold() if sign.isalnum())


class Vocabulary:
    """The names of fields in headings."""

    def __init__(self, fields: Mapping[str, Sequence[str]]) -> None:
        self.fields = {name: tuple(words) for name, words in fields.items()}
        self._known: dict[str, str] = {}
        for name, words in self.fields.items():
            for word in words:
                if plain(word):
                    self._known.setdefault(plain(word), name)

    def field(self, heading: str) -> str | None:
        """Returns what a heading means: as it is, else without what is in brackets, else without the number at its
        end."""
        if len(heading) > _LONGEST:
            return None
        field = self._known.get(plain(heading))
        if field is None and heading:
            field = self._known.get(plain(_BRACKETED.sub("", heading)) or "-")
        if field is None and heading:
            field = self._known.get(_NUMBERED.sub("", plain(heading)) or "-")
        return field

    def near(self, heading: str) -> str | None:
        """Returns what a heading means that has one letter wrong, or two of ten; None where it may mean several
        things."""
        text = plain(_BRACKETED.sub("", heading)) if len(heading) <= _LONGEST else ""
        return self._near(text, 1 if len(text) < 10 else 2) if len(text) > 5 and max(text) < _SYLLABLES else None

    def _near(self, text: str, most: int) -> str | None:
        nearest = process.extract(text, self._known.keys(), scorer=OSA.distance, score_cutoff=most, limit=None)
        least = min((distance for _word, distance, _index in nearest), default=0)
        fields = {self._known[word] for word, distance, _index in nearest if distance == least and word[:1] == text[:1]}
        return fields.pop() if len(fields) == 1 else None

    def without(self, *names: str) -> "Vocabulary":
        """All fields but these."""
        return Vocabulary({name: words for name, words in self.fields.items() if name not in names})

    def with_(self, fields: Mapping[str, Sequence[str]]) -> "Vocabulary":
        """Further fields, or further names of those that are there; the further ones go first."""
        return Vocabulary({**fields, **{name: (*fields.get(name, ()), *words) for name, words in self.fields.items()}})


@dataclass(frozen=True)
class Heading:
    """A line of headings: `place` in the document's lines (-1: the file has none), its number in the file, its cells,
    and the column (from 0) of each field that was recognised.

    `near` are fields whose heading is written a little differently; `unread` are the columns whose heading means
    nothing here.
    """

    place: int
    line: int
    cells: list[str]
    columns: dict[str, int]
    near: frozenset[str] = frozenset()
    unread: list[int] = field(default_factory=list)

    @property
    def unknown(self) -> list[str]:
        """The headings that mean nothing here."""
        known = set(self.columns.values())
        return [self.cells[index] for index in self.unread if index not in known]

    @property
    def width(self) -> int:
        """How many columns have a heading, the empty ones at the end left out."""
        return max((index + 1 for index, cell in enumerate(self.cells) if cell), default=0)

    def cell(self, row: Sequence[str], field: str) -> str:
        """Returns what a row says under a field; nothing where the row ends before, or there is no such column."""
        index = self.columns.get(field)
        return row[index] if index is not None and index < len(row) else ""

    def words(self, field: str) -> str:
        """The heading of a field as the file writes it; the number of its column where it has none."""
        index = self.columns.get(field)
        if index is None:
            return field
        return self.cells[index] if index < len(self.cells) else f"#{index + 1}"


def heading_at(document: Document, place: int, vocabulary: Vocabulary, *, last: bool = False) -> Heading:
    """The line at a place, taken for headings; of two columns of one field the first counts, or the `last`."""
    line, cells = document.lines[place]
    columns: dict[str, int] = {}
    unread: list[int] = []
    for index, cell in enumerate(cells):
        meaning = vocabulary.field(cell)
        if meaning is None:
            unread += [index] if cell else []
        elif last or meaning not in columns:
            columns[meaning] = index
    near: dict[str, int] = {}
    if columns and unread and not any(map(is_value, cells)):
        for index in unread:
            meaning = vocabulary.near(cells[index])
            if meaning is not None and meaning not in columns:
                near.setdefault(meaning, index)
    unread = [index for index in unread if index not in near.values()]
    return Heading(place, line, cells, {**columns, **near}, frozenset(near), unread)


def is_value(cell: str) -> bool:
    """Whether a cell is no heading but what is written beneath one."""
    return "@" in cell or timestamps.read(cell) is not None or cell.replace(".", "").replace(":", "").isdigit()


def find_heading(
    document: Document, vocabulary: Vocabulary, *needed: Collection[str], start: int = 0, within: int = 60
) -> Heading | None:
    """The first line from `start` on that has one of the `needed` sets of fields, below whatever preamble."""
    for place in range(start, min(start + within, len(document.lines))):
        heading = heading_at(document, place, vocabulary)
        if any(heading.columns.keys() >= set(fields) for fields in needed):
            return heading
    return None
