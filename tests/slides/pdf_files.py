"""PDF files for the tests of slides."""

from __future__ import annotations

import io

import pikepdf


def pdf(pages: int, *, words: bool = True, script: str = "", password: str = "") -> bytes:
    """A PDF file whose pages have their number as text."""
    made, out = pikepdf.new(), io.BytesIO()
    font = made.make_indirect(
        pikepdf.Dictionary(Type=pikepdf.Name.Font, Subtype=pikepdf.Name.Type1, BaseFont=pikepdf.Name.Helvetica)
    )
    for number in range(1, pages + 1):
        page = made.add_blank_page(page_size=(480, 270))
        if words:
            page.Resources = pikepdf.Dictionary(Font=pikepdf.Dictionary(F1=font))
            page.Contents = made.make_stream(b"BT /F1 40 Tf 40 120 Td (Page %d of Ada) Tj ET" % number)
    if script:
        made.Root.OpenAction = pikepdf.Dictionary(S=pikepdf.Name.JavaScript, JS=script)
    encryption = pikepdf.Encryption(owner=password, user=password) if password else False
    made.save(out, encryption=encryption)
    return out.getvalue()
