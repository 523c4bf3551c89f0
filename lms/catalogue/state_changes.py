"""Which changes of a lecture's state are possible: draft → scheduled → live → held; scheduled → cancelled or postponed;
postponed → scheduled. Every check raises Refused or Invalid."""

from datetime import datetime, timedelta

from lms.catalogue.models import Lecture, LectureState
from lms.catalogue.rules import FIRST_YEAR, LAST_YEAR
from lms.core.base.errors import Invalid, Refused
from lms.core.text.i18n import _
from lms.core.text.translations import reader_text

REOPEN_WITHIN = timedelta(hours=24)
LONGEST_PAUSE = 60
"""Minutes after which a lecture is meant to go on, at most."""
START_AHEAD = timedelta(hours=1)
"""An earlier start must be confirmed on the pages. The API starts a lecture whatever its planned time."""
_SKEW = timedelta(minutes=1)  # how far a caller's clock may be ahead of ours


def _because(lecture: Lecture) -> str:
    return {
        LectureState.DRAFT: _("This lecture is a draft. Publish it first."),
        LectureState.SCHEDULED: _("This lecture has not begun."),
        LectureState.LIVE: _("This lecture is live."),
        LectureState.HELD: _("This lecture has already been held."),
        LectureState.CANCELLED: _("This lecture was cancelled."),
        LectureState.POSTPONED: _("This lecture is postponed and has no date. Give it a new time first."),
    }[lecture.state]


def _check_state(lecture: Lecture, *allowed: LectureState) -> None:
    if lecture.state not in allowed:
        raise Refused(_because(lecture))


def check_can_publish(lecture: Lecture) -> None:
    """A draft with a time. Refused otherwise; Invalid at `starts_at` without one."""
    if lecture.state is not LectureState.DRAFT:
        raise Refused(_("This lecture is already published."))
    if lecture.starts_at is None:
        raise Invalid("starts_at", _("Enter when the lecture starts."))


def check_can_delete(lecture: Lecture, *, was_published: bool) -> None:
    """Only a draft that was never published is deleted. Refused otherwise: others have seen the lecture."""
    if lecture.state is not LectureState.DRAFT:
        raise Refused(_("This lecture is published. Only drafts can be deleted; cancel it instead."))
    if was_published:
        raise Refused(_("This lecture was published before. Only drafts that were never published can be deleted."))


def check_can_unpublish(lecture: Lecture) -> None:
    """A published lecture that has not begun becomes a draft again. Refused otherwise, and once people have an
    invitation to it in their calendars."""
    _check_state(lecture, LectureState.SCHEDULED)
    if lecture.invited_at is not None:
        raise Refused(
            _(
                "People have been invited to “%(title)s” already. Postpone or cancel it instead.",
                title=reader_text(lecture),
            )
        )


def check_can_start(lecture: Lecture, started_at: datetime | None, at: datetime) -> datetime:
    """When the lecture began: now, or a moment in the past. Refused unless it is scheduled."""
    _check_state(lecture, LectureState.SCHEDULED)
    return _not_later(started_at, at)


def check_can_end(lecture: Lecture, ended_at: datetime | None, at: datetime) -> datetime:
    """When the lecture ended: now, or a moment in the past after its start. Refused unless it is live."""
    _check_state(lecture, LectureState.LIVE)
    ended = _not_later(ended_at, at)
    _check_span(lecture.actual_start, ended, "at")
    return ended


def check_can_pause(lecture: Lecture, minutes: int | None) -> None:
    """Raises Refused unless the lecture is live, and Invalid for a pause of no usual length."""
    _check_state(lecture, LectureState.LIVE)
    if minutes is not None and not 1 <= minutes <= LONGEST_PAUSE:
        raise Invalid("minutes", _("Use a number from 1 to %(last)s.", last=LONGEST_PAUSE))


def check_can_resume(lecture: Lecture) -> None:
    """Raises Refused unless the lecture is live."""
    _check_state(lecture, LectureState.LIVE)


