"""Loads the facts that a scope is counted from. What the rows mean is decided here once:

* a session is a held lecture as `attendance.queries.sessions` says, on the day of its actual start in the reporting
  zone;
* an attendance is a credit whose outcome is attended, as `attendance` has written it into its facts;
* merged people are one: two registrations or two awards of one series are one;
* a registration has the country it was made with; an award the person's on the day it was issued.

Registrations and awards are read a series at a time, and kept under the stamp of the series.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import String, select, type_coerce

from lms.attendance.facts import ATTENDANCES, Columns, columns_from, columns_of, traits_of, unpack
from lms.attendance.queries.facts import attended_in, read_facts, read_versions
from lms.attendance.queries.sessions import is_session, whole_seconds
from lms.catalogue.models import Lecture, Series
from lms.certificates.models import AWARDS, Award, Certificate, CertificateState
from lms.core.database.cache_versions import is_writing, memory, stamp_of, stamps_of, watch
from lms.core.database.session import db, read, shared_alias
from lms.core.time import clock
from lms.enrolment.models import REGISTRATIONS, Enrolment
from lms.feedback.queries import satisfaction_of
from lms.people.models import Country, Person
from lms.reports.facts.segments import SERIES_FACTS, Read, SegmentPart, joined, refreshed
from lms.reports.facts.selection import Facts, HeldLecture
from lms.reports.models import SeriesFacts
from lms.reports.queries.scope import Partners, Scope

COUNTED = (CertificateState.VALID, CertificateState.WITHDRAWN)
"""States of certificates that count."""
MOST_DAYS: Final = 130 * 366
"""The number of days that can be distinguished, from 1970."""
STAMP = "loaded_facts"
_TABLES = frozenset(
    {
        "award", "certificate", "country", "credit", "enrolment", "feedback_release", "lecture", "lecture_facts",
        "person", "person_country", "region", "series", "series_facts",
    }
)  # fmt: skip
"""What facts are read from."""
MOST = 64
"""The facts of this many scopes are cached: lists of their lectures, and the segments that contain them."""
FEW = 50
"""Up to this many series are read by id; above, all are read at once."""

watch(STAMP, _TABLES.__contains__)
RATINGS = "ratings"
watch(RATINGS, {"feedback_release"}.__contains__)

_MEMBER = shared_alias(Person)
_ONESELF = shared_alias(Person)


def load(scope: Scope, partners: Partners, *, attended_only: bool = False) -> Facts:
    """The facts of a scope. They are put together again only once something that they are read from has changed.

    `attended_only`: registrations and awards may be left out, which take long where many have changed.
    """
    if is_writing():
        return _load(scope, partners, attended_only=attended_only)
    cached = memory(STAMP)
    key = scope.zone, scope.series_id, scope.language, scope.start, scope.end
    stamp = stamp_of(STAMP)  # before the rows are read
    entry: tuple[int | None, Facts] | None = cached.get(key)
    if entry is None or entry[0] != stamp:
        entry = stamp, _load(scope, partners)
        if len(cached) >= MOST:
            cached.clear()
        cached[key] = entry
    return replace(entry[1], partners=partners.changes)


def _load(scope: Scope, partners: Partners, *, attended_only: bool = False) -> Facts:
    languages: dict[int, str] = dict(read(select(Series.id, Series.language)))
    lectures = {lecture.id: lecture for lecture in held_lectures(scope)}
    series = [
        id_
        for id_, language in languages.items()
        if not attended_only and scope.series_id in (None, id_) and scope.language in (None, language)
    ]
    return Facts(
        lectures=lectures,
        attendances=attendances_of({lecture.id: lecture.day for lecture in lectures.values()}),
        registrations=facts_of_series(REGISTRATIONS, series, scope.zone),
        certificates=facts_of_series(AWARDS, series, scope.zone),
        regions=dict(read(select(Country.id, Country.region_code))),
        languages=languages,
        partners=partners.changes,
        ratings=_ratings(),
    )


def _ratings() -> Mapping[int, Mapping[str, Any]]:
    """All that each lecture has released for *satisfaction*; read again only once something was released."""
    if is_writing():
        return satisfaction_of()
    cached, stamp = memory(RATINGS), stamp_of(RATINGS)
    if cached.get("stamp") != stamp or "ratings" not in cached:
        cached["ratings"], cached["stamp"] = satisfaction_of(), stamp
    ratings: Mapping[int, Mapping[str, Any]] = cached["ratings"]
    return ratings


def attendances_of(days: Mapping[int, date]) -> list[SegmentPart]:
    """The attendances of lectures; `days` says the day of each, in the reporting zone.

    Where none are stored for that day, they are read from the rows: right as well, and slow.
    """
    versions = {id_: version for id_, (version, day) in read_versions(days).items() if days[id_] == day}

    def read(lecture_ids: Collection[int]) -> Iterator[Read]:
        for id_, version, day, columns in read_facts(lecture_ids):
            if days[id_] == day:
                yield id_, version, columns

    parts = refreshed(memory("facts"), versions, read, ATTENDANCES)
    missing = {*days}.difference(*(part.owners for part in parts))
    if missing:
        rows = attended_in({id_: days[id_] for id_ in missing})
        parts += joined([(id_, None, columns_of(found)) for id_, found in rows.items()], ATTENDANCES)
    return parts


def held_within(query: Any, scope: Scope) -> Any:
    """A query of lectures, limited to the sessions of a scope, regardless of who attended."""
    query = query.where(is_session())
    if scope.series_id is not None:
        query = query.where(Lecture.series_id == scope.series_id)
    if scope.language is not None:
        query = query.where(Lecture.language == scope.language)
    if scope.start is not None:
        query = query.where(Lecture.actual_start >= scope.start)
    if scope.end is not None:
        query = query.where(Lecture.actual_start < scope.end)
    return query


def held_lectures(scope: Scope) -> list[HeldLecture]:
    """The sessions of a scope, regardless of who attended."""
    start = whole_seconds(Lecture.actual_start)
    query = held_within(select(Lecture.id, Lecture.series_id, Lecture.language, start), scope)
    return [
        HeldLecture(id_, series, language, clock.day_of(datetime.fromtimestamp(seconds, UTC), scope.zone))
        for id_, series, language, seconds in read(query)
    ]


def facts_of_series(kind: str, series_ids: Collection[int], zone: str) -> list[SegmentPart]:
    """Registrations or awards of these series: from memory, or as stored, where the stamp is still the same."""
    stamps = stamps_of(kind)  # before the rows: a later change has another stamp next time
    versions = {id_: (stamps[id_], zone) for id_ in series_ids if id_ in stamps}

    def read(ids: Collection[int]) -> Iterator[Read]:
        seen = set()
        for part in _stored(kind, {id_: stamps[id_] for id_ in ids}, zone):
            seen.add(part[0])
            yield part
        for id_, columns in _from_rows(kind, [id_ for id_ in ids if id_ not in seen], zone):
            yield id_, versions[id_], columns

    parts = refreshed(memory(kind), versions, read, SERIES_FACTS)
    unstamped = [id_ for id_ in series_ids if id_ not in stamps]
    return parts + joined([(id_, None, columns) for id_, columns in _from_rows(kind, unstamped, zone)], SERIES_FACTS)


def _stored(kind: str, stamps: Mapping[int, int], zone: str) -> Iterator[Read]:
    """Those of these series that were stored under the stamp which they have still."""
    query = select(SeriesFacts.series_id, SeriesFacts.stamp, SeriesFacts.content)
    query = query.where(SeriesFacts.kind == kind, SeriesFacts.time_zone == zone, SeriesFacts.series_id.in_(stamps))
    for id_, stamp, content in db.session.connection().execute(query):
        if stamps[id_] == stamp:
            yield id_, (stamp, zone), unpack(SERIES_FACTS, content)


Line = tuple[int, int, int, int, int]
"""As in `SERIES_FACTS`."""


def _from_rows(kind: str, series_ids: Collection[int], zone: str) -> Iterator[tuple[int, Columns]]:
    if not series_ids:
        return
    rows = (_registrations if kind == REGISTRATIONS else _certificates)(series_ids, zone)
    for id_ in series_ids:
        yield id_, columns_from(SERIES_FACTS, rows.get(id_, []))


def _registrations(series_ids: Collection[int], zone: str) -> Mapping[int, list[Line]]:
    query: Any = (
        select(
            Enrolment.id,
            Enrolment.series_id,
            Person.canonical_id,
            Enrolment.registered_country_id,
            type_coerce(_ONESELF.sector, String),
            type_coerce(_ONESELF.gender, String),
            whole_seconds(Enrolment.registered_at),
        )
        .join(Person, Person.id == Enrolment.person_id)
        .join(_ONESELF, _ONESELF.id == Person.canonical_id)
    )
    if len(series_ids) <= FEW:
        query = query.where(Enrolment.series_id.in_(series_ids))
    rows = db.session.connection().execute(query).all()
    later = later_of_merged() if rows else set()
    ordinal_of = _ordinals(zone)
    lines: dict[int, list[Line]] = defaultdict(list)
    for id_, series, person, country, sector, gender, seconds in rows:
        if id_ not in later:
            lines[series].append((person, country or 0, traits_of(sector, gender), ordinal_of(seconds), id_))
    return lines


@lru_cache(maxsize=4)
def _ordinals(zone: str) -> Callable[[int], int]:
    """Tells the ordinal of the day, in a zone, of seconds since 1970."""
    first = date(1970, 1, 1) - timedelta(days=1)
    starts = [int(clock.start_of_day(first + timedelta(days=n), zone).timestamp()) for n in range(MOST_DAYS)]
    before = first.toordinal() - 1
    return lambda seconds: before + bisect_right(starts, seconds)


def later_of_merged() -> set[int]:
    """Registrations that merged people made in one series after their first one."""
    merged = select(_MEMBER.canonical_id).where(_MEMBER.canonical_id != _MEMBER.id)
    query = (
        select(Enrolment.id, Enrolment.series_id, Person.canonical_id)
        .join(Person, Person.id == Enrolment.person_id)
        .where(Person.canonical_id.in_(merged))
        .order_by(Enrolment.registered_at, Enrolment.id)
    )
    seen: set[tuple[int, int | None]] = set()
    later = set()
    for id_, series, person in db.session.execute(query):
        if (series, person) in seen:
            later.add(id_)
        seen.add((series, person))
    return later


def _certificates(series_ids: Collection[int], zone: str) -> Mapping[int, list[Line]]:
    query: Any = (
        select(
            Award.series_id,
            Person.canonical_id,
            type_coerce(Award.kind, String),
            type_coerce(Certificate.state, String),
            Award.awarded_at,
            Award.awarded_country_id,
            type_coerce(_ONESELF.sector, String),
            type_coerce(_ONESELF.gender, String),
            Award.id,
        )
        .join(Certificate, Certificate.award_id == Award.id)
        .join(Person, Person.id == Award.person_id)
        .join(_ONESELF, _ONESELF.id == Person.canonical_id)
        .where(Certificate.state.in_(COUNTED))
    )
    if len(series_ids) <= FEW:
        query = query.where(Award.series_id.in_(series_ids))
    first: dict[tuple[int, int, str], tuple[Any, ...]] = {}
    for series, person, kind, state, awarded_at, *row in db.session.connection().execute(query).all():
        certificate = (state != CertificateState.VALID, awarded_at, *row)
        before = first.get((series, person, kind))
        if before is None or certificate[:2] < before[:2]:
            first[series, person, kind] = certificate
    lines: dict[int, list[Line]] = defaultdict(list)
    for (series, person, _kind), (_state, awarded_at, country, sector, gender, id_) in first.items():
        ordinal = clock.day_of(awarded_at, zone).toordinal()
        lines[series].append((person, country or 0, traits_of(sector, gender), ordinal, id_))
    return lines
