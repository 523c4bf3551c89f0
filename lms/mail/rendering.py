"""Mail: rendered when it is sent, from the outbox row's frozen payload, and handed to SMTP or to a folder.

A template `mail/<template>.txt` has its subject in the first line, the text after an empty one. Each paragraph goes
through the filter `para`, and the link to what the reader is asked to do through `act`, with the label of its button;
further links of a list go through `lead`, with their words.
The HTML is made of the same paragraphs (`html.py`). A template that names a value which its mail does not have
is not rendered. What a payload names `…_at` is an instant (RFC 3339), and comes to the template as one.
"""

import hashlib
import hmac
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from flask import Flask, current_app
from jinja2 import Environment, StrictUndefined

from lms.config import Config
from lms.core.base.settings import organiser_in
from lms.core.time import clock
from lms.mail import reasons
from lms.mail.html import act, as_html, lead, without_buttons
from lms.mail.outbox import SECRET, OutboxMail
from lms.mail.smtp import POLICY, MailServer, letter_of
from lms.web.pages.locale import reader_locale, speaking

_PREPARERS = "lms.mail.preparers"
_TEMPLATES = "lms.mail.templates"
_UNSUBSCRIBING = "lms.mail.unsubscribing"


@dataclass(frozen=True)
class Attachment:
    """A file that comes with a mail. `kind` is its media type, with `params`."""

    name: str
    kind: str
    content: bytes
    params: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class More:
    """The result of a slice's preparer for a payload: words for the template, files, and the path at which the mail is
    unsubscribed.

    A POST there without cookie or token is enough (RFC 8058). `invitation`: a calendar's message (RFC 6047); programs
    that know such messages find it as another form of the text, the others as a file.
    """

    words: Mapping[str, Any] = field(default_factory=dict)
    attachments: tuple[Attachment, ...] = ()
    unsubscribe: str | None = None
    invitation: Attachment | None = None


Preparer = Callable[[Mapping[str, Any]], More]
"""It is given the payload, and to whom the mail goes: `to_address` and `to_person_id`."""


def register(app: Flask, template: str, preparer: Preparer) -> None:
    """Has a slice prepare the mails of one template, in the reader's language."""
    app.extensions.setdefault(_PREPARERS, {})[template] = preparer


def register_unsubscribing(app: Flask, path_of: Callable[[OutboxMail], str | None]) -> None:
    """Has a slice say at which path the kind of a mail is unsubscribed; None where it cannot be."""
    app.extensions[_UNSUBSCRIBING] = path_of


def _prepared(mail: OutboxMail) -> More:
    preparer: Preparer | None = current_app.extensions.get(_PREPARERS, {}).get(mail.template)
    if preparer is None:
        return More()
    with speaking(mail.locale, mail.time_zone):
        return preparer(mail.payload | {"to_address": mail.address, "to_person_id": mail.person_id})


STRUCK_OUT = "••••••"
"""In place of a secret, where a mail is shown to somebody else."""


def shown(mail: OutboxMail, config: Config) -> EmailMessage:
    """The message as its reader gets it, for somebody else to look at: secrets are struck out."""
    seen = OutboxMail(
        id=mail.id,
        template=mail.template,
        address=mail.address,
        locale=mail.locale,
        time_zone=mail.time_zone,
        payload={**mail.payload, SECRET: STRUCK_OUT},
        dedupe_key=mail.dedupe_key,
        kind=mail.kind,
        person_id=mail.person_id,
        series_id=mail.series_id,
        created_at=mail.created_at,
    )
    return render(seen, config, is_shown=True)


def render(mail: OutboxMail, config: Config, *, prepared: More | None = None, is_shown: bool = False) -> EmailMessage:
    """The message of an outbox row, in its reader's language and zone, as text and as HTML.

    `prepared` is used in place of what the slice prepares. `is_shown`: to somebody else than its reader, so that it has
    no link that acts for them.
    Raises jinja2.UndefinedError where the template names a value that the mail does not have, and ValueError for an
    address that is none.
    """
    more = _prepared(mail) if prepared is None else prepared
    path_to_stop = more.unsubscribe or _path_to_stop(mail)
    if is_shown and path_to_stop is not None:
        path_to_stop = f"/unsubscribe/{STRUCK_OUT}"
    with speaking(mail.locale, mail.time_zone):
        unsubscribe_url = None if path_to_stop is None else config.base_url.rstrip("/") + path_to_stop
        values: dict[str, Any] = _revived(mail.payload) | dict(more.words)
        values |= {
            "unsubscribe_url": unsubscribe_url,
            "organiser": organiser_in(reader_locale()),
            "contact": config.contact,
            "base_url": config.base_url,
            "time_zone": mail.time_zone,
        }
        current_app.update_template_context(values)
        text = _templates().get_template(f"mail/{mail.template}.txt").render(values)
        if unsubscribe_url is not None and more.unsubscribe is None:
            text += _templates().get_template("mail/_choices.txt").render(values)
        subject, _blank, body = text.strip().partition("\n")
        subject, body = " ".join(subject.split()), _tidy(body)
        html = as_html(body, subject=subject, locale=reader_locale(), base_url=config.base_url)
    message = EmailMessage(POLICY)
    message["Subject"] = subject
    message["From"] = config.mail_from
    message["To"] = Address(addr_spec=mail.address)  # one address, whatever it says
    message["Date"] = format_datetime(clock.now())
    message["Message-ID"] = f"<{mark(mail.id, mail.dedupe_key)}@{urlsplit(config.base_url).hostname}>"
    message["Auto-Submitted"] = "auto-generated"
    if unsubscribe_url is not None:
        message["List-Unsubscribe"] = f"<{unsubscribe_url}>"
        message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    message.set_content(without_buttons(body))
    message.add_alternative(html, subtype="html")
    _invite(message, more.invitation)
    for file in more.attachments:
        kind, _slash, form = file.kind.partition("/")
        params = dict(file.params) | ({"charset": "utf-8"} if kind == "text" else {})
        message.add_attachment(file.content, maintype=kind, subtype=form, filename=file.name, params=params)
    return message


