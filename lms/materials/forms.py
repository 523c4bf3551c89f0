"""Forms for the files of a lecture."""

from __future__ import annotations

from flask_wtf.file import FileField, FileRequired
from wtforms import SelectField, StringField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # the stubs are older

from lms.core.i18n import _l
from lms.materials.models import Audience
from lms.web.forms import BaseForm

AUDIENCES = {
    Audience.ENROLLED: _l("Enrolled people"),
    Audience.EVERYONE: _l("Everyone"),
    Audience.AFTERWARDS: _l("Enrolled people, after the lecture"),
}
_CHOICES = [SelectChoice(audience.value, label) for audience, label in AUDIENCES.items()]


class UploadForm(BaseForm):
    """A file to add, and who can open it."""

    file = FileField(_l("File"), [FileRequired(_l("Choose a file."))])
    audience = SelectField(_l("Who can open it"), choices=_CHOICES, default=Audience.ENROLLED.value)


class EditFileForm(BaseForm):
    """The name of a file in the list, and who can open it."""

    title = StringField(_l("Name"))
    audience = SelectField(_l("Who can open it"), choices=_CHOICES)


class ReplaceForm(BaseForm):
    """The file that takes the place of another."""

    file = FileField(_l("New file"), [FileRequired(_l("Choose a file."))])
