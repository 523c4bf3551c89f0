"""The administrators' page of all mail: what waits, what left, what failed and why; and how each template reads."""

from collections.abc import Sequence
from email.message import EmailMessage
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from jinja2 import UndefinedError

from lms.core.base.errors import NotFound
from lms.core.base.lists import ListRequest
from lms.core.base.roles import Role
from lms.core.base.settings import settings
from lms.core.text.i18n import _, _l, _lp, _n
from lms.core.time import clock
from lms.dashboards.mail_examples import values_of
from lms.dashboards.views.blueprint import bp
from lms.mail import rendering
from lms.mail.bounce_mailbox import MailboxAddress, MailboxFault, mailbox_state
from lms.mail.html import letter
from lms.mail.kinds import DECLINABLE, KIND_OF, MailKind
from lms.mail.outbox import MailState, OutboxMail
from lms.mail.reasons import MailReason, mail_reason
from lms.people.actions.mails import confirm_addresses, release_mails, try_mails_again, withhold_mails
from lms.people.queries.mails import (
    FAILED,
    PERIODS,
    Deed,
    Outgoing,
    StoppedAddress,
    choose_mails,
    choose_stopped,
    get_outgoing,
    list_outgoing,
    list_stopped,
    what_can_be_done,
)
from lms.web.lists.parts import Chip, Choice, Column, Select, Selection, read_selection
from lms.web.lists.routes import list_page
from lms.web.lists.view import ListView
from lms.web.pages.locale import offered, reader_locale
from lms.web.request.guards import allow
from lms.web.request.identity import current_actor

_FIGURES = {
    "": _l("All"),
    MailState.QUEUED.value: _l("Waiting"),
    MailState.SENT.value: _l("Sent"),
    FAILED: _l("Failed"),
    MailState.UNDELIVERED.value: _l("Not delivered"),
    MailState.EXPIRED.value: _l("No longer needed"),
    MailState.DECLINED.value: _lp("e-mail", "Declined"),
    MailState.STOPPED.value: _l("Stopped"),
}
_PERIODS = {"today": _l("Last 24 hours"), "month": _l("Last 30 days")}
_KINDS = {
    MailKind.ACCOUNT: _l("Accounts"),
    MailKind.PLACES: _l("Places"),
    MailKind.REPORT: _l("Reports"),
    MailKind.REMINDER: _l("Reminders"),
    MailKind.REMINDER_HOUR: _l("Second reminders"),
    MailKind.CHANGE: _l("Changes"),
    MailKind.REPLAY: _l("Recordings"),
    MailKind.CERTIFICATE: _l("Certificates"),
    MailKind.PLACE_WON: _l("Places that became free"),
    MailKind.MESSAGE: _l("Messages from lecturers"),
    MailKind.DIGEST: _l("Weekly summaries"),
}
_FAULTS = {
    MailboxFault.NO_ANSWER: _l("The mail server does not answer."),
    MailboxFault.NOT_TRUSTED: _l("There is no encrypted connection that can be trusted."),
    MailboxFault.SIGN_IN: _l("The mail server refuses the user or the password."),
    MailboxFault.NO_FOLDER: _l("There is no such folder."),
    MailboxFault.NOT_UNDERSTOOD: _l("The mail server’s answer could not be understood."),
}


@list_page(bp, "/admin/mail", Role.ADMINISTRATOR)
class Mails(ListView[Outgoing]):
    """Lists mails of the last days by state, with the reason of each that failed."""

    endpoint, template, title = "dashboards.admin_mail", "dashboards/mail.html", _l("E-mails")
    text_label = _l("Person or e-mail address")
    filters = {
        "state": frozenset({*MailState}),
        "kind": frozenset({*MailKind}),
        "reason": frozenset({*MailReason}),
        "period": frozenset(PERIODS),
    }
    columns = (
        Column("mail", _lp("message", "E-mail")),
        Column("person", _l("Person"), place="under"),
        Column("at", _l("Time"), _l("newest first"), _l("oldest first"), True, place="wide"),
        Column("state", _l("State"), place="state"),
    )
    chips_filter = "state"
    bulk_endpoint = "dashboards.mail_again"

    def query(self, request: ListRequest) -> tuple[Sequence[Outgoing], int]:
        self.mails = list_outgoing(request, by=self.by, at=self.at)
        possible = what_can_be_done([row.mail.id for row in self.mails.rows], at=self.at)
        self.changes = {change for changes in possible.values() for change in changes}
        self.selectable = [mail_id for mail_id, changes in possible.items() if changes]
        filters = request.filters
        self.selects_all = filters.get("state") in ("failed", "queued") or filters.get("reason") == "withheld"
        return self.mails.rows, self.mails.total

    def chips(self) -> list[Chip]:
        chips = [Chip(value, self.mails.counts.get(value, 0), str(label)) for value, label in _FIGURES.items()]
        stopped = url_for("dashboards.stopped_addresses")
        return [*chips, Chip("addresses", self.mails.stopped, _("Stopped addresses"), stopped)]

    def selects(self) -> list[Select]:
        kinds = [Choice(kind.value, str(label)) for kind, label in _KINDS.items()]
        reasons = [Choice(reason.value, mail_reason(reason), count) for reason, count in self.mails.reasons.items()]
        periods = [Choice(name, str(label)) for name, label in _PERIODS.items()]
        return [
            Select("kind", _("Kind"), kinds, _("All kinds")),
            Select("reason", _("Reason"), reasons, _("All reasons")),
            Select("period", _("When"), periods, _("Last 7 days")),
        ]

    def context(self) -> dict[str, Any]:
        return {"found": self.mails, "limit": settings().mail_per_minute, "returned": _mailbox()}


