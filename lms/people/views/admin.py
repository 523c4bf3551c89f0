"""Administration of people: find, edit, disable, grant roles."""

from __future__ import annotations

from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from lms.core import clock
from lms.core.errors import Invalid, Refused
from lms.core.i18n import _
from lms.core.roles import Role
from lms.people.actions import access, factors
from lms.people.actions.persons import change_profile
from lms.people.forms import PersonForm, RoleForm, SearchForm
from lms.people.queries.access import account_of, list_acts, list_grants, reach_of_role
from lms.people.queries.factors import second_factor_of
from lms.people.queries.persons import list_people, profile_of
from lms.people.views.account import profile_form
from lms.people.views.blueprint import bp, today
from lms.web.api import integer_cursor
from lms.web.guards import allow
from lms.web.identity import current_actor
from lms.web.locale import reader_locale

PAGE = 50


@bp.get("/admin/people")
@allow(Role.ADMINISTRATOR)
def admin_people() -> ResponseReturnValue:
    """Lists people, with search."""
    form, at = SearchForm(formdata=request.args), clock.now()
    q = form.q.data or ""
    hits = list_people(
        q=q, cursor=integer_cursor(request.args.get("cursor")), limit=PAGE, day=today(at), by=current_actor()
    )
    following = None
    if len(hits) > PAGE:
        following = url_for("people.admin_people", q=q or None, cursor=hits[PAGE - 1].person.id)
    return render_template("people/admin_people.html", form=form, q=q, hits=hits[:PAGE], next_url=following)


def _page(public_id: str, status: int = 200, **given: Any) -> ResponseReturnValue:
    actor, at = current_actor(), clock.now()
    profile = profile_of(public_id, day=today(at), by=actor)
    person_id = profile.person.id
    form = given.pop("form", None) or profile_form(PersonForm, profile)
    role_form = given.pop("role_form", None) or RoleForm(formdata=None)
    form.offer(locale=reader_locale(), now=at)
    role_form.offer(locale=reader_locale(), now=at)
    page = render_template(
        "people/admin_person.html",
        profile=profile,
        person=profile.person,
        account=account_of(person_id, by=actor),
        factor=second_factor_of(person_id, at=at, by=actor),
        grants=list_grants(person_id, by=actor),
        entries=list_acts(person_id, by=actor),
        form=form,
        role_form=role_form,
        is_self=person_id == actor.person_id,
    )
    return page, status


@bp.get("/admin/people/<public_id>/edit")
@allow(Role.ADMINISTRATOR)
def admin_person(public_id: str) -> ResponseReturnValue:
    """Shows what can be changed of a person: profile, roles, account; and their activity."""
    return _page(public_id)


@bp.post("/admin/people/<public_id>")
@allow(Role.ADMINISTRATOR)
def edit_person(public_id: str) -> ResponseReturnValue:
    """Changes a person's profile."""
    form, at = PersonForm(), clock.now()
    form.offer(locale=reader_locale(), now=at)
    if form.validate():
        changes = dict(form.values())
        changes["country"] = changes["country"] or None
        try:
            change_profile(public_id, changes, by=current_actor(), at=at, today=today(at))
        except Invalid as error:
            form.take(error)
        else:
            flash(_("Saved."), "done")
            return redirect(url_for("dashboards.person", public_id=public_id))
    return _page(public_id, 422, form=form)


@bp.post("/admin/people/<public_id>/disable")
@allow(Role.ADMINISTRATOR)
def disable_person(public_id: str) -> ResponseReturnValue:
    """Disables an account at once."""
    try:
        access.disable_person(public_id, by=current_actor(), at=clock.now())
        flash(_("The account was disabled. Its sessions and tokens have ended."), "done")
    except Refused as error:
        flash(error.message, "wrong")
    return redirect(url_for("people.admin_person", public_id=public_id))


@bp.post("/admin/people/<public_id>/enable")
@allow(Role.ADMINISTRATOR)
def enable_person(public_id: str) -> ResponseReturnValue:
    """Enables a disabled account."""
    access.enable_person(public_id, by=current_actor(), at=clock.now())
    flash(_("The account was enabled."), "done")
    return redirect(url_for("people.admin_person", public_id=public_id))


@bp.post("/admin/people/<public_id>/second-factor/reset")
@allow(Role.ADMINISTRATOR)
def reset_second_factor(public_id: str) -> ResponseReturnValue:
    """Resets the second factor of a person who lost their device."""
    try:
        factors.reset_second_factor(public_id, by=current_actor(), at=clock.now())
        flash(_("The second factor was reset and all sessions have ended. The person will receive an e-mail."), "done")
    except Refused as error:
        flash(error.message, "wrong")
    return redirect(url_for("people.admin_person", public_id=public_id) + "#account")


@bp.post("/admin/people/<public_id>/roles")
@allow(Role.ADMINISTRATOR)
def grant_role(public_id: str) -> ResponseReturnValue:
    """Explains a role and asks for confirmation, then grants it."""
    form, at, by = RoleForm(), clock.now(), current_actor()
    form.offer(locale=reader_locale(), now=at)
    if form.validate():
        role, code = Role(form.role.data), form.country.data or None
        try:
            if not request.form.get("confirm"):
                reach = reach_of_role(public_id, role, code, day=today(at), by=by)
                return render_template("people/grant_role.html", reach=reach, role=role, person=reach.person)
            access.grant_role(public_id, role, country_code=code, by=by, at=at)
        except Invalid as error:
            form.take(error)
        else:
            flash(_("Role granted. It takes effect at once. You can remove it below."), "done")
            return redirect(url_for("people.admin_person", public_id=public_id) + "#roles")
    return _page(public_id, 422, role_form=form)


@bp.post("/admin/people/<public_id>/roles/<int:grant_id>/revoke")
@allow(Role.ADMINISTRATOR)
def revoke_role(public_id: str, grant_id: int) -> ResponseReturnValue:
    """Removes a role, and removes the person from lists of instructors."""
    try:
        access.revoke_role(public_id, grant_id, by=current_actor(), at=clock.now())
        flash(_("Role removed."), "done")
    except Refused as error:
        flash(error.message, "wrong")
    return redirect(url_for("people.admin_person", public_id=public_id) + "#roles")
