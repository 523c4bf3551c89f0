"""Pages for exports of rows."""

from __future__ import annotations

from flask import redirect, request, url_for
from flask.typing import ResponseReturnValue

from lms.core import clock
from lms.core.errors import Invalid
from lms.core.i18n import _
from lms.core.roles import Role
from lms.reports.actions.exports import fetch_export, request_export
from lms.reports.documents.answers import rows_answer
from lms.reports.views.blueprint import asked_form, bp
from lms.web.guards import allow
from lms.web.identity import current_actor
from lms.web.locale import reader_locale


@bp.post("/admin/reports/rows")
@allow(Role.ADMINISTRATOR, Role.REPORTER, Role.FOCAL_POINT)
def ask_export() -> ResponseReturnValue:
    """Starts an export of the people or attendances in the slice, and redirects to the task."""
    by, locale = current_actor(), reader_locale()
    form = asked_form(by, locale)
    if not form.validate():
        raise Invalid(None, _("There is no report for these settings."))
    kind, file_format = request.form.get("kind", ""), request.form.get("format", "")
    task = request_export(kind, file_format, form.slice, locale=locale, by=by, at=clock.now())
    return redirect(url_for("dashboards.job", public_id=task), 303)


@bp.post("/admin/reports/rows/<job_id>")
@allow(Role.ADMINISTRATOR, Role.REPORTER, Role.FOCAL_POINT)
def fetch(job_id: str) -> ResponseReturnValue:
    """Downloads the file of an export. Permissions are checked again, and the audit trail records it."""
    return rows_answer(*fetch_export(job_id, by=current_actor(), at=clock.now()))
