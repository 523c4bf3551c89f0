"""Comparing many people with everyone at once: only those who share a key are looked at, in one pass over all people.

`duplicates_of` asks the search index about one person; for thousands of people these questions would take hours.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping, Sequence, Set
from datetime import date
from itertools import combinations
from typing import Any

import numpy as np
from rapidfuzz import fuzz, process
from sqlalchemy import select

from lms.core.bulk import chunks
from lms.core.db import read
from lms.core.search_index import search_words
from lms.people.models import Person, PersonEmail
from lms.people.queries.countries import country_codes_of, country_names
from lms.people.queries.duplicates import SHOWN, name_key, pairs_marked_different, records_of
from lms.people.similarity import COMMON, SHORT, STORED, compare, distinctive_words, employer_domain, is_made_of

_AT_ONCE = 20_000
"""The number of pairs compared with the records of their people in memory."""
_SECOND = 0xFFFFFFFF
_NEARLY = 78
"""Below this ratio two texts are not two spellings of one name."""
_LONGEST_NAME = 6
"""Names of more words are compared by these many only."""


class _Blocks:
    """People by what they share. A key that more than `largest` people share says little, and makes no pairs."""

    def __init__(self, largest: int) -> None:
        self.largest = largest
        self._keys, self._places = array("q"), array("i")

    def add(self, place: int, key: Hashable) -> None:
        """Notes that the person at a place has a key."""
        self._keys.append(hash(key))
        self._places.append(place)

    def pairs(self, is_waiting: np.ndarray[Any, Any]) -> Iterator[np.ndarray[Any, Any]]:
        """Pairs of places that share a key, of which one waits at least, as numbers `first << 32 | second`."""
        keys = np.frombuffer(self._keys, dtype=np.int64) if self._keys else np.zeros(0, dtype=np.int64)
        places = np.frombuffer(self._places, dtype=np.int32) if self._places else np.zeros(0, dtype=np.int32)
        order = np.argsort(keys, kind="stable")
        keys, places = keys[order], places[order].astype(np.int64)
        starts = np.flatnonzero(np.r_[True, keys[1:] != keys[:-1]]) if len(keys) else np.zeros(0, dtype=np.int64)
        sizes = np.diff(np.r_[starts, len(keys)])
        for size in range(2, self.largest + 1):
            blocks = places[starts[sizes == size][:, None] + np.arange(size)]
            if len(blocks):
                first, second = (blocks[:, index].ravel() for index in np.triu_indices(size, 1))
                first, second = np.minimum(first, second), np.maximum(first, second)
                chosen = (is_waiting[first] | is_waiting[second]) & (first != second)
                yield np.unique(first[chosen] << 32 | second[chosen])


def score_pairs(waiting: Collection[int], day: date) -> dict[tuple[int, int], int]:
    """The score of each pair to keep in which one of these people (canonical ids) is, by ids, the lower one first."""
    rows = read(
        select(Person.id, Person.search_name, Person.organisation)
        .where(Person.canonical_id == Person.id, Person.erased_at.is_(None))
        .order_by(Person.id)
    )
    ids = np.array([row.id for row in rows], dtype=np.int64)
    is_waiting = np.isin(ids, np.array(sorted(waiting), dtype=np.int64))
    namesakes = Counter(_name_of(row.search_name) for row in rows)
    pairs = np.unique(np.concatenate([np.zeros(0, dtype=np.int64), *_pairs(rows, is_waiting, day)]))
    different = pairs_marked_different()
    scores: dict[tuple[int, int], int] = {}
    for some in chunks(pairs.tolist(), _AT_ONCE):
        ends = [(int(ids[pair >> 32]), int(ids[pair & _SECOND])) for pair in some]
        records = {
            record.person.person_id: record for record in records_of({end for pair in ends for end in pair}, day)
        }
        for first, second in ends:
            if first not in records or second not in records or (first, second) in different:
                continue
            name = name_key(records[first].person)
            is_common = name == name_key(records[second].person) and namesakes[name] >= COMMON
            score = compare(records[first], records[second], is_common=is_common).score
            if score >= STORED:
                scores[first, second] = score
    return _most_alike(scores)


def _name_of(search_name: str) -> tuple[str, ...]:
    """The words of the name that certificates show, the same in any order."""
    return tuple(sorted(search_name.partition("==")[0].strip("= ").split()))


def _pairs(rows: Sequence[Any], is_waiting: np.ndarray[Any, Any], day: date) -> Iterator[np.ndarray[Any, Any]]:
    """Pairs who share a name; or a part of it, and the employer or the country; or an unusual name before the @."""
    codes = country_codes_of([row.id for row in rows], day)
    mailboxes = _mailboxes({row.id: place for place, row in enumerate(rows)})
    words_of_countries = {code: set(search_words(name)) for code, name in country_names("en").items()}
    names = [_name_of(row.search_name) for row in rows]
    whole, at_employer, near, two_words, boxes = (_Blocks(largest) for largest in (COMMON - 1, 30, 30, 12, 30))
    for place, row in enumerate(rows):
        country_words = words_of_countries.get(codes.get(row.id, ""), set())
        employers = _employers(row.organisation, country_words, mailboxes.get(place, ()))
        for name in _names_of(row.search_name):
            whole.add(place, name)
            for employer in employers:
                at_employer.add(place, (employer, name))
                for key in _near_keys(name):
                    near.add(place, (employer, key))
            for two in combinations(name, 2) if row.id in codes else ():
                two_words.add(place, (codes[row.id], two))
        for box in _unusual_boxes(mailboxes.get(place, ()), names[place]):
            boxes.add(place, box)
    for blocks in (whole, at_employer, boxes):
        yield from blocks.pairs(is_waiting)
    texts = np.array([" ".join(name) for name in names], dtype=object)
    for pairs in near.pairs(is_waiting):
        first, second = texts[pairs >> 32].tolist(), texts[pairs & _SECOND].tolist()
        yield pairs[process.cpdist(first, second, scorer=fuzz.ratio, score_cutoff=_NEARLY, workers=1) > 0]
    lengths = np.array([len(name) for name in names], dtype=np.int64)
    for pairs in two_words.pairs(is_waiting):  # one name has a word more than the other
        yield pairs[lengths[pairs >> 32] != lengths[pairs & _SECOND]]


def _names_of(search_name: str) -> set[tuple[str, ...]]:
    """The words of each name, the same in any order."""
    names = (tuple(sorted(text.strip("= ").split()))[:_LONGEST_NAME] for text in search_name.split("=="))
    return {name for name in names if name}


def _near_keys(name: tuple[str, ...]) -> set[tuple[str, str]]:
    """A word of a name, and the initial of another: what two spellings of it share."""
    return {
        (word, other[0])
        for place, word in enumerate(name)
        if len(word) > 2
        for at, other in enumerate(name)
        if at != place
    }


def _employers(organisation: str | None, country_words: Set[str], mailboxes: Iterable[str]) -> set[str]:
    """By what two records of one employer are known: e-mail domains, and words of the organisation that tell."""
    words = distinctive_words(organisation) - country_words if organisation else set()
    return words | {domain for mailbox in mailboxes if (domain := employer_domain(mailbox))}


def _unusual_boxes(mailboxes: Iterable[str], name: tuple[str, ...]) -> set[str]:
    """The names before the @ that are not made of the name."""
    boxes = {mailbox.partition("@")[0] for mailbox in mailboxes}
    return {box for box in boxes if len(box) > SHORT and not is_made_of(box, name)}


def _mailboxes(places: Mapping[int, int]) -> dict[int, list[str]]:
    """Place → e-mail addresses, also of records that were merged into the person."""
    mailboxes: dict[int, list[str]] = {}
    addresses = select(Person.canonical_id, PersonEmail.key).join(PersonEmail, PersonEmail.person_id == Person.id)
    for person_id, key in read(addresses):
        if (place := places.get(person_id)) is not None:
            mailboxes.setdefault(place, []).append(key)
    return mailboxes


def _most_alike(scores: dict[tuple[int, int], int]) -> dict[tuple[int, int], int]:
    """Without pairs that are not among the `SHOWN` most alike of either person."""
    counts: Counter[int] = Counter()
    chosen = {}
    for (first, second), score in sorted(scores.items(), key=lambda item: (-item[1], item[0])):
        if counts[first] < SHOWN or counts[second] < SHOWN:
            chosen[first, second] = score
            counts.update((first, second))
    return chosen
