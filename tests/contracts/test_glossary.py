"""Names that the glossary rules out do not come back into the code."""

from __future__ import annotations

import re
import tokenize
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ROW = re.compile(r"^\| (?P<term>[^|]+) \| (?P<meaning>[^|]+) \| (?P<not_used>[^|]*)\|$", re.M)
NAME = re.compile(r"`(\w+)`")


def ruled_out() -> set[str]:
    text = (ROOT / "docs" / "GLOSSARY.md").read_text(encoding="utf-8")
    code = text[text.index("## What the code is made of") :]
    return {name for row in ROW.finditer(code) for name in NAME.findall(row["not_used"])}


def names_in(path: Path) -> set[str]:
    """The module's name, and every identifier in it."""
    with path.open("rb") as file:
        tokens = {token.string for token in tokenize.tokenize(file.readline) if token.type == tokenize.NAME}
    return tokens | {path.stem, path.parent.name}


def test_no_name_that_the_glossary_rules_out_is_in_the_code() -> None:
    words = ruled_out()
    assert len(words) > 20
    modules = [path for folder in ("lms", "bench") for path in (ROOT / folder).rglob("*.py")]
    assert len(modules) > 300
    ruled_out_names = {path.relative_to(ROOT).as_posix(): names_in(path) & words for path in modules}
    assert {path: names for path, names in ruled_out_names.items() if names} == {}
