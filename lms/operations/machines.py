"""Facts about processes that have to be alike on all machines that serve one site."""

import hashlib
import hmac
import secrets
from typing import Any

from lms.certificates.keys import KeyMissing, current
from lms.config import SETTINGS, Config
from lms.core.database.session import db
from lms.core.storage import files
from lms.core.storage.secret_keys import read_secrets
from lms.core.time import zones
from lms.version import build_version

LOCAL_SETTINGS = frozenset({
    "DATA", "DATABASE_CONNECTIONS", "DATABASE_DIRECT_URL", "DATABASE_PREPARED", "DATABASE_URL",
    "FILES_ACCESS_KEY", "FILES_SECRET_KEY", "FONTS", "LOG_LEVEL", "POSTGRESQL_TOOLS", "PROXIES", "SECRET_KEY",
    "SECRET_KEY_OLD", "SIGNING_KEY", "SIGNING_PASSWORD", "STOP_SECONDS", "THREADS", "WORKERS",
})  # fmt: skip
"""Settings that each machine may have of its own, or that `facts_of` compares in another way."""
STORAGE_MARK = "identity/storage"
"""The stored file by which two machines know that they have the same storage."""
_DIGEST_LENGTH = 16


def facts_of(config: Config, *, is_new_storage_marked: bool = False) -> dict[str, Any]:
    """Returns what this process runs with: its version, time zones, storage and signing key, and keyed digests of its
    settings.

    No secret can be read from a digest. With `is_new_storage_marked`, storage without a mark gets one.
    """
    accepted = read_secrets(config)
    return {
        "version": build_version(),
        "time_zones": zones.version(),
        "secrets": [_digest(secret, "") for secret in accepted],
        "settings": {
            setting.variable: _digest(accepted[0], str(getattr(config, setting.name.lower())))
            for setting in SETTINGS
            if setting.name not in LOCAL_SETTINGS
        },
        "storage": _storage_mark(is_new_marked=is_new_storage_marked),
        "signing_key": _signing_key(),
    }


def _digest(secret: str, text: str) -> str:
    return hmac.new(secret.encode(), f"serai process {text}".encode(), hashlib.sha256).hexdigest()[:_DIGEST_LENGTH]


def _storage_mark(*, is_new_marked: bool) -> str | None:
    """The mark of the storage; None where it has none or is away."""
    try:
        mark = files.find(STORAGE_MARK)
        if mark is None and is_new_marked:
            files.create(STORAGE_MARK, secrets.token_hex(8).encode())
            mark = files.find(STORAGE_MARK)  # of two processes that begin at once, one has marked it
    except files.StorageAway:
        return None
    return None if mark is None else mark.decode()


def _signing_key() -> str | None:
    """The id of the key that this machine can sign with; None where it has none, or not the one in use."""
    try:
        return current().kid
    except (KeyMissing, OSError, ValueError):
        return None
    finally:
        db.session.rollback()
