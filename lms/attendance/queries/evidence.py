"""What is known of a lecture's presence, read in bulk. Ids of people that come out are canonical."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, cast

from sqlalchemy import ColumnElement, Integer, Row, Select, bindparam, case, exists, func, select, union_all
from sqlalchemy.orm import InstrumentedAttribute, aliased

from lms.attendance import rules
from lms.attendance.models.credits import Correction
from lms.attendance.models.evidence import AttendanceImport, Beat, Join, Presence, Source
from lms.attendance.models.groups import GroupSignature, ViewingGroup
from lms.attendance.models.unmatched import Appearance
from lms.catalogue.models import Lecture, LectureState
from lms.catalogue.queries import policy_for
from lms.core import clock, measures
from lms.core.bulk import among
from lms.core.db import db
from lms.people.models import Person

WHO = cast("InstrumentedAttribute[int]", Person.canonical_id)
"""Who a row of people is today; null only within the insert of the row."""
_Member = aliased(Person)
CHUNK = 10_000
Seen = tuple[int, int, Source]


def pieces(ids: Iterable[int]) -> Iterator[list[int]]:
    """Ids in pieces that fit into one statement."""
    listed = list(ids)
    for start in range(0, len(listed), CHUNK):
        yield listed[start : start + CHUNK]


@dataclass(frozen=True)
class Span:
    """The time within which presence counts: the actual one, or while it is not known the planned one.

    `length_ms` is what minutes are measured against: of a live lecture the planned length, or longer.
    """

    start: int
    end: int
    length_ms: int


def span_of(lecture: Lecture, now_ms: int | None = None) -> Span:
    """Of a held lecture its actual start and end; of a live one its start and now."""
    planned = lecture.duration_minutes * measures.MINUTE_MS
    if lecture.actual_start is None:
        start = clock.to_ms(lecture.starts_at) if lecture.starts_at is not None else 0
        return Span(start, start + planned, planned)
    start = clock.to_ms(lecture.actual_start)
    if lecture.actual_end is not None:
        end = clock.to_ms(lecture.actual_end)
        return Span(start, end, end - start)
    end = max(now_ms if now_ms is not None else clock.to_ms(clock.now()), start)
    return Span(start, end, max(planned, end - start))


class Reported(tuple[int, int, Source]):
    """What a report says, as any other `Seen`; `system` is the one that wrote the report, as `formats` name it."""

    system: str | None = None

    @classmethod
    def by(cls, system: str, joined: int, left: int, source: Source) -> Reported:
        """Presence from a join to a leave, told by a system's report."""
        told = cls((joined, left, source))
        told.system = system
        return told


class CertainPart(Reported):
    """What is certain of a sum; `stated_ms` is the sum."""

    stated_ms: int

    @classmethod
    def of(
        cls, joined: int, left: int, source: Source, stated_ms: int, span: Span, system: str | None = None
    ) -> CertainPart:
        """The certain part of presence of `stated_ms` from a first join to a last leave."""
        part = cls((*rules.certain(joined, left, stated_ms, span.start, span.end), source))
        part.stated_ms, part.system = stated_ms, system
        return part


OFFLINE = "offline"
"""The `system` of what a page kept while its line was down."""


def system_of(seen: Seen) -> str | None:
    """The system whose report says this, or OFFLINE; None for what other sources saw."""
    return seen.system if isinstance(seen, Reported) else None


def offline_ms(seen: Sequence[Seen], span: Span) -> int:
    """How much of a person's presence is known by nothing but heartbeats that a page kept while its line was down."""
    if not any(system_of(one) == OFFLINE for one in seen):
        return 0
    there = [one for one in seen if one[2] is not Source.REPLAY]

    def present(some: Iterable[Seen]) -> int:
        return rules.length(rules.clip(rules.unite((a, b) for a, b, _source in some), span.start, span.end))

    return present(there) - present(one for one in there if system_of(one) != OFFLINE)


def stated_in(seen: Iterable[Seen]) -> int | None:
    """How much reports with sums only state of a person, all together; None where no report did."""
    sums = [one.stated_ms for one in seen if isinstance(one, CertainPart)]
    return sum(sums) if sums else None


def seen_in(
    lecture: Lecture, person_ids: Collection[int] | None = None, span: Span | None = None
) -> dict[int, list[Seen]]:
    """All that was seen of people in a lecture, by person: presence, and beats not yet compacted.

    Of sums the part that is certain, for the lecture's own span or another one. Of some people also which system's
    report says it; of all what a page kept while its line was down (`system_of`).
    """
    found: dict[int, list[Seen]] = {}
    span = span or span_of(lecture)
    for people in [None] if person_ids is None else pieces(person_ids):
        query, where = (_SEEN, {}) if people is None else (_SEEN_OF, {"people": people})
        rows = db.session.execute(query, {"lecture_id": lecture.id, **where})
        for person_id, joined, left, stated, source, system in rows:
            one: Seen = (joined, left, source)
            if stated is not None:
                one = CertainPart.of(joined, left, source, stated, span, system)
            elif system is not None:
                one = Reported.by(system, joined, left, source)
            found.setdefault(person_id, []).append(one)
        for _join_id, _own_id, person_id, interval, offline in beats_of(lecture.id, people):
            beating: Seen = (*interval, Source.LIVE)
            found.setdefault(person_id, []).append(Reported.by(OFFLINE, *beating) if offline else beating)
    return found


