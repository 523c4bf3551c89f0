"""Facts of registrations and awards as they are stored: used while nothing changed, and never after."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from apiflask import APIFlask
from sqlalchemy import delete, insert, select

from lms.attendance.facts import columns_from, pack, unpack
from lms.certificates.models import AWARDS
from lms.core.base.errors import Forbidden
from lms.core.base.roles import ANONYMOUS, SYSTEM
from lms.core.database.cache_versions import Stamp, memory, touch
from lms.core.database.session import action, db
from lms.enrolment.models import REGISTRATIONS, Enrolment
from lms.reports.actions.public import store_series_facts
from lms.reports.facts.segments import SERIES_FACTS
from lms.reports.models import SeriesFacts
from lms.reports.queries import facts
from lms.reports.queries.figures import count
from lms.reports.rules import Slice
from tests.reports.world import World

NOON = datetime(2024, 5, 6, 4, 0, tzinfo=UTC)


def counted() -> tuple[int, int]:
    """Registrations and certificates, as a process counts them that has read nothing yet."""
    for kind in (REGISTRATIONS, AWARDS, facts.STAMP):
        memory(kind).clear()
    totals = count(Slice(), ("country", "year"), by=SYSTEM, at=NOON).totals
    db.session.rollback()
    return totals.registrations, totals.certificates


@pytest.mark.databases
def test_a_new_process_reads_what_is_stored_until_it_changes(
    app: APIFlask, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, third = world.series("one"), world.series("two"), world.series("none")
    people = [world.person("KE") for _n in range(3)]
    world.enrol(first, *people, at=NOON)
    world.enrol(second, people[0], at=NOON)
    world.award(first, people[0], NOON)
    world.execute(insert(Stamp).values([
        {"kind": kind, "of_id": id_, "value": 7} for kind in (REGISTRATIONS, AWARDS) for id_ in (first, second, third)
    ]))  # fmt: skip
    read: list[tuple[str, list[int]]] = []

    def watched(name: str) -> Any:
        real = getattr(facts, name)

        def rows(series_ids: list[int], zone: str) -> Any:
            read.append((name, sorted(series_ids)))
            return real(series_ids, zone)

        return rows

    for name in ("_registrations", "_certificates"):
        monkeypatch.setattr(facts, name, watched(name))
    with app.app_context():
        for kind in (REGISTRATIONS, AWARDS):
            memory(kind).clear()
        assert store_series_facts(by=SYSTEM) == 6
        assert store_series_facts(by=SYSTEM) == 0
        read.clear()
        assert counted() == (4, 1)
        assert read == []

        # one more, told by its stamp: that series is read again, and stored at the next turn
        world.execute(delete(Enrolment).where(Enrolment.series_id == second))
        action(lambda: touch(REGISTRATIONS, [second]))()
        assert counted() == (3, 1)
        assert read == [("_registrations", [second])]
        assert store_series_facts(by=SYSTEM) == 1
        read.clear()
        assert counted() == (3, 1)
        assert read == []

        # in another reporting zone days are others: nothing of it is used
        monkeypatch.setattr("lms.core.time.clock.reporting_zone", lambda: "America/Lima")
        assert counted() == (3, 1)
        assert [name for name, _ids in read] == ["_registrations", "_certificates"]
        with pytest.raises(Forbidden):
            store_series_facts(by=ANONYMOUS)
        assert len(db.session.scalars(select(SeriesFacts)).all()) == 6


def test_the_stored_form_says_the_same() -> None:
    for lines in ([], [(1, 0, 5, 738_000, 7), (1 << 31, 250, 0x520, 738_001, 70_000)]):
        columns = columns_from(SERIES_FACTS, lines)
        again = unpack(SERIES_FACTS, pack(SERIES_FACTS, columns))
        assert {name: column.tolist() for name, column in again.items()} == {
            name: column.tolist() for name, column in columns.items()
        }
        assert [*zip(*(again[name].tolist() for name in SERIES_FACTS), strict=True)] == lines
    with pytest.raises(OverflowError):
        columns_from(SERIES_FACTS, [(1, 1 << 16, 0, 738_000, 1)])
