"""The pages for contributors name files that exist, and every decision has its date, status and alternatives."""

from __future__ import annotations

import re
from pathlib import Path

from tests.contracts.test_docs import DATED, DECISIONS
from tests.rows import each_row

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted((ROOT / "docs" / "contributing").glob("*.md"))
DOCUMENTS = [*PAGES, ROOT / "CONTRIBUTING.md", ROOT / "docs" / "ARCHITECTURE.md"]
LINK = re.compile(r"\]\((?!https?:)([^)#]+)[^)]*\)")
PATH = re.compile(r"`((?:lms|tests|docs|bench|deploy|tools|static|migrations)/[\w./-]+)(?:::\w+)?`")


@each_row("document", DOCUMENTS)
def test_every_file_that_a_document_names_exists(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    named = {document.parent / link for link in LINK.findall(text)} | {ROOT / path for path in PATH.findall(text)}
    assert named
    assert sorted(str(path) for path in named if not path.exists()) == []


def test_contributing_links_to_every_page_for_contributors() -> None:
    assert {page.stem for page in PAGES} == {
        "batch",
        "email",
        "event",
        "call",
        "figure",
        "format",
        "job",
        "language",
        "list",
        "migration",
        "page",
        "recurring",
        "setting",
    }
    linked = LINK.findall((ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"))
    assert [page.name for page in PAGES if f"docs/contributing/{page.name}" not in linked] == []


@each_row("decision", DECISIONS)
def test_every_decision_has_date_status_and_alternatives(decision: Path) -> None:
    text = decision.read_text(encoding="utf-8")
    assert DATED.match(text), "the third line is `Date: YYYY-MM-DD. Subject: one of SUBJECTS. Status: accepted.`"
    _before, heading, alternatives = text.partition("\n## Alternatives\n")
    assert heading
    assert alternatives.strip()
    assert [link for link in LINK.findall(text) if not (decision.parent / link).exists()] == []
