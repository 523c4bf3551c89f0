"""Answers of nominees: they accept, with the name as it will be printed, or decline."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from lms.catalogue.models import Series, Visibility
from lms.core.base.errors import Fault, Invalid, NotFound, Refused
from lms.core.base.roles import SYSTEM, Actor
from lms.core.database import audit
from lms.core.database.session import action, db
from lms.core.text.i18n import _
from lms.enrolment.actions.places import enrol, lock
from lms.enrolment.models import EnrolmentSource, EnrolmentStatus, SeatReason
from lms.enrolment.queries.series import is_over
from lms.nominations.actions.invitations import language_of
from lms.nominations.actions.seats import end, free_seat, let_go, people_of
from lms.nominations.models import Nomination, NominationState
from lms.nominations.queries.invitations import find_invitation_link
from lms.nominations.rules import checked_reason, is_answered
from lms.people.actions.links import make_link
from lms.people.actions.persons import (
    change_profile,
    checked_profile,
    hold_addresses,
    insert_person,
    set_country,
    verify_address,
)
from lms.people.models import BEGINNING, Consent, LinkPurpose, Person
from lms.people.queries.access import load_actor
from lms.people.queries.countries import country_id_of, get_country
from lms.people.queries.persons import find_person_by_email, has_claimed, with_password
from lms.people.rules import CONSENT_VERSION, RESET_LASTS


@dataclass(frozen=True)
class Acceptance:
    """The statements of a nominee who accepts. `country` is a code. `language` is the one in which an account begins;
    null: that of the invitation."""

    full_name: str
    native_name: str | None
    country: str
    consent: bool
    language: str | None = None


@dataclass(frozen=True)
class Answered:
    """The result of an answer: the state of the nomination, and the place in the series, if there is one."""

    state: NominationState
    person_id: int | None = None
    enrolment: EnrolmentStatus | None = None


@action
def accept(secret: str, given: Acceptance, *, at: datetime) -> Answered:
    """Accepts an invitation: the nominee becomes known under the name and country given, has an account, agreed to the
    record of attendance, and has a place in the series or, where it is full, one on its waiting list.

    A nominee who names another country than the one that nominated has a place at once where that country has invited
    them too; otherwise the nomination passes to that country and waits for an administrator. Accepting twice changes
    nothing. Raises NotFound (unknown or old link), Refused (no longer open, or the series is over) and Invalid.
    """
    nomination, series = _begin(secret, at=at)
    if nomination.state is NominationState.ACCEPTED or is_answered(nomination):
        return Answered(nomination.state, nomination.person_id)
    _check_open(nomination, series)
    country_id = _checked(given)
    if country_id != nomination.country_id:
        nomination = _nomination_of(nomination, country_id) or nomination
    actor = _person_of(nomination, given, country_id, at=at)
    nomination.answered_at, nomination.person_id = at, actor.person_id
    nomination.full_name, nomination.native_name = given.full_name, given.native_name
    audit.record(
        "nomination.accept",
        by=actor,
        at=at,
        series=series.id,
        nomination=nomination.id,
        person=actor.person_id or 0,
    )
    if country_id != nomination.country_id:
        free_seat(nomination, why=SeatReason.DECLINED, by=actor, at=at)
        nomination.country_id, nomination.state = country_id, NominationState.SUBMITTED
        nomination.expires_at = None
        db.session.flush()
        return Answered(nomination.state, actor.person_id)
    return settle(nomination, by=actor, at=at)


def settle(nomination: Nomination, *, by: Actor, at: datetime) -> Answered:
    """Within an action, with the series locked: gives a nominee who accepted the place. The invitations of other
    countries to the same person are declined by it: their focal points read what anybody's answer could have been."""
    assert nomination.person_id is not None, "a nominee who accepted is a person"
    seat = let_go(nomination)
    nomination.state, nomination.ended_at = NominationState.ACCEPTED, at
    db.session.flush()
    others = select(Nomination).where(
        Nomination.series_id == nomination.series_id,
        Nomination.email_key == nomination.email_key,
        Nomination.id != nomination.id,
        Nomination.state == NominationState.INVITED,
    )
    for other in db.session.scalars(others.with_for_update(key_share=True)).all():
        other.answered_at = at
        end(other, NominationState.DECLINED, why=SeatReason.DECLINED, by=SYSTEM, at=at)
    row = enrol(
        nomination.series_id,
        nomination.person_id,
        by=by,
        at=at,
        source=EnrolmentSource.NOMINATION,
        seat=seat,
    )
    return Answered(nomination.state, nomination.person_id, row.status)


