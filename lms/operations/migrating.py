"""Migrating the database: by one process at a time, and without holding up those who use the site meanwhile."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from alembic.util import CommandError
from flask_migrate import upgrade
from sqlalchemy import NullPool, create_engine, func, select
from sqlalchemy.engine import Connection
from sqlalchemy.exc import OperationalError

from lms.config import Config
from lms.core.base.errors import Refused
from lms.core.database import schema
from lms.core.text.i18n import _

Tell = Callable[[str], None]
WAIT_SECONDS = 1
"""Between two looks whether another process has finished migrating."""
ATTEMPTS = 60
"""How often a migration is tried that does not get a lock; with the seconds between, for about five minutes."""
LONGEST_PAUSE_SECONDS = 5
_NO_LOCK = "55P03"
"""SQLSTATE `lock_not_available` of PostgreSQL."""
_LOCK = func.pg_try_advisory_xact_lock(func.hashtext("migrate"))


@contextmanager
def one_at_a_time(config: Config, *, tell: Tell) -> Iterator[None]:
    """Waits until no other process prepares a PostgreSQL database, and holds the others off meanwhile.

    The lock belongs to an open transaction, so that it works behind a pool and ends with the process. Who waits looks
    again and again: a statement that waits would hold up the building of an index, for which it waits itself.
    """
    if config.sqlite_file is not None:
        yield
        return
    engine = create_engine(config.direct_database, poolclass=NullPool)
    with engine.connect() as connection:
        is_told = False
        while not _take_lock(connection):
            if not is_told:
                tell(_("Another process is preparing the database. Waiting until it has finished."))
                is_told = True
            time.sleep(WAIT_SECONDS)
        yield
        connection.rollback()


def _take_lock(connection: Connection) -> bool:
    if not connection.scalar(select(_LOCK)):
        connection.rollback()
        return False
    # As the last statement it also ends the view of the data that the first one had: an index would be waiting for it
    connection.exec_driver_sql("SET LOCAL idle_in_transaction_session_timeout = 0")
    return True


def migrate(*, tell: Tell) -> None:
    """Migrates the database to the newest schema. On PostgreSQL, a migration that gets no lock is tried again.

    Raises Refused where it fails. Migrations that were finished remain.
    """
    schema.begin_step()
    for attempt in range(1, ATTEMPTS + 1):
        try:
            upgrade()
        except CommandError as error:
            raise Refused(_("The database cannot be migrated: %(reason)s", reason=str(error))) from error
        except OperationalError as error:
            if getattr(error.orig, "sqlstate", None) != _NO_LOCK:
                raise
            if attempt == ATTEMPTS:
                raise Refused(
                    _(
                        "The database was not migrated completely: other transactions held its tables all the time. "
                        "The site still works. Run `lms init` again at a quieter time."
                    )
                ) from error
            if attempt == 1:
                tell(_("A migration waits for a table that is in use. It is tried again until it gets it."))
            time.sleep(min(attempt, LONGEST_PAUSE_SECONDS))
        else:
            return
