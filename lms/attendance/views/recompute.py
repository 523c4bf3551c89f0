"""Recounts all attendance."""

from __future__ import annotations

from flask import redirect, url_for
from flask.typing import ResponseReturnValue

from lms.attendance.actions.recompute import request_recompute
from lms.attendance.views.blueprint import bp
from lms.core.base.roles import Role
from lms.core.time import clock
from lms.web.request.guards import allow
from lms.web.request.identity import current_actor


@bp.post("/admin/attendance/recompute")
@allow(Role.ADMINISTRATOR)
def recompute() -> ResponseReturnValue:
    """Recounts the attendance of all lectures in the background."""
    job = request_recompute(by=current_actor(), at=clock.now())
    return redirect(url_for("dashboards.job", public_id=job.public_id))
