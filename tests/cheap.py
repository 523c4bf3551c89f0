"""What is dear in production and tells a test nothing: hashes that resist guessing, compiled templates and addresses,
commits that outlive a power cut, and garbage collection that goes through the whole program.

It holds within a test's own process; servers and commands that tests start are as in production.
"""

from __future__ import annotations

import gc
import importlib
import sqlite3
import sys
from types import ModuleType
from typing import Any

from argon2 import PasswordHasher
from flask import Flask
from flask.templating import Environment
from jinja2 import BytecodeCache
from jinja2.bccache import Bucket
from sqlalchemy import event
from sqlalchemy.engine import Engine
from werkzeug.routing import Rule

from lms.people import passwords

REAL_COSTS = dict(passwords.COSTS)
"""What a password costs in production."""


def _check_addresses_later() -> None:
    """Leaves out two seconds of an import by jsonschema until a test checks the format of an address."""

    def is_valid_syntax(term: str, value: str) -> bool:
        if sys.modules.get(module.__name__) is module:
            del sys.modules[module.__name__]
        return bool(importlib.import_module(module.__name__).is_valid_syntax(term, value))

    module = ModuleType("rfc3987_syntax")
    module.is_valid_syntax = is_valid_syntax  # type: ignore[attr-defined]
    sys.modules.setdefault(module.__name__, module)


_check_addresses_later()


def make_cheap() -> None:
    """Hashes at the least cost that argon2 allows, compiles each template once for all apps, and so on."""
    passwords.COSTS.update({"time_cost": 1, "memory_cost": 8})
    passwords._hasher = PasswordHasher(**passwords.COSTS)
    passwords._NOBODYS_HASH = passwords._nobodys_hash()

    def create(app: Flask) -> Environment:
        environment = plain(app)
        environment.bytecode_cache = compiled
        return environment

    plain, compiled = Flask.create_jinja_environment, _Compiled()
    Flask.create_jinja_environment = create  # type: ignore[method-assign]
    _compile_addresses_once()
    # After the application's own listener: a test process that is killed leaves its database to nobody
    event.listen(Engine, "connect", _do_not_wait_for_the_disk)
    gc.set_threshold(50_000, 20, 50)


def _compile_addresses_once() -> None:
    """Most of the start of an application is compiling two functions for each address, the same ones each time."""
    compile_builder = Rule._compile_builder
    made: dict[tuple[object, ...], Any] = {}

    def compiled_once(rule: Rule, append_unknown: bool = True) -> Any:
        key = (rule.rule, tuple(rule._trace), repr(rule.defaults), append_unknown)
        if key not in made:
            made[key] = compile_builder(rule, append_unknown)
        return made[key]

    Rule._compile_builder = compiled_once  # type: ignore[method-assign]


def collect_less() -> None:
    """Exempts what is there from garbage collection, as a server does: for each process once all tests are loaded."""
    gc.collect()
    gc.freeze()


def _do_not_wait_for_the_disk(connection: Any, _record: object) -> None:
    if isinstance(connection, sqlite3.Connection):
        connection.execute("PRAGMA synchronous=OFF")


class _Compiled(BytecodeCache):
    def __init__(self) -> None:
        self._kept: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if bucket.key in self._kept:
            bucket.bytecode_from_string(self._kept[bucket.key])

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._kept[bucket.key] = bucket.bytecode_to_string()
