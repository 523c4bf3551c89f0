"""The e-mails of a message: written of the message when they are sent, so that the outbox does not hold its text once
for each reader."""

from collections.abc import Mapping
from typing import Any

from flask import Flask

from lms.catalogue.queries.series import get_series_by_id
from lms.core.base.roles import SYSTEM
from lms.core.text.translations import reader_text
from lms.mail import rendering
from lms.messages.models import Audience
from lms.messages.queries import find_message
from lms.messages.rules import with_name


def init_app(app: Flask) -> None:
    """Has these e-mails prepared."""
    rendering.register(app, "message", prepared)
    rendering.register(app, "message_test", prepared)


def prepared(payload: Mapping[str, Any]) -> rendering.More:
    """Subject and text as one reader gets them."""
    message = find_message(int(payload["message_id"]))
    if message is None:
        raise LookupError("the message was deleted")
    name = str(payload["full_name"])
    series = get_series_by_id(message.series_id, by=SYSTEM)
    return rendering.More(
        {
            "subject": with_name(message.subject, name),
            "paragraphs": with_name(message.text, name).split("\n\n"),
            "title": reader_text(series),
            "slug": series.slug,
            "states_progress": message.audience is Audience.BEHIND,
        }
    )
