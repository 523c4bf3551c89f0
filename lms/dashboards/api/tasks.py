"""API calls for tasks, policies, times and choices of e-mail."""

from typing import Any

from apiflask import APIBlueprint

from lms.attendance.actions import times
from lms.attendance.actions.policies import request_policy
from lms.attendance.queries.change_preview import ChangeKind, preview_policy
from lms.attendance.queries.roster import get_editable_lecture
from lms.attendance.queries.times import preview_times, propose_times
from lms.catalogue.models import LectureState
from lms.certificates.queries.change_preview import preview_certificates
from lms.core.background import jobs
from lms.core.background.jobs import Job, get_job
from lms.core.base.errors import Fault, Invalid
from lms.core.base.roles import Role
from lms.core.text.i18n import _
from lms.core.time import clock
from lms.dashboards.lists import AllSeries
from lms.dashboards.queries.notifications import chosen_mails
from lms.dashboards.schemas import (
    AskedOut,
    JobOut,
    MailChoicesIn,
    MailChoicesOut,
    PolicyIn,
    PolicyPreviewOut,
    PolicyQuery,
    TimesIn,
    TimesOut,
    TimesQuery,
)
from lms.mail.kinds import MailKind
from lms.mail.outbox import ALL_SERIES
from lms.people.actions.mails import choose_mails
from lms.web.api.api import Nothing, rfc3339
from lms.web.lists.routes import list_api
from lms.web.request.guards import SIGNED_IN, allow, scope
from lms.web.request.identity import current_actor

bp = APIBlueprint("dashboards_api", __name__, url_prefix="/api/v1")


list_api(bp, "/admin/series", "series:read", Role.ADMINISTRATOR, summary="List all series")(AllSeries)


@bp.get("/jobs/<job_id>")
@allow(SIGNED_IN)
@scope("jobs:read")
@bp.output(JobOut)
@bp.doc(responses=[401, 404])
def job(job_id: str) -> dict[str, Any]:
    """Returns the progress and result of a task, for administrators and the person who started it."""
    return _job(get_job(job_id, by=current_actor()))


def _job(row: Job) -> dict[str, Any]:
    result = row.result if row.error is None else {"error": row.error}
    return {"id": row.public_id, "state": row.state, "done": row.done, "total": row.total, "result": result}


@bp.post("/jobs/<job_id>/retry")
@allow(Role.ADMINISTRATOR)
@scope("jobs:write")
@bp.input(Nothing, arg_name="body")
@bp.output(JobOut, status_code=202)
@bp.doc(responses={409: "Somebody stopped the task."})
def retry_job(job_id: str, body: dict[str, str]) -> dict[str, Any]:  # noqa: ARG001
    """Starts a task that failed again; it continues where it stopped.

    Any other task is left as it is.
    """
    return _job(jobs.retry_job(job_id, by=current_actor(), at=clock.now()))


@bp.get("/people/<public_id>/mail-choices")
@allow(SIGNED_IN)
@scope("people:read")
@bp.output(MailChoicesOut)
@bp.doc(tags=["People"], summary="Read which mails a person gets")
def get_mail_choices(public_id: str) -> dict[str, Any]:
    """Returns which kinds of e-mail a person gets, to that person and administrators."""
    return _mail_choices(public_id)


def _mail_choices(public_id: str) -> dict[str, Any]:
    choices = chosen_mails(public_id, by=current_actor(), at=clock.now())
    return {
        "choices": choices.general,
        "series": [{"series": one.slug, "choices": one.explicit} for one in choices.series if one.explicit],
    }


@bp.patch("/people/<public_id>/mail-choices")
@allow(SIGNED_IN)
@scope("people:write")
@bp.input(MailChoicesIn, arg_name="given")
@bp.output(MailChoicesOut)
@bp.doc(tags=["People"], summary="Choose which mails a person gets")
def choose_mail(public_id: str, given: dict[str, Any]) -> dict[str, Any]:
    """Changes the kinds sent, for all series or for one in which the person has or had a place."""
    by, at = current_actor(), clock.now()
    choices = chosen_mails(public_id, by=by, at=at)
    series = choices.of_series(given["series"]) if given["series"] is not None else None
    choosable = choices.general if series is None else series.choices
    faults = [
        Fault(_("Choose an option from the list."), field=f"choices.{kind}")
        for kind in given["choices"]
        if kind not in choosable
    ]
    if faults:
        raise Invalid(faults=faults)
    chosen = {MailKind(kind): is_wanted for kind, is_wanted in given["choices"].items()}
    choose_mails(choices.person_id, chosen, by=by, at=at, series_id=series.id if series is not None else ALL_SERIES)
    return _mail_choices(public_id)


@bp.get("/series/<slug>/policy")
@allow(SIGNED_IN)
@scope("attendance:read")
@bp.input(PolicyQuery, location="query", arg_name="query")
@bp.output(PolicyPreviewOut)
def look_at_policy(slug: str, query: dict[str, Any]) -> dict[str, Any]:
    """Previews what the newest policy would change for lectures held under an earlier one."""
    by = current_actor()
    preview = preview_policy(slug, chosen=_numbers(query["lectures"]), by=by)
    effects = preview_certificates(preview.series.id, preview.changes, by=by)
    return {
        "min_percent": preview.policy.min_percent,
        "key": preview.key,
        "lectures": [
            {
                "lecture": one.lecture.id,
                "title": one.lecture.title,
                "min_percent": one.policy.min_percent,
                "gain": len(one.difference.gained),
                "lose": len(one.difference.lost),
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
        raise Invalid("lectures", _("Enter lecture numbers separated by commas."))
    return [int(part) for part in parts]


@bp.post("/series/<slug>/policy")
@allow(SIGNED_IN)
@scope("attendance:write")
@bp.input(PolicyIn, arg_name="wish")
@bp.output(AskedOut, status_code=202)
@bp.doc(responses={409: "There is nothing to do, or the preview is out of date."})
def apply_policy(slug: str, wish: dict[str, Any]) -> dict[str, Any]:
    """Applies the newest policy to past lectures, as previewed under `key`. Runs as a task."""
    by, at = current_actor(), clock.now()
    return {"job": request_policy(slug, chosen=wish["lectures"], key=wish["key"], by=by, at=at).public_id}


@bp.get("/lectures/<int:lecture_id>/times")
@allow(SIGNED_IN)
@scope("attendance:read")
@bp.input(TimesQuery, location="query", arg_name="query")
@bp.output(TimesOut)
@bp.doc(responses={409: "Not possible in the current state."})
def look_at_times(lecture_id: int, query: dict[str, Any]) -> dict[str, Any]:
    """Returns when a lecture was given according to its records, and previews what these times would change."""
    by, at = current_actor(), clock.now()
    proposal = propose_times(lecture_id, by=by)
    start, end = query["actual_start"], query["actual_end"]
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
                for one in proposal.observations
            ],
        },
        "preview": preview
        and {
            "actual_start": rfc3339(preview.start),
            "actual_end": rfc3339(preview.end),
            **{kind.value: len(preview.difference.people(kind)) for kind in ChangeKind},
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
@bp.doc(responses={409: "Attendance is closed, the state does not allow it, or the preview is out of date."})
def confirm_times(lecture_id: int, sent: dict[str, Any]) -> dict[str, Any]:
    """Sets when a lecture was given, as previewed under `key`. It becomes held, or is recounted."""
    start, end, at = sent["actual_start"], sent["actual_end"], clock.now()
    times.confirm_times(lecture_id, started_at=start, ended_at=end, key=sent["key"], by=current_actor(), at=at)
    return _times(lecture_id)
