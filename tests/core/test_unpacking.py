"""Workbooks that no program has written."""

from __future__ import annotations

import io

import pytest
import xlsxwriter

from lms.core.errors import Invalid
from lms.core.unpacking import read_workbook


def test_a_version_of_zip_that_nobody_has_is_a_damaged_file() -> None:
    held = io.BytesIO()
    with xlsxwriter.Workbook(held, {"in_memory": True}) as workbook:
        workbook.add_worksheet().write(0, 0, "email")
    content = bytearray(held.getvalue())
    assert list(read_workbook(bytes(content)))
    content[content.index(b"PK\x01\x02") + 6] = 194  # version needed to extract
    with pytest.raises(Invalid, match="damaged"):
        list(read_workbook(bytes(content)))
