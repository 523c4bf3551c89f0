"""Checking in to a viewing group, and the group on a projector and on paper."""

from collections.abc import Mapping

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.wrappers import Response
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # the stubs are older

from lms.core.base.errors import NotFound
from lms.core.base.roles import Role
from lms.core.base.settings import settings
from lms.core.text.i18n import _
from lms.core.text.sorting import sort_key
from lms.core.time import clock
from lms.people.queries.countries import country_names
from lms.viewing_groups import queries as viewing
from lms.viewing_groups import rules
from lms.viewing_groups.actions import groups as groups_actions
from lms.viewing_groups.actions.groups import (
    CheckedIn,
    GroupInput,
)
from lms.viewing_groups.forms import CheckInForm, GroupForm
from lms.web.forms.forms import zone_choices
from lms.web.pages.locale import reader_locale
from lms.web.pages.pictures import qr_code
from lms.web.request.guards import ANYONE, allow
from lms.web.request.identity import current_actor
from lms.web.request.limits import throttle_guesses

KEEPERS = (Role.ADMINISTRATOR, Role.INSTRUCTOR, Role.FOCAL_POINT, Role.REPORTER)

bp = Blueprint("viewing_groups", __name__, template_folder="../templates")
"""Pages for viewing groups: list, code, printed roster, signature and check-in."""


def to_group(group_id: str, anchor: str | None = None) -> Response:
    """Leads back to the page of a group."""
    return redirect(url_for("viewing_groups.group", group_id=group_id, _anchor=anchor), 303)


def group_zones(chosen: str, names: Mapping[str, str] | None = None) -> list[SelectChoice]:
    """Time zones to choose from, as they are now."""
    return zone_choices(names or country_names(reader_locale()), at=clock.now(), chosen=chosen)


def typed_group(form: GroupForm) -> GroupInput:
    """Returns what was typed."""
    return GroupInput(
        city=form.city.data or "",
        room=form.room.data or "",
        organiser=form.organiser.data or "",
        expected=form.expected.data or 0,
        time_zone=form.time_zone.data or "",
    )


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
    answers: list[CheckedIn] = []

    def work() -> None:
        email = None if by.is_signed_in else form.email.data or None
        answers.append(groups_actions.check_in(form.code.data or "", email=email, by=by, at=at))

    try:
        status = form.attempt(work)
    except NotFound as error:
        form.code.errors, status = [error.message], error.status
    if status is not None:
        return render_template("viewing_groups/check_in.html", form=form), status
    done = answers[0]
    if not done.is_named:
        flash(
            _("Recorded for %(place)s. The person in charge of the group confirms the list.", place=done.place), "done"
        )
        return redirect(url_for("viewing_groups.check_in"), 303)
    flash(
        _("You are on the list: %(place)s. Your attendance counts after the person in charge of the group has "
          "signed the list.",
          place=done.place), "done",
    )  # fmt: skip
    if done.caution:
        flash(done.caution, "now")
    return redirect(url_for("dashboards.lecture", lecture_id=done.lecture_id), 303)


BLANK_ROWS = 15
"""Empty lines at the end of a roster on paper, for people who are not on it."""


def _check_in_address() -> str:
    base = settings().base_url
    return base.rstrip("/") + url_for("viewing_groups.check_in")


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
    """A printable roster with room for signatures: everyone on the list, or with `who=all` everyone enrolled from the
    country."""
    by, at = current_actor(), clock.now()
    view = viewing.get_group(group_id, by=by)
    listed = viewing.list_of_group(view, by=by, at=at)
    only_list = request.args.get("who") != "all" or view.state != "open"
    offered = viewing.Offered([], 0) if only_list else viewing.offered_to_group(view, by=by, at=at)
    return render_template(
        "viewing_groups/group_print.html",
        view=view,
        rows=sorted(
            [*listed.people, *offered.people], key=lambda person: (sort_key(person.full_name), person.person_id)
        ),
        left_out=offered.left_out,
        only_list=only_list,
        blank=range(BLANK_ROWS if view.state == "open" else 0),
        country=country_names(reader_locale(), {view.country})[view.country],
    )
