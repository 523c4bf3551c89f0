"""Queries for the roster of a lecture: who attended, with the evidence; for a live lecture, from presence."""

import base64
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Row, func, select, union

from lms.attendance import rules
from lms.attendance.models.credits import Credit, Outcome
from lms.attendance.models.evidence import Presence, UnmatchedAttendee
from lms.attendance.outcomes import AttendanceOutcome, as_invited
from lms.attendance.presence import (
    is_held,
    is_unmatched,
    people_with_evidence,
    presence_in,
    span_of,
    viewers,
)
from lms.attendance.queries.outcomes import inputs_for
from lms.attendance.queries.roster_query import (
    ENTRY,
    RosterFilter,
    RosterOrder,
    RosterSort,
    count_matching,
    curve_of,
    day_of_lecture,
    filtered,
    on_roster,
    only_invited,
    places_by_name,
    position_of,
    roster_order,
    sorted_entries,
)
from lms.catalogue.models import Lecture, LectureState, WalkIns
from lms.catalogue.queries.lectures import get_lecture
from lms.catalogue.queries.policies import policy_for
from lms.catalogue.rules import check_can_edit_lecture, may_edit_lecture
from lms.core.base.errors import Forbidden, Invalid, NotFound
from lms.core.base.lists import ListRequest
from lms.core.base.roles import Actor
from lms.core.database.bulk import among, chunks
from lms.core.database.session import db, read, read_column
from lms.core.text.i18n import _
from lms.core.text.sorting import sort_key
from lms.core.time import clock
from lms.enrolment.membership import FEW
from lms.enrolment.queries.sharing import hidden_among, names_as_seen
from lms.enrolment.rules import sees_shared_only
from lms.people.models import Person
from lms.people.queries.countries import country_codes_of
from lms.people.queries.persons import addresses_of, person_id_of

_Entry = Row[int, str, str, str | None, str | None, str]
EVERYBODY = RosterFilter()


@dataclass(frozen=True, kw_only=True)
class RosterRow(AttendanceOutcome):
    """One person in one lecture. `is_hidden`: the reader sees nothing of the person but the address, which is then
    `full_name` too. `position` is what the list is in order of."""

    person_id: int
    public_id: str
    full_name: str
    native_name: str | None
    organisation: str | None
    email: str | None
    country: str | None
    is_hidden: bool = False
    position: str = ""

    @property
    def shown_name(self) -> str | None:
        """The name, where the reader sees it."""
        return None if self.is_hidden else self.full_name


@dataclass(frozen=True)
class RosterTotals:
    """The numbers of a roster. `people` are without the `invited`, who have not accepted their place and never came.

    `unmatched` attendees are not identified; in a live lecture `here` are in the room now and `seen` have been.
    """

    people: int
    attended: int = 0
    partial: int = 0
    absent: int = 0
    excused: int = 0
    unmatched: int = 0
    invited: int = 0
    in_room: int = 0
    seen: int = 0
    recounted_at: datetime | None = None


@dataclass(frozen=True)
class Unmatched:
    """Presence in a report of a person who is not identified, or not for certain."""

    name: str | None
    email: str | None
    joined_ms: int
    left_ms: int


@dataclass(frozen=True)
class RosterPage:
    """A lecture's roster as its page shows it: `rows` are one page of the `matching` people that the filter holds.

    `curve` is how many people were there, as `presence_curve`; `countries` is how many people on the
    roster are from each. `needed_of_plan_ms` is what is enough too within the planned length of a lecture that runs
    over; 0 for others.
    """

    lecture: Lecture
    needed_percent: int
    needed_ms: int
    needed_of_plan_ms: int
    rows: list[RosterRow]
    matching: int
    totals: RosterTotals
    curve: list[int]
    countries: Mapping[str, int]
    organisations: Mapping[str, int]


def get_rostered_lecture(lecture_id: int, *, by: Actor) -> Lecture:
    """A lecture, for its instructors, administrators and reporters. Raises Forbidden, or NotFound where the lecture
    itself is not visible.
    """
    lecture = get_lecture(lecture_id, by=by)
    if not (by.is_reporter or may_edit_lecture(lecture, by)):
        raise Forbidden
    return lecture


def get_editable_lecture(lecture_id: int, *, by: Actor) -> Lecture:
    """A lecture, for people who can import and correct its attendance. Raises Forbidden or NotFound for others."""
    lecture = get_lecture(lecture_id, by=by)
    check_can_edit_lecture(lecture, by)
    return lecture


def walk_ins_of(lecture: Lecture) -> WalkIns:
    """Returns what becomes of people who turn up without being enrolled."""
    return policy_for(lecture).walk_ins


