"""The roster of a lecture: who was there and why we say so; while it is live, from presence."""

from __future__ import annotations

import base64
import json
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from sqlalchemy import func, select
from sqlalchemy.orm import aliased

from lms.attendance import rules
from lms.attendance.models import Credit, Outcome, Presence
from lms.attendance.queries.evidence import (
    is_held,
    min_percent_of,
    people_with_evidence,
    pieces,
    seen_in,
    span_of,
    viewers,
)
from lms.attendance.queries.judging import Judge, Reckoning
from lms.catalogue.models import Lecture, LectureState, WalkIns
from lms.catalogue.queries import get_lecture, policy_for
from lms.catalogue.rules import check_can_edit_lecture, may_edit_lecture
from lms.core import clock
from lms.core.db import db
from lms.core.errors import Forbidden, Invalid, NotFound
from lms.core.roles import Actor
from lms.core.words import _
from lms.enrolment.queries import enrolled_at_end
from lms.people.models import Country, Person, PersonEmail
from lms.people.queries import addresses_of, countries_of, person_id_of
from lms.people.rules import email_key


@dataclass(frozen=True, kw_only=True)
class RosterRow(Reckoning):
    """One person in one lecture."""

    person_id: int
    public_id: str
    full_name: str
    native_name: str | None
    organisation: str | None
    email: str | None
    country: str | None


@dataclass(frozen=True)
class RosterTotals:
    """How many of the roster are what. `unmatched` rows of reports belong to nobody known; of a live lecture
    `here` are in the room now and `seen` have been."""

    people: int
    attended: int = 0
    partial: int = 0
    absent: int = 0
    excused: int = 0
    unmatched: int = 0
    here: int = 0
    seen: int = 0
    recounted_at: datetime | None = None


@dataclass(frozen=True)
class Unmatched:
    """Presence that a report tells of somebody whom nobody knows, or not surely."""

    name: str | None
    email: str | None
    joined_ms: int
    left_ms: int


@dataclass
class _Entry:
    person_id: int
    public_id: str
    full_name: str
    native_name: str | None
    organisation: str | None
    key: tuple[str, int] = field(default=("", 0))


def get_rostered_lecture(lecture_id: int, *, by: Actor) -> Lecture:
    """A lecture, for those who may read its roster: its instructors, administrators, reporters. Else Forbidden,
    or NotFound where the lecture itself is not to be seen."""
    lecture = get_lecture(lecture_id, by=by)
    if not (by.is_reporter or may_edit_lecture(lecture, by)):
        raise Forbidden
    return lecture


def get_editable_lecture(lecture_id: int, *, by: Actor) -> Lecture:
    """A lecture, for those who may bring in attendance and correct it; Forbidden or NotFound for others."""
    lecture = get_lecture(lecture_id, by=by)
    check_can_edit_lecture(lecture, by)
    return lecture


def needed_percent(lecture: Lecture) -> int:
    """The share of its length that makes *attended* in this lecture."""
    return min_percent_of(lecture)


def walk_ins_of(lecture: Lecture) -> WalkIns:
    """What becomes of people who turn up without being enrolled."""
    return policy_for(lecture).walk_ins


def on_roster(lecture: Lecture) -> set[int]:
    """Who was enrolled when the lecture ended, and everyone with evidence."""
    return enrolled_at_end(lecture) | people_with_evidence(lecture.id)


def is_on_roster(lecture: Lecture, person_id: int) -> bool:
    """Whether somebody stands on the roster."""
    return person_id in on_roster(lecture)


def cursor_of(row: RosterRow) -> str:
    """Where a list goes on after this row."""
    said = json.dumps([row.full_name.casefold(), row.person_id], ensure_ascii=False).encode()
    return base64.urlsafe_b64encode(said).decode().rstrip("=")


def _position(cursor: str | None) -> tuple[str, int] | None:
    if cursor is None:
        return None
    try:
        name, person_id = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        return str(name), int(person_id)
    except (ValueError, TypeError) as error:
        raise Invalid("cursor", _("This is not a cursor of this list.")) from error


def roster(
    lecture_id: int,
    *,
    by: Actor,
    limit: int | None,
    cursor: str | None = None,
    q: str | None = None,
    at: datetime | None = None,
) -> list[RosterRow]:
    """Up to `limit + 1` rows after `cursor`, by name; all of them for a limit of null.

    `q` looks in names, organisations and addresses, in any case of letters.
    """
    lecture = get_rostered_lecture(lecture_id, by=by)
    after = _position(cursor)
    entries = sorted(_entries(on_roster(lecture), q), key=lambda entry: entry.key)
    start = bisect_right(entries, after, key=lambda entry: entry.key) if after is not None else 0
    page = entries[start:] if limit is None else entries[start : start + limit + 1]
    return _rows(lecture, page, at)


def get_row(lecture_id: int, person_public_id: str, *, by: Actor, at: datetime | None = None) -> RosterRow:
    """The row of one person who stands on the roster; NotFound for others."""
    lecture = get_rostered_lecture(lecture_id, by=by)
    person_id = person_id_of(person_public_id)
    if not is_on_roster(lecture, person_id):
        raise NotFound
    return _rows(lecture, _entries({person_id}, None), at)[0]


