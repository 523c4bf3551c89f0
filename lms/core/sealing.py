"""Sealing: encrypts values that must be readable again but not be plain in the database.

The keys are derived from the secrets of the installation (`core.secret_key`), which are not in the database: a copy of
the database alone opens nothing. A sealed text is bound to its row, so that it cannot be opened in another one.
"""

from __future__ import annotations

import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from flask import current_app

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
