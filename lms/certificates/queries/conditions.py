"""The conditions of a certificate besides attendance: every knowledge check of the series passed, and feedback given
about a number of its lectures, where its policy asks for that. The only definition of who has met them, who still can,
and what remains of them."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, case, false, func, or_, select, true

from lms.catalogue.models import Lecture, LectureState, Policy
from lms.catalogue.queries.policies import current_policy
from lms.certificates.eligibility import TO_COME
from lms.certificates.remaining import OpenFeedback, Others, RemainingCheck, RemainingFeedback
from lms.checks.models import Attempt, AttemptState, Check
from lms.checks.queries.checks import required_checks
from lms.checks.rules import CheckState, state_of
from lms.core.database.bulk import among
from lms.core.database.session import db, read, shared_alias
from lms.enrolment.membership import expected_among, expected_at
from lms.feedback.models import FeedbackAnswer
from lms.feedback.rules import closes_at, is_open
from lms.people.models import Person

_Taker = shared_alias(Person, name="check_taker")
_Giver = shared_alias(Person, name="feedback_giver")


@dataclass(frozen=True)
class FeedbackCondition:
    """Feedback about `needed` of the `lectures` of a series that are held or to come.

    `needed` is what its policy asks for, but at most as many as are to come, or could still be answered about when the
    policy began to ask for that number: nobody is asked for what nobody could give.
    """

    needed: int
    lectures: Sequence[Lecture]

    @property
    def held(self) -> list[Lecture]:
        """The lectures that answers can be about."""
        return [one for one in self.lectures if one.state is LectureState.HELD]

    @property
    def to_come(self) -> int:
        """How many are to come, drafts among them."""
        return len(self.lectures) - len(self.held)


@dataclass(frozen=True)
class SeriesConditions:
    """The requirements of a certificate besides attendance. `checks` is null where none is asked for, and empty where
    none is published."""

    checks: Sequence[Check] | None = None
    feedback: FeedbackCondition | None = None


Conditions = Mapping[int, SeriesConditions]
"""By series, only of those whose certificate asks for something."""


def conditions_of(policies: Iterable[Policy]) -> Conditions:
    """Returns what these policies ask for, each the newest of its series."""
    issuing = [one for one in policies if one.certificate is not None]
    checks = required_checks({one.series_id for one in issuing if one.checks_passed})
    feedback = _feedback_conditions({one.series_id: one.min_feedback for one in issuing if one.min_feedback})
    return {id_: SeriesConditions(checks.get(id_), feedback.get(id_)) for id_ in {*checks, *feedback}}


def _feedback_conditions(numbers: Mapping[int, int]) -> dict[int, FeedbackCondition]:
    if not numbers:
        return {}
    since: dict[int, datetime | None] = {}
    versions = select(Policy.series_id, Policy.certificate, Policy.min_feedback, Policy.created_at)
    for series_id, kind, number, at in read(versions.where(Policy.series_id.in_(numbers)).order_by(Policy.version)):
        asks = kind is not None and (number or 0) >= numbers[series_id]
        since[series_id] = (since.get(series_id) or at) if asks else None
    lectures: dict[int, list[Lecture]] = {series_id: [] for series_id in numbers}
    query = select(Lecture).where(Lecture.series_id.in_(numbers), Lecture.state.in_((LectureState.HELD, *TO_COME)))
    for lecture in db.session.scalars(query.order_by(Lecture.id)):
        lectures[lecture.series_id].append(lecture)
    return {
        series_id: FeedbackCondition(
            min(number, sum(_counts(one, since[series_id]) for one in lectures[series_id])), rows
        )
        for (series_id, number), rows in zip(numbers.items(), lectures.values(), strict=True)
    }


def _counts(lecture: Lecture, since: datetime | None) -> bool:
    """Whether a lecture is to come, or could be answered about when its policy began to ask."""
    end = closes_at(lecture)
    return lecture.state is not LectureState.HELD or (end is not None and (since is None or end >= since))


def has_met(required: SeriesConditions | None, person_id: Any) -> ColumnElement[bool]:
    """Whether a person (a column of canonical ids) has met all that is asked; `required` is null where nothing is.

    While a policy asks for checks and none is published, nobody has.
    """
    if required is None:
        return true()
    conditions: list[ColumnElement[bool]] = [true()]
    if required.checks is not None:
        conditions += [_passed(check, person_id) for check in required.checks] or [false()]
    if required.feedback is not None:
        held = [one.id for one in required.feedback.held]
        conditions.append(_number_given(held, person_id) >= required.feedback.needed)
    return and_(*conditions)


def can_meet(required: SeriesConditions | None, person_id: Any, *, at: datetime) -> ColumnElement[bool]:
    """Whether a person has met all that is asked, or still can: as `remaining_of`, in SQL."""
    if required is None:
        return true()
    conditions = [or_(_passed(check, person_id), _can_pass(check, person_id, at)) for check in required.checks or ()]
    if required.feedback is not None:
        open_ = {one.id for one in required.feedback.held if is_open(one, at)}
        number = _number_given([one.id for one in required.feedback.held if one.id not in open_], person_id)
        for lecture_id in sorted(open_):
            can_give = or_(person_id.in_(expected_at(lecture_id)), _number_given([lecture_id], person_id) > 0)
            number += case((can_give, 1), else_=0)
        conditions.append(number + required.feedback.to_come >= required.feedback.needed)
    return and_(true(), *conditions)


def _number_given(lecture_ids: Collection[int], person_id: Any) -> Any:
    """About how many of these lectures a person gave feedback, under any of their records."""
    return (
        select(func.count(FeedbackAnswer.lecture_id.distinct()))
        .join(_Giver, _Giver.id == FeedbackAnswer.person_id)
        .where(FeedbackAnswer.lecture_id.in_(lecture_ids), _Giver.canonical_id == person_id)
        .scalar_subquery()
    )


def _of(check: Check, *conditions: ColumnElement[bool]) -> Any:
    return (
        select(_Taker.canonical_id)
        .join(Attempt, Attempt.person_id == _Taker.id)
        .where(Attempt.check_id == check.id, *conditions)
    )


def _passed(check: Check, person_id: Any) -> ColumnElement[bool]:
    return person_id.in_(_of(check, Attempt.passed.is_(True)))  # type: ignore[no-any-return]


def _can_pass(check: Check, person_id: Any, at: datetime) -> ColumnElement[bool]:
    if state_of(check, at) is CheckState.CLOSED:
        return false()
    if check.attempts is None:
        return true()
    used = _of(check).group_by(_Taker.canonical_id).having(func.count() >= check.attempts)
    is_open = person_id.in_(_of(check, Attempt.state == AttemptState.OPEN))
    return or_(is_open, person_id.not_in(used))


def met_among(required: SeriesConditions | None, person_ids: Collection[int]) -> set[int]:
    """Which of these people have met all that is asked."""
    if required is None:
        return set(person_ids)
    query = select(Person.id).where(among(Person.id, person_ids), has_met(required, Person.id))
    return {row.id for row in read(query)}


def others_of(series_id: int, person_id: int, *, at: datetime) -> Others:
    """Returns what remains for somebody enrolled in a series besides attendance. Its callers check who asks."""
    required = conditions_of([current_policy(series_id)]).get(series_id)
    return remaining_of(required, [person_id], at=at)[person_id]


def remaining_of(required: SeriesConditions | None, person_ids: Collection[int], *, at: datetime) -> dict[int, Others]:
    """Returns what each of these people has to pass still, and the feedback that they have to give."""
    required = required or SeriesConditions()
    checks = _remaining_checks(required.checks, person_ids, at=at)
    feedback = _remaining_feedback(required.feedback, person_ids, at=at)
    return {person_id: Others(checks[person_id], feedback.get(person_id)) for person_id in person_ids}


def _remaining_feedback(
    required: FeedbackCondition | None, person_ids: Collection[int], *, at: datetime
) -> dict[int, RemainingFeedback]:
    """Of those who have not given enough."""
    if required is None:
        return {}
    given: dict[int, set[int]] = {person_id: set() for person_id in person_ids}
    query = (
        select(_Giver.canonical_id, FeedbackAnswer.lecture_id)
        .join(FeedbackAnswer, FeedbackAnswer.person_id == _Giver.id)
        .where(FeedbackAnswer.lecture_id.in_([one.id for one in required.held]), among(_Giver.canonical_id, person_ids))
    )
    for person_id, lecture_id in read(query):
        given[person_id].add(lecture_id)
    lacking = {person_id: lectures for person_id, lectures in given.items() if len(lectures) < required.needed}
    if not lacking:
        return {}
    open_ = [(one, expected_among(one.id, lacking)) for one in required.held if is_open(one, at)]
    remaining = {}
    for person_id, lectures in lacking.items():
        waiting = tuple(
            OpenFeedback(one, one.id, closes_at(one))
            for one, expected in open_
            if person_id in expected and one.id not in lectures
        )
        missing = required.needed - len(lectures)
        is_possible = len(waiting) + required.to_come >= missing
        remaining[person_id] = RemainingFeedback(missing, is_possible=is_possible, waiting=waiting)
    return remaining


def _remaining_checks(
    checks: Sequence[Check] | None, person_ids: Collection[int], *, at: datetime
) -> dict[int, tuple[RemainingCheck, ...]]:
    """Returns what each of these people has to pass still."""
    if checks is None:
        return dict.fromkeys(person_ids, ())
    if not checks:
        return dict.fromkeys(person_ids, (RemainingCheck("", None, is_possible=True),))
    passed, used, begun = set(), dict[tuple[int, int], int](), set()
    query = (
        select(Attempt.check_id, _Taker.canonical_id, Attempt.passed, Attempt.state)
        .join(_Taker, _Taker.id == Attempt.person_id)
        .where(Attempt.check_id.in_([check.id for check in checks]), among(_Taker.canonical_id, person_ids))
    )
    for check_id, person_id, is_passed, state in read(query):
        key = check_id, person_id
        used[key] = used.get(key, 0) + 1
        if is_passed:
            passed.add(key)
        if state == AttemptState.OPEN:
            begun.add(key)

    def remaining(check: Check, person_id: int) -> RemainingCheck:
        key = check.id, person_id
        has_attempt = check.attempts is None or key in begun or used.get(key, 0) < check.attempts
        is_possible = has_attempt and state_of(check, at) is not CheckState.CLOSED
        return RemainingCheck(check.title, check.id, is_possible=is_possible)

    return {
        person_id: tuple(remaining(check, person_id) for check in checks if (check.id, person_id) not in passed)
        for person_id in person_ids
    }
