"""The people behind a figure, and the organisations that they name today."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

import numpy as np
from sqlalchemy import select

from lms.attendance.facts import Column
from lms.core.bulk import among
from lms.core.db import db, read_column
from lms.core.lists import ListRequest
from lms.core.measures import whole_minutes
from lms.core.roles import Actor
from lms.people.models import Person
from lms.people.queries.finding import is_found
from lms.reports.facts.counting import People, distinct
from lms.reports.facts.selection import Selection, summed, taken
from lms.reports.queries.drilldown import check_may_open
from lms.reports.queries.facts import load
from lms.reports.queries.labels import Names, read_names
from lms.reports.queries.scope import Partners, Scope
from lms.reports.rules import organisation_key, organisation_name


@dataclass(frozen=True)
class Institution:
    """What people name as their organisation today, and how many of them do; null: nothing."""

    name: str | None
    participants: int


def list_institutions(people: People) -> list[Institution]:
    """The organisations of these people (canonical ids), those of most first, not stated last; they add up to them.

    A name is one however it is spaced and in any case of letters; it is written as most write it.
    """
    query = select(Person.organisation).where(among(Person.id, people.tolist()))
    written: Counter[str | None] = Counter()
    for (organisation,) in db.session.connection().execute(query):
        written[organisation] += 1
    spelled: dict[str, Counter[str]] = {}
    for organisation, number in written.items():
        spelled.setdefault(organisation_key(organisation), Counter())[organisation_name(organisation)] += number
    counted = {key: names.total() for key, names in spelled.items()}
    order = sorted(counted, key=lambda key: (key == "", -counted[key], key))
    return [Institution(_spelling(spelled[key]) or None, counted[key]) for key in order]


def _spelling(names: Counter[str]) -> str:
    """What most write; of several the first by letters."""
    return min(names, key=lambda name: (-names[name], name))


def people_of(organisation: str, people: People) -> People:
    """The people among these who currently name this organisation; an empty name means none."""
    key = organisation_key(organisation)
    query = select(Person.id, Person.organisation).where(among(Person.id, people.tolist()))
    rows = db.session.connection().execute(query)
    named = (person for person, name in rows if organisation_key(name) == key)
    return distinct(np.fromiter(named, np.uint32))


@dataclass
class Attended:
    """What one person attended within a slice; countries are those on the days of the lectures."""

    attendances: int = 0
    ms: int = 0
    countries: set[int | None] = field(default_factory=set)
    first: date = date.max


@dataclass(frozen=True)
class DrilldownPerson:
    """One person behind a figure."""

    public_id: str
    full_name: str
    is_erased: bool
    countries: list[str]
    attendances: int
    minutes: int
    first: date


@dataclass(frozen=True)
class DrilldownPeople:
    """The people behind a figure, those with most attendances first; `labels` name the group that was opened."""

    total: int
    people: list[DrilldownPerson]
    labels: list[str]


def open_people(
    scope: Scope,
    keys: Mapping[str, str | None],
    *,
    organisation: str | None = None,
    request: ListRequest,
    by: Actor,
    locale: str,
) -> DrilldownPeople:
    """The people with one attendance or more in a scope, and of the group that `keys` names by dimension: those whose
    name, address or organisation has the text that is asked for, by `attendances`, `minutes` or `name`.

    `organisation` leaves those who name it today; an empty one those who name none.

    Raises Forbidden unless these are all people of the actor's own country, or the actor reads every report.
    """
    check_may_open(scope, by=by)
    names = read_names(locale)
    inner = {name: names.inner(name, key) for name, key in keys.items()}
    selection = Selection(load(scope, Partners()), scope.filters.narrowed(inner))
    times = selection.times()
    people: People = np.flatnonzero(times).astype(np.uint32)
    if organisation is not None:
        people = people_of(organisation, people)
    if request.q:
        matching = np.fromiter(
            read_column(select(Person.id).where(is_found(request.q, with_organisation=True))), dtype=np.uint32
        )
        people = np.intersect1d(people, matching, assume_unique=True).astype(np.uint32)
    total = len(people)
    page = _page(people, times, selection, request.within(total))
    rows = _people(page.tolist(), _attended(page, selection), names)
    labels = [names.label(name, value) for name, value in inner.items()] if total else []
    if organisation is not None and total:
        labels.append(organisation_name(organisation) or names.label("organisation", None))
    return DrilldownPeople(total, rows, labels)


def _page(people: People, times: Column, selection: Selection, request: ListRequest) -> People:
    """The people of the page that is asked for, in the order that is asked for; within it by when they came first."""
    start, end = request.offset, request.offset + request.size
    if request.sort == "name":
        key = Person.sort_name
        query = select(Person.id).where(among(Person.id, people.tolist()))
        query = query.order_by(key.desc() if request.descending else key, Person.id)
        return np.array(read_column(query.limit(request.size).offset(start)), dtype=np.uint32)
    numbers = _ms(people, selection) if request.sort == "minutes" else times[people].astype(np.int64)
    return people[np.argsort(-numbers if request.descending else numbers, kind="stable")[start:end]]


def _ms(people: People, selection: Selection) -> Column:
    """How long each of these people was there within a selection."""
    size = int(people.max()) + 1 if len(people) else 0
    times = np.zeros(size, dtype=np.int64)
    for part, rows in selection.left(selection.facts.attendances):
        person, ms = (taken(part.segment.columns[name], rows) for name in ("person", "ms"))
        known = person < size
        times += summed(person[known], ms[known], size)
    return times[people]


def _attended(people: People, selection: Selection) -> dict[int, Attended]:
    """What these people attended within a selection."""
    attended = {person: Attended() for person in people.tolist()}
    for part, rows in selection.left(selection.facts.attendances):
        person = taken(part.segment.columns["person"], rows)
        positions = np.flatnonzero(np.isin(person, people))
        places = positions if rows is None else rows[positions]
        columns = [part.segment.columns[name][places].tolist() for name in ("person", "country", "ms")]
        for owner, who, country, ms in zip(part.segment.owner[places].tolist(), *columns, strict=True):
            of_person = attended[who]
            of_person.attendances += 1
            of_person.ms += ms
            of_person.countries.add(country or None)
            of_person.first = min(of_person.first, selection.facts.lectures[part.segment.owners[owner]].day)
    return attended


def _people(ids: list[int], attended: Mapping[int, Attended], names: Names) -> list[DrilldownPerson]:
    query = select(Person.id, Person.public_id, Person.full_name, Person.erased_at).where(Person.id.in_(ids))
    known = {row.id: row for row in db.session.execute(query)}
    return [
        DrilldownPerson(
            public_id=known[id_].public_id,
            full_name=known[id_].full_name,
            is_erased=known[id_].erased_at is not None,
            countries=sorted(names.label("country", country) for country in attended[id_].countries),
            attendances=attended[id_].attendances,
            minutes=whole_minutes(attended[id_].ms),
            first=attended[id_].first,
        )
        for id_ in ids
    ]
