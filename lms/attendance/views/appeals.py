"""Pages for submitting and answering appeals."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from lms.attendance.actions import appeals as appeals_actions
from lms.attendance.actions.appeals import file_appeal
from lms.attendance.appeal_rules import AppealInput, nearest, resembling
from lms.attendance.forms import AcceptForm, AppealForm, DeclineForm
from lms.attendance.models.appeals import AppealState
from lms.attendance.queries.appeals import (
    AppealView,
    get_appeal,
    get_appealable,
    list_appeal_page,
    list_appeals,
)
from lms.attendance.queries.closings import view_of
from lms.attendance.queries.persons import attendance_of_person
from lms.attendance.queries.roster import get_row, list_unmatched
from lms.attendance.views.lecture import bp
from lms.catalogue.models import Lecture
from lms.catalogue.rules import marks_of
from lms.core.base.errors import Invalid, NotFound, Refused
from lms.core.base.lists import ListRequest
from lms.core.text.i18n import _, _l, _p
from lms.core.time import clock
from lms.web.forms.forms import whole
from lms.web.lists.parts import Chip, Column
from lms.web.lists.routes import list_page
from lms.web.lists.view import ListView
from lms.web.pages.time import organiser_zone, time_of_day, viewer_zone, zone_city
from lms.web.request.guards import SIGNED_IN, allow
from lms.web.request.identity import current_actor

ALL = "all"


@bp.route("/lectures/<int:lecture_id>/appeal", methods=["GET", "POST"])
@allow(SIGNED_IN)
def appeal(lecture_id: int) -> ResponseReturnValue:
    """Submits an appeal about the reader's attendance of a lecture."""
    by, at = current_actor(), clock.now()
    lecture, earlier = get_appealable(lecture_id, by=by, at=at)
    form, status = AppealForm(), 200
    form.there_from.label.text = _("I was there from (%(city)s time)", city=zone_city(viewer_zone()))
    if request.method == "POST":
        failed = form.attempt(lambda: file_appeal(lecture_id, _draft(form, lecture), by=by, at=at))
        if failed is None:
            flash(_("Your request has been sent. The lecturer will reply by e-mail."), "done")
            return redirect(url_for("dashboards.lecture", lecture_id=lecture_id, _anchor="counted"))
        status = failed
        lecture, earlier = get_appealable(lecture_id, by=by, at=at)
    elif earlier.open is not None:
        return redirect(url_for("dashboards.lecture", lecture_id=lecture_id, _anchor="counted"))
    attendance = next(iter(attendance_of_person(by.person_id or 0, by=by, lecture_id=lecture_id)), None)
    page = render_template(
        "attendance/appeal.html",
        lecture=lecture,
        own=earlier,
        form=form,
        attendance=attendance,
        marks=marks_of(lecture),
    )
    return page, status


def _draft(form: AppealForm, lecture: Lecture) -> AppealInput:
    return AppealInput(
        said_from=_instant(form.there_from.data, "there_from", lecture.actual_start),
        said_to=_instant(form.there_to.data, "there_to", lecture.actual_end),
        joined_as=form.joined_as.data or "",
        text=form.text.data or "",
    )


def _instant(typed: str | None, field: str, moment: datetime | None) -> datetime | None:
    if not typed or moment is None:
        return None
    try:
        return nearest(typed, viewer_zone(), moment)
    except ValueError as error:
        raise Invalid(field, _("Enter the time as hours and minutes, such as 14:30.")) from error


@bp.post("/appeals/<appeal_id>/withdraw")
@allow(SIGNED_IN)
def withdraw_appeal(appeal_id: str) -> ResponseReturnValue:
    """Cancels the reader's appeal."""
    by = current_actor()
    lecture_id = get_appeal(appeal_id, by=by).lecture.id
    try:
        appeals_actions.withdraw_appeal(appeal_id, by=by, at=clock.now())
    except Refused as error:
        flash(error.message, "wrong")
    else:
        flash(_("Your request has been cancelled."), "done")
    return redirect(url_for("dashboards.lecture", lecture_id=lecture_id, _anchor="counted"))


