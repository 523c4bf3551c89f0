"""Returned e-mails, and addresses that get no more e-mail because of them until their owner confirms them.

Delivery status notifications (RFC 3464) are read, and their e-mail is found by its mark (`rendering.mark`): its
Message-ID and, where the mail server accepts one, its envelope id (RFC 3461). Only this site can make marks, so nobody
can forge the return of an e-mail that they were not sent.
"""

import hashlib
import hmac
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes
from email.message import Message
from enum import StrEnum

import structlog
from flask import current_app
from sqlalchemy import ColumnElement, and_, func, or_, select, text, update

from lms.core.database.bulk import among
from lms.core.database.session import action, db
from lms.mail import outbox
from lms.mail.outbox import IS_NO_SUCH_ADDRESS, MailState, OutboxMail
from lms.mail.reasons import MailReason, reason_of
from lms.mail.rendering import mark

_MARK = re.compile(r"(?<![\w.])(\d{1,9})\.([0-9a-f]{32})(?![\w.])", re.I)
_RETURNED = {"message/rfc822", "message/global", "text/rfc822-headers", "message/global-headers"}
_STATUS = {"message/delivery-status", "message/global-delivery-status"}
_MOST_MARKS = 20
MOST_BYTES = 1_000_000
"""Of a notification; what is beyond is not read."""
MOST_BOUNCES = 3
"""After this many permanent failures, an address gets no more mail."""
log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Bounce:
    """A permanent failure of a mail: from a notification, which is identified by its `digest`.

    `status` is as in RFC 3463. Not `is_to_address`: the mail was forwarded, and another address failed.
    """

    status: str
    words: str
    digest: str
    is_to_address: bool

    @property
    def reason(self) -> MailReason:
        """The meaning of the failure. Only what says that the address itself does not exist counts against it."""
        reason = reason_of(550, f"{self.status} {self.words}")
        if reason is not MailReason.NO_SUCH_ADDRESS:
            return reason
        if self.status.startswith("4"):
            return MailReason.NO_ANSWER
        return reason if self.is_to_address else MailReason.FORWARDED


@action
def note_bounce(mail_id: int, bounce: Bounce, *, at: datetime) -> bool:
    """Records a permanent failure of a mail; returns whether it was new.

    The same notification again changes nothing, even if the mail was sent again since. A notification may arrive before
    the mail is marked as sent.
    """
    if not outbox.begin(f"bounce-{mail_id}-{bounce.digest}", at=at):
        return False
    was_sent = or_(
        OutboxMail.state == MailState.SENT, and_(OutboxMail.state == MailState.QUEUED, OutboxMail.attempts > 0)
    )
    came_back = update(OutboxMail).where(OutboxMail.id == mail_id, OutboxMail.address != "", was_sent)
    values = {
        "state": MailState.UNDELIVERED,
        "reason": bounce.reason,
        "error": f"{bounce.status} {bounce.words}".strip()[:500],
        "sent_at": func.coalesce(OutboxMail.sent_at, at),
    }
    query = came_back.values(values).returning(OutboxMail.id).execution_options(synchronize_session=False)
    return db.session.execute(query).first() is not None


def counts_against_address() -> ColumnElement[bool]:
    """Mails proving that their address does not exist: returned, or refused."""
    states = (MailState.UNDELIVERED, MailState.FAILED)
    return and_(
        text(f"outbox_mail.{IS_NO_SUCH_ADDRESS}"), OutboxMail.state.in_(states)
    )  # as text, so that its index is found


def stopped_among(addresses: Iterable[str]) -> set[str]:
    """Which of these addresses are not written to, until their owner says that they work (`confirm_address`)."""
    query = (
        select(OutboxMail.address)
        .where(among(OutboxMail.address, {address for address in addresses if address}), counts_against_address())
        .group_by(OutboxMail.address)
        .having(func.count() >= MOST_BOUNCES)
    )
    return set(db.session.scalars(query))


def confirm_address(address: str) -> None:
    """Within an action: forgets the returned mails of an address."""
    counted = update(OutboxMail).where(OutboxMail.address == address, counts_against_address())
    db.session.execute(counted.values(reason=None).execution_options(synchronize_session=False))


class BounceOutcome(StrEnum):
    """The meaning of a returned message."""

    NOTED = "noted"
    KNOWN = "known"
    """The mail is marked already, or was not sent."""
    NOT_FINAL = "not_final"
    """A delay, or a confirmation that it arrived."""
    NOT_OURS = "not_ours"


