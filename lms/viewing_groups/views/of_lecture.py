"""The viewing groups of a lecture, and a form for a new one."""

from collections.abc import Sequence

from flask import flash, request
from flask.typing import ResponseReturnValue

from lms.attendance.actions.closing import check_not_closed
from lms.catalogue.models import Lecture, LectureState
from lms.catalogue.rules import may_edit_lecture
from lms.core.base.errors import Forbidden, Refused
from lms.core.base.lists import ListRequest
from lms.core.base.roles import Actor
from lms.core.text.i18n import _, _l, _lp, _p
from lms.core.time import clock
from lms.people.forms import grouped_choices
from lms.people.queries.countries import country_names, known_codes, list_countries
from lms.viewing_groups import queries as viewing
from lms.viewing_groups import rules
from lms.viewing_groups.actions.groups import (
    open_group,
)
from lms.viewing_groups.forms import GroupForm
from lms.viewing_groups.queries import GroupView
from lms.viewing_groups.views.check_in import KEEPERS, bp, group_zones, to_group, typed_group
from lms.web.lists.parts import COUNTRY, Chip, Column, FileColumn, Select, counted_chips, counted_choices
from lms.web.lists.routes import list_files
from lms.web.lists.view import ListView
from lms.web.pages.locale import reader_locale
from lms.web.pages.time import viewer_zone
from lms.web.request.guards import allow
from lms.web.request.identity import current_actor


@list_files(bp, "/lectures/<int:lecture_id>/groups", *KEEPERS)
class Groups(ListView[GroupView]):
    """The viewing groups of a lecture that the reader can see."""

    endpoint, template, title = "viewing_groups.groups", "viewing_groups/groups.html", _l("Groups")
    anchor = "groups"
    text_label = _l("City, room or organiser")
    filters = {"country": known_codes, "state": frozenset({"open", "signed", "called_off"})}
    columns = (
        Column("place", _lp("venue", "Place"), _l("A to Z"), _l("Z to A")),
        COUNTRY,
        Column("organiser", _l("Organiser"), _l("A to Z"), _l("Z to A"), place="wide"),
        Column("listed", _l("On the list"), _l("most first"), _l("fewest first"), True, True, "fig"),
        Column("expected", _l("Expected"), _l("most first"), _l("fewest first"), True, True, "wide"),
        Column("state", _l("State"), place="state"),
    )
    chips_filter = "state"
    file_columns = (
        FileColumn("city", "group.city"),
        FileColumn("room", "group.room"),
        FileColumn("country"),
        FileColumn("organiser", "group.organiser"),
        FileColumn("expected", "group.expected"),
        FileColumn("listed"),
        FileColumn("state"),
        FileColumn("signed_for", lambda row: row.signature.people if row.signature is not None else None),
        FileColumn("time_zone", "group.time_zone"),
    )

    def __init__(self, lecture_id: int) -> None:
        super().__init__(lecture_id=lecture_id)
        self.lecture_id = lecture_id
        self.names = country_names(reader_locale())
        self.file_name = f"groups-{lecture_id}"
        self.is_held = False

    def query(self, request: ListRequest) -> tuple[Sequence[GroupView], int]:
        self.groups = viewing.list_group_page(self.lecture_id, request, self.names, by=self.by)
        return self.groups.rows, self.groups.total

    def chips(self) -> list[Chip]:
        if not self.groups.every:
            return []
        waiting = _("Not signed yet") if self.is_held else _p("state", "Open")
        return counted_chips(
            self.groups.states, {"open": waiting, "signed": _("Signed"), "called_off": _p("group", "Cancelled")}
        )

    def selects(self) -> list[Select]:
        """The countries of the groups, where there are several."""
        choices = counted_choices(self.groups.countries, self.request.filters.get("country"), self.names)
        return [Select("country", _("Country"), choices)] if len(choices) > 1 else []


def _form_of(lecture: Lecture, by: Actor) -> GroupForm | None:
    """The form for a new group, if the reader can open one."""
    is_staff = may_edit_lecture(lecture, by)
    if not (is_staff or by.is_focal_point):
        return None
    names = country_names(reader_locale())
    codes = [country.code for country in list_countries() if is_staff or country.id in by.country_ids]
    form = GroupForm()
    countries = grouped_choices({code: names[code] for code in codes}, reader_locale())
    form.offer(countries, group_zones(viewer_zone(), names), viewer_zone())
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
        group_form, opened = form, []

        def work() -> None:
            country = group_form.country.data or None if "country" in group_form else None
            opened.append(open_group(lecture_id, typed_group(group_form), country=country, by=by, at=at)[0])

        status = group_form.attempt(work)
        if status is None:
            flash(_("Group opened. Show the code on a screen, or print the roster."), "done")
            return to_group(opened[0])
    reason = ""
    try:
        rules.check_has_groups(lecture)
        check_not_closed(lecture)
    except Refused as error:
        form, reason = (form if request.method == "POST" else None), error.message
    view = Groups(lecture_id)
    view.is_held = lecture.state is LectureState.HELD
    page = view.page(
        lecture=lecture,
        form=form,
        reason=reason,
        names=view.names,
        is_staff=may_edit_lecture(lecture, by) or by.is_reporter,
    )
    return page, status or 200
