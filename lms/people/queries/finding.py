"""People, organisations and addresses by any part of them: the closest first, and as fast among a million.

Also what people are compared by, and the organisations that they name: case and marks make no other organisation.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, false, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute

from lms.core.base.roles import Actor
from lms.core.database import search
from lms.core.database.bulk import among
from lms.core.database.search import Match, match_of_text, search_words, searchable, steps_of
from lms.core.database.session import db, read, read_column
from lms.people.models import Person, PersonEmail
from lms.people.name_matching import PersonSummary
from lms.people.queries.countries import country_codes_of
from lms.people.rules import email_key

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


def known_people(person_ids: Collection[int], day: date) -> list[PersonSummary]:
    """Data of these people (canonical ids) to compare with a name, without deleted people."""
    mailboxes: dict[int, list[str]] = {}
    addresses = (
        select(Person.canonical_id, PersonEmail.key)
        .join(PersonEmail, PersonEmail.person_id == Person.id)
        .where(among(Person.canonical_id, person_ids))
        .order_by(PersonEmail.id)
    )
    for person_id, key in db.session.execute(addresses):
        assert person_id is not None  # null only within the insert
        mailboxes.setdefault(person_id, []).append(key)
    codes = country_codes_of(person_ids, day)
    query = (
        select(Person.id, Person.public_id, Person.full_name, Person.native_name, Person.organisation)
        .where(among(Person.id, person_ids), Person.erased_at.is_(None))
        .order_by(Person.id)
    )
    return [
        PersonSummary(id_, public_id, full_name, native, organisation, codes.get(id_), tuple(mailboxes.get(id_, ())))
        for id_, public_id, full_name, native, organisation in db.session.execute(query)
    ]


MOST = 100
"""The number of results of a kind; beyond it, only the existence of more is reported."""
NEAR = 3000
"""Up to this many rows of the index are compared with the people whom a reader may see; for more, those people are
searched instead.
"""
_READ = 2000
"""The number of people who are searched for their organisations."""

Scope = ColumnElement[bool] | None
"""Which `Person` a reader may see; None for everybody."""


@dataclass(frozen=True)
class PersonFound:
    """A person, and what of them fits: `field` is full_name, native_name, email or organisation; None where it is the
    name of a row that was merged into this one. `email` is the address where that fits."""

    id: int
    public_id: str
    full_name: str
    native_name: str | None
    organisation: str | None
    country_code: str | None
    field: str | None
    match: Match | None
    email: str | None = None


@dataclass(frozen=True)
class OrganisationFound:
    """An organisation as people write it, and how it fits."""

    name: str
    match: Match


def find_people(
    words: tuple[str, ...], *, typed: str = "", by_organisation: bool = False, scope: Scope = None, day: date, by: Actor
) -> list[PersonFound]:
    """Up to `MOST + 1` people whose name (or organisation) matches, the closest first.

    Administrators pass `typed` to search addresses too; others pass the `scope` of people whom they may see.
    """
    if scope is None and not by.is_administrator:
        return []
    column = Person.search_organisation if by_organisation else Person.search_name
    ids = _closest(column, words, (Person.canonical_id,), scope)
    addresses: dict[int, str] = {}
    if scope is None and not by_organisation and len(ids) <= MOST:
        addresses = _by_address(typed)
        ids += [(address,) for address in addresses]
    return _described([one for (one,) in ids], words, addresses, by_organisation=by_organisation, day=day)


def is_found(typed: str, *, with_organisation: bool = False) -> ColumnElement[bool]:
    """Whether a `Person` has a name, an address, or optionally an organisation that contains the typed text: for lists
    with their own order. Uses the index, ignoring case and accents.
    """
    conditions: list[ColumnElement[bool]] = []
    if steps := steps_of(search_words(typed)):
        for column in (Person.search_name, *([Person.search_organisation] if with_organisation else [])):
            source, row_id, fits = search.find(column, steps[-1][1])
            conditions.append(Person.id.in_(select(row_id).select_from(source).where(fits)))
    key = email_key(typed)
    if len(key) >= search.LEAST and " " not in key:
        source, row_id, fits = search.find(PersonEmail.key, [key])
        holders = select(Person.canonical_id).join(PersonEmail, PersonEmail.person_id == Person.id)
        conditions.append(
            Person.id.in_(holders.where(PersonEmail.id.in_(select(row_id).select_from(source).where(fits))))
        )
    return or_(false(), *conditions)


def find_organisations(words: tuple[str, ...], *, scope: Scope = None, by: Actor) -> list[OrganisationFound]:
    """Up to `MOST + 1` organisations of people whom the reader may see, the closest first."""
    if scope is None and not by.is_administrator:
        return []
    columns = (Person.organisation, Person.search_organisation)
    organisations: dict[str, OrganisationFound] = {}
    for name, key in _closest(Person.search_organisation, words, columns, scope, most=_READ):
        match = match_of_text(words, name or "")
        if name and match is not None:
            organisations.setdefault(key, OrganisationFound(name, match))
    return sorted(
        organisations.values(), key=lambda organisation: (organisation.match, len(organisation.name), organisation.name)
    )[: MOST + 1]


def _closest(
    column: InstrumentedAttribute[str],
    words: tuple[str, ...],
    columns: Sequence[Any],
    scope: Scope,
    *,
    most: int = MOST,
) -> list[Any]:
    """Rows of the people whom the reader may see by how closely a column fits, until there are more than enough."""
    steps = steps_of(words)
    if not steps:
        return []
    _match, widest = steps[-1]
    source, row_id, condition = search.find(column, widest)
    enough = 3 * MOST if scope is None else NEAR
    near = read_column(select(row_id).select_from(source).where(condition).limit(enough))
    if len(near) == enough and scope is None:
        return _of_common(column, steps, columns, most)
    # What is rare is found by the index; what is common is soon found among the people seen
    among_whom = [among(Person.id, near)] if len(near) < enough else search.contains(column, widest)
    seen = [] if scope is None else [scope]
    closeness = case(*((and_(*search.contains(column, parts)), step.value) for step, parts in steps), else_=len(Match))
    query = select(*columns).where(*seen, *among_whom).order_by(closeness, column, Person.id).limit(most + 1)
    return list(dict.fromkeys(map(tuple, read(query))))


def _of_common(
    column: InstrumentedAttribute[str], steps: list[tuple[Match, tuple[str, ...]]], columns: Sequence[Any], most: int
) -> list[Any]:
    """As `_closest`, step by step from the narrowest, for common words that would be too many to sort."""
    ids: dict[Any, None] = {}
    for _step, parts in steps:
        source, row_id, condition = search.find(column, parts)
        query = select(*columns).select_from(source).join(Person, Person.id == row_id).where(condition)
        ids |= dict.fromkeys(map(tuple, read(query.limit(most + 1))))
        if len(ids) > most:
            break
    return list(ids)[: most + 1]


def _by_address(typed: str) -> dict[int, str]:
    """Returns whose address is what was typed, begins with it, or contains it, in this order."""
    key = email_key(typed)
    if len(key) < search.LEAST or " " in key:
        return {}
    source, row_id, condition = search.find(PersonEmail.key, [key])
    address = select(Person.canonical_id, PersonEmail.address, PersonEmail.key).join(
        PersonEmail, PersonEmail.person_id == Person.id
    )
    same = read(address.where(PersonEmail.key == key))
    within = read(address.join(source, row_id == PersonEmail.id).where(condition).limit(MOST + 1))
    rows = sorted(within, key=lambda row: (not row.key.startswith(key), row.key))
    addresses: dict[int, str] = {}
    for row in [*same, *rows]:
        addresses.setdefault(row[0], row.address)
    return addresses


def _described(
    ids: Collection[int], words: tuple[str, ...], addresses: dict[int, str], *, by_organisation: bool, day: date
) -> list[PersonFound]:
    person_ids = list(dict.fromkeys(ids))[: MOST + 1]
    query = select(Person.id, Person.public_id, Person.full_name, Person.native_name, Person.organisation)
    rows = {row.id: row for row in read(query.where(among(Person.id, person_ids), Person.erased_at.is_(None)))}
    countries = country_codes_of(person_ids, day)
    people = []
    for person_id in person_ids:
        if (row := rows.get(person_id)) is None:
            continue
        texts = {"organisation": row.organisation} if by_organisation else {}
        texts = texts or {"full_name": row.full_name, "native_name": row.native_name}
        field, match = _best(texts, lambda text: match_of_text(words, text))
        email = addresses.get(person_id) if match is None else None
        if email is not None:
            field = "email"
        code = countries.get(person_id)
        names = (row.id, row.public_id, row.full_name, row.native_name, row.organisation)
        people.append(PersonFound(*names, code, field, match, email))
    last = len(Match)
    return sorted(people, key=lambda person: last if person.match is None else person.match)


def _best(texts: dict[str, str | None], fits: Callable[[str], Match | None]) -> tuple[str | None, Match | None]:
    """The text that fits best, and how."""
    matches = [(match, name) for name, text in texts.items() if text and (match := fits(text)) is not None]
    match, name = min(matches, default=(None, None))
    return name, match