@list_page(bp, "/appeals", SIGNED_IN)
class Appeals(ListView[AppealView]):
    """Lists the appeals that the reader can answer, or the reader's own, for one or all lectures."""

    endpoint, template, title = "attendance.appeals", "attendance/appeals.html", _l("Appeals")
    anchor = "list"
    filters = {"state": frozenset({*AppealState, ALL})}
    order = "filed"
    columns: tuple[Column, ...] = (
        Column("name", _l("Person"), _l("A to Z"), _l("Z to A")),
        Column("lecture", _l("Lecture"), place="under"),
        Column("appeal", _l("Appeal"), place="wide"),
        Column("filed", _l("Requested"), _l("oldest first"), _l("newest first"), place="fig"),
        Column("state", _l("State"), place="state"),
    )
    chips_filter = "state"

    def __init__(self) -> None:
        super().__init__()
        self.lecture_id = request.args.get("lecture", type=whole)
        if self.lecture_id is not None:
            self.carried = {"lecture": str(self.lecture_id)}
        self.teaches = self.by.is_instructor or self.by.is_administrator
        self.state = self.request.filters.get("state", AppealState.OPEN)
        if self.state == AppealState.OPEN:  # without a filter, those that wait for an answer
            self.hidden = {"state"}
        else:
            newest_first = {"descending": True, "first": _l("newest first"), "last": _l("oldest first")}
            self.columns = tuple(
                replace(column, **newest_first) if column.name == "filed" else column for column in self.columns
            )
            self.request = self.read(request.args)

    def query(self, request: ListRequest) -> tuple[Sequence[AppealView], int]:
        state = None if self.state == ALL else AppealState(self.state)
        self.appeals = list_appeal_page(request, by=self.by, state=state, lecture_id=self.lecture_id)
        if self.appeals.lecture is not None:
            self.hidden.add("lecture")
        return self.appeals.rows, self.appeals.matching

    @property
    def has_filters(self) -> bool:
        return self.teaches and super().has_filters

    def chips(self) -> list[Chip]:
        words = {
            AppealState.OPEN: _("Waiting"),
            AppealState.ACCEPTED: _p("appeal", "Accepted"),
            AppealState.DECLINED: _p("appeal", "Declined"),
            AppealState.WITHDRAWN: _p("appeal", "Cancelled"),
        }
        counts = self.appeals.counts
        if not sum(counts.values()):
            return []
        chips = [
            Chip("" if state is AppealState.OPEN else state, counts.get(state, 0), word, name=state)
            for state, word in words.items()
        ]
        return [*chips, Chip(ALL, sum(counts.values()), _("All"))]

    def context(self) -> dict[str, Any]:
        return {"lecture": self.appeals.lecture, "chosen": self.state, "teaches": self.teaches}


@bp.get("/appeals/<appeal_id>")
@allow(SIGNED_IN)
def appeal_page(appeal_id: str) -> ResponseReturnValue:
    """An appeal with its evidence, for staff to answer. Its author is redirected to the lecture page."""
    by = current_actor()
    view = get_appeal(appeal_id, by=by)
    if view.person_id == by.person_id and not by.is_administrator:
        return redirect(url_for("dashboards.lecture", lecture_id=view.lecture.id, _anchor="counted"))
    return _page(appeal_id)


def _page(appeal_id: str, accept: AcceptForm | None = None, decline: DeclineForm | None = None) -> str:
    by = current_actor()
    view = get_appeal(appeal_id, by=by)
    lecture = view.lecture
    try:
        row = get_row(lecture.id, view.person, by=by, at=clock.now())
    except NotFound:  # no longer on the roster, as what was seen turned out to be another's
        row = None
    names = [view.full_name, view.native_name, view.appeal.joined_as]
    return render_template(
        "attendance/appeal_answer.html",
        view=view,
        row=row,
        marks=marks_of(lecture),
        alike=resembling(names, list_unmatched(lecture.id, by=by))[:20],
        closing=view_of(lecture.id),
        accept=accept or AcceptForm(formdata=None, words=_prefilled(view)),
        decline=decline or DeclineForm(formdata=None),
        from_ms=clock.from_ms,
    )


def _prefilled(view: AppealView) -> str:
    """An answer to begin with, with the times in the zone of the person who reads it."""
    appeal, zone = view.appeal, view.time_zone or organiser_zone()
    if appeal.said_from is None or appeal.said_to is None:
        return _("Changed on appeal")
    return _(
        "Changed on appeal: present from %(start)s to %(end)s (%(city)s time)",
        start=time_of_day(appeal.said_from, zone),
        end=time_of_day(appeal.said_to, zone),
        city=zone_city(zone),
    )


@bp.post("/appeals/<appeal_id>/accept")
@allow(SIGNED_IN)
def accept_appeal(appeal_id: str) -> ResponseReturnValue:
    """Accepts an appeal and sets the outcome in the same step."""
    form = AcceptForm()
    words: dict[str, Any] = {"words": form.words.data or "", "by": current_actor(), "at": clock.now()}
    status = form.attempt(lambda: appeals_actions.accept_appeal(appeal_id, outcome=form.wanted, **words))
    if status is not None:
        return _page(appeal_id, accept=form), status
    return _answered(appeal_id, _("Appeal accepted. The person will get an e-mail."))


@bp.post("/appeals/<appeal_id>/decline")
@allow(SIGNED_IN)
def decline_appeal(appeal_id: str) -> ResponseReturnValue:
    """Declines an appeal with a reason."""
    form = DeclineForm()
    words: dict[str, Any] = {"words": form.words.data or "", "by": current_actor(), "at": clock.now()}
    status = form.attempt(lambda: appeals_actions.decline_appeal(appeal_id, **words))
    if status is not None:
        return _page(appeal_id, decline=form), status
    return _answered(appeal_id, _("Appeal declined. The person will get an e-mail."))


def _answered(appeal_id: str, message: str) -> ResponseReturnValue:
    """Redirects to the next open appeal of the lecture, or to the appeal just answered."""
    by = current_actor()
    view = get_appeal(appeal_id, by=by)
    following = list_appeals(by=by, lecture_id=view.lecture.id, state=AppealState.OPEN, limit=1)
    flash(message, "done")
    if following:
        flash(_("This is the next appeal for this lecture."), "now")
    return redirect(url_for(".appeal_page", appeal_id=following[0].appeal.public_id if following else appeal_id))
