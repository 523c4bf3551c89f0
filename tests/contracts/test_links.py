"""Links between documents, and from code, deploy/ and settings to documents, lead to sections that exist."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from lms.config import SETTINGS
from tests.rows import each_row

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
DOCUMENTS = [*ROOT.glob("*.md"), *DOCS.rglob("*.md")]
OPERATIONS = ("INSTALL.md", "SEVERAL_MACHINES.md", "OPERATIONS.md")
LINK = re.compile(r"\]\((?!https?:|mailto:)([^)#\s]*)(?:#([^)\s]+))?\)")
MENTION = re.compile(r'docs/([\w/.-]+\.(?:md|png|webp|jpg))(?:#([\w-]+)|, "([^"]+)")?')


@cache
def sections(path: Path) -> dict[str, str]:
    """Titles of a document's sections by the anchors that GitHub gives them, in order; code blocks have none."""
    text = re.sub(r"^ *```.*?^ *```", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    titles = [re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", title) for title in re.findall(r"^#+ (.+)$", text, re.MULTILINE)]
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-"): title for title in titles}


@each_row("document", DOCUMENTS)
def test_every_link_of_a_document_leads_somewhere(document: Path) -> None:
    dead = []
    for name, anchor in LINK.findall(document.read_text(encoding="utf-8")):
        target = (document.parent / name).resolve() if name else document
        if not target.exists() or (anchor and anchor not in sections(target)):
            dead.append(f"{name}#{anchor}")
    assert dead == []


def test_code_and_deploy_name_documents_and_sections_that_exist() -> None:
    folders = [ROOT / name for name in ("lms", "deploy", "bench", "tools", "tests")]
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file() and "build" not in path.parts]
    kinds = {".py", ".yml", ".yaml", ".conf", ".env", ".html", ".sh", ".toml", ".txt", ""}
    dead = []
    for path in files:
        if path.suffix not in kinds or path == Path(__file__):
            continue
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        for name, anchor, title in MENTION.findall(text):
            exists = (DOCS / name).exists()
            known = sections(DOCS / name) if exists and name.endswith(".md") else {}
            if not exists or (anchor and anchor not in known) or (title and title not in known.values()):
                dead.append(f"{path.relative_to(ROOT)}: docs/{name} {anchor or title}")
    assert dead == []


def test_a_section_and_a_block_of_commands_stand_once_in_the_documents_for_operators() -> None:
    """Its title alone names a section, as in the help of a setting; commands that stand twice drift apart."""
    texts = [(DOCS / name).read_text(encoding="utf-8") for name in OPERATIONS]
    titles = [title for name in OPERATIONS for title in sections(DOCS / name).values()]
    blocks = [block.strip() for text in texts for block in re.findall(r"^ *```sh\n(.*?)^ *```", text, re.M | re.S)]
    assert sorted({title for title in titles if titles.count(title) > 1}) == []
    assert sorted({block for block in blocks if blocks.count(block) > 1}) == []
    named = {title for item in SETTINGS for title in re.findall(r"\bSee ([A-Z][\w -]+)\.", item.help)}
    assert named
    assert sorted(named - set(titles)) == []
