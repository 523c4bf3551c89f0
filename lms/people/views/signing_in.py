"""Registering, signing in and out, one-time links, and the privacy page."""

from datetime import datetime

from flask import Response, flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from lms.core.base.errors import Invalid, NotFound, Refused
from lms.core.base.settings import settings
from lms.core.text.i18n import _
from lms.core.time import clock
from lms.people.actions import accounts
from lms.people.actions.accounts import check_password, reset_password, use_sign_in_link
from lms.people.actions.attempts import TooManyFailures, WrongCode, WrongCredentials
from lms.people.actions.factors import check_otp
from lms.people.actions.links import ask_reset, ask_sign_in_link
from lms.people.forms import AddressForm, NewPasswordForm, OtpForm, RegisterForm, SignInForm, ZoneForm
from lms.people.models import LinkPurpose
from lms.people.queries.access import LinkView, look_at_link
from lms.people.rules import CONSENT_VERSION
from lms.people.views.blueprint import (
    bp,
    end_session,
    enter,
    forget_second_step,
    kept_next,
    landing,
    let_in,
    second_step,
)
from lms.people.views.known_devices import known_device
from lms.web.pages.locale import reader_locale
from lms.web.pages.time import cookie_zone
from lms.web.pages.whole_pages import same_for_strangers
from lms.web.request.guards import ANYONE, SIGNED_IN, allow
from lms.web.request.identity import current_actor
from lms.web.request.limits import in_demonstration, throttle_mails, throttle_sign_ins


@bp.route("/sign-in", methods=["GET", "POST"])
@allow(ANYONE)
@throttle_sign_ins
def sign_in() -> ResponseReturnValue:
    """Signs in with e-mail address and password, then with a second factor if there is one."""
    at = clock.now()
    if request.method == "GET":
        if current_actor().is_signed_in:
            return redirect(kept_next() or landing(current_actor()))
        return _code_page(OtpForm()) if second_step(at) else _sign_in_page(SignInForm())
    if "restart" in request.form:
        forget_second_step()
        return redirect(url_for("people.sign_in", next=kept_next()))
    if "otp" in request.form and "email" not in request.form:
        return _take_code(second_step(at), at)
    form = SignInForm()
    if not form.validate():
        return _sign_in_page(form, 422)
    try:
        person_id = check_password(
            form.email.data or "",
            form.password.data or "",
            demonstration=in_demonstration(),
            at=at,
            device=known_device(),
        )
    except TooManyFailures as error:
        form.form_errors += [error.message, _("To sign in without waiting, use an e-mailed link.")]
        return _sign_in_page(form, 429, error.seconds)
    except WrongCredentials as error:
        form.password.errors = [error.message]
        return _sign_in_page(form, 422)
    answer = enter(person_id, at=at)
    return _take_code(second_step(at), at) if request.form.get("otp") and second_step(at) else answer


def _take_code(person_id: int | None, at: datetime) -> ResponseReturnValue:
    """The second step: the code that the device shows, or a recovery code."""
    if person_id is None:
        flash(_("That took too long. Start signing in again."), "wrong")
        return redirect(url_for("people.sign_in", next=kept_next()))
    form = OtpForm()
    if not form.validate():
        return _code_page(form, 422)
    try:
        check_otp(person_id, form.otp.data or "", at=at)
    except TooManyFailures as error:
        form.form_errors.append(error.message)
        return _code_page(form, 429, error.seconds)
    except WrongCode as error:
        form.otp.errors = [error.message]
        return _code_page(form, 422)
    return let_in(person_id, at=at, following=kept_next())


def _sign_in_page(
    form: SignInForm, status: int = 200, wait: int = 60, *, link_form: AddressForm | None = None
) -> ResponseReturnValue:
    page = render_template(
        "people/sign_in.html", form=form, link_form=link_form or AddressForm(), following=kept_next()
    )
    return _waiting(make_response(page, status), wait)


def _code_page(form: OtpForm, status: int = 200, wait: int = 60) -> ResponseReturnValue:
    form.otp.data = None
    return _waiting(make_response(render_template("people/code.html", form=form, following=kept_next()), status), wait)


def _waiting(answer: Response, wait: int) -> Response:
    if answer.status_code == 429:
        answer.headers["Retry-After"] = str(wait)
    return answer


@bp.post("/sign-in/link")
@allow(ANYONE)
@throttle_mails
def send_sign_in_link() -> ResponseReturnValue:
    """E-mails a one-time sign-in link."""
    form = AddressForm()
    if form.validate_on_submit():
        ask_sign_in_link(form.email.data or "", at=clock.now(), locale=reader_locale(), following=kept_next())
        return render_template("people/mail_sent.html", email=form.email.data, what="sign_in")
    return _sign_in_page(SignInForm(formdata=None), 422, link_form=form)


@bp.route("/sign-in/<secret>", methods=["GET", "POST"])
@allow(ANYONE)
@throttle_sign_ins
def sign_in_link(secret: str) -> ResponseReturnValue:
    """Signs in with an e-mailed link, after confirmation. Sets a password if there is none."""
    at = clock.now()
    shown = look_at_link(secret, LinkPurpose.SIGN_IN, at=at)
    if shown is None:
        return render_template("people/link_gone.html"), 404
    if not shown.has_password:
        return _set_password(secret, shown)
    if request.method == "POST":
        return enter(use_sign_in_link(secret, at=at), at=at, following=shown.following)
    return render_template("people/sign_in_link.html", shown=shown)


