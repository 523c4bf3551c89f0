"""Public keys on the curve P-256 as JWK, and their ids. Imports nothing of the server: also readers of foreign files
use it."""

from __future__ import annotations

from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from joserfc.jwk import ECKey


def kid_of(public: ec.EllipticCurvePublicKey) -> str:
    """A key's id: the thumbprint of RFC 7638."""
    return str(_jwk(public).thumbprint())


def _jwk(public: ec.EllipticCurvePublicKey) -> ECKey:
    pem = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return ECKey.import_key(pem)


def public_part(public: ec.EllipticCurvePublicKey) -> dict[str, Any]:
    """A public key as bare JWK."""
    values = _jwk(public).as_dict(private=False)
    return {name: values[name] for name in ("kty", "crv", "x", "y")}
