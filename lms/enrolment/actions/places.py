"""Enrols one person, withdraws one, decides on one. Every action first locks the series."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import select

from lms.catalogue.models import Series
from lms.catalogue.queries.series import complete_if_seen
from lms.core.base.errors import Forbidden, Refused
from lms.core.base.events import EnrolmentAnswersAsked, RequirementAsked, publish
from lms.core.base.roles import SYSTEM, Actor
from lms.core.database import audit
from lms.core.database.bulk import insert_many
from lms.core.database.cache_versions import touch
from lms.core.database.session import action, db
from lms.core.text.i18n import _
from lms.enrolment import notices, rules, seats
from lms.enrolment.models import (
    REGISTRATIONS,
    Enrolment,
    EnrolmentSource,
    EnrolmentSpan,
    EnrolmentStatus,
    SeatKind,
    SeatReason,
)
from lms.enrolment.queries.rows import day_of, find_enrolment, get_enrolment
from lms.enrolment.queries.series import is_over
from lms.enrolment.queries.sharing import known_to
from lms.enrolment.seats import HeldSeat
from lms.people.models import new_public_id
from lms.people.queries.countries import country_id_of
from lms.people.queries.persons import canonical


def lock(series_id: int, by: Actor, at: datetime) -> Series:
    """The series as `seats.lock` gives it, where the actor may see it."""
    return complete_if_seen(seats.lock(series_id, at=at), by=by)


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

    People already enrolled are left unchanged; returning people join the end of the waiting list. `seat`: a seat that
    is held for the person; it is given back if the person has another one. Enrolment by `NOMINATION` is not checked
    again. Only who enrols by themselves has to answer the organiser's questions first. Raises Forbidden, Refused.
    """
    series = lock(series_id, by, at)
    person_id = canonical(person_id)
    if source is None:
        source = EnrolmentSource.SELF if by.person_id == person_id else EnrolmentSource.STAFF
    nominated = source is EnrolmentSource.NOMINATION
    by_oneself = source is EnrolmentSource.SELF and by.person_id == person_id
    country_id = country_id_of(person_id, day_of(at))
    if not (by_oneself or nominated):
        rules.check_can_move(series, by, country_id)
    row = find_enrolment(series_id, person_id)
    accepts = by_oneself or (nominated and by.person_id == person_id)
    shares = rules.shares_profile(by, country_id, is_self=accepts) or bool(known_to([person_id], by))
    if row is not None and shares:
        share_profile(row, at=at)
    if row is not None and _stays(row, by_oneself=by_oneself, has_seat=seat is not None):
        _give_back_second(row, series, seat, by=by, at=at)
        return row
    if not nominated:
        _check_may_enter(series, row, country_id, by_oneself=by_oneself, by=by, at=at)
    if row is None:
        row = _insert(series_id, person_id, country_id, source, at, shared_at=at if shares else None)
    elif row.status not in rules.ACTIVE:
        come_back(row, required_now(series_id, at), at)
    if rules.wants_decision(series, source):
        row.status = EnrolmentStatus.APPLIED
    else:
        _seat(row, series, country_id, seat, by=by, at=at)
    audit.record("enrolment.enrol", by=by, at=at, series=series_id, person=person_id)
    db.session.flush()
    notices.tell_state(row, series, person_id=person_id, by=by, at=at)
    return row


@action
def enrol_oneself(series_id: int, *, by: Actor, at: datetime) -> tuple[EnrolmentStatus, bool]:
    """As `enrol`, of the actor; returns their status, and whether they accepted a place that somebody else gave them.

    Raises as `enrol`.
    """
    row = enrol(series_id, by.person_id or 0, by=by, at=at)
    return row.status, row.profile_shared_at == at and row.queued_at < at


def _stays(row: Enrolment, *, by_oneself: bool, has_seat: bool) -> bool:
    """Whether an enrolment stays as it is when its person is enrolled once more, perhaps with a seat that is held."""
    if row.status is EnrolmentStatus.WAITLISTED:
        return not has_seat
    return row.status is EnrolmentStatus.ENROLLED or (row.status is EnrolmentStatus.APPLIED and by_oneself)


