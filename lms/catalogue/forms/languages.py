"""Forms for texts of series and lectures in further languages."""

from __future__ import annotations

from wtforms import StringField, TextAreaField

from lms.core.text.i18n import _l
from lms.web.forms.languages import TextsForm


class SeriesTextsForm(TextsForm):
    """The texts of a series in one language."""

    title = StringField(_l("Title"))
    description = TextAreaField(_l("Description"))


class LectureTextsForm(TextsForm):
    """The texts of a lecture in one language."""

    title = StringField(_l("Title"))
    abstract = TextAreaField(_l("Description"))
