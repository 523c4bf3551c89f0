"""The pages for contributors name files that exist, and every decision has its date, status and alternatives."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.contracts.test_docs import check

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted((ROOT / "docs" / "contributing").glob("*.md"))
DOCUMENTS = [*PAGES, ROOT / "CONTRIBUTING.md", ROOT / "docs" / "ARCHITECTURE.md"]
DECISIONS = sorted((ROOT / "docs" / "adr").glob("0*.md"))
SUBJECTS = (
    "attendance",
    "certificates",
    "figures and reports",
    "people, seats and nominations",
    "programme and calendars",
    "e-mail and messages",
    "languages",
    "lectures from the browser",
    "pages and API",
    "code",
    "speed",
    "operation",
)
"""Of decisions, in the order of docs/adr/README.md."""
LINK = re.compile(r"\]\((?!https?:)([^)#]+)[^)]*\)")
PATH = re.compile(r"`((?:lms|tests|docs|bench|deploy|tools|static|migrations)/[\w./-]+)(?:::\w+)?`")
STATUS = r"Status: (accepted|superseded by \[ADR \d+\]\(\d{4}-[\w.-]+\))\."
DATE = r"Date: (20\d\d-\d\d-\d\d)"
DATED = re.compile(rf"# (\d+)\. (.+)\n\n{DATE}\. Subject: ({'|'.join(SUBJECTS)})\. {STATUS}(.*(?:\n.+)*)")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_file_that_a_document_names_exists(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    named = {document.parent / link for link in LINK.findall(text)} | {ROOT / path for path in PATH.findall(text)}
    assert named
    assert sorted(str(path) for path in named if not path.exists()) == []


def test_contributing_links_to_every_page_for_contributors() -> None:
    assert {page.stem for page in PAGES} == {
        "batch",
        "call",
        "figure",
        "format",
        "language",
        "list",
        "migration",
        "page",
        "recurring",
        "setting",
    }
    linked = LINK.findall((ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"))
    assert [page.name for page in PAGES if f"docs/contributing/{page.name}" not in linked] == []


@pytest.mark.parametrize("decision", DECISIONS, ids=lambda path: path.name[:4])
def test_every_decision_has_date_status_and_alternatives(decision: Path) -> None:
    text = decision.read_text(encoding="utf-8")
    assert DATED.match(text), "the third line is `Date: YYYY-MM-DD. Subject: one of SUBJECTS. Status: accepted.`"
    _before, heading, alternatives = text.partition("\n## Alternatives\n")
    assert heading
    assert alternatives.strip()
    assert [link for link in LINK.findall(text) if not (decision.parent / link).exists()] == []


def test_decisions_are_listed_by_subject_and_status() -> None:
    """What a decision that holds says about others stands beside it."""
    rows: dict[str, list[str]] = {subject: [] for subject in SUBJECTS}
    for path in DECISIONS:
        match = DATED.match(path.read_text(encoding="utf-8"))
        assert match, path.name
        number, title, date, subject, status, more = match.groups()
        status = " ".join(f"{status[0].upper()}{status[1:]}.{more}".split())
        rows[subject].append(f"| [{number}]({path.name}) | {title} | {date} | {status} |")
    head = "| | decision | date | status |\n|---|---|---|---|"
    parts = ["\n".join([f"## {subject[0].upper()}{subject[1:]}\n", head, *lines]) for subject, lines in rows.items()]
    check("adr/README.md", "decisions", "\n" + "\n\n".join(parts) + "\n\n")
