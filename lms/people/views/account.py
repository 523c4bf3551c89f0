"""A person's own account: profile, password, tokens, data."""

from datetime import timedelta
from typing import Any

from flask import Response, abort, flash, json, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from lms.core.base.errors import Invalid, Refused
from lms.core.text.i18n import _, translated
from lms.core.time import clock
from lms.people.actions import access, accounts, addresses, persons, sessions
from lms.people.actions.accounts import check_own_password
from lms.people.actions.factors import check_owner
from lms.people.actions.persons import change_profile
from lms.people.actions.privacy import erase_person, export_person
from lms.people.forms import ChangePasswordForm, EraseForm, NewAddressForm, ProfileForm, TokenForm
from lms.people.models import ApiToken, LinkPurpose
from lms.people.queries.access import list_tokens, look_at_link
from lms.people.queries.countries import notice_in
from lms.people.queries.factors import second_factor_of
from lms.people.queries.mails import stopped_address_of
from lms.people.queries.persons import Profile, profile_of
from lms.people.queries.sessions import find_session, list_sessions
from lms.people.views.blueprint import (
    bp,
    end_session,
    session_secret,
    staff_idle,
    start_session,
    today,
)
from lms.web.forms.forms import flash_refusal
from lms.web.pages.locale import reader_locale
from lms.web.request.guards import ANYONE, SIGNED_IN, allow, checked_scopes
from lms.web.request.identity import current_actor
from lms.web.request.limits import in_demonstration, throttle_mails, throttle_sign_ins
from lms.web.views import back_to, with_choice


def _profile() -> Profile:
    return profile_of(current_actor().public_id, day=today(clock.now()), by=current_actor())


def _you_page(form: ProfileForm | None = None) -> str:
    """The page of the profile and of personal data."""
    profile = _profile()
    form = form or profile_form(ProfileForm, profile)
    form.offer(locale=reader_locale(), now=clock.now())
    country = profile.country
    notice = notice_in(country.notices, country.code, reader_locale()) if country else None
    return render_template("people/account.html", profile=profile, notice=notice, form=form)


def _mail_page(address_form: NewAddressForm | None = None) -> str:
    """The page of the address, notifications and calendars."""
    profile = _profile()
    return render_template(
        "people/account_mail.html",
        profile=profile,
        address_form=address_form or NewAddressForm(formdata=None),
        is_stopped=stopped_address_of(profile.person.id) is not None,
        factor=second_factor_of(profile.person.id, at=clock.now(), by=current_actor()),
    )


def _security_page(
    *,
    password_form: ChangePasswordForm | None = None,
    token_form: TokenForm | None = None,
    new_token: ApiToken | None = None,
    new_secret: str = "",
) -> str:
    """The page of the password, the second factor, sessions and tokens. `new_secret` is shown this once."""
    actor, at = current_actor(), clock.now()
    profile = _profile()
    return render_template(
        "people/account_security.html",
        profile=profile,
        password_form=password_form or ChangePasswordForm(formdata=None),
        token_form=token_form or TokenForm(formdata=None),
        tokens=list_tokens(profile.person.id, at=at, by=actor),
        new_token=new_token,
        new_secret=new_secret,
        sessions=list_sessions(current=session_secret(), staff_idle=staff_idle(), by=actor, at=at),
        idle_minutes=staff_idle() // timedelta(minutes=1) if actor.roles else None,
        factor=second_factor_of(profile.person.id, at=at, by=actor),
    )


def profile_form(kind: type[ProfileForm], profile: Profile) -> ProfileForm:
    """A form that shows what is stored."""
    person = profile.person
    return kind(
        formdata=None,
        data={
            "full_name": person.full_name,
            "native_name": person.native_name,
            "country": profile.country.code if profile.country else "",
            "sector": person.sector.value if person.sector else "",
            "organisation": person.organisation,
            "job_title": person.job_title,
            "gender": person.gender.value if person.gender else "",
            "locale": person.locale,
            "time_zone": person.time_zone or "",
        },
    )


@bp.get("/account")
@allow(SIGNED_IN)
def account() -> ResponseReturnValue:
    """Shows the reader's profile, and what can be done with their data."""
    return _you_page()


