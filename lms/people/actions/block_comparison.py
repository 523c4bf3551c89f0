"""Comparing many people at once, some blocks in each step; a restarted worker goes on with the next blocks."""

from collections.abc import Collection, Mapping
from datetime import datetime

from sqlalchemy import Select, and_, delete, func, or_, select, union_all, update
from sqlalchemy.dialects import postgresql, sqlite

from lms.core.database.bulk import among, chunks
from lms.core.database.cache_versions import memory
from lms.core.database.session import action, db, is_sqlite, one_at_a_time, read_column, read_one, read_value
from lms.core.time import clock
from lms.people.models import BlockComparison, DuplicatePair, Person, PersonToCompare
from lms.people.queries.duplicate_blocks import BLOCKS, BlockIndex, score_blocks
from lms.people.queries.duplicates import SHOWN

IN_BLOCKS = 300
"""The fewest people that are compared by blocks."""
SHARE = 50
"""Everyone divided by this is the fewest too: a smaller share costs less if each is searched for."""
WRITTEN_AT_ONCE = 2000
_ROW = 1
_INDEXES = "block comparison"


def is_running() -> bool:
    """Whether a comparison by blocks has begun and not ended."""
    return read_value(select(BlockComparison.id)) is not None


def begin_when_many_wait(*, at: datetime) -> bool:
    """Begins a comparison by blocks of all who wait, if they are many; returns whether it did."""
    waiting = read_value(select(func.count()).select_from(PersonToCompare))
    if waiting < IN_BLOCKS or waiting * SHARE < read_value(select(func.count()).select_from(Person)):
        return False
    included: int | None = 0
    while included is not None:
        included = _include_after(included)
    _begin(at=at)
    return True


@action
def _include_after(person_id: int) -> int | None:
    """Includes the next people who wait; returns the last one, or None where there are no more."""
    following = PersonToCompare.person_id > person_id
    some = select(PersonToCompare.person_id).where(following).order_by(PersonToCompare.person_id)
    last: int | None = db.session.scalar(select(func.max(some.limit(WRITTEN_AT_ONCE).subquery().c.person_id)))
    if last is not None:
        included = update(PersonToCompare).where(following, PersonToCompare.person_id <= last)
        db.session.execute(included.values(is_in_blocks=True))
    return last


@action
def _begin(*, at: datetime) -> None:
    db.session.merge(BlockComparison(id=_ROW, started_at=at, next_block=0))


def compare_next() -> int:
    """Does the next step: a part of the index of blocks, some blocks, or the end of some people.

    Returns how many people are done.
    """
    running = read_one(select(BlockComparison.started_at, BlockComparison.next_block))
    if running.next_block > BLOCKS:
        return _finish_some(running.started_at)
    if running.next_block == BLOCKS:
        memory(_INDEXES).clear()
        _delete_surplus(read_column(_surplus(running.started_at)))
        return 0
    index = _index_of(running.started_at)
    if not index.is_complete:
        index.read_more()
        db.session.rollback()
        return 0
    day = clock.day_of(running.started_at, clock.reporting_zone())
    blocks = index.next_blocks(running.next_block)
    scores = score_blocks(index, blocks, day)
    _write(scores, blocks, at=running.started_at)
    return 0


def _index_of(started_at: datetime) -> BlockIndex:
    """The index that this process makes for a comparison, as far as it is."""
    indexes = memory(_INDEXES)
    if started_at not in indexes:
        indexes.clear()
        indexes[started_at] = BlockIndex()
    index: BlockIndex = indexes[started_at]
    return index


@action
def _write(scores: Mapping[tuple[int, int], int], blocks: range, *, at: datetime) -> None:
    """Stores the pairs of some blocks, apart from those that have been decided on meanwhile."""
    one_at_a_time("compare people")
    if scores:
        insert = (sqlite.insert if is_sqlite() else postgresql.insert)(DuplicatePair)
        stored = insert.on_conflict_do_update(
            index_elements=["first_id", "second_id"],
            set_={"score": insert.excluded.score, "found_at": insert.excluded.found_at},
            where=DuplicatePair.decided_at.is_(None),
        )
        rows = [
            {"first_id": first, "second_id": second, "score": score, "found_at": at}
            for (first, second), score in sorted(scores.items())
        ]
        db.session.connection().execute(stored, rows)
    _go_on(blocks.start, blocks.stop)


def _go_on(block: int, following: int) -> None:
    db.session.execute(update(BlockComparison).where(BlockComparison.next_block == block).values(next_block=following))


def _surplus(started_at: datetime) -> Select[int]:
    """The query of the pairs that are not among the `SHOWN` most alike of either person."""
    pairs = select(DuplicatePair).where(DuplicatePair.found_at == started_at, DuplicatePair.decided_at.is_(None))
    pair = pairs.subquery().c
    ends = union_all(
        *(
            select(pair.id, pair.score, pair.first_id, pair.second_id, person_id.label("person_id"))
            for person_id in (pair.first_id, pair.second_id)
        )
    ).subquery()
    most_alike = (ends.c.score.desc(), ends.c.first_id, ends.c.second_id)
    place = func.row_number().over(partition_by=ends.c.person_id, order_by=most_alike)
    ranked = select(ends.c.id, place.label("place")).subquery()
    return select(ranked.c.id).group_by(ranked.c.id).having(func.min(ranked.c.place) > SHOWN)


@action
def _delete_surplus(pair_ids: Collection[int]) -> None:
    for some in chunks(pair_ids):
        db.session.execute(delete(DuplicatePair).where(among(DuplicatePair.id, some)))
    _go_on(BLOCKS, BLOCKS + 1)


def _finish_some(started_at: datetime) -> int:
    """Ends the comparison of some of its people, and the last time all of it; returns how many people are done."""
    some = select(PersonToCompare.person_id).where(PersonToCompare.is_in_blocks).limit(WRITTEN_AT_ONCE)
    person_ids = read_column(some)
    _end(person_ids, started_at=started_at)
    return len(person_ids)


@action
def _end(person_ids: Collection[int], *, started_at: datetime) -> None:
    one_at_a_time("compare people")
    of_people = or_(among(DuplicatePair.first_id, person_ids), among(DuplicatePair.second_id, person_ids))
    outdated = and_(DuplicatePair.decided_at.is_(None), DuplicatePair.found_at < started_at)
    db.session.execute(delete(DuplicatePair).where(of_people, outdated))
    done = and_(among(PersonToCompare.person_id, person_ids), PersonToCompare.is_in_blocks)
    db.session.execute(delete(PersonToCompare).where(done))
    if not person_ids:
        db.session.execute(delete(BlockComparison))
