"""The page behind the link in a mail: stops a kind of mail, without signing in."""

from flask import Flask, current_app, flash, render_template, request
from flask.typing import ResponseReturnValue

from lms.core.base.errors import NotFound
from lms.core.base.roles import SYSTEM
from lms.core.text.i18n import _
from lms.core.time import clock
from lms.mail import rendering
from lms.mail.kinds import DECLINABLE, MailKind
from lms.mail.outbox import OutboxMail
from lms.people.actions.mails import choose_mails, stop_mails
from lms.people.forms import MAIL_WORDS
from lms.people.mail_links import make_link, read_link
from lms.people.queries.mail_choices import reader_of
from lms.people.views.blueprint import bp
from lms.web.pages.locale import speaking
from lms.web.request.guards import ANYONE, allow
from lms.web.request.limits import throttle_guesses


def init_app(app: Flask) -> None:
    """Has each mail that can be declined carry a link to this page."""
    rendering.register_unsubscribing(app, path_of)


def _masked(address: str) -> str:
    """An address that its owner recognises and nobody else learns: the link may be forwarded with its e-mail."""
    name, _at, domain = address.rpartition("@")
    return f"{name[:1]}…@{domain}"


def path_of(row: OutboxMail) -> str | None:
    """Where the reader of a mail stops mails of its kind; None for a mail that is always sent."""
    if row.kind not in DECLINABLE or row.person_id is None:
        return None
    link = make_link(_secrets(), row.person_id, MailKind(row.kind), row.address, row.created_at)
    return f"/unsubscribe/mail/{link}"


def _secrets() -> list[str]:
    return [current_app.config["SECRET_KEY"], *current_app.config["SECRET_KEY_FALLBACKS"]]


@bp.route("/unsubscribe/mail/<secret>", methods=["GET", "POST"])
@allow(ANYONE, allow_without_mfa=True)
@throttle_guesses("unsubscribe")
def unsubscribe(secret: str) -> ResponseReturnValue:
    """Stops a kind of e-mail, by a POST from a person or a mail program (RFC 8058). A GET only asks."""
    at, link = clock.now(), read_link(_secrets(), secret)
    reader = reader_of(link, at=at) if link is not None else None
    if link is None or reader is None:
        raise NotFound
    is_over = link.is_over(at)
    with speaking(reader.locale, None):
        if request.method == "POST" and reader.address and not is_over:
            _change(reader.person_id, link.kind, [kind for kind in reader.choices if kind is not link.kind])
            reader = reader_of(link, at=at) or reader
        return render_template(
            "people/unsubscribe.html",
            secret=secret,
            kind=link.kind,
            reader=reader,
            address=_masked(reader.address) if reader.address else "",
            is_over=is_over,
            is_stopped=not reader.choices[link.kind],
            others={kind: wanted for kind, wanted in reader.choices.items() if kind is not link.kind},
            words=MAIL_WORDS,
        )


def _change(person_id: int, kind: MailKind, others: list[MailKind]) -> None:
    """Does what a button of the page asks for. A mail program presses the first one: it sends none of these names."""
    at = clock.now()
    if "again" in request.form:
        choose_mails(person_id, {kind: True}, by=SYSTEM, at=at)
    elif "stop_all" in request.form:
        stop_mails(person_id, others, at=at)
        flash(_("Saved."), "done")
    elif "choose" in request.form:
        ticked = request.form.getlist("kinds")
        stop_mails(person_id, [one for one in others if one not in ticked], at=at)
        choose_mails(person_id, {one: True for one in others if one in ticked}, by=SYSTEM, at=at)
        flash(_("Saved."), "done")
    else:
        stop_mails(person_id, [kind], at=at)
