"""The status page of the service, for administrators."""

from datetime import datetime
from typing import Any

from flask import Blueprint, Flask, render_template
from flask.typing import ResponseReturnValue

from lms.core.background import processes
from lms.core.background.jobs import JobState
from lms.core.background.recurring import list_runs, list_tasks
from lms.core.base.roles import Role
from lms.core.base.settings import settings
from lms.core.time import clock
from lms.dashboards import work
from lms.dashboards.queries.administration import failed_jobs, list_jobs
from lms.operations.check import StatusRow, status_rows
from lms.operations.checks.model import CheckContext, Level
from lms.operations.machines import facts_of
from lms.web.request.guards import allow
from lms.web.request.identity import current_actor

RECENT_TASKS = 3
"""The number of tasks on the page, beside those that failed."""
bp = Blueprint("operations", __name__, template_folder="templates")


def init_app(app: Flask) -> None:
    """Lets each process say with its heartbeat what it runs with."""
    config = app.extensions["lms.config"]
    app.extensions[processes.FACTS] = lambda: facts_of(config, is_new_storage_marked=True)


@bp.app_context_processor
def service_state() -> dict[str, Any]:
    """`service_state()` for the page of administrators: the rows of the status page, the worst first."""
    return {"service_state": lambda: _rows(clock.now())}


def _rows(at: datetime) -> list[StatusRow]:
    return status_rows(CheckContext(settings(), at, is_quick=True), by=current_actor())


@bp.get("/admin/status")
@allow(Role.ADMINISTRATOR)
def status() -> ResponseReturnValue:
    """Shows each part of the service in words, with what to do where something is wrong."""
    by, at = current_actor(), clock.now()
    rows, runs = _rows(at), list_runs()
    counts = {level: sum(row.level is level for row in rows) for level in Level}
    failed = failed_jobs(at=at)
    recent = [job for job in list_jobs(by=by, limit=RECENT_TASKS) if job.state is not JobState.FAILED]
    return render_template(
        "operations/status.html",
        rows=rows,
        faults=counts[Level.FAULT],
        warnings=counts[Level.WARNING],
        at=at,
        recurring=[(task, runs.get(task.name)) for task in list_tasks()],
        failed=list(zip(failed, work.describe(failed, by=by), strict=True)),
        recent=list(zip(recent, work.describe(recent, by=by), strict=True)),
    )
