"""Forms for speakers."""

from __future__ import annotations

from flask_wtf.file import FileField
from wtforms import BooleanField, StringField, TextAreaField

from lms.core.text.i18n import _l, _lp
from lms.web.forms.forms import BaseForm
from lms.web.forms.languages import TextsForm


class SpeakerForm(BaseForm):
    """What the public reads of a speaker."""

    full_name = StringField(_lp("person", "Name"))
    native_name = StringField(_l("Name in native script"))
    position = StringField(_l("Position and organisation"))
    about = TextAreaField(_l("About the speaker"))
    picture = FileField(_l("Picture"))
    without_picture = BooleanField(_l("Remove the picture"))


class SpeakerTextsForm(TextsForm):
    """What the public reads of a speaker, in one language."""

    position = StringField(_l("Position and organisation"))
    about = TextAreaField(_l("About the speaker"))
