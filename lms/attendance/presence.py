"""The only reader of presence, from any source. Returned ids of people are canonical."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any, NamedTuple, TypeVar, cast

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Integer,
    Row,
    Select,
    bindparam,
    case,
    exists,
    func,
    literal,
    null,
    select,
    union,
    union_all,
)
from sqlalchemy import cast as sql_cast
from sqlalchemy.orm import InstrumentedAttribute

from lms.attendance import rules
from lms.attendance.models.credits import Correction
from lms.attendance.models.evidence import AttendanceImport, Beat, Join, Presence, Source, UnmatchedAttendee
from lms.attendance.models.groups import GroupSignature, ViewingGroup
from lms.catalogue.models import Lecture, LectureState
from lms.catalogue.queries.policies import list_pauses, pauses_by_lecture
from lms.catalogue.rules import AnyLecture
from lms.core.database.bulk import among, chunks
from lms.core.database.session import db, read, read_column, read_value, shared_alias
from lms.core.text.punctuation import listed
from lms.core.time import clock, durations
from lms.people.models import Person

T = TypeVar("T")
Pauses = Sequence[tuple[int, int | None]]
_Member = shared_alias(Person)
WHO = cast("InstrumentedAttribute[int]", Person.canonical_id)
"""The canonical person of a row; null only within the insert of the row."""
OFFLINE = "offline"
"""The `system` of what a page kept while its line was down."""


class PresenceInterval(NamedTuple):
    """One interval during which a person was seen, in milliseconds UTC.

    `system` is the one whose report says so, as `formats` name it, or `OFFLINE`; null for other sources. `stated_ms` is
    the sum that a report states where it says no more: the interval is then what is certain of it, and `in_plan` what
    is certain of it within the planned length, if anything is.
    """

    joined_ms: int
    left_ms: int
    source: Source
    system: str | None = None
    stated_ms: int | None = None
    in_plan: rules.Interval | None = None

    @property
    def planned(self) -> rules.Interval:
        """The interval, of which the part within the planned length counts there."""
        if self.stated_ms is None:
            return self.joined_ms, self.left_ms
        return self.in_plan or (self.joined_ms, self.joined_ms)


@dataclass(frozen=True)
class Span:
    """The time within which presence counts: the actual one, or while it is not known the planned one.

    `length_ms` is what minutes are measured against, without the pauses: of a live lecture the planned length, or
    longer. `pauses` are disjoint, in order, and within the span. `plan_ms` is the planned length, within which enough
    minutes are kept; 0 where they are not, because the lecture ended before that rule (ADR 128).
    """

    start: int
    end: int
    length_ms: int
    pauses: tuple[rules.Interval, ...] = ()
    plan_ms: int = 0

    @property
    def paused_ms(self) -> int:
        """How long the lecture was paused."""
        return rules.length(self.pauses)

    @property
    def whole_ms(self) -> int:
        """The length with the pauses."""
        return self.length_ms + self.paused_ms

    def count(self, intervals: Iterable[rules.Interval]) -> list[rules.Interval]:
        """Unites the intervals, and returns the parts within the lecture and outside its pauses."""
        return rules.leave_out(rules.clip(rules.unite(intervals), self.start, self.end), self.pauses)

    @property
    def runs_over(self) -> bool:
        """Whether the lecture is longer than planned, so that what was enough within the planned length is kept."""
        return 0 < self.plan_ms < self.length_ms

    @property
    def plan_end(self) -> int:
        """When the planned length had passed since the actual start, without the pauses."""
        return rules.moment_after(self.start, self.plan_ms, self.pauses)

    def count_in_plan(self, intervals: Iterable[rules.Interval]) -> list[rules.Interval]:
        """As `count`, of the parts within the planned length."""
        return rules.clip(self.count(intervals), self.start, self.plan_end)

    def count_stays(self, counted: Sequence[rules.Interval]) -> int:
        """How often somebody came who was there in these intervals; a pause between two is no reason to come again."""
        return sum(stay not in self.pauses for stay in rules.unite([*counted, *self.pauses]))


def span_between(lecture: AnyLecture, start: datetime, end: datetime) -> Span:
    """The span of a lecture if it was given from `start` to `end`."""
    return _span_between(start, end, list_pauses(lecture), _plan_ms(lecture))


def span_of(lecture: AnyLecture, now_ms: int | None = None) -> Span:
    """Of a held lecture its actual start and end; of a live one its start and now."""
    return spans_of([lecture], now_ms)[lecture.id]


def spans_of(lectures: Sequence[AnyLecture], now_ms: int | None = None) -> dict[int, Span]:
    """As `span_of`, of many lectures by id, with one statement for all pauses."""
    pauses = pauses_by_lecture(lectures)
    return {lecture.id: _span_of(lecture, pauses.get(lecture.id, []), now_ms) for lecture in lectures}


def _span_of(lecture: AnyLecture, all_pauses: Pauses, now_ms: int | None) -> Span:
    planned = lecture.duration_minutes * durations.MINUTE_MS
    if lecture.actual_start is None:
        start = clock.to_ms(lecture.starts_at) if lecture.starts_at is not None else 0
        return Span(start, start + planned, planned, plan_ms=planned)
    if lecture.actual_end is not None:
        return _span_between(lecture.actual_start, lecture.actual_end, all_pauses, _plan_ms(lecture))
    start = clock.to_ms(lecture.actual_start)
    end = max(now_ms if now_ms is not None else clock.to_ms(clock.now()), start)
    pauses = _within(all_pauses, start, end)
    return Span(start, end, max(planned, end - start - rules.length(pauses)), pauses, planned)


def _plan_ms(lecture: AnyLecture) -> int:
    """The planned length, or 0 for a lecture that ended before enough minutes within it were kept."""
    has_ended = lecture.actual_end is not None
    return lecture.duration_minutes * durations.MINUTE_MS if lecture.keeps_enough or not has_ended else 0


def _span_between(start: datetime, end: datetime, all_pauses: Pauses, plan_ms: int) -> Span:
    first, last = clock.to_ms(start), clock.to_ms(end)
    pauses = _within(all_pauses, first, last)
    return Span(first, last, last - first - rules.length(pauses), pauses, plan_ms)


def _within(all_pauses: Pauses, start: int, end: int) -> tuple[rules.Interval, ...]:
    pauses = [(first, end if last is None else last) for first, last in all_pauses]
    return tuple(rules.clip(rules.unite(pauses), start, end))


def is_held(lecture: Lecture) -> bool:
    """Whether a lecture was held, and its actual times are known: credits may be written."""
    return lecture.state is LectureState.HELD and lecture.actual_start is not None and lecture.actual_end is not None


# The queries of presence


def rows_of(people: Any) -> Any:
    """The query of all rows of some people (ids, or an expanding parameter for them). Evidence is looked up from these
    rows, so that of a lecture only theirs is read."""
    return select(_Member.id).where(_Member.canonical_id.in_(people))


def presence_by_person(*columns: Any, lecture_id: Any = None, people: Any = None) -> list[Select[Any]]:
    """The queries of presence with the `Person` it is of: as seen, and as found out later. Both have an index of their
    own; one join on `coalesce` has none. Of one lecture, and of some `people`, where given."""
    direct = select(*columns).select_from(Presence).join(Person, Person.id == Presence.person_id)
    later = (
        select(*columns)
        .select_from(Presence)
        .join(UnmatchedAttendee, UnmatchedAttendee.id == Presence.attendee_id)
        .join(Person, Person.id == UnmatchedAttendee.person_id)
    )
    if people is not None:
        rows = rows_of(people)
        direct = direct.where(Presence.person_id.in_(rows))
        later = later.where(
            Presence.attendee_id.in_(select(UnmatchedAttendee.id).where(UnmatchedAttendee.person_id.in_(rows)))
        )
    if lecture_id is None:
        return [direct, later]
    return [
        direct.where(Presence.lecture_id == lecture_id),
        later.where(_is_lecture(Presence.lecture_id, lecture_id, people)),
    ]


def is_unmatched() -> tuple[ColumnElement[bool], ...]:
    """Returns what holds of presence (and its unmatched attendee) while nobody knows whose it is, and nobody said that
    it is nobody's of ours."""
    return Presence.person_id.is_(None), UnmatchedAttendee.how.is_(None)


