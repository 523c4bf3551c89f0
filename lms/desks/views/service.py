"""Help and contact, accessibility: what the foot of every page leads to."""

from __future__ import annotations

from flask import render_template
from flask.typing import ResponseReturnValue

from lms.desks.views.blueprint import bp
from lms.web.guards import ANYONE, allow


@bp.get("/help")
@allow(ANYONE)
def help() -> ResponseReturnValue:
    """How to take part, where to write, and how far the pages are accessible."""
    return render_template("desks/help.html")
