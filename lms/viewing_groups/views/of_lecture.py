"""The viewing groups of a lecture, and a form for a new one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from flask import flash, render_template, request
from flask.typing import ResponseReturnValue

from lms.attendance.actions.closing import check_not_closed
from lms.catalogue.models import Lecture, LectureState
from lms.catalogue.rules import may_edit_lecture
from lms.core import clock
from lms.core.errors import Forbidden, NotFound, Refused
from lms.core.i18n import _, _l
from lms.core.lists import ListRequest
from lms.core.roles import Actor
from lms.core.sorting import sort_key
from lms.people.forms import grouped_choices
from lms.people.queries.countries import country_names, list_countries
from lms.viewing_groups import queries as viewing
from lms.viewing_groups import rules
from lms.viewing_groups.actions.groups import (
    open_group,
)
from lms.viewing_groups.forms import GroupForm
from lms.viewing_groups.views.blueprint import KEEPERS, bp, group_zones, to_group, typed_group
from lms.web.guards import allow
from lms.web.identity import current_actor
from lms.web.lists import AskedList, Choice, Column, ListDefinition, ListPage, Select, Sifted, read_list
from lms.web.locale import reader_locale
from lms.web.table_files import table_file
from lms.web.time import viewer_zone

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


def _form_of(lecture: Lecture, by: Actor) -> GroupForm | None:
    """The form for a new group, if the reader can open one."""
    is_staff = may_edit_lecture(lecture, by)
    if not (is_staff or by.is_focal_point):
        return None
    names = country_names(reader_locale())
    codes = [one.code for one in list_countries() if is_staff or one.id in by.country_ids]
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
    names = country_names(reader_locale())
    listed = _read_groups(names)
    group_page = viewing.list_group_page(lecture_id, listed.wanted, names, by=by)
    page = render_template(
        "viewing_groups/groups.html",
        lecture=lecture,
        found=group_page,
        list=ListPage(
            listed,
            group_page.total,
            endpoint="viewing_groups.groups",
            values={"lecture_id": lecture_id},
            anchor="groups",
        ),
        sifted=_sifted(group_page, lecture),
        selects=_selects(group_page, listed.wanted, names),
        form=form,
        reason=reason,
        names=names,
        is_staff=may_edit_lecture(lecture, by) or by.is_reporter,
    )
    return page, status or 200


def _read_groups(names: Mapping[str, str]) -> AskedList:
    """What the address asks of the groups of a lecture."""
    return read_list(replace(GROUPS, filters={**GROUPS.filters, "country": names.keys()}))


def _sifted(group_page: viewing.GroupPage, lecture: Lecture) -> list[Sifted]:
    """The figures above the list."""
    waiting = _("not signed yet") if lecture.state is LectureState.HELD else _("open")
    words = {"open": waiting, "signed": _("signed"), "called_off": _("cancelled")}
    return [
        Sifted("", group_page.every, _("all")),
        *(Sifted(one, group_page.states[one], word) for one, word in words.items()),
    ]


def _selects(group_page: viewing.GroupPage, list_request: ListRequest, names: Mapping[str, str]) -> list[Select]:
    """The countries of the groups, where there are several."""
    codes = sorted(
        {*group_page.countries, *filter(None, [list_request.filters.get("country")])},
        key=lambda code: sort_key(names.get(code, code)),
    )
    if len(codes) < 2:
        return []
    choices = [Choice(code, names.get(code, code), group_page.countries[code]) for code in codes]
    return [Select("country", _("Country"), choices)]


@bp.get("/lectures/<int:lecture_id>/groups.<kind>")
@allow(*KEEPERS)
def groups_file(lecture_id: int, kind: str) -> ResponseReturnValue:
    """The groups of a lecture, or what the filter holds of them, as CSV or XLSX."""
    if kind not in ("csv", "xlsx"):
        raise NotFound
    names = country_names(reader_locale())
    list_request = _read_groups(names).wanted
    group_page = viewing.list_group_page(lecture_id, replace(list_request, page=1, size=0), names, by=current_actor())
    cells = (
        (
            one.group.city, one.group.room, one.country, one.group.organiser, one.group.expected, one.listed, one.state,
            one.signature.people if one.signature is not None else None, one.group.time_zone,
        )
        for one in group_page.rows
    )  # fmt: skip
    parts = [
        *(list_request.filters[name].lower() for name in sorted(list_request.filters)),
        *(["search"] if list_request.q else []),
    ]
    name = "-".join(["groups", str(lecture_id), *(part.replace("_", "-") for part in parts)])
    return table_file(kind, name, _("Groups"), HEADINGS, cells)
