"""Queries for unmatched attendees of a lecture, with candidates and effects."""

import hashlib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import aliased

from lms.attendance import rules
from lms.attendance.models.evidence import AttendanceImport, MatchMethod, Presence, Source, UnmatchedAttendee
from lms.attendance.presence import Span, presence_in, present_ms, span_of
from lms.attendance.queries.roster import get_rostered_lecture
from lms.attendance_imports.queries.matching import NameIndex, as_seen
from lms.catalogue.models import Lecture
from lms.core.base.errors import NotFound
from lms.core.base.roles import Actor
from lms.core.database.bulk import among
from lms.core.database.session import db
from lms.core.text.sorting import sort_key
from lms.core.time.durations import tenth_minutes
from lms.enrolment.membership import eligible_people
from lms.enrolment.queries.sharing import hidden_among
from lms.people.models import Person
from lms.people.name_matching import Candidate, PersonSummary, strong_one
from lms.people.names import undecorated
from lms.people.queries.finding import known_people
from lms.people.queries.persons import find_person_by_email
from lms.people.rules import email_key

FOUND = 20
"""How many people a search on the page answers with."""


@dataclass(frozen=True)
class Stay:
    """One row of evidence: its identity, from when to when (milliseconds UTC), and the system that wrote the report."""

    evidence: str
    joined_ms: int
    left_ms: int
    system: str | None


@dataclass(frozen=True)
class Unknown:
    """An unmatched attendee of a series, as seen in one lecture.

    `name` and `email` are as in the file. `present_ms` is the time present within the lecture; `lectures` is the number
    of lectures of the series with the same attendee. Once decided: `how`, the person, who decided and when.
    `candidates` include what is already counted for each of them in this lecture.
    """

    id: int
    version: int
    name: str | None
    email: str | None
    is_row: bool
    stays: list[Stay]
    present_ms: int
    lectures: int
    how: MatchMethod | None = None
    person: PersonSummary | None = None
    decided_by: str | None = None
    decided_at: datetime | None = None
    candidates: list[Candidate] = field(default_factory=list)
    strong: Candidate | None = None

    @property
    def minutes(self) -> float:
        """`present_ms` in minutes, to one decimal."""
        return tenth_minutes(self.present_ms)


@dataclass(frozen=True)
class ReviewPage:
    """A page of them. `open` are not decided, `decided` are; `following` is the cursor of the next page, if any.

    `present_ms` is what counts for each candidate in this lecture already, by person.
    """

    lecture: Lecture
    span: Span
    items: list[Unknown]
    following: int | None
    open: int
    decided: int
    present_ms: dict[int, int]
    enrolled: set[int]


@dataclass(frozen=True)
class StrongOne:
    """An unmatched attendee with one strong candidate."""

    attendee_id: int
    name: str | None
    email: str | None
    candidate: Candidate


@dataclass(frozen=True)
class Strong:
    """All who have one strong candidate; `mark` changes with whatever of it changes."""

    items: list[StrongOne]
    mark: str


def review_page(
    lecture_id: int, *, by: Actor, decided: bool = False, q: str = "", after: int = 0, limit: int = 25
) -> ReviewPage:
    """Unmatched attendees, or resolved ones with `decided`, in order of arrival. `q` searches names and e-mail
    addresses. For readers of the roster.
    """
    lecture = get_rostered_lecture(lecture_id, by=by)
    ids = _seen_here(lecture, is_decided=decided)
    counts = {decided: len(ids), not decided: len(_seen_here(lecture, is_decided=not decided))}
    if q:
        ids = _holding(ids, q)
    ids = [id_ for id_ in ids if id_ > after]
    shown = ids[:limit]
    span, eligible = span_of(lecture), eligible_people(lecture.id)
    items = _unknown(lecture, span, shown, by)
    if not decided and items:
        items = _with_candidates(lecture, items, by)
    people = [candidate.known.person_id for item in items for candidate in item.candidates]
    return ReviewPage(
        lecture=lecture,
        span=span,
        items=items,
        following=shown[-1] if len(ids) > limit else None,
        open=counts[False],
        decided=counts[True],
        present_ms=_present(lecture, span, people),
        enrolled=eligible,
    )


