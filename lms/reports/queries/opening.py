"""A figure opened down to its rows: the people behind a number, for whoever may see them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date

from pyroaring import BitMap
from sqlalchemy import func, select

from lms.attendance.models.credits import Credit, Outcome
from lms.attendance.tallies import values_of
from lms.core.db import db
from lms.core.measures import whole_minutes
from lms.core.roles import Actor
from lms.people.models import Person
from lms.reports.counting import HeldLecture, Ledger, Question
from lms.reports.narrowing import narrowed
from lms.reports.queries.institutions import people_of
from lms.reports.queries.labels import Names, read_names
from lms.reports.queries.ledger import load
from lms.reports.queries.opened import check_may_open
from lms.reports.queries.scope import Partners, Scope
from lms.reports.rules import organisation_name


@dataclass
class Attended:
    """What one person attended within a slice; countries are those on the days of the lectures."""

    attendances: int = 0
    ms: int = 0
    countries: set[int | None] = field(default_factory=set)
    first: date = date.max


@dataclass(frozen=True)
class OpenedPerson:
    """One person behind a figure."""

    public_id: str
    full_name: str
    is_erased: bool
    countries: list[str]
    attendances: int
    minutes: int
    first: date


@dataclass(frozen=True)
class Opened:
    """The people behind a figure, those with most attendances first; `labels` name the group that was opened."""

    total: int
    people: list[OpenedPerson]
    labels: list[str]


def open_people(
    scope: Scope,
    keys: Mapping[str, str | None],
    *,
    organisation: str | None = None,
    by: Actor,
    locale: str,
    limit: int,
    offset: int,
) -> Opened:
    """The people with one attendance or more in a scope, and of the group that `keys` names by dimension.

    `organisation` leaves those who name it today; an empty one those who name none.

    Raises Forbidden unless these are all people of the actor's own country, or the actor reads every report.
    """
    check_may_open(scope, by=by)
    names = read_names(locale)
    inner = {name: names.inner(name, key) for name, key in keys.items()}
    question = Question(narrowed(load(scope, Partners()), inner), ())
    counted: list[BitMap] = []
    within: dict[int, tuple[HeldLecture, BitMap]] = {}
    for held in question.ledger.held:
        people = question.people(held)
        _add(counted, people)
        within[held.id] = held, people
    if organisation is not None:
        named = people_of(organisation, BitMap.union(BitMap(), *counted))
        counted = [digit & named for digit in counted]
    total = len(BitMap.union(BitMap(), *counted))
    shown = _most_first(counted, offset, limit)
    rows = _people(shown, _attended(shown, within, question.ledger), names)
    labels = [names.label(name, value) for name, value in inner.items()] if total else []
    if organisation is not None and total:
        labels.append(organisation_name(organisation) or names.label("organisation", None))
    return Opened(total, rows, labels)


def _add(counted: list[BitMap], people: BitMap) -> None:
    """Counts one more for each of these people: `counted` holds the binary digits of all counts, the lowest first."""
    carried = people
    for place, digit in enumerate(counted):
        counted[place], carried = digit ^ carried, digit & carried
        if not carried:
            return
    counted.append(BitMap(carried))


def _most_first(counted: list[BitMap], offset: int, limit: int) -> list[int]:
    """A page of people, those with most first, of one count by id."""
    found: list[int] = []
    for group in _groups(counted, BitMap.union(BitMap(), *counted)):
        found += group[offset : offset + limit - len(found)]
        offset = max(0, offset - len(group))
        if len(found) == limit:
            break
    return found


def _groups(counted: list[BitMap], within: BitMap) -> Iterator[BitMap]:
    """People by how often they were counted, the highest first."""
    if not within:
        return
    if not counted:
        yield within
        return
    *lower, highest = counted
    yield from _groups(lower, within & highest)
    yield from _groups(lower, within - highest)


def _attended(
    people: list[int], within: Mapping[int, tuple[HeldLecture, BitMap]], ledger: Ledger
) -> dict[int, Attended]:
    """What these people attended of the lectures in which they are counted."""
    query = (
        select(Credit.lecture_id, Person.canonical_id, func.max(Credit.present_ms))
        .join(Person, Person.id == Credit.person_id)
        .where(Person.canonical_id.in_(people), Credit.outcome == Outcome.ATTENDED)
        .group_by(Credit.lecture_id, Person.canonical_id)
    )
    found = {person: Attended() for person in people}
    for lecture_id, person, ms in db.session.execute(query):
        if lecture_id not in within or person is None or person not in within[lecture_id][1]:
            continue
        one = found[person]
        one.attendances += 1
        one.ms += ms
        one.countries.add(values_of(ledger.tallies[lecture_id].code(person))[0])
        one.first = min(one.first, within[lecture_id][0].day)
    return found


def _people(ids: list[int], found: Mapping[int, Attended], names: Names) -> list[OpenedPerson]:
    query = select(Person.id, Person.public_id, Person.full_name, Person.erased_at).where(Person.id.in_(ids))
    known = {row.id: row for row in db.session.execute(query)}
    return [
        OpenedPerson(
            public_id=known[id_].public_id,
            full_name=known[id_].full_name,
            is_erased=known[id_].erased_at is not None,
            countries=sorted(names.label("country", country) for country in found[id_].countries),
            attendances=found[id_].attendances,
            minutes=whole_minutes(found[id_].ms),
            first=found[id_].first,
        )
        for id_ in ids
    ]
