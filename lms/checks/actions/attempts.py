"""Begins, saves and hands in attempts."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import select

from lms.catalogue.queries.series import get_series
from lms.checks import rules, shown_questions
from lms.checks.actions.handing_in import hand_in, hold_check, overdue
from lms.checks.models import Attempt, AttemptState, Check, ExtraTime
from lms.checks.queries.checks import Sitting, attempts_of, extra_percent_of, get_check, get_sitting, latest_version
from lms.checks.shown_questions import version_of
from lms.core.base.errors import Fault, Forbidden, Invalid, NotFound
from lms.core.base.roles import Actor
from lms.core.database.session import action, db, one_at_a_time, read
from lms.core.text.i18n import _
from lms.core.time import clock
from lms.enrolment.membership import enrolled_among
from lms.people.queries.persons import find_person_id, members

STEP = 100
"""How many attempts that are over are handed in in one transaction."""


@action
def begin_attempt(
    slug: str,
    check_id: int,
    *,
    by: Actor,
    at: datetime,
    email: str | None = None,
    is_demonstration: bool = False,
) -> tuple[str, bool]:
    """Begins an attempt, or goes on with the one that is open; returns its public id and whether it is new.

    `email` names another person: an administrator may do that in a demonstration. Raises NotFound, Forbidden for people
    who are not enrolled, Refused where no attempt is left or the check cannot be taken, Invalid (`email`).
    """
    series = get_series(slug, by=by)
    person_id = by.person_id
    if email is not None:
        if not (by.is_administrator and is_demonstration):
            raise Forbidden
        person_id = find_person_id(email)
        if person_id is None:
            raise Invalid("email", _("We found no one with this address."))
    if person_id is None or not enrolled_among([person_id], [series.id]):
        raise Forbidden(_("Only people enrolled in this series can take part."))
    check = get_check(series, check_id, by=by)
    one_at_a_time(f"check {check.id} of person {person_id}")
    hold_check(check.id)
    attempts = attempts_of([check.id], person_id)[check.id]
    for attempt in attempts:
        if attempt.state is AttemptState.OPEN and rules.is_over(attempt, check, at):
            hand_in(attempt, at=at)
        elif attempt.state is AttemptState.OPEN:
            return attempt.public_id, False
    rules.check_can_begin(check, attempts, at)
    version = latest_version(check.id)
    if version is None:
        raise NotFound
    extra = extra_percent_of(series.id, person_id)
    attempt = Attempt(
        check_id=check.id,
        version_id=version.id,
        person_id=person_id,
        number=max((one.number for one in attempts), default=0) + 1,
        total=rules.question_count(version.content),
        started_at=at,
        limit_at=rules.limit_of(at, version.content["minutes"], extra),
    )
    db.session.add(attempt)
    db.session.flush()
    return attempt.public_id, True


@action
def save_answers(
    public_id: str, answers: Mapping[str, Any], *, by: Actor, at: datetime, is_demonstration: bool = False
) -> bool:
    """Saves answers, by id of the question; those that are not named stay. The same answers again change nothing.

    Returns whether they were saved: not once the attempt was handed in. One whose time is over is handed in as it was
    saved. Raises NotFound, and Invalid (`answers.7`).
    """
    sitting = _hold(public_id, by=by, is_demonstration=is_demonstration)
    attempt = sitting.attempt
    if _end(sitting, at=at):
        return False
    by_id = {str(question.id): question for question in sitting.questions}
    faults, checked = [], {}
    for key, sent in answers.items():
        if key not in by_id:
            faults.append(Fault(_("This attempt does not have this question."), f"answers.{key[:20]}"))
            continue
        try:
            checked[key] = shown_questions.checked_answer(by_id[key], sent)
        except Invalid as error:
            faults += error.faults
    if faults:
        raise Invalid(faults=faults)
    attempt.answers = {**attempt.answers, **checked}
    return True


@dataclass(frozen=True)
class SavedPage:
    """The result of saving a page, by the id of its questions as text. `versions`: of the answers that are stored as
    the page has them. `differing`: the page's own answers to questions that were answered elsewhere since it was
    loaded. `faults`: why a text is no answer."""

    versions: dict[str, str] = field(default_factory=dict)
    differing: dict[str, Any] = field(default_factory=dict)
    faults: dict[str, str] = field(default_factory=dict)


@action
def save_page(
    public_id: str, answers: Mapping[str, Any], known: Mapping[str, str], *, by: Actor, at: datetime
) -> SavedPage | None:
    """Saves the answers of a page of an attempt, which may be open in several tabs: only the questions that were
    changed in it since it was loaded, and nothing over an answer that is newer than the one that it showed; the person
    then chooses between the two.

    `known`: the version (`version_of`) of each answer that the page was loaded with; without one, an answer is saved as
    it is. Null where the attempt is over, as `save_answers`. Raises NotFound.
    """
    sitting = _hold(public_id, by=by, is_demonstration=False)
    attempt, saved = sitting.attempt, SavedPage()
    if _end(sitting, at=at):
        return None
    by_id, changed = {str(question.id): question for question in sitting.questions}, {}
    for key, sent in answers.items():
        stored, had = attempt.answers.get(key), known.get(key)
        try:
            answer = shown_questions.checked_answer(by_id[key], sent)
        except Invalid as error:
            saved.faults[key] = error.message
            continue
        if answer == stored or had in (None, version_of(stored)):
            changed[key] = answer
            saved.versions[key] = version_of(answer)
        elif version_of(answer) != had:
            saved.differing[key] = answer
    attempt.answers = {**attempt.answers, **changed}
    return saved


def _end(sitting: Sitting, *, at: datetime) -> bool:
    """Whether a locked attempt is over; one that nobody has handed in is handed in as it was saved."""
    attempt = sitting.attempt
    is_over = rules.is_over(attempt, sitting.check, at)
    if is_over and attempt.state is AttemptState.OPEN:
        hand_in(attempt, at=at)
    return is_over


@action
def submit_attempt(public_id: str, *, by: Actor, at: datetime, is_demonstration: bool = False) -> None:
    """Hands in an attempt: it is marked, and can no longer be changed. Handed in again, nothing changes. Raises
    NotFound."""
    attempt = _hold(public_id, by=by, is_demonstration=is_demonstration).attempt
    if attempt.state is AttemptState.OPEN:
        hand_in(attempt, at=at)


def _hold(public_id: str, *, by: Actor, is_demonstration: bool) -> Sitting:
    """An attempt with what it shows, locked with its check. Raises NotFound."""
    sitting = get_sitting(public_id, by=by, is_demonstration=is_demonstration)
    hold_check(sitting.check.id)
    db.session.refresh(sitting.attempt, with_for_update=True)
    return sitting


def submit_overdue(*, at: datetime | None = None) -> int:
    """Hands in the attempts whose time is over, as they were saved; returns how many."""
    at = at or clock.now()
    done = 0
    while count := _submit_some(at=at):
        done += count
    return done


@action
def _submit_some(*, at: datetime) -> int:
    late = select(Attempt.id, Attempt.check_id).join(Check, Check.id == Attempt.check_id).where(overdue(at))
    late_attempts = read(late.order_by(Attempt.check_id, Attempt.id).limit(STEP))
    for check_id in sorted({row.check_id for row in late_attempts}):
        hold_check(check_id)
    ids = [row.id for row in late_attempts]  # whose end was moved meanwhile is not late any more
    query = select(Attempt).join(Check, Check.id == Attempt.check_id).where(Attempt.id.in_(ids), overdue(at))
    locked = query.order_by(Attempt.id).with_for_update(of=Attempt).execution_options(populate_existing=True)
    for attempt in db.session.scalars(locked):
        hand_in(attempt, at=at)
    return len(late_attempts)


@action
def forget_person(person_id: int) -> None:
    """Deletes what a person answered, which answers were right, and their extra time; results stay, without a name."""
    rows = members(person_id)
    for attempt in db.session.scalars(select(Attempt).where(Attempt.person_id.in_(rows))):
        attempt.answers = attempt.marks = {}
    for extra in db.session.scalars(select(ExtraTime).where(ExtraTime.person_id.in_(rows))):
        db.session.delete(extra)
