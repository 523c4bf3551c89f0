"""Passwords that cost next to nothing to hash: tests set and check thousands of them."""

from __future__ import annotations

from argon2 import PasswordHasher

from lms.people import passwords

REAL_COSTS = dict(passwords.COSTS)
"""What the product uses."""


def make_cheap() -> None:
    """Has this process, but none that tests start, hash at the least cost that argon2 allows."""
    passwords.COSTS.update(time_cost=1, memory_cost=8)
    passwords._hasher = PasswordHasher(**passwords.COSTS)
    passwords._NOBODYS_HASH = passwords._nobodys_hash()
