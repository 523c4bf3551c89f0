"""Reads delivery status notifications (RFC 3464), and finds the mail that they are about.

A mail is found by its mark (`web.mail.mark`), which is its Message-ID and, where the mail server takes one, its
envelope id (RFC 3461). Only this site can make marks, so nobody forges the return of a mail that they were not sent.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes
from email.message import Message
from enum import StrEnum

import structlog
from flask import current_app

from lms.core.bounces import Bounce, note_bounce
from lms.core.db import db
from lms.core.outbox import OutboxMail
from lms.web.mail import mark

_MARK = re.compile(r"(?<![\w.])(\d{1,9})\.([0-9a-f]{32})(?![\w.])", re.I)
_RETURNED = {"message/rfc822", "message/global", "text/rfc822-headers", "message/global-headers"}
_STATUS = {"message/delivery-status", "message/global-delivery-status"}
_MOST_MARKS = 20
MOST_BYTES = 1_000_000
"""Of a notification; what is beyond is not read."""
log = structlog.get_logger(__name__)


class BounceOutcome(StrEnum):
    """What a message was to us."""

    NOTED = "noted"
    KNOWN = "known"
    """The mail is marked already, or was not sent."""
    NOT_FINAL = "not_final"
    """A delay, or a confirmation that it arrived."""
    NOT_OURS = "not_ours"


@dataclass(frozen=True)
class _Failure:
    """What a notification says of one reader whose mail failed: under the address we sent to, and under the last."""

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
    """Reads one message, and marks the mail that it says came back. Whatever else it is changes nothing."""
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
    for text, mail_id in notification.marks:
        row = db.session.get(OutboxMail, mail_id)
        if row is None:
            continue
        expected = [mark(mail_id, row.dedupe_key, secret=secret) for secret in secrets]
        if any(hmac.compare_digest(genuine, text) for genuine in expected):
            mail = row.id, row.address
            db.session.rollback()
            return mail
    db.session.rollback()
    return None
