"""Reads delivery status notifications (RFC 3464), and finds the mail that they are about by its signed Message-ID."""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage, Message
from enum import StrEnum

from flask import current_app

from lms.core.bounces import note_bounce
from lms.core.db import db
from lms.core.outbox import OutboxMail
from lms.web.mail import mark

_MARK = re.compile(r"<(\d{1,9})\.([0-9a-f]{32})@")
MOST_BYTES = 1_000_000
"""Of a notification; what is beyond is not read."""


class BounceOutcome(StrEnum):
    """What a message was to us."""

    NOTED = "noted"
    KNOWN = "known"
    """The mail is marked already, or was not sent."""
    NOT_FINAL = "not_final"
    """A delay, or a confirmation that it arrived."""
    NOT_OURS = "not_ours"


def take_bounce(content: bytes) -> BounceOutcome:
    """Reads one message, and marks the mail that it says came back. Whatever else it is changes nothing."""
    message = message_from_bytes(content[:MOST_BYTES], policy=policy.default)
    mail_id = _mail_id(message)
    if mail_id is None:
        return BounceOutcome.NOT_OURS
    failed = next((status for status in _statuses(message) if status[0].startswith("5.")), None)
    if failed is None:
        return BounceOutcome.NOT_FINAL
    return BounceOutcome.NOTED if note_bounce(mail_id, *failed) else BounceOutcome.KNOWN


def _statuses(message: EmailMessage) -> Iterator[tuple[str, str]]:
    """(status, words of the other server) of each reader whose mail failed."""
    for part in message.walk():
        if part.get_content_type() != "message/delivery-status" or not part.is_multipart():
            continue
        for block in part.get_payload():
            if isinstance(block, Message) and str(block.get("Action", "")).strip().lower() == "failed":
                words = str(block.get("Diagnostic-Code", "")).partition(";")[2] or str(block.get("Status", ""))
                yield str(block.get("Status", "")).strip(), " ".join(words.split())


def _mail_id(message: EmailMessage) -> int | None:
    """The mail that was returned with a notification, if it is one of ours."""
    for part in message.walk():
        if part.get_content_type() not in ("message/rfc822", "text/rfc822-headers"):
            continue
        for found in _MARK.finditer(part.as_bytes()[:MOST_BYTES].decode("latin-1")):
            mail_id = int(found[1])
            row = db.session.get(OutboxMail, mail_id)
            secrets = [None, *current_app.config["SECRET_KEY_FALLBACKS"]]
            if row is not None and any(
                hmac.compare_digest(mark(mail_id, row.dedupe_key, secret=one), f"{found[1]}.{found[2]}")
                for one in secrets
            ):
                db.session.rollback()
                return mail_id
    return None
