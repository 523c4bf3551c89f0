"""The conditions of a certificate besides attendance: every knowledge check of the series passed, where its policy
asks for that. The only definition of who has met it, who still can, and what remains of it."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, false, func, or_, select, true

from lms.catalogue.models import Policy
from lms.catalogue.queries.policies import current_policy
from lms.certificates.remaining import RemainingCheck
from lms.checks.models import Attempt, AttemptState, Check
from lms.checks.queries.checks import required_checks
from lms.checks.rules import CheckState, state_of
from lms.core.database.bulk import among
from lms.core.database.session import read, shared_alias
from lms.people.models import Person

_Taker = shared_alias(Person, name="check_taker")
Conditions = Mapping[int, Sequence[Check]]
"""The checks to pass by series: only of those whose certificate asks for that, and empty where none is published."""


def conditions_of(policies: Iterable[Policy]) -> Conditions:
    """The checks that these policies ask for."""
    return required_checks({one.series_id for one in policies if one.certificate is not None and one.checks_passed})


def has_met(checks: Sequence[Check] | None, person_id: Any) -> ColumnElement[bool]:
    """Whether a person (a column of canonical ids) has passed all that is asked; `checks` is null where nothing is.

    While a policy asks for checks and none is published, nobody has.
    """
    if checks is None:
        return true()
    return and_(*(_passed(check, person_id) for check in checks)) if checks else false()


def can_meet(checks: Sequence[Check] | None, person_id: Any, *, at: datetime) -> ColumnElement[bool]:
    """Whether a person has passed all that is asked, or still can: as `remaining_checks`, in SQL."""
    return and_(true(), *(or_(_passed(check, person_id), _can_pass(check, person_id, at)) for check in checks or ()))


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


def met_among(checks: Sequence[Check] | None, person_ids: Collection[int]) -> set[int]:
    """Which of these people have passed all that is asked."""
    if checks is None:
        return set(person_ids)
    query = select(Person.id).where(among(Person.id, person_ids), has_met(checks, Person.id))
    return {row.id for row in read(query)}


def checks_to_pass(series_id: int, person_id: int, *, at: datetime) -> tuple[RemainingCheck, ...]:
    """Returns what somebody enrolled in a series has to pass still for its certificate. Its callers check who asks."""
    checks = conditions_of([current_policy(series_id)]).get(series_id)
    return remaining_checks(checks, [person_id], at=at)[person_id]


def remaining_checks(
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
