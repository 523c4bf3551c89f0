"""A viewing group: its code, its list and its signature."""

from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.wrappers import Response

from lms.attendance.actions.closing import check_not_closed
from lms.catalogue.models import Lecture
from lms.core.base.errors import DomainError, Invalid, NotFound, Refused, TooLarge
from lms.core.storage.tables import decode
from lms.core.text.i18n import _, _n
from lms.core.text.punctuation import gap
from lms.core.text.sorting import sort_key
from lms.core.text.translations import reader_text
from lms.core.time import clock
from lms.people.queries.countries import country_names
from lms.viewing_groups import queries as viewing
from lms.viewing_groups import rules
from lms.viewing_groups.actions import groups as groups_actions
from lms.viewing_groups.actions import signing
from lms.viewing_groups.actions.groups import (
    Added,
    call_off,
    drop_address,
    renew_code,
)
from lms.viewing_groups.actions.signing import Basis, Signed, take_back_signature
from lms.viewing_groups.forms import AddressesForm, GroupForm, SignatureForm, TakeBackForm
from lms.viewing_groups.views.check_in import KEEPERS, bp, group_zones, to_group, typed_group
from lms.web.forms.forms import flash_refusal
from lms.web.pages.locale import reader_locale
from lms.web.request.guards import allow
from lms.web.request.identity import current_actor

LARGEST_PASTE = 512 * 1024


@bp.get("/groups/<group_id>")
@allow(*KEEPERS)
def group(group_id: str) -> ResponseReturnValue:
    """A group with its code, list and signature."""
    return _page(group_id)


def _page(group_id: str, status: int = 200, **given: Any) -> ResponseReturnValue:
    by, at = current_actor(), clock.now()
    view = viewing.get_group(group_id, by=by)
    q = request.args.get("q", "").strip()[:100]
    listed = viewing.list_of_group(view, by=by, at=at)
    is_open = view.state == "open"
    offered = viewing.offered_to_group(view, by=by, at=at, q=q) if is_open and q else viewing.Offered([], 0)
    rows = [*(one for one in listed.people if not q or _has(one, q)), *offered.people]
    zone = view.group.time_zone
    edit = given.pop("edit", None) or _edit_form(view)
    sign = given.pop("sign", None) or _signature_form(view, listed)
    signatures = viewing.signatures_of(view)
    return (
        render_template(
            "viewing_groups/group.html",
            view=view,
            group=view.group,
            lecture=view.lecture,
            country=country_names(reader_locale(), {view.country})[view.country],
            code=rules.show_code(view.group.code),
            takes_code=is_open and rules.is_open(view.lecture, at),
            code_is_over=rules.is_over(view.lecture, at),
            listed=listed,
            offered=offered,
            rows=sorted(rows, key=lambda person: (sort_key(person.full_name), person.person_id)),
            q=q,
            zone=zone,
            may_run=view.may_run,
            is_open=is_open,
            edit=edit,
            addresses=given.pop("addresses", None) or AddressesForm(formdata=None),
            sign=sign,
            take_back=given.pop("take_back", None) or TakeBackForm(formdata=None),
            signatures=signatures,
            doubt=rules.size_warning(listed.size, view.group.expected),
            said=rules.promise(listed.size, title=reader_text(view.lecture), place=view.place) if listed.size else "",
            closed=_closed(view.lecture),
            **given,
        ),
        status,
    )


def _has(person: viewing.ListedPerson, q: str) -> bool:
    needle = q.casefold()
    return any(needle in (text or "").casefold() for text in (person.full_name, person.native_name, person.email))


def _closed(lecture: Lecture) -> str:
    try:
        check_not_closed(lecture)
    except Refused as error:
        return error.message
    return ""


def _edit_form(view: viewing.GroupView) -> GroupForm:
    form = GroupForm(formdata=None, obj=view.group)
    form.offer([], group_zones(view.group.time_zone), view.group.time_zone)
    return form


def _signature_form(view: viewing.GroupView, listed: viewing.GroupList) -> SignatureForm:
    start, end = viewing.local_span(view)
    return SignatureForm(formdata=None, mark=listed.mark, watched_from=start, watched_until=end)


@bp.post("/groups/<group_id>/edit")
@allow(*KEEPERS)
def edit_group(group_id: str) -> ResponseReturnValue:
    """Edits a group."""
    form = GroupForm()
    zone = viewing.get_group(group_id, by=current_actor()).group.time_zone
    form.offer([], group_zones(zone), zone)
    status = form.attempt(
        lambda: groups_actions.edit_group(group_id, typed_group(form), by=current_actor(), at=clock.now())
    )
    if status is not None:
        return _page(group_id, status, edit=form, is_editing=True)
    flash(_("Saved."), "done")
    return to_group(group_id)


