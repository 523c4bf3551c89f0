"""The database: its schema, integrity, references, facts, and times in the future."""

import socket
from collections.abc import Iterator
from datetime import timedelta

import psycopg
from sqlalchemy import column, func, inspect, make_url, select, table, text
from sqlalchemy.engine import Connection

from lms.core.background.processes import ALIVE_FOR, clock_ahead_of_database, list_heartbeats
from lms.core.database import schema
from lms.core.database.audit import AuditEntry
from lms.core.database.postgresql import is_pooled
from lms.core.database.session import db, is_sqlite
from lms.core.text.i18n import english as _
from lms.core.time import clock
from lms.mail.outbox import OutboxMail
from lms.operations.checks.model import CheckContext, Finding, fault, ok, warning
from lms.reports import recount
from lms.reports.recounted_rows import RecountRows

AHEAD = timedelta(minutes=2)
"""An event that is recorded as later than now by more than this is a fault."""
SKEW, GREAT_SKEW = timedelta(seconds=2), timedelta(seconds=30)
"""Differences between clocks: a warning from the first, a fault from the second, when codes of a second factor fail."""
_SHOWN = 3


def check_schema(_context: CheckContext) -> Iterator[Finding]:
    """Whether the database has the schema of this version."""
    mismatch = schema.find_mismatch()
    if mismatch:
        yield fault(_("schema"), mismatch, _("Nothing else is checked until this is fixed."))
        return
    with db.engine.connect() as connection:
        revision = str(schema.revision_of(connection))
    if schema.is_newer(revision):
        yield warning(
            _("schema"),
            _("%(revision)s, of a newer version that this one can work with", revision=revision),
            _("Update this machine too."),
        )
    else:
        yield ok(_("schema"), revision)


def check_pool(context: CheckContext) -> Iterator[Finding]:
    """Whether a pool such as PgBouncer is in front of the database, so that signals do not reach the worker."""
    if is_sqlite() or not _is_pooled(context.config.direct_database):
        return
    yield warning(
        _("database pool"),
        _("a pool is in front of the database, so the worker looks for work twice a second"),
        _("Set LMS_DATABASE_DIRECT_URL to the address of the database itself."),
    )


def _is_pooled(address: str) -> bool:
    url = make_url(address).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(url, connect_timeout=5) as connection:
        return is_pooled(connection)


def check_integrity(context: CheckContext) -> Iterator[Finding]:
    """Whether the database can be read and its indexes agree with its tables."""
    remedy = _("Stop the server and restore the last backup into an empty place (`lms restore`).")
    with db.engine.connect() as connection:
        lines = _sqlite_damage(connection, context) if is_sqlite() else _postgresql_damage(connection)
    for line in lines[:_SHOWN]:
        yield fault(_("integrity"), line, remedy)
    if not lines:
        yield ok(_("integrity"), _("no damage found"))


def _sqlite_damage(connection: Connection, context: CheckContext) -> list[str]:
    pragma = "quick_check" if context.is_quick else "integrity_check"
    return [row[0] for row in connection.exec_driver_sql(f"PRAGMA {pragma}({_SHOWN})") if row[0] != "ok"]


def _postgresql_damage(connection: Connection) -> list[str]:
    """Indexes that are not valid, constraints that were never checked, and pages with a wrong checksum."""
    invalid = "SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid"
    unchecked = "SELECT conname FROM pg_constraint WHERE NOT convalidated"
    pages = "SELECT coalesce(sum(checksum_failures), 0) FROM pg_stat_database WHERE datname = current_database()"
    lines = [_("the index %(name)s is not valid", name=name) for name in connection.scalars(text(invalid))]
    lines += [_("the constraint %(name)s was never checked", name=name) for name in connection.scalars(text(unchecked))]
    if failures := connection.scalar(text(pages)):
        lines.append(_("%(count)s pages have a wrong checksum", count=failures))
    return lines


