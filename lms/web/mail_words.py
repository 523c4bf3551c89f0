"""Why a mail did not get to its reader, in words."""

from __future__ import annotations

from flask import Flask

from lms.core.i18n import _l
from lms.core.mail_reasons import MailReason

REASONS = {
    MailReason.NO_SUCH_ADDRESS: _l("No such address"),
    MailReason.FORWARDED: _l("Forwarded to an address that does not exist"),
    MailReason.MAILBOX_FULL: _l("Mailbox full"),
    MailReason.TOO_LARGE: _l("Too large for the mail server"),
    MailReason.REFUSED: _l("Refused by the mail server"),
    MailReason.NO_ANSWER: _l("The mail server did not accept it"),
    MailReason.TEMPLATE: _l("The e-mail could not be written"),
    MailReason.EXPIRED: _l("No longer needed"),
    MailReason.DECLINED: _l("Declined by the reader"),
    MailReason.ADDRESS_STOPPED: _l("Address stopped: earlier e-mails came back"),
    MailReason.STOPPED: _l("Stopped"),
    MailReason.WITHHELD: _l("Not sent, by an administrator’s decision"),
    MailReason.OUTDATED: _l("No longer true when it was due"),
}


def mail_reason(reason: MailReason | str) -> str:
    """A reason in the reader's language."""
    return str(REASONS[MailReason(reason)])


def init_app(app: Flask) -> None:
    """Registers the filter `mail_reason`."""
    app.add_template_filter(mail_reason)
