"""Whether a certificate's file is as it was signed: any bytes, offline.

It runs in the process for foreign files and imports nothing of the server.
"""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from asn1crypto import algos, cms, parser, tsp
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from lms.certificates import numbers
from lms.certificates.public_keys import kid_of

_SPEAKS_OF_SIGNERS = tsp.SigningCertificateV2
"""`tsp` teaches `cms` the attribute that names the signer."""
_SHA256 = bytes(algos.DigestAlgorithm({"algorithm": "sha256"}).dump())
_BYTE_RANGE = re.compile(rb"/ByteRange\s*\[\s*0\s+(\d+)\s+(\d+)\s+(\d+)\s*\]")
_NAMED = re.compile(rb"SR-[0-9A-Z*~$=-]{17,26}")
_REASON = re.compile(rb"/Reason ?\((?:Certificate|Learning record) ([^)]*)\)")
_MOMENT = re.compile(rb"/M ?\(D:(\d{14})Z\)")
_OCTAL = re.compile(rb"\\([0-3][0-7]{2})")
"""How pyHanko writes all but letters and digits."""


@dataclass(frozen=True)
class PdfCheck:
    """The result of checking a file's signature.

    `intact`: unchanged to the last byte. `ours`: signed by one of our keys. `number` is the number in the file,
    trustworthy only if it is intact and ours; `kid` then names the key.
    """

    intact: bool
    ours: bool
    kid: str | None = None
    number: str | None = None
    signed_at: datetime | None = None


def check_pdf(pdf: bytes, trusted: Iterable[x509.Certificate]) -> PdfCheck:
    """Checks that a file is as signed by one of the trusted keys; for any bytes, offline, without parsing.

    The signature covers every byte of the file except its own range, and states that range. Nothing else in the file
    needs to be understood, so a hostile file has nothing to attack.
    """
    named = _NAMED.search(pdf)
    number = _number(named[0]) if named else None
    for span in reversed(list(_BYTE_RANGE.finditer(pdf))[-3:]):
        check = _check_at(pdf, span, trusted)
        if check is not None:
            if check.intact and check.ours:
                reason = _REASON.search(_around(pdf, span))
                number = _number(reason[1]) if reason else number
            return PdfCheck(check.intact, check.ours, check.kid, number, check.signed_at)
    return PdfCheck(intact=False, ours=False, number=number)


def _around(pdf: bytes, span: re.Match[bytes]) -> bytes:
    """The entries of the signature's dictionary: behind the range as pyHanko writes them, before it in older files."""
    entries = pdf[max(0, span.start() - 1024) : span.end() + 1024]
    return _OCTAL.sub(lambda escape: bytes([int(escape[1], 8)]), entries)


def _number(written: bytes) -> str | None:
    """The number as it is written, where the bytes are one."""
    bare = numbers.parse(written[: len("SR-0000-0000-0000-0000-0")].decode("ascii", "replace"))
    return numbers.write(bare) if bare else None


def _check_at(pdf: bytes, span: re.Match[bytes], trusted: Iterable[x509.Certificate]) -> PdfCheck | None:
    """The result of the signature over this byte range, or None if it cannot be read."""
    start, end, rest = (int(group) for group in span.groups())
    gap = pdf[start:end]
    if not (start < end <= len(pdf) and re.fullmatch(rb"<(?:[0-9A-Fa-f]{2})+>", gap)):
        return None
    content = bytes.fromhex(gap[1:-1].decode("ascii"))
    try:
        signature = _read_signature(content)
    except (ValueError, TypeError, KeyError, IndexError):  # bytes that are no signature, in the ways asn1crypto says so
        return None
    digest = hashlib.sha256(pdf[:start])
    digest.update(pdf[end : end + rest])
    is_whole = end + rest == len(pdf) and not start <= span.start() < end
    written = gap.upper() if pdf[start - 1 : start] == b" " else gap.lower()  # by pyHanko; in older files
    is_same = signature.digest == digest.digest() and gap == written and not content[signature.length :].strip(b"\0")
    trusted_certificate = next(
        (one for one in trusted if one.public_bytes(serialization.Encoding.DER) == signature.certificate), None
    )
    try:
        signer = trusted_certificate or x509.load_der_x509_certificate(signature.certificate)
    except ValueError:  # bytes that asn1crypto takes for a certificate, and OpenSSL does not
        return None
    is_signed = signature.is_coherent and _is_signed(signature, signer)
    moment = _MOMENT.search(_around(pdf, span))
    return PdfCheck(
        intact=is_whole and is_same and is_signed,
        ours=trusted_certificate is not None and is_signed,
        kid=kid_of(_public(trusted_certificate)) if trusted_certificate is not None and is_signed else None,
        signed_at=_moment(moment[1]) if moment else None,
    )


@dataclass(frozen=True)
class _Told:
    """A parsed signature. `length` is the length of its own bytes; `is_coherent`: the fields that name the signer
    agree.
    """

    digest: bytes
    signed: bytes
    signature: bytes
    certificate: bytes
    is_coherent: bool
    length: int


def _read_signature(content: bytes) -> _Told:
    outer = cms.ContentInfo.load(content)
    inner = outer["content"]
    (info,) = inner["signer_infos"]
    attributes = {one["type"].native: one["values"][0] for one in info["signed_attrs"]}
    (identity,) = attributes["signing_certificate_v2"]["certs"]
    certificates = [one.chosen for one in inner["certificates"]]
    named = [one for one in certificates if hashlib.sha256(one.dump()).digest() == identity["cert_hash"].native]
    (certificate,) = named
    sid = info["sid"].chosen
    return _Told(
        digest=attributes["message_digest"].native,
        signed=b"\x31" + info["signed_attrs"].dump()[1:],  # as a SET, not as the field that contains it
        signature=info["signature"].native,
        certificate=certificate.dump(),
        is_coherent=(
            outer["content_type"].native == "signed_data"
            and (inner["version"].native, info["version"].native) == ("v1", "v1")
            and [one.dump() for one in inner["digest_algorithms"]] == [_SHA256]
            and inner["encap_content_info"]["content_type"].native == "data"
            and info["digest_algorithm"].dump() == _SHA256
            and info["signature_algorithm"]["algorithm"].native == "sha256_ecdsa"
            and attributes["content_type"].native == "data"
            and sid["issuer"].dump() == certificate.issuer.dump()
            and sid["serial_number"].native == certificate.serial_number
        ),
        length=parser.peek(content),
    )


def _public(certificate: x509.Certificate) -> ec.EllipticCurvePublicKey:
    public = certificate.public_key()
    if not isinstance(public, ec.EllipticCurvePublicKey):
        raise TypeError("no key on a curve")
    return public


def _is_signed(signature: _Told, certificate: x509.Certificate) -> bool:
    try:
        _public(certificate).verify(signature.signature, signature.signed, ec.ECDSA(hashes.SHA256()))
    except (InvalidSignature, TypeError):
        return False
    return True


def _moment(written: bytes) -> datetime | None:
    try:
        return datetime.strptime(written.decode("ascii"), "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        return None
