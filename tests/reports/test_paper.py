"""Report documents on paper: their titles and names carry the language that they are written in."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pikepdf
import pytest
from apiflask import APIFlask

from lms.core.text import typesetting
from lms.core.time import clock
from lms.operations.checks.model import CheckContext, Level
from lms.operations.checks.service import check_fonts
from lms.reports.documents import paper
from lms.reports.documents.model import Column, ReportDocument, Section, Table
from lms.reports.documents.paper import pdf_of
from tests.factories import Make
from tests.paper import text_of

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
    report = ReportDocument(
        name="lecture", over="Lecture", title=SERIES, lede="Lede", as_at=datetime(2026, 11, 27, tzinfo=UTC),
        figures=(), sections=(section,), filters=(),
    )  # fmt: skip
    with app.test_request_context("/?lang=en"):
        pdf = pdf_of(report)
    with pikepdf.open(io.BytesIO(pdf)) as opened:
        assert str(opened.Root.Lang) == "en"
        (top,) = opened.Root.StructTreeRoot.K
        assert list(languages(top)) == [("/Title", "ar"), ("/TBody", "ar"), ("/TD", "en"), ("/TR", "en")]


@pytest.fixture
def only_small_fonts(app: APIFlask, monkeypatch: pytest.MonkeyPatch) -> None:
    with app.app_context():
        small = [folder for folder in typesetting.font_folders() if folder.name == "fonts"]
    for module in (typesetting, paper):
        monkeypatch.setattr(module, "font_folders", lambda: small)


@pytest.mark.usefixtures("only_small_fonts")
def test_reports_are_in_english_where_no_font_has_the_letters_of_a_language(make: Make) -> None:
    client = make.app.test_client()
    make.sign_in(client, make.person("Boss", roles=["administrator"]))
    ended = clock.now() - timedelta(days=1)
    times = {"actual_start": ended - timedelta(hours=1), "actual_end": ended, "confirmed_at": ended}
    lecture = make.lecture(make.series("customs"), "Rules of origin", state="held", starts_at=ended, **times)
    for path in (f"/lectures/{lecture.id}/report.pdf", "/countries/KE.pdf", "/admin/reports.pdf"):
        answer = client.get(f"{path}?lang=zh")
        assert answer.status_code == 200, path
        assert "This file is in English: the server has no font for Chinese." in text_of(answer.data), path
        assert "no font for" not in text_of(client.get(f"{path}?lang=ru").data), path


@pytest.mark.usefixtures("only_small_fonts")
def test_missing_fonts_are_a_warning(app: APIFlask) -> None:
    with app.app_context():
        (finding,) = check_fonts(CheckContext(app.extensions["lms.config"], clock.now()))
    assert (finding.level, finding.text) == (Level.WARNING, "none for: Chinese")
