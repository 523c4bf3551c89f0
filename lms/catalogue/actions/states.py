"""The states of a lecture: publish, start, end, reopen, postpone, cancel, and correct its actual times."""

from datetime import datetime

from lms.catalogue.actions.history import note, record
from lms.catalogue.actions.lectures import locked_lecture
from lms.catalogue.actions.naming import check_no_clash
from lms.catalogue.actions.pauses import close_pause, measure_pauses, pause_between
from lms.catalogue.models import Lecture, LectureState
from lms.catalogue.queries.policies import current_policy
from lms.catalogue.rules import check_can_edit_lecture, is_over_unheld, resolve_local
from lms.catalogue.state_changes import (
    check_can_be_judged,
    check_can_cancel,
    check_can_confirm,
    check_can_correct_times,
    check_can_end,
    check_can_hold,
    check_can_postpone,
    check_can_publish,
    check_can_reopen,
    check_can_start,
    check_can_undo_start,
)
from lms.core.base.errors import Invalid
from lms.core.base.events import (
    LectureCancelled,
    LectureEnded,
    LecturePostponed,
    LectureReopened,
    LectureScheduled,
    LectureStarted,
    LectureStartUndone,
    LectureTimesCorrected,
    publish,
)
from lms.core.base.roles import Actor
from lms.core.database.session import action, db
from lms.core.text.i18n import _
from lms.core.text.typed_text import clean_line, clean_text


def _mine(lecture_id: int, by: Actor) -> Lecture:
    lecture = locked_lecture(lecture_id)
    check_can_edit_lecture(lecture, by)
    return lecture


def _check_clash(lecture: Lecture, starts_at: datetime, by: Actor) -> None:
    persons = [person.id for person in lecture.instructors]
    check_no_clash(persons, starts_at, lecture.duration_minutes, by=by, but=lecture.id)


@action
def publish_lecture(lecture_id: int, *, by: Actor, at: datetime) -> Lecture:
    """Puts a draft on the programme. Refused for a clash; Invalid without a time."""
    lecture = _mine(lecture_id, by)
    check_can_publish(lecture)
    if lecture.starts_at is not None:
        _check_clash(lecture, lecture.starts_at, by)
    note(lecture, "published", {"state": lecture.state}, by=by, at=at)
    lecture.state = LectureState.SCHEDULED
    lecture.held_unknown = is_over_unheld(lecture, at)
    db.session.flush()
    record("publish_lecture", lecture, by=by, at=at)
    publish(LectureScheduled(lecture_id=lecture.id, by=by, at=at))
    return lecture


@action
def start_lecture(lecture_id: int, *, by: Actor, at: datetime, started_at: datetime | None = None) -> Lecture:
    """Makes a scheduled lecture live, whatever its planned time: now, or since `started_at` in the past."""
    lecture = _mine(lecture_id, by)
    began = check_can_start(lecture, started_at, at)
    note(lecture, "started", {"state": lecture.state}, by=by, at=at)
    lecture.state, lecture.actual_start, lecture.actual_end = LectureState.LIVE, began, None
    lecture.held_unknown = False
    db.session.flush()
    measure_pauses(lecture)
    record("start_lecture", lecture, by=by, at=at)
    publish(LectureStarted(lecture_id=lecture.id, by=by, at=at))
    return lecture


@action
def end_lecture(lecture_id: int, *, by: Actor, at: datetime, ended_at: datetime | None = None) -> Lecture:
    """Ends a live lecture, now or at `ended_at` in the past: it is held, under the policy of this moment."""
    lecture = _mine(lecture_id, by)
    ended = check_can_end(lecture, ended_at, at)
    note(lecture, "ended", {"state": lecture.state}, by=by, at=at)
    lecture.state, lecture.actual_end = LectureState.HELD, ended
    lecture.policy_id, lecture.keeps_enough = current_policy(lecture.series_id).id, True
    db.session.flush()
    if not close_pause(lecture, at=at):
        measure_pauses(lecture)
    record("end_lecture", lecture, by=by, at=at)
    publish(LectureEnded(lecture_id=lecture.id, by=by, at=at))
    return lecture


@action
def reopen_lecture(lecture_id: int, *, by: Actor, at: datetime) -> Lecture:
    """Takes back a mistaken end within a day: the lecture is live again. The time since that end is a pause."""
    lecture = _mine(lecture_id, by)
    check_can_reopen(lecture, at)
    note(lecture, "reopened", {"state": lecture.state, "actual_end": lecture.actual_end}, by=by, at=at)
    if lecture.actual_end is not None:
        pause_between(lecture, lecture.actual_end, at=at)
    lecture.state, lecture.actual_end, lecture.policy_id = LectureState.LIVE, None, None
    lecture.confirmed_at = None
    db.session.flush()
    measure_pauses(lecture)
    record("reopen_lecture", lecture, by=by, at=at)
    publish(LectureReopened(lecture_id=lecture.id, by=by, at=at))
    return lecture


@action
def undo_start(lecture_id: int, *, by: Actor, at: datetime) -> Lecture:
    """Undoes a start, and the end after it: the lecture is scheduled as planned.

    What was recorded is kept: presence counts, and a pause does not, if it falls within the times at which the
    lecture is held later. The actual times stay in its history. Refused once its attendance is closed.
    """
    lecture = _mine(lecture_id, by)
    check_can_undo_start(lecture)
    before = {"state": lecture.state, "actual_start": lecture.actual_start, "actual_end": lecture.actual_end}
    note(lecture, "start_undone", before, by=by, at=at)
    lecture.state, lecture.actual_start, lecture.actual_end = LectureState.SCHEDULED, None, None
    lecture.policy_id = lecture.confirmed_at = None
    lecture.held_unknown = is_over_unheld(lecture, at)
    db.session.flush()
    close_pause(lecture, at=at)
    record("undo_start", lecture, by=by, at=at)
    publish(LectureStartUndone(lecture_id=lecture.id, by=by, at=at))
    return lecture


