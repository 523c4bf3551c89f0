"""A figure opened down to its rows: the people behind a number, for whoever may see them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from sqlalchemy import select

from lms.core.db import db
from lms.core.errors import Forbidden
from lms.core.roles import Actor
from lms.core.words import _
from lms.people.models import Person
from lms.reports.queries.facts import load, many_rows
from lms.reports.queries.labels import Names, read_names
from lms.reports.queries.scope import Partners, Scope
from lms.reports.rules import Credits, keys_of_credits


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
    scope: Scope, keys: Mapping[str, str | None], *, by: Actor, locale: str, limit: int, offset: int
) -> Opened:
    """The people with one attendance or more in a scope, and of the group that `keys` names by dimension.

    Raises Forbidden unless these are all people of the actor's own country, or the actor reads every report.
    """
    if not by.is_reporter and (scope.country_id is None or scope.country_id not in by.country_ids):
        raise Forbidden(_("You may see the people of your own country."))
    names = read_names(locale)
    found: dict[int, Attended] = {}
    labels: dict[str, str] = {}
    with many_rows():
        facts = load(scope, Partners())
        rows: Credits = facts.credits
        wanted = tuple(keys.values())
        shown: dict[Any, tuple[str | None, ...]] = {}
        columns = zip(rows.lecture, rows.person, rows.country, rows.ms, strict=True)
        for key, (lecture, person, country, ms) in zip(keys_of_credits(facts, tuple(keys)), columns, strict=False):
            if key not in shown:
                shown[key] = tuple(names.key(name, inner) for name, inner in zip(keys, key, strict=True))
            if shown[key] != wanted:
                continue
            labels |= {name: names.label(name, inner) for name, inner in zip(keys, key, strict=True)}
            one = found.setdefault(person, Attended())
            one.attendances += 1
            one.ms += ms
            one.countries.add(country)
            one.first = min(one.first, facts.held[lecture].day)
    order = sorted(found, key=lambda person: (-found[person].attendances, person))
    people = _people(order[offset : offset + limit], found, names)
    return Opened(len(order), people, [labels[name] for name in keys if name in labels])


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
            minutes=found[id_].ms // 60_000,
            first=found[id_].first,
        )
        for id_ in ids
    ]
