"""The organisation's signature on a certificate's file: PAdES B-B, or B-T where there is a time stamp server.

The signature is one more revision of the file: a field without a look of its own, told to screen readers as a
form, that certifies the document (nothing may be changed after it). pyHanko makes what is signed; the field is
written here, since it is the same in every certificate and reading each file whole would cost more than setting it.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import urllib.request
from collections.abc import Coroutine, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final

from asn1crypto import algos, cms, tsp
from asn1crypto import x509 as asn1
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from pyhanko.sign.general import as_signing_certificate_v2, simple_cms_attribute
from pyhanko.sign.signers import Signer
from pyhanko.sign.timestamps import TimeStamper, TimestampRequestError
from pyhanko_certvalidator.registry import SimpleCertificateStore

from lms.certificates.keys import SigningKey
from lms.certificates.pdf.incremental_update import CannotRevise, Revision, text_string

DIGEST: Final = "sha256"
_ROOM = 1024  # bytes for all of a signature but its certificates
_STAMP = 12_000  # bytes for a time stamp with the certificates of its server
_WAIT = 10  # seconds for the time stamp server

_SHA256 = bytes(algos.DigestAlgorithm({"algorithm": DIGEST}).dump())
_DIGEST_MARK = b"\xd1\x5e" * 16
_SIGN_MARK = b"\x51"


@dataclass(frozen=True)
class Spoken:
    """Words of the document, which a reader is given whole: `kind` is the element of the structure that holds them
    alone, `language` their BCP 47 tag. Those of one kind stand in the order of reading; the last may be untold."""

    kind: str
    text: str
    language: str


class TimestampAway(Exception):
    """The time stamp server did not answer, or not with a time stamp."""


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
    loaded: asn1.Certificate = asn1.Certificate.load(_der(certificate))
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


def sign_pdf(
    pdf: bytes,
    key: SigningKey,
    *,
    at: datetime,
    number: str,
    organiser: str,
    spoken: Sequence[Spoken] = (),
    timestamp_url: str | None = None,
) -> bytes:
    """The file with the organisation's signature, with `at` (aware UTC) as its time.

    Raises TimestampAway, and CannotRevise for a file that was not created here.
    """
    signer = _signer(key.private, key.certificate, tuple(key.chain))
    room = _ROOM + sum(len(_der(one)) for one in [key.certificate, *key.chain]) + (_STAMP if timestamp_url else 0)
    new = Revision(pdf)
    _say(new, spoken)
    signed = bytearray(_with_field(new, at=at, number=number, organiser=organiser, room=room))
    gap = b"<" + b"0" * (2 * room) + b">"
    start = signed.index(gap, len(pdf))
    end = start + len(gap)
    held = signed.index(b"/ByteRange[", len(pdf))
    span = b"/ByteRange[0 %d %d %d]" % (start, end, len(signed) - end)
    signed[held : held + len(_SPAN)] = span.ljust(len(_SPAN))
    whole = memoryview(signed)
    digest = hashlib.sha256(whole[:start])
    digest.update(whole[end:])
    whole.release()
    try:
        content = (
            signer.stamped(digest.digest(), _Stamper(timestamp_url)) if timestamp_url else signer.plain(digest.digest())
        )
    except TimestampRequestError as error:
        raise TimestampAway(str(error)) from error
    if len(content) > room:
        raise TimestampAway(f"a time stamp of {len(content)} bytes")
    signed[start + 1 : start + 1 + 2 * len(content)] = content.hex().encode()
    return bytes(signed)


_SPAN = b"/ByteRange[0 " + b" ".join([b"0" * 10] * 3) + b"]"


def _at_once(asked: Coroutine[Any, Any, cms.ContentInfo]) -> cms.ContentInfo:
    """The result of a coroutine that waits for nothing, without a loop to run it in."""
    try:
        asked.send(None)
    except StopIteration as done:
        result: cms.ContentInfo = done.value
        return result
    asked.close()
    raise RuntimeError("a signature waited")


def _der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.DER)


def _say(new: Revision, spoken: Sequence[Spoken]) -> None:
    """Gives paragraphs their text as words: in many scripts its letters are drawn by pieces, in no order of reading."""
    for kind in dict.fromkeys(words.kind for words in spoken):
        told = [words for words in spoken if words.kind == kind]
        places = new.elements(kind)
        if len(places) > len(told):
            raise CannotRevise(f"{len(places)} elements {kind} for {len(told)} texts")
        for number, words in zip(places, told, strict=False):
            entries = b"/ActualText%s/Lang(%s)" % (text_string(words.text), words.language.encode("ascii"))
            new.replace(number, rb"/S/\w+", b"/S/P" + entries)


def _with_field(new: Revision, *, at: datetime, number: str, organiser: str, room: int) -> bytes:
    """The file with a signature field that is yet to be filled.

    The field stands on no place of the page (PDF/A: it needs no look then), is a form in the structure (PDF/UA:
    with a description, its own entry in the parent tree), and lets nothing be changed after it.
    """
    structure = new.reference(new.root, b"StructTreeRoot")
    top = new.reference(structure, b"K")
    page = new.reference(new.reference(new.root, b"Pages"), b"Kids")
    value, form, widget = new.number(), new.number(), new.number()
    nums = new.replace(structure, rb"/Nums\s*\[([^\]]*)\]", rb"/Nums[\g<1> @KEY@ %d 0 R]" % form)
    keys = [int(key) for key in re.findall(rb"(\d+) \d+ 0 R", nums[1])]
    place = max(keys, default=-1) + 1
    new.replace(structure, rb"@KEY@", b"%d" % place)
    new.replace(structure, rb"/ParentTreeNextKey \d+", b"/ParentTreeNextKey %d" % (place + 1))
    new.replace(top, rb"/K\s*\[([^\]]*)\]", rb"/K[\g<1> %d 0 R]" % form)
    told = text_string(f"Digital signature of {organiser}")
    new.objects[form] = (
        b"<</Type/StructElem/S/Form/P %d 0 R/Pg %d 0 R/Alt%s/K[<</Type/OBJR/Obj %d 0 R/Pg %d 0 R>>]>>"
        % (top, page, told, widget, page)
    )
    new.objects[widget] = (
        b"<</Type/Annot/Subtype/Widget/FT/Sig/T(Signature)/TU%s/Contents%s/F 132/Rect[0 0 0 0]/P %d 0 R"
        b"/StructParent %d/V %d 0 R>>" % (told, told, page, place, value)
    )
    moment = at.astimezone(UTC).strftime("D:%Y%m%d%H%M%SZ").encode()
    new.objects[value] = (
        b"<</Type/Sig/Filter/Adobe.PPKLite/SubFilter/ETSI.CAdES.detached/M(%s)/Name%s/Reason(%s)"
        b"/Reference[<</Type/SigRef/TransformMethod/DocMDP/TransformParams<</Type/TransformParams/P 1/V/1.2>>>>]"
        b"%s/Contents<%s>>>" % (moment, text_string(organiser), _reason(number), _SPAN, b"0" * (2 * room))
    )
    if b"/Annots" in new.read(page):
        new.replace(page, rb"/Annots\s*\[([^\]]*)\]", rb"/Annots[\g<1> %d 0 R]" % widget)
    else:
        new.extend(page, b"/Annots[%d 0 R]" % widget)
    new.extend(new.root, b"/AcroForm<</Fields[%d 0 R]/SigFlags 3>>/Perms<</DocMDP %d 0 R>>" % (widget, value))
    return new.written()


def _reason(number: str) -> bytes:
    return f"Certificate {number}".encode("ascii")
