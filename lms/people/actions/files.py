"""Writes files of people, which `people_files` has read and checked outside of any transaction, in a short one."""

import secrets
from collections.abc import Collection, Iterable
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import func, insert, select, text, update

from lms.core.base.errors import Fault, Forbidden, Invalid
from lms.core.base.events import (
    AddressesKnown,
    PeopleCountriesChanged,
    PeopleTraitsChanged,
    PersonNameCorrected,
    publish,
)
from lms.core.base.import_answers import ImportAnswer
from lms.core.base.roles import Actor
from lms.core.database import audit
from lms.core.database.bulk import among, chunks, insert_many
from lms.core.database.search import searchable
from lms.core.database.session import action, db, is_sqlite
from lms.core.text.i18n import _n
from lms.core.text.sorting import sort_key
from lms.people.actions.comparisons import ask_for_comparison
from lms.people.actions.persons import COMPARED, hold_addresses
from lms.people.models import BEGINNING, Account, Person, PersonCountry, PersonEmail
from lms.people.people_files import PersonRow, StagedPeople, nameless_fault
from lms.people.queries.countries import countries_of, country_ids
from lms.people.queries.persons import ids_by_email

_PERSONAL: Final = ("native_name", "sector", "organisation", "job_title", "gender")


@action
def publish_people(
    staged: StagedPeople, *, skip_bad_rows: bool, by: Actor, at: datetime
) -> tuple[ImportAnswer, list[int]]:
    """Writes what a file says: new people are made, known ones updated; returns the answer and the ids, row by row.

    People with an account keep their profile; only its empty fields are filled. The same file again
    changes nothing. Without `skip_bad_rows` one bad row makes it Invalid, with all of them, and nothing is written.
    For administrators.
    """
    if not by.is_administrator:
        raise Forbidden
    hold_addresses()
    known = ids_by_email([row.key for row in staged.rows])
    rows, rejected = _take_good_rows(staged, known, skip_bad_rows=skip_bad_rows)
    answer = ImportAnswer(rows=staged.total, rejected=rejected, notes=list(staged.notes))
    countries = country_ids()
    fresh = [row for row in rows if row.key not in known]
    ids = dict(zip((row.key for row in fresh), _insert(fresh, countries, at=at), strict=True))
    answer.created = len(fresh)
    matched = [(row, known[row.key]) for row in rows if row.key in known]
    changed = _update(matched, countries, answer.notes, by=by, at=at)
    answer.matched, answer.updated = len(matched), len(changed)
    answer.unchanged, answer.touched = len(matched) - len(changed), set(changed)
    if fresh or changed:
        if ids:
            publish(AddressesKnown(by=by, at=at, person_ids=tuple(ids.values())))
        detail = {"created": len(fresh), "updated": len(changed)}
        audit.record("import_people", by=by, at=at, detail=detail, person=[*ids.values(), *changed])
    return answer, [known.get(row.key) or ids[row.key] for row in rows]


def _take_good_rows(
    staged: StagedPeople, known: Collection[str], *, skip_bad_rows: bool
) -> tuple[list[PersonRow], list[Fault]]:
    """The rows to write, and what is wrong with the others. Raises Invalid if they are not to be skipped."""
    nameless = [row for row in staged.rows if not row.full_name and row.key not in known]
    rejected = [*staged.rejected, *map(nameless_fault, nameless)]
    if rejected and not skip_bad_rows:
        raise Invalid(faults=rejected)
    return [row for row in staged.rows if row.full_name or row.key in known], rejected


def _new_ids(count: int) -> Iterable[int]:
    if is_sqlite():  # the write lock is held: nobody else creates a person
        last = db.session.scalar(select(func.max(Person.id))) or 0
        return range(last + 1, last + 1 + count)
    query = text("SELECT nextval(pg_get_serial_sequence('person', 'id')) FROM generate_series(1, :count)")
    return db.session.scalars(query, {"count": count}).all()


def _insert(rows: list[PersonRow], countries: dict[str, int], *, at: datetime) -> list[int]:
    if not rows:
        return []
    ids = list(_new_ids(len(rows)))
    organisations = {name: searchable(name) for name in {row.organisation for row in rows}}
    people = [
        {
            "id": person_id,
            "public_id": secrets.token_urlsafe(12),
            "canonical_id": person_id,
            "full_name": row.full_name,
            "sort_name": sort_key(row.full_name or ""),
            "native_name": row.native_name,
            "search_name": searchable(row.full_name, row.native_name),
            "search_organisation": organisations[row.organisation],
            "sector": row.sector,
            "organisation": row.organisation,
            "job_title": row.job_title,
            "gender": row.gender,
            "locale": "en",
            "created_at": at,
        }
        for person_id, row in zip(ids, rows, strict=True)
    ]
    emails = [
        {"person_id": person_id, "address": row.email, "key": row.key, "is_primary": True}
        for person_id, row in zip(ids, rows, strict=True)
    ]
    homes = [
        {"person_id": person_id, "country_id": countries[row.country], "since": BEGINNING}
        for person_id, row in zip(ids, rows, strict=True)
        if row.country is not None
    ]
    insert_many(Person.__table__, people)
    insert_many(PersonEmail.__table__, emails)
    insert_many(PersonCountry.__table__, homes)
    ask_for_comparison(ids, at=at)
    return ids


