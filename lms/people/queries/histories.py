"""The dated countries of many people, read once: which one held on a day."""

from collections.abc import Collection, Iterable, Sequence
from datetime import date
from typing import Any

from sqlalchemy import Connection, select

from lms.core.database.session import db
from lms.people.models import BEGINNING, Person, PersonCountry

CHUNK = 10_000
FEW = 30_000
"""Up to this many people, histories are read by id; above, all are read."""


class Histories:
    """The dated countries of people, by canonical id, as `countries_of`.

    A merged person without a country in their own row gets that of the other row; *not stated* is kept.
    """

    def __init__(self, people: Collection[int], connection: Connection | None = None) -> None:
        """Reads them of these people (canonical ids), in the session unless another connection is given."""
        self._connection = connection or db.session.connection()
        self._settled: dict[int, int | None] = {}
        self._moved: dict[int, list[tuple[bool, date, int, int | None]]] = {}
        for rows in self._read(people):
            for person, since, country, is_own, row_id in rows:
                if person in self._moved:
                    self._moved[person].append((is_own, since, row_id, country))
                elif person in self._settled:
                    first = (True, BEGINNING, 0, self._settled.pop(person))
                    self._moved[person] = [first, (is_own, since, row_id, country)]
                elif is_own and since == BEGINNING:
                    self._settled[person] = country
                else:
                    self._moved[person] = [(is_own, since, row_id, country)]

    def _read(self, people: Collection[int]) -> Iterable[Sequence[Any]]:
        query = select(
            Person.canonical_id,
            PersonCountry.since,
            PersonCountry.country_id,
            Person.id == Person.canonical_id,
            PersonCountry.id,
        ).join(Person, Person.id == PersonCountry.person_id)
        if len(people) > FEW:
            yield self._connection.execute(query).all()
            return
        order = sorted(people)
        for start in range(0, len(order), CHUNK):
            chunk = order[start : start + CHUNK]
            yield self._connection.execute(query.where(Person.canonical_id.in_(chunk))).all()

    def country(self, person: int, day: date) -> int | None:
        """The country of a person on a day; None is not stated."""
        if person in self._settled:
            return self._settled[person]
        before = [row for row in self._moved.get(person, ()) if row[1] <= day]
        for is_own in (True, False):
            newest = max((row for row in before if row[0] is is_own), key=lambda row: row[1:3], default=None)
            if newest is not None:
                return newest[3]
        return None
