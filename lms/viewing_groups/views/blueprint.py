"""The blueprint of viewing groups, and what several of its pages use."""

from __future__ import annotations

from collections.abc import Mapping

from flask import Blueprint, redirect, url_for
from werkzeug.wrappers import Response
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # the stubs are older

from lms.core.base.roles import Role
from lms.core.time import clock
from lms.people.queries.countries import country_names
from lms.viewing_groups.actions.groups import GroupInput
from lms.viewing_groups.forms import GroupForm
from lms.web.forms.forms import zone_choices
from lms.web.pages.locale import reader_locale

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
    """What was typed."""
    return GroupInput(
        city=form.city.data or "",
        room=form.room.data or "",
        organiser=form.organiser.data or "",
        expected=form.expected.data or 0,
        time_zone=form.time_zone.data or "",
    )
