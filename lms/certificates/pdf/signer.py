"""Signs a certificate's file with pyHanko."""

# mypy: disable-error-code="no-untyped-call"

import asyncio
import io
import urllib.request
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

from asn1crypto import algos, tsp
from asn1crypto import x509 as asn1
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from pyhanko.pdf_utils.generic import (
    ArrayObject,
    DictionaryObject,
    IndirectObject,
    NameObject,
    NumberObject,
    TextStringObject,
)
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.misc import PdfError
from pyhanko.sign.fields import MDPPerm, SigFieldSpec, SigSeedSubFilter
from pyhanko.sign.signers import Signer
from pyhanko.sign.signers.cms_embedder import PdfCMSEmbedder, SigIOSetup, SigMDPSetup, SigObjSetup
from pyhanko.sign.signers.pdf_byterange import SignatureObject
from pyhanko.sign.timestamps import TimeStamper, TimestampRequestError
from pyhanko_certvalidator.registry import SimpleCertificateStore

from lms.certificates.keys import SigningKey
from lms.certificates.pdf.signature import CannotSign, Spoken, TimestampAway, der

_DIGEST = "sha256"
_FIELD = "Signature"
_WAIT = 10  # seconds for the time stamp server
_ROOM, _STAMP = 1024, 12_000  # bytes for all of a signature but its certificates; for a time stamp with its own


def sign(
    pdf: bytes,
    key: SigningKey,
    *,
    at: datetime,
    reason: str,
    organiser: str,
    spoken: Sequence[Spoken],
    timestamp_url: str | None,
) -> bytes:
    """As `signature.sign_pdf`; `reason` says what is signed."""
    room = _ROOM + sum(len(der(certificate)) for certificate in [key.certificate, *key.chain])
    room += _STAMP if timestamp_url else 0
    value = SignatureObject(
        timestamp=at,
        subfilter=SigSeedSubFilter.PADES,
        name=organiser,
        reason=reason,
        bytes_reserved=2 * room,
    )
    try:
        writer = IncrementalPdfFileWriter(io.BytesIO(pdf.rstrip() + b"\n"))
        root = writer.root["/StructTreeRoot"]
        top = root["/K"][0]
        _set_texts(writer, top, spoken)
        steps = PdfCMSEmbedder(SigFieldSpec(_FIELD, readable_field_name=f"Digital signature of {organiser}")).write_cms(
            _FIELD, writer
        )
        _add_to_structure(writer, root, top, next(steps))
    except (PdfError, KeyError, ValueError, IndexError, TypeError) as error:
        raise CannotSign(str(error)) from error
    steps.send(SigObjSetup(value, SigMDPSetup(_DIGEST, certify=True, docmdp_perms=MDPPerm.NO_CHANGES)))
    prepared, output = steps.send(SigIOSetup(_DIGEST))
    stamper = _Stamper(timestamp_url) if timestamp_url else None
    signer = _KeySigner(key.private, key.certificate, tuple(key.chain))
    try:
        signing = signer.async_sign(prepared.document_digest, _DIGEST, use_pades=True, timestamper=stamper)
        with ThreadPoolExecutor(1) as pool:  # this thread may run an event loop already
            content = pool.submit(asyncio.run, signing).result().dump()
    except TimestampRequestError as error:
        raise TimestampAway(str(error)) from error
    if len(content) > room:
        raise TimestampAway(f"a time stamp of {len(content)} bytes")
    steps.send(content)
    return bytes(output.getvalue())


def _set_texts(writer: IncrementalPdfFileWriter, top: DictionaryObject, spoken: Sequence[Spoken]) -> None:
    """Gives paragraphs their text as words: in many scripts letters are drawn by pieces, in no order of reading."""
    for kind in dict.fromkeys(words.kind for words in spoken):
        texts = [words for words in spoken if words.kind == kind]
        elements = [element for element in _elements(top) if element["/S"] == f"/{kind}"]
        if len(elements) > len(texts):
            raise CannotSign(f"{len(elements)} elements {kind} for {len(texts)} texts")
        for element, words in zip(elements, texts, strict=False):
            element[NameObject("/S")] = NameObject("/P")
            element[NameObject("/ActualText")] = TextStringObject(words.text)
            element[NameObject("/Lang")] = TextStringObject(words.language)
            writer.update_container(element)


