"""Nominating, inviting, answering and deciding, as the database keeps it."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy import func, select

from lms.catalogue.actions.states import cancel_lecture
from lms.catalogue.models import Series
from lms.catalogue.queries.lectures import list_lectures
from lms.core.base.errors import Invalid, NotFound, Refused
from lms.core.base.roles import SYSTEM, Actor, Role
from lms.core.database.session import db
from lms.enrolment.actions.places import enrol, withdraw
from lms.enrolment.models import EnrolmentSource, EnrolmentStatus, SeatEntry
from lms.enrolment.queries.rows import find_enrolment
from lms.mail.outbox import OutboxMail
from lms.nominations.actions.answering import Acceptance, accept, decline
from lms.nominations.actions.decision_batches import DECISIONS, decide, preview_decision
from lms.nominations.actions.forgetting import forget_old
from lms.nominations.actions.invitations import expire_due, remind
from lms.nominations.actions.nominating import nominate, submit_drafts, withdraw_nominations
from lms.nominations.models import DecidedState, Decision, Nomination, NominationState
from lms.nominations.rules import FORGET_AFTER, INVITATION_LASTS, REMIND_EVERY
from lms.people.actions.privacy import erase_person, export_person
from lms.people.models import Consent, Person
from lms.people.queries.countries import country_id_of, get_country
from lms.people.queries.persons import find_person_by_email
from tests.enrolment.conftest import Cast, Sent
from tests.nominations.conftest import keep, row, secret_of

pytestmark = [pytest.mark.databases, pytest.mark.usefixtures("context")]


def yes(name: str, *, country: str = "KE", native: str | None = None) -> Acceptance:
    return Acceptance(full_name=name, native_name=native, country=country, consent=True)


def states() -> dict[str, str]:
    return {one.full_name: one.state.value for one in db.session.scalars(select(Nomination).order_by(Nomination.id))}


def one(public_id: str) -> Nomination:
    found = db.session.scalar(select(Nomination).where(Nomination.public_id == public_id))
    assert found is not None
    return found


@pytest.mark.databases(differs=True)
def test_a_nominee_accepts_and_is_enrolled(series: Series, kenya: int, focal: Actor, at: datetime, sent: Sent) -> None:
    answer = nominate(series.id, [row("Wambui Kamau")], country_id=kenya, by=focal, at=at)
    assert (len(answer.invited), answer.created) == (1, 1)
    assert sent() == [("nomination_invitation", "wambui.kamau@people.test")]
    assert find_person_by_email("wambui.kamau@people.test") is None

    later = at + timedelta(days=1)
    done = accept(secret_of("wambui.kamau@people.test"), yes("Wambui Njeri Kamau", native="Wambui"), at=later)

    assert (done.state, done.enrolment) == (NominationState.ACCEPTED, EnrolmentStatus.ENROLLED)
    person = find_person_by_email("wambui.kamau@people.test")
    assert person is not None
    assert (person.full_name, person.native_name, person.name_confirmed_at) == ("Wambui Njeri Kamau", "Wambui", later)
    assert country_id_of(person.id, later.date()) == kenya
    enrolment = find_enrolment(series.id, person.id)
    assert enrolment is not None
    assert (enrolment.source, enrolment.registered_country_id) == (EnrolmentSource.NOMINATION, kenya)
    assert db.session.scalar(select(func.count()).select_from(Consent)) == 1
    assert sent()[-1] == ("enrolment_enrolled", "wambui.kamau@people.test")


def test_accepting_twice_changes_nothing(series: Series, kenya: int, focal: Actor, at: datetime, sent: Sent) -> None:
    nominate(series.id, [row("Wambui Kamau")], country_id=kenya, by=focal, at=at)
    secret = secret_of("wambui.kamau@people.test")
    accept(secret, yes("Wambui Kamau"), at=at)
    before = sent()
    assert accept(secret, yes("Another Name", country="UG"), at=at).state is NominationState.ACCEPTED
    assert sent() == before
    assert states() == {"Wambui Kamau": "accepted"}


def test_declining_gives_a_reason_and_ends_the_invitation(
    series: Series, kenya: int, focal: Actor, at: datetime
) -> None:
    answer = nominate(series.id, [row("Halima Noor")], country_id=kenya, by=focal, at=at)
    secret = secret_of("halima.noor@people.test")
    decline(secret, "On leave until January", at=at)
    decline(secret, "again", at=at)
    nomination = one(answer.invited[0])
    assert (nomination.state, nomination.reason) == (NominationState.DECLINED, "On leave until January")
    with pytest.raises(Refused, match="already declined"):
        accept(secret, yes("Halima Noor"), at=at)
    assert find_person_by_email("halima.noor@people.test") is None


def test_a_person_is_invited_once_by_two_focal_points_of_a_country(
    cast: Cast, series: Series, kenya: int, focal: Actor, at: datetime, sent: Sent
) -> None:
    other = cast.staff(Role.FOCAL_POINT, "Grace Owuor", country="KE")
    nominate(series.id, [row("Abdi Hassan"), row("Faith Mumbua")], country_id=kenya, by=focal, at=at)
    again = nominate(series.id, [row("Abdi H.", email="ABDI.Hassan@people.test")], country_id=kenya, by=other, at=at)
    assert (again.created, again.unchanged) == (0, 1)
    assert len(sent()) == 2


@pytest.mark.databases(differs=True)
def test_a_person_nominated_by_two_countries_is_sent_one_mail_and_has_one_place(
    cast: Cast, series: Series, kenya: int, focal: Actor, at: datetime, sent: Sent
) -> None:
    uganda = get_country("UG").id
    other = cast.staff(Role.FOCAL_POINT, "Okello", country="UG")
    nominate(series.id, [row("Abdi Hassan")], country_id=kenya, by=focal, at=at)
    mine = nominate(series.id, [row("Abdi Hassan")], country_id=uganda, by=other, at=at)
    assert len(mine.invited) == 1, "as for anybody unknown"
    assert len(sent()) == 1
    done = accept(secret_of("abdi.hassan@people.test"), yes("Abdi Hassan", country="UG"), at=at)
    assert done.enrolment is EnrolmentStatus.ENROLLED
    assert one(mine.invited[0]).state is NominationState.ACCEPTED
    assert db.session.scalars(select(Nomination.state).where(Nomination.country_id == kenya)).all() == ["declined"]


@pytest.mark.parametrize("what", ["withdrawn", "expired", "approval undone"])
def test_the_invitation_of_another_country_is_sent_once_the_first_is_taken_back(
    cast: Cast, series: Series, kenya: int, focal: Actor, admin: Actor, at: datetime, sent: Sent, what: str
) -> None:
    uganda = get_country("UG").id
    other = cast.staff(Role.FOCAL_POINT, "Okello", country="UG")
    if what == "approval undone":
        series.nominations_need_approval = True
        db.session.commit()
    first = nominate(series.id, [row("Abdi Hassan")], country_id=kenya, by=focal, at=at)
    batch = None
    if first.submitted:
        batch = preview_decision(first.submitted, Decision.APPROVE, by=admin, at=at).public_id
        DECISIONS.confirm(None, batch, reason=None, by=admin, at=at)
    later = at + timedelta(days=1)
    mine = nominate(series.id, [row("Abdi Hassan")], country_id=uganda, by=other, at=later)
    if mine.submitted:
        decide(mine.submitted, approve=True, by=admin, at=later)
    nomination = one([*mine.invited, *mine.submitted][0])
    before = (nomination.invited_at, nomination.expires_at)
    assert len(sent()) == 1
    if what == "withdrawn":
        withdraw_nominations(first.invited, by=focal, at=later)
    elif batch is not None:
        DECISIONS.undo(None, batch, by=admin, at=later)
    else:
        assert expire_due(at=at + INVITATION_LASTS) == 1
    db.session.expire_all()
    assert [address for _template, address in sent()] == ["abdi.hassan@people.test"] * 2
    assert (nomination.invited_at, nomination.expires_at) == before, "Uganda learns nothing by it"
    done = accept(secret_of("abdi.hassan@people.test"), yes("Abdi Hassan", country="UG"), at=later)
    assert done.enrolment is EnrolmentStatus.ENROLLED


def test_an_invitation_that_is_withdrawn_before_it_is_sent_is_not_sent(
    series: Series, kenya: int, focal: Actor, at: datetime
) -> None:
    made = nominate(series.id, [row("Abdi Hassan")], country_id=kenya, by=focal, at=at)
    withdraw_nominations(made.invited, by=focal, at=at)
    mail = db.session.scalars(select(OutboxMail)).one()
    assert mail.expires_at == at


def test_a_nominee_who_names_another_country_waits_for_an_administrator(
    series: Series, kenya: int, focal: Actor, admin: Actor, at: datetime
) -> None:
    answer = nominate(series.id, [row("Juma Bakari")], country_id=kenya, by=focal, at=at)
    done = accept(secret_of("juma.bakari@people.test"), yes("Juma Bakari", country="TZ"), at=at)
    assert (done.state, done.enrolment) == (NominationState.SUBMITTED, None)
    nomination = one(answer.invited[0])
    assert nomination.country.code == "TZ"
    with pytest.raises(NotFound):
        withdraw_nominations([nomination.public_id], by=focal, at=at)

    assert decide([nomination.public_id], approve=True, by=admin, at=at).decided == 1
    person = find_person_by_email("juma.bakari@people.test")
    assert person is not None
    enrolment = find_enrolment(series.id, person.id)
    assert enrolment is not None
    assert enrolment.status is EnrolmentStatus.ENROLLED
    assert one(answer.invited[0]).state is NominationState.ACCEPTED


def test_an_administrator_approves_and_rejects_where_the_series_asks(
    series: Series, kenya: int, focal: Actor, admin: Actor, at: datetime, sent: Sent
) -> None:
    series.nominations_need_approval = True
    db.session.commit()
    answer = nominate(series.id, [row("Dina Fawzy"), row("Omar Hisham")], country_id=kenya, by=focal, at=at)
    assert len(answer.submitted) == 2
    assert sent() == []
    with pytest.raises(Invalid, match="Enter a reason"):
        decide(answer.submitted, approve=False, by=admin, at=at)
    assert decide(answer.submitted[:1], approve=True, by=admin, at=at).decided == 1
    done = decide(answer.submitted, approve=False, reason="Not an official", by=admin, at=at)
    assert (done.decided, done.skipped) == (1, {answer.submitted[0]: DecidedState.DECIDED})
    assert states() == {"Dina Fawzy": "invited", "Omar Hisham": "rejected"}
    assert sent() == [
        ("nomination_invitation", "dina.fawzy@people.test"),
        ("nominations_rejected", "peter.mutua@people.test"),
    ]


def test_what_a_focal_point_learns_of_people_of_other_countries(
    cast: Cast, series: Series, kenya: int, focal: Actor, at: datetime
) -> None:
    """Enrolled at home: said. Enrolled for another country: as somebody unknown."""
    home = cast.person("Rose Maina", country="KE", organisation="Revenue Authority")
    abroad = cast.person("Juma Bakari", country="TZ")
    for actor in (home, abroad):
        assert actor.person_id is not None
        enrol(series.id, actor.person_id, by=SYSTEM, at=at)
    answer = nominate(
        series.id,
        [row("Rose Maina"), row("J. Bakari", email="juma.bakari@people.test"), row("Nobody Known")],
        country_id=kenya,
        by=focal,
        at=at,
    )
    assert [fault.reason for fault in answer.rejected] == ["This person is already enrolled in this series."]
    assert states() == {"J. Bakari": "invited", "Nobody Known": "invited"}
    kept = db.session.scalars(select(Nomination.person_id)).all()
    assert kept == [None, None], "the nomination says nothing of who is known elsewhere"


def test_a_person_of_the_country_is_nominated_by_the_address_alone(
    cast: Cast, series: Series, kenya: int, focal: Actor, at: datetime
) -> None:
    home = cast.person("Rose Maina", country="KE", organisation="Revenue Authority")
    given = row("x", email="rose.maina@people.test", organisation="Another")
    given.full_name = None
    nominate(series.id, [given], country_id=kenya, by=focal, at=at)
    nomination = db.session.scalars(select(Nomination)).one()
    assert (nomination.full_name, nomination.organisation) == ("Rose Maina", "Revenue Authority")
    assert nomination.person_id == home.person_id


def test_bad_rows_are_named_and_stop_the_file_unless_skipped(
    series: Series, kenya: int, focal: Actor, at: datetime
) -> None:
    twice = [row("Abdi Hassan"), row("Abdi H.", email="abdi.hassan@people.test"), row("Juma", country="TZ")]
    nameless = row("x", email="nobody@people.test")
    nameless.full_name = None
    with pytest.raises(Invalid) as raised:
        nominate(series.id, [*twice, nameless], country_id=kenya, by=focal, at=at, skip_bad_rows=False)
    assert [fault.field for fault in raised.value.faults] == ["email", "country", "full_name"]
    assert states() == {}
    answer = nominate(series.id, [*twice, nameless], country_id=kenya, by=focal, at=at)
    assert (answer.created, len(answer.rejected)) == (1, 3)


def test_only_the_own_country_and_published_series_take_nominations(
    cast: Cast, series: Series, kenya: int, focal: Actor, at: datetime
) -> None:
    with pytest.raises(NotFound):
        nominate(series.id, [row("Abdi")], country_id=get_country("UG").id, by=focal, at=at)
    with pytest.raises(NotFound):
        nominate(series.id, [row("Abdi")], country_id=kenya, by=cast.person("Trainee"), at=at)
    closed = cast.series("closed", countries=("UG",))
    with pytest.raises(Refused, match="not open to this country"):
        nominate(closed.id, [row("Abdi")], country_id=kenya, by=focal, at=at)


def test_drafts_are_submitted_and_withdrawn(series: Series, kenya: int, focal: Actor, at: datetime, sent: Sent) -> None:
    answer = nominate(series.id, [row("A"), row("B")], country_id=kenya, by=focal, at=at, submit=False)
    assert len(answer.drafted) == 2
    assert sent() == []
    assert withdraw_nominations(answer.drafted[:1], by=focal, at=at) == 1
    assert submit_drafts(answer.drafted, by=focal, at=at) == (1, 0)
    assert states() == {"A": "withdrawn", "B": "invited"}
    assert submit_drafts(answer.drafted, by=focal, at=at) == (0, 0)


def test_reminders_are_sent_at_most_every_three_days_and_old_links_stay_good(
    series: Series, kenya: int, focal: Actor, at: datetime, sent: Sent
) -> None:
    nominate(series.id, [row("Abdi Hassan"), row("Faith Mumbua")], country_id=kenya, by=focal, at=at)
    first = secret_of("abdi.hassan@people.test")
    assert remind(series.id, kenya, by=focal, at=at + timedelta(days=2)) == (0, 2)
    due = at + REMIND_EVERY
    assert remind(series.id, kenya, by=focal, at=due) == (2, 0)
    assert remind(series.id, kenya, by=focal, at=due) == (0, 2)
    assert len(sent()) == 4
    assert secret_of("abdi.hassan@people.test") != first
    assert accept(first, yes("Abdi Hassan"), at=due).enrolment is EnrolmentStatus.ENROLLED
    accepted = accept(secret_of("abdi.hassan@people.test"), yes("Abdi Hassan"), at=due)
    assert accepted.state is NominationState.ACCEPTED


def test_invitations_expire_with_their_links(series: Series, kenya: int, focal: Actor, at: datetime) -> None:
    nominate(series.id, [row("Abdi Hassan")], country_id=kenya, by=focal, at=at)
    secret = secret_of("abdi.hassan@people.test")
    assert expire_due(at=at + INVITATION_LASTS - timedelta(seconds=1)) == 0
    late = at + INVITATION_LASTS
    assert expire_due(at=late) == 1
    assert expire_due(at=late) == 0
    assert states() == {"Abdi Hassan": "expired"}
    with pytest.raises(NotFound):
        accept(secret, yes("Abdi Hassan"), at=late)
    again = nominate(series.id, [row("Abdi Hassan")], country_id=kenya, by=focal, at=late)
    assert len(again.invited) == 1


def test_an_invitation_to_a_series_that_is_over_is_refused(
    cast: Cast, series: Series, kenya: int, focal: Actor, admin: Actor, at: datetime
) -> None:

    nominate(series.id, [row("Abdi Hassan")], country_id=kenya, by=focal, at=at)
    for lecture in list_lectures(series.id, by=SYSTEM):
        cancel_lecture(lecture.id, reason="No speaker", by=admin, at=at)
    with pytest.raises(Refused, match="over"):
        accept(secret_of("abdi.hassan@people.test"), yes("Abdi Hassan"), at=at)


def test_who_withdrew_comes_back_by_accepting(
    cast: Cast, series: Series, kenya: int, focal: Actor, at: datetime
) -> None:
    person = cast.person("Abdi Hassan", country="KE")
    assert person.person_id is not None
    enrol(series.id, person.person_id, by=SYSTEM, at=at)
    withdraw(series.id, person.person_id, by=person, at=at)
    nominate(series.id, [row("Abdi Hassan")], country_id=kenya, by=focal, at=at + timedelta(days=1))
    done = accept(secret_of("abdi.hassan@people.test"), yes("Abdi Hassan"), at=at + timedelta(days=2))
    assert done.enrolment is EnrolmentStatus.ENROLLED


def test_accepting_needs_a_name_a_country_and_consent(series: Series, kenya: int, focal: Actor, at: datetime) -> None:
    nominate(series.id, [row("Abdi Hassan")], country_id=kenya, by=focal, at=at)
    with pytest.raises(Invalid) as raised:
        accept(secret_of("abdi.hassan@people.test"), Acceptance("", None, "??", consent=False), at=at)
    assert [fault.field for fault in raised.value.faults] == ["full_name", "country", "consent"]
    assert states() == {"Abdi Hassan": "invited"}


def test_an_erased_person_leaves_an_anonymous_nomination(
    cast: Cast, series: Series, kenya: int, focal: Actor, admin: Actor, at: datetime
) -> None:
    person = cast.person("Abdi Hassan", country="KE")
    nominate(series.id, [row("Abdi Hassan")], country_id=kenya, by=focal, at=at)
    part = export_person(person.public_id, by=person, at=at)["nominations"]
    assert [(entry["series"], entry["state"]) for entry in part] == [("customs", "invited")]
    erase_person(person.public_id, confirmation="abdi.hassan@people.test", withdraw_certificates=False, by=admin, at=at)
    nomination = db.session.scalars(select(Nomination)).one()
    assert (nomination.state, nomination.email, nomination.full_name) == (NominationState.WITHDRAWN, "", "")
    assert not db.session.scalars(select(OutboxMail).where(OutboxMail.address == "abdi.hassan@people.test")).all()


def test_names_of_nominees_who_never_came_are_erased_after_a_while(
    series: Series, kenya: int, focal: Actor, at: datetime
) -> None:
    nominate(series.id, [row("Abdi Hassan"), row("Faith Mumbua")], country_id=kenya, by=focal, at=at)
    accept(secret_of("faith.mumbua@people.test"), yes("Faith Mumbua"), at=at)
    expire_due(at=at + INVITATION_LASTS)
    ended = at + INVITATION_LASTS
    assert forget_old(at=ended + FORGET_AFTER) == 0
    assert forget_old(at=ended + FORGET_AFTER + timedelta(seconds=1)) == 1
    assert states() == {"": "expired", "Faith Mumbua": "accepted"}


def test_nobody_is_made_a_person_by_being_nominated(series: Series, kenya: int, focal: Actor, at: datetime) -> None:
    before = db.session.scalar(select(func.count()).select_from(Person))
    nominate(series.id, [row(f"Nominee {n}") for n in range(40)], country_id=kenya, by=focal, at=at)
    assert db.session.scalar(select(func.count()).select_from(Person)) == before


def seats_of(series: Series) -> tuple[int, int, int]:
    """How many seats are taken, held and reserved, when the ledger agrees."""
    db.session.expire_all()
    changes = db.session.scalar(select(func.sum(SeatEntry.change)).where(SeatEntry.series_id == series.id)) or 0
    assert changes == series.taken
    return series.taken, series.held, series.reserved


def test_nominations_hold_seats_of_the_quota_and_those_beyond_it_stay_drafted(
    series: Series, kenya: int, focal: Actor, at: datetime, sent: Sent
) -> None:
    keep(series, kenya, 2, until=at + timedelta(days=5))
    answer = nominate(series.id, [row("A"), row("B"), row("C")], country_id=kenya, by=focal, at=at)
    assert (len(answer.invited), len(answer.drafted)) == (2, 1)
    assert seats_of(series) == (2, 2, 0)
    assert len(sent()) == 2

    decline(secret_of("a@people.test"), None, at=at)
    assert seats_of(series) == (1, 1, 1)
    assert submit_drafts(answer.drafted, by=focal, at=at) == (1, 0)
    accept(secret_of("b@people.test"), yes("B"), at=at)
    assert seats_of(series) == (2, 1, 0)
    assert expire_due(at=at + INVITATION_LASTS) == 1
    assert seats_of(series)[:2] == (1, 0)


def test_a_nominee_who_names_another_country_leaves_the_seat_to_the_quota(
    series: Series, kenya: int, focal: Actor, at: datetime
) -> None:
    keep(series, kenya, 1, until=at + timedelta(days=5))
    nominate(series.id, [row("Juma")], country_id=kenya, by=focal, at=at)
    assert seats_of(series) == (1, 1, 0)
    accept(secret_of("juma@people.test"), yes("Juma", country="TZ"), at=at)
    assert seats_of(series) == (0, 0, 1)


def test_without_a_kept_quota_a_nominee_of_a_full_series_waits(
    cast: Cast, series: Series, kenya: int, focal: Actor, at: datetime
) -> None:
    series.capacity = 1
    db.session.commit()
    first = cast.person("First")
    assert first.person_id is not None
    enrol(series.id, first.person_id, by=SYSTEM, at=at)
    nominate(series.id, [row("Abdi")], country_id=kenya, by=focal, at=at)
    assert accept(secret_of("abdi@people.test"), yes("Abdi"), at=at).enrolment is EnrolmentStatus.WAITLISTED
    withdraw(series.id, first.person_id, by=first, at=at)
    person = find_person_by_email("abdi@people.test")
    assert person is not None
    enrolment = find_enrolment(series.id, person.id)
    assert enrolment is not None
    assert enrolment.status is EnrolmentStatus.ENROLLED
