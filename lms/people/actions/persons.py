"""Making and correcting a person."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import select, update

from lms.core.base.errors import Fault, Forbidden, Invalid, NotFound, Refused
from lms.core.base.events import (
    AddressesKnown,
    PeopleCountriesChanged,
    PeopleTraitsChanged,
    PersonNameCorrected,
    publish,
)
from lms.core.base.roles import SYSTEM, Actor
from lms.core.database import audit
from lms.core.database.session import action, db, one_at_a_time
from lms.core.text.i18n import _, translated
from lms.core.text.punctuation import listed
from lms.mail.bounces import confirm_address
from lms.people.actions.comparisons import ask_for_comparison
from lms.people.models import BEGINNING, Gender, Person, PersonCountry, PersonEmail, PersonToCompare, Sector
from lms.people.queries.countries import country_id_of, get_country
from lms.people.queries.persons import find_person_id, members
from lms.people.rules import (
    NAMES,
    can_see_person,
    check_country_since,
    checked_address,
    checked_line,
    checked_name,
    email_key,
)

PROFILE_FIELDS: Final = (
    "full_name",
    "native_name",
    "sector",
    "organisation",
    "job_title",
    "gender",
    "locale",
    "time_zone",
)

COMPARED: Final = NAMES | {"organisation"}
"""A change of these makes somebody alike to other people."""


def checked_profile(given: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a profile as they are kept, of the fields that are given. Raises Invalid with all faults."""
    profile: dict[str, Any] = {}
    faults: list[Fault] = []
    for field in PROFILE_FIELDS:
        if field not in given:
            continue
        try:
            profile[field] = _checked(field, given[field])
        except Invalid as error:
            faults.extend(error.faults)
    if faults:
        raise Invalid(faults=faults)
    return profile


def _checked(field: str, value: Any) -> Any:
    if field == "full_name":
        return checked_name(value or "")
    if field == "sector":
        return _one_of(Sector, value, field)
    if field == "gender":
        return _one_of(Gender, value, field)
    if field == "locale":
        if value not in translated():
            raise Invalid(field, _("Use one of: %(known)s.", known=listed(translated())))
        return value
    if field == "time_zone":
        return _zone(value)
    return checked_line(value, field=field)


def _one_of(kind: type[Sector] | type[Gender], value: Any, field: str) -> Any:
    if value in (None, ""):
        return None
    try:
        return kind(value)
    except ValueError as error:
        known = listed(member.value for member in kind)
        raise Invalid(field, _("Use one of: %(known)s.", known=known)) from error


def _zone(value: Any) -> str | None:
    if value in (None, ""):
        return None
    try:
        return ZoneInfo(str(value)).key
    except (KeyError, ValueError, OSError) as error:
        raise Invalid("time_zone", _("Use an IANA time zone, such as Africa/Nairobi.")) from error


def hold_addresses(*, shared: bool = False) -> None:
    """Inside an action: locks the assignment of addresses to people until it ends. Taken before any row is locked.

    `shared`: for actions that look up many addresses and store the unknown ones.
    """
    one_at_a_time("people.addresses", shared=shared)


@action
def create_person(
    *,
    full_name: str,
    email: str | None = None,
    country_code: str | None = None,
    by: Actor,
    at: datetime,
    verified: bool = False,
    **profile: Any,
) -> Person:
    """Makes a person; the first country holds from the beginning. `profile`: native_name, sector, … as in the API.

    For staff (a focal point for an own country only). Raises Forbidden, Invalid; Refused where the address is known.
    """
    country = get_country(country_code) if country_code else None
    staff = by.is_administrator or by.is_instructor
    if not staff and not (by.is_focal_point and country is not None and country.id in by.country_ids):
        raise Forbidden
    return insert_person(
        full_name=full_name,
        email=email,
        country_id=country.id if country else None,
        verified_at=at if verified else None,
        by=by,
        at=at,
        **profile,
    )


@action
def insert_person(
    *,
    full_name: str,
    email: str | None,
    country_id: int | None,
    by: Actor,
    at: datetime,
    verified_at: datetime | None = None,
    **profile: Any,
) -> Person:
    """Creates a person. The caller has checked permission; see `create_person`."""
    faults: list[Fault] = []
    traits: dict[str, Any] = {}
    address = None
    try:
        traits = checked_profile({"full_name": full_name, **profile})
    except Invalid as error:
        faults.extend(error.faults)
    try:
        address = checked_address(email) if email is not None else None
    except Invalid as error:
        faults.extend(error.faults)
    if faults:
        raise Invalid(faults=faults)
    if address is not None:
        hold_addresses()
    if address is not None and find_person_id(address) is not None:
        raise Refused(_("There is already a person with this e-mail address."))
    person = Person(created_at=at, **traits)
    db.session.add(person)
    db.session.flush()
    person.canonical_id = person.id
    if address is not None:
        db.session.add(
            PersonEmail(person_id=person.id, address=address, key=email_key(address), verified_at=verified_at)
        )
    if country_id is not None:
        db.session.add(PersonCountry(person_id=person.id, country_id=country_id, since=BEGINNING))
    db.session.add(PersonToCompare(person_id=person.id, asked_at=at))
    audit.record("create_person", by=by, at=at, person=person.id)
    db.session.flush()
    if address is not None:
        publish(AddressesKnown(by=by, at=at, person_ids=(person.id,)))
    return person


