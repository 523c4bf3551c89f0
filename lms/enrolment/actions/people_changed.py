"""Enrolments follow their people: merged, unmerged, erased or edited, and countries merged or parted again.

Also what the enrolled know of the requirement of the certificate.
"""

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import ColumnElement, and_, select, update

from lms.catalogue.models import Series
from lms.core.base.events import CountriesMerged, CountryMergeUndone
from lms.core.base.roles import SYSTEM, Actor
from lms.core.database.bulk import among
from lms.core.database.cache_versions import touch
from lms.core.database.session import action, db, read, read_column
from lms.enrolment import quota_merges, rules, seats
from lms.enrolment.actions.places import keep_span, leave, lock
from lms.enrolment.membership import IS_ENROLLED
from lms.enrolment.models import (
    REGISTRATIONS,
    CountryQuota,
    Enrolment,
    EnrolmentStatus,
    SeatKind,
    SeatReason,
    SupersededEnrolment,
)
from lms.enrolment.queries.people import duplicates_of, list_of_person
from lms.enrolment.queries.rows import day_of, speaking
from lms.enrolment.queries.series import is_over
from lms.people.actions.country_merging import move_back, move_rows, moved_rows
from lms.people.models import Person
from lms.people.queries.countries import country_id_of
from lms.people.queries.persons import canonical

_COLUMNS = (
    Enrolment.required_lectures,
    Enrolment.required_minutes,
    Enrolment.required_percent,
    Enrolment.required_checks,
    Enrolment.required_feedback,
)


class KnownRequirement(NamedTuple):
    """The requirement that somebody knows: lectures, minutes in all, and the percent of a lecture, null where nothing
    is known; how many knowledge checks have to be passed, and on how many lectures feedback has to be given."""

    lectures: int | None
    minutes: int | None
    percent: int | None
    checks: int = 0
    feedback: int = 0


def known_requirements(series_id: int | None = None) -> list[tuple[int, KnownRequirement]]:
    """Returns what the enrolled know, of all series or of one, by the id of the series: one item for each
    difference."""
    query = select(Enrolment.series_id, *_COLUMNS).where(IS_ENROLLED).distinct().order_by(Enrolment.series_id)
    if series_id is not None:
        query = query.where(Enrolment.series_id == series_id)
    return [(of_series, KnownRequirement(*numbers)) for of_series, *numbers in read(query)]


def enrolled_who_know(series_id: int, known: KnownRequirement) -> dict[int, int]:
    """The enrolled who know exactly this: the id of the enrolment, and the person."""
    query = speaking(Enrolment.id, Person.id).where(Enrolment.series_id == series_id, IS_ENROLLED, _is(known))
    return dict(read(query.order_by(Enrolment.id)))


def store_requirement(enrolment_ids: Collection[int], known: KnownRequirement, required: KnownRequirement) -> set[int]:
    """Stores a new requirement, inside the running action; returns the ids of the enrolments that knew the former."""
    statement = update(Enrolment).where(among(Enrolment.id, enrolment_ids), _is(known))
    values = dict(zip(_COLUMNS, required, strict=True))
    return set(db.session.scalars(statement.values(values).returning(Enrolment.id)))


def _is(known: KnownRequirement) -> ColumnElement[bool]:
    return and_(*(column.is_not_distinct_from(number) for column, number in zip(_COLUMNS, known, strict=True)))


def unite_country(event: CountriesMerged) -> None:
    """Within an action: moves registrations, seats and quotas to the kept country, and gives its reserved seats to
    waiting people.
    """
    quota_merges.unite_quotas(event)
    move_rows(Enrolment.registered_country_id, event)
    move_rows(Enrolment.seat_country_id, event)
    _touch(moved_rows(Enrolment.registered_country_id, event))
    series_ids = select(CountryQuota.series_id).where(
        CountryQuota.country_id == event.kept_id, CountryQuota.released_at.is_(None)
    )
    for series_id in read_column(series_ids.order_by(CountryQuota.series_id)):
        seats.promote(series_id, by=event.by, at=event.at)


def part_country(event: CountryMergeUndone) -> None:
    """Within an action: gives registrations, seats and quotas back."""
    returning = _seats_that_return(event)
    series_ids = quota_merges.series_with_quotas(event)
    for series_id in series_ids:
        quota_merges.part_quota(series_id, returning[series_id], event)
    _touch(moved_rows(Enrolment.registered_country_id, event))
    move_back(Enrolment.registered_country_id, event)
    move_back(Enrolment.seat_country_id, event)
    for series_id in series_ids:
        seats.promote(series_id, by=event.by, at=event.at)


