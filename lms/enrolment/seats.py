"""Seats of a series: drawn, reserved for countries, returned and passed on, each with an entry in the ledger.

Everything here works inside the caller's action on a series that `lock` has returned in it, so that nobody counts its
seats at the same time.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, func, select, update

from lms.catalogue.models import ReleaseRule, Series
from lms.core.base.events import PlacesTaken, publish
from lms.core.base.roles import SYSTEM, Actor
from lms.core.database import audit
from lms.core.database.bulk import chunks, insert_many
from lms.core.database.session import action, db
from lms.enrolment import notices
from lms.enrolment.models import CountryQuota, Enrolment, EnrolmentStatus, SeatEntry, SeatKind, SeatReason
from lms.enrolment.queries.rows import country_on, day_of, speaking
from lms.enrolment.queries.seats import kept_seats
from lms.enrolment.queries.series import is_over

A_ROUND = 3
"""The number of seats that a country gets in each round of a release."""


class Claim(NamedTuple):
    """A claim to a seat: a person (null for a nominee who is not yet one), of a country, since when they wait, and the
    id of their nomination.
    """

    person_id: int | None
    country_id: int | None
    waited_since: datetime | None = None
    nominee: str | None = None


class HeldSeat(NamedTuple):
    """A seat that is held for a nominee: how it was got, and of whose quota."""

    kind: SeatKind
    country_id: int | None


def lock(series_id: int, *, at: datetime) -> Series:
    """The series as it is committed now, held against everybody else until the action ends.

    Quotas that have lapsed are released first, so that a late job changes nothing of who gets which seat.
    """
    query = select(Series).where(Series.id == series_id).with_for_update(key_share=True)
    series = db.session.scalars(query.execution_options(populate_existing=True)).one()
    if series.reserved:
        release_due(series_id, at=at)
    return series


def take_seat(
    series: Series,
    *,
    country_id: int | None,
    person_id: int | None,
    why: SeatReason,
    by: Actor,
    at: datetime,
    only_quota: bool = False,
    by_hand: bool = False,
) -> SeatKind | None:
    """Draws one seat of the locked series: of the country's quota while it has one, else of those for everybody; None
    where none is left.

    `only_quota`: of the country's quota or not at all. `by_hand`: a seat for everybody is given by staff. Why
    `nominated`: the seat is held until the nominee answers.
    """
    claims = [Claim(person_id, country_id)]
    return take_seats(series, claims, why=why, by=by, at=at, only_quota=only_quota, by_hand=by_hand)[0]


def take_seats(
    series: Series,
    claims: Sequence[Claim],
    *,
    why: SeatReason,
    by: Actor,
    at: datetime,
    only_quota: bool = False,
    by_hand: bool = False,
) -> list[SeatKind | None]:
    """As `take_seat`, for many in their order; says of each which seat it is."""
    if not claims:
        return []
    otherwise = None if only_quota else SeatKind.BY_HAND if by_hand else SeatKind.OPEN
    return _draw(series, claims, otherwise=otherwise, why=why, by=by, at=at)


def _draw(
    series: Series, claims: Sequence[Claim], *, otherwise: SeatKind | None, why: SeatReason, by: Actor, at: datetime
) -> list[SeatKind | None]:
    """Gives out seats of the locked series: of the claim's country, or `otherwise` of those for everybody."""
    quota_seats = kept_seats(series.id) if series.reserved else {}
    left, open_seats = dict(quota_seats), series.open_seats
    drawn: list[SeatKind | None] = []
    for claim in claims:
        kind = otherwise if open_seats is None or open_seats > 0 else None
        if claim.country_id is not None and left.get(claim.country_id, 0) > 0:
            kind = SeatKind.QUOTA
            left[claim.country_id] -= 1
        elif kind is not None and open_seats is not None:
            open_seats -= 1
        drawn.append(kind)
    won = [(claim, kind) for claim, kind in zip(claims, drawn, strict=True) if kind is not None]
    if not won:
        return drawn
    used = {
        country_id: number - left[country_id] for country_id, number in quota_seats.items() if number > left[country_id]
    }
    for country_id, number in sorted(used.items()):
        _use(series.id, country_id, number)
    held = len(won) if why is SeatReason.NOMINATED else 0
    _change(series, taken=len(won), held=held, reserved=-sum(used.values()))
    _enter(
        series.id,
        [
            _entry(
                1,
                kind,
                why,
                claim.country_id,
                claim.person_id,
                waited_since=claim.waited_since,
                nominee=claim.nominee,
            )
            for claim, kind in won
        ],
        by=by,
        at=at,
    )
    return drawn


