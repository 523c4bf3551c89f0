"""Informs people when the certificate of a series that they are enrolled in requires more than when they enrolled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import select

from lms.catalogue.models import Series, Visibility
from lms.catalogue.queries.policies import current_policy
from lms.certificates.eligibility import Standing
from lms.certificates.notices import tell_requirement_grown
from lms.certificates.queries.certificates import awarded_ids
from lms.certificates.queries.progress import standings_of
from lms.certificates.queries.requirements import Requirement, requirements_of
from lms.core.bulk import chunks
from lms.core.db import action, db, read_column
from lms.enrolment.actions.requirements import (
    KnownRequirement,
    enrolled_who_know,
    known_requirements,
    store_requirement,
)
from lms.mail import runs
from lms.mail.outbox import POST_AT_ONCE

HOUR = 3600


def post_grown_requirements(*, at: datetime) -> int:
    """Compares requirements with what the enrolled know, once an hour; returns how many differences it dealt with."""
    key = f"requirements-{int(at.timestamp()) // HOUR}"
    is_due = not runs.begun([key])
    db.session.rollback()  # the worker asks every few seconds, and keeps no transaction open in between
    return compare_requirements(at=at) if is_due and _begin(key, at=at) else 0


@action
def _begin(key: str, *, at: datetime) -> bool:
    return runs.begin(key, at=at)


def compare_requirements(*, at: datetime) -> int:
    """E-mails the enrolled whose certificate requires more, and stores what they know by then.

    Nothing is e-mailed where nothing was known, where the requirement fell, where no lecture is to come, or to people
    who attended enough or have the certificate. While a held lecture is not counted yet, a lower number is not stored:
    it would seem to grow again afterwards. Returns how many differences it dealt with.
    """
    known = known_requirements()
    public = select(Series.id).where(Series.visibility == Visibility.PUBLIC)
    required = requirements_of(sorted({series_id for series_id, _known in known} & set(read_column(public))), at=at)
    differences = [
        (series_id, before, required[series_id])
        for series_id, before in known
        if series_id in required and before != _known(required[series_id])
    ]
    db.session.rollback()
    for series_id, before, now in differences:
        if before.lectures is None or has_grown(before, now) or now.is_settled:
            _store(series_id, before, now, at=at)
    return len(differences)


def has_grown(before: KnownRequirement, now: Requirement) -> bool:
    """Whether any number is higher than the known one."""
    pairs = zip(before, _known(now), strict=True)
    return any(old is not None and new is not None and new > old for old, new in pairs)


def _known(required: Requirement) -> KnownRequirement:
    return KnownRequirement(required.lectures, required.minutes, required.percent)


def _store(series_id: int, before: KnownRequirement, now: Requirement, *, at: datetime) -> None:
    """In short transactions, so that nobody waits for a long one."""
    people = enrolled_who_know(series_id, before)
    informed: dict[int, Standing] = {}
    if now.is_open and has_grown(before, now):
        progress_of = standings_of(series_id, people.values(), at=at)
        kind = current_policy(series_id).certificate
        holders = awarded_ids(series_id, kind, list(people.values())) if kind is not None else set()
        informed = {
            person_id: standing
            for person_id, standing in progress_of.items()
            if person_id not in holders and not standing.is_reached
        }
    db.session.rollback()
    for enrolment_ids in chunks(people, POST_AT_ONCE):
        _store_some(series_id, enrolment_ids, people, before, now, informed, at=at)


@action
def _store_some(
    series_id: int,
    enrolment_ids: Sequence[int],
    people: Mapping[int, int],
    before: KnownRequirement,
    now: Requirement,
    informed: Mapping[int, Standing],
    *,
    at: datetime,
) -> None:
    stored = store_requirement(enrolment_ids, before, _known(now))
    progress_of = {
        enrolment_id: (people[enrolment_id], informed[people[enrolment_id]])
        for enrolment_id in sorted(stored)
        if people[enrolment_id] in informed
    }
    if progress_of:
        numbers = {name: [getattr(before, name), getattr(now, name)] for name in KnownRequirement._fields}
        tell_requirement_grown(db.session.get_one(Series, series_id), numbers, progress_of, at=at)
