"""People who may be one, and the merges of a person.

Possible pairs are found by the search index and compared by `people.similarity`, with reasons for and against. A
person costs the same few statements however many there are: only rows that share words of the name, or the name
before the @, are compared.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, func, or_, select
from sqlalchemy.orm import aliased

from lms.core.base.errors import Forbidden, NotFound
from lms.core.base.roles import Actor
from lms.core.database import search
from lms.core.database.bulk import among
from lms.core.database.search import search_words
from lms.core.database.session import read, read_column, read_one, read_value, shared_alias
from lms.people.models import Account, DuplicatePair, Person, PersonCountry, PersonEmail, PersonMerge, PersonToCompare
from lms.people.name_matching import PersonSummary
from lms.people.queries.finding import known_people
from lms.people.queries.persons import person_id_of
from lms.people.similarity import COMMON, OFFERED, SHORT, Grade, Record, Similarity, compare

_Kept, _Merged, _By = shared_alias(Person), shared_alias(Person), shared_alias(Person)


@dataclass(frozen=True)
class Merge:
    """A merge in force. `fields` are the details taken over; an early merge has no time, and no reason."""

    kept: str
    kept_name: str
    merged: str
    merged_name: str
    kept_id: int
    merged_id: int
    merged_at: datetime | None
    by: str | None
    reason: str
    fields: tuple[str, ...]


def _read_merges(condition: ColumnElement[bool]) -> list[Merge]:
    """The merges in force for whose `_Kept` and `_Merged` a condition holds."""
    query = (
        select(
            _Kept.public_id.label("kept"),
            _Kept.full_name.label("kept_name"),
            _Merged.public_id.label("merged"),
            _Merged.full_name.label("merged_name"),
            _Kept.id.label("kept_id"),
            _Merged.id.label("merged_id"),
            PersonMerge.merged_at,
            _By.full_name.label("by"),
            PersonMerge.reason,
            PersonMerge.taken,
        )
        .select_from(_Merged)
        .join(_Kept, _Kept.id == _Merged.canonical_id)
        .outerjoin(PersonMerge, (PersonMerge.merged_id == _Merged.id) & PersonMerge.undone_at.is_(None))
        .outerjoin(_By, _By.id == PersonMerge.merged_by)
        .where(condition, _Merged.canonical_id != _Merged.id, _Merged.erased_at.is_(None))
        .order_by(_Merged.id)
    )
    return list(map(_merge, read(query)))


def list_merges(person_id: int, *, by: Actor) -> list[Merge]:
    """People merged into a person. For administrators, else NotFound."""
    if not by.is_administrator:
        raise NotFound
    return _read_merges(_Kept.id == person_id)


def get_merge(merged: str, *, by: Actor) -> Merge:
    """The merge of somebody (public id) into another. For administrators, else NotFound."""
    merges = _read_merges(_Merged.public_id == merged) if by.is_administrator else []
    if not merges:
        raise NotFound
    return merges[0]


def are_disabled(person_ids: Collection[int], *, by: Actor) -> set[int]:
    """Returns whose account is disabled, of these (canonical ids). For administrators, else NotFound."""
    if not by.is_administrator:
        raise NotFound
    return set(
        read_column(
            select(Account.person_id).where(Account.person_id.in_(person_ids), Account.disabled_at.is_not(None))
        )
    )


def _merge(row: Any) -> Merge:
    return Merge(
        kept=row.kept,
        kept_name=row.kept_name,
        merged=row.merged,
        merged_name=row.merged_name,
        kept_id=row.kept_id,
        merged_id=row.merged_id,
        merged_at=row.merged_at,
        by=row.by,
        reason=row.reason or "",
        fields=tuple(name for name in row.taken or {} if name not in ("name_confirmed_at", "access")),
    )


SHOWN = 10
"""The number of candidates offered for one person."""
_NEAR = 5000
"""The number of rows sharing a word that are searched for those sharing more."""
_MOST = 60
"""The number of people compared for each kind of similarity."""


@dataclass(frozen=True)
class PossibleDuplicate:
    """Somebody who may be the person asked about."""

    person: PersonSummary
    similarity: Similarity


@dataclass(frozen=True)
class PossiblePair:
    """Two people who may be one."""

    first: PersonSummary
    second: PersonSummary
    similarity: Similarity


@dataclass(frozen=True)
class PossiblePairs:
    """A page of them, the most alike first.

    `offered` and `weak`: how many pairs there are of each. `to_compare`: how many people have not been compared yet.
    """

    pairs: Sequence[PossiblePair]
    offered: int
    weak: int
    to_compare: int


def find_duplicates(public_id: str, *, day: date, by: Actor) -> list[PossibleDuplicate]:
    """People who may be the same person, most alike first, without those known to be different. For administrators."""
    if not by.is_administrator:
        raise Forbidden
    return duplicates_of(person_id_of(public_id), day)


def count_duplicates(person_id: int, *, day: date, by: Actor) -> int:
    """How many people may be this one (a canonical id), without weak matches. For administrators."""
    if not by.is_administrator:
        raise Forbidden
    return sum(other.similarity.score >= OFFERED for other in duplicates_of(person_id, day))


def duplicates_of(person_id: int, day: date) -> list[PossibleDuplicate]:
    """As `find_duplicates`, of an id."""
    records = records_of([person_id], day)
    if not records:
        return []
    ids = _candidates(records[0].person) - {person_id} - _different(person_id)
    if not ids:
        return []
    others = records_of(ids, day)
    name = name_key(records[0].person)
    namesakes = {other.person.person_id for other in others if name_key(other.person) == name}
    if len(namesakes) + 1 < COMMON:
        namesakes = set()
    compared = [
        PossibleDuplicate(other.person, compare(records[0], other, is_common=other.person.person_id in namesakes))
        for other in others
    ]
    possible = [other for other in compared if other.similarity.grade is not Grade.NONE]
    return sorted(possible, key=lambda other: (-other.similarity.score, other.person.person_id))[:SHOWN]


def compare_people(first: int, second: int, *, day: date) -> Similarity:
    """How alike two people (canonical ids) are, however little."""
    records = {record.person.person_id: record for record in records_of([first, second], day)}
    return compare(records[first], records[second])


def list_pairs(*, weak: bool = False, offset: int, limit: int, day: date, by: Actor) -> PossiblePairs:
    """The pairs that wait for a decision: those offered, or with `weak` those who share little but the name.

    For administrators.
    """
    if not by.is_administrator:
        raise Forbidden
    first, second = aliased(Person), aliased(Person)
    query = (
        select(DuplicatePair.first_id, DuplicatePair.second_id, DuplicatePair.score)
        .join(first, first.id == DuplicatePair.first_id)
        .join(second, second.id == DuplicatePair.second_id)
        .where(DuplicatePair.decided_at.is_(None), first.erased_at.is_(None), second.erased_at.is_(None))
        .where(first.canonical_id == first.id, second.canonical_id == second.id)
    )
    pairs = query.subquery()
    is_offered = pairs.c.score >= OFFERED
    counts = read_one(
        select(func.count().filter(is_offered).label("offered"), func.count().label("total")).select_from(pairs)
    )
    page = query.where(DuplicatePair.score < OFFERED if weak else DuplicatePair.score >= OFFERED)
    page = page.order_by(DuplicatePair.score.desc(), DuplicatePair.id).offset(offset).limit(limit)
    rows = [tuple(row) for row in read(page)]
    ids = sorted({person_id for row in rows for person_id in row[:2]})
    records = {record.person.person_id: record for record in records_of(ids, day)} if ids else {}
    return PossiblePairs(
        pairs=[
            PossiblePair(records[a].person, records[b].person, replace(compare(records[a], records[b]), score=score))
            for a, b, score in rows
        ],
        offered=counts.offered,
        weak=counts.total - counts.offered,
        to_compare=read_value(select(func.count()).select_from(PersonToCompare)),
    )


def are_different(first: int, second: int) -> bool:
    """Whether an administrator said that two people (canonical ids) are different."""
    return second in _different(first)


def _different(person_id: int) -> set[int]:
    """People marked as different from this person, under any of their rows."""
    first, other = aliased(Person), aliased(Person)
    query = (
        select(other.canonical_id)
        .select_from(DuplicatePair)
        .join(first, or_(first.id == DuplicatePair.first_id, first.id == DuplicatePair.second_id))
        .join(other, other.id == DuplicatePair.first_id + DuplicatePair.second_id - first.id)
        .where(first.canonical_id == person_id, DuplicatePair.decided_at.is_not(None))
    )
    return set(read_column(query))


def pairs_marked_different() -> set[tuple[int, int]]:
    """All pairs of canonical ids that an administrator said are different people, the lower id first."""
    first, second = aliased(Person), aliased(Person)
    query = (
        select(first.canonical_id, second.canonical_id)
        .select_from(DuplicatePair)
        .join(first, first.id == DuplicatePair.first_id)
        .join(second, second.id == DuplicatePair.second_id)
        .where(DuplicatePair.decided_at.is_not(None))
    )
    return {(min(row), max(row)) for row in map(tuple, read(query))}


def records_of(ids: Collection[int], day: date) -> list[Record]:
    """These people (canonical ids) as they are compared, without erased ones."""
    traits = {row.id: row for row in read(select(Person.id, Person.gender, Person.sector).where(among(Person.id, ids)))}
    return [
        Record(person, traits[person.person_id].gender, traits[person.person_id].sector)
        for person in known_people(ids, day)
    ]


def name_key(person: PersonSummary) -> tuple[str, ...]:
    """The words of a name, the same in any order."""
    return tuple(sorted(search_words(person.full_name)))


# Candidates for comparison


def _candidates(record: PersonSummary) -> set[int]:
    """Ids of people who share the name in any order, nearly all of it within the country, or the name before the @."""
    person_ids: set[int] = set()
    countries = select(PersonCountry.country_id).where(PersonCountry.person_id == record.person_id)
    home = read_one(countries.order_by(PersonCountry.since.desc()).limit(1))
    near = [] if home is None or home.country_id is None else [_is_of(home.country_id)]
    for name in filter(None, (record.full_name, record.native_name)):
        words = search_words(name)
        if not words:
            continue
        whole = [f" {word} " for word in words] if len("".join(words)) > 1 else [f"= {words[0]}"]
        person_ids |= _holding(whole, [], limit=_MOST)
        if near:
            person_ids |= _holding(whole, near, limit=_MOST)
        for word in sorted(words, key=len, reverse=True)[:2]:
            rest = [other for other in words if other != word]
            if len(word) >= search.LEAST and rest:
                begins = or_(*(and_(*search.contains(Person.search_name, [f" {one[0]}"])) for one in rest))
                person_ids |= _holding([f" {word} "], [begins, *near], limit=_MOST)
    for box in {mailbox.partition("@")[0] for mailbox in record.mailboxes}:
        if len(box) > SHORT:
            person_ids |= _with_mailbox(box)
    return person_ids


def _is_of(country_id: int) -> ColumnElement[bool]:
    """Whether a person was ever of a country, or never said of which."""
    held = exists().where(PersonCountry.person_id == Person.id)
    # Plus nothing: else SQLite looks through all people of the country for each person
    return or_(held.where(PersonCountry.country_id + 0 == country_id), ~held)


def _holding(parts: Sequence[str], also: Sequence[ColumnElement[bool]], *, limit: int) -> set[int]:
    """People whose name has all `parts` and who meet all `also`."""
    source, row_id, condition = search.find(Person.search_name, parts)
    hits = select(row_id.label("id")).select_from(source).where(condition).limit(_NEAR).subquery()
    query = select(Person.canonical_id).join(hits, hits.c.id == Person.id).where(Person.erased_at.is_(None), *also)
    return set(read_column(query.limit(limit)))


def _with_mailbox(box: str) -> set[int]:
    """People with an address of this name before the @."""
    source, row_id, condition = search.find(PersonEmail.key, [f"{box}@"])
    query = (
        select(Person.canonical_id, PersonEmail.key)
        .join(PersonEmail, PersonEmail.person_id == Person.id)
        .join(source, row_id == PersonEmail.id)
        .where(condition)
        .limit(_MOST)
    )
    return {person_id for person_id, key in read(query) if key.startswith(f"{box}@")}
