"""One test over many rows."""

from __future__ import annotations

import functools
import inspect
import reprlib
from collections.abc import Callable, Iterable, Sequence
from math import lcm
from typing import Any

import pytest

_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = 80


def each_row(names: str, rows: Iterable[Any]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Runs a test once over all rows, and names each row that fails.

    A case of `pytest.mark.parametrize` costs more than most of these tests. For tests that leave nothing behind for
    the next row: fixtures are made once.
    """
    columns = [name.strip() for name in names.split(",")]
    cells = list(rows)
    assert cells, "a test of no rows cannot fail"

    def decorate(test: Callable[..., None]) -> Callable[..., None]:
        signature = inspect.signature(test)
        others = [parameter for name, parameter in signature.parameters.items() if name not in columns]
        assert len(others) == len(signature.parameters) - len(columns), "each column is a parameter of the test"

        @functools.wraps(test)
        def run(*bound: Any, **fixtures: Any) -> None:
            faults: list[str] = []
            first: BaseException | None = None
            for row in cells:
                try:
                    test(*bound, **fixtures, **dict(zip(columns, row if len(columns) > 1 else (row,), strict=True)))
                except (Exception, pytest.fail.Exception) as error:
                    faults.append(f"{_SHORT.repr(row)}: {type(error).__name__}: {error}")
                    first = first or error
            if faults:
                raise AssertionError("\n".join(faults)) from first

        run.__signature__ = signature.replace(parameters=others)  # type: ignore[attr-defined]
        return run

    return decorate


def spread(number: int, first: Iterable[Any], second: Iterable[Any]) -> Sequence[tuple[Any, Any]]:
    """This many pairs out of all pairs of two lists, in which each value comes about as often as the others."""
    left, right = list(first), list(second)
    assert max(len(left), len(right)) <= number <= len(left) * len(right)
    turn = lcm(len(left), len(right))
    return [(left[at % len(left)], right[(at + at // turn) % len(right)]) for at in range(number)]
