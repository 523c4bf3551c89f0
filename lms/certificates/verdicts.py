"""What a file says about itself: a certificate's PDF or a badge (picture or text) that somebody holds in hand.

The signature is checked first, offline, against every key there ever was; only what one of them signed, unaltered, is
believed, and its number is then looked up as if it had been typed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from cryptography import x509

from lms.certificates import baking, keys, queries
from lms.certificates.badges import BadgeCheck, read_credential
from lms.certificates.queries import Shown
from lms.certificates.signature import PdfCheck, check_pdf
from lms.certificates.vcjwt import LONGEST, unproved
from lms.core.errors import Invalid, TooLarge, WrongKind
from lms.core.roles import ANONYMOUS, Actor
from lms.core.words import _

MOST_BYTES = 8 * 1024 * 1024
"""The largest file that is read: ours have a hundredth of it."""


class VerdictState(StrEnum):
    """What holds for a file. *altered*: it bears a number of ours and a signature that does not hold for it.

    *unknown* are those of which nothing can be said: no number of ours, or nobody's signature (`Verdict.is_unsigned`).
    """

    VALID = "valid"
    SUPERSEDED = "superseded"
    REVOKED = "revoked"
    WITHDRAWN = "withdrawn"
    UNKNOWN = "unknown"
    ALTERED = "altered"


class Seal(StrEnum):
    """What a file's signature says, whatever became of the certificate."""

    OURS = "ours"
    """One of our keys signed it as it stands."""
    BROKEN = "broken"
    """It was changed after it was signed, or its signature cannot be read."""
    FOREIGN = "foreign"
    """Somebody else signed it."""
    MISSING = "missing"
    """Nobody signed it: a copy, an imitation, or a certificate from before they were signed."""


@dataclass(frozen=True)
class Read:
    """A file by itself: what its signature says, and the number that it bears (to be believed only if ours)."""

    seal: Seal
    number: str | None
    is_badge: bool


@dataclass(frozen=True)
class Verdict:
    """What holds for a file; `shown` is the certificate behind its number where the file is genuine.

    `is_known`: something was issued under its number.
    """

    state: VerdictState
    read: Read
    shown: Shown | None = None
    is_known: bool = True

    @property
    def number(self) -> str | None:
        """The number that the file bears."""
        return self.read.number

    @property
    def is_unsigned(self) -> bool:
        """Whether it bears a number of ours and no signature: whoever holds it is led to the number's page."""
        return self.is_known and self.read.seal is Seal.MISSING


def read_file(content: bytes, jwks: Mapping[str, Any], trusted: Iterable[x509.Certificate]) -> Read:
    """What a file says by itself, against these public keys. Raises Invalid, TooLarge, WrongKind.

    Any bytes are answered: nothing of a file is obeyed, fetched or drawn.
    """
    if not content:
        raise Invalid("file", _("The file is empty."))
    if len(content) > MOST_BYTES:
        raise TooLarge(_("The file is larger than %(n)s MB: no certificate is.", n=MOST_BYTES // 1024 // 1024))
    if b"%PDF-" in content[:1024]:
        return _read_pdf(content, trusted)
    return _read_badge(_badge_in(content), jwks)


def _read_pdf(content: bytes, trusted: Iterable[x509.Certificate]) -> Read:
    check = check_pdf(content, trusted)
    # The signature stands at the end: what was cut off there is not taken for a file that never had one
    is_torn = check.number is not None and not content.rstrip().endswith(b"%%EOF")
    broken = Seal.BROKEN if is_torn or b"/ByteRange" in content else Seal.MISSING
    return Read(_seal(check, broken), check.number, is_badge=False)


def _badge_in(content: bytes) -> str:
    if baking.is_picture(content):
        found = baking.unbake(content)
        if found is None:
            raise WrongKind(
                _("There is no badge in this picture. A screenshot of a badge has none; take the file itself.")
            )
        return found
    try:
        text = content.decode("ascii").strip() if len(content) <= LONGEST else ""
    except UnicodeDecodeError:
        text = ""
    if not all(unproved(text)):
        raise WrongKind(_("This is neither a certificate as PDF nor a badge (PNG or signed text)."))
    return text


def _read_badge(text: str, jwks: Mapping[str, Any]) -> Read:
    check = read_credential(text, jwks)
    return Read(_seal(check, Seal.BROKEN), check.number, is_badge=True)


def _seal(check: PdfCheck | BadgeCheck, broken: Seal) -> Seal:
    if not check.intact:
        return broken
    return Seal.OURS if check.ours else Seal.FOREIGN


def verdict_of_file(content: bytes, *, by: Actor = ANONYMOUS) -> Verdict:
    """What holds for a file now. Raises Invalid, TooLarge, WrongKind for what is no certificate at all."""
    read = read_file(content, keys.public_jwks(), keys.trusted_certificates())
    row = queries.find_row(read.number) if read.number else None
    if row is None:
        return Verdict(VerdictState.UNKNOWN, read, is_known=False)
    if read.seal is Seal.MISSING:
        return Verdict(VerdictState.UNKNOWN, read)
    if read.seal is not Seal.OURS:
        return Verdict(VerdictState.ALTERED, read)
    shown = queries.get_certificate(read.number or "", by=by)
    return Verdict(VerdictState(shown.state), read, shown)


def read_without_database(content: bytes) -> Read:
    """As read_file, against the keys of the data folder's files alone."""
    jwks, certificates = keys.from_files()
    return read_file(content, jwks, certificates)
