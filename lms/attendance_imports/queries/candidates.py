"""Everyone whom the files of a lecture can mean by name, with supporting evidence."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import date

from sqlalchemy import select

from lms.attendance.presence import WHO
from lms.attendance_imports.name_matching import CandidateIndex, PersonSummary
from lms.core.bulk import among
from lms.core.db import db
from lms.core.roles import Actor
from lms.enrolment.queries.sharing import hidden_among
from lms.people.models import Person, PersonEmail
from lms.people.queries.countries import country_codes_of, country_names
from lms.people.queries.country_names import names_in_english


def known_people(person_ids: Collection[int], day: date) -> list[PersonSummary]:
    """Data of these people (canonical ids) to compare with a name, without deleted people."""
    mailboxes: dict[int, list[str]] = {}
    addresses = (
        select(WHO, PersonEmail.key)
        .join(PersonEmail, PersonEmail.person_id == Person.id)
        .where(among(WHO, person_ids))
        .order_by(PersonEmail.id)
    )
    for person_id, key in db.session.execute(addresses):
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


def as_seen(people: Collection[PersonSummary], series_id: int, by: Actor) -> list[PersonSummary]:
    """These people as the actor sees them in a series: of some the address alone, in place of the name."""
    hidden = hidden_among(series_id, [one.person_id for one in people], by=by)
    return [
        replace(one, full_name=next(iter(one.mailboxes), ""), native_name=None, organisation=None, country=None)
        if one.person_id in hidden
        else one
        for one in people
    ]


def crowd_of(people: list[PersonSummary], languages: Collection[str] = ("en",)) -> CandidateIndex:
    """These people, ready to be compared with names; countries are told in English and in `languages`."""
    named = [country_names(language) for language in dict.fromkeys(("en", *languages))]
    codes = {one.country for one in people if one.country is not None}
    told = {code: {names[code] for names in named if code in names} | set(names_in_english(code)) for code in codes}
    return CandidateIndex(people, told)
