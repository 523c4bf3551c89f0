"""The administrators' page of all mail: what waits, what left, what failed and why; and how each template reads."""

from __future__ import annotations

from email.message import EmailMessage
from typing import Any

from flask import current_app, flash, redirect, render_template, request
from flask.typing import ResponseReturnValue
from jinja2 import UndefinedError

from lms.core import clock
from lms.core.errors import NotFound
from lms.core.i18n import _, _l, _n
from lms.core.mail_kinds import DECLINABLE, KIND_OF, MailKind
from lms.core.mail_reasons import MailReason
from lms.core.outbox import MailState, OutboxMail
from lms.core.roles import Role
from lms.dashboards.mail_examples import values_of
from lms.dashboards.views.blueprint import bp
from lms.people.actions.mails import try_mails_again
from lms.people.queries.outgoing import FAILED, PERIODS, failed_among, get_outgoing, list_outgoing, mail_ids_of
from lms.web import mail as mails
from lms.web.guards import allow
from lms.web.identity import current_actor
from lms.web.lists import Choice, Column, ListDefinition, ListPage, Select, Sifted, read_list, read_selection
from lms.web.locale import offered, reader_locale
from lms.web.mail_html import letter
from lms.web.mail_words import mail_reason

LIST = ListDefinition(
    filters={
        "state": frozenset({*MailState}),
        "kind": frozenset({*MailKind}),
        "reason": frozenset({*MailReason}),
        "period": frozenset(PERIODS),
    },
    columns=(Column("at", _l("Time"), first=_l("newest first"), last=_l("oldest first")),),
)
_FIGURES = {
    "": _l("all"),
    MailState.QUEUED.value: _l("queued"),
    MailState.SENT.value: _l("sent"),
    FAILED: _l("failed"),
    MailState.UNDELIVERED.value: _l("not delivered"),
    MailState.EXPIRED.value: _l("no longer needed"),
    MailState.DECLINED.value: _l("declined"),
    MailState.STOPPED.value: _l("stopped"),
}
_PERIODS = {"today": _l("Last 24 hours"), "month": _l("Last 30 days")}
_KINDS = {
    MailKind.ACCOUNT: _l("Accounts"),
    MailKind.PLACES: _l("Places"),
    MailKind.REPORT: _l("Reports"),
    MailKind.REMINDER: _l("Reminders"),
    MailKind.CHANGE: _l("Changes"),
    MailKind.REPLAY: _l("Recordings"),
    MailKind.CERTIFICATE: _l("Certificates"),
    MailKind.PLACE_WON: _l("Places that became free"),
    MailKind.MESSAGE: _l("Messages from lecturers"),
    MailKind.DIGEST: _l("Weekly summaries"),
}


@bp.get("/admin/mail")
@allow(Role.ADMINISTRATOR)
def admin_mail() -> ResponseReturnValue:
    """Lists mails of the last days by state, with the reason of each that failed."""
    asked = read_list(LIST)
    found = list_outgoing(asked.wanted, by=current_actor(), at=clock.now())
    selects = [
        Select("kind", _("Kind"), _("All kinds"), [Choice(kind.value, str(label)) for kind, label in _KINDS.items()]),
        Select(
            "reason",
            _("Reason"),
            _("All reasons"),
            [Choice(reason.value, mail_reason(reason), count) for reason, count in found.reasons.items()],
        ),
        Select("period", _("When"), _("Last 7 days"), [Choice(name, str(label)) for name, label in _PERIODS.items()]),
    ]
    return render_template(
        "dashboards/mail.html",
        found=found,
        figures=[Sifted(value, found.counts.get(value, 0), str(label)) for value, label in _FIGURES.items()],
        selects=selects,
        list=ListPage(asked, found.total, endpoint="dashboards.admin_mail"),
        limit=current_app.extensions["lms.config"].mail_per_minute,
    )


@bp.post("/admin/mail/again")
@allow(Role.ADMINISTRATOR)
def mail_again() -> ResponseReturnValue:
    """Asks, then tries the chosen mails again: those ticked that failed, or all failed ones that the filter holds."""
    by, at = current_actor(), clock.now()
    selection = read_selection()
    if selection.everybody:
        chosen = mail_ids_of(read_list(LIST).wanted, by=by, at=at)
    else:
        chosen = failed_among([int(one) for one in selection.ids if one.isdecimal() and len(one) < 10], by=by)
    back = ListPage(read_list(LIST), 1, endpoint="dashboards.admin_mail").here()
    if not chosen:
        flash(_("None of the selected e-mails failed. Nothing was changed."))
        return redirect(back)
    if "confirm" not in request.form:
        everybody = "1" if selection.everybody else ""
        return render_template(
            "dashboards/mail_again.html", chosen=chosen, everybody=everybody, back=back, parameters=request.args
        )
    count = try_mails_again(chosen, by=by, at=at)
    flash(_n("%(num)s e-mail is sent again.", "%(num)s e-mails are sent again.", count))
    return redirect(back)


@bp.get("/admin/mail/<int:mail_id>")
@allow(Role.ADMINISTRATOR)
def one_mail(mail_id: int) -> ResponseReturnValue:
    """Shows one mail as its reader gets it, without secret links."""
    row, found = get_outgoing(mail_id, by=current_actor())
    try:
        message = mails.shown(row, current_app.extensions["lms.config"])
    except Exception:  # whatever keeps it from being written is the reason to look at it
        message = None
    return render_template(
        "dashboards/one_mail.html", row=row, found=found, **_parts(message), title=str(row.payload.get("title") or "")
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
    asked = request.args.get("language", "")
    languages = offered()
    language = asked if asked in dict(languages) else reader_locale()
    values = values_of(template, at=clock.now())
    kind = KIND_OF[template]
    row = OutboxMail(
        id=0, template=template, kind=kind, address="achieng.odhiambo@example.org", locale=language,
        time_zone="Africa/Nairobi", payload=values, dedupe_key="",
    )  # fmt: skip
    is_unsubscribed = kind in DECLINABLE or kind is MailKind.REPORT
    more = mails.More(unsubscribe=f"/unsubscribe/{mails.STRUCK_OUT}" if is_unsubscribed else None)
    missing = ""
    try:
        message = mails.render(row, current_app.extensions["lms.config"], prepared=more)
    except UndefinedError as error:
        message, missing = None, str(error)
    return render_template(
        "dashboards/mail_template.html",
        template=template,
        language=language,
        languages=languages,
        missing=missing,
        **_parts(message),
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