def hand_over(series: Series, held: HeldSeat, *, person_id: int, by: Actor, at: datetime) -> None:
    """Makes the seat of the locked series that was held for a nominee the seat of a person who accepted."""
    _change(series, held=-1)
    _enter(series.id, [_entry(0, held.kind, SeatReason.ACCEPTED, held.country_id, person_id)], by=by, at=at)


def give_back(
    series: Series,
    *,
    kind: SeatKind,
    country_id: int | None,
    person_id: int | None,
    why: SeatReason,
    by: Actor,
    at: datetime,
    held: bool = False,
    nominee: str | None = None,
) -> None:
    """Gives one seat of the locked series back and passes it on: within a quota that is still kept to the first of that
    country who waits, else to the first of all. `held`: it was held for a nominee; `nominee`: by this nomination."""
    reserved = 0
    if kind is SeatKind.QUOTA and country_id is not None:
        release_due(series.id, at=at)
        _use(series.id, country_id, -1)
        quota = find_quota(series.id, country_id)
        reserved = 1 if quota is not None and quota.is_kept(at) else 0
    _change(series, taken=-1, held=-1 if held else 0, reserved=reserved)
    _enter(series.id, [_entry(-1, kind, why, country_id, person_id, nominee=nominee)], by=by, at=at)
    promote_in(series, by=by, at=at)


@action
def promote(series_id: int, *, by: Actor, at: datetime) -> list[Enrolment]:
    """Locks a series and does as `promote_in`."""
    return promote_in(lock(series_id, at=at), by=by, at=at)


def promote_in(series: Series, *, by: Actor, at: datetime) -> list[Enrolment]:
    """Gives free seats of the locked series to waiting people; returns who won one. They are notified, unless the
    series is over.

    Reserved seats go to people of their country, all others to everyone, in the order of the waiting list.
    """
    return _promote(series, rule=ReleaseRule.FIRST_COME, kind=SeatKind.OPEN, by=by, at=at)


def _promote(series: Series, *, rule: ReleaseRule, kind: SeatKind, by: Actor, at: datetime) -> list[Enrolment]:
    chosen = _of_quotas(series, at) if series.reserved else {}
    if series.open_seats != 0:
        limit = None if series.open_seats is None else series.open_seats + len(chosen)
        line = read_line(series.id, rule, limit=limit, at=at)
        others = [(row_id, claim) for row_id, claim in line.items() if row_id not in chosen]
        chosen |= dict(others if series.open_seats is None else others[: series.open_seats])
    if not chosen:
        return []
    why = SeatReason.RELEASED if kind is SeatKind.RELEASED else SeatReason.PROMOTED
    kinds = _draw(series, list(chosen.values()), otherwise=kind, why=why, by=by, at=at)
    seats = {row_id: (drawn, claim) for (row_id, claim), drawn in zip(chosen.items(), kinds, strict=True)}
    won: list[Enrolment] = []
    for some in chunks(seats, 500):
        won += db.session.scalars(select(Enrolment).where(Enrolment.id.in_(some)))
    won.sort(key=lambda row: (row.queued_at, row.id))
    for row in won:
        drawn, claim = seats[row.id]
        assert drawn is not None
        seat(row, drawn, claim.country_id, at=at)
    publish_places(series.id, [row.person_id for row in won], by=by, at=at)
    audit.record("enrolment.promote", by=by, at=at, series=series.id, person=[row.person_id for row in won])
    if not is_over(series.id):
        notices.tell_places_won(won, series, at=at)
    return won


