"""How a certificate's file is handed to whoever may have it, on pages and in the API alike."""

from __future__ import annotations

from flask import Response

from lms.certificates import numbers

NUMBERS = "certificate-numbers"  # the scope in which guessing is throttled, over all doors
READS = "certificate-reads"  # the scope in which reading in public is


def pdf_answer(number: str, pdf: bytes) -> Response:
    """A file to keep, named by its number."""
    bare = numbers.parse(number) or ""
    answer = Response(pdf, mimetype="application/pdf")
    answer.headers["Content-Disposition"] = f'attachment; filename="{numbers.write(bare)}.pdf"'
    answer.headers["Cache-Control"] = "private, no-store"
    return answer
