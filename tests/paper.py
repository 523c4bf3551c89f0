"""What a tagged PDF says: its text in order, and its tables cell by cell, as somebody who reads it aloud gets them."""

from __future__ import annotations

import io
import re
import zlib
from collections.abc import Iterator
from typing import Any

import pikepdf

Letters = dict[int, str]


def inside(pdf: bytes) -> bytes:
    """The file with its compressed streams opened, so that one can look for what stands in it."""
    opened = [pdf]
    for stream in re.findall(rb"stream\r?\n(.*?)\r?\nendstream", pdf, re.DOTALL):
        try:
            opened.append(zlib.decompress(stream))
        except zlib.error:
            continue
    return b"\n".join(opened)


def text_of(pdf: bytes) -> str:
    """All text in the order of its structure, words apart."""
    with pikepdf.open(io.BytesIO(pdf)) as opened:
        spoken = _spoken(opened)
        return _joined("".join(spoken.get(key, "") + " " for key in _marks(opened.Root.StructTreeRoot, None)))


def sheets_of(pdf: bytes) -> list[str]:
    """The same text, sheet by sheet."""
    with pikepdf.open(io.BytesIO(pdf)) as opened:
        spoken = _spoken(opened)
        keys = list(_marks(opened.Root.StructTreeRoot, None))
        return [
            _joined("".join(spoken.get(key, "") + " " for key in keys if key[0] == page.obj.objgen))
            for page in opened.pages
        ]


def tables_of(pdf: bytes) -> list[list[list[str]]]:
    """The tables: rows of cells, the heading first."""
    with pikepdf.open(io.BytesIO(pdf)) as opened:
        spoken = _spoken(opened)
        return [
            [
                [
                    _joined("".join(spoken.get(key, "") for key in _marks(cell, None)))
                    for cell in _below(row, "/TH", "/TD")
                ]
                for row in _below(table, "/TR")
            ]
            for table in _below(opened.Root.StructTreeRoot, "/Table")
        ]


def _joined(text: str) -> str:
    return " ".join(text.replace("\u200b", "").split())


def _kids(element: Any) -> list[Any]:
    kids = element.get("/K")
    if kids is None:
        return []
    return list(kids) if isinstance(kids, pikepdf.Array) else [kids]


def _below(element: Any, *kinds: str) -> Iterator[Any]:
    """The elements of these kinds, not looking into one that was found."""
    for kid in _kids(element):
        if isinstance(kid, pikepdf.Dictionary):
            if str(kid.get("/S")) in kinds:
                yield kid
            else:
                yield from _below(kid, *kinds)


def _marks(element: Any, page: Any) -> Iterator[tuple[tuple[int, int], int]]:
    """(page, number) of the marked text under an element, in order."""
    page = element.get("/Pg", page)
    for kid in _kids(element):
        if isinstance(kid, int):
            yield page.objgen, kid
        elif isinstance(kid, pikepdf.Dictionary):
            if "/MCID" in kid:
                yield kid.get("/Pg", page).objgen, int(kid.MCID)
            else:
                yield from _marks(kid, page)


def _spoken(opened: pikepdf.Pdf) -> dict[tuple[tuple[int, int], int], str]:
    """The text of each marked piece."""
    spoken: dict[tuple[tuple[int, int], int], str] = {}
    for page in opened.pages:
        fonts = {name: _letters(font) for name, font in page.Resources.get("/Font", {}).items()}
        letters: Letters = {}
        marks: list[int | None] = []
        for operands, operator in pikepdf.parse_content_stream(page):
            name = str(operator)
            if name == "Tf":
                letters = fonts[str(operands[0])]
            elif name in {"BDC", "BMC"}:
                known = len(operands) > 1 and isinstance(operands[1], pikepdf.Dictionary) and "/MCID" in operands[1]
                marks.append(int(operands[1].MCID) if known else None)
            elif name == "EMC":
                marks.pop()
            elif name in {"Tj", "TJ"} and marks and marks[-1] is not None:
                key = page.obj.objgen, marks[-1]
                pieces = operands[0] if name == "TJ" else operands
                codes = b"".join(bytes(one) for one in pieces if isinstance(one, pikepdf.String))
                shown = (letters.get(int.from_bytes(codes[at : at + 2], "big"), "") for at in range(0, len(codes), 2))
                spoken[key] = spoken.get(key, "") + "".join(shown)
    return spoken


def _letters(font: Any) -> Letters:
    """What each sign of a font says (its ToUnicode map)."""
    mapping = font.ToUnicode.read_bytes().decode("latin-1")
    letters: Letters = {}
    for block in re.findall(r"beginbfchar(.*?)endbfchar", mapping, re.DOTALL):
        for code, text in re.findall(r"<([0-9A-Fa-f]+)>\s*<([0-9A-Fa-f]+)>", block):
            letters[int(code, 16)] = bytes.fromhex(text).decode("utf-16-be")
    for block in re.findall(r"beginbfrange(.*?)endbfrange", mapping, re.DOTALL):
        for first, last, text in re.findall(r"<([0-9A-Fa-f]+)>\s*<([0-9A-Fa-f]+)>\s*<([0-9A-Fa-f]+)>", block):
            for offset in range(int(last, 16) - int(first, 16) + 1):
                letters[int(first, 16) + offset] = chr(int(text, 16) + offset)
    return letters
