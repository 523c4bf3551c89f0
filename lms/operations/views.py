"""The status page of the service, for administrators."""

from __future__ import annotations

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from lms.core import clock
from lms.core.roles import Role
from lms.core.settings import settings
from lms.operations.checks.model import CheckContext, Level
from lms.operations.status import status_rows
from lms.web.guards import allow
from lms.web.identity import current_actor

bp = Blueprint("operations", __name__, template_folder="templates")


@bp.get("/admin/status")
@allow(Role.ADMINISTRATOR)
def status() -> ResponseReturnValue:
    """Shows each part of the service in words, with what to do where something is wrong."""
    at = clock.now()
    rows = status_rows(CheckContext(settings(), at, is_quick=True), by=current_actor())
    counts = {level: sum(row.level is level for row in rows) for level in Level}
    return render_template(
        "operations/status.html", rows=rows, faults=counts[Level.FAULT], warnings=counts[Level.WARNING], at=at
    )
