"""The secret of an installation, and what is sealed with it.

It signs cookies and room tokens, and seals values that must be readable again but not be plain in the database. It
comes from `LMS_SECRET_KEY`, else from `secret.key` in the data folder. While it is being replaced, the one before is
still accepted: `LMS_SECRET_KEY_OLD`, else `secret.key.old`. A copy of the database alone opens nothing. A sealed
text is bound to its row, so that it cannot be opened in another one.
"""

import contextlib
import os
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from flask import current_app

from lms.config import Config
from lms.core.base.errors import Refused
from lms.core.database.session import engine_options


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


KEY = "lms.sealer"
_VERSION: Final = "v1."
_NONCE_BYTES: Final = 12


class SealBroken(Exception):
    """A text cannot be opened: it was sealed with another secret, for something else, or altered."""


class Sealer:
    """Seals with the first of the secrets, and opens what any of them sealed."""

    def __init__(self, secrets: Sequence[str]) -> None:
        self._keys = [AESGCM(_derived(secret)) for secret in secrets]

    def seal(self, text: str, *, belongs_to: str) -> str:
        """The text, encrypted (AES-256-GCM)."""
        nonce = os.urandom(_NONCE_BYTES)
        sealed = self._keys[0].encrypt(nonce, text.encode(), belongs_to.encode())
        return _VERSION + urlsafe_b64encode(nonce + sealed).decode()

    def unseal(self, sealed: str, *, belongs_to: str) -> str:
        """The text that was sealed. Raises SealBroken."""
        if not is_sealed(sealed):
            raise SealBroken
        try:
            raw = urlsafe_b64decode(sealed.removeprefix(_VERSION))
        except ValueError as error:
            raise SealBroken from error
        for key in self._keys:
            try:
                return key.decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], belongs_to.encode()).decode()
            except (InvalidTag, ValueError):
                continue
        raise SealBroken


def seal(text: str, *, belongs_to: str) -> str:
    """The text, encrypted with this installation's secret."""
    return _sealer().seal(text, belongs_to=belongs_to)


def unseal(sealed: str, *, belongs_to: str) -> str:
    """The text that this installation sealed. Raises SealBroken."""
    return _sealer().unseal(sealed, belongs_to=belongs_to)


def is_sealed(text: str) -> bool:
    """Whether a text was sealed, by whatever secret."""
    return text.startswith(_VERSION)


def _sealer() -> Sealer:
    sealer: Sealer = current_app.extensions[KEY]
    return sealer


def _derived(secret: str) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=b"serai sealing v1").derive(secret.encode())


def data_settings(config: Config) -> dict[str, Any]:
    """The database, and the secrets of this installation: the current one, and those that are still accepted."""
    secret, *old_secrets = read_secrets(config)
    return {
        "SECRET_KEY": secret,
        "SECRET_KEY_FALLBACKS": old_secrets,
        "SQLALCHEMY_DATABASE_URI": config.database,
        "SQLALCHEMY_ENGINE_OPTIONS": engine_options(
            config.database, connections=config.database_connections, is_prepared=config.database_prepared != "off"
        ),
    }
