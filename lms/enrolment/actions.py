"""Enrolling, withdrawing, promoting. Every action first locks the series, so that nobody counts seats meanwhile."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select

from lms.catalogue.models import Series
from lms.catalogue.queries import get_series_by_id
from lms.core import audit
from lms.core.bulk import among, insert_many
from lms.core.cache_versions import touch
from lms.core.db import action, db, one_at_a_time
from lms.core.errors import Forbidden, Invalid, Refused
from lms.core.i18n import _, _n
from lms.core.imports import ImportAnswer
from lms.core.limits import addresses_per_day
from lms.core.roles import SYSTEM, Actor
from lms.enrolment import notices, rules, seats
from lms.enrolment.models import (
    REGISTRATIONS,
    Enrolment,
    EnrolmentSource,
    EnrolmentSpan,
    EnrolmentStatus,
    SeatKind,
    SeatReason,
    SupersededEnrolment,
)
from lms.enrolment.queries.people import duplicates_of, list_of_person
from lms.enrolment.queries.rows import day_of, find_enrolment, get_enrolment, standing_of
from lms.enrolment.queries.series import is_over
from lms.enrolment.queries.sharing import known_to
from lms.enrolment.seats import HeldSeat
from lms.people.actions.files import StagedPeople, publish_people
from lms.people.actions.persons import checked_profile, create_person, hold_addresses
from lms.people.models import Country, Person, new_public_id
from lms.people.queries.countries import countries_of, country_id_of, get_country
from lms.people.queries.persons import canonical, find_person_by_email
from lms.people.rules import checked_address

ATTEMPT = "enrolment.by_address"
"""What the audit calls an attempt to enrol somebody by the address."""


def lock(series_id: int, by: Actor, at: datetime) -> Series:
    """The series as `seats.lock` gives it, where the actor may see it."""
    seats.lock(series_id, at=at)
    return get_series_by_id(series_id, by=by)


@action
def enrol(
    series_id: int,
    person_id: int,
    *,
    by: Actor,
    at: datetime,
    source: EnrolmentSource | None = None,
    seat: HeldSeat | None = None,
) -> Enrolment:
    """Enrols a person in a series: with a place, on the waiting list or, by the person, perhaps as an application.

    Who is in already stays as is. Who comes back joins the end of the line. `seat`: one is held for the
    person already; of two seats the held one is given back. Who may come by `NOMINATION` was decided with the
    nomination. Raises Forbidden, Refused.
    """
    series = lock(series_id, by, at)
    person_id = canonical(person_id)
    if source is None:
        source = EnrolmentSource.SELF if by.person_id == person_id else EnrolmentSource.STAFF
    nominated = source is EnrolmentSource.NOMINATION
    own = source is EnrolmentSource.SELF and by.person_id == person_id
    country_id = country_id_of(person_id, day_of(at))
    if not (own or nominated):
        rules.check_can_move(series, by, country_id)
    row = find_enrolment(series_id, person_id)
    accepts = own or (nominated and by.person_id == person_id)
    shares = rules.shares_profile(by, country_id, own=accepts) or bool(known_to([person_id], by))
    if row is not None and shares:
        share_profile(row, at=at)
    if row is not None and _stays(row, own=own, has_seat=seat is not None):
        _give_back_second(row, seat, by=by, at=at)
        return row
    if not nominated:
        _check_may_enter(series, row, country_id, own=own, by=by)
    if row is None:
        row = _insert(series_id, person_id, country_id, source, at)
        if shares:
            share_profile(row, at=at)
    elif row.status not in rules.ACTIVE:
        _come_back(row, at)
    if rules.wants_decision(series, source):
        row.status = EnrolmentStatus.APPLIED
    else:
        _seat(row, country_id, seat, by=by, at=at)
    audit.record("enrolment.enrol", by=by, at=at, series=series_id, person=person_id)
    db.session.flush()
    notices.tell_state(row, series, by=by, at=at)
    return row


def _stays(row: Enrolment, *, own: bool, has_seat: bool) -> bool:
    """Whether an enrolment stays as it is when its person is enrolled once more, perhaps with a seat that is held."""
    if row.status is EnrolmentStatus.WAITLISTED:
        return not has_seat
    return row.status is EnrolmentStatus.ENROLLED or (row.status is EnrolmentStatus.APPLIED and own)


def _check_may_enter(series: Series, row: Enrolment | None, country_id: int | None, *, own: bool, by: Actor) -> None:
    """Raises Refused where the series does not admit the person, who has the enrolment `row` already or none."""
    if own:
        rules.check_can_enrol_oneself(series, is_over=is_over(series.id))
    if own or not rules.is_staff_of(series, by):
        rules.check_is_for_country(series, country_id)
    if own and row is not None:
        rules.check_can_come_back(row.status)


def share_profile(row: Enrolment, *, at: datetime) -> None:
    """Shows the person's profile to the staff of the series from now on, inside the running action."""
    if row.profile_shared_at is None:
        row.profile_shared_at = at