_LECTURE: Any = bindparam("lecture_id", type_=Integer)
_PEOPLE: Any = bindparam("people", expanding=True)
_WHO: Any = bindparam("who", type_=Integer)
_OFFLINE = case((Presence.offline, OFFLINE))
_TOLD_BY = case((Presence.offline, OFFLINE), else_=AttendanceImport.format)
_SPANS = (Presence.joined_ms, Presence.left_ms, Presence.stated_ms, sql_cast(null(), Integer))
_BEAT_SPANS = (Join.joined_ms, Beat.received_ms, sql_cast(null(), BigInteger), Join.beat_seconds)
_BEAT_SAW = (literal(Source.LIVE, Presence.source.type), case((Beat.offline, OFFLINE)))


def _presence(*saw: Any, lecture_id: Any = None, people: Any = None, with_replays: bool = True) -> Any:
    """All presence: rows of it, and each heartbeat of which none was made yet, with the length of its beat. `saw` are
    the source and the system, or nothing."""
    ways = presence_by_person(Presence.lecture_id, WHO, *_SPANS, *saw, lecture_id=lecture_id, people=people)
    if not with_replays:
        ways = [way.where(Presence.source != Source.REPLAY) for way in ways]
    if any(one is _TOLD_BY for one in saw):
        ways = [way.outerjoin(AttendanceImport, AttendanceImport.id == Presence.import_id) for way in ways]
    beats = (
        select(Join.lecture_id, WHO, *_BEAT_SPANS, *_BEAT_SAW[: len(saw)])
        .join(Beat, Beat.join_id == Join.id)
        .join(Person, Person.id == Join.person_id)
    )
    if people is not None:
        beats = beats.where(Join.person_id.in_(rows_of(people)))
    if lecture_id is not None:
        beats = beats.where(_is_lecture(Join.lecture_id, lecture_id, people))
    return union_all(*ways, beats)


