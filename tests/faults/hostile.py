"""Files that are made to hurt whoever reads them: small, and each takes gigabytes or minutes where it is trusted."""

from __future__ import annotations

from collections.abc import Callable

from tests.faults.spreadsheets import MAIN, book, sheet

_NAMED = '<c r="A{0}" t="s"><v>0</v></c>'


def counted_strings() -> bytes:
    """A workbook of two kilobytes whose shared strings say that there are 4,294,967,295 of them."""
    strings = f'<sst xmlns="{MAIN}" count="4294967295" uniqueCount="4294967295"><si><t>email</t></si></sst>'
    return book(sheet(f'<row r="1">{_NAMED.format(1)}</row>'), {"xl/sharedStrings.xml": strings})


def repeated_string(cells: int = 60_000, length: int = 90_000) -> bytes:
    """A workbook of 310 kB each of whose cells names the one long shared string: 5.4 GB of text."""
    rows = "".join(f'<row r="{n}">{_NAMED.format(n)}</row>' for n in range(1, cells + 1))
    return book(sheet(rows), {"xl/sharedStrings.xml": f'<sst xmlns="{MAIN}"><si><t>{"x" * length}</t></si></sst>'})


def one_wide_line() -> bytes:
    """A CSV of 15 MB that is one line of seven and a half million columns."""
    return b"a," * 7_500_000


def long_cells() -> bytes:
    """A workbook whose cells hold more than any cell can, and less than memory does."""
    return repeated_string(100, 40_000)


def much_text() -> bytes:
    """A workbook of cells that may each be so long, but not all of them."""
    return repeated_string(1_200, 30_000)


def many_cells() -> bytes:
    """A CSV of 8 MB whose lines have the most columns that one may have, and nothing in them."""
    return (b"a" + b"," * 999 + b"\n") * 8_000


def deep_json() -> bytes:
    """What begins as a report of BigBlueButton does, and is 100,000 lists within lists."""
    return b'{"data": ' + b"[" * 100_000


def many_attendees() -> bytes:
    """A report of BigBlueButton of 12 MB in which 300,000 people left without having come."""
    attendee = b'{"name": "A", "leaves": ["2026-11-04"]}'
    return b'{"data": {"attendees": [' + b",".join([attendee] * 300_000) + b"]}}"


FILES: dict[str, tuple[Callable[[], bytes], int, int]] = {
    "shared strings that are said to be 4,294,967,295": (counted_strings, 422, 422),
    "one long string named 60,000 times": (repeated_string, 422, 422),
    "one line of millions of columns": (one_wide_line, 413, 413),
    "cells too long": (long_cells, 413, 413),
    "too much text": (much_text, 413, 413),
    "too many cells": (many_cells, 413, 413),
    "deep JSON": (deep_json, 413, 422),
    "too many attendees": (many_attendees, 413, 413),
}
"""By what they do: how each is made, and what it is answered as a list and as a report of attendance."""
