"""Forms of a recording."""

from __future__ import annotations

from flask_wtf.file import FileField
from wtforms import BooleanField, HiddenField, StringField, TextAreaField

from lms.core.text.i18n import _l, _lp
from lms.materials.forms import FileOrUpload
from lms.web.forms.forms import BaseForm


class TrimForm(BaseForm):
    """Where the replay starts and ends. `is_short_accepted`: although it then counts for nobody."""

    start = StringField(_lp("beginning", "Start"))
    end = StringField(_l("End"))
    is_short_accepted = BooleanField(_l("Save it, although it then counts for nobody"))


class ChaptersForm(BaseForm):
    """Chapters, one on a line."""

    chapters = TextAreaField(_l("Chapters"))


class RecordingUploadForm(BaseForm):
    """A recording made elsewhere, or the upload in pieces that it came in."""

    file = FileField(_l("Recording"), [FileOrUpload(_l("Select a file."))])
    upload = HiddenField()
