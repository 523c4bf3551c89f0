"""A viewing group on a projector and on paper."""

from __future__ import annotations

from flask import render_template, request, url_for
from flask.typing import ResponseReturnValue

from lms.core.base.errors import NotFound
from lms.core.base.settings import settings
from lms.core.text.sorting import sort_key
from lms.core.time import clock
from lms.people.queries.countries import country_names
from lms.viewing_groups import queries as viewing
from lms.viewing_groups import rules
from lms.viewing_groups.views.blueprint import KEEPERS, bp
from lms.web.pages.locale import reader_locale
from lms.web.pages.pictures import qr_code
from lms.web.request.guards import allow
from lms.web.request.identity import current_actor

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
