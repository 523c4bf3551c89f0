"""Actions on appeals: a person asks for a review of their attendance, can cancel it, and gets one answer."""

from collections.abc import Collection
from datetime import datetime

from lms.attendance import notices
from lms.attendance.actions.corrections import hold_attendance, set_outcomes
from lms.attendance.actions.credits import lock_lecture
from lms.attendance.actions.facts import hold_facts
from lms.attendance.appeal_rules import AppealInput, check_in_time
from lms.attendance.models.appeals import Appeal, AppealState
from lms.attendance.models.credits import Outcome
from lms.attendance.presence import is_held
from lms.attendance.queries.appeals import AppealView, appeal_until, get_appeal, open_appeals_in, open_views_in
from lms.attendance.queries.outcomes import corrections_in
from lms.attendance.queries.roster import is_on_roster
from lms.catalogue.models import Lecture
from lms.catalogue.queries.lectures import get_lecture
from lms.core.base.errors import Forbidden, Refused
from lms.core.base.roles import Actor
from lms.core.database import audit
from lms.core.database.session import action, db
from lms.core.text.i18n import _
from lms.core.text.typed_text import checked_words
from lms.enrolment.actions.places import share_own_profile
from lms.people.queries.persons import canonical


@action
def file_appeal(lecture_id: int, draft: AppealInput, *, by: Actor, at: datetime) -> tuple[Appeal, bool]:
    """Submits an appeal about the caller's attendance of a held lecture. Repeating it while the appeal is open returns
    the same appeal.
    """
    if by.person_id is None:
        raise Forbidden
    person_id = canonical(by.person_id)
    get_lecture(lecture_id, by=by)
    lecture = lock_lecture(lecture_id)
    if not is_held(lecture):
        raise Refused(_("You can ask for a review after the lecture has been held."))
    if not is_on_roster(lecture, person_id):
        raise Forbidden
    assert lecture.actual_start is not None
    assert lecture.actual_end is not None
    share_own_profile(lecture.series_id, by=by, at=at)
    draft = draft.checked(lecture.actual_start, lecture.actual_end)
    for waiting in open_appeals_in(lecture_id, [person_id]):
        if _same(waiting, draft):
            return waiting, False
        raise Refused(
            _(
                "You have already asked for a review and have not had an answer yet. To send a "
                "different request, cancel that one first."
            )
        )
    check_in_time(appeal_until(lecture), at)
    appeal = Appeal(
        lecture_id=lecture_id,
        person_id=person_id,
        filed_at=at,
        said_from=draft.said_from,
        said_to=draft.said_to,
        joined_as=draft.joined_as,
        text=draft.text,
    )
    db.session.add(appeal)
    db.session.flush()
    audit.record("attendance.appeal", by=by, at=at, lecture=lecture_id, person=person_id)
    return appeal, True


def _same(appeal: Appeal, draft: AppealInput) -> bool:
    statement = (appeal.said_from, appeal.said_to, appeal.joined_as, appeal.text)
    return statement == (draft.said_from, draft.said_to, draft.joined_as, draft.text)


@action
def withdraw_appeal(public_id: str, *, by: Actor, at: datetime) -> None:
    """Cancels the actor's own appeal; repeating it changes nothing. Raises Refused once it has been answered."""
    view = _held(public_id, by)
    if view.person_id != by.person_id:
        raise Forbidden
    appeal = view.appeal
    if appeal.state is AppealState.WITHDRAWN:
        return
    if appeal.state is not AppealState.OPEN:
        raise Refused(_("This appeal has already been answered."))
    appeal.state, appeal.ended_at = AppealState.WITHDRAWN, at
    db.session.flush()
    audit.record("attendance.withdraw_appeal", by=by, at=at, lecture=appeal.lecture_id, person=view.person_id)


@action
def accept_appeal(public_id: str, *, outcome: Outcome | None, words: str, by: Actor, at: datetime) -> None:
    """Accepts an appeal and corrects the outcome, with these words as the reason. The person gets an e-mail.

    With a null `outcome` nothing is corrected: the evidence was corrected, or already says so. Raises Invalid without
    words, and Refused where the appeal has ended or attendance is closed.
    """
    view = _answerable(public_id, by)
    lecture = hold_attendance(view.lecture.id, by=by)
    words = checked_words(words, "words", lack=_("Enter an answer for the person."))
    if outcome is not None:
        set_outcomes(lecture, [view.person_id], outcome=outcome, reason=words, by=by, at=at)
        view.appeal.correction_id = corrections_in(lecture.id, [view.person_id])[view.person_id].id
    _answer(view, AppealState.ACCEPTED, words, outcome=outcome, by=by, at=at)


@action
def decline_appeal(public_id: str, *, words: str, by: Actor, at: datetime) -> None:
    """Declines an appeal, with words that the person gets by e-mail; also where attendance is closed.

    Raises Invalid without words, and Refused where the appeal has ended.
    """
    view = _answerable(public_id, by)
    words = checked_words(words, "words", lack=_("Enter a reason."))
    _answer(view, AppealState.DECLINED, words, by=by, at=at)


def accept_together(
    lecture: Lecture, person_ids: Collection[int], *, outcome: Outcome, words: str, by: Actor, at: datetime
) -> int:
    """Accepts the open appeals of people whose outcome was just corrected, inside the running action, with the reason
    of the correction as the answer. Nobody answers an own appeal. Returns how many were accepted."""
    views = [view for view in open_views_in(lecture.id, person_ids) if view.person_id != by.person_id]
    corrections = corrections_in(lecture.id, [view.person_id for view in views])
    for view in views:
        view.appeal.correction_id = corrections[view.person_id].id
        _answer(view, AppealState.ACCEPTED, words, outcome=outcome, by=by, at=at)
    return len(views)


def _held(public_id: str, by: Actor) -> AppealView:
    """An appeal as it is now, its lecture locked until the action ends: it is answered or withdrawn once."""
    hold_facts()
    lock_lecture(get_appeal(public_id, by=by).lecture.id)
    view = get_appeal(public_id, by=by)
    db.session.refresh(view.appeal)
    return view


def _answerable(public_id: str, by: Actor) -> AppealView:
    view = _held(public_id, by)
    if view.person_id == by.person_id and not by.is_administrator:
        raise Forbidden
    if view.appeal.state is AppealState.WITHDRAWN:
        raise Refused(_("The person has cancelled this appeal."))
    if not view.is_open:
        who = view.answered_by or _("the system")
        raise Refused(_("This appeal has already been answered by %(who)s.", who=who))
    return view


def _answer(
    view: AppealView, state: AppealState, words: str, *, outcome: Outcome | None = None, by: Actor, at: datetime
) -> None:
    appeal = view.appeal
    appeal.state, appeal.ended_at, appeal.answered_by, appeal.answer = state, at, by.person_id, words
    db.session.flush()
    detail = {"answer": state.value}
    audit.record("attendance.answer_appeal", by=by, at=at, detail=detail, lecture=appeal.lecture_id,
                 person=view.person_id)  # fmt: skip
    notices.tell_answer(view.lecture, view.person_id, appeal, outcome, at=at)
