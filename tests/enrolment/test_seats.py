"""Seats: kept for countries, given back, released and passed on, with a ledger that always adds up."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from threading import Thread

import pytest
from apiflask import APIFlask
from sqlalchemy import func, select

from lms.catalogue.actions.series import edit_series
from lms.catalogue.models import ReleaseRule, Series
from lms.core.base.events import PersonExportAsked
from lms.core.base.roles import SYSTEM, Actor, Role
from lms.core.database import audit
from lms.core.database.session import action, db
from lms.enrolment.actions.many import enrol_many
from lms.enrolment.actions.places import enrol, set_status, withdraw
from lms.enrolment.handlers import export
from lms.enrolment.models import (
    CountryQuota,
    Enrolment,
    EnrolmentSource,
    EnrolmentStatus,
    SeatEntry,
    SeatKind,
    SeatReason,
)
from lms.enrolment.queries.rows import find_enrolment
from lms.enrolment.queries.seats import Seats, seat_differences
from lms.enrolment.queries.series import place_of
from lms.enrolment.seats import HeldSeat, give_back, lock, promote, take_seat
from lms.people.queries.countries import country_codes_of, get_country
from tests.enrolment.conftest import Cast, Sent

pytestmark = [pytest.mark.databases, pytest.mark.usefixtures("context")]
DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)


def own(actor: Actor) -> int:
    assert actor.person_id is not None
    return actor.person_id


def join(series: Series, actor: Actor, at: datetime) -> SeatKind | None:
    return enrol(series.id, own(actor), by=actor, at=at).seat_kind


def kind_of(series: Series, actor: Actor) -> SeatKind | None:
    row = find_enrolment(series.id, own(actor))
    assert row is not None
    assert (row.seat_kind is None) == (row.status is not EnrolmentStatus.ENROLLED)
    return row.seat_kind


def counted(series: Series) -> tuple[int, int, int]:
    query = select(Series.taken, Series.held, Series.reserved).where(Series.id == series.id)
    return tuple(db.session.execute(query).one())  # type: ignore[return-value]


def ledger(series: Series) -> list[tuple[int, SeatKind, SeatReason]]:
    query = select(SeatEntry.change, SeatEntry.kind, SeatEntry.why).where(SeatEntry.series_id == series.id)
    return [tuple(row) for row in db.session.execute(query.order_by(SeatEntry.id))]  # type: ignore[misc]


def agrees(held: Seats | None = None) -> None:
    assert list(seat_differences(held or {})) == []


@action
def nominate(series: Series, country: str, at: datetime) -> SeatKind | None:
    country_id = get_country(country).id
    return take_seat(
        lock(series.id, at=at),
        country_id=country_id,
        person_id=None,
        why=SeatReason.NOMINATED,
        by=SYSTEM,
        at=at,
        only_quota=True,
    )


@action
def refuse(series: Series, country: str, at: datetime) -> None:
    give_back(
        lock(series.id, at=at),
        kind=SeatKind.QUOTA,
        country_id=get_country(country).id,
        person_id=None,
        why=SeatReason.REFUSED,
        by=SYSTEM,
        at=at,
        held=True,
    )


def test_a_country_has_its_own_seats_first_and_others_wait_beside_them(cast: Cast, at: datetime) -> None:
    series = cast.series(capacity=3)
    cast.make.quota(series, "KE", seats=2, kept_until=at + DAY)
    chinese, kenyans = [cast.person(country="CN") for _n in range(2)], [cast.person(country="KE") for _n in range(3)]
    assert place_of(series, by=chinese[0], at=at).free == 1
    assert place_of(series, by=kenyans[0], at=at).free == 3
    assert [join(series, one, at) for one in chinese] == [SeatKind.OPEN, None]
    assert db.session.get_one(Series, series.id).is_full
    assert [join(series, one, at) for one in kenyans] == [SeatKind.QUOTA, SeatKind.QUOTA, None]
    assert counted(series) == (3, 0, 0)
    agrees()


def test_staff_and_files_give_seats_by_hand_and_a_walk_in_takes_an_open_one(cast: Cast, at: datetime) -> None:
    series, boss = cast.series(capacity=4), cast.staff(Role.ADMINISTRATOR, "Zhou")
    cast.make.quota(series, "KE", seats=1, kept_until=at + DAY)
    people = [own(cast.person(country=code)) for code in ("KE", "CN", "KE")]
    enrol_many(series.id, people, source=EnrolmentSource.FILE, by=boss, at=at)
    walks_in = own(cast.person(country="CN"))
    enrol_many(series.id, [walks_in], source=EnrolmentSource.WALK_IN, by=SYSTEM, at=at)
    rows = db.session.scalars(select(Enrolment.seat_kind).order_by(Enrolment.id))
    assert list(rows) == [SeatKind.QUOTA, SeatKind.BY_HAND, SeatKind.BY_HAND, SeatKind.OPEN]
    agrees()


def test_a_freed_seat_of_a_quota_goes_to_the_same_country_and_an_open_one_to_the_longest_wait(
    cast: Cast, at: datetime, sent: Sent
) -> None:
    series = cast.series(capacity=2)
    cast.make.quota(series, "KE", seats=1, kept_until=at + DAY)
    first, opener = cast.person("First", country="KE"), cast.person("Opener", country="CN")
    waits = cast.person("Waits", country="TG")
    same = cast.person("Same", country="KE")
    for index, one in enumerate((first, opener, waits, same)):
        join(series, one, at + MINUTE * index)
    withdraw(series.id, own(first), by=first, at=at + MINUTE * 5)
    assert (kind_of(series, same), kind_of(series, waits)) == (SeatKind.QUOTA, None)
    withdraw(series.id, own(opener), by=opener, at=at + MINUTE * 6)
    assert kind_of(series, waits) is SeatKind.OPEN
    promoted = [address for template, address in sent() if template == "enrolment_place_won"]
    assert promoted == ["same@people.test", "waits@people.test"]
    assert [entry.verb for entry in audit.list_entries("person", own(waits))][:1] == ["enrolment.promote"]
    withdraw(series.id, own(same), by=same, at=at + MINUTE * 7)
    assert counted(series) == (1, 0, 1)
    assert ledger(series)[-3:] == [
        (-1, SeatKind.OPEN, SeatReason.WITHDRAWN),
        (1, SeatKind.OPEN, SeatReason.PROMOTED),
        (-1, SeatKind.QUOTA, SeatReason.WITHDRAWN),
    ]
    agrees()


def crowd(cast: Cast, series: Series, codes: str, at: datetime) -> list[Actor]:
    people = [cast.person(country=code) for code in codes.split()]
    for index, one in enumerate(people):
        assert join(series, one, at + MINUTE * index) is None
    return people


WAITING = "TG TG TG TG TG GN CN"


@pytest.mark.parametrize(
    ("rule", "winners"), [(ReleaseRule.ROUNDS, "TG TG TG GN CN"), (ReleaseRule.FIRST_COME, "TG TG TG TG TG")]
)
def test_a_lapsed_quota_is_released_by_the_rule_whatever_comes_first(
    cast: Cast, at: datetime, rule: ReleaseRule, winners: str
) -> None:
    series = cast.series(capacity=5)
    cast.make.quota(series, "KE", seats=5, kept_until=at + DAY)
    set_rule(series, rule)
    crowd(cast, series, WAITING, at)
    late = cast.person(country="KE")
    assert join(series, late, at + DAY) is None  # no job has run: the quota lapsed all the same
    query = (
        select(Enrolment.id, Enrolment.person_id)
        .where(Enrolment.series_id == series.id, Enrolment.seat_kind == SeatKind.RELEASED)
        .order_by(Enrolment.queued_at)
    )
    assert len(db.session.execute(query).all()) == 5
    codes = [country_code(person_id) for _id, person_id in db.session.execute(query)]
    assert codes == winners.split()
    quota = db.session.scalars(select(CountryQuota)).one()
    assert quota.released_at == at + DAY
    assert counted(series) == (5, 0, 0)
    assert ledger(series)[0] == (0, SeatKind.QUOTA, SeatReason.QUOTA_RELEASED)
    agrees()


@action
def set_rule(series: Series, rule: ReleaseRule) -> None:
    db.session.get_one(Series, series.id).release_rule = rule


def country_code(person_id: int) -> str:
    return country_codes_of([person_id], date(2027, 1, 1))[person_id]


def test_a_seat_of_a_released_quota_that_is_given_back_is_for_everybody(cast: Cast, at: datetime) -> None:
    series = cast.series(capacity=1)
    cast.make.quota(series, "KE", seats=1, kept_until=at + DAY)
    kenyan = cast.person(country="KE")
    assert join(series, kenyan, at) is SeatKind.QUOTA
    (waits,) = crowd(cast, series, "TG", at)
    withdraw(series.id, own(kenyan), by=kenyan, at=at + DAY)
    assert kind_of(series, waits) is SeatKind.OPEN
    agrees()


def test_a_nominee_holds_a_seat_until_it_is_handed_over_or_given_back(cast: Cast, at: datetime) -> None:
    series = cast.series(capacity=2)
    cast.make.quota(series, "KE", seats=2, kept_until=at + DAY)
    assert [nominate(series, "KE", at) for _n in range(3)] == [SeatKind.QUOTA, SeatKind.QUOTA, None]
    assert nominate(series, "TG", at) is None
    held = {(series.id, SeatKind.QUOTA, get_country("KE").id): 2}
    assert counted(series) == (2, 2, 0)
    agrees(held)
    nominee = cast.person(country="CN")  # corrects the country: the seat stays Kenya's
    seat = HeldSeat(SeatKind.QUOTA, get_country("KE").id)
    enrol(series.id, own(nominee), by=nominee, at=at, source=EnrolmentSource.NOMINATION, seat=seat)
    assert kind_of(series, nominee) is SeatKind.QUOTA
    assert counted(series) == (2, 1, 0)
    assert db.session.get_one(Series, series.id).enrolled == 1
    assert ledger(series)[-1] == (0, SeatKind.QUOTA, SeatReason.ACCEPTED)
    (waits,) = crowd(cast, series, "KE", at)
    refuse(series, "KE", at)
    assert kind_of(series, waits) is SeatKind.QUOTA
    assert counted(series) == (2, 0, 0)
    agrees()


def test_somebody_enrolled_who_accepts_an_invitation_gives_the_second_seat_back(cast: Cast, at: datetime) -> None:
    series = cast.series(capacity=2)
    cast.make.quota(series, "KE", seats=1, kept_until=at + DAY)
    nominate(series, "KE", at)
    nominee = cast.person(country="KE")
    assert join(series, nominee, at) is SeatKind.OPEN
    seat = HeldSeat(SeatKind.QUOTA, get_country("KE").id)
    enrol(series.id, own(nominee), by=nominee, at=at, source=EnrolmentSource.NOMINATION, seat=seat)
    assert counted(series) == (1, 0, 1)
    agrees()


@pytest.mark.databases(differs=True)
def test_seats_are_sold_once_beside_a_quota(app: APIFlask, cast: Cast, at: datetime) -> None:
    series = cast.series(capacity=5)
    cast.make.quota(series, "KE", seats=3, kept_until=at + DAY)
    people = [cast.person(country=code) for code in ["KE"] * 8 + ["CN"] * 8]
    key = series.id
    failures: list[BaseException] = []

    def come(actor: Actor) -> None:
        try:
            with app.app_context():
                enrol(key, own(actor), by=actor, at=at)
        except BaseException as error:
            failures.append(error)

    threads = [Thread(target=come, args=(actor,)) for actor in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    db.session.rollback()
    query = select(Enrolment.seat_kind, func.count()).where(Enrolment.status == EnrolmentStatus.ENROLLED)
    got = dict(db.session.execute(query.group_by(Enrolment.seat_kind)).all())
    assert got == {SeatKind.QUOTA: 3, SeatKind.OPEN: 2}
    agrees()


def test_more_capacity_moves_the_line_up_in_its_order(cast: Cast, at: datetime) -> None:
    series = cast.series(capacity=1)
    join(series, cast.person(country="TG"), at)
    people = crowd(cast, series, WAITING, at)
    edit_series(series.slug, {"capacity": 6}, by=SYSTEM, at=at + DAY)
    assert [kind_of(series, one) for one in people] == [SeatKind.OPEN] * 5 + [None] * 2
    assert promote(series.id, by=SYSTEM, at=at + DAY) == []
    agrees()


def test_an_application_that_is_accepted_and_one_withdrawn_are_in_the_ledger(cast: Cast, at: datetime) -> None:
    series, boss = cast.series(admission="application"), cast.staff(Role.ADMINISTRATOR, "Zhou")
    person = cast.person()
    row = enrol(series.id, own(person), by=person, at=at)
    assert (row.status, row.seat_kind, ledger(series)) == (EnrolmentStatus.APPLIED, None, [])
    set_status(row.public_id, EnrolmentStatus.ENROLLED, by=boss, at=at)
    assert kind_of(series, person) is SeatKind.OPEN
    set_status(row.public_id, EnrolmentStatus.WITHDRAWN, by=boss, at=at)
    assert [change for change, _kind, _why in ledger(series)] == [1, -1]
    agrees()


@action
def miscount(series: Series, quota: CountryQuota) -> None:
    db.session.get_one(Series, series.id).taken += 1
    db.session.get_one(Series, series.id).reserved += 1
    db.session.get_one(CountryQuota, quota.id).used += 1


def test_a_person_can_take_their_entries_of_the_ledger_along(cast: Cast, at: datetime) -> None:
    series, person, other = cast.series(), cast.person(country="KE"), cast.person()
    for one in (person, other):
        join(series, one, at)
    asked = PersonExportAsked(person_id=own(person), by=person, at=at)
    export(asked)
    line = {"series": "customs", "at": at.isoformat(), "change": 1, "kind": "open", "why": "enrolled", "country": "KE"}
    assert asked.parts["seats"] == [line]


def test_a_miscount_is_named(cast: Cast, at: datetime) -> None:
    series = cast.series()
    quota = cast.make.quota(series, "KE", seats=2, kept_until=at + DAY)
    join(series, cast.person(), at)
    miscount(series, quota)
    assert list(seat_differences({})) == [
        "customs: places taken: 2, 1, 1",
        "customs: places kept for countries: 2, 0",
        "customs: places got as “quota”: 1, 1, 2",
    ]
