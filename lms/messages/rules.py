"""Rules of messages: their content, and when they can be changed, sent and stopped."""

from dataclasses import dataclass, replace

from lms.catalogue.models import Series
from lms.catalogue.rules import may_edit_series
from lms.core.base.errors import Fault, Forbidden, Invalid, NotFound, Refused
from lms.core.base.roles import Actor
from lms.core.text.i18n import _
from lms.core.text.typed_text import clean_line, clean_text
from lms.enrolment.rules import speaks_for
from lms.mail.decisions import TIME_TO_STOP
from lms.messages.models import Audience, Message, MessageState

MAX_SUBJECT = 200
MAX_TEXT = 20_000
MAX_READERS = 50_000
MAX_A_DAY = 20
"""The number of messages in a series within 24 hours, not counting reminders to one country."""
MAX_REMINDERS_A_DAY = 2
"""The number of messages to people of one country who are falling behind in a series, within 24 hours."""
MAX_SEARCH = 100
WAIT = TIME_TO_STOP
"""From the confirmation to the first e-mail: time to stop a message."""
NAME = "{name}"
"""In subject and text: the reader's name."""
OF_LECTURE = frozenset({Audience.ATTENDED, Audience.PARTIAL, Audience.ABSENT})
"""Audiences that are chosen by the outcome of one lecture."""


@dataclass(frozen=True)
class AudienceInput:
    """An audience:

    `lecture_id` is the lecture whose outcomes decide, `country` the code of a country, empty for all. `search` is part
    of a name or an e-mail address, for people who are falling behind; empty for all.
    """

    audience: Audience = Audience.EVERYONE
    lecture_id: int | None = None
    country: str = ""
    search: str = ""

    @property
    def is_reminder(self) -> bool:
        """Whether it reminds people of one country who are falling behind."""
        return self.audience is Audience.BEHIND and bool(self.country)


@dataclass(frozen=True)
class MessageInput:
    """The text of a message, and its audience."""

    to: AudienceInput
    subject: str
    text: str


def checked(typed: MessageInput) -> MessageInput:
    """The message with its text cleaned. Raises Invalid (`subject`, `text`, `search`)."""
    subject, text = clean_line(typed.subject), clean_text(typed.text)
    faults = []
    if not subject:
        faults.append(Fault(_("Enter a subject."), "subject"))
    elif len(subject) > MAX_SUBJECT:
        faults.append(Fault(_("Use at most %(n)s characters.", n=MAX_SUBJECT), "subject"))
    if not clean_line(text):
        faults.append(Fault(_("Enter the text of the message."), "text"))
    elif len(text) > MAX_TEXT:
        faults.append(Fault(_("Use at most %(n)s characters.", n=MAX_TEXT), "text"))
    search = clean_line(typed.to.search) if typed.to.audience is Audience.BEHIND else ""
    if len(search) > MAX_SEARCH:
        faults.append(Fault(_("Use at most %(n)s characters.", n=MAX_SEARCH), "search"))
    if faults:
        raise Invalid(faults=faults)
    return MessageInput(replace(typed.to, search=search), subject, text)


def with_name(text: str, full_name: str) -> str:
    """A subject or text as one reader gets it."""
    return text.replace(NAME, full_name)


def may_write(series: Series, by: Actor) -> bool:
    """Whether the actor can write to everyone enrolled in a series: its instructors and administrators."""
    return may_edit_series(series, by)


def check_can_write(series: Series, by: Actor) -> None:
    """Raises NotFound for people who can write to nobody in a series: they do not learn that there are messages.

    Focal points can write to the people of their countries who are falling behind (`check_audience`).
    """
    if not (may_write(series, by) or by.is_focal_point):
        raise NotFound


def check_audience(series: Series, to: AudienceInput, country_id: int | None, by: Actor) -> None:
    """Raises Forbidden where the actor cannot write to these people; `country_id` is the country of the audience."""
    if may_write(series, by) or (to.audience is Audience.BEHIND and speaks_for(by, country_id)):
        return
    raise Forbidden(_("Focal points write to people of their own countries who are falling behind, and to no others."))


def check_is_draft(message: Message) -> None:
    """Raises Refused for a message that was confirmed."""
    if message.state is not MessageState.DRAFT:
        raise Refused(_("This message is no longer a draft. To send it again, write a new one."))


def can_stop(message: Message) -> bool:
    """Whether anything of a message may still be stopped."""
    return message.state in (MessageState.WAITING, MessageState.SENDING, MessageState.SENT)
