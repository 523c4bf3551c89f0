"""Certificates together: one PDF to print."""

from __future__ import annotations

import io
from dataclasses import replace

import pikepdf
import pytest

from lms.certificates.pdf.merge import Printout
from tests.certificates.test_scripts import signed
from tests.certificates.test_typesetting import AWARD

AWARDS = [
    replace(AWARD, full_name=name, native_name=native) for name, native in [("Ada", None), ("Bo", "王"), ("Cy", "ក")]
]


def test_every_page_is_there_as_it_was_set_and_what_is_shared_once() -> None:
    file, singles = io.BytesIO(), [signed(award) for award in AWARDS]
    printout = Printout(file)
    for pdf in [*singles, singles[0]]:
        printout.add(pdf)
    printout.finish()
    with pikepdf.open(io.BytesIO(file.getvalue())) as merged:
        assert merged.check_pdf_syntax() == []
        assert len(merged.pages) == 4
        for page, single in zip(merged.pages, [*singles, singles[0]], strict=True):
            with pikepdf.open(io.BytesIO(single)) as alone:
                assert page.Contents.read_bytes() == alone.pages[0].Contents.read_bytes()
                assert list(page.MediaBox) == list(alone.pages[0].MediaBox)
                for name, font in alone.pages[0].Resources.Font.items():
                    own = page.Resources.Font[name].DescendantFonts[0].FontDescriptor
                    other = font.DescendantFonts[0].FontDescriptor
                    kind = "/FontFile2" if "/FontFile2" in other else "/FontFile3"
                    assert own[kind].read_raw_bytes() == other[kind].read_raw_bytes()
        assert merged.pages[0].Contents.objgen == merged.pages[3].Contents.objgen
    assert len(file.getvalue()) < sum(map(len, singles)) * 0.9


def test_a_file_of_another_kind_is_refused() -> None:
    with pytest.raises(pikepdf.PdfError):
        Printout(io.BytesIO()).add(b"%PDF-1.7\n")