def share_own_profile(series_id: int, *, by: Actor, at: datetime) -> None:
    """As `share_profile`, for the actor who takes part in a series, where there is a row."""
    row = find_enrolment(series_id, by.person_id) if by.person_id is not None else None
    if row is not None:
        share_profile(row, at=at)


def _insert(series_id: int, person_id: int, country_id: int | None, source: EnrolmentSource, at: datetime) -> Enrolment:
    """A row without a place yet. One a (series, person) holds whatever happens beside us."""
    values = {
        "public_id": new_public_id(),
        "series_id": series_id,
        "person_id": person_id,
        "status": EnrolmentStatus.WAITLISTED,
        "source": source,
        "registered_at": at,
        "registered_country_id": country_id,
        "queued_at": at,
        "profile_shared_at": None,
    }
    _insert_rows([values])
    query = select(Enrolment).where(Enrolment.series_id == series_id, Enrolment.person_id == person_id)
    return db.session.scalars(query).one()


def _insert_rows(rows: list[dict[str, object]]) -> None:
    insert_many(Enrolment.__table__, rows, unless=("series_id", "person_id"))
    touch(REGISTRATIONS, {int(str(row["series_id"])) for row in rows})


def _come_back(row: Enrolment, at: datetime) -> None:
    """Puts somebody who had left at the end of the line, and keeps the time in which a place was held."""
    _keep_span(row)
    row.queued_at, row.enrolled_at, row.withdrawn_at = at, None, None


def _keep_span(row: Enrolment) -> None:
    if row.enrolled_at is not None and row.withdrawn_at is not None and row.withdrawn_at > row.enrolled_at:
        db.session.add(EnrolmentSpan(enrolment_id=row.id, since=row.enrolled_at, until=row.withdrawn_at))


def _seat(row: Enrolment, country_id: int | None, held: HeldSeat | None, *, by: Actor, at: datetime) -> None:
    """A place by the seat that is held, or while there is one, else the waiting list."""
    if held is None:
        kind = seats.take_seat(
            row.series_id,
            country_id=country_id,
            person_id=row.person_id,
            why=SeatReason.ENROLLED,
            by=by,
            at=at,
            by_hand=row.source in {EnrolmentSource.STAFF, EnrolmentSource.FILE},
        )
    else:
        kind, country_id = held
        seats.hand_over(row.series_id, held, person_id=row.person_id, by=by, at=at)
    if kind is None:
        row.status = EnrolmentStatus.WAITLISTED
    else:
        seats.seat(row, kind, country_id, at=at)
        seats.publish_places(row.series_id, [row.person_id], by=by, at=at)


def _give_back_second(row: Enrolment, held: HeldSeat | None, *, by: Actor, at: datetime) -> None:
    """Passes on the seat that is held for somebody who has one already."""
    if held is not None:
        seats.give_back(
            row.series_id,
            kind=held.kind,
            country_id=held.country_id,
            person_id=row.person_id,
            why=SeatReason.ACCEPTED,
            by=by,
            at=at,
            held=True,
        )


