"""Credentials as VC-JWT: a compact JWS by ES256 with the credential itself as its payload, made and checked.

The check works offline and for any text. It runs in the process for untrusted files and imports nothing from the
server.
"""

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from lms.certificates import numbers
from lms.certificates.public_keys import key_address, kid_in, public_part

if TYPE_CHECKING:
    from lms.certificates.keys import SigningKey


LONGEST = 256 * 1024
"""The longest token that is read, in characters: a badge of ours has about 3,000, a full status list 30,000."""


_headers: dict[str, str] = {}  # by the address of the key: the same for everything it signs


def sign_credential(credential: dict[str, Any], key: "SigningKey") -> str:
    """A credential as VC-JWT with ES256: the credential is the payload, with the registered JWT claims added."""
    valid_from = datetime.fromisoformat(credential["validFrom"])
    claims = {
        "iss": credential["issuer"]["id"],
        "jti": credential["id"],
        "sub": credential["credentialSubject"]["id"],
        "nbf": int(valid_from.timestamp()),
    }
    signed = f"{_header_of(key, claims['iss'])}.{_encode(_json(credential | claims))}"
    r, s = decode_dss_signature(key.private.sign(signed.encode("ascii"), ec.ECDSA(hashes.SHA256())))
    return f"{signed}.{_encode(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


def _header_of(key: "SigningKey", issuer: str) -> str:
    kid = key_address(issuer, key.kid)
    if kid not in _headers:
        jwk = public_part(key.private.public_key())
        _headers[kid] = _encode(_json({"alg": "ES256", "kid": kid, "jwk": jwk, "typ": "JWT"}))
    return _headers[kid]


def read_claims(text: str, jwks: Mapping[str, Any]) -> dict[str, Any] | None:
    """The claims of a VC-JWT if one of these keys signed it unchanged, otherwise None."""
    known = {jwk["kid"]: jwk for jwk in jwks["keys"]}
    try:
        kid = kid_in(jws.extract_compact(text.encode("ascii")).headers().get("kid"))
        if (
            kid is None or kid not in known or known[kid].get("crv") != "P-256"
        ):  # the one curve of ES256; the library knows few others
            return None
        if not all(_encode(_decode(part)) == part for part in text.split(".")):
            return None  # a last sign of base64 can be written in several ways: one is ours
        payload = jws.deserialize_compact(text, ECKey.import_key(known[kid]), algorithms=["ES256"]).payload
        claims = json.loads(payload)
    except (JoseError, ValueError, TypeError, RecursionError):
        return None
    return claims if isinstance(claims, dict) else None


def unproved(text: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and claims of a VC-JWT without checking the signature; empty if the text is not one."""
    parts = text.split(".")
    if len(parts) != 3 or len(text) > LONGEST:
        return {}, {}
    try:
        decoded = [json.loads(_decode(part)) for part in parts[:2]]
    except (ValueError, RecursionError):
        return {}, {}
    header, claims = (one if isinstance(one, dict) else {} for one in decoded)
    return header, claims


def instant(at: datetime) -> str:
    """A timestamp in the format of credentials."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _json(value: dict[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _encode(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode("ascii")


def _decode(text: str) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, UnicodeEncodeError) as error:
        raise ValueError("not base64url") from error


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
