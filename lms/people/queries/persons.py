"""Looking up people: by address, by public id, in bulk. Merged people are answered with the person who remains."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date

from sqlalchemy import Select, select
from sqlalchemy.orm import aliased

from lms.core.base.errors import NotFound
from lms.core.base.roles import Actor
from lms.core.database.bulk import among, chunks
from lms.core.database.session import db, read, read_one, read_value
from lms.core.text.i18n import spoken
from lms.core.time import clock, zones
from lms.people.models import Account, Country, Person, PersonCountry, PersonEmail
from lms.people.queries.countries import country_codes_of, country_id_of
from lms.people.rules import can_see_person, email_key


@dataclass(frozen=True)
class Contact:
    """Where and how to write to a person.

    `locale` is the language to write in. `time_zone` is the person's own, else the main one of the country; empty where
    neither is known: the organiser's is meant, and named.
    """

    address: str
    locale: str
    time_zone: str
    full_name: str


@dataclass(frozen=True)
class Profile:
    """A person with the address, and the country of a day."""

    person: Person
    email: str | None
    country: Country | None
    history: Sequence[tuple[PersonCountry, Country | None]]

    @property
    def country_code(self) -> str | None:
        """The code of the country."""
        return self.country.code if self.country is not None else None


def canonical(person_id: int) -> int:
    """Returns the id of a person after merging: their own, or that of the person kept."""
    return db.session.scalar(select(Person.canonical_id).where(Person.id == person_id)) or person_id


def members(person_id: int) -> list[int]:
    """Returns all rows of a person: their own first, then those merged into it."""
    query = select(Person.id).where(Person.canonical_id == person_id, Person.id != person_id).order_by(Person.id)
    return [person_id, *db.session.scalars(query)]


def find_person_by_email(email: str) -> Person | None:
    """The person of an address, in any case of letters; who was merged is the person kept."""
    member = aliased(Person)
    query = (
        select(Person)
        .join(member, member.canonical_id == Person.id)
        .join(PersonEmail, PersonEmail.person_id == member.id)
        .where(PersonEmail.key == email_key(email))
    )
    return db.session.scalar(query)


def find_person_id(email: str) -> int | None:
    """As `find_person_by_email`, the id alone."""
    query = (
        select(Person.canonical_id)
        .join(PersonEmail, PersonEmail.person_id == Person.id)
        .where(PersonEmail.key == email_key(email))
    )
    person_id: int | None = read_value(query)
    return person_id


@dataclass(frozen=True)
class Addressee:
    """The person of a link or a password. `address` is spelled as stored; null `password_hash`: none was set."""

    person_id: int
    full_name: str
    address: str
    locale: str
    time_zone: str | None
    has_account: bool
    password_hash: str | None
    is_disabled: bool


def find_addressee(email: str) -> Addressee | None:
    """The person of an address and what signing in needs of the account, in one statement for known and unknown."""
    member = aliased(Person)
    query = (
        select(Person, PersonEmail.address, Account.person_id, Account.password_hash, Account.disabled_at)
        .join(member, member.canonical_id == Person.id)
        .join(PersonEmail, PersonEmail.person_id == member.id)
        .outerjoin(Account, Account.person_id == Person.id)
        .where(PersonEmail.key == email_key(email))
    )
    row = db.session.execute(query).first()
    if row is None:
        return None
    person, address, account, password_hash, disabled_at = row
    return Addressee(
        person_id=person.id,
        full_name=person.full_name,
        address=address,
        locale=person.locale,
        time_zone=person.time_zone,
        has_account=account is not None,
        password_hash=password_hash,
        is_disabled=disabled_at is not None,
    )


def ids_by_email(keys: Iterable[str]) -> dict[str, int]:
    """Keys of addresses (`rules.email_key`) → ids of the persons known by them."""
    query = (
        select(PersonEmail.key, Person.canonical_id)
        .join(Person, Person.id == PersonEmail.person_id)
        .where(among(PersonEmail.key, keys))
    )
    return {key: person_id for key, person_id in db.session.execute(query) if person_id is not None}


def person_id_of(public_id: str) -> int:
    """The id behind a public id, of the person kept where two were merged; NotFound."""
    person_id: int | None = read_value(select(Person.canonical_id).where(Person.public_id == public_id))
    if person_id is None:
        raise NotFound
    return person_id


def person_ids_of(public_ids: Collection[str]) -> list[int]:
    """As `person_id_of` for many, in no order; NotFound where one of them is nobody."""
    public_id_set = set(public_ids)
    query = select(Person.public_id, Person.canonical_id).where(among(Person.public_id, public_id_set))
    canonical_ids: dict[str, int | None] = dict(db.session.execute(query).all())
    ids = [person_id for person_id in canonical_ids.values() if person_id is not None]
    if len(ids) != len(public_id_set):
        raise NotFound
    return ids


def get_person(public_id: str, *, by: Actor) -> Person:
    """A person, for administrators and for oneself; NotFound for everybody else."""
    person_id = person_id_of(public_id)
    if not can_see_person(by, person_id):
        raise NotFound
    return db.session.get_one(Person, person_id)


def profile_of(public_id: str, *, day: date, by: Actor) -> Profile:
    """A person with address, country of the day and history of countries; who may see it as in `get_person`."""
    person = get_person(public_id, by=by)
    country_id = country_id_of(person.id, day)
    history = db.session.execute(
        select(PersonCountry, Country)
        .outerjoin(Country, Country.id == PersonCountry.country_id)
        .where(PersonCountry.person_id == person.id)
        .order_by(PersonCountry.since)
    )
    return Profile(
        person=person,
        email=addresses_of([person.id]).get(person.id),
        country=db.session.get(Country, country_id) if country_id is not None else None,
        history=[(row, country) for row, country in history],
    )


def addresses_of(person_ids: Iterable[int]) -> dict[int, str]:
    """The primary address of each person who has one."""
    addresses: dict[int, str] = {}
    for chunk in chunks(list(person_ids)):
        rows = read(address_rows(chunk))
        addresses.update((person_id, address) for person_id, address in rows if person_id is not None)
    return addresses


def address_rows(person_ids: Collection[int]) -> Select[int | None, str]:
    """The query of (person, address); the address that a person is written to comes last."""
    return (
        select(Person.canonical_id, PersonEmail.address)
        .join(PersonEmail, PersonEmail.person_id == Person.id)
        .where(Person.canonical_id.in_(person_ids))
        .order_by(PersonEmail.is_primary, Person.id == Person.canonical_id, PersonEmail.id.desc())
    )


def contact_of(person_ids: Iterable[int]) -> dict[int, Contact]:
    """Returns the e-mail address of each person, without people who have none."""
    ids = list(person_ids)
    addresses = addresses_of(ids)
    contacts: dict[int, Contact] = {}
    for chunk in chunks(ids):
        query = select(Person.id, Person.locale, Person.time_zone, Person.full_name).where(Person.id.in_(chunk))
        for person_id, locale, time_zone, full_name in db.session.execute(query):
            if person_id in addresses:
                contacts[person_id] = Contact(addresses[person_id], spoken(locale), time_zone or "", full_name)
    homes = home_zones([person_id for person_id, contact in contacts.items() if not contact.time_zone])
    return contacts | {person_id: replace(contacts[person_id], time_zone=zone) for person_id, zone in homes.items()}


def with_password(person_ids: Iterable[int]) -> set[int]:
    """Returns which of these people have an account with a password."""
    query = select(Account.person_id).where(among(Account.person_id, person_ids), Account.password_hash.is_not(None))
    return set(db.session.scalars(query))


def has_claimed(person_ids: Collection[int]) -> set[int]:
    """Returns which of these people have an account, or have opened a link that was sent to their address: what their
    profile says is theirs."""
    query = select(PersonEmail.person_id).where(
        among(PersonEmail.person_id, person_ids), PersonEmail.verified_at.is_not(None)
    )
    return with_password(person_ids) | set(db.session.scalars(query))


def home_zones(person_ids: Collection[int]) -> dict[int, str]:
    """Returns the main time zone of each person's current country, without people who have none."""
    codes = country_codes_of(person_ids, clock.day_of(clock.now(), clock.reporting_zone())) if person_ids else {}
    return {person_id: zone for person_id, code in codes.items() if (zone := zones.main_zone(code))}


def name_to_confirm(person_id: int) -> tuple[str, str | None] | None:
    """Returns a person's full and native name for certificates, or None if the person has confirmed them."""
    query = select(Person.full_name, Person.native_name).where(
        Person.id == person_id, Person.name_confirmed_at.is_(None), Person.erased_at.is_(None)
    )
    row = read_one(query)
    return (row.full_name, row.native_name) if row else None
