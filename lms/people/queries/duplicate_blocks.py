"""Comparing many people with everyone: only those who share a key are looked at, some blocks at a time.

A block has everyone with a word of a name, or a name before the @, that falls into it. What two people share falls into
one block with all others who share it, so that blocks are compared one after the other, in the memory of a few.
`duplicates_of` asks the search index about one person; for a large share of everyone these questions would take hours.
"""

from array import array
from collections.abc import Hashable, Iterable, Iterator, Sequence, Set
from datetime import date
from itertools import combinations
from typing import Any
from zlib import crc32

import numpy as np
from rapidfuzz import fuzz, process
from sqlalchemy import select

from lms.core.database.bulk import among, chunks
from lms.core.database.search import search_words
from lms.core.database.session import read, read_column
from lms.people.models import Person, PersonEmail, PersonToCompare
from lms.people.queries.countries import country_codes_of, country_names
from lms.people.queries.duplicates import name_key, pairs_marked_different, records_of
from lms.people.similarity import COMMON, SHORT, STORED, compare, distinctive_words, employer_domain, is_made_of

BLOCKS = 4096
PEOPLE_AT_ONCE = 4000
"""The number of people in the blocks that are compared at once; more only if a single block has them."""
READ_AT_ONCE = 10_000
"""The number of people read at once into the index of blocks."""
_AT_ONCE = 20_000
"""The number of pairs compared with the records of their people in memory."""
_SECOND = 0xFFFFFFFF
_NEARLY = 78
"""Below this ratio two texts are not two spellings of one name."""
_LONGEST_NAME = 6
"""Names of more words are compared by these many only."""


class _SharedKeys:
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


class BlockIndex:
    """The people in each block, and the names that are common. Six bytes for each word of a name, eight for each
    person."""

    def __init__(self) -> None:
        self.is_complete = False
        self._last_id = 0
        self._blocks, self._people, self._names = array("H"), array("i"), array("q")
        self._ids = self._common = self._starts = np.zeros(0, dtype=np.int64)

    def read_more(self) -> None:
        """Reads the next people, until the index `is_complete`."""
        rows = read(_people().where(Person.id > self._last_id).limit(READ_AT_ONCE))
        mailboxes = _mailboxes([row.id for row in rows])
        for row in rows:
            name = _name_of(row.search_name)
            self._names.append(hash(name))
            words = {word for name in _names_of(row.search_name) for word in name}
            for block in {_block_of(key) for key in words | _unusual_boxes(mailboxes.get(row.id, ()), name)}:
                self._blocks.append(block)
                self._people.append(row.id)
            self._last_id = row.id
        if len(rows) < READ_AT_ONCE:
            self._complete()

    def _complete(self) -> None:
        blocks = np.frombuffer(self._blocks, dtype=np.uint16) if self._blocks else np.zeros(0, dtype=np.uint16)
        ids = np.frombuffer(self._people, dtype=np.int32) if self._people else np.zeros(0, dtype=np.int32)
        names = np.frombuffer(self._names, dtype=np.int64) if self._names else np.zeros(0, dtype=np.int64)
        self._starts = np.r_[0, np.cumsum(np.bincount(blocks, minlength=BLOCKS))]
        self._ids = ids[np.argsort(blocks, kind="stable")].astype(np.int64)
        hashes, counts = np.unique(names, return_counts=True)
        self._common = hashes[counts >= COMMON]
        self._blocks, self._people, self._names = array("H"), array("i"), array("q")
        self.is_complete = True

    def next_blocks(self, first: int) -> range:
        """The blocks from this one on that are compared at once."""
        end = int(np.searchsorted(self._starts, self._starts[first] + PEOPLE_AT_ONCE, side="right")) - 1
        return range(first, min(max(end, first + 1), BLOCKS))

    def members(self, blocks: range) -> list[int]:
        """The ids of the people in consecutive blocks."""
        ids: list[int] = np.unique(self._ids[self._starts[blocks.start] : self._starts[blocks.stop]]).tolist()
        return ids

    def is_common(self, name: tuple[str, ...]) -> bool:
        """Whether `COMMON` people or more have a name."""
        place = np.searchsorted(self._common, hash(name))
        return bool(place < len(self._common) and self._common[place] == hash(name))


def score_blocks(index: BlockIndex, blocks: range, day: date) -> dict[tuple[int, int], int]:
    """The score of each pair to keep that shares a key of these blocks, by ids, the lower one first.

    Of each pair, one person at least is in the comparison by blocks.
    """
    members = index.members(blocks)
    waiting = select(PersonToCompare.person_id).where(PersonToCompare.is_in_blocks)
    waiting_ids = read_column(waiting.where(among(PersonToCompare.person_id, members)))
    if not waiting_ids:
        return {}
    rows = read(_people().where(among(Person.id, members)))
    ids = np.array([row.id for row in rows], dtype=np.int64)
    is_waiting = np.isin(ids, np.array(waiting_ids, dtype=np.int64))
    pairs = np.unique(np.concatenate([np.zeros(0, dtype=np.int64), *_pairs(rows, blocks, is_waiting, day)]))
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
            is_common = name == name_key(records[second].person) and index.is_common(name)
            score = compare(records[first], records[second], is_common=is_common).score
            if score >= STORED:
                scores[first, second] = score
    return scores


