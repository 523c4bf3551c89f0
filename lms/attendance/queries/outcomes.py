"""The data that decides about people's outcomes in a lecture, read in bulk, and the credits that follow. Ids of people
that come out are canonical."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, select, union

from lms.attendance.models.credits import Correction, Credit, Outcome
from lms.attendance.outcomes import ByHand, ComputedOutcome, CreditValues, OutcomeInputs, compute_outcome, was_in_group
from lms.attendance.presence import WHO, PresenceInterval, Span, is_held, places_of, presence_in, rows_of, span_of
from lms.catalogue.models import Lecture, LectureState, Policy, WalkIns
from lms.catalogue.queries.lectures import get_lecture
from lms.catalogue.queries.policies import policy_for
from lms.catalogue.queries.series import get_series
from lms.core.base.errors import Forbidden
from lms.core.base.roles import Actor
from lms.core.database.bulk import chunks
from lms.core.database.session import db, read, read_column, shared_alias
from lms.core.text.i18n import _
from lms.core.time import clock
from lms.enrolment.membership import FEW, eligible_at, eligible_people
from lms.enrolment.models import Enrolment, EnrolmentStatus
from lms.people.models import Person

_Maker = shared_alias(Person)


def min_percent_of(lecture: Lecture) -> int:
    """The share of its length that makes *attended* in this lecture."""
    return policy_for(lecture).min_percent


def corrections_in(lecture_id: int, person_ids: Collection[int] | None = None) -> dict[int, ByHand]:
    """The corrections in force, by person; where two people were merged, the newest wins."""
    in_force = and_(Correction.lecture_id == lecture_id, Correction.withdrawn_at.is_(None))
    if person_ids is None:
        return _by_hand(WHO, in_force)
    corrections: dict[int, ByHand] = {}
    for people in chunks(person_ids):
        corrections |= _by_hand(WHO, and_(in_force, Correction.person_id.in_(rows_of(people))))
    return corrections


def _by_hand(key: Any, condition: ColumnElement[bool]) -> dict[int, ByHand]:
    """Corrections by a column of theirs or of the `Person` whom they are of."""
    query = (
        select(Correction.id, Correction.outcome, Correction.reason, _Maker.full_name, Correction.made_at, key)
        .outerjoin(_Maker, _Maker.id == Correction.by_person_id)
        .join(Person, Person.id == Correction.person_id)
        .where(condition)
        .order_by(Correction.id)
    )
    return {value: ByHand(*correction) for *correction, value in read(query)}


def corrections_by_lecture(ids: Collection[int]) -> dict[int, ByHand]:
    """These corrections, by lecture."""
    return _by_hand(Correction.lecture_id, Correction.id.in_(list(ids))) if ids else {}


def inputs_for(
    lecture: Lecture, span: Span, person_ids: Collection[int], presence: Mapping[int, list[PresenceInterval]]
) -> OutcomeInputs:
    """All that decides about these people in one lecture, of whom this was seen."""
    in_groups = [one for one in person_ids if was_in_group(presence.get(one, ()))]
    places = places_of([lecture.id], in_groups) if in_groups else {}
    counted = _counted(lecture, person_ids)
    return OutcomeInputs(
        span=span,
        min_percent=min_percent_of(lecture),
        counted=counted,
        corrections=corrections_in(lecture.id, person_ids),
        exclusions=exclusion_reasons(lecture, [one for one in person_ids if one not in counted]),
        places={person_id: place for (_lecture_id, person_id), place in places.items()},
    )


def _counted(lecture: Lecture, person_ids: Collection[int] | None) -> set[int]:
    """Those of these people, or of all, whose presence in a lecture counts: who is eligible, or has a credit of it."""
    if not is_held(lecture):
        return eligible_people(lecture.id, person_ids)
    if person_ids is None or len(person_ids) > FEW:
        return eligible_people(lecture.id, person_ids) | _credited(lecture.id, person_ids)
    people = list(person_ids)
    credited = select(Credit.person_id).where(Credit.lecture_id == lecture.id, Credit.person_id.in_(people))
    return set(read_column(union(eligible_at(lecture.id, people), credited)))


def _credited(lecture_id: int, person_ids: Collection[int] | None) -> set[int]:
    query = select(Credit.person_id).where(Credit.lecture_id == lecture_id)
    if person_ids is None:
        return set(read_column(query))
    credited: set[int] = set()
    for people in chunks(person_ids):
        credited.update(read_column(query.where(Credit.person_id.in_(people))))
    return credited


def exclusion_reasons(lecture: Lecture, person_ids: Collection[int]) -> dict[int, str]:
    """Why the presence of people who are not enrolled is not counted."""
    if not person_ids:
        return {}
    if policy_for(lecture).walk_ins is WalkIns.IGNORE:
        return dict.fromkeys(person_ids, _("not enrolled, and this series does not accept walk-ins"))
    taken = lecture.series.is_full
    reasons = dict.fromkeys(person_ids, _("not enrolled, series full") if taken else _("not enrolled"))
    # "+ 0" keeps the index of series out: the people lead to the rows
    is_of_series = Enrolment.series_id + 0 == lecture.series_id
    query = (
        select(WHO, Enrolment.status)
        .join(Enrolment, Enrolment.person_id == Person.id)
        .where(is_of_series, WHO.in_(person_ids))
    )
    words = {
        EnrolmentStatus.WAITLISTED: _("on the waiting list, series full"),
        EnrolmentStatus.WITHDRAWN: _("withdrawn from the series"),
        EnrolmentStatus.REJECTED: _("application rejected"),
        EnrolmentStatus.APPLIED: _("application not yet decided"),
    }
    for person_id, status in db.session.execute(query):
        if status in words:
            reasons[person_id] = words[status]
    return reasons


def compute_credits(
    lecture: Lecture,
    *,
    policy: Policy | None = None,
    span: Span | None = None,
    only: Collection[int] | None = None,
    eligible: set[int] | None = None,
    by_hand: Mapping[int, Outcome] | None = None,
) -> dict[int, CreditValues]:
    """The credits of a lecture by person (canonical), from all its evidence and corrections.

    By its own policy, times and corrections (`by_hand`, by person), or by others: then they are what they would be.
    `only` asks for these people; `eligible` are those whose presence counts, where the caller has just asked: the
    answer of `eligible_people`, and who has a credit.
    """
    span = span or span_of(lecture)
    presence = presence_in(lecture, only, span)
    if by_hand is None:
        by_hand = {person_id: one.outcome for person_id, one in corrections_in(lecture.id, only).items()}
    if not presence and not by_hand:
        return {}
    policy = policy or policy_for(lecture)
    counted = _counted(lecture, only) if eligible is None else eligible
    policy_id, min_percent = policy.id, policy.min_percent
    values: dict[int, CreditValues] = {}
    for person_id in dict.fromkeys([*presence, *by_hand]):
        corrected = by_hand.get(person_id)
        if corrected is None and person_id not in counted:
            continue
        computed = compute_outcome(
            presence.get(person_id, ()),
            span=span,
            min_percent=min_percent,
            by_hand=corrected,
        )
        if computed.is_credited:
            values[person_id] = CreditValues(
                computed.present_ms, computed.percent_tenths, computed.outcome, computed.source, policy_id
            )
    return values


def outcome_so_far(lecture_id: int, person_id: int, at: datetime) -> ComputedOutcome:
    """Returns what counts for a person so far: clipped to the actual start, and to the end or `at`."""
    lecture = db.session.get_one(Lecture, lecture_id)
    span = span_of(lecture, clock.to_ms(at))
    has_begun = lecture.actual_start is not None
    presence = presence_in(lecture, [person_id], span).get(person_id, []) if has_begun else []
    return compute_outcome(presence, span=span, min_percent=min_percent_of(lecture))


def counted_ms(lecture_id: int, person_id: int, at: datetime) -> int:
    """Milliseconds that count for a person so far."""
    return outcome_so_far(lecture_id, person_id, at).present_ms


def written_credits(lecture_id: int, only: Collection[int] | None = None) -> dict[int, CreditValues]:
    """The credits of a lecture as they are written, by person."""
    query = select(
        Credit.person_id, Credit.present_ms, Credit.percent_tenths, Credit.outcome, Credit.source, Credit.policy_id
    ).where(Credit.lecture_id == lecture_id)
    queries = [query] if only is None else [query.where(Credit.person_id.in_(people)) for people in chunks(only)]
    return {person_id: CreditValues(*values) for query in queries for person_id, *values in read(query)}


def held_lectures(*, slug: str | None = None, lecture_id: int | None = None, by: Actor) -> list[int]:
    """The numbers of all lectures that were held, of one series or the one lecture where it is named.

    For administrators. NotFound for a series or lecture that is not there.
    """
    if not by.is_administrator:
        raise Forbidden
    query = select(Lecture.id).where(Lecture.state == LectureState.HELD).order_by(Lecture.id)
    if slug is not None:
        query = query.where(Lecture.series_id == get_series(slug, by=by).id)
    if lecture_id is not None:
        query = query.where(Lecture.id == get_lecture(lecture_id, by=by).id)
    return list(db.session.scalars(query))
