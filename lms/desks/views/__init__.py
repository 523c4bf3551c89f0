"""The desks' pages: what reads across slices."""

from __future__ import annotations

from flask import Flask

from lms.desks import texts
from lms.desks.views import administration, found, own, programme, service, weighing
from lms.desks.views.blueprint import bp

__all__ = ["administration", "bp", "found", "init_app", "own", "programme", "service", "weighing"]


def init_app(app: Flask) -> None:
    """Registers the filters `markdown`, `passage`, `summary` and `beyond`."""
    app.add_template_filter(texts.markdown, "markdown")
    app.add_template_filter(texts.passage, "passage")
    app.add_template_filter(texts.summary, "summary")
    app.add_template_filter(texts.beyond, "beyond")
