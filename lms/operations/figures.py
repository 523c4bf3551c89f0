"""The headline figures, to compare a restored database with its backup."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from lms.core.base.roles import Actor
from lms.reports.queries.figures import count
from lms.reports.rules import Slice


def headline(*, by: Actor, at: datetime) -> dict[str, Any]:
    """All figures of everything, by name."""
    return dict(count(Slice(), by=by, at=at).totals.as_json())
