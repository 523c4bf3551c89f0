"""Credits are computed after a lecture ended, not under the write lock of whoever ended it."""

from __future__ import annotations

from typing import Any

from lms.attendance.actions import compact_beats, credit_lecture
from lms.core import clock
from lms.core.jobs import Run, job
from lms.core.roles import SYSTEM


@job("credit_lecture")
def run_credit(_run: Run, *, lecture_id: int) -> dict[str, Any]:
    """Compacts the beats, then writes the credits that differ."""
    compact_beats(lecture_id, by=SYSTEM, at=clock.now())
    return {"changed": credit_lecture(lecture_id, by=SYSTEM, at=clock.now())}
