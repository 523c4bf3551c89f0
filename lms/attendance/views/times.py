"""Confirms when a lecture took place."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from lms.attendance.actions import times
from lms.attendance.queries.roster import get_editable_lecture
from lms.attendance.views.blueprint import bp
from lms.catalogue.forms.times import local_of
from lms.core.base.errors import Invalid, Refused
from lms.core.text.i18n import _
from lms.core.time import clock
from lms.web.request.guards import SIGNED_IN, allow
from lms.web.request.identity import current_actor


@bp.post("/lectures/<int:lecture_id>/times")
@allow(SIGNED_IN)
def confirm_times(lecture_id: int) -> ResponseReturnValue:
    """Saves the reviewed start and end times. Returns to the page with them where that is refused."""
    by, at = current_actor(), clock.now()
    zone = get_editable_lecture(lecture_id, by=by).time_zone
    start, end = _instant("actual_start"), _instant("actual_end")
    if start is None or end is None:
        return redirect(url_for("dashboards.times", lecture_id=lecture_id))
    key = request.form.get("key", "")
    try:
        times.confirm_times(lecture_id, started_at=start, ended_at=end, key=key, by=by, at=at)
    except (Invalid, Refused) as error:
        flash(error.message, "wrong")
        typed: dict[str, Any] = {"actual_start": local_of(start, zone), "actual_end": local_of(end, zone)}
        shown = {name: value.isoformat() for name, value in typed.items()}
        return redirect(url_for("dashboards.times", lecture_id=lecture_id, **shown))
    flash(_("Times confirmed. Attendance is being counted."), "done")
    return redirect(url_for(".roster", lecture_id=lecture_id))


def _instant(name: str) -> datetime | None:
    try:
        given = datetime.fromisoformat(request.form.get(name, ""))
        return given.astimezone(UTC) if given.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None
