"""The contents of the help page, which the page shows and search finds, and the e-mails of a demonstration."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email import message_from_bytes, policy
from pathlib import Path

from flask_babel.speaklater import LazyString
from markupsafe import Markup

from lms.core.database.search import is_mentioned
from lms.core.text.i18n import _l


@dataclass(frozen=True)
class HelpTopic:
    """A paragraph or an answer. `text` may have links: `links` names the view that each placeholder leads to."""

    id: str
    title: LazyString
    text: LazyString
    links: Mapping[str, str] = field(default_factory=dict)

    @property
    def plain(self) -> str:
        """The text without its links."""
        return Markup(str(self.text) % dict.fromkeys(self.links, "")).striptags()  # noqa: S704 - our own words


_TAKE_PART = _l("Take part")
STEPS = (
    HelpTopic(
        "register",
        _TAKE_PART,
        _l(
            '<a href="%(register)s">Register</a> with your e-mail address and follow the link that we e-mail you. If '
            "nothing has arrived after ten minutes, check your spam folder, then register again with the same address."
        ),
        {"register": "people.register"},
    ),
    HelpTopic(
        "enrol",
        _TAKE_PART,
        _l(
            'Choose a <a href="%(series)s">series</a> and enrol. If no places are free, you join the waiting list. '
            "We will enrol and e-mail you when a place becomes free."
        ),
        {"series": "catalogue.series_list"},
    ),
    HelpTopic(
        "room",
        _TAKE_PART,
        _l(
            "Each lecture has a room, linked from the lecture’s page. It opens one hour before the start. From there "
            "you go to the meeting. Your minutes are counted while the room page stays open."
        ),
    ),
    HelpTopic(
        "counted",
        _TAKE_PART,
        _l(
            'See what was counted, and why, in <a href="%(me)s">My lectures</a>. If something is wrong, contact us. '
            "The lecturers can correct it."
        ),
        {"me": "dashboards.me"},
    ),
)
QUESTIONS = (
    HelpTopic("cost", _l("What does it cost?"), _l("Nothing.")),
    HelpTopic(
        "time",
        _l("Which time is shown?"),
        _l(
            "Your time first, then the organiser’s, each with the name of a city. Change your time zone at the bottom "
            "of the page or, if you are signed in, in your account."
        ),
    ),
    HelpTopic(
        "connection",
        _l("I lost connection."),
        _l("Return to the room. Minutes from before and after are added up. Two devices at once are counted once."),
    ),
    HelpTopic(
        "name",
        _l("My name is wrong on the certificate."),
        _l("Correct it in your account. A corrected certificate replaces the old one, and the old number leads to it."),
    ),
    HelpTopic(
        "password",
        _l("I forgot my password."),
        _l('<a class="alone" href="%(forgot)s">Set a new password</a>'),
        {"forgot": "people.forgot"},
    ),
)
ACCESSIBILITY = (
    HelpTopic(
        "accessibility",
        _l("Accessibility"),
        _l(
            "We aim to meet WCAG 2.2, level AA. The pages work with a keyboard alone, without JavaScript, in large "
            "type, in light and dark, on slow connections, and from right to left. Only the room, where "
            "minutes are counted, needs JavaScript."
        ),
    ),
    HelpTopic(
        "captions",
        _l("Accessibility"),
        _l(
            "Meetings run on other providers’ systems. Captions and interpretation differ from lecture to lecture; see "
            "the lecture’s page."
        ),
    ),
)


@dataclass(frozen=True)
class HelpFound:
    """A topic of the help page that fits."""

    id: str
    title: str
    text: str


def find_help(phrases: tuple[str, ...]) -> list[HelpFound]:
    """The topics whose question or answer has all the words, in the order of the page."""
    topics = [(topic.id, str(topic.title), topic.plain) for topic in (*STEPS, *QUESTIONS, *ACCESSIBILITY)]
    return [HelpFound(*topic) for topic in topics if is_mentioned(phrases, f"{topic[1]} {topic[2]}")]


SHOWN = 50


@dataclass(frozen=True)
class WrittenMail:
    """An e-mail as its reader gets it. `parts` are its text in pieces: words, and the path on this site that they
    lead to, or None."""

    name: str
    reader: str
    subject: str
    sent_at: datetime | None
    parts: tuple[tuple[str, str | None], ...]


def latest_mails(folder: Path, base_url: str, *, count: int = SHOWN) -> list[WrittenMail]:
    """The e-mails written last, the newest first. The names of the files begin with the time."""
    names = sorted((path.name for path in folder.glob("*.eml")), reverse=True) if folder.is_dir() else []
    return [_read(folder / name, base_url.rstrip("/")) for name in names[:count]]


def _read(path: Path, base_url: str) -> WrittenMail:
    message = message_from_bytes(path.read_bytes(), policy=policy.default)
    body = message.get_body(("plain",))
    date = message["Date"]
    return WrittenMail(
        name=path.stem,
        reader=str(message["To"]),
        subject=str(message["Subject"]),
        sent_at=date.datetime if date is not None else None,
        parts=tuple(_parts(body.get_content() if body is not None else "", base_url)),
    )


def _parts(text: str, base_url: str) -> Iterator[tuple[str, str | None]]:
    """Links lead to this site under whatever name it is asked by: a demonstration is shown under several."""
    for words in re.split(rf"({re.escape(base_url)}/[^\s]*[^\s.,:])", text.replace("\r\n", "\n")):
        path = words.removeprefix(base_url)
        is_here = path != words and path.startswith("/") and path[1:2] not in {"/", "\\"}  # these lead to another site
        yield words, path if is_here else None
