"""Administration of people: find, edit, disable, grant roles."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from lms.core.base.errors import Invalid, Refused
from lms.core.base.lists import ListRequest
from lms.core.base.roles import Role
from lms.core.text.i18n import _, _l, _lp
from lms.core.time import clock
from lms.people.actions import access, factors
from lms.people.actions.persons import change_profile
from lms.people.forms import NO_ROLE, AddPersonForm, PersonForm, RoleForm, grouped_choices
from lms.people.queries.access import account_of, list_acts, list_grants, reach_of_role
from lms.people.queries.countries import countries_meant, country_by_code, country_names, known_codes
from lms.people.queries.factors import second_factor_of
from lms.people.queries.listing import (
    ANY_ROLE,
    BEST,
    NAME,
    NEWEST,
    SIGN_IN,
    PersonHit,
    list_people,
    organisations_of_all,
)
from lms.people.queries.persons import find_person_by_email, profile_of
from lms.people.views.account import profile_form
from lms.people.views.blueprint import bp, today
from lms.web.forms.forms import flash_refusal
from lms.web.lists.parts import COUNTRY, Chip, Choice, Column, Select, counted_choices
from lms.web.lists.routes import list_page
from lms.web.lists.view import ListView
from lms.web.pages.locale import reader_locale
from lms.web.request.guards import allow
from lms.web.request.identity import current_actor


@list_page(bp, "/admin/people", Role.ADMINISTRATOR)
class AllPeople(ListView[PersonHit]):
    """Lists people, filtered by role, country, organisation and text."""

    endpoint, template, title = "people.admin_people", "people/admin_people.html", _l("People")
    text_label = _l("Name, e-mail or country")
    filters = {"role": frozenset({*Role, ANY_ROLE}), "country": known_codes, "organisation": None}
    columns: tuple[Column, ...] = (
        Column(NAME, _l("Person"), _l("A to Z"), _l("Z to A")),
        replace(COUNTRY, first=""),
        Column("email", _l("E-mail"), place="wide"),
        Column("role", _l("Role"), place="state"),
        Column("since", _l("Since"), place="wide"),
        Column("account", _l("Account"), place="wide"),
        Column(
            SIGN_IN, _l("Last sign-in"), _l("newest first"), _l("oldest first"),
            descending=True, place="wide",
        ),
        Column(NEWEST, _lp("date", "Added"), _l("newest first"), _l("oldest first"), descending=True),
    )  # fmt: skip
    chips_filter = "role"

    def __init__(self) -> None:
        super().__init__()
        self.names = country_names(reader_locale())
        self.order = NEWEST
        self.hidden = {NEWEST, BEST}
        if request.args.get("q", "").strip():
            self.order = BEST
            best = Column(BEST, _l("Best match"), _l("best match first"), _l("best match last"))
            self.columns = (*self.columns, best)

    def query(self, request: ListRequest) -> tuple[Sequence[PersonHit], int]:
        self.country = country_by_code(request.filters.get("country", ""))
        self.country_id = self.country.id if self.country else None
        self.people = list_people(request, country_id=self.country_id, day=today(self.at), by=self.by)
        return self.people.hits, self.people.total

    def chips(self) -> list[Chip]:
        words = {
            "": _("Everyone"),
            ANY_ROLE: _("With a role"),
            "administrator": _("Administrators"),
            "instructor": _("Instructors"),
            "focal_point": _("Focal points"),
            "reporter": _("Reporters"),
        }
        return [Chip(value, self.people.counts.get(value, 0), word) for value, word in words.items()]

    def selects(self) -> list[Select]:
        countries = [
            Choice(choice.value, choice.label, optgroup=choice.optgroup)
            for choice in grouped_choices(self.names, reader_locale())
        ]
        counts = organisations_of_all(self.country_id, day=today(self.at))
        organisations = counted_choices(counts, self.request.filters.get("organisation"))
        return [
            Select("country", _("Country or area"), countries),
            Select("organisation", _("Organisation"), organisations),
        ]

    def context(self) -> dict[str, Any]:
        meant = [] if self.country else countries_meant(self.request.q, self.names)
        return {"people": self.people, "meant": meant}


@bp.route("/admin/people/new", methods=["GET", "POST"])
@allow(Role.ADMINISTRATOR)
def add_person() -> ResponseReturnValue:
    """Adds a person, with a role and an invitation. Leads to the person who has the address already."""
    form, at, by = AddPersonForm(), clock.now(), current_actor()
    form.offer(locale=reader_locale(), now=at)
    if not form.is_submitted():
        return render_template("people/add_person.html", form=form)
    if form.validate():
        known = find_person_by_email(form.email.data or "")
        if known is not None:
            flash(_("This address is known already: it is this person’s. Nothing was changed."), "now")
            return redirect(url_for("dashboards.person", public_id=known.public_id))
        role = None if form.role.data == NO_ROLE else Role(form.role.data)
        code = form.focal_country.data if role is Role.FOCAL_POINT else None
        try:
            given = {name: getattr(form, name).data for name in _ADDED}
            person = access.add_person(given, role, code or None, invites=bool(form.invites.data), by=by, at=at)
        except Invalid as error:
            form.take(error)
        except Refused as error:
            form.form_errors.append(error.message)
        else:
            return _added(person.public_id, role, is_invited=bool(form.invites.data))
    return render_template("people/add_person.html", form=form), 422


_ADDED = ("email", "full_name", "native_name", "country", "organisation")


def _added(public_id: str, role: Role | None, *, is_invited: bool) -> ResponseReturnValue:
    """Leads to the new person; for the role of an administrator, by the page that asks for it."""
    flash(_("Added. The invitation is on its way.") if is_invited else _("Added. No invitation was sent."), "done")
    if role is not Role.ADMINISTRATOR:
        return redirect(url_for("dashboards.person", public_id=public_id))
    reach = reach_of_role(public_id, role, None, day=today(clock.now()), by=current_actor())
    return render_template("people/grant_role.html", reach=reach, role=role, person=reach.person)


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
    with flash_refusal():
        access.disable_person(public_id, by=current_actor(), at=clock.now())
        flash(_("The account was disabled. Its sessions and tokens have ended."), "done")
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
    with flash_refusal():
        factors.reset_second_factor(public_id, by=current_actor(), at=clock.now())
        flash(_("The second factor was reset and all sessions have ended. The person will receive an e-mail."), "done")
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
    with flash_refusal():
        access.revoke_role(public_id, grant_id, by=current_actor(), at=clock.now())
        flash(_("Role removed."), "done")
    return redirect(url_for("people.admin_person", public_id=public_id) + "#roles")
