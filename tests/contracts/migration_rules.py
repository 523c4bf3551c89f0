"""What a migration may do while an earlier version of the code still runs, read from its file."""

from __future__ import annotations

import ast
from collections.abc import Iterator

ONLINE = {
    "create_index_online",
    "add_foreign_key_online",
    "add_check_online",
    "widen_check_online",
    "drop_not_null_online",
    "set_not_null_online",
    "update_in_batches",
}
"""Operations of `lms/core/database/migration_operations.py`: they commit, so they stand alone in a migration."""
EXPANDS = {"create_table", "create_index", "add_column", "batch_alter_table", "f", "bulk_insert", "execute", "get_bind"}
REMOVES = {"drop_table", "drop_column", "drop_constraint", "drop_index", "rename_table", "alter_column"}
LOCKS = {"create_foreign_key", "create_check_constraint", "create_unique_constraint", "create_primary_key"}
"""What locks a table for as long as reading it takes."""


def faults_of(source: str) -> list[str]:
    """What is against the rules in the text of a migration."""
    tree = ast.parse(source)
    names = {
        target.id
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    upgrade = next(node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "upgrade")
    calls = list(_operations(upgrade))
    created = {_text(call.args[0]) for name, call in calls if name == "create_table"}
    faults = []
    used = {name for name, _call in calls}
    if used & ONLINE and used - ONLINE - {"f"}:
        faults.append(f"{', '.join(sorted(used - ONLINE - {'f'}))}: move it to a migration of its own")
    for name, call in calls:
        faults += _faults_of_call(name, call, created=created, is_contract="contract_since" in names)
    return faults


def _operations(upgrade: ast.FunctionDef) -> Iterator[tuple[str, ast.Call]]:
    """The calls of `op` and of what `op.batch_alter_table` gives, by their names."""
    tables = {
        item.optional_vars.id
        for node in ast.walk(upgrade)
        if isinstance(node, ast.With)
        for item in node.items
        if isinstance(item.optional_vars, ast.Name)
    }
    for node in ast.walk(upgrade):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and isinstance(node.func.value, ast.Name)
            and node.func.value.id in {"op", *tables}
        ):
            yield node.func.attr, node


def _faults_of_call(name: str, call: ast.Call, *, created: set[str], is_contract: bool) -> list[str]:
    if name in REMOVES:
        reason = "earlier code may use it: wait for the next version, then name it in contract_since"
        return [] if is_contract else [f"{name}: {reason}"]
    if name in LOCKS:
        return [f"{name}: locks the table while it is read; use an operation of ONLINE"]
    if name == "create_index":
        table = _text(call.args[1]) if len(call.args) > 1 else ""
        return [] if table in created else ["create_index: locks a table that has rows; use op.create_index_online"]
    if name == "add_column":
        return _faults_of_column(call)
    if name == "execute":
        statement = (_text(call.args[0]) if call.args else "").lstrip().upper()
        return [] if statement.startswith("INSERT INTO") else ["execute: use op.update_in_batches"]
    return [] if name in EXPANDS | ONLINE else [f"{name}: not known to be safe; add it to migration_rules.py"]


def _faults_of_column(call: ast.Call) -> list[str]:
    column = next((part for part in call.args if isinstance(part, ast.Call)), None)
    options = {} if column is None else {option.arg: option.value for option in column.keywords}
    nullable = options.get("nullable")
    may_be_left_out = "server_default" in options or (isinstance(nullable, ast.Constant) and nullable.value is True)
    faults = (
        [] if may_be_left_out else ["add_column: earlier code does not fill it; add nullable=True or server_default"]
    )
    refers = column is not None and any(
        isinstance(node, ast.Attribute) and node.attr in {"ForeignKey", "CheckConstraint"} for node in ast.walk(column)
    )
    if refers:
        faults.append("add_column: its constraint is checked under a lock; use an operation of ONLINE")
    return faults


def _text(node: ast.expr) -> str:
    """The text that an expression begins with, also within `op.f()` and `sa.text()`."""
    if isinstance(node, ast.Call) and node.args:
        return _text(node.args[0])
    if isinstance(node, ast.JoinedStr) and node.values:
        return _text(node.values[0])
    return str(node.value) if isinstance(node, ast.Constant) else ""
