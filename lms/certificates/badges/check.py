"""Checks the signature of a badge, offline and for any text. Runs in the process for untrusted files and imports
nothing from the server.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lms.certificates import numbers
from lms.certificates.badges.vc_jwt import read_claims, unproved
from lms.certificates.public_keys import kid_in


@dataclass(frozen=True)
class BadgeCheck:
    """The result of checking a badge's signature.

    `intact`: the content is what was signed; `ours`: signed by one of our keys. `number` is the number in the badge, in
    written form, trustworthy or not.
    """

    intact: bool
    ours: bool
    kid: str | None
    number: str | None


def read_credential(text: str, jwks: Mapping[str, Any]) -> BadgeCheck:
    """Checks the signature of a badge against these public keys. Never raises, whatever is in `text`."""
    text = text.strip()
    header, claims = unproved(text)
    kid, number = kid_in(header.get("kid")), _number_of(claims)
    ours = kid in {jwk["kid"] for jwk in jwks["keys"]}
    own_key = header.get("jwk")
    if ours:
        proved = read_claims(text, jwks)
    elif isinstance(own_key, dict):
        proved = read_claims(text, {"keys": [own_key | {"kid": kid}]})
    else:
        proved = None
    intact = proved is not None and "OpenBadgeCredential" in _listed(proved.get("type"))
    return BadgeCheck(intact=intact, ours=ours, kid=kid, number=number)


def _number_of(claims: dict[str, Any]) -> str | None:
    subject = claims.get("credentialSubject")
    named = subject.get("licenseNumber") if isinstance(subject, dict) else None
    bare = numbers.parse(named) if isinstance(named, str) else None
    return numbers.write(bare) if bare else None


def _listed(value: object) -> list[Any]:
    return value if isinstance(value, list) else [value]
