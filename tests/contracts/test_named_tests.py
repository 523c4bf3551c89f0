"""What docs/FAULTS.md and docs/SECURITY.md promise is held by tests that exist."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`( \(long\))?")
FAULTS = {
    "kill -9 of the web", "kill -9 of the worker", "database restart", "disk full", "clock ± 1 h", "heartbeats doubled",
    "webhook replayed", "double submit", "the same file twice", "the last two seats", "byte order mark", "gb18030",
    "ragged", "formulas", "a million rows", "mail down", "storage down", "migration up and down", "killed midway",
    "backup under load",
}  # fmt: skip


def rows(document: str) -> list[list[str]]:
    """The rows of all tables whose last column is headed `tests`."""
    table_rows, counts = [], False
    for line in (ROOT / "docs" / document).read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if not cells:
            counts = False
        elif cells[-1] == "tests":
            counts = True
        elif counts and set(cells[0]) != {"-"}:
            table_rows.append(cells)
    return table_rows


@cache
def names_in(path: str) -> dict[str, bool]:
    """The tests of a module, and whether each is kept for `make test-long`."""
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    whole = any(
        "mark.long" in ast.unparse(node)
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "pytestmark"
    )
    return {
        node.name: whole or any(ast.unparse(mark).startswith("pytest.mark.long") for mark in node.decorator_list)
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }


@pytest.mark.parametrize("document", ["FAULTS.md", "SECURITY.md"])
def test_every_row_names_tests_that_exist(document: str) -> None:
    listed = rows(document)
    assert len(listed) > 20
    for cells in listed:
        named = NAMED.findall(cells[-1])
        assert named or cells[-1] == "not built yet", f"{cells[0]}: names no test"
        assert NAMED.sub("", cells[-1]).strip(", ") in {"", "not built yet"}, f"{cells[0]}: what else stands there?"
        for path, name, long in named:
            assert (ROOT / path).exists(), path
            test_names = names_in(path)
            assert name in test_names, f"{path} has no {name}"
            assert test_names[name] == bool(long), f"{name}: long or not?"


def test_every_fault_has_its_row() -> None:
    described = " ".join(cells[0] for cells in rows("FAULTS.md")).casefold()
    assert {fault for fault in FAULTS if fault not in described} == set()
