"""Reads for the page of an invitation. The secret of its link is the authority."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import select

from lms.catalogue.models import LectureState, Policy, Series, Visibility
from lms.catalogue.queries.lectures import stations_of
from lms.catalogue.queries.policies import current_policy
from lms.catalogue.rules import Station
from lms.core.base.roles import ANONYMOUS
from lms.core.database.session import db
from lms.core.time.zones import main_zone
from lms.enrolment.models import Enrolment
from lms.enrolment.queries.answers import count_to_come
from lms.enrolment.queries.rows import day_of, find_enrolment
from lms.enrolment.queries.series import is_over, position_of
from lms.nominations.models import InvitationLink, Nomination, NominationState
from lms.nominations.rules import is_answered
from lms.people.models import Country, Person
from lms.people.passwords import hash_secret
from lms.people.queries.countries import country_id_of
from lms.people.queries.persons import find_person_by_email, with_password


class InvitationState(StrEnum):
    """The state of an invitation for the nominee.

    *Open*: answer. *Old*: the link has expired. *Accepted* and *declined* are the nominee's answers; *waiting*: the
    nominee accepted, named another country, and the organiser decides. *Over*: all lectures of the series were held;
    *cancelled*: none will be; *closed*: the series is hidden at the moment. *Ended*: it was withdrawn, rejected or
    not answered in time.
    """

    OPEN = "open"
    OLD = "old"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    WAITING = "waiting"
    OVER = "over"
    CANCELLED = "cancelled"
    CLOSED = "closed"
    ENDED = "ended"


_ANSWERS = {NominationState.ACCEPTED: InvitationState.ACCEPTED, NominationState.DECLINED: InvitationState.DECLINED}


@dataclass(frozen=True)
class Invitation:
    """A nomination as its nominee reads it. `person` is who has the address already, and `home` their country today;
    `enrolment` their place, and `position` the one on the waiting list."""

    state: InvitationState
    nomination: Nomination
    nominated_by: Person | None
    lectures: Sequence[Station]
    policy: Policy
    person: Person | None
    home: Country | None
    enrolment: Enrolment | None
    position: int | None
    has_password: bool
    questions: tuple[int, int]
    """How many questions at enrolment the nominee will be asked after accepting, at least and at most."""

    @property
    def series(self) -> Series:
        """The series."""
        return self.nomination.series

    @property
    def country(self) -> Country:
        """The country that nominated, or the one that the nominee named."""
        return self.nomination.country

    @property
    def zone(self) -> str | None:
        """The zone in which the nominee most likely reads times."""
        return (self.person.time_zone if self.person is not None else None) or main_zone(self.country.code)

    @property
    def interpretation(self) -> list[str]:
        """The languages into which lectures are interpreted."""
        return sorted({code for lecture in self.lectures for code in lecture.interpretation})

    @property
    def coming(self) -> list[Station]:
        """The lectures that have a date and did not begin, the next one first."""
        return [one for one in self.lectures if one.state is LectureState.SCHEDULED and one.starts_at is not None]


def find_invitation_link(secret: str) -> InvitationLink | None:
    """The link of a secret, however old."""
    return db.session.scalar(select(InvitationLink).where(InvitationLink.secret_hash == hash_secret(secret)))


def look_at_invitation(secret: str, *, at: datetime) -> Invitation | None:
    """The invitation that a link leads to; None for an unknown link."""
    link = find_invitation_link(secret)
    if link is None:
        return None
    nomination = _speaking_for(db.session.get_one(Nomination, link.nomination_id))
    series = nomination.series
    lectures = stations_of([series.id], by=ANONYMOUS)[series.id]
    by_id = nomination.nominated_by_id
    person = find_person_by_email(nomination.email)
    home = country_id_of(person.id, day_of(at)) if person is not None else None
    enrolment = find_enrolment(series.id, person.id) if person is not None else None
    sector = nomination.sector.value if nomination.sector else None
    as_asked = (person.id if person is not None else None, nomination.country.code, sector)
    return Invitation(
        state=_state(nomination, lectures, is_old=link.expires_at <= at),
        nomination=nomination,
        nominated_by=db.session.get(Person, by_id) if by_id is not None else None,
        lectures=lectures,
        policy=current_policy(series.id),
        person=person,
        home=db.session.get(Country, home) if home is not None else None,
        enrolment=enrolment,
        position=position_of(enrolment) if enrolment is not None else None,
        has_password=bool(person is not None and with_password([person.id])),
        questions=count_to_come(series.id, [as_asked], by=ANONYMOUS, at=at)[0],
    )


def _speaking_for(nomination: Nomination) -> Nomination:
    """The nomination itself, or the accepted one of another country for the same person, which ended this one."""
    if nomination.state is not NominationState.DECLINED:
        return nomination
    accepted = select(Nomination).where(
        Nomination.series_id == nomination.series_id,
        Nomination.email_key == nomination.email_key,
        Nomination.state == NominationState.ACCEPTED,
    )
    return db.session.scalars(accepted.order_by(Nomination.id.desc())).first() or nomination


def _state(nomination: Nomination, lectures: Sequence[Station], *, is_old: bool) -> InvitationState:
    if is_old:
        return InvitationState.OLD
    if is_answered(nomination):
        return InvitationState.WAITING
    if nomination.state in _ANSWERS:
        return _ANSWERS[nomination.state]
    if nomination.state is not NominationState.INVITED:
        return InvitationState.ENDED
    if nomination.series.visibility is not Visibility.PUBLIC:
        return InvitationState.CLOSED
    if is_over(nomination.series_id):
        was_given = any(lecture.state is LectureState.HELD for lecture in lectures)
        return InvitationState.OVER if was_given else InvitationState.CANCELLED
    return InvitationState.OPEN
