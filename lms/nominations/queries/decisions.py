"""Decisions on nominations: what a batch would do, and which nominations it skips and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select

from lms.batches.kinds import largest_first
from lms.catalogue.models import Series
from lms.core.bulk import among
from lms.core.db import db, read
from lms.enrolment.models import CountryQuota
from lms.enrolment.queries.rows import standing_of
from lms.enrolment.queries.series import is_over
from lms.enrolment.rules import ACTIVE
from lms.nominations.models import (
    DecidedState,
    Decision,
    DecisionBatch,
    DecisionBatchEntry,
    Nomination,
    NominationState,
)
from lms.people.models import Country, Person
from lms.people.queries.persons import ids_by_email


def why_skipped(rows: Sequence[Any], decision: Decision) -> dict[int, DecidedState]:
    """Which of these nominations cannot be decided so, and why: rows of `id`, `series_id`, `state`, `email_key` and
    `person_id`."""
    found: dict[int, DecidedState] = {}
    for one in rows:
        if one.state is NominationState.WITHDRAWN:
            found[one.id] = DecidedState.WITHDRAWN
        elif one.state is not NominationState.SUBMITTED:
            found[one.id] = DecidedState.DECIDED
    if decision is Decision.REJECT:
        return found
    for series_id in {one.series_id for one in rows}:
        own = [one for one in rows if one.series_id == series_id and one.id not in found]
        if is_over(series_id):
            found |= dict.fromkeys((one.id for one in own), DecidedState.OVER)
        else:
            found |= dict.fromkeys(_enrolled(series_id, own), DecidedState.ENROLLED)
    return found


def _enrolled(series_id: int, rows: Sequence[Any]) -> list[int]:
    """Which of these nominations are of people who have a place in the series already."""
    known = ids_by_email([one.email_key for one in rows])
    named = [one.person_id for one in rows if one.person_id is not None]
    canonical: dict[int, int] = dict(read(select(Person.id, Person.canonical_id).where(among(Person.id, named))))
    who = {one.id: canonical.get(one.person_id) or known.get(one.email_key) for one in rows}
    standing = standing_of(series_id, {person_id for person_id in who.values() if person_id is not None})
    placed = {person_id for person_id, (_row, status) in standing.items() if status in ACTIVE}
    return [id_ for id_, person_id in who.items() if person_id in placed]


@dataclass(frozen=True)
class SeriesEffect:
    """What approving would do in one series: nominees for whom a seat is `held`, who would find a `free` one, and who
    would join the waiting list (`wait`)."""

    slug: str
    title: str
    people: int
    held: int
    free: int
    wait: int


@dataclass(frozen=True)
class DecisionPreview:
    """What an unconfirmed batch would do with the nominations that it has not decided.

    `answered` of them have accepted already and get their place at once; `countries` says how many are of each;
    `focal_points` are notified of a rejection.
    """

    series: list[SeriesEffect]
    answered: int
    countries: list[tuple[str, int]]
    focal_points: int

    @property
    def held(self) -> int:
        """For how many a seat is held."""
        return sum(one.held for one in self.series)


def preview_of(batch: DecisionBatch, *, at: datetime) -> DecisionPreview:
    """What a batch would do with the nominations that it has not decided yet, as things are now."""
    pending = _of(batch, [DecidedState.PENDING])
    has_seat, answered = Nomination.seat_kind.is_not(None), Nomination.answered_at.is_not(None)
    columns = (
        Nomination.series_id,
        Nomination.country_id,
        Country.code,
        func.count(),
        func.count().filter(has_seat),
        func.count().filter(answered),
    )
    groups = read(
        pending.with_only_columns(*columns)
        .join(Country, Country.id == Nomination.country_id)
        .group_by(Nomination.series_id, Nomination.country_id, Country.code)
    )
    countries: Counter[str] = Counter()
    for _series, _country, code, count, *_more in groups:
        countries[code] += count
    tellers = pending.with_only_columns(func.count(Nomination.nominated_by_id.distinct()))
    return DecisionPreview(
        series=_effects(groups, at),
        answered=sum(row[5] for row in groups),
        countries=largest_first(countries),
        focal_points=db.session.scalar(tellers) or 0,
    )


def _effects(groups: Sequence[Any], at: datetime) -> list[SeriesEffect]:
    ids = {row[0] for row in groups}
    series = db.session.scalars(select(Series).where(Series.id.in_(ids)).order_by(func.lower(Series.title), Series.id))
    quotas = select(CountryQuota).where(CountryQuota.series_id.in_(ids), CountryQuota.released_at.is_(None))
    left = {
        (one.series_id, one.country_id): one.seats - one.used for one in db.session.scalars(quotas) if one.is_kept(at)
    }
    effects = []
    for one in series.all():
        people = held = free = 0
        for _series, country_id, _code, count, with_seat, _answered in [row for row in groups if row[0] == one.id]:
            people, held = people + count, held + with_seat
            free += min(count - with_seat, left.get((one.id, country_id), 0))
        others = people - held - free
        free += others if one.open_seats is None else min(others, one.open_seats)
        effects.append(SeriesEffect(one.slug, one.title, people, held, free, people - held - free))
    return effects


def _of(batch: DecisionBatch, states: Collection[DecidedState]) -> Any:
    entry = DecisionBatchEntry
    return (
        select(Nomination)
        .join(entry, entry.nomination_id == Nomination.id)
        .where(entry.batch_id == batch.id, entry.state.in_(states))
    )


@dataclass(frozen=True)
class DecidedNominee:
    """A nominee of a batch: the nomination, the name (empty once erased), the series, and what became of it."""

    public_id: str
    full_name: str
    series: str
    state: DecidedState


def list_decided(batch: DecisionBatch, states: Collection[DecidedState], *, limit: int | None) -> list[DecidedNominee]:
    """People of a batch in one of these states, by name, up to a limit."""
    query = (
        _of(batch, states)
        .with_only_columns(Nomination.public_id, Nomination.full_name, Series.title, DecisionBatchEntry.state)
        .join(Series, Series.id == Nomination.series_id)
        .order_by(func.lower(Nomination.full_name), Nomination.id)
        .limit(limit)
    )
    return [DecidedNominee(*row) for row in read(query)]