@action
def confirm_held(lecture_id: int, *, by: Actor, at: datetime) -> Lecture:
    """Confirms that a lecture was held: it is a session, however short it was and however few attended.

    Already confirmed, it is left unchanged. Refused unless it is held.
    """
    lecture = _mine(lecture_id, by)
    check_can_confirm(lecture)
    if lecture.confirmed_at is not None:
        return lecture
    note(lecture, "confirmed", {}, by=by, at=at)
    lecture.confirmed_at = at
    db.session.flush()
    record("confirm_held", lecture, by=by, at=at)
    return lecture


@action
def judge_by_policy(lecture_id: int, policy_id: int, *, by: Actor, at: datetime) -> Lecture:
    """Puts a held lecture under another version of its series' policy; what follows from it is the caller's to do."""
    lecture = _mine(lecture_id, by)
    check_can_be_judged(lecture)
    note(lecture, "policy_applied", {"policy_id": lecture.policy_id}, by=by, at=at)
    lecture.policy_id = policy_id
    db.session.flush()
    record("judge_by_policy", lecture, by=by, at=at)
    return lecture


@action
def hold_lecture(lecture_id: int, *, started_at: datetime, ended_at: datetime, by: Actor, at: datetime) -> Lecture:
    """Enters that a scheduled lecture was given, from when to when: it is held, under the policy of this moment."""
    lecture = _mine(lecture_id, by)
    check_can_hold(lecture, started_at, ended_at, at)
    start_lecture(lecture_id, started_at=started_at, by=by, at=at)
    return end_lecture(lecture_id, ended_at=ended_at, by=by, at=at)


@action
def correct_times(lecture_id: int, *, started_at: datetime, ended_at: datetime, by: Actor, at: datetime) -> Lecture:
    """Puts the actual start and end of a held lecture right; credits are computed again from the evidence."""
    lecture = _mine(lecture_id, by)
    check_can_correct_times(lecture, started_at, ended_at, at)
    if (started_at, ended_at) == (lecture.actual_start, lecture.actual_end):
        return lecture
    before = {"actual_start": lecture.actual_start, "actual_end": lecture.actual_end}
    note(lecture, "times_corrected", before, by=by, at=at)
    lecture.actual_start, lecture.actual_end = started_at, ended_at
    db.session.flush()
    measure_pauses(lecture)
    record("correct_times", lecture, by=by, at=at)
    publish(LectureTimesCorrected(lecture_id=lecture.id, by=by, at=at))
    return lecture


@action
def postpone_lecture(
    lecture_id: int,
    *,
    local_start: datetime | None = None,
    time_zone: str | None = None,
    by: Actor,
    at: datetime,
) -> Lecture:
    """Moves a lecture to a new local time (it stays scheduled), or off the programme until there is one.

    Without `time_zone` the lecture's own holds. Refused for a clash; Invalid at `starts_at` for a time that is
    past, skipped or double.
    """
    lecture = _mine(lecture_id, by)
    if local_start is None and time_zone is not None:
        raise Invalid("starts_at", _("Enter the new time too, or leave both empty."))
    zone = time_zone or lecture.time_zone
    new_start = resolve_local(local_start, zone) if local_start is not None else None
    check_can_postpone(lecture, new_start, at)
    old_start = lecture.starts_at
    was_postponed = lecture.state is LectureState.POSTPONED
    if new_start is not None:
        _check_clash(lecture, new_start, by)
    before = {
        "state": lecture.state,
        "starts_at": old_start,
        "local_start": lecture.local_start,
        "time_zone": lecture.time_zone,
    }
    note(lecture, "rescheduled" if was_postponed else "postponed", before, by=by, at=at)
    lecture.local_start, lecture.time_zone, lecture.starts_at = local_start, zone, new_start
    lecture.state = LectureState.POSTPONED if new_start is None else LectureState.SCHEDULED
    lecture.held_unknown = False
    lecture.sequence += 1
    db.session.flush()
    record("postpone_lecture", lecture, by=by, at=at)
    if was_postponed:
        publish(LectureScheduled(lecture_id=lecture.id, by=by, at=at))
    else:
        publish(LecturePostponed(lecture_id=lecture.id, old_start=old_start, new_start=new_start, by=by, at=at))
    return lecture


@action
def cancel_lecture(lecture_id: int, *, reason: str, by: Actor, at: datetime) -> Lecture:
    """Cancels a scheduled lecture for good. The required `reason` is e-mailed to everyone enrolled."""
    lecture = _mine(lecture_id, by)
    check_can_cancel(lecture)
    reason_text = clean_text(reason)
    if not clean_line(reason_text):
        raise Invalid("reason", _("Enter the reason. Everyone enrolled will read it."))
    if len(reason_text) > 2000:
        raise Invalid("reason", _("Use at most %(n)s characters.", n=2000))
    note(lecture, "cancelled", {"state": lecture.state}, by=by, at=at, reason=reason_text)
    lecture.state, lecture.reason = LectureState.CANCELLED, reason_text
    lecture.sequence += 1
    db.session.flush()
    record("cancel_lecture", lecture, by=by, at=at)
    publish(LectureCancelled(lecture_id=lecture.id, reason=reason_text, by=by, at=at))
    return lecture
