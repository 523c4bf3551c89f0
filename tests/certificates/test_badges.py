"""The award as an Open Badges 3.0 credential, line by line of the standard, and as others verify it."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from apiflask import APIFlask
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as some
from joserfc import jws
from joserfc.jwk import ECKey

from lms.catalogue.models import CertificateKind
from lms.certificates import keys, numbers, public_keys
from lms.certificates.badges import baking, vc_jwt
from lms.certificates.badges import credential as badges
from lms.certificates.badges import status_list as status
from lms.certificates.badges.vc_jwt import BadgeCheck, read_credential
from lms.core.base.roles import SYSTEM
from tests.certificates.conftest import Programme
from tests.rows import each_row

Make = Callable[..., Programme]
ISSUED = datetime(2026, 5, 25, 4, 30, tzinfo=UTC)
NUMBER = numbers.generate()
FACTS = badges.CredentialFacts(
    number=NUMBER,
    kind=CertificateKind.PARTICIPATION,
    series="Livestream “commerce”",
    slug="livestream",
    organiser="Ministry of Trade",
    name="Ada Obi",
    address="ada@example.org",
    hours_ms=5_400_000,
    days=(date(2026, 5, 20), date(2026, 5, 13)),
    issued_at=ISSUED,
    awarded_at=ISSUED,
)
DOT = (
    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\0\0\0\0:~\x9bU\0\0\0\nIDATx\x9cc`\0\0\0\x02\0\x01H\xaf\xa4q"
    b"\0\0\0\0IEND\xaeB`\x82"
)


@pytest.fixture
def credential(context: None) -> dict[str, Any]:
    return badges.credential_of(FACTS, status.StatusIndex(3, 77))


@pytest.fixture
def signed(context: None, credential: dict[str, Any]) -> str:
    return badges.sign_credential(credential, keys.current())


def part(text: str, place: int) -> dict[str, Any]:
    piece = text.split(".")[place]
    found = json.loads(base64.urlsafe_b64decode(piece + "=" * (-len(piece) % 4)))
    assert isinstance(found, dict)
    return found


def another_key() -> keys.SigningKey:
    private = ec.generate_private_key(ec.SECP256R1())
    certificate = keys.self_signed(private, "Somebody", at=ISSUED)
    return keys.SigningKey(keys.kid_of(private.public_key()), private, certificate, [])


def altered(text: str, old: str, new: str) -> str:
    """The token with something else in its payload, under the old signature."""
    head, body, signature = text.split(".")
    content = base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)).decode()
    assert old in content
    changed = base64.urlsafe_b64encode(content.replace(old, new).encode()).rstrip(b"=").decode()
    return f"{head}.{changed}.{signature}"


def independent(**asked: Any) -> dict[str, list[str | None]]:
    """What the verifier of others says."""
    script = Path(__file__).with_name("independent.py")
    given = {"badges": [], "pictures": [], "lists": {}} | asked
    ran = subprocess.run(
        [sys.executable, "-I", str(script)], input=json.dumps(given), capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    answer = json.loads(ran.stdout)
    assert isinstance(answer, dict)
    return answer


# The standard, line by line -----------------------------------------------------------------------------------


def test_contexts_stand_in_order(credential: dict[str, Any]) -> None:
    assert credential["@context"] == [
        "https://www.w3.org/ns/credentials/v2",
        "https://purl.imsglobal.org/spec/ob/v3p0/context-3.0.3.json",
    ]


def test_what_is_required_is_there(credential: dict[str, Any]) -> None:
    assert credential["id"] == f"http://localhost/verify/{numbers.write(NUMBER)}"
    assert credential["type"] == ["VerifiableCredential", "OpenBadgeCredential"]
    assert credential["issuer"]["id"] == "http://localhost"
    assert credential["issuer"]["type"] == ["Profile"]
    assert credential["issuer"]["name"] == "Ministry of Trade"
    assert credential["validFrom"] == "2026-05-25T04:30:00Z"
    subject = credential["credentialSubject"]
    assert subject["type"] == ["AchievementSubject"]
    assert re.fullmatch(r"urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", subject["id"])
    achievement = subject["achievement"]
    assert achievement["id"] == "http://localhost/series/livestream#participation"
    assert achievement["type"] == ["Achievement"]
    assert achievement["name"] == "Certificate of participation: Livestream “commerce”"
    assert achievement["description"]
    assert achievement["criteria"]["narrative"]
    assert (subject["result"][0]["value"], achievement["resultDescription"][0]["id"]) == (
        "1.5",
        subject["result"][0]["resultDescription"],
    )
    assert (subject["activityStartDate"], subject["activityEndDate"]) == (
        "2026-05-13T00:00:00Z",
        "2026-05-20T00:00:00Z",
    )


def test_who_it_is_for_stands_as_a_salted_hash_and_nothing_else(context: None) -> None:
    one, two = (badges.credential_of(FACTS, status.StatusIndex(1, 1)) for _ in range(2))
    (identity,) = one["credentialSubject"]["identifier"]
    assert set(identity) == {"type", "hashed", "identityHash", "identityType", "salt"}
    assert (identity["type"], identity["hashed"], identity["identityType"]) == ("IdentityObject", True, "emailAddress")
    digest = hashlib.sha256(f"ada@example.org{identity['salt']}".encode()).hexdigest()
    assert identity["identityHash"] == f"sha256${digest}"
    assert identity["salt"] != two["credentialSubject"]["identifier"][0]["salt"]
    assert not re.search(r"\bada\b|\bobi\b", json.dumps(one).lower())  # whole words: a hash may well hold "ada"
    nobody = badges.credential_of(badges.CredentialFacts(**vars(FACTS) | {"address": None}), status.StatusIndex(1, 1))
    assert nobody["credentialSubject"]["identifier"][0]["identityType"] == "name"
    assert not re.search(r"\bada\b|\bobi\b", json.dumps(nobody).lower())


@each_row(
    "kind, named",
    [
        (CertificateKind.COMPLETION, "CertificateOfCompletion"),
        (CertificateKind.PARTICIPATION, "ext:CertificateOfParticipation"),
    ],
)
def test_the_type_of_achievement(context: None, kind: CertificateKind, named: str) -> None:
    made = badges.credential_of(badges.CredentialFacts(**vars(FACTS) | {"kind": kind}), status.StatusIndex(1, 1))
    assert made["credentialSubject"]["achievement"]["achievementType"] == named


def test_the_header_holds_the_algorithm_and_the_key_only(context: None, signed: str) -> None:
    key = keys.current()
    (public,) = (jwk for jwk in keys.public_jwks()["keys"] if jwk["kid"] == key.kid)
    assert part(signed, 0) == {
        "alg": "ES256",
        "kid": f"http://localhost/certificates/keys/{key.kid}",
        "jwk": {name: public[name] for name in ("kty", "crv", "x", "y")},
        "typ": "JWT",
    }


def test_the_payload_is_the_credential_with_its_registered_claims(credential: dict[str, Any], signed: str) -> None:
    claims = part(signed, 1)
    assert claims == credential | {
        "iss": credential["issuer"]["id"],
        "sub": credential["credentialSubject"]["id"],
        "jti": credential["id"],
        "nbf": int(ISSUED.timestamp()),
    }
    assert "vc" not in claims
    assert "exp" not in claims


def test_the_state_is_read_from_a_list(credential: dict[str, Any]) -> None:
    assert credential["credentialStatus"] == {
        "id": "http://localhost/certificates/status/3#77",
        "type": "BitstringStatusListEntry",
        "statusPurpose": "revocation",
        "statusListIndex": "77",
        "statusListCredential": "http://localhost/certificates/status/3",
    }


def test_a_badge_of_an_old_key_is_read_after_rotation(app: APIFlask, context: None, signed: str) -> None:
    keys.rotate_key(by=SYSTEM, at=datetime.now(UTC))
    check = read_credential(signed, keys.public_jwks())
    assert (check.intact, check.ours, check.kid != keys.current().kid) == (True, True, True)


def test_the_kid_is_an_address_that_answers_the_key(app: APIFlask, context: None, signed: str) -> None:
    """As 1EdTech's validator does it: what `kid` names is fetched before `jwk` is looked at, and is a bare JWK."""
    header, client = part(signed, 0), app.test_client()
    keys.rotate_key(by=SYSTEM, at=datetime.now(UTC))
    answer = client.get(header["kid"])
    assert (answer.status_code, answer.mimetype) == (200, "application/jwk+json")
    jwk = json.loads(answer.text)
    assert jwk == header["jwk"] | {"kid": header["kid"], "alg": "ES256", "use": "sig"}
    assert jws.deserialize_compact(signed, ECKey.import_key(jwk), algorithms=["ES256"]).payload
    assert client.get("/certificates/keys/none").status_code == 404


