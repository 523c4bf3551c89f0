"""An alias that threads share is ready before they use it."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import inspect

import lms
from lms.core.database.session import shared_alias
from lms.people.models import Person

THREADS, TURNS = 8, 300


@pytest.fixture
def threads_that_change_often() -> Iterator[None]:
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(usual)


@pytest.mark.usefixtures("threads_that_change_often")
def test_threads_that_use_an_alias_first_at_the_same_moment_get_its_columns() -> None:
    with ThreadPoolExecutor(THREADS) as pool:
        for _turn in range(TURNS):
            alias, together = shared_alias(Person), Barrier(THREADS)

            def table_of_column(_number: int, alias: Any = alias, together: Barrier = together) -> Any:
                together.wait()
                return alias.canonical_id.expression.table

            assert {*pool.map(table_of_column, range(THREADS))} == {inspect(alias).selectable}


def test_aliases_of_modules_are_shared_ones_and_no_statement_makes_its_own() -> None:
    """The aliases of `joinedload` are shared by threads as well, and SQLAlchemy makes them at first use."""
    wrong = []
    for path in Path(lms.__file__).parent.rglob("*.py"):
        if "aliased" not in (source := path.read_text(encoding="utf-8")) and "joinedload" not in source:
            continue
        tree = ast.parse(source)
        outside = [node for node in tree.body if not isinstance(node, ast.FunctionDef | ast.ClassDef)]
        names = {name.id for node in outside for name in ast.walk(node) if isinstance(name, ast.Name)}
        loads = {
            node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        }
        if "aliased" in names or "joinedload" in loads:
            wrong.append(str(path))
    assert wrong == []
