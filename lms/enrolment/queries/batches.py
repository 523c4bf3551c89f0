"""Decisions about many places together: what a batch would change, and of whom."""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import case, func, select

from lms.batches.kinds import Move, largest_first
from lms.batches.models import EntryState
from lms.catalogue.models import Series
from lms.catalogue.queries.lectures import list_lectures
from lms.catalogue.rules import OPEN_STATES
from lms.core.base.roles import Actor
from lms.core.database.session import db, read, read_column
from lms.enrolment.models import Enrolment, EnrolmentBatch, EnrolmentBatchEntry, EnrolmentStatus
from lms.enrolment.queries.rows import SPEAKS, Registered, country_on, day_of, speaking
from lms.enrolment.queries.seats import kept_countries, kept_seats, seats_for
from lms.enrolment.queries.series import count_by_status
from lms.enrolment.queries.sharing import hidden_among, labels_of
from lms.people.models import Person
from lms.people.queries.countries import country_codes_of


@dataclass(frozen=True)
class BatchPreview:
    """The changes that a batch would make that is not confirmed yet. `totals` are the numbers of each state now and
    after it.

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


def preview_of(series: Series, batch: EnrolmentBatch, *, by: Actor, at: datetime) -> BatchPreview:
    """Returns what a batch would change of the people whom it has not changed yet, as things are now."""
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
        for_countries = {country_id: freed.pop(country_id) for country_id in kept_countries(series.id, at) & set(freed)}
        promoted = seats_for(waiting, for_countries, freed.total())
    moved: Counter[EnrolmentStatus] = Counter()
    moved.subtract(leaving)
    if batch.status is not EnrolmentStatus.ENROLLED:
        moved[batch.status] += len(rows)
    moved[EnrolmentStatus.ENROLLED] += seated + promoted
    moved[EnrolmentStatus.WAITLISTED] += queued - promoted
    people = [row.canonical_id for row in rows]
    seen = set(people) - hidden_among(series.id, people, by=by)
    return BatchPreview(
        totals={status: Move(now[status], now[status] + moved[status]) for status in EnrolmentStatus if moved[status]},
        countries=largest_first(Counter(country_codes_of(sorted(seen), day_of(at)).values())),
        free=series.open_seats,
        seated=seated,
        queued=queued,
        promoted=promoted,
        coming=sum(row.state in OPEN_STATES and not row.held_unknown for row in list_lectures(series.id, by=by)),
    )


def _waiting_by_country(series_id: int, at: datetime) -> Counter[int | None]:
    country = country_on(day_of(at)).label("country_id")
    query = speaking(country).where(Enrolment.series_id == series_id, Enrolment.status == EnrolmentStatus.WAITLISTED)
    return Counter(read_column(query))


def list_people(
    series: Series, batch: EnrolmentBatch, states: Collection[EntryState], *, by: Actor, limit: int | None
) -> list[BatchPerson]:
    """People of a batch in one of these states, by name, up to a limit (null: all); where the name is hidden from the
    reader, the address.
    """
    entry = EnrolmentBatchEntry
    query = (
        select(Person.id, Person.full_name, Enrolment.public_id, entry.state, Enrolment.status)
        .select_from(entry)
        .join(Enrolment, Enrolment.id == entry.enrolment_id)
        .join(Registered, Registered.id == Enrolment.person_id)
        .join(Person, Person.id == Registered.canonical_id)
        .where(entry.batch_id == batch.id, entry.state.in_(states))
        .order_by(Person.sort_name, Person.id)
        .limit(limit)
    )
    rows = read(query)
    labels = labels_of(series.id, {row.id: row.full_name for row in rows}, by=by)
    return [BatchPerson(labels[row.id], row.public_id, row.state, row.status) for row in rows]


def count_places(batch: EnrolmentBatch) -> int:
    """How many of those whom a batch changed last, by accepting them or letting them back in, then had a place."""
    entry = EnrolmentBatchEntry
    state = EntryState.TAKEN_BACK if batch.undo_at is not None else EntryState.CHANGED
    query = select(func.count()).where(entry.batch_id == batch.id, entry.state == state, entry.has_place.is_(True))
    return db.session.scalar(query) or 0


def next_entries(batch: EnrolmentBatch, limit: int) -> list[Any]:
    """Some people of a batch who are still to be changed, or undone: (enrolment, whether its row speaks for somebody
    who is not erased, state before, changed at).

    In the order of the waiting list. Waits are given up before places, so that nobody wins a place only to lose it;
    when undoing, people who had a place come first.
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
