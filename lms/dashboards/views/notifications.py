"""The page on which people choose their mails, for all series or for one."""

from __future__ import annotations

from collections.abc import Collection

from flask import Flask, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from lms.core.text.i18n import _
from lms.core.time import clock
from lms.dashboards import digests
from lms.dashboards.queries.notifications import chosen_mails
from lms.dashboards.views.blueprint import bp
from lms.mail import rendering
from lms.mail.kinds import MailKind
from lms.mail.outbox import ALL_SERIES
from lms.people.actions.mail_choices import choose_mails
from lms.people.forms import MAIL_WORDS
from lms.people.queries.persons import contact_of
from lms.web.pages.time import language_name
from lms.web.request.guards import SIGNED_IN, allow
from lms.web.request.identity import current_actor


def init_app(app: Flask) -> None:
    """Has the weekly mail prepared."""
    rendering.register(app, digests.TEMPLATE, digests.prepared)


@bp.route("/account/notifications", methods=["GET", "POST"])
@allow(SIGNED_IN)
def notifications() -> ResponseReturnValue:
    """Shows which e-mails the reader gets, and changes it."""
    by = current_actor()
    choices = chosen_mails(by.public_id, by=by, at=clock.now())
    if request.method == "POST":
        return _saved(choices.person_id, choices.general, ALL_SERIES)
    if slug := request.args.get("series"):
        return redirect(url_for("dashboards.series_notifications", slug=choices.of_series(slug).slug))
    contact = contact_of([choices.person_id]).get(choices.person_id)
    return render_template(
        "dashboards/notifications.html",
        found=choices,
        contact=contact,
        language=language_name(contact.locale) if contact is not None else None,
        words=MAIL_WORDS,
    )


@bp.route("/account/notifications/<slug>", methods=["GET", "POST"])
@allow(SIGNED_IN)
def series_notifications(slug: str) -> ResponseReturnValue:
    """Shows which e-mails the reader gets about one series, and changes it."""
    by = current_actor()
    choices = chosen_mails(by.public_id, by=by, at=clock.now())
    series = choices.of_series(slug)
    if request.method == "POST":
        return _saved(choices.person_id, series.choices, series.id)
    return render_template("dashboards/series_notifications.html", series=series, words=MAIL_WORDS)


def _saved(person_id: int, offered: Collection[MailKind], series_id: int) -> ResponseReturnValue:
    """Stores the ticked kinds of those that the page offered."""
    ticked = request.form.getlist("kinds")
    chosen = {kind: kind in ticked for kind in offered}
    choose_mails(person_id, chosen, by=current_actor(), at=clock.now(), series_id=series_id)
    flash(_("Saved."), "done")
    return redirect(url_for("dashboards.notifications"), code=303)
