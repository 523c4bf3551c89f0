"""Public keys on the curve P-256 as JWK, and their ids. Imports nothing of the server: also readers of foreign files
use it."""

from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from joserfc.jwk import ECKey


def kid_of(public: ec.EllipticCurvePublicKey) -> str:
    """A key's id: the thumbprint of RFC 7638."""
    return str(_jwk(public).thumbprint())


def key_address(issuer: str, kid: str) -> str:
    """Where the site of this issuer answers one public key as JWK: what a signed badge names as its `kid`."""
    return f"{issuer}/certificates/keys/{kid}"


def kid_in(named: object) -> str | None:
    """The thumbprint in what a header names as `kid`: an address of `key_address`, or the bare id of older badges."""
    return named.rpartition("/")[2] if isinstance(named, str) else None


def _jwk(public: ec.EllipticCurvePublicKey) -> ECKey:
    pem = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return ECKey.import_key(pem)


def public_part(public: ec.EllipticCurvePublicKey) -> dict[str, Any]:
    """A public key as bare JWK."""
    values = _jwk(public).as_dict(private=False)
    return {name: values[name] for name in ("kty", "crv", "x", "y")}