@dataclass(frozen=True)
class _Failure:
    """A notification about one reader whose mail failed: under the address we sent to, and under the last."""

    status: str
    words: str
    addresses: frozenset[str]


@dataclass(frozen=True)
class _Notification:
    """`marks`: (text, id) of the mails that it may be about."""

    marks: Sequence[tuple[str, int]]
    failures: Sequence[_Failure]
    digest: str


def take_bounce(content: bytes, *, at: datetime) -> BounceOutcome:
    """Reads one message, and marks the mail that it reports as returned. Other messages change nothing."""
    try:
        notification = _read(content[:MOST_BYTES])
    except Exception:  # the standard library raises what it likes on what is no mail
        log.exception("a returned mail cannot be read")
        return BounceOutcome.NOT_OURS
    mail = _find(notification)
    if mail is None:
        return BounceOutcome.NOT_OURS
    mail_id, address = mail
    if not notification.failures:
        return BounceOutcome.NOT_FINAL
    matching = [failure for failure in notification.failures if address.casefold() in failure.addresses]
    failure = (matching or notification.failures)[0]
    bounce = Bounce(failure.status, failure.words, notification.digest, is_to_address=bool(matching))
    return BounceOutcome.NOTED if note_bounce(mail_id, bounce, at=at) else BounceOutcome.KNOWN


def _read(content: bytes) -> _Notification:
    message = message_from_bytes(content)
    blocks = [block for part in message.walk() if part.get_content_type() in _STATUS for block in _blocks(part)]
    failures = [_failure(block) for block in blocks if _line(block, "Action").lower() == "failed"]
    marks = [(match[0].lower(), int(match[1])) for text in _naming(message, blocks) for match in _MARK.finditer(text)]
    message_id = _line(message, "Message-ID").encode("utf-8", "replace")
    digest = hashlib.sha256(message_id or content).hexdigest()[:32]
    return _Notification(list(dict.fromkeys(marks))[:_MOST_MARKS], failures, digest)


def _blocks(part: Message) -> Iterator[Message]:
    """The blocks of fields of a delivery status: about the message, then about each reader."""
    inside = part.get_payload()
    for block in inside if isinstance(inside, list) else []:
        if not isinstance(block, Message):
            continue
        yield block
        if part.get_content_type() == "message/global-delivery-status":  # read as a mail: the other blocks are its text
            text = block.get_payload(decode=True)
            for more in re.split(rb"\r?\n\r?\n", text) if isinstance(text, bytes) else []:
                yield message_from_bytes(more)


def _failure(block: Message) -> _Failure:
    status = _line(block, "Status")
    words = _line(block, "Diagnostic-Code").partition(";")[2] or status
    addresses = [_line(block, name).rpartition(";")[2] for name in ("Original-Recipient", "Final-Recipient")]
    return _Failure(
        status, " ".join(words.split()), frozenset(address.strip(" <>").casefold() for address in addresses)
    )


def _naming(message: Message, blocks: Sequence[Message]) -> Iterator[str]:
    """Where a notification names the mail: its envelope, its head that was returned, and what it is an answer to."""
    for block in blocks:
        yield _line(block, "Original-Envelope-Id")
    if not blocks:
        return
    for part in message.walk():
        if part.get_content_type() not in _RETURNED:
            continue
        inside = part.get_payload()
        if isinstance(inside, list):
            yield from (_line(head, "Message-ID") for head in inside if isinstance(head, Message))
        else:
            text = part.get_payload(decode=True)
            yield text.decode("latin-1") if isinstance(text, bytes) else ""
    yield from (_line(message, name) for name in ("In-Reply-To", "References"))


def _line(block: Message, name: str) -> str:
    return " ".join(str(block.get(name, "")).split())


def _find(notification: _Notification) -> tuple[int, str] | None:
    """(id, address) of the mail that a notification is about, if it is one of ours."""
    secrets = [None, *current_app.config["SECRET_KEY_FALLBACKS"]]
    for name, mail_id in notification.marks:
        row = db.session.get(OutboxMail, mail_id)
        if row is None:
            continue
        expected = [mark(mail_id, row.dedupe_key, secret=secret) for secret in secrets]
        if any(hmac.compare_digest(genuine, name) for genuine in expected):
            mail = row.id, row.address
            db.session.rollback()
            return mail
    db.session.rollback()
    return None
