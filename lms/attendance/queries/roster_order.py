"""The people of a lecture's roster in order of name, and how many were present: cached in memory until their data
changes (`core.database.cache_versions`), so that a page of a large roster costs as much as one of a small one.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import cached_property
from typing import Any

from sqlalchemy import (
    CompoundSelect,
    Integer,
    bindparam,
    case,
    exists,
    func,
    literal,
    select,
    union,
)

from lms.attendance.attendance_curve import course
from lms.attendance.models.evidence import Beat, Join, Presence
from lms.attendance.models.unmatched import UnmatchedAttendee
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
from lms.core.database import cache_versions
from lms.core.database.bulk import among
from lms.core.database.cache_versions import kept_until_changed
from lms.core.database.session import read, read_column, read_value
from lms.core.time import clock
from lms.enrolment.membership import expected_at, invited_at
from lms.enrolment.queries.sharing import shared_in
from lms.people.models import Person
from lms.people.queries.countries import country_codes_of
from lms.people.queries.organisations import count_organisations

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

    def limited_to(self, *, is_invited: bool | None) -> RosterOrder:
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
    """What a roster is in order of: names, or with `shared_only` nothing for a name that is not shared in the series
    (the parameter `series_id`), so that no place in the list tells it."""
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
