"""The API's tasks, and the page that lists every call."""

from __future__ import annotations

from typing import Any

from apiflask import APIBlueprint
from flask import current_app, render_template
from flask.typing import ResponseReturnValue

from lms.core.jobs import get_job
from lms.desks.doors import list_doors, who
from lms.desks.schemas import JobOut
from lms.web.guards import ANYONE, SIGNED_IN, allow
from lms.web.identity import current_actor
from lms.web.scopes import scope

bp = APIBlueprint("desks_api", __name__, url_prefix="/api/v1", tag="Tasks")


@bp.get("/jobs/<job_id>")
@allow(SIGNED_IN)
@scope("jobs:read")
@bp.output(JobOut)
@bp.doc(responses=[401, 404])
def job(job_id: str) -> dict[str, Any]:
    """How far a long task is and what came of it; for administrators and whoever asked for it."""
    row = get_job(job_id, by=current_actor())
    result = row.result if row.error is None else {"error": row.error}
    return {"id": row.public_id, "state": row.state, "done": row.done, "total": row.total, "result": result}


@bp.get("/docs")
@allow(ANYONE)
@bp.doc(hide=True)
def docs() -> ResponseReturnValue:
    """The API call by call, as a page."""
    config = current_app.extensions["lms.config"]
    return render_template("desks/api.html", groups=list_doors(), who=who, base_url=config.base_url)