def _check_may_enter(
    series: Series, row: Enrolment | None, country_id: int | None, *, by_oneself: bool, by: Actor, at: datetime
) -> None:
    """Raises Refused where the series does not admit the person, who has the enrolment `row` already or none, and where
    the person has not answered what the organiser requires."""
    if by_oneself:
        rules.check_can_enrol_oneself(series, is_over=is_over(series.id))
    if by_oneself or not rules.is_staff_of(series, by):
        rules.check_is_for_country(series, country_id)
    if by_oneself and row is not None:
        rules.check_can_come_back(row.status)
    if by_oneself and find_open_questions(series.id, by.person_id or 0, by=by, at=at).missing:
        raise Refused(_("Answer the organiser’s questions first."))


def find_open_questions(series_id: int, person_id: int, *, by: Actor, at: datetime) -> EnrolmentAnswersAsked:
    """The organiser's questions to somebody who enrols by themselves that are not answered."""
    question = EnrolmentAnswersAsked(series_id=series_id, person_id=person_id, by=by, at=at)
    publish(question)
    return question


def share_profile(row: Enrolment, *, at: datetime) -> None:
    """Shows the person's profile to the staff of the series from now on, inside the running action."""
    if row.profile_shared_at is None:
        row.profile_shared_at = at


def share_own_profile(series_id: int, *, by: Actor, at: datetime) -> None:
    """As `share_profile`, for the actor who takes part in a series, where there is a row."""
    row = find_enrolment(series_id, by.person_id) if by.person_id is not None else None
    if row is not None:
        share_profile(row, at=at)


def _insert(
    series_id: int,
    person_id: int,
    country_id: int | None,
    source: EnrolmentSource,
    at: datetime,
    *,
    shared_at: datetime | None,
) -> Enrolment:
    """A row without a place yet. One for each (series, person), also with concurrent requests."""
    values: dict[str, object] = {
        "public_id": new_public_id(),
        "series_id": series_id,
        "person_id": person_id,
        "status": EnrolmentStatus.WAITLISTED,
        "source": source,
        "registered_at": at,
        "registered_country_id": country_id,
        "queued_at": at,
        "profile_shared_at": shared_at,
        **required_now(series_id, at),
    }
    insert_rows([values])
    query = select(Enrolment).where(Enrolment.series_id == series_id, Enrolment.person_id == person_id)
    return db.session.scalars(query).one()


def insert_rows(rows: list[dict[str, object]]) -> None:
    """Inserts enrolments, inside the running action; who has one in the series keeps it."""
    insert_many(Enrolment.__table__, rows, unless=("series_id", "person_id"))
    touch(REGISTRATIONS, {int(str(row["series_id"])) for row in rows})


def required_now(series_id: int, at: datetime) -> dict[str, int | None]:
    """Returns what the certificate of a series requires now, as columns of an enrolment: null, and no checks
    or feedback, where it issues none."""
    question = RequirementAsked(series_id=series_id, by=SYSTEM, at=at)
    publish(question)
    required: dict[str, int | None] = {
        f"required_{name}": question.required.get(name) for name in ("lectures", "minutes", "percent")
    }
    return required | {f"required_{name}": question.required.get(name, 0) for name in ("checks", "feedback")}


def come_back(row: Enrolment, required: Mapping[str, int | None], at: datetime) -> None:
    """Puts a returning person at the end of the waiting list, and keeps the time in which a place was held.

    `required` is as from `required_now`.
    """
    keep_span(row)
    for column, number in required.items():
        setattr(row, column, number)
    row.queued_at, row.enrolled_at, row.withdrawn_at = at, None, None
    row.calendar_changes += 1


def keep_span(row: Enrolment) -> None:
    """Keeps the time in which a place was held, inside the running action."""
    if row.enrolled_at is not None and row.withdrawn_at is not None and row.withdrawn_at > row.enrolled_at:
        db.session.add(EnrolmentSpan(enrolment_id=row.id, since=row.enrolled_at, until=row.withdrawn_at))


