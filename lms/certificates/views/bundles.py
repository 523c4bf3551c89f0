"""Pages for downloading all certificates of a series in one file."""

from __future__ import annotations

from flask import redirect, request, url_for
from flask.typing import ResponseReturnValue

from lms.catalogue.queries.series import get_series
from lms.certificates.actions import bundles
from lms.certificates.responses import bundle_answer
from lms.certificates.views.blueprint import bp
from lms.core.base.roles import Role
from lms.core.time import clock
from lms.web.request.guards import allow
from lms.web.request.identity import current_actor


@bp.post("/series/<slug>/certificates/files")
@allow(Role.ADMINISTRATOR)
def request_bundle(slug: str) -> ResponseReturnValue:
    """Starts creating one file with all certificates of a series, and redirects to the task."""
    by = current_actor()
    series = get_series(slug, by=by)
    job = bundles.request_bundle(series.id, request.form.get("form", ""), by=by, at=clock.now())
    return redirect(url_for("dashboards.job", public_id=job.public_id), 303)


@bp.post("/certificates/files/<job_id>")
@allow(Role.ADMINISTRATOR)
def fetch_bundle(job_id: str) -> ResponseReturnValue:
    """Streams the file of a task. The download is recorded in the audit trail."""
    return bundle_answer(*bundles.fetch_bundle(job_id, by=current_actor(), at=clock.now()))
