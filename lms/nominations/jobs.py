"""What recurs: invitations that expire, and names that are no longer needed; and decisions on many nominations."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from lms.core.jobs import Run, job
from lms.core.roles import Actor
from lms.nominations.actions.decision_batches import JOB, run_decision
from lms.nominations.actions.forgetting import forget_old
from lms.nominations.actions.invitations import expire_due


def run_due_nominations(*, at: datetime) -> None:
    """Lets invitations expire, and erases the names in nominations that ended long ago."""
    expire_due(at=at)
    forget_old(at=at)


@job(JOB)
def run_decisions(run: Run, *, batch: str, by: int | None) -> dict[str, Any]:
    """Decides on the nominations of a confirmed batch, or takes it back."""
    return run_decision(batch, by=Actor(person_id=by, system=True), progress=run.progress)