def _path_to_stop(mail: OutboxMail) -> str | None:
    path: str | None = current_app.extensions[_UNSUBSCRIBING](mail)
    return path


def _templates() -> Environment:
    """The templates of pages, but strict: a value that is missing is an error, since nobody would see the gap."""
    environment: Environment | None = current_app.extensions.get(_TEMPLATES)
    if environment is None:
        environment = current_app.jinja_env.overlay(undefined=StrictUndefined)
        current_app.extensions[_TEMPLATES] = environment
    return environment


def _invite(message: EmailMessage, calendar: Attachment | None) -> None:
    """Puts a calendar's message into a mail: Gmail and Outlook act on the alternative to the text, and what knows
    neither has the file."""
    if calendar is None:
        return
    kind, _slash, form = calendar.kind.partition("/")
    params = dict(calendar.params) | {"charset": "utf-8"}
    message.add_alternative(calendar.content, maintype=kind, subtype=form, params=params)
    message.add_attachment(calendar.content, maintype="application", subtype="ics", filename=calendar.name)


def paragraph(text: str) -> str:
    """Formats a text as a separate paragraph."""
    return f"\n\n{text}\n\n"


def _tidy(text: str) -> str:
    """A text without blanks at the ends of lines and without more than one empty line in a row."""
    lines = "\n".join(line.rstrip() for line in text.strip("\n").splitlines())
    return re.sub(r"\n{3,}", "\n\n", lines).strip("\n") + "\n"


def init_app(app: Flask) -> None:
    """Registers the filters `para`, `act` and `lead` for the templates of mail, and `mail_reason` for pages."""
    reasons.init_app(app)
    app.add_template_filter(paragraph, "para")
    app.add_template_filter(act, "act")
    app.add_template_filter(lead, "lead")


def mark(mail_id: int, dedupe_key: str, *, secret: str | None = None) -> str:
    """Returns what names a mail in its Message-ID: the same at each attempt, so that programs can tell a mail that
    comes twice.

    Nobody else can make it, so that a forged bounce says nothing about mails of others.
    """
    key = str(secret or current_app.config["SECRET_KEY"]).encode()
    return f"{mail_id}.{hmac.new(key, f'mail {mail_id} {dedupe_key}'.encode(), hashlib.sha256).hexdigest()[:32]}"


def _revived(payload: Mapping[str, Any]) -> dict[str, Any]:
    """A payload with its instants as such, also those within it."""

    def revived(name: str, value: Any) -> Any:
        if isinstance(value, Mapping):
            return _revived(value)
        if isinstance(value, list):
            return [revived("", part) for part in value]
        return datetime.fromisoformat(value) if name.endswith("_at") and isinstance(value, str) else value

    return {name: revived(name, value) for name, value in payload.items()}


class Sender:
    """Writes mails of the outbox and sends them, all over one connection. Use it for one drain, then close it."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._folder = config.mail_folder
        self._server = MailServer(config.mail_url)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()

    def __call__(self, mail: OutboxMail) -> None:
        """Sends the mail of one row. Raises OSError (smtplib's errors are such) when it cannot."""
        self.deliver(render(mail, self._config))

    def deliver(self, message: EmailMessage) -> None:
        """Sends a message that is in no outbox. Raises as a call does."""
        letter = letter_of(message)
        if self._folder is None:
            self._server.send(letter)
        else:
            _write(letter.content, self._folder)


def send_at_once(config: Config, *, address: str, subject: str, text: str) -> None:
    """Sends a text to an address, past the outbox and the database. Raises OSError, and ValueError for no address."""
    message = EmailMessage(POLICY)
    message["Subject"] = subject
    message["From"] = config.mail_from
    message["To"] = Address(addr_spec=address)
    message["Date"] = format_datetime(clock.now())
    message["Message-ID"] = make_msgid(domain=urlsplit(config.base_url).hostname)
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(text)
    with Sender(config) as send:
        send.deliver(message)


def probe(config: Config) -> None:
    """Connects to the mail server as for a mail, and sends nothing. Raises OSError where no mail could be sent."""
    if config.mail_folder is None:
        with MailServer(config.mail_url) as server:
            server.probe()


def _write(content: bytes, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{time.time_ns()}-{threading.get_ident()}.eml"
    partial = folder / f".{name}"
    partial.write_bytes(content)
    partial.rename(folder / name)


def sender(app: Flask) -> Sender:
    """Returns what the worker calls for each outbox row."""
    return Sender(app.extensions["lms.config"])
