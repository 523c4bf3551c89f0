"""The page of an invitation, which needs no account: its link is for the nominee alone."""

from datetime import datetime

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from lms.catalogue.rules import stop_states
from lms.core.time import clock
from lms.nominations.actions.answering import accept, decline, open_password_link
from lms.nominations.forms import AcceptInvitationForm, DeclineInvitationForm
from lms.nominations.queries.invitations import Invitation, InvitationState, look_at_invitation
from lms.nominations.views.profile_requests import bp
from lms.people.queries.countries import notice_in
from lms.web.pages.locale import reader_locale
from lms.web.pages.time import propose_zone
from lms.web.request.guards import ANYONE, allow
from lms.web.request.limits import limiter, throttle_guesses

answers = limiter.shared_limit("60/minute", scope="invitation answers", methods=["POST"])
_STATUS = {InvitationState.OLD: 410, InvitationState.ENDED: 410}


@bp.route("/invitation/<secret>", methods=["GET", "POST"])
@allow(ANYONE, allow_without_mfa=True)
@throttle_guesses("invitation")
@answers
def invitation(secret: str) -> ResponseReturnValue:
    """Shows a nominee what they are invited to, and takes the answer: `answer` is accept or decline, then password."""
    at = clock.now()
    shown = look_at_invitation(secret, at=at)
    if shown is None:
        return render_template("nominations/invitation_gone.html"), 404
    propose_zone(shown.zone)
    if request.method == "GET" or shown.state is InvitationState.OLD:
        return _page(shown)
    answer = request.form.get("answer")
    if answer == "password":
        return _choose_password(secret, at)
    form: AcceptInvitationForm | DeclineInvitationForm = (
        DeclineInvitationForm() if answer == "decline" else AcceptInvitationForm.of(shown)
    )

    def work() -> None:
        if isinstance(form, AcceptInvitationForm):
            accept(secret, form.answer(shown), at=at)
        else:
            decline(secret, form.reason.data, at=at)

    if form.attempt(work) == 422:
        return _page(shown, form)
    for message in form.form_errors:  # somebody, or another window, was first
        flash(message, "now")
    return redirect(url_for(".invitation", secret=secret), 303)


def _page(shown: Invitation, typed: AcceptInvitationForm | DeclineInvitationForm | None = None) -> ResponseReturnValue:
    """The page of an invitation, with a form that was sent and is wrong."""
    is_open = shown.state is InvitationState.OPEN
    states = stop_states(shown.lectures, clock.now())
    page = render_template(
        "nominations/invitation.html" if is_open else "nominations/invitation_answered.html",
        shown=shown,
        notice=notice_in(shown.country.notices or {}, shown.country.code, reader_locale()),
        series=shown.series,
        form=typed if isinstance(typed, AcceptInvitationForm) else AcceptInvitationForm.of(shown),
        declining=typed if isinstance(typed, DeclineInvitationForm) else DeclineInvitationForm(formdata=None),
        stops=[{"state": states[lecture.id]} for lecture in shown.lectures],
    )
    return page, 422 if typed is not None and is_open else _STATUS.get(shown.state, 200)


def _choose_password(secret: str, at: datetime) -> ResponseReturnValue:
    """Leads to the first password; to sign in where there is one."""
    link = open_password_link(secret, at=at)
    if link is None:
        return redirect(url_for("people.sign_in"), 303)
    return redirect(url_for("people.reset", secret=link), 303)
