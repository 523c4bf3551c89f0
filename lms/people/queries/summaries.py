"""What people are compared by: names, organisation, country and addresses."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date

from sqlalchemy import select

from lms.core.database.bulk import among
from lms.core.database.session import db
from lms.people.models import Person, PersonEmail
from lms.people.name_matching import PersonSummary
from lms.people.queries.countries import country_codes_of


def known_people(person_ids: Collection[int], day: date) -> list[PersonSummary]:
    """Data of these people (canonical ids) to compare with a name, without deleted people."""
    mailboxes: dict[int, list[str]] = {}
    addresses = (
        select(Person.canonical_id, PersonEmail.key)
        .join(PersonEmail, PersonEmail.person_id == Person.id)
        .where(among(Person.canonical_id, person_ids))
        .order_by(PersonEmail.id)
    )
    for person_id, key in db.session.execute(addresses):
        assert person_id is not None  # null only within the insert
        mailboxes.setdefault(person_id, []).append(key)
    codes = country_codes_of(person_ids, day)
    query = (
        select(Person.id, Person.public_id, Person.full_name, Person.native_name, Person.organisation)
        .where(among(Person.id, person_ids), Person.erased_at.is_(None))
        .order_by(Person.id)
    )
    return [
        PersonSummary(id_, public_id, full_name, native, organisation, codes.get(id_), tuple(mailboxes.get(id_, ())))
        for id_, public_id, full_name, native, organisation in db.session.execute(query)
    ]
