"""Background work: exporting rows."""

from __future__ import annotations

from datetime import datetime
from time import monotonic
from typing import Any

from lms.core import clock, files
from lms.core.errors import Forbidden, Refused
from lms.core.i18n import _
from lms.core.jobs import Run, job
from lms.people.queries.access import load_actor
from lms.reports.actions.exports import JOB, as_slice, exported_scope
from lms.reports.exports.rows import Rows, about, opened, write
from lms.reports.queries.rows import was_anybody_erased
from lms.reports.rules import EXPORT_KEPT
from lms.web.locale import speaking

TELL_SECONDS = 1.0
"""How often a job reports its progress."""


@job(JOB, alone=True)
def export(
    run: Run, *, kind: str, form: str, parameters: dict[str, Any], locale: str, by: int | None, at: str
) -> dict[str, Any]:
    """Writes the rows that the requester can currently see to a file that is kept for a day."""
    with speaking(locale, None):
        return _export(run, kind, form, parameters, by, datetime.fromisoformat(at))


def _export(run: Run, kind: str, form: str, parameters: dict[str, Any], by: int | None, at: datetime) -> dict[str, Any]:
    began, reported_at = clock.now(), monotonic()
    actor = load_actor(by, began) if by is not None else None
    if actor is None:
        raise Forbidden
    slice_ = as_slice(parameters)
    scope = exported_scope(slice_, by=actor)

    def progress(done: int, total: int) -> None:
        nonlocal reported_at
        if monotonic() - reported_at >= TELL_SECONDS or done >= total:
            reported_at = monotonic()
            run.progress(done, total)

    key = f"exports/{run.job_id}.{form}"
    with opened() as connection, files.writing(key) as file:
        count = write(Rows(kind, scope, connection), file, form, about(kind, slice_, began), progress)
    if was_anybody_erased(began):
        files.delete(key)
        raise Refused(_("A person was deleted while the file was being created. Request the export again."))
    return {
        "rows": count,
        "file": key,
        "name": f"{kind}-{at:%Y-%m-%d}.{form}",
        "expires_at": (clock.now() + EXPORT_KEPT).isoformat(),
    }
