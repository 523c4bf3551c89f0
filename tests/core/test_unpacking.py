"""Workbooks that no program has written."""

from __future__ import annotations

import io

import pytest
import xlsxwriter

from lms.core.base.errors import Invalid
from lms.core.storage.unpacking import read_workbook
from tests.rows import each_row


@each_row("what", ["a version of ZIP that nobody has", "a name that is not UTF-8"])
def test_a_list_of_parts_that_cannot_be_read_is_a_damaged_file(what: str) -> None:
    held = io.BytesIO()
    with xlsxwriter.Workbook(held, {"in_memory": True}) as workbook:
        workbook.add_worksheet().write(0, 0, "email")
    content = bytearray(held.getvalue())
    assert list(read_workbook(bytes(content)))
    part = content.index(b"PK\x01\x02")
    if what.startswith("a version"):
        content[part + 6] = 194  # version needed to extract
    else:
        content[part + 9] |= 0x08  # names are UTF-8
        content[part + 46] = 0xFF  # the first sign of this one
    with pytest.raises(Invalid, match="damaged"):
        list(read_workbook(bytes(content)))
