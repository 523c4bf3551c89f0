"""Closes the attendance of a lecture, so that results do not change until someone reopens it with a reason."""

from datetime import datetime

from sqlalchemy import select

from lms.attendance.actions.credits import credit_lecture, lock_lecture
from lms.attendance.actions.facts import hold_facts
from lms.attendance.models.credits import Closing
from lms.attendance.presence import is_held
from lms.attendance.queries.appeals import count_open_appeals
from lms.attendance.queries.closings import find_closing
from lms.attendance.queries.roster import roster_totals
from lms.catalogue.models import Lecture
from lms.catalogue.queries.lectures import get_lecture
from lms.catalogue.rules import check_can_edit_lecture
from lms.core.base.errors import Refused
from lms.core.base.events import AttendanceReported, publish
from lms.core.base.roles import Actor
from lms.core.database import audit
from lms.core.database.session import action, db
from lms.core.text.i18n import _
from lms.core.text.typed_text import checked_words
from lms.core.time.dates import moment_in
from lms.people.models import Person


def check_lecture_not_closed(lecture_id: int) -> None:
    """Like `check_not_closed`, by the lecture's id."""
    check_not_closed(db.session.get_one(Lecture, lecture_id))


def check_not_closed(lecture: Lecture) -> None:
    """Raises Refused where the attendance of a lecture is closed, with who closed it and how to reopen it.

    Call it before writing evidence, corrections or decisions of a held lecture, with the lecture's row locked.
    """
    closing = find_closing(lecture.id)
    if closing is None:
        return
    who = db.session.scalar(select(Person.full_name).where(Person.id == closing.closed_by))
    raise Refused(
        _(
            "%(who)s closed the attendance of this lecture on %(moment)s (UTC). To change it, reopen "
            "attendance on the roster and give a reason.",
            who=who or _("the system"),
            moment=moment_in(closing.closed_at, "UTC"),
        )
    )


@action
def close_attendance(lecture_id: int, *, by: Actor, at: datetime) -> Closing:
    """Counts a held lecture from all its evidence, then closes it: nothing of it changes until it is reopened, but what
    people watch of a replay that counts.

    Refused before it was held; closed already, it stays as it is. For its instructors and administrators.
    """
    hold_facts()
    lecture = get_lecture(lecture_id, by=by)
    check_can_edit_lecture(lecture, by)
    lecture = lock_lecture(lecture_id)
    if not is_held(lecture):
        raise Refused(_("You can close attendance after the lecture has been held."))
    closing = find_closing(lecture_id)
    if closing is not None:
        return closing
    credit_lecture(lecture_id, by=by, at=at)
    totals = roster_totals(lecture_id, by=by, at=at)
    figures = {
        name: getattr(totals, name) for name in ("people", "attended", "partial", "absent", "excused", "unmatched")
    }
    figures["open_appeals"] = count_open_appeals(lecture_id=lecture_id, by=by)
    closing = Closing(lecture_id=lecture_id, closed_at=at, closed_by=by.person_id, figures=figures)
    db.session.add(closing)
    db.session.flush()
    audit.record("attendance.close", by=by, at=at, detail=figures, lecture=lecture_id)
    if lecture.join_url:
        publish(AttendanceReported(lecture_id=lecture_id, by=by, at=at))
    return closing


@action
def reopen_attendance(lecture_id: int, *, reason: str, by: Actor, at: datetime) -> None:
    """Reopens the attendance of a lecture and recounts it. For its instructors and administrators.

    Raises Invalid without a reason. If it is already open, it stays open.
    """
    hold_facts()
    check_can_edit_lecture(get_lecture(lecture_id, by=by), by)
    lock_lecture(lecture_id)
    reason = checked_words(reason, lack=_("Enter a reason."))
    closing = find_closing(lecture_id)
    if closing is None:
        return
    closing.reopened_at, closing.reopened_by, closing.reason = at, by.person_id, reason
    db.session.flush()
    audit.record("attendance.reopen", by=by, at=at, lecture=lecture_id)
    credit_lecture(lecture_id, by=by, at=at)