def get_unknown(lecture_id: int, attendee_id: int, *, by: Actor) -> Unknown:
    """One attendee of the series, resolved or not, as seen in this lecture. Raises NotFound for one of
    another series.
    """
    lecture = get_rostered_lecture(lecture_id, by=by)
    unknown = _unknown(lecture, span_of(lecture), [attendee_id], by)
    if not unknown:
        raise NotFound
    return unknown[0] if unknown[0].how is not None else _with_candidates(lecture, unknown, by)[0]


def find_people(lecture_id: int, words: str, *, by: Actor) -> tuple[list[PersonSummary], set[int]]:
    """Enrolled people whose name, organisation or address contains these words, and the person with exactly this
    address, enrolled or not; with the ids of those who are enrolled.

    People with hidden profiles are found by their address alone, and only when enrolled. For those who may read the
    roster.
    """
    lecture = get_rostered_lecture(lecture_id, by=by)
    eligible = eligible_people(lecture.id)
    text = sort_key(words.strip())
    if not text:
        return [], eligible
    day = (lecture.actual_start or lecture.starts_at or lecture.created_at).date()
    known = as_seen(known_people(eligible, day), lecture.series_id, by)
    parts = text.split()
    matching = [one for one in known if all(part in _text_of(one) for part in parts)]
    person = find_person_by_email(words) if "@" in words else None
    if person is not None and person.id not in eligible and not hidden_among(lecture.series_id, [person.id], by=by):
        matching = [*known_people([person.id], day), *matching]
    return sorted(matching, key=lambda person: (sort_key(person.full_name), person.person_id))[:FOUND], eligible


def _text_of(person: PersonSummary) -> str:
    return " ".join(
        [sort_key(text) for text in (person.full_name, person.native_name, person.organisation) if text]
    ) + " ".join(person.mailboxes)


def find_strong(lecture: Lecture, *, by: Actor) -> Strong:
    """All attendees with one strong candidate that no other attendee has, among people whose names the
    actor can see.
    """
    query = select(
        UnmatchedAttendee.id, UnmatchedAttendee.version, UnmatchedAttendee.name, UnmatchedAttendee.email
    ).where(among(UnmatchedAttendee.id, _seen_here(lecture, is_decided=False)))
    crowd = NameIndex.of(lecture, shown_to=by).crowd
    strong: list[tuple[int, StrongOne]] = []
    for id_, version, name, email in db.session.execute(query.order_by(UnmatchedAttendee.id)):
        candidate = strong_one(crowd.alike(*_search_terms(name, email)))
        if candidate is not None:
            strong.append((version, StrongOne(id_, name, email, candidate)))
    meant: dict[int, int] = {}
    for _version, match in strong:
        meant[match.candidate.known.person_id] = meant.get(match.candidate.known.person_id, 0) + 1
    alone = [(version, one) for version, one in strong if meant[one.candidate.known.person_id] == 1]
    text = "|".join(f"{one.attendee_id}.{version}.{one.candidate.known.person_id}" for version, one in alone)
    mark = hashlib.blake2b(text.encode(), digest_size=12).hexdigest()
    return Strong([one for _version, one in alone], mark)


def list_strong(lecture_id: int, *, by: Actor) -> tuple[Lecture, Strong]:
    """A lecture and its strong matches (`find_strong`), for readers of the roster."""
    lecture = get_rostered_lecture(lecture_id, by=by)
    return lecture, find_strong(lecture, by=by)


def _seen_here(lecture: Lecture, *, is_decided: bool) -> list[int]:
    query = (
        select(Presence.attendee_id)
        .join(UnmatchedAttendee, UnmatchedAttendee.id == Presence.attendee_id)
        .where(
            Presence.lecture_id == lecture.id,
            Presence.person_id.is_(None),
            UnmatchedAttendee.how.is_not(None) if is_decided else UnmatchedAttendee.how.is_(None),
        )
        .distinct()
        .order_by(Presence.attendee_id)
    )
    return [id_ for id_ in db.session.scalars(query) if id_ is not None]


def _holding(ids: Collection[int], q: str) -> list[int]:
    """Of these the ones with a text in name or address, in any case of letters and without accents."""
    query_text = sort_key(q)
    query = select(UnmatchedAttendee.id, UnmatchedAttendee.name, UnmatchedAttendee.email).where(
        among(UnmatchedAttendee.id, ids)
    )
    return sorted(
        id_
        for id_, name, email in db.session.execute(query)
        if any(query_text in sort_key(text) for text in (name, email) if text)
    )


