"""The templates' filters for texts of the catalogue."""

from __future__ import annotations

from flask import Flask

from lms.dashboards import texts


def init_app(app: Flask) -> None:
    """Registers the filters of this module."""
    app.add_template_filter(texts.markdown, "markdown")
    app.add_template_filter(texts.passage, "passage")
    app.add_template_filter(texts.holiday_name, "holiday_name")
    app.add_template_filter(texts.email_address, "email_address")
    app.add_template_filter(texts.translated, "translated")
    app.add_template_filter(texts.translated_inline, "translated_inline")
    app.add_template_filter(texts.translation, "translation")
    app.add_template_filter(texts.lang_attributes, "lang_attributes")
    app.add_template_filter(texts.summary, "summary")
    app.add_template_filter(texts.beyond, "beyond")
    app.add_template_filter(texts.without_class_name, "without_class_name")