def intervals_in(lecture: Lecture) -> Iterable[list[rules.Interval]]:
    """All that was seen in a lecture, the intervals of each person; who the person is, is not said."""
    found: dict[int, list[rules.Interval]] = {}
    span = span_of(lecture)
    for person_id, joined, left, stated in db.session.connection().execute(_INTERVALS, {"lecture_id": lecture.id}):
        one = (joined, left) if stated is None else rules.certain(joined, left, stated, span.start, span.end)
        found.setdefault(person_id, []).append(one)
    for _join_id, _own_id, person_id, interval, _offline in beats_of(lecture.id):
        found.setdefault(person_id, []).append(interval)
    return found.values()


def beats_of(
    lecture_id: int, person_ids: list[int] | None = None
) -> Iterator[tuple[int, int, int, rules.Interval, bool]]:
    """What the beats of each join say: (join, person as joined, canonical person, interval, whether kept offline)."""
    query, where = (_BEATS, {}) if person_ids is None else (_BEATS_OF, {"people": person_ids})
    rows = db.session.execute(query, {"lecture_id": lecture_id, **where})
    for (join_id, own_id, person_id, joined, beat, offline), group in groupby(rows, key=_join_of):
        received = [row[6] for row in group]
        for interval in rules.seen_by_beats(received, beat_seconds=beat, joined_ms=joined):
            yield join_id, own_id, person_id, interval, offline


_HERE: Any = bindparam("lecture_id", type_=Integer)


def seen_by(*columns: Any, lecture_id: Any = None, people: Any = None) -> list[Select[Any]]:
    """The queries of presence with whose it is: as seen, and as found out later. Both sides have an index of their own;
    one join on `coalesce` has none. Of one lecture, and of some `people`, where given."""
    ways = [
        select(*columns).select_from(Presence).join(Person, Person.id == Presence.person_id),
        select(*columns)
        .select_from(Presence)
        .join(Appearance, Appearance.id == Presence.appearance_id)
        .join(Person, Person.id == Appearance.person_id),
    ]
    if people is None:
        return ways if lecture_id is None else [way.where(Presence.lecture_id == lecture_id) for way in ways]
    # Looked up from the people, so that of a lecture only their rows are read: "+ 0" keeps the index of lectures out
    rows = select(_Member.id).where(_Member.canonical_id.in_(people))
    found_out = select(Appearance.id).where(Appearance.person_id.in_(rows))
    own, later = ways[0].where(Presence.person_id.in_(rows)), ways[1].where(Presence.appearance_id.in_(found_out))
    if lecture_id is None:
        return [own, later]
    return [own.where(Presence.lecture_id == lecture_id), later.where(Presence.lecture_id + 0 == lecture_id)]


def undecided() -> tuple[ColumnElement[bool], ...]:
    """What holds of presence (and its appearance) while nobody knows whose it is, and nobody said that it is nobody's
    of ours."""
    return Presence.person_id.is_(None), Appearance.how.is_(None)


_PEOPLE: Any = bindparam("people", expanding=True)
_SPANS = (WHO, Presence.joined_ms, Presence.left_ms, Presence.stated_ms)
_INTERVALS: Any = union_all(*seen_by(*_SPANS, lecture_id=_HERE))
_SEEN_COLUMNS = (*_SPANS, Presence.source)
TOLD_BY: Any = case((Presence.offline, OFFLINE), else_=AttendanceImport.format)
"""The `system` of a presence, beside the import that it is of."""
_SEEN: Any = union_all(*seen_by(*_SEEN_COLUMNS, case((Presence.offline, OFFLINE)), lecture_id=_HERE))
_SEEN_OF: Any = union_all(
    *(
        way.outerjoin(AttendanceImport, AttendanceImport.id == Presence.import_id)
        for way in seen_by(*_SEEN_COLUMNS, TOLD_BY, lecture_id=_HERE, people=_PEOPLE)
    )
)
_THESE = WHO.in_(_PEOPLE)
_BEATS: Any = (
    select(Join.id, Join.person_id, WHO, Join.joined_ms, Join.beat_seconds, Beat.offline, Beat.received_ms)
    .join(Beat, Beat.join_id == Join.id)
    .join(Person, Person.id == Join.person_id)
    .where(Join.lecture_id == _HERE)
    .order_by(Join.id, Beat.offline)
)
_BEATS_OF: Any = _BEATS.where(_THESE)
_CORRECTIONS: Any = (
    select(WHO, Correction)
    .join(Person, Person.id == Correction.person_id)
    .where(Correction.lecture_id == _HERE, Correction.withdrawn_at.is_(None))
    .order_by(Correction.id)
)
_CORRECTIONS_OF: Any = _CORRECTIONS.where(_THESE)


