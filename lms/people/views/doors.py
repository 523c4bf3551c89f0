"""Registering, signing in and out, one-time links, and the privacy page."""

from __future__ import annotations

from flask import Response, flash, make_response, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import logout_user

from lms.core import clock
from lms.core.errors import Invalid, NotFound, Refused
from lms.core.roles import Actor, Role
from lms.core.words import _
from lms.people import actions, queries
from lms.people.forms import AddressForm, NewPasswordForm, RegisterForm, SignInForm
from lms.people.rules import CONSENT_VERSION
from lms.people.views.blueprint import bp, in_demonstration, reader_locale, start_session
from lms.web.guards import ANYONE, SIGNED_IN, allow
from lms.web.identity import current_actor
from lms.web.limits import limiter
from lms.web.views import is_local

sign_ins = limiter.shared_limit("30/minute", scope="sign-in", methods=["POST"])
mails = limiter.shared_limit("20/minute", scope="mail", methods=["POST"])


def landing(actor: Actor) -> str:
    """The page where somebody begins: the desk of the highest role, else one's own lectures."""
    if actor.has(Role.ADMINISTRATOR):
        return url_for("desks.admin")
    if actor.has(Role.INSTRUCTOR):
        return url_for("desks.teach")
    if actor.has(Role.FOCAL_POINT):
        return url_for("desks.country")
    return url_for("desks.me")


def _following() -> str:
    following = request.form.get("next") or request.args.get("next")
    return following if following is not None and is_local(following) else landing(current_actor())


def _kept_next() -> str | None:
    following = request.values.get("next")
    return following if is_local(following) else None


@bp.route("/sign-in", methods=["GET", "POST"])
@allow(ANYONE)
@sign_ins
def sign_in() -> ResponseReturnValue:
    """Signs in with address and password."""
    if request.method == "GET" and current_actor().is_signed_in:
        return redirect(_following())
    form, at, status = SignInForm(), clock.now(), 200
    if form.validate_on_submit():
        try:
            signed_in = actions.sign_in(
                form.email.data or "", form.password.data or "", demonstration=in_demonstration(), at=at
            )
        except actions.TooManyFailures as error:
            form.form_errors.append(error.message)
            status = 429
        except actions.WrongCredentials as error:
            form.password.errors = [error.message]
            status = 422
        else:
            start_session(signed_in, at=at)
            return redirect(_following())
    elif form.is_submitted():
        status = 422
    page = render_template("people/sign_in.html", form=form, link_form=AddressForm(), following=_kept_next())
    answer = make_response(page, status)
    if status == 429:
        answer.headers["Retry-After"] = "60"
    return answer


@bp.post("/sign-in/link")
@allow(ANYONE)
@mails
def send_sign_in_link() -> ResponseReturnValue:
    """Mails a link that signs in once."""
    form = AddressForm()
    if form.validate_on_submit():
        actions.ask_sign_in_link(form.email.data or "", at=clock.now(), locale=reader_locale())
        return render_template("people/mail_sent.html", email=form.email.data, what="sign_in")
    return render_template("people/sign_in.html", form=SignInForm(formdata=None), link_form=form, following=None), 422


@bp.route("/sign-in/<secret>", methods=["GET", "POST"])
@allow(ANYONE)
@sign_ins
def sign_in_link(secret: str) -> ResponseReturnValue:
    """Signs in with a link from a mail, after one press; sets the first password where there is none."""
    at = clock.now()
    shown = queries.look_at_link(secret, at=at)
    if shown is None or shown.purpose != "sign_in":
        return render_template("people/link_gone.html"), 404
    if not shown.has_password:
        return _set_password(secret, shown)
    if request.method == "POST":
        start_session(actions.use_sign_in_link(secret, at=at), at=at)
        return redirect(landing(current_actor()))
    return render_template("people/sign_in_link.html", shown=shown)


@bp.post("/sign-out")
@allow(SIGNED_IN)
def sign_out() -> ResponseReturnValue:
    """Ends the session."""
    logout_user()
    session.clear()
    flash(_("You are signed out."), "done")
    return redirect(url_for("desks.home"))


