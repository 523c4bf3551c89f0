"""What is dear in production and tells a test nothing: hashes that resist guessing, templates compiled once an app.

It holds within a test's own process; servers and commands that tests start are as in production.
"""

from __future__ import annotations

from argon2 import PasswordHasher
from flask import Flask
from flask.templating import Environment
from jinja2 import BytecodeCache
from jinja2.bccache import Bucket

from lms.people import passwords

REAL_COSTS = dict(passwords.COSTS)
"""What a password costs in production."""


def make_cheap() -> None:
    """Hashes at the least cost that argon2 allows; compiles each template once for all apps."""
    passwords.COSTS.update({"time_cost": 1, "memory_cost": 8})
    passwords._hasher = PasswordHasher(**passwords.COSTS)
    passwords._NOBODYS_HASH = passwords._nobodys_hash()

    def create(app: Flask) -> Environment:
        environment = plain(app)
        environment.bytecode_cache = compiled
        return environment

    plain, compiled = Flask.create_jinja_environment, _Compiled()
    Flask.create_jinja_environment = create  # type: ignore[method-assign]


class _Compiled(BytecodeCache):
    def __init__(self) -> None:
        self._kept: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if bucket.key in self._kept:
            bucket.bytecode_from_string(self._kept[bucket.key])

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._kept[bucket.key] = bucket.bytecode_to_string()
