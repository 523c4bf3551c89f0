"""Decisions about many places together: what a batch would change, what it changed, and who was left out of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import case, func, select
from sqlalchemy.orm import aliased

from lms.catalogue.models import Series
from lms.catalogue.queries.lectures import list_lectures
from lms.catalogue.queries.series import get_series_by_id
from lms.catalogue.rules import OPEN_STATES
from lms.core.batches import LEFT_OUT, NAMED, BatchStage, EntryState, Move, count_states, stage_of
from lms.core.db import db, read, read_column
from lms.core.errors import Forbidden, NotFound
from lms.core.jobs import Job
from lms.core.roles import Actor
from lms.enrolment.models import Enrolment, EnrolmentBatch, EnrolmentBatchEntry, EnrolmentStatus
from lms.enrolment.queries.rows import SPEAKS, Registered, country_on, day_of, speaking
from lms.enrolment.queries.series import count_by_status, kept_countries, kept_seats, seats_for
from lms.enrolment.queries.sharing import hidden_among
from lms.enrolment.rules import is_staff_of
from lms.people.models import Person
from lms.people.queries.countries import country_codes_of
from lms.people.queries.persons import addresses_of


@dataclass(frozen=True)
class BatchView:
    """A batch with the names of who confirmed it and took it back (null: the system), how many of its people are in
    each state, and how many of those who were accepted, or let back in, have a place."""

    batch: EnrolmentBatch
    series: Series
    confirmed_by: str | None
    undo_by: str | None
    counts: dict[EntryState, int]
    job: Job | None

    @property
    def stage(self) -> BatchStage:
        """How far it is."""
        return stage_of(self.batch, self.job)

    def count(self, *states: EntryState) -> int:
        """How many people are in one of these states."""
        return sum(self.counts.get(state, 0) for state in states)

    @property
    def changed(self) -> int:
        """How many people were changed, even if it was taken back since."""
        return self.count(EntryState.CHANGED, EntryState.TAKEN_BACK, EntryState.KEPT)

    @property
    def undone(self) -> int:
        """How many people were enrolled again."""
        return self.count(EntryState.TAKEN_BACK)

    @property
    def can_be_undone(self) -> bool:
        """Whether there is a way back: only those who were withdrawn can be enrolled again."""
        is_done = self.stage is BatchStage.DONE
        return is_done and self.batch.status is EnrolmentStatus.WITHDRAWN and bool(self.count(EntryState.CHANGED))


@dataclass(frozen=True)
class BatchPreview:
    """What a batch that is not confirmed yet would change. `totals` are the numbers of each state now and after it.

    `seated` get a place, `queued` join the waiting list; `promoted` move up from it, since places become free. `free`
    is how many places are free for everybody now; null for no limit. `coming` is how many lectures are still to come.
    """

    totals: dict[EnrolmentStatus, Move]
    countries: list[tuple[str, int]]
    free: int | None
    seated: int
    queued: int
    promoted: int
    coming: int

    @property
    def by_country(self) -> dict[str, int]:
        """How many of the people there are, by country code."""
        return dict(self.countries)


@dataclass(frozen=True)
class BatchPerson:
    """A person of a batch, what became of them in it, and the state of their enrolment now."""

    label: str
    enrolment_id: str
    state: EntryState
    status: EnrolmentStatus


@dataclass(frozen=True)
class DetailedBatch(BatchView):
    """A batch with what it would change (null once it is confirmed), and who was left out of it."""

    changes: BatchPreview | None
    left_out: list[BatchPerson]


_Confirmer, _Undoer = aliased(Person), aliased(Person)
_BATCHES: Any = (
    select(EnrolmentBatch, _Confirmer.full_name, _Undoer.full_name, Job)
    .outerjoin(_Confirmer, _Confirmer.id == EnrolmentBatch.confirmed_by)
    .outerjoin(_Undoer, _Undoer.id == EnrolmentBatch.undo_by)
    .outerjoin(Job, Job.public_id == EnrolmentBatch.job)
)


def _check_staff(series: Series, by: Actor) -> None:
    if not is_staff_of(series, by):
        raise Forbidden


def get_batch(series_id: int, public_id: str, *, by: Actor) -> BatchView:
    """One batch of a series, for its staff. Raises NotFound for another series' or none, Forbidden for others."""
    series = get_series_by_id(series_id, by=by)
    _check_staff(series, by)
    query = _BATCHES.where(EnrolmentBatch.series_id == series_id, EnrolmentBatch.public_id == public_id)
    row = db.session.execute(query.execution_options(populate_existing=True)).one_or_none()
    if row is None:
        raise NotFound
    return _views([row], series)[0]