def _unknown(lecture: Lecture, span: Span, ids: Sequence[int], by: Actor) -> list[Unknown]:
    stays: dict[int, list[Stay]] = {}
    seen: dict[int, list[rules.Interval]] = {}
    rows = (
        select(
            Presence.attendee_id, Presence.evidence, Presence.joined_ms, Presence.left_ms, Presence.stated_ms,
            AttendanceImport.format,
        )
        .outerjoin(AttendanceImport, AttendanceImport.id == Presence.import_id)
        .where(Presence.lecture_id == lecture.id, among(Presence.attendee_id, ids))
        .order_by(Presence.joined_ms, Presence.id)
    )  # fmt: skip
    for id_, evidence, joined, left, stated, system in db.session.execute(rows) if ids else ():
        assert id_ is not None  # asked for by it
        if stated is not None:
            joined, left = rules.certain(joined, left, stated, span.start, span.end, span.pauses)
        stays.setdefault(id_, []).append(Stay(evidence, joined, left, system))
        seen.setdefault(id_, []).append((joined, left))
    decider = aliased(Person)
    query = (
        select(UnmatchedAttendee, decider.full_name)
        .outerjoin(decider, decider.id == UnmatchedAttendee.decided_by)
        .where(among(UnmatchedAttendee.id, list(ids)), UnmatchedAttendee.series_id == lecture.series_id)
        .order_by(UnmatchedAttendee.id)
    )
    attendees = [(row, name) for row, name in db.session.execute(query)] if ids else []
    meant = _people({row.person_id for row, _name in attendees if row.person_id is not None}, lecture, by)
    lectures = _lectures(list(stays))
    return [
        Unknown(
            id=row.id,
            version=row.version,
            name=row.name,
            email=row.email,
            is_row=row.within_id is not None,
            stays=stays.get(row.id, []),
            present_ms=rules.length(span.count(seen.get(row.id, []))),
            lectures=lectures.get(row.id, 0),
            how=row.how,
            person=meant.get(row.person_id) if row.person_id is not None else None,
            decided_by=name if row.how is not None else None,
            decided_at=row.decided_at if row.how is not None else None,
        )
        for row, name in attendees
    ]


def _people(person_ids: Collection[int], lecture: Lecture, by: Actor) -> dict[int, PersonSummary]:
    """Returns what is known of these rows of people, under their ids, as the people they are today."""
    if not person_ids:
        return {}
    canonical_ids = dict(
        db.session.execute(select(Person.id, Person.canonical_id).where(among(Person.id, list(person_ids)))).all()
    )
    day = (lecture.actual_start or lecture.starts_at or lecture.created_at).date()
    people = known_people({id_ for id_ in canonical_ids.values() if id_ is not None}, day)
    known = {one.person_id: one for one in as_seen(people, lecture.series_id, by)}
    return {row: known[who] for row, who in canonical_ids.items() if who in known}


def _lectures(ids: Collection[int]) -> dict[int, int]:
    query = (
        select(Presence.attendee_id, func.count(Presence.lecture_id.distinct()))
        .where(among(Presence.attendee_id, ids))
        .group_by(Presence.attendee_id)
    )
    return {id_: count for id_, count in db.session.execute(query) if id_ is not None} if ids else {}


def _search_terms(name: str | None, email: str | None) -> tuple[str, str, str]:
    return undecorated(name) if name else "", name or "", email_key(email) if email else ""


def _with_candidates(lecture: Lecture, items: Iterable[Unknown], by: Actor) -> list[Unknown]:
    crowd = NameIndex.of(lecture, shown_to=by).crowd
    results = []
    for item in items:
        candidates = crowd.alike(*_search_terms(item.name, item.email))
        results.append(replace(item, candidates=candidates, strong=strong_one(candidates)))
    return results


def _present(lecture: Lecture, span: Span, people: Collection[int]) -> dict[int, int]:
    """Milliseconds of the lecture that are there for these people already."""
    if not people:
        return {}
    seen = presence_in(lecture, sorted(set(people)))
    return {
        person: present_ms((interval for interval in intervals if interval.source is not Source.REPLAY), span)
        for person, intervals in seen.items()
    }
