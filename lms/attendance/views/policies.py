"""Applies the current policy of a series to lectures already held."""

from __future__ import annotations

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from lms.attendance.actions.policies import request_policy
from lms.attendance.views.blueprint import bp
from lms.core.base.errors import Refused
from lms.core.time import clock
from lms.web.forms.forms import whole
from lms.web.request.guards import SIGNED_IN, allow
from lms.web.request.identity import current_actor


@bp.post("/series/<slug>/policy")
@allow(SIGNED_IN)
def apply_policy(slug: str) -> ResponseReturnValue:
    """Applies the policy to the reviewed lectures in the background. Returns to the page where that is refused."""
    chosen = request.form.getlist("lecture", type=whole)
    key = request.form.get("key", "")
    try:
        job = request_policy(slug, chosen=chosen, key=key, by=current_actor(), at=clock.now())
    except Refused as refused:
        flash(refused.message, "wrong")
        return redirect(url_for("dashboards.policy", slug=slug, chosen=1, lecture=chosen))
    return redirect(url_for("dashboards.job", public_id=job.public_id))
