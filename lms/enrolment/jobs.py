"""Jobs of enrolment: decisions about more people than one request should hold."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from lms.core import clock
from lms.core.jobs import Run, job
from lms.core.roles import SYSTEM, Actor
from lms.enrolment.batch_actions import JOB, run_batch
from lms.people.queries.access import load_actor


@job(JOB)
def run_enrolment_batch(run: Run, *, series_id: int, batch: str, by: int | None) -> dict[str, Any]:
    """Changes the people of a confirmed batch, or lets them back in. Permission was checked on request."""
    return run_batch(series_id, batch, by=_actor(by), progress=run.progress)


def _actor(person_id: int | None) -> Actor:
    """The system, in the name of who confirmed it."""
    person = load_actor(person_id, clock.now()) if person_id is not None else None
    return replace(person, system=True) if person is not None else SYSTEM
