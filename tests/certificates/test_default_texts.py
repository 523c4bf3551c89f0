"""The ready-made words: they keep to the rules of a design, and the built-in design speaks them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

import pytest
from sqlalchemy import select, update

from lms.catalogue.models import CertificateKind, Series
from lms.certificates.actions import awards
from lms.certificates.designs import versions
from lms.certificates.designs.default_texts import READY
from lms.certificates.designs.design import BUILT_IN, LIMITS, READY_MADE, SENTENCES, checked_words
from lms.certificates.models import Certificate
from lms.certificates.pdf import typesetting
from lms.certificates.pdf.typesetting import PrintedStation
from lms.certificates.queries import render_jobs
from lms.core.base.roles import SYSTEM
from lms.core.database.session import db
from lms.core.text import typesetting as glyphs
from tests.certificates.conftest import Programme
from tests.certificates.test_typesetting import AWARD, DEFAULT, LARGE, pages, render
from tests.rows import each_row

Make = Callable[..., Programme]
LANGUAGES = sorted(READY)
SAID = {
    "ar": "تقديرًا لحضور المحاضرات (2 من 3، وعدد الساعات 7.5) ضمن سلسلة",
    "es": "asistió a 2 de las 3 conferencias (7,5 h) del ciclo",
    "fr": "a suivi 2 des 3 conférences (7,5 h) de la série",
    "pt": "assistiu a 2 das 3 palestras (7,5 h) do ciclo",
    "ru": "прослушал(а) лекции (2 из 3, 7,5 ч) цикла",
    "zh": "参加了以下系列讲座中的 2 讲（共 3 讲），合计 7.5 小时",
}


@each_row("language", LANGUAGES)
def test_they_keep_to_the_rules_that_hold_for_all_words(context: None, language: str) -> None:
    words = READY[language]
    assert checked_words(words, language) == words
    assert set(words) == set(LIMITS) - {"office"}
    for name in SENTENCES:
        assert "{hours}" in words[name]
    assert "{attended}" in words["sentence"]


@each_row("language", LANGUAGES)
def test_a_sentence_is_filled_as_the_language_writes_numbers(language: str) -> None:
    stations = tuple(PrintedStation("A", None, came) for came in (True, True, False))
    award = replace(AWARD, design=READY_MADE, language=language, hours=7.5, stations=stations)
    assert typesetting._sentence(award, language).replace("\u00a0", " ") == SAID[language]


def test_a_day_and_what_was_missed_are_parted_as_the_language_parts_them() -> None:
    commas = {
        language: typesetting._looks(replace(AWARD, language=language), language)["comma"] for language in LANGUAGES
    }
    assert commas == {"ar": "، ", "es": ", ", "fr": ", ", "pt": ", ", "ru": ", ", "zh": "，"}


@each_row("language", LANGUAGES)
def test_a_certificate_in_them_keeps_to_one_page(language: str) -> None:
    fonts = LARGE if language == "zh" else DEFAULT
    award = replace(AWARD, design=READY_MADE, language=language, full_name="Wong " * 40)
    assert pages(render(award, fonts)) == 1


def issued_with(made: Programme, at: datetime, language: str) -> Certificate:
    db.session.execute(update(Series).values(language=language))
    db.session.commit()
    awards.issue_batch(made.series_id, CertificateKind.PARTICIPATION, list(made.people.values()), by=SYSTEM, at=at)
    return db.session.scalars(select(Certificate)).one()


@pytest.mark.parametrize(("language", "title"), [("fr", "Certificat de participation"), ("ru-KZ", "Сертификат")])
def test_the_built_in_design_speaks_the_language_of_the_series(
    context: None, programme: Make, at: datetime, language: str, title: str
) -> None:
    row = issued_with(programme({"Ada": "aaa"}), at, language)
    (order,) = render_jobs.render_jobs_of([row])
    assert typesetting._content(order.award)["title"].startswith(title)


@pytest.mark.parametrize("language", ["en", "sw", "th"])
def test_in_other_languages_it_speaks_english(context: None, programme: Make, at: datetime, language: str) -> None:
    row = issued_with(programme({"Ada": "aaa"}), at, language)
    assert row.design == 1
    assert versions.design_of(1) is BUILT_IN
    (order,) = render_jobs.render_jobs_of([row])
    assert typesetting._content(order.award)["title"] == "Certificate of participation"


def test_without_a_font_for_them_it_speaks_english_and_stays_with_it(
    context: None, programme: Make, at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    fonts = glyphs.coverage(DEFAULT)
    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(glyphs, "coverage", lambda _folders: fonts)
        row = issued_with(programme({"Ada": "aaa"}), at, "zh")
        assert "zh" not in versions.printable_words()
    assert row.design == 1