def check_can_reopen(lecture: Lecture, at: datetime) -> None:
    """A mistaken end is taken back within a day; later its times are corrected instead. Refused otherwise."""
    _check_state(lecture, LectureState.HELD)
    if lecture.actual_end is not None and at - lecture.actual_end > REOPEN_WITHIN:
        raise Refused(_("This lecture ended more than a day ago. Correct its actual times instead."))


def is_early_start(lecture: Lecture, started_at: datetime) -> bool:
    """Whether this start is more than an hour before the planned one."""
    return lecture.starts_at is not None and lecture.starts_at - started_at > START_AHEAD


def check_can_undo_start(lecture: Lecture) -> None:
    """Only a lecture that is live or held can go back to its plan. Refused otherwise."""
    _check_state(lecture, LectureState.LIVE, LectureState.HELD)


def check_can_confirm(lecture: Lecture) -> None:
    """Only a lecture that was held is confirmed. Refused otherwise."""
    _check_state(lecture, LectureState.HELD)


def check_can_correct_times(lecture: Lecture, started_at: datetime, ended_at: datetime, at: datetime) -> None:
    """The actual start and end of a lecture that was held. Refused otherwise; Invalid for a span that cannot be."""
    _check_state(lecture, LectureState.HELD)
    _check_times(started_at, ended_at, at)


def _check_times(started_at: datetime, ended_at: datetime, at: datetime) -> None:
    for field, moment in (("actual_start", started_at), ("actual_end", ended_at)):
        _not_later(moment, at, field)
    _check_span(started_at, ended_at, "actual_end")


def check_can_be_judged(lecture: Lecture) -> None:
    """Only what was held has been judged. Refused otherwise."""
    _check_state(lecture, LectureState.HELD)


def check_can_hold(lecture: Lecture, started_at: datetime, ended_at: datetime, at: datetime) -> None:
    """The actual start and end of a scheduled lecture that nobody started. Refused otherwise; Invalid for a span that
    cannot be."""
    _check_state(lecture, LectureState.SCHEDULED)
    _check_times(started_at, ended_at, at)


def check_can_cancel(lecture: Lecture) -> None:
    """Only a published lecture can be cancelled. Raises Refused otherwise."""
    _check_state(lecture, LectureState.SCHEDULED)


def check_can_postpone(lecture: Lecture, new_start: datetime | None, at: datetime) -> None:
    """A scheduled lecture to a later or unknown time, a postponed one to a time. Refused otherwise."""
    _check_state(lecture, LectureState.SCHEDULED, LectureState.POSTPONED)
    if new_start is None:
        if lecture.state is LectureState.POSTPONED:
            raise Refused(_("This lecture is already postponed. Give it a new time."))
        return
    if new_start <= at:
        raise Invalid("starts_at", _("The new time is in the past."))
    if new_start == lecture.starts_at:
        raise Invalid("starts_at", _("The lecture is already planned for this time."))


def check_can_retime(lecture: Lecture) -> None:
    """The planned time changes before a lecture begins, not after. Refused otherwise."""
    if lecture.state in (LectureState.LIVE, LectureState.HELD, LectureState.CANCELLED):
        raise Refused(f"{_because(lecture)} {_('Its planned time can no longer change.')}")


def _not_later(moment: datetime | None, at: datetime, field: str = "at") -> datetime:
    if moment is None:
        return at
    if moment > at + _SKEW:
        raise Invalid(field, _("This time is in the future."))
    if moment.year < FIRST_YEAR:
        raise Invalid(field, _("Enter a year between %(first)s and %(last)s.", first=FIRST_YEAR, last=LAST_YEAR))
    return min(moment, at)


def _check_span(start: datetime | None, end: datetime, field: str) -> None:
    if start is not None and end <= start:
        raise Invalid(field, _("The end is before the start."))
    if start is not None and end - start > timedelta(hours=24):
        raise Invalid(field, _("A lecture can last at most one day. Enter when it ended."))
