"""Report documents on paper: their titles and names carry the language that they are written in."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pikepdf
from apiflask import APIFlask

from lms.reports.documents.model import Column, ReadOut, Section, Table
from lms.reports.documents.paper import pdf_of

SERIES = "التجارة الإلكترونية"


def languages(element: Any) -> Iterator[tuple[str, str]]:
    """Elements of the structure with a language of their own, in the order of reading: kind and language."""
    if "/Lang" in element:
        yield str(element.S), str(element.Lang)
    for child in element.get("/K", []):
        if isinstance(child, pikepdf.Dictionary) and "/S" in child:
            yield from languages(child)


def test_a_report_marks_titles_of_another_language(app: APIFlask) -> None:
    table = Table((Column("Series", "text"), Column("Attended")), ((SERIES, 3), ("Trade", 4)))
    section = Section("series", "By series", table=table)
    report = ReadOut(
        name="lecture", over="Lecture", title=SERIES, lede="Lede", as_at=datetime(2026, 11, 27, tzinfo=UTC),
        figures=(), sections=(section,), filters=(),
    )  # fmt: skip
    with app.test_request_context("/?lang=en"):
        pdf = pdf_of(report)
    with pikepdf.open(io.BytesIO(pdf)) as opened:
        assert str(opened.Root.Lang) == "en"
        (top,) = opened.Root.StructTreeRoot.K
        assert list(languages(top)) == [("/Title", "ar"), ("/TBody", "ar"), ("/TD", "en"), ("/TR", "en")]
