"""Connections to PostgreSQL that retain prepared statements.

The driver prepares a statement that it runs repeatedly, so that the server need not plan it again. It drops all of them
at each rollback; but SQLAlchemy rolls back every transaction that only read, so that statements were never reused
across requests, and planning took two thirds of the server's time.
"""

from typing import Any

from psycopg import Connection, Cursor
from psycopg.pq import TransactionStatus

_READING = "SELECT", ";"
"""How statements begin that only read, and the one by which SQLAlchemy asks whether the server is there."""


class ReadingCursor(Cursor[Any]):
    """Tells its connection of every statement that may do more than read."""

    connection: "KeepingConnection"

    def execute(self, query: Any, *args: Any, **options: Any) -> "ReadingCursor":
        """As the driver's."""
        if not (isinstance(query, str) and query.startswith(_READING)):
            self.connection.only_reads = False
        return super().execute(query, *args, **options)

    def executemany(self, query: Any, *args: Any, **options: Any) -> None:
        """As the driver's."""
        self.connection.only_reads = False
        super().executemany(query, *args, **options)

    def copy(self, *args: Any, **options: Any) -> Any:
        """As the driver's."""
        self.connection.only_reads = False
        return super().copy(*args, **options)


class KeepingConnection(Connection[Any]):
    """A connection that ends a transaction in which it only read by committing it, which comes to the same."""

    only_reads = True

    def commit(self) -> None:
        """As the driver's."""
        super().commit()
        self.only_reads = True

    def rollback(self) -> None:
        """As the driver's, after a write or a failure."""
        if self.only_reads and self.info.transaction_status is TransactionStatus.INTRANS:
            super().commit()
        else:
            super().rollback()
        self.only_reads = True


def connect(*args: Any, **options: Any) -> KeepingConnection:
    """A connection to PostgreSQL, as `psycopg.connect` makes one."""
    return KeepingConnection.connect(*args, cursor_factory=ReadingCursor, **options)


def is_pooled(connection: Connection[Any]) -> bool:
    """Whether a pool such as PgBouncer stands between this connection and the server.

    A pool gives its clients a process number of its own, which is not that of the server's process.
    """
    row = connection.execute("SELECT pg_backend_pid()").fetchone()
    return row is None or row[0] != connection.info.backend_pid
