"""Pages for viewing groups: list, code, printed roster, signature and check-in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from flask import Blueprint, current_app, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.wrappers import Response
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # the stubs are older

from lms.attendance.actions.closing import check_not_closed
from lms.catalogue.models import Lecture, LectureState
from lms.catalogue.rules import may_edit_lecture
from lms.core import clock
from lms.core.errors import DomainError, Forbidden, Invalid, NotFound, Refused, TooLarge
from lms.core.i18n import _, _l, _n
from lms.core.lists import ListRequest
from lms.core.roles import Actor, Role
from lms.core.sorting import sort_key
from lms.core.tables import decode
from lms.people.queries.countries import country_names, list_countries
from lms.viewing_groups import queries as viewing
from lms.viewing_groups import rules
from lms.viewing_groups.actions import groups as groups_actions
from lms.viewing_groups.actions import signing
from lms.viewing_groups.actions.groups import (
    Added,
    CheckedIn,
    GroupInput,
    call_off,
    drop_address,
    open_group,
    renew_code,
)
from lms.viewing_groups.actions.signing import Basis, Signed, take_back_signature
from lms.viewing_groups.forms import AddressesForm, CheckInForm, GroupForm, SignatureForm, TakeBackForm
from lms.web.fields import sorted_choices, zone_choices
from lms.web.guards import ANYONE, allow
from lms.web.identity import current_actor
from lms.web.limits import throttle_guesses
from lms.web.lists import AskedList, Choice, Column, ListDefinition, ListPage, Select, Sifted, read_list
from lms.web.locale import reader_locale
from lms.web.qr_code import qr_code
from lms.web.table_files import table_file
from lms.web.time import viewer_zone

LARGEST_PASTE = 512 * 1024
BLANK_ROWS = 8
"""Empty lines at the end of a roster on paper: for whoever comes and is not on it."""
KEEPERS = (Role.ADMINISTRATOR, Role.INSTRUCTOR, Role.FOCAL_POINT, Role.REPORTER)

GROUPS = ListDefinition(
    filters={"state": frozenset({"open", "signed", "called_off"}), "country": None},
    columns=(
        Column("place", _l("Place"), first=_l("by place"), last=_l("by place, the last first")),
        Column("country", _l("Country"), first=_l("by country"), last=_l("by country, the last first")),
        Column("organiser", _l("Organiser"), first=_l("by organiser"), last=_l("by organiser, the last first")),
        Column(
            "listed", _l("On the list"), first=_l("the longest list first"), last=_l("the shortest list first"),
            descending=True, numeric=True,
        ),
        Column(
            "expected", _l("Expected"), first=_l("most expected first"), last=_l("fewest expected first"),
            descending=True, numeric=True,
        ),
    ),
)  # fmt: skip
HEADINGS = ["city", "room", "country", "organiser", "expected", "listed", "state", "signed_for", "time_zone"]

bp = Blueprint("viewing_groups", __name__, template_folder="templates")


def _to(group_id: str, anchor: str | None = None) -> Response:
    return redirect(url_for(".group", group_id=group_id, _anchor=anchor), 303)


def _zones(chosen: str, names: Mapping[str, str] | None = None) -> list[SelectChoice]:
    return zone_choices(names or country_names(reader_locale()), at=clock.now(), chosen=chosen)


# The groups of a lecture


def _form_of(lecture: Lecture, by: Actor) -> GroupForm | None:
    """The form for a new group, if the reader can open one."""
    is_staff = may_edit_lecture(lecture, by)
    if not (is_staff or by.is_focal_point):
        return None
    names = country_names(reader_locale())
    own = [one.code for one in list_countries() if is_staff or one.id in by.country_ids]
    form = GroupForm()
    form.offer(sorted_choices((code, names[code]) for code in own), _zones(viewer_zone(), names), viewer_zone())
    if form.organiser.data is None:
        form.organiser.data = by.full_name
    return form


@bp.route("/lectures/<int:lecture_id>/groups", methods=["GET", "POST"])
@allow(*KEEPERS)
def groups(lecture_id: int) -> ResponseReturnValue:
    """The viewing groups of a lecture that the reader can see, with a form for a new one."""
    by, at = current_actor(), clock.now()
    lecture = viewing.get_lecture_with_groups(lecture_id, by=by)
    form = _form_of(lecture, by)
    status: int | None = 200
    if request.method == "POST":
        if form is None:
            raise Forbidden
        asked, opened = form, []

        def work() -> None:
            country = asked.country.data or None if "country" in asked else None
            opened.append(open_group(lecture_id, _draft(asked), country=country, by=by, at=at)[0])

        status = asked.attempt(work)
        if status is None:
            flash(_("Group opened. Show the code on a screen, or print the roster."), "done")
            return _to(opened[0])
    reason = ""
    try:
        rules.check_has_groups(lecture)
        check_not_closed(lecture)
    except Refused as error:
        form, reason = (form if request.method == "POST" else None), error.message
    names = country_names(reader_locale())
    listed = _read_groups(names)
    found = viewing.list_group_page(lecture_id, listed.wanted, names, by=by)
    page = render_template(
        "viewing_groups/groups.html",
        lecture=lecture,
        found=found,
        list=ListPage(
            listed, found.total, endpoint="viewing_groups.groups", values={"lecture_id": lecture_id}, anchor="groups"
        ),
        sifted=_sifted(found, lecture),
        selects=_selects(found, listed.wanted, names),
        form=form,
        reason=reason,
        names=names,
        is_staff=may_edit_lecture(lecture, by) or by.is_reporter,
    )
    return page, status or 200


def _read_groups(names: Mapping[str, str]) -> AskedList:
    """What the address asks of the groups of a lecture."""
    return read_list(replace(GROUPS, filters={**GROUPS.filters, "country": names.keys()}))


def _sifted(found: viewing.GroupPage, lecture: Lecture) -> list[Sifted]:
    """The figures above the list."""
    waiting = _("not signed yet") if lecture.state is LectureState.HELD else _("open")
    words = {"open": waiting, "signed": _("signed"), "called_off": _("cancelled")}
    return [Sifted("", found.every, _("all")), *(Sifted(one, found.states[one], word) for one, word in words.items())]


def _selects(found: viewing.GroupPage, wanted: ListRequest, names: Mapping[str, str]) -> list[Select]:
    """The countries of the groups, where there are several."""
    codes = sorted(
        {*found.countries, *filter(None, [wanted.filters.get("country")])},
        key=lambda one: sort_key(names.get(one, one)),
    )
    if len(codes) < 2:
        return []
    choices = [Choice(code, names.get(code, code), found.countries[code]) for code in codes]
    return [Select("country", _("Country"), _("All"), choices)]


@bp.get("/lectures/<int:lecture_id>/groups.<kind>")
@allow(*KEEPERS)
def groups_file(lecture_id: int, kind: str) -> ResponseReturnValue:
    """The groups of a lecture, or what the filter holds of them, as CSV or XLSX."""
    if kind not in ("csv", "xlsx"):
        raise NotFound
    names = country_names(reader_locale())
    wanted = _read_groups(names).wanted
    found = viewing.list_group_page(lecture_id, replace(wanted, page=1, size=0), names, by=current_actor())
    cells = (
        (
            one.group.city, one.group.room, one.country, one.group.organiser, one.group.expected, one.listed, one.state,
            one.signature.people if one.signature is not None else None, one.group.time_zone,
        )
        for one in found.rows
    )  # fmt: skip
    parts = [*(wanted.filters[name].lower() for name in sorted(wanted.filters)), *(["search"] if wanted.q else [])]
    name = "-".join(["groups", str(lecture_id), *(part.replace("_", "-") for part in parts)])
    return table_file(kind, name, _("Groups"), HEADINGS, cells)


def _draft(form: GroupForm) -> GroupInput:
    return GroupInput(
        city=form.city.data or "",
        room=form.room.data or "",
        organiser=form.organiser.data or "",
        expected=form.expected.data or 0,
        time_zone=form.time_zone.data or "",
    )


# One group


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
            rows=sorted(rows, key=lambda one: (sort_key(one.full_name), one.person_id)),
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
            said=rules.promise(listed.size, title=view.lecture.title, place=view.place) if listed.size else "",
            closed=_closed(view.lecture),
            **given,
        ),
        status,
    )


def _has(one: viewing.Listed, q: str) -> bool:
    needle = q.casefold()
    return any(needle in (text or "").casefold() for text in (one.full_name, one.native_name, one.email))


def _closed(lecture: Lecture) -> str:
    try:
        check_not_closed(lecture)
    except Refused as error:
        return error.message
    return ""


def _edit_form(view: viewing.GroupView) -> GroupForm:
    form = GroupForm(formdata=None, obj=view.group)
    form.offer([], _zones(view.group.time_zone), view.group.time_zone)
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
    form.offer([], _zones(zone), zone)
    status = form.attempt(lambda: groups_actions.edit_group(group_id, _draft(form), by=current_actor(), at=clock.now()))
    if status is not None:
        return _page(group_id, status, edit=form, is_editing=True)
    flash(_("Saved."), "done")
    return _to(group_id)


@bp.post("/groups/<group_id>/people")
@allow(*KEEPERS)
def tick(group_id: str) -> ResponseReturnValue:
    """Adds ticked people to the list, removes unticked people, and removes an unknown e-mail address.

    With `one`, only that person is added or removed, and the answer is a sentence: a script saves each tick at once.
    """
    by, at = current_actor(), clock.now()
    one = request.form.get("one")
    ticked, before = request.form.getlist("people"), request.form.getlist("was")
    try:
        if (address := request.form.get("drop")) is not None:
            drop_address(group_id, address, by=by, at=at)
            flash(_("%(address)s was removed from the list.", address=address), "done")
            return _to(group_id, "people")
        if one is not None:
            return _tick_one(group_id, one, is_ticked=one in ticked)
        added, removed = groups_actions.tick(
            group_id, add=set(ticked) - set(before), remove=set(before) - set(ticked), by=by, at=at
        )
    except (Invalid, Refused) as error:
        if one is not None:
            return _sentence(error.message, error.status)
        flash(error.message, "wrong")
        return _to(group_id, "people")
    said = (
        [_n("%(num)s person was added to the list.", "%(num)s people were added to the list.", added)] if added else []
    )
    if removed:
        said.append(
            _n("%(num)s person was removed from the list.", "%(num)s people were removed from the list.", removed)
        )
    flash(" ".join(said) or _("No changes."), "done")
    return redirect(url_for(".group", group_id=group_id, q=request.args.get("q") or None, _anchor="people"), 303)


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
    said = _n("%(num)s person was added to the list.", "%(num)s people were added to the list.", answer.added)
    if answer.unchanged:
        said += " " + _n(
            "%(num)s person was already on the list.", "%(num)s people were already on the list.", answer.unchanged
        )
    flash(said, "done")
    if not answer.rejected:
        return _to(group_id, "people")
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
    return _to(group_id)


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
    return _to(group_id)


@bp.post("/groups/<group_id>/steps")
@allow(*KEEPERS)
def step_group(group_id: str) -> ResponseReturnValue:
    """Creates a new code, or cancels the group."""
    by, at = current_actor(), clock.now()
    try:
        if request.form.get("step") == "code":
            renew_code(group_id, by=by, at=at)
            flash(_("New code created. The old code is no longer valid."), "done")
        elif request.form.get("step") == "call_off":
            call_off(group_id, by=by, at=at)
            flash(_("Group cancelled."), "done")
    except Refused as error:
        flash(error.message, "wrong")
    return _to(group_id)


# The wall and the paper


def _check_in_address() -> str:
    base: str = current_app.extensions["lms.config"].base_url
    return base.rstrip("/") + url_for(".check_in")


def _run_by(group_id: str) -> viewing.GroupView:
    """A group that the reader can manage. Others have no use for its code."""
    view = viewing.get_group(group_id, by=current_actor())
    if not view.may_run:
        raise NotFound
    return view


@bp.get("/groups/<group_id>/wall")
@allow(*KEEPERS)
def wall(group_id: str) -> ResponseReturnValue:
    """Shows the check-in code for a projector."""
    view = _run_by(group_id)
    return render_template(
        "viewing_groups/wall.html",
        view=view,
        code=rules.show_code(view.group.code),
        listed=viewing.list_of_group(view, by=current_actor(), at=clock.now()).size,
        begins=view.lecture.actual_start or view.lecture.starts_at,
        address=_check_in_address().removeprefix("https://").removeprefix("http://"),
    )


@bp.get("/groups/<group_id>/code.svg")
@allow(*KEEPERS)
def wall_code(group_id: str) -> ResponseReturnValue:
    """The check-in link with the code, as a QR code."""
    return qr_code(f"{_check_in_address()}?code={_run_by(group_id).group.code}")


@bp.get("/groups/<group_id>/print")
@allow(*KEEPERS)
def print_group(group_id: str) -> ResponseReturnValue:
    """A printable roster with room for signatures: everyone enrolled from the country, or everyone on the list."""
    by, at = current_actor(), clock.now()
    view = viewing.get_group(group_id, by=by)
    listed = viewing.list_of_group(view, by=by, at=at)
    only_list = request.args.get("who") == "list" or view.state != "open"
    offered = viewing.Offered([], 0) if only_list else viewing.offered_to_group(view, by=by, at=at)
    return render_template(
        "viewing_groups/group_print.html",
        view=view,
        rows=sorted([*listed.people, *offered.people], key=lambda one: (sort_key(one.full_name), one.person_id)),
        left_out=offered.left_out,
        only_list=only_list,
        blank=range(BLANK_ROWS if view.state == "open" else 0),
        country=country_names(reader_locale(), {view.country})[view.country],
    )


# Checking in


@bp.route("/check-in", methods=["GET", "POST"])
@allow(ANYONE)
@throttle_guesses("check-in")
def check_in() -> ResponseReturnValue:
    """Checks in to a group with its code, signed in or by e-mail address. The response does not reveal whether the
    address is known.
    """
    by, at = current_actor(), clock.now()
    form = CheckInForm()
    if request.method == "GET":
        form.code.data = request.args.get("code", "")[:20]
        return render_template("viewing_groups/check_in.html", form=form)
    told: list[CheckedIn] = []

    def work() -> None:
        email = None if by.is_signed_in else form.email.data or None
        told.append(groups_actions.check_in(form.code.data or "", email=email, by=by, at=at))

    try:
        status = form.attempt(work)
    except NotFound as error:
        form.code.errors, status = [error.message], error.status
    if status is not None:
        return render_template("viewing_groups/check_in.html", form=form), status
    done = told[0]
    if not done.is_named:
        flash(
            _("Recorded for %(place)s. The person in charge of the group confirms the list.", place=done.place), "done"
        )
        return redirect(url_for(".check_in"), 303)
    flash(
        _("You are on the list: %(place)s. Your attendance counts after the person in charge of the group has "
          "signed the list.",
          place=done.place), "done",
    )  # fmt: skip
    if done.caution:
        flash(done.caution, "now")
    return redirect(url_for("dashboards.lecture", lecture_id=done.lecture_id), 303)
