"""Reads what a certificate file or badge itself states. Runs in a separate process (`foreign_files`) that imports
nothing from the server.
"""

import base64
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from lms.certificates.badges import baking
from lms.certificates.badges.vc_jwt import LONGEST, BadgeCheck, read_credential, unproved
from lms.certificates.pdf.check import PdfCheck, check_pdf
from lms.core.base.errors import Invalid, TooLarge, WrongKind
from lms.core.storage.foreign_files import PROOFS, read_foreign
from lms.core.text.i18n import _

MOST_BYTES = 1024 * 1024
"""The largest file that is read: ours have a tenth of it."""


class Seal(StrEnum):
    """The state of a file's signature, independent of the certificate's state."""

    OURS = "ours"
    """Signed by one of our keys and unchanged."""
    BROKEN = "broken"
    """It was changed after it was signed, or its signature cannot be read."""
    FOREIGN = "foreign"
    """Signed by someone else."""
    MISSING = "missing"
    """Not signed: a copy, a forgery, or a certificate from before files were signed."""


@dataclass(frozen=True)
class Read:
    """A file on its own: the state of its signature, and its number (trustworthy only if the signature is ours)."""

    seal: Seal
    number: str | None
    is_badge: bool


def read_file(content: bytes, jwks: Mapping[str, Any], trusted: Iterable[x509.Certificate]) -> Read:
    """Checks a file against these public keys. Raises Invalid, TooLarge, WrongKind, and Busy.

    Any bytes get an answer: nothing in a file is executed, fetched or drawn.
    """
    if not content:
        raise Invalid("file", _("The file is empty."))
    if len(content) > MOST_BYTES:
        raise TooLarge(
            _("The file is larger than %(n)s MB, so it cannot be a certificate.", n=MOST_BYTES // 1024 // 1024)
        )
    certificates = [base64.b64encode(one.public_bytes(serialization.Encoding.DER)).decode() for one in trusted]
    ((seal, number, is_badge),) = read_foreign(
        PROOFS, "lms.certificates.verification.file_reading:read_within", content, jwks=jwks, trusted=certificates
    )
    return Read(Seal(seal), number, is_badge)


def read_within(
    content: bytes, *, jwks: Mapping[str, Any], trusted: list[str]
) -> Iterator[tuple[str, str | None, bool]]:
    """Returns what `read_file` answers: the seal, the number, whether it is a badge."""
    certificates = [x509.load_der_x509_certificate(base64.b64decode(one)) for one in trusted]
    is_pdf = b"%PDF-" in content[:1024]
    read = _read_pdf(content, certificates) if is_pdf else _read_badge(_badge_in(content), jwks)
    yield read.seal.value, read.number, read.is_badge


def _read_pdf(content: bytes, trusted: Iterable[x509.Certificate]) -> Read:
    check = check_pdf(content, trusted)
    # The signature is at the end: a truncated file is not reported as unsigned
    is_torn = check.number is not None and not content.rstrip().endswith(b"%%EOF")
    broken = Seal.BROKEN if is_torn or b"/ByteRange" in content else Seal.MISSING
    return Read(_seal(check, broken), check.number, is_badge=False)


def _badge_in(content: bytes) -> str:
    if baking.is_picture(content):
        badge = baking.unbake(content)
        if badge is None:
            raise WrongKind(
                _("This picture contains no badge. Use the original file; a screenshot does not contain the badge.")
            )
        return badge
    try:
        text = content.decode("ascii").strip() if len(content) <= LONGEST else ""
    except UnicodeDecodeError:
        text = ""
    if not all(unproved(text)):
        raise WrongKind(_("This is neither a certificate (PDF) nor a badge (PNG or signed text)."))
    return text


def _read_badge(text: str, jwks: Mapping[str, Any]) -> Read:
    check = read_credential(text, jwks)
    return Read(_seal(check, Seal.BROKEN), check.number, is_badge=True)


def _seal(check: PdfCheck | BadgeCheck, broken: Seal) -> Seal:
    if not check.intact:
        return broken
    return Seal.OURS if check.ours else Seal.FOREIGN
