"""The API of series and lectures."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from apiflask import APIBlueprint
from flask.typing import ResponseReturnValue

from lms.catalogue.actions.lectures import delete_draft, edit_lecture, schedule_or_repeat_lecture
from lms.catalogue.actions.pauses import pause_lecture, resume_lecture
from lms.catalogue.actions.publishing import publish_series, unpublish_lectures
from lms.catalogue.actions.series import create_or_repeat_series, edit_series
from lms.catalogue.actions.states import (
    cancel_lecture,
    confirm_held,
    end_lecture,
    hold_lecture,
    postpone_lecture,
    reopen_lecture,
    start_lecture,
    undo_start,
)
from lms.catalogue.fair_hours import Hour
from lms.catalogue.inputs import LectureInput, PolicyInput, SeriesInput
from lms.catalogue.models import Lecture, Policy, Series
from lms.catalogue.queries import lectures as lecture_queries
from lms.catalogue.queries import policies as policy_queries
from lms.catalogue.queries import series as series_queries
from lms.catalogue.queries import teaching as teaching_queries
from lms.catalogue.rules import may_edit_lecture, zone_of
from lms.catalogue.schemas import (
    AtIn,
    CancelIn,
    HeldIn,
    HoursOut,
    HoursQuery,
    LectureIn,
    LectureOut,
    LecturePage,
    LecturesOut,
    PauseIn,
    PostponeIn,
    PublishIn,
    SeriesIn,
    SeriesOut,
    SeriesPage,
    SeriesQuery,
    UnpublishIn,
)
from lms.catalogue.series_hours import HoursRequest, hours_for
from lms.core.base.errors import Invalid
from lms.core.base.roles import Role
from lms.core.time import clock
from lms.web.api.api import Nothing, PageQuery, envelope, integer_cursor, rfc3339
from lms.web.api.idempotency import idempotent
from lms.web.pages.locale import reader_locale
from lms.web.request.guards import ANYONE, SIGNED_IN, allow, scope
from lms.web.request.identity import current_actor

bp = APIBlueprint("catalogue_api", __name__, url_prefix="/api/v1")


@dataclass(frozen=True)
class ShownSeries:
    """A series. `instructors`: their e-mail addresses, if the caller can edit it."""

    series: Series
    policy: Policy
    instructors: Sequence[str] | None

    @property
    def countries(self) -> list[str] | None:
        """Codes of the countries that it is for; null for all."""
        return [country.code for country in self.series.countries] or None

    @property
    def instructor_names(self) -> list[str]:
        """The names that everybody sees."""
        return [person.full_name for person in self.series.instructors]


@dataclass(frozen=True)
class ShownLecture:
    """A lecture. `instructors` (their e-mail addresses) and `join_url` if the caller can edit it."""

    lecture: Lecture
    instructors: Sequence[str] | None
    join_url: str | None

    @property
    def instructor_names(self) -> list[str]:
        """The names that everybody sees."""
        return [person.full_name for person in self.lecture.instructors]


def _shown_series(rows: Sequence[Series]) -> list[ShownSeries]:
    policies = policy_queries.current_policies([series.id for series in rows])
    addresses = teaching_queries.instructor_addresses(rows, by=current_actor())
    return [ShownSeries(series, policies[series.id], addresses[series.id]) for series in rows]


def _shown_lectures(rows: Sequence[Lecture]) -> list[ShownLecture]:
    by = current_actor()
    addresses = teaching_queries.instructor_addresses(rows, by=by)
    return [
        ShownLecture(lecture, addresses[lecture.id], lecture.join_url if may_edit_lecture(lecture, by) else None)
        for lecture in rows
    ]


def _one_series(series: Series) -> ShownSeries:
    return _shown_series([series])[0]


def _one_lecture(lecture: Lecture) -> ShownLecture:
    return _shown_lectures([lecture])[0]


def _fixed(sent: dict[str, Any]) -> dict[str, Any]:
    """Returns what was sent, lists as tuples: the form of drafts."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in sent.items()}


@bp.get("/series")
@allow(ANYONE)
@scope("series:read")
@bp.input(SeriesQuery, location="query", arg_name="query")
@bp.output(SeriesPage)
def list_series(query: dict[str, Any]) -> ResponseReturnValue:
    """Lists the series that the caller can see, newest first."""
    actor = current_actor()
    filters = series_queries.SeriesFilter(**{**query, "cursor": integer_cursor(query["cursor"])})
    page = envelope(series_queries.list_series(filters, by=actor), filters.limit, lambda series: series.id)
    return {**page, "items": _shown_series(page["items"])}