def _mailbox() -> dict[str, Any] | None:
    """When returned mails were last read, and why they cannot be; None where there is no mailbox for them."""
    address = settings().bounce_url
    if not address:
        return None
    row = mailbox_state(MailboxAddress.of(address).digest)
    if row is None:
        return {"read_at": None, "fault": "", "words": ""}
    return {"read_at": row.read_at, "fault": str(_FAULTS[row.fault]) if row.fault else "", "words": row.error}


@bp.post("/admin/mail/again")
@allow(Role.ADMINISTRATOR)
def mail_again() -> ResponseReturnValue:
    """Asks, then tries the chosen mails again: those ticked that failed, or all failed ones that the filter holds."""
    return _change(Deed.AGAIN)


@bp.post("/admin/mail/withhold")
@allow(Role.ADMINISTRATOR)
def withhold_mail() -> ResponseReturnValue:
    """Asks, then has the chosen mails not sent: those ticked that wait or failed, or all that the filter holds."""
    return _change(Deed.WITHHOLD)


@bp.post("/admin/mail/release")
@allow(Role.ADMINISTRATOR)
def release_mail() -> ResponseReturnValue:
    """Asks, then has mails sent after all that were withheld: those ticked, or all that the filter holds."""
    return _change(Deed.RELEASE)


_CHANGES = {Deed.AGAIN: try_mails_again, Deed.WITHHOLD: withhold_mails, Deed.RELEASE: release_mails}
_ENDPOINTS = {
    Deed.AGAIN: "dashboards.mail_again",
    Deed.WITHHOLD: "dashboards.withhold_mail",
    Deed.RELEASE: "dashboards.release_mail",
}
_NOTHING = {
    Deed.AGAIN: _l("None of the selected e-mails failed. Nothing was changed."),
    Deed.WITHHOLD: _l("None of the selected e-mails is still to be sent. Nothing was changed."),
    Deed.RELEASE: _l("None of the selected e-mails can still be sent. Nothing was changed."),
}


def _done(deed: Deed, count: int) -> str:
    match deed:
        case Deed.AGAIN:
            return _n("%(num)s e-mail is sent again.", "%(num)s e-mails are sent again.", count)
        case Deed.WITHHOLD:
            return _n(
                "%(num)s e-mail will not be sent. You can still send it: choose “Send after all”.",
                "%(num)s e-mails will not be sent. You can still send them: choose “Send after all”.",
                count,
            )
        case Deed.RELEASE:
            return _n("%(num)s e-mail is sent after all.", "%(num)s e-mails are sent after all.", count)


def _change(deed: Deed) -> ResponseReturnValue:
    view, selection = Mails(), read_selection()
    ids = None if selection.everybody else _ids(selection)
    chosen = choose_mails(deed, among_ids=ids, request=view.request, by=view.by, at=view.at)
    if not chosen.ids:
        flash(str(_NOTHING[deed]))
        return redirect(view.here())
    if "confirm" not in request.form:
        return render_template(
            "dashboards/change_mails.html",
            deed=deed.value,
            chosen=chosen,
            everybody=selection.everybody,
            back=view.here(),
            action=view.action_address(_ENDPOINTS[deed]),
        )
    count = _CHANGES[deed](chosen.ids, by=view.by, at=view.at)
    flash(_done(deed, count) if count else str(_NOTHING[deed]))
    if deed is Deed.WITHHOLD and count:
        return redirect(url_for("dashboards.admin_mail", reason=MailReason.WITHHELD.value, period="month"))
    return redirect(view.here())


def _ids(selection: Selection) -> list[int]:
    return [int(one) for one in selection.ids if one.isdecimal() and len(one) < 10]


