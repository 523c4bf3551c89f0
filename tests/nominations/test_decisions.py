"""Decisions on several nominations: previewed, confirmed, done in steps, and taken back."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
from apiflask import APIFlask
from sqlalchemy import func, select

from lms.catalogue.models import Series
from lms.core.base.errors import Forbidden, Invalid, NotFound, Refused
from lms.core.base.roles import SYSTEM, Actor
from lms.core.database.session import db
from lms.enrolment.actions.places import enrol
from lms.enrolment.models import CountryQuota, SeatEntry
from lms.mail.sending import send_due
from lms.nominations.actions.answering import Acceptance, accept, decline
from lms.nominations.actions.decision_batches import DECISIONS, preview_decision
from lms.nominations.actions.nominating import nominate, withdraw_nominations
from lms.nominations.models import DecidedState, Decision, Nomination
from lms.nominations.queries.invitations import find_invitation_link
from lms.nominations.queries.listing import NominationFilter
from lms.people.queries.countries import get_country
from tests.enrolment.conftest import Cast, Sent
from tests.nominations.conftest import row, secret_of

pytestmark = [pytest.mark.databases, pytest.mark.usefixtures("context")]


@pytest.fixture
def waiting(series: Series, kenya: int, focal: Actor, at: datetime) -> list[str]:
    """Four nominations that wait for an administrator."""
    series.nominations_need_approval = True
    db.session.commit()
    rows = [row(name) for name in ("Dina", "Karim", "Omar", "Salma")]
    return nominate(series.id, rows, country_id=kenya, by=focal, at=at).submitted


def states() -> dict[str, str]:
    db.session.expire_all()
    return {one.full_name: one.state.value for one in db.session.scalars(select(Nomination).order_by(Nomination.id))}


def named(public_id: str, admin: Actor, *chosen: DecidedState) -> dict[str, str]:
    view = DECISIONS.get_batch(None, public_id, by=admin)
    return {person.full_name: person.state.value for person in view.people(*(chosen or DecidedState), by=admin)}


def keep(series: Series, country_id: int, number: int, *, until: datetime, capacity: int = 10) -> None:
    series.capacity, series.reserved = capacity, number
    db.session.add(CountryQuota(series_id=series.id, country_id=country_id, seats=number, kept_until=until))
    db.session.commit()


def seats_of(series: Series) -> tuple[int, int, int]:
    db.session.expire_all()
    changes = db.session.scalar(select(func.sum(SeatEntry.change)).where(SeatEntry.series_id == series.id)) or 0
    assert changes == series.taken
    return series.taken, series.held, series.reserved


@pytest.mark.databases(differs=True)
def test_a_preview_changes_nothing_and_what_changed_since_is_skipped_and_named(
    cast: Cast, series: Series, waiting: list[str], focal: Actor, admin: Actor, at: datetime, sent: Sent
) -> None:
    batch = preview_decision(waiting, Decision.APPROVE, by=admin, at=at).public_id
    assert set(states().values()) == {"submitted"}
    assert DECISIONS.get_batch(None, batch, by=admin).preview(by=admin, at=at).countries == [("KE", 4)]

    withdraw_nominations(waiting[:1], by=focal, at=at)
    other = preview_decision(waiting[1:2], Decision.REJECT, by=admin, at=at)
    DECISIONS.confirm(None, other.public_id, reason="Not an official", by=admin, at=at)
    person = cast.person("Omar", country="UG")
    assert person.person_id is not None
    enrol(series.id, person.person_id, by=SYSTEM, at=at)

    DECISIONS.confirm(None, batch, reason=None, by=admin, at=at)
    assert DECISIONS.get_batch(None, batch, by=admin).batch.done_at == at
    assert named(batch, admin) == {"Dina": "withdrawn", "Karim": "decided", "Omar": "enrolled", "Salma": "changed"}
    assert states() == {"Dina": "withdrawn", "Karim": "rejected", "Omar": "submitted", "Salma": "invited"}
    DECISIONS.confirm(None, batch, reason=None, by=admin, at=at + timedelta(hours=1))
    assert [mail for mail in sent() if mail[0].startswith("nomination")] == [
        ("nominations_rejected", "peter.mutua@people.test"),
        ("nomination_invitation", "salma@people.test"),
    ]


def test_a_preview_counts_seats_that_are_held_and_those_who_would_wait(
    cast: Cast, series: Series, waiting: list[str], focal: Actor, admin: Actor, at: datetime
) -> None:
    uganda = cast.person("x", country="UG")
    assert uganda.person_id is not None
    enrol(series.id, uganda.person_id, by=SYSTEM, at=at)
    keep(series, get_country("TZ").id, 2, until=at + timedelta(days=5), capacity=4)
    of_tanzania = nominate(
        series.id, [row("Juma"), row("Neema")], country_id=get_country("TZ").id, by=SYSTEM, at=at
    ).submitted
    batch = preview_decision([*waiting, *of_tanzania], Decision.APPROVE, by=admin, at=at).public_id
    [effect] = DECISIONS.get_batch(None, batch, by=admin).preview(by=admin, at=at).series
    assert (effect.people, effect.held, effect.free, effect.wait) == (6, 2, 1, 3)


def test_a_rejection_is_taken_back_with_its_seats(
    series: Series, kenya: int, focal: Actor, admin: Actor, at: datetime
) -> None:
    series.nominations_need_approval = True
    keep(series, kenya, 2, until=at + timedelta(days=5))
    ids = nominate(series.id, [row("Dina"), row("Karim")], country_id=kenya, by=focal, at=at).submitted
    batch = preview_decision(ids, Decision.REJECT, by=admin, at=at).public_id
    DECISIONS.confirm(None, batch, reason="Not officials", by=admin, at=at)
    assert seats_of(series) == (0, 0, 2)

    nominate(series.id, [row("Somebody Else")], country_id=kenya, by=focal, at=at)
    DECISIONS.undo(None, batch, by=admin, at=at)
    assert states() == {"Dina": "submitted", "Karim": "rejected", "Somebody Else": "submitted"}
    assert named(batch, admin) == {"Dina": "taken_back", "Karim": "no_seat"}
    assert seats_of(series) == (2, 2, 0)
    reason = db.session.scalar(select(Nomination.reason).where(Nomination.full_name == "Dina"))
    assert reason is None


def test_a_rejection_stays_where_the_person_was_nominated_again(
    series: Series, waiting: list[str], kenya: int, focal: Actor, admin: Actor, at: datetime
) -> None:
    batch = preview_decision(waiting[:2], Decision.REJECT, by=admin, at=at).public_id
    DECISIONS.confirm(None, batch, reason="No", by=admin, at=at)
    nominate(series.id, [row("Dina")], country_id=kenya, by=focal, at=at)
    DECISIONS.undo(None, batch, by=admin, at=at)
    assert named(batch, admin) == {"Dina": "again", "Karim": "taken_back"}


def test_an_approval_is_taken_back_until_its_invitation_is_answered(
    series: Series, waiting: list[str], admin: Actor, at: datetime
) -> None:
    batch = preview_decision(waiting, Decision.APPROVE, by=admin, at=at).public_id
    DECISIONS.confirm(None, batch, reason=None, by=admin, at=at)
    secrets = {name: secret_of(f"{name.lower()}@people.test") for name in states()}
    decline(secrets["Karim"], None, at=at)
    accept(secrets["Omar"], Acceptance("Omar", None, "KE", consent=True), at=at)
    DECISIONS.undo(None, batch, by=admin, at=at)
    assert states() == {"Dina": "submitted", "Karim": "declined", "Omar": "accepted", "Salma": "submitted"}
    assert named(batch, admin) == {"Dina": "taken_back", "Karim": "answered", "Omar": "answered", "Salma": "taken_back"}
    assert find_invitation_link(secrets["Dina"]) is None
    assert find_invitation_link(secrets["Karim"]) is not None
    later = at + timedelta(minutes=1)
    mailed: list[str] = []
    send_due(lambda mail: mailed.append(f"{mail.template} {mail.address}"), at=later, limit=50)
    assert sorted(one for one in mailed if one.startswith("nomination_invitation")) == [
        "nomination_invitation karim@people.test",
        "nomination_invitation omar@people.test",
    ], "what was not sent yet stays unsent"

    again = preview_decision(waiting[:1], Decision.APPROVE, by=admin, at=later).public_id
    DECISIONS.confirm(None, again, reason=None, by=admin, at=later)
    assert find_invitation_link(secret_of("dina@people.test")) is not None


@pytest.mark.databases(differs=True)
def test_two_administrators_at_once_decide_each_nomination_once(
    app: APIFlask, waiting: list[str], admin: Actor, at: datetime, sent: Sent
) -> None:
    made = [preview_decision(waiting, decision, by=admin, at=at).public_id for decision in Decision]

    def press(public_id: str) -> None:
        with app.app_context():
            DECISIONS.confirm(None, public_id, reason="Not officials", by=admin, at=at)

    db.session.rollback()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(press, made * 2))
    counts = [DECISIONS.get_batch(None, public_id, by=admin).counts for public_id in made]
    assert sorted(map(str, counts)) == sorted(map(str, [{DecidedState.CHANGED: 4}, {DecidedState.DECIDED: 4}]))
    mails = [template for template, _address in sent()]
    assert mails in (["nomination_invitation"] * 4, ["nominations_rejected"])


def test_only_administrators_decide_and_only_on_what_is_there(
    series: Series, waiting: list[str], focal: Actor, admin: Actor, at: datetime
) -> None:
    with pytest.raises(Forbidden):
        preview_decision(waiting, Decision.APPROVE, by=focal, at=at)
    with pytest.raises(NotFound):
        preview_decision([*waiting, "nobody"], Decision.APPROVE, by=admin, at=at)
    with pytest.raises(Invalid, match="Select at least one"):
        preview_decision(NominationFilter(country="PE"), Decision.APPROVE, by=admin, at=at)
    withdraw_nominations(waiting, by=focal, at=at)
    with pytest.raises(Refused, match="waiting"):
        preview_decision(waiting, Decision.REJECT, by=admin, at=at)
