"""What the signature of a badge says: any text, offline.

It runs in the process for foreign files and imports nothing of the server.
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
    """What a badge's signature says. `intact`: what was signed is what stands there; `ours`: by a key of ours.

    `number` is the one that it names, in its written form, whether or not it is to be believed.
    """

    intact: bool
    ours: bool
    kid: str | None
    number: str | None


def read_credential(text: str, jwks: Mapping[str, Any]) -> BadgeCheck:
    """What the signature of a badge says, against these public keys. Never raises, whatever stands in `text`."""
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