def _seat(
    row: Enrolment, series: Series, country_id: int | None, held: HeldSeat | None, *, by: Actor, at: datetime
) -> None:
    """A place by the seat that is held, or while there is one, else the waiting list."""
    if held is None:
        kind = seats.take_seat(
            series,
            country_id=country_id,
            person_id=row.person_id,
            why=SeatReason.ENROLLED,
            by=by,
            at=at,
            by_hand=row.source in {EnrolmentSource.STAFF, EnrolmentSource.FILE},
        )
    else:
        kind, country_id = held
        seats.hand_over(series, held, person_id=row.person_id, by=by, at=at)
    if kind is None:
        row.status = EnrolmentStatus.WAITLISTED
    else:
        seats.seat(row, kind, country_id, at=at)
        seats.publish_places(row.series_id, [row.person_id], by=by, at=at)


def _give_back_second(row: Enrolment, series: Series, held: HeldSeat | None, *, by: Actor, at: datetime) -> None:
    """Passes on the seat that is held for somebody who has one already."""
    if held is not None:
        seats.give_back(
            series,
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

    Who has withdrawn already stays so. Raises Forbidden, Refused (nothing to give up, or the series is over).
    """
    series = lock(series_id, by, at)
    person_id = canonical(person_id)
    if by.person_id != person_id:
        rules.check_can_move(series, by, country_id_of(person_id, day_of(at)))
    row = find_enrolment(series_id, person_id)
    if row is None:
        raise Refused(_("You are not enrolled in this series."))
    if row.status is not EnrolmentStatus.WITHDRAWN:
        rules.check_can_withdraw(row.status, is_over=is_over(series_id))
        leave(row, series, by=by, at=at)
        audit.record("enrolment.withdraw", by=by, at=at, series=series_id, person=person_id)
        notices.tell_state(row, series, person_id=person_id, by=by, at=at)
    return row


def leave(row: Enrolment, series: Series, *, by: Actor, at: datetime, why: SeatReason = SeatReason.WITHDRAWN) -> None:
    """Withdraws a row of the locked series and promotes the next in line, within the running action."""
    held = row.status is EnrolmentStatus.ENROLLED
    kind, country_id = row.seat_kind or SeatKind.OPEN, row.seat_country_id
    row.status, row.withdrawn_at, row.seat_kind, row.seat_country_id = EnrolmentStatus.WITHDRAWN, at, None, None
    row.calendar_changes += 1
    db.session.flush()
    if held:
        seats.give_back(series, kind=kind, country_id=country_id, person_id=row.person_id, why=why, by=by, at=at)


@action
def set_status(public_id: str, status: EnrolmentStatus, *, by: Actor, at: datetime, reason: str = "") -> Enrolment:
    """Moves somebody: admits (or lets back in), rejects an application, withdraws. The same state again is no change.

    People may withdraw and return by themselves. Rejected people read the `reason`, if there is one.
    Raises NotFound, Forbidden, Refused.
    """
    row = get_enrolment(public_id, by=by, at=at)
    series = lock(row.series_id, by, at)
    db.session.refresh(row)
    person_id = canonical(row.person_id)
    by_oneself = by.person_id == person_id
    if not rules.may_move(series, by, country_id_of(person_id, day_of(at))):
        if not by_oneself:
            raise Forbidden
        if status in {EnrolmentStatus.APPLIED, EnrolmentStatus.REJECTED}:
            raise Forbidden
        if row.status is EnrolmentStatus.APPLIED and status is EnrolmentStatus.ENROLLED:
            raise Forbidden(_("The organiser decides on applications."))
    if row.status is status:
        if by_oneself and status is EnrolmentStatus.ENROLLED:
            share_profile(row, at=at)
        return row
    if status is EnrolmentStatus.WITHDRAWN:
        return withdraw(row.series_id, person_id, by=by, at=at)
    rules.check_can_set(row, status)
    if status is EnrolmentStatus.ENROLLED:
        by_own_hand = by_oneself and not rules.is_staff_of(series, by)
        source = EnrolmentSource.SELF if by_own_hand else EnrolmentSource.STAFF
        return enrol(row.series_id, person_id, by=by, at=at, source=source)
    row.status = status
    audit.record("enrolment.reject", by=by, at=at, series=row.series_id, person=person_id)
    db.session.flush()
    notices.tell_state(row, series, person_id=person_id, by=by, at=at, reason=reason)
    return row