@action
def change_profile(
    public_id: str, changes: Mapping[str, Any], *, by: Actor, at: datetime, today: date | None = None
) -> Person:
    """Changes the given fields of a profile: as in the API, `country` (a code or null) and `country_from`.

    A new country applies from `country_from` (default `today`; the beginning for a first country); the past is
    unchanged. A new name and a new country are published to the slices above. Changing one's name confirms it; a change
    by others removes the confirmation. For administrators and the person, else NotFound; Invalid names the fields.
    """
    person = _person_to_change(public_id, by)
    profile, country_id = _checked_changes(changes, by=by, today=today or at.date())
    changed = [field for field, value in profile.items() if getattr(person, field) != value]
    for field in changed:
        setattr(person, field, profile[field])
    if by.person_id != person.id and NAMES.intersection(changed):
        person.name_confirmed_at = None
    elif by.person_id == person.id and profile.keys() & NAMES:  # people who write their own name have read it
        person.name_confirmed_at = at
    db.session.flush()
    if NAMES.intersection(changed):
        publish(PersonNameCorrected(by=by, at=at, person_id=person.id))
    if COMPARED.intersection(changed):
        ask_for_comparison([person.id], at=at)
    if "sector" in changed or "gender" in changed:
        publish(PeopleTraitsChanged(by=by, at=at, person_ids=(person.id,)))
    if "country" in changes:
        since = changes.get("country_from") or _default_since(person.id, today or at.date())
        if set_country(person.id, country_id, since=since, by=by, at=at):
            changed.append("country")
    if changed:
        audit.record("change_profile", by=by, at=at, detail={"fields": sorted(changed)}, person=person.id)
    return person


def _person_to_change(public_id: str, by: Actor) -> Person:
    """The person of an id, or the one it was merged into. Raises NotFound, and Refused for an erased one."""
    person = db.session.scalar(
        select(Person).where(Person.public_id == public_id).execution_options(populate_existing=True)
    )
    if person is not None and person.canonical_id not in (None, person.id):
        person = db.session.get(Person, person.canonical_id)
    if person is None or not can_see_person(by, person.id):
        raise NotFound
    if person.erased_at is not None:
        raise Refused(_("This person was erased."))
    return person


@action
def confirm_name(full_name: str, native_name: str | None, *, by: Actor, at: datetime) -> None:
    """Confirms both names as shown on the page. Raises Refused if they have changed since."""
    if by.person_id is None:
        raise NotFound
    person = db.session.get_one(Person, by.person_id, with_for_update=True, populate_existing=True)
    if (person.full_name, person.native_name) != (full_name, native_name or None):
        raise Refused(_("Your name has been changed in the meantime. Check it again."))
    if person.name_confirmed_at is None:
        person.name_confirmed_at = at
        audit.record("confirm_name", by=by, at=at, person=person.id)


def _checked_changes(changes: Mapping[str, Any], *, by: Actor, today: date) -> tuple[dict[str, Any], int | None]:
    faults: list[Fault] = []
    profile: dict[str, Any] = {}
    country_id = None
    try:
        profile = checked_profile(changes)
    except Invalid as error:
        faults.extend(error.faults)
    try:
        check_country_since(by, changes.get("country_from"), today)
        if changes.get("country"):
            country_id = get_country(changes["country"]).id
        if changes.get("country_from") and "country" not in changes:
            raise Invalid("country", _("Choose the country that applies from that day."))
    except Invalid as error:
        faults.extend(error.faults)
    if faults:
        raise Invalid(faults=faults)
    return profile, country_id


def _default_since(person_id: int, today: date) -> date:
    """The first day of a country given without a day: today, or the beginning for a first country."""
    of_person = select(PersonCountry.id).where(PersonCountry.person_id.in_(members(person_id))).limit(1)
    return BEGINNING if db.session.scalar(of_person) is None else today


@action
def set_country(person_id: int, country_id: int | None, *, since: date, by: Actor, at: datetime) -> bool:
    """Lets a country (null: not stated) hold from a day on, until the next one in the history.

    False where it holds on that day already.
    """
    if country_id_of(person_id, since) == country_id:
        return False
    row = db.session.scalar(
        select(PersonCountry).where(PersonCountry.person_id == person_id, PersonCountry.since == since)
    )
    if row is None:
        db.session.add(PersonCountry(person_id=person_id, country_id=country_id, since=since))
    else:
        row.country_id = country_id
    db.session.flush()
    publish(PeopleCountriesChanged(by=by, at=at, person_ids=(person_id,), since=since))
    return True


@action
def verify_address(person_id: int, key: str, *, at: datetime) -> None:
    """Records that an address was confirmed by its reader: mail to it is resumed."""
    member_ids = members(person_id)
    for address in db.session.scalars(
        select(PersonEmail.address).where(PersonEmail.person_id.in_(member_ids), PersonEmail.key == key)
    ).all():
        confirm_address(address)
    noted = db.session.execute(
        update(PersonEmail)
        .where(PersonEmail.person_id.in_(member_ids), PersonEmail.key == key, PersonEmail.verified_at.is_(None))
        .values(verified_at=at)
    )
    if noted.rowcount:  # type: ignore[attr-defined]
        publish(AddressesKnown(by=SYSTEM, at=at, person_ids=tuple(member_ids)))
