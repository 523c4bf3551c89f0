"""Attendance imports in the background."""

from datetime import datetime
from typing import Any

from lms.attendance_imports.actions.kept_files import JOB as FILE
from lms.attendance_imports.actions.kept_files import publish_large
from lms.attendance_imports.actions.resolution import link_attendees
from lms.core.background.jobs import Run, job
from lms.core.base.roles import SYSTEM, Actor
from lms.core.time import clock


@job("claim_unmatched_attendees")
def run_claim(_run: Run, *, person_ids: list[int]) -> dict[str, Any]:
    """Gives people what was seen under their addresses before they were known by them."""
    return {"lectures": link_attendees(person_ids, by=SYSTEM, at=clock.now())}


@job(FILE)
def run_import(
    run: Run, *, import_id: str, lecture_id: int, digest: str, skip_bad_rows: bool, by: int | None, at: str
) -> dict[str, Any]:
    """Imports a large attendance file. Permission was checked on request."""
    actor, moment = Actor(person_id=by, system=True), datetime.fromisoformat(at)
    return publish_large(
        import_id, lecture_id, digest, skip_bad_rows=skip_bad_rows, by=actor, at=moment, progress=run.progress
    )
