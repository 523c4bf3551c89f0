"""What a certificate's file holds, apart from its signature."""

from __future__ import annotations

import io

import pikepdf


def first_revision(pdf: bytes) -> bytes:
    """The file without the revision that signs it, in which each signing has an identifier and a time of its own."""
    return pdf[: pdf.index(b"%%EOF")]


def languages_of(pdf: bytes) -> set[str]:
    """The languages of the passages of a file."""
    with pikepdf.open(io.BytesIO(pdf)) as document:
        return {
            str(item["/Lang"]) for item in document.objects if isinstance(item, pikepdf.Dictionary) and "/Lang" in item
        }
