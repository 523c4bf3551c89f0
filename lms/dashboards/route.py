"""The stations of a series' route for a reader, as input of the macros `route` and `route_mini`."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from flask import url_for
from markupsafe import Markup, escape

from lms.attendance.models.credits import Outcome
from lms.attendance.queries.persons import PersonAttendance
from lms.catalogue.models import LectureState
from lms.catalogue.rules import AnyLecture, Station, stop_states
from lms.core.text.i18n import _
from lms.core.text.punctuation import at_start, separator
from lms.core.time.dates import beside_time
from lms.core.time.durations import brief_spent_of
from lms.dashboards.texts import translated
from lms.web.pages import time

Stop = dict[str, Any]


def names(people: Sequence[Any]) -> Markup:
    """Names one after the other, each in its own direction, followed by the native ones."""
    return Markup(separator()).join(  # noqa: S704 - a constant
        Markup("<bdi>{}</bdi>").format(person.full_name)
        + (Markup(" <bdi>{}</bdi>").format(person.native_name) if person.native_name else "")
        for person in people
    )


def when(lecture: Station) -> Markup:
    """Returns a lecture's time in one line: its day if it was held, otherwise the time in both zones."""
    began = lecture.actual_start if lecture.state is LectureState.HELD else None
    if began is not None:
        return Markup(f'<time datetime="{time.timestamp(began)}">{escape(time.short_day(began))}</time>')  # noqa: S704
    if lecture.starts_at is None or lecture.state is LectureState.POSTPONED:
        return escape(_("No date yet"))
    starts = lecture.starts_at
    ends = starts + timedelta(minutes=lecture.duration_minutes)
    zone, there = time.viewer_zone(), time.organiser_zone()
    written = Markup('<time datetime="{}">{}</time>').format(time.timestamp(starts), time.hours(starts, ends, zone))
    text = f"{beside_time(time.day(starts, zone), written)}&nbsp;{escape(time.zone_city(zone))}"
    if zone != there:
        text += f" · {escape(time.time_of_day(starts, there))}&nbsp;{escape(time.zone_city(there))}"
    return Markup(text)  # noqa: S704 - each part is escaped


def stops(
    lectures: Sequence[Station],
    *,
    at: datetime,
    attendances: Mapping[int, PersonAttendance] | None = None,
    box: Callable[[Station], Markup] | None = None,
    recorded: Collection[int] = (),
) -> list[Stop]:
    """One stop for each lecture, in the given order; instructors must be loaded (`name_givers`).

    `attendances`: the reader's attendance by lecture, for somebody enrolled; null for everyone else. `box` draws the
    content below the live lecture. `recorded`: lectures whose recording the reader can watch in the room.
    """
    states = stop_states(lectures, at)
    return [_stop(lecture, states[lecture.id], at, attendances, box, recorded) for lecture in lectures]


def mini_stops(
    lectures: Sequence[AnyLecture], *, at: datetime, attendances: Mapping[int, PersonAttendance] | None
) -> list[Stop]:
    """As `stops`, without titles, times and addresses: what `route_mini` shows."""
    states = stop_states(lectures, at)
    return [{"state": states[one.id]} | _standing(one, states[one.id], at, attendances) for one in lectures]


def _stop(
    lecture: Station,
    state: str,
    at: datetime,
    attendances: Mapping[int, PersonAttendance] | None,
    box: Callable[[Station], Markup] | None,
    recorded: Collection[int],
) -> Stop:
    stop: Stop = {
        "state": state,
        "title": translated(lecture),
        "url": url_for("dashboards.lecture", lecture_id=lecture.id),
        "testid": f"lecture-{lecture.id}",
        "meta": Markup(" · ").join(part for part in (names(lecture.instructors), when(lecture)) if part),
    }
    if lecture.state is LectureState.LIVE and box is not None:
        return stop | {"box": box(lecture), "meta": names(lecture.instructors)}
    stop |= _standing(lecture, state, at, attendances)
    if lecture.id in recorded and stop["state"] != "done":
        stop["action"] = {"url": url_for("live.room", lecture_id=lecture.id), "label": _("Recording")}
    return stop


def _standing(
    lecture: AnyLecture, state: str, at: datetime, attendances: Mapping[int, PersonAttendance] | None
) -> Stop:
    """Returns the tag, text and action of a stop, and its state if attendance decides it."""
    if lecture.state is LectureState.HELD:
        return _held(lecture, attendances)
    if lecture.state is LectureState.LIVE:
        return {"tag": _("Live now")}
    if lecture.state is LectureState.CANCELLED:
        return {"tag": _("Cancelled")}
    if lecture.state is LectureState.POSTPONED:
        return {"tag": _("Postponed"), "words": _("Postponed")}
    if lecture.state is LectureState.DRAFT:
        return {"tag": _("Draft"), "words": _("draft, visible to staff only")}
    if lecture.held_unknown:
        return {
            "tag": _("Not yet confirmed"),
            "words": _("visible to staff only, until they confirm whether it was held"),
        }
    if state == "next" and lecture.starts_at is not None:
        late = lecture.starts_at <= at
        return {"tag": _("Starts soon") if late else at_start(time.ago(lecture.starts_at, at))}
    return {}


def _held(lecture: AnyLecture, attendances: Mapping[int, PersonAttendance] | None) -> Stop:
    if attendances is None:
        return {"words": _("Held"), "tag": _("Held")} | _recording(lecture)
    mine = attendances.get(lecture.id)
    if mine is None:
        return {"state": "missed", "words": _("held before you were enrolled")} | _recording(lecture)
    minutes = brief_spent_of(mine.present_ms, mine.length_ms, mine.needed_ms)
    if mine.outcome is Outcome.ATTENDED:
        return {"state": "done", "tag": _("Attended, %(minutes)s", minutes=minutes), "words": _("attended")}
    if mine.outcome is Outcome.EXCUSED:
        return {"state": "missed", "tag": _("Excused"), "words": _("excused")} | _recording(lecture)
    if mine.is_invited:
        return {"state": "missed", "tag": _("Invited"), "words": _("not yet accepted")} | _recording(lecture)
    missed: Stop = {"state": "missed", "words": _("missed"), "tag": _("Absent")}
    if mine.outcome is Outcome.PARTIAL:
        missed |= {"words": _("partial"), "tag": _("Partial, %(minutes)s", minutes=minutes)}
    return missed | _recording(lecture)


def _recording(lecture: AnyLecture) -> Stop:
    if not lecture.recording_url:
        return {}
    return {"action": {"url": lecture.recording_url, "label": _("Recording")}}
