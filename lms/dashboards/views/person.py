"""The page of a person, from which an administrator helps them."""

from collections.abc import Sequence
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from lms.catalogue.queries.series import get_series
from lms.core.base.errors import NotFound, Refused
from lms.core.base.lists import rows_shown
from lms.core.base.roles import Role
from lms.core.text.i18n import _
from lms.core.time import clock
from lms.dashboards.queries.person import get_person_dashboard
from lms.dashboards.route import mini_stops
from lms.dashboards.texts import translation
from lms.dashboards.views.blueprint import bp
from lms.enrolment.actions.places import enrol
from lms.enrolment.models import EnrolmentStatus
from lms.people.actions.links import send_person_link
from lms.people.queries.persons import person_id_of
from lms.web.forms.forms import flash_refusal
from lms.web.request.guards import allow
from lms.web.request.identity import current_actor

SHOWN = 3
"""The number of series, lectures, … on the page of a person; a link shows all."""


@bp.get("/admin/people/<public_id>")
@allow(Role.ADMINISTRATOR)
def person(public_id: str) -> ResponseReturnValue:
    """Shows a person: why there is no certificate, series, attendance, mail, sign-ins and activity."""
    by, at = current_actor(), clock.now()
    dashboard = get_person_dashboard(public_id, by=by, at=at)
    return render_template(
        "dashboards/person.html",
        dashboard=dashboard,
        person=dashboard.profile.person,
        stops={
            one.own_series.series.id: mini_stops(
                one.own_series.lectures,
                at=at,
                attendances=one.own_series.attendance if one.own_series.is_in or one.own_series.attendance else None,
            )
            for one in dashboard.series
        },
        first=_all if "all" in request.args else _first,
        began={one.lecture_id: clock.from_ms(one.start_ms) for one in dashboard.attendance},
    )


def _all(rows: Sequence[Any]) -> Sequence[Any]:
    return rows


def _first(rows: Sequence[Any]) -> Sequence[Any]:
    return rows[: rows_shown(len(rows), SHOWN)]


@bp.post("/admin/people/<public_id>/sign-in-link")
@allow(Role.ADMINISTRATOR)
def send_sign_in_link(public_id: str) -> ResponseReturnValue:
    """E-mails a person a link to sign in."""
    with flash_refusal():
        address = send_person_link(public_id, by=current_actor(), at=clock.now())
        flash(_("A sign-in link is on its way to %(address)s.", address=address), "done")
    return redirect(url_for("dashboards.person", public_id=public_id))


@bp.post("/admin/people/<public_id>/enrol")
@allow(Role.ADMINISTRATOR)
def enrol_person(public_id: str) -> ResponseReturnValue:
    """Enrols a person in a series."""
    by = current_actor()
    person_id = person_id_of(public_id)
    try:
        series = get_series(request.form.get("series", ""), by=by)
        row = enrol(series.id, person_id, by=by, at=clock.now())
        title = translation(series).text
        if row.status is EnrolmentStatus.ENROLLED:
            flash(_("Enrolled in “%(title)s”.", title=title), "done")
        else:
            flash(_("“%(title)s” is full: added to the waiting list.", title=title), "now")
    except NotFound:
        flash(_("Choose a series."), "wrong")
    except Refused as error:
        flash(error.message, "wrong")
    return redirect(url_for("dashboards.person", public_id=public_id) + "#series")
