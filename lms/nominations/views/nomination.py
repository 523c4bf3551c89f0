"""One nomination with its history, and its letter of endorsement for those who may read it."""

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from lms.core.base.roles import Role
from lms.core.text.i18n import _
from lms.core.time import clock
from lms.nominations.actions.letters import attach_letter, read_letter, remove_letter
from lms.nominations.actions.nominating import edit_draft
from lms.nominations.forms import LetterForm, NomineeForm
from lms.nominations.models import STANDING, NominationState
from lms.nominations.queries.of_country import get_own_nomination, history_of
from lms.nominations.queries.profile_requests import answers_about
from lms.nominations.rules import MAX_LETTER_MB
from lms.nominations.schemas import letter_response
from lms.nominations.views.listing import FITTING
from lms.nominations.views.profile_requests import bp, profile_words
from lms.web.request.bodies import FORM_BYTES, body_limit
from lms.web.request.guards import allow
from lms.web.request.identity import current_actor


@bp.get("/country/nominations/<public_id>")
@allow(Role.FOCAL_POINT)
def nomination(public_id: str) -> ResponseReturnValue:
    """Shows one nomination: who, for what, and what happened so far."""
    return _page(public_id, LetterForm())


def _page(public_id: str, form: LetterForm) -> str:
    nomination = get_own_nomination(public_id, by=current_actor())
    return render_template(
        "nominations/nomination.html",
        nomination=nomination,
        history=history_of(nomination),
        fitting=[what for what, states in FITTING.items() if nomination.state in states],
        form=form,
        takes_letter=nomination.state in STANDING,
        answers=answers_about(nomination, at=clock.now()),
        fields=profile_words(),
        megabytes=MAX_LETTER_MB,
    )


@bp.route("/country/nominations/<public_id>/edit", methods=["GET", "POST"])
@allow(Role.FOCAL_POINT)
def edit_nomination(public_id: str) -> ResponseReturnValue:
    """Changes a draft: whom it nominates."""
    by = current_actor()
    draft = get_own_nomination(public_id, by=by)
    page = url_for(".nomination", public_id=public_id)
    if draft.state is not NominationState.DRAFTED:
        flash(_("This nomination is no longer a draft. Withdraw it and nominate the person again."), "now")
        return redirect(page)
    form, status = NomineeForm.of(draft), 200
    form.offer_languages(draft.country)
    if request.method == "POST":
        refusal = form.attempt(lambda: edit_draft(public_id, form.row(), by=by, at=clock.now()))
        if refusal is None:
            flash(_("The draft was saved."), "done")
            return redirect(page, 303)
        status = refusal
    return render_template("nominations/edit.html", nomination=draft, form=form), status


@bp.post("/country/nominations/<public_id>/letter")
@allow(Role.FOCAL_POINT)
@body_limit(MAX_LETTER_MB * 1024 * 1024 + FORM_BYTES)
def change_letter(public_id: str) -> ResponseReturnValue:
    """Adds, replaces or removes (`do`) the letter of endorsement of a nomination."""
    by, at = current_actor(), clock.now()
    get_own_nomination(public_id, by=by)
    form = LetterForm()
    is_removal = request.form.get("do") == "remove"

    def work() -> None:
        if is_removal:
            remove_letter(public_id, by=by, at=at)
        else:
            form.check_is_there()
            letter = read_letter(form.letter.data.stream, form.letter.data.filename or "")
            attach_letter(public_id, letter, by=by, at=at)

    status = form.attempt(work)
    if status is not None:
        return _page(public_id, form), status
    flash(_("The letter was removed.") if is_removal else _("The letter is attached."), "done")
    return redirect(url_for(".nomination", public_id=public_id, _anchor="endorsement"), 303)


@bp.get("/country/nominations/<public_id>/letter")
@allow(Role.FOCAL_POINT, Role.ADMINISTRATOR)
def letter(public_id: str) -> ResponseReturnValue:
    """Downloads the letter of endorsement of a nomination, for focal points of its country and administrators."""
    return letter_response(public_id, by=current_actor())
