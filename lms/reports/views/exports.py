"""Exports of rows: asked for on the page of reports, fetched from the page of the task."""

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
    """Asks for the people or attendances of the slice that the address names; leads to the page of the task."""
    by, locale = current_actor(), reader_locale()
    form = asked_form(by, locale)
    if not form.validate():
        raise Invalid(None, _("These settings cannot be counted."))
    kind, kept = request.form.get("kind", ""), request.form.get("format", "")
    task = request_export(kind, kept, form.asked, locale=locale, by=by, at=clock.now())
    return redirect(url_for("dashboards.job", public_id=task), 303)


@bp.post("/admin/reports/rows/<job_id>")
@allow(Role.ADMINISTRATOR, Role.REPORTER, Role.FOCAL_POINT)
def fetch(job_id: str) -> ResponseReturnValue:
    """The file of an export: what one may see is asked again, and who took it stands in the audit trail."""
    return rows_answer(*fetch_export(job_id, by=current_actor(), at=clock.now()))