def _is_lecture(column: Any, lecture_id: Any, people: Any) -> Any:
    """Whether a row is of a lecture. "+ 0" keeps the index of lectures out where the people lead to the rows: without
    it SQLite reads everybody in the lecture, which takes six times as long of 3,000 people."""
    return (column if people is None else column + 0) == lecture_id


_INTERVALS = _presence(lecture_id=_LECTURE, with_replays=False)
_OF_LECTURE = _presence(Presence.source, _OFFLINE, lecture_id=_LECTURE)
_OF_PEOPLE = _presence(Presence.source, _TOLD_BY, lecture_id=_LECTURE, people=_PEOPLE)
_OF_PERSON = _presence(Presence.source, _TOLD_BY, people=[_WHO])


def presence_in(
    lecture: Lecture, person_ids: Collection[int] | None = None, span: Span | None = None
) -> dict[int, list[PresenceInterval]]:
    """All that was seen of people in a lecture, by person; of sums the part that is certain, for the lecture's own span
    or another one. Of all people, `system` says only what was kept offline."""
    spans = {lecture.id: span or span_of(lecture)}
    if person_ids is None:
        return _read(_OF_LECTURE, {"lecture_id": lecture.id}, spans, _BY_PERSON, _interval)
    intervals: dict[int, list[PresenceInterval]] = {}
    for people in chunks(person_ids):
        intervals |= _read(_OF_PEOPLE, {"lecture_id": lecture.id, "people": people}, spans, _BY_PERSON, _interval)
    return intervals


def presence_of(person_id: int, spans: dict[int, Span]) -> dict[int, list[PresenceInterval]]:
    """All that was seen of a person in the lectures of these spans, by lecture."""
    return _read(_OF_PERSON, {"who": person_id}, spans, _BY_LECTURE, _interval)


