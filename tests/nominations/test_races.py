"""Focal points, nominees and the clock at the same moment, on SQLite and on a real PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from apiflask import APIFlask
from sqlalchemy import func, select

from lms.catalogue.models import Series
from lms.core.base.roles import Actor, Role
from lms.core.database.session import db
from lms.enrolment.models import Enrolment, EnrolmentStatus, SeatEntry
from lms.mail.outbox import OutboxMail
from lms.nominations.actions.answering import Acceptance, accept
from lms.nominations.actions.decision_batches import decide
from lms.nominations.actions.invitations import TEMPLATE, expire_due, remind
from lms.nominations.actions.nominating import nominate, withdraw_nominations
from lms.nominations.models import Nomination, NominationState
from lms.nominations.rules import INVITATION_LASTS, REMIND_EVERY
from lms.people.people_files import PersonRow
from lms.people.queries.countries import get_country
from tests.at_once import ends_at_once
from tests.enrolment.conftest import Cast
from tests.factories import Make
from tests.nominations.conftest import keep, row, secret_of

pytestmark = pytest.mark.databases(differs=True)
PEOPLE = 12
Act = Callable[[], object]


class Country:
    """Kenya with two focal points and a series, and a way to let several act at the same moment."""

    def __init__(self, app: APIFlask, make: Make, at: datetime) -> None:
        self.app, self.at = app, at
        with app.app_context():
            cast = Cast(make, at)
            self.series = cast.series(admission="nomination").id
            cast.lecture()
            self.id = get_country("KE").id
            self.focal = [cast.staff(Role.FOCAL_POINT, name, country="KE") for name in ("Peter", "Grace")]
            db.session.remove()

    def keep(self, seats: int) -> None:
        with self.app.app_context():
            series = db.session.get_one(Series, self.series)
            keep(series, self.id, seats, until=self.at + timedelta(days=30), capacity=50)

    def nominate(self, rows: list[PersonRow], by: Actor) -> Act:
        return lambda: nominate(self.series, rows, country_id=self.id, by=by, at=self.at)

    def invite(self, name: str) -> tuple[str, str]:
        """The public id and the secret of somebody's invitation."""
        with self.app.app_context():
            made = nominate(self.series, [row(name)], country_id=self.id, by=self.focal[0], at=self.at)
            return made.invited[0], secret_of(f"{name.casefold()}@people.test")

    def accept(self, secret: str, name: str, at: datetime | None = None) -> Act:
        given = Acceptance(full_name=name, native_name=None, country="KE", consent=True)
        return lambda: accept(secret, given, at=at or self.at)

    def all_at_once(self, *acts: Act) -> list[str]:
        return ends_at_once(self.app, acts)

    def states(self) -> dict[str, int]:
        with self.app.app_context():
            query = select(Nomination.state, func.count()).group_by(Nomination.state)
            return {state.value: count for state, count in db.session.execute(query)}

    def invitations(self) -> dict[str, int]:
        """How many invitations each address was sent."""
        with self.app.app_context():
            query = select(OutboxMail.address, func.count()).where(OutboxMail.template == TEMPLATE)
            return {line[0]: line[1] for line in db.session.execute(query.group_by(OutboxMail.address))}

    def check_ledger(self) -> tuple[int, int, int]:
        """Seats taken, held and reserved, where the ledger and the enrolments agree."""
        with self.app.app_context():
            series = db.session.get_one(Series, self.series)
            entered = select(func.sum(SeatEntry.change)).where(SeatEntry.series_id == self.series)
            enrolled = select(func.count()).where(Enrolment.status == EnrolmentStatus.ENROLLED)
            assert (db.session.scalar(entered) or 0) == series.taken
            assert db.session.scalar(enrolled) == series.taken - series.held
            return series.taken, series.held, series.reserved


@pytest.fixture
def country(app: APIFlask, make: Make, at: datetime) -> Country:
    return Country(app, make, at)


def people(prefix: str = "Nominee") -> list[PersonRow]:
    return [row(f"{prefix} {number}") for number in range(PEOPLE)]


def test_two_files_with_the_same_people_invite_each_of_them_once(country: Country) -> None:
    first, second = country.focal
    ends = country.all_at_once(country.nominate(people(), first), country.nominate(people()[::-1], second))
    assert ends == ["done", "done"]
    assert country.states() == {"invited": PEOPLE}
    assert set(country.invitations().values()) == {1}


