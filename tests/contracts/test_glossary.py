"""Names and phrases that the glossary rules out do not come back into the code and the documentation."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections import Counter
from pathlib import Path

import pytest

from tests.contracts.sources import READS_SOURCES, trees
from tools.house import vague_names

pytestmark = READS_SOURCES
ROOT = Path(__file__).resolve().parents[2]
MODULES = sorted((ROOT / "lms").rglob("*.py"))
ROW = re.compile(r"^\| (?P<term>[^|]+) \| (?P<meaning>[^|]+) \| (?P<not_used>[^|]*)\|$", re.M)
NAME = re.compile(r"`(\w+)`")
CLASS = re.compile(r"^(?: {4})?class (\w+)", re.M)
PHRASES = re.compile(
    r"\b(whoever|anew|by itself|the own|put right|what was said|(is|was) (said|told)|tells? of|told of|of before"
    r"|so many|(stands?|stood) (in|on|at|there|as|ready|beneath|above|beside|behind|before))\b",
    re.I,
)
WORDS = {"desk", "door", "readout", "tower"}
"""Of the words that are ruled out, those that are in no part of a name, docstring or comment either."""
PUBLIC = {
    "lms/certificates/schemas.py",
    "lms/dashboards/queries/countries.py",
    "lms/dashboards/queries/merging.py",
    "lms/dashboards/schemas.py",
    "lms/nominations/schemas.py",
    "lms/people/models.py",
    "lms/people/queries/duplicates.py",
    "lms/people/schemas.py",
}
"""Modules whose fields of that name are columns of the database or part of the API."""
NAMES_LEFT: set[str] = set()
"""Modules that still have variables with such names. No module is added."""
PHRASES_LEFT = {
    "lms/demo/generate.py",
    "lms/demo/population.py",
}
"""Modules that still have such phrases. No module is added."""
BEGINNINGS_LEFT = {
    "lms/certificates/eligibility.py",
    "lms/cli/timezones.py",
    "lms/streaming/handlers.py",
    "lms/streaming/jobs.py",
    "lms/streaming/media_probe.py",
    "lms/streaming/models.py",
    "lms/streaming/playlists.py",
    "lms/streaming/queries.py",
    "lms/streaming/session_runs.py",
    "lms/streaming/views.py",
}
"""Modules that still have docstrings that begin with *what* or *who*. No module is added."""
CLASSES_TWICE = {"Audience", "Column", "DecisionIn", "GroupOut", "PersonOut", "PolicyIn", "Table"}
"""Names that two or more classes have. No name is added."""


def ruled_out() -> set[str]:
    text = (ROOT / "docs" / "GLOSSARY.md").read_text(encoding="utf-8")
    code = text[text.index("## What the code is made of") :]
    return {name for row in ROW.finditer(code) for name in NAME.findall(row["not_used"])}


class Module:
    """A module, read and parsed once for all tests."""

    def __init__(self, path: Path) -> None:
        source = path.read_text(encoding="utf-8")
        self.tree = trees().get(path) or ast.parse(source)
        self.nodes = list(ast.walk(self.tree))
        tokens = list(tokenize.generate_tokens(io.StringIO(source).readline))
        self.names = {token.string for token in tokens if token.type == tokenize.NAME} | {path.stem, path.parent.name}
        """Its own name, and every identifier in it."""
        self.prose = [
            " ".join(node.value.value.split())
            for node in self.nodes
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        ]
        """Docstrings of modules, classes, functions and constants, and comments."""
        self.prose += [token.string for token in tokens if token.type == tokenize.COMMENT]


@pytest.fixture(scope="module")
def modules() -> dict[str, Module]:
    """All modules of the product by their path."""
    return {relative(path): Module(path) for path in MODULES}


def parts_of(name: str) -> set[str]:
    """The words of a name: `get_person`, `PersonOut`."""
    return set(re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower().split("_"))


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def test_no_name_that_the_glossary_rules_out_is_in_the_code(modules: dict[str, Module]) -> None:
    words = ruled_out()
    assert len(words) > 20
    assert len(modules) > 300
    bench = {relative(path): Module(path) for path in (ROOT / "bench").rglob("*.py")}
    used = {path: module.names & words for path, module in (modules | bench).items()}
    assert {path: names for path, names in used.items() if names} == {}


def test_no_part_of_a_name_and_no_docstring_has_a_word_of_the_private_language(modules: dict[str, Module]) -> None:
    words = ruled_out() & WORDS
    assert words == WORDS
    found = {
        path: {word for name in module.names for word in parts_of(name)} & words
        | {word for text in module.prose for word in words if f" {word}" in f" {text.lower()}"}
        for path, module in modules.items()
    }
    assert {path: names for path, names in found.items() if names} == {}


def test_variables_say_what_they_hold(modules: dict[str, Module]) -> None:
    """Comprehensions are left out: their variables are used in the same expression."""
    vague = {path: sorted(vague_names(module.tree)) for path, module in modules.items()}
    vague = {path: names for path, names in vague.items() if names}
    assert not {path: names for path, names in vague.items() if path not in NAMES_LEFT | PUBLIC}
    assert not NAMES_LEFT - vague.keys(), "remove modules without such names from the list"


def test_a_class_name_has_one_meaning() -> None:
    names = Counter(name for path in MODULES for name in CLASS.findall(path.read_text(encoding="utf-8")))
    assert len(names) > 500
    assert {name for name, count in names.items() if count > 1} - CLASSES_TWICE - {"Meta"} == set()


def test_docstrings_and_comments_are_plain(modules: dict[str, Module]) -> None:
    unclear = {path: [text for text in module.prose if PHRASES.search(text)] for path, module in modules.items()}
    unclear = {path: texts for path, texts in unclear.items() if texts}
    assert not {path: texts for path, texts in unclear.items() if path not in PHRASES_LEFT}
    assert not PHRASES_LEFT - unclear.keys(), "remove modules without such phrases from the list"


def test_docstrings_begin_with_a_verb_or_a_noun(modules: dict[str, Module]) -> None:
    """*Returns who is in the room*, not *Who is in the room*."""
    begun = {
        path
        for path, module in modules.items()
        for node in module.nodes
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Module)
        and re.match("(What|Who|Whose|Whom) ", ast.get_docstring(node) or "")
    }
    assert begun - BEGINNINGS_LEFT == set()
    assert not BEGINNINGS_LEFT - begun, "remove modules without such docstrings from the list"


def test_documents_are_plain() -> None:
    documents = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")]
    documents += (ROOT / "docs" / "contributing").glob("*.md")
    unclear = [
        f"{relative(path)}: {line}"
        for path in documents
        for line in path.read_text(encoding="utf-8").splitlines()
        if PHRASES.search(re.sub(r"`[^`]*`", "", line))
    ]
    assert unclear == []
