"""The objects of the API: messages, in and out."""

from apiflask import Schema
from apiflask.fields import Enum, Integer, List, Nested, String

from lms.messages.models import Audience, MessageState
from lms.web.api.api import AnswerSchema, Instant

_LECTURE = {"description": "The lecture whose outcomes decide. For `attended`, `partial` and `absent` only."}


class MessageIn(Schema):
    """A message to write. `{name}` in `subject` and `text` becomes the reader's name; `country` is a code.

    `search` is part of a name or an e-mail address, for the audience `behind` only. Focal points write to the audience
    `behind` of a country of theirs.
    """

    audience = Enum(Audience, by_value=True, load_default=Audience.EVERYONE)
    lecture = Integer(strict=True, allow_none=True, load_default=None, metadata=_LECTURE)
    country = String(load_default="")
    search = String(load_default="")
    subject = String(required=True)
    text = String(required=True)


class SendIn(Schema):
    """`readers` is the number that the message named; it is sent only while that number is right."""

    readers = Integer(strict=True, required=True)


class ProgressOut(AnswerSchema):
    """The states of the e-mails. `skipped`: declined, or stopped before they were sent."""

    sent = Integer()
    waiting = Integer()
    failed = Integer()
    skipped = Integer()


class MessageOut(AnswerSchema):
    """A message. Of a draft, `readers` is how many people would get it now; null where its readers can no longer be
    chosen."""

    id = String(attribute="message.public_id")
    series = String(attribute="series.slug")
    audience = String(attribute="message.audience", metadata={"enum": [item.value for item in Audience]})
    lecture = Integer(attribute="message.lecture_id", allow_none=True, metadata=_LECTURE)
    country = String(attribute="message.country")
    search = String(attribute="message.search")
    subject = String(attribute="message.subject")
    text = String(attribute="message.text")
    state = String(attribute="message.state", metadata={"enum": [item.value for item in MessageState]})
    readers = Integer(allow_none=True)
    progress = Nested(ProgressOut)
    confirmed_at = Instant(attribute="message.confirmed_at", allow_none=True)
    starts_at = Instant(attribute="message.starts_at", allow_none=True)
    ended_at = Instant(attribute="message.ended_at", allow_none=True)


class MessagesOut(AnswerSchema):
    """The latest messages of a series, the newest first."""

    items = List(Nested(MessageOut))