@bp.post("/series")
@allow(Role.ADMINISTRATOR, Role.INSTRUCTOR)
@scope("series:write")
@bp.input(SeriesIn, arg_name="sent")
@bp.output(SeriesOut, status_code=201)
@bp.doc(responses={200: "The same series already exists.", 409: "A different series has this slug."})
def create_series(sent: dict[str, Any]) -> Any:
    """Creates a series. The same request again returns 200 with the same series."""
    values = {**_fixed(sent), "policy": PolicyInput(**sent.get("policy", {}))}
    series, is_new = create_or_repeat_series(SeriesInput(**values), by=current_actor(), at=clock.now())
    return _one_series(series), 201 if is_new else 200


@bp.get("/series/<slug>")
@allow(ANYONE)
@scope("series:read")
@bp.output(SeriesOut)
def get_series(slug: str) -> Any:
    """Returns a series."""
    return _one_series(series_queries.get_series(slug, by=current_actor()))


@bp.get("/series/<slug>/hours")
@allow(SIGNED_IN)
@scope("series:read")
@bp.input(HoursQuery, location="query", arg_name="query")
@bp.output(HoursOut)
def get_hours(slug: str, query: dict[str, Any]) -> ResponseReturnValue:
    """Counts for whom a lecture is at night or on a day off, at each hour of a week and at a planned time."""
    actor = current_actor()
    zone_of(query["time_zone"])
    hours_request = HoursRequest(
        query["starts_at"], query["time_zone"], query["duration_minutes"], first=query["first"]
    )
    series = series_queries.get_series(slug, by=actor)
    hours = hours_for(series, hours_request, locale=reader_locale(), by=actor, at=clock.now())
    if hours.impossible:
        raise Invalid("starts_at", hours.impossible)
    planned = None
    if hours.chosen is not None and hours.span is not None and hours.burden is not None:
        planned = Hour(hours.chosen, hours.span.start, hours.burden.night, hours.burden.day_off)
    return {
        "basis": hours.audience.basis,
        "people": hours.audience.people,
        "unlocated": hours.audience.unlocated,
        "time_zone": hours.time_zone,
        "duration_minutes": hours.duration_minutes,
        "first": hours.first,
        "hours": [_shown_hour(hour) for hour in hours.hours],
        "fairest": [_shown_hour(group.best) for group in hours.fairest],
        "lecture": _shown_hour(planned) if planned is not None else None,
        "countries": [
            {
                "country": one.country,
                "people": one.people,
                "time_zone": one.zone,
                "starts_at": one.start.replace(tzinfo=None).isoformat(),
                "night": one.night,
                "day_off": one.day_off,
                "is_weekend": one.is_weekend,
                "holiday": one.holiday or None,
            }
            for one in hours.countries
        ],
        "rotation": {
            "lectures": hours.rotation.lectures,
            "nights": [{"country": code, "lectures": number} for code, number in hours.rotation.nights],
        },
    }


def _shown_hour(hour: Hour) -> dict[str, Any]:
    return {
        "starts_at": hour.local.isoformat(),
        "starts_at_utc": rfc3339(hour.starts_at),
        "night": hour.night,
        "day_off": hour.day_off,
        "weight": hour.weight,
    }


@bp.patch("/series/<slug>")
@allow(SIGNED_IN)
@scope("series:write")
@bp.input(SeriesIn(partial=True), arg_name="sent")
@bp.output(SeriesOut)
@bp.doc(responses={409: "Not possible in the current state, with the reason."})
def change_series(slug: str, sent: dict[str, Any]) -> Any:
    """Changes the fields sent, and no others."""
    return _one_series(edit_series(slug, _fixed(sent), by=current_actor(), at=clock.now()))


@bp.post("/series/<slug>/publish")
@allow(SIGNED_IN)
@scope("series:write")
@bp.input(PublishIn, arg_name="sent")
@bp.output(LecturesOut)
@bp.doc(responses={409: "An instructor gives another lecture at that time."})
def publish_all(slug: str, sent: dict[str, Any]) -> ResponseReturnValue:
    """Publishes a series with its drafts: all or none. Answers with the lectures published by this call.

    E-mails to the people enrolled leave a minute later at the earliest. Until then, unpublishing stops them.
    """
    by = current_actor()
    _series, lectures = publish_series(slug, sent["lectures"], min_lectures=sent["min_lectures"], by=by, at=clock.now())
    return {"items": _shown_lectures(lectures)}


