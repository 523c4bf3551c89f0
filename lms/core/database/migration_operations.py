"""Operations for migrations of large tables on PostgreSQL while people use the site.

Alembic has them as `op.create_index_online(...)` and so on; migrations import nothing of the application. Each holds a
lock that others wait for only for a moment, commits what was done before it, and can be run again after it was
interrupted. So a migration that uses one uses nothing else. On SQLite they do the same in the migration's transaction.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from alembic.operations import MigrateOperation, Operations
from sqlalchemy import event, text
from sqlalchemy.engine import Connection
from sqlalchemy.types import TypeEngine

LOCK_TIMEOUT_SECONDS = 1
"""How long a migration waits for a lock before it gives up and is tried again: everybody else waits behind it."""
ROWS = 2000
"""Rows that are updated in one transaction."""


def bound_waits(connection: Connection) -> None:
    """On PostgreSQL, has each transaction of a connection give up a lock that it does not get at once."""

    @event.listens_for(connection, "begin")
    def bound(begun: Connection) -> None:
        if not getattr(begun.connection.driver_connection, "autocommit", False):
            begun.exec_driver_sql(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT_SECONDS}s'")


class _OnlineOperation(MigrateOperation):
    """An operation with its arguments."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self.arguments = arguments
        self.options = options


@Operations.register_operation("create_index_online")
class _CreateIndex(_OnlineOperation):
    @classmethod
    def create_index_online(
        cls,
        operations: Operations,
        index_name: str,
        table_name: str,
        columns: Sequence[str],
        *,
        unique: bool = False,
        where: str | None = None,
    ) -> None:
        """Creates an index while rows of the table are written."""
        operations.invoke(cls(index_name, table_name, columns, unique=unique, where=where))


@Operations.register_operation("add_foreign_key_online")
class _AddForeignKey(_OnlineOperation):
    @classmethod
    def add_foreign_key_online(
        cls,
        operations: Operations,
        constraint_name: str,
        source_table: str,
        referent_table: str,
        local_cols: Sequence[str],
        remote_cols: Sequence[str],
        *,
        ondelete: str | None = None,
    ) -> None:
        """Adds a foreign key that holds for new rows at once, then checks the rows that are there."""
        operations.invoke(
            cls(constraint_name, source_table, referent_table, local_cols, remote_cols, ondelete=ondelete)
        )


@Operations.register_operation("add_check_online")
class _AddCheck(_OnlineOperation):
    @classmethod
    def add_check_online(cls, operations: Operations, constraint_name: str, table_name: str, condition: str) -> None:
        """Adds a check that holds for new rows at once, then checks the rows that are there."""
        operations.invoke(cls(constraint_name, table_name, condition))


@Operations.register_operation("widen_check_online")
class _WidenCheck(_OnlineOperation):
    @classmethod
    def widen_check_online(cls, operations: Operations, constraint_name: str, table_name: str, condition: str) -> None:
        """Replaces a check by one that all rows keep which kept the one before, so that earlier code can go on."""
        operations.invoke(cls(constraint_name, table_name, condition))


@Operations.register_operation("drop_not_null_online")
class _DropNotNull(_OnlineOperation):
    @classmethod
    def drop_not_null_online(
        cls, operations: Operations, table_name: str, column_name: str, existing_type: TypeEngine[Any]
    ) -> None:
        """Lets a column be empty. Earlier code, which reads it, must bear rows where it is."""
        operations.invoke(cls(table_name, column_name, existing_type))


@Operations.register_operation("set_not_null_online")
class _SetNotNull(_OnlineOperation):
    @classmethod
    def set_not_null_online(
        cls, operations: Operations, table_name: str, column_name: str, existing_type: TypeEngine[Any]
    ) -> None:
        """Makes a column `NOT NULL` once its rows were checked without a lock."""
        operations.invoke(cls(table_name, column_name, existing_type))


@Operations.register_operation("update_in_batches")
class _UpdateInBatches(_OnlineOperation):
    @classmethod
    def update_in_batches(
        cls, operations: Operations, table_name: str, values: Mapping[str, str], *, where: str, key: str = "id"
    ) -> None:
        """Sets columns to SQL expressions in the rows of a condition, some thousand rows of its key at a time.

        The condition is false for a row that was updated, so that the operation can be run again.
        """
        operations.invoke(cls(table_name, values, where=where, key=key))


def _is_sqlite(operations: Operations) -> bool:
    return operations.get_bind().dialect.name == "sqlite"


@contextmanager
def _committed(operations: Operations) -> Iterator[Connection]:
    """The connection outside a transaction, after what was done so far is committed."""
    with operations.get_context().autocommit_block():
        yield operations.get_bind()


