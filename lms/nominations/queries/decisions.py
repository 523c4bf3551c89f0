"""Decisions on nominations: what a batch would do, and which nominations it skips and why."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select

from lms.batches.kinds import largest_first
from lms.catalogue.models import SERIES_TITLE, Series
from lms.catalogue.queries.loading import title_order
from lms.core.base.roles import SYSTEM
from lms.core.database.bulk import among
from lms.core.database.session import db, read
from lms.core.text.translations import reader_text
from lms.enrolment.models import CountryQuota
from lms.enrolment.queries.answers import Asked, LaterQuestions, questions_to_come
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
    states: dict[int, DecidedState] = {}
    for row in rows:
        if row.state is NominationState.WITHDRAWN:
            states[row.id] = DecidedState.WITHDRAWN
        elif row.state is not NominationState.SUBMITTED:
            states[row.id] = DecidedState.DECIDED
    if decision is Decision.REJECT:
        return states
    for series_id in {row.series_id for row in rows}:
        waiting = [row for row in rows if row.series_id == series_id and row.id not in states]
        if is_over(series_id):
            states |= dict.fromkeys((row.id for row in waiting), DecidedState.OVER)
        else:
            states |= dict.fromkeys(_enrolled(series_id, waiting), DecidedState.ENROLLED)
    return states


def _enrolled(series_id: int, rows: Sequence[Any]) -> list[int]:
    """Which of these nominations are of people who already have a place in the series."""
    known = ids_by_email([row.email_key for row in rows])
    named = [row.person_id for row in rows if row.person_id is not None]
    canonical: dict[int, int] = dict(read(select(Person.id, Person.canonical_id).where(among(Person.id, named))))
    people = {row.id: canonical.get(row.person_id) or known.get(row.email_key) for row in rows}
    standing = standing_of(series_id, {person_id for person_id in people.values() if person_id is not None})
    placed = {person_id for person_id, (_row, status) in standing.items() if status in ACTIVE}
    return [id_ for id_, person_id in people.items() if person_id in placed]


@dataclass(frozen=True)
class SeriesEffect:
    """The effects of approving in one series: nominees for whom a seat is `held`, who would find a `free` one, and who
    would join the waiting list (`wait`)."""

    slug: str
    title: str
    people: int
    held: int
    free: int
    wait: int


@dataclass(frozen=True)
class DecisionPreview:
    """The effects of an unconfirmed batch on the nominations that it has not decided.

    `answered` of them have accepted already and get their place at once; `countries` says how many are of each;
    `focal_points` are notified of a rejection. `questions` are those that the nominees who accept will be asked.
    """

    series: list[SeriesEffect]
    answered: int
    countries: list[tuple[str, int]]
    focal_points: int
    questions: LaterQuestions

    @property
    def held(self) -> int:
        """For how many a seat is held."""
        return sum(effect.held for effect in self.series)


def preview_of(batch: DecisionBatch, *, at: datetime) -> DecisionPreview:
    """Returns what a batch would do with the nominations that it has not decided yet, as things are now."""
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
        questions=_questions_of(pending, at),
    )


def _questions_of(pending: Any, at: datetime) -> LaterQuestions:
    """The questions at enrolment to these nominees, of all their series."""
    columns = Nomination.series_id, Person.canonical_id, Country.code, Nomination.sector
    query = pending.with_only_columns(*columns).join(Country, Country.id == Nomination.country_id)
    groups: dict[int, list[Asked]] = {}
    for series_id, person_id, code, sector in read(query.outerjoin(Person, Person.id == Nomination.person_id)):
        groups.setdefault(series_id, []).append((person_id, code, sector.value if sector else None))
    by_series = [questions_to_come(series_id, people, by=SYSTEM, at=at) for series_id, people in groups.items()]
    later = [one for one in by_series if one.people]
    people = sum(one.people for one in later)
    return LaterQuestions(people, min((x.least for x in later), default=0), max((x.most for x in later), default=0))


def _effects(groups: Sequence[Any], at: datetime) -> list[SeriesEffect]:
    ids = {row[0] for row in groups}
    series = db.session.scalars(select(Series).where(Series.id.in_(ids)).order_by(title_order(), Series.id))
    quotas = select(CountryQuota).where(CountryQuota.series_id.in_(ids), CountryQuota.released_at.is_(None))
    left = {
        (quota.series_id, quota.country_id): quota.seats - quota.used
        for quota in db.session.scalars(quotas)
        if quota.is_kept(at)
    }
    effects = []
    for row in series.all():
        people = held = free = 0
        for _series, country_id, _code, count, with_seat, _answered in [
            group for group in groups if group[0] == row.id
        ]:
            people, held = people + count, held + with_seat
            free += min(count - with_seat, left.get((row.id, country_id), 0))
        others = people - held - free
        free += others if row.open_seats is None else min(others, row.open_seats)
        effects.append(SeriesEffect(row.slug, reader_text(row), people, held, free, people - held - free))
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
        .with_only_columns(Nomination.public_id, Nomination.full_name, *SERIES_TITLE, DecisionBatchEntry.state)
        .join(Series, Series.id == Nomination.series_id)
        .order_by(func.lower(Nomination.full_name), Nomination.id)
        .limit(limit)
    )
    return [DecidedNominee(row.public_id, row.full_name, reader_text(row), row.state) for row in read(query)]
