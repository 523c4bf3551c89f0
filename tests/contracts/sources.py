"""The code of the product as contracts read it, parsed once in each worker."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
READS_SOURCES = pytest.mark.xdist_group("sources")
"""One worker runs all tests that parse the whole product."""


@cache
def trees(folder: str = "lms") -> dict[Path, ast.Module]:
    """Each module of a folder of the checkout, by its path."""
    return {path: ast.parse(path.read_text(encoding="utf-8")) for path in sorted((ROOT / folder).rglob("*.py"))}
