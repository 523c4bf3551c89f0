"""Many rows at once, on both databases."""

from __future__ import annotations

from datetime import datetime

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from lms.core.background.jobs import Job, JobState
from lms.core.database.audit import AuditEntry, AuditSubject
from lms.core.database.bulk import among, insert_many
from lms.core.database.session import action, db


@action
def _insert(table: object, rows: list[dict[str, object]], unless: tuple[str, ...] = ()) -> None:
    insert_many(table, rows, unless=unless)


def _job(public_id: str, at: datetime, **values: object) -> dict[str, object]:
    return {
        "public_id": public_id,
        "kind": "test",
        "arguments": {"a": ["é", 1]},
        "state": JobState.DONE,
        "done": 1,
        "total": 2,
        "created_at": at,
        "started_at": None,
    } | values


@pytest.mark.databases(differs=True)
@pytest.mark.usefixtures("context")
def test_values_of_every_type_come_back_as_they_were(at: datetime) -> None:
    _insert(Job.__table__, [_job("one", at), _job("two", at, state=JobState.QUEUED, started_at=at)])

    first_job, two = db.session.scalars(select(Job).order_by(Job.public_id))

    assert (first_job.arguments, first_job.state, first_job.created_at, first_job.started_at) == (
        {"a": ["é", 1]},
        JobState.DONE,
        at,
        None,
    )
    assert (two.state, two.started_at) == (JobState.QUEUED, at)


@pytest.mark.databases(differs=True)
@pytest.mark.usefixtures("context")
def test_what_is_there_is_left_out_or_refused(at: datetime) -> None:
    _insert(Job.__table__, [_job("one", at)])

    _insert(Job.__table__, [_job("one", at, total=9), _job("two", at)], ("public_id",))

    assert list(db.session.scalars(select(Job.total).order_by(Job.public_id))) == [2, 2]
    with pytest.raises(IntegrityError):
        _insert(Job.__table__, [_job("two", at)])


@pytest.mark.databases
@pytest.mark.usefixtures("context")
def test_no_rows_are_nothing_to_do() -> None:
    _insert(AuditSubject.__table__, [])

    assert db.session.scalar(select(func.count()).select_from(AuditEntry)) == 0


@pytest.mark.databases(differs=True)
@pytest.mark.usefixtures("context")
def test_among_finds_numbers_and_text_of_any_script(at: datetime) -> None:
    _insert(
        Job.__table__, [_job(name, at, total=number) for number, name in enumerate(["one", "ñ'\"“中", "3", "four"])]
    )

    def found(column: object, values: list[object]) -> list[int]:
        return list(db.session.scalars(select(Job.total).where(among(column, values)).order_by(Job.total)))

    assert found(Job.public_id, ["ñ'\"“中", "3", "none"]) == [1, 2]
    assert found(Job.total, [0, 3, 99, *range(1000, 50_000)]) == [0, 3]
    assert found(Job.public_id, []) == []
