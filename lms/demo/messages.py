"""Messages of the demonstration: one that was sent to those who missed a lecture, one that was stopped, and a draft."""

from __future__ import annotations

from datetime import datetime, timedelta

from lms.core.roles import Actor
from lms.demo.follow_up import actor_of
from lms.demo.mails import keep_as_sent
from lms.messages.actions import confirm_message, save_message, send_due_messages, stop_message
from lms.messages.models import Audience
from lms.messages.queries import count_readers, get_series_to_write, held_lectures_of
from lms.messages.rules import WAIT, AudienceInput, MessageInput

SERIES = "paperless-trade"
COUNTRY = "KE"
"""Whose people the message goes to that is sent."""
MISSED = """Dear {name},

You could not be with us. The recording is open, and the slides are on the page of the lecture.

If you were there and we did not see you, please send an appeal from your own page.

Lin Yuhan"""
READING = """Dear {name},

Please read the paper before the next lecture.

Lin Yuhan"""
MOVED = """Dear {name},

The next lecture begins an hour later than planned.

Lin Yuhan"""


def take_in(address: str, *, now: datetime) -> None:
    """Writes three messages as the instructor who signs in to the demonstration. E-mails are kept as sent, and sent
    to nobody."""
    by = actor_of(address, now)
    lecture = held_lectures_of(get_series_to_write(SERIES, by=by), by=by)[0]
    missed = AudienceInput(Audience.ABSENT, lecture.id, COUNTRY)
    first, second = now - timedelta(days=6), now - timedelta(days=3)
    sent = MessageInput(missed, f"You missed “{lecture.title}”: the recording is open", MISSED)
    _send(sent, by=by, at=first)
    send_due_messages(at=first + WAIT)
    keep_as_sent(first + WAIT)
    stopped = _send(MessageInput(AudienceInput(), "The lecture begins an hour later", MOVED), by=by, at=second)
    stop_message(SERIES, stopped, by=by, at=second)
    save_message(
        SERIES, None, MessageInput(AudienceInput(), "The reading for the next lecture", READING), by=by, at=now
    )


def _send(typed: MessageInput, *, by: Actor, at: datetime) -> str:
    public_id = save_message(SERIES, None, typed, by=by, at=at)
    readers = count_readers(get_series_to_write(SERIES, by=by), typed.to, by=by).number
    confirm_message(SERIES, public_id, readers, by=by, at=at)
    return public_id