def _entries(shared_only: bool) -> Any:
    """The query of people, with what a roster is in order of; asked with `series_id` where only shared names are."""
    return select(*ENTRY, position_of(shared_only).label("position"))


def _entries_of(ids: list[int], lecture: Lecture, by: Actor) -> Sequence[Any]:
    """The people with these ids, in no order."""
    if not ids:
        return []
    is_among = Person.id.in_(ids) if len(ids) <= FEW else among(Person.id, ids)
    return read(_entries(sees_shared_only(by)).where(is_among), {"series_id": lecture.series_id})


def is_on_roster(lecture: Lecture, person_id: int) -> bool:
    """Whether a person is on the roster."""
    return not not_on_roster(lecture, [person_id])


def not_on_roster(lecture: Lecture, person_ids: Collection[int]) -> set[int]:
    """The people among these who are not on the roster."""
    missing = set(person_ids)
    for people in chunks(missing):
        missing.difference_update(read_column(on_roster(lecture.id, people)))
    return missing


def cursor_of(row: RosterRow) -> str:
    """The cursor of the rows after this one."""
    payload = json.dumps([row.position, row.person_id], ensure_ascii=False).encode()
    return base64.urlsafe_b64encode(payload).decode().rstrip("=")


def _position(cursor: str) -> tuple[str, int]:
    try:
        name, person_id = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        return str(name), int(person_id)
    except (ValueError, TypeError) as error:
        raise Invalid("cursor", _("This cursor does not belong to this list.")) from error


def roster(
    lecture_id: int,
    *,
    by: Actor,
    limit: int | None,
    cursor: str | None = None,
    filters: RosterFilter = EVERYBODY,
    at: datetime | None = None,
) -> list[RosterRow]:
    """Up to `limit + 1` rows of those whom the filter holds after `cursor`, by name; all of them for a limit of
    null.
    """
    lecture = get_rostered_lecture(lecture_id, by=by)
    everybody = order = roster_order(lecture, shared_only=sees_shared_only(by))
    after = None
    if cursor is not None:
        name, person_id = _position(cursor)
        after = sort_key(name), person_id
    if not filters.is_empty:
        matching = set(read_column(filtered(lecture, filters, by=by, at=at)))
        order = replace(order, positions=[position for position in order.positions if position[1] in matching])
    elif is_held(lecture):
        order = order.limited_to(is_invited=filters.is_invited)
    return _of_ids(lecture, order.page(after, None if limit is None else limit + 1), everybody.invited, at, by)


def get_roster_page(
    lecture_id: int,
    *,
    by: Actor,
    request: ListRequest,
    filters: RosterFilter = EVERYBODY,
    country_names: Mapping[str, str] | None = None,
    at: datetime,
) -> RosterPage:
    """The people of a roster who match the filters, in the order and on the page of `request`.

    Beyond the last page, the last one is returned. Countries are ordered by their names, where given.
    """
    lecture = get_rostered_lecture(lecture_id, by=by)
    policy = policy_for(lecture)  # held here, so that it is read once
    span = span_of(lecture, clock.to_ms(at))
    needed = rules.needed_ms(span.length_ms, policy.min_percent)
    everybody = order = roster_order(lecture, shared_only=sees_shared_only(by))
    if is_held(lecture):
        order = order.limited_to(is_invited=filters.is_invited)
    if filters.is_empty and request.sort in ("", "name"):
        matching = len(order.positions)
        request = request.within(matching)
        ids = order.slice(request.offset, request.size, is_reversed=request.descending)
        rows = _of_ids(lecture, ids, everybody.invited, at, by)
        if request.descending:
            rows.reverse()
    else:
        people = filtered(lecture, filters, by=by, at=at)
        matching = count_matching(people)
        request = request.within(matching)
        sort = RosterSort(request.sort, request.descending, places_by_name(country_names or {}), needed)
        entries = sorted_entries(lecture, people, sort, by=by, offset=request.offset, limit=request.size, at=at)
        rows = _rows(lecture, entries, everybody.invited, at, by)
    return RosterPage(
        lecture=lecture,
        needed_percent=policy.min_percent,
        needed_ms=needed,
        needed_of_plan_ms=rules.needed_ms(span.plan_ms, policy.min_percent) if span.runs_over else 0,
        rows=rows,
        matching=matching,
        totals=_totals(lecture, everybody, at),
        curve=order.curve,
        countries=order.countries,
        organisations=order.organisations,
    )


