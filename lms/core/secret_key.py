"""The secret of an installation: it signs cookies and room tokens, and seals the secrets of second factors.

`LMS_SECRET_KEY`, else `secret.key` in the data folder. While it is being replaced the one before is still accepted:
`LMS_SECRET_KEY_OLD`, else `secret.key.old`.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path

from lms.config import Config
from lms.core.errors import Refused


def read_secrets(config: Config) -> list[str]:
    """The secret, then the one before if it is still accepted. Makes the first one of a new data folder."""
    path, old_path = _path(config), _old_path(config)
    newest = config.secret_key or _stored_key(path)
    old = config.secret_key_old or (old_path.read_text(encoding="ascii") if old_path.exists() else "")
    return list(dict.fromkeys(secret for secret in (newest, old) if secret))


def begin_rotation(config: Config) -> None:
    """Replaces the secret in the data folder and stores the old one next to it. Refused while an old one is stored."""
    path, old_path = _path(config), _old_path(config)
    if config.secret_key:
        raise Refused("LMS_SECRET_KEY is set: put the new secret there and the present one into LMS_SECRET_KEY_OLD")
    present = _stored_key(path)
    if old_path.exists() and old_path.read_text(encoding="ascii") != present:
        raise Refused("the secret was replaced already: run this again with --finish")
    old_path.unlink(missing_ok=True)  # of a rotation that was cut short between the two steps below
    old_path.hardlink_to(path)
    draft = _draft(path)
    draft.replace(path)


def end_rotation(config: Config) -> None:
    """Forgets the secret before this one."""
    _old_path(config).unlink(missing_ok=True)


def _path(config: Config) -> Path:
    return config.folder / "secret.key"


def _old_path(config: Config) -> Path:
    return config.folder / "secret.key.old"


def _stored_key(path: Path) -> str:
    """The secret of a data folder, created atomically at the first start by any process."""
    if not path.exists():
        draft = _draft(path)
        with contextlib.suppress(FileExistsError):
            path.hardlink_to(draft)
        draft.unlink()
    return path.read_text(encoding="ascii")


def _draft(path: Path) -> Path:
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w", encoding="ascii") as file:
        file.write(secrets.token_urlsafe(48))
        file.flush()
        os.fsync(file.fileno())
    return draft
