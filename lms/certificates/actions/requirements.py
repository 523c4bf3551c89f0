"""Informs people when the certificate of a series that they are enrolled in requires more than when they enrolled."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, exists, select

from lms.catalogue.models import Lecture, LectureChange, Series, Visibility
from lms.catalogue.queries.policies import current_policy
from lms.certificates.notices import tell_requirement_grown
from lms.certificates.queries.certificates import awarded_ids
from lms.certificates.queries.eligibility import Requirement, requirements_of
from lms.certificates.queries.progress import standings_of
from lms.certificates.remaining import Standing
from lms.core.database.bulk import chunks
from lms.core.database.session import action, db, read_column, read_value
from lms.enrolment.actions.people_changed import (
    KnownRequirement,
    enrolled_who_know,
    known_requirements,
    store_requirement,
)
from lms.enrolment.invitations import invite_to
from lms.mail import outbox
from lms.mail.outbox import POST_AT_ONCE

HOUR = 3600
JOB = "invite_with_growth"
JUST_PUBLISHED = timedelta(minutes=10)
"""For so long after a lecture was published its invitation is waited for."""


@dataclass(frozen=True)
class Growth:
    """The certificate requires `now` lectures, and `people` know of fewer: of `before` at least."""

    before: int
    now: int
    people: int


def post_grown_requirements(*, at: datetime) -> int:
    """Compares requirements with what the enrolled know, once an hour; returns how many differences it dealt with."""
    key = f"requirements-{int(at.timestamp()) // HOUR}"
    is_due = not outbox.begun([key])
    db.session.rollback()  # the worker asks every few seconds, and keeps no transaction open in between
    return compare_requirements(at=at) if is_due and _begin(key, at=at) else 0


@action
def _begin(key: str, *, at: datetime) -> bool:
    return outbox.begin(key, at=at)


def compare_requirements(*, at: datetime) -> int:
    """E-mails the enrolled whose certificate requires more, and stores what they know by then.

    Nothing is e-mailed where nothing was known, where the requirement fell, where nothing is to come, or to people
    who have met it or have the certificate. While a held lecture is not counted yet, a lower number is not stored:
    it would seem to grow again afterwards. What drafts add is left for when they are published; and where a lecture was
    published lately, for its invitation, which says both (`add_growth`). Returns how many differences it dealt with.
    """
    known = known_requirements()
    public = select(Series.id).where(Series.visibility == Visibility.PUBLIC, ~_was_just_published(at))
    required = requirements_of(sorted({series_id for series_id, _known in known} & set(read_column(public))), at=at)
    differences = [
        (series_id, before, required[series_id])
        for series_id, before in known
        if series_id in required and before != _announced(before, required[series_id])
    ]
    db.session.rollback()
    for series_id, before, now in differences:
        if before.lectures is None or has_grown(before, _announced(before, now)) or now.is_settled:
            _store(series_id, before, now, at=at)
    return len(differences)


def _was_just_published(at: datetime) -> ColumnElement[bool]:
    return exists().where(
        Lecture.series_id == Series.id,
        LectureChange.lecture_id == Lecture.id,
        LectureChange.what == "published",
        LectureChange.at > at - JUST_PUBLISHED,
    )


def invite_with_growth(series_id: int, lecture_id: int, *, at: datetime) -> bool:
    """Invites the enrolled to a lecture just published, however far ahead, if the certificate requires more since:
    one e-mail says both. Returns whether it did; for other lectures the invitation leaves in its time."""
    growth = find_growth(series_id, at=at)
    db.session.rollback()
    return growth is not None and invite_to(lecture_id, at=at)


def find_growth(series_id: int, *, at: datetime) -> Growth | None:
    """How many more lectures the certificate of a series requires, drafts included, than the enrolled know; None where
    it requires no more."""
    required = requirements_of([series_id], at=at).get(series_id)
    if required is None or not required.is_open:
        return None
    less = [
        before
        for _series, before in known_requirements(series_id)
        if before.lectures is not None and before.lectures < required.lectures
    ]
    if not less:
        return None
    people = sum(len(enrolled_who_know(series_id, before)) for before in less)
    return Growth(min(before.lectures or 0 for before in less), required.lectures, people)


def add_growth(series_id: int, growth: dict[int, dict[str, Any]], *, at: datetime) -> None:
    """Adds what the invitations to a lecture say of a requirement that has grown, and stores that their readers know
    it, inside the running action. What only drafts add waits until a lecture is published."""
    required = requirements_of([series_id], at=at).get(series_id)
    if required is None:
        return
    is_published = read_value(select(Series.id).where(Series.id == series_id, _was_just_published(at))) is not None
    for _series, before in known_requirements(series_id):
        now = _known(required) if is_published else _announced(before, required)
        if not has_grown(before, now):
            continue
        people = enrolled_who_know(series_id, before)
        progress_of = _who_is_informed(series_id, people, required, at=at)
        numbers = _numbers(before, now)
        for enrolment_id in store_requirement(people, before, now):
            if (standing := progress_of.get(people[enrolment_id])) is not None:
                growth[people[enrolment_id]] = {"requirement": numbers, "progress": standing.in_numbers}


def has_grown(before: KnownRequirement, now: KnownRequirement) -> bool:
    """Whether any number is higher than the known one; never where nothing was known."""
    if before.lectures is None:
        return False
    pairs = zip(before, now, strict=True)
    return any(old is not None and new is not None and new > old for old, new in pairs)


def _known(required: Requirement) -> KnownRequirement:
    return KnownRequirement(required.lectures, required.minutes, required.percent, required.checks, required.feedback)


def _announced(before: KnownRequirement, now: Requirement) -> KnownRequirement:
    """Returns what people are to know who know `before`: not what only drafts add."""
    known = _known(now)
    is_of_drafts = before.lectures is not None and now.announced <= before.lectures < now.lectures
    return known._replace(lectures=before.lectures) if is_of_drafts else known


def _numbers(before: KnownRequirement, now: KnownRequirement) -> dict[str, list[int | None]]:
    return {name: [getattr(before, name), getattr(now, name)] for name in KnownRequirement._fields}


def _who_is_informed(
    series_id: int, people: Mapping[int, int], now: Requirement, *, at: datetime
) -> dict[int, Standing]:
    """The people who are to read that the requirement has grown, with their progress: once no lecture is to come, those
    who have attended enough and have only checks to pass, or feedback to give."""
    if not (now.is_open or now.checks or now.feedback):
        return {}
    progress_of = standings_of(series_id, people.values(), at=at)
    kind = current_policy(series_id).certificate
    holders = awarded_ids(series_id, kind, list(people.values())) if kind is not None else set()
    return {
        person_id: standing
        for person_id, standing in progress_of.items()
        if person_id not in holders
        and not standing.is_reached
        and (now.is_open or (standing.has_attended_enough and standing.can_be_earned))
    }


def _store(series_id: int, before: KnownRequirement, now: Requirement, *, at: datetime) -> None:
    """In short transactions, so that nobody waits for a long one."""
    people, announced = enrolled_who_know(series_id, before), _announced(before, now)
    informed = _who_is_informed(series_id, people, now, at=at) if has_grown(before, announced) else {}
    db.session.rollback()
    for enrolment_ids in chunks(people, POST_AT_ONCE):
        _store_some(series_id, enrolment_ids, people, before, announced, informed, at=at)


@action
def _store_some(
    series_id: int,
    enrolment_ids: Sequence[int],
    people: Mapping[int, int],
    before: KnownRequirement,
    now: KnownRequirement,
    informed: Mapping[int, Standing],
    *,
    at: datetime,
) -> None:
    stored = store_requirement(enrolment_ids, before, now)
    progress_of = {
        enrolment_id: (people[enrolment_id], informed[people[enrolment_id]])
        for enrolment_id in sorted(stored)
        if people[enrolment_id] in informed
    }
    if progress_of:
        tell_requirement_grown(db.session.get_one(Series, series_id), _numbers(before, now), progress_of, at=at)
