"""Quotas for many countries at once, their release by the worker or by hand, and that nothing of it is done by half."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import count
from threading import Thread

import pytest
from apiflask import APIFlask
from sqlalchemy import event, func, select

from lms.catalogue.models import ReleaseRule, Series
from lms.core.base.errors import Forbidden, Invalid, Refused
from lms.core.base.roles import SYSTEM, Actor, Role
from lms.core.database.audit import list_entries
from lms.core.database.session import db
from lms.enrolment.actions.many import publish_enrolments
from lms.enrolment.actions.places import enrol, withdraw
from lms.enrolment.models import CountryQuota, Enrolment, EnrolmentStatus, SeatEntry, SeatKind, SeatReason
from lms.enrolment.queries.preview import preview_enrolments
from lms.enrolment.queries.seats import seat_differences
from lms.enrolment.quota_files import StagedQuotas, stage_quota_file, stage_quota_lines
from lms.enrolment.quotas import (
    next_release,
    preview_quotas,
    release_lapsed,
    release_now,
    set_quotas,
    set_release_rule,
)
from lms.mail.outbox import OutboxMail
from lms.people.people_files import stage_people
from lms.people.queries.countries import get_country
from tests.enrolment.conftest import Cast, Sent

pytestmark = [pytest.mark.databases, pytest.mark.usefixtures("context")]
DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)


def own(actor: Actor) -> int:
    assert actor.person_id is not None
    return actor.person_id


def typed(text: str, at: datetime) -> StagedQuotas:
    return stage_quota_lines(text, until=at + 30 * DAY, at=at)


def keep(series: Series, text: str, at: datetime, *, by: Actor = SYSTEM) -> None:
    set_quotas(series.slug, typed(text, at), by=by, at=at)


def kept(series: Series) -> dict[int, tuple[int, int]]:
    db.session.rollback()
    query = select(CountryQuota.country_id, CountryQuota.seats, CountryQuota.used)
    rows = db.session.execute(query.where(CountryQuota.series_id == series.id))
    return {country_id: (seats, used) for country_id, seats, used in rows}


def counted(series: Series) -> tuple[int, int]:
    db.session.rollback()
    row = db.session.execute(select(Series.taken, Series.reserved).where(Series.id == series.id)).one()
    return row.taken, row.reserved


def join(series: Series, actor: Actor, at: datetime) -> SeatKind | None:
    return enrol(series.id, own(actor), by=actor, at=at).seat_kind


def agrees() -> None:
    db.session.rollback()
    assert list(seat_differences({})) == []


def at_once(app: APIFlask, *acts: Callable[[], object]) -> list[BaseException]:
    """Runs all of these together; returns what failed."""
    failures: list[BaseException] = []
    db.session.rollback()

    def run(act: Callable[[], object]) -> None:
        try:
            with app.app_context():
                act()
        except BaseException as error:
            failures.append(error)

    threads = [Thread(target=run, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return failures


def test_lines_are_read_as_typed_or_copied_and_bad_ones_are_named(app: APIFlask, at: datetime) -> None:
    staged = typed(
        "country, seats, kept until\n"
        "Kenya, 40, 2026-12-01\n"
        "\n"
        "Korea, Republic of, 12\n"
        "TG\t3\t2026-12-01 18:00\n"
        "Tonga;5;\n"
        "KE, 4\n"
        "Atlantis, 4\n"
        "Guinea, many\n"
        "Peru, 4, 2026-01-01\n"
        "Laos, 4, 2026-13-01\n"
        "Chad, 4, 2099-01-01\n"
        "Mali",
        at,
    )
    assert [(row.line, row.code, row.seats) for row in staged.rows] == [
        (2, "KE", 40), (4, "KR", 12), (5, "TG", 3), (6, "TO", 5),
    ]  # fmt: skip
    ends = [row.kept_until.isoformat() for row in staged.rows]
    assert ends[0] == "2026-12-01T16:00:00+00:00"  # the end of the day in Beijing
    assert ends[1] == (at + 30 * DAY).isoformat()
    assert ends[2] == "2026-12-01T10:00:00+00:00"
    assert [(fault.row, fault.field) for fault in staged.rejected] == [
        (7, "country"), (8, "country"), (9, "seats"), (10, "kept_until"), (11, "kept_until"), (12, "kept_until"),
        (13, "seats"),
    ]  # fmt: skip
    assert staged.rejected[0].reason == "Same country as row 2."
    with pytest.raises(Invalid, match="one line for each country"):
        typed(" \n", at)


def test_a_file_is_read_by_its_headings(app: APIFlask, at: datetime) -> None:
    content = b"Seats;Country;Kept until\n7;Kenya;2026-12-01 00:00:00\n;Togo;2026-12-01\n"
    staged = stage_quota_file(content, until=None, at=at)
    assert [(row.line, row.code, row.seats, row.kept_until.isoformat()) for row in staged.rows] == [
        (2, "KE", 7, "2026-12-01T16:00:00+00:00")
    ]
    assert [(fault.row, fault.field) for fault in staged.rejected] == [(3, "seats")]
    with pytest.raises(Invalid, match="no column “seats”"):
        stage_quota_file(b"country,number\nKenya,7\n", until=None, at=at)


@pytest.mark.databases(differs=True)
def test_quotas_are_set_together_or_not_at_all(cast: Cast, at: datetime) -> None:
    series, boss = cast.series(capacity=10), cast.staff(Role.ADMINISTRATOR, "Zhou")
    keep(series, "Kenya, 4\nTogo, 3", at, by=boss)
    kenya, togo = get_country("KE").id, get_country("TG").id
    assert (kept(series), counted(series)) == ({kenya: (4, 0), togo: (3, 0)}, (0, 7))
    entries = db.session.scalar(select(func.count()).select_from(SeatEntry))
    keep(series, "Togo, 3\nKenya, 4", at, by=boss)  # the same again
    assert db.session.scalar(select(func.count()).select_from(SeatEntry)) == entries
    for text, words in (
        ("Peru, 4", "keep 11 places, but only 10 are not taken"),
        ("Kenya, 2\nAtlantis, 1", "Atlantis"),
    ):
        with pytest.raises((Refused, Invalid), match=words):
            keep(series, text, at, by=boss)
    assert counted(series) == (0, 7)
    keep(series, "Togo, 0", at, by=boss)
    assert (kept(series), counted(series)) == ({kenya: (4, 0)}, (0, 4))
    with pytest.raises(Forbidden):
        keep(series, "Kenya, 9", at, by=cast.staff(Role.INSTRUCTOR, "Ines"))
    assert [entry.verb for entry in list_entries("series", series.id)].count("seats.set_quotas") == 2
    agrees()


def test_a_quota_cannot_be_lower_than_what_is_taken_of_it(cast: Cast, at: datetime) -> None:
    series = cast.series(capacity=10)
    keep(series, "Kenya, 4", at)
    for _n in range(3):
        join(series, cast.person(country="KE"), at)
    with pytest.raises(Invalid, match="3 places of the quota of Kenya are already taken or reserved"):
        keep(series, "Kenya, 2", at)
    found = preview_quotas(series.slug, typed("Kenya, 2\nTogo, 1", at), locale="en", by=SYSTEM)
    assert ([fault.row for fault in found.rejected], found.reserved, found.free) == ([1], 2, 7)
    keep(series, "Kenya, 3", at)
    assert counted(series) == (3, 0)
    agrees()


def test_seats_kept_anew_go_to_those_of_the_country_who_wait_and_others_to_everybody(
    cast: Cast, at: datetime, sent: Sent
) -> None:
    series = cast.series(capacity=3)
    keep(series, "Kenya, 3", at)
    waits = [cast.person(country=code) for code in ("TG", "PE", "TG")]
    for index, one in enumerate(waits):
        assert join(series, one, at + MINUTE * index) is None
    keep(series, "Kenya, 1\nTogo, 1", at + MINUTE * 9)
    rows = db.session.execute(select(Enrolment.seat_kind).order_by(Enrolment.id)).scalars()
    assert list(rows) == [SeatKind.QUOTA, SeatKind.OPEN, None]
    assert [template for template, _address in sent()].count("enrolment_place_won") == 2
    agrees()


def test_the_preview_of_a_file_knows_what_is_kept_for_its_people(cast: Cast, at: datetime) -> None:
    series = cast.series(capacity=4)
    keep(series, "Kenya, 2\nTogo, 1", at)
    lines = [f"p{n}@people.test,Person {n},{code}" for n, code in enumerate(["KE", "KE", "KE", "TG", "PE", "PE"])]
    staged = stage_people("\n".join(["email,full_name,country", *lines]).encode())
    found = preview_enrolments(series.id, staged, by=SYSTEM)
    assert (found.would_enrol, found.would_wait, found.places) == (4, 2, 4)
    publish_enrolments(series.id, staged, skip_bad_rows=False, by=SYSTEM, at=at)
    assert counted(series) == (4, 0)
    agrees()


def test_a_series_for_some_countries_keeps_seats_for_no_others(cast: Cast, at: datetime) -> None:
    series = cast.series(countries=("KE",))
    with pytest.raises(Invalid, match="not open to Togo"):
        keep(series, "Togo, 1", at)


@pytest.mark.databases(differs=True)
def test_the_release_happens_as_its_preview_said(cast: Cast, at: datetime, sent: Sent) -> None:
    series, boss = cast.series(capacity=6), cast.staff(Role.ADMINISTRATOR, "Zhou")
    keep(series, "Kenya, 4\nPeru, 2, 2027-06-01", at)
    for index, code in enumerate(["KE", "TG", "TG", "TG", "TG", "CN"]):
        join(series, cast.person(country=code), at + MINUTE * index)
    moment = at + 30 * DAY
    release = next_release(db.session.get_one(Series, series.id), by=boss, at=at + DAY)
    assert release is not None
    assert (release.at, release.seats, release.waiting, release.given, release.left) == (moment, 3, 5, 3, 0)
    assert release.winners == [(get_country("TG").id, 3)]
    assert release_lapsed(at=moment - MINUTE) == 0
    assert release_lapsed(at=moment) == 1
    assert release_lapsed(at=moment) == 0
    assert counted(series) == (4, 2)
    query = select(func.count()).where(Enrolment.seat_kind == SeatKind.RELEASED)
    assert db.session.scalar(query) == 3
    assert [template for template, _address in sent()].count("enrolment_place_won") == 3
    agrees()


def test_a_release_by_hand_is_of_what_was_shown(cast: Cast, at: datetime) -> None:
    series, boss = cast.series(capacity=2), cast.staff(Role.ADMINISTRATOR, "Zhou")
    keep(series, "Kenya, 2", at)
    waits = cast.person(country="TG")
    join(series, waits, at)
    with pytest.raises(Refused, match="meantime"):
        release_now(series.slug, at + 29 * DAY, by=boss, at=at)
    with pytest.raises(Forbidden):
        release_now(series.slug, at + 30 * DAY, by=waits, at=at)
    assert release_now(series.slug, at + 30 * DAY, by=boss, at=at + MINUTE) == 1
    assert counted(series) == (1, 0)
    entry = db.session.scalars(select(SeatEntry).where(SeatEntry.why == SeatReason.QUOTA_RELEASED)).one()
    assert (entry.number, entry.by_person_id) == (2, boss.person_id)
    agrees()


def test_the_rule_of_a_series_is_changed_by_administrators(cast: Cast, at: datetime) -> None:
    series, boss = cast.series(), cast.staff(Role.ADMINISTRATOR, "Zhou")
    assert set_release_rule(series.slug, ReleaseRule.FIRST_COME, by=boss, at=at).release_rule is ReleaseRule.FIRST_COME
    with pytest.raises(Forbidden):
        set_release_rule(series.slug, ReleaseRule.ROUNDS, by=cast.staff(Role.INSTRUCTOR, "Ines"), at=at)


def test_a_quota_is_lowered_while_its_seats_are_taken(app: APIFlask, cast: Cast, at: datetime) -> None:
    series = cast.series(capacity=6)
    keep(series, "Kenya, 6", at)
    slug, key = series.slug, series.id
    people = [cast.person(country="KE") for _n in range(6)]
    lower = [lambda n=n: set_quotas(slug, typed(f"Kenya, {n}", at), by=SYSTEM, at=at) for n in (5, 3, 1)]
    comes = [lambda one=one: enrol(key, own(one), by=one, at=at) for one in people]
    refused = at_once(app, *comes[:3], *lower, *comes[3:])
    assert all(isinstance(error, Invalid | Refused) for error in refused)  # too low, or too many again
    taken, reserved = counted(series)
    assert taken == 6  # nobody waits beside a free seat
    assert reserved == 0
    agrees()


def test_a_seat_is_freed_at_the_moment_of_release(app: APIFlask, cast: Cast, at: datetime) -> None:
    series = cast.series(capacity=3)
    keep(series, "Kenya, 3", at)
    key, moment = series.id, at + 30 * DAY
    kenyans = [cast.person(country="KE") for _n in range(2)]
    waits = [cast.person(country="TG") for _n in range(4)]
    for index, one in enumerate([*kenyans, *waits]):
        join(series, one, at + MINUTE * index)
    leave = [lambda one=one: withdraw(key, own(one), by=one, at=moment) for one in kenyans]
    assert at_once(app, leave[0], lambda: release_lapsed(at=moment), leave[1], lambda: release_lapsed(at=moment)) == []
    query = (
        select(Enrolment.person_id).where(Enrolment.status == EnrolmentStatus.ENROLLED).order_by(Enrolment.queued_at)
    )
    db.session.rollback()
    assert list(db.session.scalars(query)) == [own(one) for one in waits[:3]]
    assert counted(series) == (3, 0)
    agrees()


def test_a_worker_that_dies_in_the_middle_of_a_release_leaves_nothing_half(
    app: APIFlask, cast: Cast, at: datetime
) -> None:
    series = cast.series(capacity=3)
    keep(series, "Kenya, 3", at)
    for index in range(4):
        join(series, cast.person(country="TG"), at + MINUTE * index)
    series_id = series.id

    def state() -> tuple[object, ...]:
        db.session.rollback()
        tables = (SeatEntry, OutboxMail)
        rows = [db.session.scalar(select(func.count()).select_from(table)) for table in tables]
        counts = db.session.execute(select(Series.taken, Series.reserved).where(Series.id == series_id)).one()
        return (*rows, *counts, db.session.scalar(select(CountryQuota.released_at)))

    before = state()
    for statements in count(1, 3):  # dies after every third statement
        db.session.remove()
        db.engine.dispose()
        child = os.fork()
        if child == 0:
            _release_and_die(statements, at + 30 * DAY)
        _pid, how = os.waitpid(child, 0)
        if not os.WIFSIGNALED(how):
            assert os.WEXITSTATUS(how) == 0
            break
        assert state() == before
    assert statements > 8
    entries, mails, taken, reserved, released_at = state()
    assert (taken, reserved, released_at) == (3, 0, at + 30 * DAY)
    assert (entries, mails) == (before[0] + 4, before[1] + 3)  # type: ignore[operator]
    assert release_lapsed(at=at + 30 * DAY) == 0
    agrees()


def _release_and_die(statements: int, at: datetime) -> None:
    """Releases in a process of its own, which kill -9 ends before its statement of this number, if it comes to it."""
    left = statements

    def before(*_more: object) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(db.engine, "before_cursor_execute", before)
    code = 1
    try:
        release_lapsed(at=at)
        code = 0
    finally:
        os._exit(code)
