"""The conditions of a certificate besides attendance: every knowledge check of the series passed, and feedback given
about a number of its lectures, where its policy asks for that. The only definition of who has met them, who still can,
and what remains of them."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, false, func, not_, or_, select, true
from sqlalchemy.orm import aliased

from lms.catalogue.models import Lecture, LectureState, Policy
from lms.catalogue.queries.policies import current_policy
from lms.certificates.eligibility import TO_COME
from lms.certificates.remaining import OpenFeedback, Others, RemainingCheck, RemainingFeedback
from lms.checks.models import Attempt, AttemptState, Check
from lms.checks.queries.checks import required_checks
from lms.checks.rules import CheckState, state_of
from lms.core.database.bulk import among
from lms.core.database.session import db, read, shared_alias
from lms.core.text.translations import reader_text
from lms.enrolment.membership import expected_until
from lms.enrolment.models import Enrolment
from lms.enrolment.queries.rows import PERSON_ROW, Registered, is_of
from lms.feedback.models import FeedbackAnswer
from lms.feedback.rules import closes_at, is_open
from lms.people.models import Person, PersonEmail

_Taker = shared_alias(Person, name="check_taker")
_Giver = shared_alias(Person, name="feedback_giver")


@dataclass(frozen=True)
class FeedbackCondition:
    """Feedback about `needed` of the `lectures` of a series that are held or to come.

    `needed` is what its policy asks for, but at most as many as are to come, or could still be answered about when the
    policy began to ask for that number. Those that were held since, or could be answered about then, are in
    `closings`, with the moment at which answers end. Of a person who could answer about fewer of these, all are enough
    once none is to come: who enrolled when it was too late, or has no address to be asked at, is never kept from a
    certificate by that.
    """

    needed: int
    lectures: Sequence[Lecture]
    closings: Mapping[int, datetime]

    @property
    def held(self) -> list[Lecture]:
        """The lectures that answers can be about."""
        return [lecture for lecture in self.lectures if lecture.state is LectureState.HELD]

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

    @property
    def for_staff(self) -> "SeriesConditions":
        """The conditions by which staff see people who have not attended enough: whether these gave feedback is not
        theirs to read."""
        return replace(self, feedback=None)


Conditions = Mapping[int, SeriesConditions]
"""By series, only of those whose certificate asks for something."""


def conditions_of(policies: Iterable[Policy]) -> Conditions:
    """Returns what these policies ask for, each the newest of its series."""
    issuing = [policy for policy in policies if policy.certificate is not None]
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
    conditions = {}
    for series_id, number in numbers.items():
        began, rows = since[series_id], lectures[series_id]
        ends = {row.id: end for row in rows if (end := closes_at(row)) is not None and (began is None or end >= began)}
        to_come = sum(row.state is not LectureState.HELD for row in rows)
        conditions[series_id] = FeedbackCondition(min(number, len(ends) + to_come), rows, ends)
    return conditions


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
        feedback = required.feedback
        gave_all = false() if feedback.to_come else not_(_has_unanswered(feedback.closings, person_id))
        given = _number_given([one.id for one in feedback.held], person_id)
        conditions.append(or_(given >= feedback.needed, gave_all))
    return and_(*conditions)


def can_pass_checks(required: SeriesConditions | None, person_id: Any, *, at: datetime) -> ColumnElement[bool]:
    """Whether a person has passed all checks that are asked for, or still can: as `remaining_of`, in SQL. Feedback is
    left out: whom staff are shown by this would tell who gave some."""
    checks = required.checks or () if required else ()
    return and_(true(), *(or_(_passed(check, person_id), _can_pass(check, person_id, at)) for check in checks))


def _asked_of(ends: Mapping[int, datetime], *columns: Any) -> Select[Any]:
    """The query of who could answer about which lectures (`ends` by id): those who have an address."""
    member = aliased(Person)
    has_address = exists().where(PersonEmail.person_id == member.id, member.canonical_id == Registered.canonical_id)
    return expected_until(ends, *columns).where(has_address.correlate(Registered))


def _has_unanswered(ends: Mapping[int, datetime], person_id: Any) -> ColumnElement[bool]:
    """Whether a person could have answered about one of these lectures (`ends` by id), and did not."""
    if not ends:
        return false()
    answered = select(FeedbackAnswer.lecture_id).where(
        FeedbackAnswer.lecture_id.in_(ends), FeedbackAnswer.person_id.in_(_rows_of(person_id))
    )
    asked_of = _asked_of(ends, Lecture.id).where(Enrolment.person_id.in_(_rows_of(person_id)))
    return asked_of.where(Lecture.id.not_in(answered)).exists()


def _number_given(lecture_ids: Collection[int], person_id: Any) -> Any:
    """About how many of these lectures a person gave feedback, under any of their records."""
    return (
        select(func.count(FeedbackAnswer.lecture_id.distinct()))
        .where(FeedbackAnswer.lecture_id.in_(lecture_ids), FeedbackAnswer.person_id.in_(_rows_of(person_id)))
        .scalar_subquery()
    )


def _rows_of(person_id: Any) -> Select[Any]:
    """The query of the records of a person (a column of canonical ids). As the first thing that is looked up, it keeps
    each question about a person from reading all of a series, or all answers about a lecture."""
    record = aliased(Person)
    outer = getattr(person_id, "expression", person_id).table
    return select(record.id).where(record.canonical_id == person_id).correlate(outer)


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
    seen = _of(check, Attempt.answers_seen_at.is_not(None))  # who has not passed and sees them now has none left
    used = _of(check).group_by(_Taker.canonical_id).having(func.count() >= (check.attempts or 0))
    is_open = person_id.in_(_of(check, Attempt.state == AttemptState.OPEN))
    has_left = true() if check.attempts is None else person_id.not_in(used)
    return or_(is_open, and_(has_left, person_id.not_in(seen)))


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
    unanswered: dict[int, set[int]] = {person_id: set() for person_id in lacking}
    asked_of = _asked_of(required.closings, Registered.canonical_id, Lecture.id)
    asked_of = asked_of.where(is_of(among(PERSON_ROW.canonical_id, lacking)))
    for person_id, lecture_id in read(asked_of) if required.closings else ():
        if lecture_id not in lacking[person_id]:
            unanswered[person_id].add(lecture_id)
    open_ = [OpenFeedback(one, one.id, closes_at(one)) for one in required.held if is_open(closes_at(one), at)]
    remaining = {}
    for person_id, lectures in lacking.items():
        missing = min(required.needed - len(lectures), len(unanswered[person_id]) + required.to_come)
        if missing:
            waiting = tuple(one for one in open_ if one.lecture_id in unanswered[person_id])
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
    passed, used, begun, seen = set(), dict[tuple[int, int], int](), set(), set()
    query = (
        select(Attempt.check_id, _Taker.canonical_id, Attempt.passed, Attempt.state, Attempt.answers_seen_at)
        .join(_Taker, _Taker.id == Attempt.person_id)
        .where(Attempt.check_id.in_([check.id for check in checks]), among(_Taker.canonical_id, person_ids))
    )
    for check_id, person_id, is_passed, state, seen_at in read(query):
        key = check_id, person_id
        used[key] = used.get(key, 0) + 1
        if is_passed:
            passed.add(key)
        if state == AttemptState.OPEN:
            begun.add(key)
        if seen_at is not None:
            seen.add(key)

    def remaining(check: Check, person_id: int) -> RemainingCheck:
        key = check.id, person_id
        has_left = key not in seen and (check.attempts is None or used.get(key, 0) < check.attempts)
        is_possible = (has_left or key in begun) and state_of(check, at) is not CheckState.CLOSED
        return RemainingCheck(check.title, check.id, is_possible=is_possible, shown=reader_text(check))

    return {
        person_id: tuple(remaining(check, person_id) for check in checks if (check.id, person_id) not in passed)
        for person_id in person_ids
    }
