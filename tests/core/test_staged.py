"""Files that wait for their preview."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

import pytest

from lms.core.base.errors import Fault, NotFound
from lms.core.base.roles import Actor
from lms.core.storage.staged import KEPT, StagedFiles, drop_old_files
from lms.people.models import Gender
from tests.rows import each_row

AT = datetime(2026, 11, 29, 12, tzinfo=UTC)
pytestmark = pytest.mark.usefixtures("context")


@dataclass(frozen=True)
class Row:
    line: int
    name: str | None
    gender: Gender | None
    day: date
    until: datetime


@dataclass
class Read:
    rows: list[Row] = field(default_factory=list)
    pairs: list[tuple[int, Row]] = field(default_factory=list)
    rejected: list[Fault] = field(default_factory=list)
    lines: dict[int, list[str]] = field(default_factory=dict)
    columns: dict[str, int | None] = field(default_factory=dict)


FILES = StagedFiles("tests", Read)
ANNA, BERT = Actor(person_id=1), Actor(person_id=2)


def test_what_was_read_is_found_as_it_was_by_its_sender_alone() -> None:
    row = Row(2, "Ægir", Gender.FEMALE, date(2026, 1, 2), AT)
    read = Read(
        [row, Row(3, None, None, date(2026, 1, 3), AT)],
        [(2, row)],
        [Fault("Enter a name.", row=4)],
        {2: ["Ægir", "x"], 4: []},
        {"name": 0, "gender": None},
    )
    FILES.keep("a-1", read, by=ANNA, at=AT)
    assert FILES.find("a-1", by=ANNA, at=AT) == read
    assert FILES.find("a-1", by=BERT, at=AT) is None
    assert FILES.find("a-2", by=ANNA, at=AT) is None


def test_it_is_kept_for_a_day_or_until_it_is_dropped_or_replaced() -> None:
    FILES.keep("b", Read(lines={1: ["first"]}), by=ANNA, at=AT)
    FILES.keep("b", Read(lines={1: ["second"]}), by=ANNA, at=AT)
    value = FILES.find("b", by=ANNA, at=AT + KEPT)
    assert value is not None
    assert value.lines == {1: ["second"]}
    assert FILES.find("b", by=ANNA, at=AT + KEPT + timedelta(seconds=1)) is None
    FILES.drop("b", by=ANNA)
    assert FILES.find("b", by=ANNA, at=AT) is None
    FILES.drop("b", by=ANNA)


def test_old_files_are_deleted() -> None:
    FILES.keep("c", Read(), by=ANNA, at=AT)
    drop_old_files(at=datetime.now(UTC) + timedelta(hours=23))
    assert FILES.find("c", by=ANNA, at=AT) is not None
    drop_old_files(at=datetime.now(UTC) + timedelta(hours=25))
    assert FILES.find("c", by=ANNA, at=AT) is None


@each_row("file_id, by", [("../secret", ANNA), ("", ANNA), ("a", Actor())])
def test_there_is_nothing_under_a_wrong_id_or_for_strangers(file_id: str, by: Actor) -> None:
    with pytest.raises(NotFound):
        FILES.find(file_id, by=by, at=AT)
    with pytest.raises(NotFound):
        FILES.keep(file_id, Read(), by=by, at=AT)
