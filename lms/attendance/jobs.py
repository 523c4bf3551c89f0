"""Jobs that compute credits after a lecture ended, outside the write lock of the request that ended it."""

from datetime import datetime
from typing import Any

from lms.attendance.actions.correction_batches import CORRECTIONS
from lms.attendance.actions.credits import compact_beats, credit_lecture
from lms.attendance.actions.policies import JOB as POLICY
from lms.attendance.actions.policies import apply_policy
from lms.attendance.actions.recompute import JOB as RECOMPUTE
from lms.attendance.actions.recompute import recompute_lectures
from lms.attendance.actions.reminders import post_due_reminders
from lms.attendance.actions.replays import credit_due_replays
from lms.attendance.queries.outcomes import held_lectures
from lms.batches.kinds import register
from lms.core.background.jobs import Run, job
from lms.core.background.recurring import recurring
from lms.core.base.roles import SYSTEM, Actor
from lms.core.time import clock


@job("credit_lecture")
def run_credit(_run: Run, *, lecture_id: int, person_ids: list[int] | None = None) -> dict[str, Any]:
    """Compacts heartbeats, then writes changed credits, of some people where they are given."""
    compact_beats(lecture_id, by=SYSTEM, at=clock.now())
    return {"changed": credit_lecture(lecture_id, by=SYSTEM, at=clock.now(), only=person_ids)}


@job(RECOMPUTE, alone=True)
def run_recompute(run: Run) -> dict[str, Any]:
    """Recounts all held lectures. Restarting it gives the same result."""
    return recompute_lectures(held_lectures(by=SYSTEM), by=SYSTEM, at=clock.now(), progress=run.progress)


@job(POLICY, alone=True)
def run_policy(
    run: Run,
    *,
    series_id: int,  # noqa: ARG001 - what the task is about
    policy_id: int,
    lectures: list[Any],
    by: int | None,
    at: str,
) -> dict[str, Any]:
    """Applies the current policy to held lectures, as reviewed."""
    previewed = [(lecture_id, key, gaining, losing) for lecture_id, key, gaining, losing in lectures]
    actor = Actor(person_id=by, system=True)
    return apply_policy(policy_id, previewed, by=actor, at=datetime.fromisoformat(at), progress=run.progress)


register(CORRECTIONS)


recurring("reminders", post_due_reminders)
recurring("credit replays", credit_due_replays, thread="replays")
