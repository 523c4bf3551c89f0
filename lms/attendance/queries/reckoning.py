"""What the credits of a lecture amount to by all its evidence, as it is held or as it would be; read only."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from hashlib import blake2b
from typing import NamedTuple

from sqlalchemy import select

from lms.attendance import rules
from lms.attendance.models.credits import Credit, Outcome
from lms.attendance.models.evidence import Source
from lms.attendance.queries.evidence import Span, corrections_in, is_held, pieces, seen_in, span_of
from lms.catalogue.models import Lecture, LectureState, Policy
from lms.catalogue.queries import get_lecture, get_series, policy_for
from lms.core.bulk import among
from lms.core.db import db
from lms.core.errors import Forbidden
from lms.core.roles import Actor
from lms.enrolment.membership import eligible_people


class Values(NamedTuple):
    """What a credit says of one person in one lecture."""

    present_ms: int
    percent_tenths: int
    outcome: Outcome
    source: Source
    policy_id: int

    @property
    def judged(self) -> tuple[int, int, Outcome, Source]:
        """All but the policy that it was judged by."""
        return self[:4]


def reckon(
    lecture: Lecture,
    *,
    policy: Policy | None = None,
    span: Span | None = None,
    only: Collection[int] | None = None,
    enrolled: set[int] | None = None,
) -> dict[int, Values]:
    """The credits of a lecture by person (canonical), from all its evidence and corrections.

    By its own policy and times, or by others: then they are what they would be. `only` asks for these people;
    `enrolled` is what `eligible_people` answers, where the caller has just asked it.
    """
    span = span or span_of(lecture)
    everybody, corrections = seen_in(lecture, only, span), corrections_in(lecture.id, only)
    if not everybody and not corrections:
        return {}
    if enrolled is None:
        enrolled = eligible_people(lecture.id, only)
    policy = policy or policy_for(lecture)
    policy_id, minimum = policy.id, policy.min_percent
    credited = select(Credit.person_id).where(Credit.lecture_id == lecture.id)
    if only is not None:
        credited = credited.where(among(Credit.person_id, only))
    counted = enrolled.union(db.session.scalars(credited))
    counted.update(corrections)
    found: dict[int, Values] = {}
    for person_id, seen in everybody.items():
        if person_id in counted:
            summed = rules.sum_up(seen, start=span.start, end=span.end, min_percent=minimum)
            if summed.present_ms:
                found[person_id] = Values(
                    summed.present_ms, summed.percent_tenths, summed.outcome, summed.source, policy_id
                )
    for person_id, correction in corrections.items():
        held = found.get(person_id) or Values(0, 0, correction.outcome, Source.MANUAL, policy_id)
        found[person_id] = held._replace(outcome=correction.outcome)
    return found


def credits_in(lecture_id: int, only: Collection[int] | None = None) -> dict[int, Values]:
    """The credits of a lecture as they are written, by person."""
    columns = (Credit.present_ms, Credit.percent_tenths, Credit.outcome, Credit.source, Credit.policy_id)
    found: dict[int, Values] = {}
    for people in [None] if only is None else pieces(only):
        query = select(Credit.person_id, *columns).where(Credit.lecture_id == lecture_id)
        if people is not None:
            query = query.where(Credit.person_id.in_(people))
        for person_id, present, tenths, outcome, source, policy_id in db.session.connection().execute(query):
            found[person_id] = Values(present, tenths, outcome, source, policy_id)
    return found


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


class Change(NamedTuple):
    """What is written of one person, and what would be; null: no credit."""

    before: Values | None
    after: Values | None

    @property
    def gains(self) -> bool:
        """Whether somebody who did not attend would have attended."""
        return _attended(self.after) and not _attended(self.before)

    @property
    def loses(self) -> bool:
        """Whether somebody who attended would not have."""
        return _attended(self.before) and not _attended(self.after)


def _attended(values: Values | None) -> bool:
    return values is not None and values.outcome is Outcome.ATTENDED


@dataclass(frozen=True)
class Difference:
    """What another policy or other times would change of one lecture, by person: those who would keep what they have
    are left out. `key` is another one as soon as anything of it is."""

    lecture_id: int
    changes: dict[int, Change]
    key: str

    @property
    def gaining(self) -> list[int]:
        """Who would attend, and does not now."""
        return [person_id for person_id, change in self.changes.items() if change.gains]

    @property
    def losing(self) -> list[int]:
        """Who attends now, and would not."""
        return [person_id for person_id, change in self.changes.items() if change.loses]


def difference(lecture: Lecture, *, policy: Policy | None = None, span: Span | None = None) -> Difference:
    """What recomputing a lecture by another policy, or other times, would change."""
    after = reckon(lecture, policy=policy, span=span)
    before = credits_in(lecture.id) if is_held(lecture) else {}
    changes = {}
    for person_id in sorted(after.keys() | before.keys()):
        old, new = before.get(person_id), after.get(person_id)
        if old is None or new is None or old.judged != new.judged:
            changes[person_id] = Change(old, new)
    span = span or span_of(lecture)
    said = (lecture.id, lecture.state.value, lecture.policy_id, policy and policy.id, lecture.actual_start,
            lecture.actual_end, span.start, span.end)  # fmt: skip
    digest = blake2b(repr(said).encode(), digest_size=12)
    for person_id, (old, new) in changes.items():
        digest.update(f"{person_id}|{old and old.judged}|{new and new.judged}\n".encode())
    return Difference(lecture.id, changes, digest.hexdigest())
