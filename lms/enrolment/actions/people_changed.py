"""Updates enrolments when people are merged, unmerged, erased or edited."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select

from lms.core.base.roles import SYSTEM, Actor
from lms.core.database.bulk import among
from lms.core.database.cache_versions import touch
from lms.core.database.session import action, db
from lms.enrolment import rules, seats
from lms.enrolment.actions.places import keep_span, leave, lock
from lms.enrolment.models import REGISTRATIONS, Enrolment, EnrolmentStatus, SeatKind, SeatReason, SupersededEnrolment
from lms.enrolment.queries.people import duplicates_of, list_of_person
from lms.enrolment.queries.rows import day_of
from lms.enrolment.queries.series import is_over
from lms.people.models import Person
from lms.people.queries.countries import country_id_of
from lms.people.queries.persons import canonical


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
        lock(row.series_id, SYSTEM, at)
        db.session.delete(aside)
        row.status = aside.status
        if aside.status is EnrolmentStatus.ENROLLED:
            _restore_seat(row, by=by, at=at)
        if row.status in rules.ACTIVE:
            row.withdrawn_at = None
        db.session.flush()
    for person_id in person_ids:
        supersede_duplicates(person_id, by=by, at=at)


def _restore_seat(row: Enrolment, *, by: Actor, at: datetime) -> None:
    """A seat for a row that speaks again, and the old position in the line where none is left."""
    country_id = country_id_of(canonical(row.person_id), day_of(at))
    person_id = row.person_id
    kind = seats.take_seat(
        row.series_id, country_id=country_id, person_id=person_id, why=SeatReason.RESTORED, by=by, at=at
    )
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