def get_row(lecture_id: int, person_public_id: str, *, by: Actor, at: datetime | None = None) -> RosterRow:
    """The roster row of one person. Raises NotFound for a person not on the roster."""
    lecture = get_rostered_lecture(lecture_id, by=by)
    person_id = person_id_of(person_public_id)
    if not is_on_roster(lecture, person_id):
        raise NotFound
    query = _entries(False).where(Person.id == person_id)
    invited = read_column(only_invited(lecture.id, [person_id]))
    return _rows(lecture, db.session.execute(query).all(), invited, at, by)[0]


def _of_ids(
    lecture: Lecture, ids: list[int], invited: Collection[int], at: datetime | None, by: Actor
) -> list[RosterRow]:
    """The rows of these people, by name."""
    entries = _entries_of(ids, lecture, by)
    return _rows(lecture, sorted(entries, key=lambda entry: (entry.position, entry.id)), invited, at, by)


def _rows(
    lecture: Lecture, page: Sequence[_Entry], invited: Collection[int], at: datetime | None, by: Actor
) -> list[RosterRow]:
    ids = [entry.id for entry in page]
    hidden = hidden_among(lecture.series_id, ids, by=by)
    span = span_of(lecture, clock.to_ms(at) if at is not None else None)
    day = day_of_lecture(lecture, at)
    presence = presence_in(lecture, ids, span)
    inputs = inputs_for(lecture, span, ids, presence)
    addresses = addresses_of(ids)
    countries = country_codes_of(ids, day)
    return [
        RosterRow(
            person_id=entry.id,
            public_id=entry.public_id,
            full_name=full_name,
            native_name=native_name,
            organisation=None if entry.id in hidden else entry.organisation,
            email=addresses.get(entry.id),
            country=None if entry.id in hidden else countries.get(entry.id),
            is_hidden=entry.id in hidden,
            position=entry.position,
            **(as_invited(fields) if entry.id in invited else fields),
        )
        for entry in page
        for full_name, native_name in [names_as_seen(entry, hidden, addresses)]
        for fields in [inputs.fields_for(entry.id, presence.get(entry.id, []))]
    ]


def roster_totals(lecture_id: int, *, by: Actor, at: datetime | None = None) -> RosterTotals:
    """How many people on the roster attended, attended partly, were absent or excused; for a live lecture, who is
    present.
    """
    lecture = get_rostered_lecture(lecture_id, by=by)
    return _totals(lecture, roster_order(lecture, shared_only=sees_shared_only(by)), at)


def _totals(lecture: Lecture, order: RosterOrder, at: datetime | None) -> RosterTotals:
    people, unmatched, invited = len(order.positions) - len(order.invited), order.unmatched, len(order.invited)
    if lecture.state is LectureState.LIVE:
        now = clock.to_ms(at or clock.now())
        seen = select(func.count()).select_from(union(*people_with_evidence(lecture.id)).subquery())
        in_room, seen_so_far = viewers(lecture.id, now), db.session.scalar(seen) or 0
        return RosterTotals(people, unmatched=unmatched, invited=invited, in_room=in_room, seen=seen_so_far)
    counted, moments = dict.fromkeys(Outcome, 0), []
    query = select(Credit.outcome, func.count(), func.max(Credit.computed_at))
    for outcome, count, moment in read(query.where(Credit.lecture_id == lecture.id).group_by(Credit.outcome)):
        counted[outcome] = count
        moments.append(moment)
    came = counted[Outcome.ATTENDED] + counted[Outcome.PARTIAL] + counted[Outcome.EXCUSED]
    return RosterTotals(
        people=people,
        attended=counted[Outcome.ATTENDED],
        partial=counted[Outcome.PARTIAL],
        excused=counted[Outcome.EXCUSED],
        absent=people - came,
        unmatched=unmatched,
        invited=invited,
        recounted_at=max(moments, default=None),
    )


def list_unmatched(lecture_id: int, *, by: Actor) -> list[Unmatched]:
    """Unmatched presence from reports, in order of time."""
    lecture = get_rostered_lecture(lecture_id, by=by)
    query = (
        select(UnmatchedAttendee.name, UnmatchedAttendee.email, Presence.joined_ms, Presence.left_ms)
        .join(UnmatchedAttendee, UnmatchedAttendee.id == Presence.attendee_id)
        .where(Presence.lecture_id == lecture.id, *is_unmatched())
        .order_by(Presence.joined_ms, Presence.id)
    )
    return [Unmatched(*row) for row in db.session.execute(query)]


def presence_curve(lecture_id: int, *, by: Actor) -> list[int]:
    """The most people on the roster present at once, for each minute from the actual start; empty before."""
    return curve_of(get_rostered_lecture(lecture_id, by=by))