def test_a_badge_from_before_that_names_its_key_by_the_bare_id_is_read(
    context: None, credential: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vc_jwt, "_headers", {})
    monkeypatch.setattr(vc_jwt, "key_address", lambda issuer, kid: kid)
    old = badges.sign_credential(credential, keys.current())
    assert part(old, 0)["kid"] == keys.current().kid
    assert read_credential(old, keys.public_jwks()) == BadgeCheck(True, True, keys.current().kid, numbers.write(NUMBER))
    listed = {"http://localhost/certificates/status/3": status_list([])}
    assert independent(jwks=keys.published_jwks(), lists=listed, badges=[old])["badges"] == [None]


# Reading, whatever comes ---------------------------------------------------------------------------------------


def test_ours_is_read(context: None, signed: str) -> None:
    check = read_credential(f"\n{signed}\n", keys.public_jwks())
    assert check == BadgeCheck(True, True, keys.current().kid, numbers.write(NUMBER))


def test_an_altered_badge_is_not_intact(context: None, signed: str) -> None:
    other = numbers.write(numbers.generate())
    check = read_credential(altered(signed, numbers.write(NUMBER), other), keys.public_jwks())
    assert (check.intact, check.ours, check.number) == (False, True, other)
    head, body, signature = signed.split(".")
    flipped = signature[:-5] + ("A" if signature[-5] != "A" else "B") + signature[-4:]
    assert not read_credential(f"{head}.{body}.{flipped}", keys.public_jwks()).intact