@bp.post("/series/<slug>/unpublish")
@allow(SIGNED_IN)
@scope("series:write")
@bp.input(UnpublishIn, arg_name="sent")
@bp.output(LecturesOut)
@bp.doc(responses={409: "A lecture has begun, or people are invited to it."})
def unpublish(slug: str, sent: dict[str, Any]) -> ResponseReturnValue:
    """Makes lectures drafts again: all or none. Answers with the lectures changed by this call."""
    by = current_actor()
    return {"items": _shown_lectures(unpublish_lectures(slug, sent["lectures"], by=by, at=clock.now()))}


@bp.get("/series/<slug>/lectures")
@allow(ANYONE)
@scope("series:read")
@bp.input(PageQuery, location="query", arg_name="query")
@bp.output(LecturePage)
def list_lectures(slug: str, query: dict[str, Any]) -> ResponseReturnValue:
    """Lists the lectures of a series, in the order in which they were created."""
    actor = current_actor()
    series = series_queries.get_series(slug, by=actor)
    cursor, limit = integer_cursor(query["cursor"]), query["limit"]
    lectures = lecture_queries.list_lectures_page(series.id, by=actor, cursor=cursor, limit=limit)
    page = envelope(lectures, limit, lambda lecture: lecture.id)
    return {**page, "items": _shown_lectures(page["items"])}


@bp.post("/series/<slug>/lectures")
@allow(SIGNED_IN)
@scope("series:write")
@idempotent
@bp.input(LectureIn, arg_name="sent")
@bp.output(LectureOut, status_code=201)
@bp.doc(responses={200: "The same lecture already exists.", 409: "An instructor gives another lecture at this time."})
def create_lecture(slug: str, sent: dict[str, Any]) -> Any:
    """Creates a lecture in a series. Its time can be in the past. The same request again returns 200."""
    draft = LectureInput(**_fixed(sent))
    lecture, is_new = schedule_or_repeat_lecture(slug, draft, by=current_actor(), at=clock.now())
    return _one_lecture(lecture), 201 if is_new else 200


@bp.get("/lectures/<int:lecture_id>")
@allow(ANYONE)
@scope("series:read")
@bp.output(LectureOut)
def get_lecture(lecture_id: int) -> Any:
    """Returns a lecture."""
    return _one_lecture(lecture_queries.get_lecture(lecture_id, by=current_actor()))


@bp.patch("/lectures/<int:lecture_id>")
@allow(SIGNED_IN)
@scope("series:write")
@bp.input(LectureIn(partial=True), arg_name="sent")
@bp.output(LectureOut)
@bp.doc(responses={409: "Not possible in the current state, with the reason."})
def change_lecture(lecture_id: int, sent: dict[str, Any]) -> Any:
    """Changes the fields sent, and no others. `state: scheduled` publishes a draft."""
    return _one_lecture(edit_lecture(lecture_id, _fixed(sent), by=current_actor(), at=clock.now()))


@bp.delete("/lectures/<int:lecture_id>")
@allow(SIGNED_IN)
@scope("series:write")
@bp.output({}, status_code=204)
@bp.doc(responses={409: "The lecture is published, or was."})
def delete_lecture(lecture_id: int) -> ResponseReturnValue:
    """Deletes a draft that was never published, with its files."""
    delete_draft(lecture_id, by=current_actor(), at=clock.now())
    return "", 204


@bp.post("/lectures/<int:lecture_id>/start")
@allow(SIGNED_IN)
@scope("series:write")
@bp.input(AtIn, arg_name="sent")
@bp.output(LectureOut)
@bp.doc(responses={409: "Not possible in the current state, with the reason."})
def start(lecture_id: int, sent: dict[str, Any]) -> Any:
    """Starts a lecture, whatever its planned time: now, or at a time in the past."""
    done = start_lecture(lecture_id, started_at=sent.get("at"), by=current_actor(), at=clock.now())
    return _one_lecture(done)


@bp.post("/lectures/<int:lecture_id>/pause")
@allow(SIGNED_IN)
@scope("series:write")
@bp.input(PauseIn, arg_name="sent")
@bp.output(LectureOut)
@bp.doc(responses={409: "The lecture is not live."})
def pause(lecture_id: int, sent: dict[str, Any]) -> Any:
    """Pauses a live lecture. The pause counts neither as length nor as presence.

    It ends with the lecture at the latest. Of a paused lecture it changes only when it is meant to go on.
    """
    return _one_lecture(pause_lecture(lecture_id, minutes=sent["minutes"], by=current_actor(), at=clock.now()))