@bp.post("/sign-out")
@allow(SIGNED_IN, allow_without_mfa=True)
def sign_out() -> ResponseReturnValue:
    """Ends the session, also on the server, so that a copied cookie is useless."""
    end_session(clock.now())
    flash(_("You have signed out."), "done")
    return redirect(url_for("dashboards.home"))


@bp.get("/zone")
@allow(ANYONE, allow_without_mfa=True)
def choose_zone() -> ResponseReturnValue:
    """Asks an anonymous reader for a time zone. Signed-in readers set theirs in the account."""
    if current_actor().is_signed_in:
        return redirect(url_for("people.account", _anchor="time_zone"))
    form = ZoneForm(formdata=None, meta={"csrf": False}, data={"time_zone": cookie_zone() or ""})
    form.offer(locale=reader_locale())
    return render_template("people/zone.html", form=form, following=kept_next())


@bp.route("/register", methods=["GET", "POST"])
@allow(ANYONE, indexed=True)
@throttle_mails
def register() -> ResponseReturnValue:
    """Registers a person and e-mails a link to confirm it."""
    form, at, status = RegisterForm(), clock.now(), 200
    if not form.is_submitted():
        form.time_zone.data = cookie_zone() or ""
    form.offer(locale=reader_locale(), now=at)
    if form.is_submitted():
        valid = form.validate()
        given = {**form.values(), "locale": reader_locale()}
        given = {name: value for name, value in given.items() if name != "consent"}
        try:
            if valid:
                accounts.register(given, consent=bool(form.consent.data), at=at, following=kept_next())
                return render_template("people/mail_sent.html", email=form.email.data, what="register")
            if not form.consent.data:
                form.consent.errors = [_("You must agree before we can record your attendance.")]
        except Invalid as error:
            form.take(error)
        status = 422
    return render_template("people/register.html", form=form, following=kept_next()), status


@bp.route("/confirm/<secret>", methods=["GET", "POST"])
@allow(ANYONE)
@throttle_sign_ins
def confirm(secret: str) -> ResponseReturnValue:
    """Confirms an e-mail address and sets the first password."""
    at = clock.now()
    shown = look_at_link(secret, LinkPurpose.CONFIRM, at=at)
    if shown is None:
        return render_template("people/link_gone.html"), 404
    form, status = NewPasswordForm(), 200
    if form.is_submitted():
        status = 422
        if form.validate():
            try:
                person_id = accounts.confirm(
                    secret,
                    form.password.data or "",
                    consent=bool(form.consent.data),
                    demonstration=in_demonstration(),
                    at=at,
                )
            except Invalid as error:
                form.take(error)
            except Refused as error:
                flash(error.message, "wrong")
                return redirect(url_for("people.sign_in", next=shown.following))
            else:
                answer = enter(person_id, at=at, following=shown.following)
                flash(_("Your address was confirmed. Welcome."), "done")
                return answer
    return render_template("people/confirm.html", form=form, shown=shown), status


@bp.route("/forgot", methods=["GET", "POST"])
@allow(ANYONE)
@throttle_mails
def forgot() -> ResponseReturnValue:
    """E-mails a link to choose a new password."""
    form, status = AddressForm(), 200
    if form.validate_on_submit():
        ask_reset(form.email.data or "", at=clock.now(), locale=reader_locale(), following=kept_next())
        return render_template("people/mail_sent.html", email=form.email.data, what="reset")
    if form.is_submitted():
        status = 422
    return render_template("people/forgot.html", form=form, following=kept_next()), status


@bp.route("/reset/<secret>", methods=["GET", "POST"])
@allow(ANYONE)
@throttle_sign_ins
def reset(secret: str) -> ResponseReturnValue:
    """Sets a new password with an e-mailed link."""
    shown = look_at_link(secret, LinkPurpose.RESET, at=clock.now())
    if shown is None:
        return render_template("people/link_gone.html"), 404
    return _set_password(secret, shown)


def _set_password(secret: str, shown: LinkView) -> ResponseReturnValue:
    form, at, status = NewPasswordForm(), clock.now(), 200
    if form.is_submitted():
        status = 422
        if form.validate():
            try:
                person_id = reset_password(secret, form.password.data or "", demonstration=in_demonstration(), at=at)
            except Invalid as error:
                form.take(error)
            except NotFound:
                return render_template("people/link_gone.html"), 404
            else:
                answer = enter(person_id, at=at, following=shown.following)
                flash(_("Your password was set."), "done")
                return answer
    return render_template("people/reset.html", form=form, shown=shown), status


@bp.get("/privacy")
@allow(ANYONE, allow_without_mfa=True, indexed=True)
@same_for_strangers
def privacy() -> ResponseReturnValue:
    """Shows what data is kept, why, for how long, and people's rights."""
    return render_template("people/privacy.html", version=CONSENT_VERSION, recordings_kept=settings().recordings_kept)