@action
def withdraw(series_id: int, person_id: int, *, by: Actor, at: datetime) -> Enrolment:
    """Gives up a person's place, wait or application; a freed place goes to the next in line.

    Who has withdrawn already stays so. Raises Forbidden, Refused (nothing to give up).
    """
    series = lock(series_id, by, at)
    person_id = canonical(person_id)
    if by.person_id != person_id:
        rules.check_can_move(series, by, country_id_of(person_id, day_of(at)))
    row = find_enrolment(series_id, person_id)
    if row is None:
        raise Refused(_("You are not enrolled in this series."))
    if row.status is not EnrolmentStatus.WITHDRAWN:
        rules.check_can_withdraw(row.status)
        leave(row, series, by=by, at=at)
        audit.record("enrolment.withdraw", by=by, at=at, series=series_id, person=person_id)
        notices.tell_state(row, series, by=by, at=at)
    return row


def leave(row: Enrolment, series: Series, *, by: Actor, at: datetime, why: SeatReason = SeatReason.WITHDRAWN) -> None:
    """Withdraws a row of the locked series and promotes the next in line, within the running action."""
    held = row.status is EnrolmentStatus.ENROLLED
    kind, country_id = row.seat_kind or SeatKind.OPEN, row.seat_country_id
    row.status, row.withdrawn_at, row.seat_kind, row.seat_country_id = EnrolmentStatus.WITHDRAWN, at, None, None
    db.session.flush()
    if held:
        seats.give_back(series.id, kind=kind, country_id=country_id, person_id=row.person_id, why=why, by=by, at=at)


@action
def set_status(public_id: str, status: EnrolmentStatus, *, by: Actor, at: datetime, reason: str = "") -> Enrolment:
    """Moves somebody: admits (or lets back in), rejects an application, withdraws. The same state again is no change.

    A person may withdraw and come back by the own hand. Who is rejected reads the `reason`, if there is one.
    Raises NotFound, Forbidden, Refused.
    """
    row = get_enrolment(public_id, by=by, at=at)
    series = lock(row.series_id, by, at)
    db.session.refresh(row)
    person_id = canonical(row.person_id)
    own = by.person_id == person_id
    if not rules.may_move(series, by, country_id_of(person_id, day_of(at))):
        if not own:
            raise Forbidden
        if status in {EnrolmentStatus.APPLIED, EnrolmentStatus.REJECTED}:
            raise Forbidden
        if row.status is EnrolmentStatus.APPLIED and status is EnrolmentStatus.ENROLLED:
            raise Forbidden(_("The organiser decides on applications."))
    if row.status is status:
        if own and status is EnrolmentStatus.ENROLLED:
            share_profile(row, at=at)
        return row
    if status is EnrolmentStatus.WITHDRAWN:
        return withdraw(row.series_id, person_id, by=by, at=at)
    rules.check_can_set(row, status)
    if status is EnrolmentStatus.ENROLLED:
        by_own_hand = own and not rules.is_staff_of(series, by)
        source = EnrolmentSource.SELF if by_own_hand else EnrolmentSource.STAFF
        return enrol(row.series_id, person_id, by=by, at=at, source=source)
    row.status = status
    audit.record("enrolment.reject", by=by, at=at, series=row.series_id, person=person_id)
    db.session.flush()
    notices.tell_state(row, series, by=by, at=at, reason=reason)
    return row


