"""The pages of enrolment: into a series and out of it."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, url_for
from flask.typing import ResponseReturnValue

from lms.catalogue.queries import get_series
from lms.core import clock
from lms.core.errors import Refused
from lms.core.words import _
from lms.enrolment import actions
from lms.web.guards import SIGNED_IN, allow
from lms.web.identity import current_actor

bp = Blueprint("enrolment", __name__, template_folder="templates")


@bp.post("/series/<slug>/enrol")
@allow(SIGNED_IN)
def enrol(slug: str) -> ResponseReturnValue:
    """Enrols the reader, or puts the reader in line."""
    by, at = current_actor(), clock.now()
    series = get_series(slug, by=by)
    try:
        row = actions.enrol(series.id, by.person_id or 0, by=by, at=at)
        said = {
            "enrolled": _("You are enrolled."),
            "waitlisted": _("All places are taken. You are in the waiting list and move up by yourself."),
            "applied": _("Your application has arrived. You get a mail when it is decided."),
        }
        flash(said.get(row.status.value, ""), "done")
    except Refused as error:
        flash(error.message, "wrong")
    return redirect(url_for("desks.series", slug=slug), 303)
