"""The API's tasks, and the page that lists every call."""

from __future__ import annotations

from typing import Any

from apiflask import APIBlueprint
from flask import current_app, render_template
from flask.typing import ResponseReturnValue

from lms.attendance.actions import times
from lms.attendance.actions.policies import request_policy
from lms.attendance.queries.change_preview import Side, preview_policy, sided
from lms.attendance.queries.roster import get_editable_lecture
from lms.attendance.queries.times import preview_times, propose_times
from lms.catalogue.models import LectureState
from lms.certificates.queries.change_preview import consequences
from lms.core import clock
from lms.core.errors import Invalid
from lms.core.i18n import _
from lms.core.jobs import get_job
from lms.dashboards.api_reference import list_doors, who
from lms.dashboards.schemas import (
    AskedOut,
    JobOut,
    PolicyIn,
    PolicyPreviewOut,
    PolicyQuery,
    TimesIn,
    TimesOut,
    TimesQuery,
)
from lms.web.api import rfc3339
from lms.web.guards import ANYONE, SIGNED_IN, allow
from lms.web.identity import current_actor
from lms.web.scopes import scope

bp = APIBlueprint(
    "dashboards_api",
    __name__,
    url_prefix="/api/v1",
    tag={"name": "Tasks", "description": "Long tasks and what came of them, and changes of a lecture's times."},
)


@bp.get("/jobs/<job_id>")
@allow(SIGNED_IN)
@scope("jobs:read")
@bp.output(JobOut)
@bp.doc(responses=[401, 404])
def job(job_id: str) -> dict[str, Any]:
    """How far a long task is and what came of it; for administrators and whoever asked for it."""
    row = get_job(job_id, by=current_actor())
    result = row.result if row.error is None else {"error": row.error}
    return {"id": row.public_id, "state": row.state, "done": row.done, "total": row.total, "result": result}


@bp.get("/series/<slug>/policy")
@allow(SIGNED_IN)
@scope("attendance:read")
@bp.input(PolicyQuery, location="query", arg_name="asked")
@bp.output(PolicyPreviewOut)
def look_at_policy(slug: str, asked: dict[str, Any]) -> dict[str, Any]:
    """What the newest policy would change of lectures that were held under another. Nothing is changed."""
    by = current_actor()
    preview = preview_policy(slug, chosen=_numbers(asked["lectures"]), by=by)
    effects = consequences(preview.series.id, preview.changes, by=by)
    return {
        "min_percent": preview.policy.min_percent,
        "key": preview.key,
        "lectures": [
            {
                "lecture": one.lecture.id,
                "title": one.lecture.title,
                "min_percent": one.policy.min_percent,
                "gain": len(one.difference.gaining),
                "lose": len(one.difference.losing),
                "closed": one.is_closed,
                "chosen": one.lecture.id in preview.chosen,
            }
            for one in preview.lectures
        ],
        "certificates": effects and {name: [one.person for one in found] for name, found in vars(effects).items()},
    }


def _numbers(text: str | None) -> list[int] | None:
    if text is None:
        return None
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not all(part.isdecimal() and len(part) < 10 for part in parts):
        raise Invalid("lectures", _("Write numbers of lectures with commas between."))
    return [int(part) for part in parts]


@bp.post("/series/<slug>/policy")
@allow(SIGNED_IN)
@scope("attendance:write")
@bp.input(PolicyIn, arg_name="wish")
@bp.output(AskedOut, status_code=202)
@bp.doc(responses={409: "Nothing to do, or what was looked at has changed since."})
def apply_policy(slug: str, wish: dict[str, Any]) -> dict[str, Any]:
    """Applies the newest policy to lectures that were held, as it was looked at under `key`, as a task."""
    by, at = current_actor(), clock.now()
    return {"job": request_policy(slug, chosen=wish["lectures"], key=wish["key"], by=by, at=at).public_id}


@bp.get("/lectures/<int:lecture_id>/times")
@allow(SIGNED_IN)
@scope("attendance:read")
@bp.input(TimesQuery, location="query", arg_name="asked")
@bp.output(TimesOut)
@bp.doc(responses={409: "Not in this state."})
def look_at_times(lecture_id: int, asked: dict[str, Any]) -> dict[str, Any]:
    """When a lecture was given by what was seen in it, and what these times would change. Nothing is changed."""
    by, at = current_actor(), clock.now()
    proposal = propose_times(lecture_id, by=by)
    start, end = asked["actual_start"], asked["actual_end"]
    lecture = get_editable_lecture(lecture_id, by=by)
    if (start is None or end is None) and proposal is not None and lecture.state is LectureState.SCHEDULED:
        start, end = proposal.start, proposal.end
    preview = None
    if start is not None and end is not None:
        preview = preview_times(lecture_id, start, end, by=by, at=at)
    return _times(lecture_id) | {
        "proposal": proposal
        and {
            "actual_start": rfc3339(proposal.start),
            "actual_end": rfc3339(proposal.end),
            "told": [
                {
                    "source": one.source.value,
                    "file": one.file_name,
                    "people": one.people,
                    "first": rfc3339(one.first),
                    "last": rfc3339(one.last),
                }
                for one in proposal.told
            ],
        },
        "preview": preview
        and {
            "actual_start": rfc3339(preview.start),
            "actual_end": rfc3339(preview.end),
            **{side.value: len(sided(preview.difference, side)) for side in Side},
            "closed": preview.is_closed,
            "key": preview.key,
        },
    }


def _times(lecture_id: int) -> dict[str, Any]:
    lecture = get_editable_lecture(lecture_id, by=current_actor())
    return {
        "state": lecture.state.value,
        "time_zone": lecture.time_zone,
        "actual_start": rfc3339(lecture.actual_start),
        "actual_end": rfc3339(lecture.actual_end),
        "proposal": None,
        "preview": None,
    }


@bp.post("/lectures/<int:lecture_id>/times")
@allow(SIGNED_IN)
@scope("attendance:write")
@bp.input(TimesIn, arg_name="sent")
@bp.output(TimesOut)
@bp.doc(responses={409: "Closed, not in this state, or what was looked at has changed since."})
def confirm_times(lecture_id: int, sent: dict[str, Any]) -> dict[str, Any]:
    """Confirms when a lecture was given, as it was looked at under `key`: it is held, or counted anew."""
    start, end, at = sent["actual_start"], sent["actual_end"], clock.now()
    times.confirm_times(lecture_id, started_at=start, ended_at=end, key=sent["key"], by=current_actor(), at=at)
    return _times(lecture_id)


@bp.get("/docs")
@allow(ANYONE)
@bp.doc(hide=True)
def docs() -> ResponseReturnValue:
    """The API call by call, as a page."""
    config = current_app.extensions["lms.config"]
    return render_template("dashboards/api.html", groups=list_doors(), who=who, base_url=config.base_url)
