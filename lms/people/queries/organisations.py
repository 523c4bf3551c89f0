"""The organisations that people name, for the filters of lists: case and marks make no other organisation."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Select, func

from lms.core.database.search import searchable
from lms.core.database.session import read
from lms.people.models import Person

MOST_ORGANISATIONS = 50
"""The number of organisations offered as a filter; any other can be given in the address."""


def names_organisation(name: str) -> ColumnElement[bool]:
    """Whether a `Person` names this organisation."""
    return Person.search_organisation == searchable(name)


def count_organisations(people: Select[Any]) -> dict[str, int]:
    """How many of the people, given as a query of `Person` rows, name each organisation, by its name: the
    `MOST_ORGANISATIONS` that most name."""
    number, key = func.count(), Person.search_organisation
    query = people.with_only_columns(func.min(Person.organisation), number).where(key != "").group_by(key)
    return dict(read(query.order_by(number.desc(), key).limit(MOST_ORGANISATIONS)))
