"""The answer of every import: how many rows, what became of them, and which were refused or not recognised."""

from dataclasses import dataclass, field
from typing import Any

from lms.core.base.errors import Fault


@dataclass
class ImportAnswer:
    """Counts of rows; `rejected` by line with the reason; `unmatched` rows of people not (surely) known; `not_read` are
    headings that mean nothing here.

    `touched`: ids of the known people that were updated, for the slices above; not said outside.
    `matched` rows belong to a known person. The same file again: all `unchanged`, nothing created or updated.
    """

    rows: int = 0
    matched: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    rejected: list[Fault] = field(default_factory=list)
    unmatched: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    not_read: list[str] = field(default_factory=list)
    touched: set[int] = field(default_factory=set)