@bp.post("/lectures/<int:lecture_id>/resume")
@allow(SIGNED_IN)
@scope("series:write")
@bp.input(Nothing, arg_name="body")
@bp.output(LectureOut)
@bp.doc(responses={409: "The lecture is not live."})
def resume(lecture_id: int, body: dict[str, str]) -> Any:  # noqa: ARG001
    """Ends the pause of a lecture. One that is not paused is left unchanged."""
    return _one_lecture(resume_lecture(lecture_id, by=current_actor(), at=clock.now()))


@bp.post("/lectures/<int:lecture_id>/end")
@allow(SIGNED_IN)
@scope("series:write")
@bp.input(AtIn, arg_name="sent")
@bp.output(LectureOut)
@bp.doc(responses={409: "Not possible in the current state, with the reason."})
def end(lecture_id: int, sent: dict[str, Any]) -> Any:
    """Ends a live lecture: now, or at a time in the past."""
    done = end_lecture(lecture_id, ended_at=sent.get("at"), by=current_actor(), at=clock.now())
    return _one_lecture(done)


@bp.post("/lectures/<int:lecture_id>/undo-start")
@allow(SIGNED_IN)
@scope("series:write")
@bp.input(Nothing, arg_name="body")
@bp.output(LectureOut)
@bp.doc(responses={409: "The lecture is neither live nor held, or its attendance is closed."})
def take_back_start(lecture_id: int, body: dict[str, str]) -> Any:  # noqa: ARG001
    """Undoes the start and end of a lecture. It is scheduled as planned again, and all records are kept."""
    return _one_lecture(undo_start(lecture_id, by=current_actor(), at=clock.now()))


@bp.post("/lectures/<int:lecture_id>/reopen")
@allow(SIGNED_IN)
@scope("series:write")
@bp.input(Nothing, arg_name="body")
@bp.output(LectureOut)
@bp.doc(responses={409: "The lecture is not held, or it ended more than a day ago."})
def reopen(lecture_id: int, body: dict[str, str]) -> Any:  # noqa: ARG001
    """Reopens a lecture within a day of its end. It is live again."""
    return _one_lecture(reopen_lecture(lecture_id, by=current_actor(), at=clock.now()))


@bp.post("/lectures/<int:lecture_id>/hold")
@allow(SIGNED_IN)
@scope("series:write")
@bp.input(HeldIn, arg_name="sent")
@bp.output(LectureOut)
@bp.doc(responses={409: "The lecture is not scheduled."})
def hold(lecture_id: int, sent: dict[str, Any]) -> Any:
    """Records that a scheduled lecture was held, with its start and end. If it was not, postpone or cancel it."""
    times = {"started_at": sent["actual_start"], "ended_at": sent["actual_end"]}
    return _one_lecture(hold_lecture(lecture_id, **times, by=current_actor(), at=clock.now()))


@bp.post("/lectures/<int:lecture_id>/confirm")
@allow(SIGNED_IN)
@scope("series:write")
@bp.input(Nothing, arg_name="body")
@bp.output(LectureOut)
@bp.doc(responses={409: "The lecture is not held."})
def confirm(lecture_id: int, body: dict[str, str]) -> Any:  # noqa: ARG001
    """Confirms that a very short or empty lecture was held, so that it counts. Repeating this changes nothing."""
    return _one_lecture(confirm_held(lecture_id, by=current_actor(), at=clock.now()))


@bp.post("/lectures/<int:lecture_id>/cancel")
@allow(SIGNED_IN)
@scope("series:write")
@bp.input(CancelIn, arg_name="sent")
@bp.output(LectureOut)
@bp.doc(responses={409: "Not possible in the current state, with the reason."})
def cancel(lecture_id: int, sent: dict[str, Any]) -> Any:
    """Cancels a scheduled lecture for good and e-mails the reason to everyone enrolled."""
    return _one_lecture(cancel_lecture(lecture_id, reason=sent["reason"], by=current_actor(), at=clock.now()))


@bp.post("/lectures/<int:lecture_id>/postpone")
@allow(SIGNED_IN)
@scope("series:write")
@bp.input(PostponeIn, arg_name="sent")
@bp.output(LectureOut)
@bp.doc(responses={409: "Not possible in the current state, with the reason."})
def postpone(lecture_id: int, sent: dict[str, Any]) -> Any:
    """Postpones a lecture to a new time, or without a date."""
    done = postpone_lecture(
        lecture_id,
        local_start=sent.get("starts_at"),
        time_zone=sent.get("time_zone"),
        by=current_actor(),
        at=clock.now(),
    )
    return _one_lecture(done)