def _elements(element: DictionaryObject) -> Iterator[DictionaryObject]:
    """An element of the structure and all in it, in the order of reading."""
    yield element
    kids = element.get("/K", [])
    for kid in kids if isinstance(kids, ArrayObject) else [kids]:
        child = kid.get_object()
        if isinstance(child, DictionaryObject) and "/S" in child:
            yield from _elements(child)


def _add_to_structure(
    writer: IncrementalPdfFileWriter, root: DictionaryObject, top: DictionaryObject, widget: IndirectObject
) -> None:
    """Makes the signature's field a form of the structure, with a description (PDF/UA)."""
    field = widget.get_object()
    page = field.raw_get("/P")
    reference = {"/Type": NameObject("/OBJR"), "/Obj": widget, "/Pg": page}
    form = writer.add_object(
        _dictionary(
            {
                "/Type": NameObject("/StructElem"),
                "/S": NameObject("/Form"),
                "/P": root["/K"].raw_get(0),
                "/Pg": page,
                "/Alt": field["/TU"],
                "/K": ArrayObject([_dictionary(reference)]),
            }
        )
    )
    top["/K"].append(form)
    writer.update_container(top["/K"])
    numbers = root["/ParentTree"]["/Nums"]
    key = NumberObject(max(list(numbers)[::2], default=-1) + 1)
    numbers.extend([key, form])
    writer.update_container(numbers)
    root[NameObject("/ParentTreeNextKey")] = NumberObject(key + 1)
    writer.update_container(root)
    field[NameObject("/StructParent")] = key
    field[NameObject("/Contents")] = field["/TU"]


def _dictionary(entries: dict[str, Any]) -> DictionaryObject:
    return DictionaryObject({NameObject(name): value for name, value in entries.items()})


class _KeySigner(Signer):
    """Signs with a key in memory. The same content gives the same signature where the library supports it."""

    def __init__(
        self, private: ec.EllipticCurvePrivateKey, certificate: x509.Certificate, chain: Sequence[x509.Certificate]
    ) -> None:
        store = SimpleCertificateStore()
        store.register_multiple(map(_as_asn1, chain))
        mechanism = algos.SignedDigestAlgorithm({"algorithm": "sha256_ecdsa"})
        super().__init__(signing_cert=_as_asn1(certificate), cert_registry=store, signature_mechanism=mechanism)
        self._private = private

    async def async_sign_raw(self, data: bytes, digest_algorithm: str, dry_run: bool = False) -> bytes:
        """The signature on `data`."""
        return self._private.sign(data, _ALGORITHM)


def _algorithm() -> ec.ECDSA:
    try:
        algorithm = ec.ECDSA(hashes.SHA256(), deterministic_signing=True)  # RFC 6979
        ec.generate_private_key(ec.SECP256R1()).sign(b"", algorithm)
    except UnsupportedAlgorithm:  # an older OpenSSL: a signature as good, another each time
        return ec.ECDSA(hashes.SHA256())
    return algorithm


_ALGORITHM = _algorithm()


def _as_asn1(certificate: x509.Certificate) -> asn1.Certificate:
    loaded: asn1.Certificate = asn1.Certificate.load(der(certificate))
    return loaded


class _Stamper(TimeStamper):
    """Asks a server for time stamps (RFC 3161)."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.url = url

    async def async_request_tsa_response(self, req: tsp.TimeStampReq) -> tsp.TimeStampResp:
        """The server's answer."""
        headers = {"Content-Type": "application/timestamp-query", "Accept": "application/timestamp-reply"}
        request = urllib.request.Request(self.url, data=req.dump(), headers=headers)  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=_WAIT) as answer:  # noqa: S310
                return tsp.TimeStampResp.load(answer.read(100_000))
        except (OSError, ValueError) as error:
            raise TimestampRequestError(str(error)) from error