@bp.post("/groups/<group_id>/people")
@allow(*KEEPERS)
def tick(group_id: str) -> ResponseReturnValue:
    """Adds ticked people to the list, removes unticked people, and removes an unknown e-mail address.

    With the field `one`, only that person is added or removed, and the answer is a sentence for a script.
    """
    by, at = current_actor(), clock.now()
    person_id = request.form.get("one")
    ticked, before = request.form.getlist("people"), request.form.getlist("was")
    try:
        if (address := request.form.get("drop")) is not None:
            drop_address(group_id, address, by=by, at=at)
            flash(_("%(address)s was removed from the list.", address=address), "done")
            return to_group(group_id, "people")
        if person_id is not None:
            return _tick_one(group_id, person_id, is_ticked=person_id in ticked)
        added, removed = groups_actions.tick(
            group_id, add=set(ticked) - set(before), remove=set(before) - set(ticked), by=by, at=at
        )
    except (Invalid, Refused) as error:
        if person_id is not None:
            return _sentence(error.message, error.status)
        flash(error.message, "wrong")
        return to_group(group_id, "people")
    messages = (
        [_n("%(num)s person was added to the list.", "%(num)s people were added to the list.", added)] if added else []
    )
    if removed:
        messages.append(
            _n("%(num)s person was removed from the list.", "%(num)s people were removed from the list.", removed)
        )
    flash(gap().join(messages) or _("No changes."), "done")
    return redirect(
        url_for("viewing_groups.group", group_id=group_id, q=request.args.get("q") or None, _anchor="people"), 303
    )


def _tick_one(group_id: str, person: str, *, is_ticked: bool) -> Response:
    by, at = current_actor(), clock.now()
    add, remove = ([person], []) if is_ticked else ([], [person])
    groups_actions.tick(group_id, add=add, remove=remove, by=by, at=at)
    size = viewing.list_of_group(viewing.get_group(group_id, by=by), by=by, at=at).size
    return _sentence(_n("Saved. %(num)s person is on the list.", "Saved. %(num)s people are on the list.", size), 200)


def _sentence(text: str, status: int) -> Response:
    return Response(text, status, mimetype="text/plain")


@bp.post("/groups/<group_id>/addresses")
@allow(*KEEPERS)
def add_addresses(group_id: str) -> ResponseReturnValue:
    """Adds people by e-mail addresses, pasted or in a file. Rejected ones stay in the form for review."""
    form = AddressesForm()
    answers: list[Added] = []

    def work() -> None:
        text = form.addresses.data or ""
        content = form.file.data.read(LARGEST_PASTE + 1) if form.file.data else b""
        if len(content) + len(text) > LARGEST_PASTE:
            raise Invalid("file", _("The list is too large (512 kB at most)."))
        if content:
            text = f"{text}\n{decode(content)}"
        answers.append(groups_actions.add_addresses(group_id, text, by=current_actor(), at=clock.now()))

    try:
        status = form.attempt(work)
    except (TooLarge, DomainError) as error:
        if isinstance(error, NotFound):
            raise
        form.file.errors, status = [error.message], error.status
    if status is not None:
        return _page(group_id, status, addresses=form)
    answer = answers[0]
    message = _n("%(num)s person was added to the list.", "%(num)s people were added to the list.", answer.added)
    if answer.unchanged:
        message += gap() + _n(
            "%(num)s person was already on the list.", "%(num)s people were already on the list.", answer.unchanged
        )
    flash(message, "done")
    if not answer.rejected:
        return to_group(group_id, "people")
    form.addresses.data = "\n".join(answer.addresses)
    return _page(group_id, addresses=form, rejected=answer.rejected)


@bp.post("/groups/<group_id>/sign")
@allow(*KEEPERS)
def sign_group(group_id: str) -> ResponseReturnValue:
    """Signs the list that the reader reviewed."""
    form = SignatureForm()
    signed: list[Signed] = []

    def work() -> None:
        basis = Basis(start=form.watched_from.data, until=form.watched_until.data)
        if form.basis.data == "connection":
            if not form.connection.data:
                raise Invalid("connection", _("Enter the e-mail address."))
            basis = Basis(connection=form.connection.data)
        mark = form.mark.data or ""
        signed.append(signing.sign_group(group_id, basis=basis, mark=mark, by=current_actor(), at=clock.now()))

    status = form.attempt(work)
    if status is not None:
        view = viewing.get_group(group_id, by=current_actor())
        form.mark.data = viewing.list_of_group(view, by=current_actor(), at=clock.now()).mark
        return _page(group_id, status, sign=form)
    flash(
        _n("List signed. %(num)s person is counted.", "List signed. %(num)s people are counted.", signed[0].people),
        "done",
    )
    for note in signed[0].notes:
        flash(note, "now")
    return to_group(group_id)


@bp.post("/groups/<group_id>/take-back")
@allow(*KEEPERS)
def take_back(group_id: str) -> ResponseReturnValue:
    """Withdraws the signature, with a reason."""
    form = TakeBackForm()
    by, at = current_actor(), clock.now()
    status = form.attempt(lambda: take_back_signature(group_id, reason=form.reason.data or "", by=by, at=at))
    if status is not None:
        return _page(group_id, status, take_back=form)
    flash(_("Signature withdrawn. Nobody on this list is counted; the list is kept."), "done")
    return to_group(group_id)


@bp.post("/groups/<group_id>/steps")
@allow(*KEEPERS)
def step_group(group_id: str) -> ResponseReturnValue:
    """Creates a new code, or cancels the group."""
    by, at = current_actor(), clock.now()
    with flash_refusal():
        if request.form.get("step") == "code":
            renew_code(group_id, by=by, at=at)
            flash(_("New code created. The old code is no longer valid."), "done")
        elif request.form.get("step") == "call_off":
            call_off(group_id, by=by, at=at)
            flash(_("Group cancelled."), "done")
    return to_group(group_id)