def _join_of(row: Row[int, int, int, int, int, bool, int]) -> tuple[int, int, int, int, int, bool]:
    return row[0], row[1], row[2], row[3], row[4], row[5]


def corrections_in(lecture_id: int, person_ids: Collection[int] | None = None) -> dict[int, Correction]:
    """The corrections that hold, by person; where two people were merged, the newest wins."""
    found: dict[int, Correction] = {}
    for people in [None] if person_ids is None else pieces(person_ids):
        query, where = (_CORRECTIONS, {}) if people is None else (_CORRECTIONS_OF, {"people": people})
        for person_id, correction in db.session.execute(query, {"lecture_id": lecture_id, **where}):
            found[person_id] = correction
    return found


def with_evidence(lecture_id: Any, people: Any = None) -> list[Select[int]]:
    """The queries of everyone who was seen in a lecture, or corrected by hand; of some `people`, where given."""
    return [*seen_by(WHO, lecture_id=lecture_id, people=people), *corrected_or_in_room(lecture_id, people)]


def corrected_or_in_room(lecture_id: Any, people: Any = None) -> list[Select[int]]:
    """The queries of everyone who was corrected by hand, or whose heartbeats are not yet presence."""
    beating = exists().where(Beat.join_id == Join.id)
    queries = [
        select(WHO)
        .join(Correction, Correction.person_id == Person.id)
        .where(Correction.lecture_id == lecture_id, Correction.withdrawn_at.is_(None)),
        select(WHO).join(Join, Join.person_id == Person.id).where(Join.lecture_id == lecture_id, beating),
    ]
    return queries if people is None else [query.where(WHO.in_(people)) for query in queries]


def lectures_with_evidence(person_ids: Collection[int]) -> set[int]:
    """The lectures in which one of these rows of people was seen, corrected or credited."""
    through = (
        select(Presence.lecture_id)
        .join(Appearance, Appearance.id == Presence.appearance_id)
        .where(Appearance.person_id.in_(person_ids))
        .distinct()
    )
    found = set(db.session.scalars(through))
    for table in (Presence, Correction, Join):
        query = select(table.lecture_id).where(table.person_id.in_(person_ids)).distinct()
        found.update(db.session.scalars(query))
    return found


def counted_ms(lecture_id: int, person_id: int, at_ms: int) -> int:
    """Milliseconds counted for a person so far: clipped to the actual start, to the end or to `at_ms`."""
    lecture = db.session.get_one(Lecture, lecture_id)
    if lecture.actual_start is None:
        return 0
    span = span_of(lecture, at_ms)
    seen = seen_in(lecture, [person_id]).get(person_id, [])
    return rules.length(rules.clip(rules.unite((a, b) for a, b, _source in seen), span.start, span.end))


def viewers(lecture_id: int, at_ms: int) -> int:
    """How many people are in the room: those of whom a beat came within the last one and a half."""
    query = (
        select(func.count(WHO.distinct()))
        .select_from(Beat)
        .join(Join, Join.id == Beat.join_id)
        .join(Person, Person.id == Join.person_id)
        .where(
            Join.lecture_id == lecture_id,
            Beat.received_ms > at_ms - 120_000,
            Beat.received_ms + Join.beat_seconds * 1500 > at_ms,
        )
    )
    return db.session.scalar(query) or 0


def min_percent_of(lecture: Lecture) -> int:
    """The share of its length that makes *attended* in this lecture."""
    return policy_for(lecture).min_percent


def is_held(lecture: Lecture) -> bool:
    """Whether credits may stand: it was held, and its actual times are known."""
    return lecture.state is LectureState.HELD and lecture.actual_start is not None and lecture.actual_end is not None


def places_of(lecture_ids: Collection[int], person_ids: Collection[int]) -> dict[tuple[int, int], str]:
    """(lecture, person) → the cities in which the person watched it in a group that was signed for."""
    query = (
        select(Presence.lecture_id, WHO, ViewingGroup.city)
        .join(Person, Person.id == Presence.person_id)
        .join(GroupSignature, GroupSignature.id == Presence.signature_id)
        .join(ViewingGroup, ViewingGroup.id == GroupSignature.group_id)
        .where(Presence.lecture_id.in_(lecture_ids), Presence.source == Source.GROUP, among(WHO, person_ids))
        .distinct()
        .order_by(ViewingGroup.city)
    )
    found: dict[tuple[int, int], list[str]] = {}
    for lecture_id, person_id, city in db.session.execute(query):
        found.setdefault((lecture_id, person_id), []).append(city)
    return {key: ", ".join(cities) for key, cities in found.items()}