@action
def decline(secret: str, reason: str | None, *, at: datetime) -> Answered:
    """Declines an invitation, with a reason or none; the seat is free again. Declining twice changes nothing.

    Raises NotFound (unknown or old link), Refused (answered otherwise) and Invalid.
    """
    nomination, _series = _begin(secret, at=at)
    if nomination.state is NominationState.DECLINED:
        return Answered(nomination.state)
    _check_waits(nomination)
    nomination.reason, nomination.answered_at = checked_reason(reason, required=False), at
    end(nomination, NominationState.DECLINED, why=SeatReason.DECLINED, by=SYSTEM, at=at)
    audit.record(
        "nomination.decline",
        by=SYSTEM,
        at=at,
        series=nomination.series_id,
        nomination=nomination.id,
        person=people_of([nomination]),
    )
    return Answered(nomination.state)


def _begin(secret: str, *, at: datetime) -> tuple[Nomination, Series]:
    link = find_invitation_link(secret)
    if link is None or link.expires_at <= at:
        raise NotFound
    nomination = db.session.get_one(Nomination, link.nomination_id)
    series = lock(nomination.series_id, SYSTEM, at)
    hold_addresses()
    db.session.refresh(nomination, with_for_update={"key_share": True})
    return nomination, series


def _check_waits(nomination: Nomination) -> None:
    if nomination.state is NominationState.ACCEPTED or is_answered(nomination):
        raise Refused(_("You have already accepted this invitation. Nothing was changed."))
    if nomination.state is NominationState.DECLINED:
        raise Refused(_("You have already declined this invitation. Nothing was changed."))
    if nomination.state is not NominationState.INVITED:
        raise Refused(_("This invitation is no longer open."))


def _check_open(nomination: Nomination, series: Series) -> None:
    _check_waits(nomination)
    if series.visibility is not Visibility.PUBLIC:
        raise Refused(_("This series is not open at the moment. Contact the organiser."))
    if is_over(series.id):
        raise Refused(_("This series is over. All its lectures have been held."))


def _checked(given: Acceptance) -> int:
    """The id of the country that a nominee names. Raises Invalid with all faults."""
    faults: list[Fault] = []
    country_id = 0
    try:
        checked_profile({"full_name": given.full_name, "native_name": given.native_name})
    except Invalid as error:
        faults.extend(error.faults)
    try:
        country_id = get_country(given.country).id
    except Invalid as error:
        faults.extend(error.faults)
    if not given.consent:
        faults.append(Fault(field="consent", reason=_("You must agree before we can record your attendance.")))
    if faults:
        raise Invalid(faults=faults)
    return country_id


def _nomination_of(nomination: Nomination, country_id: int) -> Nomination | None:
    """The same person's invitation to the same series by another country."""
    query = select(Nomination).where(
        Nomination.series_id == nomination.series_id,
        Nomination.country_id == country_id,
        Nomination.email_key == nomination.email_key,
        Nomination.state == NominationState.INVITED,
    )
    return db.session.scalar(query.with_for_update(key_share=True))


def _person_of(nomination: Nomination, given: Acceptance, country_id: int, *, at: datetime) -> Actor:
    """The nominee as a person, made or found by the address that the invitation was sent to, with what was given."""
    person = find_person_by_email(nomination.email)
    is_claimed = person is not None and bool(has_claimed([person.id]))
    if person is None:
        person = insert_person(
            full_name=given.full_name,
            native_name=given.native_name,
            email=nomination.email,
            country_id=country_id,
            by=SYSTEM,
            at=at,
            verified_at=at,
            sector=nomination.sector,
            organisation=nomination.organisation,
            job_title=nomination.job_title,
            gender=nomination.gender,
        )
    actor = load_actor(person.id, at)
    if actor is None:
        raise Refused(_("Your account is disabled. Contact the organiser."))
    verify_address(person.id, nomination.email_key, at=at)
    profile = {"full_name": given.full_name, "native_name": given.native_name}
    if not is_claimed:
        profile["locale"] = given.language or language_of(nomination)
    change_profile(person.public_id, profile, by=actor, at=at, today=at.date())
    _move(person, country_id, by=actor, at=at)
    db.session.add(Consent(person_id=person.id, purpose="attendance", text_version=CONSENT_VERSION, given_at=at))
    db.session.flush()
    return actor


def _move(person: Person, country_id: int, *, by: Actor, at: datetime) -> None:
    """The country holds from today; the first one of a person from the beginning."""
    before = country_id_of(person.id, at.date())
    if before != country_id:
        set_country(person.id, country_id, since=BEGINNING if before is None else at.date(), by=by, at=at)


@action
def open_password_link(secret: str, *, at: datetime) -> str | None:
    """The secret of a link at which a nominee who has accepted chooses a first password; null where there is one.

    Raises NotFound (unknown or old link, or not accepted).
    """
    nomination, series = _begin(secret, at=at)
    if nomination.person_id is None or not (nomination.state is NominationState.ACCEPTED or is_answered(nomination)):
        raise NotFound
    actor = load_actor(nomination.person_id, at)
    if actor is None or actor.person_id is None:
        raise NotFound
    if with_password([actor.person_id]):
        return None
    key = nomination.email_key
    data = {"following": f"/series/{series.slug}"}
    return make_link(actor.person_id, LinkPurpose.RESET, data, address_key=key, lasts=RESET_LASTS, at=at)[0]
