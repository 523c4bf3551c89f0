"""Filters and order of a roster: decided in SQL, so that a list of thousands is not read.

Who is on it in order of name, and how many were present, is cached in memory until it changes (`cache_versions`), so
that a page of a large roster costs as much as one of a small one.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import cached_property
from typing import Any

from sqlalchemy import (
    CompoundSelect,
    Integer,
    Select,
    and_,
    bindparam,
    case,
    exists,
    func,
    literal,
    not_,
    or_,
    select,
    union,
    union_all,
)

from lms.attendance.attendance_curve import course
from lms.attendance.models.credits import Credit, Outcome
from lms.attendance.models.evidence import Beat, Join, Presence, Source, UnmatchedAttendee
from lms.attendance.presence import (
    WHO,
    corrected_or_in_room,
    intervals_in,
    is_held,
    is_unmatched,
    people_with_evidence,
    presence_by_person,
    span_of,
)
from lms.catalogue.models import Lecture
from lms.core.base.roles import Actor
from lms.core.database import cache_versions
from lms.core.database.bulk import among
from lms.core.database.cache_versions import kept_until_changed
from lms.core.database.session import db, read, read_column, read_value
from lms.core.text.i18n import name_key
from lms.core.text.typed_text import stated
from lms.core.time import clock
from lms.enrolment.membership import expected_at, invited_at
from lms.enrolment.queries.rows import country_on
from lms.enrolment.queries.sharing import hidden_among, shared_in
from lms.enrolment.rules import sees_shared_only
from lms.people.models import Country, Person, PersonEmail
from lms.people.queries.countries import belonging_to, country_by_code, country_codes_of
from lms.people.queries.finding import count_organisations, names_organisation
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

    q: str = stated("", length=200)
    outcome: Outcome | None = None
    country: str | None = stated(None, "Code of a country.", length=8)
    source: Source | None = None
    organisation: str | None = stated(None, length=200)
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
        keys = [name.desc() for name in names] if order.descending else names
    else:
        keys = [key.is_(None), key.desc() if order.descending else key, *names]
    values = {"series_id": lecture.series_id} if shared_only else {}
    return list(read(query.order_by(*keys).limit(limit).offset(offset), values))


def _sort_key(lecture: Lecture, order: RosterSort, *, shared_only: bool, at: datetime | None) -> Any:
    """Returns what is sorted by before the name; null comes last."""
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


STAMP = "rosters"
_TABLES = frozenset(
    {
        "enrolment", "enrolment_span", "lecture", "lecture_change", "person", "person_country", "presence",
        "superseded_enrolment", "unmatched_attendee",
    }
)  # fmt: skip
"""What a roster is read from, but for corrections and heartbeats: these are looked at each time."""
Position = tuple[str, int]

cache_versions.watch(STAMP, _TABLES.__contains__)


@dataclass(frozen=True)
class RosterOrder:
    """`positions` are (name to sort by, person) of everybody on the roster, in order; `unmatched` more were there of
    whom nobody knows who they are. `curve` is the most people at once in each minute from the actual start; `day` the
    one on which their countries are read. `invited` of these people have not accepted their place, and nothing of them
    was seen."""

    positions: list[Position]
    unmatched: int
    curve: list[int]
    day: date
    invited: frozenset[int]

    @cached_property
    def members(self) -> frozenset[int]:
        """Everybody on the roster."""
        return frozenset(person_id for _name, person_id in self.positions)

    @cached_property
    def countries(self) -> dict[str, int]:
        """How many of those whose names are read are from each country, by its code."""
        named = [person_id for name, person_id in self.positions if name]
        return dict(Counter(country_codes_of(named, self.day).values()))

    @cached_property
    def organisations(self) -> dict[str, int]:
        """How many of those whose names are read name each organisation (`count_organisations`)."""
        named = [person_id for name, person_id in self.positions if name]
        return count_organisations(select(Person.id).where(among(Person.id, named)))

    def limited_to(self, *, is_invited: bool | None) -> "RosterOrder":
        """The same with those who are invited only, without them, or (null) with everybody."""
        if is_invited is None or not (is_invited or self.invited):
            return self
        return replace(self, positions=[one for one in self.positions if (one[1] in self.invited) is is_invited])

    def slice(self, offset: int, limit: int, *, is_reversed: bool = False) -> list[int]:
        """A part of the list; `is_reversed`: counted from its end."""
        end = len(self.positions) - offset
        entries = self.positions[max(end - limit, 0) : end] if is_reversed else self.positions[offset : offset + limit]
        return [person_id for _name, person_id in entries]

    def page(self, after: Position | None, limit: int | None) -> list[int]:
        """The people after a position, up to a limit."""
        start = 0 if after is None else bisect_right(self.positions, after)
        end = None if limit is None else start + limit
        return [person_id for _name, person_id in self.positions[start:end]]


def on_roster(lecture_id: Any, people: Any = None) -> CompoundSelect[Any]:
    """The query of people on a lecture's roster: those enrolled when it ended, and everyone with evidence.

    `people` limits it to some of them. Both arguments may be parameters, as for `expected_at`.
    """
    return union(expected_at(lecture_id, people), *people_with_evidence(lecture_id, people))


def only_invited(lecture_id: int, people: Any = None) -> CompoundSelect[Any]:
    """The query of the people on a roster who have not accepted their place, and of whom nothing was seen; of some
    `people`, where given."""
    return invited_at(lecture_id, *people_with_evidence(lecture_id, people), people=people)


def position_of(shared_only: bool) -> Any:
    """Returns what a roster is in order of: names, or with `shared_only` nothing for a name that is not shared in the
    series (the parameter `series_id`), so that no place in the list tells it."""
    if not shared_only:
        return Person.sort_name
    shared = Person.id.in_(shared_in(bindparam("series_id", type_=Integer)))
    return case((shared, Person.sort_name), else_=literal("", Person.sort_name.type))


def roster_order(lecture: Lecture, *, shared_only: bool) -> RosterOrder:
    """The roster of a lecture as it is now."""
    order = kept_until_changed(STAMP, (lecture.id, shared_only), lambda: _read(lecture, shared_only))
    seen = set(read_column(union(*corrected_or_in_room(lecture.id))))
    if not order.members.issuperset(seen):
        order = _read(lecture, shared_only)
    if not order.invited.isdisjoint(seen):
        order = replace(order, invited=order.invited - seen)
    has_beats = select(exists().where(Join.lecture_id == lecture.id, Beat.join_id == Join.id))
    if is_held(lecture) and read_value(has_beats):
        return replace(order, curve=curve_of(lecture))
    return order


def _read(lecture: Lecture, shared_only: bool) -> RosterOrder:
    position = position_of(shared_only)
    query = select(position, Person.id).where(Person.id.in_(on_roster(lecture.id))).order_by(position, Person.id)
    positions = [(name, person_id) for name, person_id in read(query, {"series_id": lecture.series_id})]
    unmatched = (
        select(func.count(Presence.attendee_id.distinct()))
        .join(UnmatchedAttendee, UnmatchedAttendee.id == Presence.attendee_id)
        .where(Presence.lecture_id == lecture.id, *is_unmatched())
    )
    invited = read_column(invited_at(lecture.id, *presence_by_person(WHO, lecture_id=lecture.id)))
    return RosterOrder(
        positions, read_value(unmatched) or 0, curve_of(lecture), day_of_lecture(lecture), frozenset(invited)
    )


def day_of_lecture(lecture: Lecture, at: datetime | None = None) -> date:
    """The day on which the countries of a lecture's people are read."""
    return (lecture.actual_start or lecture.starts_at or at or clock.now()).date()


def curve_of(lecture: Lecture) -> list[int]:
    """The most people who were there at once in each minute from the actual start; empty before it was held."""
    if not is_held(lecture):
        return []
    span = span_of(lecture)
    return course(intervals_in(lecture), span.start, span.end).minutes
