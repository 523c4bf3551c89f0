"""The organisation's signature on a certificate's file: PAdES B-B, or B-T where there is a time stamp server.

pyHanko appends the signature as one more revision of the file: a field without a look of its own that certifies the
document (nothing can be changed after it). The same revision gives screen readers the texts and the field.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from lms.certificates.keys import SigningKey


@dataclass(frozen=True)
class Spoken:
    """Words of the document, which a reader is given whole: `kind` is the element of the structure that holds them
    alone, `language` their BCP 47 tag. Those of one kind are in the order of reading; the last may be missing."""

    kind: str
    text: str
    language: str


class TimestampAway(Exception):
    """The time stamp server did not answer, or not with a time stamp."""


class CannotSign(ValueError):
    """The file was not typeset here."""


def sign_pdf(
    pdf: bytes,
    key: SigningKey,
    *,
    at: datetime,
    number: str,
    organiser: str,
    spoken: Sequence[Spoken] = (),
    timestamp_url: str | None = None,
    document: str = "Certificate",
) -> bytes:
    """The file with the organisation's signature, with `at` (aware UTC) as its time, and `document` and number as its
    reason.

    Raises TimestampAway and CannotSign.
    """
    from lms.certificates.pdf import signer  # its libraries take a tenth of the time in which a server starts

    return signer.sign(
        pdf, key, at=at, reason=f"{document} {number}", organiser=organiser, spoken=spoken, timestamp_url=timestamp_url
    )


def der(certificate: x509.Certificate) -> bytes:
    """The certificate as bytes."""
    return certificate.public_bytes(serialization.Encoding.DER)
