"""The effect of recounting lectures on certificates: newly earned and no longer earned ones. Nothing is issued or
revoked.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from sqlalchemy import select

from lms.attendance.models.credits import Outcome
from lms.attendance.outcomes import CreditValues
from lms.attendance.queries.change_preview import Change
from lms.catalogue.models import Policy
from lms.catalogue.queries.policies import current_policy
from lms.catalogue.queries.series import get_series_by_id
from lms.catalogue.rules import may_edit_series
from lms.certificates import numbers
from lms.certificates.eligibility import Earning, earning, has_earned
from lms.certificates.models import Award, Certificate, CertificateState
from lms.certificates.queries import certificates
from lms.certificates.queries.conditions import conditions_of, met_among
from lms.certificates.queries.progress import candidates, counted_by_person
from lms.core.base.errors import Forbidden
from lms.core.base.roles import Actor
from lms.core.database.bulk import among
from lms.core.database.session import db
from lms.core.time.durations import whole_minutes
from lms.enrolment.queries.sharing import hidden_among, names_as_seen
from lms.people.models import Person
from lms.people.queries.persons import addresses_of


@dataclass(frozen=True)
class Affected:
    """A person whose certificate is affected: what would count, and the number of their certificate (staff only)."""

    person: str
    full_name: str
    native_name: str | None
    attended: int
    minutes: int
    number: str | None = None


@dataclass(frozen=True)
class CertificateChanges:
    """Under the current policy: who would newly earn a certificate, who holds a valid one that would no longer be
    earned, and who has earned one that is not issued yet and would no longer be earned.
    """

    earn: list[Affected] = field(default_factory=list)
    unearn: list[Affected] = field(default_factory=list)
    miss: list[Affected] = field(default_factory=list)


def preview_certificates(
    series_id: int, changes: Mapping[int, Mapping[int, Change]], *, by: Actor
) -> CertificateChanges | None:
    """Returns what these changes of credits (by lecture and person) would mean; null where the series gives no
    certificates.

    For the series' instructors, administrators and reporters.
    """
    if not (may_edit_series(get_series_by_id(series_id, by=by), by) or by.is_reporter):
        raise Forbidden
    policy = current_policy(series_id)
    return None if policy.certificate is None else _changes(series_id, policy, changes, by)


def _changes(
    series_id: int, policy: Policy, changes: Mapping[int, Mapping[int, Change]], by: Actor
) -> CertificateChanges:
    lectures = certificates.counted_lectures(series_id)
    requirement = earning(lectures, policy)
    ids = [lecture.id for lecture in lectures]
    counted = [changes[lecture_id] for lecture_id in ids if lecture_id in changes]
    people = {person_id for by_person in counted for person_id in by_person}
    assert policy.certificate is not None
    before = _sums_of(people, ids)
    after = _changed_sums(before, counted)
    known = select(Person.id, Person.public_id, Person.full_name, Person.native_name).order_by(
        Person.sort_name, Person.id
    )
    enrolled = set(db.session.scalars(candidates(series_id, Person.id).where(among(Person.id, people))))
    awarded = certificates.awarded_ids(series_id, policy.certificate, list(people))
    held = _held(series_id, policy, people)
    met = met_among(conditions_of([policy]).get(series_id), people)
    hidden = hidden_among(series_id, people, by=by)
    addresses = addresses_of(hidden)
    result = CertificateChanges()
    for row in db.session.execute(known.where(among(Person.id, people), Person.erased_at.is_(None))):
        sums_before, sums_after = before.get(row.id, (0, 0)), after[row.id]
        attended, present_ms = sums_after
        names = names_as_seen(row, hidden, addresses)
        affected = Affected(row.public_id, *names, attended, whole_minutes(present_ms))
        if row.id in held:
            number, needed, minutes = held[row.id]
            at_issue = _requirement_at_issue(requirement, needed, minutes)
            if has_earned(*sums_before, at_issue, others=True) and not has_earned(*sums_after, at_issue, others=True):
                shown = numbers.write(number) if by.is_reporter else None
                result.unearn.append(replace(affected, number=shown))
        elif row.id in enrolled and row.id not in awarded:
            others = row.id in met
            earned = has_earned(*sums_before, requirement, others=others)
            earns = has_earned(*sums_after, requirement, others=others)
            if earns and not earned:
                result.earn.append(affected)
            elif earned and not earns:
                result.miss.append(affected)
    return result


def _sums_of(people: set[int], lecture_ids: Sequence[int]) -> dict[int, tuple[int, int]]:
    """How many of these lectures each of these people has attended, and the milliseconds that count."""
    sums = counted_by_person(lecture_ids)
    query = select(sums).where(among(sums.c.person_id, people))
    return {person_id: (attended, present_ms) for person_id, attended, present_ms in db.session.execute(query)}


def _changed_sums(
    before: Mapping[int, tuple[int, int]], changes: Iterable[Mapping[int, Change]]
) -> dict[int, tuple[int, int]]:
    """The sums of each person after these changes, given by lecture."""
    after = dict(before)
    for by_person in changes:
        for person_id, change in by_person.items():
            attended, present_ms = after.get(person_id, (0, 0))
            more, longer = _counts(change.after)
            less, shorter = _counts(change.before)
            after[person_id] = attended + more - less, present_ms + longer - shorter
    return after


def _requirement_at_issue(current: Earning, needed: int | None, minutes: int | None) -> Earning:
    """Returns what a certificate asked for when it was issued; what its award leaves out is as today."""
    return replace(current, needed=needed or current.needed, minutes=current.minutes if minutes is None else minutes)


def _counts(values: CreditValues | None) -> tuple[int, int]:
    """Returns what a credit adds: one attended lecture or none, and milliseconds."""
    return (0, 0) if values is None else (int(values.outcome is Outcome.ATTENDED), values.present_ms)


def _held(series_id: int, policy: Policy, people: set[int]) -> dict[int, tuple[str, int | None, int | None]]:
    """The valid certificates of these people, with what was asked when they were issued."""
    assert policy.certificate is not None
    columns = Person.canonical_id, Certificate.number, Award.needed, Award.needed_minutes
    query = certificates.of_series(series_id, policy.certificate, *columns)
    query = query.where(Certificate.state == CertificateState.VALID, among(Person.canonical_id, people))
    return {id_: (number, needed, minutes) for id_, number, needed, minutes in db.session.execute(query)}