def intervals_in(lecture: Lecture) -> Iterable[list[rules.Interval]]:
    """When people were there in a lecture, the intervals of each person, without replays."""
    spans = {lecture.id: span_of(lecture)}
    return _read(_INTERVALS, {"lecture_id": lecture.id}, spans, _BY_PERSON, lambda *row: row[:2]).values()


def _interval(
    joined: int, left: int, stated: int | None, source: Source, system: str | None,
    in_plan: rules.Interval | None = None,
) -> PresenceInterval:  # fmt: skip
    return PresenceInterval(joined, left, source, system, stated, in_plan)


_BY_LECTURE, _BY_PERSON = 0, 1


def _read(
    query: Any, where: dict[str, Any], spans: dict[int, Span], by: int, make: Callable[..., T]
) -> dict[int, list[T]]:
    """Returns what was seen within these spans, by the column `by`, each interval as `make` makes it."""
    by_person: dict[int, list[T]] = {}
    beats: dict[tuple[Any, ...], list[int]] = {}
    for row in read(query, where):
        lecture_id, _person_id, joined, left, stated, beat, *saw = row
        if lecture_id not in spans:
            continue
        if beat is not None:
            beats.setdefault((row[by], joined, beat, *saw), []).append(left)
            continue
        if stated is not None:
            span = spans[lecture_id]
            if joined < left:  # else nobody knows when it was
                saw.append(rules.certain(joined, left, stated, span.start, span.plan_end, span.pauses))
            joined, left = rules.certain(joined, left, stated, span.start, span.end, span.pauses)
        by_person.setdefault(row[by], []).append(make(joined, left, stated, *saw))
    for (key, joined, beat, *saw), received in beats.items():
        for first, last in rules.seen_by_beats(received, beat_seconds=beat, joined_ms=joined):
            by_person.setdefault(key, []).append(make(first, last, None, *saw))
    return by_person


def presence_of_joins(lecture_id: int) -> Iterator[tuple[int, int, rules.Interval, bool]]:
    """Yields the presence that the heartbeats of each join show: (join, person as joined, interval, whether kept
    offline)."""

    def join_of(row: Row[int, int, int, int, bool, int]) -> tuple[int, int, int, int, bool]:
        return row[0], row[1], row[2], row[3], row[4]

    query = (
        select(Join.id, Join.person_id, Join.joined_ms, Join.beat_seconds, Beat.offline, Beat.received_ms)
        .join(Beat, Beat.join_id == Join.id)
        .where(Join.lecture_id == lecture_id)
        .order_by(Join.id, Beat.offline)
    )
    for (join_id, person_id, joined, beat, offline), group in groupby(db.session.execute(query), key=join_of):
        received = [row[5] for row in group]
        for interval in rules.seen_by_beats(received, beat_seconds=beat, joined_ms=joined):
            yield join_id, person_id, interval, offline


def viewers(lecture_id: int, at_ms: int) -> int:
    """How many people are in the room: those of whom a beat came within the last one and a half."""
    return read_value(_in_room(select(func.count(WHO.distinct())), lecture_id, at_ms)) or 0


def viewer_ids(lecture_id: int, at_ms: int) -> Sequence[int]:
    """Returns who is in the room."""
    return read_column(_in_room(select(WHO).distinct(), lecture_id, at_ms))


def _in_room(query: Any, lecture_id: int, at_ms: int) -> Any:
    return (
        query.select_from(Beat)
        .join(Join, Join.id == Beat.join_id)
        .join(Person, Person.id == Join.person_id)
        .where(
            Join.lecture_id == lecture_id,
            Beat.received_ms > at_ms - 120_000,
            Beat.received_ms + Join.beat_seconds * 1500 > literal(at_ms, BigInteger),
        )
    )


# Evidence: presence, or a correction by hand


