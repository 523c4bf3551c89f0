"""A real mail server that keeps what is delivered, and the worker's way of sending to it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Message
from apiflask import APIFlask
from flask import current_app

from lms.mail import sending
from lms.mail.rendering import sender
from tests.ports import free_port


class Sink(Message):
    """Keeps what is delivered."""

    def __init__(self) -> None:
        super().__init__(EmailMessage)
        self.messages: list[EmailMessage] = []

    def prepare_message(self, session: Any, envelope: Any) -> EmailMessage:
        return message_from_bytes(envelope.content, policy=policy.default)

    def handle_message(self, message: Any) -> None:
        self.messages.append(message)


@contextmanager
def running_sink(app: APIFlask) -> Iterator[Sink]:
    """A mail server on a port of its own, which the app delivers to."""
    sink = Sink()
    controller = Controller(sink, hostname="127.0.0.1", port=free_port())
    controller.start()
    config = app.extensions["lms.config"]
    before, config.mail_url = config.mail_url, f"smtp://127.0.0.1:{controller.port}"
    try:
        yield sink
    finally:
        config.mail_url = before
        controller.stop()


def drain(at: datetime) -> int:
    """Sends what is due as the worker does, in the running app; returns how many mails."""
    with sender(current_app._get_current_object()) as send:  # type: ignore[attr-defined]
        return sending.send_due(send, at=at)