def test_the_last_seats_of_a_quota_go_to_as_many_people_as_there_are_seats(country: Country) -> None:
    country.keep(PEOPLE)
    first, second = country.focal
    country.all_at_once(country.nominate(people("Of Peter"), first), country.nominate(people("Of Grace"), second))
    assert country.states() == {"invited": PEOPLE, "drafted": PEOPLE}
    assert country.check_ledger() == (PEOPLE, PEOPLE, 0)
    assert len(country.invitations()) == PEOPLE


def test_a_nominee_accepts_or_the_focal_point_withdraws_but_never_both(country: Country) -> None:
    country.keep(PEOPLE)
    names = [f"Nominee{number}" for number in range(4)]
    for name in names:
        public_id, secret = country.invite(name)
        by, at = country.focal[0], country.at

        def withdraw(public_id: str = public_id, by: Actor = by, at: datetime = at) -> object:
            return withdraw_nominations([public_id], by=by, at=at)

        accepted, withdrawn = country.all_at_once(country.accept(secret, name), withdraw)
        assert (accepted in ("done", "refused"), withdrawn) == (True, "done")
    states = country.states()
    assert sum(states.values()) == len(names)
    assert set(states) <= {"accepted", "withdrawn"}
    taken, held, _reserved = country.check_ledger()
    assert (taken, held) == (states.get("accepted", 0), 0)


def test_a_nominee_who_answers_as_the_invitation_expires_has_a_place_or_none(country: Country) -> None:
    country.keep(PEOPLE)
    ends_at = country.at + INVITATION_LASTS
    last_moment = ends_at - timedelta(microseconds=1)
    for number in range(4):
        name = f"Nominee{number}"
        _public_id, secret = country.invite(name)
        answer, expiry = country.all_at_once(country.accept(secret, name, last_moment), lambda: expire_due(at=ends_at))
        assert (answer in ("done", "refused"), expiry) == (True, "done")
    states = country.states()
    assert set(states) <= {"accepted", "expired"}
    taken, held, _reserved = country.check_ledger()
    assert (taken, held) == (states.get("accepted", 0), 0)


def test_a_link_opened_twice_at_once_makes_one_person_and_one_place(country: Country) -> None:
    _public_id, secret = country.invite("Nominee")
    ends = country.all_at_once(*[country.accept(secret, "Nominee")] * 4)
    assert ends == ["done"] * 4
    assert country.states() == {"accepted": 1}
    assert country.check_ledger()[:2] == (1, 0)


def test_two_focal_points_who_remind_at_once_send_each_invitation_once(country: Country) -> None:
    with country.app.app_context():
        nominate(country.series, people(), country_id=country.id, by=country.focal[0], at=country.at)
    later = country.at + REMIND_EVERY

    def reminder(by: Actor) -> Act:
        return lambda: remind(country.series, country.id, by=by, at=later)

    assert country.all_at_once(*map(reminder, country.focal)) == ["done", "done"]
    assert set(country.invitations().values()) == {2}
    with country.app.app_context():
        waiting = select(func.count()).where(Nomination.state == NominationState.INVITED)
        assert db.session.scalar(waiting) == PEOPLE


def test_administrators_who_decide_on_the_same_nominations_at_once_all_get_an_answer(
    country: Country, make: Make
) -> None:
    with country.app.app_context():
        series = db.session.get_one(Series, country.series)
        series.nominations_need_approval = True
        db.session.commit()
        nominate(country.series, people(), country_id=country.id, by=country.focal[0], at=country.at)
        nominations = list(db.session.scalars(select(Nomination.public_id)))
        administrators = [make.actor(make.person(roles=["administrator"])) for _number in range(8)]

    def decision(number: int, by: Actor) -> Act:
        chosen = nominations[number % 4 :] if number % 2 else nominations[::-1]
        return lambda: decide(chosen, approve=True, by=by, at=country.at)

    ends = country.all_at_once(*[decision(number, by) for number, by in enumerate(administrators)])
    assert ends == ["done"] * 8
    assert country.states() == {"invited": PEOPLE}
    assert set(country.invitations().values()) == {1}