@bp.get("/account/mail")
@allow(SIGNED_IN)
def account_mail() -> ResponseReturnValue:
    """Shows the reader's e-mail address, notifications and calendar."""
    return _mail_page()


@bp.get("/account/security")
@allow(SIGNED_IN)
def account_security() -> ResponseReturnValue:
    """Shows the reader's password, second factor, sessions and API tokens."""
    return _security_page()


@bp.post("/account")
@allow(SIGNED_IN)
def change_account() -> ResponseReturnValue:
    """Changes the reader's profile."""
    form, actor, at = ProfileForm(), current_actor(), clock.now()
    form.offer(locale=reader_locale(), now=at)
    if form.validate():
        changes = dict(form.values())
        changes["country"] = changes["country"] or None
        try:
            change_profile(actor.public_id, changes, by=actor, at=at, today=today(at))
        except Invalid as error:
            form.take(error)
        else:
            flash(_("Saved."), "done")
            answer = make_response(redirect(url_for("people.account")))
            return with_choice(answer, "lang", changes["locale"]) if "locale" in changes else answer
    return _you_page(form), 422


@bp.post("/account/language")
@allow(SIGNED_IN, allow_without_mfa=True)
def choose_language() -> ResponseReturnValue:
    """Changes the language of the reader's pages and e-mails, from the choice in the header."""
    code, actor, at = request.form.get("lang", ""), current_actor(), clock.now()
    if code not in translated():
        abort(422)
    change_profile(actor.public_id, {"locale": code}, by=actor, at=at)
    return with_choice(make_response(redirect(back_to())), "lang", code)


@bp.post("/account/address/check")
@allow(SIGNED_IN)
@throttle_mails
def check_address() -> ResponseReturnValue:
    """E-mails a link to the reader's address after mails were returned: using it confirms the address."""
    try:
        address = addresses.ask_address_check(by=current_actor(), at=clock.now())
    except Refused as error:
        flash(error.message, "wrong")
    else:
        flash(_("We sent a link to %(address)s. Open it to get our e-mails again.", address=address), "done")
    return redirect(url_for("people.account_mail", _anchor="address"))


@bp.post("/account/name")
@allow(SIGNED_IN)
def confirm_name() -> ResponseReturnValue:
    """Confirms that the names shown on the page are right."""
    seen = request.form.get("full_name", ""), request.form.get("native_name") or None
    try:
        persons.confirm_name(*seen, by=current_actor(), at=clock.now())
    except Refused as error:
        flash(error.message, "wrong")
    else:
        flash(_("Thank you. This name will appear on your certificates."), "done")
    return redirect(url_for("dashboards.me"))


@bp.post("/account/address")
@allow(SIGNED_IN)
@throttle_sign_ins
@throttle_mails
def ask_address_change() -> ResponseReturnValue:
    """Checks the password and e-mails a link to the reader's new address."""
    form, actor, at = NewAddressForm(), current_actor(), clock.now()
    status = form.attempt(
        lambda: addresses.ask_address_change(
            form.email.data or "",
            form.current_password.data or "",
            form.otp.data or "",
            demonstration=in_demonstration(),
            by=actor,
            at=at,
        )
    )
    if status is None:
        flash(_("Check your e-mail at the new address. The change takes effect when you open the link."), "done")
        return redirect(url_for("people.account_mail"))
    form.otp.data = None
    return _mail_page(form), status


@bp.route("/account/address/<secret>", methods=["GET", "POST"])
@allow(ANYONE)
@throttle_sign_ins
def change_address(secret: str) -> ResponseReturnValue:
    """Changes the address of an account with the link e-mailed to the new one, or notes that its own one works."""
    at = clock.now()
    shown = look_at_link(secret, LinkPurpose.CHANGE_ADDRESS, at=at)
    if shown is None:
        return render_template("people/link_gone.html"), 404
    if request.method == "POST":
        with flash_refusal():
            addresses.change_address(secret, at=at)
            done = (
                _("We will write to your address again.") if shown.is_check else _("Your e-mail address was changed.")
            )
            flash(done, "done")
        return redirect(url_for("people.account_mail"))
    return render_template("people/change_address.html", shown=shown)