def _seats_that_return(event: CountryMergeUndone) -> dict[int, list[int | None]]:
    """Returns whose seats of the quota go back, by series: those that were moved and are still held."""
    query = select(Enrolment.series_id, Enrolment.person_id).where(
        among(Enrolment.id, moved_rows(Enrolment.seat_country_id, event)),
        Enrolment.seat_country_id == event.kept_id,
        Enrolment.seat_kind == SeatKind.QUOTA,
        Enrolment.status == EnrolmentStatus.ENROLLED,
    )
    seats: dict[int, list[int | None]] = defaultdict(list)
    for series_id, person_id in read(query.order_by(Enrolment.id)):
        seats[series_id].append(person_id)
    return seats


def _touch(row_ids: Collection[int]) -> None:
    """Says that registrations of these rows count under another country."""
    series = select(Enrolment.series_id).where(among(Enrolment.id, row_ids)).distinct()
    touch(REGISTRATIONS, read_column(series) if row_ids else [])


@action
def supersede_duplicates(person_id: int, *, by: Actor, at: datetime) -> None:
    """After a merge: of several rows of one person in a series, one remains and the others give up their places.

    The best remains (a place before a wait, then the longer wait). `restore_superseded` undoes it.
    """
    for rows in duplicates_of(person_id):
        series = lock(rows[0].series_id, SYSTEM, at)
        best_row = rules.best(rows)
        for row in rows:
            if row is best_row:
                continue
            db.session.add(SupersededEnrolment(enrolment_id=row.id, status=row.status, at=at))
            if row.status in rules.ACTIVE:
                leave(row, series, by=by, at=at, why=SeatReason.SUPERSEDED)


@action
def restore_superseded(person_ids: Sequence[int], *, by: Actor, at: datetime) -> None:
    """After a merge was undone: superseded rows speak again, as they were. A place given away since is waited for,
    from the old position in the line."""
    query = (
        select(SupersededEnrolment, Enrolment)
        .join(Enrolment, Enrolment.id == SupersededEnrolment.enrolment_id)
        .join(Person, Person.id == Enrolment.person_id)
        .where(Person.canonical_id.in_(person_ids))
        .order_by(Enrolment.series_id, Enrolment.queued_at)
    )
    for aside, row in db.session.execute(query).all():
        series = lock(row.series_id, SYSTEM, at)
        db.session.delete(aside)
        row.status = aside.status
        if aside.status is EnrolmentStatus.ENROLLED:
            _restore_seat(row, series, by=by, at=at)
        if row.status in rules.ACTIVE:
            row.withdrawn_at = None
        db.session.flush()
    for person_id in person_ids:
        supersede_duplicates(person_id, by=by, at=at)


def _restore_seat(row: Enrolment, series: Series, *, by: Actor, at: datetime) -> None:
    """A seat for a row that speaks again, and the old position in the line where none is left."""
    country_id = country_id_of(canonical(row.person_id), day_of(at))
    person_id = row.person_id
    kind = seats.take_seat(series, country_id=country_id, person_id=person_id, why=SeatReason.RESTORED, by=by, at=at)
    if kind is None:
        keep_span(row)
        row.status, row.enrolled_at = EnrolmentStatus.WAITLISTED, None
    else:
        row.seat_kind, row.seat_country_id = kind, country_id if kind is SeatKind.QUOTA else None


@action
def leave_all(person_id: int, *, by: Actor, at: datetime) -> None:
    """Removes an erased person from waiting lists and from places in unfinished series; nobody is notified.

    Places in series that are over are left unchanged: totals and rosters do not change.
    """
    for row in list_of_person(person_id):
        if row.status in rules.ACTIVE and not (row.status is EnrolmentStatus.ENROLLED and is_over(row.series_id)):
            leave(row, lock(row.series_id, SYSTEM, at), by=by, at=at, why=SeatReason.ERASED)


def touch_registrations(person_ids: Sequence[int]) -> None:
    """Says, inside the running action, that registrations of these people count differently: as one, or apart, or
    under another sector or gender."""
    people = select(Person.canonical_id).where(among(Person.id, person_ids))
    members = select(Person.id).where(Person.canonical_id.in_(people))
    series = select(Enrolment.series_id).where(Enrolment.person_id.in_(members)).distinct()
    touch(REGISTRATIONS, list(db.session.scalars(series)))