@Operations.implementation_for(_CreateIndex)
def _create_index(operations: Operations, operation: _CreateIndex) -> None:
    name, table, columns = operation.arguments
    where = operation.options["where"]
    options: dict[str, Any] = {"unique": operation.options["unique"]}
    if where is not None:
        options |= {"postgresql_where": text(where), "sqlite_where": text(where)}
    if _is_sqlite(operations):
        operations.create_index(name, table, columns, **options)
        return
    broken = text("SELECT EXISTS (SELECT 1 FROM pg_index WHERE indexrelid = to_regclass(:name) AND NOT indisvalid)")
    with _committed(operations) as connection:
        if connection.scalar(broken, {"name": name}):  # of a run that was interrupted
            operations.drop_index(name, table, postgresql_concurrently=True)
        operations.create_index(name, table, columns, postgresql_concurrently=True, if_not_exists=True, **options)


def _has_constraint(operations: Operations, table: str, name: str) -> bool:
    query = text("SELECT EXISTS (SELECT 1 FROM pg_constraint WHERE conname = :name AND conrelid = to_regclass(:table))")
    return bool(operations.get_bind().scalar(query, {"name": name, "table": table}))


def _validate(operations: Operations, table: str, name: str) -> None:
    with _committed(operations) as connection:
        connection.exec_driver_sql(f'ALTER TABLE "{table}" VALIDATE CONSTRAINT "{name}"')


@Operations.implementation_for(_AddForeignKey)
def _add_foreign_key(operations: Operations, operation: _AddForeignKey) -> None:
    name, source, referent, columns, referred = operation.arguments
    if _is_sqlite(operations):
        with operations.batch_alter_table(source) as table:
            table.create_foreign_key(name, referent, columns, referred, **operation.options)
        return
    if not _has_constraint(operations, source, name):
        options = {**operation.options, "postgresql_not_valid": True}
        operations.create_foreign_key(name, source, referent, columns, referred, **options)
    _validate(operations, source, name)


@Operations.implementation_for(_AddCheck)
def _add_check(operations: Operations, operation: _AddCheck) -> None:
    name, table_name, condition = operation.arguments
    if _is_sqlite(operations):
        with operations.batch_alter_table(table_name) as table:
            table.create_check_constraint(operations.f(name), text(condition))
        return
    if not _has_constraint(operations, table_name, name):
        check = operations.f(name)
        operations.create_check_constraint(check, table_name, text(condition), postgresql_not_valid=True)
    _validate(operations, table_name, name)


@Operations.implementation_for(_WidenCheck)
def _widen_check(operations: Operations, operation: _WidenCheck) -> None:
    name, table_name, condition = operation.arguments
    check = operations.f(name)
    if _is_sqlite(operations):
        with operations.batch_alter_table(table_name) as table:
            table.drop_constraint(check, type_="check")
            table.create_check_constraint(check, text(condition))
        return
    with operations.get_context().autocommit_block():
        pass  # what was done before is committed: both of these are one transaction
    operations.drop_constraint(check, table_name, type_="check")
    operations.create_check_constraint(check, table_name, text(condition), postgresql_not_valid=True)
    _validate(operations, table_name, name)


@Operations.implementation_for(_DropNotNull)
def _drop_not_null(operations: Operations, operation: _DropNotNull) -> None:
    table_name, column, existing_type = operation.arguments
    with operations.batch_alter_table(table_name) as table:  # on PostgreSQL at once, without a scan
        table.alter_column(column, existing_type=existing_type, nullable=True)


@Operations.implementation_for(_SetNotNull)
def _set_not_null(operations: Operations, operation: _SetNotNull) -> None:
    table_name, column, existing_type = operation.arguments
    if _is_sqlite(operations):
        with operations.batch_alter_table(table_name) as table:
            table.alter_column(column, existing_type=existing_type, nullable=False)
        return
    name = f"ck_{table_name}_{column}_is_there"
    if not _has_constraint(operations, table_name, name):
        check = operations.f(name)
        operations.create_check_constraint(
            check, table_name, text(f'"{column}" IS NOT NULL'), postgresql_not_valid=True
        )
    _validate(operations, table_name, name)
    operations.alter_column(table_name, column, existing_type=existing_type, nullable=False)  # by the check: no scan
    operations.drop_constraint(operations.f(name), table_name, type_="check")


@Operations.implementation_for(_UpdateInBatches)
def _update_in_batches(operations: Operations, operation: _UpdateInBatches) -> None:
    table, values = operation.arguments
    where, key = operation.options["where"], operation.options["key"]
    setting = ", ".join(f'"{column}" = {expression}' for column, expression in values.items())
    update = f'UPDATE "{table}" SET {setting} WHERE ({where})'  # noqa: S608  of a migration
    if _is_sqlite(operations):
        operations.execute(text(update))
        return
    batch = text(f'{update} AND "{key}" > :after AND "{key}" <= :until')
    until = text(
        f'SELECT max("{key}") FROM (SELECT "{key}" FROM "{table}" WHERE "{key}" > :after '  # noqa: S608
        f'ORDER BY "{key}" LIMIT {ROWS}) AS batch'
    )
    with _committed(operations) as connection:
        after = connection.scalar(text(f'SELECT min("{key}") - 1 FROM "{table}"'))  # noqa: S608
        while after is not None and (last := connection.scalar(until, {"after": after})) is not None:
            connection.execute(batch, {"after": after, "until": last})
            after = last
