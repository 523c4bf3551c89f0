"""What a file says about itself: a certificate's PDF or a badge (picture or text) that somebody holds in hand.

The signature is checked first, offline, against every key there ever was; only what one of them signed, unaltered, is
believed, and its number is then looked up as if it had been typed.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from lms.certificates import keys
from lms.certificates.queries import certificates as queries
from lms.certificates.queries.certificates import Shown
from lms.certificates.verification.file_reading import Read, Seal, read_file
from lms.core.roles import ANONYMOUS, Actor


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
