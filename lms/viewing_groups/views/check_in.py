"""Checking in to a viewing group."""

from __future__ import annotations

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from lms.core.base.errors import NotFound
from lms.core.text.i18n import _
from lms.core.time import clock
from lms.viewing_groups.actions import groups as groups_actions
from lms.viewing_groups.actions.groups import (
    CheckedIn,
)
from lms.viewing_groups.forms import CheckInForm
from lms.viewing_groups.views.blueprint import bp
from lms.web.request.guards import ANYONE, allow
from lms.web.request.identity import current_actor
from lms.web.request.limits import throttle_guesses


@bp.route("/check-in", methods=["GET", "POST"])
@allow(ANYONE)
@throttle_guesses("check-in")
def check_in() -> ResponseReturnValue:
    """Checks in to a group with its code, signed in or by e-mail address. The response does not reveal whether the
    address is known.
    """
    by, at = current_actor(), clock.now()
    form = CheckInForm()
    if request.method == "GET":
        form.code.data = request.args.get("code", "")[:20]
        return render_template("viewing_groups/check_in.html", form=form)
    answers: list[CheckedIn] = []

    def work() -> None:
        email = None if by.is_signed_in else form.email.data or None
        answers.append(groups_actions.check_in(form.code.data or "", email=email, by=by, at=at))

    try:
        status = form.attempt(work)
    except NotFound as error:
        form.code.errors, status = [error.message], error.status
    if status is not None:
        return render_template("viewing_groups/check_in.html", form=form), status
    done = answers[0]
    if not done.is_named:
        flash(
            _("Recorded for %(place)s. The person in charge of the group confirms the list.", place=done.place), "done"
        )
        return redirect(url_for("viewing_groups.check_in"), 303)
    flash(
        _("You are on the list: %(place)s. Your attendance counts after the person in charge of the group has "
          "signed the list.",
          place=done.place), "done",
    )  # fmt: skip
    if done.caution:
        flash(done.caution, "now")
    return redirect(url_for("dashboards.lecture", lecture_id=done.lecture_id), 303)
