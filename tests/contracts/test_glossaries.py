"""The glossaries for translators have the same terms in every language, each with a rendering and a sentence."""

from __future__ import annotations

from pathlib import Path

from lms.core.text.i18n import LANGUAGES
from tests.rows import each_row

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "glossary"
TRANSLATED = [code for code in LANGUAGES if code != "en"]


def terms_of(name: str) -> list[list[str]]:
    """The cells of the rows below the heading of the terms."""
    text = (FOLDER / name).read_text(encoding="utf-8")
    lines = text[text.index("| Term |") :].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]


@each_row("code", TRANSLATED)
def test_a_glossary_has_each_term_in_order_with_its_rendering_and_sentence(code: str) -> None:
    rows = terms_of(f"{code}.md")
    assert [row[0] for row in rows] == [row[0] for row in terms_of("README.md")]
    for row in rows:
        term, rendering, _grammar, _others, sentence = row
        assert rendering, term
        assert sentence, term


@each_row("code", TRANSLATED)
def test_a_glossary_says_how_to_address_readers_and_has_typography_and_plurals(code: str) -> None:
    text = (FOLDER / f"{code}.md").read_text(encoding="utf-8")
    for heading in ("How readers are addressed", "Typography", "Plurals, numbers, dates", "Terms"):
        assert f"## {heading}\n" in text
    assert f"(`{code}`)" in text.splitlines()[0]
    assert "nplurals=" in text


def test_each_term_has_one_meaning() -> None:
    terms = [row[0] for row in terms_of("README.md")]
    assert len(set(terms)) == len(terms)