@bp.route("/register", methods=["GET", "POST"])
@allow(ANYONE)
@mails
def register() -> ResponseReturnValue:
    """Takes a registration and mails the link that confirms it."""
    form, at, status = RegisterForm(), clock.now(), 200
    if not form.is_submitted():
        form.time_zone.data = request.cookies.get("zone", "")
    form.offer(locale=reader_locale(), now=at)
    if form.is_submitted():
        valid = form.validate()
        given = {**form.values(), "locale": reader_locale()}
        given = {name: value for name, value in given.items() if name != "consent"}
        try:
            if valid:
                actions.register(given, consent=bool(form.consent.data), at=at)
                return render_template("people/mail_sent.html", email=form.email.data, what="register")
            if not form.consent.data:
                form.consent.errors = [_("Without it no attendance can be recorded.")]
        except Invalid as error:
            form.take(error)
        status = 422
    return render_template("people/register.html", form=form), status


@bp.route("/confirm/<secret>", methods=["GET", "POST"])
@allow(ANYONE)
@sign_ins
def confirm(secret: str) -> ResponseReturnValue:
    """Confirms an address and sets the first password."""
    at = clock.now()
    shown = queries.look_at_link(secret, at=at)
    if shown is None or shown.purpose != "confirm":
        return render_template("people/link_gone.html"), 404
    form, status = NewPasswordForm(), 200
    if form.is_submitted():
        status = 422
        if form.validate():
            try:
                signed_in = actions.confirm(
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
                return redirect(url_for("people.sign_in"))
            else:
                start_session(signed_in, at=at)
                flash(_("Your address is confirmed. Welcome."), "done")
                return redirect(landing(current_actor()))
    return render_template("people/confirm.html", form=form, shown=shown), status


@bp.route("/forgot", methods=["GET", "POST"])
@allow(ANYONE)
@mails
def forgot() -> ResponseReturnValue:
    """Mails a link that leads to a new password."""
    form, status = AddressForm(), 200
    if form.validate_on_submit():
        actions.ask_reset(form.email.data or "", at=clock.now(), locale=reader_locale())
        return render_template("people/mail_sent.html", email=form.email.data, what="reset")
    if form.is_submitted():
        status = 422
    return render_template("people/forgot.html", form=form), status


@bp.route("/reset/<secret>", methods=["GET", "POST"])
@allow(ANYONE)
@sign_ins
def reset(secret: str) -> ResponseReturnValue:
    """Sets a new password with a link from a mail."""
    shown = queries.look_at_link(secret, at=clock.now())
    if shown is None or shown.purpose != "reset":
        return render_template("people/link_gone.html"), 404
    return _set_password(secret, shown)


def _set_password(secret: str, shown: queries.LinkView) -> ResponseReturnValue:
    form, at, status = NewPasswordForm(), clock.now(), 200
    if form.is_submitted():
        status = 422
        if form.validate():
            try:
                signed_in = actions.reset_password(
                    secret, form.password.data or "", demonstration=in_demonstration(), at=at
                )
            except Invalid as error:
                form.take(error)
            except NotFound:
                return render_template("people/link_gone.html"), 404
            else:
                start_session(signed_in, at=at)
                flash(_("Your password is set, and you are signed in."), "done")
                return redirect(landing(current_actor()))
    return render_template("people/reset.html", form=form, shown=shown), status


@bp.get("/privacy")
@allow(ANYONE)
def privacy() -> ResponseReturnValue:
    """What is kept of a person, why, for how long, and what one may ask for."""
    return render_template("people/privacy.html", version=CONSENT_VERSION)


@bp.after_request
def keep_secrets_out(answer: Response) -> Response:
    """Pages that a one-time link opens: never stored, and never told to another page."""
    if request.view_args and "secret" in request.view_args:
        answer.headers["Referrer-Policy"] = "no-referrer"
        answer.headers["Cache-Control"] = "no-store"
    return answer