def _entries(person_ids: Iterable[int], q: str | None) -> list[_Entry]:
    needle = (q or "").strip().casefold()
    found = []
    for people in pieces(person_ids):
        columns = (Person.id, Person.public_id, Person.full_name, Person.native_name, Person.organisation)
        by_address: set[int] = set()
        if needle:
            owner = aliased(Person)
            query = (
                select(owner.canonical_id)
                .join(PersonEmail, PersonEmail.person_id == owner.id)
                .where(owner.canonical_id.in_(people), PersonEmail.key.contains(email_key(needle), autoescape=True))
            )
            by_address = {person_id for person_id in db.session.scalars(query) if person_id is not None}
        for person_id, public_id, name, native, organisation in db.session.execute(
            select(*columns).where(Person.id.in_(people))
        ):
            texts = ((text or "").casefold() for text in (name, native, organisation))
            if needle and person_id not in by_address and not any(needle in text for text in texts):
                continue
            found.append(_Entry(person_id, public_id, name, native, organisation, (name.casefold(), person_id)))
    return found


def _rows(lecture: Lecture, page: Sequence[_Entry], at: datetime | None) -> list[RosterRow]:
    ids = [entry.person_id for entry in page]
    span = span_of(lecture, clock.to_ms(at) if at is not None else None)
    day = (lecture.actual_start or lecture.starts_at or at or clock.now()).date()
    seen = seen_in(lecture, ids)
    judge = Judge.of(lecture, span, ids)
    addresses = addresses_of(ids)
    countries = _codes(ids, day)
    rows = []
    for entry in page:
        found = judge.row(entry.person_id, seen.get(entry.person_id, []))
        rows.append(
            RosterRow(
                person_id=entry.person_id,
                public_id=entry.public_id,
                full_name=entry.full_name,
                native_name=entry.native_name,
                organisation=entry.organisation,
                email=addresses.get(entry.person_id),
                country=countries.get(entry.person_id),
                **found,
            )
        )
    return rows


def _codes(person_ids: list[int], day: date) -> dict[int, str]:
    belongs = countries_of(person_ids, day)
    wanted = {country for country in belongs.values() if country is not None}
    codes = dict(db.session.execute(select(Country.id, Country.code).where(Country.id.in_(wanted))).all())
    return {person_id: codes[country] for person_id, country in belongs.items() if country in codes}


def roster_totals(lecture_id: int, *, by: Actor, at: datetime | None = None) -> RosterTotals:
    """How many of the roster attended, were there in part, were absent or excused; of a live lecture, who is there."""
    lecture = get_rostered_lecture(lecture_id, by=by)
    people = on_roster(lecture)
    unmatched = len(list_unmatched(lecture_id, by=by))
    if lecture.state is LectureState.LIVE:
        now = clock.to_ms(at or clock.now())
        seen = len(people_with_evidence(lecture_id))
        return RosterTotals(len(people), unmatched=unmatched, here=viewers(lecture_id, now), seen=seen)
    query = select(Credit.outcome, func.count()).where(Credit.lecture_id == lecture_id).group_by(Credit.outcome)
    counted = dict(db.session.execute(query).all())
    came = sum(counted.get(one, 0) for one in (Outcome.ATTENDED, Outcome.PARTIAL, Outcome.EXCUSED))
    return RosterTotals(
        people=len(people),
        attended=counted.get(Outcome.ATTENDED, 0),
        partial=counted.get(Outcome.PARTIAL, 0),
        excused=counted.get(Outcome.EXCUSED, 0),
        absent=len(people) - came,
        unmatched=unmatched,
        recounted_at=db.session.scalar(select(func.max(Credit.computed_at)).where(Credit.lecture_id == lecture_id)),
    )


def list_unmatched(lecture_id: int, *, by: Actor) -> list[Unmatched]:
    """Presence of reports that belongs to nobody known, in order of time."""
    get_rostered_lecture(lecture_id, by=by)
    query = (
        select(Presence.name, Presence.email, Presence.joined_ms, Presence.left_ms)
        .where(Presence.lecture_id == lecture_id, Presence.person_id.is_(None))
        .order_by(Presence.joined_ms, Presence.id)
    )
    return [Unmatched(*row) for row in db.session.execute(query)]


def presence_curve(lecture_id: int, *, by: Actor, points: int = 31) -> list[int]:
    """How many people of the roster were there, at even steps from the actual start to the end; empty before."""
    lecture = get_rostered_lecture(lecture_id, by=by)
    if not is_held(lecture):
        return []
    span = span_of(lecture)
    steps = [0] * (points + 1)
    for seen in seen_in(lecture).values():
        for start, end in rules.clip(rules.unite((a, b) for a, b, _source in seen), span.start, span.end):
            first = -(-(start - span.start) * (points - 1) // span.length_ms)
            last = (end - span.start) * (points - 1) // span.length_ms
            if last >= first:
                steps[first] += 1
                steps[last + 1] -= 1
    here, found = 0, []
    for step in steps[:-1]:
        here += step
        found.append(here)
    return found
