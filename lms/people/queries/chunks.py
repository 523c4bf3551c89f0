"""Long lists of values in pieces that fit into one statement."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")
CHUNK = 10_000
"""Values in one IN (…): below what SQLite and PostgreSQL take."""


def chunks(values: Sequence[T]) -> Iterator[Sequence[T]]:
    """The values in order, `CHUNK` at a time."""
    for start in range(0, len(values), CHUNK):
        yield values[start : start + CHUNK]
