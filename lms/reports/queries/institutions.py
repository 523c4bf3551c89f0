"""The organisations that people name today, and who names which."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
from sqlalchemy import select

from lms.core.bulk import among
from lms.core.db import db
from lms.people.models import Person
from lms.reports.facts.counting import People, distinct
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