def get_detailed_batch(series_id: int, public_id: str, *, by: Actor, at: datetime) -> DetailedBatch:
    """One batch with details, for the staff of its series. Raises NotFound for another series' or none, Forbidden."""
    view = get_batch(series_id, public_id, by=by)
    left_out = list_people(view, LEFT_OUT, by=by, limit=None)
    changes = preview_of(view, by=by, at=at) if view.stage is BatchStage.PREVIEWED else None
    return DetailedBatch(**vars(view), changes=changes, left_out=left_out)


def list_batches(series: Series, *, by: Actor, limit: int = 100) -> list[BatchView]:
    """The confirmed batches of a series, latest first, for its staff."""
    _check_staff(series, by)
    query = _BATCHES.where(EnrolmentBatch.series_id == series.id, EnrolmentBatch.confirmed_at.is_not(None))
    return _views(db.session.execute(query.order_by(EnrolmentBatch.id.desc()).limit(limit)).all(), series)


def _views(rows: Collection[Any], series: Series) -> list[BatchView]:
    counts = count_states(EnrolmentBatchEntry, [row[0].id for row in rows]) if rows else {}
    return [
        BatchView(batch, series, confirmed_by, undo_by, counts.get(batch.id, {}), job)
        for batch, confirmed_by, undo_by, job in rows
    ]


def preview_of(view: BatchView, *, by: Actor, at: datetime) -> BatchPreview:
    """What a batch would change of the people whom it has not changed yet, as things are now."""
    batch, series = view.batch, view.series
    entry = EnrolmentBatchEntry
    query = (
        select(
            Registered.canonical_id,
            Enrolment.status,
            Enrolment.seat_country_id,
            country_on(day_of(at)).label("country_id"),
        )
        .select_from(entry)
        .join(Enrolment, Enrolment.id == entry.enrolment_id)
        .join(Registered, Registered.id == Enrolment.person_id)
        .join(Person, Person.id == Registered.canonical_id)
        .where(entry.batch_id == batch.id, entry.state == EntryState.PENDING, Enrolment.status == entry.before, SPEAKS)
    )
    rows = read(query)
    leaving = Counter(row.status for row in rows)
    now = count_by_status(series.id)
    seated = queued = promoted = 0
    if batch.status is EnrolmentStatus.ENROLLED:
        seated = seats_for(Counter(row.country_id for row in rows), kept_seats(series.id), series.open_seats)
        queued = len(rows) - seated
    elif leaving[EnrolmentStatus.ENROLLED] and now[EnrolmentStatus.WAITLISTED]:
        freed = Counter(row.seat_country_id for row in rows if row.status is EnrolmentStatus.ENROLLED)
        waiting = _waiting_by_country(series.id, at)
        waiting.subtract(row.country_id for row in rows if row.status is EnrolmentStatus.WAITLISTED)
        kept = {country_id: freed.pop(country_id) for country_id in kept_countries(series.id, at) & set(freed)}
        promoted = seats_for(waiting, kept, freed.total())
    moved: Counter[EnrolmentStatus] = Counter()
    moved.subtract(leaving)
    if batch.status is not EnrolmentStatus.ENROLLED:
        moved[batch.status] += len(rows)
    moved[EnrolmentStatus.ENROLLED] += seated + promoted
    moved[EnrolmentStatus.WAITLISTED] += queued - promoted
    people = [row.canonical_id for row in rows]
    seen = set(people) - hidden_among(series.id, people, by=by)
    countries = Counter(country_codes_of(sorted(seen), day_of(at)).values())
    return BatchPreview(
        totals={status: Move(now[status], now[status] + moved[status]) for status in EnrolmentStatus if moved[status]},
        countries=sorted(countries.items(), key=lambda one: (-one[1], one[0])),
        free=series.open_seats,
        seated=seated,
        queued=queued,
        promoted=promoted,
        coming=sum(one.state in OPEN_STATES and not one.held_unknown for one in list_lectures(series.id, by=by)),
    )


