"""Interrupting a live lecture, and going on with it."""

from datetime import datetime, timedelta

from sqlalchemy import func, select

from lms.catalogue.actions.history import note, record
from lms.catalogue.actions.lectures import locked_lecture
from lms.catalogue.models import Lecture, LecturePause, LectureState
from lms.catalogue.queries.policies import find_pause, list_pauses
from lms.catalogue.rules import check_can_edit_lecture
from lms.catalogue.state_changes import check_can_pause, check_can_resume
from lms.core.base.errors import NotFound
from lms.core.base.events import LecturePaused, LectureTimesCorrected, publish
from lms.core.base.roles import Actor
from lms.core.database.session import action, db
from lms.core.time.clock import to_ms


@action
def pause_lecture(lecture_id: int, *, minutes: int | None = None, by: Actor, at: datetime) -> Lecture:
    """Interrupts a live lecture. Viewers read after how many `minutes` it goes on, which a second call changes."""
    lecture = locked_lecture(lecture_id)
    check_can_edit_lecture(lecture, by)
    check_can_pause(lecture, minutes)
    resumes_at = at + timedelta(minutes=minutes) if minutes is not None else None
    pause = find_pause(lecture)
    if pause is not None:
        if resumes_at is not None and resumes_at != pause.resumes_at:
            pause.resumes_at = resumes_at
            record("pause_lecture", lecture, by=by, at=at, minutes=minutes)
        return lecture
    ended_at = db.session.scalar(select(func.max(LecturePause.ended_at)).where(LecturePause.lecture_id == lecture.id))
    started_at = max(at, ended_at) if ended_at is not None else at  # the server's clock may have been set back
    db.session.add(LecturePause(lecture_id=lecture.id, started_at=started_at, resumes_at=resumes_at))
    lecture.paused_ms = lecture.paused_ms or 0
    note(lecture, "paused", {}, by=by, at=at)
    record("pause_lecture", lecture, by=by, at=at, minutes=minutes)
    publish(LecturePaused(lecture_id=lecture.id, by=by, at=at))
    return lecture


@action
def resume_lecture(lecture_id: int, *, by: Actor, at: datetime) -> Lecture:
    """Goes on with a paused lecture; one that is not paused is left unchanged."""
    lecture = locked_lecture(lecture_id)
    check_can_edit_lecture(lecture, by)
    check_can_resume(lecture)
    if close_pause(lecture, at=at):
        note(lecture, "resumed", {}, by=by, at=at)
        record("resume_lecture", lecture, by=by, at=at)
    return lecture


@action
def withdraw_pause(lecture_id: int, pause_id: int, *, is_withdrawn: bool, by: Actor, at: datetime) -> Lecture:
    """Counts a pause that is over as part of its lecture, or takes that back; attendance is computed again.

    Refused once the attendance is closed.
    """
    lecture = locked_lecture(lecture_id)
    check_can_edit_lecture(lecture, by)
    pause = db.session.get(LecturePause, pause_id)
    if pause is None or pause.lecture_id != lecture_id or pause.ended_at is None:
        raise NotFound
    if (pause.withdrawn_at is not None) == is_withdrawn:
        return lecture
    note(lecture, "pauses_corrected", {"paused_ms": lecture.paused_ms}, by=by, at=at)
    pause.withdrawn_at = at if is_withdrawn else None
    measure_pauses(lecture)
    record("withdraw_pause" if is_withdrawn else "restore_pause", lecture, by=by, at=at)
    if lecture.state is LectureState.HELD:
        publish(LectureTimesCorrected(lecture_id=lecture.id, by=by, at=at))
    return lecture


def close_pause(lecture: Lecture, *, at: datetime) -> bool:
    """Ends the pause of a locked lecture, if it is paused; returns whether it was."""
    pause = find_pause(lecture)
    if pause is None:
        return False
    if pause.started_at < at:
        pause.ended_at = at
    else:
        db.session.delete(pause)
    measure_pauses(lecture)
    return True


def pause_between(lecture: Lecture, started_at: datetime, *, at: datetime) -> None:
    """Adds a pause of a locked lecture that is over, from a moment until now; staff can count it after all."""
    last = db.session.scalar(select(func.max(LecturePause.ended_at)).where(LecturePause.lecture_id == lecture.id))
    first = max(started_at, last) if last is not None else started_at
    if first < at:
        db.session.add(LecturePause(lecture_id=lecture.id, started_at=first, ended_at=at))
        lecture.paused_ms = lecture.paused_ms or 0


def measure_pauses(lecture: Lecture) -> None:
    """Writes how long a lecture was paused within its actual times, after a change of either."""
    if lecture.paused_ms is None:
        return
    db.session.flush()
    first = to_ms(lecture.actual_start) if lecture.actual_start is not None else 0
    last = to_ms(lecture.actual_end) if lecture.actual_end is not None else None
    lecture.paused_ms = sum(
        max((ended if last is None else min(ended, last)) - max(started, first), 0)
        for started, ended in list_pauses(lecture)
        if ended is not None
    )
    db.session.flush()
