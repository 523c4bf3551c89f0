"""What only one process does at a time, on both databases."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from apiflask import APIFlask

from lms.core.background import leases
from lms.core.background.leases import LeaseTaken, acquire, holding, list_leases, release, renew
from lms.core.base.settings import settings
from lms.core.database.session import action
from lms.core.time import clock
from tests.faults.forks import Forked

pytestmark = [pytest.mark.databases(differs=True), pytest.mark.usefixtures("context")]


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[datetime]:
    """The moment that the database's clock shows."""
    moment = [clock.now()]
    monkeypatch.setattr(leases, "_now", lambda: moment[0])
    return moment


def test_a_lease_has_one_holder() -> None:
    assert acquire("job", "first", 30)
    assert not acquire("job", "second", 30)
    assert acquire("job", "first", 30)
    assert acquire("another job", "second", 30)
    assert {name: holder for name, (holder, _until) in list_leases().items()} == {
        "job": "first",
        "another job": "second",
    }


def test_a_lease_that_has_expired_goes_to_the_next_holder(now: list[datetime]) -> None:
    assert acquire("job", "killed", 30)
    now[0] += timedelta(seconds=29)
    assert not acquire("job", "next", 30)
    now[0] += timedelta(seconds=1)
    assert list_leases() == {}
    assert acquire("job", "next", 30)
    assert not renew("job", "killed", 30)
    release("job", "killed")
    assert list_leases() == {"job": ("next", now[0] + timedelta(seconds=30))}


@pytest.mark.databases
def test_a_lease_that_is_renewed_stays(now: list[datetime]) -> None:
    assert acquire("job", "first", 30)
    now[0] += timedelta(seconds=20)
    assert renew("job", "first", 30)
    now[0] += timedelta(seconds=20)
    assert not acquire("job", "second", 30)
    now[0] += timedelta(seconds=20)
    assert renew("job", "first", 30), "it had expired, and nobody else had taken it"


def test_a_released_lease_is_free() -> None:
    with holding("job"):
        with pytest.raises(LeaseTaken), holding("job"):
            pass
        assert not acquire("job", "second", 30)
    assert acquire("job", "second", 30)
    assert not renew("job", "first", 30)


@pytest.mark.databases
def test_a_lease_is_not_taken_inside_an_action() -> None:
    with pytest.raises(RuntimeError, match="inside an action"):
        action(lambda: acquire("job", "first", 30))()


@pytest.mark.present
def test_the_database_tells_the_time(at: datetime) -> None:
    assert abs(leases._now() - clock.now()) < timedelta(minutes=1)


@pytest.mark.usefixtures("app")
def test_processes_that_race_take_turns(app: APIFlask, tmp_path: Path) -> None:
    counter = tmp_path / "counter"
    counter.write_text("0")
    environment = settings().environment()
    processes = [Forked(counter, 10, environment=environment, runs="tests.core.leasing") for _ in range(2)]
    assert [process.wait(60) for process in processes] == [0, 0]
    assert counter.read_text() == "20"
    assert list_leases() == {}
