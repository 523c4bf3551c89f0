"""Which people of a roster a filter holds, and their order: decided in SQL, so that a list of thousands is not read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Select, and_, case, func, literal, not_, or_, select, union, union_all

from lms.attendance.models.credits import Credit, Outcome
from lms.attendance.models.evidence import Presence, Source
from lms.attendance.presence import (
    WHO,
    corrected_or_in_room,
    is_held,
    people_with_evidence,
    presence_by_person,
)
from lms.attendance.queries.roster_order import day_of_lecture, only_invited, position_of
from lms.catalogue.models import Lecture
from lms.core.base.roles import Actor
from lms.core.database.bulk import among
from lms.core.database.session import db, read, read_value
from lms.core.text.i18n import name_key
from lms.enrolment.membership import expected_at
from lms.enrolment.queries.rows import country_on
from lms.enrolment.queries.sharing import hidden_among, shared_in
from lms.enrolment.rules import sees_shared_only
from lms.people.models import Country, Person, PersonEmail
from lms.people.queries.countries import belonging_to, country_by_code
from lms.people.queries.organisations import names_organisation
from lms.people.rules import email_key

SORTS = ("name", "organisation", "country", "minutes", "short")
"""What a roster can be sorted by; the last two only where it has credits."""
ENTRY = (Person.id, Person.public_id, Person.full_name, Person.native_name, Person.organisation)
"""What a row says of a person."""


@dataclass(frozen=True)
class RosterFilter:
    """Filters of a roster. `q` searches names, organisations and addresses, in any case of letters.

    `outcome` applies to held lectures, and `source` to the source of presence. Readers who only see shared names find
    people by country and organisation only among these. In held lectures `is_invited` chooses those who are only
    invited (`only_invited`) or leaves them out; null: neither.
    """

    q: str = ""
    outcome: Outcome | None = None
    country: str | None = None
    source: Source | None = None
    organisation: str | None = None
    is_invited: bool | None = None

    @property
    def is_empty(self) -> bool:
        """Whether it holds everybody, but for `is_invited`."""
        return replace(self, is_invited=None) == RosterFilter()


def filtered(lecture: Lecture, filters: RosterFilter, *, by: Actor, at: datetime | None = None) -> Select[Any]:
    """The query of the ids of the people whom a filter holds."""
    query: Select[Any] = select(Person.id)
    outcome = filters.outcome if is_held(lecture) else None
    if outcome is None or outcome is Outcome.ABSENT:
        query = query.where(Person.id.in_(union(expected_at(lecture.id), *people_with_evidence(lecture.id))))
    if outcome is not None:
        credited = select(Credit.person_id).where(Credit.lecture_id == lecture.id)
        if outcome is Outcome.ABSENT:  # people without a credit are absent
            query = query.where(Person.id.not_in(credited.where(Credit.outcome != Outcome.ABSENT)))
        else:
            query = query.where(Person.id.in_(credited.where(Credit.outcome == outcome)))
    if filters.is_invited is not None and is_held(lecture):
        is_invited = Person.id.in_(only_invited(lecture.id))
        query = query.where(is_invited if filters.is_invited else not_(is_invited))
    if filters.source is not None:
        query = query.where(Person.id.in_(_seen_by(lecture, filters.source)))
    if filters.country is not None:
        known = country_by_code(filters.country)
        countries = [known.id] if known is not None else []
        query = query.where(Person.id.in_(belonging_to(countries, day_of_lecture(lecture, at))))
    if filters.organisation is not None:
        query = query.where(names_organisation(filters.organisation))
    if sees_shared_only(by) and not (filters.country is filters.organisation is None):
        query = query.where(Person.id.in_(shared_in(lecture.series_id)))
    if filters.q:
        query = query.where(among(Person.id, sorted(_containing(lecture, filters.q, by))))
    return query


def _seen_by(lecture: Lecture, source: Source) -> Any:
    """The query of everyone whose row says this source."""
    seen = [query.where(Presence.source == source) for query in presence_by_person(WHO, lecture_id=lecture.id)]
    corrected, in_room = corrected_or_in_room(lecture.id)
    if source is Source.LIVE:
        seen.append(in_room)
    elif source is Source.MANUAL:
        seen.append(corrected)
    return union_all(*seen)


def _containing(lecture: Lecture, needle: str, by: Actor) -> set[int]:
    """The people of the roster with the text in names, organisation or address.

    Compared here and not in SQL: databases differ in the case of letters beyond Latin.
    """
    on_roster = union(expected_at(lecture.id), *people_with_evidence(lecture.id)).subquery()
    text = needle.casefold()
    columns = (Person.id, Person.full_name, Person.native_name, Person.organisation)
    matching = {
        person_id
        for person_id, *texts in db.session.execute(select(*columns).where(Person.id.in_(select(on_roster))))
        if any(text in (one or "").casefold() for one in texts)
    }
    matching -= hidden_among(lecture.series_id, matching, by=by)
    addresses = (
        select(WHO)
        .join(PersonEmail, PersonEmail.person_id == Person.id)
        .where(WHO.in_(select(on_roster)), PersonEmail.key.contains(email_key(needle), autoescape=True))
    )
    return matching.union(db.session.scalars(addresses))


def count_matching(matching: Select[Any]) -> int:
    """How many people a filter holds (`filtered`)."""
    return read_value(select(func.count()).select_from(matching.subquery())) or 0


@dataclass(frozen=True)
class RosterSort:
    """The order of a roster: one of `SORTS`. `ranks` are the places of the countries in the reader's language, by code,
    and `needed_ms` is what makes *attended*."""

    name: str = "name"
    descending: bool = False
    ranks: Mapping[str, int] | None = None
    needed_ms: int = 0

    @property
    def is_usual(self) -> bool:
        """Whether it is the order that rosters have by themselves."""
        return self.name == "name"


def sorted_entries(
    lecture: Lecture,
    matching: Select[Any],
    order: RosterSort,
    *,
    by: Actor,
    offset: int,
    limit: int,
    at: datetime | None = None,
) -> list[Any]:
    """One page of the people who match a filter (`filtered`), in an order; within it by name.

    People hidden from the reader come last in an order that would reveal more than the address.
    """
    shared_only = sees_shared_only(by)
    position = position_of(shared_only)
    query: Any = select(*ENTRY, position.label("position")).where(Person.id.in_(matching))
    key = _sort_key(lecture, order, shared_only=shared_only, at=at)
    if order.name in ("minutes", "short"):
        query = query.outerjoin(Credit, and_(Credit.lecture_id == lecture.id, Credit.person_id == Person.id))
    names = [position, Person.id]
    if key is None:
        keys = [one.desc() for one in names] if order.descending else names
    else:
        keys = [key.is_(None), key.desc() if order.descending else key, *names]
    values = {"series_id": lecture.series_id} if shared_only else {}
    return list(read(query.order_by(*keys).limit(limit).offset(offset), values))


def _sort_key(lecture: Lecture, order: RosterSort, *, shared_only: bool, at: datetime | None) -> Any:
    """What is sorted by before the name; null comes last."""
    present = func.coalesce(Credit.present_ms, 0)
    if order.name == "minutes":
        return present
    if order.name == "short":
        counts = or_(Credit.outcome.in_((Outcome.ATTENDED, Outcome.EXCUSED)), present >= order.needed_ms)
        return case((func.coalesce(counts, literal(False)), None), else_=order.needed_ms - present)
    key: Any
    if order.name == "organisation":
        key = func.nullif(func.lower(Person.organisation), "")
    elif order.name == "country":
        code = (
            select(Country.code).where(Country.id == country_on(day_of_lecture(lecture, at))).correlate(Person)
        ).scalar_subquery()
        key = case(dict(order.ranks), value=code) if order.ranks else code
    else:
        return None
    if not shared_only:
        return key
    return case((Person.id.in_(shared_in(lecture.series_id)), key), else_=None)


def places_by_name(names: Mapping[str, str]) -> dict[str, int]:
    """The place of each country by its name, by code."""
    return {code: place for place, code in enumerate(sorted(names, key=lambda code: name_key(names[code])))}
