"""Which kinds of mail people want."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from lms.core.base.roles import Role
from lms.core.database.bulk import among
from lms.core.database.session import db, read, read_column, shared_alias
from lms.mail.kinds import DECLINABLE, KIND_OF, MailKind, is_default
from lms.mail.outbox import ALL_SERIES, Choice
from lms.people.mail_links import MailLink, mark_of
from lms.people.models import MailChoice, Person, PersonEmail
from lms.people.queries.access import load_actor
from lms.people.queries.persons import canonical

_Asked, _Member = shared_alias(Person), shared_alias(Person)


def declined(choices: Collection[Choice]) -> set[Choice]:
    """Which of these choices of a kind, a person and a series are declined, in one statement for however many."""
    chosen = _chosen({person_id for _kind, person_id, _series in choices}, {kind for kind, _person, _series in choices})
    return {
        (kind, person_id, series_id)
        for kind, person_id, series_id in choices
        if not chosen.get((kind, person_id, series_id), chosen.get((kind, person_id, ALL_SERIES), is_default(kind)))
    }


def wanting(kind: MailKind, person_ids: Collection[int], series_id: int = ALL_SERIES) -> set[int]:
    """Which of these people want mails of a kind about a series."""
    no = declined([(kind, person_id, series_id) for person_id in person_ids])
    return set(person_ids) - {person_id for _kind, person_id, _series in no}


def choices_of(person_id: int) -> dict[tuple[MailKind, int], bool]:
    """Returns what a person has chosen: kind and series (or `ALL_SERIES`) → whether they want it."""
    chosen = _chosen({person_id}, set(MailKind))
    return {(kind, series_id): wanted for (kind, _person, series_id), wanted in chosen.items()}


def _chosen(people: Collection[int], kinds: Collection[MailKind]) -> dict[Choice, bool]:
    """The choices of people, and of those merged with them: the latest of each wins."""
    query = (
        select(MailChoice.kind, _Asked.id, MailChoice.series_id, MailChoice.wanted)
        .select_from(_Asked)
        .join(_Member, _Member.canonical_id == _Asked.canonical_id)
        .join(MailChoice, MailChoice.person_id == _Member.id)
        .where(among(_Asked.id, people), MailChoice.kind.in_(kinds))
        .order_by(MailChoice.changed_at, MailChoice.person_id == _Asked.id)
    )
    return {(MailKind(kind), person_id, series_id): wanted for kind, person_id, series_id, wanted in read(query)}


_USED = frozenset(KIND_OF.values())


def offered_to(roles: Collection[Role]) -> tuple[MailKind, ...]:
    """The kinds of mail that somebody with these roles can choose."""
    has_dashboard = Role.INSTRUCTOR in roles or Role.FOCAL_POINT in roles
    return tuple(kind for kind in DECLINABLE if kind in _USED and (kind is not MailKind.DIGEST or has_dashboard))


@dataclass(frozen=True)
class MailReader:
    """The person who follows a link in a mail. Without an `address`, the address of the link is no longer used."""

    person_id: int
    address: str | None
    locale: str
    choices: Mapping[MailKind, bool]
    """What the person can choose, for all series, and has chosen."""


def reader_of(link: MailLink, *, at: datetime) -> MailReader | None:
    """The person of a link, also if merged, disabled or erased since; None without a person."""
    person = db.session.get(Person, canonical(link.person_id))
    if person is None:
        return None
    query = (
        select(PersonEmail.address)
        .join(Person, Person.id == PersonEmail.person_id)
        .where(Person.canonical_id == person.id)
    )
    address = next((one for one in read_column(query) if mark_of(one) == link.address), None)
    actor = load_actor(person.id, at)
    chosen = choices_of(person.id)
    offered = {*offered_to(actor.roles if actor is not None else ()), link.kind}
    choices = {kind: chosen.get((kind, ALL_SERIES), is_default(kind)) for kind in DECLINABLE if kind in offered}
    return MailReader(person.id, address, person.locale, choices)
