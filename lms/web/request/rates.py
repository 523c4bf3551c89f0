"""Rate limits counted by all web processes of one server: a small SQLite file.

For several servers there is Valkey (`shared_rates`). The file has a row for each counted request, under a keyed
hash of its client, until the window of its limit has passed. Losing the file only loses the counts of the last minute.
"""

import sqlite3
import threading
import time
from hashlib import blake2b
from pathlib import Path
from typing import ClassVar
from urllib.parse import quote, unquote, urlsplit

import structlog
from limits.storage import MovingWindowSupport, Storage

log = structlog.get_logger(__name__)
SCHEME = "serai-rates"
_WAIT_SECONDS = 0.25
"""How long a request waits for another process that writes. After that it is let through, uncounted."""
_LOG_SECONDS = 60
_TABLE = """
    CREATE TABLE IF NOT EXISTS hit (key BLOB NOT NULL, expires_at REAL NOT NULL);
    CREATE INDEX IF NOT EXISTS hit_by_key ON hit (key, expires_at);
    CREATE INDEX IF NOT EXISTS hit_by_end ON hit (expires_at);
"""
_DROP_TWO = "DELETE FROM hit WHERE rowid IN (SELECT rowid FROM hit WHERE expires_at <= ? ORDER BY expires_at LIMIT 2)"
_NEWEST = (
    "SELECT 1 FROM hit WHERE key = ? AND expires_at > ? AND expires_at <= ? ORDER BY expires_at DESC LIMIT 1 OFFSET ?"
)
_WINDOW = "SELECT min(expires_at), count(*) FROM hit WHERE key = ? AND expires_at > ? AND expires_at <= ?"


def prepare(path: Path) -> str:
    """Creates the file of a server and returns the address under which its web processes find it."""
    _open(path).close()
    return f"{SCHEME}://{quote(str(path))}"


def _open(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, _WAIT_SECONDS, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = OFF")
    connection.executescript(_TABLE)
    return connection


class MovingWindows(Storage, MovingWindowSupport):
    """A store that counts in moving windows alone."""

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Not here: only moving windows are counted."""
        raise NotImplementedError

    def get(self, key: str) -> int:
        """Not here: only moving windows are counted."""
        raise NotImplementedError

    def get_expiry(self, key: str) -> float:
        """Not here: only moving windows are counted."""
        raise NotImplementedError


class SharedRates(MovingWindows):
    """Counts in moving windows, exactly, for all processes that name the same file.

    While the file cannot be used, every request is let through, and the log says so once a minute.
    """

    STORAGE_SCHEME: ClassVar[list[str]] = [SCHEME]  # type: ignore[misc]  # the library declares it on instances

    def __init__(self, uri: str, *, secret: str) -> None:
        super().__init__(uri)
        self._path = Path(unquote(urlsplit(uri).path))
        self._secret = blake2b(secret.encode()).digest()
        self._turn = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._logged_at = float("-inf")

    @property
    def base_exceptions(self) -> type[Exception]:
        """The errors that the file may cause."""
        return sqlite3.Error

    def acquire_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        """Counts a request unless there were `limit` within the last `expiry` seconds. Drops two old rows for each."""
        if amount > limit:
            return False
        name = self._name(key)
        try:
            with self._turn:
                connection = self._connected()
                connection.execute("BEGIN IMMEDIATE")
                now = time.time()  # read while nobody else writes, so that no row is later
                with connection:  # ends the transaction
                    connection.execute(_DROP_TWO, (now,))
                    if connection.execute(_NEWEST, (name, now, now + expiry, limit - amount)).fetchone():
                        return False
                    connection.executemany("INSERT INTO hit VALUES (?, ?)", [(name, now + expiry)] * amount)
        except sqlite3.Error as error:
            self._failed(error)
        return True

    def get_moving_window(self, key: str, limit: int, expiry: int) -> tuple[float, int]:
        """When the oldest request that still counts came, and how many count."""
        now = time.time()
        try:
            with self._turn:
                values = (self._name(key), now, now + expiry)
                end, count = self._connected().execute(_WINDOW, values).fetchone()
        except sqlite3.Error as error:
            self._failed(error)
            return now, 0
        return (end - expiry, count) if count else (now, 0)

    def check(self) -> bool:
        """Whether the file can be used."""
        try:
            with self._turn:
                self._connected().execute("SELECT 1 FROM hit LIMIT 1").fetchone()
        except sqlite3.Error:
            return False
        return True

    def reset(self) -> int:
        """Forgets all counts."""
        with self._turn:
            return self._connected().execute("DELETE FROM hit").rowcount

    def clear(self, key: str) -> None:
        """Forgets the counts of one key."""
        with self._turn:
            self._connected().execute("DELETE FROM hit WHERE key = ?", (self._name(key),))

    def _name(self, key: str) -> bytes:
        """The key as it is stored: it holds a network address, which nobody is to read from the file."""
        return blake2b(key.encode(), digest_size=16, key=self._secret).digest()

    def _connected(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = _open(self._path)
        return self._connection

    def _failed(self, error: sqlite3.Error) -> None:
        if time.monotonic() - self._logged_at >= _LOG_SECONDS:
            self._logged_at = time.monotonic()
            log.error("requests are not counted for rate limits", error=str(error))