def _waiting_by_country(series_id: int, at: datetime) -> Counter[int | None]:
    country = country_on(day_of(at)).label("country_id")
    query = speaking(country).where(Enrolment.series_id == series_id, Enrolment.status == EnrolmentStatus.WAITLISTED)
    return Counter(read_column(query))


def list_people(
    view: BatchView, states: Collection[EntryState], *, by: Actor, limit: int | None = NAMED
) -> list[BatchPerson]:
    """Who of a batch is in one of these states, by name, at most so many (null: all); where the name is hidden from the
    reader, the address."""
    entry = EnrolmentBatchEntry
    query = (
        select(Person.id, Person.full_name, Enrolment.public_id, entry.state, Enrolment.status)
        .select_from(entry)
        .join(Enrolment, Enrolment.id == entry.enrolment_id)
        .join(Registered, Registered.id == Enrolment.person_id)
        .join(Person, Person.id == Registered.canonical_id)
        .where(entry.batch_id == view.batch.id, entry.state.in_(states))
        .order_by(Person.sort_name, Person.id)
        .limit(limit)
    )
    rows = read(query)
    hidden = hidden_among(view.series.id, [row.id for row in rows], by=by)
    addresses = addresses_of(hidden)
    return [
        BatchPerson(
            addresses.get(row.id, "") if row.id in hidden else row.full_name, row.public_id, row.state, row.status
        )
        for row in rows
    ]


def count_places(view: BatchView) -> int:
    """How many of those whom a batch changed last, by accepting them or letting them back in, then had a place."""
    entry = EnrolmentBatchEntry
    state = EntryState.TAKEN_BACK if view.batch.undo_at is not None else EntryState.CHANGED
    query = select(func.count()).where(entry.batch_id == view.batch.id, entry.state == state, entry.has_place.is_(True))
    return db.session.scalar(query) or 0


def next_entries(batch: EnrolmentBatch, limit: int) -> list[Any]:
    """Some people of a batch who are still to be changed, or taken back: (enrolment, whether its row speaks for
    somebody who is not erased, state before, changed at).

    In the order of the line. Who waits gives up the wait before anybody gives up a place, so that nobody wins a place
    only to lose it; taking back, those who had a place come first.
    """
    entry = EnrolmentBatchEntry
    had_place = case((entry.before == EnrolmentStatus.ENROLLED, 1), else_=0)
    query = (
        select(
            Enrolment,
            case((SPEAKS & Person.erased_at.is_(None), True), else_=False).label("is_there"),
            entry.before,
            entry.changed_at,
        )
        .select_from(entry)
        .join(Enrolment, Enrolment.id == entry.enrolment_id)
        .join(Registered, Registered.id == Enrolment.person_id)
        .join(Person, Person.id == Registered.canonical_id)
        .where(entry.batch_id == batch.id, entry.state == batch.pending)
        .order_by(had_place if batch.undo_at is None else had_place.desc(), Enrolment.queued_at, Enrolment.id)
        .limit(limit)
        .execution_options(populate_existing=True)
    )
    return list(db.session.execute(query))
