"""The signature in a certificate's file, made by pyHanko: CMS, with a time stamp where there is a server."""

from __future__ import annotations

import asyncio
import urllib.request
from collections.abc import Coroutine, Iterable
from functools import lru_cache
from typing import Any

from asn1crypto import algos, cms, tsp
from asn1crypto import x509 as asn1
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from pyhanko.sign.general import as_signing_certificate_v2, simple_cms_attribute
from pyhanko.sign.signers import Signer
from pyhanko.sign.timestamps import TimeStamper, TimestampRequestError
from pyhanko_certvalidator.registry import SimpleCertificateStore

from lms.certificates.keys import SigningKey
from lms.certificates.pdf.signature import DIGEST, TimestampAway, der

_WAIT = 10  # seconds for the time stamp server
_DIGEST_MARK = b"\xd1\x5e" * 16
_SIGN_MARK = b"\x51"


def sign_digest(digest: bytes, key: SigningKey, *, timestamp_url: str | None) -> bytes:
    """The signature on a digest. Raises TimestampAway."""
    signer = _signer(key.private, key.certificate, tuple(key.chain))
    if not timestamp_url:
        return signer.plain(digest)
    try:
        return signer.stamped(digest, _Stamper(timestamp_url))
    except TimestampRequestError as error:
        raise TimestampAway(str(error)) from error


def _attribute(kind: str, value: Any) -> cms.CMSAttribute:
    return simple_cms_attribute(kind, value)  # type: ignore[no-untyped-call]


class _HeldSigner(Signer):
    """Signs with a key in memory. The same content gives the same signature where the library supports it."""

    def __init__(
        self, private: ec.EllipticCurvePrivateKey, certificate: x509.Certificate, chain: Iterable[x509.Certificate]
    ) -> None:
        own = _as_asn1(certificate)
        store = SimpleCertificateStore()  # type: ignore[no-untyped-call]
        store.register_multiple(map(_as_asn1, chain))
        mechanism = algos.SignedDigestAlgorithm({"algorithm": "sha256_ecdsa"})
        super().__init__(signing_cert=own, cert_registry=store, signature_mechanism=mechanism)
        self._private = private
        self._identity = _attribute("signing_certificate_v2", as_signing_certificate_v2(own))
        self._asked = self._attributes(_DIGEST_MARK).dump()
        self._mark = b""
        self._frames: dict[int, bytes] = {}

    def _attributes(self, digest: bytes) -> cms.CMSAttributes:
        """The attributes that PAdES signs: content type, digest, and signing certificate."""
        kind = _attribute("content_type", "data")
        return cms.CMSAttributes([kind, _attribute("message_digest", digest), self._identity])

    async def async_sign_raw(self, data: bytes, digest_algorithm: str, dry_run: bool = False) -> bytes:
        """The signature on `data`."""
        return self._mark if dry_run else self._private.sign(data, _algorithm())

    def stamped(self, digest: bytes, stamper: TimeStamper) -> bytes:
        """The signature on a digest with a time stamp. Raises TimestampRequestError."""
        content = asyncio.run(
            self.async_sign_prescribed_attributes(DIGEST, self._attributes(digest), timestamper=stamper)
        )
        return bytes(content.dump())

    def plain(self, digest: bytes) -> bytes:
        """The signature on a digest, without a time stamp.

        All that differs from one to the next are the digest and the signature proper: pyHanko makes the rest once
        for each length a signature can have, at a hundred times the cost of filling it in.
        """
        signature = self._private.sign(self._asked.replace(_DIGEST_MARK, digest), _algorithm())
        frame = self._frames.get(len(signature))
        if frame is None:
            self._mark = _SIGN_MARK * len(signature)
            model = self.async_sign_prescribed_attributes(DIGEST, self._attributes(_DIGEST_MARK), dry_run=True)
            frame = self._frames[len(signature)] = bytes(_at_once(model).dump())
        return frame.replace(_DIGEST_MARK, digest).replace(_SIGN_MARK * len(signature), signature)

    async def unsigned_attrs(self, *args: Any, **named: Any) -> Any:
        """The time stamp; without a server nothing, and nothing to wait for."""
        return await super().unsigned_attrs(*args, **named) if named.get("timestamper") else None


@lru_cache(maxsize=1)
def _algorithm() -> ec.ECDSA:
    try:
        algorithm = ec.ECDSA(hashes.SHA256(), deterministic_signing=True)  # RFC 6979
        ec.generate_private_key(ec.SECP256R1()).sign(b"", algorithm)
    except UnsupportedAlgorithm:  # an older OpenSSL: a signature as good, another each time
        return ec.ECDSA(hashes.SHA256())
    return algorithm


def _as_asn1(certificate: x509.Certificate) -> asn1.Certificate:
    loaded: asn1.Certificate = asn1.Certificate.load(der(certificate))
    return loaded


@lru_cache(maxsize=4)
def _signer(
    private: ec.EllipticCurvePrivateKey, certificate: x509.Certificate, chain: tuple[x509.Certificate, ...]
) -> _HeldSigner:
    return _HeldSigner(private, certificate, chain)


class _Stamper(TimeStamper):
    """Asks a server for time stamps (RFC 3161)."""

    def __init__(self, url: str) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.url = url

    async def async_request_tsa_response(self, req: tsp.TimeStampReq) -> tsp.TimeStampResp:
        """The server's answer."""
        headers = {"Content-Type": "application/timestamp-query", "Accept": "application/timestamp-reply"}
        asked = urllib.request.Request(self.url, data=req.dump(), headers=headers)  # noqa: S310
        try:
            with urllib.request.urlopen(asked, timeout=_WAIT) as answer:  # noqa: S310
                return tsp.TimeStampResp.load(answer.read(100_000))
        except (OSError, ValueError) as error:
            raise TimestampRequestError(str(error)) from error


def _at_once(asked: Coroutine[Any, Any, cms.ContentInfo]) -> cms.ContentInfo:
    """The result of a coroutine that waits for nothing, without a loop to run it in."""
    try:
        asked.send(None)
    except StopIteration as done:
        result: cms.ContentInfo = done.value
        return result
    asked.close()
    raise RuntimeError("a signature waited")
