"""The page on which somebody accepts or refuses changes to their profile. Its link is for that person alone."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from lms.core.text.i18n import _
from lms.core.time import clock
from lms.nominations.actions.profile_requests import answer_request
from lms.nominations.forms import ProfileRequestForm
from lms.nominations.models import ProfileField
from lms.nominations.queries.profile_requests import ProfileRequestView, look_at_request
from lms.web.request.guards import ANYONE, allow
from lms.web.request.limits import throttle_guesses

bp = Blueprint("nominations", __name__, template_folder="../templates")


def profile_words() -> dict[ProfileField, str]:
    """The words for the fields of a profile."""
    return {
        ProfileField.FULL_NAME: _("Name in Latin letters"),
        ProfileField.NATIVE_NAME: _("Name in own script"),
        ProfileField.ORGANISATION: _("Organisation"),
        ProfileField.JOB_TITLE: _("Job title"),
        ProfileField.SECTOR: _("Sector"),
        ProfileField.GENDER: _("Gender"),
    }


@bp.route("/profile-changes/<secret>", methods=["GET", "POST"])
@allow(ANYONE, allow_without_mfa=True)
@throttle_guesses("profile changes")
def profile_changes(secret: str) -> ResponseReturnValue:
    """Shows somebody what a focal point asks them to confirm, and takes an answer for each change."""
    at = clock.now()
    shown = look_at_request(secret, at=at)
    form = ProfileRequestForm()
    if shown is None:
        return _page(None, form, is_over=True), 404
    is_over = bool(shown.is_old or shown.request.answered_at or not shown.differences)
    if request.method == "GET" or is_over:
        gone = shown.is_old and shown.request.answered_at is None
        return _page(shown, form, is_over=is_over), 410 if gone else 200
    for field, word in profile_words().items():
        form[field.value].label.text = word
    failed = form.attempt(lambda: answer_request(secret, form.answers(shown.differences), at=at))
    if failed == 422:
        return _page(shown, form, is_over=False), 422
    for message in form.form_errors:  # another window was first
        flash(message, "now")
    return redirect(url_for(".profile_changes", secret=secret), 303)


def _page(shown: ProfileRequestView | None, form: ProfileRequestForm, *, is_over: bool) -> str:
    return render_template(
        "nominations/profile_request.html", shown=shown, form=form, fields=profile_words(), is_over=is_over
    )
