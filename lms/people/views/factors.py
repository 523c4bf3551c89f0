"""The second factor of one's own account: setting it up, replacing it, recovery codes."""

from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from lms.core.base.errors import NotFound
from lms.core.base.settings import settings
from lms.core.text.i18n import _
from lms.core.time import clock
from lms.people.actions import factors
from lms.people.actions.factors import begin_second_factor, check_owner, remove_second_factor, renew_recovery_codes
from lms.people.forms import OtpForm, ProofForm
from lms.people.queries.factors import second_factor_of
from lms.people.queries.persons import profile_of
from lms.people.rules import provisioning_address
from lms.people.views.blueprint import bp, landing, start_session, today
from lms.web.pages.pictures import qr_code
from lms.web.request import identity as rule
from lms.web.request.guards import SIGNED_IN, allow
from lms.web.request.identity import current_actor
from lms.web.request.limits import in_demonstration, throttle_sign_ins


def _page(status: int = 200, **given: Any) -> ResponseReturnValue:
    actor, at = current_actor(), clock.now()
    factor = second_factor_of(actor.person_id or 0, at=at, by=actor)
    proof = given.pop("proof", None) or ProofForm(formdata=None)
    form = given.pop("form", None) or OtpForm(formdata=None)
    is_needed = actor.roles_rest or (bool(actor.roles) and rule.is_needed())
    page = render_template(
        "people/second_factor.html",
        factor=factor,
        proof=proof,
        form=form,
        is_needed=is_needed,
        email=_address(),
        onwards=landing(actor),
        **given,
    )
    return page, status


def _address() -> str:
    actor, at = current_actor(), clock.now()
    return profile_of(actor.public_id, day=today(at), by=actor).email or ""


@bp.get("/account/second-factor")
@allow(SIGNED_IN, allow_without_mfa=True)
def second_factor() -> ResponseReturnValue:
    """Shows the state of the second factor, and the device being set up."""
    return _page()


@bp.post("/account/second-factor")
@allow(SIGNED_IN, allow_without_mfa=True)
@throttle_sign_ins
def change_second_factor() -> ResponseReturnValue:
    """Checks the password, then sets up a device, creates recovery codes or removes the second factor."""
    form, actor, at = ProofForm(), current_actor(), clock.now()
    step = request.form.get("step", "begin")
    codes: list[str] = []

    def change() -> None:
        check_owner(
            form.current_password.data or "", form.otp.data or "", demonstration=in_demonstration(), by=actor, at=at
        )
        if step == "codes":
            codes.extend(renew_recovery_codes(by=actor, at=at))
        elif step == "remove":
            remove_second_factor(enforced=rule.is_needed(), by=actor, at=at)
        else:
            begin_second_factor(by=actor, at=at)

    status = form.attempt(change)
    if status is not None:
        return _page(status, proof=form)
    if step == "codes":
        return _page(codes=codes)
    if step == "remove":
        flash(_("You no longer need a code to sign in."), "done")
        return redirect(url_for("people.account_security"))
    return redirect(url_for("people.second_factor"))


@bp.post("/account/second-factor/confirm")
@allow(SIGNED_IN, allow_without_mfa=True)
@throttle_sign_ins
def confirm_second_factor() -> ResponseReturnValue:
    """Confirms the device with a code that it shows, and shows the recovery codes once."""
    form, actor, at = OtpForm(), current_actor(), clock.now()
    codes: list[str] = []

    def confirm() -> None:
        codes.extend(factors.confirm_second_factor(form.otp.data or "", by=actor, at=at))
        start_session(actor.person_id or 0, at=at)

    status = form.attempt(confirm)
    if status is None:
        return _page(codes=codes, is_new=True)
    form.otp.data = None
    return _page(status, form=form)


@bp.get("/account/second-factor/code.svg")
@allow(SIGNED_IN, allow_without_mfa=True)
def second_factor_image() -> ResponseReturnValue:
    """Returns the secret of the device being set up, as a QR code."""
    actor = current_actor()
    secret = second_factor_of(actor.person_id or 0, at=clock.now(), by=actor).pending_secret
    if secret is None:
        raise NotFound
    address = provisioning_address(secret, _address(), settings().organiser)
    return qr_code(address)