def _corrected_or_in_room(column: Callable[[Any], Any]) -> list[tuple[Any, Any]]:
    corrected = (
        select(column(Correction.lecture_id))
        .select_from(Correction)
        .join(Person, Person.id == Correction.person_id)
        .where(Correction.withdrawn_at.is_(None))
    )
    joined = (
        select(column(Join.lecture_id))
        .select_from(Join)
        .join(Person, Person.id == Join.person_id)
        .where(exists().where(Beat.join_id == Join.id))
    )
    return [(corrected, Correction.lecture_id), (joined, Join.lecture_id)]


def corrected_or_in_room(lecture_id: Any, people: Any = None) -> list[Select[int]]:
    """The queries of everyone who was corrected by hand, or of whose heartbeats no presence was made yet."""
    (corrected, of_correction), (joined, of_join) = _corrected_or_in_room(lambda _lecture: WHO)
    if people is not None:
        corrected = corrected.where(Correction.person_id.in_(rows_of(people)))
        joined = joined.where(Join.person_id.in_(rows_of(people)))
    return [corrected.where(of_correction == lecture_id), joined.where(_is_lecture(of_join, lecture_id, people))]


def people_with_evidence(lecture_id: Any, people: Any = None) -> list[Select[int]]:
    """The queries of everyone of whom a lecture (its id, or a parameter for one) has evidence; of some `people`, where
    given."""
    return [
        *presence_by_person(WHO, lecture_id=lecture_id, people=people),
        *corrected_or_in_room(lecture_id, people),
    ]


def lectures_with_evidence(whose: ColumnElement[bool]) -> Any:
    """The query of the lectures that have evidence of each `Person` for whom `whose` holds."""
    queries = [*presence_by_person(Presence.lecture_id), *(q for q, _lecture in _corrected_or_in_room(lambda id_: id_))]
    return union(*(query.where(whose) for query in queries))


_AT_ONCE = 5_000
"""The number of people in one query: they are bound four times in one statement."""


def seen_before(series_id: int, person_ids: Collection[int], since: datetime) -> dict[int, list[int]]:
    """The people who were seen in lectures of a series that ended before a time: canonical ids, by lecture."""
    ended = select(Lecture.id).where(
        Lecture.series_id == series_id, Lecture.state == LectureState.HELD, Lecture.actual_end < since
    )
    lectures = set(db.session.scalars(ended))
    by_person: dict[int, list[int]] = {}
    canonical = select(Person.canonical_id).where(among(Person.id, person_ids)).distinct()
    for people in chunks(db.session.scalars(canonical), _AT_ONCE) if lectures else ():
        queries = [
            *presence_by_person(Presence.lecture_id, WHO, people=people),
            *(query.add_columns(WHO).where(WHO.in_(people)) for query, _ in _corrected_or_in_room(lambda id_: id_)),
        ]
        for lecture_id, person_id in db.session.execute(union(*queries)):
            if lecture_id in lectures:
                by_person.setdefault(lecture_id, []).append(person_id)
    return by_person


def offline_ms(presence: Sequence[PresenceInterval], span: Span) -> int:
    """How much of a person's presence is known by nothing but heartbeats that a page kept while its line was down."""
    if not any(one.system == OFFLINE for one in presence):
        return 0
    there = [one for one in presence if one.source is not Source.REPLAY]
    return present_ms(there, span) - present_ms((one for one in there if one.system != OFFLINE), span)


def present_ms(presence: Iterable[PresenceInterval], span: Span) -> int:
    """How long somebody was there, whatever the source."""
    return rules.length(span.count(interval[:2] for interval in presence))


def stated_ms(presence: Iterable[PresenceInterval]) -> int | None:
    """How much reports with sums only state of a person, all together; null where no report did."""
    sums = [one.stated_ms for one in presence if one.stated_ms is not None]
    return sum(sums) if sums else None


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
    cities_of: dict[tuple[int, int], list[str]] = {}
    for lecture_id, person_id, city in db.session.execute(query):
        cities_of.setdefault((lecture_id, person_id), []).append(city)
    return {key: listed(cities) for key, cities in cities_of.items()}
