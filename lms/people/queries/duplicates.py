"""People who may be one: found by the search index, compared by `people.name_matching`, with reasons for and against.

A person costs the same few statements however many there are: only rows that share words of the name, or the name
before the @, are compared.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from rapidfuzz import fuzz
from sqlalchemy import ColumnElement, and_, exists, func, or_, select
from sqlalchemy.orm import aliased

from lms.core import search_index
from lms.core.bulk import among
from lms.core.db import read, read_column, read_one, read_value
from lms.core.errors import Forbidden
from lms.core.i18n import _
from lms.core.roles import Actor
from lms.core.search_index import search_words
from lms.people.models import DuplicatePair, Gender, Person, PersonCountry, PersonEmail, PersonToCompare
from lms.people.name_matching import CandidateIndex, PersonSummary
from lms.people.queries.persons import person_id_of
from lms.people.queries.summaries import known_people

OFFERED = 80
"""From this score on two people are offered as possible duplicates."""
SHOWN = 5
"""So many are offered for one person."""
_NEAR = 5000
"""So many rows that share a word are looked through for those who share more."""
_MOST = 60
"""So many people are compared for each way in which they may be alike."""
_ALIKE = 85
_SHORT = 4
"""A name before the @ of so many characters, such as info, says nothing."""
_SAME_MAILBOX = 10
_OTHER_COUNTRY, _OTHER_GENDER, _SAME_ORGANISATION, _OTHER_ORGANISATION, _COMMON_NAME = -25, -15, 5, -5, -25
_MANY = 4
"""A name that so many others have says little."""


@dataclass(frozen=True)
class Similarity:
    """How alike two people are, from 0 to 99, what speaks for it, and what against it."""

    score: int
    reasons: tuple[str, ...]
    against: tuple[str, ...]


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
    """A page of them, the most alike first. `to_compare`: so many people have not been compared with the others yet."""

    pairs: Sequence[PossiblePair]
    total: int
    to_compare: int


def find_duplicates(public_id: str, *, day: date, by: Actor) -> list[PossibleDuplicate]:
    """Who may be the same person, most alike first, without those known to be different. For administrators."""
    if not by.is_administrator:
        raise Forbidden
    return duplicates_of(person_id_of(public_id), day)


def duplicates_of(person_id: int, day: date) -> list[PossibleDuplicate]:
    """As `find_duplicates`, of an id."""
    own = known_people([person_id], day)
    if not own:
        return []
    ids = _candidates(own[0]) - {person_id} - _different(person_id)
    if not ids:
        return []
    people = known_people(ids, day)
    genders = _genders([person_id, *ids])
    scores = _name_scores(own[0], people)
    names = Counter(" ".join(search_words(one.full_name)) for one in people)
    is_common = names[" ".join(search_words(own[0].full_name))] >= _MANY
    found = [
        PossibleDuplicate(one, _judged(own[0], one, genders, *scores[one.person_id], is_common=is_common))
        for one in people
        if one.person_id in scores
    ]
    found = [one for one in found if one.similarity.score >= OFFERED]
    return sorted(found, key=lambda one: (-one.similarity.score, one.person.person_id))[:SHOWN]


def compare_people(first: int, second: int, *, day: date) -> Similarity:
    """How alike two people (canonical ids) are, however little."""
    people = {one.person_id: one for one in known_people([first, second], day)}
    return _compared(people[first], people[second], _genders(list(people)))


def list_pairs(*, offset: int, limit: int, day: date, by: Actor) -> PossiblePairs:
    """The pairs that wait for a decision. For administrators."""
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
    total: int = read_value(select(func.count()).select_from(query.subquery()))
    page = query.order_by(DuplicatePair.score.desc(), DuplicatePair.id).offset(offset).limit(limit)
    rows = [tuple(row) for row in read(page)]
    ids = sorted({person_id for row in rows for person_id in row[:2]})
    people = {one.person_id: one for one in known_people(ids, day)} if ids else {}
    genders = _genders(ids) if ids else {}
    return PossiblePairs(
        pairs=[
            PossiblePair(people[a], people[b], replace(_compared(people[a], people[b], genders), score=score))
            for a, b, score in rows
        ],
        total=total,
        to_compare=read_value(select(func.count()).select_from(PersonToCompare)),
    )


def are_different(first: int, second: int) -> bool:
    """Whether an administrator said that two people (canonical ids) are different."""
    return second in _different(first)


def _different(person_id: int) -> set[int]:
    """Who was said to be somebody else than this person, under any of their rows."""
    one, other = aliased(Person), aliased(Person)
    query = (
        select(other.canonical_id)
        .select_from(DuplicatePair)
        .join(one, or_(one.id == DuplicatePair.first_id, one.id == DuplicatePair.second_id))
        .join(other, other.id == DuplicatePair.first_id + DuplicatePair.second_id - one.id)
        .where(one.canonical_id == person_id, DuplicatePair.decided_at.is_not(None))
    )
    return set(read_column(query))


def _genders(ids: Collection[int]) -> dict[int, Gender | None]:
    return dict(map(tuple, read(select(Person.id, Person.gender).where(among(Person.id, ids)))))


# Who is compared


def _candidates(own: PersonSummary) -> set[int]:
    """Ids of people who share the name in any order, nearly all of it within the country, or the name before the @."""
    found: set[int] = set()
    home = read_one(_HOME.where(PersonCountry.person_id == own.person_id).order_by(PersonCountry.since.desc()).limit(1))
    near = [] if home is None or home.country_id is None else [_is_of(home.country_id)]
    for name in filter(None, (own.full_name, own.native_name)):
        words = search_words(name)
        if not words:
            continue
        whole = [f" {word} " for word in words] if len("".join(words)) > 1 else [f"= {words[0]}"]
        found |= _holding(whole, [], limit=_MOST)
        if near:
            found |= _holding(whole, near, limit=_MOST)
        for word in sorted(words, key=len, reverse=True)[:2]:
            rest = [other for other in words if other != word]
            if len(word) >= search_index.LEAST and rest:
                begins = or_(*(and_(*search_index.contains(Person.search_name, [f" {one[0]}"])) for one in rest))
                found |= _holding([f" {word} "], [begins, *near], limit=_MOST)
    for box in {mailbox.partition("@")[0] for mailbox in own.mailboxes}:
        if len(box) > _SHORT:
            found |= _with_mailbox(box)
    return found


_HOME = select(PersonCountry.country_id)


def _is_of(country_id: int) -> ColumnElement[bool]:
    """Whether a person was ever of a country, or never said of which."""
    held = exists().where(PersonCountry.person_id == Person.id)
    # Plus nothing: else SQLite looks through all people of the country for each person
    return or_(held.where(PersonCountry.country_id + 0 == country_id), ~held)


def _holding(parts: Sequence[str], also: Sequence[ColumnElement[bool]], *, limit: int) -> set[int]:
    """People whose name has all `parts`, of whom all `also` is true."""
    source, row_id, condition = search_index.find(Person.search_name, parts)
    hits = select(row_id.label("id")).select_from(source).where(condition).limit(_NEAR).subquery()
    query = select(Person.canonical_id).join(hits, hits.c.id == Person.id).where(Person.erased_at.is_(None), *also)
    return set(read_column(query.limit(limit)))


def _with_mailbox(box: str) -> set[int]:
    """People with an address of this name before the @."""
    source, row_id, condition = search_index.find(PersonEmail.key, [f"{box}@"])
    query = (
        select(Person.canonical_id, PersonEmail.key)
        .join(PersonEmail, PersonEmail.person_id == Person.id)
        .join(source, row_id == PersonEmail.id)
        .where(condition)
        .limit(_MOST)
    )
    return {person_id for person_id, key in read(query) if key.startswith(f"{box}@")}


# How alike


def _compared(first: PersonSummary, second: PersonSummary, genders: Mapping[int, Gender | None]) -> Similarity:
    scores = _name_scores(first, [second])
    return _judged(first, second, genders, *scores.get(second.person_id, (0, ())))


def _name_scores(own: PersonSummary, people: Iterable[PersonSummary]) -> dict[int, tuple[int, tuple[str, ...]]]:
    """Person → how alike names and addresses are, and why: by the name or the native one, whichever says more."""
    crowd = CandidateIndex(people)
    found: dict[int, tuple[int, tuple[str, ...]]] = {}
    for name in filter(None, (own.full_name, own.native_name)):
        for mailbox in own.mailboxes or ("",):
            for one in crowd.alike(name, email=mailbox):
                known = one.known.person_id
                if known not in found or one.score > found[known][0]:
                    found[known] = one.score, one.reasons
    return found


def _judged(
    own: PersonSummary,
    other: PersonSummary,
    genders: Mapping[int, Gender | None],
    score: int,
    reasons: tuple[str, ...],
    *,
    is_common: bool = False,
) -> Similarity:
    """Weighs what else is known of two people."""
    told, against = list(reasons), []
    if is_common:
        score += _COMMON_NAME
        against.append(_("many people have this name"))
    if own.country and other.country:
        if own.country == other.country:
            told.append(_("same country"))
        else:
            score += _OTHER_COUNTRY
            against.append(_("different countries"))
    if own.organisation and other.organisation:
        if _is_same_organisation(own.organisation, other.organisation):
            score += _SAME_ORGANISATION
            told.append(_("organisations that may be the same"))
        else:
            score += _OTHER_ORGANISATION
            against.append(_("different organisations"))
    one, two = genders.get(own.person_id), genders.get(other.person_id)
    if one is not None and two is not None and one != two:
        score += _OTHER_GENDER
        against.append(_("different genders"))
    boxes, others = ({box.partition("@")[0] for box in person.mailboxes} for person in (own, other))
    same = {box for box in boxes & others if len(box) > _SHORT}
    if any(not _is_made_of(box, own.full_name) for box in same):
        score += _SAME_MAILBOX  # its reason is among those of the name
    elif boxes and others and not same:
        against.append(_("different e-mail addresses"))
    return Similarity(max(0, min(score, 99)), tuple(told), tuple(against))


def _is_made_of(box: str, name: str) -> bool:
    """Whether a name before the @ is the name itself, so that namesakes have it too."""
    return {word for word in search_words(box) if not word.isdigit()} <= set(search_words(name))


def _is_same_organisation(first: str, second: str) -> bool:
    """Whether one names the other, in most of its words or by its initials."""
    one, two = search_words(first), search_words(second)
    if fuzz.token_set_ratio(" ".join(one), " ".join(two)) >= _ALIKE:
        return True
    return any("".join(word[0] for word in long if len(word) > 3) in short for long, short in ((one, two), (two, one))
               if sum(len(word) > 3 for word in long) > 2)  # fmt: skip
