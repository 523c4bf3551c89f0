"""What is asked of a list of rows: of which slice and group, found by which text, in which order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
from sqlalchemy import select

from lms.attendance.facts import Column, Columns
from lms.core.bulk import among
from lms.core.db import read, read_column
from lms.core.lists import ListRequest
from lms.core.matching import match_of_text
from lms.core.search_index import search_words
from lms.core.sorting import sort_key
from lms.people.models import Person
from lms.people.queries.finding import is_found
from lms.reports.facts.selection import HeldLecture, Numbers, Selection
from lms.reports.opening_balances.counting import Balances
from lms.reports.queries.labels import Names

T = TypeVar("T")


@dataclass(frozen=True)
class DrilldownContext:
    selection: Selection
    balances: Balances
    names: Names
    today: frozenset[int]
    """The partner countries of the report's date."""
    request: ListRequest

    @cached_property
    def sums(self) -> Mapping[int, tuple[int, int]]:
        """(attendances, milliseconds) by lecture."""
        return self.selection.sums()

    @cached_property
    def people(self) -> Column | None:
        """The people who match the text of the list; None without a text."""
        if not self.request.q:
            return None
        query = select(Person.id).where(is_found(self.request.q, with_organisation=True))
        return np.array(read_column(query), np.uint32)

    def lectures(self) -> list[HeldLecture]:
        """The sessions that the figure counts, newest first."""
        is_counted = self.sums if self.selection.filters.by_people else self.selection.facts.lectures
        held = [one for one in self.selection.lectures() if one.id in is_counted]
        return sorted(held, key=lambda lecture: (lecture.day, lecture.id), reverse=True)

    def finds(self, *texts: str) -> bool:
        """Whether the text of the list is in one of these."""
        if not self.request.q:
            return True
        words = tuple(search_words(self.request.q))
        return any(match_of_text(words, text) is not None for text in texts)

    def in_order(self, rows: Sequence[T], keys: Mapping[str, Callable[[T], Any]]) -> list[T]:
        """Rows by the column that is asked for; those that are alike stay as they are."""
        key = keys.get(self.request.sort)
        return list(rows) if key is None else sorted(rows, key=key, reverse=self.request.descending)

    def of_matching_people(self, columns: Columns) -> Columns:
        """Those rows whose people the text of the list finds."""
        if self.people is None:
            return columns
        rows = np.flatnonzero(np.isin(columns["person"], self.people))
        return {name: column[rows] for name, column in columns.items()}

    def arranged(self, columns: Columns, key: Numbers | None, *ties: Numbers) -> Columns:
        """Rows by a number of each; those that are alike by `ties`, the first of which counts most."""
        keys = list(reversed(ties))
        if key is not None:
            keys.append(-key if self.request.descending else key)
        order = np.lexsort(keys)
        return {name: column[order] for name, column in columns.items()}

    def places(self, dimension: str, inner: Iterable[int]) -> Numbers:
        """The place by name of each of these countries or series, by its id; 0 is *not stated*."""
        ids = sorted({*inner, 0}, key=lambda key: sort_key(self.names.label(dimension, key or None)))
        return by_id({id_: place for place, id_ in enumerate(ids)})


def by_id(places: Mapping[int, int]) -> Numbers:
    positions = np.zeros(max(places, default=0) + 1, np.int64)
    for id_, place in places.items():
        positions[id_] = place
    return positions


def known_people(people: Iterable[int]) -> dict[int, tuple[str, str | None]]:
    """Public id and name of each person; no name for deleted people."""
    query = select(Person.id, Person.public_id, Person.full_name, Person.erased_at)
    rows = read(query.where(among(Person.id, set(people))))
    return {id_: (public_id, None if erased_at else name) for id_, public_id, name, erased_at in rows}


def key_of_people(context: DrilldownContext, columns: Columns) -> Numbers:
    """The place of each row's country, or of its person, by name."""
    if context.request.sort == "country":
        return context.places("country", context.names.countries)[columns["country"]]
    query = select(Person.id).where(among(Person.id, np.unique(columns["person"]).tolist()))
    ids = read_column(query.order_by(Person.sort_name, Person.id))
    return by_id({id_: place for place, id_ in enumerate(ids)})[columns["person"]]
