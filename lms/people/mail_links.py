"""The links in mails with which their readers stop a kind of mail, without signing in (RFC 8058).

A link says whose mail it was, of which kind, to which address and on which day, and is signed with the secret of the
installation: nothing is stored for it. It works for a year, and for as long as the address is that of the person.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from itsdangerous import BadSignature, Signer

from lms.mail.kinds import DECLINABLE, MailKind
from lms.people.rules import email_key

LASTS = timedelta(days=365)
_SALT = b"serai stop mail"
_DAY = timedelta(days=1)
_BEGINNING = datetime.fromisoformat("2020-01-01T00:00:00+00:00")


@dataclass(frozen=True)
class MailLink:
    """The content of a genuine link. `address` is the mark of an address, not the address."""

    person_id: int
    kind: MailKind
    address: str
    sent_at: datetime

    def is_over(self, at: datetime) -> bool:
        """Whether the link is too old."""
        return at - self.sent_at > LASTS


def mark_of(address: str) -> str:
    """Returns what a link has of an address: enough to tell whether it still is one of the person's."""
    return hashlib.sha256(email_key(address).encode()).hexdigest()[:12]


def make_link(secrets: Sequence[str], person_id: int, kind: MailKind, address: str, at: datetime) -> str:
    """The signed part of a link."""
    day = (at - _BEGINNING) // _DAY
    return _signer(secrets).sign(f"{person_id}~{kind}~{mark_of(address)}~{day}").decode()


def read_link(secrets: Sequence[str], text: str) -> MailLink | None:
    """Returns what a link says; None for what was made with none of these secrets."""
    try:
        person_id, kind, address, day = _signer(secrets).unsign(text.encode()).decode().split("~")
    except (BadSignature, ValueError):
        return None
    if kind not in DECLINABLE:
        return None
    return MailLink(int(person_id), MailKind(kind), address, _BEGINNING + int(day) * _DAY)


def _signer(secrets: Sequence[str]) -> Signer:
    """Signs with the first of the secrets, and reads what was signed with any of them."""
    return Signer([secret.encode() for secret in reversed(secrets)], salt=_SALT, digest_method=hashlib.sha256)
