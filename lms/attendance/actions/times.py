"""Confirms when a lecture took place, or corrects its times. For its instructors."""

from datetime import datetime

from lms.attendance.actions.closing import check_not_closed
from lms.attendance.actions.credits import lock_lecture
from lms.attendance.actions.facts import hold_facts
from lms.attendance.actions.policies import check_key
from lms.attendance.presence import span_between
from lms.attendance.queries.change_preview import difference
from lms.attendance.queries.times import check_times
from lms.catalogue.actions.states import correct_times, hold_lecture
from lms.catalogue.models import Lecture, LectureState
from lms.catalogue.queries.lectures import get_lecture
from lms.catalogue.rules import check_can_edit_lecture
from lms.core.base.roles import Actor
from lms.core.database.session import action


@action
def confirm_times(
    lecture_id: int, *, started_at: datetime, ended_at: datetime, key: str, by: Actor, at: datetime
) -> Lecture:
    """Sets the actual start and end of a lecture, as previewed under `key`: a lecture that nobody started becomes held,
    a held one is recounted. A job then recomputes attendance.

    For its instructors and administrators. Refused where attendance is closed, in other states, and where the preview
    is outdated; Invalid (`actual_start`, `actual_end`) for an impossible span.
    """
    check_can_edit_lecture(get_lecture(lecture_id, by=by), by)
    hold_facts()
    lecture = lock_lecture(lecture_id)
    check_times(lecture, started_at, ended_at, at)
    check_not_closed(lecture)
    check_key(difference(lecture, span=span_between(lecture, started_at, ended_at)).key, key)
    if lecture.state is LectureState.HELD:
        return correct_times(lecture_id, started_at=started_at, ended_at=ended_at, by=by, at=at)
    return hold_lecture(lecture_id, started_at=started_at, ended_at=ended_at, by=by, at=at)
