"""Sweeps: one test over rows, which names each row that fails. A case of pytest with its fixtures costs more."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import pytest

FAILURES = (Exception, pytest.fail.Exception)
SHOWN = 200
"""Characters of a row in the message."""


def each(names: str, rows: Iterable[Any]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Runs a test with each row in turn, as `parametrize` does, but with the same fixtures and as one case.

    The keys of a mapping name its rows. Rows share what the fixtures made: none may need what another one changes.
    """
    row_names = [name.strip() for name in names.split(",")]
    by_label = rows if isinstance(rows, Mapping) else {f"row {number}": row for number, row in enumerate(rows, 1)}
    assert by_label, "nothing to test"

    def decorate(test: Callable[..., None]) -> Callable[..., None]:
        signature = inspect.signature(test)
        fixtures = [parameter for name, parameter in signature.parameters.items() if name not in row_names]
        assert len(fixtures) == len(signature.parameters) - len(row_names), f"not parameters: {names}"

        @functools.wraps(test)
        def run(*given: Any, **made: Any) -> None:
            faults: dict[str, BaseException] = {}
            for label, row in by_label.items():
                values = dict(zip(row_names, row if len(row_names) > 1 else (row,), strict=True))
                try:
                    test(*given, **made, **values)
                except FAILURES as error:
                    faults[f"{label}, {str(values)[:SHOWN]}"] = error
            if faults:
                listed = "\n".join(f"{label}: {error}" for label, error in faults.items())
                raise AssertionError(f"{len(faults)} of {len(by_label)} fail:\n{listed}") from next(
                    iter(faults.values())
                )

        run.__signature__ = signature.replace(parameters=fixtures)  # type: ignore[attr-defined]
        return run

    return decorate
