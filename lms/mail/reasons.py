"""Why a mail was not sent or not delivered: what a mail server's answer means, as a word that pages translate."""

import re
from enum import StrEnum

from flask import Flask

from lms.core.text.i18n import _l

_STATUS = re.compile(r"\b([245])\.(\d{1,3})\.(\d{1,3})\b")
"""An enhanced status code (RFC 3463)."""


class MailReason(StrEnum):
    """Why a mail did not get to its reader."""

    NO_SUCH_ADDRESS = "no_such_address"
    FORWARDED = "forwarded"
    """The address forwards it to another one, which does not exist."""
    MAILBOX_FULL = "mailbox_full"
    TOO_LARGE = "too_large"
    REFUSED = "refused"
    """By the server: its policy, its opinion about us or about the words."""
    NO_ANSWER = "no_answer"
    """The server is away, slow, or closed the connection."""
    TEMPLATE = "template"
    """The mail could not be written."""
    EXPIRED = "expired"
    DECLINED = "declined"
    ADDRESS_STOPPED = "address_stopped"
    STOPPED = "stopped"
    WITHHELD = "withheld"
    """An administrator decided that it is not sent."""
    OUTDATED = "outdated"
    """What it says is no longer so: its reader withdrew, or the lecture was moved."""


REASONS = {
    MailReason.NO_SUCH_ADDRESS: _l("No such address"),
    MailReason.FORWARDED: _l("Forwarded to an address that does not exist"),
    MailReason.MAILBOX_FULL: _l("Mailbox full"),
    MailReason.TOO_LARGE: _l("Too large for the mail server"),
    MailReason.REFUSED: _l("Refused by the mail server"),
    MailReason.NO_ANSWER: _l("The mail server did not accept it"),
    MailReason.TEMPLATE: _l("The e-mail could not be written"),
    MailReason.EXPIRED: _l("No longer needed"),
    MailReason.DECLINED: _l("Turned off by the recipient"),
    MailReason.ADDRESS_STOPPED: _l("Address stopped: earlier e-mails came back"),
    MailReason.STOPPED: _l("Stopped"),
    MailReason.WITHHELD: _l("Not sent, by an administrator’s decision"),
    MailReason.OUTDATED: _l("Out of date when it was due to be sent"),
}


def mail_reason(reason: MailReason | str) -> str:
    """A reason in the reader's language."""
    return str(REASONS[MailReason(reason)])


def init_app(app: Flask) -> None:
    """Registers the filter `mail_reason`."""
    app.add_template_filter(mail_reason)


class MailRefused(OSError):
    """The mail server's answer to one mail or to its reader's address: 5xx is final, 4xx is worth another try."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(f"{code} {text}")
        self.code = code
        self.text = text

    @property
    def is_final(self) -> bool:
        """Whether the same mail would be refused again."""
        return self.code >= 500

    @property
    def reason(self) -> MailReason:
        """The meaning of the answer."""
        return reason_of(self.code, self.text)


def reason_of(code: int, text: str) -> MailReason:
    """Returns what an answer of a mail server means, by its enhanced status code if it has one, else by its code."""
    match = _STATUS.search(text)
    if match is not None:
        return _by_status(int(match[2]), int(match[3]))
    if code == 552:
        return MailReason.TOO_LARGE
    if code in (452, 422):
        return MailReason.MAILBOX_FULL
    return MailReason.NO_SUCH_ADDRESS if code in (550, 551, 553) else MailReason.REFUSED


def _by_status(subject: int, detail: int) -> MailReason:
    match subject, detail:
        case (2, 2):
            return MailReason.MAILBOX_FULL
        case (2, 3) | (3, 4):
            return MailReason.TOO_LARGE
        case (1, 1 | 2 | 3 | 6 | 10) | (2, 1) | (4, 4):
            return MailReason.NO_SUCH_ADDRESS
        case (4, _):
            return MailReason.NO_ANSWER
        case _:
            return MailReason.REFUSED
