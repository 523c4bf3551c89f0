"""Verifies a file that a person has: a certificate's PDF, a badge (picture or text), or a learning record.

The signature is checked first, offline, against all keys there ever were. Only if one of them signed it and it is
unchanged is its number looked up, as if it had been typed. Of a learning record the digest is known too.
"""

import hashlib
from dataclasses import dataclass
from enum import StrEnum

from lms.certificates import keys
from lms.certificates.queries import certificates as queries
from lms.certificates.queries.certificates import ShownCertificate
from lms.certificates.queries.records import ShownRecord, find_record
from lms.certificates.verification.file_reading import Read, Seal, read_file
from lms.core.base.roles import ANONYMOUS, Actor


class VerdictState(StrEnum):
    """The verdict on a file.

    *altered*: it has one of our numbers but no valid signature for it. *unknown*: nothing can be said, because it has
    no number of ours or is not signed (`Verdict.is_unsigned`).
    """

    VALID = "valid"
    SUPERSEDED = "superseded"
    REVOKED = "revoked"
    WITHDRAWN = "withdrawn"
    UNKNOWN = "unknown"
    ALTERED = "altered"


@dataclass(frozen=True)
class Verdict:
    """The verdict on a file. Where it is genuine, `shown` is the certificate with its number, or `record` the learning
    record. `is_known`: one of them was issued with its number.
    """

    state: VerdictState
    read: Read
    shown: ShownCertificate | None = None
    record: ShownRecord | None = None
    is_known: bool = True

    @property
    def number(self) -> str | None:
        """The number in the file."""
        return self.read.number

    @property
    def is_unsigned(self) -> bool:
        """Whether it has one of our numbers but no signature; the reader is then sent to the number's page."""
        return self.is_known and self.read.seal is Seal.MISSING


def verdict_of_file(content: bytes, *, by: Actor = ANONYMOUS) -> Verdict:
    """The current verdict on a file. Raises Invalid, TooLarge, WrongKind for a file that is not a
    certificate at all.
    """
    read = read_file(content, keys.public_jwks(), keys.trusted_certificates())
    row = queries.find_row(read.number) if read.number else None
    record = find_record(read.number, by=by) if read.number and row is None else None
    if row is None and record is None:
        return Verdict(VerdictState.UNKNOWN, read, is_known=False)
    if read.seal is Seal.MISSING:
        return Verdict(VerdictState.UNKNOWN, read)
    if read.seal is not Seal.OURS or (record and record.digest != hashlib.sha256(content).hexdigest()):
        return Verdict(VerdictState.ALTERED, read)
    if record is not None:
        return Verdict(VerdictState(record.state), read, record=record)
    shown = queries.get_certificate(read.number or "", by=by)
    return Verdict(VerdictState(shown.state), read, shown)


def read_without_database(content: bytes) -> Read:
    """As read_file, against the keys of the data folder's files alone."""
    jwks, certificates = keys.from_files()
    return read_file(content, jwks, certificates)