def _people() -> Any:
    query = select(Person.id, Person.search_name, Person.organisation)
    return query.where(Person.canonical_id == Person.id, Person.erased_at.is_(None)).order_by(Person.id)


def _block_of(key: str) -> int:
    """The block into which a word or a name before the @ falls: the same in every process."""
    return crc32(key.encode()) % BLOCKS


def _name_of(search_name: str) -> tuple[str, ...]:
    """The words of the name that certificates show, the same in any order."""
    return tuple(sorted(search_name.partition("==")[0].strip("= ").split()))


class _KeysOfBlocks:
    """The keys that people share by those words and names before the @ that fall into some blocks."""

    def __init__(self, blocks: range) -> None:
        self._blocks = blocks
        self.whole_names, self.names_at_employer, self.boxes = (
            _SharedKeys(largest) for largest in (COMMON - 1, 30, 30)
        )
        self.near_names, self.two_words = _SharedKeys(30), _SharedKeys(12)

    def add_name(self, place: int, name: tuple[str, ...], *, employers: Set[str], country: str | None) -> None:
        """Notes a name of the person at a place, who has these employers."""
        places = {at for at, word in enumerate(name) if _block_of(word) in self._blocks}
        if 0 in places:
            self.whole_names.add(place, name)
            for employer in employers:
                self.names_at_employer.add(place, (employer, name))
        near_keys = _near_keys(name, places)
        for employer in employers:
            for key in near_keys:
                self.near_names.add(place, (employer, key))
        for first, second in combinations(range(len(name)), 2) if country and places else ():
            if first in places:
                self.two_words.add(place, (country, name[first], name[second]))

    def add_boxes(self, place: int, boxes: Iterable[str]) -> None:
        """Notes the unusual names before the @ of the person at a place."""
        for box in boxes:
            if _block_of(box) in self._blocks:
                self.boxes.add(place, box)


def _pairs(rows: Sequence[Any], blocks: range, is_waiting: np.ndarray[Any, Any], day: date) -> Iterator[Any]:
    """Pairs who share a name; or a part of it, and the employer or the country; or an unusual name before the @."""
    ids = [row.id for row in rows]
    codes, mailboxes = country_codes_of(ids, day), _mailboxes(ids)
    words_of_countries = {code: set(search_words(name)) for code, name in country_names("en").items()}
    names = [_name_of(row.search_name) for row in rows]
    keys = _KeysOfBlocks(blocks)
    for place, row in enumerate(rows):
        boxes, country = mailboxes.get(row.id, ()), codes.get(row.id)
        employers = _employers(row.organisation, words_of_countries.get(country or "", set()), boxes)
        for name in _names_of(row.search_name):
            keys.add_name(place, name, employers=employers, country=country)
        keys.add_boxes(place, _unusual_boxes(boxes, names[place]))
    for shared in (keys.whole_names, keys.names_at_employer, keys.boxes):
        yield from shared.pairs(is_waiting)
    texts = np.array([" ".join(name) for name in names], dtype=object)
    for pairs in keys.near_names.pairs(is_waiting):
        first, second = texts[pairs >> 32].tolist(), texts[pairs & _SECOND].tolist()
        yield pairs[process.cpdist(first, second, scorer=fuzz.ratio, score_cutoff=_NEARLY, workers=1) > 0]
    lengths = np.array([len(name) for name in names], dtype=np.int64)
    for pairs in keys.two_words.pairs(is_waiting):  # one name has a word more than the other
        yield pairs[lengths[pairs >> 32] != lengths[pairs & _SECOND]]


def _names_of(search_name: str) -> set[tuple[str, ...]]:
    """The words of each name, the same in any order."""
    names = (tuple(sorted(text.strip("= ").split()))[:_LONGEST_NAME] for text in search_name.split("=="))
    return {name for name in names if name}


def _near_keys(name: tuple[str, ...], places: Set[int]) -> set[tuple[str, str]]:
    """A word of a name at one of these places, and the initial of another: what two spellings of it share."""
    return {
        (name[place], other[0])
        for place in places
        if len(name[place]) > 2
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


def _mailboxes(person_ids: Sequence[int]) -> dict[int, list[str]]:
    """Person → e-mail addresses, also of records that were merged into the person."""
    mailboxes: dict[int, list[str]] = {}
    addresses = select(Person.canonical_id, PersonEmail.key).join(PersonEmail, PersonEmail.person_id == Person.id)
    for person_id, key in read(addresses.where(among(Person.canonical_id, person_ids))):
        mailboxes.setdefault(person_id, []).append(key)
    return mailboxes