@list_page(bp, "/admin/mail/addresses", Role.ADMINISTRATOR)
class StoppedAddresses(ListView[StoppedAddress]):
    """Lists addresses that get no mail because mails were returned."""

    endpoint, template = "dashboards.stopped_addresses", "dashboards/stopped_addresses.html"
    title = _l("Stopped addresses")
    text_label = _l("Person or e-mail address")
    order = "last"
    columns = (
        Column("address", _l("Address"), _l("A to Z"), _l("Z to A")),
        Column("person", _l("Person"), place="under"),
        Column("words", _l("Reason"), place="wide"),
        Column("mails", _l("Returned"), _l("most first"), _l("fewest first"), True, True, place="fig"),
        Column("last", _l("Latest e-mail"), _l("newest first"), _l("oldest first"), True, place="wide"),
    )
    bulk_endpoint = "dashboards.write_again"

    def query(self, request: ListRequest) -> tuple[Sequence[StoppedAddress], int]:
        rows, total = list_stopped(request, by=self.by)
        self.selectable = [row.mail_id for row in rows]
        return rows, total


@bp.post("/admin/mail/addresses/again")
@allow(Role.ADMINISTRATOR)
def write_again() -> ResponseReturnValue:
    """Asks, then has the chosen addresses written to again: those ticked, or all that the filter holds."""
    view, selection = StoppedAddresses(), read_selection()
    chosen = choose_stopped(None if selection.everybody else _ids(selection), view.request, by=view.by)
    if not chosen:
        flash(_("None of the selected addresses is stopped. Nothing was changed."))
        return redirect(view.here())
    if "confirm" not in request.form:
        return render_template(
            "dashboards/write_again.html",
            chosen=chosen,
            everybody=selection.everybody,
            ids=_ids(selection),
            back=view.here(),
            action=view.bulk_address,
        )
    count = confirm_addresses(chosen, by=view.by, at=view.at)
    flash(_n("We will write to %(num)s address again.", "We will write to %(num)s addresses again.", count))
    return redirect(view.here())


@bp.get("/admin/mail/<int:mail_id>")
@allow(Role.ADMINISTRATOR)
def one_mail(mail_id: int) -> ResponseReturnValue:
    """Shows one mail as its reader gets it, without secret links."""
    row, mail = get_outgoing(mail_id, by=current_actor())
    can = what_can_be_done([mail_id], at=clock.now()).get(mail_id, [])
    try:
        message = rendering.shown(row, settings())
    except Exception:  # whatever keeps it from being written is the reason to look at it
        message = None
    return render_template(
        "dashboards/one_mail.html",
        row=row,
        found=mail,
        can=can,
        **_parts(message),
        mail_language=row.locale,
        title=str(row.payload.get("title") or ""),
    )


@bp.get("/admin/mail/templates")
@allow(Role.ADMINISTRATOR)
def mail_templates() -> ResponseReturnValue:
    """Lists the templates of mails by kind."""
    kinds = [(label, sorted(name for name, of in KIND_OF.items() if of is kind)) for kind, label in _KINDS.items()]
    return render_template("dashboards/mail_templates.html", kinds=[one for one in kinds if one[1]])


@bp.get("/admin/mail/templates/<template>")
@allow(Role.ADMINISTRATOR)
def mail_template(template: str) -> ResponseReturnValue:
    """Shows a template with example values, in one of the languages."""
    if template not in KIND_OF:
        raise NotFound
    chosen = request.args.get("language", "")
    languages = offered()
    language = chosen if chosen in dict(languages) else reader_locale()
    values = values_of(template, at=clock.now())
    kind = KIND_OF[template]
    row = OutboxMail(
        id=0, template=template, kind=kind, address="achieng.odhiambo@example.org", locale=language,
        time_zone="Africa/Nairobi", payload=values, dedupe_key="",
    )  # fmt: skip
    is_unsubscribed = kind in DECLINABLE or kind is MailKind.REPORT
    more = rendering.More(unsubscribe=f"/unsubscribe/{rendering.STRUCK_OUT}" if is_unsubscribed else None)
    missing = ""
    try:
        message = rendering.render(row, settings(), prepared=more)
    except UndefinedError as error:
        message, missing = None, str(error)
    return render_template(
        "dashboards/mail_template.html",
        template=template,
        language=language,
        languages=languages,
        missing=missing,
        **_parts(message),
        mail_language=language,
    )


def _parts(message: EmailMessage | None) -> dict[str, Any]:
    if message is None:
        return {"subject": "", "sender": "", "text": "", "html": "", "files": []}
    text, html = message.get_body(("plain",)), message.get_body(("html",))
    return {
        "subject": message["Subject"],
        "sender": message["From"],
        "text": text.get_content() if text else "",
        "html": letter(html.get_content()) if html else "",
        "files": [part.get_filename() for part in message.iter_attachments()],
    }
