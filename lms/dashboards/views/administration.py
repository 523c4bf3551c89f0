"""The administrators' desk, and the page of a long task."""

from __future__ import annotations

from flask import render_template
from flask.typing import ResponseReturnValue

from lms.catalogue.queries.lectures import list_live
from lms.catalogue.queries.teaching import list_listings_to_end
from lms.core import clock
from lms.core.jobs import JobState, get_job
from lms.core.roles import Role
from lms.dashboards import work
from lms.dashboards.queries.administration import list_jobs, needs_of_administrators
from lms.dashboards.views.blueprint import bp
from lms.people.queries.access import get_grant
from lms.reports.queries.public import public_headline
from lms.web.guards import SIGNED_IN, allow
from lms.web.identity import current_actor
from lms.web.locale import reader_locale


@bp.get("/admin")
@allow(Role.ADMINISTRATOR)
def admin() -> ResponseReturnValue:
    """What needs an administrator, what is live, the programme in figures, and the last tasks."""
    by, at = current_actor(), clock.now()
    needs = needs_of_administrators(by=by, at=at)
    last = list_jobs(by=by)
    jobs = [*needs.jobs, *last]
    words = dict(zip((one.id for one in jobs), work.describe(jobs, by=by), strict=True))
    return render_template(
        "dashboards/admin.html",
        needs=needs,
        live=list_live(by=by),
        headline=public_headline(at=at, locale=reader_locale()),
        jobs=last,
        words=words,
    )


@bp.get("/admin/people/<public_id>/roles/<int:grant_id>/revoke")
@allow(Role.ADMINISTRATOR)
def revoke_role(public_id: str, grant_id: int) -> ResponseReturnValue:
    """Says what ends with a role, and asks before it is removed."""
    by = current_actor()
    person, grant, country = get_grant(public_id, grant_id, by=by)
    ending = list_listings_to_end(person.id, without_grant=grant.id, by=by)
    return render_template("dashboards/revoke_role.html", person=person, grant=grant, country=country, ending=ending)


@bp.get("/jobs/<public_id>")
@allow(SIGNED_IN)
def job(public_id: str) -> ResponseReturnValue:
    """Shows the progress and result of a task, to administrators and the person who started it."""
    by = current_actor()
    shown = get_job(public_id, by=by)
    is_over = shown.state in (JobState.DONE, JobState.FAILED, JobState.STOPPED)
    return render_template("dashboards/job.html", job=shown, task=work.describe([shown], by=by)[0], is_over=is_over)