def seat(row: Enrolment, kind: SeatKind, country_id: int | None, *, at: datetime) -> None:
    """Writes into the row that it has a seat from now on."""
    row.status, row.enrolled_at, row.seat_kind = EnrolmentStatus.ENROLLED, at, kind
    row.seat_country_id = country_id if kind is SeatKind.QUOTA else None


def publish_places(series_id: int, person_ids: Sequence[int], *, by: Actor, at: datetime) -> None:
    """Says that these people have a place from now on."""
    if person_ids:
        db.session.flush()
        publish(PlacesTaken(series_id=series_id, person_ids=tuple(person_ids), by=by, at=at))


def read_line(series_id: int, rule: ReleaseRule, *, limit: int | None, at: datetime) -> dict[int, Claim]:
    """The waiting people, by the row's id, in the order in which a rule gives out seats."""
    line = _line(series_id, at)
    order: list[ColumnElement[Any]] = [line.c.queued_at, line.c.id]
    if rule is ReleaseRule.ROUNDS:
        position = func.row_number().over(partition_by=line.c.country_id, order_by=(line.c.queued_at, line.c.id))
        order.insert(0, (position - 1) // A_ROUND)
    return _claims(select(line).order_by(*order).limit(limit))


def _of_quotas(series: Series, at: datetime) -> dict[int, Claim]:
    """The waiting people who get a seat reserved for their country."""
    quota_seats = kept_seats(series.id)
    line = _line(series.id, at)
    position = func.row_number().over(partition_by=line.c.country_id, order_by=(line.c.queued_at, line.c.id))
    ranked = select(line, position.label("position")).where(line.c.country_id.in_(quota_seats)).subquery()
    query = select(ranked.c.id, ranked.c.person_id, ranked.c.country_id, ranked.c.queued_at)
    query = query.where(ranked.c.position <= max(quota_seats.values())).order_by(ranked.c.queued_at, ranked.c.id)
    left, claims = dict(quota_seats), {}
    for row_id, claim in _claims(query).items():
        assert claim.country_id is not None
        if left[claim.country_id] > 0:
            left[claim.country_id] -= 1
            claims[row_id] = claim
    return claims


def _line(series_id: int, at: datetime) -> Any:
    columns = (Enrolment.id, Enrolment.person_id, country_on(day_of(at)).label("country_id"), Enrolment.queued_at)
    waits = (Enrolment.series_id == series_id, Enrolment.status == EnrolmentStatus.WAITLISTED)
    return speaking(*columns).where(*waits).subquery()


def _claims(query: Any) -> dict[int, Claim]:
    rows = db.session.execute(query)
    return {row_id: Claim(person_id, country_id, queued_at) for row_id, person_id, country_id, queued_at in rows}


def release_due(series_id: int, *, at: datetime, by: Actor = SYSTEM) -> int:
    """Releases the quotas of the locked series that have lapsed, and gives what they did not use to those who wait, by
    the rule of the series. Returns how many quotas were released."""
    query = select(CountryQuota).where(
        CountryQuota.series_id == series_id, CountryQuota.released_at.is_(None), CountryQuota.kept_until <= at
    )
    query = query.order_by(CountryQuota.country_id).execution_options(populate_existing=True)
    due = list(db.session.scalars(query))
    if not due:
        return 0
    series = db.session.get_one(Series, series_id)
    unused = {quota.country_id: quota.seats - quota.used for quota in due}
    for quota in due:
        quota.released_at = at
    db.session.flush()
    _change(series, reserved=-sum(unused.values()))
    entries = [
        _entry(0, SeatKind.QUOTA, SeatReason.QUOTA_RELEASED, country_id, None, number=number)
        for country_id, number in unused.items()
    ]
    _enter(series_id, entries, by=by, at=at)
    audit.record("seats.release", by=by, at=at, detail={"seats": sum(unused.values())}, series=series_id)
    _promote(series, rule=series.release_rule, kind=SeatKind.RELEASED, by=by, at=at)
    return len(due)


def set_kept(
    series: Series,
    sizes: Sequence[tuple[int, int, datetime]],
    quotas: Mapping[int, CountryQuota],
    *,
    by: Actor,
    at: datetime,
) -> None:
    """Reserves numbers of seats of the locked series for these countries until a moment each;

    `quotas` are its current ones.
    """
    reserved = 0
    for country_id, number, kept_until in sizes:
        quota = quotas.get(country_id)
        if quota is None:
            quota = CountryQuota(series_id=series.id, country_id=country_id, seats=0, used=0)
            db.session.add(quota)
        elif quota.released_at is None:
            reserved -= quota.seats - quota.used
        quota.seats, quota.kept_until, quota.released_at = number, kept_until, None
        reserved += number - quota.used
        if number == 0:
            db.session.delete(quota)
    _change(series, reserved=reserved)
    entries = [
        _entry(0, SeatKind.QUOTA, SeatReason.QUOTA_SET, country_id, None, number=number)
        for country_id, number, _until in sizes
    ]
    _enter(series.id, entries, by=by, at=at)


def transfer(
    series_id: int, source: int, target: int, people: Sequence[int | None], *, by: Actor, at: datetime
) -> None:
    """Enters that seats of these people (null: of a nominee) are of the quota of another country from now on."""
    entries = [
        _entry(change, SeatKind.QUOTA, SeatReason.COUNTRY_MERGED, country_id, person_id)
        for person_id in people
        for change, country_id in ((-1, source), (1, target))
    ]
    _enter(series_id, entries, by=by, at=at)


def enter_quotas(series: Series, quotas: Iterable[CountryQuota], *, by: Actor, at: datetime) -> None:
    """Enters how many seats of the locked series these quotas keep, and counts all that are kept again."""
    entries = [
        _entry(0, SeatKind.QUOTA, SeatReason.QUOTA_SET, quota.country_id, None, number=quota.seats)
        for quota in quotas
        if quota.released_at is None
    ]
    _enter(series.id, entries, by=by, at=at)
    unused = func.coalesce(func.sum(CountryQuota.seats - CountryQuota.used), 0)
    unused_seats = select(unused).where(CountryQuota.series_id == series.id, CountryQuota.released_at.is_(None))
    _change(series, reserved=(db.session.scalar(unused_seats) or 0) - series.reserved)


def find_quota(series_id: int, country_id: int | None) -> CountryQuota | None:
    """The quota of a country in a series, released or not."""
    query = select(CountryQuota).where(CountryQuota.series_id == series_id, CountryQuota.country_id == country_id)
    return db.session.scalar(query.execution_options(populate_existing=True))


def _use(series_id: int, country_id: int, number: int) -> None:
    db.session.execute(
        update(CountryQuota)
        .where(CountryQuota.series_id == series_id, CountryQuota.country_id == country_id)
        .values(used=CountryQuota.used + number)
        .execution_options(synchronize_session=False)
    )


def _change(series: Series, *, taken: int = 0, held: int = 0, reserved: int = 0) -> None:
    """Counts seats of the locked series. In one statement, so that the constraint of the database sees the whole."""
    series.taken, series.held, series.reserved = series.taken + taken, series.held + held, series.reserved + reserved
    db.session.flush()


def _entry(
    change: int,
    kind: SeatKind,
    why: SeatReason,
    country_id: int | None,
    person_id: int | None,
    *,
    waited_since: datetime | None = None,
    number: int | None = None,
    nominee: str | None = None,
) -> dict[str, Any]:
    return {
        "change": change,
        "kind": kind,
        "why": why,
        "country_id": country_id,
        "person_id": person_id,
        "waited_since": waited_since,
        "number": number,
        "nominee": nominee,
    }


def _enter(series_id: int, entries: Sequence[dict[str, Any]], *, by: Actor, at: datetime) -> None:
    """Writes lines of the ledger."""
    for entry in entries:
        entry.update(series_id=series_id, at=at, by_person_id=by.person_id)
    insert_many(SeatEntry.__table__, entries)
