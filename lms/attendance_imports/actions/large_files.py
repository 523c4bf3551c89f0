"""Large attendance files, imported in the background, so that users need not wait."""

from datetime import datetime
from typing import Any

from sqlalchemy import select

from lms.attendance.models.evidence import AttendanceImport
from lms.attendance_imports.actions.imports import STEPS, Progress, counts_of, publish_kept
from lms.attendance_imports.queries.imports import kept_row
from lms.core.background.jobs import Job, JobState, request_job
from lms.core.base.errors import NotFound
from lms.core.base.roles import Actor
from lms.core.database.session import action, db
from lms.core.text.i18n import _

JOB = "import_attendance"
LARGE = 5_000
"""Files with more rows are imported in the background."""


@action
def request_publish(public_id: str, *, skip_bad_rows: bool, by: Actor, at: datetime) -> Job:
    """Requests that an uploaded file is published in the background. Returns the waiting or running job if there is
    one.

    Raises NotFound for a file that is gone, and for people who cannot edit the lecture.
    """
    row = kept_row(public_id, by=by)
    waiting = select(Job).where(Job.kind == JOB, Job.state.in_([JobState.QUEUED, JobState.RUNNING]))
    for there in db.session.scalars(waiting):
        if there.arguments["import_id"] == public_id:
            return there
    arguments = {
        "import_id": public_id, "lecture_id": row.lecture_id, "digest": row.digest, "skip_bad_rows": skip_bad_rows,
        "by": by.person_id, "at": at.isoformat(),
    }  # fmt: skip
    return request_job(JOB, arguments, by=by, at=at, total=STEPS)


def publish_large(
    public_id: str, lecture_id: int, digest: str, *, skip_bad_rows: bool, by: Actor, at: datetime, progress: Progress
) -> dict[str, Any]:
    """Publishes an uploaded file and returns the counts. Restarted after it was done, it returns the same."""
    try:
        answer = publish_kept(public_id, skip_bad_rows=skip_bad_rows, by=by, at=at, progress=progress)
    except NotFound:
        query = select(AttendanceImport.answer).where(
            AttendanceImport.lecture_id == lecture_id,
            AttendanceImport.digest == digest,
            AttendanceImport.published_at == at,
        )
        done = db.session.scalar(query)
        if done is None:
            raise NotFound(
                _("This upload has expired or was already processed. If it was not imported, upload the file again.")
            ) from None
        return dict(done)
    return {**counts_of(answer), "notes": answer.notes}
