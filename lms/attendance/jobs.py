"""Credits are computed after a lecture ended, not under the write lock of whoever ended it."""

from __future__ import annotations

from typing import Any

from lms.attendance.actions import compact_beats, credit_lecture, recompute_lectures
from lms.attendance.actions.recompute import JOB as RECOMPUTE
from lms.attendance.queries import held_lectures
from lms.core import clock
from lms.core.jobs import Run, job
from lms.core.roles import SYSTEM


@job("credit_lecture")
def run_credit(_run: Run, *, lecture_id: int) -> dict[str, Any]:
    """Compacts the beats, then writes the credits that differ."""
    compact_beats(lecture_id, by=SYSTEM, at=clock.now())
    return {"changed": credit_lecture(lecture_id, by=SYSTEM, at=clock.now())}


@job(RECOMPUTE, alone=True)
def run_recompute(run: Run) -> dict[str, Any]:
    """Works out all held lectures anew; begun again, it comes to the same."""
    return recompute_lectures(held_lectures(by=SYSTEM), by=SYSTEM, at=clock.now(), progress=run.progress)
