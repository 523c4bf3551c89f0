"""The e-mails of a demonstration, whose people are invented. The page does not exist elsewhere."""

from __future__ import annotations

from flask import render_template
from flask.typing import ResponseReturnValue

from lms.core.base.errors import NotFound
from lms.core.base.settings import settings
from lms.dashboards.queries.demonstration import SHOWN, latest_mails
from lms.dashboards.views.blueprint import bp
from lms.web.request.guards import ANYONE, allow


@bp.get("/demonstration/mail")
@allow(ANYONE, allow_without_mfa=True)
def demonstration_mail() -> ResponseReturnValue:
    """Shows the latest e-mails of a demonstration with their links, to anyone. Anywhere else there is no such page."""
    config = settings()
    if not config.is_demonstration or config.mail_folder is None:
        raise NotFound
    mails = latest_mails(config.mail_folder, config.base_url)
    return render_template("dashboards/demonstration_mail.html", mails=mails, most=SHOWN)
