"""What the web processes of a server count together."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage, storage_from_string
from limits.strategies import MovingWindowRateLimiter

from lms.app import create_app
from lms.config import Config
from lms.web.request import rates
from lms.web.request.limits import limiter
from lms.web.request.rates import SharedRates

TEN = RateLimitItemPerMinute(10)


@pytest.fixture
def uri(tmp_path: Path) -> str:
    return rates.prepare(tmp_path / "rates.db")


@pytest.fixture
def store(uri: str) -> SharedRates:
    rates = storage_from_string(uri, secret="tests-only")
    assert isinstance(rates, SharedRates)
    return rates


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    clock = [1_000_000.0]
    monkeypatch.setattr(time, "time", lambda: clock[0])
    yield clock
    monkeypatch.undo()


def rows(tmp_path: Path) -> list[tuple[bytes, float]]:
    with sqlite3.connect(tmp_path / "rates.db") as connection:
        return connection.execute("SELECT key, expires_at FROM hit ORDER BY expires_at").fetchall()


PROCESS = """
import sys
from concurrent.futures import ThreadPoolExecutor
from limits.storage import MemoryStorage, storage_from_string
import lms.web.request.rates
store = storage_from_string(sys.argv[1], secret="tests-only")
print("ready", flush=True)
sys.stdin.readline()
with ThreadPoolExecutor(64) as threads:
    print(sum(threads.map(lambda _: store.acquire_entry("LIMITER/10.0.0.1", 100, 60), range(128))))
"""


def test_two_processes_of_64_threads_count_together(uri: str, tmp_path: Path) -> None:
    pair = [
        subprocess.Popen([sys.executable, "-c", PROCESS, uri], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    assert [one.stdout.readline() for one in pair if one.stdout] == ["ready\n", "ready\n"]
    for process in pair:
        assert process.stdin
        process.stdin.write("\n")
        process.stdin.flush()
    passed = [int(one.communicate(timeout=60)[0]) for one in pair]
    assert (sum(passed), len(rows(tmp_path))) == (100, 100)


def test_a_window_moves(store: SharedRates, now: list[float]) -> None:
    rate = MovingWindowRateLimiter(store)
    assert [rate.hit(TEN, "a") for _ in range(6)] == [True] * 6
    now[0] += 30
    assert [rate.hit(TEN, "a") for _ in range(6)] == [True] * 4 + [False] * 2
    assert rate.get_window_stats(TEN, "a") == (1_000_060.0, 0)
    assert rate.hit(TEN, "b")
    now[0] += 30
    assert rate.get_window_stats(TEN, "a") == (1_000_090.0, 6)
    assert [rate.hit(TEN, "a") for _ in range(7)] == [True] * 6 + [False]
    assert [rate.hit(TEN, "c", cost=n) for n in (11, 10, 1)] == [False, True, False]
    assert rate.get_window_stats(TEN, "nobody") == (1_000_120.0, 10)


def test_counts_of_the_future_are_left_out(store: SharedRates, now: list[float]) -> None:
    rate = MovingWindowRateLimiter(store)
    assert [rate.hit(TEN, "a") for _ in range(11)] == [True] * 10 + [False]
    now[0] -= 3600  # the clock was set back
    assert [rate.hit(TEN, "a") for _ in range(11)] == [True] * 10 + [False]


def test_old_rows_are_dropped_and_no_address_is_stored(store: SharedRates, now: list[float], tmp_path: Path) -> None:
    for number in range(40):
        store.acquire_entry(f"LIMITER/10.0.0.{number}", 10, 60)
    assert len(rows(tmp_path)) == 40
    now[0] += 61
    for number in range(20):
        store.acquire_entry(f"LIMITER/10.0.1.{number}", 10, 60)
    assert [end for _key, end in rows(tmp_path)] == [now[0] + 60] * 20
    assert {len(key) for key, _end in rows(tmp_path)} == {16}
    assert b"10.0." not in (tmp_path / "rates.db").read_bytes() + (tmp_path / "rates.db-wal").read_bytes()


def test_a_store_that_fails_lets_requests_through_and_says_so_once(store: SharedRates, tmp_path: Path) -> None:
    (tmp_path / "rates.db-wal").unlink(missing_ok=True)
    (tmp_path / "rates.db").write_bytes(b"no database " * 1000)
    with structlog.testing.capture_logs() as logged:
        assert [store.acquire_entry("a", 1, 60) for _ in range(3)] == [True] * 3
        assert store.get_moving_window("a", 1, 60)[1] == 0
    assert store.check() is False
    assert [(one["event"], one["log_level"], one["error"]) for one in logged] == [
        ("requests are not counted for rate limits", "error", "file is not a database")
    ]


def test_a_store_that_is_locked_for_long_lets_requests_through(store: SharedRates, tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / "rates.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with structlog.testing.capture_logs() as logged:
        assert store.acquire_entry("a", 1, 60)
    other.execute("ROLLBACK")
    assert [one["error"] for one in logged] == ["database is locked"]
    assert [store.acquire_entry("a", 1, 60) for _ in range(2)] == [True, False]


def test_every_limit_of_a_server_uses_the_store(uri: str, tmp_path: Path) -> None:
    config = Config.load({}, data=str(tmp_path), secret_key="tests-only")
    limiter.enabled = True
    try:
        create_app(config, rates_uri=uri)
        used = limiter.storage, limiter.limiter
    finally:
        create_app(config)  # back to the memory of the process
        limiter.enabled = False
    assert isinstance(used[0], SharedRates)
    assert (type(used[1]), used[1].storage) == (MovingWindowRateLimiter, used[0])
    assert type(limiter.storage) is MemoryStorage