def test_a_badge_by_another_key_is_not_ours_though_it_bears_our_number(
    context: None, credential: dict[str, Any]
) -> None:
    foreign = another_key()
    check = read_credential(badges.sign_credential(credential, foreign), keys.public_jwks())
    assert check == BadgeCheck(True, False, foreign.kid, numbers.write(NUMBER))


def test_a_badge_that_borrows_our_key_id_is_not_intact(context: None, credential: dict[str, Any]) -> None:
    foreign = another_key()
    borrowed = keys.SigningKey(keys.current().kid, foreign.private, foreign.certificate, [])
    named = public_keys.key_address("http://localhost", borrowed.kid)
    vc_jwt._headers.pop(named, None)
    try:
        forged = badges.sign_credential(credential, borrowed)
    finally:
        vc_jwt._headers.pop(named, None)
    check = read_credential(forged, keys.public_jwks())
    assert (check.intact, check.ours) == (False, True)


@each_row("header", [{"alg": "none"}, {"alg": "HS256"}, {"alg": "ES256", "crit": ["b64"], "b64": False}])
def test_the_header_does_not_choose_how_it_is_checked(context: None, signed: str, header: dict[str, Any]) -> None:
    head = vc_jwt._encode(json.dumps(header | {"kid": keys.current().kid}).encode())
    _head, body, signature = signed.split(".")
    for forged in (f"{head}.{body}.{signature}", f"{head}.{body}."):
        assert not read_credential(forged, keys.public_jwks()).intact


def test_a_token_of_ours_that_is_no_badge_is_no_badge(context: None) -> None:
    key = keys.current()
    claims = {"validFrom": "2026-01-01T00:00:00Z", "issuer": {"id": "x"}, "id": "y", "credentialSubject": {"id": "z"}}
    text = vc_jwt.sign_credential(claims | {"type": ["VerifiableCredential"]}, key)
    assert not read_credential(text, keys.public_jwks()).intact


@given(
    some.text(max_size=200)
    | some.lists(some.binary(max_size=60), min_size=3, max_size=3).map(
        lambda parts: ".".join(base64.urlsafe_b64encode(one).decode() for one in parts)
    )
)
def test_whatever_is_read_is_answered(text: str) -> None:
    assert read_credential(text, {"keys": []}) == BadgeCheck(False, False, None, None)


