"""Certificates together: one PDF to print."""

from __future__ import annotations

import io
from dataclasses import replace

import pikepdf
import pytest

from lms.certificates.pdf.merge import merge
from tests.certificates.test_scripts import signed
from tests.certificates.test_typesetting import AWARD

AWARDS = [
    replace(AWARD, full_name=name, native_name=native) for name, native in [("Ada", None), ("Bo", "王"), ("Cy", "ក")]
]


def test_every_page_is_there_as_it_was_set_without_signature_and_structure() -> None:
    singles = [signed(award) for award in AWARDS]
    content = merge(singles)
    assert content == merge(singles)
    with pikepdf.open(io.BytesIO(content)) as merged:
        assert merged.check_pdf_syntax() == []
        assert len(merged.pages) == 3
        assert not {"/AcroForm", "/StructTreeRoot", "/Perms"} & set(merged.Root.keys())
        for page, single in zip(merged.pages, singles, strict=True):
            assert "/Annots" not in page
            with pikepdf.open(io.BytesIO(single)) as alone:
                assert page.Contents.read_bytes() == alone.pages[0].Contents.read_bytes()
                assert list(page.MediaBox) == list(alone.pages[0].MediaBox)
                for name, font in alone.pages[0].Resources.Font.items():
                    copied = page.Resources.Font[name].DescendantFonts[0].FontDescriptor
                    other = font.DescendantFonts[0].FontDescriptor
                    kind = "/FontFile2" if "/FontFile2" in other else "/FontFile3"
                    assert copied[kind].read_raw_bytes() == other[kind].read_raw_bytes()
    assert len(content) < sum(map(len, singles))


def test_a_file_of_another_kind_is_refused() -> None:
    with pytest.raises(pikepdf.PdfError):
        merge([b"%PDF-1.7\n"])
