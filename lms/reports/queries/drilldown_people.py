"""The people behind a figure, and the organisations that they name today."""

from collections import Counter
from dataclasses import dataclass
from datetime import date

import numpy as np
from sqlalchemy import select

from lms.attendance.facts import Column
from lms.core.database.bulk import among
from lms.core.database.session import db, read_column
from lms.core.text.punctuation import listed
from lms.people.models import Person
from lms.reports.facts.counting import People, distinct
from lms.reports.facts.selection import FactSelection, summed, taken
from lms.reports.queries.drilldown_lists import DrilldownContext, DrilldownRow, Listed, known_people
from lms.reports.rules import organisation_key, organisation_name


@dataclass(frozen=True)
class Institution:
    """An organisation that people name today, and their number; null: they name none."""

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
    """Returns what most write; of several the first by letters."""
    return min(names, key=lambda name: (-names[name], name))


def people_of(organisation: str, people: People) -> People:
    """The people among these who currently name this organisation; an empty name means none."""
    key = organisation_key(organisation)
    query = select(Person.id, Person.organisation).where(among(Person.id, people.tolist()))
    rows = db.session.connection().execute(query)
    named = (person for person, name in rows if organisation_key(name) == key)
    return distinct(np.fromiter(named, np.uint32))


def open_participants(context: DrilldownContext) -> Listed:
    """Each person by attendances, minutes or name; those that are alike by id."""
    selection, request = context.selection, context.request
    times = selection.times()
    people: People = np.flatnonzero(times).astype(np.uint32)
    if context.organisation is not None:
        people = people_of(context.organisation, people)
    if context.people is not None:
        people = np.intersect1d(people, context.people, assume_unique=True).astype(np.uint32)

    def ids_between(start: int, end: int) -> People:
        if request.sort == "name":
            key = Person.sort_name
            query = select(Person.id).where(among(Person.id, people.tolist()))
            query = query.order_by(key.desc() if request.descending else key, Person.id)
            return np.array(read_column(query.limit(end - start).offset(start)), dtype=np.uint32)
        numbers = _ms(people, selection) if request.sort == "minutes" else times[people].astype(np.int64)
        return people[np.argsort(-numbers if request.descending else numbers, kind="stable")[start:end]]

    return Listed(len(people), lambda start, end: _rows(ids_between(start, end), context))


def _ms(people: People, selection: FactSelection) -> Column:
    """The presence of each of these people within a selection."""
    size = int(people.max()) + 1 if len(people) else 0
    times = np.zeros(size, dtype=np.int64)
    for part, rows in selection.left(selection.facts.attendances):
        person, ms = (taken(part.segment.columns[name], rows) for name in ("person", "ms"))
        known = person < size
        times += summed(person[known], ms[known], size)
    return times[people]


def _rows(people: People, context: DrilldownContext) -> list[DrilldownRow]:
    """These people with what they attended: the day is that of the first, the countries are those of the days."""
    selection = context.selection
    attended: dict[int, list[tuple[date, int, int]]] = {person: [] for person in people.tolist()}
    for part, rows in selection.left(selection.facts.attendances):
        positions = np.flatnonzero(np.isin(taken(part.segment.columns["person"], rows), people))
        places = positions if rows is None else rows[positions]
        columns = [part.segment.columns[name][places].tolist() for name in ("person", "country", "ms")]
        for owner, person, country, ms in zip(part.segment.owner[places].tolist(), *columns, strict=True):
            attended[person].append((selection.facts.lectures[part.segment.owners[owner]].day, country, ms))
    known = known_people(attended)
    return [
        DrilldownRow(
            day=min(day for day, _country, _ms in of_person),
            person_id=known[person][0],
            person=known[person][1],
            country=listed(
                sorted(
                    context.names.label("country", id_ or None) for id_ in {country for _day, country, _ms in of_person}
                )
            ),
            attendances=len(of_person),
            ms=sum(ms for _day, _country, ms in of_person),
        )
        for person, of_person in attended.items()
    ]