@given(
    some.recursive(
        some.none() | some.booleans() | some.integers() | some.text(max_size=9),
        lambda inner: some.lists(inner, max_size=3) | some.dictionaries(some.text(max_size=9), inner),
    )
)
def test_whatever_json_a_badge_holds_is_answered(value: Any) -> None:
    headers = [value, {"alg": "ES256", "kid": value, "jwk": value}, {"alg": value, "jwk": {"kty": value, "crv": value}}]
    for header in headers:
        pieces = [vc_jwt._encode(json.dumps(one).encode()) for one in (header, {"credentialSubject": value})]
        assert not read_credential(".".join([*pieces, "AAAA"]), {"keys": []}).ours


# Pictures ------------------------------------------------------------------------------------------------------


def test_a_baked_picture_holds_the_badge_in_one_plain_itxt() -> None:
    baked = baking.bake(DOT, "header.payload.signature")
    kinds = [kind for kind, _content in baking._chunks(baked)]
    assert kinds == [b"IHDR", b"iTXt", b"IDAT", b"IEND"]
    content = baking._chunks(baked)[1][1]
    assert content == b"openbadgecredential\0\0\0\0\0header.payload.signature"
    assert baking.unbake(baked) == "header.payload.signature"
    assert baking.bake(baking.bake(DOT, "a.b.c"), "header.payload.signature") == baked


def test_a_picture_without_a_badge_has_none() -> None:
    assert baking.unbake(DOT) is None
    assert baking.unbake(b"no picture") is None
    packed = struct.pack(">I", 0) + b"iTXt"
    for content in (b"openbadgecredential\0\x01\0\0\0" + zlib.compress(b"a.b.c"), b"openbadgecredential\0", packed):
        chunk = baking._chunk(b"iTXt", content)
        assert baking.unbake(DOT[:33] + chunk + DOT[33:]) is None


@given(some.binary(max_size=80), some.integers(0, len(DOT) - 1))
def test_a_broken_picture_is_answered(noise: bytes, place: int) -> None:
    baked = baking.bake(DOT, "a.b.c")
    assert baking.unbake(baked[:place] + noise + baked[place:]) in (None, "a.b.c")
    assert baking.unbake(baked[:place]) in (None, "a.b.c")


# As others see it ----------------------------------------------------------------------------------------------


def test_a_verifier_of_others_accepts_it_and_rejects_what_was_altered(
    context: None, signed: str, credential: dict[str, Any]
) -> None:
    valid = status_list([])
    listed = {"http://localhost/certificates/status/3": valid}
    changed = altered(signed, "Livestream", "Livestreem")
    foreign = badges.sign_credential(credential, another_key())
    answer = independent(
        jwks=keys.published_jwks(),
        lists=listed,
        badges=[signed, changed, foreign],
        pictures=[base64.b64encode(baking.bake(DOT, text)).decode() for text in (signed, changed)],
    )
    assert answer == {
        "badges": [None, "Invalid signature", "no key of the issuer"],
        "pictures": [None, "Invalid signature"],
    }


@pytest.mark.long
def test_a_verifier_of_others_reads_the_list_of_states(context: None, signed: str) -> None:
    address = "http://localhost/certificates/status/3"
    ask = {"jwks": keys.published_jwks(), "badges": [signed]}
    (revoked,) = independent(**ask, lists={address: status_list([77])})["badges"]
    assert revoked == f"Credential status 'revocation' is set at index 77 in {address}"
    assert independent(**ask, lists={address: status_list([76, 78])})["badges"] == [None]
    (away,) = independent(**ask)["badges"]
    assert "could not fetch status list" in str(away), "one that cannot be reached is never taken for valid"
    forged = altered(status_list([]), "revocation", "suspension")
    (wrong,) = independent(**ask, lists={address: forged})["badges"]
    assert "proof is invalid" in str(wrong)


def status_list(indices: list[int]) -> str:
    now = datetime.now(UTC)
    address = status.address_of(3)
    content = {
        "@context": ["https://www.w3.org/ns/credentials/v2"],
        "id": address,
        "type": ["VerifiableCredential", "BitstringStatusListCredential"],
        "issuer": {"id": "http://localhost"},
        "validFrom": vc_jwt.instant(now),
        "credentialSubject": {
            "id": f"{address}#list",
            "type": "BitstringStatusList",
            "statusPurpose": "revocation",
            "encodedList": status.encode(indices),
        },
    }
    return vc_jwt.sign_credential(content, keys.current())
