"""XLSX files made by hand: those that no honest program writes."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Sequence

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_RELATIONS = "http://schemas.openxmlformats.org/package/2006/relationships"
_KINDS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_HEAD = '<?xml version="1.0" encoding="UTF-8"?>'
_PARTS = {
    "[Content_Types].xml": f'{_HEAD}<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>',
    "_rels/.rels": f'{_HEAD}<Relationships xmlns="{_RELATIONS}"><Relationship Id="rId1" '
    f'Type="{_KINDS}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
    "xl/workbook.xml": f'{_HEAD}<workbook xmlns="{MAIN}" xmlns:r="{_KINDS}"><sheets>'
    '<sheet name="People" sheetId="1" r:id="rId1"/></sheets></workbook>',
    "xl/_rels/workbook.xml.rels": f'{_HEAD}<Relationships xmlns="{_RELATIONS}"><Relationship Id="rId1" '
    f'Type="{_KINDS}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
}


def cell(place: str, text: str) -> str:
    return f'<c r="{place}" t="inlineStr"><is><t>{text}</t></is></c>'


def sheet(rows: str, before: str = "") -> str:
    """A sheet of these rows; `before`: what stands before its first element."""
    return f'{_HEAD}{before}<worksheet xmlns="{MAIN}"><sheetData>{rows}</sheetData></worksheet>'


def people(*rows: Sequence[str]) -> str:
    """Rows of people with their headings, as XML."""
    lines = [("email", "full_name", "country"), *rows]
    return "".join(
        f'<row r="{n}">{"".join(cell(f"{column}{n}", text) for column, text in zip("ABC", row, strict=True))}</row>'
        for n, row in enumerate(lines, 1)
    )


def book(sheet: str, more: dict[str, str | bytes] | None = None) -> bytes:
    """An XLSX file of one sheet, and of further parts."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in {**_PARTS, "xl/worksheets/sheet1.xml": sheet, **(more or {})}.items():
            archive.writestr(name, content)
    return made.getvalue()


def that_lies_about_its_size(content: bytes, part: str) -> bytes:
    """The same file, in whose directory a part is said to unpack to a thousand bytes."""
    changed = bytearray(content)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        local = archive.getinfo(part).header_offset
    entry = content.index(part.encode(), content.index(b"PK\x01\x02")) - 46
    for place in (entry + 24, local + 22):
        struct.pack_into("<I", changed, place, 1000)
    return bytes(changed)