def check_references(context: CheckContext) -> Iterator[Finding]:
    """Whether every row that another one refers to is there."""
    if context.is_quick:
        return
    with db.engine.connect() as connection:
        broken = _broken_sqlite(connection) if is_sqlite() else _broken_postgresql(connection)
    for line in broken[:_SHOWN]:
        yield fault(_("references"), line, _("Restore the last backup in which `lms check` finds nothing."))
    if not broken:
        yield ok(_("references"), _("every reference points to a row"))


def _broken_sqlite(connection: Connection) -> list[str]:
    rows = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchmany(_SHOWN)
    return [
        _("%(table)s, row %(row)s: no such row in %(other)s", table=row[0], row=row[1], other=row[2]) for row in rows
    ]


def _broken_postgresql(connection: Connection) -> list[str]:
    lines = []
    inspector = inspect(connection)
    for name in inspector.get_table_names():
        for key in inspector.get_foreign_keys(name):
            (referring,), (other,) = key["constrained_columns"], key["referred_columns"]
            rows, known = (
                table(name, column(referring)).alias("rows"),
                table(key["referred_table"], column(other)).alias(),
            )
            lost = (
                select(func.count())
                .select_from(rows.outerjoin(known, rows.c[referring] == known.c[other]))
                .where(rows.c[referring].is_not(None), known.c[other].is_(None))
            )
            if count := connection.scalar(lost):
                lines.append(
                    _("%(table)s.%(column)s: %(count)s point to nothing", table=name, column=referring, count=count)
                )
    return lines


def check_facts(context: CheckContext) -> Iterator[Finding]:
    """Whether the facts that figures are counted from are what the rows say."""
    if context.is_quick:
        return
    differing = recount.facts_differences(RecountRows(clock.reporting_zone()))
    db.session.rollback()
    for line in differing[:_SHOWN]:
        yield fault(_("facts"), line, _("Run `lms report rebuild`, then `lms report verify`."))
    if not differing:
        yield ok(_("facts"), _("match the rows"))


def check_times(context: CheckContext) -> Iterator[Finding]:
    """Whether the clocks of all machines agree, and no event is recorded as later than now."""
    remedy = _("Set the clocks of all machines with NTP, also that of the database server.")
    differences = _clock_differences(context)
    for machine, ahead in differences.items():
        finding = fault if abs(ahead) >= GREAT_SKEW else warning
        values = {"machine": machine, "seconds": f"{abs(ahead).total_seconds():.1f}"}
        message = (
            _("the clock of %(machine)s is %(seconds)s seconds ahead of this machine's", **values)
            if ahead > timedelta()
            else _("the clock of %(machine)s is %(seconds)s seconds behind this machine's", **values)
        )
        yield finding(_("clock"), message, remedy)
    latest = [
        (name, recorded)
        for name, moment in ((_("activity"), AuditEntry.at), (_("mail"), OutboxMail.created_at))
        if (recorded := db.session.scalar(select(func.max(moment)))) is not None and recorded > context.at + AHEAD
    ]
    db.session.rollback()
    for name, recorded in latest:
        yield fault(
            _("clock"),
            _("%(what)s is recorded at %(time)s, in the future", what=name, time=recorded.isoformat()),
            remedy,
        )
    if not (latest or differences):
        yield ok(_("clock"), _("nothing is recorded in the future"))


def _clock_differences(context: CheckContext) -> dict[str, timedelta]:
    """How far the clocks of other machines are ahead of this one's, where that is much."""
    differences = {}
    ahead = clock_ahead_of_database() or timedelta()
    if ahead:
        differences[_("the database server")] = -ahead
    for row in list_heartbeats():
        if row.host == socket.gethostname():
            continue
        if row.clock_ahead_ms is not None and row.seen_at > context.at - ahead - ALIVE_FOR:
            differences[row.host] = timedelta(milliseconds=row.clock_ahead_ms) - ahead
        elif row.clock_ahead_ms is None and row.seen_at > context.at:  # a clock behind looks like a stopped process
            differences[row.host] = row.seen_at - context.at
    return {machine: ahead for machine, ahead in differences.items() if abs(ahead) >= SKEW}