def _update(
    matched: list[tuple[PersonRow, int]], countries: dict[str, int], notes: list[str], *, by: Actor, at: datetime
) -> list[int]:
    """Brings known people up to date; returns who was changed."""
    if not matched:
        return []
    ids = [person_id for _row, person_id in matched]
    profiles = _profiles(ids)
    changes, moves, unchanged = _compare(matched, profiles, countries_of(ids, at.date()), countries)
    if unchanged:
        notes.append(
            _n(
                "%(num)s person has an account: their profile stays as it is.",
                "%(num)s people have an account: their profiles stay as they are.",
                unchanged,
            )
        )
    for person_id in _write(changes, profiles):
        publish(PersonNameCorrected(by=by, at=at, person_id=person_id))
    traits = sorted(who for who, values in changes.items() if {"sector", "gender"} & values.keys())
    if traits:
        publish(PeopleTraitsChanged(by=by, at=at, person_ids=tuple(traits)))
    ask_for_comparison([who for who, values in changes.items() if COMPARED & values.keys()], at=at)
    _move(moves, today=at.date(), by=by, at=at)
    return list(dict.fromkeys([*changes, *moves]))


def _compare(
    matched: list[tuple[PersonRow, int]],
    profiles: dict[int, Any],
    current_countries: dict[int, int | None],
    countries: dict[str, int],
) -> tuple[dict[int, dict[str, Any]], dict[int, int], int]:
    """The fields to write and the new countries, by person, and how many keep their profile as they have an account."""
    changes: dict[int, dict[str, Any]] = {}
    moves: dict[int, int] = {}
    unchanged = 0
    for row, person_id in matched:
        has_account = profiles[person_id].has_account
        differs, filled = _differences(row, profiles[person_id])
        if written := filled if has_account else differs:
            changes[person_id] = written
        before = current_countries[person_id]
        country = countries[row.country] if row.country else before
        if country is not None and country != before and (before is None or not has_account):
            moves[person_id] = country
        elif has_account and (len(filled) < len(differs) or country != before):
            unchanged += 1
    return changes, moves, unchanged


def _differences(row: PersonRow, before: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Returns what a row says otherwise than the profile, and the part of it that the profile lacks."""
    given = {name: getattr(row, name) for name in ("full_name", *_PERSONAL)}
    differs = {name: value for name, value in given.items() if value and getattr(before, name) != value}
    return differs, {name: value for name, value in differs.items() if not getattr(before, name)}


def _write(changes: dict[int, dict[str, Any]], before: dict[int, Any]) -> list[int]:
    """Writes the changed fields of people; returns whose names changed."""
    renamed = [who for who, values in changes.items() if {"full_name", "native_name"} & values.keys()]
    for who in renamed:
        changes[who]["name_confirmed_at"] = None
        if "full_name" in changes[who]:
            changes[who]["sort_name"] = sort_key(changes[who]["full_name"])
        names = [changes[who].get(name, getattr(before[who], name)) for name in ("full_name", "native_name")]
        changes[who]["search_name"] = searchable(*names)
    for values in changes.values():
        if "organisation" in values:
            values["search_organisation"] = searchable(values["organisation"])
    for columns in {tuple(sorted(values)) for values in changes.values()}:
        group = [{"id": who, **values} for who, values in changes.items() if tuple(sorted(values)) == columns]
        db.session.execute(update(Person), group)
    db.session.expire_all()
    return renamed


def _profiles(ids: list[int]) -> dict[int, Any]:
    query = (
        select(
            Person.id,
            Person.full_name,
            Person.native_name,
            Person.sector,
            Person.organisation,
            Person.job_title,
            Person.gender,
            Account.password_hash.is_not(None).label("has_account"),
        )
        .outerjoin(Account, Account.person_id == Person.id)
        .where(among(Person.id, ids))
    )
    return {row.id: row for row in db.session.execute(query)}


def _move(moves: dict[int, int], *, today: date, by: Actor, at: datetime) -> None:
    """A new country applies from today; a first country applies from the beginning."""
    history: set[int] = set()
    same_day: dict[int, int] = {}
    for chunk in chunks(list(moves)):
        query = (
            select(Person.canonical_id, PersonCountry.id, PersonCountry.since, PersonCountry.person_id)
            .join(Person, Person.id == PersonCountry.person_id)
            .where(Person.canonical_id.in_(chunk))
        )
        for person_id, row_id, since, owner in db.session.execute(query):
            if person_id is not None:
                history.add(person_id)
            if since == today and owner == person_id:
                same_day[owner] = row_id
    added = [
        {"person_id": who, "country_id": country, "since": today if who in history else BEGINNING}
        for who, country in moves.items()
        if who not in same_day
    ]
    if added:
        db.session.execute(insert(PersonCountry), added)
    replaced = [{"id": same_day[who], "country_id": country} for who, country in moves.items() if who in same_day]
    if replaced:
        db.session.execute(update(PersonCountry), replaced)
    for since, who in ((today, moves.keys() & history), (BEGINNING, moves.keys() - history)):
        if who:
            publish(PeopleCountriesChanged(by=by, at=at, person_ids=tuple(sorted(who)), since=since))