@action
def enrol_many(
    series_id: int, person_ids: Sequence[int], *, source: EnrolmentSource, by: Actor, at: datetime
) -> dict[int, EnrolmentStatus]:
    """Brings many in at once, without mail; returns where each of them stands now.

    Places are given in the order of `person_ids`; who finds none waits, in this order. A walk-in who finds no
    place is not put in line: who was no row is then missing in the answer. Who withdrew or was rejected stays so;
    only a walk-in comes back by turning up, and leaves an application undecided.
    """
    series = lock(series_id, by, at)
    if not rules.is_staff_of(series, by):
        raise Forbidden
    walk_in = source is EnrolmentSource.WALK_IN
    wanted = list(dict.fromkeys(person_ids))
    standing = standing_of(series_id, wanted)
    comes = EnrolmentStatus.WITHDRAWN if walk_in else EnrolmentStatus.APPLIED
    entering = [pid for pid in wanted if pid not in standing or standing[pid][1] is comes]
    rows = {pid: db.session.get_one(Enrolment, standing[pid][0]) for pid in entering if pid in standing}
    countries = countries_of(entering, day_of(at))
    claims = [seats.Claim(rows[pid].person_id if pid in rows else pid, countries[pid]) for pid in entering]
    kinds = seats.take_seats(series_id, claims, why=SeatReason.ENROLLED, by=by, at=at, by_hand=not walk_in)
    seated = {pid: kind for pid, kind in zip(entering, kinds, strict=True) if kind is not None}
    staying = [pid for pid in entering if pid in seated or not walk_in]
    now = {pid: status for pid, (_row_id, status) in standing.items()}
    shared = set(staying) if by.is_administrator else known_to(staying, by)
    new: list[dict[str, object]] = []
    for index, pid in enumerate(staying):
        now[pid] = EnrolmentStatus.ENROLLED if pid in seated else EnrolmentStatus.WAITLISTED
        kind = seated.get(pid)
        if pid in rows:
            row = rows[pid]
            if row.status is EnrolmentStatus.WITHDRAWN:
                _come_back(row, at)
            row.status = now[pid]
            if kind is not None:
                seats.seat(row, kind, countries[pid], at=at)
            if pid in shared:
                share_profile(row, at=at)
            continue
        new.append(
            {
                "public_id": new_public_id(),
                "series_id": series_id,
                "person_id": pid,
                "status": now[pid],
                "source": source,
                "registered_at": at,
                "registered_country_id": countries.get(pid),
                "queued_at": at + timedelta(microseconds=index),  # apart, so that the line keeps the order given
                "enrolled_at": at if kind is not None else None,
                "profile_shared_at": at if pid in shared else None,
                "seat_kind": kind,
                "seat_country_id": countries[pid] if kind is SeatKind.QUOTA else None,
            }
        )
    _insert_rows(new)
    seats.publish_places(series_id, sorted(seated), by=by, at=at)
    if staying:
        audit.record("enrolment.enrol_many", by=by, at=at, detail={"source": source}, series=series_id, person=staying)
    return now


def enrol_by_address(
    series_id: int,
    email: str,
    *,
    full_name: str | None = None,
    country: str | None = None,
    profile: Mapping[str, Any] | None = None,
    by: Actor,
    at: datetime,
) -> Enrolment:
    """Staff or a focal point enrol one person by the address.

    Somebody new is made with the name and country (a code; a focal point's own unless given). What is known of a
    person stays as it is. An administrator and a focal point may leave the name out for somebody known. An instructor
    may for somebody whose profile the instructor sees in an own series; for all others the same is asked, checked and
    answered whether or not anybody has the address.

    Attempts count against the limit of a day, also those that fail. Raises Forbidden, Refused; Invalid with the field.
    """
    _count_attempt(series_id, by=by, at=at)
    return _enrol_by_address(
        series_id, email, full_name=full_name, country=country, profile=profile or {}, by=by, at=at
    )


@action
def _count_attempt(series_id: int, *, by: Actor, at: datetime) -> None:
    """Notes that somebody tries to enrol a person by the address; Refused above the limit of 24 hours.

    Counted in the audit, which all processes share. Administrators are exempt, and everybody in a demonstration.
    """
    limit = addresses_per_day()
    if by.is_administrator or limit is None:
        return
    one_at_a_time(f"enrolment.by_address.{by.person_id}")
    series = get_series_by_id(series_id, by=by)
    if not (rules.is_staff_of(series, by) or by.is_focal_point):
        rules.check_can_move(series, by, None)
    if audit.count_acts(ATTEMPT, by=by, since=at - timedelta(days=1)) >= limit:
        raise Refused(
            _n(
                "You can enrol %(num)s person by e-mail address within 24 hours. Try again tomorrow, or ask an "
                "administrator to import a file.",
                "You can enrol %(num)s people by e-mail address within 24 hours. Try again tomorrow, or ask an "
                "administrator to import a file.",
                limit,
            )
        )
    audit.record(ATTEMPT, by=by, at=at, series=series_id)