@bp.post("/account/password")
@allow(SIGNED_IN)
@throttle_sign_ins
def change_password() -> ResponseReturnValue:
    """Sets a new password and ends all other sessions and all API tokens."""
    form, actor, at = ChangePasswordForm(), current_actor(), clock.now()

    def change() -> None:
        accounts.change_password(
            form.current_password.data or "",
            form.new_password.data or "",
            demonstration=in_demonstration(),
            by=actor,
            at=at,
        )
        start_session(actor.person_id or 0, at=at)

    status = form.attempt(change)
    if status is None:
        flash(_("Your password was changed. All other devices were signed out and your API tokens revoked."), "done")
        return redirect(url_for("people.account_security"))
    return _security_page(password_form=form), status


@bp.post("/account/sign-out-everywhere")
@allow(SIGNED_IN, allow_without_mfa=True)
def sign_out_everywhere() -> ResponseReturnValue:
    """Ends all sessions of the reader, including this one, and all API tokens."""
    at = clock.now()
    sessions.sign_out_everywhere(by=current_actor(), at=at)
    end_session(at)
    flash(_("You were signed out on all devices and your API tokens were revoked."), "done")
    return redirect(url_for("dashboards.home"))


@bp.post("/account/sessions/<public_id>/end")
@allow(SIGNED_IN)
def end_one_session(public_id: str) -> ResponseReturnValue:
    """Ends one of the reader's sessions."""
    actor, at = current_actor(), clock.now()
    sessions.end_session(public_id, by=actor, at=at)
    if find_session(session_secret() or "", staff_idle=staff_idle(), at=at) is None:
        end_session(at)
        flash(_("You have signed out."), "done")
        return redirect(url_for("dashboards.home"))
    flash(_("The device was signed out."), "done")
    return redirect(url_for("people.account_security", _anchor="sessions"))


@bp.post("/account/tokens")
@allow(SIGNED_IN)
@throttle_sign_ins
def create_token() -> ResponseReturnValue:
    """Checks the password, creates a bearer token and shows it once."""
    form, actor, at = TokenForm(), current_actor(), clock.now()
    made: list[Any] = []

    def make() -> None:
        scopes = checked_scopes(form.scopes.data or ())
        check_owner(
            form.current_password.data or "", form.otp.data or "", demonstration=in_demonstration(), by=actor, at=at
        )
        made.extend(access.create_token(form.name.data or "", scopes=scopes, by=actor, at=at))

    status = form.attempt(make)
    form.otp.data = None
    if status is None:
        token, secret = made
        return _security_page(new_token=token, new_secret=secret)
    return _security_page(token_form=form), status


@bp.post("/account/tokens/<public_id>/revoke")
@allow(SIGNED_IN)
def revoke_token(public_id: str) -> ResponseReturnValue:
    """Revokes a token."""
    access.revoke_token(public_id, by=current_actor(), at=clock.now())
    flash(_("The token was revoked. Programs that use it no longer have access."), "done")
    return redirect(url_for("people.account_security", _anchor="tokens"))


@bp.post("/account/export")
@allow(SIGNED_IN)
def export() -> ResponseReturnValue:
    """Downloads everything stored about the reader."""
    actor = current_actor()
    parts = export_person(actor.public_id, by=actor, at=clock.now())
    answer = Response(json.dumps(parts, indent=2, ensure_ascii=False, default=str), mimetype="application/json")
    answer.headers["Content-Disposition"] = "attachment; filename=my-data.json"
    return answer


@bp.route("/account/erase", methods=["GET", "POST"])
@allow(SIGNED_IN)
@throttle_sign_ins
def erase() -> ResponseReturnValue:
    """Deletes the reader's personal data, after confirmation and password."""
    form, actor, at = EraseForm(), current_actor(), clock.now()
    profile = profile_of(actor.public_id, day=today(at), by=actor)

    def work() -> None:
        check_own_password(form.current_password.data or "", demonstration=in_demonstration(), by=actor, at=at)
        erase_person(
            actor.public_id,
            confirmation=form.confirmation.data or "",
            withdraw_certificates=form.certificates.data == "withdraw",
            by=actor,
            at=at,
        )

    status = form.attempt(work) if form.is_submitted() else 200
    if status is None:
        end_session(at)
        flash(_("Your personal data was deleted. Thank you for taking part."), "done")
        return redirect(url_for("dashboards.home"))
    return render_template("people/erase.html", form=form, profile=profile), status
