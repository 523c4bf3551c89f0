"""Passwords and one-time secrets: how they are hashed (argon2id, 19 MiB, two passes) and compared."""

import hashlib
import secrets
from base64 import b64encode
from collections.abc import Iterable
from typing import TypedDict

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.low_level import Type, hash_secret_raw


class Costs(TypedDict):
    """The costs of a guess: passes, KiB of memory, lanes."""

    time_cost: int
    memory_cost: int
    parallelism: int


COSTS: Costs = {"time_cost": 2, "memory_cost": 19 * 1024, "parallelism": 1}
"""Of a password, and of a recovery code."""
_hasher = PasswordHasher(**COSTS)


def hash_password(password: str) -> str:
    """The hash to keep. Takes tens of milliseconds: never under a write lock."""
    return _hasher.hash(password)


def _nobodys_hash() -> str:
    """A hash that fits no password that anybody could find, and costs what every other costs."""
    salt, digest = (b64encode(secrets.token_bytes(length)).decode().rstrip("=") for length in (16, 32))
    return f"$argon2id$v=19$m={_hasher.memory_cost},t={_hasher.time_cost},p={_hasher.parallelism}${salt}${digest}"


_NOBODYS_HASH = _nobodys_hash()


def verify_password(stored_hash: str | None, password: str) -> bool:
    """Whether a password fits. Takes as long where there is none, so that time does not tell who has an account."""
    try:
        return _hasher.verify(stored_hash or _NOBODYS_HASH, password) and stored_hash is not None
    except (VerificationError, InvalidHashError):
        return False


def new_secret() -> str:
    """A secret for a link or token: 256 bits."""
    return secrets.token_urlsafe(32)


def hash_secret(secret: str) -> str:
    """Returns what is stored of a secret. It is random and long, so a plain hash is enough."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


def hash_codes(codes: Iterable[str], salt: str) -> list[str]:
    """Returns what is stored of recovery codes, which are short: argon2id with the person's own salt.

    Takes as long as a password for each code: never under a write lock.
    """
    return [
        hash_secret_raw(code.encode(), bytes.fromhex(salt), hash_len=32, type=Type.ID, **COSTS).hex() for code in codes
    ]