@action
def _enrol_by_address(
    series_id: int,
    email: str,
    *,
    full_name: str | None,
    country: str | None,
    profile: Mapping[str, Any],
    by: Actor,
    at: datetime,
) -> Enrolment:
    hold_addresses()
    series = lock(series_id, by, at)
    is_staff = rules.is_staff_of(series, by)
    if not (is_staff or by.is_focal_point):
        rules.check_can_move(series, by, None)
    address = checked_address(email)
    person = find_person_by_email(address)
    if is_staff and not by.is_administrator and not (person is not None and _is_known(series_id, person.id, by)):
        if not full_name:
            raise Invalid("full_name", _("Enter the full name too."))
        checked_profile({"full_name": full_name, **profile})
        if country:
            get_country(country)
    if person is None:
        if not full_name:
            raise Invalid("full_name", _("There is no one with this e-mail address yet. Enter the full name too."))
        if not country and not rules.is_staff_of(series, by) and len(by.country_ids) == 1:
            country = db.session.get_one(Country, next(iter(by.country_ids))).code
        rules.check_can_move(series, by, get_country(country).id if country else None)
        person = create_person(full_name=full_name, email=address, country_code=country, by=by, at=at, **profile)
    return enrol(series_id, person.id, by=by, at=at, source=EnrolmentSource.STAFF)


def _is_known(series_id: int, person_id: int, by: Actor) -> bool:
    """Whether an instructor sees this person's profile already, or has the address on the series' list."""
    return find_enrolment(series_id, person_id) is not None or bool(known_to([person_id], by))


@action
def publish_enrolments(
    series_id: int, staged: StagedPeople, *, skip_bad_rows: bool, by: Actor, at: datetime
) -> ImportAnswer:
    """Makes and updates the people of a file, and enrols them at once, without invitation or mail.

    `created` counts new places, `updated` rows whose person or place changed, `unchanged` the others. Who withdrew
    or was rejected stays so, which a note says. Without `skip_bad_rows` one bad row makes it Invalid, with all of
    them, and nothing is written. For administrators.
    """
    if not by.is_administrator:
        raise Forbidden
    answer, person_ids = publish_people(staged, skip_bad_rows=skip_bad_rows, by=by, at=at)
    before = standing_of(series_id, person_ids)
    after = enrol_many(series_id, person_ids, source=EnrolmentSource.FILE, by=by, at=at)
    changed = {pid for pid, (_row, status) in before.items() if after[pid] is not status} | answer.touched
    answer.created = sum(1 for pid in after if pid not in before)
    answer.updated = sum(1 for pid in before if pid in changed)
    answer.unchanged = len(before) - answer.updated
    waiting = sum(1 for pid, status in after.items() if pid not in before and status is EnrolmentStatus.WAITLISTED)
    out = sum(1 for status in after.values() if status not in rules.ACTIVE)
    if waiting:
        said = _n("%(num)s person is on the waiting list.", "%(num)s people are on the waiting list.", waiting)
        answer.notes.append(said)
    if out:
        said = _n(
            "%(num)s person withdrew from this series or was rejected before, and was not enrolled. Ask them first.",
            "%(num)s people withdrew from this series or were rejected before, and were not enrolled. Ask them first.",
            out,
        )
        answer.notes.append(said)
    return answer


@action
def supersede_duplicates(person_id: int, *, by: Actor, at: datetime) -> None:
    """After a merge: of several rows of one person in a series one speaks on, the others give up what they held.

    The best goes on speaking (a place before a wait, then the longer wait). `restore_superseded` undoes it.
    """
    for rows in duplicates_of(person_id):
        series = lock(rows[0].series_id, SYSTEM, at)
        kept = rules.best(rows)
        for row in rows:
            if row is kept:
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
        _keep_span(row)
        row.status, row.enrolled_at = EnrolmentStatus.WAITLISTED, None
    else:
        row.seat_kind, row.seat_country_id = kind, country_id if kind is SeatKind.QUOTA else None


@action
def leave_all(person_id: int, *, by: Actor, at: datetime) -> None:
    """An erased person waits for nothing and holds no place in a series that goes on; nobody is told.

    Places in series that are over stay as they are: totals and rosters do not change.
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
